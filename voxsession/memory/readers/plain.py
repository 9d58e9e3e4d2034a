"""Memories as plain JSON: a text each, or an object with a text in it."""

from __future__ import annotations

from typing import Any

from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.moments import moment_of

__all__ = ["TEXTS", "first_of", "plain_row"]

TEXTS = ("content", "text", "memory")
_TIMES = ("timestamp", "at", "updated_at", "created_at", "date")
_SAME = ("id", "category", "importance", "pinned", "sensitive", "speaker", "metadata")


def plain_row(row: Any) -> JsonObject:
    """The row of an own export that a plain text or object stands for.

    Args:
        row: a text; or a dict with the text under `content`, `text` or `memory`, and, all optional,
            the time under `timestamp`, `at`, `updated_at`, `created_at` or `date`, and `expires_at`, `id`,
            `category`, `importance`, `pinned`, `sensitive`, `speaker`, `metadata`. Other keys are left out.

    Raises:
        ConfigurationError: it has no text, or a wrong time.

    Example:
        >>> plain_row("Likes tea"), plain_row({"text": "Has a dog", "id": 7})
        ({'content': 'Likes tea'}, {'id': '7', 'content': 'Has a dog'})
    """
    if isinstance(row, str):
        return {"content": row}
    if not isinstance(row, dict):
        raise ConfigurationError.out_of_range("entry", type(row).__name__, "a text or an object is needed")
    own = {name: row[name] for name in _SAME if row.get(name) is not None}
    if isinstance(own.get("id"), int):
        own["id"] = str(own["id"])  # of a database, mostly
    own["content"] = first_of(row, TEXTS)
    for name, given in (("timestamp", first_of(row, _TIMES)), ("expires_at", row.get("expires_at"))):
        if (moment := moment_of(name, given)) is not None:
            own[name] = moment
    return own


def first_of(row: JsonObject, names: tuple[str, ...]) -> Any:
    """The first of these fields that has a value."""
    return next((row[name] for name in names if row.get(name) is not None), None)
