"""P1, P2: what recording one durable turn takes, and whether that grows with history."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measure import Row, interleaved, turn
from tests.benchmarks.sides import agents_encrypted, fill_peer, our_session, our_voxon

ROUNDS = 300


async def run(folder: Path) -> list[Row]:
    """One turn at 1,000 messages beside the encrypted peer; at 0 and 10,000 beside each other."""
    async with our_voxon(folder / "turns") as voxon:
        _, ours = await our_session(voxon, "p1", 1000)
        _, learning = await our_session(voxon, "p1-learning", 1000, learning=True)
        theirs = await fill_peer(agents_encrypted(folder / "peer", "p1"), 1000)
        one, with_learning, peer = await interleaved(
            ROUNDS,
            lambda n: ours.add_messages(turn(n)),
            lambda n: learning.add_messages(turn(n)),
            lambda n: theirs.add_items(turn(n)),
        )
        _, empty = await our_session(voxon, "p2-empty", 0)
        _, long = await our_session(voxon, "p2-long", 10_000)
        at_0, at_10000 = await interleaved(
            ROUNDS, lambda n: empty.add_messages(turn(n)), lambda n: long.add_messages(turn(n))
        )
    peer_name = "agents EncryptedSession on SQLite"
    return [
        Row("P1", "record one durable turn, session of 1,000", one, peer, peer_name, "≤ 0.75, goal 0.5"),
        Row(
            "P1",
            "the same with learning and extraction on",
            with_learning,
            peer,
            peer_name,
            "(for information)",
        ),
        Row("P2", "record one turn at 10,000 messages", at_10000, at_0, "ours at 0 messages", "≤ 1.15"),
    ]
