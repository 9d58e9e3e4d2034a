"""Finding what mentions a text, with all that it came from and all that was made of it, to take it out for good."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any

from voxsession.core.call_record import AUDIO
from voxsession.core.changes import (
    Change,
    LearningForgotten,
    MemoryAdded,
    MemoryRemoved,
    MessagesRedacted,
    SnapshotErased,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT
from voxsession.core.struct import Struct, field
from voxsession.core.types import check_text, decode_json, encode_json
from voxsession.errors import ConfigurationError, ConflictError
from voxsession.learning.topics import topics_of
from voxsession.memory.mentions import Phrase, folded, texts_in
from voxsession.memory.traces import Traces, find_traces
from voxsession.session.holdings import Holdings, gather
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reports import Receipt

__all__ = ["Erasure", "lost_topics", "topics_lost_with"]

LEAST_ROUNDS = 8
SHOWN_CHARS = 80
REASON = "forgotten"
_APPS_OWN = ("user_id", "config", "state", "template", "metrics", "shares", "preferences", "extra")


class _Plan(Struct, kw_only=True):
    """What one round takes out."""

    traces: Traces
    held: Holdings
    topics: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)


class Erasure:
    """One thing to be forgotten in one session."""

    def __init__(self, core: LiveCore, host: SessionHost) -> None:
        self._core = core
        self._host = host

    async def carry_out(self, text_or_query: str, dry_run: bool) -> Receipt:
        """Erases it, or tells what would go; see `Session.forget`."""
        core = self._core
        text = check_text("text_or_query", text_or_query, allow_empty=False)
        phrase = Phrase(text)
        if core.in_batch:
            raise ConfigurationError(
                "forget() inside batch_update() could not be saved. Leave the block first.", option="forget"
            )
        await self._host.settle(core)  # what is being learned from a message may mention it
        recorder = await self._host.ready()
        if core.exists:
            await recorder.reload(core, keep_pending=True)
        plan = await self._plan(text)
        if dry_run:
            return Receipt(
                counts=_counts(plan), details=_rows(plan, shown=True) + _kept(phrase, plan, core.data)
            )
        counts, rows = Counter[str](), list[dict[str, Any]]()
        until = asyncio.get_running_loop().time() + recorder.patience_seconds
        for number in itertools.count():
            if number >= LEAST_ROUNDS and asyncio.get_running_loop().time() > until:
                raise _starved(core, number)
            counts.update(_counts(plan))
            rows += _rows(plan, shown=False)
            before = core.data.seq if core.exists else None
            await self._erase(plan)
            if before in (None, core.data.seq - 1) and not core.loose_pages:
                break
            # Where others wrote meanwhile, what they wrote is looked through as well.
            plan = await self._plan(text)
            if not core.loose_pages and not _erases(plan):
                break
        counts["set_aside"] += await recorder.erase_set_aside(core)
        return Receipt(counts=dict(counts), details=rows + _kept(phrase, plan, core.data))

    async def _plan(self, text: str) -> _Plan:
        core = self._core
        held = await gather(core, self._host)
        seeded = (core.data.extra.get("profile") or {}).get("topics", {})
        topics = {**seeded, **core.data.topics}

        def look() -> _Plan:
            traces = find_traces(text, held.entries, held.messages)
            lost = _topics(text, topics, traces, held.messages)
            return _Plan(traces=traces, held=held, topics=lost, frozen=_frozen(text, core.data))

        return await asyncio.to_thread(look)

    async def _erase(self, plan: _Plan) -> None:
        core, traces = self._core, plan.traces
        core.record(*_changes(plan, core))
        core.settle_memory()
        try:
            await self._host.save(core)
        finally:
            # Not before: a recall may have read the old pages while the save was on its way.
            core.index.forget([*traces.entries, *traces.messages])


def _erases(plan: _Plan) -> bool:
    traces = plan.traces
    return bool(traces.entries or traces.messages or traces.revived or plan.topics)


def _starved(core: LiveCore, rounds: int) -> ConflictError:
    seq, session_id = core.data.seq, core.data.session_id
    return ConflictError(
        session_id,
        expected_seq=seq,
        found_seq=seq,
        message=f"Others wrote session {session_id!r} while it was being forgotten, {rounds} times in a row. What was "
        "found is erased and saved; what they go on writing may mention it. Call forget() again when they write less "
        "often.",
    )


def _changes(plan: _Plan, core: LiveCore) -> list[Change]:
    """What is recorded; something that erases always, so that the whole session is written anew."""
    now, traces, local = core.now(), plan.traces, core.data.local_memories
    revived = [entry.id for entry in traces.revived]
    leaving = [*traces.entries, *revived]
    stored = [entry_id for entry_id in leaving if entry_id not in local]
    own = [entry_id for entry_id in leaving if entry_id in local]
    changes: list[Change] = []
    if stored:
        changes.append(MemoryRemoved(at=now, entry_ids=stored, reason=REASON))
    if own:
        changes.append(MemoryRemoved(at=now, entry_ids=own, reason=REASON, local=True))
    changes += [MemoryAdded(at=now, entry=entry, local=entry.id in local) for entry in traces.revived]
    if traces.messages:
        ids = list(traces.messages)
        changes.append(MessagesRedacted(at=now, message_ids=ids, unnamed=traces.unnamed))
    changes.append(LearningForgotten(at=now, message_ids=list(traces.messages), topics=plan.topics))
    if plan.frozen:
        changes.append(SnapshotErased(at=now, row_ids=plan.frozen))
    return changes


def _frozen(text: str, data: SessionData) -> list[str]:
    """What frozen shares hold of it: an entry may have said it that says something else by now."""
    phrase = Phrase(text)
    rows = [
        row
        for stored in data.shares.values()
        for kind in (stored.get(SNAPSHOT) or {}).values()
        for row in kind
        if phrase.is_in_any(texts_in(row))
    ]
    return sorted({str(row["id"]) for row in rows})


def _topics(text: str, topics: Iterable[str], traces: Traces, messages: Sequence[Message]) -> list[str]:
    """The topics that hold the text, and those that only the messages that go were about."""
    phrase = Phrase(text)
    lost = lost_topics(topics, traces.messages, messages)
    return sorted(lost | {topic for topic in topics if phrase.is_in(topic)})


async def topics_lost_with(core: LiveCore, host: SessionHost, gone: Container[str]) -> list[str]:
    """The topics of a session that nothing is about but messages that are erased."""
    return sorted(lost_topics(core.data.topics, gone, (await gather(core, host)).messages))


def lost_topics(topics: Iterable[str], gone: Container[str], messages: Sequence[Message]) -> set[str]:
    """The topics that only the messages that go were about.

    Args:
        topics: those that were learned.
        gone: the ids of the messages that go.
        messages: all messages, those that go among them.
    """
    spoken = [message for message in messages if message.role == "user" and message.content]
    lost = {topic for message in spoken if message.id in gone for topic in topics_of(message.content or "")}
    lost &= set(topics)
    for message in spoken:
        plain = folded(message.content or "") if lost and message.id not in gone else ""
        if any(folded(topic)[:4] in plain for topic in lost):
            lost -= topics_of(message.content or "").keys()
    return lost


# --- telling


def _counts(plan: _Plan) -> dict[str, int]:
    traces, pages = plan.traces, plan.held.pages
    return {
        "entries": len(traces.entries),
        "archived": sum(entry_id in pages for entry_id in traces.entries),
        "revived": len(traces.revived),
        "messages": len(traces.messages),
        "topics": len(plan.topics),
        "frozen": len(plan.frozen),
        "pages": len({pages[one] for one in (*traces.entries, *traces.messages) if one in pages}),
    }


def _rows(plan: _Plan, *, shown: bool) -> list[dict[str, Any]]:
    """A row for each that goes; `shown` with its beginning, which of a sensitive entry nobody sees."""
    traces, held = plan.traces, plan.held
    sensitive = [entry for entry in held.entries if entry.sensitive]
    hidden = {entry.id for entry in sensitive} | {entry.message_id for entry in sensitive}

    def row(one: MemoryEntry | Message, kind: str, became: str, reason: str) -> dict[str, Any]:
        begins = {"begins": (one.content or "")[:SHOWN_CHARS]} if shown and one.id not in hidden else {}
        return {"id": one.id, "kind": kind, "became": became, "reason": reason, **begins}

    rows = [
        row(entry, "memory", "removed", traces.entries[entry.id])
        for entry in held.entries
        if entry.id in traces.entries
    ]
    rows += [
        row(message, "message", "redacted", traces.messages[message.id])
        for message in held.messages
        if message.id in traces.messages
    ]
    rows += [row(entry, "memory", "revived", "its summary went") for entry in traces.revived]
    return rows + [{"kind": "topic", "became": "removed", "reason": "learned from it"} for _ in plan.topics]


def _kept(phrase: Phrase, plan: _Plan, data: SessionData) -> list[dict[str, Any]]:
    """What holds the text and is not erased: what the app itself chose, and calls things by."""
    rows = [
        {"kind": name, "became": "kept", "reason": "it was set by the app"}
        for name in _APPS_OWN
        if phrase.is_in_any(_texts(_own(data, name)))
    ]
    talks = [*data.conversations.values(), *plan.held.talks]
    rows += [
        {
            "kind": "conversation",
            "id": talk.id,
            "became": "kept",
            "reason": "its id or its call holds the text",
        }
        for talk in talks
        if phrase.is_in_any(_texts(talk))
    ]
    rows += [
        {"kind": "audio", "id": talk.id, "became": "kept", "reason": "sound cannot be searched"}
        for talk in talks
        if talk.call and talk.call.get(AUDIO)
    ]
    rows += [
        {"kind": "memory", "id": entry.id, "became": "kept", "reason": "its category holds the text"}
        for entry in plan.held.entries
        if entry.id not in plan.traces.entries and phrase.is_in(entry.category)
    ]
    return rows


def _own(data: SessionData, name: str) -> Any:
    value = getattr(data, name)
    if name != "shares":
        return value
    return [{part: one[part] for part in one if part != SNAPSHOT} for one in value.values()]


def _texts(value: Any) -> Iterable[str]:
    return texts_in(decode_json(encode_json(value)))
