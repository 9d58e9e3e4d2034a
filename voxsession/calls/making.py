"""Making calls: whose an id is, is decided by who writes its pointer first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from voxsession.calls.opened import OpenCall
from voxsession.clock import Clock
from voxsession.core.struct import Struct, evolve
from voxsession.core.types import JsonObject
from voxsession.errors import (
    ConflictError,
    SessionEndedError,
    SessionExistsError,
    SessionNotFoundError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.session.calls.book import CallBook
from voxsession.session.calls.pointers import CallLead, CallPointers
from voxsession.session.host import SessionHost
from voxsession.session.openings import Opening
from voxsession.session.reports import Receipt
from voxsession.session.session import Session

__all__ = ["DANGLING_GRACE", "CallMaking", "Sessions"]

#: So long a pointer may lead to a call that is not there: somebody may be about to write it.
DANGLING_GRACE = timedelta(hours=1)
#: So long a call that is about to be written is waited for before its id is taken by another one.
PROMISE_SECONDS = 1.0
MAX_RACES = 32


class Sessions(Protocol):
    """What calls ask of the facade: the sessions that they are conversations of."""

    def session(self, user_id: str | None = None, session_id: str | None = None) -> Opening[Session]:
        """As `Voxon.session`."""

    def create_session(self, *, user_id: str | None = None) -> Session:
        """As `Voxon.create_session`."""

    def load_session(
        self, session_id: str, *, user_id: str | None = None, lazy_load: bool = False
    ) -> Opening[Session]:
        """As `Voxon.load_session`."""

    async def delete_session(self, session_id: str) -> Receipt:
        """As `Voxon.delete_session`."""


class CallMaking:
    """What a registry does to make a call."""

    _sessions: Sessions
    _host: SessionHost
    _clock: Clock

    async def _pointers(self) -> CallPointers:
        raise NotImplementedError

    async def _open(self, lead: CallLead, user_id: str | None = None) -> OpenCall | None:
        raise NotImplementedError

    def _book(self, session: Session) -> CallBook:
        raise NotImplementedError

    async def create(
        self,
        conversation_id: str,
        record: JsonObject,
        *,
        audio: Sequence[bytes] = (),
        said: Sequence[JsonObject] = (),
        user_id: str | None = None,
        session_id: str | None = None,
        replaces: str | None = None,
    ) -> OpenCall:
        """Makes a call: in the session that is named, else the person's latest one, else one of its own.

        Args:
            conversation_id: its global id.
            record: what it keeps.
            audio: the sound that it begins with.
            said: the messages that it begins with.
            user_id: whose it is.
            session_id: the session that it belongs to; one that does not exist is created.
            replaces: the token of the call that had this id; it gives way, and a session is made for the new one.

        Raises:
            SessionExistsError: a call of this id exists.
            SessionNotFoundError: the session is somebody else's.
            SessionEndedError: the session has ended.
            ConfigurationError: a message is wrong; the conversation of this id in the named session was deleted.
        """
        pointers = await self._pointers()
        is_fresh = replaces is not None
        for _ in range(MAX_RACES):
            before = await pointers.find(conversation_id)
            if before is not None and await self._is_taken(pointers, before, replaces):
                continue
            session = await self._session_for(user_id, session_id, is_fresh=is_fresh)
            is_own = is_fresh or (session_id is None and user_id is None)
            book = self._book(session)
            if session_id is None and not is_own and await _knows(book, session, conversation_id):
                is_fresh = True  # what was said under this id before is no part of the call
                continue
            # One of its own for each attempt: what an earlier one may have left is no call that anything leads to.
            token = self._clock.new_id("call")
            lead = before or CallLead(conversation_id=conversation_id, session_id="", token=token)
            beginning = _Beginning({**record, "token": token}, audio, said, replaces, is_own)
            try:
                made = await self._promise(session, book, lead, beginning)
            except (SessionEndedError, SessionNotFoundError):
                if session_id is not None or is_own:
                    raise
                continue  # the person's session has just ended or gone: another one is the latest now
            if made is not None:
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
        self, session: Session, book: CallBook, before: CallLead, beginning: _Beginning
    ) -> OpenCall | None:
        """Takes the id for a session and writes the call there; None where another one was faster."""
        pointers = await self._pointers()
        gives_way = before.seq and before.token == beginning.replaces
        former = (before.session_id, before.token) if gives_way else before.former
        names = {"session_id": session.session_id, "token": beginning.record["token"], "former": former}
        try:
            lead = await pointers.write(
                evolve(before, **names, is_promise=True, is_ended=False, created_at=None)
            )
        except ConflictError:  # what the other one made is found now
            session._let_go()
            return None
        except BaseException:
            session._let_go()
            raise
        return await self._begin(session, book, lead, beginning)

    async def _session_for(self, user_id: str | None, session_id: str | None, *, is_fresh: bool) -> Session:
        if session_id is not None and not is_fresh:
            session = await self._sessions.session(user_id, session_id=session_id)
            if session.status != "active":
                session._let_go()
                raise SessionEndedError(session_id)
            return session
        if user_id is not None and not is_fresh:
            return await self._sessions.session(user_id)
        return self._sessions.create_session(user_id=user_id)  # written with the call, or not at all

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
        """Takes back a call whose id was taken by another one while it was written; one that is there now stays."""
        with contextlib.suppress(ConflictError):
            await book.remove(lead.conversation_id, lead.token)
        session._let_go()
        if is_own:
            with contextlib.suppress(SessionNotFoundError):
                await self._sessions.delete_session(session.session_id)

    async def _begin(
        self, session: Session, book: CallBook, lead: CallLead, beginning: _Beginning
    ) -> OpenCall | None:
        """Writes the call that a pointer promises; None where another one took the id meanwhile."""
        pointers = await self._pointers()
        try:
            if not await self._is_begun(book, lead, beginning):
                await self._withdraw(lead)  # before others wait for it
                session._let_go()
                return None
            if lead.former is not None:
                await self._retire(lead)
            try:
                lead = await pointers.write(evolve(lead, is_promise=False, former=None))
            except ConflictError:
                found = await pointers.find(lead.conversation_id)
                if found is None or found.token != lead.token:
                    await self._give_up(session, book, lead, beginning.is_own)
                    return None
                lead = found
            entry = await book.entry(lead.conversation_id)
        except BaseException as error:
            session._let_go()
            if isinstance(error, VoxSessionError) and not isinstance(error, StorageUnavailableError):
                await self._withdraw(lead)
            raise
        if entry is None or not entry.call or entry.call.get("token") != lead.token:
            session._let_go()
            raise _exists(lead.conversation_id)
        return OpenCall(lead=lead, session=session, book=book, entry=entry)

    async def _is_begun(self, book: CallBook, lead: CallLead, beginning: _Beginning) -> bool:
        """Writes the call; a call that stands in its place and that nothing leads to gives way."""
        name, pointers = lead.conversation_id, await self._pointers()
        entry = await book.entry(name)
        unreachable = (entry.call or {}).get("token") if entry is not None else None
        if unreachable is not None:
            found = await pointers.find(name)
            if found is None or found.token != lead.token:
                return False  # somebody took the id over, and it may be their call
        return await book.begin(
            name, beginning.record, audio=beginning.audio, said=beginning.said, replaces=unreachable
        )

    async def _withdraw(self, lead: CallLead) -> None:
        """Removes a promise that will not be kept, so that nobody waits for it."""
        with contextlib.suppress(VoxSessionError):
            await self._retire(lead)
            await (await self._pointers()).drop(lead.conversation_id, lead.seq)

    async def _retire(self, lead: CallLead) -> None:
        """Takes the resume state from the call that gave its id to this one; it stays as a conversation."""
        if lead.former is None:
            return
        session_id, token = lead.former
        old = await self._open(evolve(lead, session_id=session_id, token=token))
        if old is not None:
            with contextlib.suppress(
                ConflictError
            ):  # somebody used it meanwhile: its id leads elsewhere anyway
                async with old:
                    await old.book.remove(old.conversation_id, token)


class _Beginning(Struct, frozen=True):
    """What a call begins with, the token of the one that gives way, and whether a session is made for it."""

    record: JsonObject
    audio: Sequence[bytes]
    said: Sequence[JsonObject]
    replaces: str | None
    is_own: bool


async def _knows(book: CallBook, session: Session, conversation_id: str) -> bool:
    """Whether the session had a conversation of this id; then it is let go of."""
    try:
        is_known = await book.entry(conversation_id) is not None
    except BaseException:
        session._let_go()
        raise
    if is_known:
        session._let_go()
    return is_known


def _exists(conversation_id: str) -> SessionExistsError:
    return SessionExistsError(
        conversation_id,
        f"A call {conversation_id!r} exists already. Open it with get_session() or resume_session(), or choose "
        "another id.",
    )
