"""Storages that watch what is asked of them, or that fail where a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from voxsession import MemorySessionStorage, SessionStorage, StorageUnavailableError, Voxon, VoxonConfig

Call: TypeAlias = Callable[[], Awaitable[Any]]
Mishap: TypeAlias = Callable[[str, Call], Awaitable[Any]]

KEY = "hex:" + "7a" * 32
WRITES = ("save", "append", "save_page")


class WatchedStorage(SessionStorage):
    """Passes every call on, notes it, and lets `mishap` come between.

    Attributes:
        calls: the name of each call, in order.
        records: what was given to `save` and `append`, in order.
        mishap: gets the name of a call and the call itself, in place of the call.
    """

    storage_type = "watched"

    def __init__(self, inner: SessionStorage | None = None, *, can_page: bool | None = None) -> None:
        self.inner = inner if inner is not None else MemorySessionStorage(max_sessions=None)
        self.can_append = self.inner.can_append
        self.can_page = self.inner.can_page if can_page is None else can_page
        self.can_list = self.inner.can_list
        self.can_compare = self.inner.can_compare
        self.calls: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.mishap: Mishap | None = None

    async def _through(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        if name in ("save", "append"):
            self.records.append(args[-1])

        async def call() -> Any:
            return await getattr(self.inner, name)(*args, **kwargs)

        return await (call() if self.mishap is None else self.mishap(name, call))

    async def save(self, session_data: Any) -> Any:
        return await self._through("save", session_data)

    async def load(self, session_id: Any) -> Any:
        return await self._through("load", session_id)

    async def append(self, session_id: Any, batch: Any) -> Any:
        return await self._through("append", session_id, batch)

    async def load_since(self, session_id: Any, seq: Any) -> Any:
        return await self._through("load_since", session_id, seq)

    async def save_page(self, session_id: Any, page: Any) -> Any:
        return await self._through("save_page", session_id, page)

    async def load_page(self, session_id: Any, page_id: Any) -> Any:
        return await self._through("load_page", session_id, page_id)

    async def list_pages(self, session_id: Any) -> Any:
        return await self._through("list_pages", session_id)

    async def delete_pages(self, session_id: Any, page_ids: Any) -> Any:
        return await self._through("delete_pages", session_id, page_ids)

    async def delete(self, session_id: Any, expected_seq: Any = None) -> Any:
        return await self._through("delete", session_id, expected_seq)

    async def list_sessions(self, **options: Any) -> Any:
        return await self._through("list_sessions", **options)

    async def expired_sessions(self, now: Any, **options: Any) -> Any:
        return await self._through("expired_sessions", now, **options)

    def taken(self) -> list[str]:
        """The calls since the last time this was asked."""
        calls, self.calls = self.calls, []
        return calls


class TwoMethodStorage(SessionStorage):
    """The smallest adapter: whole documents in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.mishap: Mishap | None = None

    async def save(self, session_data: Any) -> None:
        async def call() -> None:
            self.kept[session_data["session_id"]] = session_data

        self.calls.append("save")
        await (call() if self.mishap is None else self.mishap("save", call))

    async def load(self, session_id: Any) -> Any:
        self.calls.append("load")
        return self.kept.get(session_id)


# --- mishaps


def away(operation: str) -> StorageUnavailableError:
    """What a storage says that cannot be reached."""
    return StorageUnavailableError("The test took the storage away.", storage="watched", operation=operation)


async def refuse(operation: str, call: Call) -> Any:
    """The call fails before anything happens."""
    raise away(operation)


async def lose_answer(operation: str, call: Call) -> Any:
    """The call does its work, and its answer gets lost."""
    await call()
    raise away(operation)


async def hang(operation: str, call: Call) -> Any:
    """The call never ends, and nothing happens."""
    await asyncio.Event().wait()


async def hang_afterwards(operation: str, call: Call) -> Any:
    """The call does its work and never ends."""
    await call()
    await asyncio.Event().wait()


def only(operations: str | Iterable[str], mishap: Mishap, *, times: int | None = None) -> Mishap:
    """The mishap for these operations only, so many times; all else passes."""
    names = {operations} if isinstance(operations, str) else set(operations)
    left = [times]

    async def maybe(operation: str, call: Call) -> Any:
        if operation not in names or left[0] == 0:
            return await call()
        if left[0] is not None:
            left[0] -= 1
        return await mishap(operation, call)

    return maybe


# --- facades


def voxon_on(storage: Any, *, model: Any = None, clock: Any = None, **options: Any) -> Voxon:
    """A facade on a storage; several on one storage stand for several processes."""
    settings = {"session_encryption_key": KEY, **options}
    return Voxon(VoxonConfig(session_storage=storage, **settings), model=model, clock=clock)


def user_says(*texts: str) -> list[dict[str, Any]]:
    """Messages of the user, as `add_messages` takes them."""
    return [{"role": "user", "content": text} for text in texts]


def contents(messages: Iterable[Any]) -> list[str]:
    """The texts of messages."""
    return [message.content for message in messages]


async def kept_texts(storage: Any, session_id: str, conversation_id: str = "c", **options: Any) -> list[str]:
    """What a fresh process reads as the whole history of a conversation."""
    async with voxon_on(storage, **options) as voxon:
        session = await voxon.load_session(session_id)
        conversation = await session.resume_conversation(conversation_id)
        return contents(await conversation.history())
