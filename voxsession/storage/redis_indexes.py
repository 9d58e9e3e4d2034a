"""What the Redis storage finds records by: sorted sets of ids beside the records.

A record's keys share one slot of a cluster, those of a tenant's indexes share another: so a script that writes a
record writes its entries too on a single server, and in a cluster they go in a second command at the same time. The
price is that all writes of one tenant meet at one server of a cluster, with one small command each.

An entry is only ever a hint. Every listing reads the records' own headers and mends what differs. The entry of a
record that begins is written before it, so that a writer that dies between the two leaves an entry too many, never
a session that nobody finds.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from voxsession.core.envelope import (
    Record,
    decode_line,
    effective_header,
    from_stamp,
    split_key,
    storage_key,
)
from voxsession.errors import FormatError
from voxsession.storage.frames import check_listed
from voxsession.storage.listing import has_ended
from voxsession.storage.redis_links import Link
from voxsession.storage.redis_scripts import HEADS, RANGE, SETTLE

__all__ = ["Entry", "Index", "Query", "RedisKeys", "headers_of", "score_of"]

Entry: TypeAlias = tuple[str, str, str]  # the index's key, score, member
Place: TypeAlias = tuple[float, str]  # score and member, which is the order of an index

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = "inf"
# In a cluster the first entry of a record comes before the record: an entry without one may be a moment old.
GRACE = timedelta(hours=1)
WINDOW, SMALL_WINDOW = 100, 20
REREADS = 3


def score_of(moment: object) -> int:
    """A time stamp as microseconds since 1970; 0 for anything else."""
    try:
        return (from_stamp(str(moment)) - EPOCH) // timedelta(microseconds=1)
    except ValueError:
        return 0


class RedisKeys(NamedTuple):
    """The names of all keys under a prefix."""

    prefix: str

    @property
    def tenants(self) -> str:
        """The index of all tenants that ever had a record."""
        return f"{self.prefix}:tenants"

    def record(self, key: str) -> list[str]:
        """The four keys of a record; the braces keep them in one slot of a cluster."""
        return [f"{self.prefix}:{{{key}}}:{part}" for part in ("record", "tail", "pages", "paged")]

    def records_begin(self, kind: str, tenant: str) -> str:
        """What stands before the id in the first key of a record of this kind."""
        return f"{self.prefix}:{{{storage_key(kind, tenant, '')}"

    def updated(self, tenant: str, kind: str) -> str:
        """The index of all records of a kind, the latest write first."""
        return f"{self.prefix}:{{.index.{tenant}}}:updated:{kind}"

    def owned(self, tenant: str, kind: str, owner: str) -> str:
        """The same of one owner."""
        return f"{self.prefix}:{{.index.{tenant}}}:owner:{kind}:{owner}"

    def expiring(self, tenant: str) -> str:
        """The index of sessions that expire, the soonest first."""
        return f"{self.prefix}:{{.index.{tenant}}}:expires"

    def entries(self, key: str, header: Mapping[str, Any]) -> list[Entry]:
        """The entries that a record with this header has to have."""
        kind, tenant, member = split_key(key)
        updated = str(-score_of(header.get("updated_at")))
        entries = [(self.updated(tenant, kind), updated, member)]
        if header.get("owner"):
            entries.append((self.owned(tenant, kind, header["owner"]), updated, member))
        if header.get("expires_at") and kind == "session":
            entries.append((self.expiring(tenant), str(score_of(header["expires_at"])), member))
        return entries


class Query(NamedTuple):
    """Which part of an index is asked for.

    Attributes:
        now: tells which entries without a record are old enough to go.
        limit: most headers.
        low: the score to begin at.
        high: the score to end at.
        after: the id behind which to begin, among those of score `low`.
        active_only: leave out what is ended.
        ownerless_only: leave out what is somebody's.
    """

    now: datetime
    limit: float = math.inf
    low: str = f"-{FOREVER}"
    high: str = FOREVER
    after: str = ""
    active_only: bool = False
    ownerless_only: bool = False

    def wants(self, header: Record) -> bool:
        """Whether it is asked for a record with this header."""
        return not (self.active_only and has_ended(header)) and not (
            self.ownerless_only and header.get("owner") != ""
        )


class Index(NamedTuple):
    """One sorted set, read together with the records that it names.

    Attributes:
        key: its name.
        score: what a record's entry should be, from its header; None where it should have none here.
    """

    key: str
    keys: RedisKeys
    kind: str
    tenant: str
    score: Callable[[Record], int | None]

    @classmethod
    def by_update(cls, keys: RedisKeys, kind: str, tenant: str, owner: str | None) -> Index:
        """All records of a kind, or those of one owner, the latest write first; what is nobody's has no index."""

        def score(header: Record) -> int | None:
            foreign = owner and header.get("owner") != owner
            return None if foreign else -score_of(header.get("updated_at"))

        key = keys.owned(tenant, kind, owner) if owner else keys.updated(tenant, kind)
        return cls(key, keys, kind, tenant, score)

    @classmethod
    def by_expiry(cls, keys: RedisKeys, tenant: str) -> Index:
        """The sessions that expire, the soonest first."""

        def score(header: Record) -> int | None:
            return score_of(header["expires_at"]) if header.get("expires_at") else None

        return cls(keys.expiring(tenant), keys, "session", tenant, score)

    async def select(self, link: Link, query: Query) -> list[Record]:
        """The headers that are asked for, in the order of the index."""
        usual = int(min(WINDOW, max(SMALL_WINDOW, query.limit)))
        position, size = (float(query.low), query.after), usual
        chosen: list[Record] = []
        while len(chosen) < query.limit:
            window, headers = await self._mended(link, position, size, query)
            chosen += filter(query.wants, headers)
            if len(window) < size:
                break
            # Where all of a window have one and the same score as the last one had, only a larger one gets further.
            size = 2 * size if window[-1] <= position else usual
            position = max(position, window[-1])
        return chosen if len(chosen) <= query.limit else chosen[: int(query.limit)]

    async def _mended(
        self, link: Link, position: Place, size: int, query: Query
    ) -> tuple[list[Place], list[Record]]:
        """The next entries of the index, and the headers of those behind the position.

        Where an entry was wrong its place may be elsewhere, so the window is read once more; what changes again and
        again meanwhile is left out here and stands at the top of the list.
        """
        window: list[Place] = []
        headers: list[Record] = []
        for _ in range(REREADS):
            window = await self._window(link, position, query.high, size)
            entries = [entry for entry in window if entry > position]
            pairs = list(
                zip(entries, await self._headers(link, [member for _, member in entries]), strict=True)
            )
            headers = [header for entry, header in pairs if header and self._holds(entry, header)]
            mends = [part for entry, header in pairs for part in self._mending(entry, header, query.now)]
            if not mends:
                break
            await link.run(SETTLE, [self.key], mends)
        return window, headers

    async def _window(self, link: Link, position: Place, high: str, size: int) -> list[Place]:
        found = await link.run(RANGE, [self.key], [repr(position[0]), high, str(size)])
        return [(float(found[at + 1]), _name(found[at])) for at in range(0, len(found), 2)]

    async def _headers(self, link: Link, members: Sequence[str]) -> list[Record | None]:
        return await headers_of(
            link, self.keys, [storage_key(self.kind, self.tenant, member) for member in members]
        )

    def _holds(self, entry: Place, header: Record) -> bool:
        score = self.score(header)
        return score is not None and float(score) == entry[0]

    def _mending(self, entry: Place, header: Record | None, now: datetime) -> Iterable[str]:
        """What SETTLE needs to set an entry right, nothing where it is right or not to be judged."""
        seen, member = entry
        if header is None:
            age = now - EPOCH - timedelta(microseconds=abs(seen))
            return (member, repr(seen), "") if age > GRACE else ()
        score = self.score(header) if header else seen
        if score is None:
            return (member, repr(seen), "")
        return () if float(score) == seen else (member, repr(seen), str(score))


async def headers_of(link: Link, keys: RedisKeys, records: Sequence[str]) -> list[Record | None]:
    """The effective headers of records: None where there is none, empty where it cannot be read."""
    names = [keys.record(record)[0] for record in records]
    if not names:
        return []
    if link.is_cluster:
        found = [heads[0] for heads in await asyncio.gather(*(link.run(HEADS, [name]) for name in names))]
    else:
        found = await link.run(HEADS, names)
    return [_header(heads, record) for heads, record in zip(found, records, strict=True)]


def _name(member: bytes) -> str:
    return member.decode(errors="replace")  # what is no text was not written here, and leads to no record


def _header(heads: Any, key: str) -> Record | None:
    if not isinstance(heads, list):
        return {}
    if not heads:
        return None
    try:
        first, last = heads
        tail = [decode_line(last, key)] if last else []
        header = effective_header({**decode_line(first, key), "tail": tail})
        check_listed(header, key)
    except FormatError:
        return {}
    return header
