"""Whether a share may be used: each call is decided by the grant as it is stored at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from voxsession.clock import Clock
from voxsession.core.changes import Change, ShareCreated, ShareRefused, ShareUsed
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import ShareGrant, grant_of
from voxsession.core.struct import Closed
from voxsession.errors import (
    ConflictError,
    PermissionDeniedError,
    SessionNotFoundError,
    VoxSessionError,
)
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.loop_bound import LoopBound
from voxsession.session.recorder import Recorder
from voxsession.session.shares.pointers import ShareLead, SharePointers
from voxsession.session.shares.token import is_digest, token_digest
from voxsession.session.tasks import take_outcome
from voxsession.session.vault import Vault

__all__ = ["REFUSED", "Admission", "Ticket"]

REFUSED = (
    "This share cannot be used: there is none like it for this person, or it has ended. "
    "Ask the owner for a new one."
)
REFUSAL_SECONDS = 0.1  # a refusal is given at the end of such a span, whatever it was for
NOTED_EVERY_SECONDS = 60.0  # refusals for one reason that come closer together are one record
MAX_NOTED = 1_000
MAX_NAMED = 100  # characters of a stranger's user id
_WRITES = ("add_note", "conversation", "send_message")
_LOCK = ".shares"  # no conversation can have this id

Making = Callable[[LiveCore, ShareGrant], Sequence[Change]]


class Home(Protocol):
    """What sharing needs of an opened installation."""

    tenant: str
    vault: Vault
    cores: dict[str, LiveCore]
    background: set[asyncio.Task[Any]]

    async def ready(self) -> Recorder:
        """Opens storage and keys, once."""

    async def live(self, session_id: str, lazy: bool) -> LiveCore | None:
        """The live core of a stored session."""

    def new_core(self, data: SessionData) -> LiveCore:
        """A core that nobody finds."""

    def release(self, core: LiveCore) -> None:
        """Takes a core back whose last handle closed."""


class Ticket(Closed, frozen=True, kw_only=True):
    """What the holder of a share comes with; the token itself is not kept."""

    session_id: str
    grant_id: str
    token_hash: str
    user_id: str


class Admission:
    """The door that all calls on shares go through.

    An answer costs one load of the session and one append: the use is stored before anything is given, so that two
    processes cannot give the last use twice, and what was revoked is refused from the next call on. A refusal makes
    the same two loads and the same keyed hashes whatever it is for, and comes at the same moment.
    """

    def __init__(self, home: Home, host: SessionHost) -> None:
        self._home = home
        self.host = host
        self._clock: Clock = host.clock
        self._refusals: dict[tuple[str, str, str], tuple[float, int]] = {}

    async def present(self, token: object, user_id: str) -> tuple[Ticket, ShareGrant]:
        """Takes in a token; what it leads to, and what that allows.

        Raises:
            PermissionDeniedError: no such share is there for this person, or it has ended.
        """
        began = self._clock.monotonic()
        recorder = await self._home.ready()
        digest = token_digest(token)
        token_hash = self._home.vault.share_hash(digest)
        pointers = SharePointers(recorder.storage, self._home.vault, self._clock, self._home.tenant)
        found = await recorder.call(pointers.find(token_hash), "load")
        # What nobody knows is looked for in a session that nobody has, which takes as many calls.
        lead = found or self._unsaved(digest) or ShareLead(self._clock.new_id("sess"), "")
        ticket = Ticket(
            session_id=lead.session_id, grant_id=lead.grant_id, token_hash=token_hash, user_id=user_id
        )
        async with self._entered(ticket, "access", (), began=began) as (_, grant):
            return ticket, grant

    @contextlib.asynccontextmanager
    async def enter(
        self, ticket: Ticket, action: str, *permissions: str, making: Making | None = None
    ) -> AsyncIterator[tuple[LiveCore, ShareGrant]]:
        """Lets one call in: its session, freshly read, with the grant that allows it.

        Args:
            action: the call, as the audit list names it.
            permissions: one of them is needed.
            making: makes changes that are stored together with the use; what it raises is told, and nothing stored.

        Raises:
            PermissionDeniedError: the grant has ended, or does not include the permission.
        """
        began = self._clock.monotonic()
        async with self._entered(ticket, action, permissions, began=began, making=making) as entered:
            yield entered

    @contextlib.asynccontextmanager
    async def _entered(
        self,
        ticket: Ticket,
        action: str,
        permissions: Sequence[str],
        *,
        began: float,
        making: Making | None = None,
    ) -> AsyncIterator[tuple[LiveCore, ShareGrant]]:
        async with self._visit(ticket.session_id) as core:
            grant, reason = self._judge(core, ticket, action, permissions)
            if core is not None and grant is not None and reason is None:
                reason = await self._record(core, ticket, action, grant, making)
                if reason is None:
                    yield core, grant
                    return
            await self._refuse(core, ticket, action, reason, began)
            if reason == "permission" and grant is not None:
                raise PermissionDeniedError(
                    f"This share does not include {' or '.join(map(repr, permissions))}; it includes "
                    f"{', '.join(grant.permissions)}. Ask the owner for one that does."
                )
            raise PermissionDeniedError(REFUSED)

    async def check(self, ticket: Ticket, action: str, *permissions: str) -> None:
        """Decides once more about a call that was let in and then waited; nothing is noted.

        Raises:
            PermissionDeniedError: the grant or the session has ended meanwhile.
        """
        async with self._visit(ticket.session_id) as core:
            _, reason = self._judge(core, ticket, action, permissions)
            if reason is not None:
                raise PermissionDeniedError(REFUSED)

    def still_holds(self, core: LiveCore, ticket: Ticket) -> bool:
        """Whether neither the grant nor the session has ended, as far as this process has heard."""
        data = core.data
        stored, now = data.shares.get(ticket.grant_id), core.now()
        if stored is None or stored.get("revoked_at") is not None or core.is_gone:
            return False
        ends = stored.get("expires_at")
        is_over = ends is not None and datetime.fromisoformat(ends) <= now
        return not (
            is_over or data.status != "active" or (data.expires_at is not None and data.expires_at <= now)
        )

    # --- finding

    def _unsaved(self, digest: str) -> ShareLead | None:
        """A share that was made in this process and is not saved yet."""
        found = None
        for session_id, core in self._home.cores.items():
            for change in (pending.change for pending in core.pending):
                if isinstance(change, ShareCreated) and hmac.compare_digest(
                    change.grant["token_hash"], digest
                ):
                    found = ShareLead(session_id, change.grant_id)
        return found

    @contextlib.asynccontextmanager
    async def _visit(self, session_id: str) -> AsyncIterator[LiveCore | None]:
        """The session as it is stored now, with what is pending in this process; one load."""
        core = await self._fresh(session_id)
        if core is None:
            yield None
            return
        core.handles += 1
        try:
            yield core
        finally:
            self._let_go(core)

    async def _fresh(self, session_id: str) -> LiveCore | None:
        recorder = await self._home.ready()
        known = self._home.cores.get(session_id)
        if known is not None and known.in_batch:  # it may still be given up, and could not be saved now
            return await self._apart(session_id)
        core = await self._home.live(session_id, True)
        if core is None or core is not known or not core.exists:
            return core
        try:
            await recorder.reload(core, True)
        except SessionNotFoundError:
            return None
        except ConflictError:  # what the owner has pending here cannot be put behind what others stored
            return await self._apart(session_id)
        return core

    async def _apart(self, session_id: str) -> LiveCore | None:
        """The session as it is stored, on a core that nobody else has."""
        recorder = await self._home.ready()
        loaded = await recorder.load(session_id, lazy=True)
        if loaded is None:
            return None
        core = self._home.new_core(loaded.data)
        recorder.adopt(core, loaded)
        return core

    def _let_go(self, core: LiveCore) -> None:
        core.handles -= 1
        self._home.release(core)

    # --- deciding

    def _judge(
        self, core: LiveCore | None, ticket: Ticket, action: str, permissions: Sequence[str]
    ) -> tuple[ShareGrant | None, str | None]:
        """The grant, and why it is not enough; no grant where nothing here is known of it."""
        stored = core.data.shares.get(ticket.grant_id, {}) if core is not None else {}
        grant = grant_of(stored)
        vault = self._home.vault
        known = grant.token_hash if grant is not None else ""
        digest_known = vault.share_hash(known) if is_digest(known) else known
        is_it = hmac.compare_digest(digest_known, ticket.token_hash)
        person = vault.owner(grant.shared_with_user_id if grant is not None else "")
        is_theirs = hmac.compare_digest(person, vault.owner(ticket.user_id))
        if core is None:
            vault.owner(ticket.user_id)  # as often as where a session was opened, which says whose it is
        if core is None or grant is None or not is_it:
            return None, "unknown"
        if not is_theirs:
            return grant, "wrong_user"
        status = grant.status(core.now())
        if status in ("revoked", "expired") or (status == "used_up" and action == "access"):
            return grant, status
        if core.data.expires_at is not None and core.data.expires_at <= core.now():
            return grant, "expired"
        if permissions and not set(permissions) & set(grant.permissions):
            return grant, "permission"
        return grant, "ended" if core.data.status != "active" and action in _WRITES else None

    async def _record(
        self, core: LiveCore, ticket: Ticket, action: str, grant: ShareGrant, making: Making | None
    ) -> str | None:
        """Stores the use with what comes of it; why others who were faster left no room for it."""
        use = ShareUsed(
            at=core.now(),
            grant_id=ticket.grant_id,
            action=action,
            use_id=self._clock.random_bytes(6).hex(),
            user_id=ticket.user_id,
            counts=action == "access",
        )
        lock: LoopBound[asyncio.Lock] = core.gates.setdefault(_LOCK, LoopBound(asyncio.Lock))
        async with lock.get():
            try:
                made = making(core, grant) if making is not None else ()
            except VoxSessionError:
                if self._note(core, ticket, action, "invalid"):
                    await self.host.save(core)
                raise
            core.record(use, *made)
            if made:
                core.settle_memory()
            await self.host.save(core)
            stored = core.data.shares.get(ticket.grant_id, {})
            if any(row.get("id") == use.use_id for row in stored.get("audit", ())):
                return None
        return "used_up" if stored.get("revoked_at") is None and stored else "revoked"

    # --- refusing

    async def _refuse(
        self, core: LiveCore | None, ticket: Ticket, action: str, reason: str | None, began: float
    ) -> None:
        """Tells the owner, and waits for the moment at which all refusals are given."""
        is_new = (
            core is not None and reason not in (None, "unknown") and self._note(core, ticket, action, reason)
        )
        spent = self._clock.monotonic() - began
        await asyncio.sleep(REFUSAL_SECONDS - spent % REFUSAL_SECONDS if REFUSAL_SECONDS else 0)
        if core is not None and is_new:
            core.handles += 1  # until it is saved, which the answer does not wait for
            task = asyncio.create_task(self._save_note(core))
            self._home.background.add(task)
            task.add_done_callback(self._home.background.discard)
            task.add_done_callback(take_outcome)

    def _note(self, core: LiveCore, ticket: Ticket, action: str, reason: str | None) -> bool:
        """Records a refusal, or only tells of it where the same was recorded a moment ago."""
        now, place = self._clock.monotonic(), (ticket.session_id, ticket.grant_id, str(reason))
        last, left_out = self._refusals.get(place, (-NOTED_EVERY_SECONDS, 0))
        who = ticket.user_id
        if reason == "wrong_user" and len(who) > MAX_NAMED:
            who = who[:MAX_NAMED] + "\u2026"  # which is never the person that the share is for
        about: dict[str, Any] = {"action": action, "reason": str(reason), "user_id": who}
        if now - last < NOTED_EVERY_SECONDS:
            self._refusals[place] = last, left_out + 1
            core.signal("share.refused", grant_id=ticket.grant_id, **about)
            return False
        if len(self._refusals) >= MAX_NOTED:
            self._refusals.clear()
        self._refusals[place] = now, 0
        core.record(ShareRefused(at=core.now(), grant_id=ticket.grant_id, times=1 + left_out, **about))
        return True

    async def _save_note(self, core: LiveCore) -> None:
        try:
            await self.host.save(core)
        except VoxSessionError:
            pass  # told as session.save_failed; it goes with the next save, if there is one
        finally:
            self._let_go(core)
