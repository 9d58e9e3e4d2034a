"""Ready preference profiles by name, read from TOML files."""

from __future__ import annotations

import difflib
import functools
from pathlib import Path
from typing import Any

from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError
from voxsession.learning.profiles import SessionProfile
from voxsession.toml_files import presets_folder, read_table

__all__ = ["ProfilePresets"]


class ProfilePresets:
    """Ready profiles to begin with: `create_session(preference_profile="plain_language")` and the others.

    A profile is a TOML file; its name is the file's, its keys are the fields of `SessionProfile`. What is in it counts
    like thirty messages, so what the person says moves it.

    Example:
        >>> ProfilePresets.names()
        ['brief', 'casual', 'expert', 'formal', 'plain_language', 'spoken', 'thorough']
        >>> ProfilePresets.get("plain language").evidence["technical_level"].value
        0.05
    """

    @staticmethod
    def names() -> list[str]:
        """The names of all ready profiles, by the alphabet."""
        return sorted(_files())

    @staticmethod
    def get(name: str) -> SessionProfile:
        """The profile of this name, in any case, with spaces or hyphens.

        Raises:
            ConfigurationError: there is none; the message lists the names.
        """
        return _read(_found(name))[0]

    @staticmethod
    def describe(name: str) -> str:
        """Whom the profile is for, in a sentence.

        Raises:
            ConfigurationError: there is none.

        Example:
            >>> ProfilePresets.describe("brief")
            'Short answers, for somebody in a hurry or reading on a small screen.'
        """
        return _read(_found(name))[1]


def _found(name: str) -> Path:
    key = check_text("preference_profile", name).strip().replace(" ", "_").replace("-", "_").casefold()
    files = _files()
    if key in files:  # a name is compared with what lies there and never made into a path
        return files[key]
    near = difflib.get_close_matches(key, files, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(
        f"There is no ready profile {name[:80]!r}.{hint} Known: {', '.join(sorted(files))}. A profile in a file of "
        "your own is opened by SessionProfile.load(path).",
        option="preference_profile",
        value=name,
    )


@functools.cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in (presets_folder() / "profiles").glob("*.toml")}


@functools.cache
def _read(path: Path) -> tuple[SessionProfile, str]:
    table: dict[str, Any] = read_table(path, "profile")
    description = check_text(f"description in {path}", table.pop("description", ""))
    return SessionProfile.from_dict(table), description
