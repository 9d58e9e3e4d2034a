"""A session that is written record by record, as the recorder does it, without storage or clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.core.strategies import START, new_data
from voxsession.codec.batch import encode_changes
from voxsession.codec.keys import KeyRing, MasterKeys
from voxsession.codec.seal import Seal
from voxsession.codec.session_codec import Opened, SessionCodec, after_batch
from voxsession.core.changes import Change
from voxsession.core.envelope import Record, encode_line, stamp
from voxsession.core.session_data import SessionData
from voxsession.core.types import decode_json, encode_canonical, encode_json

MASTER = "hex:" + "11" * 32
AES, CHACHA, PLAIN = 1, 2, 0
METHODS = {"AES256": AES, "ChaCha20": CHACHA, "none": PLAIN}


def master_keys(*keys: str) -> MasterKeys:
    """The resolved keys, the writing one first."""
    return KeyRing(*(keys or (MASTER,))).resolve(None)


def codec_of(
    code: int, session_id: str = "s1", tenant: str = "", data_key: bytes = b"d" * 32
) -> SessionCodec:
    """The codec of one session."""
    if code == PLAIN:
        return SessionCodec(None)
    return SessionCodec(Seal(data_key, code), *master_keys().wrap(data_key, tenant, session_id))


class Writer:
    """One session: its data, its codec, and the records that were written of it.

    Attributes:
        document: the latest whole record.
        tail: the batches since then.
        states: the data after each write, as `told`.
    """

    def __init__(self, codec: SessionCodec, session_id: str = "s1", **header: Any) -> None:
        self.codec = codec
        self.fixed = {"tenant": "", "owner": "", "expires_at": None, **header}
        self.data = new_data(session_id)
        self.document: Record = {}
        self.tail: list[Record] = []
        self.states: list[bytes] = []

    @property
    def record(self) -> Record:
        """What a storage gives, as it comes back from JSON."""
        return record_of(self.document, self.tail)

    @property
    def lines(self) -> bytes:
        """What a file holds."""
        return b"".join(map(encode_line, [self.document, *self.tail]))

    def save(self, *changes: Change) -> Record:
        """Applies the changes and writes the whole document."""
        self._apply(changes)
        header = self._header()
        self.document = self.codec.document(header, self.data)
        self.tail = []
        after_batch(self.data, header)
        self.states.append(told(self.data))
        return self.document

    def append(self, *changes: Change) -> Record:
        """Applies the changes and writes them as a batch."""
        self._apply(changes)
        header = self._header()
        batch = self.codec.batch(header, encode_changes(changes))
        self.tail.append(batch)
        after_batch(self.data, header)
        self.states.append(told(self.data))
        return batch

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            change.apply(self.data)

    def _header(self) -> Record:
        seq = self.data.seq + 1
        return {
            "format": 1,
            "kind": "session",
            "session_id": self.data.session_id,
            **self.fixed,
            "seq": seq,
            "base_seq": seq - 1,
            "batch_id": f"b_{self.data.session_id}_{seq}",
            "created_at": stamp(START),
            "updated_at": stamp(START + timedelta(seconds=seq)),
            "status": self.data.status,
        }


def record_of(document: Record, tail: Sequence[Record] = ()) -> Record:
    """A document with its tail, as it comes back from JSON."""
    return dict(decode_json(encode_json({**document, "tail": list(tail)})))


def opened(codec: SessionCodec, record: Record) -> SessionData:
    """The data of a record, with all of its sections opened."""
    return touched(codec.open(record))


def touched(session: Opened) -> SessionData:
    """The data with all of its sections opened."""
    _ = session.data.memories, session.data.messages
    return session.data


def told(data: SessionData) -> bytes:
    """Everything that the data holds, as JSON, so that two states can be compared at once."""
    skipped = ("open_memories", "open_messages", "held_memories", "held_messages", "local_memories")
    fields = [name for name in data.__struct_fields__ if name not in skipped]
    content = {name: getattr(data, name) for name in fields}
    return encode_canonical({**content, "memories": list(data.memories.values()), "messages": data.messages})
