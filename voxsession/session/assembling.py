"""Gathering what a context is chosen from."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

import attrs

from voxsession.core.message import Message
from voxsession.learning.adaptation import adaptation_lines
from voxsession.memory.context import MESSAGE_OVERHEAD, Context, ContextParts, build_context
from voxsession.memory.matches import MemoryMatch
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import lineage, load_everything, read_history, visible

__all__ = ["ContextPreview", "assemble", "assemble_fully"]

RECALL_LIMIT = 12


@attrs.define(frozen=True, slots=True, kw_only=True, repr=False)
class ContextPreview(Context):
    """A context from what is loaded; awaiting it gives the one that would be sent."""

    finish: Callable[[], Coroutine[Any, Any, Context]]

    def __await__(self) -> Generator[Any, None, Context]:
        return self.finish().__await__()


def assemble(
    core: LiveCore, conversation_id: str, newest: Message | None = None, budget_tokens: int | None = None
) -> Context:
    """The context of a conversation from what is loaded; nothing is read or written.

    Args:
        newest: a message that is not recorded yet, to be answered.
        budget_tokens: instead of the session's `context_tokens`.
    """
    data = core.view
    line = lineage(data, conversation_id)
    messages = visible(data.messages, data.message_offset, line)
    complete = _reaches_start(core, conversation_id)
    return _build(core, messages, newest, complete=complete, budget_tokens=budget_tokens)


async def assemble_fully(
    core: LiveCore,
    host: SessionHost,
    conversation_id: str,
    newest: Message | None = None,
    budget_tokens: int | None = None,
) -> Context:
    """The context as it is sent: filed messages are loaded as far as they could matter."""
    await load_everything(core, host)
    preview = assemble(core, conversation_id, newest, budget_tokens)
    if preview.complete:
        return preview
    data = core.view
    line = lineage(data, conversation_id)
    seen = visible(data.messages, data.message_offset, line)
    limit = _needed(core, seen, budget_tokens)
    while True:
        history = await read_history(core, host, conversation_id, limit=limit)
        context = _build(core, history, newest, complete=len(history) < limit, budget_tokens=budget_tokens)
        if context.complete:
            return context
        limit *= 2


def _build(
    core: LiveCore,
    messages: Sequence[Message],
    newest: Message | None,
    *,
    complete: bool,
    budget_tokens: int | None = None,
) -> Context:
    data, now = core.view, core.now()
    config = data.config
    said = [*messages, newest] if newest is not None else list(messages)
    state = data.state.get("context")
    parts = ContextParts(
        instructions=_instructions(config),
        messages=said,
        entries=[entry for entry in data.all_memories() if entry.is_live(now)],
        matches=_matches(core, said),
        wishes=adaptation_lines(data) if config.get("enable_adaptation", True) else (),
        state=state if isinstance(state, dict) else None,
        complete=complete,
        budget_tokens=budget_tokens or int(config.get("context_tokens", 8000)),
        now=now,
    )
    return build_context(parts, core.counter)


def _instructions(config: dict[str, Any]) -> str:
    text = str(config.get("instructions", ""))
    language = config.get("language")
    return f"{text}\nAnswer in this language: {language}." if language else text


def _matches(core: LiveCore, said: Sequence[Message]) -> list[MemoryMatch]:
    question = next((message for message in reversed(said) if message.role == "user"), None)
    if question is None or not question.content:
        return []
    core.index.refresh(core.view, -2 if core.in_batch else core.revision)
    found = core.index.search(question.content, RECALL_LIMIT + 1, now=core.now())
    return [match for match in found if match.message is None or match.message.id != question.id][
        :RECALL_LIMIT
    ]


def _reaches_start(core: LiveCore, conversation_id: str) -> bool:
    data = core.view
    for name, _ in lineage(data, conversation_id):
        entry = data.conversations.get(name)
        if entry is None:
            return data.message_offset == 0
        if entry.first_index is not None and entry.first_index < data.message_offset:
            return False
    return True


def _needed(core: LiveCore, seen: Sequence[Message], budget_tokens: int | None) -> int:
    """How many messages should fill the budget, if the earlier ones are as long as those that are seen."""
    budget = budget_tokens or int(core.view.config.get("context_tokens", 8000))
    mean = sum(message.token_count + MESSAGE_OVERHEAD for message in seen) / len(seen) if seen else 32.0
    return int(1.25 * budget / max(mean, MESSAGE_OVERHEAD)) + 20
