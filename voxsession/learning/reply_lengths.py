"""How long a reply should be, from what a person went on from, cut off, or asked to have shorter or longer."""

from __future__ import annotations

from voxsession.core.message import Message
from voxsession.learning.features import word_count
from voxsession.learning.wishes import reply_pressure

__all__ = ["reply_evidence"]

#: What is asked for after a reply that was too long, or too short, in parts of that reply.
_SHORTER, _LONGER = 0.6, 1.6
_ASKED_WEIGHT = 3.0
#: What was heard before an interruption was long enough, if anything.
_CUT_WEIGHT = 0.3


def reply_evidence(message: Message, answered: Message | None) -> dict[str, tuple[float, float]]:
    """What a message says of the length of the reply before it.

    Args:
        message: the user's message.
        answered: the assistant's message that it comes after.

    Returns:
        `response_length` (words, weight) and `length_pressure` (-1 shorter, 1 longer, 0 neither; weight); nothing
        where there is no such reply.
    """
    if answered is None or not answered.content or answered.at > message.at:
        return {}
    pressure = reply_pressure(message.content or "")
    words = float(word_count(answered.content))
    value, weight = (words, _CUT_WEIGHT) if answered.interrupted else (words, 1.0)
    if pressure:
        value, weight = words * (_SHORTER if pressure < 0 else _LONGER), _ASKED_WEIGHT
    push = float(pressure or -int(answered.interrupted))
    return {"response_length": (round(value, 2), weight), "length_pressure": (push, 1.0)}
