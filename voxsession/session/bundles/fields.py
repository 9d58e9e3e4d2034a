"""What the fields of a bundle's rows may hold whose types leave more open than a session ever writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from voxsession.codec.bundle_rows import SessionRow
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import MARKED_UNDER, PRIVATE_WORDS
from voxsession.core.session_data import Totals
from voxsession.core.struct import asdict
from voxsession.core.types import JsonObject, check_text
from voxsession.core.withholding import MARKS, WITHHELD, WITHHELD_SLOTS

__all__ = ["check_conversation_fields", "check_memory_fields", "check_message_fields", "check_session_fields"]

#: Far above any counter (30,000 years in milliseconds), far below where sums leave what JSON readers can hold.
MOST = 10**15
_FUNCTION_COLUMNS, _MODEL_COLUMNS = 4, 3
_DAY = re.compile(r"(?:[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)?\Z")
_FIRST_DAY = "0001-01-01"


def check_message_fields(message: Message) -> None:
    """`ValueError` where the note of a repair is none that this package makes."""
    _check_numbers("", {"token_count": message.token_count})
    note = message.repair or {}
    if "set_aside" in note and not isinstance(note["set_aside"], str):
        raise ValueError("repair.set_aside is no text")
    _check_texts("repair.unanswered", note.get("unanswered", []))


def check_memory_fields(entry: MemoryEntry) -> None:
    """`ValueError` where a number of an entry is out of bounds."""
    _check_numbers("", {"token_count": entry.token_count, "evidence_count": entry.evidence_count})


def check_conversation_fields(talk: ConversationEntry) -> None:
    """`ValueError` where a counter of a conversation is out of bounds, or its day is none."""
    _check_numbers("", _numbers_of(talk))
    if talk.counted_day is not None:
        _check_day("counted_day", talk.counted_day)


def check_session_fields(row: SessionRow) -> None:
    """`ValueError` where counters, evidence or extras of a session are not what any session holds."""
    _check_analytics(row.analytics)
    for name, evidence in row.evidence.items():
        _check_evidence(f"evidence.{name}", evidence)
    _check_numbers("topics.", dict(enumerate(row.topics.values())))  # their names are words of somebody
    _check_extra(row.extra)


def _check_analytics(totals: Totals) -> None:
    _check_numbers("analytics.", _numbers_of(totals))
    _check_numbers("analytics.hours.", dict(enumerate(totals.hours)))
    widths = {"functions": _FUNCTION_COLUMNS, "models": _MODEL_COLUMNS, "days": None}
    for table, width in widths.items():
        for name, row in getattr(totals, table).items():
            where = f"analytics.{table}.{name[:40]}"
            if not row or (width is not None and len(row) != width):
                raise ValueError(f"{where} has to have {width or 'some'} numbers")
            _check_numbers(f"{where}.", dict(enumerate(row)))
    for day in totals.days:
        _check_day("analytics.days", day)


def _check_evidence(where: str, evidence: Evidence) -> None:
    _check_numbers(f"{where}.", _numbers_of(evidence))
    if len(evidence.parts) > len(evidence.message_ids):
        raise ValueError(f"{where} has more parts than message_ids")
    _check_numbers(f"{where}.parts.", dict(enumerate(number for part in evidence.parts for number in part)))


def _check_extra(extra: JsonObject) -> None:
    withheld = _object("extra.withheld", extra.get(WITHHELD, {}))
    if not all(isinstance(talk, str | None) for talk in withheld.values()):
        raise ValueError("extra.withheld is no object of texts")
    for name in (WITHHELD_SLOTS, PRIVATE_WORDS):
        _check_texts(f"extra.{name}", extra.get(name, []))
    for marks in _object(f"extra.{MARKS}", extra.get(MARKS, {})).values():
        _check_texts(f"extra.{MARKS}", marks)
    for name, marks in _object("extra.withheld_marks", extra.get(MARKS, {})).items():
        _check_texts(f"extra.withheld_marks.{name[:40]}", marks)
    check_text(f"extra.{MARKED_UNDER}", extra.get(MARKED_UNDER, ""))
    profile = _object("extra.profile", extra.get("profile", {}))
    _check_texts("extra.profile.wishes", profile.get("wishes", []))
    topics = _object("extra.profile.topics", profile.get("topics", {}))
    _check_numbers("extra.profile.topics.", dict(enumerate(topics.values())))
    moments = _object("extra.profile.set_at", profile.get("set_at", {}))
    if not all(isinstance(moment, str | None) for moment in moments.values()):
        raise ValueError("extra.profile.set_at is no object of times")


# --- single values


def _numbers_of(record: Any) -> dict[str, Any]:
    """The fields of a record that are numbers."""
    return {name: value for name, value in asdict(record).items() if isinstance(value, int | float)}


def _check_numbers(where: str, numbers: Mapping[Any, object]) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int | float) or not -MOST <= value <= MOST:
            raise ValueError(f"{where}{str(name)[:40]} is no number up to {MOST:,}")


def _check_texts(where: str, given: object) -> None:
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise ValueError(f"{where} is no list of texts")


def _object(where: str, given: object) -> JsonObject:
    if isinstance(given, dict):
        return given
    raise ValueError(f"{where} is no object")


def _check_day(where: str, day: str) -> None:
    try:
        if not _DAY.match(day):
            raise ValueError
        date.fromisoformat(day + _FIRST_DAY[len(day) :])
    except ValueError:
        raise ValueError(f"{where} is no day, month or year") from None
