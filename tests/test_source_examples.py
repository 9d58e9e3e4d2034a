"""The uses that the session document describes, written as its readers write them."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tests.storages import made
from voxsession import (
    ConfigurationError,
    SessionConfig,
    SessionPresets,
    SessionProfile,
    SessionStorage,
    SessionTemplate,
    Voxon,
    VoxonConfig,
)

KEY = "pass:a long pass phrase for the tests"
THREE_STORAGES = ["file", *(pytest.param(kind, marks=pytest.mark.server) for kind in ("postgres", "redis"))]


@pytest.fixture
def config(tmp_path: Path) -> VoxonConfig:
    """File storage, as the document's first example has it."""
    return VoxonConfig(session_storage="file", session_storage_path=str(tmp_path / "sessions"))


async def test_creating_sessions(config: VoxonConfig) -> None:
    """Sessions are made from a config or a preset, at once."""
    voxon = Voxon(config)
    session = voxon.create_session(
        user_id="user_123",
        config=SessionConfig(
            instructions="You are a friendly tutor", memory_mode="persistent", enable_learning=True
        ),
    )
    other = voxon.create_session(user_id="user_456", preset=SessionPresets.EDUCATIONAL)

    assert session.session_id != other.session_id
    assert (session.config.memory_mode, other.config.temperature) == ("persistent", 0.5)
    assert (
        SessionPresets.TASK_ORIENTED.enable_functions
        and SessionPresets.TASK_ORIENTED.memory_mode == "ephemeral"
    )
    assert SessionPresets.CONVERSATION.temperature == 0.8
    assert SessionPresets.CUSTOMER_SUPPORT.memory_mode == "persistent"


async def test_session_operations(config: VoxonConfig) -> None:
    """Start, send, save, load, resume, close."""
    voxon = Voxon(config)
    session = voxon.create_session(session_id="sess_abc123", user_id="user_123")
    conversation = await session.start_conversation()
    response = await conversation.send_message("Hello!")
    assert response and session.is_active
    assert (session.session_id, session.user_id) == ("sess_abc123", "user_123")
    await session.save()
    await session.close()

    session = await voxon.load_session(session_id="sess_abc123")
    conversation = await session.resume_conversation()
    assert conversation.messages[0].content == "Hello!"
    await session.close()
    await voxon.close()


async def test_memory_management(config: VoxonConfig, tmp_path: Path) -> None:
    """Count, add, search, clear, export."""
    async with Voxon(config) as voxon, voxon.session("user_123") as session:
        memory = session.get_memory()
        assert (len(memory.entries), memory.token_count, memory.max_tokens) == (0, 0, 10_000)
        session.add_memory(content="User prefers formal language", category="preference", importance=0.9)
        session.add_memory(content="scratch", category="temporary")
        relevant = session.search_memory("language preference")
        assert relevant[0].content == "User prefers formal language"
        session.clear_memory(category="temporary")
        export = session.export_memory()
        (tmp_path / "session_memory.json").write_text(json.dumps(export))

    assert [entry["content"] for entry in export["entries"]] == ["User prefers formal language"]


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_conversation_continuity(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A later conversation, also in another process, knows the name and the interest."""
    async with made(kind, request, tmp_path) as storage:
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        session = voxon.create_session(user_id="user_123")
        async with session.start_conversation() as conv:
            await conv.send_message("My name is Alice")
            await conv.send_message("I'm interested in quantum physics")
        async with session.start_conversation() as conv:
            response = await conv.send_message("What's my name and interest?")
        await session.close()
        await voxon.close()
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        async with voxon.session("user_123") as session, session.conversation() as conv:
            later = await conv.send_message("What's my name and interest?")
        await voxon.close()

    for answer in (response, later):
        assert "Alice" in answer and "quantum physics" in answer


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_conversation_branching(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The section as it stands: what is said on a branch is remembered, and is no history of where it left."""
    async with made(kind, request, tmp_path) as storage:
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        session = voxon.create_session(user_id="user_123", session_id="s")
        # Main conversation
        main_conv = await session.start_conversation(conversation_id="main", parent_id=None)
        await main_conv.send_message("I'm interested in quantum physics")

        # Branch for specific topic
        branch_conv = await session.start_conversation(conversation_id="physics_deep_dive", parent_id="main")
        await branch_conv.send_message("I work at Fermilab.")

        # Return to main conversation
        main_conv = await session.resume_conversation("main")
        # Context from branch is available but scoped
        await main_conv.send_message("Where do I work?")
        context = await main_conv.build_context("Where do I work?")
        said = [message["content"] for message in context.messages if message["role"] != "system"]
        assert "I work at Fermilab." not in said and "I'm interested in quantum physics" in said
        assert any("Fermilab" in str(message["content"]) for message in context.messages)
        await session.close()
        await voxon.close()

        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        async with await voxon.load_session("s") as session:
            main_conv = await session.resume_conversation("main")
            branch_conv = await session.resume_conversation("physics_deep_dive")
            told = [[message.content for message in conv.messages] for conv in (main_conv, branch_conv)]
            assert [texts[0] for texts in told] == ["I'm interested in quantum physics"] * 2
            assert ["I work at Fermilab." in texts for texts in told] == [False, True]
        await voxon.close()


async def test_custom_storage() -> None:
    """A storage of two methods keeps sessions; the dict it gets can be written as JSON."""

    class CustomSessionStorage(SessionStorage):
        def __init__(self) -> None:
            self.rows: dict[str, str] = {}

        async def save(self, session_data: dict[str, Any]) -> None:
            self.rows[session_data["session_id"]] = json.dumps(session_data)

        async def load(self, session_id: str) -> dict[str, Any] | None:
            row = self.rows.get(session_id)
            return json.loads(row) if row else None

    storage = CustomSessionStorage()
    voxon = Voxon(config=VoxonConfig(session_storage=storage))
    async with voxon.session(user_id="u") as session:
        async with session.conversation() as conv:
            await conv.send_message("My name is Alice")
        session_id = session.session_id
    async with Voxon(VoxonConfig(session_storage=storage)) as later:
        async with later.session(user_id="u") as again:
            assert again.session_id == session_id
            async with again.conversation() as conv:
                assert "Alice" in await conv.send_message("What is my name?")
    assert all("Alice" not in row for row in storage.rows.values())


async def test_session_data_structure(config: VoxonConfig) -> None:
    """With encryption switched off by name, the stored dict is the readable structure."""
    kept: dict[str, dict[str, Any]] = {}

    class Readable(SessionStorage):
        async def save(self, session_data: dict[str, Any]) -> None:
            kept[session_data["session_id"]] = session_data

        async def load(self, session_id: str) -> dict[str, Any] | None:
            return kept.get(session_id)

    plain = VoxonConfig(session_storage=Readable(), session_encryption_method="none")
    async with Voxon(plain) as voxon:
        chosen = SessionConfig(voice="nova", memory_mode="persistent", instructions="Teach")
        async with voxon.session("user_123", session_id="sess_abc123", config=chosen) as session:
            async with session.conversation() as conv:
                await conv.send_message("My name is Alice")
    stored = kept["sess_abc123"]

    assert (stored["session_id"], stored["user_id"]) == ("sess_abc123", "user_123")
    assert stored["config"]["voice"] == "nova" and stored["created_at"] <= stored["updated_at"]
    entry = stored["memory"]["entries"][0]
    assert entry["content"] == "User's name is Alice" and entry["category"] == "identity"
    assert {"timestamp", "importance"} <= set(entry) and stored["memory"]["token_count"] > 0
    assert stored["analytics"]["conversation_count"] == 1 and stored["analytics"]["message_count"] == 2
    assert "total_duration_seconds" in stored["analytics"]
    assert {"formality", "verbosity", "technical_level"} <= set(stored["preferences"])


async def test_session_events(config: VoxonConfig, caplog: pytest.LogCaptureFixture) -> None:
    """All events, and single ones, reach their handlers."""
    logger = logging.getLogger("app")
    seen: list[str] = []
    with caplog.at_level(logging.INFO, logger="app"):
        async with Voxon(config) as voxon, voxon.session("u") as session:
            session.events.on("*", lambda e: logger.info(f"Session event: {e.type}"))
            session.events.on("memory.added", lambda e: seen.append(e.type))
            session.events.on("conversation.started", lambda e: seen.append(e.type))
            async with session.conversation() as conv:
                await conv.send_message("My name is Alice")

    assert seen == ["conversation.started", "memory.added"]
    assert "Session event: session.saved" in caplog.text


async def test_analytics_and_adaptation(config: VoxonConfig) -> None:
    """The documented keys are there, metrics feed the satisfaction score, overrides hold."""
    async with Voxon(config) as voxon, voxon.session("u") as session:
        milestones: list[str] = []
        session.events.on("analytics.milestone", lambda e: milestones.append(e.milestone))
        async with session.conversation() as conversation:
            for number in range(6):
                await conversation.send_message(f"Tell me about topic number {number}, please")
            conv_analytics = conversation.get_analytics()
        session.track_metric("task_completed", 1)
        session.track_metric("user_satisfaction", 4.5)
        session.config.enable_adaptation = True
        session.set_preference("formality", "always_formal")
        analytics, preferences = session.get_analytics(), session.get_learned_preferences()
        metrics = session.get_custom_metrics()

    assert analytics["conversation_count"] == 1 and analytics["message_count"] == 12
    assert {"avg_duration_seconds", "topics", "active_hours", "total_duration_seconds"} <= set(analytics)
    assert analytics["satisfaction_score"] == 4.5
    assert conv_analytics["turn_count"] == 6
    assert {"duration_seconds", "interruption_count", "injection_count", "avg_response_time_ms"} <= set(
        conv_analytics
    )
    assert metrics["task_completed"] == {"count": 1, "last": 1, "mean": 1, "min": 1, "max": 1}
    assert preferences["formality_score"] == "always_formal"
    assert {"speaking_pace", "avg_message_length", "technical_level", "verbosity", "topics"} <= set(
        preferences
    )
    assert "messages:10" in milestones


async def test_user_adaptation(config: VoxonConfig, capsys: pytest.CaptureFixture[str]) -> None:
    """The section on adaptation, its code as it stands there."""
    from voxsession import SessionProfile

    async with Voxon(config) as voxon, voxon.session("user_123") as session:
        async with session.conversation() as conversation:
            for text in ("hey what's up with my order", "gonna need that soon lol", "Where is it now?"):
                await conversation.send_message(text)
        session.config.enable_adaptation = True
        preferences = session.get_learned_preferences()
        print(f"""
Learned Preferences:
- Preferred speaking pace: {preferences["speaking_pace"]}
- Average message length: {preferences["avg_message_length"]}
- Formal/Casual: {preferences["formality_score"]}
- Technical level: {preferences["technical_level"]}
""")
        learned = preferences["formality_score"]
        session.set_preference("formality", "always_formal")

        profile = session.export_preference_profile()
        new_session = voxon.create_session(user_id="user_789", preference_profile=profile)
        combined_profile = SessionProfile.merge([profile, new_session.export_preference_profile()])

        assert "- Average message length: 5.0" in capsys.readouterr().out
        assert learned < 0.4 and preferences["interaction_style"]
        assert new_session.get_learned_preferences()["formality_score"] == "always_formal"
        assert combined_profile.preferences == {"formality": "always_formal"}


async def test_session_analytics(config: VoxonConfig, capsys: pytest.CaptureFixture[str]) -> None:
    """The block "Session Analytics" as it stands: what it prints, what it subscribes to, what it tracks."""
    async with Voxon(config) as voxon, voxon.session("u") as session:
        conversation = await session.start_conversation()
        await conversation.send_message("Thank you, tell me about the weather in Berlin")

        # Get session analytics
        analytics = session.get_analytics()

        print(f"""
Session Analytics:
- Total conversations: {analytics["conversation_count"]}
- Total messages: {analytics["message_count"]}
- Average conversation duration: {analytics["avg_duration_seconds"]}s
- Topics discussed: {analytics["topics"]}
- User satisfaction: {analytics["satisfaction_score"]}/5
- Most active hours: {analytics["active_hours"]}
""")

        # Conversation-specific analytics
        conv_analytics = conversation.get_analytics()
        print(f"""
Conversation Analytics:
- Duration: {conv_analytics["duration_seconds"]}s
- Turn count: {conv_analytics["turn_count"]}
- Interruptions: {conv_analytics["interruption_count"]}
- Context injections: {conv_analytics["injection_count"]}
- Response time: {conv_analytics["avg_response_time_ms"]}ms
""")

        # Subscribe to analytics events
        session.events.on("analytics.milestone", lambda e: print(f"Milestone reached: {e.milestone}"))

        # Track custom metrics
        session.track_metric("task_completed", 1)
        session.track_metric("user_satisfaction", 4.5)

        # Get custom metrics
        custom_metrics = session.get_custom_metrics()
        for _ in range(4):
            await conversation.send_message("Go on")

    printed = capsys.readouterr().out
    assert "- Total messages: 2\n" in printed and "- Turn count: 1\n" in printed
    assert "- Topics discussed: ['" in printed and "Milestone reached: messages:10\n" in printed
    assert set(custom_metrics) == {"task_completed", "user_satisfaction"}


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_preference_profiles(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Export, apply to a new session, merge."""
    async with (
        made(kind, request, tmp_path) as storage,
        Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY)) as voxon,
    ):
        async with voxon.session("user_123") as session, session.conversation() as conv:
            for _ in range(3):
                await conv.send_message("Please be formal. Would you explain quantum physics?")
            profile = session.export_preference_profile()

            new_session = voxon.create_session(user_id="user_789", preference_profile=profile)

            profile1, profile2 = profile, new_session.export_preference_profile()
            combined_profile = SessionProfile.merge([profile1, profile2])
        await new_session.close()

    assert new_session.get_learned_preferences()["formality_score"] > 0.9
    assert "quantum physics" in combined_profile.topics and not combined_profile.conflicts


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_session_templates(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The section as it stands."""
    async with made(kind, request, tmp_path) as storage:
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        # Define reusable session template
        template = SessionTemplate(
            name="medical_consultation",
            base_config=SessionConfig(
                instructions="You are a medical assistant...", memory_mode="persistent", enable_analytics=True
            ),
            required_context=["patient_id", "appointment_type"],
            memory_categories=["medical_history", "symptoms", "medications"],
        )

        # Create session from template
        session = voxon.create_session_from_template(
            template=template, context={"patient_id": "P12345", "appointment_type": "follow_up"}
        )

        with pytest.raises(ConfigurationError, match="appointment_type"):
            voxon.create_session_from_template(template=template, context={"patient_id": "P12345"})
        session.add_memory("Aspirin", category="medications")
        with pytest.raises(ConfigurationError, match="medical_history"):
            session.add_memory("Likes tea", category="drinks")
        await session.close()
        async with await voxon.load_session(session.session_id) as again:
            assert again.config.instructions == "You are a medical assistant..."
            assert again.state["context"] == {"patient_id": "P12345", "appointment_type": "follow_up"}
            with pytest.raises(ConfigurationError, match="medical_history"):
                again.add_memory("Likes tea", category="drinks")
        await voxon.close()


async def test_monitoring_and_debugging(
    config: VoxonConfig, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The section as it stands: all events, single ones, debug mode, debug information, debug logs."""
    logger = logging.getLogger("app")
    heard: list[str] = []

    def handle_memory_update(event: Any) -> None:
        heard.append(event.entry.content)

    def handle_conversation_start(event: Any) -> None:
        heard.append(event.conversation_id)

    def handle_preference_update(event: Any) -> None:
        heard.append(event.name)

    with caplog.at_level(logging.INFO, logger="app"):
        async with Voxon(config) as voxon, voxon.session(user_id="u") as session:
            session.events.on("*", lambda e: logger.info(f"Session event: {e.type}"))
            session.events.on("memory.added", handle_memory_update)
            session.events.on("conversation.started", handle_conversation_start)
            session.events.on("preference.learned", handle_preference_update)
            session.enable_debug()
            async with session.conversation("talk") as conv:
                await conv.send_message("My name is Alice")
                for _ in range(4):
                    await conv.send_message("Please be formal.")

            debug_info = session.get_debug_info()
            print(f"""
Debug Information:
- Memory snapshots: {len(debug_info["memory_snapshots"])}
- Event history: {len(debug_info["events"])}
- State transitions: {debug_info["state_transitions"]}
- Error count: {debug_info["error_count"]}
""")
            debug_logs = session.export_debug_logs()

    assert heard[0] == "talk" and "User's name is Alice" in heard and "formality" in heard
    assert "Session event: session.saved" in caplog.text
    assert "- Error count: 0" in capsys.readouterr().out
    assert "Alice" not in debug_logs and '"memory.added"' in debug_logs


async def test_debugging(config: VoxonConfig) -> None:
    """Debug mode collects snapshots, events and transitions."""
    async with Voxon(config) as voxon, voxon.session("u") as session:
        session.enable_debug()
        async with session.conversation() as conv:
            await conv.send_message("My name is Alice")
        info = session.get_debug_info()
        logs = session.export_debug_logs()

    assert info["memory_snapshots"] and info["events"] and info["state_transitions"]
    assert info["error_count"] == 0 and "Alice" not in logs and "memory.added" in logs


async def test_best_practices(config: VoxonConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The life cycle by hand and by blocks, memory care, encryption by SESSION_KEY, lazy loading, batches."""
    voxon = Voxon(config)
    try:
        session = await voxon.create_session(user_id="123", session_id="123")
        await session.start_conversation()
    finally:
        await session.save()
        await session.close()
    async with voxon.session(user_id="123") as session:
        async with session.conversation() as conv:
            await conv.send_message("Hello")
        if session.memory_usage > 0.8:
            session.compress_memory(keep_recent_days=7)
        session.add_memory(
            content="Prefers morning appointments", category="scheduling", expires_after_days=30
        )
        session.add_memory(content="User phone is [REDACTED]", category="contact", sensitive=True)
    session = await voxon.load_session(session_id="123", lazy_load=True)
    with session.batch_update():
        session.add_memory("in a batch")
        session.update_preference("verbosity", "brief")
        session.track_metric("batches", 1)
    await session.close()
    await voxon.close()

    monkeypatch.setenv("SESSION_KEY", KEY)
    sealed = VoxonConfig(
        session_storage_path=str(tmp_path / "sealed"),
        session_encryption_key=os.getenv("SESSION_KEY"),
        session_encryption_method="AES256",
    )
    async with Voxon(sealed) as voxon, voxon.session("u", session_id="s") as session:
        session.add_memory("sealed")
    async with Voxon(sealed) as voxon, await voxon.load_session("s") as session:
        assert session.get_memory().entries[0].content == "sealed"


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_session_sharing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The document's example of sharing, as it stands there."""
    async with made(kind, request, tmp_path) as storage:
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        session = voxon.create_session(user_id="user_123")
        session.add_memory("Takes aspirin")

        # Share session between users (with permissions)
        shared_session = session.create_shared_view(
            shared_with_user_id="doctor_456", permissions=["read", "add_notes"], expire_after_hours=24
        )

        # Access shared session
        shared = await voxon.access_shared_session(share_token=shared_session.token, user_id="doctor_456")

        assert [entry.content for entry in (await shared.get_memory()).entries] == ["Takes aspirin"]
        await shared.add_note("Stop it")
        await session.close()
        await voxon.close()


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_session_migrations(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A session goes to a different system, and its user has another name there."""
    async with made(kind, request, tmp_path) as storage, made("memory", request, tmp_path) as old:
        voxon = Voxon(VoxonConfig(session_storage=old))
        session = await voxon.create_session(user_id="old_123", session_id="s")
        async with session.start_conversation() as conv:
            await conv.send_message("My name is Alice")
        export_data = await session.export_full()
        json.dumps(export_data)

        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        imported_session = await voxon.import_session(export_data, user_id_mapping={"old_123": "new_456"})
        assert imported_session.user_id == "new_456"
        await imported_session.close()
        async with voxon.session(user_id="new_456") as session, session.conversation() as conv:
            assert session.session_id == "s" and "Alice" in await conv.send_message("What's my name?")


@pytest.mark.parametrize("kind", THREE_STORAGES)
async def test_performance_optimization(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Lazy loading, and a batch that is saved together."""
    async with made(kind, request, tmp_path) as storage:
        voxon = Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))
        async with voxon.session(user_id="u", session_id="123") as session:
            session.add_memory("stored before")
        session = await voxon.load_session(
            session_id="123",
            lazy_load=True,  # Don't load memory until needed
        )
        with session.batch_update():
            session.add_memory("in a batch")
            session.update_preference("verbosity", "brief")
            session.track_metric("batches", 1)
        # All updates saved together
        await session.close()
        async with await voxon.load_session("123") as again:
            texts = [entry.content for entry in again.get_memory().entries]
            assert texts == ["stored before", "in a batch"]
            assert again.get_learned_preferences()["verbosity"] == "brief"
            assert again.get_custom_metrics()["batches"]["count"] == 1
