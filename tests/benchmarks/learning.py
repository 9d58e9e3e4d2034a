"""P12: what learning from one message takes, and whether that grows with history."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from tests.benchmarks.measure import Row, message
from tests.benchmarks.sides import our_session, our_voxon
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.learning.preferences import learn, learned_moves

LENGTHS = (0, 1_000, 10_000)
ROUNDS = 400


async def run(folder: Path) -> list[Row]:
    """A message learned from at the three lengths of history, the lengths taking turns."""
    async with our_voxon(folder / "learning") as voxon:
        sessions = [await our_session(voxon, f"p12-{length}", length, learning=True) for length in LENGTHS]
        views = [session._core.view for session, _ in sessions]
        times: list[list[float]] = [[] for _ in views]
        for number in range(-20, ROUNDS):
            for place, view in enumerate(views):
                spent = _learn_one(view, number + 20)
                if number >= 0:
                    times[place].append(spent)
    medians = [statistics.median(series) for series in times]
    return [
        Row(
            "P12",
            f"learn from one message at {length:,} messages",
            median,
            None if length == 0 else medians[0],
            "" if length == 0 else "ours at 0 messages",
            "≤ 0.3 ms",
        )
        for length, median in zip(LENGTHS, medians, strict=True)
    ]


def _learn_one(view: SessionData, number: int) -> float:
    """Milliseconds for the features, estimates, topics, wishes and moves of one message; its making is not counted."""
    before = view.messages[-1] if view.messages else None
    said = Message(
        id=f"learn-{number}", conversation_id="c", role="user", content=message(number), at=view.updated_at
    )
    started = time.perf_counter()
    evidence_before = dict(view.evidence)
    for change in learn(view, said, previous=before, reply=before):
        change.apply(view)
    learned_moves(evidence_before, view)
    return (time.perf_counter() - started) * 1000
