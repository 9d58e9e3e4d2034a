"""What comes in by any door: refused by name, or stored so that a second process reads all of it back."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from voxsession import (
    BudgetError,
    ConfigurationError,
    Event,
    Fact,
    MemorySessionStorage,
    ModelError,
    Reply,
    Session,
    SessionConfig,
    SessionProfile,
    Usage,
    Voxon,
    VoxonConfig,
)
from voxsession.codec.batch import unstorable
from voxsession.core.changes import MemoryAdded, StateUpdated
from voxsession.core.struct import evolve
from voxsession.core.types import as_utc
from voxsession.learning.profiles import ProfileEvidence
from voxsession.memory.tokens import CheckedCounter, LateCounter, checked_counter
from voxsession.session.conversation import Conversation
from voxsession.testing import FakeClock, ScriptedModel

KEY = "hex:" + "3d" * 32
AHEAD, BEHIND = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))
EDGES = [
    datetime(1, 1, 1, tzinfo=AHEAD),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=BEHIND),
    datetime(9999, 12, 31, tzinfo=UTC),
    datetime(2026, 5, 1),
]
PERSISTENT = SessionConfig(memory_mode="persistent")
Talk = tuple[Session, Conversation]


class Odd:
    """Something that JSON does not have."""


class Counter:
    """A token counter of the app's own, which gives what the test says."""

    name = "odd"
    exact = True

    def __init__(self, give: Callable[[str], Any]) -> None:
        self.count = give


class Shop:
    """One storage, opened by one facade after another as by one process after another."""

    def __init__(self) -> None:
        self.storage = MemorySessionStorage()

    def voxon(self, **parts: Any) -> Voxon:
        return Voxon(VoxonConfig(session_storage=self.storage, session_encryption_key=KEY), **parts)

    @asynccontextmanager
    async def talk(
        self, config: SessionConfig | None = None, **parts: Any
    ) -> AsyncIterator[tuple[Session, Conversation]]:
        """A session and a conversation, ended and saved at the end of the block."""
        async with self.voxon(**parts) as voxon:
            async with voxon.session("u", session_id="s", config=config) as session:
                async with session.conversation("c") as conv:
                    yield session, conv

    async def read(self) -> tuple[list[str | None], list[str], dict[str, Any]]:
        """What another process finds: contents of messages, of memories, and the state."""
        async with self.voxon() as voxon, voxon.load_session("s") as session:
            history = await (await session.resume_conversation("c")).history()
            entries = session.get_memory().entries
            return [m.content for m in history], [entry.content for entry in entries], dict(session.state)


@pytest.fixture
def shop() -> Shop:
    """An empty storage."""
    return Shop()


# --- messages


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "assistant", "content": None, "tool_calls": [1]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}, "b"]},
        {"role": "assistant", "content": "x", "tool_calls": {"id": "a"}},
        {"role": "assistant", "content": "x", "tool_calls": [{1: 2}]},
        {"role": "user", "content": "x", "metadata": [1]},
        *({"role": "user", "content": "x", "at": moment} for moment in EDGES),
    ],
)
async def test_a_message_that_could_not_be_read_again_is_refused(shop: Shop, wrong: dict[str, Any]) -> None:
    """Such a message is refused with its place in the list, and what was said before and after it is kept."""
    async with shop.talk() as (_, conv):
        await conv.add_messages([{"role": "user", "content": "before"}])
        with pytest.raises(ConfigurationError, match=r"messages\[1\]"):
            await conv.add_messages([{"role": "user", "content": "good"}, wrong])
        await conv.add_messages([{"role": "user", "content": "after"}])
    assert (await shop.read())[0] == ["before", "after"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
async def test_the_outermost_moments_are_kept(shop: Shop, zone: str) -> None:
    """The first and the last moment that are allowed are stored, whatever the session's time zone."""
    first, last = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    async with shop.talk(PERSISTENT.replace(timezone=zone)) as (session, conv):
        await conv.add_messages([{"role": "user", "content": "old", "at": first}])
        await conv.add_messages([{"role": "user", "content": "new", "at": last}])
        session.add_memory("old", at=first)
        session.add_memory("new", at=last)
    said, known, _ = await shop.read()
    assert sorted(filter(None, said)) == ["new", "old"] and sorted(known) == ["new", "old"]


@pytest.mark.parametrize("given", [None, 5, "text", {"role": "user"}])
async def test_add_messages_takes_a_list(shop: Shop, given: Any) -> None:
    """Anything that is no list of dicts is refused by name."""
    async with shop.talk() as (_, conv):
        with pytest.raises(ConfigurationError, match="messages="):
            await conv.add_messages(given)
    assert (await shop.read())[0] == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"limit": "x"}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": True}, "limit"),
        ({"before": datetime(2026, 5, 1)}, "before"),
        ({"before": "m_unknown"}, "m_unknown"),
        ({"before": "m_unknown", "limit": 1}, "m_unknown"),
        ({"before": 5}, "before"),
    ],
)
async def test_history_refuses_what_it_cannot_go_by(shop: Shop, arguments: Any, named: str) -> None:
    """A wrong limit, a naive moment and an id that the conversation does not see are refused by name."""
    async with shop.talk() as (_, conv):
        await conv.add_messages([{"role": "user", "content": f"line {i}"} for i in range(400)])
        with pytest.raises(ConfigurationError, match=named):
            await conv.history(**arguments)
    assert len((await shop.read())[0]) == 400


async def test_history_before_an_id_in_a_page_is_what_came_before_it(shop: Shop) -> None:
    """With an id, near or filed long ago, the messages right before it are given, as many as asked for."""
    async with shop.talk() as (_, conv):
        made = await conv.add_messages([{"role": "user", "content": f"line {i}"} for i in range(400)])
        await conv.add_messages([{"role": "user", "content": "one more"}])
    async with shop.talk() as (_, conv):
        for place in (0, 1, 100, 200, 399):
            assert await conv.history(before=made[place].id) == made[:place]
            assert await conv.history(limit=3, before=made[place].id) == made[max(0, place - 3) : place]
        assert await conv.history(limit=0) == []


# --- memories


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": "str"},
        {"metadata": [1]},
        {"metadata": {1: 2}},
        {"id": 5},
        {"id": ""},
        {"id": "x" * 201},
        {"category": None},
        {"category": 5},
        {"category": "x" * 101},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"timestamp": "9999-12-31T23:59:59-14:00"},
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": "2026-05-01T00:00:00"},
        {"timestamp": 5},
        {"expires_at": "9999-12-31T23:59:59-01:00"},
    ],
)
async def test_an_import_refuses_entries_that_could_not_be_read_again(
    shop: Shop, wrong: dict[str, Any]
) -> None:
    """One wrong field refuses the whole import, names the entry, and what is remembered stays readable."""
    async with shop.talk() as (session, _):
        session.add_memory("before")
        rows = [{"id": "mem_a", "content": "good"}, {"id": "mem_b", "content": "bad", **wrong}]
        with pytest.raises(ConfigurationError, match=r"entries\[1\]"):
            session.import_memory({"entries": rows})
        session.add_memory("after")
    assert sorted((await shop.read())[1]) == ["after", "before"]


async def test_imported_moments_are_kept_in_utc(shop: Shop) -> None:
    """An import may name any zone; the same moment comes back from storage."""
    row = {"content": "lunch", "timestamp": "2026-05-01T12:00:00.5+02:00", "metadata": {"a": [1]}}
    async with shop.talk() as (session, _):
        session.import_memory({"entries": [row]})
        (entry,) = session.get_memory().entries
        assert entry.timestamp.tzinfo is UTC
    async with shop.voxon() as voxon, voxon.load_session("s") as session:
        assert session.get_memory().entries == (entry,)


async def test_moments_at_the_edge_of_the_calendar_are_refused(shop: Shop) -> None:
    """A memory's time, its end and the days until it all have to lie inside the calendar, with a day to spare."""
    async with shop.talk() as (session, _):
        entry = session.add_memory("kept")
        for moment in EDGES:
            with pytest.raises(ConfigurationError, match="at="):
                session.add_memory("x", at=moment)
            with pytest.raises(ConfigurationError, match="expires_at="):
                session.update_memory(entry.id, expires_at=moment)
        with pytest.raises(ConfigurationError, match="expires_after_days"):
            session.add_memory("x", at=datetime(9999, 12, 1, tzinfo=UTC), expires_after_days=36_500)
    assert (await shop.read())[1] == ["kept"]


def test_a_kind_of_datetime_becomes_a_bare_one() -> None:
    """A moment of a subclass, as data frame libraries have them, is the same moment as a plain datetime."""

    class Stamp(datetime):
        pass

    moment = as_utc("at", Stamp(2026, 5, 1, 12, tzinfo=AHEAD))
    assert type(moment) is datetime and moment == datetime(2026, 4, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "arguments",
    [{"ids": 5}, {"ids": "mem_a"}, {"ids": [5]}, {"category": 5}, {"before": datetime(2026, 5, 1)}],
)
async def test_clear_memory_refuses_conditions_it_cannot_read(shop: Shop, arguments: Any) -> None:
    """A condition of the wrong kind is refused by name and erases nothing."""
    async with shop.talk() as (session, _):
        session.add_memory("kept")
        with pytest.raises(ConfigurationError, match=next(iter(arguments))):
            session.clear_memory(**arguments)
    assert (await shop.read())[1] == ["kept"]


async def test_an_entry_that_is_too_large_is_told_to_raise_the_memory_budget(shop: Shop) -> None:
    """The error of an entry names `max_memory_size`, not the context, and the session goes on."""
    async with shop.talk(PERSISTENT.replace(max_memory_size=5)) as (session, _):
        with pytest.raises(BudgetError, match="max_memory_size") as caught:
            session.add_memory("one two three four five six seven eight nine ten")
        assert "context" not in str(caught.value)
        session.add_memory("short")
    assert (await shop.read())[1] == ["short"]


async def test_compressing_folds_what_lives_with_the_process_too(shop: Shop) -> None:
    """Entries of the process fold into each other, stored ones into stored ones, and never across."""
    clock = FakeClock()
    config = SessionConfig(memory_mode="hybrid", enable_learning=False)
    async with shop.talk(config, clock=clock) as (session, _):
        for _ in range(2):
            session.config.memory_mode = "persistent"
            session.add_memory("User really likes green tea a lot in the garden")
            session.config.memory_mode = "ephemeral"
            session.add_memory("User really likes green tea a lot in the garden")
            clock.advance(3600)
        clock.advance(30 * 86_400)
        report = session.compress_memory()
        live = session.get_memory().entries
        assert report.counts["merged"] == 2 and [entry.evidence_count for entry in live] == [2, 2]
        assert len({entry.id for entry in live} & session._core.data.local_memories.keys()) == 1
    async with shop.voxon(clock=clock) as voxon, voxon.load_session("s") as session:
        (stored,) = session.get_memory().entries
        assert stored.evidence_count == 2 and stored in live


# --- models


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=-5),
        Usage(input_tokens=1.5),  # type: ignore[arg-type]
        Usage(output_tokens=float("nan")),  # type: ignore[arg-type]
        Usage(output_tokens=True),
        Usage(input_tokens=10**30),
        Usage(input_tokens=5, estimated="no"),  # type: ignore[arg-type]
        {},
        {"input_tokens": 5},
        "5 tokens",
    ],
)
async def test_a_usage_that_cannot_be_is_estimated_instead(shop: Shop, usage: Any) -> None:
    """What a model reports and what is no usage is never stored; the turn is, with an estimate."""
    async with shop.talk(model=ScriptedModel([Reply("fine", usage=usage)])) as (_, conv):
        reply = await conv.send_message("hello")
        assert reply.usage is not None and reply.usage.estimated and reply.usage.input_tokens > 0
    assert (await shop.read())[0] == ["hello", "fine"]


async def test_a_usage_that_can_be_is_kept(shop: Shop) -> None:
    """A sound report of the model is what the reply says."""
    usage = Usage(input_tokens=7, output_tokens=2, estimated=False)
    async with shop.talk(model=ScriptedModel([Reply("fine", usage=usage)])) as (_, conv):
        assert (await conv.send_message("hello")).usage == usage
    assert (await shop.read())[0] == ["hello", "fine"]


async def test_arguments_that_are_no_json_are_the_models_failure(shop: Shop) -> None:
    """A call whose arguments cannot be written ends the turn as a failure of the model, and the message is kept."""
    call = {"id": "a", "function": {"name": "now", "arguments": {"x": Odd()}}}
    config = PERSISTENT.replace(enable_functions=True)
    async with shop.talk(config, model=ScriptedModel([Reply("", tool_calls=[call])])) as (_, conv):

        @conv.function
        def now() -> str:
            """What time it is."""
            return "noon"

        with pytest.raises(ModelError, match="no JSON"):
            await conv.send_message("hello")
    assert (await shop.read())[0] == ["hello"]


# --- the app's own parts


def _raise(text: str) -> int:
    raise KeyError(text)


@pytest.mark.parametrize(
    "give", [lambda _: 1.5, lambda _: -1, lambda _: float("nan"), lambda _: None, lambda _: "3", _raise]
)
async def test_a_counter_that_gives_no_count_is_refused_at_the_call(
    shop: Shop, give: Callable[[str], Any]
) -> None:
    """What is no number of tokens is an error that names the counter, and nothing of it is stored."""
    wrong = False
    async with shop.talk(token_counter=Counter(lambda text: give(text) if wrong else len(text))) as (
        session,
        conv,
    ):
        await conv.add_messages([{"role": "user", "content": "before"}])
        wrong = True
        with pytest.raises(ConfigurationError, match="token_counter") as caught:
            await conv.add_messages([{"role": "user", "content": "secret words"}])
        with pytest.raises(ConfigurationError, match="token_counter"):
            session.add_memory("secret words")
        assert "secret" not in str(caught.value)
        wrong = False
    assert (await shop.read())[0] == ["before"]


def test_a_counter_is_checked_once_and_this_packages_own_not_at_all() -> None:
    """The default and known counters are used as they are; another one is wrapped and says what it is."""
    own = LateCounter()
    assert checked_counter(own) is own and isinstance(checked_counter(None), LateCounter)
    checked = checked_counter(Counter(len))
    assert isinstance(checked, CheckedCounter) and checked_counter(checked) is checked
    assert (checked.name, checked.exact, checked.count("four"), repr(checked)) == (
        "odd",
        True,
        4,
        "CheckedCounter('odd')",
    )


@pytest.mark.parametrize("changed", [{"name": 5}, {"name": ""}, {"exact": "yes"}, {"count": 5}])
def test_a_counter_without_name_or_count_is_refused_at_once(changed: dict[str, Any]) -> None:
    """An object that is no counter is refused when the facade is made."""
    counter = Counter(len)
    for name, value in changed.items():
        setattr(counter, name, value)
    with pytest.raises(ConfigurationError, match="token_counter"):
        Voxon(token_counter=counter)


GOOD = Fact(content="User is called Ada", category="identity", importance=0.9)


def _fact(**changes: Any) -> Fact:
    return (
        evolve(GOOD, content="User likes tea", **changes)
        if "content" not in changes
        else evolve(GOOD, **changes)
    )


def _raising(*_: object, **__: object) -> list[Fact]:
    raise KeyError("broken")


def _breaking_off(*_: object, **__: object) -> Any:
    yield GOOD
    raise KeyError("broken")


async def _later_wrong(*_: object, **__: object) -> Any:
    return [_fact(importance=5), GOOD]


def _giving(*facts: Any) -> Callable[..., Any]:
    return lambda *_, **__: [*facts, GOOD]


@pytest.mark.parametrize(
    ("extractor", "kept"),
    [
        (_giving(_fact(importance=5)), True),
        (_giving(_fact(importance=float("nan"))), True),
        (_giving(_fact(importance="high")), True),
        (_giving(_fact(category=None)), True),
        (_giving(_fact(category="")), True),
        (_giving(_fact(content="lone \ud800")), True),
        (_giving(_fact(content=" ")), True),
        (_giving(_fact(content=5)), True),
        (_giving(_fact(value=5)), True),
        (_giving(_fact(slot=5)), True),
        (_giving(_fact(expires_at=datetime(2999, 1, 1))), True),
        (_giving(_fact(expires_at="tomorrow")), True),
        (_giving("User likes tea", None), True),
        (_later_wrong, True),
        (_breaking_off, True),
        (_raising, False),
        (lambda *_, **__: None, False),
        (lambda *_, **__: "User likes tea", False),
        (lambda *_, **__: {"content": "User likes tea"}, False),
        (lambda: [GOOD], False),
    ],
)
async def test_a_bad_fact_is_told_and_left_out(shop: Shop, extractor: Any, kept: bool) -> None:
    """An extractor's wrong fact or failure is an event; the good facts and the turn are kept."""
    failures: list[Event] = []
    async with shop.talk(extractor=extractor, model=ScriptedModel(["fine", "again"])) as (session, conv):
        session.events.on("handler.failed", failures.append)
        await conv.send_message("hello")
        await conv.send_message("hello again")
        await session._host.settle(session._core)
    said, known, _ = await shop.read()
    assert said == ["hello", "fine", "hello again", "again"]
    assert known == ([GOOD.content] if kept else [])
    assert len(failures) >= 2 and failures[0].handler == "extractor" and failures[0].event == "message.added"
    assert "tea" not in str(failures[0].error)


# --- the net below the doors


def _bad_state(session: Session, value: Any) -> StateUpdated:
    return StateUpdated(at=session._core.now(), patch={"bad": value})


@pytest.mark.parametrize("value", [Odd(), "lone \ud800", {1, Odd()}])
@pytest.mark.parametrize("whole", [True, False])
async def test_what_slips_through_is_undone_and_all_else_is_saved(
    shop: Shop, value: Any, whole: bool
) -> None:
    """A change that cannot be written is taken back and named at the save, which stores everything else."""
    failed: list[Event] = []
    async with shop.talk() as (session, conv):
        await conv.add_messages([{"role": "user", "content": "before"}])
        session.events.on("session.save_failed", failed.append)
        session._core.needs_whole = whole
        session._core.record(_bad_state(session, value))
        session.update_state(good=1)
        session.add_memory("a fact")
        with pytest.raises(ConfigurationError, match=r"state\.updated"):
            await session.save()
        assert dict(session.state) == {"good": 1} and len(failed) == 1
        await conv.add_messages([{"role": "user", "content": "after"}])
        await session.save()
        assert len(failed) == 1
    assert await shop.read() == (["before", "after"], ["a fact"], {"good": 1})


async def test_a_new_session_outlives_a_change_that_cannot_be_written(shop: Shop) -> None:
    """The first save of a session undoes such a change too, and keeps its settings and the rest."""
    async with shop.voxon() as voxon:
        session = voxon.create_session(user_id="u", session_id="s", config=PERSISTENT)
        session.add_memory("a fact")
        session._core.record(_bad_state(session, Odd()))
        with pytest.raises(ConfigurationError, match=r"state\.updated"):
            await session.save()
        assert session.config.memory_mode == "persistent"
        await session.start_conversation("c")
        await session.close()
    assert await shop.read() == ([], ["a fact"], {})


async def test_what_could_not_be_read_again_is_undone_as_well(shop: Shop) -> None:
    """A change that can be written but not read back would lose the session; it is undone like the others."""
    async with shop.talk() as (session, _):
        good = session.add_memory("a fact")
        bad = evolve(good, id="mem_bad", importance=7)
        session._core.record(MemoryAdded(at=bad.timestamp, entry=bad))
        with pytest.raises(ConfigurationError, match=r"memory\.added"):
            await session.save()
    assert (await shop.read())[1] == ["a fact"]


async def test_undoing_meets_what_another_process_wrote(shop: Shop) -> None:
    """Where another process saved meanwhile, its changes are taken in and only the bad one goes."""
    async with shop.talk() as (session, _):
        async with shop.voxon() as other, other.load_session("s") as elsewhere:
            elsewhere.add_memory("theirs")
        session.add_memory("mine")
        session._core.record(_bad_state(session, Odd()))
        with pytest.raises(ConfigurationError, match=r"state\.updated"):
            await session.save()
    assert sorted((await shop.read())[1]) == ["mine", "theirs"]


def test_sound_changes_pass_the_net() -> None:
    """Of changes that can be stored none is found."""
    at = datetime(2026, 5, 1, tzinfo=UTC)
    good, bad = StateUpdated(at=at, patch={"a": 1}), StateUpdated(at=at, patch={"a": Odd()})
    assert unstorable([]) == [] and unstorable([good]) == [] and unstorable([good, bad, good]) == [bad]


# --- the other arguments


@pytest.mark.parametrize("given", [None, [1], 5, "text", {1: 2}])
async def test_replace_state_takes_a_dict(shop: Shop, given: Any) -> None:
    """Anything that is no dict with str keys is refused by name, and the state stays."""
    async with shop.talk() as (session, _):
        await session.update_state(a=1)
        with pytest.raises(ConfigurationError, match="state"):
            session.replace_state(given)
    assert (await shop.read())[2] == {"a": 1}


async def test_the_state_that_is_given_out_is_a_copy(shop: Shop) -> None:
    """Altering what `state` gave alters neither the state nor what is stored, and reads like a dict."""
    async with shop.talk() as (session, _):
        await session.update_state(cfg={"x": [1, 2]}, n=1)
        session.state["cfg"]["x"].append(3)
        for value in session.state.values():
            if isinstance(value, dict):
                value.clear()
        assert session.state == {"cfg": {"x": [1, 2]}, "n": 1} and len(session.state) == 2
        assert "n" in session.state and list(session.state) == ["cfg", "n"]
        assert repr(session.state) == "StateView({'cfg': {'x': [1, 2]}, 'n': 1})"
        with pytest.raises(TypeError):
            session.state["n"] = 2  # type: ignore[index]
    assert (await shop.read())[2] == {"cfg": {"x": [1, 2]}, "n": 1}


async def test_wrong_handlers_and_functions_are_refused(shop: Shop) -> None:
    """An event name that is no str, and a function without a readable signature, are refused by name."""
    async with shop.talk() as (session, conv):
        with pytest.raises(ConfigurationError, match="event=5"):
            session.events.on(5, print)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="max"):
            conv.register_function(max)
        session.add_memory("kept")
    assert (await shop.read())[1] == ["kept"]


async def test_a_wrong_profile_leaves_no_session(shop: Shop) -> None:
    """A profile that is none, or that could not be read again, is refused before anything is made of it."""
    bad = SessionProfile(evidence={"formality": ProfileEvidence(value=float("nan"), weight=1.0)})
    async with shop.voxon() as voxon:
        for profile in (5, "no such profile", bad):
            with pytest.raises(ConfigurationError):
                voxon.create_session(session_id="s", preference_profile=profile)  # type: ignore[arg-type]
            with pytest.raises(ConfigurationError):
                await voxon.session("u", session_id="s", preference_profile=profile)  # type: ignore[arg-type]
        assert [info async for info in voxon.list_sessions()] == []
    async with shop.talk() as (session, _):
        session.add_memory("kept")
    assert (await shop.read())[1] == ["kept"]


async def test_the_calls_about_all_sessions_check_what_they_get(shop: Shop) -> None:
    """A user id or an age of the wrong kind is refused, and no session is erased by it."""
    async with shop.talk() as (session, _):
        session.add_memory("kept")
    async with shop.voxon() as voxon:
        for age in (float("nan"), float("inf"), -1, 1e300, "5"):
            with pytest.raises(ConfigurationError, match="max_age_seconds"):
                await voxon.cleanup_expired_sessions(age)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="user_id"):
            _ = [info async for info in voxon.list_sessions(user_id=5)]  # type: ignore[arg-type]
        for user in (5, None, ""):
            with pytest.raises(ConfigurationError, match="user_id"):
                await voxon.delete_user(user)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="session_ttl_seconds"):
        VoxonConfig(session_ttl_seconds=1e300)
    assert (await shop.read())[1] == ["kept"]


async def test_an_export_to_nowhere_names_the_path(shop: Shop, tmp_path: Path) -> None:
    """A path that cannot be written or is none is refused by name; one that can be is written and read back."""
    async with shop.talk() as (session, _):
        session.add_memory("kept")
        with pytest.raises(ConfigurationError, match="/nonexistent/x"):
            await session.export_memory_to("/nonexistent/x")
        for path in (5, "", "a\0b"):
            with pytest.raises(ConfigurationError, match="path"):
                await session.export_memory_to(path)  # type: ignore[arg-type]
        target = await session.export_memory_to(tmp_path / "memories.jsonl")
        session.clear_memory()
        await session.import_memory_from(target)
    assert (await shop.read())[1] == ["kept"]


async def test_no_refusal_quotes_what_was_said(shop: Shop) -> None:
    """Neither the sentence nor the causes of a refusal hold the text that was given."""
    async with shop.talk() as (session, conv):
        for call in (
            lambda: session.import_memory({"entries": [{"content": "my secret", "metadata": "my secret"}]}),
            lambda: session.add_memory("my secret", metadata="my secret"),  # type: ignore[arg-type]
            lambda: session.replace_state(["my secret"]),  # type: ignore[arg-type]
        ):
            with pytest.raises(ConfigurationError) as caught:
                call()
            assert "secret" not in "".join(traceback.format_exception_only(caught.value))
        with pytest.raises(ConfigurationError) as caught:
            await conv.add_messages([{"role": "assistant", "content": None, "tool_calls": ["my secret"]}])
        assert "secret" not in str(caught.value)
    assert await shop.read() == ([], [], {})
