"""The SQL storage holds what every storage holds, on each of its databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxsession.storage.database import DatabaseSessionStorage
from voxsession.testing import StorageConformance


class TestSqlite(StorageConformance):
    """SQLite holds what every storage holds."""

    async def make_storage(self, tmp_path: Path) -> DatabaseSessionStorage:
        return DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")


@pytest.mark.server
class TestPostgres(StorageConformance):
    """PostgreSQL holds what every storage holds."""

    @pytest.fixture(autouse=True)
    def place(self, postgres_url: str) -> None:
        self.url = postgres_url

    async def make_storage(self, tmp_path: Path) -> DatabaseSessionStorage:
        return DatabaseSessionStorage(self.url)


@pytest.mark.server
@pytest.mark.all_only
class TestMariadb(StorageConformance):
    """MariaDB holds what every storage holds."""

    @pytest.fixture(autouse=True)
    def place(self, mariadb_url: str) -> None:
        self.url = mariadb_url

    async def make_storage(self, tmp_path: Path) -> DatabaseSessionStorage:
        return DatabaseSessionStorage(self.url)
