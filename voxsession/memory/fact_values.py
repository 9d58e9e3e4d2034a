"""How the value of a fact is read from the words that follow its beginning: a name, a place, a list of things."""

from __future__ import annotations

import re
from collections.abc import Callable

from voxsession.memory import fact_words as w
from voxsession.memory.fact_guards import GAP
from voxsession.memory.facts import number, proper

Reader = Callable[[re.Match[str], str], tuple[list[str], str]]

# ---- phrases

_STOP = re.compile(
    rf"[{GAP}.!?;:]|(?:^|\s)(?:because|since|but|so|when|whenever|while|if|unless|although|though|which|who|that|where|until|"
    r"than|is|are|was|were|isn't|has|have|do|does|did|can|could|would|will|please|i|i'm|i've|i'll|it|it's|he|she|they|you|"
    r"we|my wife|what|how|why|nice|hello|thanks|or something|and stuff|and so on|etc|by the way|lol|haha|though|oh|um|like i|"
    r"and (?:the|that|so|then|this|go|goes|want|need|am|was|have|not|also|me|my|our|get|never|always|would|there|a lot)|"
    r"however|except|especially|even|right|any ideas|anyway|except)(?![\w'])",
    re.I,
)
_TRAILING = re.compile(
    r"\s+(?:any ?more|at all|a lot|so much|very much|that much|too much|much|too|as well|either|though|tbh|now|right now|"
    r"these days|nowadays|at the moment|currently|again|thanks|btw|actually|really|the most|most|best|more than anything|"
    r"you know|for (?:\w+ ){0,3}(?:years?|months?|weeks?|now|ages|ever|life)|every ?day|here|there|today|lately|recently|"
    r"obviously|anyway|mostly|usually|myself|ever|so far|in general|generally|for me|with me|honestly|personally|"
    r"all the time|all my life|last (?:year|month|week|spring|summer|autumn|fall|winter)|(?:\w+ )?\w+ ago|as a kid|first|"
    r"yet|also|still|sometimes|especially|and|or|with|at|in|on|to|the|a|of)$",
    re.I,
)
_NOT_A_THING = re.compile(
    r"(?:it|that|this|these|those|how|when|what|where|who|why|your|yours|you|him|her|hers|them|his|their|its|my|our|me|us|"
    r"both|neither|either|one|ones|option|everything|something|anything|nothing|none|all|a|an|no|not|being|if|as|is|are|was|"
    r"isn't|am|be|been|very|more|less|most|than|people who|having to|having|getting to|to (?:say|bother|admit|ask|break|be|"
    r"hear|see|know|think|have|get|make sure|do|know|meet|see|point|tell|use|try|talk about|interrupt|thank|order|book|change|"
    r"cancel|speak|keep|let|waste|rain)|(?:\w+ )?(?:question|answer|answers|response|responses|reply|idea|plan|suggestion|"
    r"version|option|sound|look|feel|way|second|first|last|other|latter|former)s?|knowing|hearing|learning more|buying|"
    r"purchasing|booking|ordering|seeing|talking to|working with you|helping|getting|finding|when|doing|on|of|from|in|"
    r"about|to me|him|too|so|enough|just|only|even|every|each|some|another|such|many|with|at|by|and|or|the fact|i|we|they|"
    r"likewise|well|up|down|off|out|there|here|for|much|dying|hot dog)(?![\w'])",
    re.I,
)
_THE_THINGS = w.words(
    """beach sea ocean mountains outdoors countryside cold heat rain snow winter summer autumn spring city forest theatre
    theater opera cinema desert sun gym dark water woods piano guitar violin simpsons beatles office news taste smell
    sound ballet circus internet violin number colour"""
)
COMPOUNDS = re.compile(
    r"\b(?:rock and roll|rock 'n' roll|mac and cheese|salt and vinegar|fish and chips|arts and crafts|bed and breakfast|"
    r"dungeons and dragons|rhythm and blues|drum and bass|country and western|bread and butter|cookies and cream|"
    r"black and white \w+|science and technology|food and drinks?|peace and quiet|gin and tonic|peanut butter and jelly)\b",
    re.I,
)
_AND = re.compile(r"\s*,\s*(?:and |or |& )?|\s+(?:and|or|&|plus)\s+", re.I)


def cut(rest: str) -> tuple[str, str]:
    """Cut the words that follow a rule where a new thought begins.

    Args:
        rest: what follows "I like".

    Returns:
        The phrase and what comes after it.

    >>> cut("tea because it is warm")
    ('tea', 'because it is warm')
    """
    match = _STOP.search(rest)
    if match is None:
        return rest.strip(" ,"), ""
    return rest[: match.start()].strip(" ,"), rest[match.start() :].strip()


def tidy(phrase: str) -> str:
    """Strip the adverbs that trail behind a phrase.

    Args:
        phrase: "coffee any more".

    Returns:
        "coffee".

    >>> tidy("coffee very much these days")
    'coffee'
    """
    before = None
    while phrase != before:
        before, phrase = phrase, _TRAILING.sub("", phrase).strip(" ,.!-'\"")
    return phrase


def is_thing(phrase: str, longest: int = 6) -> bool:
    """Tell whether a phrase names something that stays meaningful outside the message.

    Args:
        phrase: the object of a like, a fear, a hobby.
        longest: how many words it may have.

    Returns:
        `False` for pronouns, parts of the conversation and run-on text.

    >>> is_thing("jazz"), is_thing("the second option"), is_thing("the beach"), is_thing("it")
    (True, False, True, False)
    """
    if not phrase or GAP in phrase or len(phrase.split()) > longest or not re.search(r"\w", phrase):
        return False
    if phrase.lower().startswith("the "):
        following = phrase[4:]
        return following[:1].isupper() or following.split()[0].lower() in _THE_THINGS if following else False
    return not _NOT_A_THING.match(phrase) and len(phrase) <= 60


def things(rest: str) -> list[str]:
    """Read a list of things: "tea, rock and roll and long walks".

    Args:
        rest: what follows "I like".

    Returns:
        The things, in order; empty where the first of them is none.

    >>> things("tea, jazz and long walks because I can")
    ['tea', 'jazz', 'long walks']
    """
    phrase, _ = cut(rest)
    kept: list[str] = []
    guarded = COMPOUNDS.sub(lambda match: match[0].replace(" ", "\0"), phrase)
    for item in _AND.split(guarded)[:10]:
        thing = tidy(item.replace("\0", " "))
        thing = re.sub(r"^(?:eating|drinking|some|any|all kinds of|all sorts of|both)\s+(?=\w)", "", thing)
        if is_thing(thing):
            kept.append(thing)
        elif not kept:
            return []
    return kept


# ---- names, places, employers, jobs

_UP = r"[^\W\d_a-zß-öø-ÿ]"  # a capital, or a letter of a script that has none
_PLACE = re.compile(
    rf"(?:(?:the|north|south|east|west|central|downtown|upstate|rural) )?{_UP}[\w.'-]*"
    rf"(?:(?: (?:de|of|of the|upon|del|la|do|da|am))?[ -]{_UP}[\w.'-]*)*(?:, {_UP}[\w.]+(?: {_UP}\w+)?)?"
)
_ORGANISATION = re.compile(rf"(?:the )?{_UP}[\w.&'-]*(?: (?:(?:of|of the|and|&|de|for) )?{_UP}[\w.&'-]*)*'?")
_NAME = re.compile(
    rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?{_UP}[\w'-]*(?: (?:(?:de|del|de la|van|von|van der|bin|al|da|dos|el) )?{_UP}[\w'.-]*){{0,3}}"
)
_AFTER_NAME = re.compile(
    r"(?:$|[,.!(-]|(?:and|but|from|here|speaking|calling|by|with|i|i'm|my|the|your|nice|a|an|in|not|at|again|so|please|of|who|"
    r"living|what|can|could|how|hi|hello|like|though|for|because|because|thanks|pleased|on|actually|or|is my|it's)(?![\w']))",
    re.I,
)
_PREPOSITION = re.compile(
    r",|\s(?:with|for|in|at|near|on|by|to|from|about|as|close|not|where|since|after|during|working|and|right|originally|or|"
    r"doing|until|till|just|outside|via|under|over|full|part)(?![\w']).*",
    re.I,
)
_NO_PLACE = w.words(
    """a an the fear hope denial pain peace poverty sin love trouble debt shame silence constant my your his her this that
    it here there harmony luxury style exile darkness memory hell isolation fantasy dreams chaos interesting one our
    their uncertain terror anger misery comfort squalor student dorm dorms university bed work school home sales
    marketing support accounting hr it not where what which some somewhere another every each no two three nowhere
    fact general short case time many everywhere anywhere very such other same different people total scratch"""
)
_NO_ORGANISATION = w.words(
    """home night nights least all hours once it myself you me him her them us free now food peanuts money fun living
    being this that what the noon weekends work times various several some no different another my your their his
    people kids children python java javascript excel animals clients customers patients others"""
)
_ABSTRACT = re.compile(r"(?:\w+(?:ness|ment|tion|ing|ism|ety)|\d.*)$", re.I)
_NO_JOB = re.compile(
    r"\b(?:good|great|bad|terrible|big|huge|fan|lover|better|horrible|decent|total|complete|kind|bit|little|lot|real|born|of|"
    r"to|and|very|not|for|than|like|poor|lousy|former|ex|slow|fast|picky|heavy|light|team|hell|expected|usual|charm|intended|"
    r"is|my|your|hard|terrible|beginner|first|loyal|paying|regular|active)\b",
    re.I,
)
_AFTER_JOB = r"(?=$|[,.!]|\s(?:at|for|in|from|by|and|with|who|based|living|working|speciali|of|on|now|here|but|too|so|turned)\b)"
_JOB = re.compile(rf"(?P<v>(?:[\w/'-]+ ){{0,4}}?{w.choice(w.JOBS)}){_AFTER_JOB}", re.I)
_PET = re.compile(
    rf"(?P<v>(?:an?|one|two|three|four|five|six|\d{{1,2}}|some|several|another)? ?(?:[\w-]+ ){{0,3}}?{w.choice(w.PETS)})"
    r"(?=$|[,.!]|\s(?:and|named|called|who|that|at|too|now|with|from|but|as|last|in|together|plus|whose|since)\b)",
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
    if strict and not known and (len(first) < 2 or re.search(r"(?:ing|ed|ly)$", first)):
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
        place = found[0].rstrip(".,-'")
        if place.lower() in w.GIVEN_NAMES and "," not in found[0] and place.lower().split()[0] in w.NOT_NAMES:
            return None, ""
        return place, rest[found.end() :].strip(" ,")
    phrase, after = cut(rest)
    bare = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    tokens = bare.removeprefix("the ").split()
    if not 0 < len(tokens) < 4 or tokens[0].lower() in _NO_PLACE or _ABSTRACT.match(tokens[0]):
        return None, ""
    if bare.startswith("the ") and tokens[0] not in w.words(
        "netherlands usa us uk uae philippines bronx hague gambia"
    ):
        return None, ""
    if not all(re.fullmatch(r"[^\W\d_][\w.'-]*", token) for token in tokens):
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
    if not 0 < len(tokens) < 5 or tokens[0].lower() in _NO_ORGANISATION or re.match(r"\d|\w+ing$", tokens[0]):
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


def _favourite(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    value = tidy((match.groupdict().get("v") or cut(rest)[0]).split(",")[0])
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


def _place(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    place, after = read_place(rest)
    return ([place], after) if place else ([], "")


def _organisation(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    name, after = read_organisation(rest)
    return ([name], after) if name else ([], "")


def _known_job(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    found = _JOB.match(rest)
    if found is None or _NO_JOB.search(found["v"]):
        return [], ""
    return [found["v"]], rest[found.end() :].strip()


def _any_job(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase, after = cut(rest)
    job = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    if not 0 < len(job.split()) < 6 or _NO_JOB.search(job):
        return [], ""
    return [job], f"{phrase[len(job) :].strip(' ,')} {after}".strip()


def _subject(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase, _ = cut(rest)
    subject = tidy(_PREPOSITION.sub("", phrase, count=1).split(",")[0])
    left = phrase[len(subject) :].strip(" ,")
    fits = 0 < len(subject.split()) < 5 and not re.match(
        r"(?:hard|abroad|at|for|in|it|this|a|my|the|you|to|lessons?|here|so|all|there|on)\b", subject
    )
    return ([subject] if fits else []), left


def _age(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    years = number(match["v"])
    return ([str(years)] if years is not None and 5 <= years < 120 else []), rest


def _listed(listed: frozenset[str], *, leading: str = "") -> Reader:
    """A reader that takes the words of a list, joined by commas and "and"."""
    one = re.compile(
        rf"(?:,? ?(?:and|or|but also|as well as) |, )?{leading}(?P<v>{w.choice(listed)})(?![\w'-])", re.I
    )

    def read(match: re.Match[str], rest: str) -> tuple[list[str], str]:
        values: list[str] = []
        while (found := one.match(rest)) and len(values) < 10:
            values.append(found["v"])
            rest = rest[found.end() :]
        return values, rest

    return read


def _pets(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    values: list[str] = []
    for part in re.split(r",? and (?=an?\b|one|two|three|\d)|, (?=an?\b|two|three|\d)", rest)[:6]:
        found = _PET.match(part)
        if found is None or re.search(r"\bhot dog", found["v"], re.I):
            break
        named = re.match(r"[ ,]+(?:named|called)\s+", part[found.end() :])
        name = read_name(part[found.end() + named.end() :], strict=False) if named else None
        values.append(
            f"{found['v'].strip()} {named[0].strip()} {name}" if named and name else found["v"].strip()
        )
    return values, ""


def _clip(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = tidy(cut(rest)[0])
    return ([phrase] if 0 < len(phrase.split()) < 9 else []), ""


def _habit(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = cut(rest)[0].strip(" ,.!")
    return ([phrase] if 1 < len(phrase.split()) < 13 and GAP not in phrase else []), ""


def _preferred(match: re.Match[str], rest: str) -> tuple[list[str], str]:
    phrase = tidy(cut(re.sub(r"\brather than\b", "over", rest))[0])
    out = re.match(
        r"(?:it|that|this|those|these|the|if|when|not|you|your|option|one|my|how|what|to (?:say|think|know|see))\b",
        phrase,
        re.I,
    )
    return ([phrase] if phrase and not out and len(phrase.split()) < 9 else []), ""


READERS: dict[str, Reader] = {
    "age": _age,
    "any_job": _any_job,
    "bare_name": _bare_name,
    "clip": _clip,
    "conditions": _listed(w.CONDITIONS),
    "favourite": _favourite,
    "fields": _listed(w.FIELDS),
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
