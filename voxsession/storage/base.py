"""The contract of a storage: two methods are required, the rest is announced by flags.

A storage moves records (see `voxsession.core.envelope`) and opens none. Its keys
are what `storage_key` gives: the plain session id for sessions of the default
tenant, else ``.kind.tenant.id``. Every call is awaited, none is made twice at
once for one session by one `Voxon`, and none may alter the dict it was given.
Driver errors are translated here, at the adapter's own border:
`StorageUnavailableError` where a retry may help, `StorageFullError` where there
is no room, `StorageError` else.

The smallest adapter::

    class CustomSessionStorage(SessionStorage):
        async def save(self, session_data): await db.put(session_data["session_id"], session_data)
        async def load(self, session_id): return await db.get(session_id)
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from voxsession.core.envelope import Record, storage_key
from voxsession.errors import ConfigurationError, VoxSessionError

__all__ = ["NOTHING_AT_HAND", "RecordsAtHand", "SessionStorage"]

#: Records that were loaded a moment ago, by their key; None for one that is not there.
RecordsAtHand: TypeAlias = Mapping[str, Record | None]
NOTHING_AT_HAND: RecordsAtHand = MappingProxyType({})

#: A key under which nothing is ever stored: whoever answers that there is nothing is there.
_PROBE = storage_key("marker", "", ".health-check")  # the id of no device
_HEALTH_SECONDS = 5.0
_PAGES_AT_ONCE = 16  # no more than the pool of a driver may have connections


class SessionStorage(ABC):
    """Where sessions are kept.

    Attributes:
        storage_type: the name that statistics and errors use.
        can_append: `append` and `load_since` work; else every save is a whole document.
        can_page: `save_page`, `load_page`, `list_pages` and `delete_pages` work; else pages lie inside the document.
        can_list: `list_sessions`, `expired_sessions` and `delete` work.
        can_compare: a write is refused unless its `base_seq` is the stored version, also between processes.
        is_local: only this machine reaches it, so a key ring file may be made for it.
        default_ttl: seconds after the last write until a session expires; None = never.
    """

    storage_type: ClassVar[str] = "custom"
    can_append: bool = False
    can_page: bool = False
    can_list: bool = False
    can_compare: bool = False
    is_local: bool = True
    default_ttl: float | None = None

    # --- required

    @abstractmethod
    async def save(self, session_data: Record) -> None:
        """Puts a whole record in place of what was stored under its key, all of it or nothing.

        True afterwards: `load` gives an equal record without a tail; the old tail is gone. The
        record's `base_seq` is the version it was made from, 0 where there must be none yet.

        Raises:
            ConflictError: (`can_compare`) another version than `base_seq` is stored, or none where one
                must be; nothing was written. A record whose `batch_id` is the stored one is a repeated
                write and succeeds.
            StorageFullError: there is no room; what was stored before is still there.
        """

    @abstractmethod
    async def load(self, session_id: str) -> Record | None:
        """The record stored under this key, or None where there is none.

        A storage that appends adds `tail`, the batches since the document in order (an empty list
        where there are none), and `torn_bytes` where the last frame is incomplete.

        Raises:
            IntegrityError: something is stored that is no record.
        """

    # --- appending (can_append)

    async def append(self, session_id: str, batch: Record) -> None:
        """Adds a batch behind the document.

        True afterwards: `load` gives it as the last of `tail`. The batch's header is the record's from now on.

        Raises:
            ConflictError: the stored version is not the batch's `base_seq`, or there is no document
                (nothing is ever brought back to life by an append). A repeated `batch_id` succeeds.
        """
        raise self._lacking("append")

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        """The batches after version `seq` in order; None where only a whole `load` can tell."""
        return None

    # --- pages (can_page)

    async def save_page(self, session_id: str, page: Record) -> None:
        """Stores a page (its name is `page["page_id"]`) before the document that names it is saved."""
        raise self._lacking("save_page")

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        """A page, or None where there is none of this name."""
        raise self._lacking("load_page")

    async def load_pages(self, session_id: str, page_ids: Sequence[str]) -> list[Record | None]:
        """Several pages, in the order they are asked for; None for each that is not there."""
        found: list[Record | None] = []
        for start in range(0, len(page_ids), _PAGES_AT_ONCE):
            run = page_ids[start : start + _PAGES_AT_ONCE]
            found += await asyncio.gather(*(self.load_page(session_id, page_id) for page_id in run))
        return found

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        """The names of all stored pages of a session, with the time each was written."""
        raise self._lacking("list_pages")

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        raise self._lacking("delete_pages")

    # --- listing (can_list)

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Removes a record with its tail, pages, markers and set-aside bytes; False where there was none.

        Raises:
            ConflictError: `expected_seq` is given and is not the stored version; nothing was removed.
        """
        raise self._lacking("delete")

    async def count_set_aside(self, session_id: str) -> int:
        """How many pieces of damaged bytes are kept aside for a record; `delete` removes them with it."""
        return 0

    async def erase_set_aside(self, session_id: str) -> int:
        """Removes the damaged bytes that are kept aside for a record, and what a broken write left; how many pieces."""
        return 0

    async def list_sessions(
        self,
        *,
        owner: str | None = None,
        active_only: bool = False,
        after: Record | None = None,
        limit: int = 100,
        kind: str = "session",
        tenant: str = "",
    ) -> list[Record]:
        """Effective headers, the latest `updated_at` first, ties by id, at most `limit`.

        `after` is the last header of the page before; pages have no gaps and no doubles as long as
        nothing changes. `owner=""` asks for those of nobody; `active_only` leaves out what is ended. A
        record that cannot be read is left out here (it is reported when it is opened).
        """
        raise self._lacking("list_sessions")

    async def expired_sessions(self, now: datetime, *, tenant: str = "", limit: int = 100) -> list[Record]:
        """Headers whose `expires_at` has passed: candidates only, whoever deletes verifies first."""
        raise self._lacking("expired_sessions")

    async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
        """Names of what lies where records of this kind do, but cannot be listed; none where listings miss nothing."""
        return []

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes what has expired by its clear header; the facade's method of this name verifies first."""
        raise self._lacking("cleanup_expired_sessions")

    # --- life and health

    async def open(self) -> None:
        """Gets ready; called once before the first use, harmless when called again."""

    async def open_and_load(self, session_ids: Sequence[str]) -> RecordsAtHand:
        """Gets ready like `open`, and gives those of these records that come along for nothing, as `load` does.

        Whatever is left out is loaded by itself: by default all, and in any case what cannot be read.
        """
        await self.open()
        return NOTHING_AT_HAND

    async def close(self) -> None:
        """Lets go of what `open` took; a later call opens it again."""

    async def get_stats(self) -> dict[str, Any]:
        """Figures about the storage; at least `storage_type`."""
        return {"storage_type": self.storage_type}

    async def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy"}`, or `{"status": "unhealthy", "error": ...}`; it never raises.

        By itself it loads what cannot be there, and is unhealthy where that raises or takes longer than 5 s.
        """
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                found: Any = self.load(_PROBE)
                if inspect.isawaitable(found):
                    await found
        except TimeoutError:
            return {"status": "unhealthy", "error": f"load() did not answer within {_HEALTH_SECONDS:g} s"}
        except VoxSessionError as error:
            return {"status": "unhealthy", "error": str(error)}
        except Exception as error:  # its text may hold anything, so only its class is told
            return {"status": "unhealthy", "error": f"load() raised {type(error).__name__}"}
        return {"status": "healthy", "storage": "operational"}

    def _lacking(self, operation: str) -> ConfigurationError:
        return ConfigurationError(
            f"{type(self).__name__} has no {operation}(): it was built with save() and load() only. "
            "Write that method and set its can_... flag, or use a storage that has it.",
            option="session_storage",
        )
