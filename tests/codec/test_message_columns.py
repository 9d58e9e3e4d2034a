"""The times of filed messages, which are told in whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voxsession.codec.message_columns import decode_columns, encode_columns
from voxsession.core.message import DOUBLED, Message
from voxsession.core.struct import evolve
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError

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


@pytest.mark.parametrize(
    "talks",
    [["c1"], ["c1", "c1"], ["c1", "c2"], ["a,b", "a,b"], ['"', '"'], ["\\", "\\"], ["", ""], [",", ""], []],
)
def test_a_page_tells_of_which_conversation_alone_it_is(talks: list[str]) -> None:
    """A name is told only where all messages bear it; the names come back whatever they are made of."""
    said = [evolve(said_at(EPOCH), id=f"m{place}", conversation_id=talk) for place, talk in enumerate(talks)]
    messages = decode_columns(encode_columns(said), "s1")

    assert [message.conversation_id for message in messages] == talks
    assert messages.only_of in (None, *talks[:1])
    assert messages.only_of is None or len(set(talks)) == 1
    assert set(talks) != {"c1"} or messages.only_of == "c1"


def test_a_page_with_a_repair_has_to_be_looked_through() -> None:
    """What was set aside in it is not everybody's to see."""
    said = [said_at(EPOCH), evolve(said_at(EPOCH), id="m2", repair={"set_aside": DOUBLED})]
    assert decode_columns(encode_columns(said), "s1").only_of is None


def columns_of(count: int = 2) -> dict[str, list[object]]:
    said = [evolve(said_at(EPOCH), id=f"m{place}") for place in range(count)]
    return dict(decode_json(encode_columns(said)))


def test_a_role_of_later_days_comes_as_it_is() -> None:
    """A page is read for what it holds; what a role means is for others to say."""
    body = encode_json(columns_of() | {"role": ["user", "narrator"]})
    assert [message.role for message in decode_columns(body, "s1")] == ["user", "narrator"]


@pytest.mark.parametrize("name", ["id", "conversation_id", "role", "content", "at"])
@pytest.mark.parametrize("values", [[], ["x"], ["x", "x", "x"], None, {}, {"x": 1}, "x", 5])
def test_a_column_of_another_length_or_kind_is_altered_data(name: str, values: object) -> None:
    """No message is made of a part of its fields, and none is left out."""
    with pytest.raises(IntegrityError):
        decode_columns(encode_json(columns_of() | {name: values}), "s1")
