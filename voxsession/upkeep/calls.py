"""The calls of the facade that are about all sessions: listing, erasing, cleaning up, looking after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from voxsession.clock import Clock
from voxsession.core.envelope import SessionInfo, from_stamp
from voxsession.core.types import check_id, check_number, check_user_id
from voxsession.errors import ConfigurationError, VoxSessionError
from voxsession.installation import Installation, within
from voxsession.moving.progress import Progress
from voxsession.session.reports import Receipt
from voxsession.session.rewriting import headers
from voxsession.voxon_config import VoxonConfig

if TYPE_CHECKING:
    from voxsession.upkeep.cleaning import Cleaner

__all__ = ["Upkeep"]

MAX_AGE_SECONDS = 100 * 366 * 86_400  # a hundred years


class Upkeep:
    """What `Voxon` does with sessions at large."""

    config: VoxonConfig
    _home: Installation
    _clock: Clock
    _cleaner: Cleaner | None = None

    async def list_sessions(
        self, *, user_id: str | None = None, active_only: bool = False
    ) -> AsyncIterator[SessionInfo]:
        """Goes through the stored sessions, the latest first; headers only, whole sessions are never loaded."""
        check_user_id(user_id)
        recorder = await self._home.ready()
        owner = self._home.vault.owner(user_id) if user_id is not None else None
        found = headers(recorder, self._home.tenant, owner=owner, active_only=active_only, limit=100)
        async for header in found:
            yield _info(header)

    async def delete_session(self, session_id: str) -> Receipt:
        """Erases a session with all that was made from it: what names it, pages, document, tail, set-aside bytes.

        May be called again after a crash; an open handle of it cannot save any more.

        Returns:
            What was removed where; false where there was none.

        Raises:
            StorageUnavailableError: the storage is away; what was removed is gone, call it again.
        """
        from voxsession.upkeep.erasing import erase_session  # what few programs do is loaded when it is done

        return await erase_session(self._home, check_id("session_id", session_id))

    async def delete_user(self, user_id: str) -> Receipt:
        """Erases all sessions of a person, then what is kept for the person (pointer, profile).

        Raises:
            ConfigurationError: the storage cannot list a person's sessions.
            StorageUnavailableError: the storage is away; what was removed is gone, call it again.
        """
        from voxsession.upkeep.erasing import erase_user

        person = check_user_id(user_id)
        if person is None:  # it would mean everybody
            raise ConfigurationError.out_of_range("user_id", None, "name the person whose sessions go")
        return await erase_user(self._home, person)

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes expired sessions whose header is authentic and unchanged; what cannot be opened stays.

        Of sessions at rest, expired memories are taken out, and pages that no document names (a save was given up
        after they were written) a day later. One run removes at most `cleanup_batch_size` sessions, and looks into
        at most as many others; call it again while it gives a number above 0.

        Args:
            max_age_seconds: also remove those that were not written for so many seconds.

        Returns:
            How many sessions were removed.
        """
        if max_age_seconds is not None:
            check_number("max_age_seconds", max_age_seconds, 0, MAX_AGE_SECONDS)
        if self._cleaner is None:
            from voxsession.upkeep.cleaning import Cleaner

            self._cleaner = Cleaner(self._home, self._clock, self.config.cleanup_batch_size)
        return await self._cleaner.run(
            timedelta(seconds=max_age_seconds) if max_age_seconds is not None else None
        )

    async def rotate_keys(self, progress: Progress | None = None, *, new_key: bool = False) -> Receipt:
        """Hands all sessions on to the key that writes: their data keys are wrapped by it in a new head, in place.

        Pages, contents, ages and owners stay as they are. It may be stopped and called again (what is done is
        skipped), several may run at once, and sessions may be in use, here and in other processes.

        Args:
            progress: called (or awaited) with the records that are done and the number of all; what it raises ends
                the rotation, which can be called again, and comes out of here.
            new_key: begin with a new writing key in the key ring file; where keys are given, give the new one first.

        Returns:
            How many sessions and other records were handed on; those that could not be opened (``unopened``) or were
            written all the time (``busy``) were left alone and stand in the details.

        Raises:
            ConfigurationError: the storage cannot list or compare, nothing is encrypted, `new_key` with given keys,
                or `progress` is no function.
            StorageUnavailableError: the storage is away; call it again.
        """
        from voxsession.upkeep.rotation import Rotation

        return await Rotation(self._home, self._clock).rotate(progress, new_key)

    async def forget_key(self, key_id: str, *, dry_run: bool = False) -> Receipt:
        """Forgets an older key: what only it wrapped can never be opened again, by this installation or its ring file.

        It may be called again as long as anything stored is sealed with the key; after that nothing knows it.
        Copies of the key elsewhere are not reached: take it out of your settings and backups as well.

        Args:
            key_id: its public id, as `get_stats`, `rotate_keys` and `KeyNotFoundError` name it.
            dry_run: only count.

        Returns:
            How many sessions and other records cannot be opened without it, with their ids, and where it was removed;
            a row with an ``error``, not counted, for each record that cannot be read, so that its key is not known.

        Raises:
            ConfigurationError: it is the key that writes, another storage or tenant needs it from the same ring file,
                nothing here knows it (it may have been forgotten before; the known ids are named), nothing is
                encrypted, or the storage cannot list. Nothing was forgotten.
        """
        from voxsession.upkeep.rotation import Rotation

        return await Rotation(self._home, self._clock).forget(key_id, dry_run)

    async def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy", "storage": "operational"}`, or the error; it never raises."""
        opened = self._home.recorder
        name = opened.storage.storage_type if opened is not None else "The"
        try:
            found = await within(self.config.storage_timeout_seconds, self._health(), name)
        except VoxSessionError as error:
            return {"status": "unhealthy", "error": f"{type(error).__name__}: {error}"}
        except Exception as error:  # not ours: its text may hold anything
            return {"status": "unhealthy", "error": f"{name} storage raised {type(error).__name__}"}
        return found if found.get("status") != "healthy" else {"status": "healthy", "storage": "operational"}

    async def _health(self) -> dict[str, Any]:
        return await (await self._home.ready()).storage.health_check()

    async def get_stats(self) -> dict[str, Any]:
        """The storage's figures, the public ids of the keys, and this tenant's sessions where it can list.

        `sessions` counts them by status (`active`, `ended`, and `expired` for those that wait for the clean-up),
        `total_sessions` all, `open_sessions` those in use here, `keys` has the ids of the keys, the writing one first.

        Figures about the storage at large are left out for a named tenant: other tenants are in them.
        """
        recorder = await self._home.ready()
        stats = dict(await recorder.call(recorder.storage.get_stats(), "get_stats"))
        if self._home.tenant:
            stats = {name: value for name, value in stats.items() if not _is_figure(value)}
        stats["open_sessions"] = len(self._home.cores)
        stats["keys"] = self._home.vault.key_ids
        if recorder.storage.can_list:
            counts: dict[str, int] = {}
            async for info in self.list_sessions():
                has_expired = info.expires_at is not None and info.expires_at <= self._clock.now()
                status = "expired" if has_expired and info.status == "active" else info.status
                counts[status] = counts.get(status, 0) + 1
            stats["sessions"], stats["total_sessions"] = counts, sum(counts.values())
        return stats


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _info(header: Mapping[str, Any]) -> SessionInfo:
    expires = header.get("expires_at")
    return SessionInfo(
        session_id=str(header["session_id"]),
        status=str(header["status"]),
        created_at=from_stamp(header["created_at"]),
        updated_at=from_stamp(header["updated_at"]),
        expires_at=from_stamp(expires) if expires else None,
    )
