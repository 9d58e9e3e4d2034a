"""How long and how often a save that others forestall is tried again."""

from __future__ import annotations

import asyncio

from voxsession.clock import Clock
from voxsession.errors import ConflictError

__all__ = ["LEAST_TRIES", "Patience"]

LEAST_TRIES = 24
_FIRST_PAUSE_SECONDS = 0.001
_MOST_DOUBLINGS = 6


class Patience:
    """One save's tries: as many as fit in a time, and some even where that is short.

    Args:
        clock: Where chance comes from.
        seconds: The time.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: float | None = None  # most saves need one try: the time runs from the end of that
        self._tries = 0

    def try_again(self) -> bool:
        """Whether there is another try; it is counted."""
        if self._tries:
            now = asyncio.get_running_loop().time()
            if self._until is None:
                self._until = now + self._seconds
            if self._tries >= LEAST_TRIES and now >= self._until:
                return False
        self._tries += 1
        return True

    async def step_back(self) -> None:
        """Waits a random moment that grows with each lost race, so that many writers do not meet again.

        It comes before others' changes are taken in: what they write while this waits would win again.
        """
        share = (self._clock.random_bytes(1)[0] + 1) / 256
        await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** min(self._tries - 1, _MOST_DOUBLINGS) * share)

    def lost(self, session_id: str, seq: int) -> ConflictError:
        """The error of a save that never got through, at the version that was taken in last."""
        return ConflictError(
            session_id,
            expected_seq=seq,
            found_seq=seq,
            message=f"Others saved session {session_id!r} first, {self._tries} times in a row. Nothing is lost: what "
            "they saved is taken in, and what is not saved yet is kept here. Save again when they save less often.",
        )
