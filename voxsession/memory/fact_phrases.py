"""How the words behind a beginning are cut: where a phrase ends, and whether it names a thing worth remembering."""

from __future__ import annotations

import re

from voxsession.memory import fact_words as w
from voxsession.memory.fact_prose import GAP

_STOP = re.compile(
    rf"[{GAP}!?;:]|(?-i:(?<!\b[A-Z]))\.|\s-+\s|\s(?:like|such as|including|as opposed) |(?:^|"
    r"\s)(?:because|since|but|so|when|whenever|while|if|unless|although|though|which|who|that|where|until|"
    "than|is|are|was|were|isn't|has|have|do|does|did|can|could|would|will|please|i|i'm|i've|i'll|it|"
    "it's|he|she|they|you|"
    "we|my wife|what|how|why|nice|hello|thanks|or something|and stuff|and so on|etc|by the way|lol|"
    "haha|though|oh|um|like i|"
    "and (?:the|that|so|then|this|go|goes|want|need|am|was|have|not|also|me|my|our|get|never|always|"
    "would|there|a lot)|"
    r"however|except|especially|even|right|any ideas|anyway|except)(?![\w'])",
    re.I,
)
_TRAILING = re.compile(
    r"\s+(?:any ?more|at all|a lot|so much|very much|that much|too much|much|more|better|less|too|as "
    "well|either|though|tbh|now|right now|"
    "these days|nowadays|at the moment|currently|again|thanks|btw|actually|really|the most|most|best|"
    "more than anything|"
    r"you know|for (?:\w+ ){0,3}(?:years?|months?|weeks?|now|ages|ever|life)|every ?day|here|there|"
    "today|lately|recently|"
    r"obviously|anyway|mostly|usually|myself|ever|so far|in general|generally|for me|with me|honestly|personally|"
    r"all the time|all my life|last (?:year|month|week|spring|summer|autumn|fall|winter)|(?:\w+ )?\w+ "
    "ago|as a kid|first|"
    r"yet|also|still|sometimes|especially|and|or|with|at|in|on|to|the|a|of)$",
    re.I,
)
_NOT_A_THING = re.compile(
    "(?:it|that|this|these|those|how|when|what|where|who|why|your|yours|you|him|her|hers|them|his|"
    "their|its|my|our|me|us|"
    "both|neither|either|one|ones|option|everything|something|anything|nothing|none|all|a|an|no|not|"
    "being|if|as|is|are|was|"
    "isn't|am|be|been|very|more|less|most|than|people who|having to|having|getting to|to (?:say|"
    "bother|admit|ask|break|be|"
    "hear|see|know|think|have|get|make sure|do|know|meet|see|point|tell|use|try|talk about|interrupt|"
    "thank|order|book|change|"
    r"cancel|speak|keep|let|waste|rain)|(?:\w+ )?(?:question|answer|answers|response|responses|reply|"
    "idea|plan|suggestion|"
    "version|option|sound|look|feel|way|second|first|last|other|latter|former)s?|knowing|hearing|"
    "learning more|buying|"
    "purchasing|booking|ordering|seeing|talking to|working with you|helping|getting|finding|when|"
    "doing|on|of|from|in|"
    "about|to me|him|too|so|enough|just|only|even|every|each|some|another|such|many|with|at|by|and|or|"
    "the fact|i|we|they|likewise|well|up|down|off|out|there|here|for|much|dying|(?:people|things|men|women|places|"
    "someone|anyone|guys|folks|stuff|mine|ours|theirs)$|hot dog|dust|u|ya|to$|everywhere|examples|details|info|"
    r"theme|vibes?|colou?rs?|it's)(?![\w'])",
    re.I,
)
_HERE_AND_NOW = re.compile(
    r"\b(?:you|your|this|that|these|those|it|here|there|today|tomorrow|tonight|yesterday|chapter|page|"
    "step|level|scene|line|"
    r"paragraph|part|title|layout|font|draft|logo|button|feature|price|order|refund|offer|website)s?\b|"
    "^(?:learning|working|talking|going|living|waiting|having|using|chatting|speaking|meeting|trying|renting|"
    r"joining|applying|attending|selling|scheduling|signing|upgrading|investing)(?: up| for| to| in)?$|"
    r"^(?:renting|joining|applying|scheduling|upgrading|signing|\d|two|three|four|five|six)\b",
    re.I,
)
_THE_THINGS = w.words(
    """beach sea ocean mountains outdoors countryside cold heat rain snow winter summer autumn spring city
    forest theatre theater opera cinema desert sun gym dark water woods piano guitar violin simpsons beatles
    office news ballet circus internet"""
)
COMPOUNDS = re.compile(
    r"\b(?:rock and roll|rock 'n' roll|mac and cheese|salt and vinegar|fish and chips|arts and crafts|"
    "bed and breakfast|"
    r"dungeons and dragons|rhythm and blues|drum and bass|country and western|bread and butter|cookies and cream|"
    r"black and white \w+|science and technology|food and drinks?|peace and quiet|gin and tonic|peanut "
    r"butter and jelly)\b",
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
        return (
            following[:1].isupper() or following.split()[0].lower() in _THE_THINGS | w.PLAYED
            if following
            else False
        )
    return not _NOT_A_THING.match(phrase) and not _HERE_AND_NOW.search(phrase) and len(phrase) <= 60


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
    if re.search(r"\b(?:to|with|for|of|about|at|from)$", phrase) and phrase != rest.strip():
        phrase = re.sub(r"(?:(?:,| and\b)[^,]*|^[^,]*)$", "", phrase)  # "talking to | you"
    if re.search(r"\b(?:an?|the|my) \w+, ", phrase):  # "a safe, inviting place" is no list
        phrase = ""
    guarded = COMPOUNDS.sub(lambda match: match[0].replace(" ", "\0"), phrase)
    for item in _AND.split(guarded)[:10]:
        thing = tidy(item.replace("\0", " "))
        thing = re.sub(r"^(?:eating|drinking|some|any|all kinds of|all sorts of|both)\s+(?=\w)", "", thing)
        if is_thing(thing):
            kept.append(thing)
        elif not kept:
            return []
    return [thing for thing in kept if thing.lower() not in w.GIVEN_NAMES]
