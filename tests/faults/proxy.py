"""A TCP proxy that cuts a connection after so many bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType

__all__ = ["Proxy"]

CHUNK_BYTES = 1 << 16


class Proxy:
    """Stands between a storage and its server; `async with` ends it.

    Attributes:
        port: where it listens.
        was_cut: whether the cut that was asked for has happened.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: list[int | None] = [None, None]
        self._refuses_afterwards = False
        self._is_refusing = False
        self.port = 0
        self.was_cut = False

    async def __aenter__(self) -> Proxy:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_after(self, direction: int, count: int, *, refuse: bool) -> None:
        """Cuts once so many more bytes have gone one way (0 = requests, 1 = answers), those bytes delivered.

        Args:
            refuse: let nobody connect from then on, until `mend`.
        """
        self._left[direction] = count
        self._refuses_afterwards, self.was_cut = refuse, False

    def mend(self) -> None:
        """Cuts nothing any more and lets everybody connect."""
        self._left, self._is_refusing = [None, None], False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        ends = (writer, to_server[1])
        for end in ends:
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ways = [
            asyncio.ensure_future(self._pump(0, reader, to_server[1])),
            asyncio.ensure_future(self._pump(1, to_server[0], writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.close()  # what was let through still arrives
            await asyncio.gather(*ways, *(_closed(end) for end in ends), return_exceptions=True)

    async def _pump(self, direction: int, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK_BYTES):
            left = self._left[direction]
            if left is not None and len(data) >= left:
                self._left = [None, None]
                self.was_cut, self._is_refusing = True, self._refuses_afterwards
                target.write(data[:left])
                return
            if left is not None:
                self._left[direction] = left - len(data)
            target.write(data)
            await target.drain()


async def _closed(end: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await end.wait_closed()
