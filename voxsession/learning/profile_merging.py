"""One profile of several: the more a number rests on, and the newer that is, the more it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from voxsession.core.types import encode_canonical
from voxsession.learning.names import LEARNED
from voxsession.learning.profile_bounds import MAX_NAMES, newest_acts
from voxsession.learning.profile_fields import WISH, ProfileEvidence, evidence_of

__all__ = ["merged_fields", "strongest"]

#: Of two profiles, evidence that is this much older counts half.
_HALF_LIFE_DAYS = 90.0
_MAX_TOPICS = 50
#: Two wishes that lie further apart than this ask for different things.
_SAME_WISH = 0.2


class Taught(Protocol):
    """What a profile says of a person, as far as merging asks."""

    @property
    def preferences(self) -> Mapping[str, Any]:
        """What was set by hand."""

    @property
    def set_at(self) -> Mapping[str, datetime]:
        """When it was set, or taken back."""

    @property
    def evidence(self) -> Mapping[str, ProfileEvidence]:
        """What was learned."""

    @property
    def topics(self) -> Mapping[str, float]:
        """Key phrases with their weights."""

    @property
    def updated_at(self) -> datetime | None:
        """When it was last true."""

    @property
    def conflicts(self) -> Sequence[str]:
        """What was set differently before."""


def merged_fields(profiles: Iterable[Taught]) -> dict[str, Any]:
    """The arguments of the `SessionProfile` that these make; see `SessionProfile.merge`."""
    found = sorted(profiles, key=lambda profile: _time_key(profile.updated_at))
    preferences, set_at, conflicts = _by_hand(found)
    names = dict.fromkeys(name for profile in found for name in profile.evidence)
    parts = {name: [p.evidence[name] for p in found if name in p.evidence] for name in names}
    for name in _contested(parts):
        conflicts.setdefault(name)
    return {
        "preferences": preferences,
        "set_at": set_at,
        "evidence": {name: _mean(name, parts[name]) for name in names} | _languages(parts),
        "topics": _topics(found),
        "updated_at": found[-1].updated_at if found else None,
        "conflicts": [name for name in conflicts if name in LEARNED or name in preferences][:MAX_NAMES],
    }


def strongest(topics: Mapping[str, float]) -> dict[str, float]:
    """The weightiest topics, as many as a profile holds."""
    best = sorted(topics, key=lambda topic: (-topics[topic], topic))[:_MAX_TOPICS]
    return {topic: topics[topic] for topic in best}


def _by_hand(found: Sequence[Taught]) -> tuple[dict[str, Any], dict[str, datetime], dict[str, None]]:
    """What was set by hand, the latest act of each; when it was; what was set to different values."""
    conflicts = {name: None for profile in found for name in profile.conflicts}
    acts: dict[str, list[tuple[float, bytes, Any, datetime | None]]] = {}
    for profile in found:
        for name in {**profile.preferences, **profile.set_at}:
            at = profile.set_at.get(name, profile.updated_at)
            value = profile.preferences.get(name)  # None: it was taken back
            written = b"" if value is None else encode_canonical([value])
            acts.setdefault(name, []).append((_time_key(at), written, value, at))
    preferences, set_at = {}, {}
    for name, given in acts.items():
        # Of two of one moment the choice must not hang on the order they were given in.
        _, _, value, at = max(given, key=lambda one: one[:2])
        if value is not None:
            preferences[name] = value
        if at is not None:
            set_at[name] = at
        if len({one[1] for one in given} - {b""}) > 1:
            conflicts.setdefault(name)
    return *newest_acts(preferences, set_at), conflicts


def _contested(parts: Mapping[str, Sequence[ProfileEvidence]]) -> list[str]:
    """What was asked for differently: "be formal" here, "be casual" there, or two languages."""
    contested = []
    languages = 0
    for name, found in parts.items():
        if name.startswith(f"{WISH}language."):
            languages += any(part.value > 0.5 for part in found)
        elif name.startswith(WISH):
            values = [part.value for part in found if part.weight > 0]  # what was taken back asks for nothing
            if values and max(values) - min(values) > _SAME_WISH * max(1.0, *values):
                contested.append(name.removeprefix(WISH))
    return [*contested, "language"] if languages > 1 else contested


def _mean(name: str, parts: Sequence[ProfileEvidence]) -> ProfileEvidence:
    newest = max(parts, key=lambda part: (_time_key(part.last_at), part.weight, part.value))
    if len(parts) == 1 or name.startswith(WISH):
        return newest
    shares = [part.weight * _recency(part.last_at, newest.last_at) for part in parts]
    weight = sum(shares)
    values = [part.value for part in parts]
    mean = (
        sum(v * share for v, share in zip(values, shares, strict=True)) / weight
        if weight > 0
        else newest.value
    )
    # Of tiny weights rounding makes any mean.
    mean = min(max(values), max(min(values), mean))
    return evidence_of(name, mean, weight, count=sum(part.count for part in parts), last_at=newest.last_at)


def _languages(parts: Mapping[str, Sequence[ProfileEvidence]]) -> dict[str, ProfileEvidence]:
    """The languages that were asked for and replaced, or taken back, as what weighs nothing.

    One is asked for at a time, but a session that did not know of an earlier wish says nothing of it.
    """
    about = f"{WISH}language"
    acts = [
        (_time_key(part.last_at), part.value, name, part)
        for name, found in parts.items()
        if name == about or name.startswith(f"{about}.")
        for part in found
    ]
    current: str | None = None
    latest: dict[str, ProfileEvidence] = {}
    for _, value, name, part in sorted(acts, key=lambda act: act[:3]):
        latest[name] = part
        if value > 0.5:
            current = name
        elif name in (current, about):
            current = None
    return {
        name: ProfileEvidence(value=0.0, weight=0.0, count=part.count, last_at=part.last_at)
        for name, part in latest.items()
        if name != current and part.value > 0.5
    }


def _topics(found: Sequence[Taught]) -> dict[str, float]:
    topics: dict[str, float] = {}
    for profile in found:
        share = _recency(profile.updated_at, found[-1].updated_at)
        for topic, weight in profile.topics.items():
            topics[topic] = topics.get(topic, 0.0) + weight * share
    return strongest(topics)


def _recency(at: datetime | None, newest: datetime | None) -> float:
    """What is left of evidence beside the newest; what has no time counts half."""
    if at is None or newest is None:
        return 1.0 if newest is None else 0.5
    return float(0.5 ** ((newest - at).total_seconds() / 86_400 / _HALF_LIFE_DAYS))


def _time_key(at: datetime | None) -> float:
    return float("-inf") if at is None else at.timestamp()
