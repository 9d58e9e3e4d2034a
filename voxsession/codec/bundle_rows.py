"""The rows that a bundle is made of: a whole session in a form that any program can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from msgspec import NODEFAULT
from msgspec.structs import fields

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.preference import Evidence, Metric
from voxsession.core.session_data import IMPORTED_AS, SessionData, Totals
from voxsession.core.struct import Struct, evolve, field, spelt_out
from voxsession.core.types import (
    JsonObject,
    UtcTime,
    as_utc,
    check_object,
    decode_json,
    encode_json,
    json_decoder,
)
from voxsession.errors import ConfigurationError

__all__ = [
    "BUNDLE_FORMAT",
    "BUNDLE_KIND",
    "LISTS",
    "ROW_KINDS",
    "SEALED_KIND",
    "BundleRow",
    "SessionRow",
    "row_of",
    "session_row",
    "typed_row",
]

BUNDLE_FORMAT = 1
BUNDLE_KIND = "voxsession.session"
SEALED_KIND = "voxsession.session.sealed"
ROW_KINDS = ("conversation", "memory", "message", "session")
"""The kinds of row, in the order in which they stand."""
LISTS = {"conversation": "conversations", "memory": "memories", "message": "messages"}
"""What the lists of a bundle in one object are called."""
_HOURS = 24


class SessionRow(Struct, frozen=True, kw_only=True):
    """What a session is beside what was said and what is remembered.

    Versions, pages, grants and keys belong to one storage and are not in it; when it expires is settled by the
    installation that takes it in.
    """

    session_id: str
    created_at: UtcTime
    user_id: str | None = None
    status: Literal["active", "ended"] = "active"
    ended_at: UtcTime | None = None
    end_reason: str | None = None
    config: JsonObject = field(default_factory=dict)
    state: JsonObject = field(default_factory=dict)
    template: JsonObject | None = None
    analytics: Totals = field(default_factory=Totals)
    preferences: JsonObject = field(default_factory=dict)
    preference_times: dict[str, UtcTime] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    token_counter: str = ""
    extra: JsonObject = field(default_factory=dict)


BundleRow: TypeAlias = SessionRow | ConversationEntry | MemoryEntry | Message

_CLASSES: dict[str, Any] = {
    "conversation": ConversationEntry,
    "memory": MemoryEntry,
    "message": Message,
    "session": SessionRow,
}
_DECODE = {kind: json_decoder(cls) for kind, cls in _CLASSES.items()}
_TIMES = {
    kind: [name for name, of in cls.__annotations__.items() if of.startswith("UtcTime")]
    for kind, cls in _CLASSES.items()
}
# What a row leaves out: fields with the value that they have anyway.
_USUAL = {
    kind: {
        known.name: decode_json(encode_json(known.default))
        for known in fields(cls)
        if known.default is not NODEFAULT
    }
    for kind, cls in _CLASSES.items()
}


def session_row(data: SessionData) -> SessionRow:
    """The row of a session as it is now."""
    return SessionRow(
        session_id=data.session_id,
        created_at=data.created_at,
        user_id=data.user_id,
        status="ended" if data.status == "ended" else "active",
        ended_at=data.ended_at,
        end_reason=data.end_reason,
        config=data.config,
        state=data.state,
        template=data.template,
        analytics=data.totals,
        preferences=data.preferences,
        preference_times=data.preference_times,
        evidence=data.evidence,
        topics=data.topics,
        metrics=data.metrics,
        token_counter=data.token_counter,
        extra={name: value for name, value in data.extra.items() if name != IMPORTED_AS},
    )


def row_of(kind: str, record: BundleRow) -> JsonObject:
    """The JSON-ready row of a record, without the fields that have their usual value."""
    usual = _USUAL[kind]
    row: JsonObject = decode_json(encode_json(spelt_out(record)))
    if row.get("preference_times") == {}:  # a field that came later is only there where it says something
        del row["preference_times"]
    return {name: value for name, value in row.items() if name not in usual or value != usual[name]}


def typed_row(kind: str, row: object) -> Any:
    """The record that a row describes, its times in UTC.

    Raises:
        ValueError: a field is missing, of the wrong kind or out of range; it is named.
    """
    try:
        record = _DECODE[kind](encode_json(check_object(kind, row)))
        if isinstance(record, SessionRow) and record.preference_times:
            times = {name: _in_utc(name, moment) for name, moment in record.preference_times.items()}
            record = evolve(record, preference_times=times)
        moved = {name: _in_utc(name, moment) for name in _TIMES[kind] if (moment := getattr(record, name))}
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    if isinstance(record, SessionRow) and len(record.analytics.hours) != _HOURS:
        raise ValueError("analytics.hours has to have 24 numbers")
    moved = {name: moment for name, moment in moved.items() if moment is not getattr(record, name)}
    return evolve(record, **moved) if moved else record


def _in_utc(name: str, moment: datetime) -> datetime:
    if moment.tzinfo is UTC and 1 < moment.year < 9999:
        return moment
    return as_utc(name, moment)
