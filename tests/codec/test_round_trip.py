"""What is written is what is read: documents, batches, pages, sealed and in clear."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.writing import METHODS, Writer, codec_of, opened, record_of, told
from tests.core.strategies import START, any_changes, changes_of, json_objects, messages, optional, texts
from voxsession.codec.batch import decode_changes, encode_changes
from voxsession.codec.document import decode_messages
from voxsession.codec.message_columns import decode_columns, encode_columns
from voxsession.core.change import KINDS, Change
from voxsession.core.changes import ConfigChanged, EvidenceAdded, MemoryAdded, MessageAdded
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef, SessionData
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError, KeyNotFoundError, UnsupportedFormatError

change_lists = st.lists(any_changes(), max_size=8)
methods = pytest.mark.parametrize("method", METHODS)


@methods
@settings(max_examples=40)
@given(changes=st.lists(any_changes(), max_size=14), user_id=optional(texts), extra=json_objects)
def test_a_document_opens_as_what_it_was(
    method: str, changes: list[Change], user_id: str | None, extra: dict[str, Any]
) -> None:
    """Whatever happened in a session, its document opens equal to it in every field."""
    writer = Writer(codec_of(METHODS[method]))
    writer.data.user_id, writer.data.extra = user_id, extra
    writer.save(*changes)

    assert opened(writer.codec, writer.record) == writer.data


@methods
@settings(max_examples=40)
@given(first=change_lists, batches=st.lists(change_lists, min_size=1, max_size=3))
def test_a_document_with_its_tail_is_the_session_itself(
    method: str, first: list[Change], batches: list[list[Change]]
) -> None:
    """Replaying the tail on the document gives what applying the changes gave, after each batch."""
    writer = Writer(codec_of(METHODS[method]))
    writer.save(*first)
    for batch in batches:
        writer.append(*batch)

    for length, state in enumerate(writer.states):
        data = opened(writer.codec, record_of(writer.document, writer.tail[:length]))
        assert told(data) == state
    assert data == writer.data


@settings(max_examples=60)
@given(st.lists(any_changes(local=st.booleans()), max_size=8))
def test_a_batch_decodes_to_its_changes(changes: list[Change]) -> None:
    """Any list of changes comes back equal, in order, each of its own class."""
    assert decode_changes(encode_changes(changes), "s1") == changes


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=10)
@given(data=st.data())
def test_each_kind_keeps_its_fields(kind: str, data: st.DataObject) -> None:
    """A stored change of each kind has all the fields that it was made with."""
    change = data.draw(changes_of(kind))
    (copy,) = decode_changes(encode_changes([change]), "s1")
    assert type(copy) is type(change) and copy == change


def test_changes_of_a_newer_version() -> None:
    """A field that this version does not know is ignored; a kind that it does not know is a newer format."""
    body = encode_json([["metric.tracked", {"at": START, "name": "a", "value": 1.0, "unit": "s"}]])
    assert decode_changes(body, "s1")[0].event_fields() == {"name": "a", "value": 1.0}
    with pytest.raises(UnsupportedFormatError, match=r"from\.the\.future"):
        decode_changes(encode_json([["from.the.future", {"at": START}]]), "s1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[[]]",
        b'[["metric.tracked"]]',
        b'[["metric.tracked", {}]]',
        b'[["metric.tracked", {"at": "now", "name": "a", "value": 1}]]',
        b'[["metric.tracked", {"at": "2026-01-01T00:00:00", "name": "a", "value": 1}]]',
        b'[["metric.tracked", {"at": "2026-01-01T00:00:00Z", "name": "a", "value": "x"}]]',
        b'[["memory.added", {"at": "2026-01-01T00:00:00Z", "entry": {"id": "e", "importance": 1.5}}]]',
        b"[[5, {}]]",
    ],
)
def test_a_body_that_is_no_batch(body: bytes) -> None:
    """What does not decode to changes, or to changes with values out of range, is altered data."""
    with pytest.raises(IntegrityError, match="a batch is not readable"):
        decode_changes(body, "s1")


def test_a_change_that_does_not_fit_its_document() -> None:
    """A batch whose change cannot be applied is altered data, not a crash."""
    codec = codec_of(METHODS["none"])
    writer = Writer(codec)
    writer.save()
    said = Message(id="m", conversation_id="c", role="user", content="x", at=START)
    record = record_of(
        writer.document,
        [
            codec.batch(
                writer._header(), encode_changes([MessageAdded(at=START, message=said, local_hour=99)])
            )
        ],
    )
    with pytest.raises(IntegrityError, match="does not fit"):
        codec.open(record)


@methods
@settings(max_examples=25)
@given(
    items=st.lists(messages(), max_size=5), kind=st.sampled_from(["messages", "index", "archive", "audio"])
)
def test_a_page_opens_as_what_it_was(method: str, items: list[Message], kind: str) -> None:
    """A page gives back the body it was made of, when head and page agree."""
    codec = codec_of(METHODS[method], tenant="acme")
    record, ref = codec.page("acme", "s1", "p1", kind, encode_json(items), count=len(items), first_index=3)

    assert (ref.kind, ref.count, ref.first_index, ref.id) == (kind, len(items), 3, "p1")
    body = codec.open_page("acme", "s1", ref, record_of(record))
    assert decode_json(body) == decode_json(encode_json(items))
    if kind == "messages":
        assert decode_messages(body, "s1") == items


@settings(max_examples=60)
@given(st.lists(messages(), max_size=8))
def test_filed_messages_keep_their_fields(items: list[Message]) -> None:
    """Messages come out of a page column by column equal in every field."""
    assert decode_columns(encode_columns(items), "s1") == items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"at": []}',
        b'{"at": 5}',
        b'{"at": ["x"], "id": ["m"], "conversation_id": ["c"], "role": ["user"], "content": ["x"]}',
        b'{"at": [0], "id": [], "conversation_id": ["c"], "role": ["user"], "content": ["x"]}',
        b'{"at": [0, 1], "id": ["m"], "conversation_id": ["c"], "role": ["user"], "content": ["x"]}',
        b'{"at": [1e300], "id": ["m"], "conversation_id": ["c"], "role": ["user"], "content": ["x"]}',
        b'{"at": [0], "id": ["m"], "conversation_id": ["c"], "role": ["user"], "content": 5}',
    ],
)
def test_columns_that_are_no_messages(body: bytes) -> None:
    """Columns that are missing, of unequal length or of another kind are altered data."""
    with pytest.raises(IntegrityError):
        decode_columns(body, "s1")


def test_replies_and_other_texts_with_more_to_them_are_stored_as_texts() -> None:
    """A str subclass in a message or entry is written as the text it is and comes back as one."""

    class Loud(str):
        pass

    writer = Writer(codec_of(METHODS["AES256"]))
    writer.save(
        MessageAdded(
            at=START,
            message=Message(id="m", conversation_id="c", role="assistant", content=Loud("hi"), at=START),
        ),
        MemoryAdded(at=START, entry=MemoryEntry(id="e", content=Loud("hi"), timestamp=START)),
    )
    data = opened(writer.codec, writer.record)
    assert data == writer.data and type(data.messages[0].content) is str


def test_long_texts_pack_and_short_ones_do_not() -> None:
    """A repetitive body is stored in a fraction of its size, and every size opens."""
    codec = codec_of(METHODS["AES256"])
    for length in (0, 1, 199, 200, 201, 100_000):
        writer = Writer(codec)
        writer.save(ConfigChanged(at=START, values={"instructions": "x" * length}))
        assert opened(codec, writer.record) == writer.data
        assert len(writer.lines) < 20_000


def test_the_same_data_is_never_sealed_alike_twice() -> None:
    """Each sealing has a nonce of its own, so equal documents are not equal on disk."""
    writer, other = Writer(codec_of(METHODS["AES256"])), Writer(codec_of(METHODS["AES256"]))
    writer.save(), other.save()
    assert all(
        writer.document["sealed"][part] != other.document["sealed"][part]
        for part in writer.document["sealed"]
    )


@pytest.mark.parametrize("method", ["AES256", "ChaCha20"])
def test_nothing_private_is_in_clear(method: str) -> None:
    """No text, user id, state or change can be read in what is stored."""
    secret = "zqxjkvbw"
    writer = Writer(codec_of(METHODS[method]))
    writer.data.user_id = secret
    said = Message(id="m", conversation_id=f"c-{secret}", role="user", content=secret, at=START, name=secret)
    entry = MemoryEntry(id="e", content=secret, timestamp=START, category=secret)
    changes: list[Change] = [
        MessageAdded(at=START, message=said),
        MemoryAdded(at=START, entry=entry),
        ConfigChanged(at=START, values={"voice": secret}),
    ]
    writer.save(*changes)
    writer.append(*changes)
    page, _ = writer.codec.page("", "s1", "p1", "messages", encode_json([said]), count=1)

    assert secret.encode() not in writer.lines + encode_json(page)
    plain = Writer(codec_of(METHODS["none"]))
    plain.save(*changes)
    assert secret.encode() in plain.lines


def test_either_cipher_is_read_whatever_writes() -> None:
    """A session sealed with one cipher opens in an installation that writes with the other."""
    writer = Writer(codec_of(METHODS["AES256"]))
    writer.save(ConfigChanged(at=START, values={"voice": "echo"}))
    assert opened(codec_of(METHODS["ChaCha20"]), writer.record) == writer.data


def test_methods_are_told_apart() -> None:
    """A sealed session in an installation that does not encrypt lacks a key; a plain one where it does is altered."""
    sealed, plain = Writer(codec_of(METHODS["AES256"])), Writer(codec_of(METHODS["none"]))
    for writer in (sealed, plain):
        writer.save()
        writer.append()
    with pytest.raises(KeyNotFoundError, match="told not to encrypt") as caught:
        plain.codec.open(sealed.record)
    assert caught.value.key_id == sealed.document["key_id"]
    with pytest.raises(IntegrityError, match="in clear"):
        sealed.codec.open(plain.record)
    for one, other in ((sealed, plain), (plain, sealed)):
        with pytest.raises((IntegrityError, KeyNotFoundError)):
            one.codec.open(record_of(one.document, other.tail))


def test_sections_are_opened_one_by_one() -> None:
    """Opening a document leaves memories and messages closed until they are touched."""
    writer = Writer(codec_of(METHODS["AES256"]))
    said = Message(id="m", conversation_id="c", role="user", content="x", at=START)
    writer.save(MessageAdded(at=START, message=said))
    writer.append(EvidenceAdded(at=START, increments={"formality": (1.0, 1.0)}))

    data = writer.codec.open(writer.record).data
    assert data.open_memories is not None and data.open_messages is not None
    assert data.messages == [said]
    assert data.open_memories is not None and data.open_messages is None


@methods
def test_an_opened_session_says_how_large_it_is_stored(method: str) -> None:
    """The sizes that decide about the next whole save grow with document and tail."""
    writer = Writer(codec_of(METHODS[method]))
    writer.save()
    small = writer.codec.open(writer.record)
    noise = {f"k{n}": str(n * 7919) for n in range(500)}
    writer.append(ConfigChanged(at=START, values=noise))
    grown = writer.codec.open(writer.record)
    writer.save()
    whole = writer.codec.open(writer.record)

    assert small.tail_bytes == 0 and grown.document_bytes == small.document_bytes
    assert grown.tail_bytes > 1000 and whole.document_bytes > small.document_bytes + 1000
    assert grown.tail_changes == [ConfigChanged(at=START, values=noise)]
    assert not whole.torn and writer.codec.open({**writer.record, "torn_bytes": 4}).torn


def test_every_field_of_a_session_is_stored() -> None:
    """A field added to `SessionData` cannot be forgotten: each one survives a document, or is named here."""
    not_stored = {
        "new_memories",
        "new_messages",
        "fact_index",
        "ledger",
        "local_memories",
        "open_memories",
        "open_messages",
        "roster",
    }
    writer = Writer(codec_of(METHODS["AES256"]), expires_at="2027-01-01T00:00:00.000000Z")
    page = PageRef(id="p", kind="messages", hash="h", count=2, first_index=1, first_at=START, last_at=START)
    data = writer.data
    for name in ("pages", "index_pages", "archive_pages"):
        getattr(data, name).append(page)
    data.message_offset, data.template, data.state = 3, {"name": "t"}, {"a": {"b": 1}}
    data.shares, data.end_reason, data.ended_at, data.token_counter = {"g": {"a": 1}}, "done", START, "words"
    data.user_id, data.extra, data.status, data.topics = "u", {"new": 1}, "ended", {"t": 0.5}
    said = Message(id="m", conversation_id="c", role="user", content="x", at=START)
    writer.save(
        MessageAdded(at=START, message=said, local_hour=3),
        MemoryAdded(at=START, entry=MemoryEntry(id="e", content="x", timestamp=START, token_count=2)),
        EvidenceAdded(at=START, increments={"formality": (0.25, 1.0)}),
        ConfigChanged(at=START, values={"voice": "echo"}),
        *(
            KINDS[kind](at=START, **fields)
            for kind, fields in (
                ("preference.set", {"name": "verbosity", "value": "brief"}),
                ("metric.tracked", {"name": "tasks", "value": 1.0}),
            )
        ),
    )
    copy = opened(writer.codec, writer.record)

    assert copy == data
    empty = SessionData(session_id="", created_at=START, updated_at=START)
    unchanged = {
        name for name in SessionData.__struct_fields__ if getattr(copy, name) == getattr(empty, name)
    }
    assert unchanged - {"created_at"} == not_stored
