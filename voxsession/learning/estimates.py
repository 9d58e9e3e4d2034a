"""Reading what was learned: values, how sure they are, and when one has moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from voxsession.core.preference import Evidence
from voxsession.core.session_data import SessionData
from voxsession.learning.hours import active_hours
from voxsession.learning.names import KINDS, LENGTHS, PUBLIC_NAMES, SCORES, UNSETTABLE, canonical_name

__all__ = [
    "ANNOUNCED",
    "HALF_LIFE_SECONDS",
    "confidence_of",
    "estimate",
    "hand_set",
    "has_moved",
    "learned_moves",
    "learned_preferences",
    "sources_of",
    "spoken_language",
    "standing_wish",
    "top_topics",
    "wished_language",
]

#: What a message showed counts half after this time: long enough for a holiday, short enough to follow a life.
HALF_LIFE_SECONDS: Final = 90 * 86_400.0
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


def standing_wish(evidence: Mapping[str, Evidence], name: str) -> Evidence | None:
    """What the user asked for and has not taken back; None where nothing stands."""
    found = evidence.get(f"wish.{name}")
    return found if found is not None and found.weight > 0 else None


def estimate(
    evidence: Mapping[str, Evidence], name: str, now: datetime | None = None
) -> tuple[float | None, float]:
    """The value of one learned number with its weight in messages.

    Args:
        evidence: of the session.
        name: such as `formality`.
        now: the moment up to which evidence has faded (aware); None = no time has passed since the latest of it.

    Returns:
        What was asked for, while that stands; else the mean of what messages showed, None without any.
    """
    found = standing_wish(evidence, name)
    if found is not None:
        return found.value, found.weight
    found = evidence.get(name)
    if found is None or found.weight <= 0:
        return None, 0.0
    return found.value, found.weight if now is None else found.weight_at(now, HALF_LIFE_SECONDS)


def confidence_of(weight: float) -> float:
    """How sure an estimate of this weight in messages is: 0 without any, 0.5 at five, towards 1."""
    return round(weight / (weight + _ENOUGH), 3) if weight > 0 else 0.0


def hand_set(data: SessionData) -> dict[str, Any]:
    """What was set by hand, under the names of the document."""
    named = {canonical_name(name): value for name, value in data.preferences.items()}
    return {name: value for name, value in named.items() if name not in UNSETTABLE}


def wished_language(evidence: Mapping[str, Evidence]) -> tuple[str, Evidence] | None:
    """The code of the language that was asked for last, with the evidence for it."""
    wishes = [
        (name.removeprefix("wish.language."), found)
        for name, found in evidence.items()
        if name.startswith("wish.language.") and (found.value or 0.0) > 0.5
    ]
    return max(wishes, key=lambda wish: (wish[1].last_at is not None, wish[1].last_at), default=None)


def spoken_language(evidence: Mapping[str, Evidence]) -> tuple[str, Evidence] | None:
    """The code of the language that most of the latest messages are in, with the evidence for it."""
    for name, found in evidence.items():
        if name.startswith("language.") and found.weight >= 2 and (found.value or 0.0) > 0.6:
            return name.removeprefix("language."), found
    return None


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
        estimate(data.evidence, name)[0]
        for name in (pace_name(data.evidence), "message_length", "response_length")
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
    known["active_hours"] = active_hours(data.evidence, HALF_LIFE_SECONDS)
    known |= {PUBLIC_NAMES.get(name, name): value for name, value in hand_set(data).items()}
    known["topic_weights"] = {topic: round(data.topics.get(topic, 0.0), 3) for topic in known["topics"]}
    return known


def top_topics(data: SessionData, limit: int) -> list[str]:
    """The topics by weight, the weightiest first."""
    return sorted((t for t, w in data.topics.items() if w > 0), key=lambda t: (-data.topics[t], t))[:limit]


def pace_name(evidence: Mapping[str, Evidence]) -> str:
    """The evidence that the pace is read from: what was measured on speech, else what the clock says."""
    known = standing_wish(evidence, "speaking_pace") or evidence.get("speaking_pace")
    return "message_pace" if known is None and "message_pace" in evidence else "speaking_pace"


def sources_of(evidence: Mapping[str, Evidence], known: str) -> list[str]:
    """The evidence that a preference is read from, what stands by itself first."""
    if known == "language":
        wish, spoken = wished_language(evidence), spoken_language(evidence)
        return (
            [f"wish.language.{wish[0]}"] if wish else [f"language.{spoken[0]}"] if spoken else ["language.en"]
        )
    if known == "interaction_style":
        style = _style(evidence)
        return [f"kind.{kind}" for kind in KINDS if _STYLES[kind] == style]
    if known == "speaking_pace" and standing_wish(evidence, known) is None:
        return [pace_name(evidence)]
    if known == "active_hours":
        return [name for name in evidence if name.startswith("hour.")]
    return [f"wish.{known}"] if standing_wish(evidence, known) else [known]


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
    known = wished_language(evidence) or spoken_language(evidence)
    return known[0] if known else None


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
        (name, value told before or None, value now); `language` has 1.0 for a language asked for and 0.0 for one
        that is not asked for any more, `learned_preferences` says which counts now.
    """
    moves: list[tuple[str, float | None, float]] = []
    for name in ANNOUNCED:
        now, old = data.evidence.get(f"told.{name}"), evidence_before.get(f"told.{name}")
        if now is not None and now.value is not None and (old is None or now.count != old.count):
            moves.append((name, old.value if old else None, round(now.value, 4)))
    wish, before = wished_language(data.evidence), wished_language(evidence_before)
    if (wish and wish[0]) != (before and before[0]):
        moves.append(("language", 1.0 if before else None, 1.0 if wish else 0.0))
    return moves
