"""A stored session, flipped at every byte and cut at every byte: a state that existed, or a clear answer."""

from __future__ import annotations

import pytest

from tests.codec.reading import ANSWERS, Reader
from tests.codec.writing import Writer
from voxsession.errors import IntegrityError

# Each byte becomes: another letter case, a neighbour, no ASCII, a quotation mark, the end of a line.
MASKS = (0x20, 0x01, 0x80)
OTHERS = (ord('"'), ord("\n"))


@pytest.fixture(scope="module", params=["AES256", "ChaCha20"])
def stored(request: pytest.FixtureRequest) -> tuple[Reader, Writer]:
    """A sealed session of a document and three batches."""
    reader = Reader(request.param)
    return reader, reader.writer()


def answer_of(reader: Reader, lines: bytes) -> tuple[bytes, bool] | None:
    """What the lines open to; None for one of the clear answers. Any other error goes through."""
    try:
        return reader.read_lines(lines)
    except ANSWERS:
        return None


def test_the_session_itself_opens(stored: tuple[Reader, Writer]) -> None:
    """Unaltered, the lines open as the newest state."""
    reader, writer = stored
    assert reader.read_lines(writer.lines) == (writer.states[-1], False)
    assert len(writer.states) == len(set(writer.states)) == 4


def test_every_byte_flipped(stored: tuple[Reader, Writer]) -> None:
    """Altering any byte gives the same data, a state that existed, or one of the clear answers."""
    reader, writer = stored
    lines, seen = writer.lines, {"refused": 0, "same": 0, "earlier": 0}
    for place, byte in enumerate(lines):
        for other in {byte ^ mask for mask in MASKS} | set(OTHERS) - {byte}:
            found = answer_of(reader, lines[:place] + bytes((other,)) + lines[place + 1 :])
            assert found is None or found[0] in writer.states, f"byte {place} made {other}"
            what = "refused" if found is None else "same" if found[0] == writer.states[-1] else "earlier"
            seen[what] += 1
    # Only the newline of the newest batch leads to the state before it; next to nothing is not noticed.
    assert seen["earlier"] <= len(MASKS) + len(OTHERS)
    assert seen["same"] < seen["refused"] / 50


def test_every_bit_of_the_headers_flipped(stored: tuple[Reader, Writer]) -> None:
    """No single bit of a clear header can be altered and go unnoticed."""
    reader, writer = stored
    start = 0
    for line in writer.lines.splitlines(keepends=True):
        for place in range(start, start + line.index(b'"sealed"')):
            for bit in range(8):
                altered = bytearray(writer.lines)
                altered[place] ^= 1 << bit
                assert answer_of(reader, bytes(altered)) is None, f"bit {bit} of byte {place}"
        start += len(line)


def test_every_cut(stored: tuple[Reader, Writer]) -> None:
    """A file cut anywhere is the state of its last complete line, told as torn; inside the document it is refused."""
    reader, writer = stored
    lines = writer.lines
    ends = [place + 1 for place, byte in enumerate(lines) if byte == ord("\n")]
    for length in range(len(lines)):
        complete = sum(end <= length for end in ends)
        if not complete:
            with pytest.raises(IntegrityError):
                reader.read_lines(lines[:length])
        else:
            assert reader.read_lines(lines[:length]) == (writer.states[complete - 1], length not in ends)


def test_every_cut_in_front(stored: tuple[Reader, Writer]) -> None:
    """Lines whose beginning is lost are refused: no batch stands in for a document."""
    reader, writer = stored
    lines = writer.lines
    for length in range(1, len(lines), 7):
        assert answer_of(reader, lines[length:]) is None
    for line in writer.lines.splitlines(keepends=True)[1:]:
        assert answer_of(reader, line) is None
