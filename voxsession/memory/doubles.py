"""Messages that were recorded more than once: an id for each, and each said once."""

from __future__ import annotations

from typing import TypeAlias

from voxsession.core.message import DOUBLED, Message
from voxsession.core.struct import evolve
from voxsession.core.types import encode_canonical

__all__ = ["SET_ASIDE", "Placed", "with_own_ids", "without_doubles"]

SET_ASIDE = "set_aside"

# A message with the place where it lay in the list that was given.
Placed: TypeAlias = tuple[int, Message]


def with_own_ids(messages: list[Placed]) -> list[Placed]:
    """An id for each message; of two that share one, the later is a double only if it is equal to the earlier."""
    first: dict[str, Message] = {}
    taken = {message.id for _, message in messages}
    done: list[Placed] = []
    for origin, message in messages:
        original = first.setdefault(message.id, message)
        if original is not message:
            number = 2
            while (new_id := f"{message.id}~{number}") in taken:
                number += 1
            taken.add(new_id)
            fresh = evolve(message, id=new_id)
            same = _matters(original) == _matters(message)
            done.append((origin, _set_aside(fresh, DOUBLED) if same else fresh))
        else:
            done.append((origin, message))
    return done


def without_doubles(messages: list[Placed]) -> list[Placed]:
    """Marks what an app recorded once more, as it was and when it was."""
    seen: dict[bytes, str] = {}  # with the call of `add_messages` that it came by
    previous: Message | None = None
    latest, follows = None, False
    done = list(messages)
    for place, (origin, message) in enumerate(messages):
        if message.role == "tool":
            previous = None  # who asks again after a result asks anew
        elif not message.is_double and not message.redacted:
            goes_back = latest is not None and (message.at < latest or follows)
            known = seen.get(_matters(message)) if message.content else None
            follows = (previous is not None and _is_again(message, previous)) or (
                goes_back and known not in (None, _batch_of(message))
            )
            if follows:
                done[place] = origin, _set_aside(message, DOUBLED)
                continue
            seen.setdefault(_matters(message), _batch_of(message))
            previous = message
            latest = message.at if latest is None else max(latest, message.at)
    return done


def _is_again(message: Message, previous: Message) -> bool:
    """Whether a message repeats the one before it, from another call of `add_messages`: one list may well do so."""
    if _batch_of(message) == _batch_of(previous):
        return False
    if message.tool_calls and message.role == previous.role == "assistant":
        # No model gives the ids of its calls twice running, so it need not be of the same moment.
        return evolve(message, id=previous.id, at=previous.at, repair=previous.repair) == previous
    return bool(message.content) and _matters(message) == _matters(previous)


def _batch_of(message: Message) -> str:
    return message.id.partition(".")[0].partition("~")[0]


def _matters(message: Message) -> bytes:
    """All that tells two messages apart but their ids."""
    return encode_canonical(
        [
            message.conversation_id,
            message.role,
            message.content,
            message.at,
            message.name,
            message.metadata,
            message.tool_calls,
            message.tool_call_id,
            message.interrupted,
            message.origin,
            message.redacted,
        ]
    )


def _set_aside(message: Message, why: str) -> Message:
    return evolve(message, repair={SET_ASIDE: why})
