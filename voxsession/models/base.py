"""What answers: the contract of a model, its request, its reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from voxsession.core.config import SessionConfig
from voxsession.core.message import Message, Usage
from voxsession.core.struct import Struct, field
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError, ContextTooLongError, ModelCallError
from voxsession.memory.context import Context

__all__ = [
    "ContextTooLongError",
    "Model",
    "ModelCallError",
    "ModelLike",
    "ModelRequest",
    "Reply",
    "checked_model",
]


class Reply(str):
    """What the model answered: a `str` that knows where it came from.

    Attributes:
        text: the same text as a plain `str`.
        message: the recorded message (set by the conversation).
        usage: tokens it took.
        context: what was sent to the model (set by the conversation).
        interrupted: it was cut off; the text is what was delivered or heard.
        tool_calls: functions that the model asks for, in the OpenAI form (`id`, `function.name`,
            `function.arguments` as JSON text).

    None as the text or the calls is none, as chat endpoints answer.

    Raises:
        ConfigurationError: the text is no `str`.

    Example:
        >>> reply = Reply("Hello!")
        >>> reply.upper(), reply.interrupted
        ('HELLO!', False)
    """

    message: Message | None
    usage: Usage | None
    context: Context | None
    interrupted: bool
    tool_calls: list[JsonObject]

    def __new__(
        cls,
        text: str | None = "",
        *,
        message: Message | None = None,
        usage: Usage | None = None,
        context: Context | None = None,
        interrupted: bool = False,
        tool_calls: Sequence[JsonObject] | None = (),
    ) -> Reply:
        """Makes a reply of a text and what is known about it."""
        # str() would make a text of anything, and "None" would be said to the person.
        if not isinstance(text, str):
            if text is not None:
                raise ConfigurationError.out_of_range("text", type(text).__name__, "a str is needed")
            text = ""
        reply = super().__new__(cls, text)
        reply.message = message
        reply.usage = usage
        reply.context = context
        reply.interrupted = interrupted
        reply.tool_calls = list(tool_calls or ())
        return reply

    @property
    def text(self) -> str:
        """The reply as a plain `str`."""
        return str.__str__(self)


class ModelRequest(Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        messages: dicts with `role`, `content` and, where known, `name`, `tool_calls`, `tool_call_id`.
        config: the session's settings.
        functions: schemas of the functions the model may call, in the OpenAI form; empty where it may not.
        context: how `messages` came about, with the memories and past messages chosen.
    """

    messages: list[JsonObject]
    config: SessionConfig
    functions: list[JsonObject] = field(default_factory=list)
    context: Context
    session_id: str
    conversation_id: str

    def __repr__(self) -> str:
        return f"ModelRequest(session_id={self.session_id!r}, {len(self.messages)} messages)"


@runtime_checkable
class Model(Protocol):
    """An object that answers; an `async def model(request)` does as well.

    `respond` gives a `Reply`, a `str`, or an async iterator of text chunks, either
    at once or when awaited. A `Reply` in a stream is its closing word: calls, usage,
    and the whole text, of which only what was not streamed yet is delivered.
    It never writes to the session.
    """

    def respond(self, request: ModelRequest, /) -> Any:
        """Answers the newest message of `request`."""
        ...


ModelLike: TypeAlias = (
    Model | Callable[[ModelRequest], Awaitable[str | AsyncIterator[str]] | AsyncIterator[str] | str]
)


def checked_model(model: Any) -> Any:
    """The model, if it is one; else the error comes where it is given, and not with the first message.

    Raises:
        ConfigurationError: it has no `respond` and is no callable; it is a class, or the name of a model.
    """
    if callable(getattr(model, "respond", model)) and not isinstance(model, type):
        return model
    allowed = "an object with respond(request), or an async callable, is needed"
    if isinstance(model, str):
        allowed += "; a service's model by its name is OpenAIModel(model=...)"
    if isinstance(model, type):
        allowed += f", and {model.__name__} is a class: make one with {model.__name__}(...)"
    raise ConfigurationError.out_of_range("model", model, allowed)
