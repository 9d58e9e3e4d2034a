"""Storages by name, by URL, and as objects."""

from __future__ import annotations

import importlib.metadata
import os
import pickle
import re
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from voxsession.errors import ConfigurationError
from voxsession.storage import registry
from voxsession.storage.file import FileSessionStorage
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.storage.lift import LiftedStorage
from voxsession.storage.registry import known_storages, open_storage


def test_by_name(tmp_path: Path) -> None:
    """A name gives the storage that it stands for, made with the options that were given."""
    memory = open_storage("memory", max_sessions=3)
    file = open_storage("file", path=tmp_path / "here", durability="relaxed")

    assert isinstance(memory, MemorySessionStorage) and memory.max_sessions == 3
    assert isinstance(file, FileSessionStorage) and file.path == str(tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_by_url(tmp_path: Path) -> None:
    """A URL says where."""
    file = open_storage(f"file://{tmp_path}/a%20folder")

    assert isinstance(file, FileSessionStorage) and file.path == f"{tmp_path}/a folder"
    assert isinstance(open_storage("memory://"), MemorySessionStorage)


def test_objects_are_taken() -> None:
    """A storage is taken as it is; an object with two methods is lifted, once."""
    memory = MemorySessionStorage()

    class Mine:
        def save(self, session_data: dict[str, Any]) -> None: ...
        def load(self, session_id: str) -> None: ...

    lifted = open_storage(Mine())

    assert open_storage(memory) is memory
    assert isinstance(lifted, LiftedStorage)
    assert open_storage(lifted) is lifted


@pytest.mark.parametrize("spec", ["fiel", "ftp://host/", "", "://", 7, None, object()])
def test_what_is_no_storage(spec: object) -> None:
    """An unknown name tells the known ones; an object without the two methods tells what is missing."""
    with pytest.raises(ConfigurationError, match=r"Known are .*file.*memory|has no save\(\)") as caught:
        open_storage(spec)
    assert caught.value.option == "session_storage"


def test_a_slip_of_the_pen() -> None:
    """A name that is nearly one of ours is answered with that one."""
    with pytest.raises(ConfigurationError, match="Did you mean 'memory'"):
        open_storage("memry")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("./sessions", "file://./sessions"),
        ("../my sessions", "file://../my sessions"),
        ("~/sessions", "file://~/sessions"),
        ("/var/sessions", "file:///var/sessions"),
        ("data/sessions", "file://data/sessions"),
        ("sqlite:sessions.db", "sqlite:///sessions.db"),
        ("sqlite:./sessions.db", "sqlite:///./sessions.db"),
        ("sqlite:/var/sessions.db", "sqlite:////var/sessions.db"),
        ("SQLite:sessions", "sqlite:///sessions"),
        ("sessions.db", "sqlite:///sessions.db"),
        ("data/sessions.sqlite3", "sqlite:///data/sessions.sqlite3"),
    ],
)
def test_a_path_is_answered_with_its_url(
    given: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that URL means a storage at this very place."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=rf"Did you mean '{re.escape(meant)}'\?") as caught:
        open_storage(given)
    assert repr(given) in str(caught.value)
    storage = open_storage(meant)
    place = storage.path if isinstance(storage, FileSessionStorage) else storage.file_path  # type: ignore[attr-defined]
    assert place == os.path.abspath(os.path.expanduser(given.lower().removeprefix("sqlite:")))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite", "sqlite:///sessions.db"),
        ("PostgreSQL", "postgresql://..."),
        ("postgres", "postgres://..."),
        ("valkey", "valkey://..."),
    ],
)
def test_the_kind_of_a_database_is_answered_with_the_form_of_its_url(given: str, meant: str) -> None:
    """A kind alone says no place, so the error shows how a URL of it begins."""
    with pytest.raises(ConfigurationError, match=rf"Did you mean '{re.escape(meant)}'\?"):
        open_storage(given)


def test_a_missing_package_is_an_import_error_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries to import, and whoever handles our errors, meets one error; it looks like the public one."""

    def absent(module: str) -> types.ModuleType:
        raise ModuleNotFoundError("No module named 'driver'", name="driver")

    monkeypatch.setattr(registry.importlib, "import_module", absent)
    with pytest.raises(ImportError) as caught:
        open_storage("redis")
    assert (
        isinstance(caught.value, ConfigurationError) and type(caught.value).__name__ == "ConfigurationError"
    )
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ConfigurationError and str(again) == str(caught.value)
    assert again.option == "session_storage"


def test_an_option_that_it_does_not_take() -> None:
    """An option that the storage has no use for is refused by its name."""
    with pytest.raises(ConfigurationError, match="durability"):
        open_storage("memory", durability="full")


@pytest.mark.parametrize(("name", "extra"), [("redis", "redis"), ("sqlite:///a.db", "sql")])
def test_a_missing_package(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage whose library is not installed says which extra brings it."""
    missing = ModuleNotFoundError("No module named 'driver'", name="driver")

    def absent(module: str) -> types.ModuleType:
        raise missing

    monkeypatch.setattr(registry.importlib, "import_module", absent)
    with pytest.raises(ConfigurationError, match=rf"pip install 'voxsession\[{extra}\]'"):
        open_storage(name)


def test_packages_bring_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that another package registers is found by its name and by URLs of that scheme."""
    module = types.ModuleType("their_package")
    module.Theirs = lambda url="", **options: MemorySessionStorage(**options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_package", module)
    point = EntryPoint("theirs", "their_package:Theirs", registry.GROUP)
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [point] if group == registry.GROUP else []
    )

    assert "theirs" in known_storages()
    assert isinstance(open_storage("theirs", max_sessions=1), MemorySessionStorage)
    assert isinstance(open_storage("theirs://host/name"), MemorySessionStorage)
    assert isinstance(open_storage("memory"), MemorySessionStorage)
