"""The token of a share: random, shown once, known afterwards by its keyed hash only."""

from __future__ import annotations

import base64
import hashlib
import re

from voxsession.clock import Clock

__all__ = ["is_digest", "new_token", "token_digest"]

TOKEN_BYTES = 32
_TOKEN = re.compile(r"vxs_[A-Za-z0-9_-]{43}")
_NONE = "vxs_" + "." * 43  # has the length of a token, and is none
_DIGEST = "sha256:"


def new_token(clock: Clock) -> str:
    """A token of 256 random bits, as text that fits into a link."""
    return "vxs_" + base64.urlsafe_b64encode(clock.random_bytes(TOKEN_BYTES)).decode().rstrip("=")


def token_digest(given: object) -> str:
    """What is known of a token before its installation is open: the keyed hash is made of this.

    What was cut, extended or is no text at all goes the same way as a token that nobody knows.

    Example:
        >>> token_digest(None) == token_digest("A" * 1_000_000) != token_digest("vxs_" + "A" * 43)
        True
    """
    token = str(given) if isinstance(given, str) and _TOKEN.fullmatch(given) else _NONE
    return _DIGEST + hashlib.sha256(token.encode()).hexdigest()


def is_digest(known: str) -> bool:
    """Whether this is not keyed yet: the share was never saved."""
    return known.startswith(_DIGEST)
