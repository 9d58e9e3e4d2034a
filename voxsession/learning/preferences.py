"""Learning how a person likes to talk, message by message.

Each message adds increments to decayed means, so a message costs the same at
any length of history and replay gives the same numbers. What a user asks for
outright is strong evidence, and stands beside the statistics until another wish
replaces it (`wish.formality`). What the user or the app sets by hand is a
`PreferenceSet` and never made here.
"""

from __future__ import annotations

import math

from voxsession.core.change import Change
from voxsession.core.message import Message
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import EvidenceAdded
from voxsession.core.session_data import SessionData
from voxsession.learning.adaptation import adaptation_lines
from voxsession.learning.estimates import (
    ANNOUNCED,
    estimate,
    explain_preference,
    has_moved,
    learned_moves,
    learned_preferences,
)
from voxsession.learning.features import features_of, word_count
from voxsession.learning.names import KINDS, canonical_name, check_preference
from voxsession.learning.topics import topics_of
from voxsession.learning.wishes import reply_pressure, wishes_of

__all__ = [
    "DECAY",
    "STRONG_WEIGHT",
    "WISH_WEIGHT",
    "adaptation_lines",
    "canonical_name",
    "check_preference",
    "explain_preference",
    "learn",
    "learned_moves",
    "learned_preferences",
]

#: What is left of earlier evidence after one more message: the last 30 messages make up 64 % of the weight.
DECAY = 1 - 1 / 30
#: A wish is worth this many messages in the statistics,
STRONG_WEIGHT = 20.0
#: and this many beside them while it stands: more than statistics can ever weigh (30, and 20 of the wish itself).
WISH_WEIGHT = 60.0
#: A message of this many words says all that one message can say about formality and technical level.
_TELLING_WORDS = 8
_SLOWEST_WPM, _FASTEST_WPM = 20.0, 400.0

Increments = dict[str, tuple[float, float]]


def learn(
    data: SessionData, message: Message, *, previous: Message | None, reply: Message | None
) -> list[Change]:
    """What one message of the user teaches; nothing is written.

    The reply that the user went on from is `previous` where that is the assistant's, else `reply`, if it was
    said before the message. The cost does not depend on how much was said before.

    Args:
        data: The session, as it was before the message was learned from.
        message: The new message; of other roles than `user` nothing is learned.
        previous: The message before it in the conversation.
        reply: The assistant's latest message before it.

    Returns:
        One `EvidenceAdded`; a second one where a wish was spoken or a value moved so far that it is told;
        an empty list when there is nothing to learn.

    Example:
        >>> from datetime import datetime, UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s1", created_at=start, updated_at=start)
        >>> said = Message(id="m1", conversation_id="c1", role="user", content="Please be formal.", at=start)
        >>> for change in learn(data, said, previous=None, reply=None):
        ...     change.apply(data)
        >>> learned_preferences(data)["formality_score"] > 0.9, adaptation_lines(data)
        (True, ['Use formal language.'])
    """
    text = message.content or ""
    if message.role != "user" or message.redacted or not text.strip():
        return []
    increments = _statistics(message, text)
    _add_reply(increments, message, text, previous, reply)
    standing: Increments = {}
    for wish in wishes_of(text):
        if wish.standing:
            standing[f"wish.{wish.name}"] = (wish.value, WISH_WEIGHT)
        if not wish.name.startswith("language."):
            _add(increments, wish.name, wish.value, STRONG_WEIGHT)
    standing |= _told(data, increments, standing)
    changes: list[Change] = [
        EvidenceAdded(
            at=message.at, message_id=message.id, increments=increments, topics=topics_of(text), decay=DECAY
        )
    ]
    if standing:
        # Nothing is left of what stood there before: the latest wish counts.
        changes.append(EvidenceAdded(at=message.at, message_id=message.id, increments=standing, decay=0.0))
    return changes


def _statistics(message: Message, text: str) -> Increments:
    """What the message itself shows."""
    features = features_of(text)
    telling = min(1.0, max(0.15, features.words / _TELLING_WORDS))
    increments: Increments = {
        "verbosity": (features.verbosity, 1.0),
        "message_length": (float(features.words), 1.0),
        "language.en": (1.0 if features.language == "en" else 0.0, telling),
    }
    if features.formality is not None and features.technical_level is not None:
        increments["formality"] = (features.formality, telling)
        increments["technical_level"] = (features.technical_level, telling)
    for kind in KINDS:
        increments[f"kind.{kind}"] = (1.0 if kind == features.kind else 0.0, 1.0)
    seconds = _seconds(message)
    if seconds and _SLOWEST_WPM <= (pace := features.words * 60 / seconds) <= _FASTEST_WPM:
        increments["speaking_pace"] = (round(pace, 2), round(min(1.0, seconds / 5), 3))
    return increments


def _seconds(message: Message) -> float | None:
    """How long the message took to say, where the app says so."""
    metadata = message.metadata or {}
    value = metadata.get("duration_seconds", metadata.get("audio_duration_seconds"))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value < 36_000 and math.isfinite(value) else None


def _add_reply(
    increments: Increments, message: Message, text: str, previous: Message | None, reply: Message | None
) -> None:
    """How long the reply was that the user went on from, cut off, or asked to have shorter or longer."""
    answered = next(
        (
            said
            for said in (previous, reply)
            if said is not None and said.role == "assistant" and said.content and said.at <= message.at
        ),
        None,
    )
    if answered is None:
        return
    pressure = reply_pressure(text)
    words = float(word_count(answered.content or ""))
    # What was heard before an interruption was long enough, if anything; what was gone on from was about right.
    value, weight = (words, 0.3) if answered.interrupted else (words, 1.0)
    if pressure:
        value, weight = words * (0.6 if pressure < 0 else 1.6), 3.0
    increments["response_length"] = (round(value, 2), weight)
    push = float(pressure or -int(answered.interrupted))
    increments["length_pressure"] = (push, 1.0)


def _add(increments: Increments, name: str, value: float, weight: float) -> None:
    """Puts one more piece of evidence to what the message says already."""
    old_value, old_weight = increments.get(name, (0.0, 0.0))
    total = old_weight + weight
    increments[name] = (round((old_value * old_weight + value * weight) / total, 6), total)


def _told(data: SessionData, increments: Increments, standing: Increments) -> Increments:
    """The values that will have moved by more than their noise since they were last told."""
    after = {
        name: _grown(data.evidence.get(name), *increments[name], DECAY)
        for name in ANNOUNCED
        if name in increments
    }
    for name in ANNOUNCED:
        if f"wish.{name}" in standing:
            after[f"wish.{name}"] = _grown(None, *standing[f"wish.{name}"], 0.0)
        elif (wish := data.evidence.get(f"wish.{name}")) is not None:
            after[f"wish.{name}"] = wish
    told: Increments = {}
    for name in ANNOUNCED:
        if name not in increments:
            continue
        value, weight = estimate(after, name)
        last = data.evidence.get(f"told.{name}")
        if value is not None and has_moved(name, last.value if last else None, value, weight):
            told[f"told.{name}"] = (round(value, 4), 1.0)
    return told


def _grown(old: Evidence | None, value: float, weight: float, decay: float) -> Evidence:
    old = old or Evidence()
    return Evidence(total=old.total * decay + value * weight, weight=old.weight * decay + weight)
