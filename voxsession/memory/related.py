"""Everyday English that means the same or nearly so: irregular forms, synonyms, kinds of things.

People ask "does she have pets?" of a memory that says "adopted a puppy". What is listed here is common
knowledge, written by hand and kept to words that are common in talk; a word that is not listed costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from voxsession.memory.kinds import KINDS
from voxsession.memory.near_words import NEAR_WORDS

__all__ = ["forms_of", "related_to"]

# Forms that no stemmer brings together; each line's words count as one word.
_IRREGULAR = """
become became; begin began begun; bite bit bitten; blow blew blown; break broke broken; bring brought; build built
burn burnt; buy bought; catch caught; choose chose chosen; come came; deal dealt; draw drew drawn; dream dreamt
drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought; find found
fly flew flown; forget forgot forgotten; forgive forgave forgiven; freeze froze frozen; grow grew grown; hang hung
hear heard; hide hid hidden; hold held; keep kept; know knew known; lead led; learn learnt; leave left; lend lent
lose lost; make made; mean meant; meet met; pay paid; ride rode ridden; ring rang rung; rise rose risen; run ran
see saw seen; seek sought; sell sold; send sent; shake shook shaken; shoot shot; show shown; shrink shrank shrunk
sing sang sung; sink sank sunk; sit sat; sleep slept; speak spoke spoken; spend spent; stand stood; steal stole stolen
stick stuck; strike struck; swear swore sworn; swim swam swum; take took taken; teach taught; tear tore torn
think thought; throw threw thrown; understand understood; wake woke woken; wear wore worn; win won
write wrote written; child children; foot feet; tooth teeth; mouse mice; man men; woman women; person people
wife wives; life lives; knife knives; half halves; leaf leaves; shelf shelves
"""


def _groups(text: str) -> Iterator[list[str]]:
    for line in text.strip().replace(";", "\n").splitlines():
        yield line.split()


def _mutual(text: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for group in _groups(text):
        for word in group:
            table[word] = table.get(word, ()) + tuple(other for other in group if other != word)
    return table


def _one_way(text: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for word, *kinds in _groups(text):
        table[word] = table.get(word, ()) + tuple(kinds)
    return table


def _base_forms(word: str) -> Iterator[str]:
    """The word, then what it may be a regular form of."""
    yield word
    if word.endswith("ies"):
        yield word[:-3] + "y"
    for ending in ("s", "es", "ed", "ing", "er"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            stem = word[: -len(ending)]
            yield stem
            if ending != "s":
                yield stem + "e"
                yield stem[:-1] if stem[-1] == stem[-2] else stem


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    return _mutual(_IRREGULAR), _mutual(NEAR_WORDS), _one_way(KINDS)


def forms_of(word: str) -> tuple[str, ...]:
    """The other forms of an irregular word.

    Args:
        word: In lower case.

    Returns:
        Words that count as the same word; none for regular ones, which stemming handles.

    Example:
        >>> forms_of("buy"), forms_of("garden")
        (('bought',), ())
    """
    irregular, _, _ = _tables()
    return next((irregular[form] for form in _base_forms(word) if form in irregular), ())


def related_to(word: str) -> tuple[str, ...]:
    """Words of nearly the same meaning, and the common kinds of what the word names.

    Args:
        word: In lower case, in any regular form.

    Returns:
        Words in their base form, none for most words.

    Example:
        >>> related_to("puppies")[:2], related_to("fruit")[:2]
        (('dog', 'pup'), ('apple', 'banana'))
    """
    _, near, kinds = _tables()
    found: list[str] = []
    for table in (near, kinds):
        found += next((table[form] for form in _base_forms(word) if form in table), ())
    return tuple(dict.fromkeys(found))
