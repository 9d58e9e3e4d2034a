"""Going through the keys of the Redis storage for records that its indexes lack."""

from __future__ import annotations

from voxsession.core.envelope import Record, storage_key
from voxsession.storage.redis_indexes import RedisKeys, headers_of
from voxsession.storage.redis_links import Link
from voxsession.storage.redis_scripts import ADOPT

__all__ = ["unlisted"]

END = "}:record"


async def unlisted(link: Link, keys: RedisKeys, kind: str, tenant: str) -> list[str]:
    """The ids of records that a listing would miss, in order.

    True afterwards: what only an index lacked is back in it, unless the server takes no writes.
    """
    begin = keys.records_begin(kind, tenant)
    seen: set[str] = set()
    missed: set[str] = set()
    # Sessions of no tenant have no dot before them, all else has.
    async for names in link.scan(
        _literal(begin) + ("?*" if storage_key(kind, tenant, "") else "[^.]*") + END
    ):
        found = [name.decode(errors="replace")[len(begin) : -len(END)] for name in names]
        records = {member: storage_key(kind, tenant, member) for member in found if member not in seen}
        headers = await _headers(link, keys, records)
        missed.update(member for member, header in headers.items() if not header)
        lacking = await _adopted(link, keys, records, headers)
        # What was deleted between the two is missed by nobody.
        missed.update(await _headers(link, keys, {member: records[member] for member in lacking}))
        seen.update(headers)
    if seen:
        await link.run(ADOPT, [keys.tenants], ["0", tenant])
    return sorted(missed)


async def _headers(link: Link, keys: RedisKeys, records: dict[str, str]) -> dict[str, Record]:
    """The headers of the records that are there, by id; empty where one cannot be read."""
    headers = await headers_of(link, keys, list(records.values()))
    return {member: header for member, header in zip(records, headers, strict=True) if header is not None}


async def _adopted(
    link: Link, keys: RedisKeys, records: dict[str, str], headers: dict[str, Record]
) -> set[str]:
    """The ids of records whose entries were not all there, which now they are."""
    entries = [
        entry
        for member, header in headers.items()
        if header
        for entry in keys.entries(records[member], header)
    ]
    if not entries:
        return set()
    words = [word for _, *pair in entries for word in pair]
    lacking = await link.run(ADOPT, [name for name, _, _ in entries], words)
    return {entries[number][2] for number in lacking}


def _literal(text: str) -> str:
    """A text as a pattern that only itself fits."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)
