"""Sessions and messages for the tests of learning."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from voxsession.core.change import Change
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.learning.preferences import learn

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


def new_data(**fields: Any) -> SessionData:
    """A session that knows nothing yet."""
    return SessionData(session_id="s1", created_at=START, updated_at=START, **fields)


def say(number: int, text: str | None, **fields: Any) -> Message:
    """The user's message of this number, one minute after the one before."""
    given: dict[str, Any] = {
        "id": f"m{number}",
        "conversation_id": "c1",
        "role": "user",
        "at": START + timedelta(minutes=number),
    }
    return Message(content=text, **{**given, **fields})


def reply(number: int, text: str, **fields: Any) -> Message:
    """The assistant's answer to the message of this number."""
    at = START + timedelta(minutes=number, seconds=5)
    return say(number, text, **{"id": f"r{number}", "role": "assistant", "at": at, **fields})


def apply(data: SessionData, changes: Iterable[Change]) -> SessionData:
    """The session with the changes written into it."""
    for change in changes:
        change.apply(data)
    return data


def talk(texts: Iterable[str], data: SessionData | None = None, first: int = 0) -> SessionData:
    """A session that learned from these messages of the user."""
    data = data or new_data()
    for number, text in enumerate(texts, first):
        apply(data, learn(data, say(number, text), previous=None, reply=None))
    return data
