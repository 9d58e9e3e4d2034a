"""Requests as the conversation makes them, written down shortly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from voxsession.core.config import SessionConfig
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import evolve
from voxsession.memory.context import Context
from voxsession.memory.matches import MemoryMatch
from voxsession.models.base import ModelRequest, Reply
from voxsession.models.offline import OfflineModel

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def entry(content: str, **fields: Any) -> MemoryEntry:
    """A memory of the first day."""
    return MemoryEntry(**{"id": "mem_" + content, "content": content, "timestamp": DAY, **fields})


def said(content: str, at: datetime = DAY, *, score: float = 0.5, **fields: Any) -> MemoryMatch:
    """A past message that search found."""
    message = Message(
        **{
            "id": "msg_" + content,
            "conversation_id": "c",
            "role": "user",
            "content": content,
            "at": at,
            **fields,
        }
    )
    return MemoryMatch(score=score, message=message)


def request_of(
    text: Any,
    memories: Iterable[str | MemoryEntry] = (),
    recalled: Iterable[MemoryMatch] = (),
    *,
    before: Iterable[dict[str, Any]] = (),
    wishes: Iterable[str] = (),
    name: str | None = None,
    **settings: Any,
) -> ModelRequest:
    """A request whose newest message is `text`; later memories are newer."""
    entries = [
        evolve(one if isinstance(one, MemoryEntry) else entry(one), timestamp=DAY + timedelta(minutes=place))
        for place, one in enumerate(memories)
    ]
    lines = "".join(f"- {wish}\n" for wish in wishes)
    system = f"Be kind.\n\nHow the user likes to be answered:\n{lines}" if lines else "Be kind."
    newest = {"role": "user", "content": text, **({"name": name} if name else {})}
    messages = [{"role": "system", "content": system}, *before, newest]
    context = Context(
        messages=messages,
        token_count=50,
        budget_tokens=8000,
        complete=True,
        memories=tuple(entries),
        recalled=tuple(recalled),
    )
    return ModelRequest(
        messages=messages,
        config=SessionConfig(**settings),
        context=context,
        session_id="s",
        conversation_id="c",
    )


def ask(text: Any, memories: Iterable[str | MemoryEntry] = (), *args: Any, **fields: Any) -> str:
    """What the offline model answers, as plain text."""
    reply = OfflineModel().respond(request_of(text, memories, *args, **fields))
    assert isinstance(reply, Reply)
    return reply.text
