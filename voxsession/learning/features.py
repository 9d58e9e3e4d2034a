"""What one message shows about how its author speaks: counts and word lists, no model."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import attrs

from voxsession.learning.lexicon import (
    COMMON,
    EVERYDAY,
    FOREIGN,
    FORMALITY,
    FORMALITY_PAIRS,
    TECHNICAL,
    TECHNICAL_PAIRS,
)
from voxsession.learning.names import Kind

__all__ = ["MessageFeatures", "features_of", "is_english", "word_count"]

#: Only so much of a message is looked at: the first thousand words of a pasted log say enough.
_LONGEST = 6000
_LONGEST_WORD = 40
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Scripts that put no spaces between words: about two characters make a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

_CONTRACTION = re.compile(r"\w['’](?:s|re|ve|ll|d|m|t)$")
_LATINATE = re.compile(
    r"(?:tion|sion|ment|ance|ence|ancy|ency|ity|ive|ary|ory|ate|ated|ating|able|ible|ually)s?$"
)
_LEARNED = re.compile(
    r"(?:ometry|ometer|ology|ography|itis|osis|ysis|ization|isation|ectomy|emia|aemia|opathy|ase|yl|ium|ics|oid"
    r"|ectric|onic|etic|olar|eous|ization|meter|scope|gram|graph|cyte|gen|plasty|phyte|otic|uctor|uction|toxic|itic|istic|ogenic|atory|ious|izes?|ised?)s?$"
)
_LOUD = re.compile(r"!|\?\?|\.\.\.|…|([^\W\d_])\1\1|[\U0001f300-\U0001faff\u2600-\u27bf]|[:;]-?[)(DPp]\B|<3")
_CODE = re.compile(
    r"`|\w_\w|\w\(\)|[a-z][A-Z]|\b[A-Z]{2,}\d*\b|\b\w+\.(?:py|js|ts|json|ya?ml|csv|toml|sh|exe|dll|log|sql|html)\b"
    r"|\s--?[a-zA-Z][\w-]*|\bv?\d+\.\d+|\b\d+(?:[.,]\d+)?\s?(?:[kKMGT]?B|[munk]?[gmsVAWFH]|[kMG]?Hz|dB|Nm|px|mmHg|nm)\b"
    r"|\b[A-Z]+\d[\w-]*|[=<>{}\[\]^]|\d\s?%|\w/\w|::|->"
)
# What may come before the sentence proper.
_LEADING = re.compile(
    r"[\s¿¡\"'“(]*(?:(?:and|but|so|ok|okay|well|hey|hi|hello|also|um|uh|please|now|then|right|alright)\b[\s,.!]*)*",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?:what|why|how|when|where|who|whom|whose|which|what's|how's|who's|where's|when's|why's)\b"
    r"|(?:is|are|was|were|do|does|did|has|have|had|am|isn't|aren't|don't|doesn't|didn't|can't|won't|shall|should|may|might"
    r"|could|can|will|would)\s+(?:i|you|he|she|it|we|they|there|this|that|these|those|the|my|your|his|her|our|their"
    r"|anyone|anybody|someone|somebody)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"(?:can|could|would|will) (?:you|u|ya)\s+(?:please\s+|kindly\s+|just\s+|also\s+)*"
    r"(?!(?:tell|explain|say|remember|know|see|hear|understand|be|not)\b)",
    re.IGNORECASE,
)
_VERBS: Final = frozenset(
    """
    add ask answer archive analyse analyze apply arrange attach book bring build buy calculate call cancel
    change check choose clean clear close compare compile confirm connect continue convert copy correct
    count create cut debug define delete deploy describe design disable do download draft draw edit email
    enable end enter erase estimate explain export extract fetch fill filter find finish fix follow forget
    format forward generate get give go help hold ignore import improve include increase insert install
    keep leave let list load look lower make mark merge monitor move mute name navigate note notify open
    order pause pay pick plan play please postpone prepare print proofread provide put raise read rebase
    recommend record redo reduce refactor refund remember remind remove rename repeat replace reply report
    reschedule reserve reset restart resume return review rewrite run save say schedule search select send
    set share shorten show shut skip solve sort speak spell start stop submit suggest summarise summarize
    switch take teach tell test transfer translate try turn type undo update upgrade upload use verify
    wait wake walk write
    """.split()
)
_LEAD: Final = frozenset(
    "please kindly now then just ok okay and so also well alright right yes no hey hi".split()
)
_GREETINGS: Final = frozenset(
    """
    hi hello hey heya hiya howdy greetings yo hallo hola bonjour ciao servus moin salut ola olá namaste
    ahoj cześć goodbye bye thanks cheers sup welcome
    """.split()
)
_GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey)\b[^?]{0,20}\b)?(?:good (?:morning|afternoon|evening|day|night)|how are you|how's it going"
    r"|what's up|nice to meet you|guten (?:tag|morgen|abend)|buenos días|buenas tardes|bom dia|thank you)\b",
    re.IGNORECASE,
)


@attrs.define(frozen=True, slots=True, kw_only=True)
class MessageFeatures:
    """What one message shows.

    Attributes:
        words: how many words it has.
        formality: 0 (casual) to 1 (formal); None where the language is not known.
        technical_level: 0 (plain) to 1 (a specialist's); None where the language is not known.
        verbosity: 0 (terse) to 1 (long-winded).
        kind: `question`, `command`, `statement` or `greeting`.
        language: `en`, or None where it is not English or cannot be told.
    """

    words: int
    formality: float | None
    technical_level: float | None
    verbosity: float
    kind: Kind
    language: str | None


class _Known(NamedTuple):
    """What is known of one word, looked up once."""

    formality: float
    technical: float
    english: bool
    foreign: bool
    long: bool
    contracted: bool


def word_count(text: str) -> int:
    """How many words a text has; two characters of a script without spaces count as one.

    Args:
        text: Any string.

    Returns:
        The count; 0 for a text without letters and digits.

    Example:
        >>> word_count("Don't worry, it's 5 pm.")
        5
    """
    if text.isascii():
        return sum(1 for piece in text.split() if any(c.isalnum() for c in piece))
    run = len(_UNSPACED.findall(text))
    spaced = _UNSPACED.sub(" ", text) if run else text
    return (run + 1) // 2 + sum(1 for piece in spaced.split() if any(c.isalnum() for c in piece))


def features_of(text: str) -> MessageFeatures:
    """The features of one message; the same text always gives the same numbers.

    Args:
        text: Any string; of a very long one the beginning is looked at.

    Returns:
        The features; `formality` and `technical_level` are None unless the text looks like English.

    Example:
        >>> polite = features_of("I would be grateful if you could send me the report.")
        >>> casual = features_of("hey can u send me the report lol")
        >>> polite.formality > casual.formality, casual.kind
        (True, 'command')
    """
    count = word_count(text)
    text = text[:_LONGEST]
    words = [word[:_LONGEST_WORD].replace("’", "'") for word in _WORD.findall(text.lower())]
    known = [_look_up(word) for word in words]
    english = _looks_english(known)
    return MessageFeatures(
        words=count,
        formality=round(_formality(text, words, known), 4) if english else None,
        technical_level=round(_technical(text, words, known), 4) if english else None,
        verbosity=round(count / (count + 15), 4),
        kind=_kind(text, words),
        language="en" if english else None,
    )


def is_english(text: str) -> bool:
    """Whether a text looks like English; a text that shows nothing does not."""
    words = _WORD.findall(text[:_LONGEST].lower())
    return _looks_english([_look_up(word[:_LONGEST_WORD].replace("’", "'")) for word in words])


@lru_cache(maxsize=8192)
def _look_up(word: str) -> _Known:
    stems = _stems(word)
    formality = next((FORMALITY[stem] for stem in stems if stem in FORMALITY), None)
    technical = next((TECHNICAL[stem] for stem in stems if stem in TECHNICAL), None)
    common = any(stem in COMMON or stem in EVERYDAY for stem in stems)
    english = common or (word not in FOREIGN and (formality is not None or technical is not None))
    contracted = bool(_CONTRACTION.search(word))
    latinate = len(word) >= 7 and bool(_LATINATE.search(word))
    if formality is None:
        formality = 0.6 if latinate else 0.0
    if technical is None:
        technical = 1.0 if len(word) >= 6 and not common and _LEARNED.search(word) else 0.0
    return _Known(
        formality=formality,
        technical=technical,
        english=english or (contracted and word.isascii()),
        foreign=not english and (word in FOREIGN or not word.isascii()),
        long=len(word) >= 7 and not common,
        contracted=contracted,
    )


def _stems(word: str) -> list[str]:
    """The word and what it may be an inflection of."""
    stems = [word]
    if word.endswith("'s"):
        stems.append(word[:-2])
    elif word.endswith("s") and len(word) > 3:
        stems += [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
        if word.endswith("ies"):
            stems.append(word[:-3] + "y")
    elif word.endswith("ed") and len(word) > 4:
        stems += [word[:-1], word[:-2], word[:-3]] if word[-3] == word[-4] else [word[:-1], word[:-2]]
        if word.endswith("ied"):
            stems.append(word[:-3] + "y")
    elif word.endswith("ing") and len(word) > 5:
        stems += [word[:-3], word[:-3] + "e"]
    return stems


def _looks_english(known: Sequence[_Known]) -> bool:
    ours = sum(1 for word in known if word.english)
    others = sum(1 for word in known if word.foreign)
    # Where nothing speaks against it one word is enough: names and terms are in no list.
    return ours > 2 * others and (others == 0 or ours * 5 >= len(known))


def _formality(text: str, words: list[str], known: list[_Known]) -> float:
    total = sum(word.formality for word in known)
    total += sum(FORMALITY_PAIRS.get(pair, 0.0) for pair in pairwise(words))
    total -= 1.2 * sum(1 for word in known if word.contracted)
    total -= 1.0 * min(3, sum(1 for _ in _LOUD.finditer(text)))
    # A transcript has no capitals and no full stops, so that they are missing is a weak sign only.
    first = text.lstrip()[:1]
    total -= 0.4 * first.islower() + 0.2 * (text.rstrip()[-1:].isalnum()) + 0.5 * (" i " in text)
    length = sum(map(len, words)) / len(words)
    total += 0.25 * math.sqrt(len(words)) * (length - 4.4)
    return _share(total / math.sqrt(len(words) + 2))


def _technical(text: str, words: list[str], known: list[_Known]) -> float:
    total = sum(word.technical for word in known)
    total += sum(TECHNICAL_PAIRS.get(pair, 0.0) for pair in pairwise(words))
    total += 1.2 * min(8, sum(1 for _ in _CODE.finditer(text)))
    total += sum(0.06 * min(len(word), 14) for word, found in zip(words, known, strict=True) if found.long)
    return _share(1.2 * total / math.sqrt(len(words) + 2) - 0.6)


def _share(z: float) -> float:
    """0..1, by the logistic curve."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def _kind(text: str, words: list[str]) -> Kind:
    asks = "?" in text or "？" in text or "؟" in text
    if len(words) <= 5 and words and (words[0] in _GREETINGS or _GREETING.match(text)):
        rest = words[1:3]
        if not any(word in _VERBS for word in rest) and (not asks or _GREETING.match(text)):
            return "greeting"
    head = next((i for i, word in enumerate(words) if word not in _LEAD), len(words))
    lead = _LEADING.match(text)
    start = lead.end() if lead else 0
    if _REQUEST.match(text, start):
        return "command"
    if asks or _QUESTION.match(text, start):
        return "question"
    if head < len(words) and (words[head] in _VERBS or "please" in words[:3]):
        return "command"
    if words[:4] in (["i", "want", "you", "to"], ["i", "need", "you", "to"]) or words[:1] in (
        ["let's"],
        ["don't"],
    ):
        return "command"
    return "statement"
