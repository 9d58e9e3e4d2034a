"""What was acknowledged survives the death of its process at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.session.processes import Child, Spawner
from tests.session.writer import turns_of, voxon_at

KILLS = int(os.environ.get("VOXSESSION_TEST_KILLS", "300"))
WORKERS = 2
KILLS_OF_ONE_SESSION = 15
TEAR_EVERY = 8


def kill_at_random(child: Child, dice: random.Random) -> list[str]:
    """Lets a writer say some words, waits a moment that ends anywhere in its next turn, and kills it."""
    for _ in range(dice.choice((0, 1, 2, 4, 8, 16))):
        child.listen()
    time.sleep(dice.random() * dice.choice((0.001, 0.005, 0.02)))
    return child.kill()


def tear(path: Path, dice: random.Random) -> None:
    """Leaves a piece of a line at the end of the file, as a power cut in the middle of a write would."""
    lines = path.read_bytes().splitlines()
    with path.open("ab") as file:
        file.write(lines[-1][: dice.randrange(1, len(lines[-1]))])


async def check(folder: Path, acknowledged: list[str]) -> Counter[str]:
    """Opens the session as a new process would: all that was acknowledged is there, once, whole, in order."""
    seen: Counter[str] = Counter()
    async with voxon_at(str(folder)) as voxon:
        voxon.events.on("tail.repaired", lambda event: seen.update(torn=1))
        session = await voxon.load_session("s")
        conversation = await session.start_conversation("c")  # which goes on where there is one
        found = list(turns_of(await conversation.history()))
        assert len(set(found)) == len(found), "a turn is there twice"
        missing = [turn for turn in acknowledged if turn not in set(found)]
        assert not missing, f"acknowledged and lost: {missing}"
        order = [tuple(map(int, turn.split("-"))) for turn in found]
        assert order == sorted(order)
        counted = session.get_custom_metrics()["turns"]["count"] if found else 0
        assert counted == len(found), "a turn and its metric are one batch"
        await session.reload(keep_pending=False)  # looking is not writing
        seen["unacknowledged"] = len(found) - len(acknowledged)
        pages = list((folder / "s.pages").glob("*.json")) if (folder / "s.pages").exists() else []
        seen["pages"] = len(pages)
    return seen


def one_session(spawner: Spawner, folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kills the writers of one session one after another and looks at it after each."""
    dice, acknowledged, total = random.Random(seed), list[str](), Counter[str]()
    seen: Counter[str] = Counter()
    for number in range(kills):
        child = spawner.fork("write_turns", folder=str(folder), name=str(number), seed=dice.getrandbits(30))
        acknowledged += [word for word in kill_at_random(child, dice) if word != "open"]
        path = folder / "s.json"
        if path.exists() and dice.randrange(TEAR_EVERY) == 0:
            tear(path, dice)
        if acknowledged or path.exists():
            seen = asyncio.run(check(folder, acknowledged))
            total["torn"] += seen["torn"]
        total["half written"] += len(list(folder.glob("*.tmp")) + list(folder.glob("s.pages/.tmp")))
    total.update(kills=kills, acknowledged=len(acknowledged), sessions=1)
    total.update({name: seen[name] for name in ("unacknowledged", "pages")})
    return total


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_acknowledged_turn_is_lost_when_its_writer_is_killed(tmp_path: Path) -> None:
    """After hundreds of kills at random moments every session opens with all that was acknowledged, once."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")

    def work(worker: int) -> Counter[str]:
        total, left, dice = Counter[str](), KILLS // WORKERS, random.Random(seed + worker)
        with Spawner() as spawner:
            while left > 0:
                kills = min(left, KILLS_OF_ONE_SESSION)
                folder = tmp_path / f"{worker}-{left}"
                folder.mkdir()
                total += one_session(spawner, folder, kills, dice.getrandbits(30))
                left -= kills
        return total

    with ThreadPoolExecutor(WORKERS) as threads:
        totals = sum(threads.map(work, range(WORKERS)), Counter[str]())

    print(dict(totals))
    assert totals["kills"] >= KILLS // WORKERS * WORKERS
    assert totals["acknowledged"] > totals["kills"] and totals["pages"] > 0
