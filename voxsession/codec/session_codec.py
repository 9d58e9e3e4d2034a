"""From a session's data to stored records, with the way back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.codec.batch import decode_changes
from voxsession.codec.document import (
    SECTIONS,
    data_from_core,
    decode_memories,
    decode_messages,
    document_sections,
)
from voxsession.codec.seal import Seal
from voxsession.codec.upgrade import check_format
from voxsession.core.call_record import AUDIO
from voxsession.core.changes import Change
from voxsession.core.envelope import FORMAT, HEADER_FIELDS, Record, from_stamp
from voxsession.core.session_data import PageRef, SessionData
from voxsession.core.struct import Struct
from voxsession.core.types import decode_json, encode_canonical
from voxsession.errors import IntegrityError, KeyNotFoundError

__all__ = ["KEEP_BATCH_IDS", "Opened", "SessionCodec", "after_batch"]

KEEP_BATCH_IDS = 32
PAGE_LEVEL = 6
AUDIO_LEVEL = 1  # sound packs badly, and somebody waits for it
_DOCUMENT_ONLY = ("sealed", "tail", "torn_bytes", "key_id", "wrapped_key")


class Opened(Struct, kw_only=True, eq=False):
    """A stored session, opened: its data, and what the next save must know.

    Attributes:
        tail_bytes: size of the batches after the document.
        document_bytes: size of the document.
        torn: the last frame was incomplete and was left out.
        batch_ids: the batches that are known to be part of it, all those of the tail among them.
    """

    data: SessionData
    tail_changes: list[Change]
    tail_bytes: int
    document_bytes: int
    torn: bool
    batch_ids: frozenset[str]


class SessionCodec:
    """Seals the records of one session and opens them; without a `seal` everything is in clear.

    Args:
        seal: the session's seal; None where encryption was switched off by name.
        key_id: the master key that wraps the data key.
        wrapped_key: the wrapped data key, as it stands in the header.
    """

    def __init__(self, seal: Seal | None, key_id: str | None = None, wrapped_key: str | None = None) -> None:
        self._seal = seal
        self._key_id = key_id
        self._wrapped_key = wrapped_key

    # --- writing

    def document(self, header: Mapping[str, Any], data: SessionData) -> Record:
        """The whole session as one record."""
        sections = document_sections(data)
        record: Record = {name: header[name] for name in HEADER_FIELDS}
        if self._seal is None:
            body = decode_json(sections["core"])
            body["memory"]["entries"] = decode_json(sections["memories"])
            body["messages"] = decode_json(sections["messages"])
            return {**record, **body}
        record["key_id"], record["wrapped_key"] = self._key_id, self._wrapped_key
        record["sealed"] = {
            name: self._seal.seal(header, f"document:{name}", body) for name, body in sections.items()
        }
        return record

    def batch(self, header: Mapping[str, Any], body: bytes) -> Record:
        """The encoded changes of one save as one record; the header holds its fields in order and nothing else."""
        record: Record = dict(header)
        if self._seal is None:
            record["changes"] = decode_json(body)
        else:
            record["sealed"] = self._seal.seal(header, "batch", body)
        return record

    def page(
        self, tenant: str, session_id: str, page_id: str, kind: str, body: bytes, **known: Any
    ) -> tuple[Record, PageRef]:
        """A page that never changes, and what the head keeps of it (`known`: count, indexes, times).

        The body is JSON, but that of an `audio` page is bytes.
        """
        header = _page_header(tenant, session_id)
        record: Record = {**header, "seq": 0, "page_id": page_id, "page_kind": kind}
        level = AUDIO_LEVEL if kind == AUDIO else PAGE_LEVEL
        if self._seal is None:
            record["items"] = base64.b64encode(body).decode() if kind == AUDIO else decode_json(body)
        else:
            record["sealed"] = self._seal.seal(header, f"page:{kind}:{page_id}", body, level=level)
        return record, PageRef(id=page_id, kind=kind, hash=_page_hash(record), **known)

    # --- reading

    def open(self, record: Record) -> Opened:
        """The session as of its newest batch.

        Raises:
            UnsupportedFormatError: a newer version wrote it.
            IntegrityError: altered, truncated, moved, or sealed differently than this installation does.
            KeyNotFoundError: it is sealed, and this installation was told not to encrypt.
        """
        name = str(record.get("session_id"))
        data = self._open_core(record, name)
        data.batch_ids = [*data.batch_ids, str(record.get("batch_id"))][-KEEP_BATCH_IDS:]
        batch_ids = set(data.batch_ids)
        tail_changes: list[Change] = []
        tail = _tail_of(record, name)
        for batch in tail:
            changes = self._open_batch(batch, data, name)
            _replay(changes, data, batch, name)
            tail_changes += changes
            batch_ids.add(str(batch["batch_id"]))
        return Opened(
            data=data,
            tail_changes=tail_changes,
            tail_bytes=sum(_size(batch) for batch in tail),
            document_bytes=_size(record),
            torn=bool(record.get("torn_bytes")),
            batch_ids=frozenset(batch_ids),
        )

    def open_head(self, record: Record) -> SessionData:
        """The session as of its newest batch without its memories and messages: their sections stay sealed.

        Raises:
            UnsupportedFormatError, IntegrityError, KeyNotFoundError: as `open`.
        """
        name = str(record.get("session_id"))
        data = self._open_core(record, name)
        data.open_memories = data.open_messages = None
        for batch in _tail_of(record, name):
            changes = self._open_batch(batch, data, name)
            _replay(
                [change for change in changes if not change.kind.startswith("memory.")], data, batch, name
            )
            data.set_messages([], data.message_offset)
        return data

    def open_page(self, tenant: str, session_id: str, ref: PageRef, record: Record | None) -> bytes:
        """The body of a page, checked against what the head says of it."""
        name = f"{session_id}/{ref.id}"
        if record is None:
            raise IntegrityError(name, "the page that the session names is missing")
        check_format(record, name)
        if record.get("page_id") != ref.id or _page_hash(record) != ref.hash:
            raise IntegrityError(name, "the page is not the one that the session names")
        if self._seal is None:
            items = record.get("items")
            return _plain_audio(items, name) if ref.kind == AUDIO else encode_canonical(items)
        header = _page_header(tenant, session_id)
        return self._seal.open(header, f"page:{ref.kind}:{ref.id}", record.get("sealed"), name)

    def _open_core(self, record: Record, name: str) -> SessionData:
        check_format(record, name)
        self._check_sealing(record, name)
        return self._open_document(record, name)

    def _check_sealing(self, record: Record, name: str) -> None:
        if self._seal is None and ("sealed" in record or record.get("key_id")):
            key_id = record.get("key_id")
            raise KeyNotFoundError(
                key_id if isinstance(key_id, str) else None,
                f"Session {name!r}",
                "This installation was told not to encrypt (session_encryption_method='none'); "
                "open it with the method and the key it was made with.",
            )
        if self._seal is not None and not isinstance(record.get("sealed"), dict):
            raise IntegrityError(name, "it is stored in clear, though this installation encrypts")

    def _open_document(self, record: Record, name: str) -> SessionData:
        header = {field: record.get(field) for field in HEADER_FIELDS}
        if self._seal is None:
            return _open_plain(header, record, name)
        sealed = record["sealed"]
        if set(sealed) != set(SECTIONS) or not all(isinstance(part, str) for part in sealed.values()):
            raise IntegrityError(name, "sections of its document are missing")
        seal = self._seal
        data = data_from_core(header, seal.open(header, "document:core", sealed["core"], name), name)
        data.open_memories = lambda: decode_memories(
            seal.open(header, "document:memories", sealed["memories"], name), name
        )
        data.open_messages = lambda: decode_messages(
            seal.open(header, "document:messages", sealed["messages"], name), name
        )
        return data

    def _open_batch(self, batch: Any, data: SessionData, name: str) -> list[Change]:
        if not isinstance(batch, dict):
            raise IntegrityError(name, "a batch is not a record")
        check_format(batch, name)
        if batch.get("base_seq") != data.seq or batch.get("session_id") != data.session_id:
            raise IntegrityError(name, f"a batch is missing or out of place after version {data.seq}")
        if self._seal is None:
            if "sealed" in batch:
                raise KeyNotFoundError(None, f"A batch of session {name!r}")
            return decode_changes(encode_canonical(batch.get("changes")), name)
        body = self._seal.open(batch, "batch", batch.get("sealed"), name)
        return decode_changes(body, name)


def _tail_of(record: Record, name: str) -> list[Any]:
    tail = record.get("tail") or []
    if not isinstance(tail, list):
        raise IntegrityError(name, "its tail is no list of batches")
    return tail


def _open_plain(header: Record, record: Record, name: str) -> SessionData:
    body = {key: value for key, value in record.items() if key not in (*HEADER_FIELDS, *_DOCUMENT_ONLY)}
    memory = body.get("memory") if isinstance(body.get("memory"), dict) else {}
    assert isinstance(memory, dict)
    entries, messages = memory.get("entries", []), body.pop("messages", [])
    core = {**body, "user_id": record.get("user_id"), "memory": {**memory, "entries": None}}
    data = data_from_core(header, encode_canonical(core), name)
    data.open_memories = lambda: decode_memories(encode_canonical(entries), name)
    data.open_messages = lambda: decode_messages(encode_canonical(messages), name)
    return data


def _replay(changes: Sequence[Change], data: SessionData, batch: Record, name: str) -> None:
    """Applies a batch, then takes over what its header says."""
    try:
        for change in changes:
            change.apply(data)
        data.seq = int(batch["seq"])
        after_batch(data, batch)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise IntegrityError(name, f"a batch does not fit its document ({type(error).__name__})") from None


def after_batch(data: SessionData, header: Mapping[str, Any]) -> None:
    """What a saved record leaves in the data: its version, its times, its id."""
    data.seq = header["seq"]
    data.updated_at = from_stamp(header["updated_at"])
    data.expires_at = from_stamp(header["expires_at"]) if header.get("expires_at") else None
    data.status = header["status"]
    data.batch_ids = [*data.batch_ids, header["batch_id"]][-KEEP_BATCH_IDS:]


def _plain_audio(items: object, name: str) -> bytes:
    try:
        return base64.b64decode(str(items), validate=True)
    except ValueError:
        raise IntegrityError(name, "its audio is not readable") from None


def _page_header(tenant: str, session_id: str) -> Record:
    return {"format": FORMAT, "kind": "page", "tenant": tenant, "session_id": session_id}


def _page_hash(record: Record) -> str:
    sealed = record.get("sealed")
    body = sealed.encode() if isinstance(sealed, str) else encode_canonical(record.get("items"))
    return hashlib.sha256(body).hexdigest()[:32]


def _size(record: Record) -> int:
    sealed = record.get("sealed")
    if isinstance(sealed, str):
        return len(sealed)
    if isinstance(sealed, dict):
        return sum(len(part) for part in sealed.values())
    return len(encode_canonical({key: value for key, value in record.items() if key != "tail"}))
