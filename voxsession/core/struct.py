"""The base of the house's plain records: classes made, filled and compared in C.

A record names `frozen` and `kw_only` itself, for neither is told by its base to its own
fields. A field with its usual value is not written, so no stored field may ever get another
default. Only the two configs and the state of the older interface, which check or hide
fields of their own, are attrs classes.

Example:
    >>> class Point(Struct, frozen=True, kw_only=True):
    ...     x: int
    ...     marks: list[str] = field(default_factory=list)
    >>> evolve(Point(x=1), x=2)
    Point(x=2, marks=[])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import field, to_builtins
from msgspec.structs import asdict
from msgspec.structs import replace as evolve

__all__ = ["Closed", "Struct", "as_json", "asdict", "evolve", "field", "spelt_out"]


if TYPE_CHECKING:
    from msgspec import Struct  # a type checker lets frozen records have no base of their own that is not
else:

    class Struct(msgspec.Struct, omit_defaults=True):
        """The base of records."""


class Closed(Struct, frozen=True):
    """A record whose repr shows nothing of what it holds."""

    __repr__ = object.__repr__


def spelt_out(value: Any) -> Any:
    """The same with dicts in place of its records, which have all their fields, also those with their usual value."""
    if isinstance(value, Struct):
        return {name: spelt_out(one) for name, one in asdict(value).items()}
    if isinstance(value, dict):
        return {name: spelt_out(one) for name, one in value.items()}
    return [spelt_out(one) for one in value] if isinstance(value, list | tuple) else value


def as_json(record: Struct) -> dict[str, Any]:
    """All fields of a record, ready for JSON: a copy, with times as ISO texts in UTC.

    Example:
        >>> class Point(Struct, frozen=True, kw_only=True):
        ...     x: int = 1
        >>> as_json(Point())
        {'x': 1}
    """
    fields: dict[str, Any] = to_builtins(spelt_out(record))
    return fields
