"""The clear part of what is stored: keys, times, headers, lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import json_objects, memories, messages, moments, new_data, texts
from voxsession.core.envelope import (
    HEADER_FIELDS,
    RECORD_KINDS,
    decode_line,
    effective_header,
    encode_line,
    from_stamp,
    read_header,
    record_key,
    split_key,
    stamp,
    storage_key,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import evolve
from voxsession.errors import ConfigurationError, IntegrityError

IDS = st.text("abcXYZ019._:@+=-", min_size=1, max_size=12).filter(lambda text: text[0] != ".")
TENANTS = st.text("abc-_09", max_size=6)


def header(**fields: Any) -> dict[str, Any]:
    """A header in full."""
    return {
        "format": 1,
        "kind": "session",
        "tenant": "",
        "session_id": "s1",
        "owner": "",
        "seq": 1,
        "base_seq": 0,
        "batch_id": "b1",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": None,
        "status": "active",
        **fields,
    }


@given(moments, moments)
def test_stamps_order_as_times_do(one: datetime, other: datetime) -> None:
    """A stamp holds its moment to the microsecond, and comparing stamps as text compares the moments."""
    assert from_stamp(stamp(one)) == one
    assert (stamp(one) < stamp(other)) == (one < other)
    assert stamp(one.astimezone(timezone(timedelta(hours=-9)))) == stamp(one)


@pytest.mark.parametrize(
    "wrong", ["", "2026-01-01", "2026-01-01T00:00:00Z", "now", "2026-01-01T00:00:00.000000+00:00"]
)
def test_other_texts_are_no_stamps(wrong: str) -> None:
    """Only the one spelling of a time is read."""
    with pytest.raises(ValueError):
        from_stamp(wrong)


@given(st.sampled_from(RECORD_KINDS), TENANTS, IDS)
def test_a_storage_key_has_one_record(kind: str, tenant: str, record_id: str) -> None:
    """The storage key tells kind, tenant and id apart, and no session id of a user can be another's key."""
    key = storage_key(kind, tenant, record_id)
    assert split_key(key) == (kind, tenant, record_id)
    assert key.startswith(".") == ((kind, tenant) != ("session", ""))
    assert record_key({"kind": kind, "tenant": tenant, "session_id": record_id}) == key


@pytest.mark.parametrize("wrong", [".", "..", ".session", ".session.t", ".session.t.", ".other.t.x", ".."])
def test_what_is_no_storage_key(wrong: str) -> None:
    """A text that begins with a dot and is no key is refused, so it reaches no file."""
    with pytest.raises(ConfigurationError):
        split_key(wrong)


@given(json_objects, texts)
def test_a_line_is_one_line(body: dict[str, Any], text: str) -> None:
    """A record is one line whatever its texts hold, header first, and decodes to what it was."""
    record = {"sealed": text, "body": body, **header(), "key_id": "k1", "wrapped_key": "w"}
    line = encode_line(record)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_line(line, "s1") == record
    assert line.startswith(b'{"format":1,"kind":"session"')
    assert read_header(line) == {**header(), "key_id": "k1", "wrapped_key": "w"}


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{", b"[]\n", b"5\n", b"{}\n", b'{"seq":"1"}\n', b'{"seq":1', b"\xff\n"]
)
def test_what_is_no_record_is_altered_data(line: bytes) -> None:
    """A complete line that is no record is `IntegrityError` naming what should have been there."""
    with pytest.raises(IntegrityError, match="'s1'"):
        decode_line(line, "s1")


@given(st.integers(0, 400))
def test_a_header_is_read_from_the_beginning_of_its_line(length: int) -> None:
    """The header is found without the body, or not at all: never a part of it."""
    line = encode_line({**header(), "sealed": "x" * 50})
    assert read_header(line[:length]) in (None, header(), {**header(), "sealed": "x" * 50})


def test_the_newest_batch_tells_how_a_session_stands() -> None:
    """The effective header is the document's, with what its newest batch says on top and no bodies."""
    record = {
        **header(),
        "key_id": "k1",
        "sealed": {},
        "torn_bytes": 3,
        "tail": [header(seq=2, status="active"), {**header(seq=3, status="ended"), "sealed": "x"}],
    }
    assert effective_header(record) == {**header(seq=3, status="ended"), "key_id": "k1"}
    assert effective_header({**header(), "tail": []}) == header()
    assert set(HEADER_FIELDS) == set(header())


# --- the live data behind it


def test_sections_are_opened_when_they_are_touched() -> None:
    """Memories and messages stay closed until one of them is read; each is opened once."""
    opened: list[str] = []
    entry = MemoryEntry(id="e1", content="x", timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    said = Message(id="m1", conversation_id="c1", role="user", content="x", at=entry.timestamp)
    data = new_data()
    data.open_memories = lambda: opened.append("memories") or {"e1": entry}  # type: ignore[func-returns-value]
    data.open_messages = lambda: opened.append("messages") or [said]  # type: ignore[func-returns-value]

    other = data.copy()
    assert not opened
    assert data.find_memory("e1") is entry and data.memories == {"e1": entry} and opened == ["memories"]
    assert data.messages == [said] and data.messages == [said] and opened == ["memories", "messages"]
    assert other.messages == [said] and other.all_memories() == [entry]


def test_a_section_that_does_not_open_stays_closed() -> None:
    """A failed opening is an error each time, never an empty session."""

    def fail() -> Any:
        raise IntegrityError("s1", "altered")

    data = new_data()
    data.open_memories = data.open_messages = fail
    for _ in range(2):
        with pytest.raises(IntegrityError):
            data.memories  # noqa: B018
        with pytest.raises(IntegrityError):
            data.messages  # noqa: B018


@given(memories(), messages())
def test_what_is_private_is_in_no_text_form(entry: MemoryEntry, message: Message) -> None:
    """The text form of an entry or message holds ids and sizes, and nothing that was said."""
    secret = "zq" + "x" * 30
    entry = evolve(entry, content=secret, value=secret, metadata={"a": secret}, speaker=secret)
    message = evolve(message, content=secret, metadata={"a": secret}, name=secret)
    assert secret not in repr(entry) + str(entry) + repr(message) + str(message)
