"""Making messages of what an app or a model gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from voxsession.core.message import ROLES, Message, Role
from voxsession.core.types import JsonObject, as_utc, check_json, check_text
from voxsession.errors import ConfigurationError
from voxsession.memory.tokens import SHORT_CHARACTERS, count_long
from voxsession.session.live import LiveCore

__all__ = ["message_from_dict", "new_message", "new_message_id", "storable"]

_KEYS = frozenset({"role", "content", "name", "at", "metadata", "tool_calls", "tool_call_id"})


async def new_message(
    core: LiveCore,
    conversation_id: str,
    role: Role,
    content: str | None,
    *,
    name: str | None = None,
    at: datetime | None = None,
    metadata: JsonObject | None = None,
    tool_calls: Sequence[JsonObject] | None = None,
    tool_call_id: str | None = None,
    message_id: str | None = None,
    origin: str = "said",
) -> Message:
    """A checked message with its id, time and size.

    Raises:
        ConfigurationError: the text is empty, no str or no Unicode; the metadata is not JSON-ready.
    """
    if content is not None:
        _check_content(content, allow_empty=role != "user")
        is_short = len(content) <= SHORT_CHARACTERS
        tokens = core.counter.count(content) if is_short else await count_long(core.counter, content)
    elif not tool_calls:
        raise ConfigurationError(
            "content is missing: only a message with tool_calls can be without.", option="content"
        )
    else:
        tokens = 0
    return Message(
        id=message_id or new_message_id(core),
        conversation_id=conversation_id,
        role=ROLES[ROLES.index(role)],  # bare, where the app gave a member of an enumeration
        content=content,
        at=at or core.now(),
        name=name,
        metadata=None if metadata is None else _json("metadata", metadata, dict),
        token_count=tokens,
        estimated=not core.counter.exact,
        tool_calls=_calls("tool_calls", tool_calls) if tool_calls else None,
        tool_call_id=tool_call_id,
        origin=origin,
    )


def _check_content(content: object, *, allow_empty: bool) -> None:
    if isinstance(content, (list, tuple)):
        raise ConfigurationError.out_of_range(
            "content",
            type(content).__name__,
            "a str is needed; of a list of parts give the text of those that have one",
        )
    check_text("content", content, allow_empty=allow_empty)


def storable(text: str) -> str:
    """A bare str that can be stored: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def new_message_id(core: LiveCore, first: str | None = None, place: int = 0) -> str:
    """An id that no other message of the session has; those said together share the front of it.

    50 random bits for each turn are enough within one session, and a shared front packs to nearly nothing.
    """
    return f"{first}.{place}" if first and place else first or core.clock.new_id("m")[:12]


async def message_from_dict(
    core: LiveCore, conversation_id: str, given: object, place: int, message_id: str
) -> Message:
    """The message of one dict of `add_messages`; errors name its place in the list."""
    where = f"messages[{place}]"
    if not isinstance(given, (dict, Mapping)):
        raise ConfigurationError.out_of_range(
            where, type(given).__name__, "a dict with role and content is needed"
        )
    if not given.keys() <= _KEYS:
        raise ConfigurationError.out_of_range(
            where,
            sorted(map(str, set(given) - _KEYS)),
            f"known keys are {', '.join(sorted(_KEYS))}; leave others out, or put them into metadata",
        )
    role = given.get("role")
    if role not in ROLES:
        raise ConfigurationError.out_of_range(f"{where}.role", role, "choose one of " + ", ".join(ROLES))
    if len(given) == 2 and "content" in given:  # as most are
        content = given["content"]
        try:
            return await new_message(core, conversation_id, role, content, message_id=message_id)
        except ConfigurationError as error:
            raise _of_place(where, error) from None
    at, name = given.get("at"), given.get("name")
    try:
        return await new_message(
            core,
            conversation_id,
            role,
            given.get("content"),
            name=None if name is None else check_text("name", name, allow_empty=False),
            at=None if at is None else as_utc("at", at),
            metadata=given.get("metadata"),
            tool_calls=_calls("tool_calls", given.get("tool_calls")),
            tool_call_id=_optional_str("tool_call_id", given.get("tool_call_id")),
            message_id=message_id,
        )
    except ConfigurationError as error:
        raise _of_place(where, error) from None


def _of_place(where: str, error: ConfigurationError) -> ConfigurationError:
    return ConfigurationError(f"{where}: {error}", option=f"{where}.{error.option}", value=error.value)


def _json(option: str, value: Any, kind: type) -> Any:
    if value is None:
        return None
    checked = check_json(option, value)
    if not isinstance(checked, kind):
        raise ConfigurationError.out_of_range(option, type(value).__name__, f"a {kind.__name__} is needed")
    return checked


def _calls(option: str, value: Any) -> list[JsonObject] | None:
    calls: list[JsonObject] | None = _json(option, value, list)
    for place, call in enumerate(calls or ()):
        if not isinstance(call, dict):
            raise ConfigurationError.out_of_range(
                f"{option}[{place}]", type(call).__name__, "a dict in the OpenAI form is needed"
            )
    return calls


def _optional_str(option: str, value: Any) -> str | None:
    return None if value is None else check_text(option, value, allow_empty=False)
