"""Live calls by the global ids of their conversations, each one a conversation of a session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from voxsession.calls.making import DANGLING_GRACE, CallMaking, Sessions
from voxsession.calls.opened import Contender, OpenCall
from voxsession.clock import Clock
from voxsession.core.envelope import Record
from voxsession.core.events import Event
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject
from voxsession.errors import (
    ConflictError,
    FormatError,
    KeyNotFoundError,
    SessionNotFoundError,
)
from voxsession.installation import Installation
from voxsession.session.calls.book import CallBook
from voxsession.session.calls.pointers import CallLead, CallPointers
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.loop_bound import LoopBound
from voxsession.session.pending import Pending
from voxsession.session.session import Session

__all__ = ["CallRegistry"]

_log = logging.getLogger(__name__)


class CallRegistry(CallMaking):
    """Finds, makes and removes the calls of one installation.

    A call is found by a pointer from its id. Who writes that first decides whose the id is; the call itself is part
    of the session's record, and all that changes it is decided there.
    """

    def __init__(self, sessions: Sessions, home: Installation, host: SessionHost, clock: Clock) -> None:
        self._sessions = sessions
        self._home = home
        self._host = host
        self._clock = clock
        self._contests: dict[str, list[Contender]] = {}
        self._untold: dict[tuple[str, str, str], JsonObject] = {}

    def _book(self, session: Session) -> CallBook:
        return CallBook(session._core, self._host, self._untold)

    @property
    def clock(self) -> Clock:
        """Where times come from."""
        return self._clock

    @property
    def is_open(self) -> bool:
        """Whether the storage was opened, so that it is known how long sessions last."""
        return self._home.recorder is not None

    @property
    def ttl_seconds(self) -> float | None:
        """How long after their last write sessions expire, as far as the storage is open; None = never."""
        recorder = self._home.recorder
        return recorder.rules.ttl_seconds if recorder is not None else None

    # --- finding

    async def open(self, conversation_id: str, user_id: str | None = None) -> OpenCall | None:
        """The call of this id as it is stored now; None where there is none, or it is somebody else's."""
        pointers = await self._pointers()
        lead = await pointers.find(conversation_id)
        return await self._open(lead, user_id) if lead is not None else None

    async def _open(self, lead: CallLead, user_id: str | None = None) -> OpenCall | None:
        was_live = lead.session_id in self._home.cores
        try:
            session = await self._sessions.load_session(lead.session_id, user_id=user_id, lazy_load=True)
        except SessionNotFoundError:
            return None
        try:
            if was_live and not await self._is_fresh(session):
                session._let_go()
                session = await self._sessions.load_session(lead.session_id, user_id=user_id, lazy_load=True)
            book = self._book(session)
            entry = await book.entry(lead.conversation_id)
        except SessionNotFoundError:
            session._let_go()
            return None
        except BaseException:
            session._let_go()
            raise
        if entry is None or not entry.call or entry.call.get("token") != lead.token:
            session._let_go()
            return None
        return OpenCall(lead=lead, session=session, book=book, entry=entry)

    async def _is_fresh(self, session: Session) -> bool:
        """Takes in what others wrote; False where it does not go together with what was not saved here yet.

        What is told of a call is stored: what a write that failed has left of one is written first.
        """
        core = session._core
        try:
            if not core.in_batch and any(_is_of_call(one) for one in core.pending):
                await self._write_left(core)
            await (await self._home.ready()).reload(core, keep_pending=True)
        except ConflictError:
            core.has_conflict = True  # so that a new handle sees what is stored
            return False
        return True

    async def _write_left(self, core: LiveCore) -> None:
        """Writes what is left of calls; where others were faster it is dropped, as it was told to have failed."""
        try:
            await self._host.save(core)
        except ConflictError:
            core.pending = [one for one in core.pending if not _is_of_call(one)]
            for function in [one for one in self._untold if one[0] == core.data.session_id]:
                del self._untold[function]  # others may have begun it

    @contextlib.contextmanager
    def contest(self, conversation_id: str) -> Iterator[Contender]:
        """Somebody in this process wants to resume a call; who wins while others want to tells them so."""
        others = self._contests.setdefault(conversation_id, [])
        mine = Contender(others, others[0].lock if others else LoopBound(asyncio.Lock))
        mine.others.append(mine)
        try:
            yield mine
        finally:
            mine.others.remove(mine)
            if not mine.others:
                self._contests.pop(conversation_id, None)

    # --- ending, removing

    async def mark_ended(self, lead: CallLead) -> None:
        """Notes at the pointer that its call was ended, for those who only count."""
        with contextlib.suppress(ConflictError):
            if not lead.is_ended:
                pointers = await self._pointers()
                await pointers.write(evolve(lead, is_ended=True, is_promise=False))

    async def _put_right(self, call: OpenCall) -> None:
        """Puts right what whoever made or ended the call had no time for, or what became of its session."""
        if call.lead.former is not None:
            await self._retire(call.lead)
            with contextlib.suppress(ConflictError):
                written = evolve(call.lead, former=None, is_promise=False)
                call.lead = await (await self._pointers()).write(written)
        if call.is_over:
            await self.mark_ended(call.lead)

    async def headers(self) -> AsyncIterator[Record]:
        """The headers of the pointers of all calls; `status` tells which were ended."""
        pointers = await self._pointers()
        async for header in pointers.headers():
            yield header

    async def remove_if(
        self, pointer_id: str, is_due: Callable[[OpenCall], bool]
    ) -> tuple[bool, OpenCall | None]:
        """Removes the resume state of a call, if it is due; never one that somebody uses meanwhile.

        The stored session decides: its header is authenticated with it, and it is written only as the version that
        was looked at. What cannot be opened stays.

        Returns:
            Whether it was removed, and the call as it was found.
        """
        pointers = await self._pointers()
        with contextlib.suppress(FormatError, KeyNotFoundError, ConflictError):
            lead = await pointers.open(pointer_id)
            call = await self._open(lead) if lead is not None else None
            if call is None or lead is None:
                if lead is not None:
                    await self._drop_dangling(pointers, lead)
                return False, None
            async with call:
                if call.book.is_open(lead.conversation_id) or not is_due(call):
                    await self._put_right(call)
                    return False, call
                if lead.former is not None:
                    await self._retire(lead)
                await call.book.remove(lead.conversation_id, lead.token)
                _log.info("call %s: its resume state was removed", lead.conversation_id)
            with contextlib.suppress(ConflictError):  # somebody has just taken the id for another call
                await pointers.drop_listed(pointer_id, lead.seq)
            return True, call
        return False, None

    async def _drop_dangling(self, pointers: CallPointers, lead: CallLead) -> None:
        is_old = lead.written_at is not None and lead.written_at < self._clock.now() - DANGLING_GRACE
        if is_old:
            await self._retire(lead)
            await pointers.drop(lead.conversation_id, lead.seq)

    # --- telling

    def tell(self, name: str, session_id: str = "", /, **fields: Any) -> None:
        """Tells the handlers of the facade of something that is no change of a session."""
        self._home.tell(Event(name, self._clock.now(), session_id, fields))

    async def _pointers(self) -> CallPointers:
        recorder = await self._home.ready()
        return CallPointers(recorder, self._home.vault, self._clock, self._home.tenant)


def _is_of_call(pending: Pending) -> bool:
    return pending.change.kind.startswith("call.")
