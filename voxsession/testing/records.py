"""Records as the session floor makes them, small and predictable, for tests of storages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from voxsession.core.envelope import FORMAT, HEADER_FIELDS, Record, stamp

__all__ = ["BEGINNING", "a_batch", "a_document", "a_page"]

BEGINNING = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def a_document(session_id: str = "sess_1", seq: int = 1, *, body: Any = "body", **fields: Any) -> Record:
    """A whole record of version `seq`, made from the version before; `fields` go over its header."""
    header: dict[str, Any] = {
        "format": FORMAT,
        "kind": "session",
        "tenant": "",
        "session_id": session_id,
        "owner": "",
        "seq": seq,
        "base_seq": seq - 1,
        "batch_id": f"b_{session_id}_{seq}",
        "created_at": stamp(BEGINNING),
        "updated_at": stamp(BEGINNING + timedelta(seconds=seq)),
        "expires_at": None,
        "status": "active",
        "key_id": "k1",
        "wrapped_key": "d3JhcHBlZA==",
    }
    return {**header, "sealed": {"core": body, "memories": "m", "messages": "n"}, **fields}


def a_batch(session_id: str = "sess_1", seq: int = 2, *, body: Any = "batch", **fields: Any) -> Record:
    """A batch that leads from version `seq - 1` to `seq`."""
    document = a_document(session_id, seq)
    return {**{name: document[name] for name in HEADER_FIELDS}, "sealed": body, **fields}


def a_page(
    session_id: str = "sess_1", page_id: str = "page_1", *, body: Any = "page", **fields: Any
) -> Record:
    """A page; its header names no version, because it never changes."""
    header = {"format": FORMAT, "kind": "page", "tenant": "", "session_id": session_id, "seq": 0}
    return {**header, "page_id": page_id, "page_kind": "messages", "sealed": body, **fields}
