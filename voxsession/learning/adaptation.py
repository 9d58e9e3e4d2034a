"""Preferences as short instructions for the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxsession.core.session_data import SessionData
from voxsession.learning.estimates import confidence_of, estimate, hand_set, top_topics, wished_language
from voxsession.learning.languages import language_name
from voxsession.learning.names import LEARNED, WORDS

__all__ = ["adaptation_lines"]

#: Below this confidence (about eight messages) nothing is said; only a clear value makes a line.
_SURE = 0.6
_LOW, _HIGH = 0.25, 0.75
_LINES = {
    "verbosity": ("Keep answers short.", "Give detailed answers."),
    "formality": ("Use casual, friendly language.", "Use formal language."),
    "technical_level": ("Use plain words; explain technical terms.", "Assume expert knowledge."),
}
_LONGEST = 100


def adaptation_lines(data: SessionData) -> list[str]:
    """Short instructions for the model, from preferences that are confident, asked for, or set by hand.

    Args:
        data: The session.

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
        value = _number(data, by_hand, name)
        if value is not None and not _LOW < value < _HIGH:
            lines.append(_LINES[name][value >= _HIGH])
    lines += _length_line(data, by_hand) + _language_line(data, by_hand) + _pace_line(data, by_hand)
    lines += _topics_line(data, by_hand)
    for name, value in by_hand.items():
        if name not in LEARNED and isinstance(value, (str, int, float)):
            lines.append(f"The user's preference for {_short(name)}: {_short(value)}.")
    return lines


def _number(data: SessionData, by_hand: Mapping[str, Any], name: str) -> float | None:
    """The value of a preference as a number, if it is sure enough to act on."""
    if name in by_hand:
        given = by_hand[name]
        if isinstance(given, str):
            return WORDS[name].get(given.strip().lower().replace(" ", "_").replace("-", "_"))
        return float(given) if isinstance(given, (int, float)) else None
    value, weight = estimate(data.evidence, name)
    return value if value is not None and confidence_of(weight) >= _SURE else None


def _length_line(data: SessionData, by_hand: Mapping[str, Any]) -> list[str]:
    if "verbosity" in by_hand and "response_length" not in by_hand:
        return []
    if "response_length" in by_hand:
        words = _number(data, by_hand, "response_length")
    else:
        # The lengths that were given say little of what is liked, unless some were cut off or asked to change.
        words, _ = estimate(data.evidence, "response_length")
        pressure, weight = estimate(data.evidence, "length_pressure")
        if confidence_of(weight) < _SURE or abs(pressure or 0.0) < 0.2:
            return []
    if words is None:
        return []
    about = max(10, round(words / 10) * 10)
    return [f"Aim for about {about} words per answer."]


def _language_line(data: SessionData, by_hand: Mapping[str, Any]) -> list[str]:
    wish = wished_language(data.evidence)
    asked = by_hand.get("language") or (wish[0] if wish else None)
    return [f"Answer in {_short(language_name(str(asked)))}."] if asked else []


def _pace_line(data: SessionData, by_hand: Mapping[str, Any]) -> list[str]:
    pace = _number(data, by_hand, "speaking_pace")
    if pace is None or 120 < pace < 180:
        return []
    return ["Speak slowly."] if pace <= 120 else ["Speak at a brisk pace."]


def _topics_line(data: SessionData, by_hand: Mapping[str, Any]) -> list[str]:
    topics = by_hand.get("topics") or [t for t in top_topics(data, 3) if data.topics[t] >= 3]
    return (
        [f"The user often talks about {', '.join(_short(topic) for topic in topics[:3])}."] if topics else []
    )


def _short(value: object) -> str:
    """A value on one line, so that it cannot pass for other instructions."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
