"""The calls of the facade that are about all sessions: listing, erasing, cleaning up, looking after."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import SessionInfo, from_stamp
from voxsession.core.types import check_id, check_number, check_user_id
from voxsession.errors import ConfigurationError, FormatError, VoxSessionError
from voxsession.installation import Installation, within
from voxsession.session.recorder import Recorder
from voxsession.session.reports import Receipt
from voxsession.voxon_config import VoxonConfig

__all__ = ["Upkeep"]

MAX_AGE_SECONDS = 100 * 366 * 86_400  # a hundred years

PAGE_GRACE = timedelta(days=1)


class Upkeep:
    """What `Voxon` does with sessions at large."""

    config: VoxonConfig
    _home: Installation
    _clock: Clock

    async def list_sessions(
        self, *, user_id: str | None = None, active_only: bool = False
    ) -> AsyncIterator[SessionInfo]:
        """Goes through the stored sessions, the latest first; headers only, whole sessions are never loaded."""
        check_user_id(user_id)
        recorder = await self._home.ready()
        owner = self._home.vault.owner(user_id) if user_id is not None else None
        after = None
        while True:
            listing = recorder.storage.list_sessions(
                owner=owner, active_only=active_only, after=after, limit=100, tenant=self._home.tenant
            )
            page = await recorder.call(listing, "list_sessions")
            for header in page:
                yield _info(header)
            if len(page) < 100:
                return
            after = page[-1]

    async def delete_session(self, session_id: str) -> Receipt:
        """Erases a session with all that was made from it; false where there was none."""
        check_id("session_id", session_id)
        recorder = await self._home.ready()
        storage, key = recorder.storage, recorder.key_of(session_id)
        record = None
        with contextlib.suppress(FormatError):  # what cannot be read can still be erased
            record = await recorder.call(storage.load(key), "load")
        pages = len(await recorder.call(storage.list_pages(key), "list_pages")) if storage.can_page else 0
        removed = await recorder.call(storage.delete(key), "delete")
        core = self._home.cores.pop(session_id, None)
        if core is not None:
            core.pending.clear()
            core.is_gone = True
            core.is_gone = True
        if record is not None and record.get("owner"):
            await recorder.call(self._home.pointers.forget(str(record["owner"]), session_id), "delete")
        counts = {"sessions": int(removed), "pages": pages if removed else 0}
        return Receipt(counts=counts, details=[{"session_id": session_id, "removed": removed}])

    async def delete_user(self, user_id: str) -> Receipt:
        """Erases all sessions of a person, and the pointer to them."""
        owned_by = check_user_id(user_id)
        if owned_by is None:  # it would mean everybody
            raise ConfigurationError.out_of_range("user_id", None, "name the person whose sessions go")
        recorder = await self._home.ready()
        if not recorder.storage.can_list:
            raise ConfigurationError(
                f"{recorder.storage.storage_type} storage cannot list a person's sessions, so they cannot be "
                "erased together. Delete each by its id with delete_session()."
            )
        ids = [info.session_id async for info in self.list_sessions(user_id=owned_by)]
        receipts = [await self.delete_session(session_id) for session_id in ids]
        owner = self._home.vault.owner(owned_by)
        pointer = await recorder.call(self._home.pointers.delete(owner), "delete")
        counts = {"sessions": sum(r.counts["sessions"] for r in receipts), "pointers": int(pointer)}
        counts["pages"] = sum(receipt.counts["pages"] for receipt in receipts)
        return Receipt(counts=counts, details=[row for receipt in receipts for row in receipt.details])

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes expired sessions whose header is authentic and unchanged; what cannot be opened stays.

        Pages that no document names (a save was given up after they were written) go a day later.

        Args:
            max_age_seconds: also remove those that were not written for so many seconds.

        Returns:
            How many were removed.
        """
        if max_age_seconds is not None:
            check_number("max_age_seconds", max_age_seconds, 0, MAX_AGE_SECONDS)
        recorder = await self._home.ready()
        now, removed = self._clock.now(), 0
        tenant, storage = self._home.tenant, recorder.storage
        batch = self.config.cleanup_batch_size
        expired = storage.expired_sessions(now, tenant=tenant, limit=batch)
        candidates = await recorder.call(expired, "expired_sessions")
        if max_age_seconds is not None:
            oldest = now - timedelta(seconds=max_age_seconds)
            async for info in self.list_sessions():
                if info.updated_at < oldest:
                    candidates.append({"session_id": info.session_id})
        for session_id in dict.fromkeys(str(header["session_id"]) for header in candidates):
            removed += await self._remove_if_expired(recorder, session_id, max_age_seconds)
        await self._sweep_pages(recorder)
        return removed

    async def _remove_if_expired(self, recorder: Recorder, session_id: str, max_age: float | None) -> bool:
        if session_id in self._home.cores:
            return False
        try:
            loaded = await recorder.load(session_id, lazy=True)
            if loaded is None:
                return False
            data, now = loaded.data, self._clock.now()
            is_old = max_age is not None and data.updated_at < now - timedelta(seconds=max_age)
            if not is_old and (data.expires_at is None or data.expires_at > now):
                return False
            deletion = recorder.storage.delete(recorder.key_of(session_id), expected_seq=data.seq)
            return await recorder.call(deletion, "delete")
        except VoxSessionError:
            return False  # what cannot be opened, or was written meanwhile, is never cleaned up

    async def _sweep_pages(self, recorder: Recorder) -> None:
        if not recorder.storage.can_page:
            return
        before = self._clock.now() - PAGE_GRACE
        async for info in self.list_sessions():
            key = recorder.key_of(info.session_id)
            pages = await recorder.call(recorder.storage.list_pages(key), "list_pages")
            old = {name for name, written_at in pages if written_at < before}
            if not old or info.session_id in self._home.cores:
                continue
            with contextlib.suppress(VoxSessionError):  # what cannot be opened keeps all it has
                orphans = old - await recorder.named_pages(info.session_id)
                if orphans:
                    await recorder.call(recorder.storage.delete_pages(key, orphans), "delete_pages")

    async def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy", "storage": "operational"}`, or the error; it never raises."""
        try:
            recorder = await self._home.ready()
            found = await within(
                self.config.storage_timeout_seconds,
                recorder.storage.health_check(),
                recorder.storage.storage_type,
            )
        except Exception as error:
            return {"status": "unhealthy", "error": f"{type(error).__name__}: {error}"}
        return found if found.get("status") != "healthy" else {"status": "healthy", "storage": "operational"}

    async def get_stats(self) -> dict[str, Any]:
        """The storage's figures, and the number of sessions by status where it can list."""
        recorder = await self._home.ready()
        stats = dict(await recorder.call(recorder.storage.get_stats(), "get_stats"))
        stats["open_sessions"] = len(self._home.cores)
        if recorder.storage.can_list:
            counts: dict[str, int] = {}
            async for info in self.list_sessions():
                counts[info.status] = counts.get(info.status, 0) + 1
            stats["sessions"] = counts
        return stats


def _info(header: Mapping[str, Any]) -> SessionInfo:
    expires = header.get("expires_at")
    return SessionInfo(
        session_id=str(header["session_id"]),
        status=str(header["status"]),
        created_at=from_stamp(header["created_at"]),
        updated_at=from_stamp(header["updated_at"]),
        expires_at=from_stamp(expires) if expires else None,
    )
