"""Figures as a dict that shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voxsession.core.charts import bar_chart
from voxsession.core.display import page_of, table

__all__ = ["Figures"]

Chart = tuple[str, Sequence[tuple[str, float]]]
_MOST_IN_A_CELL = 12


class Figures(dict[str, Any]):
    """A plain dict of figures; in a notebook it is a table with charts under it.

    Args:
        values: the figures.
        title: what stands over them.
        charts: of each its title and its bars.

    Example:
        >>> figures = Figures({"turn_count": 3, "topics": ["<b>"]}, title="A talk")
        >>> figures["turn_count"], "&lt;b&gt;" in figures._repr_html_()
        (3, True)
    """

    def __init__(self, values: Mapping[str, Any], *, title: str = "", charts: Sequence[Chart] = ()) -> None:
        super().__init__(values)
        self._title = title
        self._charts = list(charts)

    def _repr_html_(self) -> str:
        body = _side_by_side(self) if _is_table(self) else _one_below_another(self)
        shown = [bar_chart(title, bars) for title, bars in self._charts if any(value for _, value in bars)]
        return page_of(self._title, body + "".join(shown))


def _is_table(values: Mapping[str, Any]) -> bool:
    """Whether each figure has figures of its own."""
    return bool(values) and all(isinstance(inner, Mapping) and inner for inner in values.values())


def _side_by_side(values: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of two directions; the longer one goes down."""
    names = list(dict.fromkeys(name for inner in values.values() for name in inner))
    if len(values) > len(names):
        rows = [[name, *(_cell(inner, one) for one in names)] for name, inner in values.items()]
        return table(["", *names], rows)
    return table(["", *values], [[one, *(_cell(inner, one) for inner in values.values())] for one in names])


def _cell(values: Mapping[str, Any], name: str) -> str:
    return ", ".join(_cells(values[name])) if name in values else ""


def _one_below_another(values: Mapping[str, Any]) -> str:
    rows = list(_rows(values))
    width = max((len(row) for row in rows), default=2)
    return table([""] * width, [[*row, *[""] * (width - len(row))] for row in rows])


def _rows(values: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each figure; what is a table itself has a row for each of its own."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ([f"{name}: {key}", *_cells(inner)] for key, inner in value.items())
        elif not isinstance(value, list | tuple) or len(value) <= _MOST_IN_A_CELL:
            yield [name, *_cells(value)]


def _cells(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [", ".join(f"{name} {_text(inner)}" for name, inner in value.items())]
    return [", ".join(map(_text, value))] if isinstance(value, list | tuple) else [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return "–" if value is None else f"{value:,}" if type(value) is int else str(value)
