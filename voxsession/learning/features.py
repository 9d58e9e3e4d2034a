"""What one message shows about how its author speaks: counts and word lists, no model."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final, NamedTuple

from voxsession.core.struct import Struct
from voxsession.learning.identify import language_of
from voxsession.learning.lexicon import (
    COMMON,
    EVERYDAY,
    FOREIGN,
    FORMALITY,
    PAIRS,
    TECHNICAL,
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
# Only around these a text is looked at more closely.
_MAYBE_CODE = re.compile(r"[`_\d=<>{}\[\]^/%]|[A-Za-z][A-Z]|::|->|\(\)|\w\.\w|\s-\S")
_AROUND_SIGN, _MOST_SIGNS = 16, 8
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
#: The little words around nouns, and the length of a message that is neither long nor short.
_NOMINAL: Final = frozenset(
    "the an of by in from between among under against within during for with at on its their his her".split()
)
_USUAL_WORDS = 8
_CONTRACTION_WEIGHT, _LONG_WORD_WEIGHT = 1.2, 0.06
_GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey)\b[^?]{0,20}\b)?(?:good (?:morning|afternoon|evening|day|night)|how are you|how's it going"
    r"|what's up|nice to meet you|guten (?:tag|morgen|abend)|buenos días|buenas tardes|bom dia|thank you)\b",
    re.IGNORECASE,
)


class MessageFeatures(Struct, frozen=True, kw_only=True):
    """What one message shows.

    Attributes:
        words: how many words it has.
        formality: 0 (casual) to 1 (formal); None where the language is not known.
        technical_level: 0 (plain) to 1 (a specialist's); None where the language is not known.
        verbosity: 0 (terse) to 1 (long-winded).
        kind: `question`, `command`, `statement` or `greeting`.
        language: a code such as `en`, or None where it cannot be told.
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
    nominal: bool


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
        return sum(1 for piece in text.split() if piece[0].isalnum() or any(c.isalnum() for c in piece))
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
    words = _words(text)
    sums = _sums(words)
    english = sums.is_english(len(words))
    language = "en" if english else language_of(text)
    return MessageFeatures(
        words=count,
        formality=round(_formality(text, words, sums), 4) if english else None,
        technical_level=round(_technical(text, words, sums), 4) if english else None,
        verbosity=round(count / (count + 15), 4),
        kind=_kind(text, words),
        language=language if english or language != "en" else None,  # in too few words to be told
    )


def is_english(text: str) -> bool:
    """Whether a text looks like English; a text that shows nothing does not."""
    words = _words(text[:_LONGEST])
    return _sums(words).is_english(len(words))


def _words(text: str) -> list[str]:
    """The words of a text in lower case, the apostrophes alike, very long ones cut."""
    words: list[str] = _WORD.findall(text.lower().replace("’", "'"))
    return words if len(text) <= _LONGEST_WORD else [word[:_LONGEST_WORD] for word in words]


class _Sums(NamedTuple):
    """What the words of a text add up to."""

    formality: float
    technical: float
    english: int
    foreign: int
    nominal: int
    letters: int

    def is_english(self, count: int) -> bool:
        """Where nothing speaks against it one word is enough: names and terms are in no list."""
        return self.english > 2 * self.foreign and (self.foreign == 0 or self.english * 5 >= count)


def _sums(words: list[str]) -> _Sums:
    formality = technical = 0.0
    english = foreign = nominal = letters = 0
    before = ""
    for word in words:
        known = _look_up(word)
        formality += known.formality
        technical += known.technical
        english += known.english
        foreign += known.foreign
        nominal += known.nominal
        letters += len(word)
        if found := PAIRS.get((before, word)):
            formality += found[0]
            technical += found[1]
        before = word
    return _Sums(formality, technical, english, foreign, nominal, letters)


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
        formality=formality - _CONTRACTION_WEIGHT * contracted,
        technical=technical
        + (_LONG_WORD_WEIGHT * min(len(word), 14) if len(word) >= 7 and not common else 0.0),
        english=english or (contracted and word.isascii()),
        foreign=not english and (word in FOREIGN or not word.isascii()),
        nominal=word in _NOMINAL,
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


def _formality(text: str, words: list[str], sums: _Sums) -> float:
    total = sums.formality
    total -= 1.0 * min(3, sum(1 for _ in _LOUD.finditer(text)))
    # A transcript has no capitals and no full stops, so that they are missing is a weak sign only.
    first = text.lstrip()[:1]
    total -= 0.4 * first.islower() + 0.2 * (text.rstrip()[-1:].isalnum()) + 0.5 * (" i " in text)
    length = sums.letters / len(words)
    total += 0.25 * math.sqrt(len(words)) * (length - 4.4)
    # Nouns bring articles and prepositions along (the F-score of Heylighen and Dewaele 1999 counts them as formal).
    total += 0.3 * (sums.nominal - 0.2 * len(words))
    # Full sentences are longer than what is tossed in; beyond some thirty words length says no more.
    size = 0.4 * math.log(min(len(words), 30) / _USUAL_WORDS)
    return _share(total / math.sqrt(len(words) + 2) + size)


def _technical(text: str, words: list[str], sums: _Sums) -> float:
    total = sums.technical
    total += 1.2 * _code_signs(text)
    return _share(1.2 * total / math.sqrt(len(words) + 2) - 0.6)


def _code_signs(text: str) -> int:
    """How much in a text looks like code, paths or measured values, at most 8."""
    count = end = 0
    for sign in _MAYBE_CODE.finditer(text):
        if sign.start() >= end and count < _MOST_SIGNS:
            begin, end = max(end, sign.start() - _AROUND_SIGN), sign.end() + _AROUND_SIGN
            count += sum(1 for _ in _CODE.finditer(text, begin, end))
    return min(count, _MOST_SIGNS)


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
