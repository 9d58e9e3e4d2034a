"""Settings that hold a table: rules of categories, shares of a context, marks that are worth an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError

__all__ = [
    "CONTEXT_SHARES",
    "MILESTONES",
    "PRIVATE_CATEGORIES",
    "STANDING_CATEGORIES",
    "allowed_categories",
    "check_categories",
    "check_milestones",
    "check_shares",
]

MAX_CATEGORIES = 100
MAX_CATEGORY = 100
MAX_DAYS = 36_500
MAX_MARKS = 50

#: What each part of a context may take of what instructions and the newest turn leave.
CONTEXT_SHARES: dict[str, float] = {
    "standing": 0.4,
    "state": 0.4,
    "memories": 0.3,
    "summaries": 0.1,
    "branch": 0.1,
    "recalled": 0.2,
}

#: What is remembered under these says who somebody is, or what nobody else should know: no profile tells it.
PRIVATE_CATEGORIES = frozenset({"identity", "contact", "location", "health", "relationship"})

#: What is remembered under these stands in every context, so no template takes them away.
STANDING_CATEGORIES = ("identity", "instruction", "preference")

#: Figure -> the marks whose first reaching is an event.
MILESTONES: dict[str, tuple[float, ...]] = {
    "messages": (10, 100, 1_000, 10_000),
    "turns": (),
    "conversations": (5, 10, 50, 100, 1_000),
    "functions": (),
    "satisfaction": (),
}
_HIGHEST_MARK = {"satisfaction": 5.0}

# What a category may be told: the least (not reached) and the most.
_CATEGORY_RULES: dict[str, tuple[float, float]] = {
    "share": (0, 1),
    "expires_after_days": (0, MAX_DAYS),
    "half_life_days": (0, MAX_DAYS),
}


def allowed_categories(named: Iterable[str] | None) -> list[str]:
    """What a template allows that names these categories; empty = any.

    ``general`` and those that stand in every context are allowed beside the named ones: who somebody is and how
    they want to be answered would else be found by search only, and be evicted like anything else.

    Example:
        >>> allowed_categories(["mistakes", "preference"])
        ['mistakes', 'preference', 'general', 'identity', 'instruction']
        >>> allowed_categories([])
        []
    """
    own = list(named or ())
    return list(dict.fromkeys([*own, "general", *STANDING_CATEGORIES])) if own else []


def check_categories(option: str, value: object) -> dict[str, dict[str, float]]:
    """The rules of categories as they are kept: ``{"chat": {"share": 0.3, "half_life_days": 7}}``."""
    checked: dict[str, dict[str, float]] = {}
    for name, rules in _table(option, value).items():
        if not 1 <= len(check_text(option, name, allow_empty=False)) <= MAX_CATEGORY:
            raise ConfigurationError.out_of_range(
                option, name, f"a category has up to {MAX_CATEGORY} characters"
            )
        checked[name] = {
            rule: _positive(f"{option}[{name!r}].{rule}", amount, *_known(f"{option}[{name!r}]", rule))
            for rule, amount in _table(f"{option}[{name!r}]", rules).items()
        }
    if len(checked) > MAX_CATEGORIES:
        raise ConfigurationError.out_of_range(option, len(checked), f"at most {MAX_CATEGORIES} categories")
    return checked


def check_shares(option: str, value: object) -> dict[str, float]:
    """The shares of a context's parts as they are kept: ``{"memories": 0.5}``; others keep theirs."""
    shares = _table(option, value)
    for part in shares:
        if part not in CONTEXT_SHARES:
            raise ConfigurationError.out_of_range(
                option, part, "known parts are " + ", ".join(CONTEXT_SHARES)
            )
    return {part: float(check_number(f"{option}.{part}", share, 0, 1)) for part, share in shares.items()}


def check_milestones(option: str, value: object) -> dict[str, list[float]]:
    """The marks as they are kept: ``{"messages": [10, 500], "satisfaction": [4.5]}``; others keep theirs."""
    checked: dict[str, list[float]] = {}
    for figure, marks in _table(option, value).items():
        where = f"{option}.{figure}"
        if figure not in MILESTONES:
            raise ConfigurationError.out_of_range(
                option, figure, "known figures are " + ", ".join(MILESTONES)
            )
        if not isinstance(marks, list | tuple) or len(marks) > MAX_MARKS:
            raise ConfigurationError.out_of_range(
                where, marks, f"a list of up to {MAX_MARKS} marks is needed"
            )
        high, whole = _HIGHEST_MARK.get(figure, 10**12), figure not in _HIGHEST_MARK
        checked[figure] = sorted(
            {check_number(where, mark, 1 if whole else 0, high, whole=whole) for mark in marks}
        )
    return checked


def _table(option: str, value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return value
    raise ConfigurationError.out_of_range(option, type(value).__name__, "a dict with str keys is needed")


def _known(option: str, rule: str) -> tuple[float, float]:
    if rule not in _CATEGORY_RULES:
        raise ConfigurationError.out_of_range(option, rule, "known rules are " + ", ".join(_CATEGORY_RULES))
    return _CATEGORY_RULES[rule]


def _positive(option: str, value: object, low: float, high: float) -> float:
    number = float(check_number(option, value, low, high))
    if number <= low:
        raise ConfigurationError.out_of_range(option, value, f"more than {low:g} is needed")
    return number
