"""Whose words a fact comes from: only the user's own make facts about the user."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from voxsession import Conversation, MemorySessionStorage, Message, Session, SessionConfig, Voxon, VoxonConfig
from voxsession.core.changes import MessageAdded
from voxsession.session.learn import learn_from
from voxsession.testing import ScriptedModel

CALL = {"id": "1", "type": "function", "function": {"name": "profile", "arguments": "{}"}}


@asynccontextmanager
async def talk(*answers: str) -> AsyncIterator[tuple[Session, Conversation]]:
    """A conversation with a model of these answers."""
    async with (
        Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=ScriptedModel(answers)) as voxon,
        voxon.session("u", config=SessionConfig(memory_mode="persistent", enable_functions=True)) as session,
        session.conversation("c") as conv,
    ):
        yield session, conv


def learned(session: Session) -> list[str]:
    """What was learned from the user, as opposed to what was put in."""
    return [entry.content for entry in session.get_memory().entries if entry.source == "user"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "My name is Eve and I live in Rome."}],
        [{"role": "assistant", "content": "My name is Max and I live in Rome."}],
        [
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "My name is Tim. I live in Rome."},
        ],
    ],
    ids=["system", "assistant", "tool"],
)
async def test_what_others_say_is_no_fact(messages: list[dict[str, Any]]) -> None:
    """Of the system, the assistant and a tool nothing is learned, not when the user repeats it either."""
    async with talk() as (session, conv):
        await conv.add_messages(messages)
        assert learned(session) == []
        said = messages[-1]["content"]
        await conv.add_messages([{"role": "user", "content": said}])
        await conv.add_messages([{"role": "user", "content": f"OK.\n\n{said} Is that right?"}])
        assert learned(session) == []
        await conv.add_messages([{"role": "user", "content": "Yes! I still live in Rome, near the river."}])
        assert learned(session) == ["User lives in Rome"]


async def test_what_a_function_gave_is_no_fact_of_the_user() -> None:
    """A profile that a function read aloud stays the tool's."""
    from voxsession import Reply

    async with talk(Reply(tool_calls=[CALL]), "Done.") as (session, conv):  # type: ignore[arg-type]

        @conv.function
        def profile() -> str:
            """Reads a profile."""
            return "My name is Tim and I am allergic to nuts."

        await conv.send_message("Read me the profile")
        assert any(message.role == "tool" for message in conv.messages)
        assert learned(session) == []


async def test_imported_memories_stay_imported() -> None:
    """An import is no user's word: it keeps its origin, and pasting it back teaches nothing."""
    async with talk() as (session, conv):
        session.import_memory([{"memory": "I love marzipan"}, {"memory": "I am allergic to kiwi"}])
        assert {entry.source for entry in session.get_memory().entries} == {"imported"}
        await conv.add_messages(
            [{"role": "user", "content": "You noted:\n- I love marzipan\n- I am allergic to kiwi"}]
        )
        assert learned(session) == []


async def test_imported_conversations_teach_nothing(tmp_path: Path) -> None:
    """What was said elsewhere, by whomever, is found again but is not learned from."""
    path = tmp_path / "conversations.json"
    node = {
        "id": "a",
        "parent": None,
        "children": [],
        "message": {
            "id": "m",
            "author": {"role": "user"},
            "create_time": 1_700_000_000,
            "content": {"content_type": "text", "parts": ["My name is Zoe and I live in Rome"]},
        },
    }
    talk_of = {
        "id": "x",
        "title": "t",
        "create_time": 1_700_000_000,
        "mapping": {"a": node},
        "current_node": "a",
    }
    path.write_text(json.dumps([talk_of]))
    async with talk() as (session, _):
        report = await session.import_memory_from(path)
        assert report and learned(session) == []
        assert (await session.recall("Rome"))[0].message is not None


@pytest.mark.parametrize(("origin", "found"), [("said", 1), ("imported", 0), ("shared", 0)])
async def test_only_what_was_said_here_is_learned_from(origin: str, found: int) -> None:
    """A message that was imported, or that somebody with a share wrote, is not the user speaking."""
    async with talk() as (session, _):
        core, now = session._core, session._core.now()
        said = Message(
            id="m", conversation_id="c", role="user", content="My name is Alice", at=now, origin=origin
        )
        core.record(MessageAdded(at=now, message=said, local_hour=1))
        learn_from(core, session._host, [said])
        assert len(learned(session)) == found


async def test_the_context_block_pasted_back_teaches_nothing() -> None:
    """All of the context that the model saw, copied into a message, gives no fact; words beside it do."""
    async with talk() as (session, conv):
        session.add_memory("I love marzipan", category="preference")
        session.add_memory("I live in Oslo. I work as a nurse", category="identity")
        await conv.add_messages([{"role": "user", "content": "I play the harp"}])
        before = learned(session)
        context = await conv.build_context("Oslo marzipan")
        block = context.messages[0]["content"].partition("\n\n")[2]
        assert "marzipan" in block and "Oslo" in block
        await conv.add_messages([{"role": "user", "content": block}])
        await conv.add_messages([{"role": "user", "content": f"This is what I see:\n{block}\nI have a dog."}])
        assert learned(session) == [*before, "User has a dog"]


@pytest.mark.parametrize(
    "said",
    [
        "You said that I live in Oslo",
        'You told me "I live in Oslo"',
        "User lives in Oslo",
        "- User lives in Oslo (3 May 2026)",
        "According to you I live in Oslo?",
        "I remember that you love jazz and live in Oslo.",
        "I remember that you love jazz and live in Oslo. Why do you think so?",
    ],
)
async def test_a_recalled_memory_quoted_back_teaches_nothing(said: str) -> None:
    """However the user quotes what the assistant recalled, it is not the user's statement, nor more evidence."""
    async with talk("I remember that you love jazz and live in Oslo.") as (session, conv):
        entry = session.add_memory("User lives in Oslo", category="location")
        await conv.send_message("What do you know about me?")
        await conv.add_messages([{"role": "user", "content": said}])
        assert learned(session) == []
        assert [one.evidence_count for one in session.get_memory().entries] == [1]
        assert session.get_memory().entries[0].id == entry.id


async def test_a_draft_that_the_assistant_wrote_is_not_the_users_word() -> None:
    """A text in the first person that the assistant made, sent back to be changed, states nothing."""
    draft = "Here it is: Hi, I'm Ottokar, I live in Bergen and I love sailing!"
    async with talk(draft) as (session, conv):
        await conv.send_message("Draft a profile")
        await conv.add_messages(
            [
                {
                    "role": "user",
                    "content": "Hi, I'm Ottokar, I live in Bergen and I love sailing!\nMake it shorter",
                }
            ]
        )
        assert learned(session) == []


async def test_the_same_words_said_by_both_are_still_the_users() -> None:
    """A short answer that the assistant happens to have said too is the user's own statement."""
    async with talk("I like tea. And you?") as (session, conv):
        await conv.send_message("Hello")
        await conv.add_messages([{"role": "user", "content": "I like tea"}])
        assert learned(session) == ["User likes tea"]


async def test_every_way_in_keeps_its_origin() -> None:
    """An entry says where it came from: the app, the user, an import, or the assistant that summed it up."""
    async with talk("It is about names.", "ok") as (session, conv):
        session.add_memory("added")
        await conv.add_messages([{"role": "user", "content": "My name is Alice"}])
        session.import_memory([{"memory": "imported"}])
        await conv.summarize()
        sources = {entry.content: entry.source for entry in session.get_memory().entries}
    assert sources == {
        "added": "app",
        "User's name is Alice": "user",
        "imported": "imported",
        "It is about names.": "assistant",
    }
