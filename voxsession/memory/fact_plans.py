"""What the user is going to do on a day, and when the user was born."""

from __future__ import annotations

import re
from datetime import date, datetime

from voxsession.memory.fact_dates import (
    DAY,
    LEAD,
    MONTH,
    MONTH_FIRST,
    MONTH_NAMES,
    MONTHS,
    YEAR,
    expiry,
    find_date,
)
from voxsession.memory.fact_phrases import cut, tidy
from voxsession.memory.fact_prose import GAP
from voxsession.memory.fact_values import read_place
from voxsession.memory.facts import NUMBER, Fact, third_person, third_singular

# ---- plans

_EVENTS = (
    r"(?:appointment|interview|exams?|test|surgery|operation|flight|meeting|wedding|date|presentation|deadline|party|"
    "conference|recital|marathon|half marathon|race|concert|trip|holiday|vacation|reservation|hearing|"
    "check-?up|scan|session|"
    "class|dinner|lunch|call|gig|tournament|game|match|audition|baby|graduation|thesis defen[cs]e|"
    "reunion|anniversary|"
    r"visit|training|final|finals|due date|retreat|ceremony|funeral|therapy|physio|dentist|driving test)"
)
_GOING = (
    "(?:going|flying|travell?ing|visiting|moving|getting married|getting divorced|starting|meeting|"
    "seeing|having|leaving|"
    "expecting|hosting|running|taking|attending|celebrating|competing|giving|defending|graduating|"
    "retiring|turning|getting|driving|"
    "taking part|heading|coming|returning|launching|performing|speaking|planning|adopting|buying|"
    "arriving|changing|quitting)"
)
PLANNED = _GOING
_BEGINNINGS = tuple(
    (re.compile(pattern, re.I), opening)
    for pattern, opening in (
        (
            rf"I'm (?={_GOING}\b)(?!having (?:trouble|problems|issues|difficult))(?!getting (?:(?:an?|"
            "the|some) )?(?:error|message|notification|warning|e?mail|call|bill|tired|old|cold|ready|better|worse|used|"
            r"lost)s?\b)(?!seeing (?!(?:my|an?|the) (?:[\w-]+ )?(?:doctor|specialist|therapist|dentist|physio|surgeon|"
            r"consultant|gp|psychiatrist|parents|family|mom|mum|dad|sister|brother|friends?|lawyer|accountant)\b|"
            "(?-i:[A-Z])))",
            "{u} is ",
        ),
        (
            rf"I'll be (?=(?:in|at|on|visiting|away|out of|abroad|back|turning|starting|moving|{NUMBER})\b|travel)",
            "{u} will be ",
        ),
        (
            "I'll (?=(?:fly|travel|go|visit|move|start|leave|arrive|attend|graduate|get married|marry|"
            r"retire|take the)\b)",
            "{u} will ",
        ),
        (
            rf"I have (?=(?:an?|my|the|two|three|our|another) (?:[\w'-]+ ){{0,3}}?{_EVENTS}\b|"
            r"(?:surgery|therapy|exams)\b)",
            "{u} has ",
        ),
        (
            rf"my (?=(?:[\w'-]+ ){{0,2}}?{_EVENTS}(?: (?:to|with|in|at|for) (?:[\w'-]+ ){{1,4}}?| )"
            r"(?:is|(?:has been|got) (?:moved|postponed|rescheduled|pushed|shifted|changed) to)\b)",
            "{p} ",
        ),
        (r"I (?=(?:fly|leave|start|graduate|retire|move|travel|depart|arrive|turn|get married)\b)", "{u} "),
        (r"I(?:'m)? plan(?:ning)? (?:on |to )(?=\w)", "{u} plans to "),
        (r"I intend to ", "{u} plans to "),
        (
            r"I (?:have|need|must) to (?=(?!know|find|book|see|ask|get|buy|talk|call)\w+ .*\b(?:by|before)\b)",
            "{u} has to ",
        ),
    )
)
_MOVED = re.compile(
    r"(?:(?:has been|got) (?:\w+ed|changed) to|is now) (?P<lead>on |in |around )?(?=\w)", re.I
)
_PLANNING = re.compile(
    r"I'm planning (?=(?:an?|my|our|the) (?:[\w-]+ ){0,2}(?:trip|wedding|holiday|vacation|party|move|visit)\b)",
    re.I,
)
_TOWARDS = re.compile(
    r"I'm (?P<how>training|saving(?: up)?|preparing|rehearsing|studying|practi[cs]ing) for "
    rf"(?=(?:an?|my|our|the) (?:[\w'-]+ ){{0,3}}?(?:{_EVENTS}|house|car|deposit|tour|olympics|championships?|triathlon|"
    r"qualification|certificate|licen[cs]e|degree)\b)",
    re.I,
)
_NOT_A_PLAN = re.compile(
    rf"\b(?:you|your|every|maybe|might|probably|{GAP}|hopefully|touch|that|it|kill|die|last|ago|again|"
    r"or|not|was|bed|late|there|here|this|them|him)\b",
    re.I,
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
    if span is None or _NOT_A_PLAN.search(f"{text[: span.start]} {text[span.end :]}"):
        return None
    if re.match(r"since|from (?!\w+ (?:to|until))", text[span.start :]) and not text.lower().startswith(
        ("in ", "at ", "out ", "away", "on ")
    ):
        return None  # "an error since Monday" lies behind us
    rest = text[span.end :]
    after = cut(rest)[0].split(",")[0] if rest[:1] != "," else ""
    before = text[: span.start].rstrip(" ,")
    # The words behind the date belong to the plan ("for my cousin's wedding", "at 3pm"), a new clause does not.
    # "from 1 to 5 December" keeps its own preposition.
    phrase = (
        span.phrase.removeprefix("on ")
        if re.search(r"\b(?:to|and|of|from|through|till|until)$", before)
        else span.phrase
    )
    words = " ".join(filter(None, (third_person(before), phrase, third_person(after.strip()))))
    return (words, span.last) if len(words.split()) < 25 else None


def _plan(text: str, opening: str, *, at: datetime, user: str) -> Fact | None:
    found = dated(text, at)
    if found is None:
        return None
    words = third_singular(found[0]) if opening == "{u} " else found[0]
    words = _MOVED.sub(lambda moved: f"is {moved['lead'] or 'on '}", words).removesuffix(" instead")
    return Fact(
        content=opening.format(u=user, p=f"{user}'s") + words,
        category="plan",
        importance=0.7,
        expires_at=expiry(found[1], at),
    )


def _undated(clause: str, *, user: str) -> Fact | None:
    match = _PLANNING.match(clause) or _TOWARDS.match(clause)
    if match is None or _NOT_A_PLAN.search(clause):
        return None
    words = tidy(cut(clause[match.end() :])[0])
    how = match.groupdict().get("how")
    doing = f"{how.lower()} for" if how else "planning"
    content = f"{user} is {doing} {third_person(words)}"
    return Fact(content=content, category="plan", importance=0.5) if words else None


# ---- birthdays

_BIRTHDAY = re.compile(
    r"(?:it's )?my birthday(?: is|'s)?(?= |$)|I was born(?= )|my (?:date of birth|dob) is", re.I
)
_MONTH_DAY = re.compile(
    rf"(?:{LEAD}(?:the )?{DAY} (?:of )?{MONTH}{YEAR})|(?:{LEAD.replace('lead', 'lead2')}{MONTH_FIRST})",
    re.I,
)
_ISO_DAY = re.compile(r"\b((?:19|20)\d\d)-(0[1-9]|1[0-2])-(\d\d)\b")
_IN_MONTH = re.compile(rf" in (?P<month>{'|'.join(MONTHS)})$", re.I)
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
    rest = _ISO_DAY.sub(lambda iso: f"{iso[3]} {MONTHS[int(iso[2]) - 1]} {iso[1]}", rest)
    day = _MONTH_DAY.search(rest)
    if day:
        groups = {name.rstrip("2"): found for name, found in day.groupdict().items() if found}
        month = MONTHS[MONTH_NAMES[groups["month"].lower()] - 1].capitalize()
        value = " ".join(filter(None, (str(int(groups["day"])), month, groups.get("year", ""))))
        facts.append(("birthday", value, f"was born on {value}" if "year" in groups else ""))
    elif year := _BORN_IN.match(rest):
        facts.append(("birth.year", year["year"], f"was born in {year['year']}"))
    elif "born" not in match[0] and (named := _IN_MONTH.match(rest)):
        facts.append(("birthday", named[1].capitalize(), f"has a birthday in {named[1].capitalize()}"))
    elif "born" not in match[0] and (span := find_date(rest, at)) and span.first == span.last:
        facts.append(("birthday", f"{span.first.day} {MONTHS[span.first.month - 1].capitalize()}", ""))
    place = re.search(r"\bin (?!\d)(?P<place>\w.*)", rest[day.end() if day else 0 :], re.I)
    name = read_place(place["place"])[0] if place and "born" in match[0] else None
    if name and name.lower() not in MONTH_NAMES:
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
