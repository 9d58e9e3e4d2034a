"""A model that says what a test wrote down, and refuses what a chat endpoint would refuse."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

from voxsession.core.message import ROLES
from voxsession.core.types import JsonObject, check_number
from voxsession.errors import ModelError
from voxsession.models.base import ModelRequest, Reply

__all__ = ["ScriptedModel", "refuse_bad_messages"]

Answer: TypeAlias = str | BaseException | Callable[[ModelRequest], Any]
_WORD = re.compile(r"\s*\S+\s*")


class ScriptedModel:
    """Answers with the given answers, in order, and keeps every request.

    An answer is a `str`, a `Reply` (with `tool_calls` where functions are to be called), an exception,
    which is raised, or a function of the request that gives one of these, also when awaited.

    Args:
        answers: what it says, first to last.
        stream: whether it gives its texts as chunks; replies that call functions come whole.
        chunks: words in one chunk (1 where only `stream` is given); a number turns streaming on.
        delay_seconds: pause before the answer, or before each chunk.

    Attributes:
        requests: the requests so far, refused ones too.

    Raises:
        ModelError: by `respond`, for messages that a chat endpoint refuses, and when the script is used up.

    Example:
        >>> model = ScriptedModel(["Hello!", "Bye!"])
        >>> model.remaining, model.requests
        (2, [])
    """

    def __init__(
        self,
        answers: Sequence[Answer] = (),
        *,
        stream: bool = False,
        chunks: int | None = None,
        delay_seconds: float = 0,
    ) -> None:
        self._answers = [answers] if isinstance(answers, str) else list(answers)
        self._chunk_words = int(check_number("chunks", 1 if chunks is None else chunks, 1, 1e9, whole=True))
        self._stream = stream or chunks is not None
        self._delay = check_number("delay_seconds", delay_seconds, 0, 1e9)
        self._next = 0
        self.requests: list[ModelRequest] = []

    @property
    def remaining(self) -> int:
        """How many answers are left."""
        return len(self._answers) - self._next

    async def respond(self, request: ModelRequest) -> Reply | AsyncIterator[str]:
        """The next answer of the script."""
        self.requests.append(request)
        refuse_bad_messages(request.messages)
        if not self.remaining:
            raise ModelError(
                f"The script has {len(self._answers)} answers, and this is request {len(self.requests)}. "
                "Give ScriptedModel one more answer, or look at its .requests for a call too many."
            )
        answer: Any = self._answers[self._next]
        self._next += 1
        if not self._stream:
            await asyncio.sleep(self._delay)
        if callable(answer):
            answer = answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        if self._stream and isinstance(answer, str) and not getattr(answer, "tool_calls", None):
            return self._chunks(answer)
        # Anything else goes out as it is, so that a test can give what no model should.
        return Reply(answer) if type(answer) is str else answer

    async def _chunks(self, text: str) -> AsyncIterator[str]:
        words = _WORD.findall(text)
        for start in range(0, len(words), self._chunk_words):
            await asyncio.sleep(self._delay)
            yield "".join(words[start : start + self._chunk_words])

    def __repr__(self) -> str:
        return f"ScriptedModel({len(self._answers)} answers, {self.remaining} left)"


def refuse_bad_messages(messages: Sequence[JsonObject]) -> None:
    """Raises what a chat endpoint would answer to these messages; silent where it would take them.

    Args:
        messages: dicts in the chat form.

    Raises:
        ModelError: there are none; a role is unknown; a text is no `str`; a tool result answers no call
            before it; or a call has no result before the next message that is not one.

    Example:
        >>> refuse_bad_messages([{"role": "user", "content": "Hello"}])
    """
    if not messages:
        raise ModelError("Refused: there are no messages. Send at least one.")
    open_calls: set[str] = set()
    for place, message in enumerate(messages):
        role = message.get("role")
        if role not in ROLES:
            raise _refused(place, f"its role is {role!r:.40}; known are {', '.join(ROLES)}")
        if role == "tool":
            call = message.get("tool_call_id")
            if call not in open_calls:
                raise _refused(place, f"it is the result of {call!r:.60}, and no call of that id is open")
            open_calls.discard(call)
        elif open_calls:
            raise _refused(place, f"the calls {sorted(open_calls)} before it have no result")
        calls = message.get("tool_calls") or []
        if role != "assistant" and calls:
            raise _refused(place, f"a {role} message cannot call functions")
        if not isinstance(message.get("content"), str) and not (calls and message.get("content") is None):
            raise _refused(place, f"its content is a {type(message.get('content')).__name__}, not a str")
        open_calls |= {str(call.get("id")) for call in calls}
    if open_calls:
        raise ModelError(f"Refused: the calls {sorted(open_calls)} have no result.")


def _refused(place: int, why: str) -> ModelError:
    return ModelError(f"Refused: message {place}: {why}.")
