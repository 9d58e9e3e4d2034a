"""The errors of Redis in our own words."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    ClusterError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,
    TryAgainError,
)

from voxsession.errors import (
    ConfigurationError,
    IntegrityError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    VoxSessionError,
)

__all__ = ["Told"]

_DRIVERS = (RedisError, RedisClusterException, OSError)

_REFUSED = (AuthenticationError, AuthenticationWrongNumberOfArgsError, AuthorizationError, NoPermissionError)
_AWAY = (
    ConnectionError,
    TimeoutError,
    AskError,
    ClusterError,
    TryAgainError,
    RedisClusterException,
    OSError,
)

# Inside of a script an error arrives as text, with its code in front or behind a dash.
_CODE = re.compile(r"(?:^|[\s-])([A-Z]{4,})\s")
_REFUSED_CODES = {"NOAUTH", "NOPERM", "WRONGPASS"}
_AWAY_CODES = {"CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "BUSY"}
_FULL = re.compile(r"(?:^|[\s-])(?:OOM|MISCONF)\s")


def _quotes_arguments(error: BaseException) -> bool:
    """Whether the driver's error repeats a command with its arguments, which are records."""
    return isinstance(error, RedisClusterException)


def _translated(error: BaseException, operation: str, place: str, record: str) -> VoxSessionError:
    """What a caller is told.

    Args:
        operation: what was asked of the storage.
        place: the server, without user and password.
        record: the key of the record that it was about.
    """
    text = "" if _quotes_arguments(error) else str(error)[:200]
    codes = set(_CODE.findall(text))
    if isinstance(error, _REFUSED) or codes & _REFUSED_CODES:
        return ConfigurationError(
            f"Redis at {place} refused these credentials ({text}). Give the right password with "
            "RedisSessionStorage(password=...), REDIS_PASSWORD or in the URL, and allow its user "
            "+@read +@write +@scripting +@connection.",
            option="session_redis_url",
        )
    said: dict[str, str] = {"storage": "redis", "operation": operation}
    if isinstance(error, OutOfMemoryError) or _FULL.search(text):
        return StorageFullError(
            f"Redis at {place} takes no more ({text}). What was stored is still there; give it more memory or disk.",
            **said,
        )
    if isinstance(error, ReadOnlyError) or "READONLY" in codes:
        return StorageUnavailableError(
            f"Redis at {place} takes no writes: it is a read-only replica ({text}). Name its primary in "
            "session_redis_url; after a failover a retry may help.",
            **said,
        )
    if isinstance(error, _AWAY) or codes & _AWAY_CODES:
        return StorageUnavailableError(
            f"Redis at {place} is away ({text or type(error).__name__}). Check that it runs and is reachable; a "
            "retry may help.",
            **said,
        )
    if "WRONGTYPE" in codes:
        return IntegrityError(record, "something else is stored under its keys in Redis")
    return StorageError(f"Redis at {place} failed: {text or type(error).__name__}", **said)


class Told:
    """The driver's errors in our words, around what is asked of it.

    Args:
        operation: what is asked of the storage.
        place: the server, without user and password.
        record: the key of the record that it is about.
    """

    # A class, since a generator takes three times as long where nothing fails.
    __slots__ = ("_about",)

    def __init__(self, operation: str, place: str, record: str) -> None:
        self._about = (operation, place, record)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, _DRIVERS):
            raise _translated(error, *self._about) from (None if _quotes_arguments(error) else error)
