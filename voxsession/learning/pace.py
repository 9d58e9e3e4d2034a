"""How fast a person speaks or writes, in words a minute, from what an app or the clock says of one message."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from voxsession.core.message import Message

__all__ = ["message_seconds", "pace_evidence"]

#: Keys of a message's metadata that hold how long it took to say -> how many seconds their unit has.
_DURATIONS: Final = {
    "duration_seconds": 1.0,
    "audio_duration_seconds": 1.0,
    "duration_ms": 0.001,
    "audio_duration_ms": 0.001,
}
#: Pairs of keys that hold when it was begun and ended: ISO 8601 texts, or seconds on one clock.
_SPANS: Final = (("started_at", "ended_at"), ("start_seconds", "end_seconds"), ("audio_start", "audio_end"))
_LONGEST_SECONDS = 36_000.0
#: Nobody speaks slower or faster than this; such a duration is of something else.
_SLOWEST_WPM, _FASTEST_WPM = 20.0, 400.0
#: Speech of this many seconds says all that one message can say.
_TELLING_SECONDS = 5.0
#: Without a duration the time since the last message says a little: thinking and typing are in it.
_CLOCK_WEIGHT = 0.2
_CLOCK_SECONDS = (2.0, 120.0)
_CLOCK_WORDS = 4


def message_seconds(message: Message) -> float | None:
    """How long the message took to say, where the app says so.

    Args:
        message: its metadata may have `duration_seconds`, `audio_duration_seconds`, `duration_ms`,
            `audio_duration_ms`, or `started_at` with `ended_at`.

    Returns:
        Seconds; None where nothing usable is said.

    Example:
        >>> from datetime import UTC
        >>> said = Message(id="m", conversation_id="c", role="user", content="Hi", at=datetime(2026, 1, 1, tzinfo=UTC),
        ...     metadata={"started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:03Z"})
        >>> message_seconds(said)
        3.0
    """
    metadata: Mapping[str, Any] = message.metadata or {}
    for key, unit in _DURATIONS.items():
        if (number := _number(metadata.get(key))) is not None:
            return _sound(number * unit)
    for begun, ended in _SPANS:
        if begun in metadata and ended in metadata:
            first, last = _moment(metadata[begun]), _moment(metadata[ended])
            return None if first is None or last is None else _sound(last - first)
    return None


def pace_evidence(message: Message, words: int, before: Message | None) -> dict[str, tuple[float, float]]:
    """What a message says of its author's pace.

    Args:
        message: the message.
        words: how many it has.
        before: the message that was said before it in the conversation, whoever said it.

    Returns:
        `speaking_pace` from a duration; else `message_pace` from the time since `before`, which is a lower bound,
        for listening, thinking and typing take time as well; (words a minute, weight) each, or nothing.
    """
    seconds = message_seconds(message)
    if seconds:
        pace = words * 60 / seconds
        known = _SLOWEST_WPM <= pace <= _FASTEST_WPM
        return (
            {"speaking_pace": (round(pace, 2), round(min(1.0, seconds / _TELLING_SECONDS), 3))}
            if known
            else {}
        )
    if before is None or words < _CLOCK_WORDS or message.role != "user":
        return {}
    waited = (message.at - before.at).total_seconds()
    if not _CLOCK_SECONDS[0] <= waited <= _CLOCK_SECONDS[1]:
        return {}
    pace = words * 60 / waited
    return {"message_pace": (round(pace, 2), _CLOCK_WEIGHT)} if _SLOWEST_WPM <= pace <= _FASTEST_WPM else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _sound(seconds: float) -> float | None:
    return seconds if 0 < seconds < _LONGEST_SECONDS else None


def _moment(value: object) -> float | None:
    """Seconds of a number or of a time as text."""
    if not isinstance(value, str):
        return _number(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        return None
