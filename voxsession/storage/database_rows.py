"""Records as rows of the SQL storage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.envelope import (
    Record,
    decode_line,
    encode_line,
    record_key,
    split_key,
)
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.storage.frames import (
    DOCUMENT_END,
    check_listed,
    check_owned,
    document_line,
    header_line,
    listed,
)
from voxsession.storage.listing import has_ended

__all__ = [
    "batch_values",
    "claimed_key",
    "document_values",
    "header_of",
    "line_of",
    "owner_mark",
    "record_of_rows",
]

OWNER_LENGTH = 100


def document_values(record: Record) -> dict[str, Any]:
    """What a whole save writes."""
    line = document_line(record)[: -len(DOCUMENT_END)].decode()
    return {
        **_head_values(record_key(record), record),
        "header": _text(listed(record)),
        "changed": None,
        "line": line,
    }


def batch_values(key: str, batch: Record) -> dict[str, Any]:
    """What an append writes: the document's part of the head stays, the batch's is put beside it."""
    values, line = _head_values(key, batch), encode_line(batch)
    changed = header_line(batch, line)
    return {**values, "header": None, "changed": changed[:-1].decode(), "line": line[:-1].decode()}


def _head_values(key: str, record: Record) -> dict[str, Any]:
    seq, base_seq = record["seq"], record.get("base_seq") or 0
    if not 0 <= base_seq < seq < 2**63:
        raise ConfigurationError.out_of_range(
            "seq", seq, f"it has to be greater than base_seq, which is {base_seq}, and less than 2**63"
        )
    columns = _columns(key, record)
    # A record without a batch id repeats nothing.
    return {"key": key, **columns, "base_seq": base_seq, "unlike": columns["batch_id"] or "none"}


def _columns(key: str, record: Record) -> dict[str, Any]:
    """What stands beside the header in a head row, to be found by."""
    kind, tenant, record_id = split_key(key)
    return {
        "kind": kind,
        "tenant": tenant,
        "record_id": record_id,
        "seq": record["seq"],
        "batch_id": str(record.get("batch_id") or ""),
        "owner": owner_mark(record.get("owner")),
        "ended": int(has_ended(record)),
        "updated_at": str(record.get("updated_at")),
        "expires_at": record.get("expires_at"),
    }


def owner_mark(owner: object) -> str:
    """What an owner is found by: itself where a database column can hold it, else its hash."""
    text = str(owner or "")
    if len(text) <= OWNER_LENGTH and text.isascii() and text.isprintable():
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _text(record: Mapping[str, Any]) -> str:
    return encode_line(record)[:-1].decode()


def line_of(column: object) -> bytes:
    """The line in a column; empty where there is no text, be it that SQLite keeps a value of any type there."""
    return column.encode() if isinstance(column, str) else b""


def header_of(row: Any) -> Record | None:
    """The effective header from a head row; None where it cannot be read, or the columns are not those written with it.

    Columns that were altered would show a record where it does not belong, and lead a list in a circle, which goes on
    behind the header that it ended with.
    """
    key = row.record_key
    try:
        document = decode_line(line_of(row.header), key)
        newest = document if row.changed is None else decode_line(line_of(row.changed), key)
        found = {**document, **newest}
        check_listed(found, key)
        written = _columns(key, newest)
    except (IntegrityError, ConfigurationError):
        return None
    return listed(found) if all(getattr(row, name) == value for name, value in written.items()) else None


def claimed_key(row: Any) -> str | None:
    """The key of the record whose header lies in a head row; None where it names none."""
    try:
        return record_key(decode_line(line_of(row.header), row.record_key))
    except (IntegrityError, KeyError):
        return None


def record_of_rows(key: str, rows: Sequence[tuple[int, int, str | None]]) -> Record | None:
    """The record with its tail from all its rows (slot, seq, line), the head first.

    Raises:
        IntegrityError: a row is missing, or is none that was written here.
    """
    if not rows:
        return None
    head, lines = rows[0], rows[1:]
    if head[0] != 0:
        raise IntegrityError(key, "its head row is missing")
    if not lines or lines[-1][0] != head[1]:
        raise IntegrityError(key, f"the row of its newest version, {head[1]}, is missing")
    document, *tail = (decode_line(line_of(line), key) for _, _, line in lines)
    check_owned(document, key)
    return {**document, "tail": tail}
