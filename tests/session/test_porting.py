"""Memories and conversations that leave a session or come into it, whole, by every form and in every bad shape."""

from __future__ import annotations

import asyncio
import codecs
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.strategies import json_objects, moments, shares, texts
from tests.session.stores import WatchedStorage
from voxsession import (
    ConfigurationError,
    IntegrityError,
    MemoryEntry,
    MemorySessionStorage,
    Session,
    SessionClosedError,
    SessionConfig,
    SessionStorage,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.core.changes import MemoryAdded
from voxsession.core.struct import evolve
from voxsession.memory.allowance import allowance_of
from voxsession.memory.budget import evictions
from voxsession.session import import_file, intake, past_talks
from voxsession.testing import FakeClock, ScriptedModel

KEY = "hex:" + "5e" * 32
ROOMY = SessionConfig(max_memory_size=100_000_000)
CLOCKS = itertools.count()
NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def session_on(
    storage: SessionStorage | None = None,
    config: SessionConfig | None = None,
    session_id: str = "s",
    **parts: Any,
) -> AsyncIterator[Session]:
    """A session, saved and closed at the end of the block."""
    storage = storage or MemorySessionStorage()
    options = VoxonConfig(session_storage=storage, session_encryption_key=KEY)
    async with Voxon(options, clock=FakeClock(seed=f"clock {next(CLOCKS)}"), **parts) as voxon:
        async with voxon.session("u", session_id=session_id, config=config) as session:
            yield session


def contents(session: Session) -> list[str]:
    """What is remembered."""
    return sorted(entry.content for entry in session.get_memory().entries)


def jsonl(path: Path, rows: list[Any], end: str = "\n") -> Path:
    """A file of JSON Lines."""
    path.write_bytes("".join(json.dumps(row) + end for row in rows).encode())
    return path


# --- what goes out comes in again


entries = st.builds(
    MemoryEntry,
    id=st.uuids().map(str) | st.sampled_from(["a", "b", "ä b"]),
    content=texts.filter(str.strip),
    category=st.sampled_from(["general", "identity", "x" * 100]),
    importance=shares,
    timestamp=moments,
    expires_at=st.none() | st.datetimes(datetime(2026, 2, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    sensitive=st.booleans(),
    pinned=st.booleans(),
    speaker=st.none() | texts,
    evidence_count=st.integers(1, 10**9),
    metadata=st.none() | json_objects,
    slot=st.none() | st.uuids().map(str),
    value=st.none() | texts,
)


@settings(max_examples=25)
@given(st.lists(entries, max_size=6, unique_by=lambda entry: entry.id), st.booleans())
def test_export_and_import_are_one_identity(
    tmp_path_factory: Any, given: list[MemoryEntry], by_file: bool
) -> None:
    """What one session exports is, field by field, what a fresh one has after the import."""

    async def through() -> tuple[dict[str, MemoryEntry], dict[str, MemoryEntry]]:
        async with session_on(config=ROOMY) as one, session_on(config=ROOMY) as two:
            one._core.record(*(MemoryAdded(at=entry.timestamp, entry=entry) for entry in given))
            if by_file:
                path = tmp_path_factory.mktemp("port") / "memories.jsonl"
                await two.import_memory_from(await one.export_memory_to(path, include_sensitive=True))
            else:
                two.import_memory(json.loads(json.dumps(one.export_memory(include_sensitive=True))))
            return tuple({e.id: plain(e) for e in session.get_memory().entries} for session in (one, two))  # type: ignore[return-value]

    def plain(entry: MemoryEntry) -> MemoryEntry:
        return evolve(entry, source="imported", token_count=0, estimated=False)

    before, after = asyncio.run(through())
    assert after == before


async def test_a_name_that_was_imported_is_corrected_like_one_that_was_said() -> None:
    """Slots travel along, so that what is said next takes the place of what came in."""
    model = ScriptedModel(["ok", "ok"])
    async with session_on(model=model) as one, one.conversation() as conv:
        await conv.send_message("My name is Alice.")
        data = one.export_memory()
    async with session_on(model=model) as two, two.conversation() as conv:
        two.import_memory(data)
        await conv.send_message("My name is Alicia.")
        names = [entry.content for entry in two.get_memory().entries if entry.slot == "user.name"]
    assert len(names) == 1 and "Alicia" in names[0]


async def test_an_export_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the earlier file; only the owner may read it."""
    async with session_on() as session:
        session.add_memory("first")
        path = await session.export_memory_to(tmp_path / "memories.jsonl")
        before = path.read_bytes()
        session.add_memory("second")
        monkeypatch.setattr(
            "voxsession.session.porting.row_of", lambda entry: 1 / 0 if "sec" in entry.content else {}
        )
        with pytest.raises(ZeroDivisionError):
            await session.export_memory_to(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0


async def test_exports_without_a_checksum_are_read(tmp_path: Path) -> None:
    """As earlier versions wrote them: as a dict, as its file, and as lines."""
    head = {
        "format": 1,
        "kind": "voxsession.memories",
        "exported_at": "2026-01-01T00:00:00.000000Z",
        "omitted": 0,
    }
    row = {"id": "mem_1", "content": "tea", "timestamp": "2025-05-01T12:00:00.000000Z", "speaker": None}
    (tmp_path / "dict.json").write_text(json.dumps({**head, "entries": [row]}, indent=2))
    jsonl(tmp_path / "lines.jsonl", [head, row])
    async with session_on() as one, session_on() as two, session_on() as three:
        one.import_memory({**head, "entries": [row]})
        await two.import_memory_from(tmp_path / "dict.json")
        await three.import_memory_from(tmp_path / "lines.jsonl")
        for session in (one, two, three):
            assert [(e.id, e.timestamp) for e in session.get_memory().entries] == [("mem_1", NOON)]


async def test_an_altered_export_is_refused_whole(tmp_path: Path) -> None:
    """An entry that was edited, added or lost is told, by dict and by file, and nothing is taken in."""
    async with session_on() as one:
        for text in ("tea", "coffee"):
            one.add_memory(text)
        data = one.export_memory()
        lines = (await one.export_memory_to(tmp_path / "m.jsonl")).read_text().splitlines()
    edited = [lines[0], lines[1].replace("tea", "rum"), lines[2]]
    for altered in (edited, lines[:2], [*lines, lines[2]], [lines[0], lines[2], lines[1]]):
        path = tmp_path / "altered.jsonl"
        path.write_text("\n".join(altered))
        rows = [json.loads(line) for line in altered[1:]]
        async with session_on() as two:
            with pytest.raises(IntegrityError, match=r"altered\.jsonl"):
                await two.import_memory_from(path)
            with pytest.raises(IntegrityError):
                two.import_memory({**data, "entries": rows})
            assert not contents(two)


# --- what becomes of rows


@pytest.mark.parametrize(
    ("mode", "becomes", "left"),
    [
        ("skip", ["skipped", "added", "skipped"], {"old", "b"}),
        ("replace", ["replaced", "skipped", "added"], {"a", "c"}),
        ("rename", ["renamed", "added", "renamed"], {"old", "a", "b", "c"}),
    ],
)
async def test_conflict_modes(mode: str, becomes: list[str], left: set[str]) -> None:
    """An id that exists, and one that stands twice in the import."""
    rows = [{"id": "1", "content": "a"}, {"id": "2", "content": "b"}, {"id": "2", "content": "c"}]
    async with session_on() as session:
        session.import_memory([{"id": "1", "content": "old"}])
        tried = session.import_memory(rows, on_conflict=mode, dry_run=True)
        assert contents(session) == ["old"]
        report = session.import_memory(rows, on_conflict=mode)
        assert [detail["became"] for detail in report.details] == becomes
        assert set(contents(session)) == left
    assert report.counts == tried.counts and sum(report.counts.values()) == 3
    assert [detail["row"] for detail in report.details] == [1, 2, 3]


async def test_texts_without_ids_come_in_once() -> None:
    """Repeating an import of bare texts changes nothing, nor does a text that stands in it twice."""
    async with session_on() as session:
        session.add_memory("likes tea")
        known = session.get_memory().entries[0].id
        first = session.import_memory(["likes tea", "has a dog", "has a dog"])
        again = session.import_memory(["likes tea", "has a dog"], on_conflict="replace")
        assert contents(session) == ["has a dog", "likes tea"]
    assert [detail["became"] for detail in first.details] == ["skipped", "added", "skipped"]
    assert first.details[0]["id"] == known
    assert again.counts["skipped"] == 2


rows_for_budget = st.lists(
    st.fixed_dictionaries(
        {"content": st.integers(1, 12).map(lambda n: "word " * n), "importance": shares},
        optional={
            "id": st.sampled_from(["a", "b", "c", "d"]),
            "pinned": st.booleans(),
            "category": st.sampled_from(["identity", "general"]),
            "created_at": moments,
        },
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(rows_for_budget, rows_for_budget, st.sampled_from(intake.ON_CONFLICT), st.integers(1, 60))
def test_a_dry_run_tells_what_happens_and_the_budget_holds(
    before: list[Any], rows: list[Any], mode: str, size: int
) -> None:
    """Each row has one fate, in the dry run the same; what stays is what the budget would have kept of all."""

    async def run() -> None:
        async with session_on(config=SessionConfig(max_memory_size=size)) as session:
            session.import_memory(before)
            tried = session.import_memory(rows, on_conflict=mode, dry_run=True)
            told = session.import_memory(rows, on_conflict=mode)
            memory = session.get_memory()
            assert tried.counts == told.counts
            of_rows = [name for name in told.counts if name not in ("evicted", "superseded")]
            assert sum(told.counts[name] for name in of_rows) == len(rows)
            assert memory.token_count <= size
            added = {d["id"] for d in told.details if d["became"] in ("added", "replaced", "renamed")}
            assert added <= {entry.id for entry in memory.entries}

    asyncio.run(run())


async def test_entries_beyond_the_budget_are_explained() -> None:
    """The rule for all memories decides: rows that have no room are left out, what was there may make room."""
    async with session_on(config=SessionConfig(max_memory_size=40)) as session:
        weak = session.add_memory("word " * 8, importance=0.1)
        heard: list[Any] = []
        session.events.on("memory.*", heard.append)
        rows = [
            {"content": "one " * 15, "importance": 0.9},
            {"content": "two " * 15, "importance": 0.8},
            {"content": "three " * 15, "importance": 0.2},
            {"content": "long " * 50},
        ]
        report = session.import_memory(rows)
        entries_left = session.get_memory().entries
    assert {name: count for name, count in report.counts.items() if count} == {
        "added": 2,
        "left_out": 2,
        "evicted": 1,
    }
    by_row = {detail.get("row"): detail for detail in report.details}
    assert "importance x recency" in by_row[3]["reason"]
    assert "the budget is 40" in by_row[4]["reason"]
    assert by_row[None]["id"] == weak.id and by_row[None]["became"] == "evicted"
    assert {entry.content[:3] for entry in entries_left} == {"one", "two"}
    assert [event.type for event in heard] == ["memory.evicted", "memory.added", "memory.added"]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(shares, moments), min_size=1, max_size=40, unique_by=lambda row: row[1]),
    st.integers(5, 60),
)
def test_what_stays_of_a_long_import_is_what_is_worth_most(rows: list[Any], size: int) -> None:
    """Giving way as the rows come ends as if all had been there before the first gave way."""

    async def run() -> tuple[set[datetime], set[datetime]]:
        small = SessionConfig(max_memory_size=size)
        async with session_on(config=small) as session, session_on(config=ROOMY) as roomy:
            given = [{"content": "a b c", "importance": worth, "at": at, "id": str(at)} for worth, at in rows]
            session.import_memory(given)
            roomy.import_memory(given)
            data = roomy._core.view.copy()
            for change in evictions(data, session._core.now(), allowance_of(session._core.view.config)):
                change.apply(data)
            return {e.timestamp for e in session.get_memory().entries}, {
                e.timestamp for e in data.memories.values()
            }

    stays, should = asyncio.run(run())
    assert stays == should


async def test_of_one_slot_the_latest_counts() -> None:
    """An older holder in the import is left out, a newer one takes the place of what is remembered."""

    def row(entry_id: str, day: int) -> dict[str, Any]:
        at = f"2025-05-0{day}T00:00:00.000000Z"
        return {"id": entry_id, "content": entry_id, "timestamp": at, "slot": "user.name", "value": entry_id}

    async with session_on() as session:
        session.import_memory({"entries": [row("Bo", 3)]})
        report = session.import_memory({"entries": [row("Al", 1), row("Cy", 5), row("Di", 7), row("Ed", 6)]})
        assert contents(session) == ["Di"]
    assert [(detail["id"], detail["became"]) for detail in report.details] == [
        ("Al", "left_out"),
        ("Cy", "left_out"),
        ("Di", "added"),
        ("Ed", "left_out"),
        ("Bo", "superseded"),
    ]


async def test_what_has_expired_stays_out_and_categories_give_an_end() -> None:
    """An entry whose time is over is not taken in; one without an end gets that of its category."""
    config = SessionConfig(memory_categories={"mood": {"expires_after_days": 2}})
    rows = [
        {"content": "old", "expires_at": "2025-12-31"},
        {"content": "glad", "category": "mood", "created_at": "2025-12-31"},
        {"content": "sad", "category": "mood", "created_at": "2025-12-01"},
    ]
    async with session_on(config=config) as session:
        report = session.import_memory(rows)
        (entry,) = session.get_memory().entries
    assert report.counts["expired"] == 2 and entry.expires_at == entry.timestamp + timedelta(days=2)


async def test_imported_entries_follow_the_memory_mode() -> None:
    """In ephemeral mode they live with the process, as all others do."""
    storage = MemorySessionStorage()
    async with session_on(storage, SessionConfig(memory_mode="ephemeral")) as session:
        session.import_memory([{"id": "1", "content": "a"}])
        session.import_memory([{"id": "1", "content": "b"}], on_conflict="replace")
        assert contents(session) == ["b"]
    async with session_on(storage) as session:
        assert not contents(session)


async def test_details_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each fate the first rows are listed; the counts are of all."""
    monkeypatch.setattr(intake, "MAX_DETAILS", 3)
    rows: list[Any] = [*({"content": f"row {i}"} for i in range(9)), *(["row 1"] * 5)]
    async with session_on() as session:
        report = session.import_memory(rows)
    assert (report.counts["added"], report.counts["skipped"]) == (9, 5)
    assert [detail["row"] for detail in report.details] == [1, 2, 3, 10, 11, 12]


async def test_two_processes_import_at_once(tmp_path: Path) -> None:
    """Both imports are there afterwards, what both brought once."""
    storage = MemorySessionStorage()
    async with session_on(storage):
        pass
    async with session_on(storage) as one, session_on(storage) as two:
        path = jsonl(tmp_path / "a.jsonl", [{"id": "1", "content": "a"}, {"id": "2", "content": "b"}])
        other = jsonl(tmp_path / "b.jsonl", [{"id": "2", "content": "b"}, {"id": "3", "content": "c"}])
        await asyncio.gather(one.import_memory_from(path), two.import_memory_from(other))
    async with session_on(storage) as session:
        assert contents(session) == ["a", "b", "c"]


# --- outside forms by file


MEM0 = {
    "count": 2,
    "next": None,
    "results": [
        {
            "id": "m1",
            "memory": "Vegetarian",
            "user_id": "alex",
            "categories": ["food"],
            "created_at": 1714564800,
        },
        {"id": "m2", "memory": "Likes rain", "user_id": "alex", "metadata": None},
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("texts.jsonl", '"a"\n"b"\n', ["a", "b"]),
        ("crlf.jsonl", '{"text": "a"}\r\n\r\n{"memory": "b", "id": 5}', ["a", "b"]),
        ("mem0.json", json.dumps(MEM0), ["Likes rain", "Vegetarian"]),
        ("pretty.json", json.dumps(MEM0, indent=2), ["Likes rain", "Vegetarian"]),
        ("list.json", json.dumps(MEM0["results"]), ["Likes rain", "Vegetarian"]),
        ("lines.jsonl", "\n".join(map(json.dumps, MEM0["results"])), ["Likes rain", "Vegetarian"]),  # type: ignore[call-overload]
        ("memories.json", json.dumps({"memories": MEM0["results"]}), ["Likes rain", "Vegetarian"]),
        ("plain.json", json.dumps(["a", {"content": "ä"}], ensure_ascii=False), ["a", "ä"]),
        ("one.json", '{\n"text": "a"\n}', ["a"]),
        ("none.json", "[]", []),
        ("none2.json", '{"results": []}', []),
    ],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
async def test_outside_forms_are_recognised(
    tmp_path: Path, name: str, text: str, found: list[str], mark: bytes
) -> None:
    """By their content, with and without a byte order mark, whole or as lines; what came in is saved."""
    (tmp_path / name).write_bytes(mark + text.encode())
    storage = MemorySessionStorage()
    async with session_on(storage) as session:
        report = await session.import_memory_from(tmp_path / name)
        assert session._core.is_dirty is False
    async with session_on(storage) as session:
        assert contents(session) == sorted(found)
        assert all(entry.source == "imported" for entry in session.get_memory().entries)
    assert report.counts["added"] == len(found)


async def test_fields_of_mem0_arrive() -> None:
    """As a dict it is read as by its file."""
    async with session_on() as session:
        session.import_memory(MEM0)
        entry = next(entry for entry in session.get_memory().entries if entry.id == "m1")
    assert (entry.category, entry.timestamp) == ("food", datetime(2024, 5, 1, 12, tzinfo=UTC))


async def test_one_person_is_not_given_anothers_memories(tmp_path: Path) -> None:
    """An import of several users is refused until one is named."""
    rows = [*MEM0["results"], {"id": "m3", "memory": "Hates rain", "user_id": "bob"}]  # type: ignore[misc]
    path = jsonl(tmp_path / "m.jsonl", rows)
    async with session_on() as session:
        for refused in (
            lambda: session.import_memory(rows),
            lambda: session.import_memory({"results": rows}),
        ):
            with pytest.raises(ConfigurationError, match=r"several users.*user_id="):
                refused()
        with pytest.raises(ConfigurationError, match="line 3"):
            await session.import_memory_from(path)
        assert not contents(session)
        report = await session.import_memory_from(path, user_id="bob")
        assert contents(session) == ["Hates rain"]
    assert report.counts["skipped"] == 2 and "another user" in report.details[0]["reason"]


async def test_a_form_can_be_named(tmp_path: Path) -> None:
    """By name it is read as that form, recognised or not; an unknown name is refused."""
    path = jsonl(tmp_path / "m.jsonl", [{"text": "x", "memory": "y"}])
    async with session_on() as session:
        await session.import_memory_from(path, format="mem0")
        await session.import_memory_from(path, format="jsonl")
        assert contents(session) == ["x", "y"]
        with pytest.raises(ConfigurationError, match="voxsession, jsonl, mem0, chatgpt"):
            await session.import_memory_from(path, format="zip")
        with pytest.raises(ConfigurationError, match="mapping"):
            await session.import_memory_from(path, format="chatgpt")


# --- bad files


DEEP = '{"text": "a", "metadata": ' + '{"a":' * 5000 + "1" + "}" * 5001


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("hello", "neither JSON nor JSON Lines"),
        ("PK\x03\x04", "neither"),
        (DEEP, "line 1"),
        ('{"text": "a"}\n' + DEEP, "line 2"),
        ('{"text": "a"}\n{"text": 5}', r"line 2.*content=5"),
        ('{"text": "a"}\n{"text": ["my secret"]}', "line 2.*list"),
        ('{"text": "a"}\n{"text": NaN}', "line 2"),
        ('{"text": "a"}\n{"text": "\\ud800 my secret"}', "line 2"),
        ('{"text": "a"}\n{"text": "b"', "line 2"),
        ('{"text": "a"}\n[1]', "line 2"),
        ('{"text": "a"}\n{"title": "my secret"}', "line 2.*content=None"),
        ('{"text": "a"}\n{"text": "b", "importance": "high"}', "line 2.*importance"),
        ('{"text": "a"}\n{"text": "b", "pinned": "no"}', "line 2.*pinned"),
        ('{"text": "a"}\n{"text": "b", "at": "soon"}', "line 2.*timestamp"),
        ('{"text": "a"}\n{"text": "b", "id": {"a": 1}}', "line 2.*id"),
        ('{"text": "a"}\n{"text": "b", "category": 3}', "line 2.*category"),
        ('[{"text": "a"},\n{"text": "b"}', "line 2.*cut off|cut off.*line 2"),
        ('{"results": [{"memory": "a"},\n5]}', "line 2"),
    ],
)
async def test_bad_files_are_refused_whole(tmp_path: Path, text: str, named: str) -> None:
    """The error names file and line and quotes nobody; nothing of the file was taken in."""
    path = tmp_path / "import.json"
    path.write_text(text)
    async with session_on() as session:
        with pytest.raises(ConfigurationError, match=named) as caught:
            await session.import_memory_from(path)
        assert str(path) in str(caught.value) and "secret" not in str(caught.value)
        assert not contents(session)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
async def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    """UTF-8 it has to be."""
    path = tmp_path / "m.jsonl"
    path.write_bytes('"Zoë"\n'.encode(encoding))
    async with session_on() as session:
        with pytest.raises(ConfigurationError, match=r"UTF-16|not readable"):
            await session.import_memory_from(path)


async def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a pipe, nothing, and more than is read."""
    os.mkfifo(tmp_path / "pipe")
    large = jsonl(tmp_path / "large", ["a" * 100])
    monkeypatch.setattr(import_file, "MAX_IMPORT_BYTES", 99)
    async with session_on() as session:
        for path, named in (
            (tmp_path, "directory"),
            (tmp_path / "pipe", "pipe"),
            (tmp_path / "x", "No such"),
        ):
            with pytest.raises(ConfigurationError, match=named):
                await session.import_memory_from(path)
        with pytest.raises(ConfigurationError, match=r"up to 99 are read\. Import it in parts"):
            await session.import_memory_from(large)


@pytest.mark.parametrize("data", [None, 5, "text", {"a": 1}, {"entries": "a"}, {"results": {}}])
def test_what_is_no_export_is_refused(data: Any) -> None:
    """A dict with a list of entries, or a list, is needed."""

    async def run() -> None:
        async with session_on() as session:
            with pytest.raises(ConfigurationError, match="no export"):
                session.import_memory(data)

    asyncio.run(run())


async def test_deep_and_odd_values_in_a_dict_are_refused() -> None:
    """What no file could hold may come by a dict."""
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    for bad in ({"metadata": deep}, {"unknown": deep}, {"importance": float("nan")}, {"content": "\ud800"}):
        async with session_on() as session:
            with pytest.raises(ConfigurationError, match=r"entries\[1\]"):
                session.import_memory({"entries": [{"content": "a"}, {"content": "b", **bad}]})
            assert not contents(session)


async def test_an_entry_of_ten_megabytes_is_left_out(tmp_path: Path) -> None:
    """It is larger than the budget, so it is told and the others come in."""
    path = jsonl(tmp_path / "m.jsonl", ["a", "word " * 2_000_000, "b"])
    async with session_on() as session:
        report = await session.import_memory_from(path)
        assert contents(session) == ["a", "b"]
    assert report.details[1]["became"] == "left_out" and "budget is 10000" in report.details[1]["reason"]


# --- long imports


async def test_a_long_import_needs_little_and_lets_others_run(tmp_path: Path) -> None:
    """Of 20,000 rows never more than twice the budget are held, other tasks go on, progress is told."""
    rows = [
        {"id": f"m{i}", "text": f"fact number {i}", "importance": (i * 7919 % 1000) / 1000}
        for i in range(20_000)
    ]
    path = jsonl(tmp_path / "m.jsonl", rows)
    config = SessionConfig(max_memory_size=500)
    turns, told, held = 0, list[tuple[int, int]](), 0

    async def others() -> None:
        nonlocal turns, held
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    async with session_on(config=config) as session:
        task = asyncio.create_task(others())
        report = await session.import_memory_from(path, progress=progress)
        task.cancel()
        kept = session.get_memory()
    size = path.stat().st_size
    assert turns >= 200
    assert told[-1] == (size, size) and told == sorted(told)
    assert report.counts["added"] == len(kept.entries) and report.counts["left_out"] == 20_000 - len(
        kept.entries
    )
    assert kept.token_count <= 500 and min(entry.importance for entry in kept.entries) > 0.99
    assert len(report.details) == intake.MAX_DETAILS + len(kept.entries)


def test_the_copy_never_holds_more_than_twice_the_budget() -> None:
    """However many rows come, and whatever they say."""

    async def run() -> None:
        async with session_on(config=SessionConfig(max_memory_size=200)) as session:
            core = session._core
            taken = intake.Intake(core, "rename")
            for i in range(3000):
                entry = MemoryEntry(
                    id=f"{i % 7}",
                    content=f"{i}",
                    timestamp=NOON,
                    token_count=9,
                    slot=f"s{i}",
                    importance=i / 3000,
                )
                taken.take(entry, i + 1, has_id=bool(i % 2))
                sizes = [taken._data.memories, taken._taken, taken._texts, taken._slots]
                assert max(map(len, sizes)) * 9 <= 409

    asyncio.run(run())


async def test_a_progress_that_fails_stops_the_import(tmp_path: Path) -> None:
    """It is the caller's way out: nothing was taken in."""

    def progress(done: int, total: int) -> None:
        raise RuntimeError("enough")

    path = jsonl(tmp_path / "m.jsonl", ["a"])
    async with session_on() as session:
        with pytest.raises(RuntimeError, match="enough"):
            await session.import_memory_from(path, progress=progress)
        assert not contents(session)


@pytest.mark.parametrize(("when", "taken"), [("reading", 0), ("landing", 9)])
async def test_a_cancelled_import_is_taken_in_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, taken: int
) -> None:
    """A caller who goes while the file is read leaves nothing behind, one who goes later all of it."""
    monkeypatch.setattr(intake, "_CHANGES_AT_ONCE", 2)
    path = jsonl(tmp_path / "m.jsonl", [f"fact {i}" for i in range(9)])
    async with session_on() as session:
        stop: Callable[..., Any] = lambda *_: task.cancel()  # noqa: E731
        session.events.on("memory.added", stop if when == "landing" else lambda _: None)
        task = asyncio.create_task(
            session.import_memory_from(path, progress=stop if when == "reading" else None)
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(contents(session)) == taken


async def test_a_session_that_closes_meanwhile_takes_nothing_in(tmp_path: Path) -> None:
    """The import ends with the error that any change would give."""
    path = jsonl(tmp_path / "m.jsonl", ["a"])
    storage = MemorySessionStorage()
    async with session_on(storage) as session:

        async def progress(done: int, total: int) -> None:
            await session.close()

        with pytest.raises(SessionClosedError):
            await session.import_memory_from(path, progress=progress)
    async with session_on(storage) as session:
        assert not contents(session)


async def test_an_import_in_a_batch_is_part_of_it(tmp_path: Path) -> None:
    """An exception takes it back with all else; without one it is saved with the batch."""
    path = jsonl(tmp_path / "m.jsonl", ["a", "b"])
    async with session_on() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.batch_update():
                await session.import_memory_from(path)
                assert contents(session) == ["a", "b"]
                raise ZeroDivisionError
        assert not contents(session)
        async with session.batch_update():
            await session.import_memory_from(path)
            session.import_memory(["a", "c"])
        assert contents(session) == ["a", "b", "c"] and not session._core.is_dirty


# --- conversations


def talk(number: int, said: int = 2, **more: Any) -> dict[str, Any]:
    """A conversation as ChatGPT exports it; each of its messages comes a minute after the one before."""
    mapping: dict[str, Any] = {"root": {"parent": None, "message": None, "children": ["0"]}}
    start = 1714564800 + number * 86_400
    for i in range(said):
        role = ("user", "assistant")[i % 2]
        text = f"My name is Nemo {number}.{i}" if role == "user" else f"Nice to meet you {number}.{i}"
        mapping[str(i)] = {
            "parent": str(i - 1) if i else "root",
            "message": {
                "author": {"role": role},
                "create_time": start + 60 * i,
                "content": {"content_type": "text", "parts": [text]},
            },
            "children": [],
        }
    return {
        "id": f"talk-{number}",
        "title": f"Talk {number}",
        "mapping": mapping,
        "current_node": str(said - 1) if said else "root",
        **more,
    }


def conversations(tmp_path: Path, talks: list[Any]) -> Path:
    """A `conversations.json`."""
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(talks, indent=1))
    return path


async def test_conversations_come_in_as_past_conversations(tmp_path: Path) -> None:
    """They can be read, recalled and resumed; nothing is learned from them, and a second time they are skipped."""
    path = conversations(tmp_path, [talk(1), talk(2, 4), talk(3, 0)])
    storage = MemorySessionStorage()
    async with session_on(storage) as session:
        tried = await session.import_memory_from(path, dry_run=True)
        assert session.get_analytics()["conversation_count"] == 0
        report = await session.import_memory_from(path)
    assert report.counts == tried.counts == {"added": 2, "skipped": 1, "renamed": 0, "messages": 6}
    assert "nothing was said" in report.details[2]["reason"]
    async with session_on(storage) as session:
        conv = await session.resume_conversation("talk-2")
        history = await conv.history()
        assert [(m.role, m.content) for m in history][:2] == [
            ("user", "My name is Nemo 2.0"),
            ("assistant", "Nice to meet you 2.1"),
        ]
        assert all(message.origin == "imported" for message in history)
        assert history[0].metadata == {"title": "Talk 2"} and history[1].at == datetime(
            2024, 5, 3, 12, 1, tzinfo=UTC
        )
        assert (await session.recall("who is Nemo?", sources=("messages",)))[0].message.conversation_id
        analytics = session.get_analytics()
        assert (analytics["total_duration_seconds"], analytics["active_hours"]) == (240.0, [])
        assert not contents(session)
        again = await session.import_memory_from(path)
    assert again.counts["skipped"] == 3


async def test_a_known_conversation_is_skipped_or_renamed(tmp_path: Path) -> None:
    """Never replaced: what was said stays said."""
    path = conversations(tmp_path, [talk(1), talk(1)])
    async with session_on() as session:
        report = await session.import_memory_from(path, on_conflict="rename")
        assert [detail["became"] for detail in report.details] == ["added", "renamed"]
        assert session.get_analytics()["conversation_count"] == 2
        with pytest.raises(ConfigurationError, match="never replaced"):
            await session.import_memory_from(path, on_conflict="replace")
        with pytest.raises(ConfigurationError, match="import_memory_from"):
            session.import_memory([talk(1)])


async def test_one_wrong_conversation_refuses_the_file(tmp_path: Path) -> None:
    """The line is named, and nothing was taken in."""
    path = conversations(tmp_path, [talk(1), talk(2, current_node="x")])
    async with session_on() as session:
        with pytest.raises(ConfigurationError, match=r"conversations\.json line \d+: .*Nothing was taken in"):
            await session.import_memory_from(path)
        assert session.get_analytics()["conversation_count"] == 0


async def test_many_conversations_are_saved_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that fails on the way says how far it came; the import is repeated and brings the rest."""
    monkeypatch.setattr(past_talks, "_SAVE_AFTER_MESSAGES", 40)
    path = conversations(tmp_path, [talk(n, 20) for n in range(12)])
    storage = WatchedStorage()

    def failing_after(count: int) -> Callable[..., Any]:
        async def mishap(name: str, call: Callable[[], Any]) -> Any:
            nonlocal count
            count -= name in ("save", "append")
            if count < 0 and name in ("save", "append"):
                raise StorageUnavailableError("away")
            return await call()

        return mishap

    async with session_on(storage) as session:
        storage.mishap = failing_after(3)
        with pytest.raises(StorageUnavailableError) as caught:
            await session.import_memory_from(path)
        assert "8 conversations" in caught.value.__notes__[0]
        storage.mishap = None
        report = await session.import_memory_from(path)
        assert (report.counts["skipped"], report.counts["added"]) == (8, 4)
    async with session_on(storage) as session:
        assert session.get_analytics()["message_count"] == 240
        for n in (0, 7, 11):
            assert len(await (await session.resume_conversation(f"talk-{n}")).history()) == 20


async def test_conversations_that_were_filed_are_known(tmp_path: Path) -> None:
    """Also those whose entries lie in index pages by now are not taken in twice."""
    path = conversations(tmp_path, [talk(n) for n in range(150)])
    storage = MemorySessionStorage()
    async with session_on(storage) as session:
        await session.import_memory_from(path)
    async with session_on(storage) as session:
        assert session._core.data.index_pages
        report = await session.import_memory_from(path)
    assert report.counts["skipped"] == 150 and not report.counts["added"]
