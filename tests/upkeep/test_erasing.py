"""Erasing: nothing of a session or a person stays, and it can be called again after a crash at any point."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import TwoMethodStorage, WatchedStorage, lose_answer, refuse, user_says, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    SessionConfig,
    SessionNotFoundError,
    SessionStorage,
    StorageUnavailableError,
)
from voxsession.core.envelope import RECORD_KINDS
from voxsession.upkeep.erasing import NAMES_A_PERSON, NAMES_A_SESSION

QUIET = SessionConfig(enable_learning=False, enable_analytics=False)


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


async def fill(storage: Any, person: str = "ann") -> str:
    """A session that a pointer names, with pages and a tail; its id."""
    async with voxon_on(storage) as voxon, voxon.session(person, config=QUIET) as session:
        conv = await session.start_conversation("c")
        await conv.add_messages(user_says(*(f"m{number}" for number in range(400))))
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        await conv.add_messages(user_says("in the tail"))
        return session.session_id


async def left(storage: SessionStorage, session_id: str, tenant: str = "") -> dict[str, int]:
    """What there still is of a session, and of anybody."""
    record = await storage.load(session_id)
    found = {
        kind: len(await storage.list_sessions(kind=kind, tenant=tenant)) for kind in ("session", "pointer")
    }
    return {"record": int(record is not None), "pages": len(await storage.list_pages(session_id)), **found}


NOTHING = {"record": 0, "pages": 0, "session": 0, "pointer": 0}


async def test_a_session_goes_with_all_that_belongs_to_it(storage: SessionStorage) -> None:
    """Document, tail, pages and pointer are gone; the receipt says how many of each; a second call finds nothing."""
    session_id = await fill(storage)
    pages = len(await storage.list_pages(session_id))
    async with voxon_on(storage) as voxon:
        opened = await voxon.load_session(session_id)
        receipt = await voxon.delete_session(session_id)
        again = await voxon.delete_session(session_id)
        opened.add_memory("too late")
        with pytest.raises(SessionNotFoundError):
            await opened.save()
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session(session_id)
        async with voxon.session("ann") as new:
            assert new.session_id != session_id, "an erased id is not used again"

    assert pages > 1
    wanted = {
        "sessions": 1,
        "batches": receipt.counts["batches"],
        "pages": pages,
        "set_aside": 0,
        "shares": 0,
        "calls": 0,
        "pointers": 1,
        "profile_parts": 0,
    }
    assert receipt.counts == wanted and receipt.counts["batches"] >= 1
    assert receipt and not again
    assert receipt.details == [{"session_id": session_id, "removed": True, **receipt.counts}]


async def test_a_person_goes_with_all_sessions(storage: SessionStorage) -> None:
    """All sessions of the person and what is kept for them are gone; nobody else's is touched."""
    first = await fill(storage)
    async with voxon_on(storage) as voxon:
        for number in range(3):
            async with voxon.session("ann", session_id=f"more{number}"):
                pass
        async with voxon.session("bob", session_id="bobs") as bobs:
            bobs.add_memory("stays")
        receipt = await voxon.delete_user("ann")
        again = await voxon.delete_user("ann")
        assert [info.session_id async for info in voxon.list_sessions()] == ["bobs"]
        async with voxon.session("bob") as bobs:
            assert bobs.session_id == "bobs" and bobs.get_memory().entries[0].content == "stays"

    assert receipt.counts["sessions"] == 4 and receipt.counts["pointers"] == 1 and not again
    assert {row["session_id"] for row in receipt.details} == {first, "more0", "more1", "more2"}
    assert await storage.list_pages(first) == [] and await storage.list_sessions(kind="pointer") == []


async def test_a_session_that_is_begun_meanwhile_goes_too() -> None:
    """While a person is erased, another process begins a session of theirs: it does not stay."""
    inner = MemorySessionStorage(cleanup_interval=None)
    await fill(inner)
    storage = WatchedStorage(inner)

    async def begin(operation: str, call: Any) -> Any:
        result = await call()
        if operation == "delete" and not await inner.list_sessions():
            storage.mishap = None
            await fill(inner)
        return result

    async with voxon_on(storage) as voxon:
        storage.mishap = begin
        assert (await voxon.delete_user("ann")).counts["sessions"] == 2
    assert await inner.list_sessions() == [] and await inner.list_sessions(kind="pointer") == []


@pytest.mark.parametrize("mishap", [refuse, lose_answer])
@pytest.mark.parametrize("whole_person", [False, True])
async def test_after_a_crash_at_any_call_a_second_one_erases_all(mishap: Any, whole_person: bool) -> None:
    """Whichever call of the storage fails, or loses its answer, calling again leaves nothing."""
    fails = 0
    for crash_at in range(30):
        inner = MemorySessionStorage(cleanup_interval=None)
        session_id = await fill(inner)
        storage = WatchedStorage(inner)
        async with voxon_on(storage) as voxon:
            await voxon.get_stats()  # opened
            calls = [0]

            async def at(
                operation: str, call: Any, crash_at: int = crash_at, calls: list[int] = calls
            ) -> Any:
                calls[0] += 1
                return await (mishap(operation, call) if calls[0] > crash_at else call())

            storage.mishap = at
            try:
                await (voxon.delete_user("ann") if whole_person else voxon.delete_session(session_id))
            except StorageUnavailableError:
                fails += 1
            else:
                break
        async with voxon_on(inner) as voxon:
            await (voxon.delete_user("ann") if whole_person else voxon.delete_session(session_id))
        assert await left(inner, session_id) == NOTHING, f"after a crash at call {crash_at}"
    assert 4 <= fails < 30


async def test_what_lies_aside_and_what_cannot_be_read_goes_too(tmp_path: Path) -> None:
    """Torn bytes kept aside are counted and removed; a damaged session is erased with the pointer that names it."""
    storage = FileSessionStorage(tmp_path)
    for _ in range(2):
        session_id = await fill(storage)
        file = tmp_path / f"{session_id}.json"
        file.write_bytes(file.read_bytes()[:-20])
    await fill(storage)  # opens, repairs, saves: the second torn line is set aside as well
    assert len(list(tmp_path.glob("*torn*"))) == 2
    file.write_bytes(b"damaged\n")
    async with voxon_on(storage) as voxon:
        receipt = await voxon.delete_session(session_id)

    assert (
        receipt.counts["set_aside"] == 2
        and receipt.counts["pointers"] == 1
        and receipt.counts["sessions"] == 1
    )
    hidden = re.compile(rf"{session_id}")
    assert not [path for path in tmp_path.rglob("*") if hidden.search(path.name)]
    assert await storage.list_sessions(kind="pointer") == []
    await storage.close()


async def test_a_person_among_damaged_sessions(tmp_path: Path) -> None:
    """Whose a damaged session is cannot be told: it stays, and the receipt names it."""
    storage = FileSessionStorage(tmp_path)
    await fill(storage)
    (tmp_path / "damaged.json").write_bytes(b"damaged\n")
    async with voxon_on(storage) as voxon:
        receipt = await voxon.delete_user("ann")
        again = await voxon.delete_user("ann")
    assert receipt.counts["sessions"] == 1 and not again
    assert again.details == [
        {"session_id": "damaged", "removed": False, "reason": "it cannot be told whose it is"}
    ]
    await storage.close()


async def test_a_pointer_that_cannot_be_opened_is_no_obstacle(storage: SessionStorage) -> None:
    """It leads nowhere: it goes with the session of its person."""
    session_id = await fill(storage)
    (header,) = await storage.list_sessions(kind="pointer")
    pointer = await storage.load(f".pointer..{header['session_id']}")
    assert pointer is not None
    pointer.pop("tail", None)
    await storage.save({**pointer, "seq": 2, "base_seq": 1, "batch_id": "b", "wrapped_key": "AAAA"})
    async with voxon_on(storage) as voxon:
        receipt = await voxon.delete_session(session_id)
    assert receipt.counts["pointers"] == 1 and await left(storage, session_id) == NOTHING


async def test_on_two_methods(tmp_path: Path) -> None:
    """A session leaves a tombstone without content, and its pointer one too; a person cannot be enumerated."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        async with voxon.session("ann") as session:
            session.add_memory("private")
        with pytest.raises(ConfigurationError, match="delete_session"):
            await voxon.delete_user("ann")
        receipt = await voxon.delete_session(session.session_id)
        assert receipt.counts["sessions"] == receipt.counts["pointers"] == 1
        assert not await voxon.delete_session(session.session_id)
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session(session.session_id)
    rows = [row for key, row in storage.kept.items() if not key.startswith(".keyring")]
    assert len(rows) == 2 and all(
        row.get("deleted") and "sealed" not in row and not row["owner"] for row in rows
    )


def test_every_kind_of_record_is_erased_with_whom_it_names() -> None:
    """A kind that is kept for a session or a person and is not named where erasing looks would stay behind."""
    names_nobody = {"session", "page", "keyring"}  # what is erased itself, its parts, and the tenant's keys
    not_written_yet = {"lease", "marker"}  # device locks: they register when they come
    assert set(RECORD_KINDS) == names_nobody | not_written_yet | set(NAMES_A_PERSON)
    assert "pointers" in NAMES_A_SESSION
