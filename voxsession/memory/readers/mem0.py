"""Memories in the form that mem0 gives them."""

from __future__ import annotations

from typing import Any

from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.moments import moment_of
from voxsession.memory.readers.own import MAX_CATEGORY
from voxsession.memory.readers.plain import TEXTS, first_of

__all__ = ["mem0_row"]

_ORIGINS = ("agent_id", "app_id", "run_id")


def mem0_row(row: Any) -> JsonObject:
    """The row of an own export that a memory of mem0 stands for.

    Args:
        row: a dict with the text under `memory`, and `id`, `created_at`, `updated_at`, `categories`, `metadata`,
            `expiration_date` where it has them. It became known when it was last updated; the first category
            counts, all of several stand in the metadata, as do `agent_id`, `app_id` and `run_id`.

    Raises:
        ConfigurationError: it has no text, or a field of the wrong type.

    Example:
        >>> mem0_row({"id": "a1", "memory": "Likes tea", "categories": ["food", "habits"]})["category"]
        'food'
    """
    if not isinstance(row, dict):
        raise ConfigurationError.out_of_range("entry", type(row).__name__, "an object is needed")
    own: JsonObject = {"content": first_of(row, ("memory", *TEXTS))}
    if row.get("id") is not None:
        own["id"] = str(row["id"]) if isinstance(row["id"], int) else row["id"]
    names = (
        ("timestamp", first_of(row, ("updated_at", "created_at"))),
        ("expires_at", row.get("expiration_date")),
    )
    own |= {name: moment for name, given in names if (moment := moment_of(name, given)) is not None}
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise ConfigurationError.out_of_range("metadata", type(metadata).__name__, "an object is needed")
    metadata = {name: row[name] for name in _ORIGINS if row.get(name) is not None} | (metadata or {})
    categories = _categories(row)
    if categories:
        own["category"] = categories[0][:MAX_CATEGORY]
    if len(categories) > 1:
        metadata["categories"] = categories
    return own | ({"metadata": metadata} if metadata else {})


def _categories(row: JsonObject) -> list[str]:
    given = row.get("categories")
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError.out_of_range("categories", type(given).__name__, "a list of texts is needed")
    return [name for name in given if name.strip()]
