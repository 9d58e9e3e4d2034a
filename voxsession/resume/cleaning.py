"""Cleaning up calls that nobody will resume any more."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from voxsession.calls.opened import OpenCall
from voxsession.calls.registry import CallRegistry
from voxsession.core.call_record import last_activity
from voxsession.errors import VoxSessionError
from voxsession.resume.counts import Counts
from voxsession.resume.validation import is_older

__all__ = ["CallCleaner"]

REMEMBERED_CALLS = 100_000
_log = logging.getLogger(__name__)


class CallCleaner:
    """Removes the resume state of calls, in batches that let others work in between.

    Whether a call is due lies in its session, which has to be opened for that. A run that `skims` does not look again
    at calls of which an earlier run saw that they cannot be due yet.

    Args:
        registry: finds the calls.
        batch_size: how many of them are opened before others get their turn.
        counts: where each call that was removed counts, also those of a run that did not come to its end.
    """

    def __init__(self, registry: CallRegistry, batch_size: int, counts: Counts) -> None:
        self._registry = registry
        self._batch_size = batch_size
        self._counts = counts
        self._active_at: dict[str, datetime] = {}

    async def run(self, max_age_hours: float, *, skims: bool = False) -> int:
        """Goes through all calls once.

        Args:
            max_age_hours: hours since their last activity after which they go.
            skims: leave out those that an earlier run saw to be active since.

        Returns:
            How many were removed.
        """
        now = self._registry.clock.now()
        waiting = [str(header["session_id"]) async for header in self._registry.headers()]
        self._forget_all_but(set(waiting))
        if skims:
            waiting = [one for one in waiting if self._may_be_due(one, now, max_age_hours)]
        removed = 0
        try:
            for start in range(0, len(waiting), self._batch_size):
                for pointer_id in waiting[start : start + self._batch_size]:
                    removed += await self._look_at(pointer_id, now, max_age_hours)
                await asyncio.sleep(0)
        finally:
            if removed:
                self._registry.tell("session.cleaned", count=removed)
        return removed

    async def _look_at(self, pointer_id: str, now: datetime, max_age_hours: float) -> int:
        def is_due(call: OpenCall) -> bool:
            active_at = last_activity(call.entry)
            return active_at is not None and is_older(active_at, now, max_age_hours)

        was_removed, call = await self._registry.remove_if(pointer_id, is_due)
        active_at = last_activity(call.entry) if call is not None else None
        if was_removed or active_at is None:
            self._active_at.pop(pointer_id, None)
        elif len(self._active_at) < REMEMBERED_CALLS:
            self._active_at[pointer_id] = active_at
        self._counts.cleaned += was_removed
        return int(was_removed)

    def _may_be_due(self, pointer_id: str, now: datetime, max_age_hours: float) -> bool:
        active_at = self._active_at.get(pointer_id)
        return active_at is None or is_older(active_at, now, max_age_hours)

    def _forget_all_but(self, stored: set[str]) -> None:
        for gone in self._active_at.keys() - stored:
            del self._active_at[gone]

    async def run_quietly(self, max_age_hours: float) -> None:
        """The same for the background: a storage that is away is met again at the next run."""
        try:
            await self.run(max_age_hours, skims=True)
        except VoxSessionError as error:
            _log.warning("cleaning up calls failed with %s", type(error).__name__)
