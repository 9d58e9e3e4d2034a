"""Records as rows of the SQL storage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.envelope import (
    HEADER_FIELDS,
    Record,
    decode_line,
    encode_line,
    record_key,
    split_key,
)
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.storage.frames import DOCUMENT_END, check_owned, document_line, listed
from voxsession.storage.listing import has_ended

__all__ = ["batch_values", "document_values", "header_of", "owner_mark", "record_of_rows"]

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
    changed = {name: batch[name] for name in HEADER_FIELDS if name in batch}
    return {**_head_values(key, batch), "header": None, "changed": _text(changed), "line": _text(batch)}


def _head_values(key: str, record: Record) -> dict[str, Any]:
    seq, base_seq = record["seq"], record.get("base_seq") or 0
    if not 0 <= base_seq < seq < 2**63:
        raise ConfigurationError.out_of_range(
            "seq", seq, f"it has to be greater than base_seq, which is {base_seq}, and less than 2**63"
        )
    kind, tenant, record_id = split_key(key)
    batch_id = str(record.get("batch_id") or "")
    return {
        "key": key,
        "kind": kind,
        "tenant": tenant,
        "record_id": record_id,
        "seq": seq,
        "base_seq": base_seq,
        "batch_id": batch_id,
        "unlike": batch_id or "none",  # a record without a batch id repeats nothing
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


def header_of(key: str, header: str | None, changed: str | None) -> Record | None:
    """The effective header from a head row; None where it cannot be read."""
    try:
        found = decode_line((header or "").encode(), key)
        if changed is not None:
            found.update(decode_line(changed.encode(), key))
        check_owned(found, key)
    except IntegrityError:
        return None
    return listed(found)


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
    document, *tail = (decode_line((line or "").encode(), key) for _, _, line in lines)
    check_owned(document, key)
    return {**document, "tail": tail}
