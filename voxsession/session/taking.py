"""What becomes of the facts that an extractor gave: remembered, counted as more evidence, or ending others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from voxsession.core.changes import MemoryReinforced, MemorySuperseded
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.rules import allowed_categories
from voxsession.core.types import as_utc, check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.memory.fact_index import fact_index_of
from voxsession.memory.facts import Fact
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore

__all__ = ["keeps_local", "remember_all", "tell_failure"]

HYBRID_IMPORTANCE = 0.5


def keeps_local(mode: str, importance: float, *, learned: bool) -> bool:
    """Whether an entry stays with the process: decided by the memory mode when it is recorded."""
    if mode == "ephemeral":
        return True
    return mode == "hybrid" and learned and importance < HYBRID_IMPORTANCE


def remember_all(
    core: LiveCore, host: SessionHost, messages: Mapping[str, Message], facts: Iterable[Fact]
) -> None:
    """Remembers what an extractor gave; a wrong fact is told and left out.

    Args:
        core: the live session.
        host: what counts tokens.
        messages: those that were looked through, by id; a fact that names none is of the last.
        facts: what the extractor gave, of any type.

    Raises:
        ConfigurationError: it is no list.
    """
    if isinstance(facts, (str, bytes, Mapping)) or not isinstance(facts, Iterable):
        raise ConfigurationError.out_of_range("extractor", type(facts).__name__, "a list of Fact is needed")
    latest = list(messages)[-1]
    taken: list[tuple[Message, Fact]] = []
    try:
        for given in facts:
            try:
                fact = _checked(given)
                message = messages.get(fact.message_id or latest)
                if message is None:
                    raise ConfigurationError.out_of_range(
                        "fact.message_id", fact.message_id, "it names none of the messages that were given"
                    )
                taken.append((message, fact))
            except ConfigurationError as error:
                tell_failure(core, error)  # the others are kept
    finally:
        _take(core, host, taken)  # also where the extractor broke off behind them


def _take(core: LiveCore, host: SessionHost, taken: Sequence[tuple[Message, Fact]]) -> None:
    """Remembers facts, and ends those that are denied."""
    said = {(message.id, fact.content.casefold()) for message, fact in taken if not fact.is_denied}
    for message, fact in taken:
        if fact.is_denied:
            _end(core, message, fact, said)
        else:
            _remember(core, host, message, fact)


def _end(core: LiveCore, message: Message, denied: Fact, said: Set[tuple[str, str]]) -> None:
    """Ends what is remembered of a denied fact, but for what the same message says; it stays as history."""
    from voxsession.memory.denied import ended_by

    core.keep_private(denied)
    view, now = core.view, core.now()
    for entry in ended_by(denied, view.all_memories(), speaker=message.name, at=message.at, now=now):
        if (message.id, entry.content.casefold()) not in said:
            core.record(
                MemorySuperseded(
                    at=now,
                    entry_id=entry.id,
                    by=message.id,
                    valid_until=message.at,
                    is_denied=True,
                    local=entry.id in view.local_memories,
                )
            )


def _remember(core: LiveCore, host: SessionHost, message: Message, fact: Fact) -> None:
    core.keep_private(fact)  # also where it is not remembered, or under another category
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
        valid_from=None if fact.valid_from is None else as_utc("fact.valid_from", fact.valid_from),
        message_id=None if fact.message_id is None else check_text("fact.message_id", fact.message_id),
        is_denied=bool(fact.is_denied),
    )


def tell_failure(core: LiveCore, error: Exception) -> None:
    """An extractor's failure is an event, never the turn's."""
    core.signal("handler.failed", handler="extractor", event="message.added", error=error)


def _slot(fact: Fact, message: Message) -> str | None:
    return f"{(message.name or 'user').casefold()}.{fact.slot}" if fact.slot else None


def _reinforce(core: LiveCore, fact: Fact, message: Message) -> bool:
    """The same fact again is more evidence, not another entry."""
    slot, now, view = _slot(fact, message), core.now(), core.view
    for entry in fact_index_of(view).saying(view, fact.content):
        # What others noted is no evidence.
        if entry.slot == slot and entry.is_live(now) and entry.source != "shared":
            local = entry.id in view.local_memories
            said_in = {"message_id": message.id, "conversation_id": message.conversation_id}
            core.record(MemoryReinforced(at=message.at, entry_id=entry.id, local=local, **said_in))
            return True
    return False


def _entry_of(fact: Fact, message: Message, core: LiveCore, host: SessionHost) -> MemoryEntry:
    category = fact.category
    allowed = allowed_categories((core.view.template or {}).get("memory_categories"))
    if allowed and category not in allowed:
        category = "general"
    return MemoryEntry(
        id=core.clock.new_id("mem"),
        content=fact.content,
        category=category,
        importance=float(fact.importance),
        timestamp=message.at,
        expires_at=fact.expires_at,
        valid_from=fact.valid_from if fact.valid_from != message.at else None,
        speaker=message.name,
        source="user",
        token_count=host.counter.count(fact.content),
        estimated=not host.counter.exact,
        slot=_slot(fact, message),
        value=fact.value,
        message_id=message.id,
        conversation_id=message.conversation_id,
    )
