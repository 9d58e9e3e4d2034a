"""What every change is, with the register of its kinds.

A change holds results, never requests: the remembered fact, the id, the time.
So replay calls no model, no clock and no dice. Kinds may only gain optional
fields; a stored batch that names an unknown kind was written by a newer version.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from voxsession.core.session_data import SessionData
from voxsession.core.struct import Struct
from voxsession.core.types import UtcTime

__all__ = ["KINDS", "Change", "change_kind", "day_of"]

KINDS: dict[str, type[Change]] = {}
_C = TypeVar("_C", bound="type[Change]")
_BOOKKEEPING = ("at", "local", "local_day", "counted_at")


def change_kind(cls: _C) -> _C:
    """Enters a kind of change, a class `frozen=True, kw_only=True`, under its `kind`."""
    KINDS[cls.kind] = cls
    return cls


class Change(Struct, frozen=True, kw_only=True, weakref=True):
    """One mutation that happened.

    `apply` writes it into the data. What counts (a message, a resumption, an
    interruption, a turn, a reinforcement, a metric, evidence) counts each time it is
    applied, so a stored batch is applied once, which its `seq` sees to; any other
    kind applied twice changes nothing more.

    `observe` is what a second writer must not have altered in the meantime: None
    means that the change commutes with all others. Where it did, `behind` may still
    take that in.

    Attributes:
        at: when it happened (aware, UTC).
        local: it is not stored (the memory mode keeps it with the process).
    """

    kind: ClassVar[str] = ""
    event: ClassVar[str | None] = None
    derived: ClassVar[bool] = False  # decided anew when it is put behind another writer's changes
    gives_way: ClassVar[bool] = False  # dropped, and told so, where what it was based on is other by now
    erases: ClassVar[bool] = False  # the old bytes must go, so the next save is a whole document
    quiet: ClassVar[bool] = False  # what others do with a share is no activity of the session

    at: UtcTime
    local: bool = False

    def apply(self, data: SessionData) -> None:
        """Writes the change into `data`."""
        raise NotImplementedError

    def observe(self, data: SessionData) -> Any:
        """What this change was based on; None where it commutes."""
        return None

    def behind(self, observed: Any, data: SessionData) -> Change | None:
        """This change as it takes in what others altered meanwhile of what it was based on; None where it cannot.

        Args:
            observed: what it was based on.
            data: what others made of that.
        """
        return None

    def event_fields(self) -> dict[str, Any]:
        """What the event of this change carries."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in _BOOKKEEPING}

    # Not by all fields: some hold dicts.
    def __hash__(self) -> int:
        return hash((type(self), self.at))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(at={self.at.isoformat()})"


def day_of(change: Any, moment: datetime | None = None) -> str:
    """The day that a change counts for: its `local_day`, else the date in UTC of `moment` or of the change."""
    day: str = change.local_day or (moment or change.at).date().isoformat()
    return day
