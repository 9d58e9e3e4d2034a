"""Short keyed hashes by which the words of secrets that are gone are known again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from voxsession.memory.mentions import folded

__all__ = ["Fingerprints", "marks_of"]

_MARK_BYTES = 6
_SHORTEST = 3  # characters, as for what is compared in full
# Scripts that put no spaces between words: each sign is a word there.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
    "|[^\\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)


def marks_of(texts: Iterable[str], key: str) -> list[str]:
    """The marks of texts, each as a whole: how many words it has, a byte of the first one, a hash of all.

    Args:
        texts: what is to be known again.
        key: the id of the session, so that equal texts have other marks elsewhere.

    Example:
        >>> marks = marks_of(["PIN 4711-88"], "s")
        >>> Fingerprints({"s": marks}).are_in("my pin: 4711 88!"), Fingerprints({"s": marks}).are_in("pin 4711")
        (True, False)
    """
    found = []
    for text in texts:
        words = _WORD.findall(folded(text))
        if sum(map(len, words)) >= _SHORTEST:
            found.append(f"{len(words)}.{_hash(words[:1], key)[:2]}.{_hash(words, key)}")
    return list(dict.fromkeys(found))


class Fingerprints:
    """Finds the texts that marks were made of, wherever they stand as whole words.

    Args:
        marks: by the key that they were made with.
    """

    def __init__(self, marks: Mapping[str, Iterable[str]]) -> None:
        self._wanted: dict[str, dict[str, dict[int, set[str]]]] = {}  # key, front, length -> hashes
        for key, those in marks.items():
            for mark in those:
                count, _, rest = mark.partition(".")
                front, _, whole = rest.partition(".")
                if count.isdecimal() and whole:
                    lengths = self._wanted.setdefault(key, {}).setdefault(front, {})
                    lengths.setdefault(int(count), set()).add(whole)
        self._fronts: dict[tuple[str, str], str] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def are_in(self, text: str) -> bool:
        """Whether one of them stands in the text."""
        words = _WORD.findall(folded(text))
        return any(self._is_in(words, key, fronts) for key, fronts in self._wanted.items())

    def _is_in(self, words: list[str], key: str, fronts: Mapping[str, Mapping[int, set[str]]]) -> bool:
        for place, word in enumerate(words):
            # One word is hashed for most places: few begin as a secret does.
            front = self._fronts.get((key, word)) or self._fronts.setdefault(
                (key, word), _hash([word], key)[:2]
            )
            for length, wanted in fronts.get(front, {}).items():
                if place + length <= len(words) and _hash(words[place : place + length], key) in wanted:
                    return True
        return False


def _hash(words: list[str], key: str) -> str:
    text = " ".join(words).encode()
    return blake2b(text, digest_size=_MARK_BYTES, key=key.encode()[:64], person=b"secret").hexdigest()
