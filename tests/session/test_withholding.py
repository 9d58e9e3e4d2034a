"""What is withheld from guests and bundles beside the sensitive entries: what answers, repeats or replaces them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.sharers import at_once, owned, shared_with, texts
from voxsession import MemorySessionStorage, SessionConfig
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.session.hold import Hold, may_tell
from voxsession.testing import ScriptedModel

pytestmark = pytest.mark.usefixtures(at_once.__name__)

DAY = datetime(2026, 1, 1, tzinfo=UTC)
LEARN = SessionConfig(memory_mode="persistent")
SECRET, REPLY = "I live in Oslo.", "The capital of Norway!"


def said(role: str, content: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def mark(session: Any, text: str = "Oslo") -> None:
    """Makes what was learned of a text sensitive."""
    (entry,) = (one for one in session.get_memory().entries if text in one.content)
    session.update_memory(entry.id, sensitive=True)


async def shown(voxon: Any, session: Any, **limits: Any) -> list[str]:
    """All the messages that a share shows, by history and by export."""
    shared, _ = await shared_with(voxon, session, permissions=["read", "export"], **limits)
    found = texts(await shared.history())
    assert [row["content"] for row in (await shared.export())["messages"]] == found
    return found


async def bundled(session: Any) -> list[str]:
    """The messages that a bundle shows."""
    return [row["content"] for row in (await session.export_full())["messages"] if row.get("content")]


# --- replies


async def test_what_was_recorded_twice_does_not_show_a_reply_to_a_secret() -> None:
    """Doubles are in no share, and in a bundle they are as blank as what they repeat."""
    async with owned(config=LEARN) as (voxon, session):
        talk = await session.start_conversation("c")
        rows = [said("user", SECRET, at=DAY), said("assistant", REPLY, at=DAY + timedelta(seconds=5))]
        await talk.add_messages(rows)
        await talk.add_messages(rows)
        await talk.add_messages([said("user", "Something else?"), said("assistant", "Yes.")])
        assert sum(message.is_double for message in session._core.data.messages) == 2
        mark(session)
        for snapshot in (False, True):
            assert await shown(voxon, session, snapshot=snapshot) == ["Something else?", "Yes."]
        assert await bundled(session) == ["Something else?", "Yes."]


async def test_doubles_of_what_is_no_secret_are_not_shown_twice() -> None:
    """A share shows each message once."""
    async with owned(config=LEARN) as (voxon, session):
        talk = await session.start_conversation("c")
        rows = [said("user", "Hello", at=DAY), said("assistant", "Hi!", at=DAY + timedelta(seconds=5))]
        await talk.add_messages(rows)
        await talk.add_messages(rows)
        assert await shown(voxon, session) == ["Hello", "Hi!"]


async def test_the_hold_lasts_until_the_answer_and_the_next_question() -> None:
    """Somebody who says two things before one answer gets an answer to both."""
    async with owned(config=LEARN) as (voxon, session):
        talk = await session.start_conversation("c")
        await talk.add_messages(
            [said("user", SECRET), said("user", "Did you get that?"), said("assistant", f"Yes: {REPLY}")]
        )
        await talk.add_messages(
            [said("assistant", "Norway is nice."), said("user", "Thanks"), said("assistant", "Sure")]
        )
        mark(session)
        assert await shown(voxon, session) == await bundled(session) == ["Thanks", "Sure"]


async def test_a_branch_begins_as_withheld_as_it_left() -> None:
    """A reply that was given on a branch answers what its parent heard."""
    async with owned(config=LEARN) as (voxon, session):
        main = await session.start_conversation("main")
        (question,) = await main.add_messages([said("user", SECRET)])
        mark(session)
        branch = await session.start_conversation("b", parent_id="main", at_message=question.id)
        await main.add_messages(
            [said("assistant", f"On main: {REPLY}"), said("user", "And now?"), said("assistant", "Well.")]
        )
        await branch.add_messages([said("assistant", f"On the branch: {REPLY}")])
        late = await session.start_conversation("late", parent_id="main")
        await late.add_messages([said("assistant", "Later.")])
        expected = ["And now?", "Well.", "Later."]
        for snapshot in (False, True):
            assert await shown(voxon, session, snapshot=snapshot) == expected
        assert await bundled(session) == expected


async def test_a_frozen_share_loses_replies_on_branches_when_a_secret_is_marked_later() -> None:
    """Frozen messages have no place any more, so what may have left within the hold is withheld."""
    async with owned(config=LEARN) as (voxon, session):
        main = await session.start_conversation("main")
        (question,) = await main.add_messages([said("user", SECRET)])
        branch = await session.start_conversation("b", parent_id="main", at_message=question.id)
        await main.add_messages(
            [said("assistant", REPLY), said("user", "And now?"), said("assistant", "Well.")]
        )
        await branch.add_messages([said("assistant", f"On the branch: {REPLY}")])
        shared, _ = await shared_with(voxon, session, permissions=["read"], snapshot=True)
        assert len(await shared.history()) == 5
        mark(session)
        assert texts(await shared.history()) == ["And now?", "Well."]


_TURN = st.sampled_from(["secret", "user", "assistant", "call"])


@given(st.lists(_TURN, max_size=12), st.integers(0, 12), st.lists(_TURN, max_size=6))
def test_no_answer_to_a_secret_is_let_through(main: list[str], left_at: int, branch: list[str]) -> None:
    """Whatever is said, an assistant is only shown where a question was asked behind the last answered secret."""
    left_at = min(left_at, len(main))
    talks = {
        "m": ConversationEntry(id="m", started_at=DAY, last_at=DAY),
        "b": ConversationEntry(id="b", started_at=DAY, last_at=DAY, parent_id="m", branch_index=left_at),
    }
    rows = [_message(n, "m", what) for n, what in enumerate(main)]
    rows += [_message(len(main) + n, "b", what) for n, what in enumerate(branch)]
    secrets: dict[str, str | None] = {
        row.id: row.conversation_id for row, what in zip(rows, main + branch, strict=True) if what == "secret"
    }
    hold = Hold(secrets, talks)
    held = [hold.takes(row, index) for index, row in enumerate(rows)]
    for line, places in (
        (main, list(range(len(main)))),
        (main[:left_at] + branch, [*range(left_at), *range(len(main), len(rows))]),
    ):
        last_secret = last_answer = last_question = -1
        for step, (what, place) in enumerate(zip(line, places, strict=True)):
            if what == "secret":
                last_secret, last_answer = step, -1
            elif what == "assistant" and last_answer < last_secret:
                last_answer = step
            elif what == "user" and last_answer > last_secret:
                last_question = step
            assert held[place] == (last_secret >= 0 and last_question < last_secret)


def _message(number: int, talk: str, what: str) -> Message:
    role: Any = "user" if what in ("secret", "user") else "assistant"
    calls = [{"id": "1"}] if what == "call" else None
    return Message(id=f"m{number}", conversation_id=talk, role=role, content=what, at=DAY, tool_calls=calls)


# --- summaries


async def test_summaries_of_what_was_merged_tell_no_secret() -> None:
    """A summary may hold what came up from branches of branches."""
    async with owned(config=LEARN) as (voxon, session):
        main = await session.start_conversation("main")
        await main.add_messages([said("user", "hello")])
        branch = await session.start_conversation("b", parent_id="main")
        await branch.add_messages([said("user", "hi")])
        twig = await session.start_conversation("t", parent_id="b")
        await twig.add_messages([said("user", SECRET)])
        other = await session.start_conversation("other")
        await other.add_messages([said("user", "hey")])
        mark(session)
        await branch.merge_summary("t", text="Resides in the Norwegian capital")
        await main.merge_summary("b", text="Is a Norwegian")
        shared, _ = await shared_with(voxon, session, permissions=["read"])
        assert texts(await shared.get_memory()) == []
        assert (await session.export_full())["memories"] == []


def test_which_summaries_may_tell() -> None:
    """Its own conversation, what it left, what left it, what was merged: all but what only shares an ancestor."""

    def entry(name: str, parent: str | None = None, merged: tuple[str, ...] = ()) -> ConversationEntry:
        return ConversationEntry(id=name, started_at=DAY, last_at=DAY, parent_id=parent, merged_ids=merged)

    talks = {
        one.id: one
        for one in (
            entry("a"),
            entry("b", "a"),
            entry("c", "b"),
            entry("d", "a"),
            entry("e"),
            entry("f", merged=("c",)),
        )
    }
    told = [name for name in talks if may_tell(["c"], talks, name)]
    assert told == ["a", "b", "c", "f"]
    assert [name for name in talks if may_tell(["a"], talks, name)] == ["a", "b", "c", "d", "f"][:4]
    assert may_tell(["a"], talks, "unknown") and not may_tell([], talks, "unknown")


# --- entries


async def test_entries_that_repeat_or_replace_a_secret_are_withheld() -> None:
    """By its words, by its number, and as a correction; what the share names is shown."""
    async with owned(config=LEARN) as (voxon, session):
        talk = await session.start_conversation("c")
        await talk.add_messages([said("user", SECRET)])
        mark(session)
        session.add_memory("PIN of the safe: 4711", sensitive=True)
        number = session.add_memory("Used 4711 at the door")
        session.add_memory("Often in Oslo for work")
        session.add_memory("Plays chess")
        await talk.add_messages([said("assistant", "Ah."), said("user", "I moved. I live in Bergen.")])
        moved = next(one for one in session.get_memory().entries if "Bergen" in one.content)
        assert not moved.sensitive
        for snapshot in (False, True):
            shared, _ = await shared_with(voxon, session, permissions=["read"], snapshot=snapshot)
            assert texts(await shared.get_memory()) == ["Plays chess"]
        named, _ = await shared_with(
            voxon, session, permissions=["read"], include_sensitive=[moved.id, number.id]
        )
        assert {"Plays chess", moved.content, number.content} == set(texts(await named.get_memory()))
        told = [row["content"] for row in (await session.export_full())["memories"]]
        assert told == ["Plays chess"]
        assert await shown(voxon, session) == await bundled(session) == []  # the correction was said, too
        every, _ = await shared_with(voxon, session, permissions=["read"], include_sensitive=True)
        assert len(texts(await every.get_memory())) == len(session.get_memory().entries)


async def test_a_correction_stays_withheld_when_what_it_corrects_is_filed() -> None:
    """The attribute is noted, for the sensitive entry may lie in an archive page; it is free again with the mark."""
    async with owned(config=LEARN) as (voxon, session):
        talk = await session.start_conversation("c")
        await talk.add_messages([said("user", SECRET)])
        mark(session)
        old = next(one for one in session.get_memory().entries if "Oslo" in one.content)
        await talk.add_messages([said("assistant", "Ah."), said("user", "I moved. I live in Bergen.")])
        assert session._core.data.extra["withheld_slots"] == [old.slot]
        del session._core.data.memories[old.id]
        shared, _ = await shared_with(voxon, session, permissions=["read"])
        assert texts(await shared.get_memory()) == []


async def test_slots_of_many_values_are_not_noted() -> None:
    """Such a slot spells the value."""
    async with owned(config=LEARN) as (_, session):
        talk = await session.start_conversation("c")
        await talk.add_messages([said("user", "I love chess.")])
        mark(session, "chess")
        assert "chess" not in json.dumps(session._core.data.extra)


# --- deleted conversations, guests, notes


async def test_what_stays_for_a_branch_leaves_frozen_shares() -> None:
    """The branch still sees what was said in a deleted conversation; a guest does not."""
    async with owned(config=LEARN) as (voxon, session):
        main = await session.start_conversation("main")
        await main.add_messages([said("user", "divorce plans")])
        branch = await session.start_conversation("b", parent_id="main")
        await branch.add_messages([said("user", "hi")])
        shared, view = await shared_with(voxon, session, permissions=["read"], snapshot=True)
        await main.end()
        assert (await session.delete_conversation("main")).counts["kept_for_branches"] == 1
        assert texts(await branch.history()) == ["divorce plans", "hi"]
        assert texts(await shared.history()) == ["hi"]
        assert "divorce" not in repr(session._core.data.shares[view.grant_id])


async def test_recall_finds_guests_only_when_asked_to() -> None:
    """Their words are not the owner's, however well they fit."""
    async with owned(model=ScriptedModel(["ok"] * 9), config=LEARN) as (voxon, session):
        mine = await session.start_conversation("mine")
        await mine.add_messages([said("user", "A zebra at the zoo")])
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        async with shared.conversation() as talk:
            for number in range(4):
                await talk.send_message(f"zebra zebra zebra {number}")
        for past in (None, session._core.now()):
            own = await session.recall("zebra", limit=1, as_of=past)
            assert [one.message.content for one in own if one.message] == ["A zebra at the zoo"]
            found = await session.recall("zebra", limit=5, as_of=past, include_guests=True)
            assert any(one.message.origin == "shared" for one in found if one.message)


async def test_guests_do_not_count_as_the_owner() -> None:
    """Messages, turns, tokens, hours and conversations of guests move no figure and reach no milestone."""
    config = SessionConfig(
        memory_mode="persistent", milestones={"messages": [3], "conversations": [2], "turns": [2]}
    )
    async with owned(model=ScriptedModel(["ok"] * 9), config=config) as (voxon, session):
        mine = await session.start_conversation("mine")
        await mine.send_message("Hello")
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        before, days = session.get_analytics(), session.to_records("days")
        async with shared.conversation() as talk:
            for number in range(3):
                await talk.send_message(f"Thanks {number}")
        assert session.get_analytics() == before
        assert session.to_records("days") == days
        assert not session._core.data.totals.milestones
        await session.save()
        assert (await voxon.analytics())["message_count"] == 2
        await mine.send_message("Bye")
        assert session.get_analytics()["message_count"] == 4


async def test_a_note_keeps_its_author_through_an_export() -> None:
    """Taken in again it is still the word of somebody else."""
    async with owned(MemorySessionStorage(max_sessions=None), config=LEARN) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=["add_notes", "export", "read"])
        await shared.add_note("Ask about the stomach")
        for export in (session.export_memory(), await shared.export()):
            other = await voxon.create_session(user_id="bob", config=LEARN)
            other.import_memory(export)
            (entry,) = other.get_memory().entries
            assert (entry.source, entry.speaker, entry.metadata["author"]) == ("shared", "doctor", "doctor")
            talk = await other.start_conversation()
            context = await talk.build_context("stomach?")
            assert "note by doctor" in context.messages[0]["content"]
        plain = await voxon.create_session(user_id="eve", config=LEARN)
        plain.import_memory({"entries": [{"content": "x", "source": "user"}]})
        assert plain.get_memory().entries[0].source == "imported"
