"""Figures, events, what runs in the background."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.patience import until
from tests.resume.services import clock_at, service_on
from tests.session.stores import WatchedStorage, refuse
from voxsession import (
    ConfigurationError,
    MemorySessionStorage,
    SessionConfig,
    SystemClock,
    Voxon,
    VoxonConfig,
)
from voxsession.resume import SessionManagerService, SessionMonitor, SessionState, create_session_context


def memory() -> MemorySessionStorage:
    """An empty storage in memory."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def test_figures_tell_what_happened() -> None:
    """Active, ended, resumed, refused by reason, cleaned up, and how old the oldest is."""
    clock = clock_at()
    service = service_on(memory(), clock=clock)
    monitor = SessionMonitor(service)
    assert monitor.get_metrics() == {} and monitor.to_prometheus() == ""
    for number in range(4):
        await service.create_session(f"c{number}")
        clock.advance(minutes=1)
    await service.resume_session("c0")
    await service.resume_session("c0")
    await service.resume_session("unknown")
    await service.end_session("c1")
    await service.resume_session("c1")
    await service.update_session("c2", last_activity=clock.now() - timedelta(hours=30))
    await service.cleanup_expired_sessions(24)

    assert await monitor.collect() == {
        "timestamp": clock.now().isoformat(),
        "active_sessions": 2,
        "total_sessions": 3,
        "oldest_active_seconds": 240.0,
        "resumed_sessions": 2,
        "failed_resumes": 2,
        "failed_resumes_by_reason": {"Session not found": 1, "Session already ended": 1},
        "cleanup_count": 1,
    }
    stats = await service.get_session_stats()
    assert (stats["active_sessions_count"], stats["ended_sessions_count"]) == (2, 1)
    assert stats["storage_type"] == "memory"
    lines = monitor.to_prometheus().splitlines()
    assert "voxsession_calls_active 2" in lines and "voxsession_resumes_total 2" in lines
    assert 'voxsession_failed_resumes_total{reason="Session not found"} 1' in lines
    assert sum(line.startswith("# TYPE") for line in lines) == 6


async def test_events_tell_as_it_happens() -> None:
    """Resumed, refused, cleaned up, gathered: for whoever listens to the facade."""
    clock = clock_at()
    service = service_on(memory(), clock=clock)
    told: list[tuple[str, Any]] = []
    fields = {
        "session.resumed": "resumed_count",
        "session.resume_failed": "reason",
        "session.cleaned": "count",
        "metrics.collected": "metrics",
    }
    for name, field in fields.items():
        service.voxon.events.on(
            name, lambda event, field=field: told.append((event.type, getattr(event, field)))
        )
    state = await service.create_session("c")
    await service.resume_session("c")
    await service.resume_session("other")
    clock.advance(hours=48)
    await service.cleanup_expired_sessions()
    metrics = await SessionMonitor(service).collect()
    assert told == [
        ("session.resumed", 1),
        ("session.resume_failed", "Session not found"),
        ("session.cleaned", 1),
        ("metrics.collected", metrics),
    ]
    assert state.resumed_count == 0


async def test_the_background_cleans_up_where_an_age_was_named() -> None:
    """Between start and stop, and not after; twice started is once."""
    storage = memory()
    limits = VoxonConfig(max_session_age_hours=24, cleanup_interval_seconds=0.02)
    service = service_on(storage, limits=limits)
    long_ago = SystemClock().now() - timedelta(hours=30)
    await service.start()
    await service.start()
    await service.create_session("old", last_activity=long_ago)
    await service.create_session("new")

    await until(lambda: service.counts.cleaned == 1)
    assert await service.get_session("old") is None and await service.get_session("new") is not None
    await service.stop()
    await service.create_session("old", last_activity=long_ago)
    await asyncio.sleep(0.1)
    assert await service.get_session("old") is not None
    assert service.counts.cleaned == 1
    await service.stop()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_the_background_follows_the_ttl_of_sessions() -> None:
    """Where sessions expire by themselves, what leads to them goes too, though no age was named."""
    storage = memory()
    limits = VoxonConfig(cleanup_interval_seconds=0.02)
    service = service_on(storage, limits=limits, session_ttl_seconds=3600)
    await service.create_session("old", last_activity=SystemClock().now() - timedelta(hours=2))
    async with service:
        await until(lambda: service.counts.cleaned == 1)
        assert await service.get_session("old") is None


async def test_without_an_age_nothing_is_cleaned_up() -> None:
    """And no task runs: a request in a process of its own leaves nothing behind."""
    service = service_on(memory(), limits=VoxonConfig(cleanup_interval_seconds=0.01))
    async with service:
        await service.create_session("old", last_activity=SystemClock().now() - timedelta(days=900))
        await asyncio.sleep(0.05)
        assert await service.get_session("old") is not None
        assert len(asyncio.all_tasks()) == 1


async def test_the_background_outlives_a_storage_that_is_away() -> None:
    """It goes on when the storage is back."""
    watched = WatchedStorage(memory())
    limits = VoxonConfig(max_session_age_hours=24, cleanup_interval_seconds=0.02, enable_metrics=True)
    service = service_on(watched, limits=limits)
    await service.create_session("old", last_activity=SystemClock().now() - timedelta(hours=30))
    watched.mishap = refuse
    await service.start()
    await asyncio.sleep(0.1)
    assert (await service.health_check())["status"] == "unhealthy"
    watched.mishap = None

    await until(lambda: service.counts.cleaned == 1)
    await service.stop()


async def test_figures_gather_by_themselves() -> None:
    """Where `enable_metrics` is on, a started service has a monitor that goes on."""
    limits = VoxonConfig(enable_metrics=True, metrics_interval_seconds=0.02)
    service = service_on(memory(), limits=limits)
    async with service:
        monitor = service.monitor
        assert monitor is not None

        await service.create_session("c")
        await until(lambda: monitor.get_metrics().get("active_sessions") == 1)
    await monitor.start_monitoring()
    await monitor.start_monitoring()
    await monitor.stop_monitoring()


async def test_a_context_for_the_model() -> None:
    """Of a state, a session, a dict; private entries stay out; anything else is refused."""
    state = SessionState(
        "c",
        conversation_history=[
            {"type": "input", "text": "Where is\nmy order?"},
            {"role": "assistant", "content": "x" * 500},
        ],
        function_calls=[{"call_id": "f", "name": "pay", "status": "unknown"}],
        metadata={"ticket": 7, "empty": None},
    )
    lines = create_session_context(state).splitlines()
    assert lines[:2] == ["Previous conversation summary:", "- user: Where is my order?"]
    assert "- Function pay (unknown)" in lines and "- Ticket: 7" in lines and max(map(len, lines)) < 230
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
        session = await voxon.create_session(config=SessionConfig(memory_mode="persistent"))
        session.add_memory("likes tea")
        session.add_memory("has a secret", sensitive=True)
        session.update_state(step=3)
        told = create_session_context(session)
    assert "- likes tea" in told and "- Step: 3" in told and "secret" not in told
    assert create_session_context({}) == "Previous conversation summary:\n"
    with pytest.raises(ConfigurationError):
        create_session_context("text")  # type: ignore[arg-type]


def test_the_earlier_settings_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's settings and the variables of its deployment, every one of them."""
    plan = VoxonConfig.from_dict(
        {
            "storage_type": "memory",
            "redis_url": "redis://localhost:6379",
            "max_session_age_hours": 24,
            "max_resume_attempts": 10,
            "max_resume_age_hours": 24,
            "cleanup_interval_seconds": 300,
            "cleanup_batch_size": 100,
            "memory_max_sessions": 1000,
            "enable_metrics": True,
            "metrics_interval_seconds": 60,
        }
    )
    assert (plan.max_sessions, plan.max_session_age_hours, plan.enable_metrics) == (1000, 24, True)
    for name, value in {
        "REDIS_URL": "redis://cache:6379",
        "REDIS_PASSWORD": "secret",
        "REDIS_DB": "3",
        "SESSION_TTL": "3600",
        "SESSION_PREFIX": "opusagent:session:",
        "MAX_SESSIONS": "10000",
        "SESSION_STORAGE": "redis",
    }.items():
        monkeypatch.setenv(name, value)
    found = VoxonConfig.from_env()
    assert found.session_redis_url == "redis://:secret@cache:6379/3"
    assert (found.session_ttl_seconds, found.max_sessions) == (3600, 10_000)
    assert found.session_prefix == "opusagent:session:"
    assert isinstance(SessionManagerService(config=found), SessionManagerService)
