"""Whether words are English, told by their small words."""

from __future__ import annotations

import re

__all__ = ["is_english", "is_foreign", "is_mostly_foreign"]

_ENGLISH = frozenset(
    "the i i'm i've my name and is to of it you for that have with on at this be live like am not don't a".split()
)
_FOREIGN = frozenset(
    """ich und der das ist nicht ein eine mit auf für wir bin habe heiße wohne mein meine sich den dem zu auch gern
    ik het een van woon ben heet naam je et le la les des un une est pas suis vous mon ma dans avec pour habite
    yo el los las una que es soy mi con por para está vivo llamo tengo io sono di il che mi chiamo abito ho per
    eu sou o os um uma moro meu minha em não jag och är som inte bor heter på det hej jeg og er ikke hedder
    olen ja minä asun mam jestem nazywam się w na nie ben adım""".split()
)


def is_english(text: str) -> bool:
    """Tell whether a text is English for certain.

    Args:
        text: any.

    >>> is_english("I like tea"), is_english("Ich mag Tee"), is_english("Oslo")
    (True, False, False)
    """
    words, english, foreign = _counted(text)
    return english > foreign and (5 * english >= len(words) or bool({"i", "i'm", "my", "i've"} & set(words)))


def is_foreign(text: str) -> bool:
    """Tell whether a text has more small words of other languages than English ones.

    Args:
        text: any.

    >>> is_foreign("Der Benutzer wohnt hier"), is_foreign("User lives here")
    (True, False)
    """
    _, english, foreign = _counted(text)
    return foreign > english


def _counted(text: str) -> tuple[list[str], int, int]:
    """The words of a text, and how many small words of English, and of others, are among them."""
    words = re.findall(r"[\w']+", text.casefold().replace("’", "'"))
    return words, sum(word in _ENGLISH for word in words), sum(word in _FOREIGN for word in words)


def is_mostly_foreign(sentence: str) -> bool:
    """Tell whether a sentence is of another language, or too much of it to be read as English.

    Args:
        sentence: any.

    >>> is_mostly_foreign("Ich mag Tee und habe einen Hund"), is_mostly_foreign("I like tea")
    (True, False)
    """
    _, english, foreign = _counted(sentence)
    return foreign > 1 and foreign >= english
