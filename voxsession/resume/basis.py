"""What the state of a call was read with, so that writing a copy of it takes nothing back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.message import Message
from voxsession.core.struct import Closed
from voxsession.core.types import JsonObject

__all__ = ["Basis"]


class Basis(Closed, frozen=True, kw_only=True, eq=False):
    """What of a call was read at one moment; it never changes, whatever is done with the state.

    Attributes:
        token: which call it was: one that was made anew under the same id has another.
        values: the fields of its record, with the value of those that it does not name.
        messages: what was said, oldest first, without what was erased.
        audio: the chunks of sound.
    """

    token: str | None
    values: Mapping[str, Any]
    messages: tuple[Message, ...]
    audio: tuple[bytes, ...]

    def is_of(self, record: Mapping[str, Any]) -> bool:
        """Whether it was read from this call."""
        return self.token is not None and record.get("token") == self.token

    def changed(self, given: JsonObject) -> JsonObject:
        """The given fields that are other than what was read; `resumed_count` always, as it tells who writes."""
        return {
            name: value
            for name, value in given.items()
            if name == "resumed_count" or name not in self.values or self.values[name] != value
        }

    def changed_audio(self, given: Sequence[bytes] | None) -> list[bytes] | None:
        """The given sound; None where it is what was read."""
        return None if given is None or tuple(given) == self.audio else list(given)
