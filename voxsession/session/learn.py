"""What a session learns from a message: facts to remember, evidence for preferences."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from voxsession.core.changes import MemoryReinforced
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import as_utc, check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.learning.estimates import learned_moves
from voxsession.memory.facts import Fact
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore

__all__ = ["keeps_local", "learn_from"]

HYBRID_IMPORTANCE = 0.5


def keeps_local(mode: str, importance: float, *, learned: bool) -> bool:
    """Whether an entry stays with the process: decided by the memory mode when it is recorded."""
    if mode == "ephemeral":
        return True
    return mode == "hybrid" and learned and importance < HYBRID_IMPORTANCE


def learn_from(core: LiveCore, host: SessionHost, messages: Sequence[Message]) -> None:
    """Takes facts and evidence from what the user said; nothing is learned from anybody else's words.

    The messages are recorded already.
    """
    if not core.view.config.get("enable_learning", True):
        return
    from voxsession.learning.preferences import learn  # its word lists take 10 ms, which an import need not

    evidence_before = dict(core.view.evidence)
    for message in messages:
        if message.role == "user" and message.content and message.origin == "said":
            reply = _earlier(core, message, "assistant")
            _extract(core, host, message, reply)
            core.record(*learn(core.view, message, previous=_earlier(core, message, "user"), reply=reply))
    for name, old, new in learned_moves(evidence_before, core.view):
        core.signal("preference.learned", name=name, old=old, value=new)


def _earlier(core: LiveCore, message: Message, role: str) -> Message | None:
    """The latest message of a role before this one, in the same conversation."""
    is_before = False
    for candidate in reversed(core.view.messages):
        if candidate.id == message.id:
            is_before = True
        elif is_before and candidate.role == role and candidate.conversation_id == message.conversation_id:
            return candidate
    return None


def _extract(core: LiveCore, host: SessionHost, message: Message, previous: Message | None) -> None:
    said_before = previous.content if previous is not None else None
    extract = getattr(host.extractor, "extract", host.extractor)
    try:
        facts = extract(message.content, at=message.at, speaker=message.name, previous=said_before)
        if not inspect.isawaitable(facts):
            _remember_all(core, host, message, facts)
            return
    except Exception as error:
        _failed(core, error)
        return

    async def in_background() -> None:
        try:
            _remember_all(core, host, message, await facts)
        except Exception as error:
            _failed(core, error)

    task = asyncio.get_running_loop().create_task(in_background())
    core.tasks.add(task)
    task.add_done_callback(core.tasks.discard)


def _remember_all(core: LiveCore, host: SessionHost, message: Message, facts: Iterable[Fact]) -> None:
    if isinstance(facts, (str, bytes, Mapping)) or not isinstance(facts, Iterable):
        raise ConfigurationError.out_of_range("extractor", type(facts).__name__, "a list of Fact is needed")
    for given in facts:
        try:
            _remember(core, host, message, _checked(given))
        except ConfigurationError as error:
            _failed(core, error)  # the others are kept


def _remember(core: LiveCore, host: SessionHost, message: Message, fact: Fact) -> None:
    if fact.expires_at is not None and fact.expires_at <= core.now():
        return  # a plan of a transcript that is replayed years later
    if not _reinforce(core, fact, message):
        entry = _entry_of(fact, message, core, host)
        if 0 < entry.token_count <= int(core.view.config.get("max_memory_size", 10_000)):
            mode = str(core.view.config.get("memory_mode", "hybrid"))
            core.remember(entry, local=keeps_local(mode, fact.importance, learned=True))


def _checked(fact: object) -> Fact:
    """The fact as it can be stored; an extractor may be the app's own."""
    if not isinstance(fact, Fact):
        raise ConfigurationError.out_of_range("extractor", type(fact).__name__, "a list of Fact is needed")
    return Fact(
        content=check_text("fact.content", fact.content, allow_empty=False),
        category=check_text("fact.category", fact.category, allow_empty=False),
        importance=float(check_number("fact.importance", fact.importance, 0, 1)),
        slot=None if fact.slot is None else check_text("fact.slot", fact.slot),
        value=None if fact.value is None else check_text("fact.value", fact.value),
        expires_at=None if fact.expires_at is None else as_utc("fact.expires_at", fact.expires_at),
    )


def _failed(core: LiveCore, error: Exception) -> None:
    core.signal("handler.failed", handler="extractor", event="message.added", error=error)


def _slot(fact: Fact, message: Message) -> str | None:
    return f"{(message.name or 'user').casefold()}.{fact.slot}" if fact.slot else None


def _reinforce(core: LiveCore, fact: Fact, message: Message) -> bool:
    """The same fact again is more evidence, not another entry."""
    slot, wanted = _slot(fact, message), fact.content.casefold()
    for entry in core.view.all_memories():
        is_own = entry.superseded_by is None and entry.source != "shared"  # what others noted is no evidence
        if is_own and entry.slot == slot and entry.content.casefold() == wanted:
            local = entry.id in core.view.local_memories
            core.record(MemoryReinforced(at=message.at, entry_id=entry.id, local=local))
            return True
    return False


def _entry_of(fact: Fact, message: Message, core: LiveCore, host: SessionHost) -> MemoryEntry:
    category = fact.category
    allowed: Any = (core.view.template or {}).get("memory_categories")
    if allowed and category not in allowed:
        category = "general"
    return MemoryEntry(
        id=core.clock.new_id("mem"),
        content=fact.content,
        category=category,
        importance=float(fact.importance),
        timestamp=message.at,
        expires_at=fact.expires_at,
        speaker=message.name,
        source="user",
        token_count=host.counter.count(fact.content),
        estimated=not host.counter.exact,
        slot=_slot(fact, message),
        value=fact.value,
        message_id=message.id,
        conversation_id=message.conversation_id,
    )
