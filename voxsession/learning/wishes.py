"""What a user says outright about the answers: "keep it short", "please be formal", "answer in German".

A wish must be spoken to the assistant about its answers: "my boss told me to be
formal" and "make the e-mail shorter" are none. So each pattern is anchored at
the start of a clause, and what stands in quotation marks is not looked at.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import attrs

from voxsession.learning.languages import LANGUAGES

__all__ = ["Wish", "reply_pressure", "wishes_of"]

_CODES = {name.lower(): code for code, name in LANGUAGES.items()} | {
    "mandarin": "zh", "farsi": "fa", "deutsch": "de", "español": "es", "français": "fr", "italiano": "it",
}  # fmt: skip


@attrs.define(frozen=True, slots=True, kw_only=True)
class Wish:
    """One wish: which preference it is about and the value it asks for.

    Attributes:
        name: such as `formality`, or `language.de`.
        value: 0..1; words a minute for `speaking_pace`.
        standing: it holds until another is spoken; else it is a strong sign that fades.
    """

    name: str
    value: float
    standing: bool


# A clause begins at the start, after a mark, or after words that lead up to a request.
_CLAUSE = re.compile(
    r"^\s*|[.!?;:,\n—–-]\s*|\b(?:please|kindly|and|but|so|then|ok|okay|just|always|only|now|hey|from now on"
    r"|in (?:the )?future|can (?:you|we)|(?:could|would|will) you|you (?:can|could|may|should|must)"
    r"|i (?:want|need) you to|i(?:'d| would) like you to|let's|try to|(?:make sure|remember|be sure) to)\s+",
    re.IGNORECASE,
)
_PARTS: Final = {
    "NO": "(?:don't|do not|stop|never|no need to|you (?:don't|do not) (?:need|have) to)",
    "ANSWERS": r"(?:answers?|repl(?:y|ies)|responses?|explanations?)\b",
    "HOLD": r"(?:keep|make) (?:it|this|that|things|everything|(?:your |the |all )?(?:\w+ )?ANSWERS)",
    "GIVE": "(?:(?:give|use|write|send)(?: me| us)?|i(?:'d| would)? (?:prefer|like|want|need))",
    "SAY": "(?:answer|reply|respond|talk|speak|write)(?: to me| me)?",
    "STYLE": "(?:language|tone|style|english|register|wording)",
    "IN": "(?:answer|reply|respond|talk|speak|continue|write|switch|change|chat|converse)"
    "(?: to| with)?(?: me| us| back)?",
    "ING": "(?:answering|replying|responding|talking|speaking|writing)(?: to me)?",
    "MORE": "(?:a (?:bit|little) |much |way )?(?:more |really |very )?",
    "DEEP": "(?:(?:much |a lot )?more|great|greater|full|some)",
    "SHORT": r"(?:short(?:er)?|brief(?:er)?|concise|succinct|snappy|crisp|to the point)\b",
    "LONG": r"(?:detailed|thorough|verbose|elaborate|in[ -]depth|long(?:er)?|comprehensive|extensive)\b",
    "POLITE": r"(?:formal|professional|official|polite|businesslike)\b",
    "LOOSE": r"(?:casual|informal|relaxed|chill|friendly|laid[ -]back|chatty)\b",
    "LANG": r"\b(?:" + "|".join(_CODES) + r")\b",
    "END": r"(?=\s*(?:$|[.!?;,)]|please|now|from|only|always|again|instead|and|with me|thanks|for))",
}
_PART = re.compile("|".join(sorted(_PARTS, key=len, reverse=True)))
# name, value, whether it stands, the ways to say it: those that begin a clause, those that may be anywhere.
_RULES: Final = (
    (
        "verbosity", 0.05, True,
        """
        HOLD MORESHORT
        be MORESHORT
        GIVE MORESHORT ANSWERS
        MORESHORT ANSWERS
        (?:answer|reply|respond|explain)(?: me)? (?:briefly|concisely)
        (?:answer|reply|respond|explain)(?: me)? in (?:one|a|two|a few) (?:short )?(?:word|sentence|line)s?
        NO (?:be|write|talk|give me) (?:so|such|too) (?:long|verbose|much|many|wordy)
        """,
        "",
    ),
    (
        "verbosity", 0.1, False, "",
        r"(?:that(?:'s| is| was)|you're|^|answers? (?:is|are|was|were)) (?:way |far |much )?"
        r"too (?:long|wordy|verbose|much (?:text|detail))\b|\bless detail\b|\btl;?dr\b|\bcut it short\b",
    ),
    (
        "verbosity", 0.95, True,
        """
        HOLD MORELONG
        be MORE(?:specific|LONG)
        GIVE MORELONG ANSWERS
        MORELONG ANSWERS
        """,
        "",
    ),
    (
        "verbosity", 0.9, False,
        """
        (?:explain|describe|answer|elaborate|tell me)\\b[^.!?]{0,60} in DEEP (?:detail|depth)
        (?:go into |give me |add |with )?(?:some |much |a lot )?more details?\\b
        """,
        "",
    ),
    ("verbosity", 0.8, True, "NO (?:be|keep it|answer|make it) (?:so |too )?SHORT", ""),
    (
        "formality", 0.95, True,
        """
        (?:be|stay|sound|remain) MOREPOLITE
        HOLD MOREPOLITE
        use (?:a )?MOREPOLITE STYLE
        (?:SAY|address me) MORE(?:formally|politely|professionally)
        more POLITE,? ?please
        """,
        "",
    ),
    (
        "formality", 0.05, True,
        """
        (?:be|stay|sound) MORELOOSE
        HOLD MORELOOSE
        use (?:a )?MORELOOSE STYLE
        SAY MORE(?:casually|informally|like (?:a|my) (?:friend|buddy|mate))
        """,
        "",
    ),
    (
        "formality", 0.1, True,
        """
        NO (?:be|sound|being|sounding|keep it) (?:so |too |that )?POLITE
        (?:be )?less POLITE
        """,
        r"\bdrop the formalit(?:y|ies)\b",
    ),
    (
        "technical_level", 0.95, True,
        """
        (?:be|get) MOREtechnical\\b
        HOLD MOREtechnical\\b
        assume (?:that )?i(?:'m| am) an? (?:expert|professional|specialist)
        use (?:more |the )?(?:proper |correct )?(?:technical|expert|specialist) (?:terms|language|vocabulary|detail)
        """,
        r"\bdon't dumb (?:it|this|things) down\b|\bskip the basics\b|\bi(?:'m| am) an expert\b"
        r"|\b(?:talk|speak|explain it) to me like (?:i'm )?an? (?:expert|engineer|colleague)",
    ),
    (
        "technical_level", 0.05, True,
        """
        (?:be )?(?:less|not (?:so|too|that)) technical
        NO (?:be|get|being|getting) (?:so |too |that )?technical
        use (?:simpler?|plain|easy|everyday) (?:words|language|terms|english)
        HOLD MOREsimple
        """,
        r"\b(?:no|without|avoid|skip the) (?:technical )?jargon\b|\beli5\b|\blike i(?:'m| am) (?:five|5)\b"
        r"|\bi(?:'m| am) (?:an? )?(?:complete |total |absolute )?(?:beginner|newbie|novice|layman)\b",
    ),
    (
        "technical_level", 0.1, False,
        r"(?:explain|say|put|describe|tell)\b[^.!?]{0,60}\b(?:simply|in (?:simpler?|plain|easy|layman's|everyday) "
        r"(?:terms|words|english|language))",
        "",
    ),
    ("speaking_pace", 110.0, True, "(?:speak|talk)(?: to me)? MOREslow(?:ly|er)\\b\nslow down\\b", ""),
    ("speaking_pace", 190.0, True, "(?:speak|talk)(?: to me)? MORE(?:fast(?:er)?|quick(?:ly|er))\\b\nspeed up\\b", ""),
    (
        "language", 1.0, True,
        """
        IN(?: only| always)? (?:in|to) LANGEND
        (?:speak|talk) LANGEND
        (?:in )?LANG,? please
        """,
        "",
    ),
    ("language", 0.0, True, "NO (?:IN|ING) (?:in )?LANGEND", ""),
)  # fmt: skip


@cache
def _rules() -> list[tuple[str, float, bool, re.Pattern[str], bool]]:
    """Name, value, standing, pattern, whether it begins a clause; made when first needed, for it takes a while."""
    made = []
    for name, value, standing, begins, anywhere in _RULES:
        lines = [line.strip() for line in begins.splitlines() if line.strip()]
        for source, anchored in (("|".join(lines), True), (anywhere, False)):
            if source:
                made.append((name, value, standing, re.compile(_spelt(source), re.IGNORECASE), anchored))
    return made


_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|`[^`]*`")


def _spelt(source: str) -> str:
    """A pattern with its parts put in; twice, since a part may hold another."""
    for _ in range(2):
        source = _PART.sub(lambda part: _PARTS[part.group()], source)
    return source


# Most messages hold no word that begins like these, and are done with after one look.
_HINTS = frozenset(
    """
    shor brie conc succ snap cris poin sent word verb deta dept thor elab long comp exte spec form prof offi poli busi
    casu info rela chil frie laid chat budd mate tech expe dumb basi jarg eli5 like simp plai easy ever laym begi newb
    novi slow fast quic spee tldr tl dr line coll engi much cut
    """.split()
) | {name[:4] for name in _CODES}
_WORD = re.compile(r"[^\W_]+")
#: A message longer than this is a text to work on rather than a word to the assistant.
_LONGEST = 400

_SHORTER = re.compile(
    r"\b(?:too long|shorter|shorten (?:it|that|this)|in short|tl;?dr|sum (?:it|that) up|summari[sz]e (?:it|that|this)"
    r"|brief(?:ly|er)|get to the point|less detail|too much (?:text|detail))\b|^(?:ok |okay )?(?:stop|enough)\b",
    re.IGNORECASE,
)
_LONGER = re.compile(
    r"\b(?:tell me more|go on|more detail|in detail|elaborate|expand on|say more|what else|more about|longer|keep going"
    r"|(?:could|can) you explain (?:that|this)|explain (?:that|this) (?:more|further))\b|^(?:and then|continue)\b",
    re.IGNORECASE,
)


def wishes_of(text: str) -> list[Wish]:
    """What a message asks for outright, in the order of the text; of one name the last wins.

    Args:
        text: Any string; of a long one the first 400 characters are looked at.

    Returns:
        At most one wish per preference; an empty list for nearly all messages.

    Example:
        >>> [(wish.name, wish.value) for wish in wishes_of("Keep it short and answer in German, please.")]
        [('verbosity', 0.05), ('language.de', 1.0)]
        >>> wishes_of("She told me to keep it short")
        []
    """
    text = text[:_LONGEST].replace("’", "'")
    if _HINTS.isdisjoint(word[:4] for word in _WORD.findall(text.lower())):
        return []
    text = _QUOTED.sub(" ", text)
    starts = [match.end() for match in _CLAUSE.finditer(text)]
    found: dict[str, tuple[int, Wish]] = {}
    for name, value, standing, pattern, anchored in _rules():
        tries = [pattern.match(text, start) for start in starts] if anchored else [pattern.search(text)]
        for match in filter(None, tries):
            key = f"language.{_code_in(match.group())}" if name == "language" else name
            # A refusal holds the words of the wish ("don't be so formal"), begins earlier and ends with it.
            if key not in found or match.end() >= found[key][0]:
                found[key] = (match.end(), Wish(name=key, value=value, standing=standing))
    return [wish for _, wish in sorted(found.values(), key=lambda item: item[0])]


def _code_in(said: str) -> str:
    """The code of the language that is named last."""
    return next(_CODES[word] for word in reversed(re.findall(r"\w+", said.lower())) if word in _CODES)


def reply_pressure(text: str) -> int:
    """What a message says of the length of the reply before it: -1 shorter, 1 longer, 0 nothing.

    Example:
        >>> reply_pressure("That was too long."), reply_pressure("Tell me more!"), reply_pressure("Thanks")
        (-1, 1, 0)
    """
    head = text[:120]
    if _SHORTER.search(head):
        return -1
    return 1 if _LONGER.search(head) else 0
