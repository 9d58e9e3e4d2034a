"""The records that storages move: a clear header beside a sealed body.

A record is a JSON-ready dict. Its header fields are in clear, so that a storage
can find, order and compare records; the body under `sealed` is opaque to it. A
session record may carry a `tail`: the batches saved since the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from voxsession.core.struct import Struct, as_json
from voxsession.core.types import JsonObject, UtcTime, decode_json, encode_json
from voxsession.errors import ConfigurationError, IntegrityError

__all__ = [
    "FORMAT",
    "HEADER_FIELDS",
    "MARKER_FIELDS",
    "RECORD_KINDS",
    "Record",
    "SessionInfo",
    "decode_line",
    "effective_header",
    "encode_line",
    "expiry_stamp",
    "from_stamp",
    "read_header",
    "record_key",
    "sealed_size",
    "split_key",
    "stamp",
    "storage_key",
]

Record: TypeAlias = dict[str, Any]

FORMAT = 1
STAMP_LENGTH = 27
RECORD_KINDS = ("session", "page", "keyring", "pointer", "lease", "marker", "person")
HEADER_FIELDS = (
    "format",
    "kind",
    "tenant",
    "session_id",
    "owner",
    "seq",
    "base_seq",
    "batch_id",
    "created_at",
    "updated_at",
    "expires_at",
    "status",
)
#: What a marker may tell in clear besides: optional, not authenticated, copied into columns by SQL storages.
MARKER_FIELDS = ("active_agent", "locked_at", "session_ttl")


class SessionInfo(Struct, frozen=True, kw_only=True):
    """What a listing tells of a session: the header, nothing that is sealed."""

    session_id: str
    status: str
    created_at: UtcTime
    updated_at: UtcTime
    expires_at: UtcTime | None = None

    def to_dict(self) -> JsonObject:
        """All fields, ready for JSON: a copy, with times as ISO texts in UTC."""
        return as_json(self)


def stamp(moment: datetime) -> str:
    """A moment as fixed-width text in UTC, so that text order is time order."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    if moment.microsecond and type(moment) is datetime:
        return encode_json(moment)[1:-1].decode()  # the same in a tenth of the time
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def from_stamp(text: str) -> datetime:
    """The moment that `stamp` wrote; `ValueError` for anything else."""
    moment = datetime.fromisoformat(text)
    if len(text) != STAMP_LENGTH or not text.endswith("Z"):
        raise ValueError(f"{text!r} is no time stamp")
    return moment


def storage_key(kind: str, tenant: str, record_id: str) -> str:
    """The one name of a record: a session of the default tenant is its id, all else begins with a dot."""
    if kind == "session" and not tenant:
        return record_id
    return f".{kind}.{tenant}.{record_id}"


def split_key(key: str) -> tuple[str, str, str]:
    """Kind, tenant and id of a storage key."""
    if not key.startswith("."):
        return "session", "", key
    parts = key.split(".", 3)
    if len(parts) != 4 or parts[1] not in RECORD_KINDS or not parts[3]:
        raise ConfigurationError.out_of_range("session_id", key, "it is neither an id nor a storage key")
    return parts[1], parts[2], parts[3]


def record_key(record: Mapping[str, Any]) -> str:
    """The storage key of a record, from its header."""
    return storage_key(
        str(record.get("kind", "session")), str(record.get("tenant", "")), str(record["session_id"])
    )


def effective_header(record: Mapping[str, Any]) -> Record:
    """The header as of the newest batch: the document's, overlaid with the last batch's."""
    newest = record["tail"][-1] if record.get("tail") else {}
    header = {name: value for name, value in record.items() if name not in ("sealed", "tail", "torn_bytes")}
    header.update({name: newest[name] for name in HEADER_FIELDS if name in newest})
    return header


def encode_line(record: Mapping[str, Any]) -> bytes:
    """A record as one line of JSON, header first, ending in a newline."""
    if "key_id" not in record and tuple(record)[: len(HEADER_FIELDS)] == HEADER_FIELDS:  # as batches are made
        return encode_json(record) + b"\n"
    ordered = {name: record[name] for name in HEADER_FIELDS if name in record}
    for name in ("key_id", "wrapped_key"):
        if name in record:
            ordered[name] = record[name]
    ordered.update((name, value) for name, value in record.items() if name not in ordered)
    return encode_json(ordered) + b"\n"


def decode_line(line: bytes, name: str) -> Record:
    """The record of one complete line; `IntegrityError` naming the record for anything else."""
    try:
        record = decode_json(line)
    except ValueError as error:
        raise IntegrityError(name, f"a stored line is no JSON ({_short(error)})") from None
    if not isinstance(record, dict) or not isinstance(record.get("seq"), int):
        raise IntegrityError(name, "a stored line is not a record")
    return record


def read_header(start: bytes) -> Record | None:
    """The clear header from the first bytes of a line, without reading the body; None if it is not all there."""
    end = _body_start(start, (b',"sealed":', b',"keyring":', b',"body":'))
    try:
        header = decode_json(start[:end] + b"}" if end >= 0 else start)
    except ValueError:
        return None
    return header if isinstance(header, dict) and isinstance(header.get("seq"), int) else None


def _body_start(start: bytes, marks: Iterable[bytes]) -> int:
    found = [at for at in (start.find(mark) for mark in marks) if at >= 0]
    return min(found, default=-1)


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) < 100 else text[:100] + "..."


def expiry_stamp(before: datetime | None, now: datetime, ttl_seconds: float | None) -> str | None:
    """The expiry of a record that is written now; what has expired already is not brought back by it."""
    if before is not None and before <= now:
        return stamp(before)
    return stamp(now + timedelta(seconds=ttl_seconds)) if ttl_seconds is not None else None


def sealed_size(record: Record) -> int:
    """About how many bytes the body of a record takes."""
    sealed = record.get("sealed")
    if isinstance(sealed, str):
        return len(sealed)
    if isinstance(sealed, dict):
        return sum(map(len, sealed.values()))
    return len(repr(record))
