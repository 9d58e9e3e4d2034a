"""Analytics of live sessions: the same numbers wherever they are read, in the person's time, and told once."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.session.processes import ROOT
from tests.session.stores import TwoMethodStorage, WatchedStorage, lose_answer, only, user_says, voxon_on
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    Reply,
    Session,
    SessionConfig,
    StorageUnavailableError,
    Voxon,
)
from voxsession.core.message import Usage
from voxsession.learning.analytics import MAX_METRICS
from voxsession.testing import FakeClock, ScriptedModel

QUIET = SessionConfig(enable_learning=False)


def figures(session: Session) -> dict[str, Any]:
    """All that can be read of a session's analytics."""
    return {
        "session": dict(session.get_analytics()),
        "metrics": dict(session.get_custom_metrics()),
        "days": session.to_records("days"),
        "conversations": session.to_records(),
    }


def heard(session: Session) -> list[str]:
    """The milestones that come from now on."""
    told: list[str] = []
    session.events.on("analytics.milestone", lambda event: told.append(event.milestone))
    return told


# --- the same numbers


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.sampled_from(["talk", "metric", "save", "whole", "reload", "reopen", "off", "on", "end"]),
        max_size=14,
    )
)
def test_saving_and_opening_change_no_number(steps: list[str]) -> None:
    """Whatever was written when, whole or as a batch, a session that is opened anew tells the same."""

    async def run() -> None:
        storage, clock = MemorySessionStorage(), FakeClock(step_seconds=0.5)
        voxon = voxon_on(storage, clock=clock)
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        for number, step in enumerate([*steps, "reopen"]):
            clock.advance(hours=7)
            match step:
                case "talk":
                    await conv.send_message(f"Thanks, number {number}")
                case "metric":
                    session.track_metric("m", number)
                case "save":
                    await session.save()
                case "whole":
                    session.clear_memory(ids=[session.add_memory("x").id])
                    await session.save()
                case "reload":
                    before = figures(session)
                    await session.reload()
                    assert figures(session) == before
                case "off" | "on":
                    session.config.enable_analytics = step == "on"
                case "end":
                    await conv.end()
                    conv = await session.start_conversation()
                case "reopen":
                    await session.save()
                    before = figures(session)
                    other = voxon_on(storage, clock=clock)
                    assert figures(await other.load_session("s")) == before
                    assert figures(await other.load_session("s", lazy_load=True)) == before
        await voxon.close()

    asyncio.run(run())


async def test_two_processes_count_together() -> None:
    """What both counted is there after a conflict, the same for both and for a third."""
    storage, clock = MemorySessionStorage(), FakeClock(step_seconds=0.25)
    async with voxon_on(storage, clock=clock) as first, voxon_on(storage, clock=clock) as second:
        mine = await first.create_session(session_id="s", config=QUIET)
        theirs = await second.load_session("s")
        one, other = await mine.start_conversation("one"), await theirs.start_conversation("other")
        for number in range(5):
            await one.send_message(f"Thanks {number}")
            await other.send_message(f"Wrong answer {number}")
            theirs.track_metric("m", number)
        await theirs.save()
        await mine.reload()
        await theirs.reload()
        assert figures(mine) == figures(theirs)
        async with voxon_on(storage, clock=clock) as third:
            assert figures(await third.load_session("s")) == figures(mine)
        found = mine.get_analytics()
        assert (found["message_count"], found["turn_count"], found["conversation_count"]) == (20, 10, 2)
        assert found["satisfaction_source"] == "signals"
        assert sum(row["complaint_count"] for row in mine.to_records("days")) == 5


async def test_filing_conversations_away_changes_no_number() -> None:
    """Conversations that were never ended and are filed long since still count with their time."""
    storage, clock = MemorySessionStorage(), FakeClock()
    async with voxon_on(storage, clock=clock) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        for number in range(70):
            conv = await session.start_conversation(f"c{number}")
            clock.advance(seconds=10)
            await conv.add_messages(user_says("x"))
            session._core.open_conversations.clear()  # as after a crash: nobody holds it, nobody ended it
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        assert len(session._core.data.conversations) < 70
        assert session.get_analytics()["total_duration_seconds"] == 700.0


# --- time


@pytest.mark.parametrize(
    ("zone", "moment", "hour", "day"),
    [
        ("UTC", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 0, "2026-03-29"),
        # The clocks of Berlin go forward at 01:00 UTC on 29 March, and back at 01:00 UTC on 25 October.
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 1, "2026-03-29"),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 3, "2026-03-29"),
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 2, "2026-10-25"),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 2, "2026-10-25"),
        ("Europe/Berlin", datetime(2026, 7, 1, 22, 30, tzinfo=UTC), 0, "2026-07-02"),
        ("Asia/Kathmandu", datetime(2026, 1, 1, 18, 15, tzinfo=UTC), 0, "2026-01-02"),
        ("Pacific/Kiritimati", datetime(2026, 1, 1, 10, 0, tzinfo=UTC), 0, "2026-01-02"),
        ("America/Los_Angeles", datetime(2026, 1, 1, 7, 59, tzinfo=UTC), 23, "2025-12-31"),
    ],
)
async def test_hours_and_days_are_those_of_the_zone(zone: str, moment: datetime, hour: int, day: str) -> None:
    """Also on the day when the clocks change: the hour that there is twice counts twice, the missing one never."""
    async with voxon_on(MemorySessionStorage(), clock=FakeClock(moment)) as voxon:
        async with (
            voxon.session(config=SessionConfig(timezone=zone)) as session,
            session.conversation() as conv,
        ):
            await conv.send_message("Hello")
            assert session.get_analytics()["active_hours"] == [hour]
            assert [row["first_day"] for row in session.to_records("days")] == [day]
            assert session.compare(day, "2020")["period_a"]["conversation_count"] == 1


async def test_a_new_zone_counts_from_now_on() -> None:
    """What was said in the evening of Berlin stays in the evening when the person moves to Tokyo."""
    clock = FakeClock(datetime(2026, 5, 1, 18, 0, tzinfo=UTC))
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        async with voxon.session(config=SessionConfig(timezone="Europe/Berlin")) as session:
            async with session.conversation() as conv:
                await conv.add_messages(user_says("a", "b"))
                session.config.timezone = "Asia/Tokyo"
                await conv.add_messages(user_says("c"))
            assert session.get_analytics()["active_hours"] == [20, 3]
            assert [row["first_day"] for row in session.to_records("days")] == ["2026-05-01", "2026-05-02"]


async def test_times_that_apps_give() -> None:
    """No time, one of the past, one before the one before it, one of the future: nothing is negative or in 2099."""
    clock = FakeClock(datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        async with voxon.session(config=QUIET) as session, session.conversation() as conv:
            hours = (-30, -31, None, 24 * 365 * 70, 1)
            moments = [None if hour is None else clock.now() + timedelta(hours=hour) for hour in hours]
            clock.advance(minutes=5)
            for moment in moments:
                told = {"role": "user", "content": "x"} | ({"at": moment} if moment else {})
                await conv.add_messages([told])
            clock.set(clock.now() - timedelta(minutes=3))
            await conv.send_message("and back")
            assert conv.get_analytics()["duration_seconds"] == 300.0
            assert session.get_analytics()["total_duration_seconds"] == 300.0
            rows = session.to_records("days")
            assert [row["first_day"] for row in rows] == ["2026-04-30", "2026-05-01"]
            assert min(row["duration_seconds"] for row in rows) >= 0
            clock.set(datetime(2020, 1, 1, tzinfo=UTC))
        assert session.get_analytics()["total_duration_seconds"] >= 300.0
        assert min(row["duration_seconds"] for row in session.to_records("days")) >= 0


# --- the switch


async def test_off_is_off_at_once() -> None:
    """From the moment it is set no figure moves, in a running conversation too; on again, counting goes on."""
    clock = FakeClock(step_seconds=1)
    model = ScriptedModel([Reply("x", usage=Usage(input_tokens=5, output_tokens=5, estimated=False))] * 4)
    async with voxon_on(MemorySessionStorage(), clock=clock, model=model) as voxon:
        session = await voxon.create_session(
            config=SessionConfig(milestones={"messages": [3, 6], "turns": [2]})
        )
        told = heard(session)
        conv = await session.start_conversation()
        await conv.send_message("Thanks")
        session.config.enable_analytics = False
        before = figures(session)["session"], figures(session)["days"], dict(conv.get_analytics())
        await conv.send_message("Thank you")
        await conv.interrupt("x")
        await session.start_conversation()
        await session.save()
        after = figures(session)["session"], figures(session)["days"]
        assert after[1] == before[1]
        assert {**after[0], "topics": []} == {**before[0], "topics": []}  # topics are learned, not counted
        assert dict(conv.get_analytics()) == before[2]
        assert told == []
        session.config.enable_analytics = True
        await conv.send_message("Hello")
        assert session.get_analytics()["message_count"] == 4 and told == ["messages:3", "turns:2"]
        await session.close()


async def test_off_from_the_beginning() -> None:
    """A session that was never counted has figures of nothing, and all its messages."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        async with voxon.session(config=SessionConfig(enable_analytics=False)) as session:
            async with session.conversation() as conv:
                await conv.send_message("Hello")
            found = session.get_analytics()
            assert (found["message_count"], found["conversation_count"], found["active_hours"]) == (0, 0, [])
            assert len(await conv.history()) == 2 and session.to_records("days") == []
            session.track_metric("tasks", 1)
            assert session.get_custom_metrics()["tasks"]["count"] == 1


# --- what a turn takes


async def test_tokens_and_their_price() -> None:
    """What models report is counted by model and priced; without a report it is an estimate without a price."""
    replies = [
        Reply("a", usage=Usage(input_tokens=1000, output_tokens=100, estimated=False, model="big")),
        Reply("b", usage=Usage(input_tokens=10, output_tokens=1, estimated=False)),
        "c",
        Reply("d", usage=Usage(input_tokens=10, output_tokens=1, estimated=False, model="\ud800")),
    ]
    async with voxon_on(MemorySessionStorage(), model=ScriptedModel(replies)) as voxon:
        async with voxon.session() as session, session.conversation() as conv:
            for _ in replies:
                await conv.send_message("Hello")
            found = session.get_analytics(token_prices={"big": {"input": 2.0, "output": 10.0}})
            assert found["cost"] == pytest.approx(0.003) and found["unpriced_tokens"] == 11
            assert set(found["models"]) == {"big", ""}
            assert found["estimated_tokens"] > 0
            assert found["total_tokens"] == found["estimated_tokens"] + 1111
            assert session.get_analytics()["cost"] is None
            with pytest.raises(ConfigurationError, match="token_prices"):
                session.get_analytics(token_prices={"big": 3})  # type: ignore[dict-item]


async def test_functions_and_interruptions() -> None:
    """Functions count with failures and durations, also after the session was opened anew."""
    storage, clock = MemorySessionStorage(), FakeClock()

    def asked(*names: str) -> Reply:
        calls = [{"id": f"{n}{i}", "function": {"name": n, "arguments": "{}"}} for i, n in enumerate(names)]
        return Reply("", tool_calls=calls)

    model = ScriptedModel([asked("slow", "broken", "unknown"), "Done", asked("slow"), "Again"])
    async with voxon_on(storage, clock=clock, model=model) as voxon:
        session = await voxon.create_session(session_id="s", config=SessionConfig(enable_functions=True))
        told: list[tuple[str, bool, float]] = []
        session.events.on("function.completed", lambda e: told.append((e.function, e.worked, e.duration_ms)))
        async with session.conversation() as conv:

            async def slow() -> str:
                clock.advance(seconds=2)
                return "ok"

            def broken() -> str:
                raise ValueError("no")

            conv.register_function(slow)
            conv.register_function(broken)
            await conv.send_message("Go")
            await conv.send_message("Go on")
            await conv.interrupt("Ag")
            assert conv.get_analytics()["interruption_count"] == 1
        await session.close()
    assert told == [
        ("slow", True, 2000.0),
        ("broken", False, 0.0),
        ("unknown", False, 0.0),
        ("slow", True, 2000.0),
    ]
    async with voxon_on(storage, clock=clock) as voxon:
        found = (await voxon.load_session("s")).get_analytics()
        assert (found["function_calls"], found["function_failures"], found["interruption_count"]) == (4, 2, 1)
        assert found["functions"]["slow"] == {"count": 2, "failures": 0, "avg_ms": 2000.0, "max_ms": 2000.0}
        assert found["avg_function_ms"] == 1000.0


async def test_a_person_who_asks_again_is_noticed() -> None:
    """A repeated question in one conversation lowers the estimate; in another one it is a new question."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session() as session:
        question = "Which trains go to Berlin tomorrow morning?"
        for _ in range(2):
            async with session.conversation() as conv:
                await conv.send_message(question)
        assert session.get_analytics()["satisfaction_score"] is None
        async with session.conversation() as conv:
            await conv.add_messages(user_says(question, "to Berlin tomorrow morning, which trains go?"))
        assert session.get_analytics()["satisfaction_score"] < 3
        session.track_metric("user_satisfaction", 4.0)
        assert session.get_analytics()["satisfaction_score"] == 4.0


# --- milestones


MANY = SessionConfig(enable_learning=False, milestones={"messages": [2, 4, 6, 8], "conversations": [1]})


async def test_a_milestone_is_told_when_it_is_stored_and_never_again() -> None:
    """Recorded is not reached: the event comes with the save, and not after a restart."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=MANY)
        told, all_of_them = heard(session), []
        voxon.events.on("analytics.milestone", lambda event: all_of_them.append(event.session_id))
        conv = await session.start_conversation("c")
        assert told == []
        await conv.add_messages(user_says("a", "b"))
        assert told == ["conversations:1", "messages:2"] and all_of_them == ["s", "s"]
        await session.close()
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        told = heard(session)
        conv = await session.resume_conversation("c")
        await conv.add_messages(user_says("c"))
        assert told == []
        await conv.add_messages(user_says("d"))
        assert told == ["messages:4"]


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_of_two_processes_one_tells_it(kind: str, tmp_path: Path) -> None:
    """Both pass a mark at once: whoever is stored first tells it, and each mark is told by one of them."""
    storage = MemorySessionStorage() if kind == "memory" else FileSessionStorage(tmp_path)
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s", config=MANY)
        theirs = await second.load_session("s")
        told, others = heard(mine), heard(theirs)
        one, other = await mine.start_conversation("one"), await theirs.start_conversation("other")
        for _ in range(5):
            await one.add_messages(user_says("a"))
            await other.add_messages(user_says("b"))
        assert sorted(told + others) == [
            "conversations:1",
            "messages:2",
            "messages:4",
            "messages:6",
            "messages:8",
        ]
        assert told and others


@pytest.mark.parametrize("is_overtaken", [False, True])
async def test_a_save_whose_answer_is_lost_tells_its_milestone_once(is_overtaken: bool) -> None:
    """The write arrived although nobody said so: the next save finds that out and tells, also behind another's."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon_on(storage) as elsewhere:
        session = await voxon.create_session(session_id="s", config=MANY)
        told = heard(session)
        conv = await session.start_conversation("c")
        storage.mishap = only(("save", "append"), lose_answer, times=1)
        with pytest.raises(StorageUnavailableError):
            await conv.add_messages(user_says("a", "b"))
        if is_overtaken:
            other = await elsewhere.load_session("s")
            told_there = heard(other)
            other.track_metric("m", 1)
            await other.save()
            assert told_there == []
        session.track_metric("m", 2)
        await session.save()
        await conv.add_messages(user_says("c", "d"))
        assert told == ["conversations:1", "messages:2", "messages:4"]


async def test_handlers_that_talk_on_do_not_repeat_milestones() -> None:
    """A handler of a message that adds something itself passes marks of its own."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(config=MANY)
        told = heard(session)
        session.events.on("message.added", lambda event: session.track_metric("said", 1))
        async with session.conversation() as conv:
            for text in "abcdefgh":
                await conv.add_messages(user_says(text))
    assert told == ["conversations:1", "messages:2", "messages:4", "messages:6", "messages:8"]


async def test_a_batch_that_is_undone_reaches_nothing() -> None:
    """A rating in a block that fails is no milestone."""
    config = SessionConfig(milestones={"satisfaction": [4.0]})
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=config) as session:
        told = heard(session)
        with pytest.raises(RuntimeError):
            async with session.batch_update():
                session.track_metric("user_satisfaction", 5)
                raise RuntimeError
        assert told == []
        async with session.batch_update():
            session.track_metric("user_satisfaction", 5)
        assert told == ["satisfaction:4"]


_TALKER = """
import asyncio, sys
from voxsession import FileSessionStorage
from tests.session.stores import user_says, voxon_on

async def main(folder, name):
    async with voxon_on(FileSessionStorage(folder)) as voxon:
        session = await voxon.load_session("s")
        session.events.on("analytics.milestone", lambda event: print(event.milestone, flush=True))
        conv = await session.start_conversation(name)
        for _ in range(4):
            await conv.add_messages(user_says("x"))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_real_processes_tell_each_milestone_once(tmp_path: Path) -> None:
    """Processes that write one session on files tell each mark once between them."""
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        config = SessionConfig(enable_learning=False, milestones={"messages": list(range(1, 9))})
        await voxon.create_session(session_id="s", config=config)
    talkers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _TALKER, str(tmp_path), name, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        for name in "ab"
    ]
    told = [line for talker in talkers for line in (await talker.communicate())[0].decode().split()]
    assert sorted(told, key=lambda name: int(name.split(":")[1])) == [f"messages:{n}" for n in range(1, 9)]


# --- metrics


async def test_fifty_thousand_measurements_cost_the_same_each() -> None:
    """The last ones take as long as the first ones, and what is stored stays small."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        for number in range(50_000):
            session.track_metric(f"m{number % 10}", number)
        await session.save()
        assert session._core.document_bytes < 20_000
        await session.close()
        found = (await voxon.load_session("s")).get_custom_metrics()
        assert found["m3"] == {"count": 5000, "last": 49_993.0, "mean": 24_998.0, "min": 3.0, "max": 49_993.0}


async def test_bad_metrics_lose_nothing() -> None:
    """A refused measurement leaves what was measured, and a name too many is refused by name."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session() as session:
        for number in range(MAX_METRICS):
            session.track_metric(f"m{number}", 1)
        bad: list[tuple[Any, Any]] = [
            ("a b", 1),
            ("m1", float("nan")),
            ("m1", "2"),
            ("m1", True),
            ("one_more", 1),
        ]
        for name, value in bad:
            with pytest.raises(ConfigurationError, match="metric"):
                session.track_metric(name, value)
        session.track_metric("m1", 3)
        found = session.get_custom_metrics()
        assert len(found) == MAX_METRICS and found["m1"]["count"] == 2


async def test_a_turn_costs_the_same_after_a_year() -> None:
    """What analytics keeps of a session does not grow with what was said in it."""
    clock = FakeClock()
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        session = await voxon.create_session(config=QUIET)
        for _ in range(400):
            async with session.conversation() as conv:
                await conv.add_messages(user_says("x"))
            clock.advance(days=1)
        totals = session._core.data.totals
        assert len(totals.days) <= 92 + 14 and len(totals.milestones) < 20
        async with session.conversation() as conv:
            await conv.add_messages(user_says("x"))
        assert session._core.data.totals.days is totals.days


# --- asking


async def test_periods_of_a_session() -> None:
    """Dates, aware datetimes of another zone, and a question that is none."""
    clock = FakeClock(datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    config = SessionConfig(timezone="Asia/Tokyo", enable_learning=False)
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=config) as session,
    ):
        for day in range(4):
            async with session.conversation() as conv:
                await conv.add_messages(user_says(*["x"] * (day + 1)))
            clock.advance(days=1)
        found = session.compare((date(2026, 5, 1), date(2026, 5, 2)), ("2026-05-03", "2026-05-04"))
        assert found["difference"]["message_count"] == 4
        last = datetime(2026, 5, 3, 20, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # already the fourth in Tokyo
        assert session.compare("2026-05-01", (last, last))["period_b"]["message_count"] == 4
        with pytest.raises(ConfigurationError, match="period_b"):
            session.compare("2026-05", "yesterday")


async def test_a_storage_of_two_methods_counts_as_well() -> None:
    """Where there is no tail every save is a document, and the numbers are the same."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=MANY)
        told = heard(session)
        async with session.conversation() as conv:
            await conv.add_messages(user_says("a", "b", "c"))
        before = figures(session)
        await session.close()
    async with voxon_on(storage) as voxon:
        assert figures(await voxon.load_session("s")) == before
    assert told == ["conversations:1", "messages:2"]


def test_the_facade_has_the_names() -> None:
    """What the API promises is there."""
    names = ("get_analytics", "track_metric", "get_custom_metrics", "to_records", "compare")
    assert all(callable(getattr(Session, name)) for name in names) and callable(Voxon.analytics)


async def test_a_replayed_transcript_counts_for_when_it_was_said() -> None:
    """Messages with times of their own give their conversation its day and its duration; so do the records."""
    clock = FakeClock(datetime(2026, 5, 1, 12, tzinfo=UTC), step_seconds=1)
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        session = await voxon.create_session(config=QUIET)
        conv = await session.start_conversation()
        at = datetime(2026, 2, 3, 9, tzinfo=UTC)
        for minutes in (0, 5, 20):
            said = {"role": "user", "content": "Hello", "at": at + timedelta(minutes=minutes)}
            await conv.add_messages([said])
        await conv.end()
        assert session.get_analytics()["total_duration_seconds"] == 1200.0
        (row,) = session.to_records("days")
        assert (row["first_day"], row["conversation_count"], row["message_count"]) == ("2026-02-03", 1, 3)


async def test_each_rating_counts_as_zero_to_five_everywhere() -> None:
    """The score of the session, of a period, of all sessions and the metric agree on ratings out of range."""
    clock = FakeClock(datetime(2026, 5, 1, 12, tzinfo=UTC))
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        session = await voxon.create_session(config=QUIET)
        for rating in (100, 0, 0, -7):
            session.track_metric("user_satisfaction", rating)
        await session.save()
        scores = [
            session.get_analytics()["satisfaction_score"],
            session.compare("2026-05-01", "2026-05")["period_a"]["satisfaction_score"],
            (await voxon.analytics())["satisfaction_score"],
            session.get_custom_metrics()["user_satisfaction"]["mean"],
        ]
        assert scores == [1.25] * 4
        assert session.get_custom_metrics()["user_satisfaction"]["max"] == 5.0
