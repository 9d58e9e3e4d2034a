"""What a started service does by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from voxsession.resume.monitor import SessionMonitor, Watched
from voxsession.session.tasks import take_outcome

__all__ = ["Background"]


class Background:
    """The tasks of one service: clean-up where an age was named, figures where they were switched on."""

    def __init__(self, service: Watched, clean_up: Callable[[float], Awaitable[None]]) -> None:
        self._service = service
        self._clean_up = clean_up
        self._task: asyncio.Task[None] | None = None
        self._monitor: SessionMonitor | None = None

    @property
    def monitor(self) -> SessionMonitor | None:
        """What gathers figures, where that was switched on."""
        return self._monitor

    def start(self) -> None:
        """Starts what the settings ask for; what runs already goes on."""
        config = self._service.config
        is_running = self._task is not None and not self._task.done()
        may_be_due = self._age_hours() is not None or not self._service.voxon.calls.is_open
        if may_be_due and config.cleanup_interval_seconds and not is_running:
            self._task = asyncio.create_task(self._clean_up_for_ever())
            self._task.add_done_callback(take_outcome)
        if config.enable_metrics:
            self._monitor = self._monitor or SessionMonitor(self._service)
            self._monitor.start_now()

    async def stop(self) -> None:
        """Ends it all and waits for that."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._monitor is not None:
            await self._monitor.stop_monitoring()

    def _age_hours(self) -> float | None:
        """The age of calls that are cleaned up; None where none was named, nor a time after which sessions expire."""
        age, ttl = self._service.config.max_session_age_hours, self._service.voxon.calls.ttl_seconds
        if age is None and ttl is not None:
            return ttl / 3600  # what leads to sessions that have expired goes as well
        return age

    async def _clean_up_for_ever(self) -> None:
        """Looks at each round what is due: of a storage that was away at the start it is not known before."""
        while self._age_hours() is not None or not self._service.voxon.calls.is_open:
            await asyncio.sleep(self._service.config.cleanup_interval_seconds)
            age = self._age_hours()
            if age is not None:
                await self._clean_up(age)
