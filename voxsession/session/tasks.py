"""Tasks whose outcome is looked after when nobody waits for them, or nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["is_cancelled", "take_outcome", "to_its_end"]


def take_outcome(task: asyncio.Future[Any]) -> None:
    """Keeps a failure that was told already from being reported as lost once more."""
    if not task.cancelled():
        task.exception()


def is_cancelled() -> bool:
    """Whether the running task itself was cancelled, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
