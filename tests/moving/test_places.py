"""Where a migration looks and what it makes: sources that are not there, dry runs, names in place of URLs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.moving.stored import everything, filled, live
from tests.session.stores import voxon_on
from voxsession import ConfigurationError, FileSessionStorage, MemorySessionStorage, migrate
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.storage.registry import open_storage


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, which relative names begin at."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, and folders without a file."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("file://./sesions-typo", "folder .*sesions-typo"),
        ("sqlite:///nosuch.db", "SQLite file .*nosuch.db"),
        ("sqlite:///no/such/folder/here.db", "SQLite file .*here.db"),
        ("file", "folder .*sessions"),
        ("file://./" + "a" * 90 + "/" + "b" * 90, "folder '\\.\\.\\.a*/b{90}'"),
    ],
)
async def test_a_source_that_is_not_there_is_refused(
    source: str, named: str, dry_run: bool, here: Path
) -> None:
    """It is named, and neither side is made."""
    with pytest.raises(ConfigurationError, match=named) as refused:
        await migrate(source, "sqlite:///target.db", dry_run=dry_run)
    assert refused.value.option == "source"
    assert not list(here.iterdir())


async def test_a_storage_that_was_given_ready_is_looked_for_as_well(here: Path) -> None:
    """Objects of ours know their place, too."""
    for source in (FileSessionStorage("typo"), DatabaseSessionStorage("sqlite:///typo.db")):
        with pytest.raises(ConfigurationError, match="typo"):
            await migrate(source, MemorySessionStorage(cleanup_interval=None))
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "target", ["file://./new/place", "sqlite:///target.db", "file://./empty", "sqlite:///empty.db"]
)
@pytest.mark.parametrize("source", ["file://./store", "sqlite:///store.db"])
async def test_a_dry_run_makes_nothing(source: str, target: str, here: Path) -> None:
    """A target that is not there counts as empty; what is told is what the run then does."""
    (here / "empty").mkdir()
    (here / "empty.db").touch()
    storage = open_storage(source)
    await filled(storage)
    await storage.close()
    before = contents(here)
    told = await migrate(source, target, dry_run=True)
    assert contents(here).keys() == before.keys()
    assert contents(here / "empty") == {} and not (here / "empty.db").stat().st_size
    done = await migrate(source, target)
    assert told.counts == done.counts and done.counts["copied"] == 5
    again = await migrate(source, target, dry_run=True)
    assert again.counts["same"] == 5


async def test_a_dry_run_out_of_an_empty_place_makes_nothing(here: Path) -> None:
    """A folder that holds nothing gets nothing, and so does a file of no bytes."""
    (here / "empty").mkdir()
    (here / "empty.db").touch()
    for source in ("file://./empty", "sqlite:///empty.db"):
        receipt = await migrate(source, "file://./target", dry_run=True)
        assert not any(receipt.counts.values())
    assert {path.name for path in here.rglob("*")} == {"empty", "empty.db"}
    assert not (here / "empty.db").stat().st_size


async def test_one_database_under_two_urls_is_refused_before_it_is_opened(here: Path) -> None:
    """The file tells it, as the folder does."""
    storage = open_storage("sqlite:///store.db")
    await live(storage, "s", 1)
    await storage.close()
    (here / "link.db").symlink_to(here / "store.db")
    for target in ("sqlite:///store.db", f"sqlite:///{here}/store.db", "sqlite:///link.db"):
        with pytest.raises(ConfigurationError, match="same"):
            await migrate("sqlite:///store.db", target, delete_source=True, dry_run=True)
    with sqlite3.connect(here / "store.db") as connection:
        assert connection.execute("SELECT count(*) FROM voxsession_records").fetchone()[0]


@pytest.mark.parametrize("name", ["memory", "memory://"])
async def test_a_new_storage_in_memory_is_no_place_to_move_to(name: str) -> None:
    """Everything would be gone with the end of the call, out of the source as well."""
    source = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    await live(source, "s", 1)
    before = await everything(source)
    with pytest.raises(ConfigurationError, match="target='memory'"):
        await migrate(source, name, delete_source=True)
    with pytest.raises(ConfigurationError, match="source='memory'"):
        await migrate(name, source)
    assert await everything(source) == before


@pytest.mark.parametrize("dry_run", [True, False])
async def test_progress_tells_nothing_twice(dry_run: bool) -> None:
    """Each number once, from none to all; of a backup and a restore, too."""
    source = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    target = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    await filled(source)
    steps: list[Any] = []

    def told(done: int, total: int) -> None:
        steps.append((done, total))

    await migrate(source, target, progress=told, dry_run=dry_run)
    assert steps == [(done, 5) for done in range(6)]
    async with voxon_on(source) as voxon, voxon_on(MemorySessionStorage(cleanup_interval=None)) as other:
        for call in (voxon.backup("backup", progress=told), other.restore("backup", progress=told)):
            steps.clear()
            await call
            assert len(set(steps)) == len(steps) and steps[0][0] == 0


async def test_an_error_shows_no_password_of_a_storage() -> None:
    """What is no name and no path is not repeated; a URL with a slash too few may hold a password."""
    target = MemorySessionStorage(cleanup_interval=None)
    for given in ("postgresql:/me:tulip@host/db", '{"memory": "tulip"}', "tulip " * 90, '{"a": "tulip://b"}'):
        with pytest.raises(ConfigurationError, match="There is no storage of the name given") as refused:
            await migrate(given, target)
        assert "tulip" not in str(refused.value) + repr(vars(refused.value))
    with pytest.raises(ConfigurationError) as refused:
        await migrate(target, "file", timeout_seconds="tulip")  # type: ignore[arg-type]
    assert "tulip" not in str(refused.value) + repr(vars(refused.value))
