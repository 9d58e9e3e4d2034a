"""Memories and questions that no one should give, through the public calls: refused by name or taken, nothing lost."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import voxon_on
from voxsession import (
    BudgetError,
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    Session,
    SessionConfig,
)
from voxsession.memory import roster
from voxsession.session import assembling, long_memory
from voxsession.testing import ScriptedModel

CONFIG = SessionConfig(enable_learning=False, memory_mode="persistent", max_memory_size=10_000_000)
MIXED = (
    "Meets 田中さん at café Ωmega, Москва",
    "שרה אוהבת coffee و القهوة",
    "안녕 Dana 👩‍👩‍👧 likes ไทย",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u202ereversed\u202c e\u0301te\u0301",
)


async def one_session(**changes: Any) -> Session:
    """A session on a storage of its own."""
    voxon = voxon_on(MemorySessionStorage(), model=ScriptedModel(["ok"] * 9))
    return await voxon.session(session_id="s", config=CONFIG.replace(**changes))


def contents(session: Session) -> list[str]:
    """What it remembers."""
    return [entry.content for entry in session.get_memory().entries]


@pytest.mark.parametrize("size", [10_000_000, 50_000_000])
async def test_a_huge_paste_is_refused_by_name_and_nothing_is_lost(size: int, tmp_path: Path) -> None:
    """It says how much it is and what there is room for; what was remembered stays, and is saved."""
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        async with voxon.session(session_id="s", config=CONFIG.replace(max_memory_size=10_000)) as session:
            kept = session.add_memory("Likes tea")
            begun = time.monotonic()
            with pytest.raises(BudgetError, match="max_memory_size") as told:
                session.add_memory("paste " * (size // 6))
            with pytest.raises(BudgetError):
                session.update_memory(kept.id, content="x y" * (size // 3))
            assert time.monotonic() - begun < 30
            assert told.value.available_tokens == 10_000 < told.value.needed_tokens
            assert "paste" not in str(told.value)
        async with voxon.load_session("s") as session:
            assert contents(session) == ["Likes tea"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   \n\t",
        "the of and is it to",
        "👩‍👩‍👧 🦄🦄",
        '"AND NOT ("',
        "NEAR(tea coffee, 5) OR content:* ^tea -- '; DROP TABLE x",
        'tea" OR "',
        "***)))(((",
        "\0\ud7ff\uffff",
        "tea " * 12_500,
        "".join(chr(0x4E00 + n % 900) for n in range(17_000)),
        "x" * 50_000,
        *MIXED,
    ],
    ids=lambda query: ascii(query[:12]),
)
async def test_any_question_is_answered(query: str) -> None:
    """By search, recall and a turn; whatever it finds is one of the memories, and nothing breaks."""
    session = await one_session(context_tokens=60_000)
    for text in ("Likes tea", "A unicorn 🦄", *MIXED):
        session.add_memory(text)
    found = session.search_memory(query, limit=10), await session.recall(query, limit=10)
    for matches in found:
        assert all(match.entry is not None and match.reasons for match in matches)
        assert [match.score for match in matches] == sorted((m.score for m in matches), reverse=True)
    if query in MIXED:
        assert found[0][0].content == query
    if query.strip():
        conv = await session.start_conversation()
        assert await conv.send_message(query) == "ok"
    assert len(session.get_memory().entries) == 6
    await session.close()


@pytest.mark.parametrize("query", [None, 7, b"tea", ["tea"], "\ud800"])
async def test_what_is_no_question_is_refused(query: Any) -> None:
    """The error names the argument."""
    session = await one_session()
    with pytest.raises(ConfigurationError, match="query"):
        session.search_memory(query)
    with pytest.raises(ConfigurationError, match="query"):
        await session.recall(query)
    await session.close()


async def test_duplicate_ids_in_one_import_are_one_entry(tmp_path: Path) -> None:
    """By file or by dict: the first counts, or the last, or both under names of their own, as was asked for."""
    rows = [{"id": "a", "text": f"fact {n}"} for n in range(3)]
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    wanted = {"skip": ["fact 0"], "replace": ["fact 2"], "rename": ["fact 0", "fact 1", "fact 2"]}
    for mode, texts in wanted.items():
        session = await one_session()
        report = await session.import_memory_from(path, on_conflict=mode)
        assert sorted(contents(session)) == texts
        assert sum(report.counts.values()) == 3
        await session.close()


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, '{"text": ' + '{"a":' * 5000 + "1" + "}" * 5001])
async def test_a_file_that_is_nested_deep_is_refused(text: str, tmp_path: Path) -> None:
    """The line is named, nothing was taken in."""
    path = tmp_path / "deep.json"
    path.write_text(text)
    session = await one_session()
    session.add_memory("Likes tea")
    with pytest.raises(ConfigurationError, match=r"deep\.json"):
        await session.import_memory_from(path)
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(ConfigurationError, match="metadata"):
        session.add_memory("x", metadata=deep)
    assert contents(session) == ["Likes tea"]
    await session.close()


async def test_an_imported_entry_takes_the_end_of_its_category(tmp_path: Path) -> None:
    """Where the file names none, and what would have ended by then stays out."""
    path = tmp_path / "m.jsonl"
    rows = [
        {"text": "It rains", "category": "news"},
        {"text": "It snows", "category": "news", "expires_at": "2999-01-01T00:00:00Z"},
        {"text": "It hailed", "category": "news", "timestamp": "2001-01-01T00:00:00Z"},
        {"text": "Likes rain"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    session = await one_session(memory_categories={"news": {"expires_after_days": 2}})
    report = await session.import_memory_from(path)
    ends = {entry.content: entry.expires_at for entry in session.get_memory().entries}
    assert report.counts["expired"] == 1 and set(ends) == {"It rains", "It snows", "Likes rain"}
    assert (ends["It rains"] - session._core.now()).days <= 2
    assert ends["It snows"].year == 2999 and ends["Likes rain"] is None
    await session.close()


# --- very many


async def long_session(path: Path, count: int) -> Session:
    """A session with so many memories."""
    path.write_text("\n".join(rows(count)))
    session = await one_session()
    await session.import_memory_from(path)
    return session


def rows(count: int) -> Iterator[str]:
    """Rows of an import, written as they are asked for."""
    words = "dog cat tea jazz garden harbour piano bakery winter train".split()
    for n in range(count):
        said = " ".join(words[(n * step) % 10] for step in (1, 3, 7))
        when = f"20{10 + n % 14}-0{1 + n % 9}-11T00:00:00Z"
        row = {"id": f"m{n}", "text": f"Fact {n}: {said}", "importance": n % 97 / 100, "timestamp": when}
        yield json.dumps(row)


async def test_a_long_memory_gives_the_same_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at the best of 2,500 only puts in what looking at all of them would; the report says who was not."""
    monkeypatch.setattr(roster, "LARGE", 1_000)
    session = await long_session(tmp_path / "m.jsonl", 2_500)
    for n in range(3):
        session.add_memory(f"Always answer in {n} words", category="instruction")
    conv = await session.start_conversation()
    question = "Which dog liked jazz in the garden?"
    short = await conv.build_context(question)
    for module in (assembling, long_memory):
        monkeypatch.setattr(module, "LARGE", 10**9)
    whole = await conv.build_context(question)
    assert short.messages == whole.messages
    assert [entry.id for entry in short.memories] == [entry.id for entry in whole.memories]
    passed_over = [row for row in short.report() if row["kind"] == "memory" and row["id"] is None]
    assert len(passed_over) == 1 and "more that the message does not speak of" in passed_over[0]["reason"]
    assert len(short.report()) < 1_200 < len(whole.report())
    await session.close()


async def stalls(work: Any) -> float:
    """The longest that the event loop did not turn while this went on, in seconds."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            last, before = time.perf_counter(), last
            worst = max(worst, last - before)

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await work
    await asyncio.sleep(0.002)
    task.cancel()
    return worst


@pytest.mark.slow
@pytest.mark.all_only
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_entries(tmp_path: Path) -> None:
    """Everything works, and what is awaited holds nobody up for long; the figures are in the documentation."""
    session = await long_session(tmp_path / "m.jsonl", 100_000)
    assert len(session.get_memory().entries) == 100_000
    session.add_memory("Likes blue cheese")
    assert session.search_memory("blue cheese")[0].content == "Likes blue cheese"
    conv = await session.start_conversation()
    await conv.send_message("Tell me of the winter")
    assert await stalls(conv.send_message("And of the piano?")) < 1
    assert await stalls(session.recall("bakery")) < 1
    assert await stalls(session.export_memory_to(tmp_path / "out.json")) < 1
    assert 0 < session.memory_usage <= 1
    await session.close()


@pytest.mark.slow
@pytest.mark.all_only
@pytest.mark.timeout(1200)
async def test_a_file_of_a_million_entries(tmp_path: Path) -> None:
    """It is read in bounded memory, and what stays is what is worth most."""
    path = tmp_path / "m.jsonl"
    with path.open("w") as file:
        file.writelines(f"{row}\n" for row in rows(1_000_000))
    session = await one_session(max_memory_size=10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = await session.import_memory_from(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert sum(report.counts[name] for name in ("added", "left_out")) == 1_000_000
    assert session.get_memory().token_count <= 10_000 and grown < 200
    await session.close()
