"""A bundle under a pass phrase: pieces that are sealed in order, so that none can be cut off or exchanged."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

from voxsession.codec.bundle_rows import BUNDLE_FORMAT, SEALED_KIND
from voxsession.codec.cipher import AesGcmCipher, SealBroken
from voxsession.codec.keys import key_id_of, new_kdf, phrase_key, subkey
from voxsession.codec.seal import inflate
from voxsession.core.types import JsonObject, encode_canonical
from voxsession.errors import IntegrityError, KeyNotFoundError

__all__ = ["PIECE_BYTES", "PieceOpener", "PieceSealer", "sealed_head"]

PIECE_BYTES = 256 * 1024
"""How much of a bundle one piece holds, unpacked."""
_MAX_COST = 2**20  # n x r: 128 MiB, four times what is written; a bundle comes from anywhere
_MAX_PARALLEL = 4
_PLAIN, _PACKED = b"\0", b"\1"


def sealed_head(salt: bytes, passphrase: str) -> tuple[JsonObject, PieceSealer]:
    """The head of a sealed bundle, and what seals its pieces; slow on purpose, so run it in a thread.

    Args:
        salt: 16 random bytes, new for each bundle.
        passphrase: not empty.
    """
    kdf = new_kdf(salt)
    key = phrase_key(passphrase, kdf, "bundle")
    head = {"format": BUNDLE_FORMAT, "kind": SEALED_KIND, "kdf": kdf, "key_id": key_id_of(key)}
    head["sha256"] = _digest_of(head)
    return head, PieceSealer(key, str(head["sha256"]))


class PieceSealer:
    """Cuts what is written into pieces of one size and seals each with its place.

    AES-256-GCM; authenticated with a piece are the checksum of the head, its number, and whether it is the last.
    """

    def __init__(self, key: bytes, head_digest: str) -> None:
        self._cipher = AesGcmCipher(subkey(key, "bundle"))
        self._digest = head_digest
        self._waiting = bytearray()
        self._count = 0

    def feed(self, data: bytes) -> list[str]:
        """Takes bytes in; the pieces that are full by now. The last one is held back for `finish`."""
        self._waiting += data
        pieces = []
        while len(self._waiting) > PIECE_BYTES:
            pieces.append(self._sealed(bytes(self._waiting[:PIECE_BYTES]), is_last=False))
            del self._waiting[:PIECE_BYTES]
        return pieces

    def finish(self) -> str:
        """The last piece."""
        return self._sealed(bytes(self._waiting), is_last=True)

    def _sealed(self, body: bytes, *, is_last: bool) -> str:
        packed = zlib.compress(body, 6)
        lead, packed = (_PACKED, packed) if len(packed) < len(body) else (_PLAIN, body)
        sealed = self._cipher.seal(packed, _place(self._digest, self._count, is_last, lead))
        self._count += 1
        return base64.b64encode(lead + sealed).decode()


class PieceOpener:
    """Opens the pieces of one sealed bundle; made in a thread, since stretching the pass phrase is slow.

    Args:
        head: the head of the bundle.
        passphrase: what it was sealed with.
        name: what errors call the bundle.

    Raises:
        IntegrityError: the head was altered, or asks for more work than any bundle of ours.
        KeyNotFoundError: the pass phrase is another one.
    """

    def __init__(self, head: Mapping[str, Any], passphrase: str, name: str) -> None:
        known = {field: value for field, value in head.items() if field not in ("sha256", "pieces")}
        if head.get("sha256") != _digest_of(known):
            raise IntegrityError(name, "its head was altered")
        kdf = head.get("kdf")
        if not isinstance(kdf, dict) or not _is_bearable(kdf):
            raise IntegrityError(name, "the parameters of the pass phrase are out of bounds")
        key = phrase_key(passphrase, kdf, name)
        if key_id_of(key) != head.get("key_id"):
            raise KeyNotFoundError(
                None,
                f"The bundle {name!r}",
                message=f"The bundle {name!r} is sealed with another pass phrase than the one given. Give the one it "
                "was exported with.",
            )
        self._cipher = AesGcmCipher(subkey(key, "bundle"))
        self._digest = str(head["sha256"])
        self._name = name

    def open(self, piece: object, number: int, *, is_last: bool) -> bytes:
        """What a piece holds; `IntegrityError` unless it is this piece of this bundle, every bit of it."""
        try:
            if not isinstance(piece, str):
                raise SealBroken
            raw = base64.b64decode(piece, validate=True)
            lead, sealed = raw[:1], raw[1:]
            packed = self._cipher.open(sealed, _place(self._digest, number, is_last, lead))
        except (SealBroken, binascii.Error, ValueError):
            raise IntegrityError(
                self._name,
                f"piece {number + 1} does not open: it was altered, moved, or what follows was cut off",
            ) from None
        if lead != _PACKED:
            return packed
        body = inflate(packed, self._name, PIECE_BYTES + 1)
        if len(body) > PIECE_BYTES:
            raise IntegrityError(self._name, f"piece {number + 1} unpacks to more than a piece holds")
        return body


def _place(digest: str, number: int, is_last: bool, lead: bytes) -> bytes:
    return encode_canonical(["bundle", digest, number, is_last, lead.hex()])


def _digest_of(head: Mapping[str, Any]) -> str:
    return hashlib.sha256(encode_canonical(dict(head))).hexdigest()


def _is_bearable(kdf: Mapping[str, Any]) -> bool:
    n, r, p = (kdf.get(name) for name in "nrp")
    if not all(type(value) is int for value in (n, r, p)):
        return False
    assert isinstance(n, int) and isinstance(r, int) and isinstance(p, int)
    return 0 < n * r <= _MAX_COST and 1 <= p <= _MAX_PARALLEL
