"""A session that was exported and taken in elsewhere is the same session."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.strategies import START, json_objects, memories, messages, moments, names, shares, texts
from tests.portability.sessions import content_of, elsewhere, long_session, rich_session
from tests.session.stores import TwoMethodStorage, contents
from tests.storages import KINDS, made
from voxsession import ConfigurationError, MemorySessionStorage, Session
from voxsession.core.changes import (
    Change,
    ConversationEnded,
    ConversationStarted,
    EvidenceAdded,
    MemoryAdded,
    MemoryRestored,
    MessageAdded,
    MetricTracked,
    SessionEnded,
    StateUpdated,
)
from voxsession.core.struct import evolve
from voxsession.learning.privacy import with_all_noted
from voxsession.memory.tokens import TokenCounter
from voxsession.testing import FakeClock

PHRASE = "correct horse battery staple"


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes as they happen: conversations that branch, messages in them, facts with their history."""
    changes: list[Change] = []
    talks = [f"c{n}" for n in range(draw(st.integers(1, 4)))]
    said = draw(st.lists(messages(st.uuids().map(str)).map(counted), max_size=8))
    for number, talk in enumerate(talks):
        parent = draw(st.none() | st.sampled_from(talks[:number])) if number else None
        index = draw(st.integers(0, len(said))) if parent else None
        changes.append(
            ConversationStarted(at=draw(moments), conversation_id=talk, parent_id=parent, branch_index=index)
        )
    for message in said:
        changes.append(MessageAdded(at=message.at, message=message, local_hour=draw(st.integers(0, 23))))
    changes += [
        MemoryAdded(at=START, entry=entry) for entry in draw(st.lists(memories().map(counted), max_size=6))
    ]
    changes += [
        EvidenceAdded(at=START, increments={name: (share, share)}, topics={text: share})
        for name, share, text in draw(st.lists(st.tuples(names, shares, texts), max_size=3))
    ]
    changes.append(StateUpdated(at=START, patch=draw(json_objects)))
    changes.append(MetricTracked(at=START, name=draw(names), value=draw(shares)))
    if draw(st.booleans()):
        changes.append(ConversationEnded(at=START, conversation_id=talks[0], duration_seconds=1.5))
    if draw(st.booleans()):
        changes.append(SessionEnded(at=START + timedelta(1), reason=draw(texts)))
    return changes


def counted(record: Any) -> Any:
    """An estimate is counted anew wherever a session is opened: that is no part of the law."""
    return evolve(record, estimated=False)


def sized(change: Change, counter: TokenCounter) -> Change:
    """Sizes are counted anew where a bundle is taken in, so that what was generated has its real one."""
    for name in ("message", "entry"):
        record = getattr(change, name, None)
        if record is not None:
            size = counter.count(record.content or "")
            return evolve(change, **{name: evolve(record, token_count=size)})
    return change


@settings(max_examples=40)
@given(changes=histories(), sealed=st.booleans(), as_text=st.booleans())
def test_a_round_trip_is_identity(changes: list[Change], sealed: bool, as_text: bool) -> None:
    """Whatever a session holds comes out of another installation as it went in, also through JSON text."""

    async def go() -> None:
        passphrase = PHRASE if sealed else None
        async with elsewhere() as here, elsewhere(session_encryption_method="ChaCha20") as there:
            session = await here.create_session(session_id="s", user_id="u")
            session._core.record(*(sized(change, session._core.counter) for change in changes))
            session._core.settle_anew()  # as wherever a session is opened
            session._core.data.extra = with_all_noted(session._core.data)  # as wherever an entry is added
            first = await session.export_full(include_sensitive=True)
            carried: Any = await session.export_full(include_sensitive=True, passphrase=passphrase)
            if as_text:
                carried = json.loads(json.dumps(carried, ensure_ascii=False, indent=1))
            moved = await there.import_session(carried, passphrase=passphrase)
            assert content_of(await moved.export_full(include_sensitive=True)) == content_of(first)

    asyncio.run(go())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["AES256", "none"])
async def test_every_storage_takes_it_in(
    kind: str, method: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What lies in pages too, from any storage to any other, with the history of facts and conversations."""
    async with made(kind, request, tmp_path) as storage, elsewhere(tenant="acme") as here:
        async with elsewhere(storage, session_encryption_method=method) as there:
            session = await long_session(here)
            path = await session.export_full(tmp_path / "bundle.jsonl")
            moved = await there.import_session(path)
            first, second = await session.export_full(), await moved.export_full()
            assert content_of(second) == content_of(first)
            assert len(first["messages"]) > 400 and len(first["conversations"]) == 81
            assert any("superseded_by" in row for row in first["memories"])

            for conversation_id in ("c0", "c79", "main"):
                ours = await session.resume_conversation(conversation_id)
                theirs = await moved.resume_conversation(conversation_id)
                assert contents(await theirs.history()) == contents(await ours.history())
            assert await there.health_check() and moved._core.data.pages
            async with moved.conversation("later") as later:
                assert "NameHnna" in await later.send_message("What is my name?")
            await moved.close()
            again = await there.load_session("long")
            assert len((await again.export_full())["messages"]) == len(second["messages"]) + 2


async def test_a_storage_of_two_methods_takes_it_in(tmp_path: Path) -> None:
    """Without pages all of it lies in the document, and the owner finds it."""
    storage = TwoMethodStorage()
    async with elsewhere() as here, elsewhere(storage) as there:
        first = await (await long_session(here)).export_full()
        moved = await there.import_session(first, user_id_mapping={"old_123": "new"})
        await moved.close()
        async with there.session(user_id="new") as found:
            assert found.session_id == "long"
            assert len((await found.export_full())["messages"]) == len(first["messages"])


async def test_everything_of_a_session_travels(tmp_path: Path) -> None:
    """Settings, state, branches, deleted conversations, memories, preferences, topics, metrics, figures."""
    async with elsewhere("file", session_storage_path=str(tmp_path / "a")) as here, elsewhere() as there:
        session = await rich_session(here)
        moved = await there.import_session(await session.export_full())

        assert moved.config.temperature == 0.3 and moved.state["cart"]["items"] == [1, 2.5, None, "straße"]
        assert moved.get_learned_preferences() == session.get_learned_preferences()
        assert moved.get_custom_metrics() == session.get_custom_metrics()
        assert moved.get_analytics() == session.get_analytics()
        assert repr(await moved.branches()) == repr(await session.branches())
        assert moved.get_memory().entries == session.get_memory().entries
        assert moved.created_at == session.created_at
        branch = await moved.resume_conversation("branch")
        assert contents(branch.messages)[-2] == "I moved to Lisbon."
        with pytest.raises(ConfigurationError, match="deleted"):
            await moved.start_conversation("gone")
        assert "Nothing of this stays" not in json.dumps(await session.export_full())


async def test_what_is_not_saved_yet_is_in_it() -> None:
    """An export is of the session as it is here, also where it was never saved."""
    async with elsewhere() as here, elsewhere() as there:
        session = here.create_session(session_id="s")
        session.add_memory("not saved yet")
        moved = await there.import_session(await session.export_full())
        assert contents(moved.get_memory().entries) == ["not saved yet"]
        with session.batch_update(), pytest.raises(ConfigurationError, match="batch_update"):
            await session.export_full()


async def test_what_lives_with_the_process_stays(tmp_path: Path) -> None:
    """What the memory mode keeps out of storage is kept out of bundles."""
    async with elsewhere() as here:
        session = here.create_session(session_id="s")
        session.config.memory_mode = "ephemeral"
        session.add_memory("for now")
        assert (await session.export_full())["memories"] == []


async def test_shares_and_keys_stay(tmp_path: Path) -> None:
    """A grant is never exported, and ends with the session that is replaced."""
    async with elsewhere() as here:
        session = await rich_session(here)
        share = await session.create_shared_view("doctor", permissions=["read"])
        bundle = await session.export_full()
        assert "shares" not in bundle["session"] and share.token not in json.dumps(bundle)
        await session.close()
        moved = await here.import_session(bundle, on_conflict="replace")
        assert not moved._core.data.shares


# --- who is who


async def test_users_are_mapped_all_at_once() -> None:
    """A swap is a swap: owner, who spoke, whom it is about, and what hangs on that."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s", user_id="a")
        async with session.start_conversation("c") as conv:
            await conv.add_messages(
                [
                    {"role": "user", "content": "My name is Alice.", "name": "a"},
                    {"role": "user", "content": "My name is Bob.", "name": "b"},
                ]
            )
        bundle = await session.export_full()
        moved = await there.import_session(bundle, user_id_mapping={"a": "b", "b": "a", "nobody": "x"})
        assert moved.user_id == "b"
        named = {entry.content: (entry.speaker, entry.slot) for entry in moved.get_memory().entries}
        assert named == {"b's name is Alice": ("b", "b.name"), "a's name is Bob": ("a", "a.name")} or {
            speaker for speaker, _ in named.values()
        } == {"a", "b"}
        conv = await moved.resume_conversation("c")
        assert [message.name for message in conv.messages] == ["b", "a"]
        assert [slot for _, slot in named.values()] == ["b.name", "a.name"]
        async for info in there.list_sessions(user_id="b"):
            assert info.session_id == "s"
        back = await here.import_session(
            await moved.export_full(), user_id_mapping={"a": "b", "b": "a"}, on_conflict="rename"
        )
        assert content_of(await back.export_full())["memories"] == content_of(bundle)["memories"]


@pytest.mark.parametrize(
    "mapping", [{"a": ""}, {"a": None}, {"": "a"}, {"a": 5}, {"a": "x" * 1001}, [("a", "b")]]
)
async def test_a_mapping_to_nobody_is_refused(mapping: Any) -> None:
    """Nothing is read before the mapping is sound."""
    async with elsewhere() as there:
        with pytest.raises(ConfigurationError, match="user_id_mapping"):
            await there.import_session("/nowhere", user_id_mapping=mapping)


# --- what stays behind


async def secretive(session: Session) -> None:
    """A secret that was said, answered, repeated, and added by the app."""
    async with session.start_conversation("c") as conv:
        await conv.send_message("My phone number is 555-0199.")
        await conv.send_message("I like tea.")
        await conv.add_messages([{"role": "assistant", "content": "Call 555-0199, or the PIN 8841 works."}])
    phone = next(entry for entry in session.get_memory().entries if "555-0199" in entry.content)
    session.update_memory(phone.id, sensitive=True)
    session.add_memory("PIN 8841", sensitive=True)


async def test_sensitive_entries_stay_with_all_that_repeats_them(tmp_path: Path) -> None:
    """They are left out and counted; what they came from, the reply to that, and what repeats them is blank."""
    # The machine's clock and chance may make the four digits that are looked for.
    async with elsewhere(clock=FakeClock(seed="pin")) as here, elsewhere() as there:
        session = await here.create_session(session_id="s")
        await secretive(session)
        path = await session.export_full(tmp_path / "b.jsonl")
        text = path.read_text()
        assert "555-0199" not in text and "8841" not in text and "tea" in text
        report = await there.import_session(path, dry_run=True)
        assert report.counts["omitted"] == 2 and report.counts["redacted"] == 3
        moved = await there.import_session(path)
        conv = await moved.resume_conversation("c")
        assert [message.redacted for message in conv.messages] == [True, True, False, False, True]
        whole = await session.export_full(include_sensitive=True)
        assert whole["omitted"] == whole["redacted"] == 0 and "555-0199" in json.dumps(whole)


async def test_a_reply_to_a_secret_stays_in_whatever_words() -> None:
    """All that answers it, up to the next word of the user in that conversation; other conversations go on."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        async with session.start_conversation("c") as conv, session.start_conversation("d") as other:
            await conv.add_messages([{"role": "user", "content": "My phone number is 555-0199."}])
            await other.add_messages([{"role": "user", "content": "elsewhere"}])
            await conv.add_messages(
                [
                    {"role": "assistant", "content": "It ends in two nines."},
                    {"role": "user", "content": "Right."},
                    {"role": "assistant", "content": "Good."},
                ]
            )
        session.update_memory(session.get_memory().entries[0].id, sensitive=True)
        bundle = await session.export_full()
        assert [row["content"] for row in bundle["messages"]] == ["", "elsewhere", "", "Right.", "Good."]


async def test_what_was_filed_twice_is_in_it_once() -> None:
    """An entry that was compressed, brought back and compressed again lies in two pages of history."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s")
        ids = [session.add_memory(text).id for text in ("Likes tea", "likes tea")]
        for _ in range(2):
            session.compress_memory(keep_recent_days=0)
            session._core.needs_whole = True
            await session.save()
            back = await session.restore_memory(ids[0]) if len(session._core.data.archive_pages) == 1 else []
            for entry in back:  # what was brought back is left alone, unless somebody says it anew
                session._core.record(
                    MemoryRestored(at=entry.timestamp, entries=[evolve(entry, restored_at=None)])
                )
        assert len(session._core.data.archive_pages) == 2
        bundle = await session.export_full()
        found = [row["id"] for row in bundle["memories"]]
        assert sorted(found) == sorted(set(found)) and set(ids) <= set(found)
        assert content_of(await (await there.import_session(bundle)).export_full()) == content_of(bundle)


async def test_secrets_in_the_history_stay_as_well() -> None:
    """An entry that gave way, and lies in a page by now, is as secret as it was."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        async with session.start_conversation("c") as conv:
            await conv.send_message("My phone number is 555-0199.")
        entry = session.get_memory().entries[0]
        session.update_memory(entry.id, sensitive=True)
        async with session.start_conversation("c") as conv:
            await conv.send_message("My phone number is 555-7777.")
            await conv.add_messages([{"role": "user", "content": "No longer 555-0199, mind."}])
        session._core.needs_whole = True
        await session.save()
        assert session._core.data.archive_pages
        bundle = await session.export_full()
        assert "555-0199" not in json.dumps(bundle) and bundle["omitted"] == 1


@pytest.mark.parametrize(
    "redact",
    [
        r"\b\d{3}-\d{4}\b",
        [re.compile(r"\d{3}-\d{4}")],
        lambda text: re.sub(r"\d{3}-\d{4}", "[REDACTED]", text),
    ],
)
async def test_texts_are_rewritten(redact: Any) -> None:
    """By patterns or by a function, everywhere somebody may have put them; the sizes fit what is there then."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s")
        session.update_state(contact={"phone": ["555-0199"]})
        session.config.instructions = "Call 555-0199 when lost."
        session.add_memory("Phone 555-0199", metadata={"raw": "555-0199"})
        async with session.start_conversation("c") as conv:
            await conv.add_messages(
                [{"role": "user", "content": "Ring 555-0199", "metadata": {"m": "555-0199"}}]
            )
        bundle = await session.export_full(redact=redact)
        assert "555-0199" not in json.dumps(bundle) and json.dumps(bundle).count("[REDACTED]") >= 6
        moved = await there.import_session(bundle)
        entry = moved.get_memory().entries[0]
        assert entry.content == "Phone [REDACTED]" and entry.token_count == moved._core.counter.count(
            entry.content
        )
        assert contents((await session.resume_conversation("c")).messages) == ["Ring 555-0199"]


async def test_names_slots_and_preferences_are_rewritten() -> None:
    """A secret also stands in the attribute of an entry, in who spoke, and in what was set by hand."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s")
        async with session.start_conversation("c") as conv:
            await conv.add_messages(
                [
                    {"role": "user", "content": "I love cocaine.", "name": "Cocaine Kate"},
                    {"role": "user", "content": "I love chess. I live in Oslo."},
                ]
            )
        session.add_memory("Bob sells it", speaker="Cocaine Kate")
        session.set_preference("favourite", {"thing": ["cocaine", "tea"]})
        session.set_preference("topics", ["cocaine", "tea"])
        session.set_preference("formality", "casual")
        slots = {entry.slot for entry in session.get_memory().entries}
        assert any("cocaine" in (slot or "") for slot in slots)
        for redact in ("(?i)cocaine( kate)?", lambda text: re.sub("(?i)cocaine( kate)?", "", text)):
            bundle = await session.export_full(redact=redact)
            assert "cocaine" not in json.dumps(bundle).lower()
            assert bundle["session"]["preferences"]["formality"] == "casual"
            kept = {row["slot"] for row in bundle["memories"] if "slot" in row}
            assert {slot for slot in slots if slot and "oca" not in slot} <= kept
            moved = await there.import_session(bundle, on_conflict="rename")
            assert len(moved.get_memory().entries) == len(session.get_memory().entries)


async def test_when_preferences_were_set_travels() -> None:
    """What was set by hand says since when, also elsewhere; an export without any says nothing of it."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s")
        assert "preference_times" not in (await session.export_full())["session"]
        session.set_preference("formality", 0.9)
        times = dict(session._core.data.preference_times)
        assert times
        moved = await there.import_session(await session.export_full())
        assert moved._core.data.preference_times == times
        profiles = [one.export_preference_profile().to_dict() for one in (moved, session)]
        assert profiles[0]["set_at"] == profiles[1]["set_at"]


@pytest.mark.parametrize("redact", [5, "(", [5], lambda text: None, lambda text: "\ud800"])
async def test_a_wrong_redaction_is_refused(redact: Any) -> None:
    """A bundle that was to be redacted and cannot be is not made."""
    async with elsewhere() as here:
        session = await rich_session(here)
        with pytest.raises(ConfigurationError, match="redact"):
            await session.export_full(redact=redact)


async def test_only_what_came_of_it() -> None:
    """Without messages and learning: memories that point to nothing, figures that begin anew."""
    async with elsewhere() as here, elsewhere() as there:
        session = await rich_session(here)
        bundle = await session.export_full(include_messages=False, include_learning=False)
        assert bundle["messages"] == bundle["conversations"] == [] and bundle["left_out"] == [
            "messages",
            "learning",
        ]
        moved = await there.import_session(bundle)
        assert moved.get_analytics()["message_count"] == 0
        assert len(moved.get_memory().entries) == len(session.get_memory().entries)
        assert all(entry.message_id is None for entry in moved.get_memory().entries)
        assert moved.get_learned_preferences()["formality_score"] == "always_formal"
        assert moved.get_learned_preferences()["topics"] == []
        async with moved.conversation() as conv:
            assert await conv.send_message("Hello")
        assert moved.get_analytics()["message_count"] == 2


async def test_progress_is_told(tmp_path: Path) -> None:
    """Both ways, plain or async, up to the end."""
    told: list[tuple[int, int]] = []

    async def note(done: int, total: int) -> None:
        told.append((done, total))

    async with elsewhere() as here, elsewhere() as there:
        session = await long_session(here)
        path = await session.export_full(tmp_path / "b", progress=note)
        assert told == sorted(told) and told[-1][0] == told[-1][1] > 600
        told.clear()
        await there.import_session(path, progress=lambda *numbers: told.append(numbers))
        assert told[-1] == (2 * path.stat().st_size,) * 2


async def test_a_session_at_rest_is_exported_while_it_is_used(tmp_path: Path) -> None:
    """An export is of one moment: what is said, filed or erased meanwhile is in it wholly or not at all."""
    async with elsewhere(MemorySessionStorage()) as here:
        session = await long_session(here)

        async def meanwhile(done: int, total: int) -> None:
            if done == 200:
                async with session.start_conversation("late") as conv:
                    await conv.send_message("My name is Zoe.")
                await session.forget("fact 3")

        bundle = await session.export_full(progress=meanwhile)
        assert bundle["session"]["analytics"]["message_count"] == len(bundle["messages"])
        async with elsewhere() as there:
            assert await there.import_session(bundle)
