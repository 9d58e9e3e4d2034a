"""Shortening a text by choosing from its own sentences; nothing is worded anew."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection

__all__ = ["sentences", "shortened", "words_of"]

_WORD = re.compile(r"\w+")
# After an end mark with its closing quotes; where no blank is written behind the mark, right there.
_ENDS = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+[」』”）]*\s*|\s*\n\s*")
# "Dr. Smith", "e.g. tea", "J. Bach": the mark ends no sentence.
_SHORTHAND = re.compile(
    r"(?:^|[\s(])(?:\w|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|z\.B|approx)\.\s+$", re.I
)
# Words that turn a statement into a rule or a danger: whoever leaves one out changes what is asked for.
_VITAL = frozenset(
    "never always must allergic allergy emergency important urgent cannot forbidden".split()
    + "niemals immer muss allergisch wichtig jamais toujours doit nunca siempre debe".split()
)
_DENIALS = frozenset("not no only without nicht kein keine nur ohne pas sans sin".split())
# Against 0 to 1 for words that the text often uses.
_VITAL_WEIGHT, _WANTED_WEIGHT, _NUMBER_WEIGHT, _DENIAL_WEIGHT, _FIRST_WEIGHT = 6.0, 4.0, 2.0, 0.5, 0.5


def words_of(text: str) -> list[str]:
    """The words of a text, case-folded, in order."""
    return _WORD.findall(text.casefold())


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, without the blanks around them.

    Example:
        >>> sentences("Met Dr. Lee on 4.5. in Rome! She said: no tea. ")
        ['Met Dr. Lee on 4.5. in Rome!', 'She said: no tea.']
    """
    found, start = [], 0
    for mark in _ENDS.finditer(text):
        before, after = text[start : mark.end()], text[mark.end() : mark.end() + 1]
        if "\n" not in mark[0] and (after.islower() or _SHORTHAND.search(before)):
            continue
        found.append(before.strip())
        start = mark.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def shortened(
    text: str, most_tokens: int, count: Callable[[str], int], wanted: Collection[str] = ()
) -> str | None:
    """The sentences of a text that say most of it in `most_tokens`, in their order.

    Sentences with words that make a rule or a danger come first, then those with a `wanted` word, then those
    whose words the text uses most. The same text always gives the same sentences.

    Args:
        count: tokens of a text.
        wanted: case-folded words that are looked for.

    Returns:
        The shorter text; None where it has but one sentence, or not even the best one fits.
    """
    parts = sentences(text)
    if len(parts) < 2:
        return None
    words = [words_of(part) for part in parts]
    used = Counter(word for part in words for word in set(part) if len(word) > 3)
    ranking = sorted(
        range(len(parts)), key=lambda place: (-_weight(place, words[place], used, wanted), place)
    )
    chosen: list[int] = []
    said: set[tuple[str, ...]] = set()
    left = most_tokens
    for place in ranking:
        tokens = count(parts[place] + " ")
        if tokens <= left and (not words[place] or tuple(words[place]) not in said):
            chosen.append(place)
            said.add(tuple(words[place]))
            left -= tokens
    while chosen:
        kept = " ".join(parts[place] for place in sorted(chosen))
        if count(kept) <= most_tokens:  # a whole can be more than its parts together
            return kept if len(chosen) < len(parts) else None
        chosen.pop()
    return None


def _weight(place: int, words: list[str], used: Counter[str], wanted: Collection[str]) -> float:
    known = set(words)
    most_used = max(used.values(), default=1)
    return (
        sum(used[word] for word in known) / (most_used * (len(known) or 1))
        + _VITAL_WEIGHT * bool(known & _VITAL)
        + _WANTED_WEIGHT * len(known.intersection(wanted))
        + _NUMBER_WEIGHT * any(word.isdigit() for word in known)
        + _DENIAL_WEIGHT * bool(known & _DENIALS)
        + _FIRST_WEIGHT * (place == 0)
    )
