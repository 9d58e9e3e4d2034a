"""What every test has: a home of its own, no settings of the user's, and the fetched token ranks."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.mariadb import mariadb_server, mariadb_url  # noqa: F401
from tests.servers.postgres import postgres_server, postgres_url  # noqa: F401
from tests.servers.redis import own_redis, redis_nodes, redis_server  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent

# What VoxonConfig.from_env and the models read: no test may find the user's own keys, servers or sessions.
OTHERS_SETTINGS = (
    "DATABASE_URL",
    "DEFAULT_SESSION_TTL",
    "MAX_SESSIONS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "REDIS_DB",
    "REDIS_PASSWORD",
    "REDIS_URL",
    "SESSION_KEY",
    "SESSION_PREFIX",
    "SESSION_STORAGE",
    "SESSION_STORAGE_PATH",
    "SESSION_TTL",
)

# Plain `pytest` finds the ranks where `make test` has put them.
if (ROOT / ".cache" / "tiktoken").is_dir():
    os.environ.setdefault("VOXSESSION_TIKTOKEN_DIR", str(ROOT / ".cache" / "tiktoken"))

# No deadline: other work shares the processors, and a slow moment is not a fault in the code.
settings.register_profile("ci", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """What a test, or a page of the documentation, tells loggers is gone after it."""
    before = {name: logger.level for name, logger in _loggers()}
    yield
    for name, logger in _loggers():
        logger.setLevel(before.get(name, logging.NOTSET))


def _loggers() -> list[tuple[str, logging.Logger]]:
    known = logging.Logger.manager.loggerDict.items()
    return [
        (name, one)
        for name, one in known
        if isinstance(one, logging.Logger) and name.startswith("voxsession")
    ]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that this test's key rings go to; the user's own settings are out of sight."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VOXSESSION_HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "xdg"))
    for name in OTHERS_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return folder
