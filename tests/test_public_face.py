"""What `import voxsession` shows, and what it leaves alone."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import typing
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Optional libraries, test tools, and the tokenizer: loaded when they are used, never before.
STORES = {"aiosqlite", "asyncmy", "asyncpg", "hiredis", "redis", "sqlalchemy"}
OUTER = {"click", "jwt", "openai", "requests", "rich", "starlette", "uvicorn", "websockets"}
TEXT = {"Stemmer", "dateutil", "numpy", "phonenumbers", "regex", "tiktoken"}
TOOLS = {"hypothesis", "pytest", "sybil"}
LATER = {
    "pathlib",
    "urllib",
    "zoneinfo",
}  # of the standard library; they take as long as twenty modules of ours

pytestmark = pytest.mark.skipif(
    "__all__" not in (ROOT / "voxsession" / "__init__.py").read_text(),
    reason="voxsession has no public face yet",
)


@pytest.fixture
def face() -> ModuleType:
    """The package, as a user imports it."""
    return importlib.import_module("voxsession")


def in_house_order(names: Iterable[str]) -> list[str]:
    """Constants, classes, the rest, each by the alphabet: the order that ruff keeps in every `__all__`."""

    def key(name: str) -> tuple[int, str]:
        kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
        return kind, name

    return sorted(names, key=key)


def test_all_is_sorted(face: ModuleType) -> None:
    """A name is found where one looks for it, and named once."""
    names = list(face.__all__)
    assert names == in_house_order(names)
    assert len(names) == len(set(names))


def test_all_is_complete(face: ModuleType) -> None:
    """Every public name that the package holds is in `__all__`, modules and what needs an extra aside."""
    public = {
        name
        for name, value in vars(face).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    } - set(face._EXTRAS)
    assert public <= set(face.__all__), f"not in __all__: {sorted(public - set(face.__all__))}"


def test_every_name_is_there(face: ModuleType) -> None:
    """No name in `__all__` is a promise without a thing."""
    missing = [name for name in face.__all__ if not hasattr(face, name)]
    assert not missing


def test_every_thing_says_where_it_is_from(face: ModuleType) -> None:
    """A class or function is found again under its `__module__` and name: it can be pickled and linked."""
    for name in face.__all__:
        thing = getattr(face, name)
        if not callable(thing) or not hasattr(thing, "__qualname__"):
            continue
        home = thing.__module__
        assert home == "voxsession" or home.startswith("voxsession."), f"{name} says it is from {home}"
        found: object = importlib.import_module(home)
        for part in thing.__qualname__.split("."):
            found = getattr(found, part, None)
        assert found is thing, f"{name} is not {home}.{thing.__qualname__}"


def printed(program: str, folder: Path) -> str:
    """What a fresh interpreter prints that runs this program."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_brings_in_nothing_heavy(tmp_path: Path) -> None:
    """`import voxsession` loads no optional library, no test tool, and not the tokenizer."""
    program = "import sys, voxsession; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    assert not set(printed(program, tmp_path).split()) & (STORES | OUTER | TEXT | TOOLS | LATER)


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("DatabaseSessionStorage", "sqlalchemy", "sql"), ("RedisSessionStorage", "redis", "redis")],
)
def test_a_name_whose_library_is_missing_says_what_to_install(
    name: str, library: str, extra: str, tmp_path: Path
) -> None:
    """Without the extra the package imports whole, and the one name tells how to get it."""
    program = f"""
import sys
sys.modules[{library!r}] = None  # as if it were not installed
from voxsession import *
import voxsession
try:
    voxsession.{name}
except ImportError as error:
    print(error)
    assert isinstance(error, ConfigurationError) and type(error).__name__ == "ConfigurationError"
try:
    from voxsession import {name}
except VoxSessionError as error:
    print(error.option)
"""
    told = printed(program, tmp_path)
    assert f"pip install 'voxsession[{extra}]'" in told and told.splitlines()[-1] == name


@pytest.mark.parametrize(
    ("path", "config", "settings"),
    [
        ("core/config.py", "SessionConfig", "SessionSettings"),
        ("voxon_config.py", "VoxonConfig", "VoxonSettings"),
    ],
)
def test_type_checkers_know_every_setting(face: ModuleType, path: str, config: str, settings: str) -> None:
    """What a config takes is written down for editors and type checkers, name by name; none is missing or left over."""
    tree = ast.parse((ROOT / "voxsession" / path).read_text())
    told = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == settings)
    names = [
        node.target.id
        for node in told.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]

    assert names == list(vars(getattr(face, config)()))
    assert names == list(getattr(face, config).__annotations__)


@pytest.mark.parametrize(
    "call",
    [
        "Conversation.send_message",
        "Conversation.stream_message",
        "Session.update_memory",
        "SessionConfig.__init__",
        "SessionConfig.replace",
        "Voxon.__init__",
        "VoxonConfig.__init__",
        "VoxonConfig.from_env",
    ],
)
def test_what_calls_take_can_be_asked_for(face: ModuleType, call: str) -> None:
    """Frameworks that inject or document read the annotations of a call, and find every name in them."""
    of, _, name = call.partition(".")
    assert typing.get_type_hints(getattr(getattr(face, of), name))
