"""The stretch of days that one expression of time means, counted from the moment of asking."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = [
    "HOLIDAYS",
    "MONTHS",
    "NUMBERS",
    "SEASONS",
    "WEEKDAYS",
    "Reader",
    "Span",
    "ago",
    "before_last",
    "calendar",
    "day_first",
    "day_of_month",
    "days_back",
    "holiday",
    "iso",
    "lately",
    "month_first",
    "part_of_month",
    "period",
    "range_of",
    "season",
    "week_of_month",
    "weekday",
    "year",
]

#: The first moment inside, the first one after.
Span = tuple[datetime, datetime]
#: Reads what a pattern found, as it is meant at a moment.
Reader = Callable[[re.Match[str], datetime], Span]

_DAY = timedelta(days=1)
MONTHS = "january february march april may june july august september october november december".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
NUMBERS = {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty".split(),
        1,
    )
}
NUMBERS |= {"a": 1, "an": 1, "couple": 2, "few": 3, "several": 4, "thirty": 30}
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
#: Month, day, how many days; longer names first.
_FIXED = {
    r"christmas eve": (12, 24, 1),
    r"christmas day": (12, 25, 1),
    r"christmas": (12, 24, 3),
    r"xmas": (12, 24, 3),
    r"boxing day": (12, 26, 1),
    r"new year['\u2019]?s eve": (12, 31, 1),
    r"new year['\u2019]?s day": (1, 1, 1),
    r"new year(?:['\u2019]?s)?": (12, 31, 2),
    r"valentine['\u2019]?s(?: day)?": (2, 14, 1),
    r"halloween": (10, 31, 1),
}
HOLIDAYS = (*_FIXED, "easter", "thanksgiving")
_PARTS = {"early": (1, 10), "beginning": (1, 10), "start": (1, 10), "mid": (11, 20), "middle": (11, 20)}
_PARTS |= {
    "late": (21, 31),
    "end": (21, 31),
    "first half": (1, 15),
    "second half": (16, 31),
    "last half": (16, 31),
}
_NTH = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _one_day(at: datetime, year: int, month: int, day: int) -> Span:
    start = _midnight(at).replace(year=year, month=month, day=day)
    return start, start + _DAY


def _month_span(at: datetime, year: int, month: int, months: int = 1) -> Span:
    start = _midnight(at).replace(year=year, month=month, day=1)
    carry, index = divmod(month - 1 + months, 12)
    return start, start.replace(year=year + carry, month=index + 1)


def _months_back(at: datetime, back: int, months: int = 1) -> Span:
    carry, index = divmod(at.month - 1 - back, 12)
    return _month_span(at, at.year + carry, index + 1, months)


def _month_of(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


# -- dates of the calendar


def iso(match: re.Match[str], at: datetime) -> Span:
    """2024-06-05."""
    return _one_day(at, *(int(part) for part in match.group("year", "number", "day")))


def _in_numbers(match: re.Match[str], at: datetime, day: str, month: str) -> Span:
    year = int(match["year"])
    if year < 100:
        year += 2000 if year <= at.year % 100 + 1 else 1900
    return _one_day(at, year, int(match[month]), int(match[day]))


def day_first(match: re.Match[str], at: datetime) -> Span:
    """5.6.2024 as 5 June."""
    return _in_numbers(match, at, "one", "two")


def month_first(match: re.Match[str], at: datetime) -> Span:
    """5/6/2024 as 6 May."""
    return _in_numbers(match, at, "two", "one")


def calendar(match: re.Match[str], at: datetime) -> Span:
    """A month, with a day and a year where they are named; without a year the latest that has begun."""
    named = match.groupdict()
    month, day = _month_of(named["month"]), int(named.get("day") or 1)
    year = int(named["year"]) if named.get("year") else at.year - ((month, day) > (at.month, at.day))
    if named.get("day"):
        return _one_day(at, year, month, day)
    is_present = named.get("which") == "last" and (year, month) == (at.year, at.month)
    return _month_span(at, year - is_present, month)


def week_of_month(match: re.Match[str], at: datetime) -> Span:
    """The first week of a month is its first seven days, the last one its last seven."""
    start, end = calendar(match, at)
    if match["nth"] == "last":
        return end - 7 * _DAY, end
    first = start + 7 * (_NTH[match["nth"]] - 1) * _DAY
    return first, first + 7 * _DAY


def part_of_month(match: re.Match[str], at: datetime) -> Span:
    """Early, mid and late are ten days each, late up to the end."""
    start, end = calendar(match, at)
    first, last = _PARTS[match["part"].removeprefix("the ").removesuffix(" of")]
    return start + (first - 1) * _DAY, min(end, start + last * _DAY)


_DAY_OR_YEAR = re.compile(
    r"(?P<year>(?:19|20)\d\d)\b|(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b|(?P<month>[a-z]{3,})"
)


def range_of(match: re.Match[str], at: datetime) -> Span:
    """From the first of two dates to the second, both included; a year that one lacks is the other's."""
    first, last = (
        {group: found[group] for found in _DAY_OR_YEAR.finditer(match[name]) if (group := found.lastgroup)}
        for name in ("first", "last")
    )
    if "month" not in last:
        # "Between May and 2023" is no range.
        return _years(first, last, at)
    end_year = int(last["year"]) if "year" in last else None
    start = _dated(first, at, int(first["year"]) if "year" in first else end_year)
    if end_year is None and "year" in first:
        end_year = start[0].year
    end = _dated(last, at, end_year)
    if start[0] >= end[1]:
        if "year" in first and "year" in last:
            raise ValueError("it ends before it begins")
        if "year" in first:
            end = _dated(last, at, end[0].year + 1)
        else:
            start = _dated(first, at, start[0].year - 1)
    elif "year" not in first and "year" not in last and start[0].year < end[0].year - 1:
        start = _dated(first, at, end[0].year - 1)
    return start[0], end[1]


def _years(first: dict[str, str], last: dict[str, str], at: datetime) -> Span:
    if "month" in first or int(first["year"]) > int(last["year"]):
        raise ValueError("not two years in their order")
    return _month_span(at, int(first["year"]), 1)[0], _month_span(at, int(last["year"]), 1, 12)[1]


def _dated(named: dict[str, str], at: datetime, year: int | None) -> Span:
    if "month" not in named:
        return _month_span(at, int(named["year"]), 1, 12)
    month, day = _month_of(named["month"]), int(named.get("day", 1))
    year = at.year - ((month, day) > (at.month, at.day)) if year is None else year
    return _one_day(at, year, month, day) if "day" in named else _month_span(at, year, month)


def year(match: re.Match[str], at: datetime) -> Span:
    """A year."""
    return _month_span(at, int(match["year"]), 1, 12)


def season(match: re.Match[str], at: datetime) -> Span:
    """Three months; without a year the latest that has begun, the one before where it is the last one."""
    month = SEASONS[match["season"]]
    number = int(match["year"]) if match["year"] else at.year - (month > at.month)
    if not match["year"] and match["which"] == "last" and month <= at.month < month + 3:
        number -= 1
    return _month_span(at, number, month, 3)


def holiday(match: re.Match[str], at: datetime) -> Span:
    """A feast with its days; without a year the latest that has begun, the last one the latest that is over.

    Raises:
        ValueError: this year's has not begun.
    """
    name, given, which = match["holiday"] or match["dated"], match["year"] or match["of"], match["which"]
    if given:
        return _feast(name, at, int(given))
    span = _feast(name, at, at.year)
    is_over = span[1] <= at
    if which == "this" and span[0] > at:
        raise ValueError("it is still to come")
    return (
        span
        if is_over or (span[0] <= at and which not in ("last", "past"))
        else _feast(name, at, at.year - 1)
    )


def _feast(name: str, at: datetime, number: int) -> Span:
    if name == "easter":
        sunday = _easter(at, number)
        return sunday - 2 * _DAY, sunday + 2 * _DAY
    if name == "thanksgiving":
        first = _midnight(at).replace(year=number, month=11, day=1)
        start = first + ((3 - first.weekday()) % 7 + 21) * _DAY
        return start, start + _DAY
    month, day, days = next(fixed for pattern, fixed in _FIXED.items() if re.fullmatch(pattern, name))
    start = _midnight(at).replace(year=number, month=month, day=day)
    return start, start + days * _DAY


def _easter(at: datetime, number: int) -> datetime:
    """Easter Sunday by the rule of Meeus, Jones and Butcher (Nature, 1876)."""
    a, (b, c) = number % 19, divmod(number, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    month, day = divmod(h + k - 7 * ((a + 11 * h + 22 * k) // 451) + 114, 31)
    return _midnight(at).replace(year=number, month=month, day=day + 1)


# -- counted from the moment of asking


def days_back(back: int) -> Reader:
    """A reader for the day so many days before."""

    def span(_match: re.Match[str], at: datetime) -> Span:
        today = _midnight(at)
        return today - back * _DAY, today - (back - 1) * _DAY

    return span


def _count(match: re.Match[str]) -> int:
    text = match.groupdict().get("count") or "one"
    return int(text) if text.isdecimal() else max(NUMBERS.get(word, 0) for word in text.split())


def ago(match: re.Match[str], at: datetime) -> Span:
    """Round words get room: "three weeks ago" is that week, "two months ago" that month."""
    count, unit, today = _count(match), match["unit"], _midnight(at)
    if unit == "day":
        return today - count * _DAY, today - (count - 1) * _DAY
    if unit in ("week", "fortnight"):
        days = count * (7 if unit == "week" else 14)
        return today - (days + 3) * _DAY, today - (days - 4) * _DAY
    return _months_back(at, count) if unit == "month" else _month_span(at, at.year - count, 1, 12)


def lately(match: re.Match[str], at: datetime) -> Span:
    """From so many days, weeks or years before up to the end of today."""
    days = {"day": 1, "week": 7, "fortnight": 14, "month": 31, "year": 366}[match["unit"]]
    return _midnight(at) - _count(match) * days * _DAY, _midnight(at) + _DAY


def period(match: re.Match[str], at: datetime) -> Span:
    """The present or the last whole week (from Monday), weekend, month or year."""
    return _period(match["unit"], int(match["which"] != "this"), at)


def before_last(match: re.Match[str], at: datetime) -> Span:
    """The whole week, weekend, month or year before the last one."""
    return _period(match["unit"], 2, at)


def _period(unit: str, back: int, at: datetime) -> Span:
    if unit == "month":
        return _months_back(at, back)
    if unit == "year":
        return _month_span(at, at.year - back, 1, 12)
    monday = _midnight(at) - (at.weekday() + 7 * back) * _DAY
    return (monday if unit == "week" else monday + 4 * _DAY), monday + 7 * _DAY


def weekday(match: re.Match[str], at: datetime) -> Span:
    """The latest day of that name; the last one is not today."""
    back = (at.weekday() - WEEKDAYS.index(match["weekday"])) % 7
    if back == 0 and match["which"] == "last":
        back = 7
    start = _midnight(at) - back * _DAY
    return start, start + _DAY


def day_of_month(match: re.Match[str], at: datetime) -> Span:
    """The latest day of that number that has begun; months that have no such day are passed over."""
    day, which = int(match["day"]), match["which"]
    if which is not None:
        first = _months_back(at, int(which == "last"))[0]
        return _one_day(at, first.year, first.month, day)
    if not 1 <= day <= 31:
        raise ValueError("no such day")
    back = int(day > at.day)
    while True:
        start, end = _months_back(at, back)
        found = start + (day - 1) * _DAY
        if found < end:
            return found, found + _DAY
        back += 1
