"""Functions that a model may call."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import enum
import inspect
import re
import threading
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any

from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject, check_json, decode_json, encode_json
from voxsession.errors import ConfigurationError
from voxsession.session.function_types import fitted, shown_type, types_of

__all__ = ["FUNCTION_TIMEOUT_SECONDS", "Function", "FunctionTable", "failure", "schema_of"]

FUNCTION_TIMEOUT_SECONDS = 60.0
MAX_RESULT_CHARACTERS = 100_000
_JSON_TYPES: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array", tuple: "array",
}  # fmt: skip

_left_alone: set[asyncio.Task[Any]] = set()


class _TooSlowError(Exception):
    """Our own time-out, to be told from one that the function met."""


class Function(Struct, frozen=True, kw_only=True):
    """A callable with the schema that the model is shown."""

    name: str
    call: Callable[..., Any]
    schema: JsonObject
    timeout_seconds: float
    signature: inspect.Signature
    types: dict[str, Any]


class FunctionTable:
    """The functions of one conversation, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def register(self, call: Callable[..., Any], timeout_seconds: float) -> Callable[..., Any]:
        """Adds a function; one of the same name is replaced.

        Args:
            call: sync or async; a sync one runs in a thread.
            timeout_seconds: how long the model waits for it.
        """
        schema = schema_of(call)
        name = schema["function"]["name"]
        self._functions[name] = Function(
            name=name,
            call=call,
            schema=schema,
            timeout_seconds=timeout_seconds,
            signature=inspect.signature(call),
            types=types_of(call),
        )
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
            given = fitted(function.signature, function.types, given)
        except Exception as error:  # a type may be checked by code of the app's own
            return failure(f"bad arguments: {_words(error) or type(error).__name__}"), False
        try:
            return await _within(function, given), True
        except _TooSlowError:
            seconds = function.timeout_seconds
            return failure(
                f"it took longer than {seconds:g} seconds; whether it had an effect is not known"
            ), False
        except Exception as error:
            return failure(_told(error)), False


async def _within(function: Function, given: dict[str, Any]) -> str:
    """The result as text. A function that takes too long is left alone: nothing can stop a thread."""
    work = asyncio.ensure_future(_invoke(function.call, given))
    try:
        await asyncio.wait([work], timeout=function.timeout_seconds)
        if not work.done():
            raise _TooSlowError
        if work.cancelled():
            raise RuntimeError("it was cancelled")
        error = work.exception()
        if error is not None and not isinstance(error, Exception):
            raise RuntimeError(type(error).__name__) from error
        return work.result()
    finally:
        if not work.done():
            _left_alone.add(work)
            work.add_done_callback(_forget)
            work.cancel()


def _forget(work: asyncio.Task[Any]) -> None:
    _left_alone.discard(work)
    if not work.cancelled():
        work.exception()  # looked at, so that nothing warns of it


async def _invoke(call: Callable[..., Any], given: dict[str, Any]) -> str:
    if inspect.iscoroutinefunction(call):
        return _as_text(await _without_exit(call(**given)))

    def run() -> Any:
        result = call(**given)
        return result if inspect.isawaitable(result) else _as_text(result)

    result = await _in_thread(run)
    return result if isinstance(result, str) else _as_text(await _without_exit(result))


async def _without_exit(work: Awaitable[Any]) -> Any:
    """What an async function gives; its sys.exit() would end the event loop."""
    try:
        return await work
    except SystemExit as error:
        raise RuntimeError("SystemExit") from error


async def _in_thread(run: Callable[[], Any]) -> Any:
    """Runs in a thread of its own: one that hangs takes no place that storage needs, and holds up no exit."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        """Gives the outcome to the one who waits, unless nobody does any more."""
        if outcome.done():
            return
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            outcome.set_exception(error)
        elif error is not None:  # a future cannot hold these, and a function's sys.exit() ends no program
            outcome.set_exception(RuntimeError(type(error).__name__))
        else:
            outcome.set_result(result)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(run)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="voxsession-function", daemon=True).start()
    return await outcome


def _as_text(result: Any) -> str:
    text = None
    if not _is_large(result):
        text = result if isinstance(result, str) else encode_json(check_json("result", result)).decode()
        text = text.encode("utf-8", "replace").decode()
    if text is None or len(text) > MAX_RESULT_CHARACTERS:
        raise ValueError(f"the result is larger than {MAX_RESULT_CHARACTERS:,} characters; give less")
    return text


def _is_large(result: Any) -> bool:
    """Whether it is too large for sure, told without going through all of it."""
    size, waiting = 0, [result]
    while waiting:
        value = waiting.pop()
        size += len(value) if isinstance(value, (str, bytes, list, tuple, dict)) else 1
        if size > MAX_RESULT_CHARACTERS:
            return True
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            waiting += value
    return False


def failure(why: str) -> str:
    """What the model is told of a call that did not work."""
    return encode_json({"error": why.encode("utf-8", "replace").decode()[:1000]}).decode()


def _told(error: Exception) -> str:
    words = _words(error)
    return f"{type(error).__name__}: {words}" if words is not None else type(error).__name__


def _words(error: Exception) -> str | None:
    try:
        return str(error)
    except Exception:  # its own __str__ is broken
        return None


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
    if not callable(call):
        raise ConfigurationError.out_of_range("function", type(call).__name__, "give the function itself")
    name = getattr(call, "__name__", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigurationError.out_of_range(
            "function",
            name or type(call).__name__,  # what a partial binds may be a secret
            "a named function of 1 to 64 letters, digits, _ or - is needed; wrap it in a def of such a name",
        )
    try:
        hints = types_of(call)
        signature = inspect.signature(call)
    except NameError as error:
        raise ConfigurationError.out_of_range(
            "function", name, f"{error}; import what its signature names at the top of the module"
        ) from None
    except Exception:
        raise ConfigurationError.out_of_range(
            "function",
            name,
            "its signature cannot be read; wrap it in a def with named, annotated parameters",
        ) from None
    properties: JsonObject = {}
    required: list[str] = []
    for parameter in signature.parameters.values():
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
        return {"enum": [one.value if isinstance(one, enum.Enum) else one for one in arguments]}
    if origin in (typing.Union, types.UnionType):
        kinds = [_schema(argument) for argument in arguments if argument is not type(None)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    kind = _JSON_TYPES.get(origin or hint) if hint is not Any else ""
    if kind is None:
        return shown_type(hint)
    if kind == "array":
        kinds = [argument for argument in arguments if argument is not ...]
        return {"type": kind, "items": _schema(kinds[0]) if len(set(kinds)) == 1 else {}}
    return {"type": kind} if kind else {}
