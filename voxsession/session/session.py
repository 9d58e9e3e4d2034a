"""A session: one continuing relation with one person, kept over conversations, restarts and machines."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any

from voxsession.core.changes import ConfigChanged, SessionEnded, StateUpdated
from voxsession.core.config import RecordingConfig, SessionConfig
from voxsession.core.types import check_id, check_json, check_text
from voxsession.errors import ConfigurationError, SessionClosedError
from voxsession.session.archive import Archiving
from voxsession.session.branches.branching import Branching
from voxsession.session.bundles.exporting import Exporting
from voxsession.session.conversation import Conversation
from voxsession.session.forgetting import Forgetting
from voxsession.session.handlers import Events
from voxsession.session.host import SessionHost
from voxsession.session.insight import Insight
from voxsession.session.live import LiveCore
from voxsession.session.measuring import Measured
from voxsession.session.mending import Mending
from voxsession.session.openings import Applied, Opening
from voxsession.session.porting import Portable
from voxsession.session.profile_calls import ProfileCalls
from voxsession.session.remembering import Remembering
from voxsession.session.shares.sharing import Sharing
from voxsession.session.showing import Showing
from voxsession.session.starting import open_conversation
from voxsession.session.state_view import StateView
from voxsession.session.tasks import to_its_end

__all__ = ["Session"]

MAX_CLOSING_SAVES = 3


class Session(
    Remembering,
    Branching,
    Sharing,
    Forgetting,
    Archiving,
    Mending,
    Portable,
    Exporting,
    Insight,
    Measured,
    ProfileCalls,
    Showing,
):
    """One handle on a session, made by `Voxon`; handles of one session in a process share its state.

    `await` writes its first record; `async with` closes it at the end, also when the block raises.
    """

    def __init__(self, core: LiveCore, host: SessionHost) -> None:
        self._core = core
        self._host = host
        self._is_closed = False
        self._events = Events(core.hub)
        self._conversations: list[Conversation] = []
        self._config = RecordingConfig(lambda: self._core.view.config | self._ids(), self._set_config)
        core.handles += 1

    # --- what it is

    @property
    def session_id(self) -> str:
        """The id to load it by."""
        return self._core.data.session_id

    @property
    def user_id(self) -> str | None:
        """Whose session it is."""
        return self._core.data.user_id

    @property
    def config(self) -> SessionConfig:
        """The settings; setting one is a recorded change."""
        return self._config

    @property
    def template(self) -> str | None:
        """The name of the template that it was made from."""
        name = (self._core.view.template or {}).get("name")
        return None if name is None else str(name)

    @property
    def status(self) -> str:
        """`active`, `ended` or `expired`."""
        data = self._core.view
        if data.status != "active":
            return data.status
        return "expired" if data.expires_at is not None and data.expires_at <= self._core.now() else "active"

    @property
    def is_active(self) -> bool:
        """Whether it can go on: neither closed here, nor ended, nor expired."""
        return not self._is_closed and self.status == "active"

    @property
    def created_at(self) -> datetime:
        """When it began."""
        return self._core.data.created_at

    @property
    def updated_at(self) -> datetime:
        """When it was last saved."""
        return self._core.data.updated_at

    @property
    def events(self) -> Events:
        """Where handlers subscribe; subscriptions made here end with this handle."""
        return self._events

    @property
    def state(self) -> Mapping[str, Any]:
        """The app's own JSON-like state, read-only: what it gives is a copy."""
        return StateView(self._core.view.state)

    # --- conversations

    def start_conversation(
        self,
        conversation_id: str | None = None,
        parent_id: str | None = None,
        at_message: str | None = None,
    ) -> Opening[Conversation]:
        """Starts a conversation; an id that exists continues it.

        A branch sees what its ancestors said up to where it left. Its own messages stay on it; what is remembered
        from them is found everywhere, with the branch named.

        Args:
            conversation_id: chosen by the app; None makes one.
            parent_id: the conversation to branch from.
            at_message: the id of the last message of the parent that the branch sees; None = the latest.

        Raises:
            ConfigurationError: an id is not allowed, the parent or the message does not exist, or the conversation
                exists already and branched from elsewhere.
        """
        return self._opening(conversation_id, parent_id, "start", at_message)

    def conversation(self, conversation_id: str | None = None) -> Opening[Conversation]:
        """The named conversation, or a new one."""
        return self._opening(conversation_id, None, "start")

    def resume_conversation(self, conversation_id: str | None = None) -> Opening[Conversation]:
        """The latest conversation (a new one where there is none), or the named one; the model sees what was said."""
        return self._opening(conversation_id, None, "resume")

    def _opening(
        self, conversation_id: str | None, parent_id: str | None, how: str, at_message: str | None = None
    ) -> Opening[Conversation]:
        if conversation_id is not None:
            check_id("conversation_id", conversation_id)
        if parent_id is not None:
            check_id("parent_id", parent_id)
        if at_message is not None:
            check_text("at_message", at_message)

        async def open_it() -> Conversation:
            core = self._writable()
            await self._ensure_stored()
            conversation = await open_conversation(
                core, self._host, conversation_id, parent_id, how, at_message=at_message
            )
            self._conversations.append(conversation)
            return conversation

        return Opening(open_it)

    # --- saving

    async def save(self) -> None:
        """Makes everything pending durable, in one atomic write.

        What an extractor is still finding in the background is waited for, as long as its `wait_seconds` say, and
        saved as well; what takes longer is saved when it is found.

        Raises:
            ConflictError: another process changed the same thing first; pending changes are kept.
            StorageError: the write failed; pending changes are kept.
            SessionClosedError: this handle is closed.
            ConfigurationError: inside `batch_update()`, where nothing is saved before the block ends.
        """
        if self._core.in_batch:
            raise ConfigurationError(
                "save() inside batch_update() would save nothing: the block is saved as one, at its end or later. "
                "Leave the block first.",
                option="save",
            )
        await self._save()

    async def _save(self) -> None:
        """What `save` does; inside a batch the block around it does it."""
        if self._is_closed:
            raise SessionClosedError(self.session_id)
        await self._host.save(self._core)
        if self._core.learning is not None:
            await self._host.finish_learning(self._core, cancels=False)
            await self._host.save(self._core)

    async def reload(self, keep_pending: bool = True) -> None:
        """Takes in what other processes wrote.

        Args:
            keep_pending: put pending changes behind it; False drops them.

        Raises:
            ConflictError: a pending change does not commute with what others wrote; nothing changed.
        """
        if self._is_closed:
            raise SessionClosedError(self.session_id)
        recorder = await self._host.ready()
        await recorder.reload(self._core, keep_pending)
        self._core.signal("session.reloaded", seq=self._core.data.seq)

    async def close(self) -> None:
        """Ends the conversations opened here, saves, and lets go of this handle; harmless when repeated."""
        if self._is_closed:
            return
        if self._core.in_batch:
            raise ConfigurationError(
                "close() inside batch_update() would lose the batch. Leave the block first.", option="close"
            )
        if self.status == "active":
            for conversation in self._conversations:
                await conversation._leave()
        await self._host.settle(self._core)
        for _ in range(MAX_CLOSING_SAVES):  # a handler of session.saved may change something once more
            if not (self._core.is_dirty and (self._core.pending or self.status == "active")):
                break
            await self._host.save(self._core)
        await self._fold_at_the_end()
        self._let_go()

    def _let_go(self) -> None:
        if self._is_closed:  # by another call meanwhile
            return
        self._is_closed = True
        self._core.signal("session.closed")
        for conversation in self._conversations:
            conversation._is_closed = True
        self._conversations.clear()
        self._events.end_all()
        self._core.handles -= 1
        self._host.release(self._core)

    async def end(self, reason: str = "normal") -> None:
        """Ends the session for good: it opens for reading only from now on."""
        core = self._writable()
        for conversation in self._conversations:
            await conversation._leave()
        await self._host.settle(core)
        core.record(SessionEnded(at=core.now(), reason=check_text("reason", reason)))
        await self._host.save(core)
        await self._fold_at_the_end()

    def batch_update(self) -> _Batch:
        """What this task changes in the block is one batch: all of it or nothing; events fire after it.

        `async with` saves at the end, `with` leaves it for the next save.
        """
        return _Batch(self)

    async def _ensure_stored(self) -> None:
        if not self._core.exists:
            await self._host.save(self._core)

    # --- the app's state

    def update_state(self, values: Mapping[str, Any] | None = None, /, **patch: Any) -> Applied[Session]:
        """Merges values into the app's state at once; awaiting it saves as well, in a batch with the block.

        Args:
            values: a mapping, for keys that are no names of Python; as with `dict.update`, named values win over it.
            patch: the values by their keys.

        Raises:
            ConfigurationError: `values` is no mapping, or a value is nothing that JSON has; nothing was changed.
        """
        return self._put_state({} if values is None else values, patch, replaces=False)

    def replace_state(self, state: Mapping[str, Any]) -> Applied[Session]:
        """Puts another state in place of the app's state at once; awaiting it saves as well."""
        return self._put_state(state, {}, replaces=True)

    def _put_state(
        self, values: Mapping[str, Any], named: Mapping[str, Any], *, replaces: bool
    ) -> Applied[Session]:
        core = self._writable()
        if not isinstance(values, Mapping):
            raise ConfigurationError.out_of_range("state", type(values).__name__, "a dict is needed")
        checked = check_json("state", {**values, **named})
        core.record(StateUpdated(at=core.now(), patch=checked, replaces=replaces))
        return Applied(self, self._save)

    def _set_config(self, name: str, value: Any) -> None:
        core = self._writable()
        core.record(ConfigChanged(at=core.now(), values={name: value}))
        if name in ("max_memory_size", "memory_categories"):
            core.settle_memory()

    def _ids(self) -> dict[str, Any]:
        return {"session_id": self.session_id, "user_id": self.user_id}

    # --- await, async with

    def __await__(self) -> Generator[Any, None, Session]:
        return self._stored().__await__()

    async def _stored(self) -> Session:
        await self._ensure_stored()
        return self

    async def __aenter__(self) -> Session:
        if self._is_closed:
            raise SessionClosedError(self.session_id)
        return await self._stored()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._close_for_sure()
        except Exception as problem:
            if error is None:
                raise
            error.add_note(f"and closing session {self.session_id!r} failed: {problem}")

    async def _close_for_sure(self) -> None:
        try:
            await self.close()
        except asyncio.CancelledError:
            # A cancelled block must still save: closing goes on by itself and is waited for.
            await to_its_end(self.close())
            raise

    def __repr__(self) -> str:
        return f"Session({self.session_id!r}, {self.status})"


class _Batch(AbstractContextManager[None], AbstractAsyncContextManager[None]):
    """The block of `batch_update()`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._stack.enter_context(self._session._writable().batch())

    def __exit__(self, *problem: Any) -> None:
        if problem[0] is None and self._session._is_closed:
            with self._stack:  # by another task: nobody would save what the block holds
                raise SessionClosedError(self._session.session_id)
        self._stack.__exit__(*problem)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *problem: Any) -> None:
        self.__exit__(*problem)
        if problem[0] is None:
            await self._session._save()
