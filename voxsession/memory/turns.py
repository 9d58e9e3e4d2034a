"""Messages as complete turns, with every tool call beside its result."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from voxsession.core.message import Message

__all__ = ["LOST_RESULT", "Turn", "complete_turns"]

LOST_RESULT = "[no result of this call was recorded]"


@attrs.define(slots=True)
class Turn:
    """A user message and all that was said in reply; `notes` tells what had to be repaired."""

    messages: list[Message] = attrs.field(factory=list)
    notes: list[tuple[str, str]] = attrs.field(factory=list)


def complete_turns(messages: Sequence[Message]) -> list[Turn]:
    """The messages in turns, in order, fit to be sent to a model.

    A result stands right behind its call, wherever it was recorded; a call whose
    result was never recorded gets one that says so; a result without a call and
    a message that was recorded twice are left out. The same input always gives
    the same output.
    """
    results = _results_by_call(messages)
    turns: list[Turn] = []
    seen: set[str] = set()
    for message in messages:
        if message.id in seen or message.redacted:
            continue
        seen.add(message.id)
        if message.role == "user" or not turns:
            turns.append(Turn())
        turn = turns[-1]
        if message.role == "tool":
            if message.tool_call_id not in _called(messages):
                turn.notes.append((message.id, "left out: a result without its call"))
            continue  # results are placed behind their calls
        turn.messages.append(message)
        for call in message.tool_calls or ():
            _place_result(turn, message, str(call.get("id")), results)
    return [turn for turn in turns if turn.messages or turn.notes]


def _results_by_call(messages: Sequence[Message]) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for message in messages:
        if message.role == "tool" and message.tool_call_id is not None:
            found.setdefault(message.tool_call_id, message)
    return found


def _called(messages: Sequence[Message]) -> set[str]:
    return {str(call.get("id")) for message in messages for call in message.tool_calls or ()}


def _place_result(turn: Turn, caller: Message, call_id: str, results: dict[str, Message]) -> None:
    result = results.get(call_id)
    if result is None:
        turn.notes.append((caller.id, "repaired: the result of a call was never recorded"))
        result = attrs.evolve(
            caller,
            id=f"{caller.id}:{call_id}",
            role="tool",
            content=LOST_RESULT,
            tool_calls=None,
            tool_call_id=call_id,
            token_count=0,
            estimated=True,
            name=None,
        )
    turn.messages.append(result)
