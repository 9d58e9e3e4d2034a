"""The view over all sessions: its sums are those of the sessions, and it opens no more than their heads."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import TwoMethodStorage, WatchedStorage, user_says, voxon_on
from tests.storages import KINDS, made
from voxsession import ConfigurationError, MemorySessionStorage, Reply, SessionConfig, SessionStorage, Voxon
from voxsession.codec.seal import Seal
from voxsession.core.changes import EvidenceAdded, MessageAdded, MetricTracked
from voxsession.core.message import Message, Usage
from voxsession.core.types import encode_json
from voxsession.testing import FakeClock

QUIET = SessionConfig(enable_learning=False, memory_mode="persistent")
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SUMS = (
    "conversation_count",
    "message_count",
    "turn_count",
    "total_duration_seconds",
    "input_tokens",
    "output_tokens",
    "injection_count",
)


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


async def bill(request: Any) -> Reply:
    """A model that reports what it took."""
    return Reply("An answer", usage=Usage(input_tokens=10, output_tokens=2, estimated=False, model="big"))


async def talks(voxon: Voxon, clock: FakeClock, count: int = 3, **config: Any) -> dict[str, dict[str, Any]]:
    """So many sessions, a day apart, each with a turn more than the one before; what each tells."""
    told = {}
    for number in range(count):
        session = await voxon.create_session(
            session_id=f"s{number}", user_id=f"u{number % 2}", config=QUIET.replace(**config)
        )
        async with session.conversation() as conv:
            for _ in range(number + 1):
                await conv.send_message("Thanks")
                clock.advance(seconds=30)
        session.add_memory("A fact that stays sealed")
        session.track_metric("tasks", number)
        told[session.session_id] = dict(session.get_analytics())
        await session.close()
        clock.advance(days=1)
    return told


async def test_sums_are_those_of_the_sessions(storage: SessionStorage) -> None:
    """Of all, of one person's, of those that have not ended."""
    clock = FakeClock(START)
    async with voxon_on(storage, clock=clock, model=bill) as voxon:
        told = await talks(voxon, clock)
        async with voxon.session(session_id="s2") as session:
            await session.end()
        for options, names in (
            ({}, ["s0", "s1", "s2"]),
            ({"user_id": "u0"}, ["s0", "s2"]),
            ({"user_id": "nobody"}, []),
            ({"active_only": True}, ["s0", "s1"]),
            ({"active_only": True, "user_id": "u0"}, ["s0"]),
        ):
            found = await voxon.analytics(**options, token_prices={"big": {"input": 1, "output": 5}})
            assert found["session_count"] == len(names) and found["unopened_sessions"] == 0
            for figure in SUMS:
                assert found[figure] == pytest.approx(sum(told[name][figure] for name in names)), figure
            turns = sum(told[name]["turn_count"] for name in names)
            assert found["cost"] == (pytest.approx(turns * 20e-6) if names else None)
        everyone = await voxon.analytics()
        assert everyone["sessions"] == {"active": 2, "ended": 1}
        assert everyone["metrics"]["tasks"] == {"count": 3, "last": 2.0, "mean": 1.0, "min": 0.0, "max": 2.0}
        assert everyone["active_hours"] == [12] and everyone["satisfaction_source"] == "signals"
        assert "<svg" in everyone._repr_html_()


async def test_a_period_holds_its_days(storage: SessionStorage) -> None:
    """From, until, both: the figures of these days, in as many sessions as were used then."""
    clock = FakeClock(START)
    async with voxon_on(storage, clock=clock) as voxon:
        await talks(voxon, clock)
        last = await voxon.analytics(since=date(2026, 5, 3))
        assert (last["session_count"], last["message_count"], last["inexact_sessions"]) == (1, 6, 0)
        first = await voxon.analytics(until="2026-05-02")
        assert (first["session_count"], first["message_count"], first["turn_count"]) == (2, 6, 3)
        middle = await voxon.analytics(
            since=START + timedelta(days=1), until=START + timedelta(days=1), user_id="u1"
        )
        assert (middle["session_count"], middle["message_count"]) == (1, 4)
        assert (await voxon.analytics(since="2026-06"))["session_count"] == 0
        for wrong in (
            {"since": "May"},
            {"since": "2026-06", "until": "2026-05"},
            {"until": datetime(2026, 5, 1)},
        ):
            with pytest.raises(ConfigurationError, match="|".join(wrong)):
                await voxon.analytics(**wrong)


async def test_a_period_is_in_each_sessions_zone() -> None:
    """At noon of UTC it is already the next day at the other end of the world."""
    clock = FakeClock(START)
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        await talks(voxon, clock, 1, timezone="Pacific/Kiritimati")
        assert (await voxon.analytics(since="2026-05-01", until="2026-05-01"))["message_count"] == 0
        assert (await voxon.analytics(since="2026-05-02", until="2026-05-02"))["message_count"] == 2


async def test_a_period_that_cuts_a_folded_month_is_told() -> None:
    """Sessions of which no days are kept any more are counted as inexact, and their cut month is left out."""
    clock = FakeClock(START)
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        session = await voxon.create_session(config=QUIET)
        conv = await session.start_conversation()
        for _ in range(130):
            await conv.add_messages(user_says("x"))
            clock.advance(days=1)
        await session.close()
        found = await voxon.analytics(since="2026-05-10", until="2026-05-20")
        assert (found["session_count"], found["inexact_sessions"], found["message_count"]) == (1, 1, 0)
        assert (await voxon.analytics(since="2026-05", until="2026-05"))["message_count"] == 31


async def test_no_more_than_the_heads_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """One core section for each session and its tail; memories, messages and pages stay sealed."""
    storage, clock = WatchedStorage(), FakeClock(START)
    async with voxon_on(storage, clock=clock) as voxon:
        told = await talks(voxon, clock, 4)
        long = await voxon.create_session(session_id="long", config=QUIET)
        conv = await long.start_conversation()
        await conv.add_messages(user_says(*["x"] * 400))
        long.clear_memory(ids=[long.add_memory("y").id])
        await long.close()
    opened: list[str] = []
    unseal = Seal.open

    def watched(self: Seal, header: Any, part: str, sealed: Any, name: str) -> bytes:
        opened.append(part)
        return unseal(self, header, part, sealed, name)

    monkeypatch.setattr(Seal, "open", watched)
    storage.calls.clear()
    async with voxon_on(storage, clock=clock) as voxon:
        found = await voxon.analytics()
    assert found["message_count"] == 400 + sum(figures["message_count"] for figures in told.values())
    assert {part for part in opened if part.startswith(("document", "page"))} == {"document:core"}
    assert opened.count("document:core") == 5 and "batch" in opened
    assert storage.calls.count("load") <= 6 and "load_page" not in storage.calls


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_sessions() -> None:
    """Five thousand sessions take no more than a few hundred do, whatever their metrics are named."""
    storage = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    peaks: dict[int, int] = {}
    async with voxon_on(storage) as voxon:
        for count in (500, 5000):
            while len(storage_ids(storage)) < count:
                await _add_session(voxon, len(storage_ids(storage)))
            tracemalloc.start()
            found = await voxon.analytics()
            peaks[count] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert found["session_count"] == found["message_count"] == count
    assert found["left_out_metrics"] == 4000 and len(found["metrics"]) == 1000
    assert len(found["topics"]) == 10
    # The listing of 1,000 headers at a time is the largest part.
    assert peaks[5000] < peaks[500] + 8_000_000


def storage_ids(storage: Any) -> list[str]:
    """The sessions that were made; the test counts them itself, so that it asks the storage nothing."""
    ids: list[str] = storage.__dict__.setdefault("made_ids", [])
    return ids


async def _add_session(voxon: Voxon, number: int) -> None:
    session = voxon.create_session(session_id=f"s{number}", config=QUIET)
    core, now = session._core, START
    said = Message(id="m", conversation_id="c", role="user", content="x" * 500, at=now)
    core.record(
        MessageAdded(at=now, message=said),
        MetricTracked(at=now, name=f"metric_{number}", value=1.0),
        EvidenceAdded(at=now, topics={f"topic {number}": 1.0, f"other {number}": 0.5}),
    )
    await session.save()
    session._let_go()
    assert voxon._home.recorder is not None
    storage_ids(voxon._home.recorder.storage).append(session.session_id)


async def test_what_cannot_be_opened_is_counted_as_that() -> None:
    """A session under another key or an altered one is told, and the others are added up."""
    storage, clock = MemorySessionStorage(), FakeClock(START)
    async with voxon_on(storage, clock=clock) as voxon:
        await talks(voxon, clock)
        record = await storage.load("s1")
        assert record is not None
        sealed = record["sealed"]["core"]
        record["sealed"]["core"] = sealed[:-8] + (
            "AAAAAAA=" if not sealed.endswith("AAAAAAA=") else "BAAAAAA="
        )
        record.pop("tail", None)
        await storage.delete("s1")
        await storage.save({**record, "base_seq": 0})
        found = await voxon.analytics()
        assert (found["session_count"], found["unopened_sessions"], found["message_count"]) == (2, 1, 2 + 6)


async def test_plain_installations_are_added_up_too() -> None:
    """Without encryption the same figures come out."""
    storage, clock = MemorySessionStorage(), FakeClock(START)
    options = {"session_encryption_method": "none", "session_encryption_key": None}
    async with voxon_on(storage, clock=clock, **options) as voxon:
        told = await talks(voxon, clock)
        found = await voxon.analytics()
        assert found["message_count"] == sum(figures["message_count"] for figures in told.values())


async def test_a_storage_that_cannot_list_says_so() -> None:
    """The error names the storage and what to do."""
    async with voxon_on(TwoMethodStorage()) as voxon:
        async with voxon.session("u"):
            pass
        with pytest.raises(ConfigurationError, match=r"custom storage cannot list.*get_analytics"):
            await voxon.analytics(user_id="u")


async def test_bad_arguments_are_named_before_anything_is_read() -> None:
    """Prices and user ids are checked first."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        for wrong in ({"user_id": ""}, {"token_prices": {"m": 1}}, {"since": 3}):
            with pytest.raises(ConfigurationError):
                await voxon.analytics(**wrong)  # type: ignore[arg-type]
    assert "list_sessions" not in storage.calls


async def test_it_reads_what_is_stored_while_sessions_are_used() -> None:
    """What is pending in this process is not stored yet; tenants see their own sessions."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon_on(storage, tenant="other") as other:
        session = await voxon.create_session(config=QUIET)
        session.track_metric("tasks", 1)
        assert (await voxon.analytics())["metrics"] == {}
        await asyncio.gather(session.save(), voxon.analytics())
        assert (await voxon.analytics())["metrics"]["tasks"]["count"] == 1
        assert (await other.analytics())["session_count"] == 0
        assert encode_json(await voxon.analytics())
