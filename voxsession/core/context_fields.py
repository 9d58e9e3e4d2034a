"""What a template asks to be told about a session: fields with types, checked when values are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from voxsession.core.struct import Struct, evolve
from voxsession.core.types import check_json, check_text, copy_json
from voxsession.errors import ConfigurationError

__all__ = ["FIELD_TYPES", "ContextField", "check_fields", "check_values"]

MAX_FIELDS = 200
MAX_FIELD_NAME = 100


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_moment(parse: Callable[[str], object]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        try:
            return isinstance(value, str) and parse(value) is not None
        except ValueError:
            return False

    return check


#: Each type by its name, with the check of a value in JSON form.
FIELD_TYPES: dict[str, Callable[[object], bool]] = {
    "any": lambda value: True,
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_moment(date.fromisoformat),
    "time": _is_moment(datetime.fromisoformat),
    "list": lambda value: isinstance(value, list),
    "table": lambda value: isinstance(value, dict),
}
_FORMS = {"date": " such as 2026-05-01", "time": " such as 2026-05-01T09:30:00+02:00"}
_PYTHON_TYPES: dict[object, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    date: "date",
    datetime: "time",
    list: "list",
    dict: "table",
    object: "any",
}


class ContextField(Struct, frozen=True, kw_only=True):
    """One field of the context that a template names.

    Attributes:
        type: one of `FIELD_TYPES`.
        default: what holds where an optional field is not given; None = it stays away.
        choices: the values that are allowed; empty = all of the type.
    """

    type: str = "any"
    default: Any = None
    choices: tuple[Any, ...] = ()

    def check(self, name: str, value: object, where: str) -> Any:
        """A value in JSON form.

        Raises:
            ConfigurationError: it is of another type, or none of the choices; the message names field and template.
        """
        option = f"context[{name!r}]"
        if isinstance(value, (date, datetime)):
            value = value.isoformat()
        checked = check_json(option, value)
        if not FIELD_TYPES[self.type](checked):
            raise ConfigurationError(
                f"{option} has to be of type {self.type}{_FORMS.get(self.type, '')} in {where}, "
                f"and is a {type(value).__name__}.",
                option=option,
                value=value,
            )
        if self.choices and not any(_is_same(checked, choice) for choice in self.choices):
            choices = ", ".join(map(str, self.choices))
            raise ConfigurationError(
                f"{option} has to be one of {choices} in {where}.", option=option, value=value
            )
        return checked

    def to_dict(self) -> dict[str, Any]:
        """The field as a TOML table would give it."""
        table: dict[str, Any] = {"type": self.type}
        if self.default is not None:
            table["default"] = copy_json(self.default)
        if self.choices:
            table["choices"] = [copy_json(choice) for choice in self.choices]
        return table


def check_fields(option: str, value: object) -> dict[str, ContextField]:
    """Fields as they are kept, given as names, as a dict of name -> type, or of name -> table.

    Args:
        option: what the fields are called, for errors.
        value: ``["patient_id"]``, ``{"age": int}``, ``{"age": "integer"}`` or
            ``{"tone": {"type": "text", "default": "calm", "choices": ["calm", "brisk"]}}``.

    Raises:
        ConfigurationError: a name is no identifier, a type is unknown, a default does not fit its type.
    """
    if isinstance(value, Mapping):
        given: dict[Any, Any] = dict(value)
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        given = {name: "any" for name in value}
    else:
        raise ConfigurationError.out_of_range(
            option, type(value).__name__, "a list of names, or a dict of name -> type, is needed"
        )
    if len(given) > MAX_FIELDS:
        raise ConfigurationError.out_of_range(option, len(given), f"at most {MAX_FIELDS} fields")
    return {_name(option, name): _field(f"{option}[{name!r}]", about) for name, about in given.items()}


def check_values(
    fields: Mapping[str, ContextField], required: Iterable[str], values: object, where: str
) -> dict[str, Any]:
    """The context of one session: required fields are there, typed ones fit, defaults are in.

    Fields that the template does not name are taken as they are.

    Raises:
        ConfigurationError: fields are missing (all of them are named), or a value does not fit.
    """
    if not isinstance(values, Mapping):
        raise ConfigurationError.out_of_range(
            "context", type(values).__name__, "a dict with str keys is needed"
        )
    missing = [name for name in required if values.get(name) is None]
    if missing:
        named = ", ".join(map(repr, missing))
        raise ConfigurationError(
            f"The context lacks {named}, which {where} requires. "
            f"Give context={{{', '.join(f'{name!r}: ...' for name in missing)}}}.",
            option=f"context[{missing[0]!r}]",
        )
    context = {name: copy_json(field.default) for name, field in fields.items() if field.default is not None}
    for name, value in values.items():
        key = check_text("key of context", name)
        field = fields.get(key, ContextField())
        if value is not None or key not in fields:
            context[key] = field.check(key, value, where)
    return context


def _name(option: str, name: object) -> str:
    text = check_text(option, name)
    if text.isidentifier() and text.isascii() and len(text) <= MAX_FIELD_NAME:
        return text
    raise ConfigurationError.out_of_range(
        option, name, "the name of a field has letters, digits and underscores, and begins with a letter"
    )


def _field(option: str, about: object) -> ContextField:
    if isinstance(about, ContextField):
        return about
    if not isinstance(about, Mapping):
        return ContextField(type=_type(option, about))
    unknown = [name for name in about if name not in ("type", "default", "choices")]
    if unknown:
        raise ConfigurationError.out_of_range(option, unknown[0], "known are type, default, choices")
    choices = about.get("choices", ())
    if isinstance(choices, (str, bytes)) or not isinstance(choices, Iterable):
        raise ConfigurationError.out_of_range(f"{option}.choices", choices, "a list is needed")
    field = ContextField(
        type=_type(option, about.get("type", "any")),
        choices=tuple(check_json(f"{option}.choices", list(choices))),
    )
    for choice in field.choices:
        if not FIELD_TYPES[field.type](choice):
            raise ConfigurationError.out_of_range(
                f"{option}.choices",
                choice,
                f"each has to be of type {field.type}{_FORMS.get(field.type, '')}",
            )
    default = about.get("default")
    return (
        field if default is None else evolve(field, default=field.check(option, default, "its declaration"))
    )


def _is_same(value: Any, choice: Any) -> bool:
    """Whether two JSON values are one; to Python `True` is 1."""
    if isinstance(value, bool) or isinstance(choice, bool):
        return value is choice
    if isinstance(value, list) and isinstance(choice, list):
        return len(value) == len(choice) and all(map(_is_same, value, choice))
    if isinstance(value, dict) and isinstance(choice, dict):
        return value.keys() == choice.keys() and all(_is_same(value[key], choice[key]) for key in value)
    return bool(value == choice)


def _type(option: str, given: object) -> str:
    if isinstance(given, str) and given in FIELD_TYPES:
        return given
    if isinstance(given, type) and given in _PYTHON_TYPES:
        return _PYTHON_TYPES[given]
    raise ConfigurationError.out_of_range(option, given, "known types are " + ", ".join(FIELD_TYPES))
