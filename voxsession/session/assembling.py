"""Gathering what a context is chosen from."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any

from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.learning.adaptation import adaptation_lines
from voxsession.memory.allowance import allowance_of
from voxsession.memory.building import build_context
from voxsession.memory.context import MESSAGE_OVERHEAD, Context, ContextParts
from voxsession.memory.context_lines import Counted
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.roster import LARGE, roster_of
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.long_memory import prepare, prepare_now
from voxsession.session.meaning import understand
from voxsession.session.reading import filed_talks, lineage, load_everything, read_history, visible
from voxsession.session.scope import Scope

__all__ = ["ContextPreview", "assemble", "assemble_fully"]

RECALL_LIMIT = 12
SOURCES = ("memories", "messages")
#: A memory takes at least so many tokens, so that the best of that many are all that could find room.
FEWEST_LINE_TOKENS = 16
MOST_SEARCHED = 1_000


class ContextPreview(Context, frozen=True, kw_only=True):
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
    prepare_now(core)
    data = core.view
    line = lineage(data, conversation_id)
    messages = visible(data.messages, data.message_offset, line)
    complete = _reaches_start(core, conversation_id)
    return _build(core, conversation_id, messages, newest, complete=complete, budget_tokens=budget_tokens)


async def assemble_fully(
    core: LiveCore,
    host: SessionHost,
    conversation_id: str,
    newest: Message | None = None,
    budget_tokens: int | None = None,
) -> Context:
    """The context as it is sent: filed messages are loaded as far as they could matter."""
    await load_everything(core, host)
    if core.data.index_pages:
        await filed_talks(core, host)
    asked = newest or _asked(core.view.messages)
    await prepare(core, (asked and asked.content) or "", RECALL_LIMIT + 1, SOURCES)
    if host.embedder is not None:
        said = visible(core.view.messages, core.view.message_offset, lineage(core.view, conversation_id))
        asked = newest or _asked(said)
        await understand(core, host, (asked and asked.content) or "")
    if conversation_id not in core.short_heads:
        preview = assemble(core, conversation_id, newest, budget_tokens)
        if preview.complete:
            return preview
    return await _from_pages(core, host, conversation_id, newest, budget_tokens)


async def _from_pages(
    core: LiveCore,
    host: SessionHost,
    conversation_id: str,
    newest: Message | None,
    budget_tokens: int | None,
) -> Context:
    """The context from as many filed messages as fill it, besides those that are loaded."""
    data = core.view
    loaded = visible(data.messages, data.message_offset, lineage(data, conversation_id))
    limit = _needed(core, loaded, budget_tokens)
    while True:
        history = await read_history(core, host, conversation_id, limit=limit)
        context = _build(
            core, conversation_id, history, newest, complete=len(history) < limit, budget_tokens=budget_tokens
        )
        if context.complete:
            break
        limit *= 2
    sent = sum(item.kind == "message" and item.included for item in context.items)
    # Where they filled no context now, they are not tried alone for the next one.
    (core.short_heads.add if sent > len(loaded) + 1 else core.short_heads.discard)(conversation_id)
    return context


def _build(
    core: LiveCore,
    conversation_id: str,
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
    budget = budget_tokens or int(config.get("context_tokens", 8000))
    half_lives = allowance_of(config).half_lives
    scope = Scope(core, conversation_id)
    line = [name for name, _ in lineage(data, conversation_id)]
    if len(line) > 1:
        _refresh(core)  # a branch asks for the places of messages
    matches = _matches(core, said, scope)
    live, sums = _candidates(core, matches, half_lives, budget)
    sums = [entry for entry in sums if scope.sees_summary(entry)]
    summaries, merged = _summaries(sums, line), _merged(core, sums, line)
    own = {entry.id for entry in (*summaries, *merged)}
    parts = ContextParts(
        instructions=_instructions(config),
        messages=said,
        entries=[entry for entry in live if entry.id not in own and scope.sees_summary(entry)],
        matches=matches,
        origin_of=scope.origin,
        wishes=adaptation_lines(data, now) if config.get("enable_adaptation", True) else (),
        state=state if isinstance(state, dict) else None,
        summaries=summaries,
        merged=merged,
        conversation_id=conversation_id,
        shares=config.get("context_shares") or {},
        half_lives=half_lives,
        passed_over=_passed_over(core, live, half_lives),
        complete=complete,
        budget_tokens=budget,
        now=now,
    )
    core.counted = core.counted or Counted(core.counter)
    return build_context(parts, core.counted)


def _candidates(
    core: LiveCore, matches: Sequence[MemoryMatch], half_lives: Mapping[str, float], budget_tokens: int
) -> tuple[list[MemoryEntry], list[MemoryEntry]]:
    """The live entries that a context is chosen from, and those that are summaries: of very many only the first."""
    data, now = core.view, core.now()
    roster = roster_of(data, half_lives)
    if roster is None or roster.count <= LARGE:
        live = [entry for entry in data.all_memories() if entry.is_live(now)]
        return live, live
    best = roster.best(data, now, LARGE // 4 + budget_tokens // FEWEST_LINE_TOKENS)
    found = [match.entry for match in matches if match.entry is not None]
    entries = {entry.id: entry for entry in (*roster.standing(data, now), *found, *best)}
    return list(entries.values()), roster.summaries(data, now)


def _passed_over(
    core: LiveCore, live: Sequence[MemoryEntry], half_lives: Mapping[str, float]
) -> tuple[int, int]:
    roster = roster_of(core.view, half_lives)
    if roster is None or roster.count <= LARGE:
        return 0, 0
    return max(roster.count - len(live), 0), max(roster.tokens - sum(entry.token_count for entry in live), 0)


def _summaries(entries: Sequence[MemoryEntry], line: Sequence[str]) -> list[MemoryEntry]:
    """The summaries of a conversation and its ancestors, the oldest ancestor's first."""
    slots = {summary_slot(name): place for place, name in enumerate(line)}
    found = [entry for entry in entries if entry.slot in slots]
    return sorted(found, key=lambda entry: (slots[entry.slot or ""], entry.id))


def _merged(core: LiveCore, entries: Sequence[MemoryEntry], line: Sequence[str]) -> list[MemoryEntry]:
    """The summaries of branches that were brought back to a conversation or its ancestors, in that order."""
    talks = core.view.conversations
    branches = [
        branch for name in line if name in talks for branch in talks[name].merged_ids if branch not in line
    ]
    by_slot = {entry.slot: entry for entry in entries}
    found = (by_slot.get(summary_slot(branch)) for branch in dict.fromkeys(branches))
    return [entry for entry in found if entry is not None]


def _instructions(config: dict[str, Any]) -> str:
    text = str(config.get("instructions", ""))
    language = config.get("language")
    return f"{text}\nAnswer in this language: {language}." if language else text


def _asked(said: Sequence[Message]) -> Message | None:
    """The message to be answered."""
    return next((message for message in reversed(said) if message.role == "user"), None)


def _matches(core: LiveCore, said: Sequence[Message], scope: Scope) -> list[MemoryMatch]:
    question = _asked(said)
    if question is None or not question.content:
        return []
    _refresh(core)
    asked, wanted = question.content, RECALL_LIMIT + 1
    while True:
        found = core.index.search(asked, wanted, now=core.now())
        seen = [match for match in found if _may_see(match, question, scope)]
        # What other branches said may have taken the first places: then more is asked for.
        if len(seen) >= RECALL_LIMIT or len(found) < wanted or wanted >= MOST_SEARCHED:
            return seen[:RECALL_LIMIT]
        wanted *= 4


def _refresh(core: LiveCore) -> None:
    core.index.refresh(core.view, -2 if core.in_batch else core.revision)


def _may_see(match: MemoryMatch, question: Message, scope: Scope) -> bool:
    if match.entry is not None:
        return scope.sees_summary(match.entry)
    return match.message is None or (match.message.id != question.id and scope.sees(match.message))


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
