"""Reading stored bytes the way an installation does: storage lines, keys, codec, all checks of an opening."""

from __future__ import annotations

import asyncio

from tests.codec.writing import MASTER, Writer, told, touched
from tests.core.strategies import START
from voxsession import MemorySessionStorage
from voxsession.codec.keys import KeyRing
from voxsession.core.changes import (
    ConversationStarted,
    MemoryAdded,
    MemorySuperseded,
    MessageAdded,
    MetricTracked,
)
from voxsession.core.envelope import Record
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.errors import IntegrityError, KeyNotFoundError, UnsupportedFormatError
from voxsession.session.vault import Vault
from voxsession.storage.frames import record_of
from voxsession.testing import FakeClock

# What an opening may answer, besides a state that existed.
ANSWERS = (KeyNotFoundError, IntegrityError, UnsupportedFormatError)


class Reader:
    """An installation with one key; `read` opens what lies under a session id."""

    def __init__(self, method: str = "AES256", *keys: str, tenant: str = "") -> None:
        ring = KeyRing(*(keys or (MASTER,)))
        self.tenant = tenant
        self.vault = Vault(MemorySessionStorage(cleanup_interval=None), FakeClock(), ring, method, tenant)
        asyncio.run(self.vault.open())

    def writer(self, session_id: str = "s1", user_id: str = "alice") -> Writer:
        """A session whose document and batches hold something of everything."""
        writer = Writer(self.vault.new_codec(session_id), session_id, owner=self.vault.owner(user_id))
        writer.fixed["expires_at"] = "2030-01-01T00:00:00.000000Z"
        writer.data.user_id = user_id
        writer.save(
            ConversationStarted(at=START, conversation_id="c1"),
            MessageAdded(at=START, message=_message("m0", "My name is Alice")),
            MemoryAdded(at=START, entry=_entry("e0", "Her name is Alice")),
        )
        writer.append(
            MessageAdded(at=START, message=_message("m1", "Call me Bob")),
            MemoryAdded(at=START, entry=_entry("e1", "Her name is Bob")),
            MemorySuperseded(at=START, entry_id="e0", by="e1"),
        )
        writer.append(MetricTracked(at=START, name="tasks", value=1.0))
        writer.append(MessageAdded(at=START, message=_message("m2", "Thank you")))
        return writer

    def read(self, record: Record, session_id: str = "s1") -> tuple[bytes, bool]:
        """What was opened, as `told`, and whether a torn frame was left out."""
        # As the recorder asks, before it trusts anything.
        if record.get("session_id") != session_id or record.get("tenant", "") != self.tenant:
            raise IntegrityError(session_id, "another session's record lies in its place")
        codec, _ = self.vault.codec_for(record)
        session = codec.open(record)
        if record.get("owner") != self.vault.owner(session.data.user_id):
            raise IntegrityError(session_id, "its owner does not match its content")
        return told(touched(session)), session.torn

    def read_lines(self, lines: bytes, session_id: str = "s1") -> tuple[bytes, bool]:
        """The same for the lines of a file."""
        return self.read(record_of(lines, session_id), session_id)


def _message(message_id: str, content: str) -> Message:
    return Message(id=message_id, conversation_id="c1", role="user", content=content, at=START, token_count=4)


def _entry(entry_id: str, content: str) -> MemoryEntry:
    return MemoryEntry(id=entry_id, content=content, timestamp=START, slot="user.name", token_count=4)
