"""The SQL storage gives the same answers as the in-memory one."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

from tests.storage.test_adapters_agree import AdaptersAgree
from voxsession.storage.database import DatabaseSessionStorage


class DatabaseAgrees(AdaptersAgree):
    """The in-memory storage says what is right, SQLite has to say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.storages[1] = DatabaseSessionStorage(f"sqlite:///{Path(self.folder)}/sessions.db")


DatabaseAgrees.TestCase.settings = settings(max_examples=20, stateful_step_count=30)
TestDatabaseAgrees = DatabaseAgrees.TestCase
