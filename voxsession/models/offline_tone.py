"""How the offline model sounds: the same words put formally or casually."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["casual", "formal"]

_EXPANDED: Final = (
    (re.compile(r"\b([Cc])an't\b"), r"\1annot"),
    (re.compile(r"\b([Ww])on't\b"), r"\1ill not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\bI'm\b"), "I am"),
    (re.compile(r"(?<=\w)'re\b"), " are"),
    (re.compile(r"(?<=\w)'ve\b"), " have"),
    (re.compile(r"(?<=\w)'ll\b"), " will"),
    (re.compile(r"\b([Tt]hat|[Ii]t|[Ww]hat|[Tt]here)'s\b"), r"\1 is"),
)
_CONTRACTED: Final = (
    (re.compile(r"\b([Cc])annot\b"), r"\1an't"),
    (re.compile(r"\b([Dd]o|[Dd]oes|[Dd]id|[Aa]re|[Ii]s|[Ww]as|[Hh]ave|[Hh]as) not\b"), r"\1n't"),
    (re.compile(r"\b([Yy]ou) are\b(?=\s)"), r"\1're"),
    (re.compile(r"\bI am\b(?=\s)"), "I'm"),
)
#: How an answer begins -> how it begins among friends; the first that fits.
_OPENINGS: Final = (
    (re.compile(r"Hello\b"), "Hey"),
    (re.compile(r"Goodbye\b"), "Bye"),
    (re.compile(r"You're welcome\."), "No worries!"),
    (re.compile(r"(?:Noted|I see): "), "Got it, "),
    (re.compile(r"(?:Noted|Understood|I see)\."), "Got it!"),
    (re.compile(r"Your\b"), "Sure, your"),
    (re.compile(r"You\b"), "Sure, you"),
)


def formal(text: str) -> str:
    """A text without contractions; what stands in quotation marks stays as it was said.

    Example:
        >>> formal('You\\'re right. I said: "I don\\'t."')
        'You are right. I said: "I don\\'t."'
    """
    return _outside_quotes(text, _EXPANDED)


def casual(text: str) -> str:
    """A text as one says it among friends; what stands in quotation marks stays as it was said.

    Example:
        >>> casual("Hello, Alice."), casual("You are 40.")
        ('Hey, Alice.', "Sure, you're 40.")
    """
    for opening, friendly in _OPENINGS:
        if match := opening.match(text):
            text = friendly + text[match.end() :]
            break
    return _outside_quotes(text, _CONTRACTED)


def _outside_quotes(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    parts = text.split('"')
    for index in range(0, len(parts), 2):
        for pattern, other in rules:
            parts[index] = pattern.sub(other, parts[index])
    return '"'.join(parts)
