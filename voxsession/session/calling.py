"""The functions that a reply asked for, run one after another; call and result are recorded as a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from voxsession.core.changes import Change, FunctionCompleted
from voxsession.core.message import Message
from voxsession.core.types import ENCODING_ERRORS, JsonObject, encode_json
from voxsession.errors import ConfigurationError, ModelError
from voxsession.memory.tokens import count_long
from voxsession.session.functions import FunctionTable, failure
from voxsession.session.host import SessionHost
from voxsession.session.interrupting import cut_off
from voxsession.session.live import LiveCore
from voxsession.session.messages import new_message
from voxsession.session.noting import additions, local_day

__all__ = ["Calling", "checked_calls"]

MESSAGE_TOKENS = 16  # what a call or a result takes beside its text: ids, names, separators
NOT_RUN = "it was not run: the turn was cut short"
BEGUN = "the turn was cut short while it ran; whether it had an effect is not known"
SPARE_SHARE = 0.1  # of the context: room for the calls of further rounds


class Calling:
    """Runs the functions of one turn, within what the context has room for.

    Args:
        next_id: gives the ids of the turn's messages.
    """

    def __init__(
        self,
        core: LiveCore,
        host: SessionHost,
        conversation_id: str,
        functions: FunctionTable,
        next_id: Callable[[], str],
    ) -> None:
        self._core = core
        self._host = host
        self._conversation_id = conversation_id
        self._functions = functions
        self._next_id = next_id
        self._taken_tokens = 0
        self._said: list[Message] = []
        self._is_begun = False

    async def admit(self, calls: Sequence[JsonObject], said: str, room_tokens: int) -> None:
        """Makes room for calls; nothing is recorded or run yet.

        Args:
            calls: as `checked_calls` gives them.
            said: what the model said before it called.
            room_tokens: what the turn may add to the context.

        Raises:
            ModelError: the next context could not hold the calls.
        """
        self._taken_tokens += await count_long(self._core.counter, said + encode_json(calls).decode())
        needed = self._taken_tokens + MESSAGE_TOKENS * len(calls)
        if needed > room_tokens:
            raise ModelError(
                f"The calls that the model asks for need {needed} tokens of the next context, and {room_tokens} are "
                "left. None was run. Raise context_tokens, or lower max_output_tokens."
            )

    async def run(
        self, calls: Sequence[JsonObject], said: str, room_tokens: int, is_stopped: Callable[[], bool]
    ) -> None:
        """Records calls that were admitted, saves, runs each, records its result, saves: none runs twice after a crash.

        Args:
            is_stopped: whether the reply was cut off; functions that wait for their turn do not run then.
        """
        self._said.append(await self._record("assistant", said or None, tool_calls=calls))
        for place, call in enumerate(calls):
            self._is_begun = False
            try:
                await self._host.autosave_now(self._core)
                left = int(room_tokens * (1 - SPARE_SHARE)) - self._taken_tokens - MESSAGE_TOKENS * len(calls)
                await self._run_one(call, left, is_stopped())
            except BaseException:  # mostly it was cancelled
                await self._give_up(calls[place:])
                raise
        await self._host.autosave_now(self._core)

    async def _give_up(self, calls: Sequence[JsonObject]) -> None:
        """Completes the pairs of a turn that ends here, so that the model is told what is known of each call."""
        why = BEGUN if self._is_begun else NOT_RUN
        for call in calls:
            name = call["function"]["name"]
            await self._record("tool", failure(why), name=name, tool_call_id=call["id"])
            why = NOT_RUN

    def check_no_batch(self) -> None:
        """Refuses functions in a batch: a crash would lose the record of them, and they would run a second time."""
        if self._core.in_batch:
            raise ConfigurationError(
                "A turn whose model may call functions cannot be inside batch_update(): each call is saved before it "
                "runs, and nothing is saved before the block ends. Leave the block first.",
                option="enable_functions",
            )

    def heard_after_calls(self, heard: str) -> str:
        """What was heard of the text that came after the last calls, so that none is recorded twice.

        Args:
            heard: what reached the person of the whole reply; a message before calls that was cut off is marked.
        """
        for message in self._said:
            content = message.content or ""
            if heard.startswith(content):
                heard = heard[len(content) :]
            elif content.startswith(heard):
                cut_off(self._core, message, heard)
                return ""
        return heard

    async def _run_one(self, call: JsonObject, left_tokens: int, is_stopped: bool) -> None:
        core, name = self._core, call["function"]["name"]
        core.signal("function.called", conversation_id=self._conversation_id, function=name)
        started = core.clock.monotonic()
        if is_stopped:
            result, worked = failure("it was not run: the reply was interrupted"), False
        else:
            self._is_begun = True
            result, worked = await self._functions.run(name, call["function"]["arguments"])
        tokens = await count_long(core.counter, result)
        if tokens > left_tokens and worked:
            why = f"its result has {tokens} tokens, and {max(left_tokens, 0)} fit here; ask for less"
            result, worked = failure(why), False
            tokens = core.counter.count(result)
        self._taken_tokens += tokens + MESSAGE_TOKENS
        now = core.now()
        completed = FunctionCompleted(
            at=now,
            conversation_id=self._conversation_id,
            function=name,
            worked=worked,
            duration_ms=max(0.0, (core.clock.monotonic() - started) * 1000),
            local_day=local_day(core, now),
        )
        await self._record("tool", result, completed, name=name, tool_call_id=call["id"])

    async def _record(self, role: Any, content: str | None, *more: Change, **fields: Any) -> Message:
        message = await new_message(
            self._core, self._conversation_id, role, content, message_id=self._next_id(), **fields
        )
        self._core.record(*additions(self._core, [message], by_hour=False), *more)
        return message


def checked_calls(calls: Sequence[Any]) -> list[JsonObject]:
    """The calls in the one form that is recorded: every one with an id of its own, a name, arguments as text.

    Args:
        calls: dicts in the OpenAI form.

    Returns:
        New dicts.

    Raises:
        ModelError: one of them is no dict, or names no function.

    Example:
        >>> checked_calls([{"id": "a", "function": {"name": "now"}}])
        [{'id': 'a', 'type': 'function', 'function': {'name': 'now', 'arguments': ''}}]
    """
    checked: list[JsonObject] = []
    seen: set[str] = set()
    for place, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise ModelError(
                f"Call {place} of the model is in no form that can be read: it names no function. Give dicts of the "
                'form {"id": ..., "function": {"name": ..., "arguments": ...}}; objects of a client have model_dump().'
            )
        call_id = str(call.get("id") or "")
        if not call_id or call_id in seen:
            call_id = f"{call_id or 'call'}_{place}"
        seen.add(call_id)
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = _as_json(place, arguments) if arguments is not None else ""
        named = {"name": _plain(str(function.get("name") or "")), "arguments": _plain(arguments)}
        checked.append({"id": _plain(call_id), "type": "function", "function": named})
    return checked


def _as_json(place: int, arguments: object) -> str:
    try:
        return encode_json(arguments).decode()
    except ENCODING_ERRORS as error:
        raise ModelError(f"The arguments of call {place} of the model are no JSON.") from error


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
