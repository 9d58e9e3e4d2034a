"""Records are handed out as dicts that any JSON library takes, whole, and as copies."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given

from tests.core.strategies import memories, messages
from voxsession.core.envelope import SessionInfo
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import json_decoder

MOMENT = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


@given(messages())
def test_a_message_comes_back_from_its_json(message: Message) -> None:
    """The standard library writes the dict, and the message that is read from that is the same."""
    written = json.dumps(message.to_dict())

    assert json_decoder(Message)(written.encode()) == message


@given(memories())
def test_an_entry_comes_back_from_its_json(entry: MemoryEntry) -> None:
    """The same of what is remembered."""
    written = json.dumps(entry.to_dict())

    assert json_decoder(MemoryEntry)(written.encode()) == entry


def test_times_are_iso_texts() -> None:
    """A line of a list can be answered with as it is."""
    info = SessionInfo(session_id="s", status="active", created_at=MOMENT, updated_at=MOMENT)

    assert info.to_dict() == {
        "session_id": "s",
        "status": "active",
        "created_at": "2026-05-01T09:30:00Z",
        "updated_at": "2026-05-01T09:30:00Z",
        "expires_at": None,
    }


def test_a_dict_is_a_copy() -> None:
    """Altering it alters no record, metadata included."""
    message = Message(
        id="m", conversation_id="c", role="user", content="hi", at=MOMENT, metadata={"tags": ["a"]}
    )
    told = message.to_dict()
    told["metadata"]["tags"].append("b")

    assert message.metadata == {"tags": ["a"]}
