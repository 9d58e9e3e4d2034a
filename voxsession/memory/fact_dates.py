"""Time expressions about the future ("next Friday", "in June"), resolved against the day they were said."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from voxsession.core.struct import Struct
from voxsession.memory.facts import NUMBER, number

PLAN_GRACE = timedelta(days=14)

MONTHS = ("january february march april may june july august september october november december").split()
MONTH_NAMES = (
    {name: index for index, name in enumerate(MONTHS, start=1)}
    | {name[:3]: index for index, name in enumerate(MONTHS, start=1)}
    | {"sept": 9}
)
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
MONTH = r"(?P<month>" + "|".join(sorted(MONTH_NAMES, key=len, reverse=True)) + r")\b\.?"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
YEAR = r"(?:,? (?P<year>(?:19|20)\d\d)\b)?"
MONTH_FIRST = re.sub(r"<(\w+)>", r"<\g<1>2>", rf"{MONTH} (?:the )?{DAY}{YEAR}")
_WHEN = "|".join(
    (
        r"(?P<iso>20\d\d-\d\d-\d\d)",
        rf"(?:the )?{DAY} (?:of )?{MONTH}{YEAR}",
        MONTH_FIRST,
        r"(?P<near>the day after tomorrow|today|tonight|tomorrow)(?: (?:morning|afternoon|evening|night))?",
        rf"(?P<which>this|next|coming|this coming)? ?(?P<weekday>{'|'.join(_DAYS)})\b"
        r"(?: (?:morning|afternoon|evening|night))?",
        r"(?P<rel>this|next) (?P<unit>week|weekend|month|year|spring|summer|autumn|fall|winter)\b",
        rf"in (?:about )?(?P<count>{NUMBER}|a|an|a couple of) (?P<span>day|week|month|year)s?\b",
        rf"(?:in|this|next|by|before|until|at the end of|early|late|mid) (?P<month3>{'|'.join(MONTHS)})\b"
        + YEAR.replace("<year>", "<year3>"),
        r"on the (?P<day3>\d{1,2})(?:st|nd|rd|th)\b",
        r"(?:at|for|over) (?P<feast>christmas|new year's eve)\b",
        r"in (?P<year4>20\d\d)\b",
    )
)
LEAD = r"(?:(?P<lead>on|by|from|until|till|before|after|since|starting|due|for)\s+)?"
_DATE = re.compile(rf"\b{LEAD}(?:{_WHEN})", re.I)


_BOUND = re.compile(r"(?:by|before|until)\b", re.I)


class DatedSpan(Struct, frozen=True, kw_only=True):
    """A time expression in a sentence and the day or days it means.

    Args:
        start: where it begins in the text.
        end: where it ends.
        phrase: the same time as an absolute phrase, "on 27 November 2026".
        first: its first day.
        last: its last day.

    Returns:
        An immutable value; `first` is never after `last`.

    >>> day = date(2026, 5, 1)
    >>> DatedSpan(start=0, end=5, phrase="on 1 May 2026", first=day, last=day).phrase
    'on 1 May 2026'
    """

    start: int
    end: int
    phrase: str
    first: date
    last: date


def find_date(text: str, at: datetime) -> DatedSpan | None:
    """Find the first time expression of a text that lies on or after the day of `at`.

    Args:
        text: a sentence or a clause.
        at: the moment that "next Friday" counts from.

    Returns:
        The span and its meaning, or `None` where no date is named or the date does not exist.

    >>> span = find_date("I fly to Tokyo next Friday", datetime(2026, 11, 18))
    >>> span.phrase
    'on 27 November 2026'
    """
    for match in _DATE.finditer(text):
        groups = {name.rstrip("234"): found for name, found in match.groupdict().items() if found}
        try:
            phrase, first, last = _resolve({k: v.lower() for k, v in groups.items()}, at.date())
        except (ValueError, OverflowError):
            continue
        if last < at.date():
            continue
        bound = _BOUND.match(match[0])
        lead = bound[0].lower() if bound else groups.get("lead", "").lower()
        if lead not in ("", "on", "for"):
            phrase = f"{lead} {phrase.removeprefix('on ').removeprefix('in ')}"
        return DatedSpan(start=match.start(), end=match.end(), phrase=phrase, first=first, last=last)
    return None


def expiry(last: date, at: datetime) -> datetime:
    """Say when a plan for a day stops mattering.

    Args:
        last: the last day of the plan.
        at: when it was said; gives the time zone.

    Returns:
        The end of that day plus `PLAN_GRACE`.

    >>> expiry(date(2026, 5, 1), datetime(2026, 4, 1)).isoformat()
    '2026-05-16T00:00:00'
    """
    try:
        return datetime.combine(last, time(), at.tzinfo) + timedelta(days=1) + PLAN_GRACE
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)


def _say(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year}"


def _single(day: date) -> tuple[str, date, date]:
    return f"on {_say(day)}", day, day


def _whole_month(year: int, month: int) -> tuple[str, date, date]:
    first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return f"in {MONTHS[first.month - 1].capitalize()} {first.year}", first, following - timedelta(days=1)


def _resolve(found: dict[str, str], today: date) -> tuple[str, date, date]:
    """Phrase, first and last day of the groups that `_DATE` matched."""
    if "iso" in found:
        return _single(date.fromisoformat(found["iso"]))
    if "near" in found:
        ahead = {"tomorrow": 1, "the day after tomorrow": 2}.get(found["near"], 0)
        return _single(today + timedelta(days=ahead))
    if "weekday" in found:
        return _single(_weekday(_DAYS.index(found["weekday"]), found.get("which", ""), today))
    if "unit" in found:
        return _relative(found["unit"], found["rel"] == "next", today)
    if "span" in found:
        return _ahead(found["count"], found["span"], today)
    if "feast" in found:
        return _single(date(today.year, 12, 25 if found["feast"] == "christmas" else 31))
    if "month" in found:
        return _calendar(found, today)
    if "day" in found:
        day = int(found["day"])
        month = today.month if day >= today.day else today.month + 1
        return _single(date(today.year + (month - 1) // 12, (month - 1) % 12 + 1, day))
    year = int(found["year"])
    return f"in {year}", date(year, 1, 1), date(year, 12, 31)


def _weekday(index: int, which: str, today: date) -> date:
    # "next Friday" said on a Wednesday is the Friday of next week; the Friday of this week is "Friday".
    if which == "next":
        return today + timedelta(days=7 - today.weekday() + index)
    return today + timedelta(days=(index - today.weekday() - 1) % 7 + 1)


def _relative(unit: str, is_next: bool, today: date) -> tuple[str, date, date]:
    monday = today - timedelta(days=today.weekday()) + timedelta(days=7 * is_next)
    if unit == "week":
        return f"in the week of {_say(monday)}", monday, monday + timedelta(days=6)
    if unit == "weekend":
        saturday = monday + timedelta(days=5)
        return f"on the weekend of {_say(saturday)}", saturday, saturday + timedelta(days=1)
    if unit == "month":
        return _whole_month(today.year, today.month + is_next)
    if unit == "year":
        return _resolve({"year": str(today.year + is_next)}, today)
    month = _SEASONS[unit]
    year = today.year + (today.month >= month)
    return f"in {unit} {year}", date(year, month, 1), _whole_month(year, month + 2)[2]


def _ahead(count: str, span: str, today: date) -> tuple[str, date, date]:
    many = {"a": 1, "an": 1, "a couple of": 2}.get(count) or number(count) or 0
    if span == "day":
        return _single(today + timedelta(days=many))
    if span == "week":
        day = today + timedelta(days=7 * many)
        return f"around {_say(day)}", day, day + timedelta(days=6)
    if span == "month":
        return _whole_month(today.year, today.month + many)
    return _resolve({"year": str(today.year + many)}, today)


def _calendar(found: dict[str, str], today: date) -> tuple[str, date, date]:
    month = MONTH_NAMES[found["month"]]
    if "day" not in found:
        year = int(found.get("year", today.year + (month < today.month)))
        return _whole_month(year, month)
    if "year" in found:
        return _single(date(int(found["year"]), month, int(found["day"])))
    day = date(today.year, month, int(found["day"]))
    return _single(day if day >= today else day.replace(year=today.year + 1))
