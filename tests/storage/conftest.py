"""What travels to servers, seen by a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio.connection import Connection
from sqlalchemy import Engine, event


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that is sent to Redis from now on, one entry for each round trip."""
    packets: list[bytes] = []
    send = Connection.send_packed_command

    async def noting(self: Connection, command: Any, check_health: bool = True) -> None:
        packets.append(b"".join(command))
        await send(self, command, check_health)

    monkeypatch.setattr(Connection, "send_packed_command", noting)
    return packets


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements that any engine executes, as they come."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)
