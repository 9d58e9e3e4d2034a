"""A grant: what the owner of a session lets one other person do with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.struct import Struct, field
from voxsession.core.types import Count, JsonObject, UtcTime, encode_json, json_decoder

__all__ = [
    "AUDIT_ROWS",
    "PERMISSIONS",
    "SNAPSHOT",
    "ShareGrant",
    "ShareUse",
    "frozen_entries",
    "grant_of",
    "is_open",
    "without_rows",
    "without_talk",
]

PERMISSIONS = ("read", "add_notes", "search", "export", "converse")
AUDIT_ROWS = 16  # of each grant; counts are kept of all
SNAPSHOT = "snapshot"  # the key of what a frozen share holds, beside the fields of its grant


class ShareUse(Struct, frozen=True, kw_only=True):
    """One row of a grant's audit list.

    Attributes:
        at: when it was (aware, UTC).
        action: the call that was made, such as ``search_memory``.
        outcome: ``done``, or why it was refused: ``wrong_user``, ``revoked``, ``expired``, ``used_up``,
            ``permission``, ``ended`` or ``invalid`` (what was given was not taken, as a note that is too long).
        by: who tried, where that is somebody else than the person the grant is for.
        times: how often it was, where refusals that came close together are one row.
    """

    at: UtcTime
    action: str
    outcome: str = "done"
    by: str | None = None
    times: Count = 1


class ShareGrant(Struct, frozen=True, kw_only=True):
    """What is stored of a grant; the token itself is not.

    Attributes:
        token_hash: the keyed hash of the token (HMAC-SHA-256, in hex).
        categories: the only categories of memory that it reaches; None = all.
        all_sensitive: it reaches sensitive entries as well.
        sensitive_ids: the only sensitive entries that it reaches.
        max_uses: how often the token may be presented; None = any number of times.
        uses: how often it was.
        is_snapshot: it reaches what there was when it was made, and nothing later.
        counts: calls that were answered, by name; refusals under ``refused: <why>``.
        audit: the latest calls, oldest first.
    """

    token_hash: str = ""
    shared_with_user_id: str = ""
    permissions: tuple[str, ...] = ()
    created_at: UtcTime
    expires_at: UtcTime | None = None
    categories: tuple[str, ...] | None = None
    all_sensitive: bool = False
    sensitive_ids: tuple[str, ...] = ()
    max_uses: Count | None = None
    uses: Count = 0
    last_used_at: UtcTime | None = None
    revoked_at: UtcTime | None = None
    is_snapshot: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    audit: tuple[ShareUse, ...] = ()

    def status(self, now: datetime) -> str:
        """`open`, `revoked`, `expired` or `used_up` (those who have opened it go on)."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "used_up" if self.max_uses is not None and self.uses >= self.max_uses else "open"

    def __repr__(self) -> str:
        return f"ShareGrant(permissions={self.permissions!r}, uses={self.uses})"


_decode = json_decoder(ShareGrant)
_entry_of = json_decoder(MemoryEntry)


def grant_of(stored: JsonObject) -> ShareGrant | None:
    """The grant that a session keeps; None for what is none, which nobody can use.

    Example:
        >>> grant_of({"permissions": ["read"]}) is None
        True
    """
    try:
        grant: ShareGrant = _decode(encode_json({name: stored[name] for name in stored if name != SNAPSHOT}))
    except ValueError:
        return None
    return grant


def is_open(stored: JsonObject, now: datetime) -> bool:
    """Whether anybody can still present its token; asked of many grants at a time, so nothing is decoded.

    Example:
        >>> from datetime import UTC
        >>> is_open({"created_at": "2026-01-01T00:00:00Z", "revoked_at": None}, datetime(2026, 1, 2, tzinfo=UTC))
        True
    """
    ends, most = stored.get("expires_at"), stored.get("max_uses")
    return (
        "created_at" in stored
        and stored.get("revoked_at") is None
        and (ends is None or datetime.fromisoformat(ends) > now)
        and (most is None or stored.get("uses", 0) < most)
    )


def without_rows(shares: dict[str, JsonObject], ids: Iterable[str]) -> dict[str, JsonObject]:
    """The grants, in whose snapshots nothing of these ids is left; the same object where nothing was there."""
    gone = frozenset(ids)
    changed = {
        grant_id: {**stored, SNAPSHOT: kept}
        for grant_id, stored in shares.items()
        if stored.get(SNAPSHOT) and (kept := _kept(stored[SNAPSHOT], gone)) is not None
    }
    return {**shares, **changed} if changed else shares


def frozen_entries(shares: Mapping[str, JsonObject]) -> list[MemoryEntry]:
    """The memory entries that frozen shares hold."""
    found = []
    for stored in shares.values():
        for row in (stored.get(SNAPSHOT) or {}).get("entries", ()):
            with contextlib.suppress(ValueError):  # what is no entry is shown to nobody
                found.append(_entry_of(encode_json(row)))
    return found


def without_talk(shares: dict[str, JsonObject], conversation_id: str) -> dict[str, JsonObject]:
    """The grants, in whose snapshots nothing is left that was said in a conversation; the same where nothing was."""
    rows = (row for stored in shares.values() for row in (stored.get(SNAPSHOT) or {}).get("messages", ()))
    ids = {row["id"] for row in rows if row.get("conversation_id") == conversation_id}
    return without_rows(shares, ids) if ids else shares


def _kept(snapshot: JsonObject, gone: frozenset[str]) -> JsonObject | None:
    left = {kind: [row for row in rows if row.get("id") not in gone] for kind, rows in snapshot.items()}
    return None if all(len(left[kind]) == len(snapshot[kind]) for kind in left) else left
