"""The functions of a call as several writers note them: what was begun is not forgotten, no outcome is undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from voxsession.core.call_record import WAITING, is_begun
from voxsession.core.types import JsonObject

__all__ = ["FORGOTTEN", "is_open", "merged_functions", "with_noted"]

#: The status that takes a function out of the record: whoever gives it knows that it will not be asked for again.
FORGOTTEN = "forgotten"
_UNKNOWN = "unknown"
_OUTCOME = ("status", "result", "output", "error")
_MOMENTS = ("begun_at", "finished_at")


def is_open(function: Mapping[str, Any]) -> bool:
    """Whether a function was begun, and nobody noted how it ended."""
    return function.get("status") == _UNKNOWN or is_begun(function)


def with_noted(functions: Iterable[JsonObject], call_id: str, values: Mapping[str, Any]) -> list[JsonObject]:
    """The functions with what was noted of one of them; the outcome of a later note takes the place of an earlier one.

    Args:
        functions: what the record has.
        call_id: which of them; one that is not there is added.
        values: its new fields, with a `status`.
    """
    rows, has_met = [], False
    for row in functions:
        is_it = row.get("call_id") == call_id
        rows.append({**_without(row, _OUTCOME), **values} if is_it else row)
        has_met = has_met or is_it
    return rows if has_met else [*rows, {"call_id": call_id, **values}]


def merged_functions(stored: Iterable[JsonObject], given: Iterable[JsonObject]) -> list[JsonObject]:
    """The given functions, with those that the record knows better.

    A function that was noted as begun or finished (it has `begun_at` or `finished_at`) stays, though the given list
    was read before that: its status goes from waiting to begun to unknown to settled, never back. What is given as
    `FORGOTTEN` goes.

    Example:
        >>> noted = {"call_id": "pay", "status": "completed", "result": 1, "begun_at": "2026-05-01T12:00:00.000000Z"}
        >>> merged_functions([noted], []) == [noted]
        True
        >>> merged_functions([noted], [{"call_id": "pay", "status": "pending", "name": "pay"}])[0]["status"]
        'completed'
    """
    given = list(given)
    noted = {row["call_id"]: row for row in stored if _is_noted(row)}
    rows = [_merged(noted.get(row.get("call_id")), row) for row in given if row.get("status") != FORGOTTEN]
    named = {row.get("call_id") for row in given}
    return rows + [row for call_id, row in noted.items() if call_id not in named]


def _is_noted(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("call_id"), str) and any(row.get(name) is not None for name in _MOMENTS)


def _merged(stored: JsonObject | None, given: JsonObject) -> JsonObject:
    if stored is None:
        return given
    moments = {name: stored[name] for name in _MOMENTS if name in stored}
    known = given if _progress(given) >= _progress(stored) else stored
    outcome = {name: known[name] for name in _OUTCOME if name in known}
    return _without({**stored, **given}, _OUTCOME) | moments | outcome


def _progress(function: Mapping[str, Any]) -> int:
    """How far a function is known to have come: not told, waiting, begun, unknown, settled."""
    if function.get("status") is None:
        return 0
    if str(function["status"]).lower() in WAITING:
        return 1
    return 3 if function["status"] == _UNKNOWN else 2 if is_begun(function) else 4


def _without(row: Mapping[str, Any], names: Iterable[str]) -> JsonObject:
    return {name: value for name, value in row.items() if name not in names}
