"""Messages as complete turns, with every tool call beside its result."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from voxsession.core.message import Message
from voxsession.core.struct import Struct, evolve, field
from voxsession.core.types import JsonObject
from voxsession.memory.time_order import Ordered, in_time_order

__all__ = [
    "LOST_RESULT",
    "Turn",
    "call_ids",
    "complete_turns",
    "results_by_call",
    "sound_calls",
    "turn_around",
]

LOST_RESULT = "[no result of this call was recorded]"

# Where a call stands: the index of its message, and its id.
_Call: TypeAlias = tuple[int, str]


class Turn(Struct):
    """A user message and all that was said in reply; `notes` tells what had to be repaired."""

    messages: list[Message] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def call_ids(message: Message) -> list[str]:
    """The ids of the calls that a message asks for, each once; only the assistant can call."""
    if message.role != "assistant" or not message.tool_calls:
        return []
    return list(
        dict.fromkeys(str(call.get("id")) for call in message.tool_calls or () if isinstance(call, dict))
    )


def complete_turns(messages: Sequence[Message]) -> list[Turn]:
    """The messages in turns, in order, fit to be sent to a model.

    Messages are put in the order of time where they were recorded in another, and
    doubles are left out. A result stands right behind its call, wherever it was
    recorded; a call whose result was never recorded gets one that says so; a result
    without a call is left out. The same input always gives the same output.
    """
    ordered = in_time_order(_each_once(messages))
    kept = _sound(ordered)
    results = results_by_call(kept)
    used = {result.id for result in results.values()}
    called = {call_id for message in kept for call_id in call_ids(message)}
    turns: list[Turn] = []
    for index, message in enumerate(kept):
        if (message.role == "user" and message.id not in ordered.doubles) or not turns:
            turns.append(Turn())
        turn = turns[-1]
        if note := ordered.notes.get(message.id):
            turn.notes.append((message.id, note))
        if message.id in ordered.doubles:
            continue
        if message.role != "tool":
            turn.messages.append(message)
            for call_id in call_ids(message):
                _place_result(turn, message, call_id, results.get((index, call_id)))
        elif message.id not in used:
            second = message.tool_call_id in called
            why = "left out: a second result of a call" if second else "left out: a result without its call"
            turn.notes.append((message.id, why))
        elif _is_away(kept, index, results, ordered.doubles):
            turn.notes.append((message.id, "moved: behind its call"))
    return [turn for turn in turns if turn.messages or turn.notes]


def _each_once(messages: Sequence[Message]) -> list[Message]:
    first: dict[str, Message] = {}
    for message in messages:
        # An erased result still has to stand behind its call; whatever else was erased is gone.
        if (not message.redacted or message.role == "tool") and not message.is_double:
            first.setdefault(message.id, message)
    return list(first.values())


def _sound(ordered: Ordered) -> list[Message]:
    """The messages with calls that have an id each; doubles call nothing."""
    return [
        _withsound_calls(message, ordered) if message.tool_calls else message for message in ordered.messages
    ]


def _withsound_calls(message: Message, ordered: Ordered) -> Message:
    calls = [] if message.id in ordered.doubles else sound_calls(message)
    if calls == message.tool_calls:
        return message
    ordered.notes.setdefault(message.id, "repaired: calls without an id, or twice the same")
    return evolve(message, tool_calls=calls or None)


def sound_calls(message: Message) -> list[JsonObject]:
    """The calls of a message with an id of its own for each; one that was recorded twice is there once."""
    calls: dict[str, JsonObject] = {}
    for place, call in enumerate(message.tool_calls or ()):
        if isinstance(call, dict):
            call_id = str(call.get("id") or f"{message.id}_{place}")
            named = call if call.get("id") == call_id else {**call, "id": call_id}
            while calls.get(call_id, named) != named:  # another call under the same id
                call_id = f"{call_id}_{place}"
                named = {**call, "id": call_id}
            calls[call_id] = named
    return list(calls.values())


def _is_away(messages: list[Message], index: int, results: dict[_Call, Message], doubles: set[str]) -> bool:
    """Whether something else stands between a result and its call."""
    before = index - 1
    while before >= 0 and (messages[before].role == "tool" or messages[before].id in doubles):
        before -= 1
    return results.get((before, str(messages[index].tool_call_id))) is not messages[index]


def results_by_call(messages: Sequence[Message]) -> dict[_Call, Message]:
    """Which result belongs to which call; models use one id again in later turns.

    A result belongs to the earliest open call of its id in its own turn, else to the
    latest one before it. One that was recorded before any call of its turn waits for
    the first that stays open there.
    """
    found: dict[_Call, Message] = {}
    waiting: dict[str, list[int]] = {}
    early: list[tuple[int, int, Message]] = []
    starts = [index for index, message in enumerate(messages) if message.role == "user"]
    for index, message in enumerate(messages):
        for call_id in call_ids(message):
            waiting.setdefault(call_id, []).append(index)
        if message.role == "tool" and message.tool_call_id is not None:
            start, end = turn_around(starts, index, len(messages))
            callers = waiting.get(message.tool_call_id)
            if callers:
                caller = next((place for place in callers if place >= start), callers[-1])
                callers.remove(caller)
                found[caller, message.tool_call_id] = message
            else:
                early.append((index, end, message))
    for index, end, message in early:
        callers = waiting.get(str(message.tool_call_id), [])
        caller = next((place for place in callers if index < place < end), -1)
        if caller >= 0:
            callers.remove(caller)
            found[caller, str(message.tool_call_id)] = message
    return found


def turn_around(starts: list[int], index: int, total: int) -> tuple[int, int]:
    """Where the turn of a message begins and ends, the end not included; `starts` are its users' messages."""
    place = bisect_right(starts, index)
    return (starts[place - 1] if place else 0), (starts[place] if place < len(starts) else total)


def _place_result(turn: Turn, caller: Message, call_id: str, result: Message | None) -> None:
    if result is None:
        turn.notes.append((caller.id, "repaired: the result of a call was never recorded"))
        result = evolve(
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
