"""One answer of a chat endpoint, put together from its pieces; whatever it sends, the outcome is text or an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from voxsession.core.message import Usage
from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject, decode_json, encode_json
from voxsession.models.base import ModelCallError, Reply

__all__ = ["AnswerReader", "ErrorAnswer"]

CUT_OFF = "cut off"  # no JSON, so that no function runs on arguments that never came
_CUTTING = ("length", "content_filter")


class ErrorAnswer(Exception):
    """What a server says in the form of an answer is an error.

    Attributes:
        message: its words; `code`, `type` and `param` as the endpoint's own errors have them.
    """

    def __init__(self, body: Any) -> None:
        said = body if isinstance(body, dict) else {"message": body}
        self.message = str(said.get("message") or "")
        self.body = said
        self.code, self.type, self.param = said.get("code"), said.get("type"), said.get("param")
        super().__init__(self.message)


class _Call(Struct):
    id: str = ""
    name: str = ""
    arguments: str = ""


class AnswerReader:
    """Takes the chunks of a stream, or a whole completion, and gives text, calls and usage.

    The first finish reason ends the answer: what a server sends as text after it is not part of it.

    Args:
        call_prefix: begins the ids of calls that came without one.
        taken: ids that earlier calls have; some servers give the same again and again.

    Attributes:
        finish_reason: why the answer ended; None while it has not.
    """

    def __init__(self, call_prefix: str = "call_", taken: Iterable[str] = ()) -> None:
        self._prefix = call_prefix
        self._taken = frozenset(taken)
        self._calls: list[_Call] = []
        self._open: dict[object, _Call] = {}
        self._usage: Usage | None = None
        self._has_text = False
        self._foreign = ""
        self.finish_reason: str | None = None

    def take(self, piece: Any) -> str:
        """The text that a chunk or a whole completion adds.

        Args:
            piece: an object with `choices` and, in the last chunk, `usage`.

        Returns:
            Its text; empty where it has none.

        Raises:
            ModelCallError: it does not have the form of a chat completion.
            ErrorAnswer: it is an error.
        """
        self._usage = _usage(getattr(piece, "usage", None), getattr(piece, "model", None)) or self._usage
        choices = getattr(piece, "choices", None)
        if choices is None:
            return self._take_foreign(piece)
        if not isinstance(choices, list):
            raise _bad(f"its choices are a {type(choices).__name__}")
        choice = next((one for one in choices if not getattr(one, "index", 0)), None)
        if choice is None or self.finish_reason is not None:
            return ""
        text = self._take_choice(getattr(choice, "delta", None) or getattr(choice, "message", None))
        reason = getattr(choice, "finish_reason", None)
        self.finish_reason = str(reason) if reason else None
        self._has_text = self._has_text or bool(text)
        return text

    def closing(self, *, is_whole: bool = False) -> Reply:
        """The closing word: calls and usage, without the text that was given already.

        Args:
            is_whole: it came in one piece, which needs no finish reason to be known as whole.

        Raises:
            ModelCallError: the answer never ended, or a filter withheld all of it.
        """
        if self.finish_reason is None and not (is_whole and (self._has_text or self._calls)):
            if self._foreign and not self._has_text:
                raise _bad(
                    f"it holds no choices but is a {self._foreign}. Look at base_url: mostly it ends in /v1"
                )
            raise ModelCallError(
                "The model's answer broke off: it ended without a finish reason. What had come is kept.",
                kind="connection",
            )
        if self.finish_reason == "content_filter" and not (self._has_text or self._calls):
            raise ModelCallError("The model's answer was withheld by a content filter.", kind="filtered")
        return Reply(usage=self._usage, tool_calls=self._called())

    def _take_foreign(self, piece: Any) -> str:
        """Takes what has no choices: the usage, an error, or a sign of life, as some gateways send."""
        error = getattr(piece, "error", None)
        if error is None and getattr(piece, "object", None) == "error":
            error = {name: getattr(piece, name, None) for name in ("message", "code", "type", "param")}
        if error:
            raise ErrorAnswer(error)
        if isinstance(piece, str):
            raise _foreign("str")
        self._foreign = type(piece).__name__
        return ""

    def _take_choice(self, said: Any) -> str:
        if said is None or isinstance(said, str):
            return ""
        for delta in getattr(said, "tool_calls", None) or ():
            self._take_call(delta)
        return _text(getattr(said, "content", None)) + _text(getattr(said, "refusal", None))

    def _take_call(self, delta: Any) -> None:
        function = getattr(delta, "function", None)
        given, name = str(getattr(delta, "id", None) or ""), str(getattr(function, "name", None) or "")
        arguments = getattr(function, "arguments", None)
        if isinstance(arguments, dict):
            arguments = encode_json(arguments).decode()
        piece = _Call(given, name, str(arguments or ""))
        call = self._call_of(getattr(delta, "index", None), piece)
        if call.name == name and call.arguments == piece.arguments and _is_whole(call):
            return  # some servers say the whole call once more when it is over
        call.id = call.id or given
        if not call.arguments:
            # In pieces, or all that has come so far each time.
            call.name = name if name.startswith(call.name) else call.name + name
        call.name = call.name or name
        call.arguments += piece.arguments

    def _call_of(self, index: object, piece: _Call) -> _Call:
        """The call that a piece belongs to; some servers give all of them one index, or none, or no ids."""
        if isinstance(index, int):
            call = self._open.get(index)
        elif piece.id:
            call = self._open.get(piece.id)
        else:
            call = self._calls[-1] if self._calls and not piece.name else None
        if call is None or _is_another(call, piece):
            call = _Call()
            self._calls.append(call)
            self._open[index if isinstance(index, int) else piece.id] = call
        return call

    def _called(self) -> list[JsonObject]:
        if self.finish_reason in _CUTTING and self._calls and not self._calls[-1].arguments:
            self._calls[-1].arguments = CUT_OFF
        made: list[JsonObject] = []
        seen = set(self._taken)
        for number, call in enumerate(self._calls):
            call_id = call.id if call.id and call.id not in seen else f"{self._prefix}{number}"
            seen.add(call_id)
            function = {"name": call.name, "arguments": call.arguments}
            made.append({"id": call_id, "type": "function", "function": function})
        return made


def _is_another(call: _Call, piece: _Call) -> bool:
    """Whether a piece begins another call than the one that its place in the stream says."""
    if piece.id and call.id and piece.id != call.id:
        return True
    if not piece.name or not _is_whole(call):
        return False
    if piece.name != call.name:
        return True
    return piece.arguments not in ("", call.arguments)


def _is_whole(call: _Call) -> bool:
    try:
        return bool(call.arguments) and isinstance(decode_json(call.arguments), dict)
    except ValueError:
        return False


def _text(content: Any) -> str:
    """The text of a content: a `str`, or parts of which the text ones count."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    raise _bad(f"its content is a {type(content).__name__}")


def _usage(given: Any, model: object) -> Usage | None:
    sent, made = getattr(given, "prompt_tokens", None), getattr(given, "completion_tokens", None)
    if not isinstance(sent, int) or not isinstance(made, int) or sent < 0 or made < 0:
        return None
    name = model[:100] if isinstance(model, str) and model else None
    return Usage(input_tokens=sent, output_tokens=made, estimated=False, model=name)


def _bad(why: str) -> ModelCallError:
    return ModelCallError(f"The model's answer cannot be read: {why}.", kind="bad_answer")


def _foreign(kind: str) -> ModelCallError:
    return _bad(f"it holds no choices but is a {kind}. Look at base_url: mostly it ends in /v1")
