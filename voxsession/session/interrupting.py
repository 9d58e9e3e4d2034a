"""Cutting a recorded reply off at what was heard of it."""

from __future__ import annotations

from collections.abc import Sequence

from voxsession.core.changes import MessageInterrupted
from voxsession.core.message import Message
from voxsession.core.struct import evolve
from voxsession.models.base import Reply
from voxsession.session.live import LiveCore
from voxsession.session.noting import local_day

__all__ = ["cut_off", "reply_after", "reply_to_cut"]


def reply_to_cut(messages: Sequence[Message], conversation_id: str, heard: str | None) -> Message | None:
    """The reply that an interruption is about; None where there is none that it could mean.

    The last one, if nothing was said since. What was cut off already, or has been spoken over since, is only
    shortened to a beginning of what it holds: then what was heard of it is known better now.

    Args:
        messages: those that the conversation sees, oldest first.
        heard: what reached the person; None where that is not known.
    """
    is_newest = True
    for message in reversed(messages):
        if message.role == "assistant" and message.conversation_id == conversation_id:
            kept = message.content or ""
            is_less = heard is not None and heard != kept and kept.startswith(heard)
            is_plain = is_newest and not message.interrupted
            return message if is_plain or (is_less and (heard or is_newest)) else None
        is_newest = is_newest and message.role != "user"
    return None


def cut_off(core: LiveCore, message: Message, kept: str) -> Message:
    """Records that no more of a message was heard than `kept`; gives the message as it is then."""
    change = MessageInterrupted(
        at=core.now(),
        local_day=local_day(core, core.now()),
        message_id=message.id,
        conversation_id=message.conversation_id,
        content=kept,
        token_count=core.counter.count(kept),
        estimated=not core.counter.exact,
        again=message.interrupted,
    )
    core.record(change)
    return evolve(
        message, content=kept, token_count=change.token_count, estimated=change.estimated, interrupted=True
    )


def reply_after(reply: Reply, message: Message) -> Reply:
    """The reply as it is when its message was cut off; another one's is as it was."""
    if reply.message is None or reply.message.id != message.id:
        return reply
    text = message.content or ""
    return Reply(text, message=message, usage=reply.usage, context=reply.context, interrupted=True)
