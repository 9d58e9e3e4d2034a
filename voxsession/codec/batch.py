"""The changes of one save as bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import GenericAlias
from typing import Any

import msgspec

from voxsession.core.changes import KINDS, Change
from voxsession.core.envelope import FORMAT
from voxsession.core.types import ENCODING_ERRORS, encode_json, json_decoder
from voxsession.errors import IntegrityError, UnsupportedFormatError

__all__ = ["checked_body", "decode_changes", "encode_changes", "unstorable"]

_PIECE = 1_024
_decode_pairs = json_decoder(list[tuple[str, msgspec.Raw]])


@cache
def _decoder(kind: str) -> Callable[[bytes | msgspec.Raw], Any]:
    return json_decoder(KINDS[kind])


@cache
def _decoder_of_pairs(kind: str) -> Callable[[bytes | msgspec.Raw], Any]:
    pair = GenericAlias(tuple, (str, KINDS[kind]))
    return json_decoder(GenericAlias(list, (pair,)))


def encode_changes(changes: Sequence[Change]) -> bytes:
    """The changes in order, each as its kind and its fields."""
    pairs = [(change.kind, change) for change in changes]
    if len(pairs) <= _PIECE:
        return encode_json(pairs)
    # Piece by piece, so that a thread that does it lets others go on.
    pieces = (encode_json(pairs[start : start + _PIECE]) for start in range(0, len(pairs), _PIECE))
    return b"[" + b",".join(piece[1:-1] for piece in pieces) + b"]"


def decode_changes(body: bytes, record: str) -> list[Change]:
    """The changes of a batch.

    Raises:
        UnsupportedFormatError: a kind is not known here, so a newer version wrote it.
        IntegrityError: the bytes are no batch.
    """
    try:
        pairs = _decode_pairs(body)
        for kind, _ in pairs:
            if kind not in KINDS:
                raise UnsupportedFormatError(
                    f"A batch of {record!r}", found=f"{FORMAT} with {kind[:40]!r}", newest=FORMAT
                )
        return [_decoder(kind)(raw) for kind, raw in pairs]
    except ValueError as error:
        raise IntegrityError(record, f"a batch is not readable ({error})") from None


def checked_body(changes: Sequence[Change]) -> bytes | None:
    """What `encode_changes` gives, after a look that it can be read again; None where it cannot, or be made."""
    try:
        body = encode_changes(changes)
        _read_again(body, changes)
        return body
    except (*ENCODING_ERRORS, IntegrityError):
        return None


def _read_again(body: bytes, changes: Sequence[Change]) -> None:
    kinds = {change.kind for change in changes}
    if len(kinds) == 1 and len(changes) <= _PIECE:
        _decoder_of_pairs(kinds.pop())(body)  # at once, which takes half the time
    else:
        decode_changes(body, "")


def unstorable(changes: Sequence[Change]) -> list[Change]:
    """Those among the changes that cannot be written, or not be read again; normally none.

    One that got into a record would make the whole session unreadable.
    """
    if not changes or checked_body(changes) is not None:
        return []
    return list(changes) if len(changes) == 1 else [one for one in changes if unstorable([one])]
