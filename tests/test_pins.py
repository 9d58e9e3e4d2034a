"""The pinned requirements: free of addresses, whole, and in agreement with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("*.lock"))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)((?: ; .*?)?) \\$", re.MULTILINE)

pins = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)


def test_the_lock_files_are_there() -> None:
    """There is one file of pins for users, one for tests, one for the documentation."""
    assert [lock.name for lock in LOCKS] == [
        "requirements-bench.lock",
        "requirements-docs.lock",
        "requirements-test.lock",
        "requirements.lock",
    ]


@pins
def test_a_lock_file_holds_no_address(lock: Path) -> None:
    """Pins name packages and hashes; where they come from is the installer's setting."""
    addresses = [line for line in lock.read_text().splitlines() if "://" in line or "index-url" in line]
    assert not addresses, f"{lock.name} must hold no address; `make lock` writes it without: {addresses[:3]}"


@pins
def test_every_pin_carries_hashes(lock: Path) -> None:
    """Nothing can be installed that is not the file that was pinned."""
    blocks = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert blocks
    assert all(PIN.match(block) and "--hash=sha256:" in block for block in blocks)


@pins
def test_the_core_is_pinned_alike_everywhere(lock: Path) -> None:
    """What is tested and documented is what users install."""
    core = {(name, version) for name, version, _ in PIN.findall((ROOT / "requirements.lock").read_text())}
    here = {(name, version) for name, version, _ in PIN.findall(lock.read_text())}
    assert core <= here, f"{lock.name} differs from requirements.lock: {sorted(core - here)}; run `make lock`"


def test_every_direct_dependency_is_pinned() -> None:
    """The lock files were made from the pyproject.toml that lies beside them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-test.lock": groups["test"] + groups["dev"],
        "requirements-docs.lock": groups["docs"],
    }
    for lock, requirements in wanted.items():
        pinned = {name for name, _, _ in PIN.findall((ROOT / lock).read_text())}
        named = {re.split(r"[\[<>=~!; ]", requirement)[0].lower() for requirement in requirements}
        assert named <= pinned, f"{lock} lacks {sorted(named - pinned)}; run `make lock`"


def test_pyproject_names_no_index() -> None:
    """No setting of ours says where packages come from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "index" not in project.get("tool", {}).get("uv", {})


def test_nothing_is_tracked_that_carries_addresses_or_belongs_to_others() -> None:
    """uv.lock and pylock.toml hold registry addresses; the rank files are tiktoken's."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = listing.stdout.splitlines()
    pins = [path for path in paths if Path(path).name in {"uv.lock", "pylock.toml"}]
    ranks = [path for path in paths if path.endswith(".tiktoken") or path.startswith(".cache/")]
    assert pins + ranks == []
