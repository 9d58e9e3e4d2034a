"""The form in which voxsession itself hands memories out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from voxsession.core.envelope import from_stamp, stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.types import (
    JsonObject,
    as_utc,
    check_json,
    check_number,
    check_object,
    check_text,
    encode_canonical,
)
from voxsession.errors import ConfigurationError, IntegrityError, UnsupportedFormatError

__all__ = ["EXPORT_FORMAT", "KIND", "Checksum", "check_head", "checked_row", "entry_of", "row_of"]

EXPORT_FORMAT = 1
KIND = "voxsession.memories"
NOTE = "shared"
MAX_ID = 200
MAX_CATEGORY = 100
_ALWAYS = (
    "id",
    "content",
    "category",
    "importance",
    "timestamp",
    "expires_at",
    "pinned",
    "speaker",
    "metadata",
)
_EXACT = 2.0**53
# Given only where an entry has one, so that a plain entry stays a plain row.
_SOMETIMES = {"sensitive": False, "evidence_count": 1, "slot": None, "value": None, "valid_from": None}


class Checksum:
    """The SHA-256 of rows as canonical JSON, a line each; whole floats count as integers, as JavaScript writes them.

    Attributes:
        count: how many rows there were.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, row: JsonObject) -> None:
        """Takes a row in; it must be JSON-ready."""
        self._digest.update(encode_canonical(_canonical(row)) + b"\n")
        self.count += 1

    def fields(self) -> JsonObject:
        """What the head of an export says of its rows."""
        return {"count": self.count, "sha256": self._digest.hexdigest()}

    def check(self, head: Mapping[str, Any], name: str) -> None:
        """Compares the rows with what the head says of them; an old export says nothing.

        Raises:
            IntegrityError: rows are missing, or were altered.
        """
        count = head.get("count")
        if count is not None and count != self.count:
            said = count if isinstance(count, int) else f"a {type(count).__name__} of"
            raise IntegrityError(name, f"it should hold {said} entries, and holds {self.count}")
        if head.get("sha256") not in (None, self._digest.hexdigest()):
            raise IntegrityError(name, "its checksum does not match: entries were altered after the export")


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value


def check_head(head: Mapping[str, Any]) -> None:
    """Refuses an export that this version cannot read.

    Raises:
        UnsupportedFormatError: a newer version made it.
    """
    found = head.get("format", EXPORT_FORMAT)
    if not isinstance(found, int) or found > EXPORT_FORMAT:
        shown = found if isinstance(found, int) else type(found).__name__
        raise UnsupportedFormatError("The export of memories", found=shown, newest=EXPORT_FORMAT)


def row_of(entry: MemoryEntry) -> JsonObject:
    """The entry as a row of an export."""
    row: JsonObject = {name: getattr(entry, name) for name in _ALWAYS}
    for name in ("timestamp", "expires_at"):
        row[name] = stamp(row[name]) if row[name] is not None else None
    row |= {name: getattr(entry, name) for name, plain in _SOMETIMES.items() if getattr(entry, name) != plain}
    if "valid_from" in row:
        row["valid_from"] = stamp(row["valid_from"])
    if entry.source == NOTE:  # else the words of others would come back as the person's own
        row["source"] = NOTE
    return row


def entry_of(row: JsonObject, new_id: str, now: datetime) -> MemoryEntry:
    """The entry that a row of an export describes, not counted yet.

    Args:
        row: as `row_of` gives it; all but `content` may be missing.
        new_id: the id of an entry whose row has none.
        now: the moment of an entry whose row has none.

    Raises:
        ConfigurationError: a field is wrong; it is named.
    """
    speaker, metadata, entry_id = row.get("speaker"), row.get("metadata"), row.get("id")
    slot, value = row.get("slot"), row.get("value")
    return MemoryEntry(
        id=new_id if entry_id is None else _name("id", entry_id, MAX_ID),
        content=check_text("content", row.get("content"), allow_empty=False),
        category=_name("category", row.get("category", "general"), MAX_CATEGORY),
        importance=float(check_number("importance", row.get("importance", 0.5), 0, 1)),
        timestamp=_moment("timestamp", row.get("timestamp")) or now,
        expires_at=_moment("expires_at", row.get("expires_at")),
        sensitive=_flag("sensitive", row.get("sensitive")),
        pinned=_flag("pinned", row.get("pinned")),
        speaker=None if speaker is None else check_text("speaker", speaker),
        source=NOTE if row.get("source") == NOTE else "imported",
        evidence_count=int(
            check_number("evidence_count", row.get("evidence_count", 1), 1, 10**9, whole=True)
        ),
        metadata=None if metadata is None else check_object("metadata", metadata),
        slot=None if slot is None else _name("slot", slot, MAX_ID),
        value=None if value is None else check_text("value", value),
        valid_from=_moment("valid_from", row.get("valid_from")),
    )


def checked_row(row: object) -> JsonObject:
    """A deep copy of a row that is a JSON-ready dict.

    Raises:
        ConfigurationError: it is none; nested too deep, NaN and lone surrogates are no JSON either.
    """
    if not isinstance(row, Mapping):
        raise ConfigurationError.out_of_range("entry", type(row).__name__, "a dict is needed")
    checked: JsonObject = check_json("entry", dict(row))
    return checked


def _moment(option: str, value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return None if value is None else as_utc(option, value)
    try:
        is_stamp = isinstance(value, str) and value.endswith("Z") and "." in value
        moment = (from_stamp(value) if is_stamp else None) or datetime.fromisoformat(value)
        if moment.utcoffset() is None:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError.out_of_range(option, value, "an ISO time with a zone is needed") from None
    return as_utc(option, moment)


def _flag(option: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ConfigurationError.out_of_range(option, value, "true or false is needed")


def _name(option: str, value: Any, longest: int) -> str:
    name = check_text(option, value, allow_empty=False)
    if len(name) > longest:
        raise ConfigurationError.out_of_range(option, name, f"at most {longest} characters")
    return name
