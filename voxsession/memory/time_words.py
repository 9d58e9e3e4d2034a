"""Time in words: which dates a question asks about, and whether a text says when something was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import attrs

__all__ = ["AskedSpan", "asked_spans", "asks_when", "says_when"]

_DAY = timedelta(days=1)
_MONTHS = ("january february march april may june july august september october november december").split()
_WEEKDAYS = ("monday tuesday wednesday thursday friday saturday sunday").split()
_NUMBERS = {
    w: n for n, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_NUMBERS |= {"a": 1, "an": 1, "couple": 2, "few": 3, "several": 4}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
)
_MONTH += r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
_WEEKDAY = r"(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_DATE = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b"
_COUNT = r"(?P<count>\d{1,3}|(?:a )?(?:couple|few)(?: of)?|several|an?|one|two|three|four|five|six|seven|eight|nine|ten"
_COUNT += r"|eleven|twelve)"
_UNIT = r"(?P<unit>day|week|month|year)s?"

Span = tuple[datetime, datetime]


@attrs.frozen(slots=True, kw_only=True)
class AskedSpan:
    """A stretch of time that a question names.

    Attributes:
        start: The first moment inside, aware.
        end: The first moment after it, aware.
        words: What the question says, such as "last week".
        counted: Whether it is counted in days or weeks from the moment of asking; then the same words in a
            text mean another time.
    """

    start: datetime
    end: datetime
    words: str
    counted: bool = False


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _month_span(at: datetime, year: int, month: int, months: int = 1) -> Span:
    start = _midnight(at).replace(year=year, month=month, day=1)
    carry, index = divmod(month - 1 + months, 12)
    return start, start.replace(year=year + carry, month=index + 1)


def _months_back(at: datetime, back: int, months: int = 1) -> Span:
    carry, index = divmod(at.month - 1 - back, 12)
    return _month_span(at, at.year + carry, index + 1, months)


def _iso(match: re.Match[str], at: datetime) -> Span:
    year, month, day = (int(part) for part in match.group("year", "number", "day"))
    start = _midnight(at).replace(year=year, month=month, day=day)
    return start, start + _DAY


def _calendar(match: re.Match[str], at: datetime) -> Span:
    """A month, with a day and a year where they are named; without a year the latest that has begun."""
    named = match.groupdict()
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(named["month"][:3]))
    day = int(named.get("day") or 1)
    year = int(named["year"]) if named.get("year") else at.year - ((month, day) > (at.month, at.day))
    if not named.get("day"):
        return _month_span(at, year, month)
    start = _midnight(at).replace(year=year, month=month, day=day)
    return start, start + _DAY


def _year(match: re.Match[str], at: datetime) -> Span:
    return _month_span(at, int(match["year"]), 1, 12)


def _season(match: re.Match[str], at: datetime) -> Span:
    month = _SEASONS[match["season"]]
    year = int(match["year"]) if match["year"] else at.year - (month > at.month)
    if not match["year"] and match["which"] == "last" and month <= at.month < month + 3:
        year -= 1
    return _month_span(at, year, month, 3)


def _days_back(first: int, last: int) -> Callable[[re.Match[str], datetime], Span]:
    def span(_match: re.Match[str], at: datetime) -> Span:
        today = _midnight(at)
        return today - first * _DAY, today - (last - 1) * _DAY

    return span


def _count(match: re.Match[str]) -> int:
    text = match["count"]
    return int(text) if text.isdecimal() else max(_NUMBERS.get(word, 0) for word in text.split())


def _ago(match: re.Match[str], at: datetime) -> Span:
    """Round words get room: "three weeks ago" is that week, "two months ago" that month."""
    count, unit, today = _count(match), match["unit"], _midnight(at)
    if unit == "day":
        return today - count * _DAY, today - (count - 1) * _DAY
    if unit == "week":
        return today - (7 * count + 3) * _DAY, today - (7 * count - 4) * _DAY
    return _months_back(at, count) if unit == "month" else _month_span(at, at.year - count, 1, 12)


def _lately(match: re.Match[str], at: datetime) -> Span:
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[match["unit"]]
    return _midnight(at) - _count(match) * days * _DAY, _midnight(at) + _DAY


def _period(match: re.Match[str], at: datetime) -> Span:
    """The present or the last whole week (from Monday), weekend, month or year."""
    back, unit = int(match["which"] != "this"), match["unit"]
    if unit == "month":
        return _months_back(at, back)
    if unit == "year":
        return _month_span(at, at.year - back, 1, 12)
    monday = _midnight(at) - (at.weekday() + 7 * back) * _DAY
    return (monday if unit == "week" else monday + 4 * _DAY), monday + 7 * _DAY


def _weekday(match: re.Match[str], at: datetime) -> Span:
    back = (at.weekday() - _WEEKDAYS.index(match["weekday"])) % 7
    if back == 0 and match["which"] == "last":
        back = 7
    start = _midnight(at) - back * _DAY
    return start, start + _DAY


# Tried in this order; what one has read the later ones do not see. True: counted from the moment of asking.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Span], bool], ...] = tuple(
    (re.compile(pattern), read, counted)
    for pattern, read, counted in (
        (r"\b(?P<year>(?:19|20)\d\d)-(?P<number>[01]?\d)-(?P<day>[0-3]?\d)\b", _iso, False),
        (rf"\b{_DATE}(?: of)? {_MONTH}(?:,? {_YEAR})?", _calendar, False),
        (rf"\b{_MONTH} {_DATE}(?:,? {_YEAR})?", _calendar, False),
        (rf"\b{_MONTH}(?: of)?,? {_YEAR}", _calendar, False),
        (r"\bday before yesterday\b", _days_back(2, 2), True),
        (r"\b(?:yesterday|last night)\b", _days_back(1, 1), True),
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", _days_back(0, 0), True),
        (rf"\b{_COUNT} {_UNIT} ago\b", _ago, False),
        (rf"\b(?:last|past|previous) {_COUNT} {_UNIT}\b", _lately, True),
        (r"\b(?P<which>last|past|previous|this) (?P<unit>week(?:end)?|month)\b", _period, True),
        (r"\b(?P<which>last|past|previous|this) (?P<unit>year)\b", _period, False),
        (
            rf"\b(?P<which>last|this|in|in the|during the|during) (?P<season>{'|'.join(_SEASONS)})\b"
            rf"(?: (?:of )?{_YEAR})?",
            _season,
            False,
        ),
        (rf"\b(?:in|of|during|since|last|this|late|early|mid) {_MONTH}", _calendar, False),
        (rf"\b(?P<which>last|on|this|since) {_WEEKDAY}\b", _weekday, True),
        (rf"\b{_YEAR}", _year, False),
    )
)
# "As of May" asks how things stood then, wherever it was told.
_NOT_ASKED = re.compile(r"\bas of (?:\w+ ){0,2}(?:19|20)\d\d\b")
_LONGEST_QUESTION_CHARS = 2_000


def _read(query: str, at: datetime) -> Iterator[AskedSpan]:
    left = _NOT_ASKED.sub("#", " ".join(query[:_LONGEST_QUESTION_CHARS].lower().split()))
    dated = False
    for pattern, read, counted in _FORMS:
        if dated and counted:
            continue  # "the Monday before 24 July" is not counted from now
        for match in pattern.finditer(left):
            try:
                start, end = read(match, at)
            except (ValueError, OverflowError):  # 31 June, year 0: not a date after all
                continue
            yield AskedSpan(start=start, end=end, words=match.group().strip(), counted=counted)
            dated = dated or not counted
            left = left[: match.start()] + "#" * len(match.group()) + left[match.end() :]


def asked_spans(query: str, at: datetime) -> tuple[AskedSpan, ...]:
    """The stretches of time that a question names, whether as dates or counted from a moment.

    Args:
        query: The question; English.
        at: The moment that "last week" counts from, aware; a naive one is taken as UTC.

    Returns:
        Spans in `at`'s time zone; none where the question names no time.

    Example:
        >>> moment = datetime(2024, 5, 15, 12, tzinfo=UTC)
        >>> [(s.words, str(s.start.date()), str(s.end.date())) for s in asked_spans("what was it last week?", moment)]
        [('last week', '2024-05-06', '2024-05-13')]
    """
    return tuple(_read(query, at if at.tzinfo else at.replace(tzinfo=UTC)))


_WHEN = re.compile(
    r"^\W*(?:when|what (?:date|day|year|month|time)|(?:on|in) (?:what|which) (?:date|day|year|month))\b"
)
# "May" and "march" are told from the months by their capitals.
_CLEAR_MONTHS = "|".join(month for month in _MONTHS if month not in ("march", "may"))
_SAYS_WHEN = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this|past|weekend|recently|just|since|(?:day|week|month|year)s?"
    rf"|{_CLEAR_MONTHS}|(?-i:March|(?<=\w )May)|{'|'.join(_WEEKDAYS)}"
    r"|(?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)


def asks_when(query: str) -> bool:
    """Whether a question wants a time for its answer.

    Example:
        >>> asks_when("When did she move?"), asks_when("Where was I when it rained?")
        (True, False)
    """
    return _WHEN.match(query[:200].lower()) is not None


def says_when(text: str) -> bool:
    """Whether a text says when something was or will be.

    Example:
        >>> says_when("We moved two weeks ago."), says_when("We moved.")
        (True, False)
    """
    return _SAYS_WHEN.search(text) is not None
