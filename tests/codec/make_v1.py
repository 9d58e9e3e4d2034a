"""Made the records in data/v1, once. They are what version 1 wrote, so they are never edited and never made again.

    python -m tests.codec.make_v1

A file that exists is left alone: whoever adds a record kind to format 1 runs this for the new file only. Beside
each record lies what it must open to; `test_v1.py` compares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from voxsession import MemorySessionStorage
from voxsession.codec.batch import encode_changes
from voxsession.codec.keys import KeyRing
from voxsession.codec.message_columns import encode_columns
from voxsession.codec.session_codec import SessionCodec, after_batch
from voxsession.core.changes import (
    Change,
    ConfigChanged,
    ConversationEnded,
    ConversationRestored,
    ConversationResumed,
    ConversationStarted,
    EvidenceAdded,
    MemoryAdded,
    MemoryCompressed,
    MemoryEvicted,
    MemoryExpired,
    MemoryReinforced,
    MemoryRemoved,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
    MessageInterrupted,
    MessagesRedacted,
    MetricTracked,
    PreferenceSet,
    SessionCreated,
    SessionEnded,
    StateUpdated,
    TokensRecounted,
    TurnCompleted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import Record, stamp, storage_key
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message, Usage
from voxsession.core.session_data import SessionData
from voxsession.core.struct import spelt_out
from voxsession.core.types import decode_json, encode_json
from voxsession.session.filing import IndexPage
from voxsession.session.vault import Vault
from voxsession.testing import FakeClock

FOLDER = Path(__file__).parent / "data" / "v1"
KEY = "hex:" + bytes(range(32)).hex()
PASS_PHRASE = "pass:correct horse battery staple"
TENANT = "acme"
SESSION_ID = "sess_v1"
USER_ID = "alice@example.org"
START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}


def at(minutes: int) -> datetime:
    """A moment of the story."""
    return START + timedelta(minutes=minutes)


def message(number: int, role: Any, content: str | None, **fields: Any) -> Message:
    """A message of the story."""
    return Message(
        id=f"msg_{number}",
        conversation_id="conv_1",
        role=role,
        content=content,
        at=at(number),
        token_count=9,
        **fields,
    )


def entry(number: int, content: str, **fields: Any) -> MemoryEntry:
    """A memory of the story."""
    return MemoryEntry(id=f"mem_{number}", content=content, timestamp=at(number), token_count=6, **fields)


MESSAGES = [
    message(
        0,
        "user",
        "My name is Alice 🦄 \0 שלום 𝔘",
        name="Alice",
        metadata={"channel": "web", "n": [1, None, 0.5]},
    ),
    message(1, "assistant", None, tool_calls=[CALL], estimated=True),
    message(2, "tool", '{"celsius": 4}', tool_call_id="call_1"),
    message(3, "assistant", "It is 4 °C in Köln, Alice.", interrupted=True, origin="imported"),
]
FULL_ENTRY = entry(
    0,
    "Her name is Alice",
    category="identity",
    importance=0.9,
    expires_at=at(600_000),
    sensitive=True,
    pinned=True,
    speaker="Alice",
    source="user",
    evidence_count=2,
    metadata={"a": {"b": [True, "x"]}},
    estimated=True,
    slot="user.name",
    value="Alice",
    message_id="msg_0",
    conversation_id="conv_1",
)
TALK = ConversationEntry(
    id="conv_0",
    started_at=at(-9),
    last_at=at(-1),
    parent_id="conv_x",
    branch_index=3,
    status="ended",
    opened_at=at(-8),
    ended_at=at(-1),
    first_index=0,
    last_index=7,
    message_count=8,
    turn_count=4,
    interruption_count=1,
    injection_count=1,
    response_count=4,
    response_ms=1234.5,
    duration_seconds=480.25,
    resumed_count=1,
    call={"status": "ended"},
)

# Every change kind of version 1: those of the document, then those of each batch.
IN_DOCUMENT: list[Change] = [
    SessionCreated(
        at=at(0),
        session_id=SESSION_ID,
        user_id=USER_ID,
        config={"temperature": 0.3, "instructions": "Be brief."},
        template={"name": "support", "memory_categories": ["general"]},
    ),
    ConversationStarted(at=at(0), conversation_id="conv_1"),
    *(MessageAdded(at=said.at, message=said, local_hour=12) for said in MESSAGES),
    MemoryAdded(at=at(0), entry=FULL_ENTRY),
    StateUpdated(at=at(0), patch={"step": 1, "cart": ["tea"]}),
    EvidenceAdded(
        at=at(0),
        message_id="msg_0",
        increments={"formality": (0.25, 1.0)},
        topics={"weather": 1.0},
        decay=0.98,
    ),
    MetricTracked(at=at(0), name="user_satisfaction", value=4.5),
    PreferenceSet(at=at(0), name="verbosity", value="brief"),
    TurnCompleted(
        at=at(3), conversation_id="conv_1", response_ms=321.5, injected=True, usage=Usage(input_tokens=90)
    ),
]
BATCHES: list[list[Change]] = [
    [
        MessageAdded(at=at(5), message=message(5, "user", "Call me Bob"), local_hour=12),
        MemoryAdded(
            at=at(5), entry=entry(5, "Her name is Bob", category="identity", slot="user.name", value="Bob")
        ),
        MemorySuperseded(at=at(5), entry_id="mem_0", by="mem_5"),
        MessageAdded(at=at(6), message=message(6, "assistant", "Hello Bob, how are you", estimated=True)),
        MessageInterrupted(
            at=at(6), message_id="msg_6", conversation_id="conv_1", content="Hello Bob", token_count=2
        ),
        TurnCompleted(
            at=at(6),
            conversation_id="conv_1",
            response_ms=100.0,
            usage=Usage(output_tokens=2, estimated=False),
        ),
        EvidenceAdded(at=at(6), message_id="msg_5", increments={"verbosity": (0.5, 2.0)}),
        MetricTracked(at=at(6), name="user_satisfaction", value=3.5),
    ],
    [
        *(MemoryAdded(at=at(n), entry=entry(n, f"Fact number {n}", importance=n / 20)) for n in range(7, 14)),
        MemoryUpdated(at=at(14), entry=entry(7, "Fact number seven", pinned=True)),
        MemoryReinforced(at=at(14), entry_id="mem_7"),
        MemoryRemoved(at=at(14), entry_ids=["mem_8"], reason="forgotten"),
        MemoryEvicted(
            at=at(14), entry_ids=["mem_9"], reasons={"mem_9": "lowest importance x recency (0.450)"}
        ),
        MemoryExpired(at=at(14), entry_ids=["mem_10"]),
        MemoryCompressed(
            at=at(14),
            replaced={"mem_11": "mem_14", "mem_12": "mem_14"},
            added=[entry(14, "Facts eleven and twelve")],
        ),
        MessagesRedacted(at=at(14), message_ids=["msg_3"]),
        TokensRecounted(
            at=at(14), counter="tiktoken/o200k_base", messages={"msg_1": 11}, memories={"mem_0": 5}
        ),
        ConfigChanged(at=at(14), values={"temperature": 0.7, "language": None}),
        StateUpdated(at=at(14), patch={"step": 2}, replaces=True),
        PreferenceSet(at=at(14), name="verbosity"),
        PreferenceSet(at=at(14), name="technical_level", value=0.75),
    ],
    [
        ConversationEnded(at=at(20), conversation_id="conv_1", duration_seconds=1200.5),
        ConversationRestored(at=at(21), entry=TALK),
        ConversationResumed(at=at(21), conversation_id="conv_0"),
        ConversationStarted(
            at=at(22), conversation_id="conv_2", parent_id="conv_1", branch_index=4, call={"status": "active"}
        ),
        ConversationResumed(
            at=at(23),
            conversation_id="conv_9",
            entry=ConversationEntry(id="conv_9", started_at=at(1), last_at=at(2)),
        ),
    ],
    [SessionEnded(at=at(30), reason="normal")],
]


class Story:
    """The session that the fixtures hold, written record by record."""

    def __init__(self, codec: SessionCodec, owner: str, tenant: str) -> None:
        self.codec, self.owner, self.tenant = codec, owner, tenant
        self.data = SessionData(session_id=SESSION_ID, user_id=USER_ID, created_at=START, updated_at=START)
        self.data.token_counter = "estimate/o200k_base"
        self.data.extra = {"kept": True}
        self.data.shares = {"grant_1": {"permissions": ["read"]}}
        self.pages: dict[str, Record] = {}

    def document(self) -> Record:
        """The document, with a page of each kind that its head names."""
        for change in IN_DOCUMENT:
            change.apply(self.data)
        older = [message(n - 9, "user", f"Filed {n}") for n in range(3)]
        self._file("messages", encode_columns(older), self.data.pages, len(older))
        index = IndexPage(conversations=[TALK], pages=list(self.data.pages))
        self._file("index", encode_json(index), self.data.index_pages, 2)
        archived = [entry(1, "Her name is Al", superseded_by="mem_0", superseded_at=at(0))]
        self._file("archive", encode_json(archived), self.data.archive_pages, 1)
        return self._written(lambda header: self.codec.document(header, self.data))

    def batch(self, changes: list[Change]) -> Record:
        """The next batch."""
        for change in changes:
            change.apply(self.data)
        return self._written(lambda header: self.codec.batch(header, encode_changes(changes)))

    def _file(self, kind: str, body: bytes, refs: list[Any], count: int) -> None:
        page, ref = self.codec.page(
            self.tenant, SESSION_ID, f"p_{kind}", kind, body, count=count, first_at=at(-9), last_at=at(-7)
        )
        self.pages[kind] = page
        refs.append(ref)

    def _written(self, make: Callable[[Record], Record]) -> Record:
        seq = self.data.seq + 1
        header = {
            "format": 1,
            "kind": "session",
            "tenant": self.tenant,
            "session_id": SESSION_ID,
            "owner": self.owner,
            "seq": seq,
            "base_seq": seq - 1,
            "batch_id": f"b_{seq}",
            "created_at": stamp(START),
            "updated_at": stamp(at(seq)),
            "expires_at": stamp(at(1_000_000 + seq)),
            "status": self.data.status,
        }
        record = make(header)
        after_batch(self.data, header)
        return record


def content_of(data: SessionData) -> Any:
    """Everything that a session holds, as plain JSON."""
    skipped = ("open_memories", "open_messages", "held_memories", "held_messages", "local_memories")
    fields = {name: getattr(data, name) for name in data.__struct_fields__ if name not in skipped}
    return decode_json(
        encode_json(
            spelt_out({**fields, "memories": list(data.memories.values()), "messages": data.messages})
        )
    )


def write(name: str, record: Record, expected: Any) -> None:
    """Puts a record and what it must open to beside each other, unless they are there."""
    for path, content in ((FOLDER / f"{name}.json", record), (FOLDER / f"{name}.expected.json", expected)):
        if path.exists():
            print(f"{path.name} is there, and stays as it is")
            continue
        path.write_bytes(encode_json(content) + b"\n")


async def make(prefix: str, method: str, ring: KeyRing | None, tenant: str) -> None:
    """All records of one installation."""
    clock = FakeClock(START, seed=f"v1/{prefix}")
    storage = MemorySessionStorage(cleanup_interval=None)
    vault = Vault(storage, clock, ring, method, tenant)
    await vault.open()
    keyring = await storage.load(storage_key("keyring", tenant, "main"))
    assert keyring is not None
    owner = vault.owner(USER_ID)
    write(f"{prefix}keyring", keyring, {"owner_of": {USER_ID: owner}})

    story = Story(vault.new_codec(SESSION_ID), owner, tenant)
    document = story.document()
    states = [content_of(story.data)]
    tail = []
    for changes in BATCHES:
        tail.append(story.batch(changes))
        states.append(content_of(story.data))
    kinds = sorted({change.kind for changes in (IN_DOCUMENT, *BATCHES) for change in changes})
    write(f"{prefix}session", {**document, "tail": tail}, {"kinds": kinds, "states": states})
    for kind, page in story.pages.items():
        opened = vault_page(story, kind, page)
        write(f"{prefix}page_{kind}", page, {"body": opened})

    header = {
        **{name: value for name, value in keyring.items() if name != "keyring"},
        "kind": "pointer",
        "session_id": owner,
    }
    body = {"session_id": SESSION_ID}
    write(f"{prefix}pointer", vault.seal_small({**header, "owner": owner}, body), {"body": body})


def vault_page(story: Story, kind: str, page: Record) -> Any:
    """The body of a page as plain JSON."""
    refs = {
        "messages": story.data.pages,
        "index": story.data.index_pages,
        "archive": story.data.archive_pages,
    }
    return decode_json(story.codec.open_page(story.tenant, SESSION_ID, refs[kind][0], page))


def main() -> None:
    """Makes what is not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    asyncio.run(make("", "AES256", KeyRing(KEY), TENANT))
    asyncio.run(make("phrase_", "ChaCha20", KeyRing(PASS_PHRASE, KEY), ""))
    asyncio.run(make("plain_", "none", None, ""))


if __name__ == "__main__":
    main()
