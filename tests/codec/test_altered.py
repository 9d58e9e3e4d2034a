"""Whoever holds the storage can exchange records and headers, and is found out."""

from __future__ import annotations

import base64
import copy
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.reading import ANSWERS, Reader
from tests.codec.writing import CHACHA, Writer, codec_of, record_of
from tests.core.strategies import START
from voxsession.codec.seal import MAX_BODY, Seal, inflate
from voxsession.core.changes import ConfigChanged, StateUpdated
from voxsession.core.envelope import HEADER_FIELDS, Record
from voxsession.core.struct import evolve
from voxsession.core.types import encode_json
from voxsession.errors import IntegrityError, KeyNotFoundError, UnsupportedFormatError

OTHER_VALUES: dict[str, list[Any]] = {
    "kind": ["person", "page", "", None, 1],
    "tenant": ["other", None, 0],
    "session_id": ["s2", "S1", "", None, ["s1"]],
    "owner": ["0" * 32, "", None],
    "seq": [0, 2, 10**30, 1.0, "1", None, True],
    "base_seq": [1, -1, None, False],
    "batch_id": ["b_s1_2", "", None, 5],
    "created_at": ["2025-01-01T00:00:00.000000Z", "", "now", None, 5],
    "updated_at": ["2027-01-01T00:00:00.000000Z", "", None, []],
    "expires_at": ["2040-01-01T00:00:00.000000Z", None, "never", 0],
    "status": ["ended", "deleted", "", None, {}],
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def writer(reader: Reader) -> Writer:
    return reader.writer()


def refused(reader: Reader, record: Record) -> bool:
    """Whether the record is refused as altered."""
    try:
        reader.read(copy.deepcopy(record))
    except IntegrityError:
        return True
    return False


# --- headers


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
@pytest.mark.parametrize("place", ["document", "first batch", "last batch"])
def test_every_header_field_is_authenticated(reader: Reader, writer: Writer, place: str, field: str) -> None:
    """No field of the clear header of a document or batch can be altered or left out."""
    part = {"document": None, "first batch": 0, "last batch": -1}[place]
    for value in OTHER_VALUES[field]:
        record = writer.record
        header = record if part is None else record["tail"][part]
        if encode_json(value) == encode_json(header[field]):
            continue
        header[field] = value
        assert refused(reader, record), f"{field}={value!r}"
    record = writer.record
    del (record if part is None else record["tail"][part])[field]
    assert refused(reader, record), f"{field} left out"
    assert set(OTHER_VALUES) == set(HEADER_FIELDS) - {"format"}


@pytest.mark.parametrize("field", ["key_id", "wrapped_key"])
def test_what_names_the_key_is_authenticated(reader: Reader, writer: Writer, field: str) -> None:
    """Key id and wrapped key of another session, altered or left out, open nothing."""
    other = reader.writer("s2", "bob")
    own_again = reader.writer("s1")
    for value in (
        None,
        5,
        "",
        "AAAA",
        "not base64!",
        "k" + "0" * 16,
        own_again.document["wrapped_key"],
        "\0" * 50,
    ):
        record = writer.record
        record[field] = value
        with pytest.raises((IntegrityError, KeyNotFoundError)) as caught:
            reader.read(record)
        assert field == "key_id" or type(caught.value) is IntegrityError
    for names in (("wrapped_key",), ("key_id", "wrapped_key")):
        record = {**writer.record, **{name: other.document[name] for name in names}}
        assert refused(reader, record)


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (2, UnsupportedFormatError),
        (99, UnsupportedFormatError),
        (0, IntegrityError),
        (-1, IntegrityError),
        (True, IntegrityError),
        ("1", IntegrityError),
        (None, IntegrityError),
        (1.0, IntegrityError),
    ],
)
@pytest.mark.parametrize("part", ["document", "batch"])
def test_a_newer_format_is_told_from_an_altered_one(
    reader: Reader, writer: Writer, part: str, found: Any, error: type[Exception]
) -> None:
    """A higher format number is `UnsupportedFormatError` with both numbers, anything else is altered data."""
    record = writer.record
    (record if part == "document" else record["tail"][1])["format"] = found
    with pytest.raises(error) as caught:
        reader.read(record)
    if isinstance(caught.value, UnsupportedFormatError):
        assert (caught.value.found, caught.value.newest) == (found, 1)


@settings(max_examples=150)
@given(data=st.data())
def test_no_mixture_of_two_sessions_opens(data: st.DataObject) -> None:
    """Whatever parts of two sessions are put together, only a session itself opens."""
    reader, writers = _two_sessions()
    mine, theirs = (writer.record for writer in writers)
    fields = sorted({*HEADER_FIELDS, "key_id", "wrapped_key"})
    taken = data.draw(st.sets(st.sampled_from(fields)))
    sections = data.draw(st.sets(st.sampled_from(sorted(mine["sealed"]))))
    tail = data.draw(st.lists(st.sampled_from([*mine["tail"], *theirs["tail"]]), max_size=4))
    mixed = {**mine, **{name: theirs[name] for name in taken}, "tail": tail}
    mixed["sealed"] = {**mine["sealed"], **{name: theirs["sealed"][name] for name in sections}}

    try:
        found, _ = reader.read(mixed, str(mixed["session_id"]))
    except ANSWERS:
        return
    assert found in writers[mixed["session_id"] == "s2"].states


_SESSIONS: list[Any] = []


def _two_sessions() -> tuple[Reader, list[Writer]]:
    if not _SESSIONS:
        reader = Reader()
        _SESSIONS.extend((reader, [reader.writer(), reader.writer("s2")]))
    return _SESSIONS[0], _SESSIONS[1]


# --- batches


@pytest.mark.parametrize(
    "order", [(1, 2), (0, 2), (2,), (1,), (1, 0, 2), (0, 2, 1), (2, 1, 0), (0, 0, 1, 2), (0, 1, 1)]
)
def test_a_batch_that_is_missing_doubled_or_moved(
    reader: Reader, writer: Writer, order: tuple[int, ...]
) -> None:
    """A tail with a batch left out in the middle, put twice or in another order is refused."""
    record = writer.record
    record["tail"] = [record["tail"][place] for place in order]
    assert refused(reader, record)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_what_cannot_be_detected(reader: Reader, writer: Writer, length: int) -> None:
    """Removing the newest whole batches gives a state that existed; the format page says so."""
    record = writer.record
    del record["tail"][length:]
    assert reader.read(record) == (writer.states[length], False)


def test_a_batch_of_another_session(reader: Reader, writer: Writer) -> None:
    """A batch of another session, or of an earlier session of the same id, opens nowhere else."""
    for other in (reader.writer("s2"), reader.writer("s1")):
        record = writer.record
        record["tail"][1] = other.record["tail"][1]
        assert refused(reader, record)
        record = writer.record
        record["tail"][1]["sealed"] = other.record["tail"][1]["sealed"]
        assert refused(reader, record)


def test_a_batch_in_place_of_another_part(reader: Reader, writer: Writer) -> None:
    """A document is no batch and a batch no document, not even under the other's header."""
    record = writer.record
    for batch in (record, "x", None, 5, [], {}, {**record["tail"][1], "sealed": record["sealed"]["core"]}):
        altered = writer.record
        altered["tail"][1] = batch
        assert refused(reader, altered)
    assert refused(reader, {**record, "sealed": record["tail"][0]["sealed"]})
    assert refused(reader, {**record, "tail": 5})
    assert refused(reader, {**record, "tail": {"a": 1}})


# --- sections


def test_a_section_of_an_older_document() -> None:
    """Each section belongs to its own document: an older one does not open beside newer ones."""
    reader = Reader()
    writer = reader.writer()
    old = writer.record
    writer.save(StateUpdated(at=START, patch={"a": 1}))
    for name in ("core", "memories", "messages"):
        record = writer.record
        record["sealed"][name] = old["sealed"][name]
        assert refused(reader, record)
    record = writer.record
    record["tail"] = old["tail"]
    assert refused(reader, record)


def test_sections_do_not_stand_for_each_other(reader: Reader, writer: Writer) -> None:
    """A section under another's name, one left out, one too many or one that is no text is refused."""
    sealed = writer.record["sealed"]
    for altered in (
        {**sealed, "core": sealed["memories"]},
        {**sealed, "memories": sealed["messages"]},
        {**sealed, "messages": sealed["core"]},
        {name: sealed[name] for name in ("core", "memories")},
        {**sealed, "more": sealed["core"]},
        {**sealed, "memories": 5},
        {**sealed, "messages": None},
        {**sealed, "core": ["x"]},
        {},
        [],
        "x",
        None,
    ):
        assert refused(reader, {**writer.record, "sealed": altered})


@pytest.mark.parametrize(
    "text", ["", "AA==", "AQ==", "AQA=", "not base64", "AQAA" * 3, "\u00e9", "AwAA" * 20, "AQcA" * 20]
)
def test_a_sealed_text_of_another_shape(reader: Reader, writer: Writer, text: str) -> None:
    """Too short, no base64, an unknown cipher or packing: refused alike."""
    record = writer.record
    record["sealed"]["messages"] = text
    assert refused(reader, record)
    record = writer.record
    record["tail"][0]["sealed"] = text
    assert refused(reader, record)


def test_cipher_and_packing_are_authenticated() -> None:
    """The two bytes in front of a sealed body cannot be altered to make another cipher or unpacking try it."""
    for code in (1, CHACHA):
        seal = Seal(b"d" * 32, code)
        header = dict.fromkeys(HEADER_FIELDS, "x")
        raw = base64.b64decode(seal.seal(header, "batch", b"x" * 500))
        for lead in ((1, 0), (1, 1), (2, 0), (2, 1), (0, 0), (3, 1), (code, 2)):
            text = base64.b64encode(bytes(lead) + raw[2:]).decode()
            if bytes(lead) == raw[:2]:
                assert seal.open(header, "batch", text, "s1") == b"x" * 500
            else:
                with pytest.raises(IntegrityError):
                    seal.open(header, "batch", text, "s1")


def test_unpacking_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that would unpack to more than the limit, or has something behind its end, is refused."""
    monkeypatch.setattr("voxsession.codec.seal.MAX_BODY", 1000)
    assert MAX_BODY == 1 << 30
    assert inflate(zlib.compress(b"x" * 1000), "s1") == b"x" * 1000
    for packed in (
        zlib.compress(b"x" * 1001),
        zlib.compress(b"x") + b"y",
        zlib.compress(b"x" * 99)[:-1],
        b"",
        b"x",
    ):
        with pytest.raises(IntegrityError):
            inflate(packed, "s1")


# --- pages


def test_a_page_is_the_one_that_the_session_names() -> None:
    """A missing, altered, exchanged or foreign page is refused; its id, kind and hash are the head's word."""
    mine, other = codec_of(1, "s1"), codec_of(1, "s2", data_key=b"e" * 32)
    body = encode_json([{"a": 1}])
    page, ref = mine.page("", "s1", "p1", "messages", body, count=1)
    twin, twin_ref = mine.page("", "s1", "p1", "messages", body, count=1)
    second, second_ref = mine.page("", "s1", "p2", "messages", body, count=1)
    index, _ = mine.page("", "s1", "p1", "index", body, count=1)
    theirs, _ = other.page("", "s2", "p1", "messages", body, count=1)

    assert mine.open_page("", "s1", ref, record_of(page)) == body
    assert mine.open_page("", "s1", twin_ref, twin) == body
    for wrong in (
        None,
        {**page, "sealed": page["sealed"][:-4] + "AAAA"},
        twin,
        second,
        index,
        theirs,
        {},
        {"format": 1},
    ):
        with pytest.raises(IntegrityError, match="s1/p1"):
            mine.open_page("", "s1", ref, wrong)
    with pytest.raises(UnsupportedFormatError):
        mine.open_page("", "s1", ref, {**page, "format": 2})
    # Not even when the hash agrees: the body itself is bound to session, tenant, kind and id.
    for tenant, session_id, as_ref in (
        ("", "s2", ref),
        ("acme", "s1", ref),
        ("", "s1", evolve(ref, kind="archive")),
        ("", "s1", evolve(second_ref, hash=ref.hash)),
    ):
        with pytest.raises(IntegrityError):
            mine.open_page(tenant, session_id, as_ref, {**page, "page_id": as_ref.id})
    with pytest.raises(IntegrityError):
        other.open_page("", "s1", ref, page)


def test_a_plain_page_is_not_taken_for_a_sealed_one() -> None:
    """Where sessions are sealed, a page in clear is refused."""
    sealed, plain = codec_of(1), codec_of(0)
    body = encode_json([1])
    page, ref = plain.page("", "s1", "p1", "messages", body, count=1)
    assert plain.open_page("", "s1", ref, page) == body
    with pytest.raises(IntegrityError):
        sealed.open_page("", "s1", ref, page)


# --- records in clear


@pytest.mark.parametrize(
    "altered",
    [
        {"conversations": 5},
        {"memory": {"entries": [{"id": "e"}]}},
        {"memory": {"entries": {}}},
        {"messages": [{"id": 1}]},
        {"messages": "x"},
        {"analytics": {"message_count": "many"}},
        {"created_at": "yesterday"},
        {"created_at": None},
        {"preferences": []},
        {"user_id": 5},
        {"tail": ["x"]},
        {"tail": [{"format": 1, "seq": 2, "base_seq": 1, "session_id": "s1", "changes": 5}]},
        {"tail": [{"format": 1, "seq": 2, "base_seq": 1, "session_id": "s1", "changes": []}]},
    ],
)
def test_a_plain_record_that_is_broken(altered: Record) -> None:
    """Without encryption nothing is authenticated, but what is no session is still `IntegrityError`."""
    codec = codec_of(0)
    writer = Writer(codec)
    writer.save(ConfigChanged(at=START, values={"voice": "echo"}))
    with pytest.raises(IntegrityError):
        session = codec.open({**writer.record, **altered})
        _ = session.data.memories, session.data.messages


def test_a_sealed_batch_in_a_plain_session_lacks_a_key() -> None:
    """What is sealed where nothing should be needs a key that this installation does not have."""
    plain, sealed = Writer(codec_of(0)), Writer(codec_of(1))
    for one in (plain, sealed):
        one.save()
        one.append()
    with pytest.raises(KeyNotFoundError):
        plain.codec.open(record_of(plain.document, sealed.tail))


def test_the_error_shows_no_content(reader: Reader, writer: Writer) -> None:
    """An error about altered data names the record and what did not hold, and nothing that was said."""
    seen: list[str] = []
    alterations: list[Callable[[Record], None]] = [
        lambda record: record.update(owner="x"),
        lambda record: record.update(wrapped_key="x"),
        lambda record: record["sealed"].update(core="x"),
        lambda record: record["tail"].reverse(),
    ]
    for alter in alterations:
        record = writer.record
        alter(record)
        with pytest.raises(IntegrityError) as caught:
            reader.read(record)
        assert caught.value.record == "s1" and caught.value.reason in str(caught.value)
        seen.append(str(caught.value) + repr(caught.value))
    assert not any(word in text for text in seen for word in ("Alice", "alice", "Bob"))
