"""Functions that a model may call."""

from __future__ import annotations

import asyncio
import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import attrs

from voxsession.core.types import JsonObject, check_json, decode_json, encode_json
from voxsession.errors import ConfigurationError

__all__ = ["Function", "FunctionTable", "schema_of"]

MAX_RESULT_CHARACTERS = 100_000
_JSON_TYPES: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array", tuple: "array",
}  # fmt: skip


@attrs.define(frozen=True, slots=True, kw_only=True)
class Function:
    """A callable with the schema that the model is shown."""

    name: str
    call: Callable[..., Any]
    schema: JsonObject


class FunctionTable:
    """The functions of one conversation, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def register(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Adds a function; one of the same name is replaced."""
        schema = schema_of(call)
        name = schema["function"]["name"]
        self._functions[name] = Function(name=name, call=call, schema=schema)
        return call

    @property
    def schemas(self) -> list[JsonObject]:
        """What the model is shown."""
        return [function.schema for function in self._functions.values()]

    async def run(self, name: str, arguments: str) -> tuple[str, bool]:
        """Calls a function with JSON arguments; its result as text, and whether it worked.

        A failure is a result too: the model is told of it and can mend its call.
        """
        function = self._functions.get(name)
        if function is None:
            known = ", ".join(self._functions) or "none"
            return _failure(f"there is no function {name[:100]!r}; known: {known}"), False
        try:
            given = decode_json(arguments or "{}")
            if not isinstance(given, dict):
                raise ValueError("the arguments are no JSON object")
            inspect.signature(function.call).bind(**given)
        except (ValueError, TypeError) as error:
            return _failure(f"bad arguments: {error}"), False
        try:
            return _as_text(await _invoke(function.call, given)), True
        except Exception as error:
            return _failure(f"{type(error).__name__}: {error}"), False


async def _invoke(call: Callable[..., Any], given: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(call):
        return await call(**given)
    result = await asyncio.to_thread(call, **given)
    return await result if inspect.isawaitable(result) else result


def _as_text(result: Any) -> str:
    text = result if isinstance(result, str) else encode_json(check_json("result", result)).decode()
    text = text.encode("utf-8", "replace").decode()
    if len(text) > MAX_RESULT_CHARACTERS:
        raise ValueError(
            f"the result has {len(text)} characters, at most {MAX_RESULT_CHARACTERS} are allowed"
        )
    return text


def _failure(why: str) -> str:
    return encode_json({"error": why.encode("utf-8", "replace").decode()[:1000]}).decode()


def schema_of(call: Callable[..., Any]) -> JsonObject:
    """The schema of a function, from its signature and docstring, in the OpenAI form.

    Raises:
        ConfigurationError: its name is not fit for a model, or it takes positional-only or starred parameters.

    Example:
        >>> def order_status(order_id: int) -> str:
        ...     "Where an order is."
        >>> schema_of(order_status)["function"]["parameters"]["required"]
        ['order_id']
    """
    name = getattr(call, "__name__", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigurationError.out_of_range(
            "function", name or call, "a named function of 1 to 64 letters, digits, _ or - is needed"
        )
    hints = typing.get_type_hints(call)
    properties: JsonObject = {}
    required: list[str] = []
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError.out_of_range(
                f"{name}({parameter.name})", str(parameter), "a model can only give named parameters"
            )
        properties[parameter.name] = _schema(hints.get(parameter.name, Any))
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    parameters = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    about = inspect.getdoc(call) or ""
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


def _schema(hint: Any) -> JsonObject:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        note = next((extra for extra in arguments[1:] if isinstance(extra, str)), None)
        return {**_schema(arguments[0]), **({"description": note} if note else {})}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        kinds = [_schema(argument) for argument in arguments if argument is not type(None)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin in (list, tuple):
        return {"type": "array", "items": _schema(arguments[0]) if arguments else {}}
    kind = _JSON_TYPES.get(origin or hint)
    return {"type": kind} if kind else {}
