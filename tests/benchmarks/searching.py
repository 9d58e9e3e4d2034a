"""P9: what searching memories takes, adding one, and indexing ten thousand messages, beside SQLite's FTS5 alone."""

from __future__ import annotations

import functools
import itertools
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.measure import Row, interleaved
from tests.benchmarks.retrieval_sets import user_assistant_chats
from tests.benchmarks.sides import our_voxon
from voxsession import Session, SessionConfig, Voxon
from voxsession.memory.passage import Passage
from voxsession.memory.search import SearchIndex

MESSAGES, ROUNDS = 10_000, 7
FTS5 = "SQLite FTS5, any of the words by bm25"


async def run(folder: Path) -> list[Row]:
    """Searches at two sizes, with every signal on; one more entry; an index from nothing."""
    async with our_voxon(folder / "searching") as voxon:
        few, many = await _remembering(voxon, 1000), await _remembering(voxon, 10_000)
        questions = itertools.cycle([asked.text for chat in user_assistant_chats() for asked in chat.asked])

        async def search(session: Session) -> None:
            # A name, a time and "when" beside the words; no two alike, for the latest answer is kept.
            question = f"When did Ann tell me last May: {next(questions)}"
            assert isinstance(session.search_memory(question, limit=5), list)

        async def search_alone(database: sqlite3.Connection) -> None:
            words = dict.fromkeys(
                re.findall(r"\w+", f"When did Ann tell me last May: {next(questions)}".lower())
            )
            asked = " OR ".join(f'"{word}"' for word in words)
            select = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 5"
            assert isinstance(database.execute(select, (asked,)).fetchall(), list)

        few_alone, many_alone = _fts5(_ten_thousand()[:1000]), _fts5(_ten_thousand())
        at_1000, alone_1000 = await interleaved(300, lambda n: search(few), lambda n: search_alone(few_alone))
        at_10000, alone_10000 = await interleaved(
            300, lambda n: search(many), lambda n: search_alone(many_alone)
        )
    return [
        Row("P9", "search in 1,000 memories, all signals on", at_1000, alone_1000, FTS5, "≤ 1 ms"),
        Row("P9", "search in 10,000 memories, all signals on", at_10000, alone_10000, FTS5, "≤ 4 ms"),
        *await _indexing(),
    ]


async def _remembering(voxon: Voxon, entries: int) -> Session:
    config = SessionConfig(enable_learning=False, max_memory_size=10_000_000)
    session = await voxon.create_session(session_id=f"s{entries}", config=config)
    for number, text in enumerate(itertools.islice(_sentences(), entries)):
        session.add_memory(text, speaker=("Ann", None)[number % 2])
    session.search_memory("boat")  # builds the index
    return session


async def _indexing() -> list[Row]:
    chats = user_assistant_chats()
    start = chats[0].said[0].at
    messages = [
        Passage(
            id=str(place),
            text=text,
            source="message",
            at=start + timedelta(minutes=place),
            role=("user", "assistant")[place % 2],
            group=f"talk-{place // 60}",
            position=place,
        )
        for place, text in enumerate(itertools.islice(_sentences(), MESSAGES + ROUNDS * 100))
    ]
    index = SearchIndex()

    async def build(number: int) -> None:
        nonlocal index
        index = SearchIndex()
        index.add(messages[:MESSAGES])

    async def build_alone(number: int) -> None:
        _fts5(_ten_thousand()).close()

    whole, alone = await interleaved(ROUNDS, build, build_alone, warm_up=1)
    started = time.perf_counter()
    for one in messages[MESSAGES:]:
        index.add([one])
    added = (time.perf_counter() - started) * 1000 / len(messages[MESSAGES:])
    return [
        Row("P9", "add one to 10,000", added, None, "", "≤ 0.1 ms"),
        Row("P9", "index 10,000 messages", whole, alone, "SQLite FTS5, filled only", "≤ 50 ms"),
    ]


@functools.cache
def _ten_thousand() -> tuple[str, ...]:
    return tuple(itertools.islice(_sentences(), MESSAGES))


def _fts5(texts: Iterable[str]) -> sqlite3.Connection:
    """The texts in a table of FTS5 as it comes, in memory, in one transaction."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE VIRTUAL TABLE texts USING fts5(text)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO texts(text) VALUES(?)", ((text,) for text in texts))
    database.execute("COMMIT")
    return database


def _sentences() -> Iterator[str]:
    """Pairs of sentences that people and assistants said, no two pairs alike."""
    said = [
        sentence.strip()
        for chat in user_assistant_chats()
        for one in chat.said
        for sentence in one.text.replace("\n", " ").split(". ")
        if len(sentence) > 20
    ]
    for distance in range(1, len(said)):
        for place in range(0, len(said), 2):
            yield f"{said[place]}. {said[(place + distance) % len(said)]}"
