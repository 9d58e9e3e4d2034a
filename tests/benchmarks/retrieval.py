"""Measures what recall finds, beside plain FTS5 and the research recipes; `--write` puts it into docs/retrieval.md.

Over the public API: one conversation for each dated talk, then `session.recall(question, sources=("messages",))`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sqlite3
import sys
from collections.abc import Sequence

from tests.benchmarks import retrieval_tables as tables
from tests.benchmarks.measure import machine, versions
from tests.benchmarks.retrieval_grid import cross_validated
from tests.benchmarks.retrieval_ours import ModelAbsent, local_embedder, model_name, ours
from tests.benchmarks.retrieval_peers import plain_fts5, recipe_on_fts5, recipe_with_fields
from tests.benchmarks.retrieval_scores import Result, System, counted_by, measure
from tests.benchmarks.retrieval_sets import (
    Corpus,
    HarnessAbsent,
    long_conversations,
    user_assistant_chats,
)

COMMAND = "make bench-retrieval"
#: The tables, by the names of their marks on the page.
BLOCKS = (
    "example",
    "weights",
    "long conversations",
    "by conversation",
    "timings",
    "cross-validation",
    "user-assistant",
    "with embeddings",
    "goals",
    "foot",
)
OURS, MEANING = "voxsession", "voxsession, with embeddings"


def systems() -> dict[str, System]:
    """What is measured by words, by name."""
    return {
        "plain FTS5": plain_fts5(),
        "recipe on FTS5": recipe_on_fts5(),
        "recipe, BM25F": recipe_with_fields(),
        OURS: ours(),
    }


async def measured(found: dict[str, System], corpora: Sequence[Corpus]) -> list[Result]:
    """Every system over these corpora."""
    results = []
    for name, system in found.items():
        _say(f"{name} ...")
        results.append(await measure(name, system, corpora))
    return results


async def figures(options: argparse.Namespace) -> dict[str, str]:
    """All tables, by the name of their marks."""
    embedder = local_embedder() if options.embeddings else None
    blocks: dict[str, str] = {}
    chats = user_assistant_chats()
    try:
        talks = long_conversations()
    except HarnessAbsent as absent:
        _say(str(absent))
        talks = []
    by_words = await measured(systems(), chats)
    blocks["user-assistant"] = tables.user_assistant(by_words)
    if talks:
        results = await measured(systems(), talks)
        blocks["long conversations"] = tables.long_conversations(results)
        blocks["by conversation"] = tables.by_conversation(results)
        blocks["timings"] = tables.timings(results)
    if talks and not options.no_grid:
        _say("cross-validation ...")
        folds = await cross_validated(talks, tables.CATEGORIES)
        blocks["cross-validation"] = tables.cross_validation(folds)
        blocks["goals"] = tables.goals(folds, by_words[-1])
    if embedder is not None:
        by_meaning = {MEANING: ours(embedder)}
        blocks["with embeddings"] = tables.with_embeddings(
            await measured(by_meaning, talks) if talks else [],
            await measured(by_meaning, chats),
            model_name(),
        )
    return blocks


def foot() -> str:
    """Where, when and with what it was measured."""
    return (
        f"Measured {datetime.date.today():%d %B %Y} on {machine()}; SQLite {sqlite3.sqlite_version}, "
        + versions("tiktoken")
        + f"; tokens by {counted_by()}. Command: `{COMMAND}`."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.retrieval", description=__doc__)
    parser.add_argument("--embeddings", action="store_true", help="also by meaning, with a local model")
    parser.add_argument("--no-grid", action="store_true", help="leave the cross-validation out")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/retrieval.md")
    options = parser.parse_args(arguments)
    try:
        blocks = asyncio.run(figures(options))
    except ModelAbsent as absent:
        _say(str(absent))
        return 2
    blocks |= {"example": tables.example(), "weights": tables.weights(), "foot": foot()}
    for name, block in blocks.items():
        print(f"### {name}\n\n{block}\n")
    if options.write:
        tables.put(blocks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
