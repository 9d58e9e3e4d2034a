"""What is dated: plans and birthdays, with relative dates resolved against the day they were said."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import attrs

from voxsession.memory.fact_guards import GAP
from voxsession.memory.fact_values import cut, read_place, tidy
from voxsession.memory.facts import NUMBER, Fact, number, third_person, third_singular

PLAN_GRACE = timedelta(days=14)

# ---- dates

_MONTHS = ("january february march april may june july august september october november december").split()
_MONTH_NAMES = (
    {name: index for index, name in enumerate(_MONTHS, start=1)}
    | {name[:3]: index for index, name in enumerate(_MONTHS, start=1)}
    | {"sept": 9}
)
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTH_NAMES, key=len, reverse=True)) + r")\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,? (?P<year>(?:19|20)\d\d)\b)?"
_MONTH_FIRST = re.sub(r"<(\w+)>", r"<\g<1>2>", rf"{_MONTH} (?:the )?{_DAY}{_YEAR}")
_WHEN = "|".join(
    (
        r"(?P<iso>20\d\d-\d\d-\d\d)",
        rf"(?:the )?{_DAY} (?:of )?{_MONTH}{_YEAR}",
        _MONTH_FIRST,
        r"(?P<near>the day after tomorrow|today|tonight|tomorrow)(?: (?:morning|afternoon|evening|night))?",
        rf"(?P<which>this|next|coming|this coming)? ?(?P<weekday>{'|'.join(_DAYS)})\b"
        r"(?: (?:morning|afternoon|evening|night))?",
        r"(?P<rel>this|next) (?P<unit>week|weekend|month|year|spring|summer|autumn|fall|winter)\b",
        rf"in (?:about )?(?P<count>{NUMBER}|a|an|a couple of) (?P<span>day|week|month|year)s?\b",
        rf"(?:in|this|next|by|until|at the end of|early|late|mid) (?P<month3>{'|'.join(_MONTHS)})\b"
        + _YEAR.replace("<year>", "<year3>"),
        r"on the (?P<day3>\d{1,2})(?:st|nd|rd|th)\b",
        r"(?:at|for|over) (?P<feast>christmas|new year's eve)\b",
        r"in (?P<year4>20\d\d)\b",
    )
)
_LEAD = r"(?:(?P<lead>on|by|from|until|till|before|after|since|starting|due|for)\s+)?"
_DATE = re.compile(rf"\b{_LEAD}(?:{_WHEN})", re.I)


@attrs.define(frozen=True, slots=True, kw_only=True)
class DatedSpan:
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
        lead = groups.get("lead", "").lower()
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
    return f"{day.day} {_MONTHS[day.month - 1].capitalize()} {day.year}"


def _single(day: date) -> tuple[str, date, date]:
    return f"on {_say(day)}", day, day


def _whole_month(year: int, month: int) -> tuple[str, date, date]:
    first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return f"in {_MONTHS[first.month - 1].capitalize()} {first.year}", first, following - timedelta(days=1)


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
    month = _MONTH_NAMES[found["month"]]
    if "day" not in found:
        year = int(found.get("year", today.year + (month < today.month)))
        return _whole_month(year, month)
    if "year" in found:
        return _single(date(int(found["year"]), month, int(found["day"])))
    day = date(today.year, month, int(found["day"]))
    return _single(day if day >= today else day.replace(year=today.year + 1))


# ---- plans

_EVENTS = (
    r"(?:appointment|interview|exams?|test|surgery|operation|flight|meeting|wedding|date|presentation|deadline|party|"
    r"conference|recital|marathon|half marathon|race|concert|trip|holiday|vacation|reservation|hearing|check-?up|scan|session|"
    r"class|dinner|lunch|call|gig|tournament|game|match|audition|baby|graduation|thesis defen[cs]e|reunion|anniversary|"
    r"visit|training|final|finals|due date|retreat|ceremony|funeral|therapy|physio|dentist|driving test)"
)
_GOING = (
    r"(?:going|flying|travell?ing|visiting|moving|getting married|getting divorced|starting|meeting|seeing|having|leaving|"
    r"expecting|hosting|running|taking|attending|celebrating|competing|giving|defending|graduating|retiring|turning|driving|"
    r"taking part|heading|coming|returning|launching|performing|speaking|planning|adopting|buying|arriving|changing|quitting)"
)
_BEGINNINGS = tuple(
    (re.compile(pattern, re.I), opening)
    for pattern, opening in (
        (rf"I'm (?={_GOING}\b)(?!having (?:trouble|problems|issues|difficult))", "{u} is "),
        (
            r"I'll be (?=in|at|on|visiting|travel|away|out of|abroad|back|turning|starting|moving)",
            "{u} will be ",
        ),
        (rf"I have (?=(?:an?|my|the|two|three|our|another) (?:[\w'-]+ ){{0,3}}?{_EVENTS}\b)", "{u} has "),
        (rf"my (?=(?:[\w'-]+ ){{0,2}}?{_EVENTS} is\b)", "{p} "),
        (r"I (?=(?:fly|leave|start|graduate|retire|move|travel|depart|arrive|get married)\b)", "{u} "),
        (r"I(?:'m)? plan(?:ning)? (?:on |to )(?=\w)", "{u} plans to "),
        (r"I intend to ", "{u} plans to "),
        (
            r"I (?:have|need|must) to (?=(?!know|find|book|see|ask|get|buy|talk|call)\w+ .*\b(?:by|before)\b)",
            "{u} has to ",
        ),
    )
)
_PLANNING = re.compile(
    r"I'm planning (?=(?:an?|my|our|the) (?:[\w-]+ ){0,2}(?:trip|wedding|holiday|vacation|party|move|visit)\b)",
    re.I,
)
_NOT_A_PLAN = re.compile(
    rf"\b(?:you|your|every|maybe|might|probably|{GAP}|hopefully|last|ago|again|or|not|was|bed|late)\b", re.I
)


def read_plan(clause: str, *, at: datetime, user: str) -> Fact | None:
    """Read what the user is going to do on a day that the clause names.

    Args:
        clause: a clause of the user.
        at: the moment that "next Friday" counts from.
        user: the name used in the content.

    Returns:
        The plan, dated in its content, or `None`.

    >>> read_plan("I'm flying to Oslo tomorrow", at=datetime(2026, 11, 18), user="User").content
    'User is flying to Oslo on 19 November 2026'
    """
    for pattern, opening in _BEGINNINGS:
        if match := pattern.match(clause):
            return _plan(clause[match.end() :], opening, at=at, user=user) or _undated(clause, user=user)
    return _undated(clause, user=user)


def dated(text: str, at: datetime) -> tuple[str, date] | None:
    """Write the time expression of a clause as an absolute date and drop what runs on behind it.

    Args:
        text: "turning 90 next month".
        at: the moment that relative dates count from.

    Returns:
        The text in the third person and the last day it names; `None` where no day is named.

    >>> dated("turning 90 next month", datetime(2026, 11, 18))
    ('turning 90 in December 2026', datetime.date(2026, 12, 31))
    """
    span = find_date(text, at)
    if span is None or _NOT_A_PLAN.search(text):
        return None
    rest = text[span.end :]
    after = cut(rest)[0].split(",")[0] if rest[:1] != "," else ""
    before = text[: span.start].rstrip(" ,")
    # The words behind the date belong to the plan ("for my cousin's wedding", "at 3pm"), a new clause does not.
    words = " ".join(filter(None, (third_person(before), span.phrase, third_person(after.strip()))))
    return (words, span.last) if len(words.split()) < 25 else None


def _plan(text: str, opening: str, *, at: datetime, user: str) -> Fact | None:
    found = dated(text, at)
    if found is None or (opening.startswith("{p}") and " is " not in text):
        return None
    words = third_singular(found[0]) if opening == "{u} " else found[0]
    return Fact(
        content=opening.format(u=user, p=f"{user}'s") + words,
        category="plan",
        importance=0.7,
        expires_at=expiry(found[1], at),
    )


def _undated(clause: str, *, user: str) -> Fact | None:
    match = _PLANNING.match(clause)
    if match is None or _NOT_A_PLAN.search(clause):
        return None
    words = tidy(cut(clause[match.end() :])[0])
    return (
        Fact(content=f"{user} is planning {third_person(words)}", category="plan", importance=0.5)
        if words
        else None
    )


# ---- birthdays

_BIRTHDAY = re.compile(
    r"(?:it's )?my birthday(?: is|'s)?(?= |$)|I was born(?= )|my (?:date of birth|dob) is", re.I
)
_MONTH_DAY = re.compile(
    rf"(?:{_LEAD}(?:the )?{_DAY} (?:of )?{_MONTH}{_YEAR})|(?:{_LEAD.replace('lead', 'lead2')}{_MONTH_FIRST})",
    re.I,
)
_BORN_IN = re.compile(r" in (?P<year>19\d\d|20[012]\d)\b", re.I)


def birthday(clause: str, *, at: datetime, user: str) -> list[Fact]:
    """Read when the user was born.

    Args:
        clause: a clause of the user.
        at: the moment that "my birthday is tomorrow" counts from.
        user: the name used in the content.

    Returns:
        The birthday or the year of birth and, after "I was born … in", the place; else nothing.

    >>> [fact.value for fact in birthday("my birthday is March 3rd", at=datetime(2026, 1, 1), user="User")]
    ['3 March']
    """
    match = _BIRTHDAY.match(clause)
    if match is None:
        return []
    rest, facts = clause[match.end() :], []
    day = _MONTH_DAY.search(rest)
    if day:
        groups = {name.rstrip("2"): found for name, found in day.groupdict().items() if found}
        month = _MONTHS[_MONTH_NAMES[groups["month"].lower()] - 1].capitalize()
        value = " ".join(filter(None, (str(int(groups["day"])), month, groups.get("year", ""))))
        facts.append(("birthday", value, f"was born on {value}" if "year" in groups else ""))
    elif year := _BORN_IN.match(rest):
        facts.append(("birth.year", year["year"], f"was born in {year['year']}"))
    elif "born" not in match[0] and (span := find_date(rest, at)) and span.first == span.last:
        facts.append(("birthday", f"{span.first.day} {_MONTHS[span.first.month - 1].capitalize()}", ""))
    if place := re.search(
        r"\bin (?!\d)(?P<place>(?!january|february)\w.*)", rest[day.end() if day else 0 :], re.I
    ):
        if (
            "born" in match[0]
            and (name := read_place(place["place"])[0])
            and name.lower() not in _MONTH_NAMES
        ):
            facts.append(("birthplace", name, f"was born in {name}"))
    return [
        Fact(
            content=f"{user} {said}" if said else f"{user}'s birthday is on {value}",
            category="location" if slot == "birthplace" else "identity",
            importance=0.8,
            slot=slot,
            value=value,
        )
        for slot, value, said in facts
    ]
