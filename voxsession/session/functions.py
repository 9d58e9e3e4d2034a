"""Functions that a model may call."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import re
import threading
import types
import typing
from collections.abc import Callable
from typing import Any

import attrs

from voxsession.core.types import JsonObject, check_json, decode_json, encode_json
from voxsession.errors import ConfigurationError

__all__ = ["Function", "FunctionTable", "failure", "schema_of"]

FUNCTION_TIMEOUT_SECONDS = 60.0
MAX_RESULT_CHARACTERS = 100_000
_JSON_TYPES: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array", tuple: "array",
}  # fmt: skip

_left_alone: set[asyncio.Future[Any]] = set()


@attrs.define(frozen=True, slots=True, kw_only=True)
class Function:
    """A callable with the schema that the model is shown."""

    name: str
    call: Callable[..., Any]
    schema: JsonObject
    timeout_seconds: float


class FunctionTable:
    """The functions of one conversation, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def register(self, call: Callable[..., Any], timeout_seconds: float | None = None) -> Callable[..., Any]:
        """Adds a function; one of the same name is replaced.

        Args:
            call: sync or async; a sync one runs in a thread.
            timeout_seconds: how long the model waits for it; None is `FUNCTION_TIMEOUT_SECONDS`.
        """
        schema = schema_of(call)
        name = schema["function"]["name"]
        seconds = FUNCTION_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        self._functions[name] = Function(name=name, call=call, schema=schema, timeout_seconds=seconds)
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
            return failure(f"there is no function {name[:100]!r}; known: {known}"), False
        try:
            given = decode_json(arguments or "{}")
            if not isinstance(given, dict):
                raise ValueError("the arguments are no JSON object")
            inspect.signature(function.call).bind(**given)
        except (ValueError, TypeError) as error:
            return failure(f"bad arguments: {error}"), False
        try:
            return await _within(function, given), True
        except TimeoutError:
            why = f"it took longer than {function.timeout_seconds:g} seconds; whether it had an effect is not known"
            return failure(why), False
        except Exception as error:
            return failure(f"{type(error).__name__}: {_said_by(error)}"), False


async def _within(function: Function, given: dict[str, Any]) -> str:
    """The result as text; a function that takes too long is left alone, for there is no way to stop a thread."""
    if inspect.iscoroutinefunction(function.call):
        work: asyncio.Future[Any] = asyncio.ensure_future(_finished(function.call(**given)))
    else:
        work = _in_thread(function.call, given)
    try:
        await asyncio.wait([work], timeout=function.timeout_seconds)
        if work.cancelled():
            raise RuntimeError("it was cancelled")
        if not work.done():
            raise TimeoutError
        outcome = work.result()
        return outcome if isinstance(outcome, str) else _as_text(await outcome.value)
    finally:
        if not work.done():
            _left_alone.add(work)
            work.add_done_callback(_left_alone.discard)
            work.cancel()
