"""A session's data as a document, which is cut into sections that can be opened one by one."""

from __future__ import annotations

from typing import Any

from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import from_stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.preference import Evidence, Metric
from voxsession.core.session_data import PageRef, SessionData, Totals
from voxsession.core.struct import Closed, field
from voxsession.core.types import Count, JsonObject, RawJson, UtcTime, encode_json, json_decoder
from voxsession.errors import IntegrityError

__all__ = ["SECTIONS", "data_from_core", "decode_memories", "decode_messages", "document_sections"]

SECTIONS = ("core", "memories", "messages")
_PIECE = 2_048
_LARGE_BODY = 1 << 20
PREFERENCE_FIELDS = ("formality", "verbosity", "technical_level")


class _Preferences(Closed, frozen=True, kw_only=True, eq=False):
    """The readable values beside what they come from."""

    formality: float | None = None
    verbosity: float | None = None
    technical_level: float | None = None
    set: JsonObject = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    set_at: dict[str, UtcTime] = field(default_factory=dict)


class _MemoryHead(Closed, frozen=True, kw_only=True, eq=False):
    """The size of what is remembered, readable without opening it."""

    token_count: int = 0


class _Core(Closed, frozen=True, kw_only=True, eq=False):
    """The section that is always opened: all but memories and recent messages."""

    user_id: str | None = None
    ended_at: UtcTime | None = None
    end_reason: str | None = None
    config: JsonObject = field(default_factory=dict)
    state: JsonObject = field(default_factory=dict)
    template: JsonObject | None = None
    memory: _MemoryHead = field(default_factory=_MemoryHead)
    analytics: Totals = field(default_factory=Totals)
    preferences: _Preferences = field(default_factory=_Preferences)
    conversations: list[ConversationEntry] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    shares: dict[str, JsonObject] = field(default_factory=dict)
    pages: list[PageRef] = field(default_factory=list)
    index_pages: list[PageRef] = field(default_factory=list)
    archive_pages: list[PageRef] = field(default_factory=list)
    message_offset: Count = 0
    token_counter: str = ""
    batch_ids: list[str] = field(default_factory=list)
    extra: JsonObject = field(default_factory=dict)


_decode_core = json_decoder(_Core)
_decode_memories = json_decoder(list[MemoryEntry])
_decode_raws = json_decoder(list[RawJson])
_decode_entry = json_decoder(MemoryEntry)
_decode_messages = json_decoder(list[Message])


def document_sections(data: SessionData) -> dict[str, bytes]:
    """The sections of a session as JSON bytes."""
    learned = {name: _rounded(data.evidence.get(name)) for name in PREFERENCE_FIELDS}
    core = _Core(
        user_id=data.user_id,
        ended_at=data.ended_at,
        end_reason=data.end_reason,
        config=data.config,
        state=data.state,
        template=data.template,
        memory=_MemoryHead(token_count=data.memory_tokens),
        analytics=data.totals,
        preferences=_Preferences(
            set=data.preferences,
            set_at=data.preference_times,
            evidence=data.evidence,
            topics=data.topics,
            **learned,
        ),
        conversations=list(data.conversations.values()),
        metrics=data.metrics,
        shares=data.shares,
        pages=data.pages,
        index_pages=data.index_pages,
        archive_pages=data.archive_pages,
        message_offset=data.message_offset,
        token_counter=data.token_counter,
        batch_ids=data.batch_ids,
        extra=data.extra,
    )
    return {
        "core": encode_json(core),
        "memories": _many(list(data.memories.values())),
        "messages": encode_json(data.messages),
    }


def _many(entries: list[MemoryEntry]) -> bytes:
    """Entries as JSON; very many piece by piece, so that a thread that does it lets others go on."""
    if len(entries) <= _PIECE:
        return encode_json(entries)
    pieces = (encode_json(entries[start : start + _PIECE]) for start in range(0, len(entries), _PIECE))
    return b"[" + b",".join(piece[1:-1] for piece in pieces) + b"]"


def _rounded(evidence: Evidence | None) -> float | None:
    value = evidence.value if evidence else None
    return None if value is None else round(value, 4)


def data_from_core(header: JsonObject, core: bytes, record: str) -> SessionData:
    """A session's data, its memories and messages still to be put in.

    Raises:
        IntegrityError: a field is missing, of the wrong kind or out of range; the path says which.
    """
    try:
        section = _decode_core(core)
        created, updated = from_stamp(header["created_at"]), from_stamp(header["updated_at"])
        expires = from_stamp(header["expires_at"]) if header.get("expires_at") else None
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(record, f"its document is not readable ({error})") from None
    return SessionData(
        session_id=header["session_id"],
        created_at=created,
        updated_at=updated,
        expires_at=expires,
        status=header["status"],
        seq=header["seq"],
        user_id=section.user_id,
        ended_at=section.ended_at,
        end_reason=section.end_reason,
        config=section.config,
        state=section.state,
        template=section.template,
        memory_tokens=section.memory.token_count,
        totals=section.analytics,
        preferences=section.preferences.set,
        preference_times=section.preferences.set_at,
        evidence=section.preferences.evidence,
        topics=section.preferences.topics,
        conversations={entry.id: entry for entry in section.conversations},
        metrics=section.metrics,
        shares=section.shares,
        pages=section.pages,
        index_pages=section.index_pages,
        archive_pages=section.archive_pages,
        message_offset=section.message_offset,
        token_counter=section.token_counter,
        batch_ids=section.batch_ids,
        extra=section.extra,
    )


def decode_memories(body: bytes, record: str) -> dict[str, MemoryEntry]:
    """The stored entries, by id."""
    if len(body) <= _LARGE_BODY:
        return {entry.id: entry for entry in _section(_decode_memories, body, record, "memories")}
    found: dict[str, MemoryEntry] = {}
    for raw in _section(_decode_raws, body, record, "memories"):  # one by one, for the same reason
        entry = _section(_decode_entry, raw, record, "memories")
        found[entry.id] = entry
    return found


def decode_messages(body: bytes, record: str) -> list[Message]:
    """Messages in session order."""
    return list(_section(_decode_messages, body, record, "messages"))


def _section(decode: Any, body: bytes, record: str, name: str) -> Any:
    try:
        return decode(body)
    except ValueError as error:
        raise IntegrityError(record, f"its {name} are not readable ({error})") from None
