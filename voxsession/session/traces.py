"""What gives sensitive entries away elsewhere: their words, their numbers, the attributes they fill."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.mentions import folded

__all__ = ["Traces"]

SHORTEST = 3  # characters: what is shorter stands in too many texts to say anything
_NUMBER = re.compile(r"[0-9][0-9a-z./-]{2,}[0-9a-z]")  # a code, a date, an account: it tells by itself


class Traces:
    """Finds what repeats sensitive entries word for word, or takes the place of one.

    Args:
        entries: the sensitive ones.
        slots: attributes that others were sensitive in.
    """

    def __init__(self, entries: Iterable[MemoryEntry], slots: Iterable[str] = ()) -> None:
        self._slots = set(slots)
        words: set[str] = set()
        for entry in entries:
            if entry.slot is not None:
                self._slots.add(entry.slot)
            texts = [folded(text) for text in (entry.content, entry.value) if text]
            words.update(text.rstrip(".!? ") for text in texts)
            words.update(number for text in texts for number in _NUMBER.findall(text))
        self._words = [text for text in words if len(text) >= SHORTEST]

    def in_texts(self, texts: Iterable[str | None]) -> bool:
        """Whether one of the texts repeats a sensitive entry, its bare value or a number in it."""
        if not self._words:
            return False
        plain = [folded(text) for text in texts if text]
        return any(word in text for text in plain for word in self._words)

    def in_entry(self, entry: MemoryEntry) -> bool:
        """Whether an entry repeats a sensitive one, or is about the same attribute, as a correction is."""
        is_same = entry.slot is not None and entry.slot in self._slots
        return is_same or self.in_texts((entry.content, entry.value))
