"""Deleting a conversation without breaking those that branched from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxsession.core.call_record import audio_pages_of
from voxsession.core.changes import (
    Change,
    ConversationDeleted,
    ConversationRestored,
    LearningForgotten,
    MemoryRemoved,
    MessagesRedacted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import summary_slot
from voxsession.core.struct import Struct
from voxsession.errors import ConfigurationError, ConflictError
from voxsession.session.erasure import lost_topics
from voxsession.session.holdings import Holdings, gather
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reports import Receipt

__all__ = ["delete_conversation"]

MAX_ROUNDS = 8
REASON = "its conversation was deleted"


class _Plan(Struct, frozen=True, kw_only=True):
    """What goes: messages and entries by id; `kept` messages stay for branches."""

    messages: list[str]
    entries: list[str]
    kept: int
    topics: list[str]
    restored: list[ConversationEntry]


async def delete_conversation(
    core: LiveCore, host: SessionHost, conversation_id: str, with_memories: bool
) -> Receipt:
    """Erases a conversation's messages as far as no branch sees them; see `Session.delete_conversation`."""
    if core.in_batch:
        raise ConfigurationError(
            "delete_conversation() inside batch_update() could not be saved. Leave the block first.",
            option="delete_conversation",
        )
    if core.open_conversations.get(conversation_id):
        raise ConfigurationError(
            f"The conversation {conversation_id!r} is open here. End it first: await conversation.end().",
            option="conversation_id",
            value=conversation_id,
        )
    if core.guest_turns:
        from voxsession.session.shares.guest_turn import withdraw_guests

        await withdraw_guests(core, [conversation_id])
    await host.settle(core)  # what is being learned from a message of it
    recorder = await host.ready()
    if core.exists:
        await recorder.reload(core, keep_pending=True)
    counts = {"messages": 0, "kept_for_branches": 0, "entries": 0}
    for _ in range(MAX_ROUNDS):
        known = core.data.message_total
        plan = _planned(core, await gather(core, host), conversation_id, with_memories)
        if core.data.message_total != known:  # a guest said something while that was read
            continue
        counts["messages"] += len(plan.messages)
        counts["entries"] += len(plan.entries)
        counts["kept_for_branches"] = plan.kept
        before = core.data.seq if core.exists else None
        talks = {talk.id: talk for talk in plan.restored} | core.data.conversations
        call = (talks[conversation_id].call if conversation_id in talks else None) or {}
        if call:  # what a call kept of its sound goes with it
            core.loose_pages |= audio_pages_of([talks[conversation_id]])
        core.record(*_changes(core, plan, conversation_id))
        await host.save(core)
        if call.get("token"):
            from voxsession.session.calls.pointers import CallPointers

            pointers = CallPointers(recorder, recorder.vault, core.clock, recorder.rules.tenant)
            await pointers.drop_of(conversation_id, str(call["token"]))
        core.index.forget([*plan.entries, *plan.messages])
        # Where others wrote meanwhile, what they wrote is looked through as well.
        if before in (None, core.data.seq - 1) and not core.loose_pages:
            return Receipt(counts=counts)
    raise ConflictError(
        core.data.session_id, expected_seq=core.data.seq, found_seq=None, what="others save all the time"
    )


def _planned(core: LiveCore, held: Holdings, conversation_id: str, with_memories: bool) -> _Plan:
    talks = {**{talk.id: talk for talk in held.talks}, **core.data.conversations}
    deleted = {talk.id for talk in talks.values() if talk.status == "deleted"} | {conversation_id}
    below: dict[str | None, list[ConversationEntry]] = {}
    for talk in talks.values():
        below.setdefault(talk.parent_id, []).append(talk)
    limits = {name: _seen_upto(below, name, deleted) for name in deleted}
    gone, kept = [], 0
    for index, message in enumerate(held.messages):
        if message.conversation_id in deleted and not message.redacted:
            if index >= limits[message.conversation_id]:
                gone.append(message.id)
            else:
                kept += message.conversation_id == conversation_id
    wanted = set(gone)
    merged = {branch for talk in talks.values() if talk.id not in deleted for branch in talk.merged_ids}
    slots = {summary_slot(talk) for talk in deleted - merged}
    entries = [
        entry.id
        for entry in held.entries
        if entry.slot in slots or (with_memories and entry.message_id in wanted and not _sums_up(entry.slot))
    ]
    line = [talks[conversation_id]] if conversation_id not in core.data.conversations else []
    topics = sorted(lost_topics(core.data.topics, wanted, held.messages))
    return _Plan(messages=gone, entries=entries, kept=kept, topics=topics, restored=line)


def _sums_up(slot: str | None) -> bool:
    return slot is not None and slot.startswith(summary_slot(""))


def _seen_upto(
    below: Mapping[str | None, Sequence[ConversationEntry]], conversation_id: str, deleted: set[str]
) -> int:
    """Up to which index living branches see the messages of a conversation."""
    most, met = 0, {conversation_id}
    waiting = [(child, child.branch_index or 0) for child in below.get(conversation_id, ())]
    while waiting:
        child, limit = waiting.pop()
        if child.id in met:
            continue
        met.add(child.id)
        if child.id not in deleted:
            most = max(most, limit)
        waiting += [(one, min(limit, one.branch_index or 0)) for one in below.get(child.id, ())]
    return most


def _changes(core: LiveCore, plan: _Plan, conversation_id: str) -> list[Change]:
    """What is recorded; something that erases always, so that the whole session is written anew."""
    now, local = core.now(), core.data.local_memories
    changes: list[Change] = [ConversationRestored(at=entry.last_at, entry=entry) for entry in plan.restored]
    changes.append(ConversationDeleted(at=now, conversation_id=conversation_id))
    if plan.messages:
        changes.append(MessagesRedacted(at=now, message_ids=plan.messages, unnamed=plan.messages))
        changes.append(LearningForgotten(at=now, message_ids=plan.messages, topics=plan.topics))
    for is_local in (False, True):
        ids = [entry_id for entry_id in plan.entries if (entry_id in local) is is_local]
        if ids:
            changes.append(MemoryRemoved(at=now, entry_ids=ids, reason=REASON, local=is_local))
    return changes
