"""The change that notes what sensitive entries left behind, where no stored entry tells it any more."""

from __future__ import annotations

from typing import ClassVar

import attrs

from voxsession.core.change import Change, change_kind
from voxsession.core.session_data import SessionData
from voxsession.core.withholding import noted

__all__ = ["SecretsNoted"]


@change_kind
class SecretsNoted(Change):
    """Sensitive entries go out of sight, or were never stored; what repeats them stays withheld.

    Attributes:
        messages: those that such an entry was learned from, with their conversations.
        slots: attributes that one fills.
        marks: short keyed hashes of their words and numbers, by the session id they are keyed with.
        gone: messages, slots and marks that are withheld no longer.
    """

    kind: ClassVar[str] = "memory.withheld"
    quiet: ClassVar[bool] = True
    messages: dict[str, str | None] = attrs.field(factory=dict)
    slots: list[str] = attrs.field(factory=list)
    marks: dict[str, list[str]] = attrs.field(factory=dict)
    gone: list[str] = attrs.field(factory=list)

    def apply(self, data: SessionData) -> None:
        data.extra = noted(
            data.extra, messages=self.messages, slots=self.slots, marks=self.marks, gone=self.gone
        )
