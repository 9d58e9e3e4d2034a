"""What a message says of how satisfied the person is: thanks, a complaint, a question asked again."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["signals_of"]

_LONGEST_TEXT = 2000
_ALIKE = 0.7
_FEWEST_WORDS = 2
# A text is looked at when it is said, and as one of the earlier ones by those that follow.
_KNOWN_TEXTS = 512

_THANKS: Final = re.compile(
    r"(?<!no )(?<!no, )\b(?:thanks(?! to\b)|thank (?:you|u)|thx|(?:much|really) appreciated|you(?:'re| are) the best|"
    r"(?:perfect|great|awesome|excellent)[,.!]? (?:that|this) (?:is|helps|works|was)|"
    r"that(?:'s| is) (?:perfect|exactly what|very helpful|so helpful)|"
    r"danke(?:schön)?|vielen dank|merci|gracias|grazie|obrigad[oa]|bedankt|dank je|tack så)\b(?! for nothing)",
    re.IGNORECASE,
)
_COMPLAINT: Final = re.compile(
    r"\b(?:that(?:'s| is|s) (?:wrong|incorrect|not (?:right|true|correct|helpful|what i))|"
    r"not what i (?:asked|meant|wanted|said)|you(?:'re| are) (?:wrong|not listening|useless|not helping)|"
    r"you (?:misunderstood|(?:don't|do not|didn't|did not) (?:understand|listen|get it|answer)|keep (?:saying|asking|"
    r"repeating|forgetting)|(?:made|make) (?:a mistake|no sense|that up)|got (?:it|that) wrong)|"
    r"i (?:already|just) (?:told|said|asked|explained)|how many times|for the (?:second|third|last|hundredth) time|"
    r"(?:this|it|that) is (?:useless|ridiculous|frustrating|terrible|awful|a waste of)|"
    r"(?:that|this|it) (?:still )?(?:didn't|did not|doesn't|does not) help|wrong answer|thank(?:s| you) for nothing|"
    r"das ist (?:falsch|nutzlos|nicht richtig)|das stimmt nicht|das habe ich (?:schon|nicht) (?:gesagt|gemeint)|"
    r"c'est faux|ce n'est pas (?:ce que|vrai|correct)|eso (?:es incorrecto|no es lo que|está mal)|"
    r"non è (?:vero|quello che))",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(r"\w{2,}")
_LETTERS: Final = string.ascii_letters + string.digits + "_"
# Blanks for all bytes but letters: what is ASCII is cut at these in a quarter of the time.
_BLANKED: Final = bytes(byte if chr(byte) in _LETTERS else 32 for byte in range(128)).ljust(256)
# Each phrase above has one of these words: what has none of them, as most has, need not be looked through.
_TELLING: Final = frozenset(
    """
    thanks thank thx appreciated best perfect great awesome excellent exactly helpful danke dankeschön dank merci
    gracias grazie obrigado obrigada bedankt tack
    wrong incorrect not listening useless helping misunderstood understand listen get answer keep mistake sense up got
    already just times time ridiculous frustrating terrible awful waste help nothing
    falsch nutzlos nicht habe faux est eso non
    """.split()
)
_EMPTY: Final = frozenset(
    """
    the is are was were do does did can could would will should you me my your it its this that to of in on at for
    and or please tell know what which how an be have has had with about so again just then there
    der die das ist sind ein eine und oder bitte mir was wie kannst du ich
    """.split()
).union(_LETTERS)


def signals_of(text: str, earlier: Iterable[str] = ()) -> list[str]:
    """The signals in a message of the person; none in most.

    Args:
        text: What was said.
        earlier: What the same person said before it in this conversation, a few messages.

    Returns:
        Some of `thanks`, `complaint`, `repeat`, each at most once.

    Example:
        >>> signals_of("Thank you so much!"), signals_of("That's wrong, I said Monday")
        (['thanks'], ['complaint'])
        >>> signals_of("so when does the bakery open?", ["When does the bakery open?"])
        ['repeat']
    """
    shown = text[:_LONGEST_TEXT]
    words, is_telling = _looked_at(shown)
    found = []
    if is_telling:
        shown = shown.replace("’", "'").lower()
        if _COMPLAINT.search(shown):
            found.append("complaint")
        elif _THANKS.search(shown):
            found.append("thanks")
    if len(words) >= _FEWEST_WORDS:
        for said in earlier:
            if _are_alike(words, _looked_at(said[:_LONGEST_TEXT])[0]):
                found.append("repeat")
                break
    return found


@lru_cache(_KNOWN_TEXTS)
def _looked_at(text: str) -> tuple[frozenset[str], bool]:
    """The words of a text that say what is asked, and whether any of its words could be of a phrase above."""
    words = _words(text.lower())
    return words - _EMPTY, not _TELLING.isdisjoint(words)


def _words(text: str) -> frozenset[str]:
    if text.isascii():
        return frozenset(text.encode().translate(_BLANKED).decode().split())
    return frozenset(_WORDS.findall(text))


def _are_alike(words: frozenset[str], others: frozenset[str]) -> bool:
    shared = len(words & others)
    return shared >= _ALIKE * (len(words) + len(others) - shared)
