"""Records as lines of bytes: the document first, then each batch that was saved since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from voxsession.core.envelope import (
    HEADER_FIELDS,
    Record,
    decode_line,
    encode_line,
    from_stamp,
    read_header,
    record_key,
    split_key,
)
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError

__all__ = [
    "DOCUMENT_END",
    "LISTED_FIELDS",
    "Newest",
    "batch_line",
    "check_base",
    "check_listed",
    "check_owned",
    "clear_header",
    "conflict",
    "document_line",
    "follows",
    "header_line",
    "listed",
    "page_line",
    "record_of",
]

# A blank before its newline tells a document from a batch at the end of a file: whoever wants only the header
# knows from the last two bytes that there is no tail, and need not look for the start of a long last line.
DOCUMENT_END = b"\t\n"
LISTED_FIELDS = (*HEADER_FIELDS, "key_id", "wrapped_key")
_LAST_FIELD = b',"%s":"' % HEADER_FIELDS[-1].encode()
_SEQ = b',"seq":'
_SEALED = b',"sealed":'
_BATCH_FIELDS = (*HEADER_FIELDS, "sealed")


class Newest(NamedTuple):
    """The header of the newest complete line, and the length of the torn bytes behind it."""

    header: Record
    torn_bytes: int = 0

    @property
    def seq(self) -> int:
        """The stored version."""
        return int(self.header["seq"])

    def is_repeat_of(self, record: Mapping[str, Any]) -> bool:
        """Whether the record was stored before, in a write whose answer got lost."""
        batch_id = record.get("batch_id")
        return bool(batch_id) and batch_id == self.header.get("batch_id")


def document_line(record: Mapping[str, Any]) -> bytes:
    """A whole record as the first line; what a load has added to it is left out.

    Raises:
        ConfigurationError: it carries batches, which would be lost here.
    """
    if record.get("tail"):
        raise ConfigurationError(
            "A record with a tail cannot be saved as a whole: save the document, then append each batch of its "
            "tail.",
            option="session_data",
        )
    kept = {name: value for name, value in record.items() if name not in ("tail", "torn_bytes")}
    return encode_line(kept)[:-1] + DOCUMENT_END


def batch_line(batch: Mapping[str, Any]) -> bytes:
    """A batch as one more line."""
    return encode_line(batch)


def header_line(batch: Mapping[str, Any], line: bytes) -> bytes:
    """The header of a batch as a line of its own.

    Args:
        line: the batch's own line, which begins with the header: no text in it can hold the mark behind it, as a
            quotation mark in a text is escaped.
    """
    if tuple(batch) == _BATCH_FIELDS:  # as batches are made
        return line[: line.index(_SEALED)] + b"}\n"
    return encode_line({name: batch[name] for name in HEADER_FIELDS if name in batch})


def page_line(page: Mapping[str, Any]) -> bytes:
    """A page as the only line of its file."""
    return encode_line(page)


def record_of(raw: bytes, key: str) -> Record:
    """The record that these lines hold, with its `tail`, and `torn_bytes` where the last line has no end.

    Raises:
        IntegrityError: there is no complete document line, a complete line is no record, or it is another's.
    """
    lines = raw.split(b"\n")
    torn = lines.pop()
    if not lines:
        raise IntegrityError(key, "its document is truncated" if raw else "it is empty")
    record = decode_line(lines[0], key)
    check_owned(record, key)
    record["tail"] = [decode_line(line, key) for line in lines[1:]]
    if torn:
        record["torn_bytes"] = len(torn)
    return record


def check_owned(header: Mapping[str, Any], key: str) -> None:
    """`IntegrityError` unless this is a header of the record of this key."""
    if not isinstance(header.get("session_id"), str) or record_key(header) != key:
        raise IntegrityError(key, f"what is stored there belongs to {str(header.get('session_id'))[:80]!r}")


def check_listed(header: Mapping[str, Any], key: str) -> None:
    """`IntegrityError` unless this is a header of the record of this key, with times and a status to tell of it."""
    check_owned(header, key)
    expires_at = header.get("expires_at")
    try:
        times = [header["created_at"], header["updated_at"], *([] if expires_at is None else [expires_at])]
        if not isinstance(header["status"], str) or not all(map(from_stamp, times)):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise IntegrityError(key, "its header has no times, or no status") from None


def clear_header(start: bytes) -> Record | None:
    """The header from the first bytes of a line, sealed or not; None where they do not reach to its end."""
    header = read_header(start)
    if header is None:
        # A body in clear has no mark in front of it; the last header field ends the header as well.
        at = start.find(_LAST_FIELD)
        end = start.find(b'"', at + len(_LAST_FIELD)) if at >= 0 else -1
        header = read_header(start[: end + 1] + b"}") if end >= 0 else None
    return header


def listed(header: Mapping[str, Any]) -> Record:
    """What a listing tells of a record: no body, also where that is in clear."""
    return {name: header[name] for name in LISTED_FIELDS if name in header}


def follows(line: bytes, last: bytes | None, record: Mapping[str, Any]) -> bool:
    """Whether a batch's line certainly comes next after this one: the same record and owner, and the right version.

    Most batches do, and their headers need not be taken apart to see it: both begin alike up to `seq`, a mark that
    no text in front of it can hold, as a quotation mark in a text is escaped.
    """
    at = line.find(_SEQ)
    return (
        at >= 0
        and last is not None
        and last.startswith(b"%b%b%d," % (line[:at], _SEQ, record["base_seq"] or 0))
    )


def check_base(
    key: str, record: Mapping[str, Any], newest: Newest | None, *, appending: bool = False
) -> None:
    """`ConflictError` unless the record was made from the stored version."""
    base_seq = record.get("base_seq") or 0
    if newest is None:
        if base_seq or appending:
            raise conflict(key, base_seq, None)
    elif newest.seq != base_seq or (base_seq == 0 and not appending):
        raise conflict(key, base_seq, newest.seq)


def conflict(key: str, expected_seq: int, found_seq: int | None) -> ConflictError:
    """The error of a write that was made from another version; it names the record as its user does."""
    return ConflictError(split_key(key)[2], expected_seq=expected_seq, found_seq=found_seq)
