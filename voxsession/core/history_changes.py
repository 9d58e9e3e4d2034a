"""The change that puts a broken history right."""

from __future__ import annotations

from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.struct import Struct, evolve, field
from voxsession.core.types import Count, JsonObject

__all__ = ["HistoryRepaired", "MessageRepair"]


class MessageRepair(Struct, frozen=True, kw_only=True):
    """What was done to one message, as it is afterwards; its text is never touched.

    Attributes:
        index: where it stood in the session before.
        what: each of what was done, such as ``doubled`` or ``no result``.
        new_id: its id from now on; None = as before.
        repair: `Message.repair` from now on.
        tool_calls: its calls from now on; None = as before.
    """

    index: Count
    message_id: str
    conversation_id: str
    what: list[str]
    new_id: str | None = None
    repair: JsonObject | None = None
    tool_calls: list[JsonObject] | None = None

    def amend(self, message: Message) -> Message:
        """The message as it is after this; calls that were erased meanwhile do not come back."""
        calls = message.tool_calls if self.tool_calls is None or message.redacted else self.tool_calls
        return evolve(message, id=self.new_id or message.id, repair=self.repair, tool_calls=calls)


@change_kind
class HistoryRepaired(Change, frozen=True, kw_only=True):
    """A stored history that no model takes as it stands was put right: nothing that was said is lost.

    It carries no text and leaves every index of the session at one message. All of it
    is done, or nothing where the messages are others by now. Another writer's change
    in between has it decided anew, so two that repair at once agree.

    Attributes:
        repairs: what was done to each message; those that lie in pages are amended there.
        positions: the indices whose messages change places, ascending.
        order: the ids of the messages at these places, as they stand afterwards.
    """

    kind: ClassVar[str] = "history.repaired"
    event: ClassVar[str | None] = "history.repaired"
    derived: ClassVar[bool] = True
    repairs: list[MessageRepair]
    positions: list[int] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        messages, offset = data.messages, data.message_offset
        amended: dict[int, Message] = {}
        for repair in self.repairs:
            place = repair.index - offset
            if place >= 0:
                if place >= len(messages) or messages[place].id != repair.message_id:
                    return
                amended[place] = repair.amend(messages[place])
        places = [index - offset for index in self.positions]
        if any(not 0 <= place < len(messages) for place in places):
            return
        found = {(message := amended.get(place, messages[place])).id: message for place in places}
        if not len(places) == len(self.order) == len(found) or found.keys() != set(self.order):
            return
        for place, message in amended.items():
            messages[place] = message
        for place, message_id in zip(places, self.order, strict=True):
            messages[place] = found[message_id]

    def of_filed(self, data: SessionData) -> dict[int, MessageRepair]:
        """The repairs of messages that lie in pages, by index."""
        return {repair.index: repair for repair in self.repairs if repair.index < data.message_offset}

    def event_fields(self) -> dict[str, Any]:
        rows = [
            {
                "message_id": one.new_id or one.message_id,
                "conversation_id": one.conversation_id,
                "what": one.what,
            }
            for one in self.repairs
        ]
        return {"repairs": rows}
