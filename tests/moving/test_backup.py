"""Backups of an installation in use, and bringing back what they hold."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.moving.stored import QUIET, CutStorage, PowerCut, everything, filled, history, live, said
from tests.patience import LONG_SECONDS
from tests.session.stores import KEY, TwoMethodStorage, WatchedStorage, hang, only, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    SessionExistsError,
    StorageUnavailableError,
    UnsupportedFormatError,
    VoxSessionError,
    migrate,
)
from voxsession.core.envelope import storage_key
from voxsession.core.types import decode_json, encode_json

KEYRING = storage_key("keyring", "", "main")


def memory() -> MemorySessionStorage:
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def backup(storage: Any, path: Path, **options: Any) -> Any:
    async with voxon_on(storage, **options) as voxon:
        return await voxon.backup(path)


async def restore(
    storage: Any, path: Path, *, on_conflict: str = "reject", dry_run: bool = False, **options: Any
) -> Any:
    async with voxon_on(storage, **options) as voxon:
        return await voxon.restore(path, on_conflict=on_conflict, dry_run=dry_run)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_backed_up_comes_back_on_any_storage(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Every record as it was; sessions open with all they had; a repetition changes nothing."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    receipt = await backup(source, path)
    assert {"sessions": 4, "others": 2, "pages": 2, "unreadable": 0}.items() <= receipt.counts.items()
    assert len(receipt.details) == 1 and receipt.details[0]["path"] == str(path)
    async with made(kind, request, tmp_path) as target:
        done = await restore(target, path)
        assert done.counts == {"restored": 5, "same": 0, "skipped": 0, "replaced": 0, "pages": 2}
        assert await everything(target) == await everything(source)
        assert await history(target, "long") == [one["content"] for one in [*said(320), *said(2)]]
        assert (await restore(target, path)).counts["same"] == 5

        again = tmp_path / "again"
        assert (await backup(target, again)).counts == receipt.counts


@pytest.mark.parametrize("options", [{"session_encryption_method": "none"}, {"tenant": "acme"}])
async def test_plain_installations_and_tenants(options: dict[str, Any], tmp_path: Path) -> None:
    """What holds for the sealed ones of the default tenant holds for them."""
    source, target, path = memory(), memory(), tmp_path / "backup"
    await filled(source, **options)
    await live(source, "elsewhere", 1, tenant="other")
    await backup(source, path, **options)
    assert b"elsewhere" not in path.read_bytes()
    await restore(target, path, **options)
    tenant = options.get("tenant", "")
    assert await everything(target, tenant) == await everything(source, tenant) != {}


async def test_a_pass_phrase_opens_its_backup(tmp_path: Path) -> None:
    """The salt that it is stretched with comes out of the backup, not out of the new storage."""
    source, target, path = memory(), memory(), tmp_path / "backup"
    key = {"session_encryption_key": "pass:correct horse"}
    await live(source, "s", 1, **key)
    await backup(source, path, **key)
    async with voxon_on(target, **key) as voxon:
        await voxon.get_stats()  # has made a salt of its own
        await voxon.restore(path)
        async with voxon.load_session("s") as session:
            conv = await session.resume_conversation("c")
            await conv.add_messages(said(1, 1))
    assert await history(target, "s", **key) == ["m0", "m1"]


# --- in use


async def test_every_session_is_copied_as_of_one_moment(tmp_path: Path) -> None:
    """Writers go on meanwhile, with new documents and pages; what is restored opens and is a beginning of theirs."""
    source, path, busy = memory(), tmp_path / "backup", [True]
    for number in range(6):
        await live(source, f"s{number}", 170)
    watched = WatchedStorage(source)

    async def slow(name: str, call: Any) -> Any:
        await asyncio.sleep(0.001)
        return await call()

    watched.mishap = slow

    async def write(voxon: Any) -> None:
        for turn in itertools.count():
            for number in range(6):
                async with voxon.load_session(f"s{number}") as session:
                    conv = await session.resume_conversation("c")
                    await conv.add_messages(said(60, 170 + 60 * turn))
                    session.clear_memory(ids=[session.add_memory("x").id])  # a whole write, which files pages
                await asyncio.sleep(0)
                if not busy[0]:
                    return

    async with voxon_on(watched) as voxon, voxon_on(source) as other:
        writers = [asyncio.create_task(write(voxon)), asyncio.create_task(write(other))]
        receipts = [await voxon.backup(path) for _ in range(3)]
        busy[0] = False
        await asyncio.gather(*writers)
    assert all(receipt.counts["unreadable"] == 0 for receipt in receipts)
    target = memory()
    await restore(target, path)
    for number in range(6):
        texts, now = await history(target, f"s{number}"), await history(source, f"s{number}")
        assert len(texts) >= 170 and texts == now[: len(texts)]


async def test_a_page_that_a_newer_version_does_without_is_not_missed(tmp_path: Path) -> None:
    """The session is read again; a page that is gone for good is told, and the session left out."""
    source, path = memory(), tmp_path / "backup"
    await live(source, "s", 320, whole=True)
    await live(source, "fine", 1)
    watched, kept = WatchedStorage(source), dict(await everything(source))

    async def vanish(name: str, call: Any) -> Any:
        if name == "load_page":
            watched.mishap = None
            names = [name for name, _ in await source.list_pages("s")]
            await source.delete_pages("s", names)
            result = await call()
            for page in names:  # what a redaction does: the pages are other ones in the next version
                await source.save_page("s", kept[f"s/{page}"])
            await live(source, "s", 1)
            return result
        return await call()

    watched.mishap = vanish
    receipt = await backup(watched, path)
    assert receipt.counts["unreadable"] == 0 and receipt.counts["sessions"] == 2

    await source.delete_pages("s", [name for name, _ in await source.list_pages("s")])
    receipt = await backup(source, path)
    assert receipt.counts["unreadable"] == 1 and receipt.counts["sessions"] == 1
    assert receipt.details[1]["session_id"] == "s" and "missing" in receipt.details[1]["reason"]
    target = memory()
    await restore(target, path)
    assert "fine" in await everything(target) and "s" not in await everything(target)


async def test_a_session_that_moves_in_the_listing_is_not_passed_over(tmp_path: Path) -> None:
    """One that is written while an earlier part of the list is read comes to the front of it."""
    source, path = memory(), tmp_path / "backup"
    for number in range(1010):
        if not number:
            await live(source, "first", 1, session_encryption_method="none")
        await source.save(await plain_record(f"s{number:04}"))
    await live(source, "last", 1, session_encryption_method="none")
    oldest = (await source.list_sessions(limit=2000))[-1]["session_id"]
    watched = WatchedStorage(source)

    async def touch(name: str, call: Any) -> Any:
        result = await call()
        if name == "list_sessions" and result and result[0]["kind"] == "session":
            watched.mishap = None
            await live(source, oldest, 1, session_encryption_method="none")
        return result

    watched.mishap = touch
    receipt = await backup(watched, path, session_encryption_method="none")
    assert receipt.counts["sessions"] == 1012


async def plain_record(session_id: str) -> dict[str, Any]:
    """A stored session in clear, under another id."""
    if not _PATTERN:
        storage = memory()
        async with voxon_on(storage, session_encryption_method="none") as voxon:
            await voxon.session(session_id="pattern", config=QUIET)
        found = await storage.load("pattern")
        assert found is not None
        _PATTERN.update({name: value for name, value in found.items() if name != "tail"})
    return {**_PATTERN, "session_id": session_id, "base_seq": 0}


_PATTERN: dict[str, Any] = {}


async def test_what_is_pending_is_not_in_it(tmp_path: Path) -> None:
    """A backup holds what is stored."""
    source, path = memory(), tmp_path / "backup"
    async with voxon_on(source) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        session.add_memory("not saved yet")
        await voxon.backup(path)
    target = memory()
    await restore(target, path)
    async with voxon_on(target) as voxon, voxon.load_session("s") as session:
        assert not session.get_memory().entries


# --- the file


async def test_the_file_is_private_and_appears_whole(tmp_path: Path) -> None:
    """Its owner alone may read it; a run that fails leaves the earlier file and nothing else."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    whole = path.read_bytes()

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise RuntimeError

    async with voxon_on(source) as voxon:
        with pytest.raises(RuntimeError):
            await voxon.backup(path, progress=stop)
    assert path.read_bytes() == whole and os.listdir(tmp_path) == ["backup"]
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await backup(source, tmp_path / "no" / "such" / "folder")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await restore(source, tmp_path / "nothing")
    with pytest.raises(ConfigurationError, match="cannot list"):
        await backup(TwoMethodStorage(), tmp_path / "other")
    with pytest.raises(ConfigurationError, match="no append, no pages"):
        await restore(TwoMethodStorage(), path)


async def test_the_memory_it_takes_does_not_grow_with_the_sessions(tmp_path: Path) -> None:
    """Each session is read, written and forgotten."""
    source = FileSessionStorage(tmp_path / "store")
    record = await plain_record("pattern")
    await live(source, "first", 1, session_encryption_method="none")
    for number in range(150):
        await source.save({**record, "session_id": f"s{number}", "state": {"filler": "x" * 100_000}})
    path = tmp_path / "backup"
    async with voxon_on(source, session_encryption_method="none") as voxon:
        await voxon.get_stats()
        tracemalloc.start()
        await voxon.backup(path)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        await voxon.restore(path)
        read = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert path.stat().st_size > 15_000_000
    assert written < 6_000_000 and read < 9_000_000, (written, read)
    await source.close()


async def refused(path: Path, **options: Any) -> VoxSessionError:
    """The error of restoring into an empty storage, which must stay empty."""
    target = memory()
    with pytest.raises(VoxSessionError) as error:
        await restore(target, path, **options)
    assert repr(target) == "MemorySessionStorage(0 records)"
    return error.value


async def test_a_backup_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """At any length, one byte less than whole and nothing at all among them."""
    source, path, cut = memory(), tmp_path / "backup", tmp_path / "cut"
    await live(source, "s", 2)
    await backup(source, path)
    whole = path.read_bytes()
    lengths = {0, 1, len(whole) - 1, *(at + 1 for at, byte in enumerate(whole) if byte == 10)} - {len(whole)}
    for length in lengths | set(random.sample(range(len(whole)), 60)):
        cut.write_bytes(whole[:length])
        assert isinstance(await refused(cut), IntegrityError), length
    cut.write_bytes(whole + b"\n")
    assert isinstance(await refused(cut), IntegrityError)


async def test_a_backup_with_any_byte_flipped_is_refused(tmp_path: Path) -> None:
    """Sampled over the file, and all of the head and of the end."""
    source, path, bad = memory(), tmp_path / "backup", tmp_path / "bad"
    await live(source, "s", 2)
    await backup(source, path)
    whole = path.read_bytes()
    places = {*range(60), *range(len(whole) - 130, len(whole)), *random.sample(range(len(whole)), 150)}
    for at in places:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << random.randrange(8)
        bad.write_bytes(flipped)
        error = await refused(bad)
        assert isinstance(error, (IntegrityError, UnsupportedFormatError)), (at, error)


def rewritten(path: Path, change: Callable[[list[Any]], None]) -> None:
    """Alters the rows of a backup and puts a fitting end under them, as an attacker would."""
    rows = [decode_json(line) for line in path.read_bytes().splitlines()]
    change(rows)
    raw = b"".join(encode_json(row) + b"\n" for row in rows[:-1])
    end = {**rows[-1], "lines": len(rows) - 1, "sha256": hashlib.sha256(raw).hexdigest()}
    path.write_bytes(raw + encode_json(end) + b"\n")


def first_session(rows: list[Any]) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in rows if row.get("record", {}).get("kind") == "session")
    return row


CHANGES: dict[str, Callable[[list[Any]], None]] = {
    "owner": lambda rows: first_session(rows)["record"].update(owner="0" * 32),
    "status": lambda rows: first_session(rows)["record"].update(status="ended"),
    "id": lambda rows: first_session(rows)["record"].update(session_id="t"),
    "plain": lambda rows: first_session(rows)["record"].pop("sealed"),
    "kind": lambda rows: first_session(rows)["record"].update(kind="person"),
    "no id": lambda rows: first_session(rows)["record"].pop("session_id"),
    "tenant": lambda rows: first_session(rows)["record"].update(tenant="other"),
    "batches": lambda rows: first_session(rows).update(batches=0),
    "no number": lambda rows: first_session(rows).update(pages=None),
    "keyring": lambda rows: rows[1]["record"]["keyring"].update(index_keys={}),
    "no keyring": lambda rows: rows.pop(1),
    "twice": lambda rows: rows.insert(1, rows[1]),
    "no row": lambda rows: rows.insert(1, []),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_backup_that_was_made_to_fit_is_refused(change: str, tmp_path: Path) -> None:
    """The checksum is right, the seals are not; nothing is written."""
    source, path = memory(), tmp_path / "backup"
    await live(source, "s", 2)
    await backup(source, path)
    rewritten(path, CHANGES[change])
    assert isinstance(await refused(path), IntegrityError)


async def test_each_wrong_thing_has_its_own_error(tmp_path: Path) -> None:
    """A wrong key, a wrong method, a wrong tenant, a newer version, another file."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    assert isinstance(await refused(path, session_encryption_key="hex:" + "00" * 32), KeyNotFoundError)
    assert isinstance(await refused(path, session_encryption_key="pass:other"), KeyNotFoundError)
    assert isinstance(await refused(path, session_encryption_method="none"), KeyNotFoundError)
    error = await refused(path, tenant="acme")
    assert isinstance(error, ConfigurationError) and error.option == "tenant"
    rewritten(path, lambda rows: rows[0].update(voxsession_backup=2))
    error = await refused(path)
    assert isinstance(error, UnsupportedFormatError) and (error.found, error.newest) == (2, 1)
    for content in (b'{"some":"json"}\n', b"[]\n", b"root:x:0:0:root\n", b"", os.urandom(5000)):
        path.write_bytes(content)
        error = await refused(path)
        assert isinstance(error, IntegrityError)
        assert "is no backup made by voxsession" in str(error) and "from a backup" not in str(error)
    with pytest.raises(ConfigurationError, match="on_conflict"):
        await restore(memory(), path, on_conflict="merge")


async def test_what_a_backup_is_sealed_with_and_what_it_lacks_is_said_of_the_backup(tmp_path: Path) -> None:
    """Not of the storage, with the remedy for a storage."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    error = await refused(path, session_encryption_key="hex:" + "00" * 32)
    assert isinstance(error, KeyNotFoundError) and error.key_id is not None
    assert str(error).startswith(f"Backup '{path}' is sealed with key '{error.key_id}'")
    assert "KeyRing(yours, that one)" in str(error) and KEY[-8:] not in str(error)
    error = await refused(path, session_encryption_method="none")
    assert str(error).startswith(f"Backup '{path}'") and "session_encryption_method" in str(error)
    whole = path.read_bytes()
    rewritten(path, CHANGES["owner"])
    error = await refused(path)
    assert isinstance(error, IntegrityError) and error.record in str(error)
    assert f"in backup '{path}'" in str(error) and "restore it from a backup" not in str(error)
    path.write_bytes(whole[:-20])
    error = await refused(path)
    assert str(error).startswith(f"Backup '{path}'") and "restore it from a backup" not in str(error)


# --- the caller's function, a storage that hangs


@pytest.mark.parametrize(("at", "count"), [(0, 0), (0, 3), (2, 3)])
async def test_progress_that_raises_stops_it_and_comes_out(at: int, count: int, tmp_path: Path) -> None:
    """Nothing is left behind, also where there is nothing to do; what is no function is refused at once."""
    source, path = memory(), tmp_path / "backup"
    for number in range(count):
        await live(source, f"s{number}", 1)
    await backup(source, path)
    steps: list[int] = []

    async def stop(done: int, total: int) -> None:
        steps.append(done)
        if done == at:
            raise InterruptedError("enough")

    async with voxon_on(source) as voxon, voxon_on(memory()) as empty:
        for call in (
            lambda progress: voxon.backup(tmp_path / "other", progress=progress),
            lambda progress: empty.restore(path, progress=progress),
            lambda progress: migrate(source, memory(), progress=progress),
        ):
            steps.clear()
            with pytest.raises(InterruptedError, match="enough"):
                await call(stop)
            assert steps[0] == 0 and at in steps
            with pytest.raises(ConfigurationError, match="progress=5"):
                await call(5)
            assert not list(tmp_path.glob("other*.part"))


@pytest.mark.parametrize("operation", ["list_sessions", "save", "load", "save_page"])
async def test_a_storage_that_hangs_during_a_restore(operation: str, tmp_path: Path) -> None:
    """Each call ends in time, those that no session makes too; once it is back the restore is run again."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    inner = memory()
    target = WatchedStorage(inner)
    async with voxon_on(target, storage_timeout_seconds=0.25) as voxon:
        await voxon.get_stats()  # gets a keyring of its own, which nothing depends on
        target.mishap = only(operation, hang)
        async with asyncio.timeout(LONG_SECONDS):
            with pytest.raises(StorageUnavailableError, match="did not answer"):
                await voxon.restore(path)
        target.mishap = None
        assert sum((await voxon.restore(path)).counts.values())
    assert await everything(inner) == await everything(source)


async def test_a_storage_that_hangs_during_a_backup(tmp_path: Path) -> None:
    """Also at the first look, for whoever watches; no file is left."""
    source = memory()
    await filled(source)
    watched = WatchedStorage(source)
    async with voxon_on(watched, storage_timeout_seconds=0.25) as voxon:
        await voxon.get_stats()
        for operation in ("list_sessions", "load", "load_page"):
            watched.mishap = only(operation, hang)
            async with asyncio.timeout(LONG_SECONDS):
                with pytest.raises(StorageUnavailableError, match="did not answer"):
                    await voxon.backup(tmp_path / "backup", progress=lambda done, total: None)
    assert not list(tmp_path.iterdir())


# --- over what is there


async def test_what_is_stored_in_another_version_is_rejected_skipped_or_replaced(tmp_path: Path) -> None:
    """Reject writes nothing at all; skip leaves it; replace takes it back to what it was, pages too."""
    storage, path = memory(), tmp_path / "backup"
    await filled(storage)
    await backup(storage, path)
    wanted = await everything(storage)
    await live(storage, "long", 300, whole=True)
    await live(storage, "short", 1)
    await live(storage, "new", 1)
    await storage.delete("whole")
    before = await everything(storage)
    with pytest.raises(SessionExistsError, match=r'on_conflict="skip".*on_conflict="replace"'):
        await restore(storage, path)
    told = await restore(storage, path, on_conflict="replace", dry_run=True)
    assert await everything(storage) == before

    done = await restore(storage, path, on_conflict="skip")
    assert done.counts["restored"] == 1 and done.counts["skipped"] == 2
    assert await everything(storage) == {**before, "whole": wanted["whole"]}

    await storage.delete("whole")
    done = await restore(storage, path, on_conflict="replace")
    assert done.counts["restored"] == told.counts["restored"] == 1
    assert done.counts["replaced"] == told.counts["replaced"] == 2
    after = await everything(storage)
    assert after.pop("new") == before["new"] and after == wanted


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
async def test_a_first_document_takes_its_place_back(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It was made from nothing, so what is stored has to go first."""
    async with made(kind, request, tmp_path) as storage:
        async with voxon_on(storage) as voxon, voxon.session("user of s", "s", config=QUIET):
            pass
        wanted = await everything(storage)
        await backup(storage, tmp_path / "backup")
        await live(storage, "s", 320, whole=True)
        await restore(storage, tmp_path / "backup", on_conflict="replace")
        assert await everything(storage) == wanted


async def test_damaged_sessions_and_pages_are_mended(tmp_path: Path) -> None:
    """A page that differs is not what was saved; a session that cannot be read is there in another version."""
    storage, path = FileSessionStorage(tmp_path / "store"), tmp_path / "backup"
    await filled(storage)
    await backup(storage, path)
    wanted = await everything(storage)
    pages = sorted((tmp_path / "store" / "long.pages").iterdir())
    pages[0].write_bytes(pages[0].read_bytes()[:-5])
    pages[1].unlink()
    assert (await restore(storage, path)).counts["pages"] == 2
    for damage in (b"", b"nothing\n", (tmp_path / "store" / "whole.json").read_bytes()[:-100] + b"\n"):
        (tmp_path / "store" / "short.json").write_bytes(damage)
        with pytest.raises(SessionExistsError):
            await restore(storage, path)
        assert (await restore(storage, path, on_conflict="skip")).counts["skipped"] == 1
        assert (await restore(storage, path, on_conflict="replace")).counts["replaced"] == 1
    assert await everything(storage) == wanted
    await storage.close()


async def test_an_open_session_is_not_replaced_under_its_user(tmp_path: Path) -> None:
    """It has to be closed first; nothing was written."""
    storage, path = memory(), tmp_path / "backup"
    await live(storage, "s", 1)
    await live(storage, "t", 1)
    await backup(storage, path)
    await live(storage, "t", 1)
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        await (await session.resume_conversation("c")).add_messages(said(1, 1))
        before = await everything(storage)
        with pytest.raises(ConfigurationError, match="Close it first"):
            await voxon.restore(path, on_conflict="replace")
        assert await everything(storage) == before
        await session.close()
        assert (await voxon.restore(path, on_conflict="replace")).counts["replaced"] == 2
        async with voxon.load_session("s") as again:
            assert len(await (await again.resume_conversation("c")).history()) == 1


async def test_another_installation_keeps_its_sessions(tmp_path: Path) -> None:
    """Its owners are hashed with another index key; an empty one takes that of the backup, also when open."""
    source, target, path = memory(), memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    await live(target, "t", 1)
    before = await everything(target)
    with pytest.raises(ConfigurationError, match="another installation"):
        await restore(target, path)
    assert await everything(target) == before

    opened = memory()
    async with voxon_on(opened) as voxon:
        await voxon.get_stats()
        await voxon.restore(path)
        async with voxon.session(user_id="by pointer") as session:
            assert session.session_id in await everything(source)
    assert (await everything(opened))[KEYRING] == (await everything(source))[KEYRING]


@pytest.mark.parametrize("damage", ["gone", "unreadable", "empty"])
async def test_a_lost_keyring_record_comes_back(damage: str, tmp_path: Path) -> None:
    """A storage without one opens for nobody, so it is put back first; only where its keys sealed what lies there."""
    storage, path = FileSessionStorage(tmp_path / "store"), tmp_path / "backup"
    await filled(storage)
    await backup(storage, path)
    wanted = await everything(storage)
    record = tmp_path / "store" / ".keyring" / "main.json"
    whole = record.read_bytes()
    damaged = {"gone": b"", "unreadable": whole[:-70], "empty": whole.replace(b"index_keys", b"other_keys")}
    record.write_bytes(damaged[damage])
    if damage == "gone":
        record.unlink()
    with pytest.raises(IntegrityError):
        await history(storage, "short")
    assert (await restore(storage, path)).counts["same"] == 5
    assert await everything(storage) == wanted
    await storage.close()


@pytest.mark.parametrize("after", [False, True])
async def test_a_restore_broken_off_at_any_write_is_taken_up_again(after: bool, tmp_path: Path) -> None:
    """Before or after each write, over nothing and over other versions."""
    source, path = memory(), tmp_path / "backup"
    await filled(source)
    await backup(source, path)
    wanted = await everything(source)
    for cut in itertools.count():
        target = memory()
        if cut % 2:
            await restore(target, path)
            await live(target, "short", 1, whole=True)
            await live(target, "long", 1, whole=True)
        cutter = CutStorage(target, cut // 2, after=after)
        try:
            await restore(cutter, path, on_conflict="replace")
        except PowerCut:
            await restore(target, path, on_conflict="replace")
            assert await everything(target) == wanted, f"cut at write {cut // 2}"
        else:
            if cut > 40:
                break
    assert cut > 20


async def test_progress_counts_what_is_opened_and_what_is_written(tmp_path: Path) -> None:
    """Each record of the file is opened first, written later."""
    source, path, steps = memory(), tmp_path / "backup", []
    await filled(source)
    async with voxon_on(source) as voxon:
        await voxon.backup(path, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(number, 5) for number in range(6)]
    steps.clear()
    async with voxon_on(memory()) as voxon:
        await voxon.restore(path, progress=lambda done, total: steps.append((done, total)))
    assert steps[:7] == [(number, 12) for number in range(7)] and steps[-1] == (12, 12)
    assert KEY not in path.read_text()
