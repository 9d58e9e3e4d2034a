"""The search index of a session follows its data, also when changes are given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from voxsession.core.changes import (
    MemoryAdded,
    MemoryRemoved,
    MemorySuperseded,
    MessageAdded,
    MessagesRedacted,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.memory.recall import SessionIndex

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IN_BATCH = -2


def session() -> SessionData:
    return SessionData(session_id="s1", created_at=NOW, updated_at=NOW)


def say(data: SessionData, message_id: str, content: str, role: str = "user") -> None:
    said = Message(id=message_id, conversation_id="c1", role=role, content=content, at=NOW)  # type: ignore[arg-type]
    MessageAdded(at=NOW, message=said).apply(data)


def remember(data: SessionData, entry_id: str, content: str, **fields: object) -> None:
    entry = MemoryEntry(id=entry_id, content=content, timestamp=NOW, **fields)  # type: ignore[arg-type]
    MemoryAdded(at=NOW, entry=entry).apply(data)


def found(index: SessionIndex, query: str, now: datetime = NOW) -> set[str]:
    """The ids of all entries and messages that the query finds."""
    return {
        (match.entry or match.message).id  # type: ignore[union-attr]
        for match in index.search(query, 20, now=now)
    }


def test_what_happened_since_is_found() -> None:
    """After a refresh new entries and messages are found, removed, superseded and redacted ones are not."""
    data, index = session(), SessionIndex()
    remember(data, "e1", "likes quantum physics")
    remember(data, "e2", "studies quantum chemistry")
    say(data, "m1", "quantum things are fun")
    say(data, "m2", "tell me about quantum jumps")
    index.refresh(data, 1)
    assert found(index, "quantum") == {"e1", "e2", "m1", "m2"}

    MemoryRemoved(at=NOW, entry_ids=["e1"]).apply(data)
    MemorySuperseded(at=NOW, entry_id="e2", by="e3").apply(data)
    MessagesRedacted(at=NOW, message_ids=["m1"]).apply(data)
    say(data, "m3", "quantum leaps")
    index.refresh(data, 2)
    assert found(index, "quantum") == {"m2", "m3"}


def test_an_expired_entry_is_never_found() -> None:
    """An entry that expired after it was taken in is left out at its moment."""
    data, index = session(), SessionIndex()
    remember(data, "e1", "likes quantum physics", expires_at=NOW + timedelta(days=1))
    index.refresh(data, 1)
    assert found(index, "quantum") == {"e1"}
    assert found(index, "quantum", NOW + timedelta(days=1)) == set()


def test_a_list_is_filled_though_its_first_entries_have_expired() -> None:
    """However many have: those behind them move up."""
    data, index = session(), SessionIndex()
    for number in range(60):
        remember(data, f"gone{number}", "quantum physics, quantum leaps", expires_at=NOW + timedelta(days=1))
    for number in range(3):
        remember(
            data, f"here{number}", f"reads of many things, quantum physics too, book {number} of a shelf"
        )
    index.refresh(data, 1)
    matches = index.search("quantum physics leaps", 2, now=NOW + timedelta(days=2))
    assert len(matches) == 2 and all(match.entry.id.startswith("here") for match in matches if match.entry)
    assert found(index, "quantum", NOW + timedelta(days=2)) == {"here0", "here1", "here2"}


@pytest.mark.parametrize("put_in", [remember, say])
def test_a_batch_that_was_given_up_leaves_nothing(put_in: Callable[[SessionData, str, str], None]) -> None:
    """What a batch put in is found inside it, and by nobody once the batch was given up."""
    data, index = session(), SessionIndex()
    remember(data, "e1", "likes tea")
    index.refresh(data, 1)

    for attempt in ("first", "second"):
        batch = data.copy()
        put_in(batch, attempt, "likes quantum physics")
        index.refresh(batch, IN_BATCH)
        assert found(index, "quantum") == {attempt}
        remember(batch, f"later-{attempt}", "quantum leaps")
        index.refresh(batch, IN_BATCH)
        assert f"later-{attempt}" in found(index, "quantum"), "a batch goes on while it is searched"
    index.refresh(data, 1)
    assert found(index, "quantum") == set() and found(index, "tea") == {"e1"}


def test_what_was_filed_is_still_found() -> None:
    """Messages that moved from the head into pages stay in the index."""
    data, index = session(), SessionIndex()
    for number in range(4):
        say(data, f"m{number}", f"quantum fact {number}")
    index.refresh(data, 1)
    data.set_messages(data.messages[2:], 2)
    index.refresh(data, 2)
    assert found(index, "quantum") == {"m0", "m1", "m2", "m3"}
    index.forget(["m0"])
    assert found(index, "quantum") == {"m1", "m2", "m3"}
