"""Filed messages column by column, which packs far smaller than one object after another.

In a page the same field of all messages stands together: equal values and rising
times lie side by side, field names stand once, and a field that no message has
is left out. Times are whole microseconds, each as the step from the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from operator import attrgetter
from typing import Any

import msgspec

from voxsession.core.message import Message
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError

__all__ = ["decode_columns", "encode_columns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Up to the year 2106 a float of seconds tells microseconds apart with room to spare.
_EXACT = 2**32 * 1_000_000
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
    "repair": None,
}


def encode_columns(messages: Sequence[Message]) -> bytes:
    """The messages as the JSON of one object of columns."""
    columns: dict[str, list[Any]] = {name: _column(name, messages) for name in _REQUIRED}
    moments = [(m.at - _EPOCH) // _MICROSECOND for m in messages]
    columns["at"] = [now - before for before, now in zip([0, *moments], moments, strict=False)]
    for name, default in _OPTIONAL.items():
        values = _column(name, messages)
        if values.count(default) != len(values):
            columns[name] = values
    return encode_json(columns)


def _column(name: str, messages: Sequence[Message]) -> list[Any]:
    return list(map(attrgetter(name), messages))


def decode_columns(body: bytes, record: str) -> list[Message]:
    """The messages of a page, in session order.

    Raises:
        IntegrityError: the columns are missing, of unequal length or of the wrong kind.
    """
    try:
        columns = decode_json(body)
        columns["at"] = _times(list(accumulate(columns["at"])))
        return _messages(columns, len(columns["at"]))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise IntegrityError(record, f"its messages are not readable ({error})") from None


def _times(moments: list[int]) -> list[datetime]:
    """The times that lie so many microseconds after 1970."""
    if moments and min(moments) > -_EXACT and max(moments) < _EXACT:
        found: list[datetime] = msgspec.convert(
            [moment / 1e6 for moment in moments], list[datetime], strict=False
        )
        return found  # an eighth of the time of adding each to 1970
    return [_EPOCH + timedelta(0, 0, moment) for moment in moments]


def _messages(columns: dict[str, list[Any]], count: int) -> list[Message]:
    """Makes all messages in one pass in C, which is why `Message` takes its fields by place as well."""
    values: list[Iterable[Any]] = []
    for name in Message.__struct_fields__:
        column = columns.get(name)
        if column is None:
            values.append(repeat(_OPTIONAL[name], count))
        elif len(column) == count:
            values.append(column)
        else:
            raise ValueError(f"the column {name} has {len(column)} values instead of {count}")
    return list(map(Message, *values))
