"""What a process that is forked here has imported, and need not look through when it collects its own garbage."""

from __future__ import annotations

import gc
import importlib

__all__: list[str] = []

for name in (
    "tests.locks.one_request",
    "tests.locks.contender",
    "voxsession.locks",
    "voxsession.models.offline",
    "voxsession.storage.file",
    "voxsession.storage.database",
    "voxsession.storage.redis",
    "voxsession.learning.explanation",
    "voxsession.learning.features",
    "voxsession.learning.identify",
    "voxsession.learning.instructions",
    "voxsession.learning.lexicon",
    "voxsession.learning.pace",
    "voxsession.learning.preferences",
    "voxsession.learning.reply_lengths",
    "voxsession.learning.signals",
    "voxsession.learning.topics",
    "voxsession.memory.lookup",
    "voxsession.memory.own_words",
    "voxsession.memory.search",
    "voxsession.memory.token_ranks",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "aiosqlite",
    "asyncpg",
    "redis.asyncio",
):
    importlib.import_module(name)
gc.collect()
gc.freeze()
