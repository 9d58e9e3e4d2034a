"""A conversation: messages in order, answered by a model that sees what is remembered."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from voxsession.core.changes import ConversationEnded
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import JsonObject, check_number, check_text
from voxsession.errors import ConfigurationError, SessionClosedError, SessionEndedError
from voxsession.memory.context import Context
from voxsession.models.base import Reply
from voxsession.session.assembling import ContextPreview, assemble, assemble_fully
from voxsession.session.branches.merging import merge_summary
from voxsession.session.functions import FUNCTION_TIMEOUT_SECONDS, FunctionTable
from voxsession.session.gate import OnBusy, TurnGate
from voxsession.session.host import SessionHost
from voxsession.session.interrupting import cut_off, reply_after, reply_to_cut
from voxsession.session.learn import learn_from
from voxsession.session.live import LiveCore
from voxsession.session.messages import message_from_dict, new_message_id
from voxsession.session.noting import additions, local_day
from voxsession.session.reading import lineage, read_history, visible
from voxsession.session.reply_stream import ReplyStream
from voxsession.session.summarizing import summarize_conversation
from voxsession.session.turn import Turn

if TYPE_CHECKING:
    from voxsession.learning.figures import Figures

_F = TypeVar("_F", bound=Callable[..., Any])

__all__ = ["Conversation"]


class Conversation:
    """One handle on a conversation, made by the session; `async with` ends it."""

    def __init__(self, core: LiveCore, host: SessionHost, conversation_id: str) -> None:
        self._core = core
        self._host = host
        self._id = conversation_id
        self._functions = FunctionTable()
        self._has_left = False
        self._is_closed = False
        core.open_conversations[conversation_id] = core.open_conversations.get(conversation_id, 0) + 1

    # --- what it is

    @property
    def conversation_id(self) -> str:
        """The id to continue it by."""
        return self._id

    @property
    def parent_id(self) -> str | None:
        """The conversation that it branched from."""
        return self._entry.parent_id

    @property
    def status(self) -> str:
        """`active`, `ended` or `deleted`."""
        return self._entry.status

    @property
    def messages(self) -> list[Message]:
        """The recent messages that it sees, oldest first; `history()` gives all."""
        data = self._core.view
        return visible(data.messages, data.message_offset, lineage(data, self._id))

    @property
    def _entry(self) -> ConversationEntry:
        entry = self._core.view.conversations.get(self._id)
        if entry is None:  # it was started in a batch that was undone
            moment = self._core.now()
            return ConversationEntry(id=self._id, started_at=moment, last_at=moment, status="ended")
        return entry

    @property
    def _gate(self) -> TurnGate:
        gates = self._core.gates
        gate: TurnGate = gates.get(self._id) or gates.setdefault(self._id, TurnGate())
        return gate

    def _writable(self) -> LiveCore:
        data = self._core.view
        if data.status == "ended" or (data.expires_at is not None and data.expires_at <= self._core.now()):
            raise SessionEndedError(data.session_id)
        if self._is_closed:
            raise SessionClosedError(data.session_id)
        entry = self._entry
        if entry.guest is not None:
            raise ConfigurationError(
                f"Conversation {self._id!r} is a shared one: only whom the session was shared with talks here. "
                "history() reads it; talk in a conversation of your own.",
                option="conversation_id",
                value=self._id,
            )
        if entry.status == "deleted":
            raise SessionEndedError(
                data.session_id, f"Conversation {self._id!r} was deleted. Start one with another id."
            )
        if self._has_left or entry.status == "ended":
            raise SessionEndedError(
                data.session_id,
                f"Conversation {self._id!r} has ended. Go on with "
                f"await session.resume_conversation({self._id!r}).",
            )
        return self._core

    async def history(self, limit: int | None = None, before: str | datetime | None = None) -> list[Message]:
        """All messages that it sees, or the latest `limit` of them, oldest first; pages are loaded as needed.

        Args:
            limit: at most this many.
            before: only those before this message id or moment.
        """
        return await read_history(self._core, self._host, self._id, limit, before)

    # --- talking

    async def send_message(
        self, text: str, *, metadata: JsonObject | None = None, on_busy: OnBusy = "queue"
    ) -> Reply:
        """Says something and gives the model's answer; the turn is durable when this returns.

        Args:
            text: what the user says.
            metadata: the app's own JSON-ready data for the message.
            on_busy: while another turn runs: ``queue``, ``reject`` or ``interrupt`` it, and those that wait.

        Raises:
            BudgetError: the message can never fit the context; nothing was recorded.
            ModelError: the model failed; the user's message is kept.
            ConversationBusyError: another turn runs and `on_busy` is ``reject``.
            StorageError: the turn could not be saved; it is kept for the next save.
        """
        turn = self._turn(text)
        async for _ in turn.start(text, metadata, on_busy):
            pass
        assert turn.reply is not None
        return turn.reply

    def stream_message(
        self, text: str, *, metadata: JsonObject | None = None, on_busy: OnBusy = "queue"
    ) -> ReplyStream:
        """The same as `send_message`, the text chunk by chunk as the model gives it."""
        return ReplyStream(self._turn(text), text, metadata, on_busy)

    def _turn(self, text: str) -> Turn:
        core = self._writable()
        check_text("text", text, allow_empty=False)
        return Turn(core, self._host, self._id, self._gate, self._functions)

    async def add_messages(self, messages: Sequence[Mapping[str, Any]]) -> list[Message]:
        """Records messages that were made elsewhere, as one durable batch, and learns from them.

        Args:
            messages: dicts with `role` and, all optional, `content`, `name` (the speaker), `at` (aware),
                `metadata`, `tool_calls`, `tool_call_id`; `content` may be None beside `tool_calls`.

        Returns:
            The recorded messages, in the same order.

        Raises:
            ConfigurationError: one of them is wrong; it names which, and none was recorded.
        """
        core = self._writable()
        if type(messages) is not list and (
            isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable)
        ):
            raise ConfigurationError.out_of_range(
                "messages", type(messages).__name__, "a list of dicts is needed"
            )
        await self._gate.settle_abandoned()
        first = new_message_id(core)
        made = [
            await message_from_dict(core, self._id, given, place, new_message_id(core, first, place))
            for place, given in enumerate(messages)
        ]
        core.record(*additions(core, made))
        doubles = core.repair_history(latest=16 + len(made), added=len(made))
        learn_from(core, self._host, [message for message in made if message.id not in doubles])
        if made:
            await self._host.save_and_learn(core)
        return made

    async def interrupt(self, heard: str | None = None) -> None:
        """Cuts the reply off: one that runs is stopped, the last one is marked.

        Args:
            heard: what reached the person; history and later contexts hold that. None keeps what was delivered.
                A reply that was cut off before, or spoken over, can still be shortened to a beginning of it.
        """
        core = self._writable()
        text = None if heard is None else check_text("heard", heard)
        running = self._gate.running
        if running is not None and running.reply is None:
            running.stop(text)
            if running.is_abandoned():
                await running.close()
            return
        last = reply_to_cut(self.messages, self._id, text)
        if last is None:
            return
        cut = cut_off(core, last, text if text is not None else last.content or "")
        if running is not None and running.reply is not None:
            running.reply = reply_after(running.reply, cut)  # its caller gets it when it is saved
        await self._host.autosave_now(core)

    # --- context, functions

    def build_context(self, text: str | None = None) -> ContextPreview:
        """The context that would be sent: at once from what is loaded, awaited with all that could matter.

        Args:
            text: a message that the user might send next; it is not recorded.

        Raises:
            BudgetError: instructions and newest message alone exceed `context_tokens`.
        """
        core, host, conversation_id = self._core, self._host, self._id
        newest = self._draft(text) if text is not None else None

        preview = assemble(core, conversation_id, newest)
        revision, is_all = core.revision, core.index.filed_upto >= core.data.message_offset

        async def finish() -> Context:
            is_known = is_all and core.revision == revision and not core.in_batch
            if is_known and preview.complete and host.embedder is None:
                return preview
            return await assemble_fully(core, host, conversation_id, newest)

        fields = {name: getattr(preview, name) for name in Context.__struct_fields__}
        return ContextPreview(**fields, finish=finish)

    def _draft(self, text: str) -> Message:
        core = self._core
        checked = check_text("text", text, allow_empty=False)
        return Message(
            id="draft",
            conversation_id=self._id,
            role="user",
            content=checked,
            at=core.now(),
            token_count=core.counter.count(checked),
            estimated=not core.counter.exact,
        )

    @overload
    def register_function(self, fn: _F, *, timeout_seconds: float = ...) -> _F: ...

    @overload
    def register_function(self, fn: None = None, *, timeout_seconds: float = ...) -> Callable[[_F], _F]: ...

    def register_function(
        self, fn: Callable[..., Any] | None = None, *, timeout_seconds: float = FUNCTION_TIMEOUT_SECONDS
    ) -> Callable[..., Any]:
        """Lets the model call `fn` (sync or async) where `enable_functions` is on; its signature is its schema.

        Args:
            fn: the function; None gives a decorator, as in ``@conv.function(timeout_seconds=5)``.
            timeout_seconds: how long the model waits for its result, 0.001 to 3,600.

        Raises:
            ConfigurationError: its name or its parameters are not fit for a model, or the time is out of range.
        """
        seconds = check_number("timeout_seconds", timeout_seconds, 0.001, 3600)
        if fn is None:
            return functools.partial(self.register_function, timeout_seconds=seconds)
        return self._functions.register(fn, seconds)

    function = register_function

    def get_analytics(self) -> Figures:
        """Duration, turns, interruptions, injections and mean response time of this conversation.

        Returns:
            A dict that shows itself in notebooks: `duration_seconds` (while it runs, up to its latest message),
            `turn_count`, `interruption_count`, `injection_count`, `avg_response_time_ms`, `message_count`.
        """
        from voxsession.learning.analytics import conversation_analytics

        return conversation_analytics(self._entry)

    async def summarize(self) -> MemoryEntry | None:
        """Lets the summarizer (or the model) sum the conversation up; contexts use it where turns find no room.

        The summary is a memory entry; a later one takes its place. What was said in other conversations, also in
        the one that this branched from, is not part of it.

        Returns:
            The entry; None where nothing was said yet, or a message was changed while it was written.

        Raises:
            ConfigurationError: there is neither a summarizer nor a model that could write.
            ModelError: it failed; nothing was changed.
        """
        self._writable()
        return await summarize_conversation(self._core, self._host, self._id)

    async def merge_summary(self, branch: str | Conversation, text: str | None = None) -> MemoryEntry | None:
        """Brings a summary of a branch back: from now on it is in the contexts of this conversation.

        Called again, it sums up what was said there since. The branch itself goes on as it is.

        Args:
            branch: a conversation that branched from this one, or from one of its branches; or its id.
            text: the summary, where the app writes it; None lets the summarizer (or the model) write it.

        Returns:
            The memory entry that holds the summary; None where nothing was said on the branch yet, or a message
            was changed while the summary was written.

        Raises:
            ConfigurationError: it is no branch of this conversation; or no text was given, and there is neither a
                summarizer nor a model that could write.
            ModelError: writing it failed; nothing was changed.
        """
        core = self._writable()
        branch_id = branch.conversation_id if isinstance(branch, Conversation) else branch
        return await merge_summary(core, self._host, self._id, branch_id, text)

    # --- the end

    async def end(self) -> None:
        """Ends the conversation and saves; it can be resumed. Harmless when repeated."""
        await self._leave()
        await self._host.autosave_now(self._core)

    async def _leave(self) -> None:
        if self._has_left:
            return
        await self._gate.settle_abandoned()
        self._has_left = True
        core = self._core
        others = core.open_conversations.get(self._id, 1) - 1
        core.open_conversations[self._id] = others
        if others <= 0:
            core.open_conversations.pop(self._id, None)
            if self._gate.is_idle:
                core.gates.pop(self._id, None)
            entry = core.view.conversations.get(self._id)
            if entry is not None and entry.status == "active" and not core.is_gone:
                now = core.now()
                seconds = max((now - (entry.opened_at or entry.started_at)).total_seconds(), 0.0)
                ended = ConversationEnded(
                    at=now,
                    conversation_id=self._id,
                    duration_seconds=seconds,
                    local_day=local_day(core, now),
                )
                core.record(ended)

    async def __aenter__(self) -> Conversation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.end()
        else:
            await self._leave()  # the session's own exit saves; a failing save must not hide the error

    def _repr_html_(self) -> str:
        from voxsession.session.talk_view import talk_html  # only notebooks need it

        return talk_html(self._entry, self.messages, self.get_analytics())

    def __repr__(self) -> str:
        return f"Conversation({self._id!r}, {self.status})"
