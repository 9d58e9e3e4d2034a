"""Recorded messages as they were said: each once, and in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from voxsession.core.message import Message
from voxsession.core.struct import Struct, field

__all__ = ["Ordered", "in_time_order"]

# Clocks of several machines differ by seconds, and who speaks at once is written down one after the other.
TOLERANCE = timedelta(seconds=60)


class Ordered(Struct):
    """Messages in their order.

    Attributes:
        messages: all of them, those that were recorded twice included.
        doubles: ids of messages that say once more what another one says.
        notes: what was done to which message, by its id.
    """

    messages: Sequence[Message]
    doubles: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)


def in_time_order(messages: Sequence[Message]) -> Ordered:
    """The messages in the order in which they were said, as far as that differs from how they were recorded.

    A message that repeats its neighbour, or that was recorded once more with its
    old time, is a double. A message of more than a minute before one that was
    recorded ahead of it goes to its place; the turn to answer always stays last.

    Args:
        messages: in the order of recording, each id once.

    Returns:
        The same messages; the same input always gives the same output.
    """
    if not _is_disturbed(messages):
        return Ordered(messages)
    ordered = Ordered(messages)
    _find_doubles(ordered)
    _move_late_ones(ordered)
    return ordered


def _is_disturbed(messages: Sequence[Message]) -> bool:
    """Whether anything could have to be done; told quickly, for mostly nothing has."""
    latest = previous = None
    for message in messages:
        if message.role == "tool":
            previous = None  # who asks again after a result asks anew
            continue
        if previous is not None and _is_same(message, previous):
            return True
        if latest is not None and message.at < latest:
            return True
        latest, previous = message.at, message
    return False


def _is_same(one: Message, other: Message) -> bool:
    return (
        one.role == other.role
        and one.content == other.content
        and one.name == other.name
        and one.tool_calls == other.tool_calls
    )


def _find_doubles(ordered: Ordered) -> None:
    seen: set[Any] = set()
    latest = previous = None
    follows_double = False
    for message in ordered.messages:
        if message.role == "tool":
            previous = None
            continue
        said = (message.role, message.content, message.name, message.at)
        goes_back = latest is not None and (message.at < latest or follows_double)
        follows_double = (previous is not None and _is_same(message, previous)) or (
            goes_back and said in seen
        )
        if follows_double:
            ordered.doubles.add(message.id)
            ordered.notes[message.id] = "left out: it was recorded twice"
            continue
        seen.add(said)
        previous = message
        latest = message.at if latest is None else max(latest, message.at)


def _move_late_ones(ordered: Ordered) -> None:
    body = ordered.messages[: _start_of_open_turn(ordered.messages)]
    on_time: list[Message] = []
    late: list[tuple[Message, ...]] = []
    latest, is_late = None, False
    for message in body:
        if message.role == "tool" and is_late:
            late[-1] = (*late[-1], message)
            continue
        if message.role != "tool" and message.id not in ordered.doubles:
            is_late = latest is not None and message.at < latest - TOLERANCE
            if is_late:
                late.append((message,))
                ordered.notes[message.id] = "moved: it was recorded after later messages"
                continue
            latest = message.at if latest is None else max(latest, message.at)
        on_time.append(message)
    if late:
        rest = ordered.messages[len(body) :]
        ordered.messages = [*_merged(on_time, sorted(late, key=lambda group: group[0].at)), *rest]


def _merged(on_time: list[Message], late: list[tuple[Message, ...]]) -> list[Message]:
    merged: list[Message] = []
    place = 0
    for message in on_time:
        while place < len(late) and message.role != "tool" and late[place][0].at < message.at:
            merged += late[place]
            place += 1
        merged.append(message)
    for group in late[place:]:
        merged += group
    return merged


def _start_of_open_turn(messages: Sequence[Message]) -> int:
    """Where the turn that waits for an answer begins; the end of the list where none does."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message.role == "user":
            return index
        if message.role == "assistant" and not message.tool_calls:
            break
    return len(messages)
