"""Connections to Redis: one client for each event loop, never more calls at once than connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoScriptError,
    ResponseError,
)
from redis.exceptions import TimeoutError as NoAnswerError

from voxsession.errors import ConfigurationError
from voxsession.storage.redis_calls import Calls, Command
from voxsession.storage.redis_options import options_told
from voxsession.storage.redis_scripts import Script
from voxsession.storage.redis_wire import Wire, packed

__all__ = ["Client", "Link", "RedisLinks"]

Client: TypeAlias = Redis | RedisCluster
Word: TypeAlias = bytes | str

RETRIES = 3  # where there is no connection; after 0.05 s, 0.1 s ...
ANSWER_SECONDS = 5.0
HEALTH_CHECK_SECONDS = 30
SCANNED_AT_ONCE = 400  # a record has up to four keys


class _OneServers(list[Any]):
    """A command for this server of a cluster, whatever it is about."""

    def __init__(self, command: Command, node: ClusterNode) -> None:
        super().__init__(command)
        self.node = node


class Link:
    """A client in the event loop that it belongs to.

    Args:
        keeps: the connections are ours to keep between calls.
        tries: how often commands are sent that get no answer in time.
        seconds: how long that is; None where the client itself knows.

    Attributes:
        is_cluster: keys of several sessions may lie on several servers.
    """

    def __init__(
        self, client: Client, *, keeps: bool, calls_at_once: int, tries: int, seconds: float | None
    ) -> None:
        self.client = client
        self._wire = Wire(client.connection_pool) if keeps and isinstance(client, Redis) else None
        self.is_cluster = isinstance(client, RedisCluster)
        self._tries = tries
        self._seconds = seconds
        self._calls = Calls(self._send, calls_at_once, together=not self.is_cluster)

    async def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Any:
        """The answer of a script as bytes; a server that does not know it yet is told its text."""
        try:
            return await self.command("EVALSHA", script.sha, b"%d" % len(keys), *keys, *args)
        except NoScriptError:
            return await self.command("EVAL", script.text, b"%d" % len(keys), *keys, *args)

    async def command(self, name: str, *words: Word) -> Any:
        """The answer to one command, in bytes also where the client decodes; waits for a free connection."""
        # As bytes, because a ready client may have an encoding of its own.
        return await self._call([name, *[word.encode() if isinstance(word, str) else word for word in words]])

    async def _call(self, command: list[Any]) -> Any:
        if self._wire is None:
            return await self._calls(command)
        return await self._calls(packed([command[0].encode(), *command[1:]]))

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """The names of keys that fit a pattern, some at a time, from all servers; one may come twice."""
        if not isinstance(self.client, RedisCluster):
            cursor = -1
            while cursor:
                found, names = await self._call(_scan(max(cursor, 0), pattern))
                cursor = int(found)
                yield names
            return
        for node in self.client.get_primaries():
            cursor = -1
            while cursor:
                cursors, names = await self._calls(_OneServers(_scan(max(cursor, 0), pattern), node))
                [cursor] = cursors.values()
                yield names

    async def settle(self) -> None:
        """Waits for the calls that have begun."""
        await self._calls.settle()

    async def make_room(self) -> None:
        """Lets calls of the client itself have the connections that rest."""
        if self._wire is not None:
            await self._wire.give_back()

    async def _send(self, commands: list[Command]) -> list[Any]:
        reason = ""
        for _ in range(self._tries):
            try:
                # One timer around it all: the driver's own make a task for each. It closes a connection whose answer
                # nobody has waited for, so no later call can read it.
                async with asyncio.timeout(self._seconds):
                    return await self._answers(commands)
            except TimeoutError:
                reason = f"no answer within {self._seconds:g} s"
            except AttributeError:
                # redis-py 8.1: a call that finds the cluster changed closes the connections of all others, which then
                # stumble over what is no more. What they do is safe to repeat.
                if not self.is_cluster:
                    raise
                reason = "the cluster is changing"
        raise NoAnswerError(reason)

    async def _answers(self, commands: list[Command]) -> list[Any]:
        if self._wire is not None:
            return await self._wire.send(commands)
        if len(commands) == 1:
            [command] = commands
            target = {"target_nodes": command.node} if isinstance(command, _OneServers) else {}
            return [await self.client.execute_command(*command, NEVER_DECODE=True, **target)]
        pipeline = self.client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command, NEVER_DECODE=True)
        return list(await pipeline.execute(raise_on_error=False))


def _scan(cursor: int, pattern: str) -> Command:
    return ["SCAN", b"%d" % cursor, b"MATCH", pattern.encode(), b"COUNT", b"%d" % SCANNED_AT_ONCE]


class _Retry(Retry):
    """Tries again, but not with a password that was refused."""

    # The arguments grew between redis-py 7 and 8.
    async def call_with_retry(  # type: ignore[override]
        self, do: Any, fail: Any, is_retryable: Any = None, **options: Any
    ) -> Any:
        """What `do` gives in the end."""
        return await super().call_with_retry(do, fail, is_retryable or _is_passing, **options)


def _is_passing(error: Exception) -> bool:
    return not isinstance(error, AuthenticationError)


class _Place:
    """Where the link of an event loop is, once it is open."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.keeper: AsyncGenerator[None] | None = None
        self.opening = asyncio.Lock()
        self.is_closed = False


class RedisLinks:
    """The links of one storage; each event loop that uses it gets one of its own.

    Args:
        options: what connections are made with (see `connection_options`).
        calls_at_once: the number of connections; further calls wait.
        is_cluster: do not ask the server whether it is one.
        retry_on_timeout: ask once more when no answer came in time; a cluster's client always does.
        client: a ready client in place of all that; it is never closed here.

    Raises:
        ConfigurationError: an option that no connection takes, or something else than a client.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        calls_at_once: int,
        is_cluster: bool = False,
        retry_on_timeout: bool = True,
        client: Client | None = None,
    ) -> None:
        self._options = dict(options)
        self._seconds = self._options.pop("socket_timeout", ANSWER_SECONDS)
        most = self._options.pop("max_connections", calls_at_once)
        if isinstance(client, Redis):
            most = client.connection_pool.max_connections
        self._calls_at_once = min(calls_at_once, most)
        self._is_cluster = is_cluster
        self._tries = 2 if retry_on_timeout else 1
        self._ready_client = client
        self._places: dict[asyncio.AbstractEventLoop, _Place] = {}
        if client is None:
            self._new_client(as_cluster=is_cluster)  # connects to nothing, but tells what it does not take
        elif not isinstance(client, Redis | RedisCluster):
            raise ConfigurationError(
                f"client is a {type(client).__module__}.{type(client).__qualname__}. Give a redis.asyncio.Redis or a "
                "redis.asyncio.RedisCluster; clients of other modules, such as the blocking redis.Redis, do not serve.",
                option="client",
            )

    async def current(self) -> Link:
        """The open link of the running event loop."""
        while True:
            place = self._place()
            if place.link is None:
                async with place.opening:
                    if place.is_closed:
                        continue
                    if place.link is None:
                        await self._open(place)
            assert place.link is not None
            return place.link

    def _place(self) -> _Place:
        loop = asyncio.get_running_loop()
        if loop not in self._places:
            for other in [other for other in list(self._places) if other.is_closed()]:
                # What it had open can neither be used nor closed any more.
                self._places.pop(other, None)
            self._places[loop] = _Place()
        return self._places[loop]

    async def _open(self, place: _Place) -> None:
        client = self._ready_client or self._new_client(as_cluster=self._is_cluster)
        try:
            if isinstance(client, Redis) and await _is_cluster_node(client, self._seconds):
                client = await self._in_place_of(client)
            if isinstance(client, RedisCluster):
                await client.initialize()  # many calls at once would each begin with it
        except BaseException:
            if self._ready_client is None:
                await client.aclose()
            raise
        if self._ready_client is None:
            # asyncio.run ends what generators are open before it closes the loop: so the connections of a program
            # that calls it again and again are closed in time, also where nobody calls close().
            place.keeper = self._kept(client, place)
            await anext(place.keeper)
        own_timer = self._ready_client is None and isinstance(client, Redis)
        place.link = Link(
            client,
            keeps=self._ready_client is None,
            calls_at_once=self._calls_at_once,
            tries=self._tries,
            seconds=self._seconds if own_timer else None,
        )

    async def _in_place_of(self, client: Redis) -> Client:
        if self._ready_client is not None:
            raise ConfigurationError(
                "This redis.asyncio.Redis client leads to a node of a Redis Cluster. Give a "
                "redis.asyncio.RedisCluster client, or the URL.",
                option="client",
            )
        await client.aclose()
        return self._new_client(as_cluster=True)

    async def _kept(self, client: Client, place: _Place) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            loop = asyncio.get_running_loop()
            if self._places.get(loop) is place:
                del self._places[loop]
            await client.aclose()

    def _new_client(self, *, as_cluster: bool) -> Client:
        options: dict[str, Any] = {
            "health_check_interval": HEALTH_CHECK_SECONDS,
            "protocol": 2,  # no greeting to answer, and understood by every server
            "retry": _Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), RETRIES, (ConnectionError,)),
            "max_connections": self._calls_at_once,
            "socket_timeout": self._seconds if as_cluster else None,
            "socket_connect_timeout": self._seconds,
            **self._options,
        }
        if not as_cluster:
            with options_told():
                pool = ConnectionPool(**options)
                # Only connections look at their options; this one is never opened.
                pool.make_connection()  # type: ignore[no-untyped-call]
                return Redis.from_pool(pool)
        options["ssl"] = options.pop("connection_class", None) is SSLConnection
        if options.pop("db", 0) or "path" in options:
            raise ConfigurationError(
                "A Redis Cluster has only database 0, and no socket file. Leave out db and the number behind the "
                "URL, and name a host.",
                option="db",
            )
        # A slot that has moved is learnt by itself: to learn all anew the client closes every call's connection.
        with options_told():
            return RedisCluster(**{"host": "localhost", "reinitialize_steps": 0, **options})

    async def close(self) -> None:
        """Closes the link of the running event loop, once its calls have ended."""
        place = self._places.pop(asyncio.get_running_loop(), None)
        if place is None:
            return
        async with place.opening:
            place.is_closed = True
            try:
                if place.link is not None:
                    await place.link.settle()
            finally:
                if place.keeper is not None:
                    await place.keeper.aclose()


async def _is_cluster_node(client: Redis, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return bool((await client.info("cluster")).get("cluster_enabled"))
    except ResponseError:  # a user who may not ask is not on a cluster, as far as we know
        return False
    except TimeoutError:
        raise NoAnswerError(f"no answer within {seconds:g} s") from None
