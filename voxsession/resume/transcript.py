"""What was said in a call, as messages of its conversation and as items of the platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from voxsession.core.message import Message
from voxsession.core.types import JsonObject, copy_json, decode_json
from voxsession.errors import ConfigurationError

__all__ = ["functions_said", "items_of", "messages_of"]

_ROLES = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "bot": "assistant",
    "agent": "assistant",
}
_SAID_BY = {
    "input": "user",
    "user": "user",
    "user_input": "user",
    "output": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "response": "assistant",
    "system": "system",
}
_PLAIN_TYPES = {"user": "input", "assistant": "output", "system": "system"}
_TEXTS = ("text", "content", "transcript", "message")
_UNSPOKEN = ("audio", "function_call", "tool_calls")
_ITEM, _TEXT_KEY = "call_item", "call_text"


def items_of(messages: Iterable[Message]) -> list[JsonObject]:
    """The messages as items, oldest first; erased ones are left out."""
    return [_item(message) for message in messages if not message.redacted]


def messages_of(
    before: Sequence[JsonObject], items: Sequence[JsonObject], first_place: int
) -> list[JsonObject]:
    """The messages of items that come behind others.

    Args:
        before: the items that they come behind.
        items: what is said.
        first_place: where the first of them stands in the history that was given, for what is told of a wrong one.

    Raises:
        ConfigurationError: an item says who spoke and has no text, under no name that is known.
    """
    for place, item in enumerate(items, first_place):
        _check_spoken(place, item)
    return _messages([*before, *items])[len(before) :]


def functions_said(messages: Iterable[Message], said_before: int) -> list[JsonObject]:
    """The functions that the model called in the conversation itself.

    Args:
        messages: what was said.
        said_before: how many of them were said before the call was last resumed: what was begun there and has no
            result never will have one.
    """
    found: dict[str, JsonObject] = {}
    for place, message in enumerate(messages):
        for call in message.tool_calls or ():
            function = call.get("function") if isinstance(call.get("function"), dict) else {}
            assert isinstance(function, dict)
            found[str(call.get("id"))] = {
                "call_id": str(call.get("id")),
                "name": function.get("name"),
                "arguments": _arguments(function.get("arguments")),
                "status": "unknown" if place < said_before else "begun",
                "source": "conversation",
            }
        answered = message.tool_call_id or _noted_answer(message)
        if answered in found:
            found[answered] |= {"status": "completed", "result": message.content}
    return list(found.values())


def _noted_answer(message: Message) -> str | None:
    """The call that an output belongs to which came later than right behind it."""
    item = (message.metadata or {}).get(_ITEM)
    if not isinstance(item, dict) or item.get("type") != "function_call_output":
        return None
    call_id = item.get("call_id")
    return call_id if isinstance(call_id, str) else None


def _arguments(given: object) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return decode_json(given or "{}")
    except ValueError:
        return given


# --- one item, one message


def _item(message: Message) -> JsonObject:
    kept = (message.metadata or {}).get(_ITEM)
    if isinstance(kept, dict):
        key = (message.metadata or {}).get(_TEXT_KEY)
        own: JsonObject = copy_json(kept)  # the message is never changed by whoever changes the item
        return {**own, key: message.content} if isinstance(key, str) else own
    if message.tool_calls:
        said = {"text": message.content} if message.content else {}
        return {"type": "function_call", "calls": message.tool_calls, **said}
    if message.role == "tool":
        return {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}
    return {"type": _PLAIN_TYPES[message.role], "text": message.content}


def _messages(items: Iterable[JsonObject]) -> list[JsonObject]:
    """The messages of items; what would not stay in its place is a note.

    That is an output that does not follow its call, and a call under an id that was called before.
    """
    made: list[JsonObject] = []
    waiting: set[str] = set()
    called: set[str] = set()
    for item in items:
        message = _message(item)
        ids = {str(call.get("id")) for call in message.get("tool_calls") or ()}
        if message.get("tool_call_id") in waiting:
            waiting.discard(message["tool_call_id"])
        else:
            if message["role"] == "tool" or ids & called:
                message = {
                    "role": "system",
                    "content": message["content"] or "",
                    "metadata": message["metadata"],
                }
                ids = set()
            waiting = ids
        called |= ids
        made.append(message)
    return made


def _message(item: JsonObject) -> JsonObject:
    """The message of an item; what the item has besides its text is kept with it, so that it comes back as it was."""
    kind = item.get("type")
    if kind == "function_call" and (calls := _calls(item)):
        return {"role": "assistant", "content": None, "tool_calls": calls, "metadata": {_ITEM: item}}
    if kind == "function_call_output" and isinstance(item.get("call_id"), str):
        output = item.get("output")
        content = output if isinstance(output, str) else ""
        rest = {name: value for name, value in item.items() if name != "output" or value != content}
        return {
            "role": "tool",
            "content": content,
            "tool_call_id": item["call_id"],
            "metadata": {_ITEM: rest, **({_TEXT_KEY: "output"} if isinstance(output, str) else {})},
        }
    return _spoken(item)


def _spoken(item: JsonObject) -> JsonObject:
    role = _ROLES.get(str(item.get("role")).lower()) or _SAID_BY.get(str(item.get("type")).lower())
    key = next((name for name in _TEXTS if isinstance(item.get(name), str)), None)
    text = item[key] if key is not None else _parts(item.get("content"))
    if not str(text).strip():
        role = "system"  # nobody said anything: a mark, a silence
    rest = {name: value for name, value in item.items() if name != key}
    role = role or ("user" if key is not None else "system")
    message: JsonObject = {"role": role, "content": text}
    if key == "text" and rest == {"type": _PLAIN_TYPES[role]}:
        return message
    return {**message, "metadata": {_ITEM: rest, **({_TEXT_KEY: key} if key is not None else {})}}


def _check_spoken(place: int, item: JsonObject) -> None:
    """Refuses an item whose text has another name than is known: it would be a note that nobody is told of."""
    kinds = (str(item.get("role")).lower() in _ROLES, str(item.get("type")).lower() in _SAID_BY)
    if any(kinds) and not any(name in item for name in (*_TEXTS, *_UNSPOKEN)):
        raise ConfigurationError.out_of_range(
            f"conversation_history[{place}]",
            sorted(item),
            "it says who spoke, but not what; the words stand under " + ", ".join(_TEXTS),
        )


def _parts(content: object) -> str:
    """The text of an item that has it in parts."""
    parts = content if isinstance(content, list) else ()
    texts = [
        part[name]
        for part in parts
        if isinstance(part, Mapping)
        for name in ("text", "transcript")
        if isinstance(part.get(name), str)
    ]
    return " ".join(texts)


def _calls(item: JsonObject) -> list[JsonObject]:
    if isinstance(item.get("calls"), list):
        return [call for call in item["calls"] if isinstance(call, dict)]
    name, call_id = item.get("name"), item.get("call_id") or item.get("id")
    if not isinstance(name, str) or not isinstance(call_id, str):
        return []
    arguments = item.get("arguments")
    text = arguments if isinstance(arguments, str) else "{}"
    return [{"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}]
