"""Sealing: a body is compressed, encrypted and bound to its header, its part and its place."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

from voxsession.codec.cipher import CIPHERS, Cipher, SealBroken
from voxsession.codec.keys import subkey
from voxsession.core.envelope import HEADER_FIELDS
from voxsession.core.types import encode_canonical
from voxsession.errors import IntegrityError

__all__ = ["Seal"]

COMPRESS_FROM = 2048  # a turn is smaller: packing it would cost more time than its bytes are worth
MAX_BODY = 1 << 30
PLAIN, DEFLATE = 0, 1
_ZLIB_HEAD, _CHECKSUM = 2, 4  # the bytes before and behind what zlib packs (RFC 1950)


class Seal:
    """Seals and opens the bodies of one session with keys derived from its data key.

    Args:
        data_key: the session's own 32 random bytes.
        code: the cipher that writes; any known one is read.
    """

    def __init__(self, data_key: bytes, code: int) -> None:
        self._data_key = data_key
        self._code = code
        self._ciphers: dict[tuple[int, str], Cipher] = {}

    def seal(self, header: Mapping[str, Any], part: str, body: bytes, *, level: int = 1) -> str:
        """The sealed body as base64; `level` is zlib's."""
        packing, packed = PLAIN, body
        if len(body) >= COMPRESS_FROM:
            smaller = _packed(body, level)
            if len(smaller) < len(body):
                packing, packed = DEFLATE, smaller
        lead = bytes((self._code, packing))
        sealed = self._cipher(self._code, part).seal(packed, _associated(header, part, lead))
        return binascii.b2a_base64(lead + sealed, newline=False).decode()

    def open(self, header: Mapping[str, Any], part: str, sealed: object, record: str) -> bytes:
        """The body; `IntegrityError` naming `record` unless every bit is as it was sealed."""
        if not isinstance(sealed, str):
            raise IntegrityError(record, f"its {part} is not sealed, though this installation encrypts")
        try:
            raw = base64.b64decode(sealed, validate=True)
            lead, body = raw[:2], raw[2:]
            if len(lead) != 2 or lead[0] not in CIPHERS or lead[1] not in (PLAIN, DEFLATE):
                raise SealBroken
            packed = self._cipher(lead[0], part).open(body, _associated(header, part, lead))
        except (SealBroken, binascii.Error, ValueError):
            raise IntegrityError(
                record, f"its {part} does not open with its header (altered or moved)"
            ) from None
        return packed if lead[1] == PLAIN else inflate(packed, record)

    def _cipher(self, code: int, part: str) -> Cipher:
        kind = part.partition(":")[0]
        if (code, kind) not in self._ciphers:
            self._ciphers[code, kind] = CIPHERS[code](subkey(self._data_key, kind))
        return self._ciphers[code, kind]


def _packed(body: bytes, level: int) -> bytes:
    # A window no larger than the body: preparing the full one takes twenty times as long as packing 1 KB.
    window, memory = (12, 5) if len(body) <= 4096 else (14, 7) if len(body) <= 16_384 else (15, 8)
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory)
    return packer.compress(body) + packer.flush()


def inflate(packed: bytes, record: str, most: int | None = None) -> bytes:
    """Unpacks what was authenticated, within a bound, so that a small record cannot fill the memory.

    The checksum behind it has to be there, but is not computed anew, which takes nearly half of the time: a tag
    has vouched for every bit.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(packed[_ZLIB_HEAD:], MAX_BODY if most is None else most)
    except zlib.error:
        raise IntegrityError(record, "its body does not unpack") from None
    if not unpacker.eof or len(unpacker.unused_data) != _CHECKSUM:
        raise IntegrityError(record, "its body does not unpack to its end within the size limit")
    return body


def _associated(header: Mapping[str, Any], part: str, lead: bytes) -> bytes:
    """What is authenticated with a body: every clear field, the part's name, cipher and packing."""
    return encode_canonical([part, lead[0], lead[1], *map(header.get, HEADER_FIELDS)])
