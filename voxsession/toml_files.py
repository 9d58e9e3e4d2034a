"""The TOML files that settings are read from: where they lie, what they are called, what stands in them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["beside", "check_chain", "file_key", "presets_folder", "read_table"]


MAX_CHAIN = 32


@functools.cache
def presets_folder() -> Path:
    """Where the presets of the package lie: inside it in a wheel, beside it in a checkout."""
    from pathlib import Path  # here, so that a program without presets is spared it

    package = Path(__file__).parent
    inside = package / "_presets"
    return inside if inside.is_dir() else package.parent / "presets"


def file_key(name: object) -> str:
    """The one spelling of a name: small letters, underscores for spaces or hyphens."""
    text = check_text("name", name)
    return re.sub(r"[\s\-]+", "_", text.strip()).casefold()


def beside(folder: Path, key: str) -> Path | None:
    """The file of this name in a folder."""
    # Names are compared with what lies there and never made into a path, so that none can lead out of the folder.
    return next((path for path in folder.glob("*.toml") if file_key(path.stem) == key), None)


def check_chain(chain: tuple[Path, ...], path: Path) -> None:
    """`ConfigurationError` where more files than anybody can follow extend each other, down to this one."""
    if len(chain) >= MAX_CHAIN:
        raise ConfigurationError(
            f"{path}: more than {MAX_CHAIN} files extend each other in a row, from {chain[0]} on. "
            "Take some of them together.",
            option="extends",
            value=str(path),
        )


def read_table(path: Path, what: str) -> dict[str, Any]:
    """The keys and values of a file.

    Args:
        path: the file.
        what: what it holds, for errors: ``preset``.

    Raises:
        ConfigurationError: it cannot be read, or is no TOML; the message has the line.
    """
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"The {what} {str(path)!r} cannot be read: {reason}. Give the path of a TOML file.",
            option=what,
            value=str(path),
        ) from error
    import tomllib

    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        reason = f"it is not UTF-8 (at line {line})"
    except (ValueError, RecursionError) as error:  # of another kind for a number of more than 4,300 digits
        last_line = raw.count(b"\n") + 1
        reason = str(error).replace("at end of document", f"at line {last_line}, its end")
    raise ConfigurationError(f"{path} is no TOML: {reason}.", option=what, value=str(path))
