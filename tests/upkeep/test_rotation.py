"""Keys that change: everything is handed on in place, while it is used, as often as it is stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.patience import until
from tests.session.stores import TwoMethodStorage, WatchedStorage, contents, lose_answer, refuse, user_says
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    KeyNotFoundError,
    KeyRing,
    MemorySessionStorage,
    SessionConfig,
    SessionStorage,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.clock import SystemClock
from voxsession.core.envelope import storage_key
from voxsession.session.key_file import (
    add_to_key_file,
    key_file_path,
    make_key_file,
    note_key_user,
    read_key_file,
    remove_from_key_file,
)
from voxsession.testing import FakeClock

OLD, NEW, OTHER = "hex:" + "0d" * 32, "hex:" + "4e" * 32, "hex:" + "77" * 32
OLD_ID, NEW_ID = (KeyRing(key).resolve(None).write_id for key in (OLD, NEW))
QUIET = SessionConfig(enable_learning=False, enable_analytics=False)


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


def voxon_on(storage: Any, *keys: str, clock: Any = None, **settings: Any) -> Voxon:
    """A facade with these keys; several on one storage stand for several processes."""
    ring = KeyRing(*keys) if keys else None
    return Voxon(VoxonConfig(session_storage=storage, session_encryption_key=ring, **settings), clock=clock)


async def talk(storage: Any, *keys: str, ids: Any = ("s0", "s1", "s2"), **options: Any) -> None:
    """Sessions, each with a person, a memory and a message."""
    async with voxon_on(storage, *keys, **options) as voxon:
        for session_id in ids:
            async with voxon.session(f"user {session_id}", session_id=session_id, config=QUIET) as session:
                session.add_memory(f"memory of {session_id}")
                conv = await session.start_conversation("c")
                await conv.add_messages(user_says(f"message of {session_id}"))


async def check(storage: Any, *keys: str, ids: Any = ("s0", "s1", "s2"), **options: Any) -> None:
    """All is there for a process with these keys, found by person and by id."""
    async with voxon_on(storage, *keys, **options) as voxon:
        for session_id in ids:
            async with voxon.session(f"user {session_id}") as session:
                assert session.session_id == session_id, "owners stay findable"
                assert [entry.content for entry in session.get_memory().entries] == [
                    f"memory of {session_id}"
                ]
                conv = await session.resume_conversation("c")
                assert contents(await conv.history()) == [f"message of {session_id}"]


async def key_ids(storage: SessionStorage, tenant: str = "") -> dict[str, Any]:
    """Which key wraps what."""
    kinds = ("session", "pointer")
    listed = [await storage.list_sessions(kind=kind, tenant=tenant, limit=1000) for kind in kinds]
    return {header["session_id"]: header.get("key_id") for headers in listed for header in headers}


# --- handing on


async def test_everything_is_handed_on(storage: SessionStorage) -> None:
    """Sessions and pointers are wrapped by the new key, which alone opens them all; a second run does nothing."""
    await talk(storage, OLD)
    async with voxon_on(storage, OLD) as voxon, voxon.session("a person without an id") as session:
        pointed = session.session_id
    told: list[tuple[int, int]] = []
    async with voxon_on(storage, NEW, OLD) as voxon:
        receipt = await voxon.rotate_keys(lambda done, total: told.append((done, total)))
        again = await voxon.rotate_keys()
        stats = await voxon.get_stats()

    assert receipt.counts == {"sessions": 4, "pointers": 1, "unopened": 0, "busy": 0}
    assert receipt and not again and again.details == [{"write_key": NEW_ID, "skipped": 5}]
    assert told == [(done, 5) for done in range(6)]
    assert set((await key_ids(storage)).values()) == {NEW_ID}
    assert stats["keys"] == [NEW_ID, OLD_ID]
    await check(storage, NEW)
    async with voxon_on(storage, NEW) as voxon, voxon.session("a person without an id") as session:
        assert session.session_id == pointed


async def test_only_the_head_is_written_anew(storage: SessionStorage) -> None:
    """Pages stay byte for byte; age, expiry, status and order stay, so that a rotation keeps no session alive."""
    clock = FakeClock()
    async with voxon_on(storage, OLD, clock=clock, session_ttl_seconds=1000) as voxon:
        async with voxon.session("ann", session_id="long", config=QUIET) as session:
            conv = await session.start_conversation("c")
            await conv.add_messages(user_says(*(f"m{number}" for number in range(400))))
            session.clear_memory(ids=[session.add_memory("x").id])
            await session.save()
            await conv.add_messages(user_says("in the tail"))
    names = [name for name, _ in await storage.list_pages("long")]
    pages = [await storage.load_page("long", name) for name in names]
    async with (
        voxon_on(storage, OLD, clock=clock) as voxon,
        voxon.session("ann", session_id="done") as session,
    ):
        await session.end()
    before = {header["session_id"]: header for header in await storage.list_sessions()}
    clock.advance(seconds=500)
    async with voxon_on(storage, NEW, OLD, clock=clock, session_ttl_seconds=1000) as voxon:
        await voxon.rotate_keys()
    after = {header["session_id"]: header for header in await storage.list_sessions()}
    record = await storage.load("long")

    assert len(pages) > 1 and [await storage.load_page("long", name) for name in names] == pages
    for session_id, header in after.items():
        differing = {name for name in header if header[name] != before[session_id].get(name)}
        assert differing == {"seq", "base_seq", "batch_id", "key_id", "wrapped_key"}
        assert header["seq"] == before[session_id]["seq"] + 1
    assert record is not None and not record.get("tail")
    async with voxon_on(storage, NEW, clock=clock) as voxon, await voxon.load_session("long") as session:
        conv = await session.resume_conversation("c")
        assert contents(await conv.history()) == [*(f"m{number}" for number in range(400)), "in the tail"]


async def test_sessions_stay_in_use_meanwhile(storage: SessionStorage) -> None:
    """Sessions that are open here and elsewhere go on and lose nothing; what is pending there stays pending."""
    ids = [f"s{number}" for number in range(4)]
    await talk(storage, OLD, ids=ids)
    stop = asyncio.Event()

    async def use(voxon: Voxon, session_id: str, said: list[str]) -> None:
        async with await voxon.load_session(session_id) as session:
            conv = await session.resume_conversation("c")
            while not stop.is_set():
                said.append(f"{session_id} {len(said)}")
                await conv.add_messages(user_says(said[-1]))
                await asyncio.sleep(0.002)

    async with voxon_on(storage, OLD, NEW) as elsewhere, voxon_on(storage, NEW, OLD) as here:
        idle = await here.load_session("s3")
        idle.config.voice = "nova"  # pending, and does not commute
        said: list[list[str]] = [[], []]
        users = [
            asyncio.ensure_future(use(voxon, session_id, texts))
            for voxon, session_id, texts in zip((elsewhere, here), ("s0", "s1"), said, strict=True)
        ]
        await until(lambda: all(len(texts) > 2 for texts in said))
        receipt = await here.rotate_keys()
        before = [len(texts) for texts in said]
        await until(lambda: all(len(texts) > count + 2 for texts, count in zip(said, before, strict=True)))
        stop.set()
        await asyncio.gather(*users)
        await idle.save()
        again = await here.rotate_keys()

    assert receipt.counts["sessions"] >= 3 and receipt.counts["unopened"] == receipt.counts["busy"] == 0
    assert again.counts["sessions"] == 0, "nobody has turned it back"
    async with voxon_on(storage, NEW) as voxon:
        for session_id, texts in zip(("s0", "s1"), said, strict=True):
            async with await voxon.load_session(session_id) as session:
                conv = await session.resume_conversation("c")
                assert contents(await conv.history()) == [f"message of {session_id}", *texts]
        async with await voxon.load_session("s3") as session:
            assert session.config.voice == "nova"


async def test_what_is_made_meanwhile_is_handed_on_too(storage: SessionStorage) -> None:
    """A process that lags behind makes a session under the old key while the rotation runs: it is found as well."""
    await talk(storage, OLD)

    async def make(done: int, total: int) -> None:
        if done == 2:
            await talk(storage, OLD, NEW, ids=["late"])

    async with voxon_on(storage, NEW, OLD) as voxon:
        receipt = await voxon.rotate_keys(make)
    assert receipt.counts["sessions"] == 4 and set((await key_ids(storage)).values()) == {NEW_ID}


async def test_two_rotations_at_once(storage: SessionStorage) -> None:
    """Each session is handed on by one of them; both end well."""
    ids = [f"s{number}" for number in range(6)]
    await talk(storage, OLD, ids=ids)
    async with voxon_on(storage, NEW, OLD) as one, voxon_on(storage, NEW, OLD) as two:
        receipts = await asyncio.gather(one.rotate_keys(), two.rotate_keys())

    assert sum(receipt.counts["sessions"] for receipt in receipts) == 6
    assert not any(receipt.counts["unopened"] or receipt.counts["busy"] for receipt in receipts)
    await check(storage, NEW, ids=ids)


async def test_what_cannot_be_opened_is_left_alone_and_listed(tmp_path: Path) -> None:
    """A session of an unknown key, an altered one and one that is no record stay as they are, each with its reason."""
    storage = FileSessionStorage(tmp_path / "s")
    await talk(storage, OLD, ids=["good", "altered", "garbage"])
    other = FileSessionStorage(tmp_path / "other")
    await talk(other, OTHER, ids=["foreign"])
    files = {name: tmp_path / "s" / f"{name}.json" for name in ("altered", "garbage", "foreign")}
    files["foreign"].write_bytes((tmp_path / "other" / "foreign.json").read_bytes())
    files["altered"].write_bytes(
        files["altered"].read_bytes().replace(b'"status":"active"', b'"status":"ended"')
    )
    files["garbage"].write_bytes(b"not a record\n")
    before = {name: path.read_bytes() for name, path in files.items()}
    async with voxon_on(storage, NEW, OLD) as voxon:
        receipts = [await voxon.rotate_keys() for _ in range(2)]

    assert [receipt.counts["sessions"] for receipt in receipts] == [1, 0]
    assert {name: path.read_bytes() for name, path in files.items()} == before
    for receipt in receipts:
        assert receipt.counts["unopened"] == 3
        errors = {row["session_id"]: row["error"] for row in receipt.details[1:]}
        assert errors == {
            "altered": "IntegrityError",
            "garbage": "IntegrityError",
            "foreign": "KeyNotFoundError",
        }
    await other.close()
    await storage.close()


# --- stopped, continued


@pytest.mark.parametrize("mishap", [refuse, lose_answer])
async def test_a_rotation_that_was_stopped_is_continued(mishap: Any) -> None:
    """Whichever write fails, or loses its answer, the next run does the rest: everything opens at every moment."""
    inner = MemorySessionStorage(cleanup_interval=None)
    await talk(inner, OLD)
    for write in range(6):
        storage = WatchedStorage(inner)
        passed = [0]

        async def at(operation: str, call: Any, write: int = write, passed: list[int] = passed) -> Any:
            passed[0] += operation == "save"
            return await (mishap(operation, call) if operation == "save" and passed[0] > write else call())

        storage.mishap = at
        async with voxon_on(storage, NEW, OLD) as voxon:
            try:
                await voxon.rotate_keys()
            except StorageUnavailableError:
                await check(inner, NEW, OLD)
    assert set((await key_ids(inner)).values()) == {NEW_ID}
    await check(inner, NEW)


async def test_a_cancelled_rotation_is_continued(storage: SessionStorage) -> None:
    """Cancelled from its own progress call, it stops; a later one skips what is done."""
    ids = [f"s{number}" for number in range(6)]
    await talk(storage, OLD, ids=ids)

    async def cancel(done: int, total: int) -> None:
        if done == 3:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0)

    async with voxon_on(storage, NEW, OLD) as voxon:
        task = asyncio.ensure_future(voxon.rotate_keys(cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted((await key_ids(storage)).values()) == sorted([NEW_ID] * 3 + [OLD_ID] * 3)
        await check(storage, NEW, OLD, ids=[])
        receipt = await voxon.rotate_keys()
    assert receipt.counts["sessions"] == 3 and receipt.details[0]["skipped"] == 3
    await check(storage, NEW, ids=ids)


ROTATE = """
import asyncio, sys
from voxsession import FileSessionStorage, KeyRing, Voxon, VoxonConfig

async def main(path, *keys):
    config = VoxonConfig(session_storage=FileSessionStorage(path), session_encryption_key=KeyRing(*keys))
    async with Voxon(config) as voxon:
        await voxon.rotate_keys(lambda done, total: print(done, flush=True))
    print("whole", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_rotation_is_continued(tmp_path: Path) -> None:
    """Killed again and again, it gets to its end; every session opens, under the new key alone."""
    ids = [f"s{number}" for number in range(12)]
    path = tmp_path / "s"

    async def prepare() -> None:
        storage = FileSessionStorage(path)
        await talk(storage, OLD, ids=ids)
        await storage.close()

    async def verify() -> None:
        storage = FileSessionStorage(path)
        await check(storage, NEW, ids=ids)
        assert set((await key_ids(storage)).values()) == {NEW_ID}
        await storage.close()

    asyncio.run(prepare())
    kills = 0
    for _ in range(10):
        command = [sys.executable, "-c", ROTATE, str(path), NEW, OLD]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for heard, line in enumerate(process.stdout):
                if heard == 4:
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
                    break
                if line == "whole\n":
                    break
        if process.returncode == 0:
            break
    assert 2 <= kills < 10 and process.returncode == 0
    asyncio.run(verify())


def test_another_process_hands_on_what_is_in_use_here(tmp_path: Path) -> None:
    """A real process rotates while sessions are written here: nothing that was said is lost, and all is handed on."""
    ids = [f"s{number}" for number in range(4)]
    path = tmp_path / "s"

    async def use(voxon: Voxon, session_id: str, is_over: asyncio.Event) -> list[str]:
        said: list[str] = []
        async with await voxon.load_session(session_id) as session:
            conv = await session.resume_conversation("c")
            while not is_over.is_set() or len(said) < 3:
                said.append(f"{session_id} {len(said)}")
                await conv.add_messages(user_says(said[-1]))
                await asyncio.sleep(0.005)
        return said

    async def main() -> None:
        storage, is_over = FileSessionStorage(path), asyncio.Event()
        await talk(storage, OLD, ids=ids)
        async with voxon_on(storage, OLD, NEW) as voxon:
            users = [asyncio.ensure_future(use(voxon, session_id, is_over)) for session_id in ids]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ROTATE, str(path), NEW, OLD, stdout=asyncio.subprocess.DEVNULL
            )
            assert await process.wait() == 0
            is_over.set()
            said = await asyncio.gather(*users)
        assert await key_ids(storage) == dict.fromkeys(ids, NEW_ID)
        async with voxon_on(storage, NEW) as voxon:
            for session_id, texts in zip(ids, said, strict=True):
                async with await voxon.load_session(session_id) as session:
                    conv = await session.resume_conversation("c")
                    assert contents(await conv.history()) == [f"message of {session_id}", *texts]
        await storage.close()

    asyncio.run(main())


# --- several keys in several processes


@pytest.mark.parametrize("opened_first", [True, False])
async def test_a_process_that_still_writes_with_the_old_key_turns_nothing_back(opened_first: bool) -> None:
    """What was handed on stays under the new key, although a process that knows both still writes with the old one."""
    storage = MemorySessionStorage(cleanup_interval=None)
    await talk(storage, OLD, ids=["s0"])
    async with voxon_on(storage, OLD, NEW) as lagging, voxon_on(storage, NEW, OLD) as voxon:
        if opened_first:
            opened = await lagging.load_session("s0")
        await voxon.rotate_keys()
        if not opened_first:
            opened = await lagging.load_session("s0")
        opened.add_memory("said later")
        await opened.save()
        assert await key_ids(storage) == {"s0": NEW_ID}
        await opened.close()
        async with await lagging.load_session("s0") as session:
            session.add_memory("and later")
        assert await key_ids(storage) == {"s0": NEW_ID}


async def test_going_back_is_a_rotation_too(storage: SessionStorage) -> None:
    """Asked for by name, everything is handed back to the key that wrote before."""
    await talk(storage, OLD)
    async with voxon_on(storage, NEW, OLD) as voxon:
        await voxon.rotate_keys()
    async with voxon_on(storage, OLD, NEW) as voxon:
        assert (await voxon.rotate_keys()).counts["sessions"] == 3
        assert await voxon.forget_key(NEW_ID)
    await check(storage, OLD)


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_another_tenant_is_not_handed_on(storage: SessionStorage, tenant: str | None) -> None:
    """A rotation stays inside its tenant."""
    other = "acme" if tenant is None else None
    await talk(storage, OLD, tenant=tenant)
    await talk(storage, OLD, tenant=other, ids=["s0", "theirs"])
    before = await key_ids(storage, other or "")
    async with voxon_on(storage, NEW, OLD, tenant=tenant) as voxon:
        assert (await voxon.rotate_keys()).counts["sessions"] == 3
    assert await key_ids(storage, other or "") == before
    await check(storage, NEW, tenant=tenant)
    await check(storage, OLD, tenant=other, ids=["s0", "theirs"])


async def test_where_it_cannot_be_done() -> None:
    """Storages that cannot list, plain installations, and new keys beside given ones are refused by name."""
    simple = TwoMethodStorage()
    await talk(simple, OLD)
    before = dict(simple.kept)
    async with voxon_on(simple, NEW, OLD) as voxon:
        for call in (voxon.rotate_keys(), voxon.forget_key(OLD_ID)):
            with pytest.raises(ConfigurationError, match="next save"):
                await call
    assert {key: row for key, row in simple.kept.items() if not key.startswith(".keyring")} == {
        key: row for key, row in before.items() if not key.startswith(".keyring")
    }
    plain = Voxon(VoxonConfig(session_storage="memory", session_encryption_method="none"))
    with pytest.raises(ConfigurationError, match="none"):
        await plain.rotate_keys()
    async with voxon_on(MemorySessionStorage(), NEW, OLD) as voxon:
        with pytest.raises(ConfigurationError, match="KeyRing"):
            await voxon.rotate_keys(new_key=True)
    await plain.close()


# --- forgetting


async def test_a_forgotten_key_takes_what_only_it_wrapped(storage: SessionStorage) -> None:
    """The dry run counts and keeps; the real one makes just those sessions unreadable, and the error names the key."""
    await talk(storage, OLD, ids=["old0", "old1"])
    await talk(storage, NEW, OLD, ids=["new0"])
    async with voxon_on(storage, NEW, OLD) as voxon:
        opened = await voxon.load_session("old0")
        trial = await voxon.forget_key(OLD_ID, dry_run=True)
        receipt = await voxon.forget_key(OLD_ID)
        again = await voxon.forget_key(OLD_ID, dry_run=True)
        for session_id in ("old0", "old1"):
            with pytest.raises(KeyNotFoundError) as caught:
                await voxon.load_session(session_id)
            assert caught.value.key_id == OLD_ID
        opened.add_memory("too late")
        with pytest.raises(KeyNotFoundError):
            await opened.save()
        await voxon.rotate_keys()  # and does not bring the key back
        assert (await voxon.get_stats())["keys"] == [NEW_ID]
        async with await voxon.load_session("new0") as session:
            assert session.get_memory().entries[0].content == "memory of new0"
        assert await voxon.delete_session("old0"), "what cannot be opened can be erased"

    assert (
        trial.counts
        == receipt.counts
        == {"sessions": 2, "records": 0, "keyring": 1, "key_file": 0, "memory": 1}
    )
    assert {row["session_id"] for row in trial.details} == {"old0", "old1"}
    assert again.counts == {"sessions": 2, "records": 0, "keyring": 0, "key_file": 0, "memory": 0}
    keyring = await storage.load(storage_key("keyring", "", "main"))
    assert keyring is not None and list(keyring["keyring"]["index_keys"]) == [NEW_ID]
    with pytest.raises(KeyNotFoundError):
        await check(storage, OLD, ids=["old1"])


async def test_forgetting_after_a_rotation_loses_nothing(storage: SessionStorage) -> None:
    """First handed on, then forgotten: the receipt counts no session, and all of them open."""
    await talk(storage, OLD)
    async with voxon_on(storage, NEW, OLD) as voxon:
        await voxon.rotate_keys()
        receipt = await voxon.forget_key(OLD_ID)
    assert receipt.counts["sessions"] == receipt.counts["records"] == 0 and receipt.counts["keyring"] == 1
    await check(storage, NEW)


async def test_the_writing_key_and_nonsense_are_refused() -> None:
    """The key that writes cannot be forgotten; for one that nothing knows the known ids are told."""
    storage = MemorySessionStorage(cleanup_interval=None)
    await talk(storage, OLD)
    async with voxon_on(storage, OLD) as voxon:
        for dry_run in (True, False):
            with pytest.raises(ConfigurationError, match="writes"):
                await voxon.forget_key(OLD_ID, dry_run=dry_run)
        with pytest.raises(ConfigurationError):
            await voxon.forget_key("")
        for dry_run in (True, False):
            with pytest.raises(ConfigurationError, match=f"k0123456789abcdef.*Known are {OLD_ID}") as refused:
                await voxon.forget_key("k0123456789abcdef", dry_run=dry_run)
            assert refused.value.option == "key_id"
            with pytest.raises(ConfigurationError, match="no key of this id") as refused:
                await voxon.forget_key(OLD, dry_run=dry_run)  # the key in place of its id
            assert OLD not in str(refused.value)
    await check(storage, OLD)
    async with voxon_on(MemorySessionStorage(), session_encryption_method="none") as voxon:
        with pytest.raises(ConfigurationError, match="none"):
            await voxon.forget_key(OLD_ID)


async def test_a_key_that_only_what_is_stored_names_is_known() -> None:
    """Another process may still hold it; once nothing names it, a repetition is refused."""
    storage = MemorySessionStorage(cleanup_interval=None)
    await talk(storage, OLD)
    async with voxon_on(storage, NEW, OLD) as voxon:
        await voxon.rotate_keys()
    async with voxon_on(storage, NEW) as voxon:
        with pytest.raises(ConfigurationError, match=f"Known are {NEW_ID} \\(it writes\\), {OLD_ID}\\."):
            await voxon.forget_key("k0123456789abcdef")
        assert (await voxon.forget_key(OLD_ID)).counts["keyring"] == 1
        with pytest.raises(ConfigurationError, match="forgotten already"):
            await voxon.forget_key(OLD_ID)
    await check(storage, NEW)


async def test_what_no_listing_shows_is_counted_when_a_key_is_forgotten(tmp_path: Path) -> None:
    """What can be loaded is counted under its key; what cannot be read is named."""
    storage = FileSessionStorage(tmp_path / "s")
    await talk(storage, OLD)
    damaged = tmp_path / "s" / "s0.json"
    damaged.write_bytes(b"x" + damaged.read_bytes())

    class Hiding(WatchedStorage):
        async def list_sessions(self, **options: Any) -> Any:
            found = await super().list_sessions(**options)
            return [header for header in found if header["session_id"] != "s1"]

        async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
            names = await self.inner.unreadable_records(kind=kind, tenant=tenant)
            return [*names, *(["s1"] if kind == "session" else [])]

    async with voxon_on(Hiding(storage), NEW, OLD) as voxon:
        receipt = await voxon.forget_key(OLD_ID)
    assert receipt.counts["sessions"] == 2
    assert [(row["session_id"], row.get("error")) for row in receipt.details] == [
        ("s2", None),
        ("s0", "IntegrityError"),
        ("s1", None),
    ]
    await storage.close()


async def test_progress_that_raises_stops_the_rotation() -> None:
    """What the caller's function raises comes out, and the next call does the rest; what is no function is refused."""
    storage = MemorySessionStorage(cleanup_interval=None)
    await talk(storage, OLD)

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise InterruptedError("enough")

    async with voxon_on(storage, NEW, OLD) as voxon:
        with pytest.raises(InterruptedError, match="enough"):
            await voxon.rotate_keys(stop)
        with pytest.raises(ConfigurationError, match="progress=5"):
            await voxon.rotate_keys(5)  # type: ignore[arg-type]
        assert (await voxon.rotate_keys()).counts["sessions"] == 2
    await check(storage, NEW)


# --- the key ring file


def file_ids() -> list[str]:
    """The ids of the keys in the file."""
    ring = read_key_file(key_file_path())
    assert ring is not None
    return ring.resolve(None).ids


async def test_a_ring_file_gets_a_new_key_and_loses_the_old_one(tmp_path: Path) -> None:
    """A new key in front, sessions handed on, the old key really gone from the file; other processes follow."""
    storage = FileSessionStorage(tmp_path / "s")
    await talk(storage)
    (old,) = file_ids()
    secret = json.loads(key_file_path().read_text())["keys"][0]
    async with voxon_on(storage) as elsewhere:
        opened = await elsewhere.load_session("s0")
        async with voxon_on(storage) as voxon:
            receipt = await voxon.rotate_keys(new_key=True)
            new = file_ids()[0]
            assert file_ids() == [new, old] and receipt.counts["sessions"] == 3
            opened.add_memory("while the key changed")
            await opened.save()
            await opened.close()
            gone = await voxon.forget_key(old)
    assert gone.counts == {"sessions": 0, "records": 0, "keyring": 1, "key_file": 1, "memory": 1}
    assert file_ids() == [new] and secret not in key_file_path().read_text()
    assert stat.S_IMODE(key_file_path().stat().st_mode) == 0o600
    assert not [path for path in key_file_path().parent.iterdir() if secret in path.read_text()]
    await check(storage, ids=["s1", "s2"])
    async with voxon_on(storage) as voxon, await voxon.load_session("s0") as session:
        assert [entry.content for entry in session.get_memory().entries][-1] == "while the key changed"
    await storage.close()


async def test_a_ring_file_keeps_a_key_that_another_storage_needs(tmp_path: Path) -> None:
    """The file serves all local storages of its user: none can forget what another, or another tenant, seals with."""
    one, two = FileSessionStorage(tmp_path / "one"), FileSessionStorage(tmp_path / "two")
    await talk(one)
    await talk(two, tenant="acme")
    (old,) = file_ids()
    async with voxon_on(one) as voxon:
        await voxon.rotate_keys(new_key=True)
        for dry_run in (True, False):
            with pytest.raises(ConfigurationError, match="1 other storages"):
                await voxon.forget_key(old, dry_run=dry_run)
        assert old in file_ids()
        await check(two, tenant="acme")
        async with voxon_on(two, tenant="acme") as other:
            await other.rotate_keys()
        assert (await voxon.forget_key(old)).counts["key_file"] == 1
    await check(one)
    await check(two, tenant="acme")
    await one.close()
    await two.close()


async def test_a_storage_that_was_moved_is_still_the_same(tmp_path: Path) -> None:
    """What the file notes goes with the storage, not with its path; two of one kind are two all the same."""
    one = FileSessionStorage(tmp_path / "one")
    await talk(one)
    (old,) = file_ids()
    await one.close()
    (tmp_path / "one").rename(tmp_path / "moved")
    moved = FileSessionStorage(tmp_path / "moved")
    async with voxon_on(moved) as voxon:
        await voxon.rotate_keys(new_key=True)
        assert (await voxon.forget_key(old)).counts["key_file"] == 1
    await check(moved)
    await moved.close()


async def test_a_ring_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions still open; a new key is refused by name, and nothing was changed."""
    storage = FileSessionStorage(tmp_path / "s")
    await talk(storage)
    before = key_file_path().read_bytes()

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("voxsession.session.key_file.os.replace", refuse)
    async with voxon_on(storage) as voxon:
        with pytest.raises(ConfigurationError, match="cannot be changed"):
            await voxon.rotate_keys(new_key=True)
    assert key_file_path().read_bytes() == before
    await storage.close()


def test_keys_that_are_added_at_once_are_all_kept() -> None:
    """Ten that change the file at the same time lose none of each other's keys, and notes of use stay."""
    path, clock = key_file_path(), SystemClock()
    make_key_file(path, clock)
    (first,) = file_ids()
    with ThreadPoolExecutor(10) as threads:
        added = [threads.submit(add_to_key_file, path, clock) for _ in range(10)]
        noted = [threads.submit(note_key_user, path, clock, (f"p{n}", "file"), first) for n in range(10)]
        for done in (*added, *noted):
            done.result()
    assert len(file_ids()) == 11 and file_ids()[-1] == first
    assert len(json.loads(path.read_text())["uses"][first]) == 10
    with pytest.raises(ConfigurationError, match="10 other"):
        remove_from_key_file(path, clock, "mine", first, dry_run=False)
    assert len(file_ids()) == 11
