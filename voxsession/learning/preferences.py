"""Learning how a person likes to talk, message by message.

Each message adds increments to decayed means, so a message costs the same at
any length of history and replay gives the same numbers. What a user asks for
outright stands beside the statistics until it is replaced or taken back
(`wish.formality`). What the user or the app sets by hand is a
`PreferenceSet` and never made here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from voxsession.core.change import Change
from voxsession.core.message import Message
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import EvidenceAdded
from voxsession.core.session_data import SessionData
from voxsession.learning.adaptation import adaptation_lines
from voxsession.learning.estimates import (
    ANNOUNCED,
    HALF_LIFE_SECONDS,
    has_moved,
    learned_moves,
    learned_preferences,
    standing_wish,
)
from voxsession.learning.explanation import explain_preference
from voxsession.learning.features import MessageFeatures, features_of
from voxsession.learning.hours import hour_name
from voxsession.learning.names import KINDS, canonical_name, check_preference
from voxsession.learning.pace import pace_evidence
from voxsession.learning.reply_lengths import reply_evidence
from voxsession.learning.topics import topics_of
from voxsession.learning.wishes import Wish, wishes_of

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
DECAY: Final = 1 - 1 / 30
#: What is asked for in passing is worth this many messages,
STRONG_WEIGHT: Final = 20.0
#: and a wish that stands as many as make it certain.
WISH_WEIGHT: Final = 60.0
#: A message of this many words says all that one message can say about formality and technical level.
_TELLING_WORDS = 8
#: A language that is hardly ever written any more is not weighed down further.
_GONE = 0.02
#: Clocks differ by this; of two wishes that lie further apart the later moment counts, however they came in.
_JITTER = timedelta(minutes=1)
_LANGUAGE = "wish.language"

Increments = dict[str, tuple[float, float]]


def learn(
    data: SessionData,
    message: Message,
    *,
    previous: Message | None,
    reply: Message | None,
    now: datetime | None = None,
) -> list[Change]:
    """What one message of the user teaches; nothing is written.

    The reply that the user went on from is `previous` where that is the assistant's, else `reply`, if it was
    said before the message. The cost does not depend on how much was said before.

    Args:
        data: The session, as it was before the message was learned from.
        message: The new message; of other roles than `user` nothing is learned.
        previous: The message before it in the conversation.
        reply: The assistant's latest message before it.
        now: The present moment (aware): a message that says it is from later counts as of now.

    Returns:
        One `EvidenceAdded`; a second one where a wish was spoken or a value moved so far that it is told;
        an empty list when there is nothing to learn.

    Example:
        >>> from datetime import UTC
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
    at = message.at if now is None else min(message.at, now)
    features = features_of(text)
    increments = _shown(data, features) | pace_evidence(
        message, features.words, _before(message, previous, reply)
    )
    increments |= reply_evidence(message, _answered(message, previous, reply))
    wishes = [wish for wish in wishes_of(text) if not _is_outdated(data, wish, at)]
    for wish in wishes:
        if not wish.standing and wish.value is not None:
            _add(increments, wish.name, wish.value, STRONG_WEIGHT)
    standing = _standing(data, wishes)
    standing |= _told(data, increments, standing)
    topics = topics_of(text)
    if topics:
        increments["topics"] = (float(len(topics)), 1.0)
    zone = str(data.config.get("timezone", "UTC"))
    changes: list[Change] = [
        EvidenceAdded(
            at=at,
            message_id=message.id,
            increments=increments,
            topics=topics,
            decay=DECAY,
            half_life_seconds=HALF_LIFE_SECONDS,
            tallies={hour_name(at, zone): 1.0},
        )
    ]
    if standing:
        # Nothing is left of what stood there before: the latest wish counts.
        moment = _after_wishes(data, wishes, at)
        changes.append(EvidenceAdded(at=moment, message_id=message.id, increments=standing, decay=0.0))
    return changes


def _before(message: Message, previous: Message | None, reply: Message | None) -> Message | None:
    """The later of the two messages that came before this one."""
    said = [one for one in (previous, reply) if one is not None and one.at <= message.at]
    return max(said, key=lambda one: one.at, default=None)


def _answered(message: Message, previous: Message | None, reply: Message | None) -> Message | None:
    """The reply that the user went on from."""
    for said in (previous, reply):
        if said is not None and said.role == "assistant" and said.content and said.at <= message.at:
            return said
    return None


def _shown(data: SessionData, features: MessageFeatures) -> Increments:
    """What the message itself shows."""
    telling = min(1.0, max(0.15, features.words / _TELLING_WORDS))
    increments: Increments = {
        "verbosity": (features.verbosity, 1.0),
        "message_length": (float(features.words), 1.0),
    }
    if features.formality is not None and features.technical_level is not None:
        increments["formality"] = (features.formality, telling)
        increments["technical_level"] = (features.technical_level, telling)
    for kind in KINDS:
        increments[f"kind.{kind}"] = (1.0 if kind == features.kind else 0.0, 1.0)
    increments["language.en"] = (0.0, telling)
    for name, found in data.evidence.items():
        if name.startswith("language.") and (found.value or 0.0) > _GONE:
            increments[name] = (0.0, telling)
    if features.language is not None:
        increments[f"language.{features.language}"] = (1.0, telling)
    return increments


def _standing(data: SessionData, wishes: list[Wish]) -> Increments:
    """What stands from now on; what was taken back weighs nothing."""
    standing: Increments = {}
    for wish in wishes:
        if not wish.standing:
            continue
        standing[f"wish.{wish.name}"] = (0.0, 0.0) if wish.value is None else (wish.value, WISH_WEIGHT)
        if wish.name.partition(".")[0] == "language" and wish.value != 0.0:
            # One language is asked for at a time, so that refusing it brings no older one back.
            others = [name for name in data.evidence if name.startswith(f"{_LANGUAGE}.")]
            standing |= {name: (0.0, 0.0) for name in others if name != f"wish.{wish.name}"}
    return standing


def _wish_times(data: SessionData, name: str) -> list[datetime]:
    """When anything was wished about what a wish is about; all languages are one."""
    about = f"wish.{name.partition('.')[0]}"
    return [
        found.last_at
        for one, found in data.evidence.items()
        if found.last_at is not None and (one == about or one.startswith(f"{about}."))
    ]


def _is_outdated(data: SessionData, wish: Wish, at: datetime) -> bool:
    """Whether something else was wished about it later, as when an old transcript comes in."""
    return wish.standing and any(time > at + _JITTER for time in _wish_times(data, wish.name))


def _after_wishes(data: SessionData, wishes: list[Wish], at: datetime) -> datetime:
    """A moment after what was wished about the same so far: of two close ones the one that came in last counts."""
    times = [time for wish in wishes for time in _wish_times(data, wish.name)]
    return max([at, *(time + timedelta(microseconds=1) for time in times)])


def _add(increments: Increments, name: str, value: float, weight: float) -> None:
    """Puts one more piece of evidence to what the message says already."""
    old_value, old_weight = increments.get(name, (0.0, 0.0))
    total = old_weight + weight
    increments[name] = (round((old_value * old_weight + value * weight) / total, 6), total)


def _told(data: SessionData, increments: Increments, standing: Increments) -> Increments:
    """The values that will have moved by more than their noise since they were last told."""
    told: Increments = {}
    for name in ANNOUNCED:
        if name not in increments and f"wish.{name}" not in standing:
            continue
        value, weight = _after(data, name, increments, standing)
        last = data.evidence.get(f"told.{name}")
        if value is not None and has_moved(name, last.value if last else None, value, weight):
            told[f"told.{name}"] = (round(value, 4), 1.0)
    return told


def _after(
    data: SessionData, name: str, increments: Increments, standing: Increments
) -> tuple[float | None, float]:
    """What `estimate` will give once the increments are in; the time between messages is left out of it."""
    wish = standing.get(f"wish.{name}")
    if wish is None:
        if (stands := standing_wish(data.evidence, name)) is not None:
            return stands.value, stands.weight
    elif wish[1] > 0:
        return wish
    old = data.evidence.get(name) or Evidence()
    value, weight = increments.get(name, (0.0, 0.0))
    after = old.weight * DECAY + weight
    return ((old.total * DECAY + value * weight) / after, after) if after > 0 else (None, 0.0)
