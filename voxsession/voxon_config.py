"""The settings of one installation: where sessions are kept, with which keys, for how long."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import attrs

from voxsession.codec.cipher import cipher_for
from voxsession.codec.keys import KeyRing, parse_key
from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.storage.registry import check_storage

__all__ = ["MAX_LOCK_TTL_SECONDS", "MIN_LOCK_TTL_SECONDS", "VoxonConfig", "config_on"]

MAX_TTL_SECONDS = 100 * 366 * 86_400  # a hundred years: later moments may lie outside the calendar
MIN_LOCK_TTL_SECONDS = 0.001
MAX_LOCK_TTL_SECONDS = 10 * 366 * 86_400  # ten years: what is locked for a century was never meant to be

_log = logging.getLogger(__name__)
_Check = Callable[[str, Any], Any]


class VoxonSettings(TypedDict, total=False):
    """What `VoxonConfig` takes, for editors and type checkers: what its fields take."""

    session_storage: Any
    session_storage_path: str | os.PathLike[str]
    session_database_url: str | None
    session_redis_url: str | None
    session_encryption_key: bytes | str | KeyRing | None
    session_encryption_method: str
    session_ttl_seconds: float | None
    session_prefix: str | None
    tenant: str | None
    max_sessions: int | None
    max_session_age_hours: float | None
    max_resume_attempts: int
    max_resume_age_hours: float
    cleanup_interval_seconds: float
    cleanup_batch_size: int
    storage_timeout_seconds: float
    lock_ttl_seconds: float
    enable_metrics: bool
    metrics_interval_seconds: float
    autosave: bool
    durability: Literal["full", "relaxed"]
    person_profiles: bool


def _number(low: float, high: float = float("inf"), *, whole: bool = False, optional: bool = False) -> _Check:
    def check(option: str, value: Any) -> Any:
        return None if optional and value is None else check_number(option, value, low, high, whole=whole)

    return check


def _text(option: str, value: Any) -> str | None:
    return None if value is None else check_text(option, value, allow_empty=False)


def _path(option: str, value: Any) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return check_text(option, value, allow_empty=False)


def _flag(option: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigurationError.out_of_range(option, value, "True or False is needed")


def _storage(option: str, value: Any) -> Any:
    if isinstance(value, str):
        return check_text(option, value, allow_empty=False)
    if hasattr(value, "save") and hasattr(value, "load") and not isinstance(value, type):
        return value
    raise ConfigurationError.out_of_range(
        option,
        value,
        "give a name ('file', 'memory', 'database', 'redis'), a URL, or an object with save() and load()",
    )


def _key(option: str, value: Any) -> Any:
    if isinstance(value, KeyRing) or not value:
        return value or None
    parse_key(value)
    return value


def _method(option: str, value: Any) -> str:
    cipher_for(value)
    return str(value)


def _durability(option: str, value: Any) -> str:
    if value in ("full", "relaxed"):
        return str(value)
    raise ConfigurationError.out_of_range(option, value, "choose 'full' or 'relaxed'")


def _tenant(option: str, value: Any) -> str | None:
    if value is None:
        return None
    text = check_text(option, value, allow_empty=False)
    if len(text) > 100 or not all(c.isascii() and (c.isalnum() or c in "_:@+=-") for c in text):
        raise ConfigurationError.out_of_range(option, value, "up to 100 of A-Z a-z 0-9 _ : @ + = - (no dot)")
    return text


_SETTINGS: dict[str, tuple[Any, _Check]] = {
    "session_storage": ("file", _storage),
    "session_storage_path": ("./sessions", _path),
    "session_database_url": (None, _text),
    "session_redis_url": (None, _text),
    "session_encryption_key": (None, _key),
    "session_encryption_method": ("AES256", _method),
    "session_ttl_seconds": (None, _number(0.001, MAX_TTL_SECONDS, optional=True)),
    "session_prefix": (None, _text),
    "tenant": (None, _tenant),
    "max_sessions": (None, _number(1, whole=True, optional=True)),
    "max_session_age_hours": (None, _number(0, optional=True)),
    "max_resume_attempts": (10, _number(0, whole=True)),
    "max_resume_age_hours": (24, _number(0)),
    "cleanup_interval_seconds": (300, _number(0)),
    "cleanup_batch_size": (100, _number(1, whole=True)),
    "storage_timeout_seconds": (10, _number(0.001)),
    "lock_ttl_seconds": (86_400, _number(MIN_LOCK_TTL_SECONDS, MAX_LOCK_TTL_SECONDS)),
    "enable_metrics": (False, _flag),
    "metrics_interval_seconds": (60, _number(0.001)),
    "autosave": (True, _flag),
    "durability": ("full", _durability),
    "person_profiles": (False, _flag),
}

_ENVIRONMENT = {
    "SESSION_STORAGE": "session_storage",
    "SESSION_STORAGE_PATH": "session_storage_path",
    "DATABASE_URL": "session_database_url",
    "REDIS_URL": "session_redis_url",
    "SESSION_KEY": "session_encryption_key",
    "SESSION_TTL": "session_ttl_seconds",
    "DEFAULT_SESSION_TTL": "lock_ttl_seconds",
    "SESSION_PREFIX": "session_prefix",
    "MAX_SESSIONS": "max_sessions",
}
_NUMBERS = {"session_ttl_seconds", "lock_ttl_seconds", "max_sessions"}

_REDIS_URL = re.compile(r"(?:(?:redis|valkey)s?(?:\+cluster)?|unix)://", re.IGNORECASE)

# The keys of the resume plan's SESSION_CONFIG.
_PLAN = {
    "storage_type": "session_storage",
    "redis_url": "session_redis_url",
    "memory_max_sessions": "max_sessions",
    "session_ttl": "session_ttl_seconds",
    "max_session_age": "max_session_age_hours",
    "max_resume_attempts": "max_resume_attempts",
    "max_resume_age": "max_resume_age_hours",
    "cleanup_interval": "cleanup_interval_seconds",
    "cleanup_batch_size": "cleanup_batch_size",
    "enable_metrics": "enable_metrics",
    "metrics_interval": "metrics_interval_seconds",
}


@attrs.define(slots=False, init=False, eq=False, repr=False)
class VoxonConfig:
    """The settings of one installation; each is checked when it is given.

    Args:
        session_storage: ``file``, ``memory``, ``database``, ``redis``, a URL, or an object with `save` and `load`.
        session_storage_path: folder of the file storage.
        session_encryption_key: bytes or text (see the guide on keys), a `KeyRing`, or None.
        session_encryption_method: ``AES256``, ``ChaCha20``, or ``none`` (only when named).
        session_ttl_seconds: seconds after the last write until a session expires; None = never.
        tenant: a name space of its own in the same storage.
        max_sessions: most sessions the in-memory storage takes.
        storage_timeout_seconds: a storage call that takes longer is an error.
        autosave: the end of a turn, `add_messages`, the end of a conversation and `close` save.
        durability: ``full`` waits for the disk, ``relaxed`` leaves that to the system.
        person_profiles: a profile is kept for each person beside the sessions: closing or ending a session adds what
            it taught, and new ones of `voxon.session()` begin with it.

    Raises:
        ConfigurationError: an unknown setting, a wrong type, a value out of range.

    Example:
        >>> VoxonConfig(session_storage="memory").session_encryption_method
        'AES256'
    """

    session_storage: Any
    session_storage_path: str
    session_database_url: str | None
    session_redis_url: str | None
    session_encryption_key: bytes | str | KeyRing | None
    session_encryption_method: str
    session_ttl_seconds: float | None
    session_prefix: str | None
    tenant: str | None
    max_sessions: int | None
    max_session_age_hours: float | None
    max_resume_attempts: int
    max_resume_age_hours: float
    cleanup_interval_seconds: float
    cleanup_batch_size: int
    storage_timeout_seconds: float
    lock_ttl_seconds: float
    enable_metrics: bool
    metrics_interval_seconds: float
    autosave: bool
    durability: Literal["full", "relaxed"]
    person_profiles: bool

    def __init__(self, **settings: Unpack[VoxonSettings]) -> None:
        for name, value in settings.items():
            setattr(self, name, value)
        for name, (default, _) in _SETTINGS.items():
            if name not in settings:
                object.__setattr__(self, name, default)

    if not TYPE_CHECKING:  # type checkers know the fields, so they find a misspelt one by themselves

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in _SETTINGS:
                import difflib  # only for the hint

                near = difflib.get_close_matches(name, _SETTINGS, 1)
                hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(_SETTINGS) + "."
                raise ConfigurationError(f"There is no setting {name!r} of VoxonConfig. {hint}", option=name)
            object.__setattr__(self, name, _SETTINGS[name][1](name, value))

    @classmethod
    def from_env(cls, **settings: Unpack[VoxonSettings]) -> VoxonConfig:
        """The settings that the environment names; arguments win.

        REDIS_PASSWORD and REDIS_DB go before what REDIS_URL, or a URL in SESSION_STORAGE, has. Where sessions are kept
        is said by SESSION_STORAGE alone: a REDIS_URL without it is logged as a warning.

        Raises:
            ConfigurationError: a variable does not hold what it should; it is named.
        """
        found: dict[str, Any] = {}
        for variable, name in _ENVIRONMENT.items():
            value = os.environ.get(variable)
            if value:
                found[name] = _as_number(variable, value) if name in _NUMBERS else value
        storage = settings.get("session_storage", found.get("session_storage"))
        if "session_storage" in found and "session_storage" not in settings:
            _check_storage_name(found["session_storage"])
            found["session_storage"] = _with_redis_parts(found["session_storage"])
        if storage is None and "session_redis_url" in found:
            _log.warning(
                "REDIS_URL is set and SESSION_STORAGE is not: sessions are kept in files. Set SESSION_STORAGE=redis to "
                "keep them in Redis, or SESSION_STORAGE=file to say that files are meant."
            )
        url = found.get("session_redis_url") or ("redis://localhost:6379" if storage == "redis" else "")
        if url and "session_redis_url" not in settings:
            found["session_redis_url"] = _with_redis_parts(url)
        return cls(**{**found, **settings})

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> VoxonConfig:
        """The settings of a dict; the keys of the resume plan's SESSION_CONFIG are understood too."""
        known: dict[str, Any] = {}
        for name, value in settings.items():
            known[_PLAN.get(name, name)] = value
        return cls(**known)

    def __repr__(self) -> str:
        # URLs and keys hold secrets, so only harmless settings are shown.
        shown = ("session_storage_path", "session_encryption_method", "tenant", "autosave", "durability")
        kind = (
            self.session_storage
            if isinstance(self.session_storage, str)
            else type(self.session_storage).__name__
        )
        kind = kind.split("://")[0]
        return (
            f"VoxonConfig(session_storage={kind!r}, "
            + ", ".join(f"{n}={getattr(self, n)!r}" for n in shown)
            + ")"
        )


def config_on(config: VoxonConfig | None, storage: Any = None) -> VoxonConfig:
    """A copy of the settings with another storage; None keeps the one they name.

    Raises:
        ConfigurationError: `config` is no `VoxonConfig`, or `storage` is none.
    """
    if config is not None and not isinstance(config, VoxonConfig):
        raise ConfigurationError.out_of_range(
            "config", type(config).__name__, "give a VoxonConfig; a dict goes through VoxonConfig.from_dict"
        )
    settings = {} if config is None else {name: getattr(config, name) for name in _SETTINGS}
    if storage is not None:
        settings["session_storage"] = storage
    return VoxonConfig(**settings)


def _as_number(variable: str, value: str) -> float | int:
    try:
        number = float(value)
    except ValueError:
        raise ConfigurationError.out_of_range(
            variable, value, "the environment variable must hold a number"
        ) from None
    return int(number) if number.is_integer() else number


def _check_storage_name(spec: str) -> None:
    try:
        check_storage(spec)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"SESSION_STORAGE names no storage. {error}", option="SESSION_STORAGE"
        ) from None


def _with_redis_parts(url: str) -> str:
    """The URL with REDIS_PASSWORD and REDIS_DB in place of its own, where they are set; others as they are."""
    password, number = os.environ.get("REDIS_PASSWORD"), os.environ.get("REDIS_DB")
    if not (password or number) or not _REDIS_URL.match(url):
        return url
    if number and not (number.isascii() and number.isdigit()):
        raise ConfigurationError.out_of_range(
            "REDIS_DB", number, "the environment variable must hold the number of a database, 0 or more"
        )
    from urllib.parse import quote, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:  # whoever opens it says so
        return url
    person, at, host = parts.netloc.rpartition("@")
    path, query = parts.path, [one for one in parts.query.split("&") if one]
    if password:
        person, at = f"{person.partition(':')[0]}:{quote(password, safe='')}", "@"
        query = [one for one in query if not one.startswith("password=")]
    if number:
        query = [one for one in query if not one.startswith("db=")]
        if parts.scheme == "unix":  # its path is the socket's
            query.append(f"db={number}")
        else:
            path = f"/{number}"
    return f"{parts.scheme}://{person}{at}{host}{path}" + ("?" + "&".join(query) if query else "")
