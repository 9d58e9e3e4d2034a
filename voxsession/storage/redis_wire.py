"""Commands to one Redis server, written and read on connections that are kept between calls.

redis-py's own way takes a connection out of the pool and puts it back under a lock for each command, looks
through every word of it twice, and tells its own statistics. Connecting, retrying and reading are redis-py's here
as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

__all__ = ["Wire", "packed"]


def packed(words: Sequence[bytes]) -> bytes:
    """A command in the protocol of Redis.

    Example:
        >>> packed([b"GET", b"k"])
        b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n'
    """
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


class Wire:
    """The connections of one event loop to one server.

    Args:
        pool: makes them; it closes them too, when it is closed.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: list[AbstractConnection] = []

    async def send(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers in order, in bytes, an exception where a command was refused; all in one round trip.

        A lost connection is made anew and the commands are sent again, as often as the pool's retry has it.
        """
        connection = self._idle.pop() if self._idle else await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            # Whether the server has hung up while nobody looked, as the pool itself would see.
            if not connection.is_connected or await connection.can_read():
                await self._pool.ensure_connection(connection)
            found: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(connection, commands), lambda error: connection.disconnect()
            )
        except BaseException:
            await connection.disconnect(nowait=True)  # so no answer is left for a later call
            raise
        finally:
            self._idle.append(connection)
        return found

    async def give_back(self) -> None:
        """Returns the connections that rest, for calls of the client itself."""
        while self._idle:
            await self._pool.release(self._idle.pop())


async def _exchange(connection: AbstractConnection, commands: Sequence[bytes]) -> list[Any]:
    await connection.send_packed_command(commands)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response(disable_decoding=True))
        except ResponseError as error:
            answers.append(error)
    return answers
