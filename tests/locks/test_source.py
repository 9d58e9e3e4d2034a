"""The uses that the document on persistent sessions describes, with the names that they have here, and awaited."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.locks.pairs import KEY
from voxsession import FileSessionStorage, SessionStorage, StorageUnavailableError
from voxsession.locks import SessionLockService
from voxsession.testing import FakeClock

log = logging.getLogger(__name__)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionStorage:
    """What stands in the place of the document's database session."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    return FileSessionStorage(tmp_path / "sessions")


async def test_basic_session_management(db: SessionStorage) -> None:
    """Set, get, clear."""
    session_service = SessionLockService(db)
    success = await session_service.set_session_lock("device-123", "scheduling")
    assert success is True
    active_agent = await session_service.get_session_lock("device-123")
    assert active_agent == "scheduling"
    await session_service.clear_session_lock("device-123")
    assert await session_service.get_session_lock("device-123") is None


async def test_manager_agent_integration(db: SessionStorage) -> None:
    """The two functions of the manager."""

    async def _get_lock(wa_id: str) -> str | None:
        session_service = SessionLockService(db)
        return await session_service.get_session_lock(wa_id)

    async def _set_lock(wa_id: str, agent_key: str) -> None:
        session_service = SessionLockService(db)
        await session_service.set_session_lock(wa_id, agent_key)

    assert await _get_lock("491701234567") is None
    await _set_lock("491701234567", "scheduling")
    assert await _get_lock("491701234567") == "scheduling"


async def test_session_ttl_options(db: SessionStorage) -> None:
    """An hour, seven days, a day."""
    clock = FakeClock()
    session_service = SessionLockService(db, clock=clock)
    await session_service.set_session_lock("short", "a", ttl_seconds=3600)
    await session_service.set_session_lock("long", "a", ttl_seconds=604_800)
    await session_service.set_session_lock("default", "a")
    found = []
    for days in (0.5, 1, 4, 2):
        clock.advance(days=days)
        found.append(
            [name for name in ("short", "default", "long") if await session_service.get_session_lock(name)]
        )
    assert found == [["default", "long"], ["long"], ["long"], []]


async def test_get_session_lock_expired(db: SessionStorage) -> None:
    """An expired lock routes to nobody; cleaning it up, the log says how many went."""
    clock = FakeClock()
    session_service = SessionLockService(db, clock=clock)
    await session_service.set_session_lock("device-123", "scheduling", 60)
    clock.advance(seconds=60)
    assert await session_service.get_session_lock("device-123") is None
    expired_count = await session_service.cleanup_expired_sessions()
    assert expired_count == 1


async def test_error_handling() -> None:
    """What the document catches does not have to be caught: the call itself falls back to the stateless mode."""

    class Down(SessionStorage):
        async def save(self, session_data: dict[str, object]) -> None:
            raise StorageUnavailableError("down", storage="down", operation="save")

        async def load(self, session_id: str) -> None:
            raise StorageUnavailableError("down", storage="down", operation="load")

    assert await SessionLockService(Down()).get_session_lock("device-123") is None
    assert await SessionLockService(Down()).set_session_lock("device-123", "test") is False


async def test_debug_mode(db: SessionStorage, caplog: pytest.LogCaptureFixture) -> None:
    """The logger `voxsession.locks` tells of each operation, by device, never by agent."""
    with caplog.at_level(logging.DEBUG, logger="voxsession.locks"):
        session_service = SessionLockService(db)
        await session_service.set_session_lock("device-123", "oncology")
        await session_service.clear_session_lock("device-123")
    told = [record.getMessage() for record in caplog.records if record.name.startswith("voxsession.locks")]
    assert told == ["device device-123: session lock set", "device device-123: session lock cleared"]
    assert "oncology" not in caplog.text
