"""Waits for what a test is about to assert, however slow the machine is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

# Only a guard against waiting for ever: where a test is well, it is never reached.
LONG_SECONDS = 30.0


async def until(holds: Callable[[], Any]) -> None:
    """Comes back once this holds, be it a plain or an awaited answer; raises TimeoutError where it never does."""
    async with asyncio.timeout(LONG_SECONDS):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.002)


async def cancel_everybody() -> None:
    """Cancels all other tasks of the event loop, as a program that shuts down does, and waits for them."""
    everybody = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in everybody:
        task.cancel()
    await asyncio.gather(*everybody, return_exceptions=True)
