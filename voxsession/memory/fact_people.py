"""The people and animals around the user: who they are, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from voxsession.core.struct import evolve
from voxsession.memory import fact_words as w
from voxsession.memory.fact_dates import expiry
from voxsession.memory.fact_plans import birthday, dated
from voxsession.memory.fact_values import READERS, read_name
from voxsession.memory.facts import NUMBER, Fact, proper

_ADJECTIVES = (
    "(?:(?:older|younger|big|little|elder|twin|best|step|half|pet|oldest|youngest|middle|new|dear|good|"
    r"old|close|eldest|baby|direct|adopted|foster|first|second|other|senior|beloved|sweet|current|work)[ -])*"
)
_WHO = rf"my (?P<adj>{_ADJECTIVES})(?P<rel>{w.choice(w.KIN | w.PETS)})(?P<law>[ -]in[ -]law)?(?![\w-])"
_SUBJECT = re.compile(_WHO, re.I)
_NAMED = re.compile(
    rf"(?<![\w'])(?<!not )(?<!isn't ){_WHO}(?: |, (?=[\w-]+(?: [\w-]+)?(?:,|$)))(?=[^\W\d_])", re.I
)
_GONE = re.compile(
    r"\b(?:br(?:oke|eak|oken) up|split up|died|passed away|(?:nearly|almost|want(?:ed)? to|going to|"
    r"should i|could) (?:name|named|call|called)|put down|lost my|funeral|divorc\w+|miss my|late)\b",
    re.I,
)
_CALLED = re.compile(
    r"(?:'s|s)? ?(?:first )?(?:name is|(?:is|are|was) (?:called|named)|named|called|goes by) ", re.I
)
_IS_NAME = re.compile(r"(?:is|'s) (?=[^\W\d_])", re.I)

_ONLY_ONE = dict.fromkeys(w.PARTNERS, "partner") | {
    "mother": "mother",
    "mom": "mother",
    "mum": "mother",
    "father": "father",
    "dad": "father",
    "boss": "boss",
    "manager": "boss",
}
_HEALTH = rf"(?:{w.choice(w.CONDITIONS)}|(?:an? )?[\w-]+ allergy)"
_SAID_OF = tuple(
    (re.compile(pattern, re.I), reader, attribute, content)
    for attribute, reader, content, *patterns in (
        (
            "residence",
            "place",
            "{verb} in {v}",
            "(?:still |now |currently )?(?:(?P<verb>lives?)|(?:is|are) (?:still |now |currently "
            r")?(?P<verb2>living|based)) in\s+",
        ),
        ("employer", "organisation", "{verb} {v}", r"(?:now )?(?P<verb>works? (?:at|for))\s+"),
        ("occupation", "any_job", "works as {v}", r"works as\s+"),
        ("occupation", "known_job", "is a {v}", r"is (?:an? |also an? )"),
        (
            "origin",
            "place",
            "{verb} from {v}",
            r"(?:originally )?(?P<verb>is|are|comes) (?:originally )?from\s+",
        ),
        (
            "",
            "whole",
            "{verb} allergic to {v}",
            r"(?P<verb>is|are) (?:\w+ly |also )?allergic to (?P<v>[\w-]+(?: and [\w-]+)?)",
        ),
        (
            "",
            "whole",
            "{verb} {v}",
            rf"(?P<verb>has|suffers from|was diagnosed with) (?P<v>{_HEALTH})(?![\w'-])",
        ),
        ("diet", "whole", "{verb} {v}", rf"(?P<verb>is|are) (?:an? )?(?P<v>{w.choice(w.DIETS)})(?![\w-])"),
        ("", "whole", "{verb} {v}", rf"(?P<verb>is|are) (?P<v>{w.choice(w.STATES)})(?![\w-])"),
        (
            "age",
            "whole",
            "{verb} {v} years old",
            f"(?P<verb>is|are) (?P<v>{NUMBER}(?:(?:, {NUMBER})*,? and {NUMBER})?)(?: years? old)?(?=$|"
            r"[,.!]| (?:and|but|now|so)\b)",
        ),
        (
            "",
            "thing",
            "{verb} {v}",
            r"(?P<verb>loves|likes|hates|enjoys|collects|plays|speaks)\s+(?!it\b|this|that|me\b|when|to say|you)",
        ),
    )
    for pattern in patterns
)
_DATED = re.compile(
    "(?:(?:is|are) )(?=(?:turning|getting married|visiting|coming|moving|graduating|starting|arriving|"
    "retiring|having|flying|"
    r"expecting|leaving|staying)\b)",
    re.I,
)


def people_named(said: str, *, user: str) -> Iterator[Fact]:
    """Find the people and pets named in passing, even in a question: "a gift for my sister Dana?".

    Args:
        said: a sentence, without its reported and supposed parts.
        user: the name used in the content.

    Returns:
        One fact for each name.

    >>> [fact.content for fact in people_named("A gift for my sister Dana", user="User")]
    ["User's sister is Dana"]
    """
    if _GONE.search(said):
        return
    for match in _NAMED.finditer(said):
        if _singular(match) and (name := _direct_name(said[match.end() :])):
            yield _name_fact(match, name, user)


def people_facts(clause: str, *, at: datetime, user: str) -> list[Fact]:
    """Read what a clause says about someone around the user.

    Args:
        clause: a clause that may begin with "my sister".
        at: the moment that relative dates count from.
        user: the name used in the content.

    Returns:
        The facts: a name, a home, a job, an allergy, a plan; else nothing.

    >>> now = datetime(2026, 11, 18)
    >>> [fact.content for fact in people_facts("my sister Dana lives in Oslo", at=now, user="User")]
    ["User's sister Dana lives in Oslo"]
    """
    match = _SUBJECT.match(clause)
    if match is None:
        return []
    rest = clause[match.end() :].lstrip(" ,")
    if (called := _CALLED.match(rest)) and (name := read_name(rest[called.end() :], strict=False)):
        return [_name_fact(match, name, user)]
    name = _direct_name(rest) if _singular(match) else None
    rest = rest[len(name) :].lstrip(" ,") if name else rest
    if (is_name := _IS_NAME.match(rest)) and _singular(match):
        given = read_name(rest[is_name.end() :], strict=True)
        if given and re.sub(r"^(?:dr|mr|mrs|ms)\.? .*", "anna", given.lower()).split()[0] in w.GIVEN_NAMES:
            return [_name_fact(match, given, user)]
    return _said_of(match, name, rest, at=at, user=user)


def _said_of(who: re.Match[str], name: str | None, rest: str, *, at: datetime, user: str) -> list[Fact]:
    subject = f"{user}'s {_label(who)}{f' {name}' if name else ''}"
    if (going := _DATED.match(rest)) and (plan := dated(rest[going.end() :], at)):
        said = f"{subject} {going[0].strip()} {plan[0]}"
        return [Fact(content=said, category="plan", importance=0.6, expires_at=expiry(plan[1], at))]
    if born := re.match(r"(?:'s )?birthday (?:is|'s) ", rest, re.I):
        days = birthday(f"my birthday is {rest[born.end() :]}", at=at, user=subject)
        slot = f"{_key(who, name)}.birthday" if _key(who, name) else None
        return [evolve(fact, category="relationship", importance=0.6, slot=slot) for fact in days]
    for pattern, reader, attribute, content in _SAID_OF:
        match = pattern.match(rest)
        values, _ = READERS[reader](match, rest[match.end() :]) if match else ([], "")
        if match is None or not values:
            continue
        groups = match.groupdict()
        verb = groups.get("verb") or f"is {groups.get('verb2')}"
        said = content.format(verb=verb.lower(), v=values[0])
        key = _key(who, name)
        return [
            Fact(
                content=f"{subject} {said}".replace(" is a a", " is an a"),
                category="health"
                if re.search(r"allerg|has|suffers|diagnosed", said.split(values[0])[0] + said)
                else "relationship",
                importance=0.6,
                slot=f"{key}.{attribute}" if key and attribute else None,
                value=values[0],
            )
        ]
    return []


def _direct_name(rest: str) -> str | None:
    """The name right behind "my sister": one with a capital, or one that is known as a name."""
    if rest[:1].isupper():
        return read_name(rest, strict=False)
    first = re.match(r"[^\W\d_]+", rest)
    return proper(first[0]) if first and first[0] in w.GIVEN_NAMES - w.NOT_NAMES else None


def _key(who: re.Match[str], name: str | None) -> str | None:
    """What begins the slots of a person: the name, or the relation where there is only one of it."""
    return name.lower() if name else None if who["law"] else _ONLY_ONE.get(who["rel"].lower())


def _singular(match: re.Match[str]) -> bool:
    rel = match["rel"].lower()
    return rel not in w.words(
        "kids children parents twins grandparents sisters brothers sons daughters"
    ) and not (rel in w.PETS and rel.endswith("s") and rel[:-1] in w.PETS)


def _label(match: re.Match[str]) -> str:
    return f"{match['adj'] or ''}{match['rel']}{match['law'] or ''}".lower()


def _name_fact(match: re.Match[str], name: str, user: str) -> Fact:
    rel = match["rel"].lower()
    if rel in w.PETS:
        content = f"{user}'s {_label(match)} is called {name}"
        return Fact(content=content, category="possession", importance=0.6, value=name)
    one = _ONLY_ONE.get(rel) if not match["law"] else None
    return Fact(
        content=f"{user}'s {_label(match)} is {name}",
        category="relationship",
        importance=0.7,
        slot=f"{one}.name" if one else None,
        value=name,
    )
