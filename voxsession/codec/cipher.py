"""The ciphers a body can be sealed with."""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from voxsession.clock import RandomPieces
from voxsession.errors import ConfigurationError

__all__ = ["CIPHERS", "METHODS", "AesGcmCipher", "ChaChaCipher", "Cipher", "SealBroken", "cipher_for"]

NONCE_BYTES = 12
_nonces = RandomPieces(NONCE_BYTES)


class SealBroken(Exception):
    """The sealed bytes do not open: wrong key, altered bytes or another place."""


class Cipher(Protocol):
    """Authenticated encryption under one key.

    `seal` gives nonce and ciphertext in one; `open` takes just that and raises
    `SealBroken` unless key, bytes and associated data are those of the sealing.
    """

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Encrypts under a fresh random nonce."""
        ...

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Checks and decrypts."""
        ...


class _Aead:
    """What the two ciphers share: random 96-bit nonces in front of the ciphertext."""

    def __init__(self, aead: AESGCM | ChaCha20Poly1305) -> None:
        self._aead = aead

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Encrypts under a fresh random nonce."""
        nonce = _nonces.take()
        return nonce + self._aead.encrypt(nonce, plain, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Checks and decrypts."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            raise SealBroken from None


class AesGcmCipher(_Aead):
    """AES-256-GCM (NIST SP 800-38D)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(AESGCM(key))


class ChaChaCipher(_Aead):
    """ChaCha20-Poly1305 (RFC 8439)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(ChaCha20Poly1305(key))


CIPHERS: dict[int, type[AesGcmCipher] | type[ChaChaCipher]] = {1: AesGcmCipher, 2: ChaChaCipher}
"""The code that stands in a sealed body, and its cipher; codes are never reused."""

METHODS = {"AES256": 1, "ChaCha20": 2, "none": 0}
"""What `session_encryption_method` may be, and the code it writes."""


def cipher_for(method: str) -> int:
    """The code of an encryption method; 0 for ``none``."""
    if method not in METHODS:
        raise ConfigurationError.out_of_range(
            "session_encryption_method", method, "choose one of " + ", ".join(METHODS)
        )
    return METHODS[method]
