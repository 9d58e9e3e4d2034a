"""What learning costs, and when a known fact is a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from voxsession import MemorySessionStorage, SessionConfig, Voxon, VoxonConfig
from voxsession.core.session_data import SessionData
from voxsession.testing import FakeClock

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def voxon_at(clock: FakeClock | None = None) -> Voxon:
    return Voxon(VoxonConfig(session_storage=MemorySessionStorage()), clock=clock or FakeClock(NOW))


async def test_no_message_goes_through_all_that_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts are looked up, so that the cost of a message does not grow with the memories."""
    async with voxon_at() as voxon, voxon.session("u") as session, session.conversation("c") as conv:
        await conv.add_messages([{"role": "user", "content": "I live in Oslo and I like tea"}])
        walks: list[int] = []
        whole = SessionData.all_memories
        monkeypatch.setattr(SessionData, "all_memories", lambda self: walks.append(1) or whole(self))
        for said in ("I moved to Bergen", "I like tea", "- I like tea", "I don't like tea any more", "Hello"):
            await conv.add_messages([{"role": "user", "content": said}])
        assert walks == []
        monkeypatch.undo()
        contents = {entry.content for entry in session.get_memory().entries}
    assert contents == {"User lives in Bergen", "User doesn't like tea"}


async def test_many_messages_at_once_are_learned_from_in_one_walk() -> None:
    """A thousand messages recorded together are looked at once each, with the right message before them."""
    async with voxon_at() as voxon, voxon.session("u") as session, session.conversation("c") as conv:
        said: list[dict[str, Any]] = [{"role": "user", "content": "Hello"} for _ in range(1_000)]
        said += [
            {"role": "assistant", "content": "What's your name?"},
            {"role": "user", "content": "Alice"},
            {"role": "user", "content": "Oslo"},
        ]
        await conv.add_messages(said)
        assert [entry.content for entry in session.get_memory().entries] == ["User's name is Alice"], (
            "a question is answered once"
        )


async def test_the_question_of_another_conversation_is_not_answered() -> None:
    """What the assistant asked elsewhere does not make a fact of a bare word here."""
    async with voxon_at() as voxon, voxon.session("u") as session:
        async with session.conversation("a") as conv:
            await conv.add_messages([{"role": "assistant", "content": "What's your name?"}])
        async with session.conversation("b") as conv:
            await conv.add_messages([{"role": "user", "content": "Alice"}])
        assert session.get_memory().entries == ()


async def test_a_fact_that_expired_is_learned_anew() -> None:
    """Evidence is not added to what is never returned again."""
    clock = FakeClock(NOW)
    async with voxon_at(clock) as voxon:
        config = SessionConfig(memory_categories={"preference": {"expires_after_days": 1}})
        async with voxon.session("u", config=config) as session, session.conversation("c") as conv:
            await conv.add_messages([{"role": "user", "content": "I like tea"}])
            clock.advance(days=2)
            await conv.add_messages([{"role": "user", "content": "I like tea"}])
            assert [entry.timestamp for entry in session.get_memory().entries] == [NOW + timedelta(days=2)]
