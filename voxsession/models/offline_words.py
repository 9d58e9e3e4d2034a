"""Words compared loosely: stems, and general words for special ones."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voxsession.memory.words import STOP_WORDS, words_of
from voxsession.models.offline_phrases import GROUPS

__all__ = ["coverage", "stem", "stems"]

#: Words that a question about the past is made of, and that say nothing of what it is about.
_ASKING = frozenset(
    """
    know remember recall tell told say said saying mention mentioned talk talked talking discuss
    discussed think thought ask asked write wrote remind thing time times kind sort type like please
    earlier previously lately recently last ago yesterday today conversation chat session many much
    ever got get name names named called want wants user describe explain best most went gone come
    came happen happened answer
    """.split()
)
_IRREGULAR = {
    "bought": "buy", "brought": "bring", "taught": "teach", "ate": "eat", "drank": "drink", "drove": "drive",
    "flew": "fly", "met": "meet", "ran": "run", "sang": "sing", "swam": "swim", "won": "win", "lost": "lose",
    "made": "make", "took": "take", "saw": "see", "seen": "see", "found": "find", "felt": "feel", "left": "leave",
    "lives": "live", "children": "child", "wives": "wife", "women": "woman", "men": "man", "people": "person",
    "wrote": "write", "grew": "grow", "began": "begin", "chose": "choose", "broke": "break",
}  # fmt: skip
_LONGEST_TEXT_CHARS = 20_000


def stem(word: str) -> str:
    """A word without its ending, so that "hikes", "hiking" and "hike" are one; British spelling becomes American.

    Example:
        >>> stem("hiking"), stem("hikes"), stem("parties"), stem("favourite"), stem("went")
        ('hik', 'hik', 'party', 'favorit', 'went')
    """
    word = _IRREGULAR.get(word, word)
    if len(word) > 4:
        word = word.replace("our", "or")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(?:ss|x|z|ch|sh)es$", word):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] in "bdgmnprt":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def stems(text: str, without: Iterable[str] = ()) -> frozenset[str]:
    """The stems of the words of a text that say what it is about; of a long text only its beginning is read.

    Example:
        >>> sorted(stems("What did I say about my sister's wedding?"))
        ['sister', 'wed']
    """
    left_out = {part for word in without for part in words_of(word)}
    found = dict.fromkeys(words_of(text[:_LONGEST_TEXT_CHARS]))
    return frozenset(
        stem(word)
        for word in found
        if word not in STOP_WORDS and word not in _ASKING and word not in left_out
    )


_SPECIAL = {stem(general): frozenset(map(stem, special)) for general, special in GROUPS.items()}


def coverage(asked: frozenset[str], text: frozenset[str]) -> float:
    """The share of the asked words that a text has, 0 to 1; a special word stands for the general one.

    Example:
        >>> coverage(stems("which pets do I have"), stems("User has a dog named Rex"))
        1.0
    """
    if not asked:
        return 0.0
    return sum(word in text or not text.isdisjoint(_SPECIAL.get(word, ())) for word in asked) / len(asked)
