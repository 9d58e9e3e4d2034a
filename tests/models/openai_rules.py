"""What a chat completions endpoint refuses, in its own words and with its own codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
KNOWN = {
    "frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "messages", "model", "n",
    "parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed", "stop", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_p", "user",
}  # fmt: skip


@dataclass
class Refusal:
    """An error answer."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None


def refusal_of(
    body: Any, given_key: str, key: str, models: Sequence[str], context_tokens: int, echo_key: bool
) -> Refusal | None:
    """The first thing that is wrong with a request; None where nothing is."""
    if not given_key:
        return Refusal(401, "You didn't provide an API key. You need to provide your API key in an header.")
    if given_key != key:
        shown = given_key if echo_key else f"{given_key[:3]}***{given_key[-4:]}"
        return Refusal(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")
    if not isinstance(body, dict):
        return Refusal(400, "We could not parse the JSON body of your request.")
    if body.get("model") not in models:
        return Refusal(
            404,
            f"The model `{body.get('model')}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    found = [*_parameters(body), *_messages(body.get("messages")), *_tools(body.get("tools"))]
    return found[0] if found else _too_long(body, context_tokens)


def size_of(body: dict[str, Any]) -> int:
    """Tokens of messages and functions: one for four characters."""
    return len(json.dumps([body.get("messages"), body.get("tools") or ""], ensure_ascii=False)) // 4


def _too_long(body: dict[str, Any], limit: int) -> Refusal | None:
    sent = size_of(body)
    room = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    if sent + room <= limit:
        return None
    return Refusal(
        400,
        f"This model's maximum context length is {limit} tokens. However, you requested {sent + room} tokens "
        f"({sent} in the messages, {room} in the completion). Please reduce the length of the messages or "
        "completion.",
        "messages",
        "context_length_exceeded",
    )


def _parameters(body: dict[str, Any]) -> Iterator[Refusal]:
    for name in body.keys() - KNOWN:
        yield Refusal(400, f"Unrecognized request argument supplied: {name}")
    if "stream_options" in body and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield Refusal(400, message, "stream_options")
    if "max_tokens" in body and "max_completion_tokens" in body:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        yield Refusal(400, message, code="invalid_parameter_combination")
    heat = body.get("temperature", 1)
    if not isinstance(heat, (int, float)) or not 0 <= heat <= 2:
        message = f"Invalid 'temperature': expected a value between 0 and 2, but got {heat} instead."
        yield Refusal(400, message, "temperature", "decimal_above_max_value")
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body and (not isinstance(body[name], int) or body[name] < 1):
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1."
            yield Refusal(400, message, name, "integer_below_min_value")


def _messages(messages: Any) -> Iterator[Refusal]:
    if not isinstance(messages, list) or not messages:
        yield Refusal(400, "Invalid 'messages': empty array.", "messages", "empty_array")
        return
    waiting: list[str] = []
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        role = message.get("role")
        if role not in ROLES:
            known = ", ".join(f"'{name}'" for name in ROLES)
            yield Refusal(
                400,
                f"Invalid value: '{role}'. Supported values are: {known}.",
                f"{where}.role",
                "invalid_value",
            )
        if role == "tool":
            yield from _result(message, waiting, place)
            continue
        if waiting:
            yield _unanswered(waiting, place)
            waiting = []
        yield from _content(message, where)
        yield from _name(message.get("name"), where)
        calls = message.get("tool_calls")
        if calls is not None:
            yield from _calls(message, calls, where)
            waiting = [call.get("id") for call in calls]
    if waiting:
        yield _unanswered(waiting, len(messages))


def _result(message: dict[str, Any], waiting: list[str], place: int) -> Iterator[Refusal]:
    if message.get("tool_call_id") not in waiting:
        yield Refusal(
            400,
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            f"messages.[{place}].role",
        )
    else:
        waiting.remove(message["tool_call_id"])
    yield from _content(message, f"messages[{place}]")


def _unanswered(waiting: list[str], place: int) -> Refusal:
    return Refusal(
        400,
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(waiting),
        f"messages.[{place}].role",
    )


def _content(message: dict[str, Any], where: str) -> Iterator[Refusal]:
    content = message.get("content")
    if content is None and message.get("role") == "assistant" and message.get("tool_calls"):
        return
    if not isinstance(content, str):
        kind = "null" if content is None else type(content).__name__
        yield Refusal(400, f"Invalid value for 'content': expected a string, got {kind}.", f"{where}.content")


def _name(name: Any, where: str) -> Iterator[Refusal]:
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        yield Refusal(
            400,
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]{1,64}$'.",
            f"{where}.name",
            "invalid_value",
        )


def _calls(message: dict[str, Any], calls: Any, where: str) -> Iterator[Refusal]:
    if message.get("role") != "assistant":
        yield Refusal(
            400, f"Unknown parameter: '{where}.tool_calls'.", f"{where}.tool_calls", "unknown_parameter"
        )
    if not isinstance(calls, list) or not calls:
        yield Refusal(
            400, f"Invalid '{where}.tool_calls': empty array.", f"{where}.tool_calls", "empty_array"
        )
        return
    seen: set[str] = set()
    for number, call in enumerate(calls):
        here = f"{where}.tool_calls[{number}]"
        call_id, function = call.get("id"), call.get("function") or {}
        if not isinstance(call_id, str) or len(call_id) > 40 or call_id in seen:
            message_ = (
                f"Invalid '{here}.id': a string of at most 40 characters, once in a message, is expected."
            )
            yield Refusal(400, message_, f"{here}.id", "string_above_max_length")
            continue
        seen.add(call_id)
        if call.get("type") != "function":
            yield Refusal(400, f"Missing required parameter: '{here}.type'.", f"{here}.type")
        if not isinstance(function.get("arguments"), str):
            yield Refusal(400, f"Invalid type for '{here}.function.arguments'.", f"{here}.function.arguments")
        yield from _name(function.get("name") or "", f"{here}.function")


def _tools(tools: Any) -> Iterator[Refusal]:
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        yield Refusal(400, "Invalid 'tools': empty array.", "tools", "empty_array")
        return
    for place, tool in enumerate(tools):
        function = tool.get("function") or {}
        name, where = function.get("name"), f"tools[{place}].function"
        yield from _name(name or "", where)
        if len(function.get("description") or "") > 1024:
            yield Refusal(400, f"Invalid '{where}.description': string too long.", f"{where}.description")
        schema = function.get("parameters", {})
        if schema.get("type") != "object":
            yield _bad_schema(
                name,
                place,
                f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'.",
            )
        for why in _schema_faults(schema, ()):
            yield _bad_schema(name, place, why)


def _bad_schema(name: Any, place: int, why: str) -> Refusal:
    message = f"Invalid schema for function '{name}': {why}"
    return Refusal(400, message, f"tools[{place}].function.parameters", "invalid_function_parameters")


def _schema_faults(schema: Any, path: tuple[str, ...]) -> Iterator[str]:
    context = f"In context={path}, "
    if not isinstance(schema, dict):
        yield f"{context}{schema!r} is not of type 'object', 'boolean'."
        return
    kind = schema.get("type")
    if kind is not None and kind not in TYPES:
        yield f"{context}'{kind}' is not valid under any of the given schemas."
    if kind == "array" and "items" not in schema:
        yield f"{context}array schema missing items."
    required = schema.get("required", [])
    if not isinstance(required, list) or any(name not in schema.get("properties", {}) for name in required):
        yield f"{context}'required' names what is not among the properties."
    for name, inner in schema.get("properties", {}).items():
        yield from _schema_faults(inner, (*path, "properties", name))
    for inner in [schema["items"]] if "items" in schema else []:
        yield from _schema_faults(inner, (*path, "items"))
    for inner in schema.get("anyOf", []):
        yield from _schema_faults(inner, (*path, "anyOf"))
