"""From a session to a profile, and from a profile to a session that begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from voxsession.core.change import Change
from voxsession.core.envelope import stamp
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import SEED, EvidenceAdded, PreferenceSet, ProfileApplied
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.learning.estimates import ANNOUNCED, estimate, wished_language
from voxsession.learning.privacy import tellable
from voxsession.learning.profile_bounds import newest_acts
from voxsession.learning.profile_fields import WISH, ProfileEvidence, evidence_of
from voxsession.learning.profile_merging import strongest
from voxsession.learning.profiles import SessionProfile

__all__ = ["profile_of", "seed_changes", "taught_by"]

#: A profile of many sessions must not weigh more than one session's evidence: it could not be outweighed in time.
_SEEDED_WEIGHT = 50.0
#: What was told to this session's handlers, and what it began with, is no trait of the person.
_TOLD = "told."
_PRIVATE = (_TOLD, SEED)
#: One message gives a topic no more than this, so what is above came up twice: no profile repeats a single remark.
_ONCE = 1.001
_LEAST_WEIGHT = 1e-6
_NOTHING = Evidence()


def profile_of(data: SessionData, *, topics: bool = True) -> SessionProfile:
    """What a session knows of its person, without message texts and ids.

    Args:
        data: The session.
        topics: Whether key phrases are in it: those that came up more than once, and hold no word of what is, or
            was, remembered as sensitive, or of names, places, contacts, relations and health.

    Returns:
        The profile.
    """
    preferences, set_at = newest_acts(data.preferences, data.preference_times)
    return SessionProfile(
        preferences=preferences,
        set_at=set_at,
        evidence={
            name: _told(name, found)
            for name, found in data.evidence.items()
            if (found.value is not None or name.startswith(WISH)) and not name.startswith(_PRIVATE)
        },
        topics=_told_topics(data.topics, data) if topics else {},
        updated_at=data.updated_at,
    )


def seed_changes(profile: SessionProfile, at: datetime) -> list[Change]:
    """The changes that give a new session what a profile knows; on one that learned already they add to it.

    Args:
        profile: The profile.
        at: When it is applied (aware, UTC).

    Returns:
        One `PreferenceSet` for each value set by hand, then `EvidenceAdded`, then the note of what came with the
        profile; none for an empty profile.
    """
    changes: list[Change] = [
        PreferenceSet(at=at, name=name, value=value, set_at=profile.set_at.get(name))
        for name, value in profile.preferences.items()
    ]
    sums = {
        name: (found.value, min(found.weight, _SEEDED_WEIGHT))
        for name, found in profile.evidence.items()
        if not name.startswith(WISH)
    }
    if sums or profile.topics:
        came = {f"{SEED}{name}": part for name, part in sums.items()}
        changes.append(EvidenceAdded(at=at, increments={**sums, **came}, topics=dict(profile.topics)))
    standing = _standing(profile)
    if standing:
        changes.append(EvidenceAdded(at=at, increments=standing, decay=0.0))
    if changes:
        changes.append(ProfileApplied(at=at, known=_known(profile, standing, at)))
    return changes


def taught_by(data: SessionData) -> SessionProfile:
    """What a session itself learned of its person: what it knows, less the profile that it began with.

    Args:
        data: The session.

    Returns:
        The profile; empty for a session that learned nothing.
    """
    known: dict[str, Any] = data.extra.get("profile") or {}
    whole = profile_of(data)
    came_set, came_topics = known.get("set_at", {}), known.get("topics", {})
    own_topics = {t: w - came_topics.get(t, 0.0) for t, w in data.topics.items()}
    numbers = {
        name: _own(name, found, data)
        for name, found in data.evidence.items()
        if not name.startswith(_PRIVATE)
    }
    came = known.get("wishes", ())
    spoken = {
        name: evolve(found, count=found.count - (name in came))
        for name, found in data.evidence.items()
        if name.startswith(WISH)
    }
    own_hand = {
        name: value
        for name, value in whole.preferences.items()
        if name not in came_set or came_set[name] != _moment(whole.set_at.get(name))
    }
    return SessionProfile(
        preferences=own_hand,
        set_at={
            name: at
            for name, at in whole.set_at.items()
            if name in own_hand or name not in whole.preferences  # taken back: also for later sessions
        },
        evidence={name: found for name, found in numbers.items() if found is not None}
        | {name: _told(name, found) for name, found in spoken.items() if found.count > 0},
        topics=_told_topics(own_topics, data),
        updated_at=data.updated_at,
    )


def _told_topics(topics: Mapping[str, float], data: SessionData) -> dict[str, float]:
    often = {topic: weight for topic, weight in topics.items() if weight > _ONCE}
    return strongest({topic: often[topic] for topic in tellable(often, data)}) if often else {}


def _standing(profile: SessionProfile) -> dict[str, tuple[float, float]]:
    """What stands until something else is asked for, and what need not be told as learned."""
    evidence = {
        name: Evidence(total=found.value * found.weight, weight=found.weight, last_at=found.last_at)
        for name, found in profile.evidence.items()
    }
    standing = {
        name: (found.value, found.weight)
        for name, found in profile.evidence.items()
        if name.startswith(WISH) and found.weight > 0 and not name.startswith(f"{WISH}language.")
    }
    if language := wished_language(evidence):
        # Only the latest: all that is seeded has one time, which would not tell which it was.
        standing[f"{WISH}language.{language[0]}"] = (1.0, language[1].weight)
    for name in ANNOUNCED:
        # What came with the profile is nothing that this session learned, so it is not told as such.
        value, _ = estimate(evidence, name)
        if value is not None:
            standing[f"{_TOLD}{name}"] = (round(value, 4), 1.0)
    return standing


def _known(profile: SessionProfile, standing: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """What `taught_by` has to take off again; no values of what was set by hand, only when that was."""
    return {
        "set_at": {name: _moment(profile.set_at.get(name, at)) for name in profile.preferences},
        "wishes": [name for name in standing if name.startswith(WISH)],
        "topics": dict(profile.topics),
    }


def _own(name: str, found: Evidence, data: SessionData) -> ProfileEvidence | None:
    """What the session added to a number that came with its profile, if it did; None for nothing."""
    came = data.evidence.get(f"{SEED}{name}") or _NOTHING
    weight = found.weight - came.weight
    added = found.count - (1 if came.count else 0)  # the seed counted once
    if name.startswith(WISH) or added <= 0 or weight <= _LEAST_WEIGHT:
        return None
    mean = (found.total - came.total) / weight
    return evidence_of(name, mean, weight, count=added, last_at=found.last_at)


def _told(name: str, found: Evidence) -> ProfileEvidence:
    """A learned number; a wish that was taken back weighs nothing, and takes it back for others as well."""
    return evidence_of(name, found.value or 0.0, found.weight, count=found.count, last_at=found.last_at)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)
