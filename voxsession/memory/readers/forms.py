"""Telling by content which form an import has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from voxsession.core.types import decode_json
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.own import KIND

__all__ = ["FORMS", "ROW_KEYS", "check_form", "form_of", "is_head", "is_lines"]

FORMS = ("voxsession", "jsonl", "mem0", "chatgpt")
#: Where an object that holds a whole export has its rows.
ROW_KEYS = ("entries", "results", "memories")
_HOLDS_ROWS = re.compile(rb'"(?:%s)"\s*:\s*\[' % "|".join(ROW_KEYS).encode())


def check_form(form: object) -> str | None:
    """A form that was named by hand.

    Raises:
        ConfigurationError: there is no such form.
    """
    if form is None:
        return None
    if isinstance(form, str) and form in FORMS:
        return form
    raise ConfigurationError(f"format is none of {', '.join(FORMS)}. Choose one of them.", option="format")


def is_lines(start: bytes) -> bool:
    """Whether what begins so is JSON Lines, rather than one JSON value.

    Args:
        start: the first part of a file, without a byte order mark; the first 100,000 bytes are enough.

    Raises:
        ConfigurationError: it is empty, or does not begin as JSON does.

    Example:
        >>> is_lines(b'"Likes tea"\\n'), is_lines(b'{"results": []}'), is_lines(b'[1')
        (True, False, False)
    """
    text = start.lstrip()
    if not text:
        raise ConfigurationError("it is empty", option="path")
    if text[:1] == b"[":
        return False
    if text[:1] not in b'{"':
        raise ConfigurationError("it is neither JSON nor JSON Lines", option="path")
    line, newline, _ = text.partition(b"\n")
    try:
        first = decode_json(line)
    except ValueError:
        # Cut off by the end of the part, or the beginning of an object over several lines.
        return not newline and _HOLDS_ROWS.search(text) is None and b'"mapping"' not in text
    return not isinstance(first, dict) or not (_rows_in(first) or "mapping" in first)


def _rows_in(value: Mapping[str, Any]) -> bool:
    return any(isinstance(value.get(key), list) for key in ROW_KEYS)


def is_head(value: object) -> bool:
    """Whether a line is the head of an own export, and no entry."""
    return isinstance(value, dict) and value.get("kind") == KIND


def form_of(head: Mapping[str, Any], rows_key: str | None, first: object) -> str:
    """The form of an import, by its head, the key that its rows stood under, and its first row."""
    if rows_key == "entries" or is_head(head):
        return "voxsession"
    if isinstance(first, dict):
        if "mapping" in first:
            return "chatgpt"
        if "memory" in first and "content" not in first:
            return "mem0"
    return "mem0" if rows_key is not None and isinstance(first, dict) else "jsonl"
