"""Who goes by two words in one session: "my sister Dana" makes "my sister" and "Dana" the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from voxsession.memory.related import forms_of, related_to
from voxsession.memory.words import STOP_WORDS

__all__ = ["MOST_TEXTS", "may_have_names", "names_of", "roles_of"]

#: Whom people call by what they are to them as often as by name.
_ROLES: Final = frozenset(
    """
    mother father mom mum dad sister brother son daughter wife husband partner boyfriend girlfriend fiance fiancee
    friend buddy roommate flatmate housemate boss manager colleague coworker teacher professor tutor coach mentor aunt
    uncle cousin niece nephew grandma grandpa grandmother grandfather grandson granddaughter neighbor neighbour doctor
    dentist therapist landlord landlady nanny dog cat puppy kitten pup pet horse hamster rabbit parrot company school
    band team car boat
    """.split()
)
#: More texts are not read for one word.
MOST_TEXTS: Final = 64
_MOST_NAMES = 5
_OWNER = "(?:my|our|his|her|their)"
_CALLED = "(?:,| named| called| is called|'s name is| is named)?"
_NAME = r"([^\W\d_]\w+)"
_ROLE = "|".join(sorted(_ROLES))
#: So far from a role its name may stand.
_REACH_CHARS = 48
# A name after a role and before one; a role before a name and after one.
_NAME_AFTER = re.compile(rf"{_CALLED} {_NAME}")
_NAME_BEFORE = re.compile(rf"\b{_NAME},? (?:is |was )?{_OWNER} (?:\w+ )?$")
_ROLE_BEFORE = re.compile(rf"\b({_ROLE}){_CALLED} $", re.IGNORECASE)
_ROLE_AFTER = re.compile(rf",? (?:is |was )?{_OWNER} (?:\w+ )?({_ROLE})\b")


@lru_cache(maxsize=256)
def _any_of(roles: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(roles))})\b", re.IGNORECASE)


@lru_cache(maxsize=1_024)
def _as_role(word: str) -> frozenset[str]:
    """What a word says somebody is, with the other words for it; nothing for most words."""
    alike = {word, word.removesuffix("s"), *related_to(word), *forms_of(word)}
    return _ROLES & alike


def may_have_names(word: str) -> bool:
    """Whether a word is one that people or animals are called by.

    Example:
        >>> may_have_names("dogs"), may_have_names("garden")
        (True, False)
    """
    return bool(_as_role(word))


def names_of(word: str, texts: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """The names of whom a word such as "sister" stands for.

    Args:
        word: In lower case; for one that nobody is called by there are no names.
        texts: Texts that hold the word, or one of nearly the same meaning.
        known: Words that are no such name: those of the participants' names.

    Returns:
        Names in lower case, those said most often first, at most five.

    Example:
        >>> names_of("dog", ["Meet Toby, my puppy!", "Our dog Rex barks", "My dog is big"], ())
        ('rex', 'toby')
    """
    roles = _as_role(word)
    if not roles:
        return ()
    found: Counter[str] = Counter()
    for text in texts:
        for role in _any_of(roles).finditer(text):
            after = _NAME_AFTER.match(text, role.end())
            before = _NAME_BEFORE.search(text[max(0, role.start() - _REACH_CHARS) : role.start()])
            for name in {match[1] for match in (after, before) if match and match[1][0].isupper()}:
                if name.lower() not in STOP_WORDS and name.lower() not in known:
                    found[name.lower()] += 1
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_MOST_NAMES])


def roles_of(name: str, texts: Iterable[str]) -> tuple[str, ...]:
    """What somebody with a name is to whom speaks of them.

    Args:
        name: In lower case.
        texts: Texts that hold it.

    Returns:
        Words such as "sister", in the order of the alphabet.

    Example:
        >>> roles_of("dana", ["I called my sister Dana", "Dana laughed"])
        ('sister',)
    """
    found: set[str] = set()
    named = re.compile(rf"\b{re.escape(name.capitalize())}\b")
    for text in texts:
        for match in named.finditer(text):
            before = _ROLE_BEFORE.search(text[max(0, match.start() - _REACH_CHARS) : match.start()])
            after = _ROLE_AFTER.match(text, match.end())
            found.update(beside[1].lower() for beside in (before, after) if beside)
    return tuple(sorted(found))
