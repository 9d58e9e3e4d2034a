"""A person's learned preferences, apart from any session: to carry over, keep, merge and seed with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs

from voxsession.core.change import Change
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import EvidenceAdded, PreferenceSet
from voxsession.core.session_data import SessionData
from voxsession.core.types import as_utc, check_number, check_text, decode_json, encode_json
from voxsession.errors import ConfigurationError, UnsupportedFormatError
from voxsession.learning.estimates import ANNOUNCED, estimate, wished_language
from voxsession.learning.names import LEARNED, SCORES, canonical_name, check_preference

__all__ = ["ProfileEvidence", "SessionProfile", "profile_of", "seed_changes"]

#: Of two profiles, evidence that is this much older counts half.
_HALF_LIFE_DAYS = 90.0
_MAX_TOPICS = 50
_MAX_WEIGHT = 1e6
#: A profile of many sessions must not weigh more than one session's evidence: it could not be outweighed in time.
_SEEDED_WEIGHT = 50.0
#: What was told to this session's handlers is no trait of the person.
_PRIVATE_PREFIX = "told."
_WISH = "wish."
_FIELDS: Final = ("version", "updated_at", "preferences", "evidence", "topics", "conflicts")
_EVIDENCE_FIELDS: Final = ("value", "weight", "count", "last_at")


@attrs.define(frozen=True, slots=True, kw_only=True)
class ProfileEvidence:
    """One learned number.

    Attributes:
        value: in the preference's unit.
        weight: how many messages it is worth, as they decay.
        count: messages that added to it.
        last_at: when the latest of them was said; None where that is not known.
    """

    value: float
    weight: float
    count: int = 1
    last_at: datetime | None = None


@attrs.define(frozen=True, slots=True, kw_only=True, repr=False)
class SessionProfile:
    """What a person likes, without a word of what was said and without ids.

    Topics are in it: they are key phrases of what the person talked about.

    Attributes:
        preferences: what was set by hand, under the names of the document.
        evidence: what was learned, by name.
        topics: key phrase -> weight.
        updated_at: when it was last true (aware, UTC); None where that is not known.
        conflicts: names that the profiles which this one was merged from set to different values.

    Example:
        >>> profile = SessionProfile(preferences={"formality": "casual"})
        >>> SessionProfile.from_dict(profile.to_dict()) == profile
        True
    """

    FORMAT: ClassVar[int] = 1

    preferences: dict[str, Any] = attrs.field(factory=dict)
    evidence: dict[str, ProfileEvidence] = attrs.field(factory=dict)
    topics: dict[str, float] = attrs.field(factory=dict)
    updated_at: datetime | None = None
    conflicts: list[str] = attrs.field(factory=list)

    def __repr__(self) -> str:
        # Values and topics are private.
        return f"SessionProfile(preferences={sorted(self.preferences)}, evidence={sorted(self.evidence)})"

    @staticmethod
    def merge(profiles: Iterable[SessionProfile]) -> SessionProfile:
        """One profile of several; the order does not matter where all have times.

        Numbers are means, weighted by evidence and by how recent it is (90 days halve it). Of what was
        asked for or set by hand, the value of the newest profile counts, and what differs is listed.

        Args:
            profiles: Any number; of none comes an empty profile.

        Returns:
            A new profile.
        """
        found = sorted(profiles, key=lambda profile: _time_key(profile.updated_at))
        preferences: dict[str, Any] = {}
        conflicts: dict[str, None] = {}
        for profile in found:
            for name in profile.conflicts:
                conflicts[name] = None
            for name, value in profile.preferences.items():
                if name in preferences and preferences[name] != value:
                    conflicts[name] = None
                preferences[name] = value
        topics: dict[str, float] = {}
        for profile in found:
            for topic, weight in profile.topics.items():
                topics[topic] = topics.get(topic, 0.0) + weight
        names = dict.fromkeys(name for profile in found for name in profile.evidence)
        return SessionProfile(
            preferences=preferences,
            evidence={
                name: _merged(name, [p.evidence[name] for p in found if name in p.evidence]) for name in names
            },
            topics=_strongest(topics),
            updated_at=found[-1].updated_at if found else None,
            conflicts=list(conflicts),
        )

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON-ready data, with its format version."""
        return {
            "version": self.FORMAT,
            "updated_at": _stamp(self.updated_at),
            "preferences": dict(self.preferences),
            "evidence": {
                name: {
                    "value": found.value,
                    "weight": found.weight,
                    "count": found.count,
                    "last_at": _stamp(found.last_at),
                }
                for name, found in self.evidence.items()
            },
            "topics": dict(self.topics),
            "conflicts": list(self.conflicts),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SessionProfile:
        """The profile that `to_dict` gave, or one written by hand: every field may be left out.

        Raises:
            ConfigurationError: a field is unknown, of the wrong kind or out of range; it says what is allowed.
            UnsupportedFormatError: it was written by a newer version.

        Example:
            >>> SessionProfile.from_dict({"preferences": {"formality_score": "casual"}}).preferences
            {'formality': 'casual'}
        """
        data = _mapping("profile", data)
        version = data.get("version", cls.FORMAT)
        if isinstance(version, int) and version > cls.FORMAT:
            raise UnsupportedFormatError("The preference profile", found=version, newest=cls.FORMAT)
        check_number("profile.version", version, 1, cls.FORMAT, whole=True)
        _check_fields("profile", data, _FIELDS)
        preferences = _mapping("profile.preferences", data.get("preferences", {}))
        evidence = _mapping("profile.evidence", data.get("evidence", {}))
        topics = _mapping("profile.topics", data.get("topics", {}))
        conflicts = data.get("conflicts", [])
        if not isinstance(conflicts, (list, tuple)):
            raise ConfigurationError.out_of_range("profile.conflicts", conflicts, "a list of names is needed")
        return cls(
            preferences={
                canonical_name(check_text("profile.preferences", n)): check_preference(n, v)
                for n, v in preferences.items()
            },
            evidence={check_text("profile.evidence", n): _evidence(n, v) for n, v in evidence.items()},
            topics={
                check_text("profile.topics", n): float(check_number(f"profile.topics[{n!r}]", v, 0, 1e12))
                for n, v in topics.items()
            },
            updated_at=_time("profile.updated_at", data.get("updated_at")),
            conflicts=[check_text("profile.conflicts", name) for name in conflicts],
        )

    def to_json(self) -> str:
        """The profile as JSON text."""
        return encode_json(self.to_dict()).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> SessionProfile:
        """The profile of a JSON text.

        Raises:
            ConfigurationError: it is no JSON, or as `from_dict`.
            UnsupportedFormatError: it was written by a newer version.
        """
        try:
            data = decode_json(text)
        except ValueError as error:
            raise ConfigurationError(
                f"The preference profile is no JSON ({error}).", option="profile"
            ) from None
        return cls.from_dict(data)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the profile as a JSON file, readable by its owner only; an older file is replaced whole.

        Returns:
            The path written.
        """
        target = Path(path)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.to_json() + "\n")
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SessionProfile:
        """The profile of a file that `save` wrote; errors as `from_json`, and `OSError` where it cannot be read."""
        return cls.from_json(Path(path).read_bytes())


def profile_of(data: SessionData) -> SessionProfile:
    """What a session knows of its person, without message texts and ids.

    Args:
        data: The session.

    Returns:
        The profile.
    """
    return SessionProfile(
        preferences={canonical_name(name): value for name, value in data.preferences.items()},
        evidence={
            name: ProfileEvidence(
                value=found.value, weight=found.weight, count=found.count, last_at=found.last_at
            )
            for name, found in data.evidence.items()
            if found.value is not None and not name.startswith(_PRIVATE_PREFIX)
        },
        topics=_strongest({topic: weight for topic, weight in data.topics.items() if weight > 0}),
        updated_at=data.updated_at,
    )


def seed_changes(profile: SessionProfile, at: datetime) -> list[Change]:
    """The changes that give a new session what a profile knows; on one that learned already they add to it.

    Args:
        profile: The profile.
        at: When it is applied (aware, UTC).

    Returns:
        One `PreferenceSet` for each value set by hand, then `EvidenceAdded`; none for an empty profile.
    """
    changes: list[Change] = [
        PreferenceSet(at=at, name=name, value=value) for name, value in profile.preferences.items()
    ]
    sums = {
        name: (found.value, min(found.weight, _SEEDED_WEIGHT))
        for name, found in profile.evidence.items()
        if not name.startswith(_WISH)
    }
    if sums or profile.topics:
        changes.append(EvidenceAdded(at=at, increments=sums, topics=dict(profile.topics)))
    evidence = {
        name: Evidence(total=found.value * found.weight, weight=found.weight, last_at=found.last_at)
        for name, found in profile.evidence.items()
    }
    standing = {
        name: (found.value, found.weight)
        for name, found in profile.evidence.items()
        if name.startswith(_WISH) and not name.startswith(f"{_WISH}language.")
    }
    if language := wished_language(evidence):
        # Only the latest: all that is seeded has one time, which would not tell which it was.
        standing[f"{_WISH}language.{language[0]}"] = (1.0, language[1].weight)
    for name in ANNOUNCED:
        # What came with the profile is nothing that this session learned, so it is not told as such.
        value, _ = estimate(evidence, name)
        if value is not None:
            standing[f"{_PRIVATE_PREFIX}{name}"] = (round(value, 4), 1.0)
    if standing:
        changes.append(EvidenceAdded(at=at, increments=standing, decay=0.0))
    return changes


def _merged(name: str, parts: list[ProfileEvidence]) -> ProfileEvidence:
    newest = max(parts, key=lambda part: _time_key(part.last_at))
    if len(parts) == 1 or name.startswith(_WISH):
        return newest
    shares = [part.weight * _recency(part.last_at, newest.last_at) for part in parts]
    weight = sum(shares)
    values = [part.value for part in parts]
    mean = (
        sum(v * share for v, share in zip(values, shares, strict=True)) / weight
        if weight > 0
        else newest.value
    )
    return ProfileEvidence(
        # Of tiny weights rounding makes any mean.
        value=min(max(values), max(min(values), mean)),
        weight=min(weight, _MAX_WEIGHT),
        count=sum(part.count for part in parts),
        last_at=newest.last_at,
    )


def _recency(at: datetime | None, newest: datetime | None) -> float:
    """What is left of evidence beside the newest; what has no time counts half."""
    if at is None or newest is None:
        return 1.0 if newest is None else 0.5
    return float(0.5 ** ((newest - at).total_seconds() / 86_400 / _HALF_LIFE_DAYS))


def _strongest(topics: Mapping[str, float]) -> dict[str, float]:
    best = sorted(topics, key=lambda topic: (-topics[topic], topic))[:_MAX_TOPICS]
    return {topic: topics[topic] for topic in best}


def _time_key(at: datetime | None) -> float:
    return float("-inf") if at is None else at.timestamp()


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(option: str, value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return None if value is None else as_utc(option, value)
    try:
        return as_utc(option, datetime.fromisoformat(check_text(option, value)))
    except (ValueError, OverflowError):
        raise ConfigurationError.out_of_range(
            option, value, "a time such as 2026-05-01T10:00:00+00:00 is needed"
        ) from None


def _mapping(option: str, value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ConfigurationError.out_of_range(option, type(value).__name__, "an object with names is needed")


def _check_fields(option: str, data: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = next((name for name in data if name not in allowed), None)
    if unknown is not None:
        raise ConfigurationError.out_of_range(
            f"field of {option}", unknown, f"a {option} has the fields {', '.join(allowed)}"
        )


def _evidence(name: str, value: object) -> ProfileEvidence:
    option = f"profile.evidence[{name!r}]"
    fields = _mapping(option, value)
    _check_fields(option, fields, _EVIDENCE_FIELDS)
    if not _is_evidence(name):
        raise ConfigurationError.out_of_range(
            option, value, f"learned are {', '.join(LEARNED)}, kinds and wishes"
        )
    low, high = (-1.0, 1.0) if name == "length_pressure" else (0.0, 1.0 if _is_share(name) else 1e6)
    return ProfileEvidence(
        value=float(check_number(f"{option}.value", fields.get("value"), low, high)),
        weight=float(check_number(f"{option}.weight", fields.get("weight", 1.0), 0.0, _MAX_WEIGHT)),
        count=int(check_number(f"{option}.count", fields.get("count", 1), 0, 1e12, whole=True)),
        last_at=_time(f"{option}.last_at", fields.get("last_at")),
    )


def _is_evidence(name: str) -> bool:
    base = name.removeprefix(_WISH)
    return base in LEARNED or name == "length_pressure" or base.startswith(("kind.", "language."))


def _is_share(name: str) -> bool:
    base = name.removeprefix(_WISH)
    return base in SCORES or base.startswith(("kind.", "language."))
