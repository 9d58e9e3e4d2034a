"""Storages by name or URL."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
from collections.abc import Callable
from typing import Any

from voxsession.errors import ConfigurationError, shown_as
from voxsession.storage.base import SessionStorage
from voxsession.storage.lift import lift

__all__ = ["MissingExtra", "check_storage", "known_storages", "open_storage", "storage_name"]

GROUP = "voxsession.storage"

# The entry points say the same; but a checkout that was never installed has none, and to look through those of all
# installed packages takes milliseconds.
_BUILT_IN = {
    "file": "voxsession.storage.file:FileSessionStorage",
    "memory": "voxsession.storage.inmemory:MemorySessionStorage",
    "database": "voxsession.storage.database:DatabaseSessionStorage",
    "redis": "voxsession.storage.redis:RedisSessionStorage",
}
_SHOWN = 100
_PLAIN = re.compile(r"(?:[A-Za-z]:[/\\])?[\w.+~/\\ -]*")
_DATABASE_FILE = re.compile(r"\.(?:db3?|sqlite3?)\Z", re.IGNORECASE)
_EXTRA = {"database": "sql", "redis": "redis"}
_SCHEMES = {
    "file": "file",
    "memory": "memory",
    **dict.fromkeys(("postgresql", "postgres", "sqlite", "mysql", "mariadb"), "database"),
    **dict.fromkeys(("redis", "rediss", "unix", "valkey", "valkeys"), "redis"),
}


@shown_as(ConfigurationError)
class MissingExtra(ConfigurationError, ImportError):
    """A library is not installed; also an `ImportError`, for whoever tries to import a storage."""


def known_storages() -> list[str]:
    """The names that `open_storage` takes, in order."""
    return sorted({*_BUILT_IN, *_offered()})


def _offered() -> dict[str, str]:
    # Imported here because most programs name a built-in storage, and the import alone takes 10 ms.
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}


def storage_name(spec: str) -> str:
    """The name of the storage that a name or a URL means.

    Example:
        >>> storage_name("postgresql+psycopg://db.example/chats"), storage_name("file")
        ('database', 'file')
    """
    scheme, is_url, _ = spec.partition("://")
    # "postgresql+psycopg" names the driver after the plus sign.
    base = scheme.partition("+")[0].lower()
    return _SCHEMES.get(base, base) if is_url else spec


def open_storage(
    spec: object, *, path: str | os.PathLike[str] | None = None, **options: Any
) -> SessionStorage:
    """The storage that is meant; nothing is opened yet.

    Args:
        spec: a name (``"file"``, ``"memory"``, ``"database"``, ``"redis"``, or one that an installed package
            has registered under the entry points ``voxsession.storage``), a URL such as
            ``"file:///var/sessions"``, ``"postgresql://..."`` or ``"redis://..."``, or a storage (see `lift`),
            which is taken as it is.
        path: the folder of the file storage; the others take none.
        options: given to the storage's class as they are.

    Raises:
        ConfigurationError: no such name, a package that has to be installed first, or an option that this
            storage does not take.

    Example:
        >>> open_storage("memory", max_sessions=10)
        MemorySessionStorage(0 records)
    """
    if not isinstance(spec, str):
        return lift(spec)
    name = storage_name(spec)
    _, is_url, rest = spec.partition("://")
    make = _class_of(name)
    args: list[Any] = []
    if name == "file":
        from urllib.parse import unquote

        args = [unquote(rest) if is_url else path if path is not None else "./sessions"]
    elif is_url and name != "memory":
        args = [spec]
    return lift(_made(name, make, args, options))


def check_storage(spec: str) -> None:
    """`ConfigurationError` for a name or a URL that means no storage; what it means is not imported."""
    _target_of(storage_name(spec))


def _target_of(name: str) -> str:
    target = _BUILT_IN.get(name) or _offered().get(name)
    if target is None:
        import difflib  # only for the hint

        near = difflib.get_close_matches(name.lower()[:_SHOWN], known_storages(), 1)
        meant = near[0] if near else _url_meant(name)
        hint = f" Did you mean {meant!r}?" if meant else ""
        shown = _shown_name(name)
        raise ConfigurationError(
            f"There is no storage {shown}.{hint} Known are {', '.join(known_storages())}; a URL such as "
            "'file://./sessions', 'sqlite:///sessions.db', 'postgresql://...' or 'redis://...'; or an object with "
            "save() and load().",
            option="session_storage",
            value=name if shown == repr(name) else None,
        )
    return target


def _shown_name(name: str) -> str:
    """A name as an error shows it: more than the words of a path may be a URL with its password, or a text."""
    if len(name) <= _SHOWN and (_PLAIN.fullmatch(name) or _sqlite_file(name)):
        return repr(name)
    return f"of the name given (a text of {len(name)} characters)"


def _sqlite_file(name: str) -> str | None:
    """The file that is meant by a name like ``sqlite:sessions.db`` or ``sessions.db``."""
    file = name[7:] if name[:7].lower() == "sqlite:" else name if _DATABASE_FILE.search(name) else ""
    return file if file and _PLAIN.fullmatch(file) else None


def _url_meant(name: str) -> str | None:
    """The URL for a path that was given as it is, or for the kind of a database."""
    if len(name) > _SHOWN:
        return None
    if (kind := name.lower()) in _SCHEMES:
        return "sqlite:///sessions.db" if kind == "sqlite" else f"{kind}://..."
    if file := _sqlite_file(name):
        return f"sqlite:///{file}"
    is_path = _PLAIN.fullmatch(name) and ("/" in name or "\\" in name or name[:1] in "~.")
    return f"file://{name}" if is_path else None


def _class_of(name: str) -> Callable[..., object]:
    module, _, attribute = _target_of(name).partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise MissingExtra(_remedy(name, module, error), option="session_storage", value=name) from error
    assert callable(found)
    return found  # type: ignore[no-any-return]


def _remedy(name: str, module: str, error: ImportError) -> str:
    if error.name == module:
        return (
            f"The storage {name!r} is not part of this version of voxsession. Use 'file' or 'memory', or an object "
            "with save() and load()."
        )
    extra = _EXTRA.get(name)
    install = f"pip install 'voxsession[{extra}]'" if extra else f"pip install {error.name}"
    return f"The storage {name!r} needs {error.name}, which is not installed. Install it with: {install}"


_signature = functools.cache(inspect.signature)


def _made(name: str, make: Callable[..., object], args: list[Any], options: dict[str, Any]) -> object:
    try:
        _signature(make).bind(*args, **options)
    except TypeError as error:
        raise ConfigurationError(
            f"The storage {name!r} cannot be made with these options: {error}.", option="session_storage"
        ) from None
    return make(*args, **options)
