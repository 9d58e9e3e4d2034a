"""The functions of a call: no list that was read earlier takes back what was noted since."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.call_functions import FORGOTTEN, merged_functions, with_noted

STATUSES = (None, "pending", "queued", "begun", "in_progress", "unknown", "completed", "failed", "cancelled")
SETTLED = {"completed", "failed", "cancelled"}
WAITING = {"pending", "queued"}
MOMENT = "2026-05-01T12:00:00.000000Z"


@st.composite
def functions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Functions of one record: each id once, some of them noted by the service."""
    rows = []
    for call_id in draw(st.sets(st.sampled_from("abcd"))):
        row: dict[str, Any] = {"call_id": call_id}
        if (status := draw(st.sampled_from(STATUSES))) is not None:
            row["status"] = status
        if status in SETTLED:
            row["result"] = draw(st.integers(0, 3))
        if draw(st.booleans()):
            row["begun_at"] = MOMENT
        rows.append(row)
    return rows


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows under their ids, none of which is there twice."""
    assert len({row["call_id"] for row in rows}) == len(rows)
    return {row["call_id"]: row for row in rows}


@given(functions(), functions())
def test_what_was_noted_never_goes_back(stored: list[Any], given_rows: list[Any]) -> None:
    """Nothing noted is lost; what was settled stays settled, and nothing that was begun waits again."""
    merged = by_id(merged_functions(stored, given_rows))
    assert merged.keys() >= {row["call_id"] for row in given_rows}
    for row in stored:
        if "begun_at" not in row:
            continue
        now = merged[row["call_id"]]
        assert now["begun_at"] == MOMENT
        if row.get("status") in SETTLED:
            assert now["status"] in SETTLED and "result" in now
        elif row.get("status") not in (None, *WAITING):
            assert now["status"] not in (None, *WAITING)


@given(functions(), functions())
def test_merging_again_changes_nothing(stored: list[Any], given_rows: list[Any]) -> None:
    """A list that was merged, and is written once more, stays; so does one that was read and is written back."""
    merged = merged_functions(stored, given_rows)
    assert by_id(merged_functions(merged, given_rows)) == by_id(merged)
    assert merged_functions(stored, stored) == stored


def test_the_outcome_is_of_one_writer() -> None:
    """A failure does not keep the result of an earlier outcome, neither by a note nor by a list."""
    done = {"call_id": "a", "name": "pay", "status": "completed", "result": 1, "begun_at": MOMENT}
    failed = {"status": "failed", "error": "no money"}
    row = {"call_id": "a", "name": "pay", "begun_at": MOMENT, **failed}
    assert with_noted([done], "a", failed) == [row]
    assert merged_functions([done], [{"call_id": "a", **failed}]) == [row]


def test_only_who_says_so_takes_a_function_out() -> None:
    """Leaving it out does not; the status that says so is never kept."""
    done = {"call_id": "a", "status": "completed", "result": 1, "begun_at": MOMENT}
    assert merged_functions([done], []) == [done]
    assert merged_functions([done], [{"call_id": "a", "status": FORGOTTEN}]) == []
    assert merged_functions([], [{"call_id": "new", "status": FORGOTTEN}]) == []
    assert merged_functions([{"call_id": "own", "status": "completed"}], []) == []
