"""Presets: fresh configs from checked TOML files."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from voxsession.core.config import SessionConfig
from voxsession.errors import ConfigurationError
from voxsession.presets import SessionPresets, resolve_preset

SHIPPED = ["conversation", "customer_support", "educational", "task_oriented"]


@pytest.fixture
def registered() -> Iterator[str]:
    """The name of a preset that is registered for one test."""
    SessionPresets.register(
        "Night shift", SessionConfig(voice="nova", session_id="s1"), description="Nights."
    )
    yield "night_shift"
    SessionPresets.unregister("night_shift")


def test_the_four_presets_have_their_values() -> None:
    """Each has what the documentation says of it."""
    conversation, task = SessionPresets.CONVERSATION, SessionPresets.TASK_ORIENTED
    educational, support = SessionPresets.EDUCATIONAL, SessionPresets.CUSTOMER_SUPPORT

    assert (conversation.temperature, conversation.memory_mode, conversation.enable_learning) == (
        0.8,
        "persistent",
        True,
    )
    assert (task.temperature, task.memory_mode, task.enable_functions) == (0.3, "ephemeral", True)
    assert (educational.temperature, educational.memory_mode, educational.enable_adaptation) == (
        0.5,
        "hybrid",
        True,
    )
    assert (support.memory_mode, support.enable_analytics) == ("persistent", True)
    assert "professional" in support.instructions.lower()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_preset_is_complete(name: str) -> None:
    """It has instructions of its own, says what it is for, and belongs to nobody."""
    config = SessionPresets.get(name)

    assert len(config.instructions) > 100
    assert SessionPresets.describe(name)
    assert (config.session_id, config.user_id) == (None, None)


def test_each_access_gives_a_fresh_config() -> None:
    """Changing one does not change the next."""
    first = SessionPresets.EDUCATIONAL
    first.temperature = 1.5

    assert SessionPresets.EDUCATIONAL.temperature == 0.5
    assert SessionPresets.get("educational") is not SessionPresets.get("educational")


@pytest.mark.parametrize("name", ["educational", "EDUCATIONAL", " Educational "])
def test_names_are_read_kindly(name: str) -> None:
    """Capitals and white space do not matter, hyphens and spaces are underscores."""
    assert SessionPresets.get(name) == SessionPresets.EDUCATIONAL
    assert SessionPresets.get("task-oriented") == SessionPresets.get("Task Oriented")


def test_an_unknown_preset_is_named_with_the_known_ones() -> None:
    """The error lists the names and the near one, by name and by attribute; tools can still ask for attributes."""
    with pytest.raises(
        ConfigurationError, match=r"'educatonal'.*Did you mean 'educational'.*customer_support"
    ):
        SessionPresets.get("educatonal")
    with pytest.raises(ConfigurationError, match="'TASK'"):
        _ = SessionPresets.TASK

    assert not hasattr(SessionPresets, "TASK")
    with pytest.raises(ConfigurationError) as caught:
        _ = SessionPresets.TASK
    assert repr(type(caught.value)) == "<class 'voxsession.errors.ConfigurationError'>"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.option) == (str(caught.value), "preset")
    assert not hasattr(SessionPresets, "__wrapped__")
    assert {"EDUCATIONAL", "load"} <= set(dir(SessionPresets))


@pytest.mark.parametrize("name", ["../conversation", "conversation.toml", "templates", "", "*", "a\0b"])
def test_a_name_is_never_a_path(name: str) -> None:
    """No name leads out of the folder of the presets."""
    with pytest.raises(ConfigurationError):
        SessionPresets.get(name)


def test_a_registered_preset_is_like_the_others(registered: str) -> None:
    """It is listed, found under any spelling, and kept without the id of the config it was made from."""
    assert SessionPresets.names() == sorted([*SHIPPED, registered])
    assert SessionPresets.NIGHT_SHIFT.voice == "nova"
    assert SessionPresets.NIGHT_SHIFT.session_id is None
    assert SessionPresets.describe("night-shift") == "Nights."


@pytest.mark.parametrize("name", ["educational", "Task-Oriented", "", "1st", "a/b", "ü"])
def test_a_bad_name_is_not_registered(name: str) -> None:
    """The names that ship are taken, and a name has letters, digits and underscores."""
    with pytest.raises(ConfigurationError):
        SessionPresets.register(name, SessionConfig())
    assert SessionPresets.names() == SHIPPED


# --- files


def test_a_preset_is_loaded_from_a_file(tmp_path: Path) -> None:
    """Keys are settings, what is not named has its default."""
    file = tmp_path / "kiosk.toml"
    file.write_text('description = "A kiosk."\ntemperature = 1\nlanguage = "de"\n')

    config = SessionPresets.load(file)

    assert (config.temperature, config.language, config.voice) == (1, "de", "alloy")


def test_a_preset_extends_another(tmp_path: Path) -> None:
    """What it does not set comes from the one it extends: beside it, registered, or shipped, over several files."""
    (tmp_path / "base.toml").write_text('extends = "educational"\nvoice = "nova"\n')
    (tmp_path / "kiosk.toml").write_text('extends = "Base"\ntemperature = 0.1\n')

    config = SessionPresets.load(tmp_path / "kiosk.toml")

    assert (config.temperature, config.voice) == (0.1, "nova")
    assert config.instructions == SessionPresets.EDUCATIONAL.instructions


def test_a_chain_that_nobody_can_follow_is_refused(tmp_path: Path) -> None:
    """It is told, before there is no room left to follow it."""
    for number in range(1200):
        (tmp_path / f"p{number}.toml").write_text(f'extends = "p{number + 1}"\n')
    with pytest.raises(ConfigurationError, match="extend each other"):
        SessionPresets.load(tmp_path / "p0.toml")


def test_a_file_may_extend_the_shipped_preset_of_its_own_name(tmp_path: Path, registered: str) -> None:
    """That is how one changes a shipped preset a little."""
    (tmp_path / "educational.toml").write_text('extends = "educational"\nvoice = "nova"\n')
    (tmp_path / "night_shift.toml").write_text('extends = "night_shift"\ntemperature = 0\n')

    assert SessionPresets.load(tmp_path / "educational.toml").temperature == 0.5
    assert SessionPresets.load(tmp_path / "night_shift.toml").voice == "nova"


def test_presets_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    """The error names the circle."""
    for name, other in (("a", "b"), ("b", "c"), ("c", "b"), ("own", "own")):
        (tmp_path / f"{name}.toml").write_text(f'extends = "{other}"\n')

    with pytest.raises(ConfigurationError, match="b -> c -> b"):
        SessionPresets.load(tmp_path / "a.toml")
    with pytest.raises(ConfigurationError, match="own -> own"):
        SessionPresets.load(tmp_path / "own.toml")


BAD_FILES = [
    ('temperature = "hot"', "temperature", "from 0 to 2"),
    ("temperature = 3", "temperature", "from 0 to 2"),
    ("temperature = nan", "temperature", "from 0 to 2"),
    ('memory_mode = "forever"', "memory_mode", "ephemeral, persistent, hybrid"),
    ("enable_learning = 1", "enable_learning", "True or False"),
    ("temprature = 0.3", "temprature", "Did you mean 'temperature'"),
    ("[temperature]\nvalue = 1", "temperature", "from 0 to 2"),
    ('session_id = "s1"', "session_id", "create_session"),
    ('user_id = "u1"', "user_id", "create_session"),
    ("description = 3", "description", "a str is needed"),
    ("extends = 3", "extends", "a str is needed"),
    ('extends = "nobody"', "nobody", "Known: conversation"),
    ('voice = "nova"\ntemperature = = 3\n', "line 2", "no TOML"),
    ('voice = "nova', "line 1", "no TOML"),
    ('voice = "nova"\nlanguage = """de\n', "line 3", "no TOML"),
    ('voice = "a"\nvoice = "b"', "no TOML", "line 2"),
]


@pytest.mark.parametrize(("text", "what", "allowed"), BAD_FILES, ids=[text for text, _, _ in BAD_FILES])
def test_a_bad_file_is_explained(tmp_path: Path, text: str, what: str, allowed: str) -> None:
    """The error names the file, the key or line, and what is allowed."""
    file = tmp_path / "kiosk.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        SessionPresets.load(file)
    for part in ("kiosk.toml", what, allowed):
        assert part in str(caught.value)


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    """Missing files, folders, other encodings and NUL are configuration errors that name the file."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'voice = "nova"\ninstructions = "caf\xe9"\n')

    with pytest.raises(ConfigurationError, match=r"nowhere\.toml' cannot be read"):
        SessionPresets.load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SessionPresets.load(tmp_path)
    with pytest.raises(ConfigurationError, match=r"latin\.toml.*UTF-8 \(at line 2\)"):
        SessionPresets.load(latin)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SessionPresets.load("a\0b.toml")


# --- whatever is given as a preset


def test_whatever_names_a_preset_is_taken(tmp_path: Path) -> None:
    """A name, a path as text or object, and a config all give a config."""
    file = tmp_path / "kiosk.toml"
    file.write_text("temperature = 0.1")

    assert resolve_preset("educational") == SessionPresets.EDUCATIONAL
    assert resolve_preset(file).temperature == 0.1
    assert resolve_preset(str(file)).temperature == 0.1
    assert resolve_preset(SessionConfig(temperature=0.2, user_id="u")).temperature == 0.2
    for wrong in (None, 3, ["educational"], SessionPresets):
        with pytest.raises(ConfigurationError, match="preset"):
            resolve_preset(wrong)  # type: ignore[arg-type]


def test_a_config_used_twice_names_no_session_twice() -> None:
    """A config is copied without its session's id, so that two people never get one session."""
    mine = SessionConfig(session_id="s1", user_id="u1", voice="nova")

    first, second = resolve_preset(mine), resolve_preset(mine)

    assert (first.session_id, first.user_id, first.voice) == (None, "u1", "nova")
    assert first is not second
    assert mine.session_id == "s1"
