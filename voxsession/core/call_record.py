"""The record that a live call keeps in the entry of its conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import from_stamp
from voxsession.core.session_data import PageRef
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject

__all__ = [
    "AUDIO",
    "ENDED",
    "WAITING",
    "audio_pages_of",
    "audio_refs",
    "functions_of",
    "is_begun",
    "last_activity",
    "whole",
    "with_unknown_calls",
    "without_audio",
    "without_call",
]

AUDIO = "audio"
ENDED = "ended"
#: What functions are called that were asked for and not begun: they may still be run.
WAITING = ("pending", "queued", "waiting")
#: What functions are called whose fate is known.
SETTLED = ("completed", "failed", "cancelled", "unknown", "error", "done", "succeeded", "skipped")


def last_activity(entry: ConversationEntry) -> datetime | None:
    """When the call last did something; what was said since counts, also where the service did not record it."""
    call = entry.call or {}
    try:
        noted = from_stamp(call["last_activity"])
    except (KeyError, TypeError, ValueError):
        return entry.last_at
    return max(noted, entry.last_at) if entry.message_count > whole(call.get("heard")) else noted


def whole(value: object) -> int:
    """A count out of a record; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def functions_of(call: Mapping[str, Any]) -> list[JsonObject]:
    """The functions that the record of a call has."""
    rows = call.get("function_calls")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def is_begun(function: Mapping[str, Any]) -> bool:
    """Whether a function was begun and its outcome is not known: it must not be run once more."""
    status = str(function.get("status") or "").lower()
    if status in SETTLED or status in WAITING:
        return False
    return not any(function.get(name) is not None for name in ("result", "output", "error"))


def with_unknown_calls(functions: Iterable[JsonObject]) -> list[JsonObject]:
    """The functions as a resumed call sees them: what was begun and never answered has an unknown outcome."""
    return [{**one, "status": "unknown"} if is_begun(one) else one for one in functions]


def audio_refs(call: Mapping[str, Any] | None) -> list[PageRef]:
    """The pages that hold the audio of a call, in order."""
    rows = (call or {}).get(AUDIO)
    return [
        PageRef(id=row["id"], kind=AUDIO, hash=row["hash"], count=row["count"])
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and all(name in row for name in ("id", "hash", "count"))
    ]


def audio_pages_of(entries: Iterable[ConversationEntry]) -> set[str]:
    """The ids of all audio pages that these conversations name."""
    return {ref.id for entry in entries if entry.call for ref in audio_refs(entry.call)}


def without_call(entry: ConversationEntry) -> ConversationEntry:
    """The entry as it comes from elsewhere: no line leads to its call, and what is said of one is not believed."""
    has_ended = isinstance(entry.call, Mapping) and entry.call.get("status") == ENDED
    return evolve(entry, call={"status": ENDED} if has_ended else None)


def without_audio(entry: ConversationEntry) -> ConversationEntry:
    """The entry as it leaves its session: pages stay behind."""
    if entry.call is None or AUDIO not in entry.call:
        return entry
    return evolve(entry, call={name: value for name, value in entry.call.items() if name != AUDIO})
