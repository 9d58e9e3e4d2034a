"""Reading memories from outside: JSON cut into rows, forms told apart, rows of other programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.types import encode_json
from voxsession.errors import ConfigurationError, IntegrityError, UnsupportedFormatError
from voxsession.memory.readers import split
from voxsession.memory.readers.chatgpt import talk_of
from voxsession.memory.readers.forms import form_of, is_lines
from voxsession.memory.readers.mem0 import mem0_row
from voxsession.memory.readers.moments import moment_of
from voxsession.memory.readers.own import Checksum
from voxsession.memory.readers.plain import plain_row
from voxsession.memory.readers.split import DocumentSplitter, LineSplitter, Splitter
from voxsession.testing import FakeClock

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def cut(splitter: Splitter, raw: bytes, size: int) -> list[tuple[int, Any]]:
    """All rows of a text that comes in pieces of a size."""
    rows: list[tuple[int, Any]] = []
    for start in range(0, len(raw), size):
        rows += splitter.feed(raw[start : start + size])
    return rows + splitter.finish()


@given(
    st.lists(json_values, max_size=5),
    st.sampled_from([None, "entries", "results", "memories"]),
    st.dictionaries(st.sampled_from(["a", "count", "next"]), json_values, max_size=2),
    st.sampled_from([None, 1, 2]),
    st.integers(1, 40),
)
def test_a_document_gives_its_rows_however_it_is_cut(
    rows: list[Any], key: str | None, beside: dict[str, Any], indent: int | None, size: int
) -> None:
    """Whatever is in the rows and wherever a piece ends: the rows and what stands beside them come back."""
    whole: Any = rows if key is None else {**beside, key: rows, "end": 1}
    raw = json.dumps(whole, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    splitter = DocumentSplitter()

    found = cut(splitter, b"\r\n" + raw + b" \n", size)

    assert [row for _, row in found] == rows
    assert splitter.head == ({} if key is None else {**beside, "end": 1})
    assert splitter.rows_key == key


@given(st.lists(json_values, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.integers(1, 40))
def test_lines_give_their_rows_however_they_are_cut(rows: list[Any], end: bytes, size: int) -> None:
    """Each line is a row with its number; empty lines and a missing last newline do not matter."""
    raw = end.join(map(encode_json, rows))

    found = cut(LineSplitter(), raw, size)

    assert [row for _, row in found] == rows
    assert [line for line, _ in found] == [1 + i * (end.count(b"\n")) for i in range(len(rows))]


@pytest.mark.parametrize(
    "raw",
    [
        *("[1,]", "[,1]", "[1]]", "[1] 2", "[1}", "[NaN]", "[nul]", '["a" "b"]', '["\\ud800"]', '["a\nb"]'),
        *('{"a" 1}', '{"a":1,}', '{x"a":1}', '{"a"}', "{1:2}", '{"a"::1}', "{,}", '{"a":1}{}', "[[1}]"),
        *(
            '{"entries":[1] 5}',
            '{"entries":x[1]}',
            '{"results":[1],}',
            '{"entries":[1,]}',
            "[" * 5000 + "]" * 5000,
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 20_000])
def test_what_is_no_json_is_refused(raw: str, size: int) -> None:
    """None of these slips through as fewer rows; the line is named."""
    with pytest.raises(ConfigurationError, match="line 1"):
        cut(DocumentSplitter(), raw.encode(), size)


@pytest.mark.parametrize("end", range(1, 60, 7))
def test_a_document_that_is_cut_off_is_told(end: int) -> None:
    """A document without its end is refused with the line that it ends on."""
    raw = json.dumps({"results": [{"memory": "a"}, {"memory": 'b"'}], "count": 2}, indent=1).encode()

    line = raw[:end].count(b"\n") + 1
    with pytest.raises(ConfigurationError, match=f"cut off.*line {line}"):
        cut(DocumentSplitter(), raw[:end], 5)


def test_the_line_of_a_row_is_where_it_begins() -> None:
    """Rows over several lines are named by their first; so is a wrong one."""
    raw = b'{\n"count": 2,\n"results": [\n\n{"a":\n1},\n\n {"b": 2}]}'

    assert cut(DocumentSplitter(), raw, 4) == [(5, {"a": 1}), (8, {"b": 2})]
    with pytest.raises(ConfigurationError, match="line 8 "):
        cut(DocumentSplitter(), raw.replace(b"2}", b"x}"), 4)


@pytest.mark.parametrize("splitter", [LineSplitter, DocumentSplitter])
def test_a_row_that_is_too_large_is_refused(splitter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without an end does not fill the memory; one below the limit passes."""
    monkeypatch.setattr(split, "MAX_ROW_BYTES", 1000)
    lead, end = (b"[1,\n", b"]") if splitter is DocumentSplitter else (b"1\n", b"")

    assert len(cut(splitter(), lead + b'"%s"' % (b"x" * 900) + end, 64)) == 2
    with pytest.raises(ConfigurationError, match=r"line 2 .*1000 bytes"):
        cut(splitter(), lead + b'"%s"' % (b"x" * 1100) + end, 64)


# --- which form


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        (b'"a text"\n"another"', True),
        (b'{"text": "a"}', True),
        (b'  {"memory": "a"}\r\n{"memory": "b"}', True),
        (b'{"format":1,"kind":"voxsession.memories"}\n{"content":"a"}', True),
        (b'{"text": "' + b"x" * 5000, True),
        (b"[", False),
        (b'{\n "results": [', False),
        (b'{"results": []}', False),
        (b'{"count": 1, "results": [{"memory": "' + b"x" * 5000, False),
        (b'{"title": "x", "mapping": {}}', False),
    ],
)
def test_lines_and_documents_are_told_apart(start: bytes, lines: bool) -> None:
    """By the first line, or where it is not whole, by what it holds."""
    assert is_lines(start) is lines


@pytest.mark.parametrize(
    ("head", "key", "first", "form"),
    [
        ({"kind": "voxsession.memories"}, None, {"content": "a"}, "voxsession"),
        ({}, "entries", {"content": "a"}, "voxsession"),
        ({}, "results", {"memory": "a"}, "mem0"),
        ({}, None, {"id": "1", "memory": "a"}, "mem0"),
        ({}, None, {"title": "", "mapping": {}}, "chatgpt"),
        ({}, None, {"text": "a"}, "jsonl"),
        ({}, None, "a", "jsonl"),
        ({}, "memories", "a", "jsonl"),
        ({}, None, None, "jsonl"),
    ],
)
def test_forms_are_told_by_content(head: dict[str, Any], key: str | None, first: Any, form: str) -> None:
    """By what stands beside the rows, where the rows stand, and the first of them."""
    assert form_of(head, key, first) == form


# --- rows


@pytest.mark.parametrize(
    "given",
    [
        *(1714564800, 1714564800.0, 1714564800_000, 1714564800_000_000, "1714564800", " 1714564800000 "),
        *(
            "2024-05-01T12:00:00Z",
            "2024-05-01T12:00:00",
            "2024-05-01 14:00+02:00",
            "2024-05-01T05:00:00-07:00",
        ),
        *(NOON, NOON.replace(tzinfo=None)),
    ],
)
def test_moments_of_other_programs(given: Any) -> None:
    """Seconds, their thousandths and millionths, ISO with a zone, and without one taken as UTC."""
    assert moment_of("at", given) == NOON


@pytest.mark.parametrize(
    "given", [True, [], {}, "soon", float("nan"), float("inf"), 1e300, "9999-12-31", "1e999"]
)
def test_what_is_no_moment_is_refused(given: Any) -> None:
    """By the name of its field."""
    with pytest.raises(ConfigurationError, match="created_at"):
        moment_of("created_at", given)


def test_an_absent_moment_is_none() -> None:
    """As other programs write it: null or empty."""
    assert moment_of("at", None) is moment_of("at", "") is None


def test_a_plain_row_keeps_what_it_knows() -> None:
    """The text under any of its names, numbers as ids, a time under any of its names; other keys are left out."""
    row = {"text": "Has a dog", "id": 7, "created_at": 1714564800, "importance": 0.9, "embedding": [0.1]}

    assert plain_row(row) == {"id": "7", "content": "Has a dog", "timestamp": NOON, "importance": 0.9}
    assert plain_row({"content": "a", "text": "b", "memory": "c"})["content"] == "a"
    for wrong in (None, 5, ["a"]):
        with pytest.raises(ConfigurationError, match="a text or an object"):
            plain_row(wrong)


def test_a_row_of_mem0_keeps_what_it_knows() -> None:
    """Text, id, the later time, the first category; all categories and the agent stand in the metadata."""
    row = {
        "id": "892db2ae",
        "memory": "Vegetarian",
        "user_id": "alex",
        "agent_id": "chef",
        "hash": "c0ffee",
        "metadata": {"source": "chat"},
        "categories": ["food", "health"],
        "created_at": "2024-04-01T00:00:00-07:00",
        "updated_at": "2024-05-01T05:00:00-07:00",
        "expiration_date": "2030-01-01",
    }

    assert mem0_row(row) == {
        "id": "892db2ae",
        "content": "Vegetarian",
        "category": "food",
        "timestamp": NOON,
        "expires_at": datetime(2030, 1, 1, tzinfo=UTC),
        "metadata": {"agent_id": "chef", "source": "chat", "categories": ["food", "health"]},
    }
    assert mem0_row({"memory": "a", "metadata": None, "updated_at": None, "categories": None}) == {
        "content": "a"
    }


@pytest.mark.parametrize(
    "wrong", [{"metadata": 5}, {"categories": "food"}, {"categories": [1]}, {"created_at": {}}]
)
def test_a_wrong_row_of_mem0_is_refused(wrong: dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong)).replace("created_at", "timestamp")):
        mem0_row({"memory": "a", **wrong})


# --- conversations


def node(
    parent: str | None, role: str | None, text: Any, children: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    """One node of a conversation's tree."""
    content = {"content_type": "text", "parts": text} if isinstance(text, list) else text
    message = None if role is None else {"author": {"role": role}, "content": content, **more}
    return {"parent": parent, "message": message, "children": list(children)}


def tree() -> dict[str, Any]:
    """A conversation with an abandoned branch and all that is not said aloud."""
    code = {"content_type": "code", "text": "print(1)"}
    thoughts = {"content_type": "thoughts", "thoughts": [{"content": "hm"}]}
    speech = {"content_type": "audio_transcription", "text": "what a picture"}
    picture = {
        "content_type": "multimodal_text",
        "parts": [{"asset_pointer": "file://x"}, speech, "this one"],
    }
    return {
        "title": "Dogs",
        "create_time": 1714564800.5,
        "conversation_id": "6a83bc98-6b9c",
        "current_node": "n9",
        "mapping": {
            "root": node(None, None, None, ("n1",)),
            "n1": node("root", "system", ["be kind"], ("n2",)),
            "n2": node(
                "n1", "user", ["hidden"], ("n3",), metadata={"is_visually_hidden_from_conversation": True}
            ),
            "n3": node("n2", "user", ["I have a dog"], ("n4", "n5"), create_time=1714564860),
            "n4": node("n3", "assistant", ["abandoned"]),
            "n5": node("n3", "assistant", code, ("n6",), recipient="python"),
            "n6": node("n5", "tool", ["1"], ("n7",)),
            "n7": node("n6", "assistant", thoughts, ("n8",)),
            "n8": node("n7", "assistant", ["Nice!", ""], ("n9",), recipient="all", create_time=None),
            "n9": node("n8", "user", picture),
        },
    }


def test_a_conversation_is_its_current_branch() -> None:
    """What the two said to each other, in order; hidden, abandoned and technical nodes are left out."""
    talk = talk_of(tree())

    assert (talk.id, talk.title) == ("6a83bc98-6b9c", "Dogs")
    assert [(said.role, said.content) for said in talk.messages] == [
        ("user", "I have a dog"),
        ("assistant", "Nice!"),
        ("user", "what a picture\nthis one"),
    ]
    assert talk.messages[0].at == datetime(2024, 5, 1, 12, 1, tzinfo=UTC) and talk.messages[1].at is None


def test_a_conversation_without_a_current_node_goes_to_its_last_leaf() -> None:
    """An older export does not name it; without an id it gets the same one each time."""
    row = tree()
    del row["current_node"], row["conversation_id"]

    talk = talk_of(row)

    assert talk.messages[-1].content.endswith("this one")
    assert talk.id.startswith("chatgpt_") and talk.id == talk_of(row).id


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mapping": []}, "mapping"),
        ({"current_node": "n99"}, "not there"),
        ({"current_node": 5}, "not there"),
        ({"create_time": "soon"}, "create_time"),
        ({"conversation_id": "../x"}, "conversation_id"),
        ({"title": 5}, "title"),
    ],
)
def test_a_wrong_conversation_is_refused(wrong: dict[str, Any], named: str) -> None:
    """What is wrong is named."""
    with pytest.raises(ConfigurationError, match=named):
        talk_of(tree() | wrong)


def test_a_tree_that_runs_in_a_circle_is_refused() -> None:
    """It would never end."""
    row = tree()
    row["mapping"]["root"]["parent"] = "n9"
    with pytest.raises(ConfigurationError, match="circle"):
        talk_of(row)


def test_odd_nodes_of_a_conversation_are_passed_over() -> None:
    """Messages without an author, a content or parts say nothing."""
    mapping = {
        "a": node(None, "user", ["hello"]),
        "b": {"parent": "a", "message": {"author": None, "content": None, "metadata": None}},
        "c": {"parent": "b", "message": "text"},
        "d": node("c", "user", {"content_type": "text", "parts": None}),
        "e": node("d", "user", ["  "]),
    }
    assert [said.content for said in talk_of({"mapping": mapping, "current_node": "e"}).messages] == ["hello"]


# --- the checksum


def test_the_checksum_survives_javascript() -> None:
    """A whole float that comes back as an integer is the same number; order of keys does not matter."""
    one, other = Checksum(), Checksum()
    one.add({"importance": 1.0, "metadata": {"a": [0.5, 2.0, -0.0]}})
    other.add({"metadata": {"a": [0.5, 2, 0]}, "importance": 1})

    assert one.fields() == other.fields()


@pytest.mark.parametrize("head", [{"count": 2}, {"count": "1"}, {"sha256": "00"}, {"sha256": 5}])
def test_a_head_that_promises_other_rows_is_told(head: dict[str, Any]) -> None:
    """Fewer rows, or other ones."""
    checksum = Checksum()
    checksum.add({"content": "a"})
    checksum.check({}, "old.json")
    checksum.check(checksum.fields(), "new.json")
    with pytest.raises(IntegrityError, match=r"memories\.json"):
        checksum.check(checksum.fields() | head, "memories.json")


@pytest.mark.parametrize("found", [2, "1", None, 1.5])
def test_a_newer_export_is_told(found: Any) -> None:
    """Nothing of it is read."""
    from voxsession.memory.readers.rows import RowReader

    with pytest.raises(UnsupportedFormatError):
        RowReader("voxsession", {"format": found}, None, FakeClock())
