"""The types of a function's parameters: how they are shown to a model, and values of them from what it gives."""

from __future__ import annotations

import contextlib
import enum
import inspect
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, Literal

from voxsession.core.types import JsonObject, as_type, schema_of_type

__all__ = ["fitted", "shown_type", "types_of"]

_MOMENTS: dict[Any, str] = {datetime: "date-time", time: "time"}


def types_of(call: Callable[..., Any]) -> dict[str, Any]:
    """The types that the parameters of a function name, notes included.

    Raises:
        Exception: one of them cannot be read.
    """
    return typing.get_type_hints(call, include_extras=True)


def fitted(signature: inspect.Signature, types: Mapping[str, Any], given: JsonObject) -> dict[str, Any]:
    """The arguments of a call as the signature wants them.

    A value is made what its type says: a member of an enumeration, a date, a dataclass, a pydantic model; a number in a
    text becomes the number. A type that nothing can be made of leaves the value as it came.

    Raises:
        ValueError: a value does not fit its type; the text names the parameter.
        TypeError: a parameter is missing, or unknown.
    """
    signature.bind(**given)
    return {
        name: _value(name, value, types[name], signature.parameters[name].default) if name in types else value
        for name, value in given.items()
    }


def _value(name: str, value: Any, kind: Any, default: Any) -> Any:
    if value is None and default is None:  # as in `day: str = None`
        return None
    try:
        return _member(value, kind) or as_type(value, kind, _made)
    except ValueError as error:
        if (moment := _moment(value, kind)) is not None:
            return moment
        raise ValueError(f"{name}: {error}") from None
    except (TypeError, NameError, NotImplementedError):  # no type that values can be made of
        return value


def _member(value: Any, kind: Any) -> enum.Enum | None:
    """The member of an enumeration that a `Literal` names by its value."""
    named = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    return next((one for one in named if isinstance(one, enum.Enum) and one.value == value), None)


def _moment(value: Any, kind: Any) -> Any:
    """A date with its time, or a time, as models write them: without seconds, say; None where it is none."""
    for one in (datetime, time):
        if (one is kind or one in typing.get_args(kind)) and isinstance(value, str):
            with contextlib.suppress(ValueError):
                return one.fromisoformat(value)
    return None


def _made(kind: Any, value: Any) -> Any:
    """A value of a type of another library."""
    validate = getattr(kind, "model_validate", None)
    if validate is None:
        raise NotImplementedError
    return validate(value)


def shown_type(kind: Any) -> JsonObject:
    """The JSON schema of a type with parts of its own, such as a dataclass; empty where it has none."""
    if isinstance(kind, type) and kind in _MOMENTS:
        return {"type": "string", "format": _MOMENTS[kind]}
    try:
        schema = schema_of_type(kind, _shown)
    except (TypeError, NameError, NotImplementedError, ValueError):
        return {}
    return typing.cast(JsonObject, _inlined(schema, {}, ()))


def _shown(kind: Any) -> JsonObject:
    describe = getattr(kind, "model_json_schema", None)
    if describe is None:
        raise NotImplementedError
    schema: JsonObject = describe()
    return schema


def _inlined(schema: Any, known: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The schema with what it refers to in its place: many servers take no references; one to itself is any object."""
    if isinstance(schema, list):
        return [_inlined(one, known, path) for one in schema]
    if not isinstance(schema, dict):
        return schema
    known = {**known, **schema.get("$defs", {})}
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if not name:
        return {key: _inlined(one, known, path) for key, one in schema.items() if key != "$defs"}
    if name in path or name not in known:
        return {"type": "object"}
    return _inlined(known[name], known, (*path, name))
