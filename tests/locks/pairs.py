"""What the tests of device locks share: a storage of two methods, a service with a key."""

from __future__ import annotations

from typing import Any

from voxsession import SessionStorage, Voxon, VoxonConfig
from voxsession.locks import SessionLockService
from voxsession.testing import FakeClock

__all__ = ["KEY", "TwoMethods", "locks_on", "voxon_of"]

KEY = "hex:" + "5c" * 32


class TwoMethods(SessionStorage):
    """The smallest adapter: it saves and loads."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    async def save(self, session_data: dict[str, Any]) -> None:
        self.rows[session_data["session_id"]] = session_data

    async def load(self, session_id: str) -> dict[str, Any] | None:
        return self.rows.get(session_id)


def voxon_of(storage: Any, clock: FakeClock | None = None, **settings: Any) -> Voxon:
    """A facade of its own on a storage, as another process would have."""
    settings.setdefault("session_encryption_key", KEY)
    return Voxon(VoxonConfig(session_storage=storage, **settings), clock=clock)


def locks_on(storage: Any, clock: FakeClock | None = None, **options: Any) -> SessionLockService:
    """A service of its own on a storage, as another process would have."""
    return SessionLockService(voxon_of(storage, clock), **options)
