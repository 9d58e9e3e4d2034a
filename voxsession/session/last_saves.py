"""What is done for the sessions that are still open when their facade closes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from voxsession.clock import Clock
from voxsession.core.changes import (
    Change,
    ConversationRestored,
    ConversationResumed,
    HistoryRepaired,
    TokensRecounted,
)
from voxsession.session.live import LiveCore
from voxsession.session.recorder import Recorder

__all__ = ["save_open_sessions"]

MAX_CLOSING_SAVES = 3  # a handler of session.saved may change something once more
# What the next opening does again by itself: a session that was only looked at is not written.
OF_OPENING = (ConversationResumed, ConversationRestored, HistoryRepaired, TokensRecounted)
_log = logging.getLogger(__name__)


async def save_open_sessions(
    cores: Iterable[LiveCore],
    ready: Callable[[], Awaitable[Recorder]],
    clock: Clock,
    patience_seconds: float,
) -> None:
    """Saves what is pending in sessions that have a handle; it never fails, but tells how much could not be saved.

    A warning for each such session has its id and the number of its changes, which stay pending.

    Args:
        cores: the live sessions.
        ready: opens the storage where it is not open.
        patience_seconds: where saves that failed took so long, no other is begun.
    """
    unsaved = sorted(filter(_to_save, cores), key=lambda core: core.data.session_id)
    lost_seconds = 0.0
    try:
        for core in unsaved:
            if lost_seconds >= patience_seconds:
                break
            started = clock.monotonic()
            if not await _saved(core, ready):
                lost_seconds += clock.monotonic() - started
    finally:
        for core in filter(_to_save, unsaved):
            _log.warning(
                "session %s: still open when its Voxon closed; changes that could not be saved: %d",
                core.data.session_id,
                len(_to_save(core)),
            )


async def _saved(core: LiveCore, ready: Callable[[], Awaitable[Recorder]]) -> bool:
    try:
        recorder = await ready()
        for _ in range(MAX_CLOSING_SAVES):
            if _to_save(core) and not core.in_batch:  # a block saves at its own end
                await recorder.save(core)
    except Exception as error:  # one session must keep neither the others nor the storage from their end
        _log.warning("session %s: its last save failed with %s", core.data.session_id, type(error).__name__)
        return False
    return True


def _to_save(core: LiveCore) -> list[Change]:
    if core.handles <= 0 or not core.is_dirty:
        return []
    return [change for change in core.pending_changes if not isinstance(change, OF_OPENING)]
