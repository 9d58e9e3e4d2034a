"""What a message asks: taken apart into sentences, each question into the single things it asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from voxsession.core.struct import Struct, evolve
from voxsession.models.offline_phrases import TOPICS, Topic
from voxsession.models.offline_words import stems

__all__ = ["Ask", "is_question", "names_in", "normal_form", "read_asks", "sentences"]

_LONGEST_CHARS = 2_000
_MOST_SENTENCES = 12
_MOST_ASKS = 8


class Ask(Struct, frozen=True, kw_only=True):
    """One thing that is asked for.

    Attributes:
        kind: `topic`; `all` (everything about somebody); `who`; `said` (what was said in the past); `model` (the
            model itself); `forget`; or `other`.
        text: the question in its normal form, or the part of it.
        topic: for `topic`, which.
        person: the name it is about, None for the one who asks.
        own: it is about somebody, the one who asks or `person`; else about the world.
        words: the stems of what it is about.
        noun: for a bare "my ..." what it names, such as "shoe size".
        yes_no: it can be answered with yes or no.
        when: it asks for a time.
        past: it asks for something that happened.
    """

    kind: str
    text: str = ""
    topic: Topic | None = None
    person: str | None = None
    own: bool = False
    words: frozenset[str] = frozenset()
    noun: str = ""
    yes_no: bool = False
    when: bool = False
    past: bool = False


# --- sentences

_SENTENCE = re.compile(r"[^.!?？。！؟\n]*(?:[.!?](?=\S)[^.!?？。！؟\n]*)*[.!?？。！؟\n]*")
_ASKS_OPENLY = re.compile(
    r"(?:(?:what|who|where|which|how|when|why)(?:'?s| is| are| was| were| do| does| did| am| old| many| "
    r"much| can| have| has)\b"
    r"|(?:what|which) \w+ (?:do|does|did|am|is|are) |(?:do|did|am|have|was|can|should) i\b|(?:is|are|was) "
    r"my\b|who am i\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:(?:hey|hi|hello|ok|okay|so|and|but|also|well|please|now|then|oh|um|uh|actually|by the way|just"
    r"|sorry|thanks|again)"
    r"(?:[ ,]+|$)"
    r"|(?:do|can|could|would|will) you (?:still |please |kindly |even |just )?(?:remember|know|recall"
    r"|tell me|say|remind me)\b"
    r"(?: again)?(?: (?:if|whether|about|of))? *"
    r"|(?:tell|remind|show|give) me(?: again)?(?: (?:about|of))?\b *"
    r"|(?:list|repeat|recall|summari[sz]e|describe)\b *(?=(?:all )?(?:of )?(?:my|what|who|where|how"
    r"|everything)\b)"
    r"|(?:did|have) i (?:ever |already )?(?:tell|told|give|given|mention(?:ed)?)(?: to)? you\b(?: "
    r"(?:about|that))? *"
    r"(?=(?:what|where|who|how|my)\b)"
    r"|i (?:wonder|forgot|forget|want to know|would like to know)\b(?: (?:if|whether))? *"
    r"|what (?:do|can) you (?:still )?(?:know|remember|recall|say|tell me) (?:about|of) (?=my\b)"
    r"|(?:any|all)(?: of)? (?=my\b)|(?:do you have )?any idea (?=what|who|where|when|how))"
)
_RECALLS = re.compile(
    r"(?:please )?(?:(?:do|can|could|would|will) you (?:\w+ )?(?:remember|know|recall|tell|remind|say)\b"
    r"|(?:tell|remind) me\b|(?:list|repeat|recall|summari[sz]e|describe|show me|give me) (?:all )?(?:of )?"
    r"(?:my|me|myself|everything|what|who|where)\b|i (?:forgot|forget|wonder) (?:what|who|where|when|how"
    r"|my|if)\b)",
    re.IGNORECASE,
)
_FORGETS = re.compile(r"(?:please )?(?:forget|erase|delete|remove) (?!to\b|it\b)", re.IGNORECASE)
_CONTRACTED = (
    (re.compile(r"\b(what|who|where|when|how|which|it|that|there)'?s\b"), r"\1 is"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"\bi'?ve\b"), "i have"),
    (re.compile(r"\bi'd\b"), "i would"),
    (re.compile(r"\bcan'?t\b"), "can not"),
    (re.compile(r"\bwon'?t\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|have|has|had|could|would|should)n'?t\b"), r"\1 not"),
)


def sentences(text: str) -> list[str]:
    """The sentences of a message, at most 12; of a long one its beginning and its end.

    Example:
        >>> sentences("Hello! I'm Alice. What's my name?")
        ['Hello!', "I'm Alice.", "What's my name?"]
    """
    if len(text) > 2 * _LONGEST_CHARS:
        text = text[:_LONGEST_CHARS] + "\n" + text[-_LONGEST_CHARS:]
    found = [" ".join(match.split()) for match in _SENTENCE.findall(text.replace("’", "'"))]
    kept = [sentence for sentence in found if any(map(str.isalnum, sentence))]
    return (
        kept if len(kept) <= _MOST_SENTENCES else kept[: _MOST_SENTENCES // 2] + kept[-_MOST_SENTENCES // 2 :]
    )


def is_question(sentence: str) -> bool:
    """Whether a sentence wants something told, with or without a question mark.

    Example:
        >>> [is_question(text) for text in ("what's my name", "Tell me my name.", "When I sing, I cry.")]
        [True, True, False]
    """
    if sentence.rstrip("\"')] ").endswith(("?", "？", "؟")) or sentence.startswith("¿"):
        return True
    rest = normal_form(sentence)
    return bool(_RECALLS.match(sentence) or _ASKS_OPENLY.match(rest) or _FORGETS.match(rest))


def normal_form(sentence: str) -> str:
    """A question in small letters, without contractions, politeness and what leads up to it.

    Example:
        >>> normal_form("Hey, can you tell me what's my name, please?")
        'what is my name'
    """
    text = sentence.lower().strip(" \t\"'()[]¿¡")
    for pattern, full in _CONTRACTED:
        text = pattern.sub(full, text)
    text = re.sub(r"[\s.!?？。！؟,;:)\"]+$", "", text)
    text = re.sub(r",? (?:please|again|then|by the way|right now|thanks|exactly)$", "", text)
    text = re.sub(r"\b(e-?mail|phone) (?:address|number)\b", r"\1", text).replace("time zone", "timezone")
    while (match := _LEAD.match(text)) and match.end() and match.end() < len(text):
        text = text[match.end() :].lstrip(" ,:") or text
    return text


# --- whom it is about

_NAME_AFTER = re.compile(
    r"\b(?:does|did|is|was|has|had|will|would|should|can|about|of|with|[Ww]ho(?:'s| is| was))"
    r" ((?:[A-ZÀ-ÖØ-Þ][\w-]+)(?: [A-ZÀ-ÖØ-Þ][\w-]+)?)|\b([A-ZÀ-ÖØ-Þ][\w-]+)'s? "
)
_NO_NAMES = frozenset(
    """what who where which when how why i it that there here the this these those my your his her their our
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december let he she""".split()
)


def names_in(question: str, known: Collection[str]) -> list[str]:
    """The people that a question names: known ones however written, others by their capitals, longest first.

    Example:
        >>> names_in("where does caroline live?", ["Caroline", "Mel"]), names_in("Who is Dana?", [])
        (['Caroline'], ['Dana'])
    """
    lowered = question.lower()
    found: dict[str, None] = {}
    for name in known:
        for spelling in (name, name.split(" ")[0] if name else ""):
            if len(spelling) > 1 and re.search(rf"(?<!\w){re.escape(spelling.lower())}(?!\w)", lowered):
                found[spelling] = None
                break
    for match in _NAME_AFTER.finditer(question):
        name = match[1] or match[2]
        if name.lower() not in _NO_NAMES and not any(name in other or other in name for other in found):
            found[name] = None
    return sorted(found, key=lambda name: (-len(name), name))


def _as_mine(text: str, name: str) -> str:
    """A question about somebody, asked as if by them: "where does dana live" -> "where do i live"."""
    low = re.escape(name.lower())
    text = re.sub(rf"(?<!\w){low}(?:'s|')(?= )", "my", text)
    for theirs, mine in (("does", "do"), ("is", "am"), ("has", "have"), ("did", "did"), ("was", "was")):
        text = re.sub(rf"\b{theirs} {low}(?!\w)", f"{mine} i", text)
    return text


# --- what it asks for

_ALL = re.compile(
    r"(?:(?:what|everything|anything|all|something)(?: that)?(?: else)? (?:do )?(?:you|i)? ?(?:do "
    r")?(?:have |have i |did i )?"
    r"(?:still )?(?:already )?(?:know|knows|remember|recall|learn(?:ed)?|stored|saved|noted|told you)?"
    r"(?: (?:about|of) (?:me|myself|us))?(?: so far)?|me|myself|about me|about myself|who i am and .*)\W*"
)
_ALL_WORDS = re.compile(
    r"\b(?:know|remember|recall|learn(?:ed)?|stored|saved|noted|told you|about (?:me|myself))\b|^(?:me"
    r"|myself)$"
)
_WHO_AM_I = re.compile(r"who (?:am i|i am)\W*")
_ALL_OF = re.compile(
    r"(?:what (?:do|did) (?:you|i) (?:still )?(?:know|remember|recall) (?:about|of)|(?:everything"
    r"|anything|what you know) about"
    r"|(?:know|hear) (?:anything|something) about)? ?(?P<name>.+)"
)
_WHO = re.compile(r"(?:who|what) (?:is|was|are) (?P<name>.+)|(?P<bare>my .+)")
_SAID = re.compile(
    r"\b(?:say|said|mention(?:ed)?|t[eo]ll|told|talk(?:ed|ing)?(?: to you)? about|discuss(?:ed)?"
    r"|ask(?:ed)?|wrote|write|suggest(?:ed)?"
    r"|recommend(?:ed)?|advised?|explain(?:ed)?|promised?|conversation|last time|earlier|previously|spoke"
    r"|speak about)\b"
)
_PAST = re.compile(
    r"^(?:(?:on |in |at |for |with |from |to )?(?:what|when|where|why|how|who|whom|which)\b.*? )?(?:did"
    r"|was|were|had|have|has)\b|\bago\b|\blast\b"
)
_YES_NO = re.compile(
    r"(?:do|does|did|am|is|are|was|were|have|has|had|can|could|will|would|should) (?:i|my|we|our|you|he"
    r"|she|they|there|it|the|any|not|\S+)\b"
)
_WHEN = re.compile(
    r"(?:when|what (?:date|day|year|month|time)|(?:on|in|at|since) (?:what|which) |how long)\b"
)
_MODEL = re.compile(
    r"(?:who|what) are you|what (?:can|could) you do|are you (?:an? )?(?:\w+ )?(?:bot|robot|ai|human"
    r"|person|model|there|real|offline)"
    r"|how are you(?: .*)?|what is up|what is your name|how do you work|can you help(?: me)?|can you hear me"
)
_I = re.compile(r"\b(?:i|my|me|mine|myself|we|our|us|ours)\b")
_MY_NOUN = re.compile(
    r"(?:^|\b(?:what|who|how|where|which|when|know|remember)(?: (?:is|are|was|were|about))? )my (.{1,60})$"
)
_NOUN_TAIL = re.compile(r" (?:is|are|was|were|like|called|again|now)$")
_CLAIM = re.compile(r"(?:is|are|was|were)(?: not)? my (.+)")
_HEAD = re.compile(r"^(.*\b(?:my|i))\b")
_PARTS = re.compile(r",? (?:and|or|plus|as well as) |, |&|; ")


def read_asks(sentence: str, known: Iterable[str] = ()) -> list[Ask]:
    """The single things that a question asks for, in its order, at most 8.

    Args:
        sentence: one question.
        known: the names of people who are known to the session.

    Example:
        >>> [ask.topic.name for ask in read_asks("What's my name and interest?") if ask.topic]
        ['name', 'interests']
        >>> [(ask.kind, ask.person) for ask in read_asks("What did Caroline say about the group?", ["Caroline"])]
        [('said', 'Caroline')]
    """
    sentence = _question_part(sentence)
    text = normal_form(sentence)
    named = names_in(sentence, list(known))
    person = named[0] if named else None
    whole = _whole(text, person)
    if whole is not None:
        return [whole]
    if person is not None:
        mine = _as_mine(text, person)
        if mine != text and not re.search(r"\b(?:my|i)\b", text):
            return _split(mine, person)
        return [_other(text, person)]
    return _split(text, None)


def _question_part(sentence: str) -> str:
    """What follows the last comma that a question begins after: "I'm back, what's my name?"."""
    if _ASKS_OPENLY.match(normal_form(sentence)) or _RECALLS.match(sentence):
        return sentence
    for cut in reversed([match.end() for match in re.finditer(r"[,;:] ", sentence)]):
        rest = sentence[cut:]
        if _ASKS_OPENLY.match(normal_form(rest)) or _RECALLS.match(rest):
            return rest
    return sentence


def _whole(text: str, person: str | None) -> Ask | None:
    """What asks for one thing however long it is."""
    if _FORGETS.match(text):
        return Ask(kind="forget", text=text)
    if _MODEL.fullmatch(text):
        return Ask(kind="model", text=text)
    if person is None and (_WHO_AM_I.fullmatch(text) or (_ALL.fullmatch(text) and _ALL_WORDS.search(text))):
        return Ask(
            kind="all", text=text, own=True, words=frozenset({"who"} if _WHO_AM_I.fullmatch(text) else ())
        )
    if _SAID.search(text):
        about = stems(text, [person] if person else ())
        return Ask(
            kind="said", text=text, person=person, own=True, words=about, past=True, when=_asks_when(text)
        )
    if person is not None:
        name = person.lower()
        who = _WHO.fullmatch(text)
        if who is not None and (who["name"] or "") == name:
            return Ask(kind="who", text=text, person=person, own=True)
        everything = _ALL_OF.fullmatch(text)
        if everything is not None and everything["name"] in (name, f"about {name}"):
            return Ask(kind="who", text=text, person=person, own=True)
    return None


def _split(text: str, person: str | None) -> list[Ask]:
    """A question as one, or, where every part of it asks for something known, as its parts."""
    one = _single(text, person)
    if one.kind == "topic" or one.yes_no:
        return [one]
    parts = [part for part in _PARTS.split(text) if part and part.strip()]
    if not 2 <= len(parts) <= _MOST_ASKS:
        return [one]
    asks: list[Ask] = []
    head = ""
    for part in parts:
        stripped = normal_form(part)
        ask = _single(stripped, person)
        if ask.kind != "topic" and head and not _I.search(stripped):
            ask = _single(f"{head} {stripped}", person)
        found = _HEAD.match(ask.text)
        head = found[1] if found else head
        asks.append(ask)
    fits = asks[0].kind == "topic" or bool(asks[0].noun)
    return asks if fits and all(ask.kind == "topic" or ask.noun for ask in asks) else [one]


def _single(text: str, person: str | None) -> Ask:
    match = _MY_NOUN.search(text)
    noun = _NOUN_TAIL.sub("", match[1]) if match else ""
    for topic in TOPICS:
        if topic.asks.fullmatch(text) or (noun and not _asks_when(text) and topic.nouns.fullmatch(noun)):
            return Ask(kind="topic", text=text, topic=topic, person=person, own=True)
        claimed = _CLAIM.match(text)
        value = claimed and topic.nouns.match(claimed[1])
        if claimed and value and claimed[1][value.end() - 1 : value.end()] in (" ", "'"):
            words = stems(claimed[1][value.end() :])
            return Ask(
                kind="topic", text=text, topic=topic, person=person, own=True, words=words, yes_no=True
            )
    return evolve(_other(text, person), noun=noun)


def _other(text: str, person: str | None) -> Ask:
    past = bool(_PAST.search(text))
    return Ask(
        kind="other",
        text=text,
        person=person,
        own=person is not None or bool(_I.search(text)),
        words=stems(text, [person] if person else ()),
        yes_no=bool(_YES_NO.match(text)),
        when=_asks_when(text),
        past=past,
    )


def _asks_when(text: str) -> bool:
    return bool(_WHEN.match(text))
