"""Preferences as short instructions for the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from voxsession.core.session_changes import TOPIC_EVIDENCE
from voxsession.core.session_data import SessionData
from voxsession.learning.estimates import (
    HALF_LIFE_SECONDS,
    confidence_of,
    estimate,
    hand_set,
    spoken_language,
    standing_wish,
    top_topics,
    wished_language,
)
from voxsession.learning.languages import language_name
from voxsession.learning.names import LEARNED, WORDS

__all__ = ["adaptation_lines"]

#: Below this confidence (about eight messages) nothing is said; only a clear value makes a line.
_SURE = 0.6
#: A language that is only written, not asked for, is answered in from this confidence on.
_SPOKEN_SURE = 0.35
_LOW, _HIGH = 0.25, 0.75
#: A topic of this weight was spoken of in three messages or more.
_OFTEN = 3.0
_LINES = {
    "verbosity": ("Keep answers short.", "Give detailed answers."),
    "formality": ("Use casual, friendly language.", "Use formal language."),
    "technical_level": ("Use plain words; explain technical terms.", "Assume expert knowledge."),
}
_LONGEST = 100


def adaptation_lines(data: SessionData, now: datetime | None = None) -> list[str]:
    """Short instructions for the model, from preferences that are confident, asked for, or set by hand.

    Args:
        data: The session.
        now: The moment up to which evidence has faded (aware); None = no time has passed since the latest of it.

    Returns:
        One sentence a line, the same for the same preferences; an empty list when nothing is known.

    Example:
        >>> from datetime import datetime, UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s1", created_at=start, updated_at=start)
        >>> data.preferences.update(verbosity="brief", language="de")
        >>> adaptation_lines(data)
        ['Keep answers short.', 'Answer in German.']
    """
    by_hand = hand_set(data)
    lines = []
    for name in ("verbosity", "formality", "technical_level"):
        value = _number(data, by_hand, name, now)
        if value is not None and not _LOW < value < _HIGH:
            lines.append(_LINES[name][value >= _HIGH])
    lines += (
        _length_line(data, by_hand, now) + _language_line(data, by_hand, now) + _pace_line(data, by_hand, now)
    )
    lines += _topics_line(data, by_hand, now)
    for name, value in by_hand.items():
        if name not in LEARNED and isinstance(value, (str, int, float)):
            lines.append(f"The user's preference for {_short(name)}: {_short(value)}.")
    return lines


def _number(data: SessionData, by_hand: Mapping[str, Any], name: str, now: datetime | None) -> float | None:
    """The value of a preference as a number, if it is sure enough to act on."""
    if name in by_hand:
        given = by_hand[name]
        if isinstance(given, str):
            return WORDS[name].get(given.strip().lower().replace(" ", "_").replace("-", "_"))
        return float(given) if isinstance(given, (int, float)) else None
    value, weight = estimate(data.evidence, name, now)
    return value if value is not None and confidence_of(weight) >= _SURE else None


def _length_line(data: SessionData, by_hand: Mapping[str, Any], now: datetime | None) -> list[str]:
    if "response_length" in by_hand:
        words = _number(data, by_hand, "response_length", now)
    elif "verbosity" in by_hand or not _length_is_told(data, now):
        return []
    else:
        words, _ = estimate(data.evidence, "response_length")
    if words is None:
        return []
    about = max(10, round(words / 10) * 10)
    return [f"Aim for about {about} words per answer."]


def _length_is_told(data: SessionData, now: datetime | None) -> bool:
    """The lengths that were given say little of what is liked, unless some were cut off or asked to change."""
    if standing_wish(data.evidence, "response_length") is not None:
        return True
    pressure, weight = estimate(data.evidence, "length_pressure", now)
    return confidence_of(weight) >= _SURE and abs(pressure or 0.0) >= 0.2


def _language_line(data: SessionData, by_hand: Mapping[str, Any], now: datetime | None) -> list[str]:
    asked = by_hand.get("language")
    if not asked and (wish := wished_language(data.evidence)):
        asked = wish[0]
    if not asked and not data.config.get("language") and (spoken := spoken_language(data.evidence)):
        weight = spoken[1].weight if now is None else spoken[1].weight_at(now, HALF_LIFE_SECONDS)
        # English is what a model answers in anyway.
        asked = spoken[0] if spoken[0] != "en" and confidence_of(weight) >= _SPOKEN_SURE else None
    return [f"Answer in {_short(language_name(str(asked)))}."] if asked else []


def _pace_line(data: SessionData, by_hand: Mapping[str, Any], now: datetime | None) -> list[str]:
    pace = _number(data, by_hand, "speaking_pace", now)
    if pace is None or 120 < pace < 180:
        return []
    return ["Speak slowly."] if pace <= 120 else ["Speak at a brisk pace."]


def _topics_line(data: SessionData, by_hand: Mapping[str, Any], now: datetime | None) -> list[str]:
    known = data.evidence.get(TOPIC_EVIDENCE)
    left = 1.0
    if now is not None and known is not None and known.weight > 0:
        left = known.weight_at(now, HALF_LIFE_SECONDS) / known.weight
    topics = by_hand.get("topics") or [t for t in top_topics(data, 3) if data.topics[t] * left >= _OFTEN]
    return (
        [f"The user often talks about {', '.join(_short(topic) for topic in topics[:3])}."] if topics else []
    )


def _short(value: object) -> str:
    """A value on one line, so that it cannot pass for other instructions."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
