"""The fields of a preference profile: what each holds, how it is read, how it is written."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Final

from voxsession.core.struct import Struct
from voxsession.core.types import as_utc, check_json, check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.learning.hours import HOURS
from voxsession.learning.languages import LANGUAGES
from voxsession.learning.names import KINDS, LEARNED, SCORES, canonical_name, check_preference
from voxsession.learning.profile_bounds import MAX_NAMES

__all__ = ["MAX_WEIGHT", "WISH", "ProfileEvidence", "evidence_of", "fields_of", "range_of", "read_fields"]

MAX_WEIGHT = 1e6
MAX_COUNT = 10**12
#: Evidence of this prefix was asked for, and stands until something else is.
WISH = "wish."
_LONGEST_NAME = 200
_MOST_NAMES = 1000
#: What messages can ask for; of languages one each.
_WISHED = (*SCORES, "response_length", "speaking_pace", "language")
_FIELDS: Final = ("version", "updated_at", "preferences", "set_at", "evidence", "topics", "conflicts")


class ProfileEvidence(Struct, frozen=True, kw_only=True):
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


def fields_of(profile: Any) -> dict[str, Any]:
    """The fields of a `SessionProfile` as JSON-ready data; those it does not know, as they were read."""
    return {
        **profile.extra,
        "updated_at": _stamp(profile.updated_at),
        "preferences": dict(profile.preferences),
        "set_at": {name: _stamp(at) for name, at in profile.set_at.items()},
        "evidence": {
            name: {
                "value": found.value,
                "weight": found.weight,
                "count": found.count,
                "last_at": _stamp(found.last_at),
            }
            for name, found in profile.evidence.items()
        },
        "topics": dict(profile.topics),
        "conflicts": list(profile.conflicts),
    }


def read_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a `SessionProfile`, each checked; a field that is not known is kept as it is.

    Raises:
        ConfigurationError: a field is of the wrong kind or out of range; it says what is allowed.
    """
    if data and not any(name in _FIELDS for name in data):
        _ = [_unknown(name) for name in data]
        raise ConfigurationError.out_of_range(
            "profile", sorted(map(str, data))[:5], f"it has some of {', '.join(_FIELDS)}"
        )
    set_at = _names("set_at", data.get("set_at", {}))
    return {
        "preferences": {
            canonical_name(name): check_preference(name, value)
            for name, value in _names("preferences", data.get("preferences", {})).items()
        },
        "set_at": {
            canonical_name(name): at
            for name, value in set_at.items()
            if (at := _time(f"profile.set_at[{name!r}]", value)) is not None
        },
        "evidence": {
            name: _evidence(name, value)
            for name, value in _names("evidence", data.get("evidence", {})).items()
        },
        "topics": {
            name: float(check_number(f"profile.topics[{name!r}]", weight, 0, 1e12))
            for name, weight in _names("topics", data.get("topics", {})).items()
        },
        "updated_at": _time("profile.updated_at", data.get("updated_at")),
        "conflicts": _conflicts(data.get("conflicts", [])),
        "extra": {_unknown(name): check_json(name, data[name]) for name in data if name not in _FIELDS},
    }


def _unknown(name: object) -> str:
    """A field of a later version; what was only put in the wrong place is told."""
    text = check_text("field of profile", name)
    if canonical_name(text) in LEARNED:
        raise ConfigurationError.out_of_range(
            "field of profile",
            text,
            "what is set by hand stands under 'preferences', what was learned under 'evidence'",
        )
    return text


def _names(field: str, value: object) -> Mapping[str, Any]:
    """A field that is an object with names."""
    option = f"profile.{field}"
    if not isinstance(value, Mapping):
        raise ConfigurationError.out_of_range(option, type(value).__name__, "an object with names is needed")
    most = MAX_NAMES if field in ("preferences", "set_at") else _MOST_NAMES
    if len(value) > most:
        raise ConfigurationError.out_of_range(option, len(value), f"at most {most} names")
    for name in value:
        if len(check_text(f"name in {option}", name)) > _LONGEST_NAME:
            raise ConfigurationError.out_of_range(
                f"name in {option}", f"{name[:40]}...", f"a name has up to {_LONGEST_NAME} characters"
            )
    return value


def _conflicts(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_NAMES:
        raise ConfigurationError.out_of_range(
            "profile.conflicts", type(value).__name__, f"a list of up to {MAX_NAMES} names is needed"
        )
    return [check_text("profile.conflicts", name) for name in value]


def _evidence(name: str, value: object) -> ProfileEvidence:
    """One learned number; fields of it that are not known say nothing to this version and are left out."""
    option = f"profile.evidence[{name!r}]"
    if not isinstance(value, Mapping):
        raise ConfigurationError.out_of_range(option, type(value).__name__, "an object is needed")
    if not _is_learned(name):
        raise ConfigurationError.out_of_range(
            "name in profile.evidence",
            name,
            f"learned are {', '.join(LEARNED)}, length_pressure, kind.question and such, language.en and such, "
            "and wishes (wish.formality)",
        )
    low, high = range_of(name)
    return ProfileEvidence(
        value=float(check_number(f"{option}.value", value.get("value"), low, high)),
        weight=float(check_number(f"{option}.weight", value.get("weight", 1.0), 0.0, MAX_WEIGHT)),
        count=int(check_number(f"{option}.count", value.get("count", 1), 0, MAX_COUNT, whole=True)),
        last_at=_time(f"{option}.last_at", value.get("last_at")),
    )


def evidence_of(
    name: str, value: float, weight: float, *, count: int, last_at: datetime | None
) -> ProfileEvidence:
    """One learned number inside the ranges that are read: a message of a million words counts as what is allowed."""
    low, high = range_of(name)
    return ProfileEvidence(
        value=min(high, max(low, value)),
        weight=min(MAX_WEIGHT, max(0.0, weight)),
        count=min(MAX_COUNT, max(0, count)),
        last_at=last_at,
    )


def range_of(name: str) -> tuple[float, float]:
    """The least and the largest value of a learned number."""
    base = name.removeprefix(WISH)
    is_share = base in SCORES or base.startswith(("kind.", "language.", "hour."))
    return (-1.0, 1.0) if base == "length_pressure" else (0.0, 1.0 if is_share else 1e6)


def _is_learned(name: str) -> bool:
    base = name.removeprefix(WISH)
    if name.startswith(WISH):
        return base in _WISHED or (base.startswith("language.") and _is_share_of(base))
    return base in LEARNED or base in ("length_pressure", "message_pace") or _is_share_of(base)


def _is_share_of(base: str) -> bool:
    kind, dot, name = base.partition(".")
    members: dict[str, Container[str]] = {"kind": KINDS, "language": LANGUAGES, "hour": HOURS}
    return bool(dot) and name in members.get(kind, ())


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
