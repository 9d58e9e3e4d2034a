"""The key ring file that is made where no key was given."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
from pathlib import Path

from voxsession.clock import Clock
from voxsession.codec.keys import KeyRing
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import ConfigurationError

__all__ = ["key_file_path", "make_key_file", "read_key_file"]

_log = logging.getLogger(__name__)


def key_file_path() -> Path:
    """Where the key ring lies: ``VOXSESSION_HOME``, else the XDG data folder.

    Raises:
        ConfigurationError: this user has no home folder, and neither variable is set.
    """
    home, data = os.environ.get("VOXSESSION_HOME"), os.environ.get("XDG_DATA_HOME")
    try:
        if home:
            return Path(home).expanduser() / "keyring.json"
        base = Path(data).expanduser() if data else Path.home() / ".local" / "share"
    except RuntimeError:
        raise ConfigurationError(
            "There is no home folder to keep a key ring in. Set VOXSESSION_HOME to a folder, or give "
            "session_encryption_key.",
            option="VOXSESSION_HOME",
        ) from None
    return base / "voxsession" / "keyring.json"


def read_key_file(path: Path) -> KeyRing | None:
    """The keys of the file, the writing one first; None where there is no file.

    Raises:
        ConfigurationError: the file is not readable, or holds no keys.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"The key ring file {path} cannot be read ({error.strerror}). Mend its permissions, "
            "or give session_encryption_key.",
            option="VOXSESSION_HOME",
        ) from error
    try:
        keys = decode_json(raw)["keys"]
        return KeyRing(*(f"base64:{key}" for key in keys))
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"The key ring file {path} is damaged. Restore it from a backup: without it the sessions "
            "sealed with its keys cannot be opened.",
            option="VOXSESSION_HOME",
        ) from None


def make_key_file(path: Path, clock: Clock) -> KeyRing:
    """A new key ring file that only its owner can read; the one of a process that was faster is taken over.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    key = base64.b64encode(clock.random_bytes(32)).decode()
    try:
        made = _put_in_place(path, encode_json({"version": 1, "keys": [key]}) + b"\n", clock)
    except OSError as error:
        raise ConfigurationError(
            f"No key was given and no key ring can be made at {path} ({error.strerror}). "
            "Set VOXSESSION_HOME to a folder that can be written, or give session_encryption_key.",
            option="session_encryption_key",
        ) from error
    if made:
        _log.warning(
            "no session_encryption_key was given: made a key ring at %s; keep it, without it "
            "the sessions cannot be opened",
            path,
        )
    ring = read_key_file(path)
    if ring is None:
        raise ConfigurationError(
            f"The key ring file {path} is a link to nothing. Restore what it leads to, or give "
            "session_encryption_key.",
            option="VOXSESSION_HOME",
        )
    return ring


def _put_in_place(path: Path, content: bytes, clock: Clock) -> bool:
    """Makes the file, whole and durable, where there is none; False where another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{clock.random_bytes(8).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link is made only where no file is: of two processes one wins, the other reads its key.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
        # Sessions sealed with this key are acknowledged as durable, so its name must be as durable as they.
        _sync_folders(path.parent, path.parent.parent)
    return True


def _sync_folders(*folders: Path) -> None:
    for folder in folders:
        # Where a system cannot do this for folders, the synced file itself is all there is to have.
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
