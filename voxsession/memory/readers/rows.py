"""Turning the rows of an import, whatever its form, into entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voxsession.clock import Clock
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.mem0 import mem0_row
from voxsession.memory.readers.own import Checksum, check_head, checked_row, entry_of
from voxsession.memory.readers.plain import plain_row

__all__ = ["RowReader"]

_READERS: dict[str, Callable[[Any], JsonObject]] = {
    "voxsession": checked_row,
    "mem0": mem0_row,
    "jsonl": plain_row,
}


class RowReader:
    """Reads the rows of one import.

    Args:
        form: `voxsession`, `mem0` or `jsonl`.
        head: what stands beside the rows.
        user_id: whose rows are wanted, where they name their users.

    Raises:
        UnsupportedFormatError: a newer version made the export.
    """

    def __init__(self, form: str, head: Mapping[str, Any], user_id: str | None, clock: Clock) -> None:
        self._form = form
        self._read = _READERS[form]
        self._user_id = user_id
        self._found: str | None = None
        self._clock = clock
        self._now = clock.now()
        self._checksum = Checksum()
        if form == "voxsession":
            check_head(head)

    def entry(self, row: Any, where: str) -> tuple[MemoryEntry | None, bool]:
        """The entry of a row, not counted yet, and whether its id is its own; None for another user's.

        Raises:
            ConfigurationError: the row is wrong, or belongs to another user than the row before, and none
                was named; `where` names it.
        """
        try:
            own = self._read(row)
            if self._form == "voxsession":
                self._checksum.add(own)
            elif not self._is_wanted(row):
                return None, False
            return entry_of(own, self._clock.new_id("mem"), self._now), own.get("id") is not None
        except ConfigurationError as error:
            hidden = error.without_value()
            raise ConfigurationError(f"{where}: {hidden}", option=where, value=hidden.value) from None

    def finish(self, head: Mapping[str, Any], name: str) -> None:
        """Compares what was read with what the head promised.

        Raises:
            IntegrityError: entries of an own export are missing, or were altered.
        """
        if self._form == "voxsession":
            check_head(head)
            self._checksum.check(head, name)

    def _is_wanted(self, row: Any) -> bool:
        """One person's memories must not end up in another's session."""
        user_id = row.get("user_id") if isinstance(row, dict) else None
        if user_id is None:
            return self._user_id is None
        if self._user_id is not None:
            return bool(user_id == self._user_id)
        if self._found is None:
            self._found = user_id
        if user_id != self._found:
            raise ConfigurationError(
                "the import holds memories of several users. Name the one who is meant with user_id=...",
                option="user_id",
            )
        return True
