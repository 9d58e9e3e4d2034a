"""Broken histories from outside: repaired when they are opened or added to, stored, told; nothing is lost."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import WatchedStorage, voxon_on
from voxsession import (
    ConfigurationError,
    Event,
    FileSessionStorage,
    MemorySessionStorage,
    Reply,
    SessionConfig,
    Voxon,
    VoxonConfig,
)
from voxsession.session.filing import PAGE_MESSAGES
from voxsession.testing import FakeClock, ScriptedModel

QUIET = SessionConfig(enable_learning=False, enable_analytics=False)
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def plain(path: Path) -> Voxon:
    """An installation whose files can be edited."""
    return Voxon(
        VoxonConfig(session_storage="file", session_storage_path=str(path), session_encryption_method="none")
    )


def edit(path: Path, change: Any) -> None:
    """Alters the messages in a stored document, as another program might."""
    (file,) = path.glob("s*.json")
    lines = file.read_bytes().split(b"\n")
    assert lines[1:] == [b""], "there is a tail"
    record = json.loads(lines[0])
    change(record["messages"])
    file.write_bytes(json.dumps(record).encode() + b"\t\n")


async def told(path: Path) -> tuple[list[Event], list[tuple[str, str | None, Any]]]:
    """Opens the session "s" and closes it; the repairs that it told, and what is said in it."""
    events: list[Event] = []
    async with plain(path) as voxon:
        voxon.events.on("history.repaired", events.append)
        async with voxon.load_session("s") as session:
            history = await (await session.conversation("c")).history()
            return events, [(one.role, one.content, one.repair) for one in history]


async def test_a_damaged_document_is_repaired_once_and_stored(tmp_path: Path) -> None:
    """Doubled ids, a lost result and a result without its call: each is named, and the next opening finds all right."""
    async with plain(tmp_path) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("c")
        await conv.add_messages(
            [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": "12 degrees", "tool_call_id": "call_1"},
                {"role": "assistant", "content": "12 degrees"},
                {"role": "user", "content": "Thanks"},
            ]
        )
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.close()

    def damage(messages: list[dict[str, Any]]) -> None:
        messages.insert(1, dict(messages[0]))
        messages.append({**messages[-1], "content": "Bye"})
        messages[3]["tool_call_id"] = "call_9"

    edit(tmp_path, damage)
    events, history = await told(tmp_path)
    assert [row["what"] for event in events for row in event.repairs] == [
        ["renamed", "doubled"],
        ["no result"],
        ["no call"],
        ["renamed"],
    ]
    assert history == [
        ("user", "Weather?", None),
        ("assistant", None, {"unanswered": ["call_1"]}),
        ("tool", "12 degrees", {"set_aside": "no call"}),
        ("assistant", "12 degrees", None),
        ("user", "Thanks", None),
        ("user", "Bye", None),
    ]
    again, same = await told(tmp_path)
    assert not again and same == history


async def test_a_healthy_session_is_not_written() -> None:
    """Opening and closing a sound history saves nothing."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        async with voxon.session(session_id="s", config=QUIET) as session:
            conv = await session.start_conversation("c")
            await conv.add_messages([{"role": "user", "content": "Hello"}] * 3)
            await conv.end()
        storage.records.clear()
        async with voxon.load_session("s"):
            pass
    assert not storage.records


async def test_a_call_that_a_crash_cut_off_is_shown_as_unknown_and_not_run_again() -> None:
    """The process ended while the function ran: afterwards the model is told that the result is unknown."""
    storage, runs = MemorySessionStorage(), list[str]()
    started = asyncio.Event()
    config = SessionConfig(enable_functions=True, enable_learning=False)
    first = ScriptedModel([Reply("", tool_calls=[CALL]), "never"])

    async def weather() -> str:
        runs.append("run")
        started.set()
        await asyncio.sleep(3600)
        return ""

    voxon = voxon_on(storage, model=first)
    session = await voxon.session(session_id="s", config=config)
    conv = await session.start_conversation("c")
    conv.register_function(weather)
    turn = asyncio.create_task(conv.send_message("Weather?"))
    await asyncio.wait_for(started.wait(), 20)

    second = ScriptedModel(["I do not know", "Fine"])
    events: list[Event] = []
    async with voxon_on(storage, model=second) as other:
        other.events.on("history.repaired", events.append)
        async with other.load_session("s") as again:
            assert not events  # it may still be running
            talk = await again.resume_conversation("c")
            talk.register_function(weather)
            await talk.send_message("And?")
            await talk.send_message("Well")
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    sent = second.requests[0].messages
    assert [one["role"] for one in sent[1:]] == ["user", "assistant", "tool", "user"]
    assert sent[3]["content"] == "[no result of this call was recorded]"
    assert runs == ["run"]
    assert [row["what"] for event in events for row in event.repairs] == [["no result"]]


async def test_two_processes_that_repair_at_once_agree(tmp_path: Path) -> None:
    """Both decide the same; the second puts its turn behind the first's repair."""
    clock = FakeClock()
    storages = [FileSessionStorage(tmp_path) for _ in range(2)]
    async with voxon_on(storages[0], clock=clock) as one, voxon_on(storages[1], clock=clock) as two:
        async with one.session("u", config=QUIET) as mine:
            conv = await mine.start_conversation("c")
            await conv.add_messages(
                [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [CALL]}]
            )
            async with two.session("u") as theirs:
                other = await theirs.conversation("c")
                with mine.batch_update():  # neither has saved when the other adds
                    mine.add_memory("Likes tea")
                await other.add_messages([{"role": "user", "content": "b"}])
                await conv.add_messages([{"role": "user", "content": "c"}])
                await theirs.reload()
                seen = [[(m.id, m.content, m.repair) for m in await c.history()] for c in (conv, other)]
    assert seen[0] == seen[1]
    assert [content for _, content, _ in seen[0]] == ["a", None, "b", "c"]
    assert [repair for *_, repair in seen[0]] == [None, {"unanswered": ["call_1"]}, None, None]


async def test_what_lies_in_pages_is_repaired_on_request() -> None:
    """A result that was filed without its call, and doubles: found, told first by a dry run, and done with."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("c")
        lone = {"role": "tool", "content": "lost", "tool_call_id": "call_9"}
        await conv.add_messages([{"role": "user", "content": "a"}])
        core = session._core
        core.open_conversations.clear()
        said = [{"role": "user", "content": f"m{n}"} for n in range(PAGE_MESSAGES + 60)]
        await conv.add_messages([{"role": "assistant", "tool_calls": [CALL]}, *said])
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        assert core.data.pages and core.data.message_offset
        filed = await (await core_recorder(voxon)).load_messages(core, core.data.pages[0])
        assert filed[1].repair == {"unanswered": ["call_1"]}  # repaired before it was filed
        await conv.add_messages([{"role": "tool", "content": "late", "tool_call_id": "call_1"}, lone])
        await conv.add_messages([{"role": "user", "content": "z"}])

        plan = await session.repair_history(dry_run=True)
        assert plan.counts == {"sound again": 1, "no call": 1}
        writes = len(storage.records)
        assert (await session.repair_history()).counts == plan.counts
        assert len(storage.records) == writes + 1
        filed = await (await core_recorder(voxon)).load_messages(core, core.data.pages[0])
        assert filed[1].repair is None
        assert not await session.repair_history()
        history = await conv.history()
        assert len(history) == PAGE_MESSAGES + 65
        with session.batch_update(), pytest.raises(ConfigurationError, match="Leave the block"):
            await session.repair_history()


async def core_recorder(voxon: Voxon) -> Any:
    """What loads pages."""
    return await voxon._home.ready()


async def test_a_double_is_found_once() -> None:
    """An app that records the same messages twice: history, search and context have each once."""
    clock = FakeClock()
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        session = await voxon.session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        said = [
            {"role": "user", "content": "My parrot is called Kiwi", "at": clock.now()},
            {"role": "assistant", "content": "A fine name", "at": clock.now()},
        ]
        await conv.add_messages(said)
        found = [one.text for one in await session.recall("parrot name", sources=("messages",))]
        clock.advance(seconds=5)
        await conv.add_messages([{"role": "user", "content": "Hm", "at": clock.now()}])
        await conv.add_messages(said)
        assert [one.content for one in await conv.history()] == [
            "My parrot is called Kiwi",
            "A fine name",
            "Hm",
        ]
        assert [one.content for one in conv.messages] == [one.content for one in await conv.history()]
        again = [one.text for one in await session.recall("parrot name", sources=("messages",))]
        assert [text for text in again if text != "Hm"] == found
        await session.close()
        await voxon.close()


async def test_nothing_is_learned_again_from_a_double() -> None:
    """An app that repeats what it recorded adds no evidence."""
    clock = FakeClock()
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon, voxon.session() as session:
        conv = await session.start_conversation("c")
        said = [{"role": "user", "content": "My name is Alice", "at": clock.now()}]
        await conv.add_messages(said)
        (known,) = session.get_memory().entries
        await conv.add_messages(said)
        assert [(one.id, one.evidence_count) for one in session.get_memory().entries] == [(known.id, 1)]


async def test_what_is_forgotten_goes_from_doubles_too(tmp_path: Path) -> None:
    """No history shows a double, but forgetting finds it: no byte of it is left."""
    clock = FakeClock()
    async with plain(tmp_path) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("c")
        said = [
            {"role": "user", "content": "The zebrafish plan", "at": clock.now()},
            {"role": "assistant", "content": "Noted", "at": clock.now() + timedelta(seconds=1)},
        ]
        await conv.add_messages(said)
        await conv.add_messages(said)
        assert [one.content for one in await conv.history()] == ["The zebrafish plan", "Noted"]
        receipt = await session.forget("zebrafish")
        assert receipt
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"zebrafish" in path.read_bytes()]
