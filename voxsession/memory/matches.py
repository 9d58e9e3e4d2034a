"""What a search gives back."""

from __future__ import annotations

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject

__all__ = ["MemoryMatch"]


class MemoryMatch(Struct, frozen=True, kw_only=True):
    """One hit: a remembered entry or a past message, with the reasons it was found.

    Attributes:
        score: 0 to 1 within one search, the best first.
        reasons: short sentences such as ``words: quantum, physics``.
        entry: the memory entry, or None where a message was found.
        message: the past message, or None where an entry was found.
    """

    score: float
    reasons: tuple[str, ...] = ()
    entry: MemoryEntry | None = None
    message: Message | None = None

    @property
    def content(self) -> str:
        """The text of the entry or message."""
        return self.entry.content if self.entry is not None else (self.message and self.message.content) or ""

    @property
    def text(self) -> str:
        """The same as `content`."""
        return self.content

    @property
    def metadata(self) -> JsonObject:
        """The metadata of the entry or message; empty where none was given."""
        found = self.entry.metadata if self.entry is not None else self.message and self.message.metadata
        return found or {}

    def __repr__(self) -> str:
        found = self.entry if self.entry is not None else self.message
        return f"MemoryMatch(score={self.score:.3f}, {found!r})"
