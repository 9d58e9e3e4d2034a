"""The floors of the house, read out of the source with `ast`.

A failure names the file, the line, and the sentence of the rule that the line breaks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "voxsession"

FLOORS = {
    0: ("errors", "clock"),
    1: ("core",),
    2: ("codec",),
    3: ("storage",),
    4: ("memory",),
    5: ("learning",),
    6: ("session", "models"),
    7: (
        "voxon",
        "calls",
        "voxon_config",
        "installation",
        "upkeep",
        "catalog",
        "presets",
        "profile_presets",
        "creating",
        "templates",
        "toml_files",
        "portability",
        "__init__",
        "moving",
    ),
    8: ("resume", "locks", "server", "realtime", "bridges", "integrations", "cli", "notebook", "__main__"),
}
FLOOR_OF = {part: floor for floor, parts in FLOORS.items() for part in parts}
FACADE, OUTER = 7, 8

# Storage moves sealed envelopes and must not be able to open one, so its neighbours are counted out by name.
STORAGE_MAY_IMPORT = ("core.envelope", "errors", "clock", "storage")

# One third-party library, one module. A library that is not named here has no home yet.
HOMES = {
    "attr": ("*",),
    "attrs": ("*",),
    "aiofiles": ("session/streams.py",),
    "cryptography": ("codec/cipher.py", "codec/keys.py"),
    "msgspec": ("core/types.py", "codec/*"),
    "tiktoken": ("memory/token_ranks.py",),
    "sqlalchemy": ("storage/database*",),
    "redis": ("storage/redis*",),
    "openai": ("models/openai_client.py",),
    "sentence_transformers": ("models/local_embedder.py",),
    "starlette": ("server/*",),
    "uvicorn": ("server/*", "cli/*"),
    "jwt": ("server/*",),
    "websockets": ("realtime/*", "server/*"),
    "click": ("cli/*",),
    "rich": ("cli/*",),
    "Stemmer": ("memory/*",),
    "dateutil": ("memory/*",),
    "phonenumbers": ("memory/*",),
    "numpy": ("memory/*",),
}

# Where times and chance come from, and who besides clock.py may ask.
CHANCE: dict[str, tuple[str, ...]] = {
    "datetime.date.today": (),
    "datetime.datetime.now": (),
    "datetime.datetime.today": (),
    "datetime.datetime.utcnow": (),
    "time.time": (),
    "time.time_ns": (),
    "os.getrandom": (),
    "os.urandom": (),
    "random": (),
    "secrets": (),
    # uuid.UUID only reads an id; the functions make one.
    **{f"uuid.uuid{version}": () for version in (1, 3, 4, 5, 6, 7, 8)},
}

EMPTY_NAMES = {"common", "commons", "helper", "helpers", "misc", "util", "utils"}
MODULE_LINES, FUNCTION_LINES = 400, 50


@dataclass(frozen=True)
class Import:
    """One imported name with its full path, such as ``voxsession.core.types``."""

    line: int
    target: str


@dataclass
class Module:
    """One source file, parsed once for all the rules."""

    path: str
    source: str
    package: Path
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.source, self.path)

    @property
    def part(self) -> str:
        """The folder or file of the package that it belongs to: ``core``, ``voxon``."""
        return self.path.partition("/")[0].removesuffix(".py")

    def imports(self) -> Iterator[Import]:
        """Every import anywhere in the file; those for the type checker are imports like any other."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.base_of(node)
                for alias in node.names:
                    yield Import(node.lineno, self.narrowed(base, alias.name))

    def base_of(self, node: ast.ImportFrom) -> str:
        """The absolute name after ``from``."""
        if not node.level:
            return node.module or ""
        folders = ["voxsession", *self.path.split("/")[:-1]]
        kept = folders[: len(folders) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def narrowed(self, base: str, name: str) -> str:
        """``base.name`` where that is a module of ours, else what the name is taken from."""
        if base.partition(".")[0] != "voxsession":
            return base
        place = self.package.joinpath(*base.split(".")[1:], name)
        return f"{base}.{name}" if place.is_dir() or place.with_suffix(".py").is_file() else base

    def origins(self) -> dict[str, str]:
        """Local name -> what it was imported as: ``{"dt": "datetime", "now": "time.time"}``."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found


Found = Iterator[tuple[int, str]]
Rule = Callable[[Module], Found]


def own_part(target: str) -> str | None:
    """The part of the package that an import reaches, or ``None`` for somebody else's module."""
    top, _, rest = target.partition(".")
    if top != "voxsession":
        return None
    return rest.partition(".")[0] or "__init__"


def every_part_has_a_floor(module: Module) -> Found:
    """Every file belongs to a floor of ARCHITECTURE section 1, or to testing/."""
    if module.part not in FLOOR_OF and module.part != "testing":
        yield 1, f"{module.part} has no floor; the floors are the table FLOORS of this test"


def imports_go_down(module: Module) -> Found:
    """Imports go down only, or stay in their own folder; session/ may import models/."""
    floor = FLOOR_OF.get(module.part)
    if floor is None:
        return
    for found in module.imports():
        part = own_part(found.target)
        if part is None or part == module.part or (module.part, part) == ("session", "models"):
            continue
        below = FLOOR_OF.get(part, OUTER + 1)
        if floor == below == OUTER or (floor == below == FACADE and part != "__init__"):
            continue
        if below >= floor:
            yield found.line, f"{module.part} (floor {floor}) imports {part} (floor {below})"


def outer_parts_know_the_facade_only(module: Module) -> Found:
    """Outer parts never import each other; resume/ and locks.py may be imported by the others."""
    if FLOOR_OF.get(module.part) != OUTER:
        return
    for found in module.imports():
        part = own_part(found.target)
        if part is None or part == module.part or part in {"resume", "locks"}:
            continue
        if FLOOR_OF.get(part) == OUTER and (module.part, part) != ("__main__", "cli"):
            yield found.line, f"{module.part} imports {part}"


def storage_opens_nothing(module: Module) -> Found:
    """storage/ imports core.envelope, errors, clock and its own folder, nothing else of ours."""
    if module.part != "storage":
        return
    for found in module.imports():
        name = found.target.removeprefix("voxsession.") + "."
        if own_part(found.target) and not any(name.startswith(f"{known}.") for known in STORAGE_MAY_IMPORT):
            yield found.line, f"it imports {found.target}"


def thinking_does_not_store(module: Module) -> Found:
    """memory/ and learning/ import neither codec nor storage nor session: data in, changes out."""
    if module.part not in {"memory", "learning"}:
        return
    for found in module.imports():
        if own_part(found.target) in {"codec", "storage", "session"}:
            yield found.line, f"it imports {found.target}"


def one_library_one_module(module: Module) -> Found:
    """One third-party library is known by one module; testing/ is free."""
    if module.part == "testing":
        return
    for found in module.imports():
        library = found.target.partition(".")[0]
        if library in sys.stdlib_module_names or library == "voxsession":
            continue
        homes = HOMES.get(library)
        if homes is None:
            yield found.line, f"{library} has no home; the homes are the table HOMES of this test"
        elif not any(fnmatch(module.path, home) for home in homes):
            yield found.line, f"{library} belongs to {' and '.join(homes)}"


def time_and_chance_come_in(module: Module) -> Found:
    """The time, new ids and randomness come from a Clock that is passed in; only clock.py makes them."""
    if module.path == "clock.py":
        return
    origins = module.origins()
    seen = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute | ast.Name):
            names = [dotted(node, origins)]
        else:
            continue
        for name in names:
            source = next((known for known in CHANCE if name == known or name.startswith(f"{known}.")), None)
            if source and module.path not in CHANCE[source] and (node.lineno, source) not in seen:
                seen.add((node.lineno, source))
                yield node.lineno, f"it uses {source}"


def dotted(node: ast.expr, origins: dict[str, str]) -> str:
    """The full name behind ``dt.datetime.now``, as far as imports tell; empty where they do not."""
    if isinstance(node, ast.Name):
        return origins.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, origins)
        return f"{base}.{node.attr}" if base else ""
    return ""


def names_say_something(module: Module) -> Found:
    """No module is named utils, helpers or common: a name says what is inside."""
    for name in module.path.removesuffix(".py").split("/"):
        if name.strip("_") in EMPTY_NAMES:
            yield 1, f"{name} says nothing"


def modules_are_short(module: Module) -> Found:
    """A module has at most 400 lines; past that it holds two things."""
    lines = len(module.source.splitlines())
    if lines > MODULE_LINES:
        yield lines, f"it has {lines} lines"


def functions_are_short(module: Module) -> Found:
    """A function has at most 50 lines, its docstring aside."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        if lines > FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {lines} lines"


RULES: tuple[Rule, ...] = (
    every_part_has_a_floor,
    imports_go_down,
    outer_parts_know_the_facade_only,
    storage_opens_nothing,
    thinking_does_not_store,
    one_library_one_module,
    time_and_chance_come_in,
    names_say_something,
    modules_are_short,
    functions_are_short,
)


def modules_of(package: Path) -> list[Module]:
    """Every source file of the package, parsed."""
    files = sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)
    return [Module(path.relative_to(package).as_posix(), path.read_text("utf-8"), package) for path in files]


def broken(rule: Rule, modules: list[Module]) -> list[str]:
    """One line of text for each place that breaks the rule."""
    sentence = (rule.__doc__ or "").strip()
    return [
        f"voxsession/{module.path}:{line}: {what}. The rule: {sentence}"
        for module in modules
        for line, what in rule(module)
    ]


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """The modules of voxsession itself."""
    return modules_of(PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Rule, modules: list[Module]) -> None:
    """No line of voxsession breaks the rule."""
    places = broken(rule, modules)
    assert not places, "\n" + "\n".join(places)


# (rule, file, source, whether it breaks the rule): a checker that finds nothing must be known to look.
CASES = [
    (every_part_has_a_floor, "attic.py", "", True),
    (every_part_has_a_floor, "testing/scripted.py", "", False),
    (imports_go_down, "core/message.py", "from voxsession.codec import seal", True),
    (imports_go_down, "core/message.py", "from ..codec.seal import seal", True),
    (imports_go_down, "core/message.py", "from .types import Text", False),
    (imports_go_down, "core/message.py", "from ..errors import FormatError", False),
    (imports_go_down, "core/message.py", "from voxsession import Voxon", True),
    (imports_go_down, "core/message.py", "from voxsession import errors", False),
    (imports_go_down, "core/message.py", "from voxsession.testing import FakeClock", True),
    (imports_go_down, "core/message.py", "if TYPE_CHECKING:\n    import voxsession.session.session", True),
    (imports_go_down, "core/message.py", "def late():\n    from voxsession.voxon import Voxon", True),
    (imports_go_down, "session/session.py", "from voxsession.models.base import Model", False),
    (imports_go_down, "models/base.py", "from voxsession.session.session import Session", True),
    (imports_go_down, "voxon.py", "from voxsession.presets import SessionPresets", False),
    (imports_go_down, "presets.py", "import voxsession", True),
    (imports_go_down, "voxon.py", "from voxsession.locks import Lease", True),
    (imports_go_down, "server/app.py", "from voxsession import Voxon", False),
    (outer_parts_know_the_facade_only, "server/app.py", "from voxsession.cli import main", True),
    (outer_parts_know_the_facade_only, "server/app.py", "from voxsession.resume import SessionState", False),
    (outer_parts_know_the_facade_only, "resume/service.py", "from ..locks import Lease", False),
    (storage_opens_nothing, "storage/file.py", "from voxsession.core.envelope import Envelope", False),
    (storage_opens_nothing, "storage/file.py", "from voxsession.core import envelope", False),
    (storage_opens_nothing, "storage/file.py", "from voxsession.core.message import Message", True),
    (storage_opens_nothing, "storage/file.py", "from voxsession.codec.seal import open", True),
    (thinking_does_not_store, "memory/search.py", "from voxsession.storage.base import SessionStorage", True),
    (thinking_does_not_store, "learning/features.py", "from voxsession.memory.tokens import count", False),
    (one_library_one_module, "memory/search.py", "import tiktoken", True),
    (one_library_one_module, "memory/token_ranks.py", "import tiktoken", False),
    (one_library_one_module, "codec/seal.py", "from cryptography.exceptions import InvalidTag", True),
    (one_library_one_module, "session/streams.py", "import aiofiles", False),
    (one_library_one_module, "core/message.py", "from msgspec import Meta", True),
    (one_library_one_module, "voxon.py", "import pandas", True),
    (one_library_one_module, "testing/conformance.py", "import pytest", False),
    (time_and_chance_come_in, "voxon.py", "import datetime as dt\ndt.datetime.now(dt.UTC)", True),
    (time_and_chance_come_in, "voxon.py", "from datetime import datetime\ndatetime.now()", True),
    (time_and_chance_come_in, "voxon.py", "from datetime import datetime\ndatetime.fromisoformat('')", False),
    (time_and_chance_come_in, "voxon.py", "import time\ndefault = time.time", True),
    (time_and_chance_come_in, "voxon.py", "from time import time as now\nnow()", True),
    (time_and_chance_come_in, "voxon.py", "import time\ntime.perf_counter()", False),
    (time_and_chance_come_in, "voxon.py", "import uuid\nuuid.uuid4()", True),
    (time_and_chance_come_in, "locks.py", "import uuid\nuuid.UUID('')", False),
    (time_and_chance_come_in, "voxon.py", "from secrets import token_hex", True),
    (time_and_chance_come_in, "codec/cipher.py", "import os\nos.urandom(12)", True),
    (time_and_chance_come_in, "codec/keys.py", "import os\nos.urandom(12)", True),
    (time_and_chance_come_in, "clock.py", "import os\nos.urandom(12)", False),
    (names_say_something, "core/utils.py", "", True),
    (names_say_something, "session/_helpers.py", "", True),
    (modules_are_short, "voxon.py", "\n" * 401, True),
    (modules_are_short, "voxon.py", "\n" * 400, False),
    (functions_are_short, "voxon.py", "def f():\n" + "    pass\n" * 50, True),
    (functions_are_short, "voxon.py", 'def f():\n    """One.\n    Two."""\n' + "    pass\n" * 49, False),
]


@pytest.mark.parametrize(("rule", "path", "source", "breaks"), CASES)
def test_the_checker_sees(rule: Rule, path: str, source: str, breaks: bool, tmp_path: Path) -> None:
    """Each rule finds the line that breaks it, and leaves the one beside it alone."""
    for part in FLOOR_OF:
        tmp_path.joinpath(part).mkdir(exist_ok=True)
    tmp_path.joinpath("core", "envelope.py").touch()
    places = broken(rule, [Module(path, source, tmp_path)])
    assert bool(places) is breaks
    assert all(place.startswith(f"voxsession/{path}:") and "The rule: " in place for place in places)
