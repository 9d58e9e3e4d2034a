"""Figures of a period, summed from the rows that are kept for days, months and years."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from voxsession.core.totals import DAY_COLUMNS
from voxsession.core.types import as_utc
from voxsession.errors import ConfigurationError
from voxsession.learning.figures import Figures
from voxsession.learning.satisfaction import from_ratings, from_signals

__all__ = ["Period", "compare", "figures_of", "parse_period", "period_between", "rows_of", "sums_of"]

_WRITTEN: Final = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")
_DAY: Final = timedelta(days=1)
_FORMS: Final = 'a date, "2026-05-01", "2026-05", "2026", or a pair of dates (both days included)'


class Period(NamedTuple):
    """Days from `first` to `last`, both included."""

    first: date
    last: date


class Row(NamedTuple):
    """A row of counters with the days that it may hold counts of."""

    key: str
    period: Period
    counts: list[int | float]


def parse_period(option: str, value: object, zone: str = "UTC") -> Period:
    """The days that an app means.

    Args:
        option: The argument's name, for the error.
        value: A date; a text such as ``"2026-05-01"``, ``"2026-05"``, ``"2026"``; or a pair of any of these, or of
            aware datetimes. A datetime stands for the day that it falls on in the zone.
        zone: The session's time zone.

    Raises:
        ConfigurationError: It is none of these, a datetime is naive, or the period ends before it begins.

    Example:
        >>> parse_period("period_a", "2026-02").last, parse_period("period_a", (date(2026, 5, 1), "2026-05-07")).first
        (datetime.date(2026, 2, 28), datetime.date(2026, 5, 1))
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ConfigurationError.out_of_range(option, len(value), f"give {_FORMS}")
        return period_between((option, option), value[0], value[1], zone)
    return _one(option, value, zone)


def period_between(options: tuple[str, str], since: object, until: object, zone: str = "UTC") -> Period:
    """The days from one to another, both included; None is open; `options` are their names, for the error."""
    option = options[-1]
    first = _one(options[0], since, zone).first if since is not None else date.min
    last = _one(option, until, zone).last if until is not None else date.max
    if last < first:
        raise ConfigurationError(
            f"{option} ends on {last} before it begins on {first}. Give the earlier day first.", option=option
        )
    return Period(first, last)


def _one(option: str, value: object, zone: str) -> Period:
    if isinstance(value, datetime):
        day = as_utc(option, value).astimezone(ZoneInfo(zone)).date()
        return Period(day, day)
    if isinstance(value, date):
        return Period(value, value)
    # Python reads more forms of a date than are promised here.
    if isinstance(value, str) and _WRITTEN.fullmatch(value) and (found := _span(value)) is not None:
        return found
    shown = value if isinstance(value, str) else type(value).__name__
    raise ConfigurationError.out_of_range(option, shown, f"give {_FORMS}")


def _span(key: str) -> Period | None:
    """The days of a row's key, or of a text of that form."""
    try:
        if len(key) == 10:
            return Period(date.fromisoformat(key), date.fromisoformat(key))
        if len(key) == 7:
            first = date.fromisoformat(f"{key}-01")
            return Period(
                first, _before((first + 31 * _DAY).replace(day=1)) if first.year < 9999 else date.max
            )
        if len(key) == 4 and key.isdecimal():
            return Period(date(int(key), 1, 1), date(int(key), 12, 31))
    except (ValueError, OverflowError):
        pass
    return None


def _before(day: date) -> date:
    return day - _DAY if day > date.min else day


def rows_of(days: Mapping[str, list[int | float]]) -> list[Row]:
    """The rows with the days that they hold, the earliest first.

    A longer row holds what is older than all shorter ones, so it ends where the next row begins.
    """
    spans = [(key, _span(key) or Period(date.min, date.max), counts) for key, counts in days.items()]
    spans.sort(key=lambda span: (span[1].first, -len(span[0])))
    rows: list[Row] = []
    beginning = date.max
    for key, span, counts in reversed(spans):
        last = min(span.last, _before(beginning)) if len(key) < 10 else span.last
        rows.append(Row(key, Period(span.first, max(span.first, last)), counts))
        beginning = min(beginning, span.first)
    return rows[::-1]


def sums_of(rows: Iterable[Row], period: Period) -> tuple[list[int | float], list[Row]]:
    """The sums of the rows inside a period, with the rows that lie partly inside and were left out."""
    sums: list[int | float] = [0] * len(DAY_COLUMNS)
    straddling = []
    for row in rows:
        if row.period.last < period.first or row.period.first > period.last:
            continue
        if row.period.first < period.first or row.period.last > period.last:
            straddling.append(row)
            continue
        for place, amount in enumerate(row.counts[: len(sums)]):
            sums[place] += amount
    return sums, straddling


def figures_of(row: Iterable[int | float]) -> dict[str, Any]:
    """What the counters of a row, or the sums of many, tell."""
    sums: dict[str, Any] = dict(zip(DAY_COLUMNS, row, strict=True))
    ratings = sums.pop("rating_count"), sums.pop("rating_total")
    thanks, complaints, repeats = (
        sums.pop(name) for name in ("thanks_count", "complaint_count", "repeat_count")
    )
    found = from_signals(thanks, complaints, repeats, sums["interruption_count"])
    if ratings[0]:
        found = from_ratings(*ratings)
    response_ms, count = sums.pop("response_ms"), sums.pop("response_count")
    return {
        **sums,
        "duration_seconds": round(sums["duration_seconds"], 3),
        "total_tokens": sums["input_tokens"] + sums["output_tokens"],
        "avg_response_time_ms": round(response_ms / count, 3) if count else 0.0,
        "satisfaction_score": found.score,
    }


def compare(days: Mapping[str, list[int | float]], period_a: object, period_b: object, zone: str) -> Figures:
    """The figures of two periods side by side.

    Args:
        days: The rows of a session.
        period_a: As `parse_period` takes it.
        period_b: The same; differences say how it is against `period_a`.
        zone: The session's time zone.

    Returns:
        `period_a` and `period_b` (figures with `first_day` and `last_day`), `difference` (b - a, None where one is not
        known), `ratio` (b / a, None where a is 0 or one is not known).

    Raises:
        ConfigurationError: A period is none, or it cuts through a month or year of which no days are kept any more.
    """
    rows = rows_of(days)
    found = {
        name: _exactly(name, rows, parse_period(name, value, zone))
        for name, value in (("period_a", period_a), ("period_b", period_b))
    }
    one, other = found["period_a"], found["period_b"]
    names = [name for name in one if name not in ("first_day", "last_day")]
    both = {name: (one[name], other[name]) for name in names}
    return Figures(
        {
            **found,
            "difference": {
                name: round(b - a, 6) if a is not None and b is not None else None
                for name, (a, b) in both.items()
            },
            "ratio": {
                name: round(b / a, 6) if a and b is not None else None for name, (a, b) in both.items()
            },
        },
        title=f"{one['first_day']} to {one['last_day']} against {other['first_day']} to {other['last_day']}",
        charts=[
            (name, [("before", one[name]), ("after", other[name])])
            for name in ("message_count", "duration_seconds", "total_tokens")
        ],
    )


def _exactly(option: str, rows: list[Row], period: Period) -> dict[str, Any]:
    sums, straddling = sums_of(rows, period)
    if straddling:
        row = straddling[0]
        what = f"{row.key} is" if row.key else "what was long ago is"
        raise ConfigurationError(
            f"{option} cannot be told apart: {what} kept as one sum of the days from {_shown(row.period.first)} to "
            f"{_shown(row.period.last)}. Let the period hold all of these days, or none.",
            option=option,
            value=f"{_shown(period.first)} to {_shown(period.last)}",
        )
    return {"first_day": _shown(period.first), "last_day": _shown(period.last), **figures_of(sums)}


def _shown(day: date) -> str:
    return day.isoformat()
