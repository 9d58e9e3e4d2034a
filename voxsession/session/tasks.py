"""Tasks whose outcome is looked after when nobody waits for them, or nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["is_cancelled", "shielded", "take_outcome", "to_its_end"]

_T = TypeVar("_T")

# The event loop itself holds its tasks only weakly.
_at_work: set[asyncio.Task[None]] = set()


def take_outcome(task: asyncio.Future[Any]) -> None:
    """Keeps a failure that was told already from being reported as lost once more."""
    if not task.cancelled():
        task.exception()


def is_cancelled() -> bool:
    """Whether the running task itself was cancelled, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def shielded(work: Coroutine[Any, Any, _T]) -> _T:
    """What the work gives, done in a task of its own that goes on when the caller is cancelled.

    The same as `asyncio.shield`, one turn of the event loop sooner: `SystemExit` and `KeyboardInterrupt` in the
    work also end the loop, as in any task.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    async def carry_out() -> None:
        try:
            result = await work
        except (asyncio.CancelledError, GeneratorExit):
            outcome.cancel()
            raise
        except BaseException as error:
            if not outcome.done():  # else nobody waits any more
                outcome.set_exception(error)
            if not isinstance(error, Exception):
                task.add_done_callback(take_outcome)
                raise
        else:
            if not outcome.done():
                outcome.set_result(result)

    _at_work.add(task := loop.create_task(carry_out()))
    task.add_done_callback(_at_work.discard)
    return await outcome


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits for work until it is done, also where the waiting task is cancelled; the cancellation follows then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            break  # told below
    if cancelled is None:
        task.result()
    elif not task.cancelled():
        task.exception()
    if cancelled is not None:
        raise cancelled
