"""The user's own words in a message: without what somebody else said, or was remembered, and the user only repeats."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from voxsession.memory import context

__all__ = ["OwnWords", "bare_words"]

_HEADINGS = frozenset(
    heading.strip()
    for heading in (
        context.KNOWN_HEADING,
        context.SAID_HEADING,
        context.STATE_HEADING,
        context.WISHES_HEADING,
        context.SUMMARY_HEADING,
        context.BRANCH_HEADING,
    )
)
_SHORTEST_WORDS = 4  # what is shorter may well be said by two people of themselves
_LONGEST_CHARS = 20_000
_PART = re.compile(r"[^\n]+?[.!?]+(?:\s+|$)|[^\n]+")
_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_STAMP = re.compile(r"\s\((?:\d{1,2} [A-Z][a-z]+ \d{4}|\d{4}-\d\d-\d\d)\)\s*$")
_SAID = re.compile(r"\[\d{1,2} [A-Z][a-z]+ \d{4}\]\s")
_WORD = re.compile(r"[\w']+")


class OwnWords:
    """Tells the user's words from those that were only repeated or pasted.

    Taken out are: what stands as a list below one of the context's headings; lines in the form of the context's own
    ("- … (3 May 2026)", "- [3 May 2026] user: …"); list items that say just what is remembered; and sentences of four
    words or more that stand word for word in what others said. What is left is as the user wrote it.

    Args:
        others: texts of the assistant, of tools, of the system.
        is_remembered: whether something is remembered in just these words.

    Example:
        >>> own = OwnWords(["You could write: I live in Oslo and work as a nurse."], lambda text: False)
        >>> own.of("I live in Oslo and work as a nurse. I have a cat.")
        'I have a cat.'
    """

    def __init__(self, others: Iterable[str], is_remembered: Callable[[str], bool]) -> None:
        self._texts = [text[:_LONGEST_CHARS] for text in others if text]
        self._others: str | None = None
        self._is_remembered = is_remembered

    def of(self, text: str) -> str:
        """What of a text is the user's own.

        Args:
            text: a message of the user.

        Returns:
            The text without the parts that are repeated; the same text where none is.
        """
        kept, in_block = list[str](), False
        lines = text[:_LONGEST_CHARS].split("\n")
        for line in lines:
            is_heading = line.strip() in _HEADINGS
            in_block = is_heading or (in_block and bool(_BULLET.match(line)))
            kept.append("" if in_block or is_heading else self._left_of(line))
        return text if kept == lines else "\n".join(kept).strip()

    def _left_of(self, line: str) -> str:
        if self._is_context_line(line):
            return ""
        if not self._texts or len(line.split(None, _SHORTEST_WORDS)) < _SHORTEST_WORDS:
            return line
        parts = _PART.findall(line)
        left = [part for part in parts if not self._is_repeated(part)]
        return line if len(left) == len(parts) else "".join(left).strip()

    def _is_context_line(self, line: str) -> bool:
        bullet = _BULLET.match(line)
        if bullet is None:
            return False
        item = line[bullet.end() :].strip()
        return bool(_STAMP.search(item) or _SAID.match(item)) or self._is_remembered(item.rstrip(".!"))

    def _is_repeated(self, part: str) -> bool:
        words = bare_words(part)
        if words.count(" ") + 1 < _SHORTEST_WORDS:
            return False
        if self._others is None:
            self._others = f" {' | '.join(map(bare_words, self._texts))} "
        return f" {words} " in self._others


def bare_words(text: str) -> str:
    """Only the words, in small letters, so that neither marks nor spaces tell two texts apart.

    Args:
        text: any.

    Example:
        >>> bare_words("I live —  in Oslo!")
        'i live in oslo'
    """
    return " ".join(_WORD.findall(text.casefold().replace("’", "'")))
