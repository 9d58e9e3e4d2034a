"""Making a whole storage of any object that has `save` and `load`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from voxsession.core.envelope import Record, record_key, split_key
from voxsession.errors import (
    ConflictError,
    IntegrityError,
    StorageError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.storage.base import SessionStorage

__all__ = ["LiftedStorage", "lift"]


def lift(storage: Any) -> SessionStorage:
    """The storage as the house uses it: one that announces abilities as it is, any other one wrapped."""
    if isinstance(storage, SessionStorage) and (
        storage.can_append or storage.can_list or storage.can_compare or isinstance(storage, LiftedStorage)
    ):
        return storage
    return LiftedStorage(storage)


class LiftedStorage(SessionStorage):
    """Two methods, sync or async, made into a storage of whole documents.

    Within this process a write is compared with the version last seen; between processes the
    last one wins, because two methods cannot promise more.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._versions: dict[str, tuple[int, str | None]] = {}
        self.is_local = bool(getattr(inner, "is_local", True))
        self.default_ttl = getattr(inner, "default_ttl", None)

    async def save(self, session_data: Record) -> None:
        """Puts a whole record under its storage key."""
        key = record_key(session_data)
        seq, base, batch_id = session_data["seq"], session_data["base_seq"], session_data["batch_id"]
        known = self._versions.get(key)
        if known is not None and known[0] != base and known[1] != batch_id:
            raise ConflictError(str(session_data["session_id"]), expected_seq=base, found_seq=known[0])
        await self._call(self._inner.save, "save", {**session_data, "session_id": key})
        self._versions[key] = (seq, batch_id)

    async def load(self, session_id: str) -> Record | None:
        """The record under this key; a tombstone counts as nothing."""
        found = await self._call(self._inner.load, "load", session_id)
        if found is None:
            return None
        if not isinstance(found, dict) or not isinstance(found.get("seq"), int):
            raise IntegrityError(session_id, f"the storage gave {type(found).__name__}, which is no record")
        self._versions[session_id] = (found["seq"], found.get("batch_id"))
        if found.get("status") == "deleted":
            return None
        return {**found, "session_id": split_key(str(found.get("session_id")))[2]}

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Leaves a tombstone in place of the record; an adapter with a `delete` of its own uses that."""
        record = await self.load(session_id)
        if record is None:
            return False
        if expected_seq is not None and record["seq"] != expected_seq:
            raise ConflictError(str(record["session_id"]), expected_seq=expected_seq, found_seq=record["seq"])
        kept = {
            k: v for k, v in record.items() if k in ("format", "kind", "tenant", "created_at", "updated_at")
        }
        tombstone = {
            **kept,
            "session_id": session_id,
            "seq": record["seq"] + 1,
            "status": "deleted",
            "owner": "",
        }
        await self._call(self._inner.save, "save", tombstone)
        self._versions.pop(session_id, None)
        return True

    async def _call(self, method: Callable[..., Any], operation: str, *arguments: Any) -> Any:
        try:
            if inspect.iscoroutinefunction(method):
                return await method(*arguments)
            result = await asyncio.to_thread(method, *arguments)
            return await result if inspect.isawaitable(result) else result
        except VoxSessionError:
            raise
        except OSError as error:
            raise StorageUnavailableError(
                f"The custom storage failed in {operation}() with {type(error).__name__}; "
                "nothing is lost here, save again when it is back.",
                storage=self.storage_type,
                operation=operation,
            ) from error
        except Exception as error:
            raise StorageError(
                f"The custom storage failed in {operation}() with {type(error).__name__}.",
                storage=self.storage_type,
                operation=operation,
            ) from error
