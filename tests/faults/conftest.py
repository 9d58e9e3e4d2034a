"""The server of the fault tests that may be killed; Redis has its own in `own_redis`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that tests may kill and pause; a page that a kill has torn is made whole again."""
    server = PostgresServer("full_page_writes=on")
    try:
        server.start()
        yield server
    finally:
        server.remove()
