"""Keys: how they are spelled, which are known here, what is derived from them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from voxsession.codec.cipher import AesGcmCipher, SealBroken
from voxsession.core.struct import Struct
from voxsession.core.types import encode_canonical
from voxsession.errors import ConfigurationError, IntegrityError, KeyNotFoundError

__all__ = ["KeyRing", "MasterKeys", "key_id_of", "new_kdf", "owner_hash", "parse_key", "phrase_key", "subkey"]

KEY_BYTES = 32
SCRYPT = {"n": 2**15, "r": 8, "p": 1}
MAX_SCRYPT = 2**22  # n x r: 512 MiB


class _Key(Struct, frozen=True):
    """One key as given: 32 raw bytes, or a pass phrase that still has to be stretched."""

    raw: bytes | None = None
    phrase: bytes | None = None

    def __repr__(self) -> str:
        return "Key(raw)" if self.raw else "Key(pass phrase)"


def parse_key(spelled: bytes | str) -> _Key:
    """Reads a key as a user spells it.

    Bytes: 32 are a raw key, others are decoded as text. Text: 64 hex digits, or
    base64 of exactly 32 bytes, else a pass phrase; ``hex:``, ``base64:`` and
    ``pass:`` in front decide.

    Raises:
        ConfigurationError: it is empty, or does not hold what its prefix says. The key is never shown.
    """
    if isinstance(spelled, bytes):
        if len(spelled) == KEY_BYTES:
            return _Key(raw=spelled)
        try:
            spelled = spelled.decode()
        except UnicodeDecodeError:
            raise _bad_key(f"bytes of length {len(spelled)} are neither a raw key of 32 nor text") from None
    if not isinstance(spelled, str) or not spelled:
        raise _bad_key("a key is bytes or text, and not empty")
    prefix, colon, rest = spelled.partition(":")
    if colon and prefix in ("hex", "base64", "pass"):
        return _prefixed(prefix, rest)
    if re.fullmatch(r"[0-9a-fA-F]{64}", spelled):
        return _Key(raw=bytes.fromhex(spelled))
    raw = _base64_key(spelled)
    return _Key(raw=raw) if raw else _Key(phrase=_phrase_bytes(spelled))


def _prefixed(prefix: str, rest: str) -> _Key:
    if prefix == "pass":
        if not rest:
            raise _bad_key("the pass phrase after 'pass:' is empty")
        return _Key(phrase=_phrase_bytes(rest))
    if prefix == "hex":
        if not re.fullmatch(r"[0-9a-fA-F]{64}", rest):
            raise _bad_key("'hex:' takes exactly 64 hex digits")
        return _Key(raw=bytes.fromhex(rest))
    raw = _base64_key(rest)
    if raw is None:
        raise _bad_key("'base64:' takes the base64 of exactly 32 bytes")
    return _Key(raw=raw)


def _phrase_bytes(phrase: str) -> bytes:
    try:
        return phrase.encode()
    except UnicodeEncodeError:
        raise _bad_key("the pass phrase is not Unicode text") from None


def _base64_key(text: str) -> bytes | None:
    if len(text.rstrip("=")) != 43:
        return None
    try:
        raw = base64.b64decode(text.rstrip("=").replace("-", "+").replace("_", "/") + "=", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == KEY_BYTES else None


def _bad_key(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"session_encryption_key cannot be used: {why}. Give 32 bytes, 64 hex digits, "
        "base64 of 32 bytes, or a pass phrase.",
        option="session_encryption_key",
    )


class KeyRing:
    """The master keys of an installation: the first writes, all read.

    Args:
        write: the key that new sessions are sealed with, spelled as `session_encryption_key`.
        read: older keys that still open what they sealed.

    Example:
        >>> KeyRing("pass:correct horse", "hex:" + "00" * 32)
        KeyRing(1 write key, 1 read key)
    """

    def __init__(self, write: bytes | str, *read: bytes | str) -> None:
        self._keys = [parse_key(spelled) for spelled in (write, *read)]

    @property
    def has_pass_phrase(self) -> bool:
        """Whether a key must be stretched with the tenant's salt first (slow: run `resolve` in a thread)."""
        return any(key.phrase is not None for key in self._keys)

    def resolve(self, kdf: Mapping[str, Any] | None) -> MasterKeys:
        """The usable keys, pass phrases stretched by `kdf` (the parameters in the keyring record)."""
        return MasterKeys([key.raw or _stretch(key.phrase or b"", kdf) for key in self._keys])

    def __repr__(self) -> str:
        others = len(self._keys) - 1
        return f"KeyRing(1 write key, {others} read key{'' if others == 1 else 's'})"


def new_kdf(salt: bytes) -> dict[str, Any]:
    """The parameters that pass phrases of a new installation are stretched with (Scrypt, RFC 7914)."""
    return {"name": "scrypt", "salt": base64.b64encode(salt).decode(), **SCRYPT}


def phrase_key(phrase: str, kdf: Mapping[str, Any], record: str) -> bytes:
    """The key that a pass phrase gives with these parameters; slow on purpose, so run it in a thread.

    Raises:
        IntegrityError: the parameters, which stand in `record`, are not readable or out of bounds.
    """
    return _stretch(_phrase_bytes(phrase), kdf, record)


def _stretch(phrase: bytes, kdf: Mapping[str, Any] | None, record: str = "keyring") -> bytes:
    try:
        assert kdf is not None
        salt, n, r, p = base64.b64decode(kdf["salt"]), int(kdf["n"]), int(kdf["r"]), int(kdf["p"])
        # Bounds: altered parameters must neither weaken the key unseen nor take all memory (128 x n x r bytes).
        if kdf["name"] != "scrypt" or not (n >= 2**14 and r >= 1 and n * r <= MAX_SCRYPT and 1 <= p <= 16):
            raise ValueError
        return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(phrase)
    except (AssertionError, KeyError, TypeError, ValueError, binascii.Error):
        raise IntegrityError(record, "the parameters of the pass phrase are not readable") from None


def subkey(key: bytes, purpose: str) -> bytes:
    """A key for one purpose only (HKDF-Expand, RFC 5869; the input keys are uniform already)."""
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=b"voxsession " + purpose.encode()).derive(
        key
    )


def key_id_of(master: bytes) -> str:
    """The public name of a master key, derived one-way from it."""
    return "k" + subkey(master, "key id")[:8].hex()


def owner_hash(index_key: bytes, tenant: str, user_id: str) -> str:
    """The keyed hash that stands for a user id in clear headers."""
    return hmac.new(index_key, encode_canonical([tenant, user_id]), hashlib.sha256).hexdigest()[:32]


def token_hash(index_key: bytes, tenant: str, *parts: str) -> str:
    """A keyed hash for sharing: HMAC-SHA-256 under a key of its own, made of the one that rotation does not touch."""
    key = subkey(index_key, "share")
    return hmac.new(key, encode_canonical([tenant, *parts]), hashlib.sha256).hexdigest()


class MasterKeys:
    """The usable master keys by id; the first one writes."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._wrapping: dict[str, AesGcmCipher] = {}
        for key in keys:
            self._wrapping.setdefault(key_id_of(key), AesGcmCipher(subkey(key, "wrap")))
        self.write_id = next(iter(self._wrapping))

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._wrapping

    @property
    def ids(self) -> list[str]:
        """The ids of all keys, the writing one first."""
        return list(self._wrapping)

    def forget(self, key_id: str) -> None:
        """Lets go of a reading key; what only it wrapped cannot be opened with these keys any more."""
        assert key_id != self.write_id, "the writing key cannot be forgotten"
        self._wrapping.pop(key_id, None)

    def wrap(self, data_key: bytes, *place: str) -> tuple[str, str]:
        """Key id and wrapped key; `place` (tenant, session id) is authenticated with it."""
        sealed = self._wrapping[self.write_id].seal(data_key, encode_canonical([self.write_id, *place]))
        return self.write_id, base64.b64encode(sealed).decode()

    def unwrap(self, key_id: object, wrapped: object, record: str, *place: str) -> bytes:
        """The data key.

        Raises:
            KeyNotFoundError: no master key of this id is known here.
            IntegrityError: the key is known, the wrapped key was altered or belongs elsewhere.
        """
        if not isinstance(key_id, str) or not isinstance(wrapped, str):
            raise IntegrityError(record, "it names no key")
        if key_id not in self._wrapping:
            raise KeyNotFoundError(
                key_id if re.fullmatch(r"[ -~]{1,40}", key_id) else None, f"Record {record!r}"
            )
        try:
            sealed = base64.b64decode(wrapped, validate=True)
            return self._wrapping[key_id].open(sealed, encode_canonical([key_id, *place]))
        except (SealBroken, binascii.Error, ValueError):
            raise IntegrityError(record, "its wrapped key was altered or belongs to another record") from None
