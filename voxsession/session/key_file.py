"""The key ring file that is made where no key was given."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from voxsession.clock import Clock
from voxsession.codec.keys import KEY_BYTES, KeyRing, key_id_of, parse_key
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import ConfigurationError
from voxsession.storage.file_lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Place",
    "add_to_key_file",
    "key_file_path",
    "make_key_file",
    "note_key_user",
    "read_key_file",
    "remove_from_key_file",
]

Place: TypeAlias = tuple[str, str]
"""One tenant of one storage: an id that moves with it, and what tells a reader of the file where it was."""

_Uses: TypeAlias = dict[str, dict[str, str]]
_log = logging.getLogger(__name__)


def key_file_path() -> Path:
    """Where the key ring lies: ``VOXSESSION_HOME``, else the XDG data folder.

    Raises:
        ConfigurationError: this user has no home folder, and neither variable is set.
    """
    from pathlib import Path  # not needed where a key is given

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
    found = _read(path)
    return found[1] if found is not None else None


def _read(path: Path) -> tuple[dict[str, Any], KeyRing] | None:
    """What the file says, and its keys."""
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
        content = decode_json(raw)
        return content, KeyRing(*(f"base64:{key}" for key in content["keys"]))
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
    key = base64.b64encode(clock.random_bytes(KEY_BYTES)).decode()
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
    try:
        _write_draft(draft, content)
        # A link is made only where no file is: of two processes one wins, the other reads its key.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
        # Sessions sealed with this key are acknowledged as durable, so its name must be as durable as they.
        _sync_folders(path.parent, path.parent.parent)
    return True


def _write_draft(draft: Path, content: bytes) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folders(*folders: Path) -> None:
    for folder in folders:
        # Where a system cannot do this for folders, the synced file itself is all there is to have.
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


# --- changing it

# The file serves every local storage of its user. So it notes which of them seal with which key ("uses"): a key
# that one of them is done with may be all that opens another.


def add_to_key_file(path: Path, clock: Clock) -> None:
    """Puts a new key in front: it writes from now on, the others read.

    Raises:
        ConfigurationError: the file is not there, or cannot be written.
    """
    key = base64.b64encode(clock.random_bytes(KEY_BYTES)).decode()
    with _changing(path, clock) as content:
        content["keys"].insert(0, key)


def note_key_user(path: Path, clock: Clock, place: Place, key_id: str, *, only: bool = False) -> None:
    """Notes that a storage seals with a key; with `only`, that it needs none of the others any more.

    Raises:
        ConfigurationError: the file is not there, or cannot be written.
    """
    found = _read(path)
    before = _uses(found[0]) if found is not None else {}
    if _noted(before, place, key_id, only) == before:
        return
    with _changing(path, clock) as content:
        content["uses"] = _noted(_uses(content), place, key_id, only)


def remove_from_key_file(path: Path, clock: Clock, place_id: str, key_id: str, *, dry_run: bool) -> bool:
    """Takes a reading key out of the file; False where it is not in it.

    Raises:
        ConfigurationError: another storage seals with it, it is the writing key, or the file cannot be written.
            Nothing was changed.
    """
    found = _read(path)
    if found is None or key_id not in found[1].resolve(None):
        return False
    _check_removable(path, found[0], found[1].resolve(None).ids, place_id, key_id)
    if dry_run:
        return True
    with _changing(path, clock) as content:
        ids = [key_id_of(parse_key(f"base64:{key}").raw or b"") for key in content["keys"]]
        _check_removable(path, content, ids, place_id, key_id)
        content["keys"] = [key for key, name in zip(content["keys"], ids, strict=True) if name != key_id]
        content["uses"] = {name: places for name, places in _uses(content).items() if name != key_id}
    return True


def _check_removable(path: Path, content: dict[str, Any], ids: list[str], place_id: str, key_id: str) -> None:
    if ids[0] == key_id:
        raise ConfigurationError(
            f"Key {key_id} is the one that the key ring file {path} writes with now. Begin a new one first: "
            "rotate_keys(new_key=True).",
            option="key_id",
        )
    others = [one for one in _uses(content).get(key_id, {}) if one != place_id]
    if others:
        raise ConfigurationError(
            f"Key {key_id} of the key ring file {path} seals for {len(others)} other storages or tenants too, "
            "which would be lost with it. Call rotate_keys() there first; 'uses' in the file names them.",
            option="key_id",
        )


def _noted(uses: _Uses, place: Place, key_id: str, only: bool) -> _Uses:
    kept = {
        name: {one: label for one, label in places.items() if one != place[0] or not only}
        for name, places in uses.items()
    }
    kept[key_id] = {**kept.get(key_id, {}), place[0]: place[1]}
    return {name: places for name, places in kept.items() if places}


def _uses(content: dict[str, Any]) -> _Uses:
    uses = content.get("uses")
    return uses if isinstance(uses, dict) else {}


@contextlib.contextmanager
def _changing(path: Path, clock: Clock) -> Iterator[dict[str, Any]]:
    """What the file says, to be changed; it is written whole, for its owner only, while no other process changes it."""
    from pathlib import Path

    path = Path(os.path.realpath(path))  # a link stays, what it leads to is replaced
    try:
        with FileLock(str(path.with_name(f".{path.name}.lock")), lambda: None):
            found = _read(path)
            if found is None:
                raise ConfigurationError(
                    f"The key ring file {path} is gone. Restore it from a backup: without it the sessions sealed "
                    "with its keys cannot be opened.",
                    option="VOXSESSION_HOME",
                )
            yield found[0]
            draft = path.with_name(f".{path.name}.{clock.random_bytes(8).hex()}")
            try:
                _write_draft(draft, encode_json(found[0]) + b"\n")
                os.replace(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            _sync_folders(path.parent)
    except OSError as error:
        raise ConfigurationError(
            f"The key ring file {path} cannot be changed ({error.strerror}). Mend the permissions of its folder, "
            "or give session_encryption_key.",
            option="VOXSESSION_HOME",
        ) from error
