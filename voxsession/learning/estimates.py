"""Reading what was learned: values, how sure they are, and when one has moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from voxsession.core.preference import Evidence
from voxsession.core.session_data import SessionData
from voxsession.learning.names import KINDS, LEARNED, LENGTHS, PUBLIC_NAMES, SCORES, canonical_name

__all__ = [
    "ANNOUNCED",
    "confidence_of",
    "estimate",
    "explain_preference",
    "hand_set",
    "has_moved",
    "learned_moves",
    "learned_preferences",
    "wished_language",
]

#: The preferences whose moves are announced.
ANNOUNCED: Final[tuple[str, ...]] = (*SCORES, *LENGTHS)
#: A share of 0..1 is announced from this much of a difference on, a length from this part of itself on.
_STEP, _LENGTH_STEP = 0.1, 0.25
_SMALLEST_STEP = {"message_length": 3.0, "response_length": 8.0, "speaking_pace": 15.0}
#: One message says so little about a score that its standard deviation is about this.
_NOISE = 0.25
_ENOUGH = 5.0
_TOPICS = 10
_STYLES = {"question": "questions", "command": "commands", "statement": "chat", "greeting": "chat"}


def estimate(evidence: Mapping[str, Evidence], name: str) -> tuple[float | None, float]:
    """The value of one learned number with its weight in messages; a standing wish counts besides."""
    parts = [found for key in (name, f"wish.{name}") if (found := evidence.get(key))]
    weight = sum(part.weight for part in parts)
    return (sum(part.total for part in parts) / weight if weight > 0 else None), weight


def confidence_of(weight: float) -> float:
    """How sure an estimate of this weight in messages is: 0 without any, 0.5 at five, towards 1."""
    return round(weight / (weight + _ENOUGH), 3) if weight > 0 else 0.0


def hand_set(data: SessionData) -> dict[str, Any]:
    """What was set by hand, under the names of the document."""
    return {canonical_name(name): value for name, value in data.preferences.items()}


def wished_language(evidence: Mapping[str, Evidence]) -> tuple[str, Evidence] | None:
    """The code of the language that was asked for last, with the evidence for it."""
    wishes = [
        (name.removeprefix("wish.language."), found)
        for name, found in evidence.items()
        if name.startswith("wish.language.") and (found.value or 0.0) > 0.5
    ]
    return max(wishes, key=lambda wish: (wish[1].last_at is not None, wish[1].last_at), default=None)


def learned_preferences(data: SessionData) -> dict[str, Any]:
    """What is known of how this person likes to talk; what was set by hand wins.

    Args:
        data: The session.

    Returns:
        `speaking_pace` (words a minute, or None), `avg_message_length` (words, 0.0 before the first),
        `formality_score`, `technical_level`, `verbosity` (0..1; 0.5 when nothing is known), `topics`
        (weightiest first), `interaction_style` (`questions`, `commands`, `chat`, or None),
        `optimal_response_length` (words, or None), `language` (a code or a name, or None), and
        what the app set under names of its own.

    Example:
        >>> from datetime import datetime, UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s1", created_at=start, updated_at=start)
        >>> data.preferences["formality"] = "always_formal"
        >>> learned_preferences(data)["formality_score"], learned_preferences(data)["verbosity"]
        ('always_formal', 0.5)
    """
    pace, length, answer = (
        estimate(data.evidence, name)[0] for name in ("speaking_pace", "message_length", "response_length")
    )
    known: dict[str, Any] = {
        "speaking_pace": None if pace is None else round(pace, 1),
        "avg_message_length": round(length or 0.0, 1),
    }
    for name in SCORES:
        value, _ = estimate(data.evidence, name)
        known[PUBLIC_NAMES.get(name, name)] = 0.5 if value is None else round(min(1.0, max(0.0, value)), 4)
    known["topics"] = top_topics(data, _TOPICS)
    known["interaction_style"] = _style(data.evidence)
    known["optimal_response_length"] = None if answer is None else round(answer)
    known["language"] = _language(data.evidence)
    return known | {PUBLIC_NAMES.get(name, name): value for name, value in hand_set(data).items()}


def top_topics(data: SessionData, limit: int) -> list[str]:
    """The topics by weight, the weightiest first."""
    return sorted((t for t, w in data.topics.items() if w > 0), key=lambda t: (-data.topics[t], t))[:limit]


def explain_preference(data: SessionData, name: str) -> dict[str, Any]:
    """Why a preference has its value.

    Args:
        data: The session.
        name: A preference, with or without `_score`.

    Returns:
        `value` (as `learned_preferences` has it; None for an unknown name), `confidence` (0..1; 1.0 for what
        was set by hand), `evidence_count` (messages that added to it), `message_ids` (the latest of these,
        newest last), `set_by_hand`.
    """
    known = canonical_name(name)
    value = learned_preferences(data).get(PUBLIC_NAMES.get(known, known))
    parts = [found for key in _sources(data.evidence, known) if (found := data.evidence.get(key))]
    ids = dict.fromkeys(i for part in parts for i in part.message_ids)
    by_hand = known in hand_set(data)
    return {
        "value": value,
        "confidence": 1.0 if by_hand else confidence_of(sum(part.weight for part in parts)),
        "evidence_count": max((part.count for part in parts), default=0),
        "message_ids": list(ids)[-8:],
        "set_by_hand": by_hand,
    }


def _sources(evidence: Mapping[str, Evidence], known: str) -> list[str]:
    """The evidence that a preference is read from."""
    if known == "language":
        wish = wished_language(evidence)
        return ["language.en", f"wish.language.{wish[0]}"] if wish else ["language.en"]
    if known == "interaction_style":
        style = _style(evidence)
        return [f"kind.{kind}" for kind in KINDS if _STYLES[kind] == style][:1]
    return [known, f"wish.{known}"] if known in LEARNED else []


def _style(evidence: Mapping[str, Evidence]) -> str | None:
    shares = {style: 0.0 for style in ("questions", "commands", "chat")}
    weight = 0.0
    for kind in KINDS:
        found = evidence.get(f"kind.{kind}")
        if found is not None and found.value is not None:
            shares[_STYLES[kind]] += found.value
            weight = max(weight, found.weight)
    # Two messages make no style.
    return max(shares, key=lambda style: shares[style]) if weight >= 2.5 else None


def _language(evidence: Mapping[str, Evidence]) -> str | None:
    wish = wished_language(evidence)
    if wish is not None:
        return wish[0]
    english = evidence.get("language.en")
    return "en" if english and english.weight >= 2 and (english.value or 0.0) > 0.6 else None


def has_moved(name: str, told: float | None, value: float, weight: float) -> bool:
    """Whether a value is worth telling: new with enough evidence, or off the last told one by more than its noise."""
    if told is None:
        return weight >= _ENOUGH
    if name in SCORES:
        return abs(value - told) >= max(_STEP, 2 * _NOISE / math.sqrt(max(weight, 1.0)))
    return abs(value - told) >= max(_SMALLEST_STEP[name], _LENGTH_STEP * told)


def learned_moves(
    evidence_before: Mapping[str, Evidence], data: SessionData
) -> list[tuple[str, float | None, float]]:
    """The preferences that moved by more than their noise, for the event `preference.learned`.

    `learn` notes in the evidence what was told last (`told.formality`), so that a slow drift is told when it
    has come far enough, jitter never, and nothing twice after a restart.

    Args:
        evidence_before: `dict(data.evidence)` from before the changes of `learn` were applied.
        data: The session with the changes applied.

    Returns:
        (name, value told before or None, value now); `language` has 1.0 for a language asked for,
        `learned_preferences` says which.
    """
    moves: list[tuple[str, float | None, float]] = []
    for name in ANNOUNCED:
        now, old = data.evidence.get(f"told.{name}"), evidence_before.get(f"told.{name}")
        if now is not None and now.value is not None and (old is None or now.count != old.count):
            moves.append((name, old.value if old else None, round(now.value, 4)))
    wish, before = wished_language(data.evidence), wished_language(evidence_before)
    if wish and (before is None or wish[0] != before[0]):
        moves.append(("language", None, 1.0))
    return moves
