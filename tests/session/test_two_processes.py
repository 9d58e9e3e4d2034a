"""Two processes on one session: law 5. Two facades on one folder stand for two processes; some tests fork real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session.processes import Spawner
from tests.session.stores import WatchedStorage, contents, kept_texts, user_says, voxon_on
from tests.session.writer import turns_of, voxon_at
from voxsession import (
    ConflictError,
    FileSessionStorage,
    MemorySessionStorage,
    Session,
    SessionConfig,
    SessionExistsError,
    SessionNotFoundError,
    SessionStorage,
)

QUIET = SessionConfig(enable_learning=False)


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> SessionStorage:
    """Each storage that compares versions."""
    return FileSessionStorage(tmp_path) if request.param == "file" else MemorySessionStorage()


@asynccontextmanager
async def two(
    storage: Any, config: SessionConfig | None = None, **options: Any
) -> AsyncIterator[tuple[Session, Session]]:
    """One session, opened by two processes."""
    async with voxon_on(storage, **options) as first, voxon_on(storage, **options) as second:
        mine = await first.create_session(session_id="s", user_id="ada", config=config)
        yield mine, await second.load_session("s")


async def reopened(storage: Any) -> Session:
    """The session as a third process finds it."""
    return await voxon_on(storage).load_session("s")


def said(text: str) -> list[dict[str, Any]]:
    """One message that nothing is learned from."""
    return [{"role": "assistant", "content": text}]


# --- what commutes


async def test_turns_of_both_are_kept(storage: SessionStorage) -> None:
    """Two writers take turns without looking: all messages are there, the messages of one turn together."""
    async with two(storage, QUIET) as (mine, theirs):
        one, other = await mine.start_conversation("one"), await theirs.start_conversation("other")
        for number in range(10):
            await one.add_messages([*said(f"a{number} 0"), *said(f"a{number} 1")])
            await other.add_messages([*said(f"b{number} 0"), *said(f"b{number} 1")])
        await mine.reload()
        assert mine.get_analytics()["message_count"] == 40

    expected = {name: [f"{name}{n} {part}" for n in range(10) for part in (0, 1)] for name in "ab"}
    assert await kept_texts(storage, "s", "one") == expected["a"]
    assert await kept_texts(storage, "s", "other") == expected["b"]
    session = await reopened(storage)
    texts = contents(session._core.data.messages)
    assert all(texts[n + 1] == texts[n][:-1] + "1" for n in range(0, 40, 2))
    assert session.get_analytics()["message_count"] == 40
    assert session.get_analytics()["conversation_count"] == 2


async def test_two_writers_in_one_conversation(storage: SessionStorage) -> None:
    """Both may write to the same conversation; each one's messages keep their order."""
    async with two(storage, QUIET) as (mine, theirs):
        one, other = await mine.start_conversation("c"), await theirs.start_conversation("c")
        for number in range(20):
            await one.add_messages(said(f"a{number}"))
            if number % 3 == 0:
                await other.add_messages(said(f"b{number}"))

    texts = await kept_texts(storage, "s")
    assert [text for text in texts if text[0] == "a"] == [f"a{n}" for n in range(20)]
    assert [text for text in texts if text[0] == "b"] == [f"b{n}" for n in range(0, 20, 3)]
    assert (await reopened(storage)).get_analytics()["conversation_count"] == 1


async def test_whatever_commutes_is_kept_of_both(storage: SessionStorage) -> None:
    """Memories, metrics, other settings, other state keys, other preferences, evidence: nothing is lost."""
    async with two(storage) as (mine, theirs):
        for who, session in (("mine", mine), ("theirs", theirs)):
            session.add_memory(f"{who} remembered")
            session.track_metric("tasks", 2 if who == "mine" else 5)
            session.update_state(**{who: True})
        mine.config.temperature = 0.1
        theirs.config.voice = "echo"
        mine.set_preference("formality", 0.9)
        theirs.set_preference("verbosity", 0.2)
        async with mine.conversation("m") as conv:
            await conv.add_messages(user_says("could you please kindly help me with my letter"))
        async with theirs.conversation("t") as conv:
            await conv.add_messages(user_says("would you please be so kind as to help me again"))
        await mine.save()
        await theirs.save()

    session = await reopened(storage)
    assert {"mine remembered", "theirs remembered"} <= set(contents(session.get_memory().entries))
    metric = session.get_custom_metrics()["tasks"]
    assert (metric["count"], metric["mean"], metric["min"], metric["max"]) == (2, 3.5, 2, 5)
    assert session.state == {"mine": True, "theirs": True}
    assert (session.config.temperature, session.config.voice) == (0.1, "echo")
    preferences = session._core.data.preferences
    assert len(preferences) == 2
    assert session._core.data.evidence["formality"].count == 2


async def test_a_writer_that_lags_behind_takes_in_everything(storage: SessionStorage) -> None:
    """After many writes of another, whole ones among them, a pending turn still lands once."""
    async with two(storage, QUIET) as (mine, theirs):
        slow, fast = await mine.start_conversation("c"), await theirs.start_conversation("c")
        mine.add_memory("from the slow one")
        for number in range(150):
            await fast.add_messages([*said(f"b{number}"), *said(f"c{number}")])
            if number % 40 == 0:
                theirs.clear_memory(ids=[theirs.add_memory("x").id])
        await slow.add_messages(said("at last"))

    texts = await kept_texts(storage, "s")
    assert texts.count("at last") == 1 and texts[-1] == "at last" and len(texts) == 301
    assert "from the slow one" in contents((await reopened(storage)).get_memory().entries)


# --- what does not


async def set_temperature(session: Session, value: float) -> None:
    session.config.temperature = value


async def set_formality(session: Session, value: float) -> None:
    session.set_preference("formality", value)


async def set_state(session: Session, value: float) -> None:
    session.update_state(step=value)


async def set_all_state(session: Session, value: float) -> None:
    session.replace_state({"step": value})


async def edit_memory(session: Session, value: float) -> None:
    session.update_memory(session.get_memory().entries[0].id, importance=value)


@pytest.mark.parametrize("change", [set_temperature, set_formality, set_state, set_all_state, edit_memory])
async def test_the_same_thing_changed_by_both_is_a_conflict_for_the_second(
    storage: SessionStorage, change: Any
) -> None:
    """The second gets ConflictError, writes nothing, keeps what is pending, and can reload and go on."""
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.add_memory("likes tea")
        await session.save()
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine, theirs = await first.load_session("s"), await second.load_session("s")
        failed: list[Any] = []
        theirs.events.on("session.save_failed", lambda event: failed.append(event.error))
        await change(mine, 0.2)
        await mine.save()
        await change(theirs, 0.7)
        theirs.track_metric("tasks", 1)

        with pytest.raises(ConflictError) as caught:
            await theirs.save()
        assert caught.value.found_seq == caught.value.expected_seq + 1
        assert failed == [caught.value]
        assert theirs.get_custom_metrics()["tasks"]["count"] == 1
        with pytest.raises(ConflictError):
            await theirs.save()
        with pytest.raises(ConflictError):
            await theirs.reload()
        assert theirs.get_custom_metrics()["tasks"]["count"] == 1
        assert (await reopened(storage)).get_custom_metrics() == {}

        await theirs.reload(keep_pending=False)
        assert theirs.get_custom_metrics() == {}
        await change(theirs, 0.7)
        await theirs.save()
        with pytest.raises(ConflictError):
            await change(mine, 0.4)
            await mine.save()


async def test_a_value_that_was_put_back_is_no_conflict(storage: SessionStorage) -> None:
    """What a change was based on still holds, so it is applied."""
    async with two(storage) as (mine, theirs):
        mine.config.temperature = 0.2
        await mine.save()
        mine.config.temperature = 0.8
        await mine.save()
        theirs.config.temperature = 0.5
        await theirs.save()

    assert (await reopened(storage)).config.temperature == 0.5


async def test_replacing_the_state_conflicts_with_any_change_of_it(storage: SessionStorage) -> None:
    """`replace_state` is based on the whole state, `update_state` on its own keys."""
    async with two(storage) as (mine, theirs):
        await mine.update_state(a=1)
        theirs.replace_state({"b": 2})
        with pytest.raises(ConflictError):
            await theirs.save()


async def test_reload_puts_pending_changes_behind_what_is_there(storage: SessionStorage) -> None:
    """`reload` takes in the others' changes, keeps one's own, writes nothing and tells of it."""
    watched = WatchedStorage(storage)
    async with two(watched) as (mine, theirs):
        await mine.update_state(a=1)
        theirs.update_state(b=2)
        told: list[int] = []
        theirs.events.on("session.reloaded", lambda event: told.append(event.seq))
        watched.taken()

        await theirs.reload()

        assert watched.taken() == ["load"]
        assert theirs.state == {"a": 1, "b": 2} and len(told) == 1
        await theirs.save()
        assert watched.taken() == ["append"]
    assert (await reopened(storage)).state == {"a": 1, "b": 2}


# --- what is decided anew


async def test_the_later_fact_wins_whoever_saves_first(storage: SessionStorage) -> None:
    """Of two names learned at once the one that was said later counts, the other becomes history."""
    now = datetime.now(UTC)
    async with two(storage) as (mine, theirs):
        one, other = await mine.start_conversation("m"), await theirs.start_conversation("t")
        late = [{"role": "user", "content": "My name is Grace.", "at": now}]
        early = [{"role": "user", "content": "My name is Ada.", "at": now - timedelta(minutes=5)}]
        await one.add_messages(late)
        await other.add_messages(early)
        for session in (theirs, await reopened(storage)):
            live = [entry.content for entry in session.get_memory().entries if entry.category == "identity"]
            assert len(live) == 1 and "Grace" in live[0]
        await mine.reload()
        assert [e.content for e in mine.get_memory().entries] == [
            e.content for e in theirs.get_memory().entries
        ]


async def test_what_stays_with_a_process_gives_way_too(storage: SessionStorage) -> None:
    """A fact that only this process holds is superseded by a later one from elsewhere."""
    now = datetime.now(UTC)
    ephemeral = SessionConfig(memory_mode="ephemeral")
    async with two(storage, ephemeral) as (mine, theirs):
        one = await mine.start_conversation("m")
        await one.add_messages(
            [{"role": "user", "content": "My name is Ada.", "at": now - timedelta(minutes=5)}]
        )
        theirs.config.memory_mode = "persistent"
        other = await theirs.start_conversation("t")
        await other.add_messages([{"role": "user", "content": "My name is Grace.", "at": now}])

        await mine.reload()

        names = [entry.content for entry in mine.get_memory().entries if entry.category == "identity"]
        assert len(names) == 1 and "Grace" in names[0]


async def test_a_local_fact_still_supersedes_a_stored_one_after_a_rebase(storage: SessionStorage) -> None:
    """What a process keeps to itself stays the newer fact when others' changes come in before it is saved."""
    now = datetime.now(UTC)
    async with two(storage, SessionConfig(memory_mode="persistent")) as (mine, theirs):
        one = await mine.start_conversation("m")
        await one.add_messages(
            [{"role": "user", "content": "My name is Ada.", "at": now - timedelta(minutes=5)}]
        )
        mine.config.memory_mode = "ephemeral"
        await mine.save()
        await theirs.reload()
        await theirs.update_state(a=1)
        await one.add_messages([{"role": "user", "content": "My name is Grace.", "at": now}])

        names = [entry.content for entry in mine.get_memory().entries if entry.category == "identity"]
        assert len(names) == 1 and "Grace" in names[0]


async def test_the_budget_holds_after_a_rebase(storage: SessionStorage) -> None:
    """Both fill the memory to its limit at once; together they stay inside it, the best are kept."""
    async with two(storage, SessionConfig(max_memory_size=30)) as (mine, theirs):
        for number in range(8):
            mine.add_memory(f"a small fact number {number}", importance=0.1)
            theirs.add_memory(f"a great fact number {number}", importance=0.9)
        await mine.save()
        await theirs.save()
        await mine.reload()
        for session in (mine, theirs, await reopened(storage)):
            memory = session.get_memory()
            assert 0 < memory.token_count <= 30
            assert all("great" in text for text in contents(memory.entries))


# --- pages and conversations


async def test_one_files_a_conversation_away_while_the_other_goes_on(storage: SessionStorage) -> None:
    """The entry comes back from the index page: no message is lost, none is counted twice."""
    async with two(storage, QUIET) as (mine, theirs):
        conv = await theirs.start_conversation("c")
        await conv.add_messages(said("m0"))
        await mine.reload()
        for _ in range(100):
            async with mine.conversation() as other:
                await other.add_messages([*said("x"), *said("y")])
        mine.clear_memory(ids=[mine.add_memory("x").id])
        await mine.save()
        assert "c" not in mine._core.data.conversations

        await conv.add_messages([*said("m1"), *said("m2")])

        assert contents(await conv.history()) == ["m0", "m1", "m2"]
    assert await kept_texts(storage, "s") == ["m0", "m1", "m2"]
    session = await reopened(storage)
    entry = session._core.data.conversations["c"]
    assert (entry.message_count, entry.first_index) == (3, 0)
    assert session.get_analytics()["message_count"] == 203
    assert session.get_analytics()["conversation_count"] == 101


async def test_a_filed_conversation_resumed_elsewhere_keeps_its_past(storage: SessionStorage) -> None:
    """One resumes a conversation that the other files away at the same moment."""
    async with two(storage, QUIET) as (mine, theirs):
        async with theirs.conversation("c") as conv:
            await conv.add_messages(said("m0"))
        await mine.reload()
        conv = await theirs.resume_conversation("c")
        for _ in range(100):
            async with mine.conversation() as other:
                await other.add_messages([*said("x"), *said("y")])
        mine.clear_memory(ids=[mine.add_memory("x").id])
        await mine.save()

        await conv.add_messages(said("m1"))

    assert await kept_texts(storage, "s") == ["m0", "m1"]
    assert (await reopened(storage)).get_analytics()["conversation_count"] == 101


async def test_both_file_the_same_messages(storage: SessionStorage) -> None:
    """Two whole writes at once: one wins, the other files anew on top of it; history has each message once."""
    async with two(storage, QUIET) as (mine, theirs):
        one, other = await mine.start_conversation("c"), await theirs.start_conversation("c")
        for number in range(30):
            await one.add_messages([message for n in range(10) for message in said(f"a{number * 10 + n}")])
        for session in (mine, theirs):
            session.clear_memory(ids=[session.add_memory("x").id])
        await asyncio.gather(mine.save(), theirs.save())
        await other.add_messages(said("b0"))

    assert await kept_texts(storage, "s") == [*(f"a{n}" for n in range(300)), "b0"]


async def test_a_branch_from_pending_messages_keeps_them(storage: SessionStorage) -> None:
    """Messages that another wrote first move the branch's place with the messages it branched from."""
    async with two(storage, QUIET) as (mine, theirs):
        stem = await mine.start_conversation("stem")
        await mine.save()
        async with mine.batch_update():
            await stem.add_messages([*said("one"), *said("two")])
            branch = await mine.start_conversation("branch", parent_id="stem")
            other = await theirs.start_conversation("other")
            await other.add_messages([*said("x"), *said("y"), *said("z")])
        await stem.add_messages(said("later"))

        assert contents(await branch.history()) == ["one", "two"]
    assert await kept_texts(storage, "s", "branch") == ["one", "two"]


# --- the end of a session


async def test_a_session_deleted_elsewhere_does_not_come_back(storage: SessionStorage) -> None:
    """Whoever still has it open gets SessionNotFoundError, and nothing is stored again."""
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s")
        theirs = await second.load_session("s")
        conv = await theirs.start_conversation("c")
        assert await first.delete_session("s")

        with pytest.raises(SessionNotFoundError):
            await conv.add_messages(said("too late"))
        with pytest.raises(SessionNotFoundError):
            await theirs.save()
        with pytest.raises(SessionNotFoundError):
            await theirs.reload()
        mine.add_memory("late as well")
        with pytest.raises(SessionNotFoundError):
            await mine.save()
        for voxon in (first, second):
            with pytest.raises(SessionNotFoundError):
                await voxon.load_session("s")
            assert [info async for info in voxon.list_sessions()] == []
        await theirs.close()
        await mine.close()

    assert await storage.load("s") is None


async def test_a_whole_write_does_not_bring_a_deleted_session_back(storage: SessionStorage) -> None:
    """Neither an appended batch nor a whole document makes a deleted session again."""
    async with two(storage) as (mine, theirs):
        theirs.clear_memory(ids=[theirs.add_memory("x").id])
        await voxon_on(storage).delete_session("s")
        with pytest.raises(SessionNotFoundError):
            await theirs.save()
        assert mine.session_id == "s"

    assert await storage.load("s") is None


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("saves", [0, 1, 3])
async def test_a_session_made_anew_under_the_same_id_is_another_one(
    storage: SessionStorage, whole: bool, saves: int
) -> None:
    """What was pending for the deleted session does not get into its successor, which stays as it is."""
    async with two(storage) as (mine, theirs):
        await mine.update_state(old=True)
        async with voxon_on(storage) as third:
            await third.delete_session("s")
            anew = await third.create_session(session_id="s")
            for _ in range(saves):
                await anew.update_state(new=True)
        theirs.add_memory("of the old one")
        if whole:
            theirs.clear_memory(ids=[theirs.add_memory("x").id])

        with pytest.raises(SessionNotFoundError):
            await theirs.save()

    session = await reopened(storage)
    assert session.state == ({"new": True} if saves else {}) and session.get_memory().entries == ()


async def test_a_session_ended_elsewhere_stays_ended(storage: SessionStorage) -> None:
    """A turn that was under way is kept, and after it the other process cannot go on either."""
    async with two(storage, QUIET) as (mine, theirs):
        conv = await theirs.start_conversation("c")
        await mine.end()
        await conv.add_messages(said("the last word"))
        assert theirs.status == "ended"

    session = await reopened(storage)
    assert session.status == "ended"
    assert contents(session._core.data.messages) == ["the last word"]


# --- the beginning of a session


async def test_an_id_is_given_once(storage: SessionStorage) -> None:
    """Of two that create the same id one gets SessionExistsError, and the other's session is untouched."""
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        await first.create_session(session_id="s", user_id="ada").update_state(mine=True)
        theirs = second.create_session(session_id="s", user_id="eve")
        theirs.add_memory("from eve")

        with pytest.raises(SessionExistsError):
            await theirs
        with pytest.raises(SessionExistsError):
            await theirs.save()

        found = await second.load_session("s")
        assert (found.user_id, dict(found.state)) == ("ada", {"mine": True})
        await found.update_state(more=1)


async def test_an_id_is_given_once_in_one_process_too(storage: SessionStorage) -> None:
    """The same holds for two sessions made by one facade."""
    async with voxon_on(storage) as voxon:
        first, second = voxon.create_session(session_id="s"), voxon.create_session(session_id="s")
        outcomes = await asyncio.gather(first._stored(), second._stored(), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(SessionExistsError) == 1

        winner = first if outcomes[1] is not first and not isinstance(outcomes[0], Exception) else second
        await winner.update_state(step=1)
        assert dict((await voxon.load_session("s")).state) == {"step": 1}


async def test_a_person_has_one_session_however_many_open_it(storage: SessionStorage) -> None:
    """`voxon.session(user_id)` of several processes and tasks at once ends up in the same session."""
    voxons = [voxon_on(storage) for _ in range(4)]

    async def open_it(number: int) -> str:
        async with voxons[number % 4].session("ada") as session:
            session.track_metric("opened", 1)
            return session.session_id

    ids = await asyncio.gather(*(open_it(number) for number in range(12)))

    assert len(set(ids)) == 1
    session = await voxon_on(storage).load_session(ids[0])
    assert session.get_custom_metrics()["opened"]["count"] == 12
    assert len([info async for info in voxons[0].list_sessions()]) == 1


async def test_an_unknown_id_is_created_once_however_many_open_it(storage: SessionStorage) -> None:
    """`voxon.session(session_id=…)` of several processes and tasks at once is one session."""
    voxons = [voxon_on(storage) for _ in range(3)]

    async def open_it(number: int) -> None:
        async with voxons[number % 3].session(session_id="s") as session:
            session.track_metric("opened", 1)

    await asyncio.gather(*(open_it(number) for number in range(12)))

    assert (await reopened(storage)).get_custom_metrics()["opened"]["count"] == 12


async def test_after_an_end_a_person_gets_a_new_session_and_again_one(storage: SessionStorage) -> None:
    """An ended session is not gone on with, and several that come next agree on its successor."""
    async with voxon_on(storage) as voxon, voxon.session("ada") as session:
        old = session.session_id
        await session.end()
    voxons = [voxon_on(storage) for _ in range(4)]

    async def open_it(voxon: Any) -> str:
        async with voxon.session("ada") as session:
            return str(session.session_id)

    ids = set(await asyncio.gather(*(open_it(voxon) for voxon in voxons)))

    assert len(ids) == 1 and old not in ids


# --- real processes


@pytest.mark.slow
def test_eight_processes_open_one_person(tmp_path: Path) -> None:
    """Eight real processes that open a new person's session at once agree on one, made once."""
    with Spawner() as spawner:
        for round_ in range(5):
            folder = tmp_path / str(round_)
            children = [spawner.fork("open_person", folder=str(folder), user="ada") for _ in range(8)]
            ids = {word for child in children for word in child.listen_to_the_end()}
            assert len(ids) == 1
            assert [path.stem for path in folder.glob("*.json")] == list(ids)

            async def opened(folder: Path = folder, name: str = ids.pop()) -> int:
                async with voxon_at(str(folder)) as voxon:
                    return int((await voxon.load_session(name)).get_custom_metrics()["opened"]["count"])

            assert asyncio.run(opened()) == 8


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_real_processes_write_one_session_and_two_are_killed(tmp_path: Path) -> None:
    """Five processes write at once, two of them are killed on the way: every acknowledged turn is there once."""
    turns = 25
    with Spawner() as spawner:
        asyncio.run(_make(tmp_path))
        children = {
            name: spawner.fork("write_beside", folder=str(tmp_path), name=name, turns=turns)
            for name in "abcde"
        }
        for name, words in (("d", 4), ("e", 9)):
            for _ in range(words):
                children[name].listen()
            children[name].kill()
        for name in "abc":
            children[name].listen_to_the_end()

    found, counts = asyncio.run(_look(tmp_path, "abcde"))
    for name, child in children.items():
        acknowledged = child.words
        assert found[name][: len(acknowledged)] == acknowledged
        assert len(found[name]) == turns if name in "abc" else len(found[name]) <= turns
    total = sum(map(len, found.values()))
    assert counts == {"turns": total, "messages": 4 * total, "memories": total}


async def _make(folder: Path) -> None:
    async with voxon_at(str(folder)) as voxon:
        await voxon.create_session(session_id="s", config=QUIET)


async def _look(folder: Path, names: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The turns found in each conversation, and what the session has counted."""
    async with voxon_at(str(folder)) as voxon:
        session = await voxon.load_session("s")
        found = {}
        for name in names:
            conversation = await session.resume_conversation(name)
            found[name] = list(turns_of(await conversation.history()))
        noted = {entry.content for entry in session.get_memory().entries}
        assert len(noted) == len(session.get_memory().entries)
        return found, {
            "turns": session.get_custom_metrics()["turns"]["count"],
            "messages": session.get_analytics()["message_count"],
            "memories": len(noted),
        }
