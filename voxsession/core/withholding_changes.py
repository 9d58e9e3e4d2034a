"""The change that notes what sensitive entries left behind, where no stored entry tells it any more."""

from __future__ import annotations

from typing import ClassVar

from voxsession.core.change import Change, change_kind
from voxsession.core.session_data import SessionData
from voxsession.core.struct import field
from voxsession.core.withholding import noted

__all__ = ["SecretsNoted"]


@change_kind
class SecretsNoted(Change, frozen=True, kw_only=True):
    """Sensitive entries go out of sight, or were never stored; what repeats them stays withheld.

    Attributes:
        messages: those that such an entry was learned from, with their conversations.
        slots: attributes that one fills.
        marks: short keyed hashes of their words and numbers, by the session id they are keyed with.
        gone: messages, slots and marks that are withheld no longer.
    """

    kind: ClassVar[str] = "memory.withheld"
    quiet: ClassVar[bool] = True
    messages: dict[str, str | None] = field(default_factory=dict)
    slots: list[str] = field(default_factory=list)
    marks: dict[str, list[str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        data.extra = noted(
            data.extra, messages=self.messages, slots=self.slots, marks=self.marks, gone=self.gone
        )
