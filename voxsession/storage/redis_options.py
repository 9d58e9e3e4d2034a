"""The options of the Redis storage, checked before anything is connected."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.connection import UnixDomainSocketConnection, parse_url
from redis.exceptions import RedisClusterException, RedisError

from voxsession.errors import ConfigurationError

__all__ = ["check_options", "connection_options", "options_told"]

CLUSTER = "+cluster"


def check_options(
    session_prefix: str, default_ttl: object, max_connections: object, password: object, db: object
) -> None:
    """`ConfigurationError` for an option of the storage that cannot be meant; it is named."""
    if (
        not isinstance(session_prefix, str)
        or not session_prefix.strip(":")
        or set("{}") & set(session_prefix)
    ):
        raise ConfigurationError.out_of_range(
            "session_prefix", session_prefix, "a text without braces is needed"
        )
    if default_ttl is not None and not _is_number(default_ttl, int | float, above=0):
        raise ConfigurationError.out_of_range("default_ttl", default_ttl, "seconds, or None for never")
    if not _is_number(max_connections, int, above=0):
        raise ConfigurationError.out_of_range(
            "max_connections", max_connections, "a whole number, at least 1"
        )
    if db is not None and not _is_number(db, int, above=-1):
        raise ConfigurationError.out_of_range("db", db, "the number of a database, 0 or more")
    if password is not None and not isinstance(password, str):
        raise ConfigurationError("password is no text. Give it as str.", option="password")


def _is_number(value: object, kind: type | UnionType, above: int) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and above < value < math.inf  # type: ignore[operator]


def connection_options(url: object, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """What a connection is made with, and whether the URL names a cluster.

    Args:
        given: options that go before those of the URL.

    Raises:
        ConfigurationError: no URL of a known scheme, or an impossible part of one; the URL itself is not repeated,
            it may hold a password.
    """
    scheme, found, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
    named = scheme.lower().removesuffix(CLUSTER)
    base = {"valkey": "redis", "valkeys": "rediss"}.get(named, named)
    try:
        if not found:
            raise ValueError
        options: dict[str, Any] = dict(parse_url(f"{base}://{rest}"))
        number = "" if base == "unix" else urlsplit(f"{base}://{rest}").path.strip("/")
    except ValueError as error:
        # Of what redis-py says only this has no part of the URL but the name of an option.
        said = f" ({error})" if str(error).startswith("Invalid value for '") else ""
        raise ConfigurationError(
            f"session_redis_url is no URL of a Redis server{said}. Use redis://host:6379/0, rediss:// (with TLS), "
            "unix:///path/to/socket, valkey:// or redis+cluster://.",
            option="session_redis_url",
        ) from None
    if number.strip("0123456789"):
        raise ConfigurationError(
            "Behind the host, session_redis_url has something else than the number of a database. Use "
            "redis://host:6379/0.",
            option="session_redis_url",
        )
    for name in ("max_connections", "socket_timeout"):
        if name in options and not options[name] > 0:
            raise ConfigurationError.out_of_range(name, options[name], "more than 0", "session_redis_url")
    options.update(given)
    if options.get("connection_class") is UnixDomainSocketConnection:
        options.pop("socket_keepalive", None)  # it is a matter of TCP
    return options, scheme.lower().endswith(CLUSTER)


@contextlib.contextmanager
def options_told() -> Iterator[None]:
    """What redis-py says of options that it does not take, in our words."""
    try:
        yield
    except (TypeError, AttributeError, RedisError, RedisClusterException) as error:
        raise ConfigurationError(
            f"redis-py cannot connect with these options ({error}). Correct what stands behind the question mark of "
            "session_redis_url.",
            option="session_redis_url",
        ) from None
