"""Stored records written anew in place, as if nobody had touched them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voxsession.clock import Clock
from voxsession.codec.session_codec import after_batch
from voxsession.core.envelope import FORMAT, HEADER_FIELDS, MARKER_FIELDS, Record, stamp
from voxsession.session.loader import Loaded, Loader

__all__ = ["headers", "successor", "write_anew"]

PAGE_OF_HEADERS = 1000


async def headers(
    loader: Loader,
    tenant: str,
    *,
    kind: str = "session",
    owner: str | None = None,
    active_only: bool = False,
    limit: int = PAGE_OF_HEADERS,
) -> AsyncIterator[Record]:
    """The headers of all records of a kind, the latest change first, `limit` to a call of the storage."""
    after = None
    while True:
        listing = loader.storage.list_sessions(
            owner=owner, active_only=active_only, after=after, limit=limit, kind=kind, tenant=tenant
        )
        page = await loader.call(listing, "list_sessions")
        for header in page:
            yield header
        if len(page) < limit:
            return
        after = page[-1]


def successor(header: Record, clock: Clock) -> Record:
    """The header of the next version: nothing but the version differs, so neither age nor expiry is counted anew."""
    kept = {name: header.get(name) for name in HEADER_FIELDS}
    kept |= {name: header[name] for name in MARKER_FIELDS if name in header}
    return {**kept, "seq": header["seq"] + 1, "base_seq": header["seq"], "batch_id": clock.new_id("b")}


async def write_anew(loader: Loader, loaded: Loaded, tenant: str, clock: Clock) -> None:
    """Writes a loaded session whole, with its data key wrapped by the writing master key; pages stay as they are.

    Raises:
        ConflictError: it was written meanwhile; nothing was changed.
    """
    data = loaded.data
    header: Record = {
        "format": FORMAT,
        "kind": "session",
        "tenant": tenant,
        "session_id": data.session_id,
        "owner": loaded.owner,
        "seq": data.seq,
        "created_at": stamp(data.created_at),
        "updated_at": stamp(data.updated_at),
        "expires_at": stamp(data.expires_at) if data.expires_at else None,
        "status": data.status,
    }
    record = loaded.codec.document(successor(header, clock), data)
    await loader.call(loader.storage.save(record), "save")
    after_batch(data, record)
