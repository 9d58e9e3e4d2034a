"""The uses that the documents of session resume describe, written as their readers write them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from tests.servers.redis import RedisServer
from tests.session.stores import WatchedStorage, refuse
from voxsession import MemorySessionStorage, RedisSessionStorage, SystemClock, VoxonConfig
from voxsession.resume import SessionManagerService, SessionMonitor, SessionState, SessionStatus


@pytest.fixture(autouse=True)
def session_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples run with a key in the environment."""
    monkeypatch.setenv("SESSION_KEY", "pass:a long pass phrase for the tests")


async def test_basic_session_resume(capsys: pytest.CaptureFixture[str]) -> None:
    """Create, add context, store, resume."""
    storage = MemorySessionStorage(max_sessions=1000, cleanup_interval=300)
    service = SessionManagerService(storage)

    session = await service.create_session(
        "conversation-123", status=SessionStatus.ACTIVE, media_format="pcm16"
    )
    session.conversation_history = [
        {"type": "input", "text": "Hello, I need help"},
        {"type": "output", "text": "Hi! How can I assist you?"},
    ]
    # was: storage.store_session("conversation-123", session.to_dict())
    await service.update_session("conversation-123", **vars(session))

    resumed_session = await service.resume_session("conversation-123")
    assert resumed_session is not None
    print(f"Resumed session with {len(resumed_session.conversation_history)} items")
    assert capsys.readouterr().out == "Resumed session with 2 items\n"
    assert resumed_session.media_format == "pcm16"
    await storage.close()


@pytest.mark.server
async def test_production_redis_setup(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Started, created, resumed, stopped."""
    # A database of its own: the guide has the same prefix with another key.
    monkeypatch.setenv("REDIS_URL", f"{redis_server.url}/7")
    redis_url = os.getenv("REDIS_URL", "redis://localhost:6379")
    redis_storage = RedisSessionStorage(
        redis_url=redis_url,
        session_prefix="opusagent:session:",
        default_ttl=3600,
        max_connections=20,
        retry_on_timeout=True,
        socket_keepalive=True,
    )
    service = SessionManagerService(redis_storage)
    await service.start()
    try:
        session = await service.create_session("prod-test-123")
        resumed = await service.resume_session("prod-test-123")
        assert resumed is not None and session.resumed_count == 0
        print(f"Session resumed: {resumed.resumed_count} times")
    finally:
        await service.stop()
        await redis_storage.close()
    assert capsys.readouterr().out == "Session resumed: 1 times\n"


async def test_health_checks() -> None:
    """The health check of the document is the service's own, and both of its branches are met."""
    watched = WatchedStorage(MemorySessionStorage(cleanup_interval=None))
    service = SessionManagerService(watched)

    async def health_check() -> dict[str, Any]:
        return await service.health_check()

    assert await health_check() == {"status": "healthy", "storage": "operational"}
    watched.mishap = refuse
    health = await health_check()
    assert health["status"] == "unhealthy" and health["error"]
    watched.mishap = None
    assert (await health_check())["status"] == "healthy"


async def test_monitoring(capsys: pytest.CaptureFixture[str]) -> None:
    """Statistics of the service and of the storage, and the monitor with its metrics."""
    storage = MemorySessionStorage(cleanup_interval=None)
    service = SessionManagerService(storage)
    await service.create_session("c")

    stats = await service.get_session_stats()
    print(f"Active sessions: {stats['active_sessions_count']}")
    storage_stats = await storage.get_stats()
    print(f"Storage type: {storage_stats['storage_type']}")
    assert capsys.readouterr().out == "Active sessions: 1\nStorage type: memory\n"

    assert await service.resume_session("c") is not None and await service.resume_session("none") is None
    monitor = SessionMonitor(service)
    await monitor.start_monitoring()
    metrics = monitor.get_metrics()
    await monitor.stop_monitoring()
    assert (metrics["active_sessions"], metrics["resumed_sessions"], metrics["failed_resumes"]) == (1, 1, 1)
    assert {
        "timestamp",
        "active_sessions",
        "total_sessions",
        "resumed_sessions",
        "failed_resumes",
        "cleanup_count",
    } <= set(metrics)


class TestSessionResume:
    """The plan's own tests."""

    @pytest.fixture
    async def session_manager(self) -> Any:
        """A started service."""
        manager = SessionManagerService(MemorySessionStorage(cleanup_interval=None))
        await manager.start()
        yield manager
        await manager.stop()

    async def test_session_creation_and_resume(self, session_manager: SessionManagerService) -> None:
        """Creation is initiated, resumption active."""
        session = await session_manager.create_session("test-123")
        assert session.conversation_id == "test-123"
        assert session.status == SessionStatus.INITIATED
        resumed_session = await session_manager.resume_session("test-123")
        assert resumed_session is not None
        assert resumed_session.resumed_count == 1
        assert resumed_session.status == SessionStatus.ACTIVE

    async def test_session_validation(self, session_manager: SessionManagerService) -> None:
        """Valid, and not found."""
        await session_manager.create_session("test-123")
        is_valid, reason = await session_manager.validate_session_resume("test-123")
        assert is_valid
        assert reason == "Valid resume request"
        is_valid, reason = await session_manager.validate_session_resume("non-existent")
        assert not is_valid
        assert "not found" in reason.lower()

    async def test_session_cleanup(self, session_manager: SessionManagerService) -> None:
        """The old one goes, the recent one stays."""
        old_session = await session_manager.create_session("old-123")
        old_session.last_activity = SystemClock().now() - timedelta(hours=25)
        await session_manager.update_session("old-123", **vars(old_session))
        await session_manager.create_session("recent-123")
        cleaned_count = await session_manager.cleanup_expired_sessions(max_age_hours=24)
        assert cleaned_count == 1
        assert await session_manager.get_session("old-123") is None
        assert await session_manager.get_session("recent-123") is not None


async def test_the_flow_of_a_bridge() -> None:
    """Resume, else create; the whole state is written back; closing ends the call."""
    storage = MemorySessionStorage(cleanup_interval=None)

    async def initialize(service: SessionManagerService, conversation_id: str) -> SessionState:
        state = await service.resume_session(conversation_id)
        if state is None:
            state = await service.create_session(conversation_id=conversation_id, bridge_type="audiocodes")
        return state

    first = SessionManagerService(storage)
    state = await initialize(first, "c1")
    state.openai_session_id = "sess_o"
    await first.update_session(state.conversation_id, **state.__dict__)
    second = SessionManagerService(storage)
    state = await initialize(second, "c1")
    assert (state.resumed_count, state.openai_session_id) == (1, "sess_o")
    await second.end_session("c1", reason="bridge_closed")
    assert await second.validate_session_resume("c1") == (False, "Session already ended")


def test_the_plan_s_configuration() -> None:
    """SESSION_CONFIG is understood as it stands."""
    config = VoxonConfig.from_dict(
        {
            "storage_type": "memory",
            "redis_url": "redis://localhost:6379",
            "max_sessions": 1000,
            "max_session_age_hours": 24,
            "max_resume_attempts": 10,
            "cleanup_interval_seconds": 300,
            "enable_metrics": True,
        }
    )
    assert SessionManagerService(config=config).config.max_resume_attempts == 10
