"""What was true at a moment: facts that gave way are history that can be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from voxsession import (
    ConfigurationError,
    Fact,
    FileSessionStorage,
    MemorySessionStorage,
    Session,
    SessionConfig,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import FakeClock

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PERSISTENT = {"memory_mode": "persistent"}


@asynccontextmanager
async def opened(
    storage: Any = None, clock: FakeClock | None = None, **options: Any
) -> AsyncIterator[Session]:
    """A session on the first of June 2026."""
    config = VoxonConfig(session_storage=storage or MemorySessionStorage(), session_encryption_method="none")
    async with (
        Voxon(config, clock=clock or FakeClock(NOW), **options) as voxon,
        voxon.session("u", session_id="s", config=SessionConfig(**PERSISTENT)) as session,
    ):
        yield session


def day(year: int, month: int = 1, date: int = 1) -> datetime:
    return datetime(year, month, date, tzinfo=UTC)


async def tell(session: Session, *said: tuple[datetime, str]) -> None:
    """The user says things at moments."""
    async with session.conversation("c") as conv:
        await conv.add_messages([{"role": "user", "content": text, "at": at} for at, text in said])


MOVES = ((day(2020), "I live in Oslo"), (day(2022), "I moved to Bergen"), (day(2024), "I moved to Molde"))


async def found(
    session: Session, as_of: datetime, query: str = "Where does the user live?"
) -> list[list[str]]:
    """What each of the three ways gives, the last of them from pages too."""
    recalled = await session.recall(query, sources=("memories",), as_of=as_of)
    return [
        [entry.content for entry in session.get_memory(as_of=as_of).entries],
        [match.content for match in session.search_memory(query, as_of=as_of)],
        [match.content for match in recalled],
    ]


@pytest.mark.parametrize(
    ("as_of", "place"),
    [
        (day(2019), None),
        (day(2020), "Oslo"),
        (day(2021, 12, 31), "Oslo"),
        (day(2022), "Bergen"),
        (day(2023), "Bergen"),
        (day(2024), "Molde"),
        (day(2030), "Molde"),
    ],
)
async def test_each_moment_has_the_value_of_its_time(as_of: datetime, place: str | None) -> None:
    """A fact holds from when it was said until the next of its slot was; the moment of change belongs to the new."""
    async with opened() as session:
        await tell(session, *MOVES)
        wanted = [f"User lives in {place}"] if place else []
        here, searched, recalled = await found(session, as_of)
    assert here == searched == recalled == wanted


async def test_filed_history_is_read_from_its_pages(tmp_path: Any) -> None:
    """Facts that were filed as history are recalled, in another process too; what is loaded shows only itself."""
    storage = FileSessionStorage(tmp_path)
    async with opened(storage) as session:
        await tell(session, *MOVES)
        session.clear_memory(ids=[session.add_memory("erased").id])  # the next save is whole, so it files
        await session.save()
        assert session._core.data.archive_pages
    async with opened(storage) as session:
        for as_of, place in ((day(2021), "Oslo"), (day(2023), "Bergen"), (day(2025), "Molde")):
            here, searched, recalled = await found(session, as_of)
            assert recalled == [f"User lives in {place}"]
            assert here == searched == ([] if place != "Molde" else ["User lives in Molde"])
        reasons = (await session.recall("Oslo", sources=("memories",), as_of=day(2021)))[0].reasons
        assert "as of 2021-01-01" in reasons


async def test_what_was_told_late_counts_from_when_it_was_true() -> None:
    """A fact with a date of its own holds from that date, and the one before it until then."""

    def extractor(text: str, *, at: datetime, **_: Any) -> list[Fact]:
        place, _, since = text.partition(" since ")
        begin = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
        return [Fact(content=place, category="location", importance=0.8, slot="residence", valid_from=begin)]

    async with opened(extractor=extractor) as session:
        await tell(session, (day(2020), "in Oslo"), (day(2024), "in Bergen since 2021-06-01"))
        assert (await found(session, day(2021), "Oslo or Bergen"))[2] == ["in Oslo"]
        assert (await found(session, day(2022), "Oslo or Bergen"))[2] == ["in Bergen"], (
            "though it was told in 2024 only"
        )
        assert [entry.content for entry in session.get_memory().entries] == ["in Bergen"]


async def test_a_correction_that_reaches_further_back_leaves_nothing_of_the_older() -> None:
    """What turns out to have been true all the time takes the older value's place at every moment."""

    def extractor(text: str, *, at: datetime, **_: Any) -> list[Fact]:
        begin = day(2015) if "always" in text else None
        return [Fact(content=text, category="location", importance=0.8, slot="residence", valid_from=begin)]

    async with opened(extractor=extractor) as session:
        await tell(session, (day(2020), "in Oslo"), (day(2024), "always in Bergen"))
        for year in (2016, 2021, 2025):
            assert (await found(session, day(year), "Oslo or Bergen"))[2] == ["always in Bergen"]


async def test_messages_said_later_are_not_found() -> None:
    """`recall` with `as_of` knows the talk up to that moment, and time words count from there."""
    async with opened() as session:
        await tell(session, *MOVES)
        early = await session.recall("moved", sources=("messages",), as_of=day(2023))
        late = await session.recall("moved", sources=("messages",), as_of=NOW)
    assert early[0].content == "I moved to Bergen"
    assert "I moved to Molde" not in [match.content for match in early]
    assert {"I moved to Bergen", "I moved to Molde"} <= {match.content for match in late}


async def test_erased_entries_are_never_found(tmp_path: Any) -> None:
    """What was cleared or forgotten is gone from every moment, from filed history before its next save too."""
    storage = FileSessionStorage(tmp_path)
    async with opened(storage) as session:
        await tell(session, *MOVES)
        session.clear_memory(ids=[session.add_memory("erased").id])
        await session.save()
        assert (await found(session, day(2021)))[2] == ["User lives in Oslo"]
        session.clear_memory(before=day(2021))
        assert await found(session, day(2020, 6)) == [[], [], []], "it is not saved yet"
        await session.save()
        assert await found(session, day(2020, 6)) == [[], [], []]
        await session.forget("Bergen")
        assert await found(session, day(2023), "Bergen") == [[], [], []]
        assert (await session.recall("Bergen", as_of=day(2023))) == []


async def test_what_a_batch_erases_is_gone_inside_it(tmp_path: Any) -> None:
    """Inside `batch_update()` the past is as the block has made it."""
    async with opened(FileSessionStorage(tmp_path)) as session:
        await tell(session, *MOVES)
        session.clear_memory(ids=[session.add_memory("erased").id])
        await session.save()
        with session.batch_update():
            session.clear_memory()
            assert (await found(session, day(2021)))[2] == []


async def test_expired_entries_are_never_found() -> None:
    """Neither what is expired by now, nor what will be at the moment that is asked for."""
    clock = FakeClock(NOW)
    async with opened(clock=clock) as session:
        session.add_memory("short note", expires_after_days=10)
        session.add_memory("lasting note")
        before, after = NOW + timedelta(days=5), NOW + timedelta(days=20)
        held = {one.content for one in session.get_memory(as_of=before).entries}
        assert held == {"lasting note", "short note"}
        assert [one.content for one in session.get_memory(as_of=after).entries] == ["lasting note"]
        clock.advance(days=15)
        assert [one.content for one in session.get_memory(as_of=before).entries] == ["lasting note"]
        assert [match.content for match in await session.recall("note", as_of=before)] == ["lasting note"]


async def test_compressed_entries_hold_until_what_stands_for_them() -> None:
    """Of an original and what it was folded into, each moment shows one."""
    async with opened() as session:
        for year, colour in ((2020, "red"), (2021, "green"), (2022, "blue")):
            session.add_memory(f"User likes {colour} cars", at=day(year), category="interest")
        report = session.compress_memory()
        assert report
        now = [entry.content for entry in session.get_memory(as_of=NOW).entries]
        assert now == [entry.content for entry in session.get_memory().entries]
        assert [entry.content for entry in session.get_memory(as_of=day(2020, 6)).entries] == [
            "User likes red cars"
        ]


async def test_category_and_limit_hold_for_the_past_too() -> None:
    """`search_memory` narrows what held as it narrows what holds."""
    async with opened() as session:
        session.add_memory("note one", category="a", at=day(2020))
        session.add_memory("note two", category="b", at=day(2020))
        matches = session.search_memory("note", category="b", as_of=day(2021))
        assert [match.content for match in matches] == ["note two"]
        assert len(session.search_memory("note", limit=1, as_of=day(2021))) == 1
        assert session.search_memory("note", limit=0, as_of=day(2021)) == []


@pytest.mark.parametrize("as_of", ["2021-01-01", datetime(2021, 1, 1), 5])
async def test_a_moment_without_a_zone_is_refused(as_of: Any) -> None:
    """Each of the three names the argument."""
    async with opened() as session:
        for ask in (session.get_memory, lambda **more: session.search_memory("x", **more)):
            with pytest.raises(ConfigurationError, match="as_of"):
                ask(as_of=as_of)
        with pytest.raises(ConfigurationError, match="as_of"):
            await session.recall("x", as_of=as_of)


async def test_the_beginning_of_a_fact_survives_export_and_import() -> None:
    """`valid_from` goes with the entry."""

    def extractor(text: str, **_: Any) -> list[Fact]:
        return [Fact(content=text, category="location", importance=0.8, valid_from=day(2021))]

    async with opened(extractor=extractor) as session:
        await tell(session, (day(2024), "in Bergen"))
        exported = session.export_memory()
    async with opened() as other:
        assert other.import_memory(exported)
        assert [entry.valid_from for entry in other.get_memory().entries] == [day(2021)]
        assert [entry.content for entry in other.get_memory(as_of=day(2022)).entries] == ["in Bergen"]
