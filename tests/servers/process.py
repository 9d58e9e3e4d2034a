"""One server process of the tests: unprivileged, on a free loopback port, gone when the tests end.

As root a server runs as `nobody`, in a folder that belongs to that user; the modes of folders that were
there before are never changed. Whatever is started here is ended by its own process id.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

START_SECONDS = 60.0
LOWEST_PORT = 15_000
ENDED, STILL = "ZX", "TtZX"  # states of a process; one that has ended holds nothing any more


def lacking(what: str) -> None:
    """Skips where a server is missing; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; in CI it has to be there")
    pytest.skip(what)


def free_port() -> int:
    """A loopback port that nobody listens on, nor uses for a connection: the system gives those out from its range."""
    while True:
        port = random.SystemRandom().randrange(LOWEST_PORT, _first_of_the_system())
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _first_of_the_system() -> int:
    """The least port that the system gives to a connection; a server that is away could not get that one back."""
    try:
        least = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        least = 0
    return least if least > 2 * LOWEST_PORT else 2**15


def accepts(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def private_folder(name: str) -> Path:
    """A new folder under the temporary one that the servers' user owns."""
    folder = Path(tempfile.mkdtemp(prefix=f"voxsession-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # also where the start was broken off
    give(folder)
    return folder


def give(path: Path) -> None:
    """Makes the servers' user the owner of a file or folder that the tests made."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def within_reach(source: Path, folder: Path) -> Path:
    """The same file or folder where the servers' user can get at it: itself, or a linked copy in `folder`."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in source.resolve().parents):
        return source
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link, symlinks=True)
    else:
        _link(str(source), str(target))
    return target


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _as_servers_user() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def run(command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end as the servers' user; what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
        **_as_servers_user(),  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}"
    return str(done.stdout)


def _wait_until(states: str, pid: int) -> None:
    """Waits until a process is in one of these states, or gone: a signal takes effect some time after it was sent."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it is gone
            return
        if state in states:
            return
        assert time.monotonic() < deadline, f"process {pid} stays in state {state}, not in one of {states}"
        time.sleep(0.001)


class ServerProcess:
    """A server that can be started, paused, killed and started again on the same port and folder.

    Args:
        command: the program with its arguments; it stays in the foreground.
        folder: where it works; its output goes to `server.log` there.
        port: the loopback port it was told to listen on.
        ready: whether it answers; by default, whether its port accepts.
        stop_signal: asks it to end.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        port: int,
        ready: Callable[[], bool] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.folder = folder
        self.port = port
        self._ready = ready or (lambda: accepts(port))
        self._stop_signal = stop_signal
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C in the terminal reaches pytest, which then ends the server itself.
                start_new_session=True,
                **_as_servers_user(),  # type: ignore[call-overload]
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Waits until it answers; its log is shown where it does not."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log[-2000:]}")
            time.sleep(0.02)

    def pids(self) -> list[int]:
        """The server's process and those it has started itself."""
        found = [self.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
            if parent == self.pid:
                found.append(int(stat.parent.name))
        return found

    def pause(self) -> None:
        """Stops it in the middle of whatever it does: connections stay, answers stop."""
        self._signal(signal.SIGSTOP)
        for pid in self.pids():
            _wait_until(STILL, pid)

    def resume(self) -> None:
        """Lets a paused server go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, as a power cut of the process would; children with it."""
        if self._process is not None:
            killed = self._signal(signal.SIGKILL) if self._process.poll() is None else []
            self._process.wait(30)
            for (
                pid
            ) in killed:  # a child that is still on its way out holds memory that the next start asks for
                _wait_until(ENDED, pid)

    def restart(self) -> None:
        """Stops it in order and starts it again on the same port."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Asks it to end, waits, and kills it where it does not; harmless when called again."""
        if self._process is None or self._process.poll() is not None:
            return
        self.resume()
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def remove(self) -> None:
        """Stops it and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> list[int]:
        """Sends it to the server and its children; to which processes."""
        # The parent stands still while its children are counted: one that it starts meanwhile would be missed.
        os.kill(self.pid, signal.SIGSTOP)
        _wait_until(STILL, self.pid)
        found = self.pids()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, number)
        return found
