"""P3, P4: what opening takes, and what reading everything takes."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measure import Row, interleaved
from tests.benchmarks.sides import agents_encrypted, agents_sqlite, fill_peer, our_session, our_voxon
from voxsession import Session, Voxon


async def _filled(folder: Path) -> None:
    async with our_voxon(folder / "opening") as voxon:
        for name, messages, talks in (("o100", 100, 1), ("o10000", 10_000, 1), ("talks", 10_000, 1000)):
            session, conversation = await our_session(voxon, name, messages, conversations=talks)
            for number in range(20):
                session.add_memory(f"User remembers thing number {number} of the boat", category="general")
            await conversation.end()
            await session.close()


async def run(folder: Path) -> list[Row]:
    """Opening at 100 and 10,000 messages and over 1,000 conversations; the peer's last 20; reading all."""
    await _filled(folder)
    peer = await fill_peer(agents_sqlite(folder / "peer-open", "p3"), 10_000)
    sealed = await fill_peer(agents_encrypted(folder / "peer-all", "p4"), 10_000)
    app, in_use = our_voxon(folder / "opening"), list[Session | Voxon]()
    await app.health_check()

    async def opened(voxon: Voxon, name: str) -> None:
        session = await voxon.load_session(name)
        in_use.append(session)
        assert session.get_memory().entries
        conversation = await session.resume_conversation()
        assert len(conversation.messages) >= 5

    async def opened_anew() -> None:
        voxon = our_voxon(folder / "opening")
        in_use.append(voxon)
        await opened(voxon, "o10000")

    async def leave() -> None:  # nor does the peer close its connection in its time
        while in_use:
            one = in_use.pop()
            if isinstance(one, Session):
                await one.reload(keep_pending=False)  # that it was resumed: each opening is to find the same
            await one.close()

    async def read_all() -> None:
        async with our_voxon(folder / "opening") as voxon:
            session = await voxon.load_session("o10000")
            conversation = await session.resume_conversation()
            assert len(await conversation.history()) == 10_000

    async def last_20() -> None:
        assert len(await agents_sqlite(folder / "peer-open", "p3").get_items(limit=20)) == 20

    async def all_sealed() -> None:
        assert len(await sealed.get_items()) == 10_000

    small, large, talks, anew, theirs = await interleaved(
        40,
        lambda n: opened(app, "o100"),
        lambda n: opened(app, "o10000"),
        lambda n: opened(app, "talks"),
        lambda n: opened_anew(),
        lambda n: last_20(),
        after=leave,
    )
    await app.close()
    everything, their_everything = await interleaved(
        7, lambda n: read_all(), lambda n: all_sealed(), warm_up=1
    )
    del peer
    return [
        Row("P3", "open a session of 10,000 messages", large, small, "ours at 100 messages", "≤ 1.2"),
        Row("P3", "the same over 1,000 conversations", talks, small, "ours at 100 messages", "≤ 1.2"),
        Row("P3", "open a session of 10,000 messages", large, theirs, "agents SQLiteSession, last 20", "≤ 1"),
        Row("P3", "the same by a `Voxon` of its own, with keys and threads", anew, theirs,
            "agents SQLiteSession, last 20", "(for information)"),
        Row("P4", "open and read all of 10,000 messages", everything, their_everything,
            "agents EncryptedSession", "≤ 0.1"),
    ]  # fmt: skip
