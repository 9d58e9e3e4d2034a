"""One small function per format version, from a stored document to the next newer one.

Upgrades act on dicts, before any class is made. Format 1 is the first, so the
table is empty; `tests/codec/data/v1` holds records of it that must open for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voxsession.core.envelope import FORMAT
from voxsession.errors import IntegrityError, UnsupportedFormatError

__all__ = ["UPGRADES", "check_format", "upgrade"]

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def check_format(record: dict[str, Any], name: str) -> int:
    """The record's format; an error of its own kind when it is newer than this version knows."""
    found = record.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise IntegrityError(name, "it has no format number")
    if found > FORMAT:
        raise UnsupportedFormatError(f"Stored record {name!r}", found=found, newest=FORMAT)
    return found


def upgrade(document: dict[str, Any], found: int) -> dict[str, Any]:
    """The document as the newest format has it."""
    for version in range(found, FORMAT):
        document = UPGRADES[version](document)
    return document
