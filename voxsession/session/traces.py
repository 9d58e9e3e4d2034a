"""What gives sensitive entries away elsewhere: their words, their numbers, the attributes they fill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.mentions import folded
from voxsession.session.fingerprints import Fingerprints, marks_of

__all__ = ["Traces", "marks_of_secret"]

SHORTEST = 3  # characters: what is shorter stands in too many texts to say anything
_FEW_DIGITS = 3  # so short a number counts only where it stands by itself
_NUMBER = re.compile(r"[0-9][0-9a-z./-]{2,}[0-9a-z]")  # a code, a date, an account: it tells by itself
_DIGITS = re.compile(r"[0-9]{3,}")
_GAP = re.compile(r"(?<=[0-9])[ ./(),\u2013-]{1,3}(?=[0-9])")  # how the parts of a number are set apart
_HYPHENS = str.maketrans("-\u2012\u2013\u2014", "    ")


class Traces:
    """Finds what repeats sensitive entries word for word, or takes the place of one.

    Case, accents and hyphens make no difference, nor how the digits of a number are set apart.

    Args:
        entries: the sensitive ones.
        slots: attributes that others were sensitive in.
        marks: of others that are out of sight, by the key they were made with.
    """

    def __init__(
        self,
        entries: Iterable[MemoryEntry],
        slots: Iterable[str] = (),
        marks: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._slots = set(slots)
        words: set[str] = set()
        numbers: set[str] = set()
        for entry in entries:
            if entry.slot is not None:
                self._slots.add(entry.slot)
            texts, found = _telling(entry)
            words.update(map(_plain, texts))
            numbers |= found
        self._words = [text for text in words if len(text) >= SHORTEST]
        self._numbers = [number for number in numbers if len(number) > _FEW_DIGITS]
        self._short = {number for number in numbers if len(number) == _FEW_DIGITS}
        self._gone = Fingerprints(marks or {})

    def in_texts(self, texts: Iterable[str | None]) -> bool:
        """Whether one of the texts repeats a sensitive entry, its bare value or a number in it."""
        if not (self._words or self._numbers or self._short or self._gone):
            return False
        return any(self._is_in(text) for text in texts if text)

    def in_entry(self, entry: MemoryEntry) -> bool:
        """Whether an entry repeats a sensitive one, or is about the same attribute, as a correction is."""
        is_same = entry.slot is not None and entry.slot in self._slots
        return is_same or self.in_texts((entry.content, entry.value))

    def _is_in(self, text: str) -> bool:
        plain = _plain(folded(text))
        if any(word in plain for word in self._words):
            return True
        if self._numbers or self._short:
            digits = _joined(folded(text))
            if any(number in digits for number in self._numbers):
                return True
            if not self._short.isdisjoint([*_DIGITS.findall(digits), *_DIGITS.findall(plain)]):
                return True
        return bool(self._gone) and self._gone.are_in(text)


def marks_of_secret(entry: MemoryEntry, key: str) -> list[str]:
    """The marks by which `Traces` knows a sensitive entry when it is out of sight.

    Args:
        entry: the sensitive one.
        key: the id of its session.
    """
    texts, numbers = _telling(entry)
    return marks_of([*texts, *sorted(numbers)], key)


def _telling(entry: MemoryEntry) -> tuple[list[str], set[str]]:
    """What tells of an entry, folded: its texts with the codes in them, and its numbers without gaps."""
    texts = [folded(text).rstrip(".!? ") for text in (entry.content, entry.value) if text]
    codes = [number for text in texts for number in _NUMBER.findall(text)]
    return list(dict.fromkeys([*texts, *codes])), {
        number for text in texts for number in _DIGITS.findall(_joined(text))
    }


def _plain(text: str) -> str:
    return " ".join(text.translate(_HYPHENS).split())


def _joined(text: str) -> str:
    return _GAP.sub("", text)
