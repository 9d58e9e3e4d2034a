"""The changes of sharing: grants that are made, used, refused and revoked."""

from __future__ import annotations

from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind
from voxsession.core.envelope import stamp
from voxsession.core.memory_changes import MemoryAdded
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import AUDIT_ROWS, SNAPSHOT, grant_of, without_rows
from voxsession.core.struct import field
from voxsession.core.types import JsonObject

__all__ = ["NoteShared", "ShareCreated", "ShareRefused", "ShareRevoked", "ShareUsed", "SnapshotErased"]


@change_kind
class ShareCreated(Change, frozen=True, kw_only=True):
    """Somebody was given a share.

    `dropped` are ended grants that are kept no longer, by id, with the hash of their token.
    """

    kind: ClassVar[str] = "share.created"
    event: ClassVar[str | None] = "share.created"
    grant_id: str
    grant: JsonObject
    dropped: dict[str, str] = field(default_factory=dict)

    def apply(self, data: SessionData) -> None:
        kept = {name: stored for name, stored in data.shares.items() if name not in self.dropped}
        kept.setdefault(self.grant_id, self.grant)
        data.shares = kept

    def event_fields(self) -> dict[str, Any]:
        grant = grant_of(self.grant)
        names = ("shared_with_user_id", "permissions", "categories", "expires_at", "max_uses", "is_snapshot")
        return {"grant_id": self.grant_id} | {name: getattr(grant, name, None) for name in names}


@change_kind
class ShareUsed(Change, frozen=True, kw_only=True):
    """A share was used: `counts` where the token was presented.

    What was revoked or used up by what others stored before takes it no more, so that the order in storage decides:
    it was answered if, and only if, its `use_id` is in the audit list.
    """

    kind: ClassVar[str] = "share.used"
    event: ClassVar[str | None] = "share.used"
    quiet: ClassVar[bool] = True
    grant_id: str
    action: str
    use_id: str
    user_id: str
    counts: bool = False

    def apply(self, data: SessionData) -> None:
        stored = data.shares.get(self.grant_id)
        if stored is None or stored.get("revoked_at") is not None:
            return
        most, uses = stored.get("max_uses"), int(stored.get("uses", 0))
        if self.counts and most is not None and uses >= most:
            return
        at = stamp(self.at)
        row = {"at": at, "action": self.action, "id": self.use_id}
        used = {"uses": uses + self.counts, "last_used_at": at}
        data.shares[self.grant_id] = {**_noted(stored, row, self.action, 1), **used}

    def event_fields(self) -> dict[str, Any]:
        return {"grant_id": self.grant_id, "action": self.action, "user_id": self.user_id}


@change_kind
class ShareRefused(Change, frozen=True, kw_only=True):
    """A call on a share was refused; `times` of them that came close together are one record."""

    kind: ClassVar[str] = "share.refused"
    event: ClassVar[str | None] = "share.refused"
    quiet: ClassVar[bool] = True
    grant_id: str
    action: str
    reason: str
    user_id: str
    times: int = 1

    def apply(self, data: SessionData) -> None:
        stored = data.shares.get(self.grant_id)
        if stored is None:
            return
        row: JsonObject = {"at": stamp(self.at), "action": self.action, "outcome": self.reason}
        row |= {"times": self.times} if self.times > 1 else {}
        row |= {"by": self.user_id} if self.user_id != stored.get("shared_with_user_id") else {}
        data.shares[self.grant_id] = _noted(stored, row, f"refused: {self.reason}", self.times)

    def event_fields(self) -> dict[str, Any]:
        return {
            "grant_id": self.grant_id,
            "action": self.action,
            "reason": self.reason,
            "user_id": self.user_id,
        }


@change_kind
class ShareRevoked(Change, frozen=True, kw_only=True):
    """The owner took a share back; of two who do, the one that was stored first counts."""

    kind: ClassVar[str] = "share.revoked"
    event: ClassVar[str | None] = "share.revoked"
    grant_id: str

    def apply(self, data: SessionData) -> None:
        stored = data.shares.get(self.grant_id)
        if stored is not None and stored.get("revoked_at") is None:
            kept = {name: value for name, value in stored.items() if name != SNAPSHOT}
            data.shares[self.grant_id] = {**kept, "revoked_at": stamp(self.at)}


@change_kind
class SnapshotErased(Change, frozen=True, kw_only=True):
    """What frozen shares hold was erased: of some grants all of it, of all grants what has one of these ids."""

    kind: ClassVar[str] = "share.erased"
    erases: ClassVar[bool] = True
    grant_ids: list[str] = field(default_factory=list)
    row_ids: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        for grant_id in self.grant_ids:
            stored = data.shares.get(grant_id)
            if stored is not None:
                data.shares[grant_id] = {name: stored[name] for name in stored if name != SNAPSHOT}
        data.shares = without_rows(data.shares, self.row_ids)


@change_kind
class NoteShared(MemoryAdded, frozen=True, kw_only=True):
    """Somebody who was given a share left a note; none comes in once the share was revoked."""

    kind: ClassVar[str] = "share.noted"
    grant_id: str

    def apply(self, data: SessionData) -> None:
        stored = data.shares.get(self.grant_id)
        if stored is not None and stored.get("revoked_at") is None:
            super().apply(data)


def _noted(stored: JsonObject, row: JsonObject, name: str, times: int) -> JsonObject:
    counts = dict(stored.get("counts", {}))
    counts[name] = counts.get(name, 0) + times
    return {**stored, "counts": counts, "audit": [*stored.get("audit", ()), row][-AUDIT_ROWS:]}
