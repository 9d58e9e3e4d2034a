"""The wheel: all of the package, nothing beside it, and at home anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    "__all__" not in (ROOT / "voxsession" / "__init__.py").read_text(),
    reason="voxsession has no public face yet",
)


def run(*arguments: str, cwd: Path, **environment: str) -> str:
    """The output of a command, which must succeed."""
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built with the installed hatchling: nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    run(*pip, "--no-deps", "--target", str(folder), str(wheel), cwd=folder)
    return folder


def files_of_the_package() -> set[str]:
    """What the wheel has to hold: the package, and the presets under their name inside it."""
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "voxsession").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    presets = {
        f"voxsession/_presets/{path.relative_to(ROOT / 'presets').as_posix()}"
        for path in (ROOT / "presets").rglob("*.toml")
    }
    return package | presets


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, every preset and the typing mark are inside; tests, docs and caches are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = files_of_the_package()
    assert names == wanted, f"missing: {sorted(wanted - names)}; too much: {sorted(names - wanted)}"
    assert "voxsession/py.typed" in names


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Name, licence, Python version, extras and the storages' entry points are in the metadata."""
    with zipfile.ZipFile(wheel) as archive:
        about = [name for name in archive.namelist() if ".dist-info/" in name]
        texts = {name.rpartition("/")[2]: archive.read(name).decode() for name in about}
    metadata = texts["METADATA"]
    assert "\nName: voxsession\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    for extra in ("sql", "redis", "openai", "server", "cli", "text", "embeddings"):
        assert f"\nProvides-Extra: {extra}\n" in metadata
    assert "[voxsession.storage]" in texts["entry_points.txt"]
    assert "MIT License" in texts["LICENSE"]


def test_the_installed_wheel_works_from_anywhere(installed: Path, tmp_path: Path) -> None:
    """A fresh interpreter elsewhere imports it, finds the storages by entry point, and reads a preset."""
    program = textwrap.dedent("""
        import importlib.metadata, pathlib, sys, voxsession
        here = pathlib.Path(sys.argv[1])
        assert pathlib.Path(voxsession.__file__).is_relative_to(here), voxsession.__file__
        points = importlib.metadata.distribution("voxsession").entry_points.select(group="voxsession.storage")
        print(*sorted(f"{point.name}={point.load().__name__}" for point in points))
        if hasattr(voxsession, "SessionPresets"):
            print(voxsession.SessionPresets.EDUCATIONAL.temperature)
    """)
    output = run(sys.executable, "-c", program, str(installed), cwd=tmp_path, PYTHONPATH=str(installed))
    lines = output.splitlines()
    assert lines[0].split() == [
        "database=DatabaseSessionStorage",
        "file=FileSessionStorage",
        "memory=MemorySessionStorage",
        "redis=RedisSessionStorage",
    ]
    assert lines[1:] in ([], ["0.5"])
