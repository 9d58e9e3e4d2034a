"""Opening an installation brings the first session along, where its storage can do both at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from voxsession import FileSessionStorage, IntegrityError, MemorySessionStorage, Session, Voxon, VoxonConfig
from voxsession.core.envelope import Record
from voxsession.storage.base import RecordsAtHand
from voxsession.storage.file_burst import BurstThreads

KEY = "hex:" + "42" * 32


class Prompt(MemorySessionStorage):
    """It gives all records as it opens, and counts what it is asked for by itself."""

    def __init__(self) -> None:
        super().__init__(cleanup_interval=None)
        self.loaded: list[str] = []
        self.opening = asyncio.Event()
        self.may_open = asyncio.Event()
        self.may_open.set()

    async def open_and_load(self, session_ids: Sequence[str]) -> RecordsAtHand:
        found = {key: await super(Prompt, self).load(key) for key in session_ids}
        self.opening.set()
        await self.may_open.wait()
        return found

    async def load(self, session_id: str) -> Record | None:
        self.loaded.append(session_id)
        return await super().load(session_id)


def app(storage: object) -> Voxon:
    return Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY))


async def filled(storage: object, *names: str) -> None:
    async with app(storage) as voxon:
        for name in names:
            async with voxon.create_session(session_id=name) as session:
                session.add_memory(f"The boat of {name} is blue")


def said(session: Session) -> list[str]:
    return [entry.content for entry in session.get_memory().entries]


async def test_a_session_comes_along_with_the_keys() -> None:
    """Whoever opens first pays one way to the storage; the next session is loaded by itself."""
    storage = Prompt()
    await filled(storage, "one", "two")
    storage.loaded.clear()
    async with app(storage) as voxon:
        assert said(await voxon.load_session("one")) == ["The boat of one is blue"]
        assert storage.loaded == []
        assert said(await voxon.load_session("two")) == ["The boat of two is blue"]
        assert storage.loaded == ["two"]


async def test_whoever_comes_later_sees_what_was_saved_meanwhile() -> None:
    """Records that came along are for the call that opened: they may be older than another call."""
    storage = Prompt()
    await filled(storage, "one")
    async with app(storage) as writer, app(storage) as voxon:
        ours = await writer.load_session("one")
        storage.opening.clear()
        storage.may_open.clear()
        first = asyncio.create_task(_read(voxon, "one"))
        await storage.opening.wait()
        ours.add_memory("The boat of one is red now")
        await ours.save()
        second = asyncio.create_task(_read(voxon, "one"))
        await asyncio.sleep(0)
        first.cancel()
        storage.may_open.set()
        assert "The boat of one is red now" in await second


async def _read(voxon: Voxon, name: str) -> list[str]:
    return said(await voxon.load_session(name))


async def test_files_give_keys_and_session_in_one_call_of_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new process meets its session after one way to a thread."""
    config = VoxonConfig(session_storage_path=str(tmp_path), session_encryption_key=KEY)
    async with Voxon(config) as voxon, voxon.create_session(session_id="one") as session:
        session.add_memory("The boat is blue")
    calls = []
    send = BurstThreads._send
    monkeypatch.setattr(BurstThreads, "_send", lambda self, job: (calls.append(job), send(self, job)))
    async with Voxon(config) as voxon:
        assert said(await voxon.load_session("one")) == ["The boat is blue"]
        assert len(calls) == 1


async def test_a_damaged_session_keeps_nobody_from_opening(tmp_path: Path) -> None:
    """What cannot be read is left out, and told to whoever asks for it; the other sessions open."""
    config = VoxonConfig(session_storage_path=str(tmp_path), session_encryption_key=KEY)
    async with Voxon(config) as voxon:
        for name in ("one", "two"):
            async with voxon.create_session(session_id=name) as session:
                session.add_memory("The boat is blue")
    (tmp_path / "one.json").write_bytes(b"{}\n")
    async with Voxon(config) as voxon:
        found = await asyncio.gather(*map(voxon.load_session, ("one", "two")), return_exceptions=True)
        assert isinstance(found[0], IntegrityError) and isinstance(found[1], Session)
        assert "'one'" in str(found[0])


async def test_a_storage_made_of_the_files_keeps_its_own_ways(tmp_path: Path) -> None:
    """A subclass that opens or reads in a way of its own is asked to, also where records could come along."""

    class Sworn(FileSessionStorage):
        asked: ClassVar[list[str]] = []

        async def open(self) -> None:
            self.asked.append("open")
            await super().open()

        async def load(self, session_id: str) -> Record | None:
            self.asked.append("load")
            return await super().load(session_id)

    await filled(Sworn(tmp_path), "one")
    Sworn.asked.clear()
    async with app(Sworn(tmp_path)) as voxon:
        assert said(await voxon.load_session("one")) == ["The boat of one is blue"]
    assert Sworn.asked == ["open", "load", "load"]

    watched = FileSessionStorage(tmp_path)
    read, asked = watched.load, []
    watched.load = lambda session_id: asked.append(session_id) or read(session_id)  # type: ignore[method-assign]
    async with app(watched) as voxon:
        await voxon.load_session("one")
    assert asked[-1] == "one"
