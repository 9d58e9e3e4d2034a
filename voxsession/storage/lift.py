"""From whatever has `save` and `load` to a storage: two methods, sync or async, are an adapter."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from voxsession.core.envelope import (
    HEADER_FIELDS,
    Record,
    decode_line,
    encode_line,
    record_key,
    split_key,
)
from voxsession.errors import (
    ConfigurationError,
    IntegrityError,
    StorageError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.storage.base import SessionStorage
from voxsession.storage.frames import Newest, check_base, check_owned, conflict, document_line

__all__ = ["LiftedStorage", "lift"]

T = TypeVar("T")

KNOWN_RECORDS = 10_000
_FLAGS = ("can_append", "can_page", "can_list", "can_compare")
# By the id of the adapter, which lives at least as long as what was lifted from it. So an adapter needs neither be
# hashable nor weakly referenceable, and is let go of with its last user.
_lifted: WeakValueDictionary[int, LiftedStorage] = WeakValueDictionary()
_guard = threading.Lock()


def lift(storage: object) -> SessionStorage:
    """The storage itself if it says that it can do more than save and load, else the storage around it.

    All users of one adapter in this process share the storage around it, and with it the versions that it knows: who
    lifts the same object again, while the first is in use, gets the same storage.

    Args:
        storage: a `SessionStorage`, or any object with `save(session_data)` and `load(session_id)`, each a
            plain function (run in a thread) or a coroutine function.

    Raises:
        ConfigurationError: it lacks one of the two.
    """
    if isinstance(storage, SessionStorage) and (
        isinstance(storage, LiftedStorage) or any(getattr(storage, flag) for flag in _FLAGS)
    ):
        return storage
    with _guard:
        known = _lifted.get(id(storage))
        if known is None:
            known = _lifted[id(storage)] = LiftedStorage(storage)
    return known


class _Turn:
    """Who writes a record now; those who wait are counted, so that the last one clears up."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class LiftedStorage(SessionStorage):
    """Whole documents over two methods.

    The dict that goes to `save` has the storage key as its `session_id`; for sessions of the default
    tenant that is the id. It is a copy, made of what JSON has. What was deleted is stored as a
    tombstone (`"deleted": true`), which loads as None; a ready one may be saved as any record.

    Within this process a write from an older version is a `ConflictError`: the last known version of
    each record is remembered, and looked up by `load` where it is not known. Other processes are not
    seen, so `can_compare` stays false. Loops that run at once do not wait for each other.

    Args:
        inner: the object with the two methods. `open`, `close`, `get_stats` and `health_check` are passed on
            where it has them.
    """

    def __init__(self, inner: object) -> None:
        for name in ("save", "load"):
            if not callable(getattr(inner, name, None)):
                raise ConfigurationError(
                    f"session_storage: a {type(inner).__name__} has no {name}(). An adapter needs "
                    "save(session_data) and load(session_id); or name one of ours, such as 'file'.",
                    option="session_storage",
                )
        self.inner: Any = inner
        self.storage_type = str(getattr(inner, "storage_type", "custom"))  # type: ignore[misc]
        self.is_local = bool(getattr(inner, "is_local", True))
        self.default_ttl = getattr(inner, "default_ttl", None)
        self._known: dict[str, Newest | None] = {}
        self._turns: dict[tuple[int, str], _Turn] = {}

    def __repr__(self) -> str:
        return f"LiftedStorage({self.inner!r})"

    # --- the two methods

    async def save(self, session_data: Record) -> None:
        """Gives a copy of the record to the adapter, unless it was made from another version than is stored.

        Raises:
            ConflictError: this process knows of another version.
            StorageError: the adapter raised; its error is the cause.
        """
        key = record_key(session_data)
        record = decode_line(document_line(session_data), key)
        await _to_its_end(self._save(key, record))

    async def _save(self, key: str, record: Record) -> None:
        async with self._turn(key):
            newest = await self._newest(key)
            if newest is None or not newest.is_repeat_of(record):
                check_base(key, record, newest)
                await self._put(key, record)

    async def load(self, session_id: str) -> Record | None:
        """What the adapter has under this key, with its own id again; None for nothing or a tombstone.

        Raises:
            IntegrityError: the adapter gave something that is no record, or another one's.
            StorageError: the adapter raised; its error is the cause.
        """
        split_key(session_id)
        async with self._turn(session_id):
            return await self._get(session_id)

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Puts a tombstone in the record's place; False where there is none."""
        split_key(session_id)
        return await _to_its_end(self._delete(session_id, expected_seq))

    async def _delete(self, key: str, expected_seq: int | None) -> bool:
        async with self._turn(key):
            record = await self._get(key)
            found_seq = record["seq"] if record else None
            if expected_seq is not None and found_seq != expected_seq:
                raise conflict(key, expected_seq, found_seq)
            if record is not None:
                await self._put(key, _tombstone(record))
            return record is not None

    # --- versions

    async def _newest(self, key: str) -> Newest | None:
        with contextlib.suppress(KeyError):
            return self._known[key]
        return self._know(key, await self._raw(key))

    async def _put(self, key: str, record: Record) -> None:
        self._known.pop(key, None)  # until it is known to have arrived
        await self._call("save", self.inner.save, {**record, "session_id": key})
        self._know(key, record)

    async def _raw(self, key: str) -> Record | None:
        found = await self._call("load", self.inner.load, key)
        return None if found is None else _checked(found, key)

    async def _get(self, key: str) -> Record | None:
        record = await self._raw(key)
        self._know(key, record)
        return None if record is None or _is_tombstone(record) else record

    def _know(self, key: str, record: Record | None) -> Newest | None:
        newest = None
        if record is not None and not _is_tombstone(record):
            newest = Newest({name: record[name] for name in ("seq", "batch_id") if name in record})
        self._known.pop(key, None)
        self._known[key] = newest
        if len(self._known) > KNOWN_RECORDS:
            self._known.pop(next(iter(self._known)), None)
        return newest

    @contextlib.asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        # A lock belongs to the loop that waits for it.
        mine = id(asyncio.get_running_loop()), key
        turn = self._turns.setdefault(mine, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[mine]

    def _lacking(self, operation: str) -> ConfigurationError:
        # The class that its author can mend is theirs, which need not be a storage of ours.
        return SessionStorage._lacking(self.inner, operation)

    # --- life and health

    async def open(self) -> None:
        """Opens the adapter, if it can be opened."""
        await self._optional("open")

    async def close(self) -> None:
        """Closes the adapter, if it can be closed."""
        await self._optional("close")

    async def get_stats(self) -> dict[str, Any]:
        """What the adapter tells of itself; at least `storage_type`."""
        return {"storage_type": self.storage_type, **(await self._optional("get_stats") or {})}

    async def health_check(self) -> dict[str, Any]:
        """What the adapter answers; where it has no such method, whether it loads."""
        if getattr(type(self.inner), "health_check", None) is SessionStorage.health_check:
            # By way of the lifted load(): a plain function must not block the loop.
            return await super().health_check()
        try:
            return await self._optional("health_check") or await super().health_check()
        except VoxSessionError as error:
            return {"status": "unhealthy", "error": str(error)}

    async def _optional(self, name: str) -> Any:
        method = getattr(self.inner, name, None)
        return await self._call(name, method) if callable(method) else None

    async def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        """What the adapter's method gives; its errors as ours."""
        try:
            if inspect.iscoroutinefunction(method):
                return await method(*args)
            result = await asyncio.to_thread(method, *args)
            return await result if inspect.isawaitable(result) else result
        except VoxSessionError:
            raise
        except (OSError, TimeoutError) as error:
            raise StorageUnavailableError(
                f"{name}() of the {self.storage_type} storage could not reach it ({type(error).__name__}). "
                "Try again when it is back.",
                storage=self.storage_type,
                operation=name,
            ) from error
        except Exception as error:
            raise StorageError.of_foreign(self.storage_type, name, error) from error


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Finishes what was begun also when the caller is cancelled: the next write must not overtake this one."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(task)


def _tombstone(record: Record) -> Record:
    header = {name: record[name] for name in HEADER_FIELDS if name in record}
    header.update(owner="", base_seq=record["seq"], seq=record["seq"] + 1, status="deleted")
    return {**header, "batch_id": f"{record.get('batch_id')}-deleted", "deleted": True}


def _is_tombstone(record: Record) -> bool:
    return record.get("deleted") is True and record.get("status") == "deleted"


def _checked(found: object, key: str) -> Record:
    """A copy of the record that an adapter gave, under its own id again."""
    if not isinstance(found, dict):
        raise IntegrityError(key, f"load() of the adapter gave a {type(found).__name__}, not a dict")
    if found.get("session_id") != key:
        raise IntegrityError(key, "load() of the adapter gave another record")
    try:
        record = decode_line(encode_line({**found, "session_id": split_key(key)[2]}), key)
    except (TypeError, ValueError) as error:
        raise IntegrityError(key, f"load() of the adapter gave what JSON has not ({error})") from None
    check_owned(record, key)
    return record
