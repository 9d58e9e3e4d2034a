"""Runs the benchmarks, prints the table, and with --write puts it into docs/performance.md."""

from __future__ import annotations

import asyncio
import datetime
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import learning, many, opening, resuming, searching, servers, sizes, turns
from tests.benchmarks.measure import ROOT, Row, machine, versions

COMMAND = "make bench"
PAGE = ROOT / "docs" / "performance.md"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| | work | ours | peer | ratio | target |", "|---|---|---|---|---|---|"]
    for row in rows:
        theirs = f"{row.theirs:.3g} {row.unit} ({row.peer})" if row.theirs else "–"
        ratio = f"**{row.ratio:.2f}**" if row.ratio else "–"
        lines.append(
            f"| {row.target} | {row.work} | {row.ours:.3g} {row.unit} | {theirs} | {ratio} | {row.goal} |"
        )
    return "\n".join(lines)


async def measure() -> list[Row]:
    """All rows, each part in a folder of its own."""
    rows: list[Row] = []
    for part in (turns, learning, opening, many, sizes, searching, servers, resuming):
        with tempfile.TemporaryDirectory(prefix="voxsession-bench-") as folder:
            print(f"{part.__name__.rpartition('.')[2]} ...", file=sys.stderr, flush=True)
            rows += await part.run(Path(folder))
    return rows


def main() -> None:
    """Measures, prints, writes."""
    rows = table(asyncio.run(measure()))
    foot = (
        f"Medians of interleaved runs on {machine()}; "
        + versions("openai-agents", "cryptography", "msgspec", "tiktoken", "attrs")
        + f". Command: `{COMMAND}`. Measured {datetime.date.today():%d %B %Y}."
    )
    print(rows, foot, sep="\n\n")
    if "--write" in sys.argv:
        head, _, rest = PAGE.read_text().partition("<!-- figures -->")
        tail = rest.partition("<!-- /figures -->")[2]
        PAGE.write_text(f"{head}<!-- figures -->\n\n{rows}\n\n{foot}\n\n<!-- /figures -->{tail}")


if __name__ == "__main__":
    main()
