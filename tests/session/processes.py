"""Real processes for tests: asked for, listened to, killed and buried."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60


class Child:
    """One forked writer; `words` are what it has said so far, as far as somebody listened."""

    def __init__(self, spawner: Spawner, name: str) -> None:
        self._spawner = spawner
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._name = name
        self._pid = 0
        self.words: list[str] = []

    def hear(self, word: str) -> None:
        """Takes in a word that it said."""
        self._heard.put(word)

    def listen(self) -> str:
        """The next word; the error that it ended with is raised here."""
        while True:
            word = self._heard.get(timeout=PATIENCE_SECONDS)
            if word.startswith("failed "):
                raise AssertionError(f"the writer {self._name} {word}")
            if word.startswith("pid "):
                self._pid = int(word[4:])
                continue
            if word not in ("dead", "done"):
                self.words.append(word)
            return word

    def listen_to_the_end(self) -> list[str]:
        """All its words, once it is done and buried."""
        while self.listen() != "done":
            pass
        self._bury()
        return self.words

    def kill(self) -> list[str]:
        """Kills it with SIGKILL, wherever it is; all that it said before."""
        while not self._pid:
            self.listen()
        os.kill(self._pid, signal.SIGKILL)
        self._bury()
        return self.words

    def _bury(self) -> None:
        self._spawner.ask(bury=self._name, pid=self._pid)
        while self.listen() != "dead":
            pass


class Spawner:
    """A warmed-up process that forks writers; `with` ends it."""

    def __enter__(self) -> Spawner:
        self._children: dict[str, Child] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.session.writer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *problem: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._process.stdout.close()

    def fork(self, call: str, **arguments: Any) -> Child:
        """A child that makes this call of `tests.session.writer`."""
        name = f"child{len(self._children)}"
        child = self._children[name] = Child(self, name)
        self.ask(child=name, call=call, arguments=arguments)
        return child

    def ask(self, **line: Any) -> None:
        """Sends a line to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, _, word = line.rstrip("\n").partition("\t")
            self._children[name].hear(word)
