"""The state as a dict: what is written is what is read, and what is wrong is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import json_objects, moments, texts
from voxsession import ConfigurationError, UnsupportedFormatError
from voxsession.resume import SessionState, SessionStatus

counts = st.integers(0, 10**6)
states = st.builds(
    SessionState,
    conversation_id=st.text("abcXYZ019_:@+=-", min_size=1, max_size=40),
    session_id=st.none() | st.just("sess_1"),
    caller=texts,
    status=st.sampled_from(SessionStatus),
    created_at=moments,
    last_activity=moments,
    resumed_count=counts,
    conversation_history=st.lists(json_objects, max_size=3),
    current_turn=counts,
    function_calls=st.lists(json_objects.filter(lambda row: "call_id" not in row), max_size=2),
    audio_buffer=st.lists(st.binary(max_size=40), max_size=4),
    audio_metadata=json_objects,
    openai_session_id=st.none() | texts,
    error_count=counts,
    last_error=st.none() | texts,
    metadata=json_objects,
)


@given(states)
def test_a_state_comes_back_as_it_was(state: SessionState) -> None:
    """Through JSON too; and both dicts are the same."""
    written = json.loads(json.dumps(state.to_dict()))
    assert SessionState.from_dict(written) == state
    assert SessionState.from_dict(written).to_dict() == written


def test_every_field_is_written() -> None:
    """The dict has each public field of the state, and the version."""
    names = {field.name for field in attrs.fields(SessionState) if not field.name.startswith("_")}
    assert set(SessionState("c").to_dict()) == names | {"version"}


def test_a_dict_of_the_earlier_service_is_understood() -> None:
    """Naive times are UTC, sound is hex, history has its own form, and what is missing has its default."""
    state = SessionState.from_dict(
        {
            "conversation_id": "c1",
            "status": "paused",
            "created_at": "2026-01-02T03:04:05.678901",
            "last_activity": datetime(2026, 1, 2, 4),
            "conversation_history": [{"type": "input", "text": "Hello"}],
            "audio_buffer": ["00ff", ""],
        }
    )
    assert state.created_at == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert state.last_activity == datetime(2026, 1, 2, 4, tzinfo=UTC)
    assert (state.status, state.audio_buffer) == (SessionStatus.PAUSED, [b"\x00\xff", b""])
    assert (state.bridge_type, state.media_format) == ("audiocodes", "raw/lpcm16")


def test_times_of_other_zones_become_utc() -> None:
    """The moment stays the same."""
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    state = SessionState.from_dict({"conversation_id": "c", "created_at": noon})
    assert state.created_at == noon and state.created_at.utcoffset() == timedelta()


@pytest.mark.parametrize("version", [2, 99, "1", True, None, 1.5])
def test_a_newer_version_is_told(version: Any) -> None:
    """It says which, and what this version reads; nothing is guessed."""
    with pytest.raises(UnsupportedFormatError):
        SessionState.from_dict({"conversation_id": "c", "version": version})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "conversation_id"),
        ({"conversation_id": "a/b"}, "conversation_id"),
        ({"conversation_id": "c", "session_id": ".x"}, "session_id"),
        ({"conversation_id": "c", "status": "half"}, "status"),
        ({"conversation_id": "c", "colour": "red"}, "colour"),
        ({"conversation_id": "c", "created_at": "then"}, "created_at"),
        ({"conversation_id": "c", "audio_buffer": ["zz"]}, "audio_buffer[0]"),
        ({"conversation_id": "c", "audio_buffer": ["base64:?"]}, "audio_buffer[0]"),
        ({"conversation_id": "c", "audio_buffer": "00"}, "audio_buffer"),
        ({"conversation_id": "c", "audio_buffer": ["00" * 9_000_000]}, "audio_buffer"),
        ({"conversation_id": "c", "conversation_history": [7]}, "conversation_history[0]"),
        ({"conversation_id": "c", "function_calls": [{"call_id": 7}]}, "function_calls[0].call_id"),
        ([], "state"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(given: Any, named: str) -> None:
    """One sentence with the field."""
    with pytest.raises(ConfigurationError) as told:
        SessionState.from_dict(given)
    assert named in str(told.value)


def test_to_dict_checks_what_was_set() -> None:
    """A state is settable, so what cannot be stored is found when it is written."""
    state = SessionState("c")
    state.status = "gone"  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="status"):
        state.to_dict()
    state = SessionState("c", function_calls=[{"name": object()}])
    with pytest.raises(ConfigurationError, match="function_calls"):
        state.to_dict()


def test_a_repr_tells_no_words() -> None:
    """Logs may show a state: neither words nor sound nor the app's own data stand in it."""
    state = SessionState(
        "c", conversation_history=[{"text": "private"}], metadata={"x": "private"}, last_error="private"
    )
    assert "private" not in repr(state)
