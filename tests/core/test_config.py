"""The settings of a session: checked when given, checked when set, recorded while it is live."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import texts
from voxsession.core.config import (
    RecordingConfig,
    SessionConfig,
    check_setting,
    config_values,
    known_settings,
)
from voxsession.errors import ConfigurationError

DEFAULTS = {
    "instructions": "You are a helpful assistant",
    "voice": "alloy",
    "language": None,
    "temperature": 0.8,
    "max_output_tokens": 4096,
    "enable_functions": False,
    "memory_mode": "hybrid",
    "max_memory_size": 10_000,
    "enable_learning": True,
    "enable_analytics": True,
    "milestones": {},
    "enable_adaptation": True,
    "context_tokens": 8000,
    "timezone": "UTC",
    "memory_categories": {},
    "memory_archive_days": None,
    "context_shares": {},
}

# A wrong value for each setting, and what its error must say of the allowed range.
WRONG: list[tuple[str, Any, str]] = [
    ("session_id", "../x", "1 to 200"),
    ("session_id", "", "1 to 200"),
    ("user_id", "", "1 to 1000"),
    ("user_id", 5, "a str"),
    ("instructions", None, "a str"),
    ("instructions", "\ud800", "surrogate"),
    ("voice", "", "at least one character"),
    ("voice", 3, "a str"),
    ("language", " ", "at least one character"),
    ("temperature", "hot", "from 0 to 2"),
    ("temperature", 2.01, "from 0 to 2"),
    ("temperature", -0.1, "from 0 to 2"),
    ("temperature", float("nan"), "from 0 to 2"),
    ("temperature", True, "from 0 to 2"),
    ("temperature", 10**400, "from 0 to 2"),
    ("max_output_tokens", 0, "whole number from 1"),
    ("max_output_tokens", 1.5, "whole number from 1"),
    ("enable_functions", 1, "True or False"),
    ("enable_functions", "yes", "True or False"),
    ("memory_mode", "forever", "ephemeral, persistent, hybrid"),
    ("memory_mode", ["hybrid"], "ephemeral, persistent, hybrid"),
    ("max_memory_size", -1, "from 0"),
    ("enable_learning", None, "True or False"),
    ("enable_analytics", 0, "True or False"),
    ("enable_adaptation", "", "True or False"),
    ("context_tokens", 63, "from 64"),
    ("timezone", "Mars/Olympus", "IANA"),
    ("timezone", "../../etc/passwd", "IANA"),
    ("timezone", "", "IANA"),
    ("timezone", None, "a str"),
]


def live(values: dict[str, Any]) -> tuple[RecordingConfig, list[tuple[str, Any]]]:
    """A recording config over these values, with what it recorded."""
    recorded: list[tuple[str, Any]] = []

    def record(name: str, value: Any) -> None:
        recorded.append((name, value))
        values[name] = value

    return RecordingConfig(lambda: values, record), recorded


def test_the_defaults_are_those_of_the_api() -> None:
    """A config made without arguments has the documented settings, and no ids."""
    config = SessionConfig()
    assert config_values(config) == DEFAULTS
    assert config.session_id is None and config.user_id is None
    assert config == SessionConfig(**DEFAULTS)


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_names_field_value_and_range(name: str, value: Any, said: str) -> None:
    """Given, set or set on a live session: the error names the field and what is allowed, and nothing changes."""
    config, recorded = live(dict(DEFAULTS))
    plain = SessionConfig()
    for attempt in (
        lambda: SessionConfig(**{name: value}),
        lambda: plain.replace(**{name: value}),
        lambda: setattr(plain, name, value),
        lambda: setattr(config, name, value),
    ):
        with pytest.raises(ConfigurationError) as caught:
            attempt()
        assert name in str(caught.value) and said in str(caught.value)
        assert caught.value.option == name
    assert plain == SessionConfig() and not recorded


def test_the_value_is_named_too() -> None:
    """A short wrong value stands in the sentence as it was given."""
    with pytest.raises(
        ConfigurationError, match="temperature='hot' is not allowed: a number from 0 to 2 is needed"
    ):
        SessionConfig(temperature="hot")
    with pytest.raises(ConfigurationError, match="voice=3 "):
        SessionConfig(voice=3)


@pytest.mark.parametrize(("name", "near"), [("temprature", "'temperature'"), ("zzz", "Known: session_id")])
def test_an_unknown_setting_names_what_was_meant(name: str, near: str) -> None:
    """A misspelt setting is refused wherever it is used, with the nearest or all known names."""
    config = SessionConfig()
    for attempt in (lambda: SessionConfig(**{name: 1}), lambda: setattr(config, name, 1)):
        with pytest.raises(ConfigurationError, match=near) as caught:
            attempt()
        assert caught.value.option == name
    with pytest.raises(AttributeError):
        getattr(config, name)


def test_where_a_setting_stood_is_named() -> None:
    """A setting from a file is refused with the name of the file."""
    with pytest.raises(ConfigurationError, match=r"mine\.toml: temperature='hot'"):
        check_setting("temperature", "hot", "mine.toml")
    with pytest.raises(ConfigurationError, match=r"\(in mine\.toml\)"):
        check_setting("temprature", 1, "mine.toml")


@given(
    instructions=texts,
    temperature=st.floats(0, 2) | st.integers(0, 2),
    memory_mode=st.sampled_from(["ephemeral", "persistent", "hybrid"]),
    size=st.integers(0, 100_000_000),
    learning=st.booleans(),
)
def test_allowed_values_are_kept(
    instructions: str, temperature: float, memory_mode: str, size: int, learning: bool
) -> None:
    """What is in range is kept as it is, given or set, and a copy is equal to it."""
    settings = {
        "instructions": instructions,
        "temperature": temperature,
        "memory_mode": memory_mode,
        "max_memory_size": size,
        "enable_learning": learning,
    }
    config, other = SessionConfig(**settings), SessionConfig()
    for name, value in settings.items():
        setattr(other, name, value)
        assert getattr(config, name) == value
    assert config == other == config.replace() == copy.deepcopy(config)
    assert SessionConfig(**config_values(config)) == config


def test_a_copy_is_another_config() -> None:
    """`replace` leaves the config it was called on alone, and its ids stay with the copy."""
    config = SessionConfig(session_id="s1", user_id="u")
    changed = config.replace(temperature=0.1)
    assert (changed.temperature, changed.session_id, changed.user_id) == (0.1, "s1", "u")
    assert config.temperature == 0.8 and config not in (changed, "other")


def test_the_text_form_shows_no_person() -> None:
    """The text form names changed settings, but neither instructions nor whose session it is."""
    shown = repr(
        SessionConfig(instructions="About Alice's illness", user_id="alice@example.org", temperature=0.3)
    )
    assert shown == "SessionConfig(temperature=0.3)"


def test_zones_are_iana_names() -> None:
    """Any zone that the machine knows is taken."""
    assert SessionConfig(timezone="Europe/Berlin").timezone == "Europe/Berlin"


def test_a_live_config_shows_and_records() -> None:
    """Setting records one checked change; reading shows what holds now, and the default where nothing does."""
    config, recorded = live({"temperature": 0.5})
    config.enable_adaptation = False
    config.temperature = 1

    assert recorded == [("enable_adaptation", False), ("temperature", 1)]
    assert (config.temperature, config.enable_adaptation, config.voice) == (1, False, "alloy")
    assert config == SessionConfig(temperature=1, enable_adaptation=False)
    assert type(config.replace(voice="echo")) is SessionConfig
    assert recorded == [("enable_adaptation", False), ("temperature", 1)]


@pytest.mark.parametrize("name", ["session_id", "user_id"])
def test_whose_session_it_is_cannot_be_set(name: str) -> None:
    """The ids of a live session are fixed."""
    config, recorded = live(dict(DEFAULTS))
    with pytest.raises(ConfigurationError, match=name):
        setattr(config, name, "other")
    assert not recorded


def test_settings_of_another_version_are_left_out() -> None:
    """Of stored values those that this version knows are settings; ids are not among them."""
    assert known_settings({"temperature": 0.1, "from_the_future": 1, "session_id": "x", "user_id": "u"}) == {
        "temperature": 0.1
    }
