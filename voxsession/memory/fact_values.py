"""How the value of a fact is read from the words that follow its beginning: a name, a place, a job, a list."""

from __future__ import annotations

import re
from collections.abc import Callable

from voxsession.memory import fact_words as w
from voxsession.memory.fact_phrases import cut, is_thing, things, tidy
from voxsession.memory.fact_prose import GAP
from voxsession.memory.facts import number, proper

Reader = Callable[[re.Match[str], str], tuple[list[str], str]]

# ---- names, places, employers, jobs

_UP = r"[^\W\d_a-zß-öø-ÿ]"  # a capital, or a letter of a script that has none
_PLACE = re.compile(
    rf"(?:(?:the|north|south|east|west|central|downtown|upstate|rural) )?{_UP}[\w.'-]*"
    rf"(?:(?: (?:de|of|of the|upon|del|la|do|da|am))?[ -]{_UP}[\w.'-]*)*(?:, {_UP}[\w.]+(?: {_UP}\w+)?)?"
)
_ORGANISATION = re.compile(rf"(?:the )?{_UP}[\w.&'-]*(?: (?:(?:of|of the|and|&|de|for) )?{_UP}[\w.&'-]*)*'?")
_NAME = re.compile(
    rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?{_UP}[\w'-]*(?: (?:(?:de|del|de la|van|von|van der|bin|al|da|dos|"
    rf"el) )?{_UP}[\w'.-]*){{0,3}}"
)
_NO_NAME = re.compile(r"(?:ing|ed|ly|ese|ish|ian|ean|ist|based|born|fan)$")
_AFTER_NAME = re.compile(
    "(?:$|[,.!(-]|(?:and|but|from|here|speaking|calling|by|with|i|i'm|my|the|your|nice|a|an|in|not|at|"
    "again|so|please|of|who|"
    "living|what|can|could|how|hi|hello|like|though|for|because|because|thanks|pleased|on|actually|or|"
    r"is my|it's)(?![\w']))",
    re.I,
)
_PREPOSITION = re.compile(
    r",|\s(?:with|for|in|at|near|on|by|to|from|about|as|close|not|where|since|after|during|working|and|"
    "right|originally|or|"
    r"doing|until|till|just|outside|via|under|over|full|part)(?![\w']).*",
    re.I,
)
_COMPANY = re.compile(
    r",? (?:inc|corp|ltd|llc|gmbh|team|support|department|office|customer|delivery|insurance|land)\b", re.I
)
# A small word in the plural is a thing ("pajamas"), except for these.
_PLURAL = re.compile(
    "(?!.*(?:paris|brussels|athens|naples|texas|wales|kansas|illinois|los|las|honduras|cyprus|"
    "mauritius|laos|philippines|nether|"
    "states|dallas|polis|memphis|angeles|vegas|bahamas|maldives|barbados|leeds|buenos|aires|"
    "massachusetts|arkansas|tunis|cannes|"
    r"damascus|caracas|calais|nantes|rennes|rapids|springs|falls|heights|hills|xas)$)[a-z]{3,}[^s\W]s$"
)
_ABSTRACT = re.compile(r"(?:\w+(?:ness|ment|tion|ing|ism|ety)|\d.*)$", re.I)
_NO_JOB = re.compile(
    r"\b(?:no|never|almost|the|as|a|an|working|in|at|on|with|your|his|her|good|great|bad|terrible|big|huge|fan|lover|better|horrible|decent|total|"
    "complete|kind|bit|little|lot|real|born|of|"
    "to|and|very|not|for|than|like|poor|lousy|former|ex|slow|fast|picky|heavy|light|team|hell|"
    "expected|usual|charm|intended|"
    r"is|my|your|hard|terrible|beginner|first|loyal|paying|regular|active)\b",
    re.I,
)
_AFTER_JOB = (
    r"(?=$|[,.!]|\s(?:at|for|in|from|by|and|with|who|based|living|working|speciali|of "
    r"(?-i:[A-Z])|on|now|here|but|too|so|turned)\b)"
)
_JOB = re.compile(rf"(?P<v>(?:[\w/'-]+ ){{0,4}}?{w.choice(w.JOBS)}){_AFTER_JOB}", re.I)
_PET = re.compile(
    r"(?P<v>(?:an?|one|two|three|four|five|six|\d{1,2}|some|several|another)? ?(?:(?!few|lot|bunch|"
    rf"of|pair|like|memory|hot)[\w-]+ ){{0,3}}?{w.choice(w.PETS)})"
    r"(?=$|[,.!:]|\s(?:and|named|called|who|that|at|too|now|from|but|as|last|together|plus|whose|since|at home)\b)",
    re.I,
)


def read_name(rest: str, *, strict: bool) -> str | None:
    """Read a person's name at the beginning of some words.

    Args:
        rest: "Alice and I like tea".
        strict: whether the words may just as well be something else, as after "I'm".

    Returns:
        The name with its capitals, or `None`.

    >>> read_name("alice and", strict=True), read_name("tired", strict=True), read_name("Zorblax", strict=True)
    ('Alice', None, 'Zorblax')
    """
    found = _NAME.match(rest)
    if found is None:
        return _read_small_name(rest, strict=strict)
    name = found[0].rstrip(".-'")
    first = re.sub(r"^(?:dr|mr|mrs|ms|prof)\.? ", "", name.lower()).split(" ")[0]
    known = first in w.GIVEN_NAMES
    if first.endswith("'s") or rest[found.end() :].startswith("'s"):
        return None
    if not known and (first in w.NOT_NAMES or first in w.NATIONALITIES or first in w.FAITHS):
        return None
    if not known and re.search(r"\d", first):
        return None
    if (
        strict
        and not known
        and (len(first) < 2 or _NO_NAME.search(first) or found[0].split(" ")[0].isupper())
    ):
        return None
    return name if not strict or _AFTER_NAME.match(rest[found.end() :].lstrip(" ")) else None


def _read_small_name(rest: str, *, strict: bool) -> str | None:
    tokens = re.findall(r"[^\W\d_][\w'-]*|[,.!]", rest)[:4]
    if not tokens or tokens[0].endswith("'s"):
        return None
    first = tokens[0].lower()
    if first not in w.GIVEN_NAMES and (
        strict or first in w.NOT_NAMES or len(first) < 2 or re.search(r"(?:ing|ed|ly|ble|ful)$", first)
    ):
        return None
    after = " ".join(tokens[1:])
    if _AFTER_NAME.match(after):
        return proper(first)
    if (
        first in w.GIVEN_NAMES
        and re.fullmatch(r"[a-z][\w'-]+", tokens[1])
        and _AFTER_NAME.match(" ".join(tokens[2:]))
    ):
        return proper(f"{first} {tokens[1]}")
    return None


def read_place(rest: str) -> tuple[str | None, str]:
    """Read a place at the beginning of some words.

    Args:
        rest: "Austin, Texas with my cat".

    Returns:
        The place with its capitals, or `None`, and the words behind it.

    >>> read_place("Austin, Texas with my cat"), read_place("fear of spiders")[0]
    (('Austin, Texas', 'with my cat'), None)
    """
    found = _PLACE.match(rest)
    if found:
        place = found[0] if re.search(r"\b\w\.\w\.$", found[0]) else found[0].rstrip(".,-'")
        first = place.lower().removeprefix("the ").split()[0]
        if place.lower() in w.FIELDS or first in w.NO_PLACE or _COMPANY.match(rest[found.end() :]):
            return None, ""
        if place.lower() in w.GIVEN_NAMES and "," not in found[0] and place.lower().split()[0] in w.NOT_NAMES:
            return None, ""
        return place, rest[found.end() :].strip(" ,")
    phrase, after = cut(rest)
    bare = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    tokens = bare.removeprefix("the ").split()
    if not 0 < len(tokens) < 4 or tokens[0].lower() in w.NO_PLACE or _ABSTRACT.match(tokens[0]):
        return None, ""
    if bare.startswith("the ") and tokens[0] not in w.words(
        "netherlands usa us uk uae philippines bronx hague gambia"
    ):
        return None, ""
    if any(
        token in w.NO_PLACE or _PLURAL.match(token) or not re.fullmatch(r"[^\W\d_][\w.'-]*", token)
        for token in tokens
    ):
        return None, ""
    return proper(bare), f"{phrase[len(bare) :].strip(' ,')} {after}".strip()


def read_organisation(rest: str) -> tuple[str | None, str]:
    """Read an employer or a school at the beginning of some words.

    Args:
        rest: "Siemens in Munich".

    Returns:
        The name, or `None`, and the words behind it.

    >>> read_organisation("Siemens in Munich"), read_organisation("home")[0], read_organisation("a library and")[0]
    (('Siemens', 'in Munich'), None, 'a library')
    """
    found = _ORGANISATION.match(rest)
    if found:
        return found[0].rstrip(".,-"), rest[found.end() :].strip(" ,")
    phrase, after = cut(rest)
    bare = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    tokens = re.sub(r"^(?:an?|the) ", "", bare).split()
    if (
        not 0 < len(tokens) < 5
        or tokens[0].lower() in w.NO_ORGANISATION
        or re.match(r"\d|\w+ing$", tokens[0])
    ):
        return None, ""
    return bare, f"{phrase[len(bare) :].strip(' ,')} {after}".strip()


# ---- readers: match and the words behind it -> values and the words left over


def _whole(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    return [match["v"].strip()], rest


def _things(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    return things(rest), ""


def _thing(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = tidy(cut(rest)[0].split(",")[0])
    return ([phrase] if is_thing(phrase, 9) else []), ""


_STATE = re.compile(
    r"(?-i:[a-z]\w*(?:ing|ed)\b)|(?:on|in|at|out|gone|broken|closed|open|back|over|coming|not|too|so|"
    "really|very|from|here|there|by|"
    r"about|getting|full|missing|now|still|dead|sold|no|dirty|empty|lost|a bit|currently)\b",
    re.I,
)


def _favourite(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    value = tidy((match.groupdict().get("v") or cut(rest)[0]).split(",")[0])
    if _STATE.match(value) and not re.search(
        r"hobby|activity|pastime|sport|exercise|thing", match["k"], re.I
    ):
        value = ""
    fits = (
        value
        and len(value.split()) < 7
        and not re.match(r"(?:it|that|this|when|what|how|to be|probably|not|these)\b", value, re.I)
    )
    fits = fits and not re.match(
        r"the (?:\w+ )?(?:one|part|ending|way|option|second|first|last)\b", value, re.I
    )
    return ([value] if fits else []), ""


def _name(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    return _named(read_name(rest, strict=False), rest)


def _bare_name(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    return _named(read_name(rest, strict=True), rest)


def _named(name: str | None, rest: str) -> tuple[list[str], str]:
    return ([name], rest[len(name) :]) if name else ([], "")


def _first_name(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    name = read_name(match["v"], strict=True)
    return _named(name if name and name.lower().split()[0] in w.GIVEN_NAMES else None, "")


def _place(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    place, after = read_place(rest)
    return ([place], after) if place else ([], "")


def _organisation(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    name, after = read_organisation(rest)
    return ([name], after) if name else ([], "")


_NOT_REALLY = re.compile(
    r" (?:at heart|for (?:a day|today|halloween)|in (?:my|a) (?:spare|past|former|previous|another|dream))",
    re.I,
)


def _known_job(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    found = _JOB.match(rest)
    if found is None or _NO_JOB.search(found["v"]) or _NOT_REALLY.match(rest[found.end() :]):
        return [], ""
    return [found["v"]], rest[found.end() :].strip()


def _any_job(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase, after = cut(rest)
    job = tidy(_PREPOSITION.sub("", phrase.split(",")[0], count=1))
    if not 0 < len(job.split()) < 6 or _NO_JOB.search(job):
        return [], ""
    return [job], f"{phrase[len(job) :].strip(' ,')} {after}".strip()


def _subject(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase, _ = cut(rest)
    subject = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    left = phrase[len(subject) :].strip(" ,")
    fits = 0 < len(subject.split()) < 5 and not re.match(
        r"(?:hard|abroad|at|for|in|it|this|a|my|the|you|him|her|them|to|lessons?|here|so|all|there|on)\b",
        subject,
    )
    return ([subject] if fits else []), left


def _age(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    years = number(match["v"])
    return ([str(years)] if years is not None and 6 <= years < 120 else []), rest


def _listed(listed: frozenset[str], *, leading: str = "", after: str = "") -> Reader:
    """A reader that takes the words of a list, joined by commas and "and"."""
    one = re.compile(
        rf"(?:,? ?(?:and|or|but also|as well as) |, )?{leading}(?P<v>{w.choice(listed)})(?![\w'-]){after}",
        re.I,
    )

    def read(match: re.Match[str], rest: str) -> tuple[list[str], str]:
        values: list[str] = []
        while (found := one.match(rest)) and len(values) < 10:
            values.append(found["v"])
            rest = rest[found.end() :]
        return values, rest

    return read


_COUNTED = re.compile(r"(?:an?|one|two|three|four|five|six|some|several|another|\d+)\b|.*s$", re.I)


def _pets(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    values: list[str] = []
    for part in re.split(r",? and (?=an?\b|one|two|three|\d)|, (?=an?\b|two|three|\d)", rest)[:6]:
        found = _PET.match(part)
        if found is None or not _COUNTED.match(found["v"].strip()):
            break
        named = re.match(r"[ ,]+(?:named|called)\s+", part[found.end() :])
        after = part[found.end() + named.end() :] if named else ""
        name = read_name(after, strict=False) if named else None
        if name and (more := re.match(r",? and (?=[^\W\d_])", after[len(name) :])):
            second = read_name(after[len(name) + more.end() :], strict=True)
            name = f"{name} and {second}" if second else name
        values.append(
            f"{found['v'].strip()} {named[0].strip()} {name}" if named and name else found["v"].strip()
        )
    return values, ""


def _clip(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = tidy(cut(rest)[0])
    return ([phrase] if 0 < len(phrase.split()) < 9 else []), ""


def _habit(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    verb, _, after = rest.partition(" ")  # the verb may itself be a word that ends other values: "do yoga"
    phrase = f"{verb} {cut(after)[0]}".strip(" ,.!")
    if re.search(r"\b(?:it|this|that|there|here|you|your|them)\b", phrase, re.I):
        return [], ""
    return ([phrase] if 1 < len(phrase.split()) < 13 and GAP not in phrase else []), ""


def _preferred(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = tidy(cut(re.sub(r"\brather than\b", "over", rest))[0])
    out = re.match(
        r"(?:it|that|this|those|these|the|if|when|not|you|your|option|one|my|how|what|to (?:say|think|know|see)|\d|"
        r"(?:mon|tues|wednes|thurs|fri|satur|sun)day(?! (?:morning|afternoon|evening|appointment)s))\b",
        phrase,
        re.I,
    )
    return ([phrase] if phrase and not out and len(phrase.split()) < 9 else []), ""


READERS: dict[str, Reader] = {
    "age": _age,
    "any_job": _any_job,
    "bare_name": _bare_name,
    "clip": _clip,
    # "I have asthma questions" is about questions.
    "conditions": _listed(
        w.CONDITIONS,
        after=r"(?=$|[,.!]| (?:and|but|so|since|for|which|that|too|as|or|who|now|also|because|by)\b)",
    ),
    "favourite": _favourite,
    "fields": _listed(w.FIELDS),
    "first_name": _first_name,
    "habit": _habit,
    "known_job": _known_job,
    "languages": _listed(
        w.LANGUAGES,
        leading=r"(?:(?:fluent|some|a little(?: bit of)?|a bit of|basic|only|good|decent|very little|broken) )?",
    ),
    "medicines": _listed(w.MEDICINES),
    "name": _name,
    "organisation": _organisation,
    "pets": _pets,
    "place": _place,
    "played": _listed(w.PLAYED, leading="(?:the )?"),
    "preferred": _preferred,
    "subject": _subject,
    "thing": _thing,
    "things": _things,
    "whole": _whole,
}
