"""Names that every file system keeps apart, made from ids in a way that can be undone."""

from __future__ import annotations

import functools
import hashlib
import re
from urllib.parse import unquote_to_bytes

__all__ = ["LONGEST_NAME", "escaped", "is_shortened", "unescaped"]

LONGEST_NAME = 240  # of the 255 bytes that file systems allow; the rest is for endings such as ".torn-12"
_PLAIN = re.compile(r"[a-z0-9_@+=\-](?:[a-z0-9._@+=\-]*[a-z0-9_@+=\-])?\Z")
_PLAIN_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+=-")
_UPPER_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(?:\.|\Z)")
_SHORTENED = "%-"


@functools.lru_cache(maxsize=8192)
def escaped(text: str, *, keep_case: bool = True) -> str:
    """A file name for an id.

    What a file system may refuse or confuse is written as ``%`` and two hex digits: anything but
    ASCII letters, digits and ``._@+=-``, a dot at either end, the first letter of a name that
    Windows reserves, and capital letters where `keep_case` is false. A name that would grow
    longer than 240 bytes is ``%-`` and a hash, which cannot be undone.

    Example:
        >>> escaped("sess_1"), escaped("call:7"), escaped("con")
        ('sess_1', 'call%3a7', '%63on')
    """
    if _PLAIN.match(text) and not _RESERVED.match(text) and len(text) <= LONGEST_NAME:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    allowed = _PLAIN_BYTES if keep_case else _PLAIN_BYTES - _UPPER_BYTES
    name = "".join(chr(byte) if byte in allowed else f"%{byte:02x}" for byte in raw)
    if name.startswith(".") or _RESERVED.match(name):
        name = f"%{ord(name[0]):02x}{name[1:]}"
    if name.endswith("."):
        name = name[:-1] + "%2e"
    if len(name) > LONGEST_NAME or not name:
        return _SHORTENED + hashlib.sha256(raw).hexdigest()
    return name


def is_shortened(name: str) -> bool:
    """Whether the name is a hash: only what is stored under it knows its id."""
    return name.startswith(_SHORTENED)


def unescaped(name: str) -> str:
    """The id that `escaped` made this name from; not for shortened names.

    Example:
        >>> unescaped("call%3a7")
        'call:7'
    """
    return unquote_to_bytes(name).decode("utf-8", "surrogatepass")
