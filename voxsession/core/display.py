"""Tables for people: as HTML for notebooks, as aligned text for terminals."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["MOST_ROWS", "bar", "clipped", "escape", "page_of", "table", "text_table"]

MOST_ROWS = 100
MOST_CHARACTERS = 160
_CELL = "text-align:left;padding:2px 8px;vertical-align:top"


def escape(text: str) -> str:
    """A text that cannot be taken for HTML."""
    from html import escape as escaped  # its table of entities takes a millisecond that an import need not

    return escaped(text)


def clipped(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text[: 4 * MOST_CHARACTERS].split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def bar(used: int, most: int, what: str) -> str:
    """A bar that shows how full a budget is, with the figures beside it."""
    share = min(used / most, 1.0) if most else float(used > 0)
    colour = "#c0392b" if share > 0.95 else "#d68910" if share > 0.8 else "#2e86c1"
    return (
        '<div style="display:inline-block;width:240px;height:10px;border:1px solid #999">'
        f'<div style="width:{100 * share:.1f}%;height:10px;background:{colour}"></div></div>'
        f" {used} of {most} {escape(what)}"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """Rows under their columns; everything is escaped, and of very many rows only the first are shown.

    Args:
        columns: their names.
        rows: their cells.
        numbers: the columns that hold numbers.
    """
    styles = [_CELL.replace("left", "right", 1) if name in numbers else _CELL for name in columns]
    head = "".join(
        f'<th style="{style}">{escape(name)}</th>' for name, style in zip(columns, styles, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{style}">{escape(clipped(cell))}</td>'
            for cell, style in zip(row, styles, strict=False)
        )
        + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = f"<p>and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def page_of(title: str, body: str) -> str:
    """A heading over HTML that was made here."""
    return f"<div><strong>{escape(title)}</strong><br>{body}</div>"


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """Rows under their columns as lines of text; `numbers` are the columns that hold numbers."""
    lines = [list(columns), *([clipped(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for cell, width, name in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    )
