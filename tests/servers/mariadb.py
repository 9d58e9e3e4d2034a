"""MariaDB for the tests that only `make test-all` runs: one server for a run, one database for each test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import ServerProcess, free_port, private_folder, run

_numbers = itertools.count(1)


def _program(*names: str) -> Path:
    folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        found = shutil.which(name, path=folders)
        if found:
            return Path(found)
    pytest.skip("no MariaDB is here (apt-get install mariadb-server)")


class MariadbServer(ServerProcess):
    """A MariaDB server whose root user needs no password."""

    def __init__(self) -> None:
        server, install = _program("mariadbd"), _program("mariadb-install-db")
        folder, port = private_folder("mariadb"), free_port()
        data = folder / "data"
        places = [f"--datadir={data}", f"--tmpdir={folder}"]
        rights = "--auth-root-authentication-method=normal"
        run([install, "--no-defaults", *places, rights, "--skip-test-db"], folder)
        command = [server, "--no-defaults", *places, f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
        loopback = ["--bind-address=127.0.0.1", f"--port={port}"]
        # The log is written at each commit and synced once a second: durable against a kill.
        settings = ["--innodb-flush-log-at-trx-commit=2", "--skip-log-bin", "--max-connections=200"]
        super().__init__([*command, *loopback, *settings], folder=folder, port=port)

    def url(self, database: str) -> str:
        """The URL of one of the server's databases."""
        return f"mariadb://root@127.0.0.1:{self.port}/{database}"

    async def new_place(self) -> str:
        """The URL of a new database."""
        import asyncmy

        name = f"place_{os.getpid()}_{next(_numbers)}"
        connection = await asyncmy.connect(host="127.0.0.1", port=self.port, user="root")
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.ensure_closed()
        return self.url(name)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The MariaDB server of this run."""
    server = MariadbServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def mariadb_url(mariadb_server: MariadbServer) -> str:
    """The URL of an empty database on the server, for one test."""
    return await mariadb_server.new_place()
