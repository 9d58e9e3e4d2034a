"""Filed messages column by column, which packs far smaller than one object after another.

In a page the same field of all messages stands together: equal values and rising
times lie side by side, field names stand once, and a field that no message has
is left out. Times are whole microseconds, each as the step from the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from voxsession.core.message import Message
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError

__all__ = ["decode_columns", "encode_columns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REQUIRED = ("id", "conversation_id", "role", "content")
# The fields that most messages leave at their default: name -> default.
_OPTIONAL: dict[str, Any] = {
    "name": None,
    "metadata": None,
    "token_count": 0,
    "estimated": False,
    "tool_calls": None,
    "tool_call_id": None,
    "interrupted": False,
    "origin": "said",
    "redacted": False,
}


def encode_columns(messages: Sequence[Message]) -> bytes:
    """The messages as the JSON of one object of columns."""
    columns: dict[str, list[Any]] = {name: [getattr(m, name) for m in messages] for name in _REQUIRED}
    moments = [(m.at - _EPOCH) // _MICROSECOND for m in messages]
    columns["at"] = [now - before for before, now in zip([0, *moments], moments, strict=False)]
    for name, default in _OPTIONAL.items():
        values = [getattr(m, name) for m in messages]
        if any(value != default for value in values):
            columns[name] = values
    return encode_json(columns)


def decode_columns(body: bytes, record: str) -> list[Message]:
    """The messages of a page, in session order.

    Raises:
        IntegrityError: the columns are missing, of unequal length or of the wrong kind.
    """
    try:
        columns = decode_json(body)
        times, total = [], 0
        for step in columns.pop("at"):
            total += step
            times.append(_EPOCH + timedelta(microseconds=total))
        if any(name not in columns for name in _REQUIRED):
            raise ValueError("a column is missing")
        known = {name: values for name, values in columns.items() if name in _REQUIRED or name in _OPTIONAL}
        names = (*known, "at")
        rows = zip(*known.values(), times, strict=True)
        return [Message(**dict(zip(names, row, strict=True))) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise IntegrityError(record, f"its messages are not readable ({error})") from None
