"""Any change that can happen, with ids from small pools, so that changes meet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from voxsession.core.changes import KINDS, Change, MessageRepair
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import ROLES, Message, Usage
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import PERMISSIONS
from voxsession.core.struct import evolve

START = datetime(2026, 1, 1, tzinfo=UTC)

HARD_TEXTS = (
    "",
    "\0",
    "a\0b",
    "🦄 e\u0301",
    "שלום עולם",
    "\u202eمرحبا\u202c",
    "𝔘𝔫𝔦",
    '"\\\n\t\r',
    "<|endoftext|>",
)
texts = st.one_of(
    st.sampled_from(HARD_TEXTS), st.text(st.characters(exclude_categories=("Cs",)), max_size=24)
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
counts = st.integers(0, 10_000)
amounts = st.floats(-1e9, 1e9, allow_nan=False)
shares = st.floats(0, 1)

conversation_ids = st.sampled_from(["c1", "c2", "c3"])
message_ids = st.sampled_from([f"m{n}" for n in range(6)])
memory_ids = st.sampled_from([f"e{n}" for n in range(6)])
names = st.sampled_from(["formality", "verbosity", "technical_level", "tasks"])

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The value, or None."""
    return st.none() | values


def messages(ids: st.SearchStrategy[str] = message_ids) -> st.SearchStrategy[Message]:
    """Any message that can be stored."""
    return st.builds(
        Message,
        id=ids,
        conversation_id=conversation_ids,
        role=st.sampled_from(ROLES),
        content=optional(texts),
        at=moments,
        name=optional(texts),
        metadata=optional(json_objects),
        token_count=counts,
        estimated=st.booleans(),
        tool_calls=optional(st.lists(json_objects, max_size=2)),
        tool_call_id=optional(texts),
        interrupted=st.booleans(),
        origin=st.sampled_from(["said", "imported", "shared"]),
    )


def memories(ids: st.SearchStrategy[str] = memory_ids) -> st.SearchStrategy[MemoryEntry]:
    """Any entry that can be remembered."""
    return st.builds(
        MemoryEntry,
        id=ids,
        content=texts,
        category=st.sampled_from(["general", "identity", "interest"]),
        importance=shares,
        timestamp=moments,
        expires_at=optional(moments),
        sensitive=st.booleans(),
        pinned=st.booleans(),
        speaker=optional(texts),
        evidence_count=counts,
        superseded_by=optional(memory_ids),
        superseded_at=optional(moments),
        metadata=optional(json_objects),
        token_count=counts,
        estimated=st.booleans(),
        slot=optional(st.sampled_from(["user.name", "user.home"])),
        value=optional(texts),
        message_id=optional(message_ids),
        conversation_id=optional(conversation_ids),
        confirmed_in=optional(st.dictionaries(message_ids, optional(conversation_ids), max_size=2)),
    )


conversations = st.builds(
    ConversationEntry,
    id=conversation_ids,
    started_at=moments,
    last_at=moments,
    parent_id=optional(conversation_ids),
    branch_index=optional(counts),
    status=st.sampled_from(["active", "ended", "deleted"]),
    opened_at=optional(moments),
    first_index=optional(counts),
    message_count=counts,
    response_ms=amounts,
    call=optional(json_objects),
    merged_ids=st.lists(conversation_ids, max_size=2, unique=True).map(tuple),
)
usages = st.builds(
    Usage, input_tokens=counts, output_tokens=counts, estimated=st.booleans(), model=optional(texts)
)
days = st.dates().map(lambda day: day.isoformat())

repairs = st.builds(
    MessageRepair,
    index=st.integers(0, 5),
    message_id=message_ids,
    conversation_id=conversation_ids,
    what=st.lists(st.sampled_from(["doubled", "moved", "no result"]), max_size=2),
    new_id=optional(message_ids),
    repair=optional(json_objects),
    tool_calls=optional(st.lists(json_objects, max_size=2)),
)

grant_ids = st.sampled_from(["g1", "g2"])


@st.composite
def grants(draw: st.DrawFn) -> dict[str, Any]:
    """A grant as a session keeps it, some with a frozen entry."""
    stored: dict[str, Any] = {
        "token_hash": draw(texts),
        "shared_with_user_id": draw(names),
        "permissions": draw(st.lists(st.sampled_from(PERMISSIONS), max_size=2, unique=True)),
        "created_at": "2026-01-01T00:00:00.000000Z",
        "max_uses": draw(optional(st.integers(1, 3))),
    }
    if draw(st.booleans()):
        stored["snapshot"] = {"entries": [{"id": draw(memory_ids)}], "messages": [{"id": draw(message_ids)}]}
    return stored


call_values = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["initiated", "active", "paused", "ended"]),
        "resumed_count": counts,
        "last_activity": moments.map(stamp),
        "function_calls": st.lists(json_objects, max_size=2),
        "token": names,
    },
)

FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "call.audio": {
        "conversation_id": conversation_ids,
        "pages": st.lists(json_objects, max_size=2),
    },
    "call.changed": {"conversation_id": conversation_ids, "values": call_values},
    "call.function": {"conversation_id": conversation_ids, "call_id": names, "values": json_objects},
    "call.removed": {"conversation_id": conversation_ids},
    "call.resumed": {
        "conversation_id": conversation_ids,
        "resumed_count": counts,
        "values": call_values,
    },
    "call.started": {"conversation_id": conversation_ids, "call": call_values},
    "config.changed": {"values": json_objects},
    "conversation.deleted": {"conversation_id": conversation_ids},
    "conversation.ended": {
        "conversation_id": conversation_ids,
        "duration_seconds": amounts,
        "local_day": optional(days),
    },
    "conversation.merged": {"conversation_id": conversation_ids, "branch_id": conversation_ids},
    "conversation.restored": {"entry": conversations},
    "conversation.resumed": {"conversation_id": conversation_ids, "entry": optional(conversations)},
    "conversation.started": {
        "conversation_id": conversation_ids,
        "parent_id": optional(conversation_ids),
        "branch_index": optional(counts),
        "call": optional(json_objects),
        "local_day": optional(days),
    },
    "function.completed": {
        "conversation_id": conversation_ids,
        "function": names,
        "worked": st.booleans(),
        "duration_ms": st.floats(0, 1e6),
        "local_day": optional(days),
    },
    "history.repaired": {
        "repairs": st.lists(repairs, max_size=3, unique_by=lambda repair: repair.index),
        "positions": st.lists(st.integers(0, 5), max_size=3, unique=True).map(sorted),
        "order": st.lists(message_ids, max_size=3, unique=True),
    },
    "learning.forgotten": {
        "message_ids": st.lists(message_ids, max_size=3),
        "topics": st.lists(texts, max_size=2),
    },
    "memory.added": {"entry": memories()},
    "memory.compressed": {
        "replaced": st.dictionaries(memory_ids, memory_ids, max_size=3),
        "added": st.lists(memories(), max_size=2, unique_by=lambda entry: entry.id),
    },
    "memory.evicted": {
        "entry_ids": st.lists(memory_ids, max_size=3),
        "reasons": st.dictionaries(memory_ids, texts, max_size=2),
    },
    "memory.expired": {"entry_ids": st.lists(memory_ids, max_size=3)},
    "memory.reinforced": {
        "entry_id": memory_ids,
        "message_id": optional(message_ids),
        "conversation_id": optional(conversation_ids),
    },
    "memory.removed": {"entry_ids": st.lists(memory_ids, max_size=3), "reason": texts},
    "memory.restored": {
        "entries": st.lists(memories(), max_size=2, unique_by=lambda entry: entry.id),
        "dropped": st.lists(memory_ids, max_size=2),
    },
    "memory.superseded": {"entry_id": memory_ids, "by": memory_ids},
    "memory.withheld": {
        "messages": st.dictionaries(message_ids, optional(conversation_ids), max_size=2),
        "slots": st.lists(st.sampled_from(["user.name", "user.home"]), max_size=2),
        "marks": st.dictionaries(texts, st.lists(texts, max_size=2), max_size=2),
        "gone": st.lists(message_ids, max_size=2),
    },
    "memory.updated": {"entry": memories()},
    "message.added": {
        "message": messages(),
        "local_hour": optional(st.integers(0, 23)),
        "local_day": optional(days),
        "counted_at": optional(moments),
        "signals": optional(st.lists(st.sampled_from(["thanks", "complaint", "repeat"]), max_size=3)),
    },
    "message.interrupted": {
        "message_id": message_ids,
        "conversation_id": conversation_ids,
        "content": texts,
        "token_count": counts,
        "estimated": st.booleans(),
        "local_day": optional(days),
    },
    "message.redacted": {
        "message_ids": st.lists(message_ids, max_size=3),
        "unnamed": st.lists(message_ids, max_size=2),
    },
    "metric.tracked": {
        "name": names | st.just("user_satisfaction"),
        "value": amounts,
        "local_day": optional(days),
    },
    "milestone.reached": {"milestone": st.sampled_from(["messages:10", "conversations:1"])},
    "preference.evidence": {
        "message_id": optional(message_ids),
        "increments": st.dictionaries(names, st.tuples(shares, shares), max_size=3),
        "topics": st.dictionaries(texts, shares, max_size=3),
        "decay": shares,
    },
    "preference.set": {"name": names, "value": json_values, "set_at": optional(moments)},
    "profile.applied": {
        "known": st.fixed_dictionaries({}, optional={"topics": st.dictionaries(texts, shares, max_size=3)})
    },
    "session.created": {
        "session_id": st.just("s1"),
        "user_id": optional(texts),
        "config": json_objects,
        "template": optional(json_objects),
    },
    "session.ended": {"reason": texts},
    "share.created": {
        "grant_id": grant_ids,
        "grant": grants(),
        "dropped": st.dictionaries(grant_ids, texts, max_size=2),
    },
    "share.erased": {
        "grant_ids": st.lists(grant_ids, max_size=2),
        "row_ids": st.lists(memory_ids, max_size=2),
    },
    "share.noted": {"entry": memories(), "grant_id": grant_ids},
    "share.refused": {
        "grant_id": grant_ids,
        "action": names,
        "reason": names,
        "user_id": names,
        "times": st.integers(1, 9),
    },
    "share.revoked": {"grant_id": grant_ids},
    "share.used": {
        "grant_id": grant_ids,
        "action": names,
        "use_id": texts,
        "user_id": names,
        "counts": st.booleans(),
    },
    "state.updated": {"patch": json_objects, "replaces": st.booleans()},
    "tokens.recounted": {
        "counter": texts,
        "messages": st.dictionaries(message_ids, counts, max_size=3),
        "memories": st.dictionaries(memory_ids, counts, max_size=3),
    },
    "turn.completed": {
        "conversation_id": conversation_ids,
        "response_ms": amounts,
        "injected": st.booleans(),
        "usage": optional(usages),
        "local_day": optional(days),
    },
}


def changes_of(kind: str, local: st.SearchStrategy[bool] | None = None) -> st.SearchStrategy[Change]:
    """Any change of one kind."""
    where = {} if local is None else {"local": local}
    changes = st.builds(KINDS[kind], at=moments, **FIELDS[kind], **where)
    return changes.map(_with_its_own_entry) if kind == "conversation.resumed" else changes


def _with_its_own_entry(change: Any) -> Any:
    if change.entry is None:
        return change
    return evolve(change, entry=evolve(change.entry, id=change.conversation_id))


def any_changes(local: st.SearchStrategy[bool] | None = None) -> st.SearchStrategy[Change]:
    """Any change of any kind."""
    return st.sampled_from(sorted(FIELDS)).flatmap(lambda kind: changes_of(kind, local))


def new_data(session_id: str = "s1", **fields: Any) -> SessionData:
    """A session without content."""
    return SessionData(session_id=session_id, created_at=START, updated_at=START, **fields)


def data_with(changes: list[Change], **fields: Any) -> SessionData:
    """A session that these changes made."""
    data = new_data(**fields)
    for change in changes:
        change.apply(data)
    return data
