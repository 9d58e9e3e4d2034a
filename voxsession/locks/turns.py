"""A queue for those in this process who write one record at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from voxsession.core.struct import Struct, field

__all__ = ["turn"]


class _Queue(Struct):
    """Those who wait are counted, so that the last one clears up."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


_Queues = dict[tuple[int, str], _Queue]
_queues: WeakKeyDictionary[object, _Queues] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def turn(storage: object, key: str, seconds: float) -> AsyncIterator[None]:
    """Waits until those who came before have written; after so many seconds it goes on without.

    Nothing depends on it but how often writes collide: what keeps them apart is that versions are compared.

    Args:
        storage: those who write to the same object wait for each other, in each event loop.
        key: the record's.
        seconds: how long to wait at most, as those before may hang in a storage that does not answer.
    """
    queues = _queues.setdefault(storage, {})
    place = id(asyncio.get_running_loop()), key
    queue = queues.setdefault(place, _Queue())
    queue.users += 1
    try:
        has_turn = await _taken(queue.lock, seconds)
        try:
            yield
        finally:
            if has_turn:
                queue.lock.release()
    finally:
        queue.users -= 1
        if not queue.users:
            del queues[place]


async def _taken(lock: asyncio.Lock, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await lock.acquire()
    return False
