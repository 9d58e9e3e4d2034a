"""Your own storage: two methods, here over a table of SQLite.

`session_data` is a dict that is ready for JSON. It comes sealed: the storage sees ids and times, no text. Whatever
database you have, these two methods are enough; what they leave out (appending, listing, telling two processes
apart) is described in docs/guides/own-storage.md.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from voxsession import SessionStorage, Voxon, VoxonConfig


class SQLiteSessionStorage(SessionStorage):
    """Each record is a row: its key, and the record as JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, data TEXT NOT NULL)")

    async def save(self, session_data: dict[str, Any]) -> None:
        row = (session_data["session_id"], json.dumps(session_data))
        await asyncio.to_thread(self._run, "INSERT OR REPLACE INTO sessions VALUES (?, ?)", row)

    async def load(self, session_id: str) -> dict[str, Any] | None:
        rows = await asyncio.to_thread(self._run, "SELECT data FROM sessions WHERE id = ?", (session_id,))
        return json.loads(rows[0][0]) if rows else None

    def _run(self, statement: str, values: tuple[str, ...]) -> list[tuple[str]]:
        with sqlite3.connect(self.path, timeout=60) as db:
            return db.execute(statement, values).fetchall()


async def say(path: Path, text: str) -> None:
    """A whole life of a program: it opens the storage, says one thing and ends."""
    key = "pass:a pass phrase from your secret store"
    config = VoxonConfig(session_storage=SQLiteSessionStorage(path), session_encryption_key=key)
    async with (
        Voxon(config) as voxon,
        voxon.session(user_id="alice") as session,
        session.conversation() as conv,
    ):
        print(await conv.send_message(text))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.sqlite"
        await say(path, "My name is Alice and I'm interested in quantum physics.")
        await say(path, "What's my name and interest?")

        with sqlite3.connect(path) as db:
            for record_id, data in db.execute("SELECT id, data FROM sessions ORDER BY id"):
                print(f"{record_id[:44]:<44} {len(data):>6} characters, 'Alice' in it: {'Alice' in data}")


if __name__ == "__main__":
    asyncio.run(main())
