"""What the owner of a session sees of its shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from datetime import datetime
from typing import Any

from voxsession.core.display import page_of, table
from voxsession.core.share_grant import ShareGrant, ShareUse, grant_of
from voxsession.core.struct import Closed, Struct, evolve
from voxsession.core.types import JsonObject

__all__ = ["NewShare", "ShareInfo", "ShareList", "SharedView"]


class NewShare(Closed, frozen=True, kw_only=True):
    """A share that was just made; nothing else ever holds its token."""

    token: str
    grant_id: str
    expires_at: datetime | None


class SharedView:
    """A share that was just made; awaiting it saves, and gives the same object.

    Attributes:
        token: what the other person presents. It is shown here and never again: only its keyed hash is kept.
        grant_id: the id to revoke it by.
        expires_at: when it ends (aware, UTC); None = not before it is revoked.
    """

    __slots__ = ("_save", "expires_at", "grant_id", "token")

    def __init__(self, made: NewShare, save: Callable[[], Awaitable[Any]]) -> None:
        self.token = made.token
        self.grant_id = made.grant_id
        self.expires_at = made.expires_at
        self._save = save

    def __await__(self) -> Generator[Any, None, SharedView]:
        return self._saved().__await__()

    async def _saved(self) -> SharedView:
        await self._save()
        return self

    def __repr__(self) -> str:
        return f"SharedView(grant_id={self.grant_id!r}, expires_at={self.expires_at})"


class ShareInfo(Struct, frozen=True, kw_only=True):
    """A share as its owner sees it.

    Attributes:
        status: `open`, `revoked`, `expired` or `used_up`.
        categories: the only categories of memory that it reaches; None = all.
        include_sensitive: True, or the ids of the sensitive entries that it reaches, or False.
        uses: how often the token was presented, of `max_uses` where that is set.
        counts: calls that were answered, by name, and refusals by their reason; of all times.
        audit: who did what when: the latest calls, oldest first.
    """

    grant_id: str
    shared_with_user_id: str
    permissions: tuple[str, ...]
    status: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    categories: tuple[str, ...] | None
    include_sensitive: bool | tuple[str, ...]
    is_snapshot: bool
    max_uses: int | None
    uses: int
    last_used_at: datetime | None
    counts: dict[str, int]
    audit: tuple[ShareUse, ...]

    @classmethod
    def of(cls, grant_id: str, stored: JsonObject, now: datetime) -> ShareInfo | None:
        """What the session keeps of a share; None for what is none."""
        grant = grant_of(stored)
        return None if grant is None else cls._made(grant_id, grant, now)

    @classmethod
    def _made(cls, grant_id: str, grant: ShareGrant, now: datetime) -> ShareInfo:
        same = {
            name: getattr(grant, name)
            for name in (
                "shared_with_user_id permissions created_at expires_at revoked_at categories is_snapshot "
                "max_uses uses last_used_at counts"
            ).split()
        }
        by_hand = (evolve(use, by=use.by or grant.shared_with_user_id) for use in grant.audit)
        return cls(
            grant_id=grant_id,
            status=grant.status(now),
            include_sensitive=grant.all_sensitive or grant.sensitive_ids or False,
            audit=tuple(sorted(by_hand, key=lambda use: use.at)),
            **same,
        )


class ShareList(list[ShareInfo]):
    """The shares of a session; awaiting it gives those that are stored now."""

    def __init__(
        self, found: Iterable[ShareInfo], anew: Callable[[], Awaitable[Iterable[ShareInfo]]]
    ) -> None:
        super().__init__(found)
        self._anew = anew

    def __await__(self) -> Generator[Any, None, ShareList]:
        return self._loaded().__await__()

    async def _loaded(self) -> ShareList:
        return ShareList(await self._anew(), self._anew)

    def _repr_html_(self) -> str:
        rows = [
            [
                share.grant_id,
                share.shared_with_user_id,
                share.status,
                ", ".join(share.permissions),
                "" if share.expires_at is None else f"{share.expires_at:%Y-%m-%d %H:%M}",
                str(share.uses),
            ]
            for share in self
        ]
        columns = ("share", "with", "status", "may", "until", "uses")
        return page_of(f"Shares: {len(rows)}", table(columns, rows))
