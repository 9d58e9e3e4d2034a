"""The settings of one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

import attrs

from voxsession.core.rules import check_categories, check_milestones, check_shares
from voxsession.core.types import check_flag, check_id, check_number, check_text, check_user_id, copy_json
from voxsession.errors import ConfigurationError

__all__ = [
    "MEMORY_MODES",
    "RecordingConfig",
    "SessionConfig",
    "check_setting",
    "config_values",
    "known_settings",
]

MEMORY_MODES = ("ephemeral", "persistent", "hybrid")
MemoryMode: TypeAlias = Literal["ephemeral", "persistent", "hybrid"]
_Check = Callable[[str, Any], Any]


class SessionSettings(TypedDict, total=False):
    """What `SessionConfig` takes, for editors and type checkers: what its fields take."""

    session_id: str | None
    user_id: str | None
    instructions: str
    voice: str
    language: str | None
    temperature: float
    max_output_tokens: int
    enable_functions: bool
    memory_mode: MemoryMode
    max_memory_size: int
    memory_categories: Mapping[str, Mapping[str, float]]
    memory_archive_days: float | None
    enable_learning: bool
    enable_analytics: bool
    enable_adaptation: bool
    milestones: Mapping[str, Sequence[float]]
    context_tokens: int
    context_shares: Mapping[str, float]
    timezone: str


def _within(low: float, high: float, *, whole: bool = False) -> _Check:
    return lambda option, value: check_number(option, value, low, high, whole=whole)


def _mode(option: str, value: Any) -> str:
    if value in MEMORY_MODES:
        return str(value)
    raise ConfigurationError.out_of_range(option, value, "choose one of " + ", ".join(MEMORY_MODES))


def _optional_text(option: str, value: Any) -> str | None:
    return None if value is None else check_text(option, value, allow_empty=False)


def _optional_days(option: str, value: Any) -> float | None:
    return None if value is None else float(check_number(option, value, 0, 36_500))


def _zone(option: str, value: Any) -> str:
    name = check_text(option, value)
    if name != "UTC":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ConfigurationError.out_of_range(
                option, value, "give an IANA time zone such as Europe/Berlin (on Windows: pip install tzdata)"
            ) from None
    return name


# Each setting: its default and its check.
_SETTINGS: dict[str, tuple[Any, _Check]] = {
    "session_id": (None, lambda option, value: None if value is None else check_id(option, value)),
    "user_id": (None, lambda option, value: check_user_id(value, option)),
    "instructions": ("You are a helpful assistant", check_text),
    "voice": ("alloy", lambda option, value: check_text(option, value, allow_empty=False)),
    "language": (None, _optional_text),
    "temperature": (0.8, _within(0, 2)),
    "max_output_tokens": (4096, _within(1, 10_000_000, whole=True)),
    "enable_functions": (False, check_flag),
    "memory_mode": ("hybrid", _mode),
    "max_memory_size": (10_000, _within(0, 100_000_000, whole=True)),
    "memory_categories": ({}, check_categories),
    "memory_archive_days": (None, _optional_days),
    "enable_learning": (True, check_flag),
    "enable_analytics": (True, check_flag),
    "enable_adaptation": (True, check_flag),
    "milestones": ({}, check_milestones),
    "context_tokens": (8000, _within(64, 100_000_000, whole=True)),
    "context_shares": ({}, check_shares),
    "timezone": ("UTC", _zone),
}


def check_setting(name: str, value: Any, where: str = "") -> Any:
    """The value as it is kept; `ConfigurationError` naming field, value, allowed range and `where`."""
    if name not in _SETTINGS:
        import difflib  # only for the hint

        near = difflib.get_close_matches(name, _SETTINGS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else " Known: " + ", ".join(_SETTINGS) + "."
        place = f" (in {where})" if where else ""
        raise ConfigurationError(f"There is no setting {name!r}{place}.{hint}", option=name, value=value)
    try:
        return _SETTINGS[name][1](name, value)
    except ConfigurationError as error:
        if not where:
            raise
        raise ConfigurationError(f"{where}: {error}", option=name, value=value) from None


@attrs.define(slots=False, init=False, eq=False, repr=False)
class SessionConfig:
    """The settings of one session; each is checked when it is given and when it is set.

    Args:
        session_id: chosen by the app; None lets the facade make one.
        user_id: whose session it is; any text of up to 1,000 characters.
        instructions: what the model is told first.
        voice: name of the voice, for speech.
        language: language of replies, such as ``en``; None leaves it to the model.
        temperature: 0 to 2.
        max_output_tokens: longest reply, in tokens.
        enable_functions: whether the model may call registered functions.
        memory_mode: ``ephemeral``, ``persistent`` or ``hybrid``.
        max_memory_size: budget of all memories, in tokens.
        memory_categories: category -> ``share`` of that budget that it takes at most (0 to 1),
            ``expires_after_days`` of its new entries, ``half_life_days`` of their worth; each may be left out.
        memory_archive_days: days for which the originals of compressed memories are kept; None = for ever.
        enable_learning: extract memories, learn preferences.
        enable_analytics: count what happens; off, nothing is counted from that moment on.
        enable_adaptation: let learned preferences reach the model.
        milestones: figure (``messages``, ``turns``, ``conversations``, ``functions``, ``satisfaction``) -> the marks
            whose first reaching is the event ``analytics.milestone``; those left out keep theirs.
        context_tokens: what is sent to the model at most, in tokens.
        context_shares: part of a context (``standing``, ``state``, ``memories``, ``summaries``, ``branch``,
            ``recalled``) -> what it takes at most of what instructions and the newest turn leave (0 to 1).
        timezone: IANA name of the zone that days and hours of the day are counted in, from now on.

    Raises:
        ConfigurationError: an unknown setting, a wrong type, a value out of range.

    Example:
        >>> SessionConfig(temperature=0.3).temperature
        0.3
    """

    session_id: str | None
    user_id: str | None
    instructions: str
    voice: str
    language: str | None
    temperature: float
    max_output_tokens: int
    enable_functions: bool
    memory_mode: MemoryMode
    max_memory_size: int
    memory_categories: dict[str, dict[str, float]]
    memory_archive_days: float | None
    enable_learning: bool
    enable_analytics: bool
    enable_adaptation: bool
    milestones: dict[str, list[float]]
    context_tokens: int
    context_shares: dict[str, float]
    timezone: str

    def __init__(self, **settings: Unpack[SessionSettings]) -> None:
        given: Mapping[str, object] = settings
        for name, value in given.items():
            check_setting(name, value)
        for name, (default, _) in _SETTINGS.items():
            object.__setattr__(
                self, name, check_setting(name, given[name]) if name in given else copy_json(default)
            )

    if not TYPE_CHECKING:  # type checkers know the fields, so they find a misspelt one by themselves

        def __setattr__(self, name: str, value: Any) -> None:
            object.__setattr__(self, name, check_setting(name, value))

    def replace(self, **settings: Unpack[SessionSettings]) -> SessionConfig:
        """A copy with some settings changed."""
        return SessionConfig(**{**vars(self), **settings})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionConfig):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _SETTINGS)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, (default, _) in _SETTINGS.items()
            if name not in ("instructions", "user_id") and getattr(self, name) != default
        ]
        return f"SessionConfig({', '.join(changed)})"


class RecordingConfig(SessionConfig):
    """The settings of a live session: reading shows them as they are now, setting records a change.

    Args:
        read: gives the values that hold at the moment.
        record: takes the one value that was set, checked.
    """

    def __init__(self, read: Callable[[], Mapping[str, Any]], record: Callable[[str, Any], None]) -> None:
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_record", record)

    def __getattribute__(self, name: str) -> Any:
        if name in _SETTINGS:
            values = object.__getattribute__(self, "_read")()
            # A copy: a table that was altered in place would be a change that nobody recorded.
            return copy_json(values.get(name, _SETTINGS[name][0]))
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        checked = check_setting(name, value)
        if name in ("session_id", "user_id"):
            raise ConfigurationError(
                f"{name} of a live session cannot be changed. Create another session.", option=name
            )
        object.__getattribute__(self, "_record")(name, checked)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_SETTINGS]  # they are read through, so nothing else lists them

    def replace(self, **settings: Unpack[SessionSettings]) -> SessionConfig:
        """A plain copy with some settings changed."""
        return SessionConfig(**{**config_values(self), **settings})


def config_values(config: SessionConfig) -> dict[str, Any]:
    """The settings as a plain dict, without the ids."""
    return {
        name: check_setting(name, getattr(config, name))
        for name in _SETTINGS
        if name not in ("session_id", "user_id")
    }


def known_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among stored values that this version knows."""
    return {name: value for name, value in values.items() if name in _SETTINGS and not name.endswith("_id")}
