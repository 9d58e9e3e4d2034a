"""What was seen in texts when they were read for a question."""

from __future__ import annotations

from voxsession.core.struct import Struct
from voxsession.memory.passage import Passage

__all__ = ["Kind", "Traits"]


class Kind(Struct, frozen=True, kw_only=True):
    """What texts have in common that get the same boost at the same time; None where nobody has looked yet.

    Attributes:
        speaker: The person's name.
        role: "user", "assistant" or None for memories.
        is_memory: Whether it is a memory.
        is_read: Whether anything is known at all.
        tells: Whether somebody tells of themselves.
        says_when: Whether it says when something was.
    """

    speaker: str | None = None
    role: str | None = None
    is_memory: bool = False
    is_read: bool = False
    tells: bool | None = None
    says_when: bool | None = None


_UNREAD = Kind()


class Traits:
    """Each text's kind, by slot, as far as it was read; not safe for threads by itself.

    Attributes:
        kinds: All kinds so far, by number.
        of_slot: The number of each text's kind, by slot.
        names: Those words of speakers' names that a text holds, by slot, where somebody has looked.

    Example:
        >>> from datetime import UTC, datetime
        >>> traits = Traits()
        >>> traits.extend(2)
        >>> puppy = Passage(id="1", text="A puppy!", source="message", at=datetime(2024, 5, 1, tzinfo=UTC), role="user")
        >>> traits.kind(1, puppy).tells is None, traits.note(1, puppy, tells=False).tells
        (True, False)
    """

    __slots__ = ("_numbers", "kinds", "names", "of_slot")

    def __init__(self) -> None:
        self.kinds: list[Kind] = [_UNREAD]
        self.of_slot: list[int] = [0]
        self.names: dict[int, frozenset[str]] = {}
        self._numbers: dict[Kind, int] = {_UNREAD: 0}

    def extend(self, rows: int) -> None:
        """Makes room for so many rows more, of which nothing is known."""
        self.of_slot.extend([0] * rows)

    def forget(self, slot: int) -> None:
        """Drops what is known of a text."""
        self.of_slot[slot] = 0
        self.names.pop(slot, None)

    def kind(self, slot: int, passage: Passage) -> Kind:
        """What is known of a text."""
        known = self.kinds[self.of_slot[slot]]
        return known if known.is_read else self.note(slot, passage)

    def note(
        self,
        slot: int,
        passage: Passage,
        *,
        tells: bool | None = None,
        says_when: bool | None = None,
    ) -> Kind:
        """Notes what was seen in a text; what is not given stays.

        Returns:
            Its kind from now on.
        """
        known = self.kinds[self.of_slot[slot]]
        kind = Kind(
            speaker=passage.speaker,
            role=passage.role,
            is_memory=passage.source == "memory",
            is_read=True,
            tells=known.tells if tells is None else tells,
            says_when=known.says_when if says_when is None else says_when,
        )
        number = self._numbers.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        self.of_slot[slot] = number
        return kind
