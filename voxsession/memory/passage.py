"""What can be found: a memory, or a message of the past."""

from __future__ import annotations

from datetime import datetime

from voxsession.core.struct import Struct

__all__ = ["Passage"]


class Passage(Struct, frozen=True, kw_only=True):
    """Something that can be found: a memory, or a message of the past.

    Attributes:
        id: Names it in the index.
        text: What it says; empty text is never found by words.
        source: "message" or "memory".
        at: When it was said or learned, aware.
        speaker: The person's name; None for a user or assistant without one.
        role: "user", "assistant", "tool" or "system"; None for memories.
        group: The conversation's id; "" for memories.
        position: Its place in the session's order.
        category: A memory's category, or None.
        weight: A memory's importance, 0..1.
    """

    id: str
    text: str
    source: str
    at: datetime
    speaker: str | None = None
    role: str | None = None
    group: str = ""
    position: int = 0
    category: str | None = None
    weight: float = 1.0
