"""Making calls: whose an id is, is decided by who writes its pointer first."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from voxsession.calls.opened import OpenCall
from voxsession.clock import Clock
from voxsession.core.types import JsonObject
from voxsession.errors import (
    ConflictError,
    SessionEndedError,
    SessionExistsError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.session.call_book import CallBook
from voxsession.session.call_pointers import CallLead, CallPointers
from voxsession.session.host import SessionHost
from voxsession.session.session import Session

if TYPE_CHECKING:
    from voxsession.voxon import Voxon

__all__ = ["DANGLING_GRACE", "CallMaking"]

#: So long a pointer may lead to a call that is not there: somebody may be about to write it.
DANGLING_GRACE = timedelta(hours=1)
#: So long a call that is about to be written is waited for before its id is taken by another one.
PROMISE_SECONDS = 1.0
MAX_RACES = 32


class CallMaking:
    """What a registry does to make a call."""

    _voxon: Voxon
    _host: SessionHost
    _clock: Clock

    async def _pointers(self) -> CallPointers:
        raise NotImplementedError

    async def _open(self, lead: CallLead, user_id: str | None = None) -> OpenCall | None:
        raise NotImplementedError

    async def create(
        self,
        conversation_id: str,
        record: JsonObject,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        replaces: str | None = None,
    ) -> OpenCall:
        """Makes a call: in the session that is named, else the person's latest one, else one of its own.

        Args:
            conversation_id: its global id.
            record: what it keeps.
            user_id: whose it is.
            session_id: the session that it belongs to; one that does not exist is created.
            replaces: the token of the call that had this id; it gives way, and a session is made for the new one.

        Raises:
            SessionExistsError: a call of this id exists.
            SessionNotFoundError: the session is somebody else's.
            SessionEndedError: the session has ended.
        """
        pointers, token = await self._pointers(), self._clock.new_id("call")
        wanted = {**record, "token": token}
        is_fresh = replaces is not None
        for _ in range(MAX_RACES):
            before = await pointers.find(conversation_id)
            if before is not None and await self._is_taken(pointers, before, replaces):
                continue
            lead = before or CallLead(conversation_id=conversation_id, session_id="", token=token)
            is_own = is_fresh or (session_id is None and user_id is None)
            session = await self._session_for(user_id, session_id, is_fresh=is_fresh)
            try:
                made = await self._promise(session, lead, wanted, is_own=is_own)
            except SessionEndedError:
                if session_id is not None or is_own:
                    raise
                is_fresh = (
                    True  # the person's session had a call of this id, which has ended: another one is made
                )
                continue
            if made is not None:
                if before is not None and replaces is not None:
                    await self._retire(before)
                return made
        raise ConflictError(
            session_id or conversation_id, expected_seq=0, found_seq=None, what="others make and end it"
        )

    async def _is_taken(self, pointers: CallPointers, lead: CallLead, replaces: str | None) -> bool:
        """Whether to look again, because somebody was writing the call; raises where there is one already."""
        old = await self._open(lead)
        if old is None:
            return await self._is_kept(pointers, lead)
        old.session._let_go()
        if old.record["token"] != replaces:
            raise _exists(lead.conversation_id)
        return False

    async def _promise(
        self, session: Session, before: CallLead, record: JsonObject, *, is_own: bool
    ) -> OpenCall | None:
        """Takes the id for a session and writes the call there; None where another one was faster."""
        pointers, names = await self._pointers(), {"session_id": session.session_id, "token": record["token"]}
        try:
            lead = await pointers.write(
                attrs.evolve(before, **names, is_promise=True, is_ended=False, created_at=None)
            )
        except ConflictError:  # what the other one made is found now
            session._let_go()
            return None
        return await self._begin(session, lead, record, is_own=is_own)

    async def _session_for(self, user_id: str | None, session_id: str | None, *, is_fresh: bool) -> Session:
        if session_id is not None and not is_fresh:
            session = await self._voxon.session(user_id, session_id=session_id)
            if session.status != "active":
                session._let_go()
                raise SessionEndedError(session_id)
            return session
        if user_id is not None and not is_fresh:
            return await self._voxon.session(user_id)
        return self._voxon.create_session(user_id=user_id)  # written with the call, or not at all

    async def _is_kept(self, pointers: CallPointers, lead: CallLead) -> bool:
        """Whether the pointer that leads to nothing is another one after a while: somebody was about to write it."""
        is_old = lead.written_at is not None and lead.written_at < self._clock.now() - DANGLING_GRACE
        waited, seconds = 0.0, 0.01
        while lead.is_promise and not is_old and waited < PROMISE_SECONDS:
            await asyncio.sleep(seconds)
            waited, seconds = waited + seconds, 2 * seconds
            found = await pointers.find(lead.conversation_id)
            if found is None or found.seq != lead.seq:
                return True
        return False

    async def _give_up(self, session: Session, book: CallBook, lead: CallLead, is_own: bool) -> None:
        """Takes back a call whose id was taken by another one while it was written."""
        await book.remove(lead.conversation_id)
        session._let_go()
        if is_own:
            await self._voxon.delete_session(session.session_id)

    async def _begin(
        self, session: Session, lead: CallLead, record: JsonObject, *, is_own: bool
    ) -> OpenCall | None:
        """Writes the call that a pointer promises; None where another one took the id meanwhile."""
        book, pointers = CallBook(session._core, self._host), await self._pointers()
        try:
            await book.begin(lead.conversation_id, record)
            try:
                lead = await pointers.write(attrs.evolve(lead, is_promise=False))
            except ConflictError:
                found = await pointers.find(lead.conversation_id)
                if found is None or found.token != lead.token:
                    await self._give_up(session, book, lead, is_own)
                    return None
                lead = found
            entry = await book.entry(lead.conversation_id)
        except BaseException as error:
            session._let_go()
            if isinstance(error, VoxSessionError) and not isinstance(error, StorageUnavailableError):
                with contextlib.suppress(VoxSessionError):  # nobody need wait for what will not come
                    await pointers.drop(lead.conversation_id, lead.seq)
            raise
        if entry is None or not entry.call or entry.call.get("token") != lead.token:
            session._let_go()
            raise _exists(lead.conversation_id)
        return OpenCall(lead=lead, session=session, book=book, entry=entry)

    async def _retire(self, lead: CallLead) -> None:
        """Takes the resume state from a call that gave its id to another one; it stays as a conversation."""
        old = await self._open(lead)
        if old is not None:
            with contextlib.suppress(
                ConflictError
            ):  # somebody used it meanwhile: its id leads elsewhere anyway
                async with old:
                    await old.book.remove(old.conversation_id)


def _exists(conversation_id: str) -> SessionExistsError:
    return SessionExistsError(
        conversation_id,
        f"A call {conversation_id!r} exists already. Open it with get_session() or resume_session(), or choose "
        "another id.",
    )
