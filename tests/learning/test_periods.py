"""Periods: which days are meant, what is known of them, how two compare."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.totals import DAY_COLUMNS, Totals
from voxsession.errors import ConfigurationError
from voxsession.learning.periods import Period, compare, parse_period, period_between, rows_of, sums_of

FIRST = date(2026, 1, 1)


def used_daily(days: int) -> Totals:
    """One message on the first day, two on the second, and so on."""
    totals = Totals()
    for number in range(days):
        day = (FIRST + timedelta(days=number)).isoformat()
        totals.count_day(day, message_count=number + 1, response_count=1, response_ms=100.0)
    return totals


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        (date(2026, 5, 1), (2026, 5, 1), (2026, 5, 1)),
        ("2026-05-01", (2026, 5, 1), (2026, 5, 1)),
        ("2024-02", (2024, 2, 1), (2024, 2, 29)),
        ("2026-12", (2026, 12, 1), (2026, 12, 31)),
        ("9999-12", (9999, 12, 1), (9999, 12, 31)),
        ("2026", (2026, 1, 1), (2026, 12, 31)),
        ((date(2026, 5, 1), "2026-06"), (2026, 5, 1), (2026, 6, 30)),
        (["2025", date(2026, 1, 2)], (2025, 1, 1), (2026, 1, 2)),
        # At midnight of Berlin, in winter and in summer, a new day begins there.
        (datetime(2026, 1, 1, 23, 30, tzinfo=UTC), (2026, 1, 2), (2026, 1, 2)),
        (datetime(2026, 7, 1, 21, 59, tzinfo=UTC), (2026, 7, 1), (2026, 7, 1)),
    ],
)
def test_days_that_are_meant(given: Any, first: tuple[int, int, int], last: tuple[int, int, int]) -> None:
    """Dates, texts, pairs; a datetime is the day that it falls on in the zone."""
    assert parse_period("period_a", given, "Europe/Berlin") == Period(date(*first), date(*last))


@pytest.mark.parametrize(
    "given",
    [
        None,
        7,
        "",
        "May",
        "2026-13",
        "2026-02-30",
        "20260501",
        "٢٠٢٦",
        "2026-W01-1",
        "2026-W01",
        "0000",
        (date(2026, 1, 1),),
        (date(2026, 1, 2), date(2026, 1, 1)),
        datetime(2026, 1, 1),
        (None, 3),
    ],
)
def test_what_is_no_period(given: Any) -> None:
    """The error names the argument; a naive datetime is refused, since its day would be a guess."""
    with pytest.raises(ConfigurationError, match="period_a"):
        parse_period("period_a", given)


def test_two_periods_side_by_side() -> None:
    """Figures, differences, ratios; what was not measured has none."""
    found = compare(used_daily(14).days, ("2026-01-01", "2026-01-07"), ("2026-01-08", "2026-01-14"), "UTC")
    assert found["period_a"]["message_count"] == 28 and found["period_b"]["message_count"] == 77
    assert found["difference"]["message_count"] == 49 and found["ratio"]["message_count"] == 2.75
    assert found["period_a"]["avg_response_time_ms"] == 100.0
    assert found["difference"]["satisfaction_score"] is None and found["ratio"]["turn_count"] is None
    assert (found["period_a"]["first_day"], found["period_b"]["last_day"]) == ("2026-01-01", "2026-01-14")
    assert "<svg" in found._repr_html_()


def test_a_period_without_use_is_all_zero() -> None:
    """Nothing is an answer."""
    found = compare(used_daily(3).days, "2020", "2026", "UTC")
    assert found["period_a"]["message_count"] == 0 and found["period_b"]["message_count"] == 6


def test_whole_months_are_known_for_long() -> None:
    """Months whose days were folded still compare; a part of one is refused with the days that it holds."""
    days = used_daily(365).days
    found = compare(days, "2026-02", "2026-03", "UTC")
    assert found["period_a"]["message_count"] == sum(range(32, 60))
    with pytest.raises(
        ConfigurationError, match="2026-02 is kept as one sum of the days from 2026-02-01 to 2026-02-28"
    ):
        compare(days, ("2026-02-10", "2026-02-20"), "2026-03", "UTC")


@given(st.integers(1, 800), st.integers(0, 800), st.integers(0, 800))
def test_a_period_and_the_rest_are_all(days: int, start: int, length: int) -> None:
    """Before, inside, after: where no row is cut they make the whole, and a cut is told."""
    rows = rows_of(used_daily(days).days)
    first = FIRST + timedelta(days=start)
    last = first + timedelta(days=length)
    parts = [
        Period(date.min, first - timedelta(days=1)),
        Period(first, last),
        Period(last + timedelta(days=1), date.max),
    ]
    found = [sums_of(rows, part) for part in parts]
    place = DAY_COLUMNS.index("message_count")
    total = sum(sums[place] for sums, _ in found)
    whole = days * (days + 1) // 2
    assert total == whole if not any(cut for _, cut in found) else total < whole
    exact = sum(range(start + 1, min(days, start + length + 1) + 1))
    assert found[1][1] or found[1][0][place] == exact


def test_the_month_that_is_folded_only_in_part() -> None:
    """A month row ends where its first day row begins, so the days that are kept count alone."""
    rows = rows_of(used_daily(100).days)
    assert rows[0].key == "2026-01" and rows[0].period == Period(date(2026, 1, 1), date(2026, 1, 8))
    assert sums_of(rows, Period(date(2026, 1, 9), date(2026, 1, 31)))[1] == []


@pytest.mark.parametrize(("since", "until", "named"), [("2026", "soon", "until"), ("soon", "2026", "since")])
def test_the_bound_that_is_wrong_is_named(since: str, until: str, named: str) -> None:
    """Of two bounds the error names the one that cannot be read."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        period_between(("since", "until"), since, until)
    assert caught.value.option == named
