"""From a name or a URL to the storage it means."""

from __future__ import annotations

import difflib
import inspect
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from voxsession.errors import ConfigurationError

__all__ = ["open_storage"]

GROUP = "voxsession.storage"
# What ships with the package; entry points of other packages come on top.
_SHIPPED = {
    "file": "voxsession.storage.file:FileSessionStorage",
    "memory": "voxsession.storage.inmemory:MemorySessionStorage",
    "database": "voxsession.storage.database:DatabaseSessionStorage",
    "redis": "voxsession.storage.redis:RedisSessionStorage",
}
_EXTRAS = {"database": "sql", "redis": "redis"}
_SCHEMES = {
    "file": "file",
    "memory": "memory",
    **dict.fromkeys(("postgresql", "postgres", "sqlite", "mysql", "mariadb"), "database"),
    **dict.fromkeys(("redis", "rediss", "unix", "valkey", "valkeys"), "redis"),
}


def open_storage(spec: Any, *, path: str | None = None, **options: Any) -> Any:
    """The storage that `spec` means; nothing is opened yet.

    Args:
        spec: a name such as ``"file"``, a URL such as ``"file:///var/sessions"``, or a storage object,
            which is given back as it is.
        path: the folder, for the file storage.
        options: what the chosen storage understands of these is passed on, as far as it is not None.

    Raises:
        ConfigurationError: the name is not known, or the storage needs an extra that is not installed.
    """
    if not isinstance(spec, str):
        return spec
    name, url = _name_of(spec)
    make = _class_of(name)
    if name == "file":
        path = url.removeprefix("file://") if url else path
    given = {
        "path": path,
        "url": url or options.get("database_url"),
        "redis_url": url or options.get("redis_url"),
    }
    known = inspect.signature(make).parameters
    chosen = {key: value for key, value in {**options, **given}.items() if key in known and value is not None}
    return make(**chosen)


def _name_of(spec: str) -> tuple[str, str | None]:
    if "://" not in spec:
        return spec, None
    scheme = spec.split("://", 1)[0].split("+", 1)[0].lower()
    if scheme not in _SCHEMES:
        raise ConfigurationError(
            f"session_storage has a URL of the unknown scheme {scheme!r}; known: {', '.join(sorted(_SCHEMES))}.",
            option="session_storage",
        )
    return _SCHEMES[scheme], spec


def _class_of(name: str) -> Any:
    offered = {point.name: point.value for point in entry_points(group=GROUP)}
    found = {**_SHIPPED, **offered}
    if name not in found:
        near = difflib.get_close_matches(name, found, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigurationError(
            f"There is no storage {name!r}.{hint} Known: {', '.join(sorted(found))}, a URL, or an object "
            "with save() and load().",
            option="session_storage",
            value=name,
        )
    module, _, attribute = found[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name == module:
            raise ConfigurationError(
                f"The {name} storage is not part of this version of voxsession. Use 'file' or 'memory', or an "
                "object of your own with save() and load().",
                option="session_storage",
            ) from error
        extra = _EXTRAS.get(name, name)
        raise ConfigurationError(
            f"The {name} storage needs {error.name}. Install it with: pip install 'voxsession[{extra}]'",
            option="session_storage",
        ) from error
