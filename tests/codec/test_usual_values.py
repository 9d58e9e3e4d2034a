"""A stored field is left out where it has its usual value, so what is usual never changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT
from msgspec.structs import fields

from voxsession.codec import bundle_rows, document  # noqa: F401  (their records are looked at below)
from voxsession.core import call_record, changes  # noqa: F401
from voxsession.core.message import Message
from voxsession.core.struct import Struct
from voxsession.core.types import decode_json, encode_json, json_decoder

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"

# Whoever changes a line here changes what records that are stored already say. New fields may be added.
UNUSUAL = {
    "ConversationEntry.status": "active",
    "EvidenceAdded.decay": 1.0,
    "MemoryEntry.category": "general",
    "MemoryEntry.evidence_count": 1,
    "MemoryEntry.importance": 0.5,
    "MemoryEntry.source": "app",
    "MemoryRemoved.reason": "cleared",
    "Message.origin": "said",
    "SessionData.status": "active",
    "SessionRow.status": "active",
    "ShareRefused.times": 1,
    "ShareUse.outcome": "done",
    "ShareUse.times": 1,
    "Usage.estimated": True,
}


def stored_records(base: type = Struct) -> Iterator[type]:
    """All records of the floors whose records are stored."""
    for cls in base.__subclasses__():
        is_stored = cls.__module__.startswith(("voxsession.core.", "voxsession.codec."))
        if is_stored and cls.__module__ != "voxsession.core.context_fields":  # a template is kept as dicts
            yield cls
        yield from stored_records(cls)


def test_what_is_usual_stays_so() -> None:
    """Every default of a stored field says nothing (None, 0, empty), or is among those that are told."""
    found: dict[str, Any] = {}
    for cls in stored_records():
        for known in fields(cls):
            if known.default is not NODEFAULT and known.default not in (None, 0, "", ()):
                found[f"{cls.__name__}.{known.name}"] = known.default
    assert found == UNUSUAL


def test_the_format_tells_them() -> None:
    """Whoever reads the records without this library finds what a missing field means."""
    text = FORMAT.read_text(encoding="utf-8")
    paragraph = next(part for part in text.split("\n\n") if part.startswith("A field with its usual value"))
    for name, value in UNUSUAL.items():
        field = name.partition(".")[2]
        assert f"`{field}` {encode_json(value).decode()}" in paragraph.replace("\n", " "), name


def test_a_message_is_as_short_as_it_can_be() -> None:
    """What most messages lack is not written, and is as usual when it is read."""
    message = Message(
        id="m1", conversation_id="c1", role="user", content="Hi", at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    raw = encode_json(message)
    assert set(decode_json(raw)) == {"id", "conversation_id", "role", "content", "at"}
    assert json_decoder(Message)(raw) == message
