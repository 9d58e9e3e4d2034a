"""The file storage: the claims of every storage, where its files lie, and how its folder fails."""

from __future__ import annotations

import asyncio
import glob
import os
import shutil
import stat
import sys
import threading
from pathlib import Path

import pytest

from voxsession.core.envelope import decode_line
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    IntegrityError,
    StorageError,
    StorageUnavailableError,
)
from voxsession.storage import file_frames
from voxsession.storage.file import FileSessionStorage
from voxsession.testing import StorageConformance
from voxsession.testing.records import a_batch, a_document, a_page


class TestFile(StorageConformance):
    """It holds what every storage holds."""

    async def make_storage(self, tmp_path: Path) -> FileSessionStorage:
        return FileSessionStorage(tmp_path / "sessions")


class TestRelaxedFile(TestFile):
    """Without the sync of appended batches it holds the same."""

    async def make_storage(self, tmp_path: Path) -> FileSessionStorage:
        return FileSessionStorage(tmp_path / "sessions", durability="relaxed")


class TestFileOfInsensitiveCase(TestFile):
    """Where the file system knows no capital letters it holds the same, with other names."""

    async def make_storage(self, tmp_path: Path) -> FileSessionStorage:
        (tmp_path / "sessions" / ".LOCKS").mkdir(parents=True)
        return FileSessionStorage(tmp_path / "sessions")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
async def storage(folder: Path) -> FileSessionStorage:
    return FileSessionStorage(folder)


def files_in(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".locks/")}


# --- where things lie


async def test_a_session_is_one_file_of_lines(storage: FileSessionStorage, folder: Path) -> None:
    """The file of a session is the document's line and a line for each batch, as JSON."""
    await storage.save(a_document())
    await storage.append("sess_1", a_batch())

    lines = (folder / "sess_1.json").read_bytes().splitlines()
    assert [decode_line(line, "") for line in lines] == [a_document(), a_batch()]
    assert files_in(folder) == {"sess_1.json"}


async def test_everything_has_its_place(storage: FileSessionStorage, folder: Path) -> None:
    """Sessions, pages, owners, other kinds and tenants lie where the format page says, and go again."""
    await storage.save(a_document("call:7", owner="o1"))
    await storage.save_page("call:7", a_page("call:7"))
    await storage.save(a_document("main", kind="keyring"))
    await storage.save(a_document("main", kind="keyring", tenant="acme"))
    await storage.save(a_document(tenant="acme", owner="o1"))

    assert files_in(folder) == {
        "call%3a7.json",
        "call%3a7.pages/page_1.json",
        ".owners/o1/call%3a7",
        ".keyring/main.json",
        ".tenants/acme/.keyring/main.json",
        ".tenants/acme/sess_1.json",
        ".tenants/acme/.owners/o1/sess_1",
    }
    await storage.delete("call:7")
    await storage.delete(".session.acme.sess_1")
    assert files_in(folder) == {".keyring/main.json", ".tenants/acme/.keyring/main.json"}
    assert not (folder / ".owners" / "o1").exists()


@pytest.mark.parametrize("keeps_case", [True, False])
async def test_capital_letters_where_they_do_not_count(
    storage: FileSessionStorage, folder: Path, keeps_case: bool
) -> None:
    """Capital letters are written out only where the file system cannot tell them from small ones."""
    if not keeps_case:
        (folder / ".LOCKS").mkdir(parents=True)
    await storage.save(a_document("Ab"))

    assert files_in(folder) == {"Ab.json" if keeps_case else "%41b.json"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
async def test_nobody_else_may_read(storage: FileSessionStorage, folder: Path) -> None:
    """Files have mode 0600 and folders 0700, whatever the umask allows."""
    old = os.umask(0)
    try:
        await storage.save(a_document(owner="o1"))
        await storage.append("sess_1", a_batch(owner="o1"))
        await storage.save(a_document(seq=3, owner="o1"))
        await storage.save_page("sess_1", a_page())
        await storage.save(a_document("main", kind="keyring", tenant="acme"))
    finally:
        os.umask(old)

    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert (path, oct(mode)) == (path, "0o700" if path.is_dir() else "0o600")


async def test_making_one_touches_no_disk(folder: Path) -> None:
    """Only the first use makes the folder."""
    storage = FileSessionStorage(folder)
    assert not folder.exists()

    await storage.open()
    assert folder.is_dir()


async def test_no_file_stays_open(storage: FileSessionStorage, folder: Path) -> None:
    """Sessions that are not being written hold no file descriptor."""
    await storage.open()
    for number in range(50):
        await storage.save(a_document(f"s{number}"))
        await storage.append(f"s{number}", a_batch(f"s{number}"))

    if sys.platform == "linux":
        places = map(Path, glob.glob("/proc/self/fd/*"))
        assert not [place for place in places if str(folder) in os.path.realpath(place)]


async def test_a_marker_without_a_session_is_tidied_up(storage: FileSessionStorage, folder: Path) -> None:
    """A marker that a killed writer left behind is no session, and goes when it is met."""
    await storage.save(a_document("here", owner="o1"))
    (folder / ".owners" / "o1" / "gone").touch()

    assert [header["session_id"] for header in await storage.list_sessions(owner="o1")] == ["here"]
    assert files_in(folder) == {"here.json", ".owners/o1/here"}


async def test_headers_are_read_without_bodies(
    storage: FileSessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list reads a few kilobytes of each file, however long document and batches are, sealed or in clear."""
    for name, tail in (("a", 0), ("b", 2)):
        await storage.save(a_document(name, body="x" * 2_000_000))
        for seq in range(2, 2 + tail):
            await storage.append(name, a_batch(name, seq, body="y" * 1000))
    plain = a_document("c", messages=["z" * 2_000_000])
    del plain["sealed"]
    await storage.save(plain)
    lengths: list[int] = []
    read_at = file_frames._read_at
    monkeypatch.setattr(
        file_frames, "_read_at", lambda fd, start, n: lengths.append(n) or read_at(fd, start, n)
    )
    headers = await storage.list_sessions()

    assert [(one["session_id"], one["seq"]) for one in headers] == [("b", 3), ("a", 1), ("c", 1)]
    assert all("messages" not in one and "sealed" not in one for one in headers)
    assert sum(lengths) < 3 * 100_000


async def test_a_list_sees_what_others_wrote(folder: Path) -> None:
    """What is remembered of a file for the next list is dropped when somebody else writes the file."""
    here, there = FileSessionStorage(folder), FileSessionStorage(folder)
    await here.save(a_document("a"))
    await here.save(a_document("b"))
    assert [one["session_id"] for one in await here.list_sessions()] == ["a", "b"]
    await there.append("b", a_batch("b", 2))

    assert [(one["session_id"], one["seq"]) for one in await here.list_sessions()] == [("b", 2), ("a", 1)]
    await there.close()


# --- folders that fail


async def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    """A path that is a file, or lies below one, is a ConfigurationError at the first use; the file stays."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")

    for path in (file, file / "deeper"):
        with pytest.raises(ConfigurationError, match="is not a folder"):
            await FileSessionStorage(path).open()
        with pytest.raises(ConfigurationError, match="is not a folder"):
            await FileSessionStorage(path).save(a_document())
        assert (await FileSessionStorage(path).health_check())["status"] == "unhealthy"
    assert file.read_text() == "mine"


@pytest.mark.parametrize("path", ["", "a\0b", None, 7])
def test_an_impossible_path(path: object) -> None:
    """What cannot be a path is refused when the storage is made."""
    with pytest.raises(ConfigurationError, match="session_storage_path"):
        FileSessionStorage(path)  # type: ignore[arg-type]


def test_an_unknown_durability(tmp_path: Path) -> None:
    """Only the two named kinds of durability are accepted."""
    with pytest.raises(ConfigurationError, match="'full' or 'relaxed'"):
        FileSessionStorage(tmp_path, durability="maybe")


async def test_a_folder_removed_while_open(storage: FileSessionStorage, folder: Path) -> None:
    """No call makes a removed folder anew, and none says that nothing was stored there."""
    await storage.save(a_document(owner="o1"))
    shutil.rmtree(folder)

    for call in (
        storage.save(a_document("new")),
        storage.save(a_document(seq=2)),
        storage.append("sess_1", a_batch()),
        storage.load("sess_1"),
        storage.load_since("sess_1", 1),
        storage.delete("sess_1"),
        storage.save_page("sess_1", a_page()),
        storage.load_page("sess_1", "page_1"),
        storage.list_pages("sess_1"),
        storage.delete_pages("sess_1", ["page_1"]),
        storage.list_sessions(),
        storage.list_sessions(owner="o1"),
        storage.get_stats(),
    ):
        with pytest.raises(StorageUnavailableError, match="is gone"):
            await call
        assert not folder.exists()
    assert "is gone" in (await storage.health_check())["error"]


async def test_a_folder_that_came_back(storage: FileSessionStorage, folder: Path, tmp_path: Path) -> None:
    """When the folder is there again the same storage goes on."""
    await storage.save(a_document())
    folder.rename(tmp_path / "away")
    with pytest.raises(StorageUnavailableError):
        await storage.append("sess_1", a_batch())
    (tmp_path / "away").rename(folder)

    await storage.append("sess_1", a_batch())
    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}


async def test_lock_files_may_be_lost(storage: FileSessionStorage, folder: Path) -> None:
    """Lock files and empty folders that somebody tidied away are made again."""
    await storage.save(a_document(owner="o1"))
    shutil.rmtree(folder / ".locks")
    shutil.rmtree(folder / ".owners")

    await storage.append("sess_1", a_batch(owner="o1"))
    await storage.save(a_document("sess_2", owner="o1"))

    assert await storage.load("sess_1") == {**a_document(owner="o1"), "tail": [a_batch(owner="o1")]}
    assert "sess_2" in {header["session_id"] for header in await storage.list_sessions(owner="o1")}


# --- what is stored by others


async def test_a_foreign_record_is_not_taken(storage: FileSessionStorage, folder: Path) -> None:
    """A file under another session's name is IntegrityError: never read, written, appended to, or listed."""
    await storage.save(a_document("theirs"))
    shutil.copy(folder / "theirs.json", folder / "mine.json")
    before = (folder / "mine.json").read_bytes()

    for call in (
        storage.load("mine"),
        storage.load_since("mine", 1),
        storage.append("mine", a_batch("mine")),
        storage.save(a_document("mine", 2)),
        storage.delete("mine", expected_seq=1),
    ):
        with pytest.raises(IntegrityError, match="mine"):
            await call
    assert (folder / "mine.json").read_bytes() == before
    assert [one["session_id"] for one in await storage.list_sessions()] == ["theirs"]


async def test_other_files_are_let_be(storage: FileSessionStorage, folder: Path) -> None:
    """Files that are not ours break no list and stay where they are."""
    await storage.save(a_document())
    (folder / "README").write_text("hello")
    (folder / "config.json").write_text("{}")
    (folder / "folder.json").mkdir()

    assert [one["session_id"] for one in await storage.list_sessions()] == ["sess_1"]
    assert await storage.cleanup_expired_sessions() == 0
    assert {"README", "config.json"} <= files_in(folder)


async def test_a_damaged_record_can_be_deleted(storage: FileSessionStorage, folder: Path) -> None:
    """Erasing needs no look inside: what cannot be read can be deleted by its name, not by its version."""
    await storage.save(a_document())
    (folder / "sess_1.json").write_bytes(b"{}\n")
    with pytest.raises(IntegrityError):
        await storage.delete("sess_1", expected_seq=1)

    assert await storage.delete("sess_1") is True
    assert files_in(folder) == set()


# --- loops, threads, cancelling


def test_a_new_event_loop_for_each_call(folder: Path) -> None:
    """One storage serves one event loop after another, closed or not in between."""
    storage = FileSessionStorage(folder)
    asyncio.run(storage.save(a_document()))
    for seq in range(2, 6):
        asyncio.run(storage.append("sess_1", a_batch(seq=seq)))
        if seq == 4:
            asyncio.run(storage.close())

    record = asyncio.run(storage.load("sess_1"))
    assert record is not None
    assert [batch["seq"] for batch in record["tail"]] == [2, 3, 4, 5]


def test_two_event_loops_at_once(folder: Path) -> None:
    """One storage serves the loops of two threads at the same time."""
    storage = FileSessionStorage(folder)

    async def live(name: str) -> None:
        await storage.save(a_document(name))
        for seq in range(2, 40):
            await storage.append(name, a_batch(name, seq))

    threads = [threading.Thread(target=asyncio.run, args=(live(name),)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for name in ("a", "b"):
        record = asyncio.run(storage.load(name))
        assert record is not None
        assert len(record["tail"]) == 38


async def test_closing_waits_and_lets_the_threads_go(folder: Path) -> None:
    """After close no thread of the storage is left, and what had begun is stored."""
    storage = FileSessionStorage(folder)
    await storage.save(a_document())
    task = asyncio.ensure_future(storage.append("sess_1", a_batch()))
    await asyncio.sleep(0)
    task.cancel()
    threads = storage._threads.threads
    await storage.close()
    assert threads and not any(thread.is_alive() for thread in threads)

    record = await storage.load("sess_1")
    assert record is not None
    assert record["tail"] in ([], [a_batch()])


async def test_an_idle_storage_can_be_forgotten(folder: Path) -> None:
    """A storage that was never closed leaves no threads behind once nobody refers to it."""
    storage = FileSessionStorage(folder)
    await storage.save(a_document())
    threads = storage._threads.threads
    assert threads
    del storage

    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


# --- errors of the operating system


@pytest.mark.parametrize("durability", ["full", "relaxed"])
async def test_a_failing_disk(folder: Path, durability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while writing is ours, names the folder, and leaves the file as it was."""
    storage = FileSessionStorage(folder, durability=durability)
    await storage.save(a_document())
    before = (folder / "sess_1.json").read_bytes()
    write = os.write

    def fail(fd: int, data: bytes) -> int:
        write(fd, data[: len(data) // 2])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(file_frames.os, "write", fail)
    for call in (storage.append("sess_1", a_batch()), storage.save(a_document(seq=2))):
        with pytest.raises(StorageError, match="Input/output error") as caught:
            await call
        assert isinstance(caught.value.__cause__, OSError)
    monkeypatch.undo()

    assert (folder / "sess_1.json").read_bytes() == before
    assert files_in(folder) == {"sess_1.json"}
    await storage.append("sess_1", a_batch())


async def test_a_sync_that_fails_is_no_success(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose sync failed is taken back; one whose taking back failed too is known when repeated."""
    storage = FileSessionStorage(folder)
    await storage.save(a_document())

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(file_frames, "sync_file", fail)
    with pytest.raises(StorageError):
        await storage.append("sess_1", a_batch())
    assert await storage.load("sess_1") == {**a_document(), "tail": []}
    monkeypatch.setattr(file_frames.os, "ftruncate", fail)
    with pytest.raises(StorageError):
        await storage.append("sess_1", a_batch())
    monkeypatch.undo()

    await storage.append("sess_1", a_batch())
    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}


@pytest.mark.parametrize("step", ["replace", "sync"])
async def test_a_save_that_fails_half_way(folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step of a whole write fails, the record is the old or the new one, and can be saved again."""
    storage = FileSessionStorage(folder)
    await storage.save(a_document())

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    if step == "replace":
        monkeypatch.setattr(file_frames.os, "replace", fail)
    else:
        monkeypatch.setattr(storage._records, "_sync_folder", fail)
    with pytest.raises(StorageError):
        await storage.save(a_document(seq=2))
    monkeypatch.undo()

    record = await storage.load("sess_1")
    assert record in ({**a_document(), "tail": []}, {**a_document(seq=2), "tail": []})
    await storage.save(a_document(seq=2))
    with pytest.raises(ConflictError):
        await storage.save(a_document(seq=2, batch_id="another"))


async def test_syncs_come_before_the_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole write syncs the new file before it takes its name, then the folder; an append syncs the file."""
    steps: list[str] = []

    def note(name: str, module: object, attribute: str) -> None:
        original = getattr(module, attribute)

        def noted(*args: object, **options: object) -> object:
            steps.append(name)
            return original(*args, **options)

        monkeypatch.setattr(module, attribute, noted)

    storage = FileSessionStorage(folder)
    note("sync file", file_frames, "sync_file")
    note("replace", file_frames.os, "replace")
    note("sync folder", storage._records, "_sync_folder")
    await storage.save(a_document())
    assert steps == ["sync file", "replace", "sync folder"]
    steps.clear()
    await storage.append("sess_1", a_batch())
    assert steps == ["sync file"]
    steps.clear()
    relaxed = FileSessionStorage(folder, durability="relaxed")
    await relaxed.append("sess_1", a_batch(seq=3))
    assert steps == []
