"""Ready settings by name, read from TOML files."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from voxsession.catalog import Catalog
from voxsession.core.config import SessionConfig, check_setting, config_values
from voxsession.core.struct import Struct
from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError, shown_as
from voxsession.toml_files import file_key, presets_folder, read_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SessionPresets", "resolve_preset"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_IDS = ("session_id", "user_id")


class _Preset(Struct, frozen=True):
    """What a preset sets, with what it extends already in."""

    values: dict[str, Any]
    description: str = ""


@shown_as(ConfigurationError)
class _NoSuchPreset(ConfigurationError, AttributeError):
    """Nobody knows a preset of this name; also an AttributeError, so that `hasattr` and tools can ask."""


class _ByAttribute(type):
    """Lets a class give a preset for each name in capitals."""

    def __getattr__(cls, name: str) -> SessionConfig:
        if name.startswith("_"):
            raise AttributeError(f"SessionPresets has no attribute {name!r}")
        return _config_of(_catalog.get(name))

    def __dir__(cls) -> list[str]:
        return [*super().__dir__(), *(name.upper() for name in _catalog.names())]


class SessionPresets(metaclass=_ByAttribute):
    """Ready settings: `SessionPresets.EDUCATIONAL` and the others give a fresh `SessionConfig` each time.

    A preset is a TOML file; its name is the file's, its keys are fields of `SessionConfig`, and
    `extends = "other"` takes over what another preset sets. Names may be written in small letters, with
    spaces or hyphens.

    Example:
        >>> SessionPresets.EDUCATIONAL.temperature
        0.5
        >>> SessionPresets.names()
        ['conversation', 'customer_support', 'educational', 'task_oriented']
        >>> SessionPresets.CONVERSATION is SessionPresets.CONVERSATION
        False
    """

    @staticmethod
    def names() -> list[str]:
        """The names of all presets, those that were registered among them, by the alphabet."""
        return _catalog.names()

    @staticmethod
    def get(name: str) -> SessionConfig:
        """The preset of this name.

        Raises:
            ConfigurationError: there is none; the message lists the names.

        Example:
            >>> SessionPresets.get("task-oriented").memory_mode
            'ephemeral'
        """
        return _config_of(_catalog.get(name))

    @staticmethod
    def describe(name: str) -> str:
        """What the preset is for, in a sentence; empty where it does not say.

        Raises:
            ConfigurationError: there is no such preset.

        Example:
            >>> SessionPresets.describe("educational").partition(":")[0]
            'Teaching'
        """
        return _catalog.get(name).description

    @staticmethod
    def load(path: str | os.PathLike[str]) -> SessionConfig:
        """The preset in a file of your own; what it extends is looked for beside it, then among the known ones.

        Raises:
            ConfigurationError: the file cannot be read, is no TOML (with the line), names an unknown setting,
                gives a value out of range, sets an id, or extends itself or more than 32 others in a row.
        """
        from pathlib import Path  # a program without presets has no use for it

        return _config_of(_read(Path(path), ()))

    @staticmethod
    def register(name: str, config: SessionConfig, *, description: str = "") -> None:
        """Makes a config known under a name, for this process; an earlier one of that name is replaced.

        What is kept is a copy without the ids.

        Raises:
            ConfigurationError: the name is no name, or that of a preset that ships with the package.

        Example:
            >>> SessionPresets.register("example_kiosk", SessionConfig(voice="nova"))
            >>> SessionPresets.EXAMPLE_KIOSK.voice
            'nova'
            >>> SessionPresets.unregister("example_kiosk")
        """
        key = file_key(name)
        if not _NAME.fullmatch(key):
            raise ConfigurationError.out_of_range(
                "name", name, "a preset's name has letters, digits and underscores, and begins with a letter"
            )
        if not isinstance(config, SessionConfig):
            raise ConfigurationError.out_of_range("config", config, "a SessionConfig is needed")
        _catalog.register(name, _Preset(config_values(config), check_text("description", description)))

    @staticmethod
    def unregister(name: str) -> None:
        """Takes a registered preset away; an unknown name is passed over."""
        _catalog.unregister(name)


def resolve_preset(preset: str | os.PathLike[str] | SessionConfig) -> SessionConfig:
    """A fresh config for what was given as a preset: a name, a config, or the path of a TOML file.

    A text with a slash or the ending `.toml` is a path. A config is copied without its `session_id`, so that
    one config used twice never gives two people one session.

    Raises:
        ConfigurationError: it is none of these, or the preset itself is wrong.

    Example:
        >>> resolve_preset("educational") == SessionPresets.EDUCATIONAL
        True
    """
    if isinstance(preset, SessionConfig):
        return SessionConfig(user_id=preset.user_id, **config_values(preset))
    if isinstance(preset, str):
        is_path = preset.lower().endswith(".toml") or "/" in preset or "\\" in preset
        return SessionPresets.load(preset) if is_path else SessionPresets.get(preset)
    if isinstance(preset, os.PathLike):
        return SessionPresets.load(preset)
    raise ConfigurationError.out_of_range(
        "preset", preset, "give a preset's name, a SessionConfig, or the path of a TOML file"
    )


def _config_of(preset: _Preset) -> SessionConfig:
    return SessionConfig(**preset.values)


# --- reading


def _read(path: Path, chain: tuple[Path, ...]) -> _Preset:
    """The preset of a file; `chain` are the files that extend it, outermost first."""
    table = read_table(path, "preset")
    where = str(path)
    base = _Preset({})
    parent = table.pop("extends", None)
    if parent is not None:
        base = _catalog.extended(check_text(f"extends in {where}", parent), path, chain)
    description = check_text(f"description in {where}", table.pop("description", ""))
    for name in _IDS:
        if name in table:
            raise ConfigurationError(
                f"{where}: {name} has no place in a preset, because a preset is used for many sessions. "
                f"Give it to create_session({name}=...).",
                option=name,
                value=table[name],
            )
    checked = {name: check_setting(name, value, where=where) for name, value in table.items()}
    return _Preset({**base.values, **checked}, description)


_catalog = Catalog("preset", presets_folder, _read, error=_NoSuchPreset)
