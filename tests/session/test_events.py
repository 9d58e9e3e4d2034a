"""Who is told what, when, and what a handler can do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.patience import LONG_SECONDS, until
from voxsession import ConfigurationError, Event, MemorySessionStorage, Voxon, VoxonConfig
from voxsession.testing import ScriptedModel


def voxon_in_memory(**options: Any) -> Voxon:
    """A facade on a memory storage."""
    return Voxon(VoxonConfig(session_storage=MemorySessionStorage()), **options)


async def test_a_turn_is_told_in_order() -> None:
    """Changes are told as they are applied; session.saved comes last, when the turn is durable."""
    async with voxon_in_memory(model=ScriptedModel(["Hello Alice"])) as voxon:
        async with voxon.session("u") as session, session.conversation() as conv:
            seen: list[str] = []
            session.events.on("*", lambda event: seen.append(event.type))
            await conv.send_message("My name is Alice")

    assert seen[:3] == ["message.added", "context.built", "reply.chunk"]
    assert seen[3:5] == ["message.added", "memory.added"]
    assert seen[seen.index("memory.added") + 1 :][-1] != "memory.added"
    assert "session.saved" in seen and seen.index("session.saved") > seen.index("memory.added")


async def test_patterns_once_and_off() -> None:
    """Patterns take their family, once takes one, off and the returned callable end a subscription."""
    async with voxon_in_memory() as voxon, voxon.session("u") as session:
        family: list[str] = []
        single: list[str] = []
        ended: list[str] = []

        def handler(event: Event) -> None:
            ended.append(event.type)

        session.events.on("memory.*", lambda event: family.append(event.type))
        session.events.once("memory.added", lambda event: single.append(event.entry.content))
        stop = session.events.on("memory.added", handler)
        stop()
        session.events.on("memory.added", handler)
        assert session.events.off("memory.added", handler) and not session.events.off("memory.added", handler)
        session.add_memory("one")
        session.add_memory("two")
        session.clear_memory()
        session.track_metric("x", 1)
        with pytest.raises(ConfigurationError, match=r"memory\.added"):
            session.events.on("memory.aded", handler)

    assert family == ["memory.added", "memory.added", "memory.removed"]
    assert single == ["one"] and ended == []


async def test_a_failing_handler_is_an_event_and_nothing_else() -> None:
    """The others are called, the change stands, handler.failed tells of it; its own failure is not told again."""
    async with voxon_in_memory() as voxon, voxon.session("u") as session:
        seen: list[Event] = []

        def broken(event: Event) -> None:
            raise RuntimeError("broken")

        session.events.on("memory.added", broken)
        session.events.on("handler.failed", broken)
        session.events.on("handler.failed", seen.append)
        session.events.on("memory.added", seen.append)
        session.add_memory("kept")

        assert [event.type for event in seen] == ["memory.added", "handler.failed"]
        assert seen[1].event == "memory.added" and isinstance(seen[1].error, RuntimeError)
        assert len(session.get_memory().entries) == 1


async def test_an_asynchronous_handler_delays_nobody() -> None:
    """It runs as a task; its failure is told; the conversation does not wait for it."""
    async with voxon_in_memory(model=ScriptedModel(["quick"])) as voxon:
        async with voxon.session("u") as session, session.conversation() as conv:
            release, done, failures = asyncio.Event(), asyncio.Event(), []

            async def slow(event: Event) -> None:
                await release.wait()
                done.set()
                raise ValueError("late")

            session.events.on("message.added", slow)
            session.events.on("handler.failed", failures.append)
            reply = await asyncio.wait_for(conv.send_message("hi"), LONG_SECONDS)
            assert reply == "quick" and not done.is_set()
            release.set()
            await done.wait()
            await until(lambda: failures)
            assert isinstance(failures[0].error, ValueError)


async def test_what_a_handler_changes_is_told_after_it() -> None:
    """A handler may change the session: its changes come after the event it was called for, without recursion."""
    async with voxon_in_memory() as voxon, voxon.session("u") as session:
        order: list[str] = []

        def first(event: Event) -> None:
            order.append(f"first {event.entry.content}")
            if event.entry.content == "one":
                session.add_memory("two")
                order.append("first is done")

        session.events.on("memory.added", first)
        session.events.on("memory.added", lambda event: order.append(f"second {event.entry.content}"))
        session.add_memory("one")

    assert order == ["first one", "first is done", "second one", "first two", "second two"]


async def test_a_batch_is_told_when_it_ends_and_not_at_all_when_it_fails() -> None:
    """Events of a batch wait for its end; an exception discards changes and events."""
    async with voxon_in_memory() as voxon, voxon.session("u") as session:
        seen: list[str] = []
        session.events.on("*", lambda event: seen.append(event.type))
        with session.batch_update():
            session.add_memory("a")
            session.set_preference("formality", "always_formal")
            session.track_metric("m", 2)
            assert seen == [] and len(session.get_memory().entries) == 1
        first = list(seen)
        with pytest.raises(KeyError), session.batch_update():
            session.add_memory("b")
            raise KeyError
        after = list(seen)
        async with session.batch_update():
            session.update_state(step=1)

        assert first == ["memory.added", "preference.set", "metric.tracked"] == after
        assert seen[3:] == ["state.updated", "session.saved"]
        assert [entry.content for entry in session.get_memory().entries] == ["a"]
        assert session.get_learned_preferences()["formality_score"] == "always_formal"


async def test_the_facade_hears_all_sessions_and_handles_hear_until_they_close() -> None:
    """voxon.events gets every session's events; a closed handle's subscriptions are over."""
    async with voxon_in_memory() as voxon:
        all_ids: list[str] = []
        voxon.events.on("memory.added", lambda event: all_ids.append(event.session_id))
        one = await voxon.create_session(session_id="one")
        two = await voxon.load_session("one")
        heard: list[str] = []
        one.events.on("*", lambda event: heard.append(event.type))
        await one.close()
        two.add_memory("x")
        other = await voxon.create_session(session_id="two")
        other.add_memory("y")
        await two.close()
        await other.close()

    assert all_ids == ["one", "two"]
    assert heard[-1] == "session.closed" and "memory.added" not in heard
