"""A mistake that is easily made is answered with what to do instead."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voxsession import ConfigurationError, Conversation, Reply, Session, SessionConfig, Voxon, VoxonConfig
from voxsession.testing import ScriptedModel

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """A session in memory."""
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon, voxon.session("u") as opened:
        yield opened


@pytest.fixture
async def conv(session: Session) -> Conversation:
    """A conversation of it."""
    return await session.start_conversation()


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "Hello"}]}, "content='list'.*text of those"),
        ({"role": "assistant", "content": None}, "content is missing"),
        ({"role": "user", "content": ""}, "content is empty"),
        ({"role": "assistant", "content": "Hello", "refusal": None}, "'refusal'.*leave others out"),
        ({"role": "user", "content": "Hello", "at": "2026-05-01T09:00:00Z"}, "fromisoformat"),
    ],
)
async def test_a_message_in_a_client_s_form_is_told_by_field(
    conv: Conversation, message: dict[str, Any], remedy: str
) -> None:
    """The error names the place, the field as the app wrote it, and what to give; nothing is recorded."""
    with pytest.raises(ConfigurationError, match=remedy) as refused:
        await conv.add_messages([message])

    assert "messages[0]" in str(refused.value) and refused.value.option != "text"
    assert "Hello" not in str(refused.value)
    assert conv.messages == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("memory.add", "did you mean 'memory.added'"), ("sesion.*", "known:"), ("*.none", "known:")],
)
async def test_an_event_that_never_comes_is_noticed(session: Session, name: str, hint: str) -> None:
    """A misspelt name and a pattern that takes no event are refused; families and the star are taken."""
    with pytest.raises(ConfigurationError, match=hint):
        session.events.on(name, print)

    for pattern in ("*", "session.*", "*.added", "memory.added"):
        session.events.on(pattern, print)()


@pytest.mark.parametrize("given", ["memories.jsonl", '{"entries": []}'])
async def test_a_path_is_no_export(session: Session, given: Any) -> None:
    """The error says which call takes a file, and how JSON text becomes an export."""
    with pytest.raises(ConfigurationError, match=r"import_memory_from\(path\).*json\.loads") as refused:
        session.import_memory(given)

    assert given not in str(refused.value)


async def test_a_name_is_no_function(conv: Conversation) -> None:
    """A text in place of a function is told as that, and not as a function with a wrong name."""
    with pytest.raises(ConfigurationError, match="give the function itself"):
        conv.register_function("weather")  # type: ignore[call-overload]


async def test_the_state_says_how_it_is_changed(session: Session) -> None:
    """Setting or deleting an item is refused with the calls that do it, and changes nothing."""
    session.update_state(step=1)
    state: Any = session.state

    with pytest.raises(TypeError, match=r"update_state\(name=value\).*replace_state"):
        state["step"] = 2
    with pytest.raises(TypeError, match=r"replace_state"):
        del state["step"]
    assert dict(session.state) == {"step": 1}


@pytest.mark.parametrize("registers", [True, False])
async def test_functions_that_are_not_called_are_told_once(
    registers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Registered or asked for, and not enabled: one line says what it takes; enabled, there is none."""
    calls = [Reply("", tool_calls=[CALL]), "Hello"]

    async def told(*, enabled: bool) -> list[str]:
        caplog.clear()
        model = ScriptedModel(calls if enabled or not registers else ["Hello", "Hello"])
        settings = SessionConfig(enable_functions=enabled)
        async with Voxon(VoxonConfig(session_storage="memory"), model=model) as voxon:
            async with voxon.session("u", config=settings) as session, session.conversation() as conv:
                if registers or enabled:
                    conv.register_function(weather)
                for _ in range(1 if enabled else 2):
                    await conv.send_message("Rain?")
        lines = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
        return [line for line in lines if "functions" in line]

    lines = await told(enabled=False)
    assert len(lines) == 1 and "enable_functions=True" in lines[0]
    assert await told(enabled=True) == []


def weather() -> str:
    """The weather."""
    return "dry"
