"""Interleaved timing: the two sides take turns, so that a machine that drifts drifts for both."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = (
    "We walked along the harbour until the lamps came on, talked about the repairs the old boat still "
    "needs before spring, and agreed to ask the two brothers from the yard what a new mast would cost us"
)


@dataclass(frozen=True)
class Row:
    """One line of the table: medians in milliseconds (or another unit), and their ratio."""

    target: str
    work: str
    ours: float
    theirs: float | None
    peer: str
    goal: str
    unit: str = "ms"

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs."""
        return None if not self.theirs else self.ours / self.theirs


def message(number: int) -> str:
    """A sentence of about 40 tokens that no other message has."""
    return f"{number}: {SENTENCE} {number * 7919 % 1000}."


def turn(number: int) -> list[dict[str, str]]:
    """A user message and its answer."""
    return [
        {"role": "user", "content": message(2 * number)},
        {"role": "assistant", "content": message(2 * number + 1)},
    ]


async def interleaved(
    rounds: int,
    *sides: Callable[[int], Awaitable[object]],
    warm_up: int = 5,
    after: Callable[[], Awaitable[object]] | None = None,
) -> list[float]:
    """Median milliseconds of each side, the sides taking turns; `after` follows each, and is not in its time."""
    times: list[list[float]] = [[] for _ in sides]
    for number in range(-warm_up, rounds):
        for place, side in enumerate(sides):
            # The loop holds what the side before waited for last, a peer's thousands of items perhaps, until it goes
            # round: letting go of them is no work of this side.
            await asyncio.sleep(0)
            started = time.perf_counter()
            await side(number + warm_up)
            if number >= 0:
                times[place].append((time.perf_counter() - started) * 1000)
            if after is not None:
                await after()
    return [statistics.median(series) for series in times]


def process_ms(code: str, rounds: int = 9) -> float:
    """Median milliseconds of a whole interpreter that runs `code`."""
    # Where bytecode may not be written each start would compile the package, which an installed one is spared.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def machine() -> str:
    """What this ran on, in one line."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores of {cpu}, {system}, Python {platform.python_version()}"


def versions(*names: str) -> str:
    """Installed versions, for the foot of the table."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)
