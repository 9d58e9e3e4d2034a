"""Messages and functions as a chat endpoint takes them: names made fit, calls in their one form."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from voxsession.core.types import JsonObject, decode_json, encode_json

__all__ = ["call_ids", "chat_functions", "chat_messages", "fit_name"]

MAX_NAME = 64
MAX_CALL_ID = 40
MAX_DESCRIPTION = 1024
MAX_SHOWN_NAME = 100
NAMES_HEADING = "Names as the speakers write them:\n"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


def chat_messages(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The messages of a request in the form that an OpenAI-compatible endpoint accepts.

    Speakers' names are made of the letters that are allowed there; where that loses
    something, the system message says what the name was. Calls from other systems
    get the one form: an id of at most 40 characters, a name, arguments that are a
    JSON object in a text.

    Args:
        messages: dicts in the chat form, as a `ModelRequest` has them; they are not changed.

    Returns:
        New dicts, in the same order; the same messages always give the same ones.

    Example:
        >>> chat_messages([{"role": "user", "name": "Ann Smith", "content": "Hello"}])
        [{'role': 'user', 'content': 'Hello', 'name': 'Ann_Smith'}]
    """
    names = _fit_names(message.get("name") for message in messages)
    fitted = [_chat_message(message, names) for message in messages]
    lost = {name: fit for name, fit in names.items() if _letters(name) != _letters(fit)}
    return _with_names(fitted, lost) if lost else fitted


def chat_functions(functions: Sequence[JsonObject]) -> list[JsonObject]:
    """The schemas of a request, with descriptions of at most 1,024 characters, as the endpoint demands.

    Args:
        functions: schemas in the OpenAI form.

    Returns:
        New dicts where something had to be shortened, else the same.
    """
    return [_chat_function(function) for function in functions]


def call_ids(messages: Sequence[JsonObject]) -> set[str]:
    """The ids of all calls in the messages of a request.

    Args:
        messages: dicts in the chat form.

    Returns:
        The ids as they were given.
    """
    calls = (call for message in messages for call in message.get("tool_calls") or ())
    return {str(call.get("id")) for call in calls if isinstance(call, dict)}


def fit_name(name: str) -> str:
    """The name in 1 to 64 letters, digits, `_` and `-`; accents go, other scripts leave nothing.

    Args:
        name: any text.

    Returns:
        What is left of it; empty where nothing is.

    Example:
        >>> fit_name("Änne  Müller (Sales)"), fit_name("李雷")
        ('Anne_Muller_Sales', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _UNFIT.sub("_", plain).strip("_")[:MAX_NAME].rstrip("_")


def _fit_names(names: Iterable[object]) -> dict[str, str]:
    """Each name with its fit one; two names never share one."""
    fitted: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not name or name in fitted:
            continue
        base = fit_name(name) or "speaker"
        fit, number = base, 1
        while fit in taken:
            number += 1
            fit = f"{base[: MAX_NAME - 8]}_{number}"
        taken.add(fit)
        fitted[name] = fit
    return fitted


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _with_names(messages: list[JsonObject], names: dict[str, str]) -> list[JsonObject]:
    # As JSON and on one line: a display name is the user's own text and must not pass for an instruction.
    shown = {fit: name[:MAX_SHOWN_NAME] for name, fit in names.items()}
    legend = NAMES_HEADING + encode_json(shown).decode()
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{legend}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": legend}, *messages]


def _chat_message(message: JsonObject, names: dict[str, str]) -> JsonObject:
    fitted: JsonObject = {"role": message.get("role"), "content": message.get("content")}
    name = message.get("name")
    if isinstance(name, str) and name in names and fitted["role"] != "tool":
        fitted["name"] = names[name]
    calls = message.get("tool_calls")
    if calls:
        fitted["tool_calls"] = [_chat_call(call) for call in calls]
    if message.get("tool_call_id") is not None:
        fitted["tool_call_id"] = _call_id(message["tool_call_id"])
    return fitted


def _chat_call(call: Any) -> JsonObject:
    known: JsonObject = call if isinstance(call, dict) else {}
    function = known.get("function")
    if not isinstance(function, dict):
        function = known  # other systems lay name and arguments beside the id
    name = fit_name(str(function.get("name") or "")) or "unnamed"
    arguments = _arguments(function.get("arguments"))
    return {
        "id": _call_id(known.get("id")),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _arguments(given: Any) -> str:
    """A JSON object as text: some servers parse it and refuse the whole request where it is none."""
    if isinstance(given, dict):
        return encode_json(given).decode()
    text = str(given or "{}")
    try:
        if isinstance(decode_json(text), dict):
            return text
    except ValueError:
        pass
    return encode_json({"unreadable": text}).decode()


def _call_id(given: object) -> str:
    text = str(given)
    if len(text) <= MAX_CALL_ID:
        return text
    return "call_" + hashlib.sha256(text.encode()).hexdigest()[: MAX_CALL_ID - 5]


def _chat_function(function: JsonObject) -> JsonObject:
    inner = function.get("function")
    about = inner.get("description") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(about, str) or len(about) <= MAX_DESCRIPTION:
        return function
    shortened = about[: MAX_DESCRIPTION - 1].rstrip() + "…"
    return {**function, "function": {**inner, "description": shortened}}
