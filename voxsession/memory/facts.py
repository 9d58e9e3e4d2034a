"""What an extracted fact is, and the small changes of words that its sentence needs."""

from __future__ import annotations

import re
from datetime import datetime

from voxsession.core.struct import Struct

CATEGORIES = frozenset(
    {
        "identity",  # name, age, birthday, pronouns, nationality, faith, languages, ways to reach the person
        "location",  # where the person lives or comes from
        "work",  # job, employer, studies
        "relationship",  # family, partner, friends, household, and facts about these people
        "possession",  # pets, car
        "interest",  # what the person is interested in or does for pleasure
        "preference",  # likes, dislikes, favourites, preferred times and formats
        "habit",  # what the person does regularly
        "health",  # allergies, diet, conditions, medication, of the person and the family
        "constraint",  # budget, fears, what the person cannot do or does not have
        "plan",  # what the person is going to do
        "instruction",  # how the person wants to be answered from now on
    }
)


class Fact(Struct, frozen=True, kw_only=True):
    """One thing worth remembering about a person.

    `content` can be read without the message it came from; `category` is one of `CATEGORIES`; `importance`
    lies between 0 and 1; of two facts with one `slot` only the newer can hold.

    Args:
        content: a sentence in the third person, "User's name is Alice".
        category: the kind of fact.
        importance: how much it matters, 0 to 1.
        slot: the single-valued attribute it fills ("name", "likes:coffee"); `None` when it only adds.
        value: the bare value ("Alice"), where there is one.
        expires_at: when a dated plan stops mattering, else `None`.
        valid_from: when it began to be true (aware), where the message says so and it is not the message's own time.
        message_id: the message that states it, where it was looked for in several at once.
        is_denied: it is said not to be so, or no more so: it is not remembered, and what is remembered of it ends.

    Returns:
        An immutable value, equal to any other with the same fields.

    >>> Fact(content="User is 34 years old", category="identity", importance=0.7, slot="age", value="34").slot
    'age'
    """

    content: str
    category: str
    importance: float
    slot: str | None = None
    value: str | None = None
    expires_at: datetime | None = None
    valid_from: datetime | None = None
    message_id: str | None = None
    is_denied: bool = False


# ---- words and numbers

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, start=2)
}
NUMBER = rf"(?:\d{{1,3}}|(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_UNITS[1:10])}))?|{'|'.join(_UNITS[1:])})"
_GERUND = re.compile(
    r"(swim(?=m)|run(?=n)|knit(?=t)|cook|read|paint|draw|garden|fish|sing|travel|ski|walk|sew)[mnt]?ing"
)
_FIRST_LETTER = re.compile(r"(?:^|-)\w")
_SMALL = frozenset("the of de del la le da do dos upon and on in van von der den under sur".split())


def number(words: str) -> int | None:
    """Read a number below 1,000 written in digits or English words.

    Args:
        words: "34" or "thirty-four".

    Returns:
        The number, or `None` where the words are not one.

    >>> number("thirty-four"), number("34"), number("many")
    (34, 34, None)
    """
    if re.fullmatch(r"[0-9]{1,3}", words):
        return int(words)
    parts = [_NUMBERS.get(part) for part in re.split(r"[ -]", words.lower())]
    return sum(part or 0 for part in parts) if None not in parts else None


def proper(words: str) -> str:
    """Give words typed in small letters the capitals of a proper name; words with a capital stay as they are.

    Args:
        words: a name or a place.

    Returns:
        The same words, capitalised.

    >>> proper("new york"), proper("the netherlands"), proper("McKay")
    ('New York', 'the Netherlands', 'McKay')
    """
    if words != words.lower():
        return words
    return " ".join(word if word in _SMALL else _FIRST_LETTER.sub(_upper, word) for word in words.split(" "))


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


def slot_key(words: str) -> str:
    """Normalise the object of a like or an allergy, so that two ways to say it share one slot.

    Args:
        words: "Coffee", "to cook", "the Beatles".

    Returns:
        The key: small letters, without article or "to"; a lone gerund becomes its stem.

    >>> slot_key("The  Beatles"), slot_key("to cook"), slot_key("cooking"), slot_key("swimming")
    ('beatles', 'cook', 'cook', 'swim')
    """
    key = re.sub(r"^(?:the|to|a|an|some|any|all)\s+", "", " ".join(words.casefold().split()))
    # Only verbs that are often met as "to …": stripping every -ing would turn "spring" into nonsense.
    gerund = _GERUND.fullmatch(key)
    return gerund[1] if gerund else key


# ---- first person to third

_PERSON = {
    "i": "they",
    "i'm": "they're",
    "i've": "they've",
    "i'll": "they'll",
    "me": "them",
    "my": "their",
    "our": "their",
    "us": "them",
    "mine": "theirs",
    "myself": "themselves",
    "we": "they",
    "we're": "they're",
    "am": "are",
}
_PRONOUN = re.compile(rf"(?<![\w'])(?:{'|'.join(sorted(_PERSON, key=len, reverse=True))})(?![\w'])", re.I)


def third_person(words: str) -> str:
    """Turn the pronouns of the speaker into those of somebody spoken about.

    Args:
        words: "my cousin's wedding".

    Returns:
        "their cousin's wedding".

    >>> third_person("my cousin and me")
    'their cousin and them'
    """
    return _PRONOUN.sub(lambda match: _PERSON[match[0].lower()], words)


_IRREGULAR = {"have": "has", "go": "goes", "do": "does", "am": "is", "be": "is", "don't": "doesn't"}


def third_singular(phrase: str) -> str:
    """Put the verb that begins a phrase into the third person singular.

    Args:
        phrase: "go to bed early".

    Returns:
        "goes to bed early".

    >>> third_singular("go to bed"), third_singular("study"), third_singular("watch films")
    ('goes to bed', 'studies', 'watches films')
    """
    verb, space, rest = phrase.partition(" ")
    low = verb.lower()
    if low in _IRREGULAR:
        form = _IRREGULAR[low]
    elif re.search(r"[^aeiou]y$", low):
        form = low[:-1] + "ies"
    else:
        form = low + ("es" if re.search(r"(?:s|sh|ch|x|z|o)$", low) else "s")
    return form + space + rest
