"""Making grants and taking them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from voxsession.core.changes import Change, ShareCreated, ShareRevoked, SnapshotErased
from voxsession.core.share_grant import PERMISSIONS, SNAPSHOT, ShareGrant, grant_of, is_open
from voxsession.core.struct import evolve
from voxsession.core.types import (
    JsonObject,
    check_number,
    check_text,
    check_user_id,
    decode_json,
    encode_json,
)
from voxsession.errors import ConfigurationError, SessionClosedError
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.shares.reach import Reach
from voxsession.session.shares.token import new_token, token_digest
from voxsession.session.shares.views import NewShare

__all__ = ["MAX_ENDED", "MAX_OPEN", "MAX_SNAPSHOT_BYTES", "grant_share", "revoke"]

MAX_OPEN = 1_000  # shares of one session that can still be used
MAX_ENDED = 100  # ended ones that are kept for their audit lists; the oldest go
MAX_SNAPSHOT_BYTES = 256 * 1024  # of one frozen share
MAX_FROZEN_BYTES = 1024 * 1024  # of all frozen shares of a session
MAX_CATEGORIES = 100
MAX_HOURS = 24 * 36_500
MAX_USES = 1_000_000


def grant_share(
    core: LiveCore,
    *,
    shared_with_user_id: str,
    permissions: Sequence[str],
    expire_after_hours: float | None,
    **limits: Any,
) -> NewShare:
    """Records a new grant and gives its token; see `Session.create_shared_view`."""
    person = check_user_id(shared_with_user_id, "shared_with_user_id")
    if person is None:
        raise ConfigurationError("A share is for one person: say whose it is.", option="shared_with_user_id")
    now = core.now()
    grant = ShareGrant(
        shared_with_user_id=person,
        permissions=_permissions(core, permissions),
        created_at=now,
        expires_at=_expiry(now, expire_after_hours),
        **_limits(core, **limits),
    )
    dropped = _room_for_one(core, now)
    token, grant_id = new_token(core.clock), core.clock.new_id("share")
    grant = evolve(grant, token_hash=token_digest(token))
    stored: JsonObject = decode_json(encode_json(grant))
    if grant.is_snapshot:
        stored[SNAPSHOT] = _frozen(core, grant, now)
    _drop_ended_snapshots(core, now)
    core.record(ShareCreated(at=now, grant_id=grant_id, grant=stored, dropped=dropped))
    return NewShare(token=token, grant_id=grant_id, expires_at=grant.expires_at)


async def revoke(core: LiveCore, host: SessionHost, grant_id: str, *, is_closed: bool) -> bool:
    """Revokes a grant and saves; see `Session.revoke_share`."""
    check_text("grant_id", grant_id, allow_empty=False)
    if is_closed:
        raise SessionClosedError(core.data.session_id)
    if core.in_batch:
        raise ConfigurationError(
            "revoke_share() inside batch_update() could not be saved. Leave the block first.",
            option="revoke_share",
        )
    recorder = await host.ready()
    if core.exists:
        await recorder.reload(core, keep_pending=True)
    stored = core.data.shares.get(grant_id)
    if stored is None:
        raise ConfigurationError(
            f"This session has no share {grant_id!r}; session.list_shares() names them.",
            option="grant_id",
            value=grant_id,
        )
    is_new = stored.get("revoked_at") is None
    if is_new:
        erased: list[Change] = (
            [SnapshotErased(at=core.now(), grant_ids=[grant_id])] if SNAPSHOT in stored else []
        )
        core.record(*erased, ShareRevoked(at=core.now(), grant_id=grant_id))
    await host.save(core)
    if core.guest_turns:
        from voxsession.session.shares.guest_turn import withdraw_guests

        theirs = [name for name in core.guest_turns if name.partition(".")[0] == grant_id]
        await withdraw_guests(core, theirs)
    return is_new


# --- what is asked for


def _permissions(core: LiveCore, given: object) -> tuple[str, ...]:
    names = _names("permissions", given)
    unknown = [name for name in names if name not in PERMISSIONS]
    if unknown or not names:
        raise ConfigurationError.out_of_range(
            "permissions", unknown or list(names), "choose of " + ", ".join(PERMISSIONS)
        )
    if "add_notes" in names and core.view.config.get("memory_mode") == "ephemeral":
        raise ConfigurationError.out_of_range(
            "permissions",
            "add_notes",
            "this session keeps no memories (memory_mode 'ephemeral'), so no notes either",
        )
    return tuple(name for name in PERMISSIONS if name in names)


def _expiry(now: datetime, hours: float | None) -> datetime | None:
    if hours is None:
        return None
    span = float(check_number("expire_after_hours", hours, 0, MAX_HOURS))
    if span <= 0:
        raise ConfigurationError.out_of_range("expire_after_hours", hours, "more than 0 hours are needed")
    return now + timedelta(hours=span)


def _limits(
    core: LiveCore, *, categories: object, max_uses: object, include_sensitive: object, snapshot: object
) -> dict[str, Any]:
    if not isinstance(snapshot, bool):
        raise ConfigurationError.out_of_range("snapshot", snapshot, "True or False is needed")
    ids = () if isinstance(include_sensitive, bool) else _names("include_sensitive", include_sensitive)
    for entry_id in ids:
        if core.view.find_memory(entry_id) is None:
            raise ConfigurationError.out_of_range(
                "include_sensitive", entry_id, "there is no such memory entry"
            )
    return {
        "categories": None if categories is None else _categories(core, categories),
        "max_uses": None if max_uses is None else check_number("max_uses", max_uses, 1, MAX_USES, whole=True),
        "all_sensitive": include_sensitive is True,
        "sensitive_ids": ids,
        "is_snapshot": snapshot,
    }


def _categories(core: LiveCore, given: object) -> tuple[str, ...]:
    names = _names("categories", given)
    allowed = (core.view.template or {}).get("memory_categories") or []
    unknown = [name for name in names if allowed and name not in (*allowed, "general")]
    if unknown:
        raise ConfigurationError.out_of_range(
            "categories", unknown, "the template of this session has " + ", ".join(map(str, allowed))
        )
    if not names or len(names) > MAX_CATEGORIES:
        raise ConfigurationError.out_of_range(
            "categories", len(names), f"1 to {MAX_CATEGORIES} names are needed"
        )
    return names


def _names(option: str, given: object) -> tuple[str, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise ConfigurationError.out_of_range(option, type(given).__name__, "a list of texts is needed")
    return tuple(dict.fromkeys(check_text(option, name, allow_empty=False) for name in given))


# --- what there is room for


def _room_for_one(core: LiveCore, now: datetime) -> dict[str, str]:
    """The ended grants that make room for another, with the hashes of their tokens.

    Raises:
        ConfigurationError: too many grants are open.
    """
    shares = core.view.shares
    if len(shares) < MAX_OPEN:
        return {}
    ended = [grant_id for grant_id, stored in shares.items() if not is_open(stored, now)]
    if len(shares) - len(ended) >= MAX_OPEN:
        raise ConfigurationError(
            f"This session has {MAX_OPEN:,} open shares, and can have no more. Revoke some with "
            "session.revoke_share(grant_id), or let them expire (expire_after_hours=...).",
            option="create_shared_view",
        )
    by_age = sorted(ended, key=lambda grant_id: (_ended_at(shares[grant_id]), grant_id), reverse=True)
    return {grant_id: str(shares[grant_id].get("token_hash", "")) for grant_id in by_age[MAX_ENDED:]}


def _ended_at(stored: JsonObject) -> datetime:
    """The earliest of what may have ended it."""
    texts = [stored.get(name) for name in ("revoked_at", "expires_at", "last_used_at", "created_at")]
    moments = [datetime.fromisoformat(text) for text in texts if text]
    return min(moments[:-1] or moments, default=datetime.min.replace(tzinfo=UTC))


def _frozen(core: LiveCore, grant: ShareGrant, now: datetime) -> JsonObject:
    """What a frozen share holds.

    Raises:
        ConfigurationError: it is more than can be kept.
    """
    live = evolve(grant, is_snapshot=False)
    content = Reach(core.view, live, core.filed_talks.entries).freeze(now, MAX_SNAPSHOT_BYTES)
    size = len(encode_json(content))
    others = sum(
        len(encode_json(stored[SNAPSHOT]))
        for stored in core.view.shares.values()
        if stored.get(SNAPSHOT) and (old := grant_of(stored)) and old.status(now) in ("open", "used_up")
    )
    if size > MAX_SNAPSHOT_BYTES or others + size > MAX_FROZEN_BYTES:
        raise ConfigurationError(
            f"The frozen content would take {size:,} bytes beside {others:,} of other shares; one can hold "
            f"{MAX_SNAPSHOT_BYTES:,}, all of a session {MAX_FROZEN_BYTES:,}. Limit it with categories=[...], revoke "
            "other frozen shares, or share what is live (snapshot=False).",
            option="snapshot",
        )
    return content


def _drop_ended_snapshots(core: LiveCore, now: datetime) -> None:
    """What nobody can open any more need not be kept."""
    ended = [
        grant_id
        for grant_id, stored in core.view.shares.items()
        if stored.get(SNAPSHOT)
        and (grant := grant_of(stored))
        and grant.status(now) in ("revoked", "expired")
    ]
    if ended:
        core.record(SnapshotErased(at=now, grant_ids=ended))
