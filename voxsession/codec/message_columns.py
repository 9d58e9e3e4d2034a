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

from voxsession.core.message import Message, Role
from voxsession.core.struct import Closed
from voxsession.core.types import RawJson, decode_json, encode_json, json_decoder
from voxsession.errors import IntegrityError

__all__ = ["FiledMessages", "decode_columns", "encode_columns"]

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


class _Columns(Closed, frozen=True, kw_only=True):
    """A page as it is parsed; what mostly repeats itself is left for a look at its bytes."""

    id: list[Any]
    conversation_id: RawJson
    role: RawJson
    content: list[Any]
    at: list[Any]
    name: list[Any] | None = None
    metadata: list[Any] | None = None
    token_count: list[Any] | None = None
    estimated: list[Any] | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: list[Any] | None = None
    interrupted: list[Any] | None = None
    origin: list[Any] | None = None
    redacted: list[Any] | None = None
    repair: list[Any] | None = None


class FiledMessages(list[Message]):
    """The messages of a page.

    Attributes:
        only_of: the conversation that all of them are of, where the columns tell so and none was repaired.
    """

    __slots__ = ("only_of",)
    only_of: str | None


_decode_page = json_decoder(_Columns)
_decode_roles = json_decoder(list[Role])


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


def decode_columns(body: bytes, record: str) -> FiledMessages:
    """The messages of a page, in session order.

    Raises:
        IntegrityError: the columns are missing, of unequal length or of the wrong kind.
    """
    try:
        page = _decode_page(body)
        moments, count = _times(page.at), len(page.at)
        talk = _repeated(page.conversation_id, count)
        talks = repeat(talk, count) if talk is not None else list(decode_json(page.conversation_id))
        messages = FiledMessages(_messages(page, count, at=moments, conversation_id=talks, role=_roles(page)))
        messages.only_of = talk if page.repair is None else None
        return messages
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise IntegrityError(record, f"its messages are not readable ({error})") from None


def _repeated(column: RawJson, count: int) -> str | None:
    """The text that a column consists of; None where it has several values."""
    raw = bytes(column)
    first = raw[1:-1].partition(b",")[0]
    if not count or raw != b"[" + b",".join([first] * count) + b"]":
        return None
    value = decode_json(first)
    return value if isinstance(value, str) else None


def _roles(page: _Columns) -> list[Any]:
    try:
        found: list[Any] = _decode_roles(page.role)  # one string for each role, not for each message
        return found
    except ValueError:  # one that is not known here
        return list(decode_json(page.role))


def _times(steps: list[int]) -> list[datetime]:
    """The times after 1970 that lie so many microseconds apart."""
    if sum(map(abs, steps)) < _EXACT:  # so none of them is beyond it
        moments = accumulate(steps, initial=0.0)
        next(moments)
        found: list[datetime] = msgspec.convert(
            [moment / 1e6 for moment in moments], list[datetime], strict=False
        )
        return found  # an eighth of the time of adding each to 1970
    return [_EPOCH + timedelta(0, 0, moment) for moment in accumulate(steps)]


def _messages(page: _Columns, count: int, **known: Iterable[Any]) -> list[Message]:
    """Makes all messages in one pass in C, which is why `Message` takes its fields by place as well."""
    values: list[Iterable[Any]] = []
    given = 0
    for place, name in enumerate(Message.__struct_fields__, 1):
        column = known[name] if name in known else getattr(page, name)
        if column is None:
            values.append(repeat(_OPTIONAL[name], count))
            continue
        if isinstance(column, list) and len(column) != count:
            raise ValueError(f"the column {name} has {len(column)} values instead of {count}")
        values.append(column)
        given = place
    return list(map(Message, *values[:given]))  # the fields behind these are at their defaults
