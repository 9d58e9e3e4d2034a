"""The search index of a session follows its data, also when changes are given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from voxsession.core.changes import (
    MemoryAdded,
    MemoryRemoved,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
    MessagesRedacted,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.memory.recall import SessionIndex

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IN_BATCH = -2


def session() -> SessionData:
    return SessionData(session_id="s1", created_at=NOW, updated_at=NOW)


def say(
    data: SessionData, message_id: str, content: str, role: str = "user", name: str | None = None
) -> None:
    said = Message(
        id=message_id,
        conversation_id="c1",
        role=role,  # type: ignore[arg-type]
        content=content,
        at=NOW,
        name=name,
    )
    MessageAdded(at=NOW, message=said).apply(data)


def remember(data: SessionData, entry_id: str, content: str, **fields: Any) -> MemoryEntry:
    entry = MemoryEntry(id=entry_id, content=content, **{"timestamp": NOW, **fields})
    MemoryAdded(at=NOW, entry=entry).apply(data)
    return entry


def told(index: SessionIndex, query: str) -> list[tuple[Any, ...]]:
    """What the query finds, with scores and reasons."""
    return [
        ((match.entry or match.message).id, match.score, match.reasons)
        for match in index.search(query, 20, now=NOW)
    ]


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


def test_what_has_expired_neither_stands_in_the_way_nor_counts_as_said_before() -> None:
    """However much has: it takes no place among what is looked at, and nothing alike steps back behind it."""
    data, index = session(), SessionIndex()
    end = NOW + timedelta(days=1)
    for number in range(1_200):
        remember(data, f"gone{number}", f"tea harp note {number}", expires_at=end)
    remember(data, "here", "we bought a harp and a zither")
    remember(data, "alike", "loves green jasmine tea", expires_at=end)
    remember(data, "first", "loves green jasmine tea a lot")
    remember(data, "second", "had jasmine tea with Bob in the garden of the old house by the sea")
    index.refresh(data, 1)
    assert "here" not in found(index, "harp tea")
    later = end + timedelta(seconds=1)
    assert found(index, "harp tea", later) == {"here", "first", "second"}
    jasmine = [match.entry.id for match in index.search("jasmine tea", 5, now=later) if match.entry]
    assert jasmine == ["first", "second"]


def test_an_end_that_was_put_off_counts() -> None:
    """Also where the entry had expired in the index already."""
    data, index = session(), SessionIndex()
    entry = remember(data, "e1", "likes quantum physics", expires_at=NOW + timedelta(days=1))
    index.refresh(data, 1)
    late = NOW + timedelta(days=2)
    assert found(index, "quantum", late) == set()
    MemoryUpdated(at=NOW, entry=evolve(entry, expires_at=NOW + timedelta(days=3))).apply(data)
    index.refresh(data, 2)
    assert found(index, "quantum", late) == {"e1"}
    assert found(index, "quantum", NOW + timedelta(days=3)) == set()


@pytest.mark.parametrize("field, value", [("speaker", "Ann"), ("importance", 1.0), ("timestamp", NOW)])
def test_whatever_was_changed_in_an_entry_counts_at_once(field: str, value: Any) -> None:
    """Whose it is, what it is worth, when it was: as in an index that is made anew."""
    data, index = session(), SessionIndex()
    remember(data, "e1", "wanted a piano teacher", importance=0.1, timestamp=NOW - timedelta(days=90))
    entry = remember(data, "e2", "wanted a chess teacher", importance=0.1, timestamp=NOW - timedelta(days=90))
    say(data, "m1", "Good morning", name="Ann")
    index.refresh(data, 1)
    asked = "What teacher did Ann want yesterday?"
    found(index, asked)
    MemoryUpdated(at=NOW, entry=evolve(entry, **{field: value})).apply(data)
    index.refresh(data, 2)
    anew = SessionIndex()
    anew.refresh(data, 2)
    assert told(index, asked) == told(anew, asked)
    assert told(index, asked)[0][0] == "e2"


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
