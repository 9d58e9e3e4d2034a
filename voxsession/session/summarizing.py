"""Asking a model, or the app's own summarizer, to say in short what was said or noted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from voxsession.core.config import SessionConfig, known_settings
from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.errors import ConfigurationError, ModelError
from voxsession.memory.allowance import allowance_of, fitting_tokens
from voxsession.memory.context import Context
from voxsession.models.base import ModelRequest
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import read_history
from voxsession.session.taking import keeps_local

__all__ = ["check_writer", "note_summary", "summarize_conversation", "summary_of"]

NOTES_TASK = (
    "Write what these notes about one person say in one to three sentences, in the third person. "
    "Keep every name, number and date; add nothing; answer with the sentences only."
)
TALK_TASK = (
    "Sum this conversation up in at most five sentences, in the third person: what was asked, decided, promised "
    "and left open. Keep every name, number and date; add nothing; answer with the sentences only. "
    "A line that begins with 'So far:' sums up what came before."
)
PART_TOKENS = 3_000  # of a conversation at a time, so that any length fits any model
LONGEST_MESSAGE = 4_000
CATEGORY = "summary"
IMPORTANCE = 0.6


def check_writer(host: SessionHost, call: str = "summarize_memory()") -> None:
    """Refuses at once where nobody could write a summary."""
    if host.summarizer is None and not host.model_writes:
        raise ConfigurationError(
            f"{call} needs somebody who writes: give Voxon a model, or summarizer= an "
            "`async def summarize(texts: list[str]) -> str`. compress_memory() works without.",
            option="summarizer",
        )


async def summary_of(core: LiveCore, host: SessionHost, texts: Sequence[str], task: str = NOTES_TASK) -> str:
    """One short text that says what all of `texts` say.

    Raises:
        ModelError: it failed, or gave no text.
    """
    summarize = getattr(host.summarizer, "summarize", host.summarizer)
    try:
        if summarize is not None:
            text = summarize(list(texts))
            text = await text if inspect.isawaitable(text) else text
        else:
            text = await _ask_model(core, host, texts, task)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError("The summary could not be written; nothing was changed.") from error
    if not isinstance(text, str) or not text.strip():
        raise ModelError("The summary has no text; nothing was changed.")
    return text.strip()


async def summarize_conversation(
    core: LiveCore, host: SessionHost, conversation_id: str
) -> MemoryEntry | None:
    """Sums up what a conversation's own messages say and remembers it in place of its summary before.

    No lock is held while it is written. Only what was said since the summary before is read again.

    Returns:
        The summary; None where nothing was said yet, or what it was made of was changed meanwhile.

    Raises:
        ConfigurationError: there is neither a summarizer nor a model that could write.
        ModelError: it failed; nothing was changed.
    """
    check_writer(host, "summarize()")
    before = _summary_before(core, conversation_id)
    said = await _said(core, host, conversation_id)
    fresh = _since(said, before)
    if not fresh:
        return before
    text = before.content if before is not None else ""
    for part in _parts(core, fresh):
        text = await summary_of(core, host, [f"So far: {text}", *part] if text else part, TALK_TASK)
    again = await _said(core, host, conversation_id)
    if again[: len(said)] != said or _summary_before(core, conversation_id) is not before:
        return None
    entry = _entry(core, conversation_id, text, said[-1])
    local = keeps_local(str(core.view.config.get("memory_mode", "hybrid")), IMPORTANCE, learned=True)
    kept = core.remember(entry, local=local)
    await host.autosave_now(core)
    return kept


async def note_summary(
    core: LiveCore, host: SessionHost, conversation_id: str, text: str
) -> MemoryEntry | None:
    """Remembers the app's own text in place of a conversation's summary before; None where nothing was said yet."""
    said = await _said(core, host, conversation_id)
    if not said:
        return None
    entry = _entry(core, conversation_id, text, said[-1])
    return core.remember(
        entry, local=keeps_local(str(core.view.config.get("memory_mode", "hybrid")), 1.0, learned=True)
    )


def _summary_before(core: LiveCore, conversation_id: str) -> MemoryEntry | None:
    slot, now = summary_slot(conversation_id), core.now()
    return next((one for one in core.view.all_memories() if one.slot == slot and one.is_live(now)), None)


async def _said(core: LiveCore, host: SessionHost, conversation_id: str) -> list[Message]:
    """What person and assistant said in the conversation itself, without what was erased."""
    return [
        message
        for message in await read_history(core, host, conversation_id)
        if message.conversation_id == conversation_id
        and message.role in ("user", "assistant")
        and message.content
        and not message.redacted
    ]


def _since(said: list[Message], before: MemoryEntry | None) -> list[Message]:
    known = before.message_id if before is not None else None
    place = next((place for place, message in enumerate(said) if message.id == known), -1)
    return said[place + 1 :]


def _parts(core: LiveCore, messages: Sequence[Message]) -> Iterator[list[str]]:
    part: list[str] = []
    tokens = 0
    for message in messages:
        text = " ".join((message.content or "")[:LONGEST_MESSAGE].split())
        line = f"{message.name or message.role}: {text}"
        size = core.counter.count(line)
        if part and tokens + size > PART_TOKENS:
            yield part
            part, tokens = [], 0
        part.append(line)
        tokens += size
    yield part


def _entry(core: LiveCore, conversation_id: str, text: str, last: Message) -> MemoryEntry:
    allowed = (core.view.template or {}).get("memory_categories")
    category = CATEGORY if not allowed or CATEGORY in allowed else "general"
    return MemoryEntry(
        id=core.clock.new_id("mem"),
        content=text,
        category=category,
        importance=IMPORTANCE,
        timestamp=core.now(),
        source="assistant",
        token_count=fitting_tokens(text, category, allowance_of(core.view.config), core.counter),
        estimated=not core.counter.exact,
        slot=summary_slot(conversation_id),
        message_id=last.id,
        conversation_id=conversation_id,
    )


async def _ask_model(core: LiveCore, host: SessionHost, texts: Sequence[str], task: str) -> str:
    notes = "\n".join(f"- {' '.join(text.split())}" for text in texts)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": task},
        {"role": "user", "content": notes},
    ]
    tokens = core.counter.count(task) + core.counter.count(notes)
    data = core.view
    request = ModelRequest(
        messages=messages,
        config=SessionConfig(**known_settings(data.config)),
        context=Context(messages=messages, token_count=tokens, budget_tokens=tokens, complete=True),
        session_id=data.session_id,
        conversation_id="",
    )
    respond = getattr(host.model, "respond", host.model)
    outcome = respond(request)
    if inspect.isawaitable(outcome):
        outcome = await outcome
    if isinstance(outcome, str):
        return outcome
    return "".join([str(chunk) async for chunk in outcome])
