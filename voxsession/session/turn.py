"""One turn: a message of the user, the context, the model's reply, what is learned from it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from typing import Any

from voxsession.core.changes import TurnCompleted
from voxsession.core.config import SessionConfig, known_settings
from voxsession.core.message import Message, Usage, sound_usages, total_usage
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject
from voxsession.errors import BudgetError, ModelError, VoxSessionError
from voxsession.memory.context import Context, ContextItem
from voxsession.memory.tokens import count_long
from voxsession.models.base import ContextTooLongError, ModelRequest, Reply
from voxsession.session.assembling import assemble_fully
from voxsession.session.calling import Calling, checked_calls
from voxsession.session.functions import FunctionTable
from voxsession.session.gate import TurnGate
from voxsession.session.host import SessionHost
from voxsession.session.learn import learn_from
from voxsession.session.live import LiveCore
from voxsession.session.messages import new_message, new_message_id, storable
from voxsession.session.noting import additions, local_day
from voxsession.session.readers import Readers
from voxsession.session.tasks import is_cancelled, take_outcome

__all__ = ["Turn"]

MAX_ROUNDS = 16
SHORTENED_SHARE = 0.5  # of a context that was too long for the model, where it did not say what fits


class Turn:
    """One turn in the making; `chunks()` runs it, `reply` is there when it is over.

    Args:
        functions: what the model may call where `enable_functions` is on.
    """

    origin = "said"
    speaker: str | None = None

    def __init__(
        self,
        core: LiveCore,
        host: SessionHost,
        conversation_id: str,
        gate: TurnGate,
        functions: FunctionTable,
    ) -> None:
        self._core = core
        self._host = host
        self.conversation_id = conversation_id
        self._gate = gate
        self._functions = functions
        self._calling = Calling(core, host, conversation_id, functions, self._next_id)
        self.readers = Readers()
        self._waiting: asyncio.Future[Any] | None = None
        self._delivered: list[str] = []
        self._heard: str | None = None
        self._stopped = False
        self._is_over = False
        self._context: Context | None = None
        self._user_message: Message | None = None
        self._budget_tokens: int | None = None
        self._refused_tokens = 0
        self._usages: list[Usage] = []
        self._asked_at = 0.0
        self._generator: AsyncGenerator[str, None] | None = None
        self._answer = Reply()
        self._messages_made = 0
        self.reply: Reply | None = None

    # --- running

    async def chunks(self, text: str, metadata: JsonObject | None, on_busy: str) -> AsyncGenerator[str, None]:
        """Runs the turn; gives the reply's text as it comes."""
        if self._may_call():
            self._calling.check_no_batch()
        elif self._functions.schemas:
            self._host.tell_uncalled(self._core.data.session_id)
        await self._gate.enter(self, on_busy, self._core.data.session_id)
        try:
            await self._begin(text, metadata)
            for _ in range(MAX_ROUNDS):
                # Closed at once where the reader leaves, so that the model's connection is too.
                async with aclosing(self._ask()) as chunks:
                    async for chunk in chunks:
                        yield chunk
                if self._stopped or not (self._answer.tool_calls and self._may_call()):
                    break
                await self._call_functions(self._answer)
                if self._is_stopped():
                    break
            else:
                raise ModelError(
                    f"The model asked for functions {MAX_ROUNDS} times in a row without an answer."
                )
            await self._finish(interrupted=self._stopped)
        except (GeneratorExit, asyncio.CancelledError):
            # What was delivered is kept; the write goes with the next save.
            self._record_reply(interrupted=True)
            raise
        except VoxSessionError as error:
            await self._fail(error)
            raise
        finally:
            self._is_over = True
            self._gate.leave(self)

    async def close(self) -> None:
        """Ends a turn whose reader went away: what was delivered is kept, marked interrupted, and saved."""
        if self._generator is not None and not self._is_over:
            await self._generator.aclose()
            await self._host.autosave_now(self._core)

    def start(self, text: str, metadata: JsonObject | None, on_busy: str) -> AsyncGenerator[str, None]:
        """The generator of `chunks`, remembered so that `close` can end it."""
        self._generator = self.chunks(text, metadata, on_busy)
        return self._generator

    def drop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody holds the stream any more: it is settled soon, so that those who wait get their turn."""
        self.readers.is_dropped = True
        if not self._is_over and loop.is_running():
            loop.call_soon_threadsafe(self._settle_soon)

    def _settle_soon(self) -> None:
        if not self._is_over and self.readers.have_begun:
            task = asyncio.ensure_future(self.close())
            self._core.tasks.add(task)
            task.add_done_callback(self._core.tasks.discard)
            task.add_done_callback(take_outcome)

    def stop(self, heard: str | None) -> None:
        """Cuts the reply off from outside; `heard` is what reached the person, where that is known."""
        self._stopped, self._heard = True, self._heard if heard is None else heard
        if self._waiting is not None:
            self._waiting.cancel()

    def is_abandoned(self) -> bool:
        """Whether it goes on only because nobody told it that its readers left."""
        is_read_now = getattr(self._generator, "ag_running", False)
        return not self._is_over and not is_read_now and self.readers.have_left()

    # --- steps

    async def _begin(self, text: str, metadata: JsonObject | None) -> None:
        core = self._core
        about: dict[str, Any] = {"metadata": metadata, "message_id": self._next_id(), "name": self.speaker}
        message = await new_message(core, self.conversation_id, "user", text, origin=self.origin, **about)
        # Built before anything is recorded: a message that can never be sent is refused, not kept.
        context = await self._assembled(message)
        core.record(*additions(core, [message]))
        core.repair_history(latest=16)  # of an earlier turn, which this one closes
        self._user_message = message
        self._built(context)

    async def _assembled(self, newest: Message | None) -> Context:
        return await assemble_fully(self._core, self._host, self.conversation_id, newest, self._budget_tokens)

    async def _build(self) -> None:
        """Builds the context of what is recorded, smaller where the model refused a larger one."""
        context = await self._assembled(None)
        if self._budget_tokens is not None:
            why = f"the model refused {self._refused_tokens} tokens as too long"
            told = ContextItem(kind="budget", id=None, tokens=self._budget_tokens, included=True, reason=why)
            context = evolve(context, items=(*context.items, told))
        self._built(context)

    def _built(self, context: Context) -> None:
        self._context = context
        self._core.signal(
            "context.built",
            conversation_id=self.conversation_id,
            context=context,
            tokens=context.token_count,
            shortened=self._budget_tokens is not None,
        )

    async def _ask(self) -> AsyncGenerator[str, None]:
        """One round with the model: its text goes out, its outcome to `_answer`.

        What is too long for the model is built smaller and sent once more, once in a turn.
        """
        if self._context is None:
            await self._build()
        while True:
            try:
                async with aclosing(self._outcome(self._request())) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except ContextTooLongError as error:
                if self._budget_tokens is not None or self._delivered:
                    raise
                refusal = error
            except VoxSessionError:
                raise
            except Exception as error:
                raise ModelError(
                    f"The model failed with {type(error).__name__}; the user's message is kept. "
                    "The model's own error is the cause of this one."
                ) from error
            await self._shorten(refusal)

    async def _shorten(self, refusal: ContextTooLongError) -> None:
        assert self._context is not None
        self._refused_tokens = self._context.token_count
        self._budget_tokens = int(self._refused_tokens * (refusal.fits or SHORTENED_SHARE))
        try:
            await self._build()
        except BudgetError as error:
            refusal.add_note(
                f"Without instructions and newest message, which take {error.needed_tokens} tokens, "
                "there is nothing left to shorten."
            )
            raise refusal from refusal.__cause__

    def _request(self) -> ModelRequest:
        assert self._context is not None
        self._answer = Reply()
        self._asked_at = self._core.clock.monotonic()
        return ModelRequest(
            messages=self._context.messages,
            config=self._config(),
            functions=self._functions.schemas if self._may_call() else [],
            context=self._context,
            session_id=self._core.data.session_id,
            conversation_id=self.conversation_id,
        )

    async def _outcome(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        if self._is_stopped():
            return
        respond = getattr(self._host.model, "respond", self._host.model)
        outcome = respond(request)
        if inspect.isawaitable(outcome):
            outcome = await self._await(outcome)
        if isinstance(outcome, str):
            text = self._take(outcome) if isinstance(outcome, Reply) else outcome
            if text and not self._is_stopped():
                yield self._deliver(text)
            return
        if not hasattr(outcome, "__aiter__"):
            if self._is_stopped():
                return
            raise ModelError(
                f"The model gave {type(outcome).__name__}; a str, a Reply or an async iterator of str is needed."
            )
        iterator = aiter(outcome)
        try:
            while not self._is_stopped():
                try:
                    chunk = await self._await(anext(iterator))
                except StopAsyncIteration:
                    break
                if self._is_stopped():
                    break
                if not isinstance(chunk, str):
                    raise ModelError(f"The model streamed {type(chunk).__name__}; chunks of str are needed.")
                if text := self._take(chunk) if isinstance(chunk, Reply) else chunk:
                    yield self._deliver(text)
        finally:
            if (close := getattr(iterator, "aclose", None)) is not None:
                with suppress(Exception):  # how it takes that is no failure, and would hide one
                    await close()

    def _take(self, closing: Reply) -> str:
        """Takes a reply, or the closing word of a stream; gives what of its text was not delivered yet."""
        if closing.tool_calls or closing.usage:
            self._answer = closing
        if closing.tool_calls and not self._may_call():
            self._host.tell_uncalled(self._core.data.session_id)
        self._usages += sound_usages(closing.usage)
        return storable(closing.text).removeprefix("".join(self._delivered))

    def _is_stopped(self) -> bool:
        return self._stopped

    def _deliver(self, chunk: str) -> str:
        chunk = storable(chunk)
        self._delivered.append(chunk)
        self._core.signal("reply.chunk", conversation_id=self.conversation_id, text=chunk)
        return chunk

    async def _await(self, outcome: Awaitable[Any]) -> Any:
        """Waits for the model in a way that `stop` can end without cancelling the caller."""
        self._waiting = asyncio.ensure_future(outcome)
        try:
            return await self._waiting
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            if not self._stopped:
                raise ModelError("The model's call was cancelled from inside the model.") from None
            return None
        except Exception:
            if not self._stopped:
                raise
            return None  # how it takes being cut off is nobody's failure
        finally:
            with suppress(RuntimeError):  # its loop was closed, and this is thrown away with it
                self._waiting.cancel()
            self._waiting = None

    # --- functions

    def _may_call(self) -> bool:
        return bool(self._core.view.config.get("enable_functions") and self._functions.schemas)

    async def _call_functions(self, answer: Reply) -> None:
        self._calling.check_no_batch()  # the reader may have entered a block since the turn began
        core, calls, said = self._core, checked_calls(answer.tool_calls), "".join(self._delivered)
        assert self._user_message is not None
        budget = self._budget_tokens or int(core.view.config.get("context_tokens", 8000))
        instructions = await count_long(core.counter, str(core.view.config.get("instructions", "")))
        room = budget - instructions - self._user_message.token_count
        await self._calling.admit(calls, said, room)
        self._delivered.clear()
        await self._calling.run(calls, said, room, self._is_stopped)
        self._context = None  # the next round sees the results

    # --- the end

    async def _finish(self, *, interrupted: bool) -> None:
        self._record_reply(interrupted=interrupted)
        assert self._user_message is not None
        learn_from(self._core, self._host, [self._user_message], self._context)
        await self._host.save_and_learn(self._core)

    def _record_reply(self, *, interrupted: bool) -> None:
        """Puts what was delivered (or heard) into the conversation, once."""
        if self.reply is not None or self._user_message is None:
            return
        core = self._core
        text = "".join(self._delivered)
        if interrupted and self._heard is not None:
            text = self._calling.heard_after_calls(self._heard)
        message, usage = None, total_usage(self._usages)
        if text or not interrupted:
            counter = core.counter
            message = Message(
                id=self._next_id(),
                conversation_id=self.conversation_id,
                role="assistant",
                content=text,
                at=core.now(),
                token_count=counter.count(text),
                estimated=not counter.exact,
                interrupted=interrupted,
                origin=self.origin,
            )
            sent = self._context.token_count if self._context else 0
            usage = usage or Usage(input_tokens=sent, output_tokens=message.token_count)
            spent_ms = max(0.0, (core.clock.monotonic() - self._asked_at) * 1000)
            core.record(
                *additions(core, [message]),
                TurnCompleted(
                    at=message.at,
                    conversation_id=self.conversation_id,
                    response_ms=spent_ms,
                    injected=bool(self._context and (self._context.memories or self._context.recalled)),
                    usage=usage,
                    local_day=local_day(core, message.at),
                ),
            )
            if interrupted:
                core.signal(
                    "message.interrupted", conversation_id=self.conversation_id, message_id=message.id
                )
        self.reply = Reply(text, message=message, usage=usage, context=self._context, interrupted=interrupted)

    async def _fail(self, error: VoxSessionError) -> None:
        """Keeps what there is; a save that fails too must not hide the first error."""
        self._core.failed("turn", error, conversation_id=self.conversation_id)
        if self._user_message is None:
            return
        if self._delivered:
            self._record_reply(interrupted=True)
        if isinstance(error, ModelError):
            try:
                await self._host.autosave_now(self._core)
            except VoxSessionError as second:
                error.add_note(f"and saving failed: {second}")

    def _next_id(self) -> str:
        """Ids of one turn share their front."""
        first = self._user_message.id if self._user_message is not None else None
        self._messages_made += 1
        return new_message_id(self._core, first, self._messages_made - 1)

    def _config(self) -> SessionConfig:
        data = self._core.view
        return SessionConfig(**known_settings(data.config), user_id=data.user_id, session_id=data.session_id)
