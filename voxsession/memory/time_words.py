"""Time in words: which dates a question asks about, and whether a text says when something was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from voxsession.core.struct import Struct
from voxsession.memory import time_spans as spans
from voxsession.memory.time_spans import HOLIDAYS, MONTHS, NUMBERS, SEASONS, WEEKDAYS, Reader, Span

__all__ = ["AskedSpan", "asked_spans", "asks_when", "says_when"]

_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_MONTH = rf"(?P<month>{_MONTH_NAME})"
_WEEKDAY = rf"(?P<weekday>{'|'.join(WEEKDAYS)})"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_OF_YEAR = rf"(?:,? (?:of )?{_YEAR})?"
_DATE = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b"
_COUNT = (
    rf"(?P<count>\d{{1,3}}|(?:a )?(?:couple|few)(?: of)?|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})"
)
_UNIT = r"(?P<unit>day|week|fortnight|month|year)s?"
_PART = r"(?P<part>early|mid|late|(?:the )?(?:beginning|start|middle|end|(?:first|second|last) half) of)"
_NTH = r"(?P<nth>first|second|third|fourth|last|1st|2nd|3rd|4th)"
_HOLIDAY = rf"(?P<holiday>{'|'.join(HOLIDAYS)})"
_END = rf"(?:{_MONTH_NAME}(?: [0-3]?\d(?:st|nd|rd|th)?\b)?|[0-3]?\d(?:st|nd|rd|th)?(?: of)? {_MONTH_NAME})"
_END += r"(?:,? (?:19|20)\d\d\b)?|(?:19|20)\d\d\b"


class AskedSpan(Struct, frozen=True, kw_only=True):
    """A stretch of time that a question names.

    Attributes:
        start: The first moment inside, aware.
        end: The first moment after it, aware.
        words: What the question says, such as "last week".
        counted: Whether it is counted from the moment of asking; then the same words in a text mean another time.
    """

    start: datetime
    end: datetime
    words: str
    counted: bool = False


# Tried in this order; what one has read the later ones do not see. True: counted from the moment of asking.
# Where a form has two readers, the words may mean either.
_FORMS: tuple[tuple[re.Pattern[str], tuple[Reader, ...], bool], ...] = tuple(
    (re.compile(pattern), read if isinstance(read, tuple) else (read,), counted)
    for pattern, read, counted in (
        (r"\b(?P<year>(?:19|20)\d\d)-(?P<number>[01]?\d)-(?P<day>[0-3]?\d)\b", spans.iso, False),
        (r"(?<![\d.])(?P<one>[0-3]?\d)\.(?P<two>[01]?\d)\.(?P<year>(?:19|20)\d\d)\b", spans.day_first, False),
        (
            r"(?<![\d./-])(?P<one>[0-3]?\d)(?P<sign>[./-])(?P<two>[0-3]?\d)(?P=sign)(?P<year>(?:19|20)\d\d)\b",
            (spans.day_first, spans.month_first),
            False,
        ),
        (
            r"(?<![\d./])(?P<one>[0-3]?\d)/(?P<two>[0-3]?\d)/(?P<year>\d\d)\b(?!/)",
            (spans.day_first, spans.month_first),
            False,
        ),
        (
            rf"\b(?:between|from) (?P<first>{_END}) (?:and|to|until|till|through) (?P<last>{_END})",
            spans.range_of,
            False,
        ),
        (rf"\b(?:the )?{_NTH} week (?:of|in) {_MONTH}{_OF_YEAR}", spans.week_of_month, False),
        (rf"\b{_PART}[ -]{_MONTH}{_OF_YEAR}(?! \d)", spans.part_of_month, False),
        (rf"\b{_DATE}(?: of)? {_MONTH}(?:,? {_YEAR})?", spans.calendar, False),
        (rf"\b{_MONTH} {_DATE}(?:,? {_YEAR})?", spans.calendar, False),
        (rf"\b{_MONTH}(?: of)?,? {_YEAR}", spans.calendar, False),
        (
            rf"\b(?:(?P<which>last|past|this|on|at|over|during) (?:the )?{_HOLIDAY}\b{_OF_YEAR}"
            rf"|{_HOLIDAY.replace('<holiday>', '<dated>')} (?:of |in )?{_YEAR.replace('<year>', '<of>')})",
            spans.holiday,
            False,
        ),
        (r"\bday before yesterday\b", spans.days_back(2), True),
        (r"\b(?:yesterday|last night)\b", spans.days_back(1), True),
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", spans.days_back(0), True),
        (
            r"\bon the (?P<day>[0-3]?\d)(?:st|nd|rd|th)\b(?: of (?P<which>this|last) month\b)?"
            r"(?=\W*$|\s*[?.!,;:)]| (?:and|or|at|in the|did|was|were|with|when|that|of this|of last)\b)",
            spans.day_of_month,
            True,
        ),
        (rf"\b{_COUNT} {_UNIT} (?:ago|back)\b", spans.ago, True),
        (rf"\b(?:last|past|previous) {_COUNT} {_UNIT}\b", spans.lately, True),
        (
            r"\b(?:the )?(?P<unit>week(?:end)?|month|year) before (?P<which>last)\b(?! \w+day)",
            spans.before_last,
            True,
        ),
        (r"\b(?P<which>last|past|previous|this) (?P<unit>week(?:end)?|month)\b", spans.period, True),
        (r"\b(?:the )?(?:last|past|previous) (?P<unit>fortnight)\b", spans.lately, True),
        (r"\b(?P<which>last|past|previous|this) (?P<unit>year)\b", spans.period, False),
        (
            rf"\b(?P<which>last|this|in|in the|during the|during) (?P<season>{'|'.join(SEASONS)})\b"
            rf"(?: (?:of )?{_YEAR})?",
            spans.season,
            False,
        ),
        (rf"\b(?P<which>in|of|during|since|last|this) {_MONTH}", spans.calendar, False),
        (rf"\b(?P<which>last|on|this|since) {_WEEKDAY}\b", spans.weekday, True),
        (rf"\b{_YEAR}", spans.year, False),
    )
)
# "As of May" asks how things stood then, wherever it was told.
_NOT_ASKED = re.compile(r"\bas of (?:\w+ ){0,2}(?:19|20)\d\d\b")
_LONGEST_QUESTION_CHARS = 2_000


def _read(query: str, at: datetime) -> Iterator[AskedSpan]:
    left = _NOT_ASKED.sub("#", " ".join(query[:_LONGEST_QUESTION_CHARS].lower().split()))
    dated = False
    for pattern, readers, counted in _FORMS:
        if dated and counted:
            continue  # "the Monday before 24 July" is not counted from now
        for match in pattern.finditer(left):
            found = dict.fromkeys(span for read in readers if (span := _span(read, match, at)) is not None)
            if not found:
                continue
            for start, end in found:
                yield AskedSpan(start=start, end=end, words=match.group().strip(), counted=counted)
            dated = dated or not counted
            left = left[: match.start()] + "#" * len(match.group()) + left[match.end() :]


def _span(read: Reader, match: re.Match[str], at: datetime) -> Span | None:
    try:
        return read(match, at)
    except (ValueError, OverflowError):  # 31 June, year 0: not a date after all
        return None


def asked_spans(query: str, at: datetime) -> tuple[AskedSpan, ...]:
    """The stretches of time that a question names, whether as dates or counted from a moment.

    A date in numbers such as 5/6/2024 that may be of May or of June names both days; with dots the day comes first.

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
_CLEAR_MONTHS = "|".join(month for month in MONTHS if month not in ("march", "may"))
_SAYS_WHEN = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this|past|weekend|recently|just|since|(?:day|week|month|year)s?"
    rf"|{_CLEAR_MONTHS}|(?-i:March|(?<=\w )May)|{'|'.join(WEEKDAYS)}"
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
