"""Watching the calls of a storage: how many, how old, how their resumptions go."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from typing import TYPE_CHECKING, Any, Protocol

from voxsession.errors import VoxSessionError
from voxsession.resume.counts import Counts, count_calls
from voxsession.resume.prometheus import exposition
from voxsession.session.tasks import take_outcome

if TYPE_CHECKING:
    from voxsession.voxon import Voxon
    from voxsession.voxon_config import VoxonConfig

__all__ = ["SessionMonitor", "Watched"]

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """What a monitor asks of the service that it watches, a `SessionManagerService`."""

    config: VoxonConfig
    counts: Counts

    @property
    def voxon(self) -> Voxon:
        """Where its calls are."""


class SessionMonitor:
    """Gathers figures of a service's calls every `metrics_interval_seconds`.

    Active and ended calls are counted in the storage; resumptions, refusals and clean-ups are those of this service.
    Each gathering is the event `metrics.collected`, whose `.metrics` is the dict.

    Args:
        service: the service to watch.

    Example:
        >>> from voxsession import MemorySessionStorage
        >>> from voxsession.resume import SessionManagerService
        >>> service = SessionManagerService(MemorySessionStorage())
        >>> monitor = SessionMonitor(service)
        >>> state = await service.create_session("call-1")
        >>> metrics = await monitor.collect()
        >>> metrics["active_sessions"], metrics["failed_resumes"]
        (1, 0)
    """

    def __init__(self, service: Watched) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None
        self._metrics: dict[str, Any] = {}

    async def start_monitoring(self) -> None:
        """Gathers the first figures, then goes on in the background; harmless when repeated."""
        await self._collect_quietly()
        self.start_now()

    def start_now(self) -> None:
        """Goes on in the background from now on."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go_on())
            self._task.add_done_callback(take_outcome)

    async def stop_monitoring(self) -> None:
        """Ends the gathering; what was gathered last stays readable."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def collect(self) -> dict[str, Any]:
        """Gathers the figures now.

        Returns:
            As `get_metrics`.

        Raises:
            StorageError: the storage could not be asked; what was gathered last stays.
        """
        registry = self._service.voxon.calls
        stored = await count_calls(registry)
        self._metrics = {
            "timestamp": registry.clock.now().isoformat(),
            "active_sessions": stored["active_sessions_count"],
            "total_sessions": stored["total_sessions"],
            "oldest_active_seconds": stored["oldest_active_seconds"],
            **self._service.counts.as_dict(),
        }
        registry.tell("metrics.collected", metrics=self.get_metrics())
        return self.get_metrics()

    def get_metrics(self) -> dict[str, Any]:
        """The figures that were gathered last; empty before the first time.

        Returns:
            `timestamp`, `active_sessions`, `total_sessions`, `oldest_active_seconds`, `resumed_sessions`,
            `failed_resumes`, `failed_resumes_by_reason`, `cleanup_count`.
        """
        return copy.deepcopy(self._metrics)

    def to_prometheus(self) -> str:
        """The figures that were gathered last, in the text format of Prometheus."""
        return exposition(self._metrics)

    async def _go_on(self) -> None:
        while True:
            if not self._metrics:
                await self._collect_quietly()
            await asyncio.sleep(self._service.config.metrics_interval_seconds)
            await self._collect_quietly()

    async def _collect_quietly(self) -> None:
        try:
            _log.info("calls: %s", await self.collect())
        except VoxSessionError as error:
            _log.warning("gathering figures of calls failed with %s", type(error).__name__)
