"""A storage whose every call ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from datetime import datetime
from typing import Any, TypeVar

from voxsession.core.envelope import Record
from voxsession.errors import StorageUnavailableError
from voxsession.storage.base import SessionStorage

__all__ = ["TimedStorage"]

_T = TypeVar("_T")


class TimedStorage(SessionStorage):
    """Passes on what a transfer asks of a storage, and waits no longer for it than the transfer may.

    Each call raises `StorageUnavailableError` where the storage does not answer in time, or says so itself.

    Args:
        inner: the storage.
        timeout_seconds: how long a call may take.
        option: the setting that this time came from; the error names it.
        side: which storage of a transfer it is, for the errors; empty where there is only one.
    """

    def __init__(self, inner: SessionStorage, timeout_seconds: float, option: str, side: str = "") -> None:
        self._inner = inner
        self._seconds = timeout_seconds
        self._option = option
        self._side = side
        self.storage_type = inner.storage_type  # type: ignore[misc]
        self.can_append = inner.can_append
        self.can_page = inner.can_page
        self.can_list = inner.can_list
        self.can_compare = inner.can_compare

    async def open(self) -> None:
        await self._call("open", self._inner.open())

    async def close(self) -> None:
        await self._call("close", self._inner.close())

    async def save(self, session_data: Record) -> None:
        await self._call("save", self._inner.save(session_data))

    async def load(self, session_id: str) -> Record | None:
        return await self._call("load", self._inner.load(session_id))

    async def append(self, session_id: str, batch: Record) -> None:
        await self._call("append", self._inner.append(session_id, batch))

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        return await self._call("load_since", self._inner.load_since(session_id, seq))

    async def save_page(self, session_id: str, page: Record) -> None:
        await self._call("save_page", self._inner.save_page(session_id, page))

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        return await self._call("load_page", self._inner.load_page(session_id, page_id))

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        return await self._call("list_pages", self._inner.list_pages(session_id))

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        return await self._call("delete_pages", self._inner.delete_pages(session_id, page_ids))

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        return await self._call("delete", self._inner.delete(session_id, expected_seq))

    async def list_sessions(self, **options: Any) -> list[Record]:
        return await self._call("list_sessions", self._inner.list_sessions(**options))

    async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
        answer = self._inner.unreadable_records(kind=kind, tenant=tenant)
        return await self._call("unreadable_records", answer)

    async def _call(self, name: str, operation: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self._seconds):
                return await operation
        except TimeoutError:
            place = f"{self.storage_type} storage"
            place = f"The {self._side} ({place})" if self._side else place
            raise StorageUnavailableError(
                f"{place} did not answer {name}() within {self._seconds:g} s. "
                f"Run it again when it is back; raise {self._option} where it is only slow.",
                storage=self.storage_type,
                operation=name,
            ) from None
        except StorageUnavailableError as error:
            if not self._side:
                raise
            raise StorageUnavailableError(
                f"The {self._side}: {error}", storage=error.storage, operation=error.operation
            ) from error
