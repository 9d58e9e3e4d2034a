"""The times of filed messages, which are told in whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voxsession.codec.message_columns import decode_columns, encode_columns
from voxsession.core.message import Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EDGE = EPOCH + timedelta(seconds=2**32)
TICK = timedelta(microseconds=1)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


def said_at(moment: datetime) -> Message:
    return Message(id="m1", conversation_id="c1", role="user", content="Hello", at=moment)


@given(st.lists(moments, min_size=1, max_size=5))
@example([EDGE - TICK, EDGE, EDGE + TICK])
@example([EPOCH - TICK, EPOCH, EPOCH + TICK])
def test_no_time_is_off_by_a_microsecond(times: list[datetime]) -> None:
    """Every moment of the calendar comes back exactly, near to us or not, and in UTC."""
    messages = decode_columns(encode_columns([said_at(moment) for moment in times]), "s1")

    assert [message.at for message in messages] == times
    assert all(message.at.tzinfo is UTC for message in messages)


@pytest.mark.parametrize("name", Message.__struct_fields__)
def test_every_field_is_there(name: str) -> None:
    """A field that no message of the page has more than its default of is filled in all the same."""
    message = decode_columns(encode_columns([said_at(EPOCH)]), "s1")[0]

    assert getattr(message, name) == getattr(said_at(EPOCH), name)
