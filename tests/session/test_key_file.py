"""The key ring file: made once, for its owner only, and never guessed around."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from voxsession.clock import SystemClock
from voxsession.codec.keys import KeyRing, MasterKeys
from voxsession.errors import ConfigurationError
from voxsession.session.key_file import key_file_path, make_key_file, read_key_file
from voxsession.testing import FakeClock

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="modes and links as POSIX has them")


def ids(ring: KeyRing | None) -> list[str]:
    """The ids of the keys of a ring."""
    assert ring is not None
    keys: MasterKeys = ring.resolve(None)
    return keys.ids


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


# --- where


def test_where_the_file_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`VOXSESSION_HOME` decides, then the XDG data folder, then the one below the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("VOXSESSION_HOME", str(tmp_path / "vox"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert key_file_path() == tmp_path / "vox" / "keyring.json"
    monkeypatch.setenv("VOXSESSION_HOME", "~/vox")
    assert key_file_path() == tmp_path / "me" / "vox" / "keyring.json"
    monkeypatch.delenv("VOXSESSION_HOME")
    assert key_file_path() == tmp_path / "xdg" / "voxsession" / "keyring.json"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert key_file_path() == tmp_path / "me" / ".local" / "share" / "voxsession" / "keyring.json"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no home folder, the error names the variable that helps."""

    def nowhere(_: Any = None) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("VOXSESSION_HOME")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(ConfigurationError, match="Set VOXSESSION_HOME"):
        key_file_path()


# --- making


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the making of rings has logged, whatever others log meanwhile."""
    return [record for record in caplog.records if record.name == make_key_file.__module__]


def test_a_new_ring_is_made_with_one_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file is made with its folders, said in one line that names the place and shows no key."""
    path = tmp_path / "deep" / "er" / "keyring.json"
    with caplog.at_level(logging.INFO):
        ring = make_key_file(path, SystemClock())

    assert ids(read_key_file(path)) == ids(ring) and len(ids(ring)) == 1
    (line,) = told(caplog)
    (key,) = json.loads(path.read_text())["keys"]
    assert line.levelno == logging.WARNING and str(path) in line.getMessage() and key not in line.getMessage()
    assert len(base64.b64decode(key)) == 32
    assert [item.name for item in path.parent.iterdir()] == ["keyring.json"], "the draft is gone"


@ON_POSIX
def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """The file has mode 0600 and its folder 0700, whatever the umask allows."""
    before = os.umask(0)
    try:
        make_key_file(tmp_path / "vox" / "keyring.json", SystemClock())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "vox" / "keyring.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "vox").stat().st_mode) == 0o700


def test_a_ring_that_is_there_is_taken_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Making a ring where one is changes nothing, says nothing and gives the keys that are there."""
    path = tmp_path / "keyring.json"
    first = make_key_file(path, SystemClock())
    content = path.read_bytes()
    caplog.clear()
    assert ids(make_key_file(path, SystemClock())) == ids(first)
    assert path.read_bytes() == content and not told(caplog)


def test_twenty_threads_agree_on_one_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of twenty that make a ring at once one does and nineteen take it over, with one log line."""
    path, start, found = tmp_path / "vox" / "keyring.json", threading.Barrier(20), []

    def make() -> None:
        start.wait()
        found.append(ids(make_key_file(path, SystemClock())))

    threads = [threading.Thread(target=make) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 20 and all(keys == ids(read_key_file(path)) for keys in found)
    assert len(told(caplog)) == 1
    assert [item.name for item in path.parent.iterdir()] == ["keyring.json"]


PROCESS = """
import sys, time
from pathlib import Path
from voxsession.clock import SystemClock
from voxsession.session.key_file import make_key_file
path = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(make_key_file(path, SystemClock()).resolve(None).write_id)
"""


def test_processes_agree_on_one_key(tmp_path: Path) -> None:
    """Processes that start at once on a bare machine end up with the same key."""
    path = tmp_path / "vox" / "keyring.json"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert found == set(ids(read_key_file(path)))


def test_a_draft_that_a_crash_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """What a process that died left beside the file does not keep others from making it."""
    for number in range(3):
        write(tmp_path / f".keyring.json.new_{number:06d}", "{")
    assert ids(make_key_file(tmp_path / "keyring.json", FakeClock()))


@ON_POSIX
def test_where_no_ring_can_be_made(tmp_path: Path) -> None:
    """A folder that is a file, or a name that is too long, is `ConfigurationError` with the remedy."""
    write(tmp_path / "file", "x")
    for path in (tmp_path / "file" / "keyring.json", tmp_path / ("x" * 300) / "keyring.json"):
        with pytest.raises(ConfigurationError, match="Set VOXSESSION_HOME") as caught:
            make_key_file(path, SystemClock())
        assert caught.value.option == "session_encryption_key"


@ON_POSIX
def test_a_link_to_nothing(tmp_path: Path) -> None:
    """A ring that is a link whose target is gone is not made anew: it says what is wrong."""
    path = tmp_path / "keyring.json"
    path.symlink_to(tmp_path / "gone.json")
    assert read_key_file(path) is None
    with pytest.raises(ConfigurationError, match="a link to nothing"):
        make_key_file(path, SystemClock())
    assert not (tmp_path / "gone.json").exists()


@ON_POSIX
def test_the_name_of_the_file_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and folder are synced before a session can be sealed with the key, so that a power cut leaves both."""
    synced: list[str] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    make_key_file(tmp_path / "vox" / "keyring.json", SystemClock())
    assert synced == ["file", "folder", "folder"]


# --- reading


def test_no_file_is_no_ring(tmp_path: Path) -> None:
    """Where there is no file there are no keys, and none are made by looking."""
    assert read_key_file(tmp_path / "vox" / "keyring.json") is None
    assert not (tmp_path / "vox").exists()


def test_the_first_key_of_the_file_writes(tmp_path: Path) -> None:
    """A file with several keys is a ring: the first writes, all read."""
    keys = [base64.b64encode(bytes((number,)) * 32).decode() for number in range(3)]
    write(tmp_path / "keyring.json", json.dumps({"version": 1, "keys": keys, "later": True}))
    assert ids(read_key_file(tmp_path / "keyring.json")) == [
        key_id for key in keys for key_id in KeyRing(f"base64:{key}").resolve(None).ids
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": ["AAAA"]}',
        b'{"keys": [5]}',
        b'{"keys": "secretsecret"}',
        b'{"keys": 5}',
        b'{"keys": {"a": 1}}',
        b"\xff\xfe",
        b'{"keys": ["' + b"A" * 44 + b'", "short"]}',
    ],
)
def test_a_damaged_ring_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    """A ring that cannot be read is `ConfigurationError` that names the file, also when one would be made."""
    path = tmp_path / "keyring.json"
    write(path, content)
    for attempt in (lambda: read_key_file(path), lambda: make_key_file(path, SystemClock())):
        with pytest.raises(ConfigurationError, match=r"is damaged\. Restore it from a backup") as caught:
            attempt()
        assert str(path) in str(caught.value) and "secretsecret" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_ring_that_is_a_folder(tmp_path: Path) -> None:
    """A folder where the file should be cannot be read, and says so."""
    (tmp_path / "keyring.json").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_key_file(tmp_path / "keyring.json")
