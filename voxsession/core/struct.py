"""The base of the house's plain records: classes made, filled and compared in C.

A record names `frozen` and `kw_only` itself, for neither is told by its base to its own
fields. Only the two configs and the state of the older interface, which check or
hide fields of their own, are attrs classes.

Example:
    >>> class Point(Struct, frozen=True, kw_only=True):
    ...     x: int
    ...     marks: list[str] = field(default_factory=list)
    >>> evolve(Point(x=1), x=2)
    Point(x=2, marks=[])
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field, to_builtins
from msgspec.structs import asdict
from msgspec.structs import replace as evolve

__all__ = ["Closed", "Struct", "as_json", "asdict", "evolve", "field"]


def as_json(record: Struct) -> dict[str, Any]:
    """All fields of a record, ready for JSON: a copy, with times as ISO texts in UTC.

    Example:
        >>> class Point(Struct, frozen=True, kw_only=True):
        ...     x: int
        >>> as_json(Point(x=1))
        {'x': 1}
    """
    fields: dict[str, Any] = to_builtins(record)
    return fields


class Closed(Struct, frozen=True):
    """A record whose repr shows nothing of what it holds."""

    __repr__ = object.__repr__
