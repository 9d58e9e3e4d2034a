"""Analytics over all sessions of an installation, read from their heads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from voxsession.core.envelope import Record, from_stamp
from voxsession.core.session_data import SessionData
from voxsession.core.types import check_user_id
from voxsession.errors import ConfigurationError, FormatError, KeyNotFoundError
from voxsession.installation import Installation
from voxsession.session.recorder import Recorder
from voxsession.session.rewriting import headers

if TYPE_CHECKING:
    from voxsession.learning.figures import Figures
    from voxsession.learning.fleet import FleetTally

__all__ = ["FleetView"]

AT_ONCE = 8  # heads that are in memory together
_ZONES = timedelta(days=2)  # no clock on earth is further from another


class FleetView:
    """What `Voxon` tells of all sessions together."""

    _home: Installation

    async def analytics(
        self,
        *,
        user_id: str | None = None,
        active_only: bool = False,
        since: object = None,
        until: object = None,
        token_prices: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Figures:
        """The figures of many sessions as one, from what is stored.

        It goes through the heads one after another and keeps sums only; memories, messages and pages stay sealed. A
        session that is written meanwhile may be missed, or counted as it was before.

        Args:
            user_id: only this person's sessions.
            active_only: only those that have not ended.
            since: the first day that counts, in each session's time zone: a date, ``"2026-05-01"``, ``"2026-05"`` or
                an aware datetime.
            until: the last day that counts.
            token_prices: model -> ``{"input": 2.5, "output": 10}`` per million tokens, ``"*"`` for every other model.

        Returns:
            A dict that shows itself in notebooks: `session_count`, `sessions` (by status), `unopened_sessions` (their
            key is not known here, or they were altered), and what one session tells, as sums and means. With `since`
            or `until` only what is kept by day, and `inexact_sessions`: of those a month or a year that the period
            cuts was left out, since its days are not kept any more.

        Raises:
            ConfigurationError: the storage cannot list, or an argument is not fit.
            StorageUnavailableError: the storage is away; call it again.

        Example:
            >>> import asyncio
            >>> from voxsession import Voxon, VoxonConfig
            >>> async def main():
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
            ...         await voxon.create_session(user_id="alice")
            ...         return (await voxon.analytics())["session_count"]
            >>> asyncio.run(main())
            1
        """
        from voxsession.learning.costs import check_prices
        from voxsession.learning.fleet import FleetTally
        from voxsession.learning.periods import period_between

        check_user_id(user_id)
        prices = check_prices(token_prices) if token_prices is not None else None
        first = None
        if since is not None or until is not None:
            first = period_between(("since", "until"), since, until).first
        recorder = await self._home.ready()
        _check_listing(recorder)
        owner = self._home.vault.owner(user_id) if user_id is not None else None
        # What was written before the first day has counted nothing since; the latest come first.
        oldest = datetime.combine(first, time(), UTC) - _ZONES if since is not None and first else None
        tally = FleetTally(since, until, prices)
        waiting: list[str] = []
        async for header in headers(recorder, self._home.tenant, owner=owner, active_only=active_only):
            if oldest is not None and _written_at(header) < oldest:
                break
            waiting.append(str(header["session_id"]))
            if len(waiting) == AT_ONCE:
                await _take(recorder, tally, waiting)
                waiting = []
        await _take(recorder, tally, waiting)
        return tally.figures()


async def _take(recorder: Recorder, tally: FleetTally, session_ids: list[str]) -> None:
    for found in await asyncio.gather(*(_head(recorder, session_id) for session_id in session_ids)):
        if isinstance(found, SessionData):
            tally.add(found)
        elif found is not None:
            tally.unopened_count += 1


async def _head(recorder: Recorder, session_id: str) -> SessionData | Exception | None:
    """What the head says; None where it was deleted meanwhile, the error where it cannot be opened."""
    try:
        return await recorder.load_head(session_id)
    except (FormatError, KeyNotFoundError) as error:
        return error


def _check_listing(recorder: Recorder) -> None:
    storage = recorder.storage
    if not storage.can_list:
        raise ConfigurationError(
            f"analytics() goes through all sessions, and {storage.storage_type} storage cannot list them. Write its "
            "list_sessions() and set can_list, use a storage that has it, or ask sessions one by one with "
            "session.get_analytics().",
            option="session_storage",
        )


def _written_at(header: Record) -> datetime:
    return from_stamp(header["updated_at"])
