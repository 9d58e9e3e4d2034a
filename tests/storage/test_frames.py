"""What is read off the beginning of a batch's line: whether it certainly comes next, and its header."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.envelope import HEADER_FIELDS, decode_line
from voxsession.errors import ConflictError
from voxsession.storage.frames import Newest, batch_line, check_base, document_line, follows, header_line
from voxsession.testing.records import a_batch, a_document


def line_of(batch: dict[str, Any]) -> bytes:
    return batch_line(batch)[:-1]


def test_the_next_batch_follows() -> None:
    """A batch follows the one whose version it was made from, and the document."""
    last, batch = a_batch(seq=2), a_batch(seq=3)

    assert follows(batch_line(batch), line_of(last), batch)
    assert follows(batch_line(last), document_line(a_document())[:-2], last)


@pytest.mark.parametrize(
    "other",
    [
        {"seq": 3},
        {"seq": 20},
        {"owner": "somebody else"},
        {"session_id": "sess_2"},
        {"session_id": 'sess_1","owner":"","seq":2,"x":"'},
        {"tenant": "t2"},
        {"kind": "person"},
        {"format": 2},
    ],
)
def test_nothing_else_is_taken_for_it(other: dict[str, Any]) -> None:
    """A line of another version, owner, record or format has to be looked at closely."""
    batch = a_batch(seq=3)

    assert not follows(batch_line(batch), line_of(a_batch(seq=2) | other), batch)
    assert not follows(batch_line(batch), None, batch)
    assert not follows(batch_line(batch), b"", batch)


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["s", 's","seq":1,"', "\\", "é"]),
)
def test_it_never_says_more_than_a_close_look(stored: int, base: int, seq: int, name: str) -> None:
    """Where a batch is said to follow, comparing versions finds no conflict."""
    last = a_batch(seq=2) | {"seq": stored, "session_id": name}
    batch = a_batch(seq=3) | {"seq": seq, "base_seq": base, "session_id": name}
    if follows(batch_line(batch), line_of(last), batch):
        check_base(name, batch, Newest(last), appending=True)
    else:
        with pytest.raises(ConflictError):
            check_base(name, batch, Newest(last), appending=True)


@given(
    st.sampled_from(["s", 's","sealed":"x"}', ',"sealed":', "\\", '\\","sealed":', "é\0"]),
    st.one_of(st.text(), st.dictionaries(st.sampled_from(["sealed", "core"]), st.text())),
    st.sampled_from([{}, {"body": {"sealed": 1}}, {"key_id": "k", "wrapped_key": "w"}]),
    st.booleans(),
)
def test_the_header_of_a_line_is_that_of_its_batch(
    name: str, body: Any, more: dict[str, Any], is_whole: bool
) -> None:
    """Whatever a batch holds, and in whatever order, its header line has its header fields and nothing else."""
    batch = a_batch(name, body=body, owner=name) | more
    if not is_whole:
        del batch["expires_at"], batch["sealed"]
    header = {field: batch[field] for field in HEADER_FIELDS if field in batch}
    assert header_line(batch, batch_line(batch)) == batch_line(header)
    assert decode_line(header_line(batch, batch_line(batch)), name) == header
    assert header_line(batch, batch_line(batch)).endswith(b"}\n")
