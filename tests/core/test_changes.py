"""Changes: what each leaves in the data, twice, and in either order."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.core.strategies import (
    FIELDS,
    START,
    any_changes,
    changes_of,
    data_with,
    memories,
    moments,
    new_data,
)
from voxsession.core.changes import (
    KINDS,
    Change,
    ConversationEnded,
    ConversationResumed,
    ConversationStarted,
    EvidenceAdded,
    FunctionCompleted,
    MemoryAdded,
    MemoryCompressed,
    MemoryEvicted,
    MemoryReinforced,
    MemoryRemoved,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
    MessageInterrupted,
    MessagesRedacted,
    MetricTracked,
    PreferenceSet,
    SessionCreated,
    SessionEnded,
    ShareCreated,
    ShareRefused,
    ShareUsed,
    StateUpdated,
    TokensRecounted,
    TurnCompleted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.events import EVENT_NAMES
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message, Usage
from voxsession.core.preference import Evidence
from voxsession.core.session_data import SessionData
from voxsession.core.struct import asdict, evolve

# These count each time they are applied; `Change` says so, and `seq` sees to it that a batch is applied once.
COUNTING = {
    "conversation.resumed",
    "function.completed",
    "memory.reinforced",
    "message.added",
    "message.interrupted",
    "metric.tracked",
    "preference.evidence",
    "share.refused",
    "share.used",
    "turn.completed",
}

# These are refused where the conversation that they go on with was deleted meanwhile.
GOES_ON = {"message.added", "conversation.started"}

# Applied behind another writer's changes only if what they were based on still holds.
GUARDED = {
    "call.audio",
    "call.function",
    "call.removed",
    "call.resumed",
    "call.started",
    "config.changed",
    "memory.compressed",
    "memory.restored",
    "memory.updated",
    "preference.set",
    "profile.applied",
    "state.updated",
}


def message(message_id: str = "m1", **fields: Any) -> Message:
    given_fields = {"conversation_id": "c1", "role": "user", "content": "Hello", "at": START, **fields}
    return Message(id=message_id, **given_fields)


def entry(entry_id: str = "e1", **fields: Any) -> MemoryEntry:
    return MemoryEntry(id=entry_id, **{"content": "a fact", "timestamp": START, "token_count": 3, **fields})


def test_every_kind_has_a_generator() -> None:
    """A new kind of change cannot be forgotten by the laws below."""
    assert set(FIELDS) == set(KINDS)


def test_every_kind_is_registered_under_its_own_name() -> None:
    """The register leads from a stored kind to the class that wrote it, and each event is one of the API's."""
    for kind, made in KINDS.items():
        assert made.kind == kind
        assert made.event is None or made.event in EVENT_NAMES


@pytest.mark.parametrize("kind", sorted(FIELDS.keys() - COUNTING))
@settings(max_examples=25)
@given(data=st.data(), before=st.lists(any_changes(), max_size=6))
def test_applied_twice_is_applied_once(kind: str, data: st.DataObject, before: list[Change]) -> None:
    """A change applied twice changes nothing more, unless it is one of those that count."""
    change = data.draw(changes_of(kind))
    once = data_with([*before, change])
    twice = once.copy()
    change.apply(twice)

    assert twice == once


def test_what_counts_counts_each_time() -> None:
    """The kinds that are told to count do: this is why a stored batch must be applied once."""
    data = data_with(
        [ConversationStarted(at=START, conversation_id="c1"), MemoryAdded(at=START, entry=entry())]
    )
    changes: list[Change] = [
        MessageAdded(at=START, message=message()),
        MessageInterrupted(at=START, message_id="m1", conversation_id="c1", content="He"),
        TurnCompleted(at=START, conversation_id="c1", response_ms=5.0),
        ConversationResumed(at=START, conversation_id="c1"),
        FunctionCompleted(at=START, conversation_id="c1", function="now", worked=False, duration_ms=2.5),
        MemoryReinforced(at=START, entry_id="e1"),
        MetricTracked(at=START, name="tasks", value=2.0),
        EvidenceAdded(at=START, increments={"formality": (1.0, 1.0)}),
        ShareUsed(at=START, grant_id="g1", action="access", use_id="u1", user_id="doctor", counts=True),
        ShareRefused(at=START, grant_id="g1", action="access", reason="wrong_user", user_id="eve", times=2),
    ]
    ShareCreated(at=START, grant_id="g1", grant={"shared_with_user_id": "doctor"}).apply(data)
    assert {change.kind for change in changes} == COUNTING
    for change in changes * 2:
        change.apply(data)

    talk = data.conversations["c1"]
    assert (data.totals.message_count, data.totals.turn_count, talk.message_count) == (2, 2, 2)
    assert (data.totals.interruption_count, talk.interruption_count) == (2, 2)
    assert (data.totals.response_count, data.totals.response_ms, talk.response_ms) == (2, 10.0, 10.0)
    assert talk.resumed_count == 2
    assert (data.totals.function_runs, data.totals.function_failures, data.totals.function_ms) == (2, 2, 5.0)
    assert data.memories["e1"].evidence_count == 3
    assert (data.metrics["tasks"].count, data.metrics["tasks"].total) == (2, 4.0)
    assert data.evidence["formality"].count == 2
    assert data.shares["g1"]["uses"] == 2
    assert data.shares["g1"]["counts"] == {"access": 2, "refused: wrong_user": 4}


@given(st.lists(any_changes(local=st.booleans()), max_size=14))
def test_memory_tokens_are_those_of_the_live_stored_entries(changes: list[Change]) -> None:
    """Whatever happens, `memory_tokens` is the sum over stored entries that nothing superseded."""
    data = data_with(changes)

    live = [entry for entry in data.memories.values() if entry.superseded_by is None]
    assert data.memory_tokens == sum(entry.token_count for entry in live)
    assert not set(data.memories) & set(data.local_memories)


@given(st.lists(any_changes(), max_size=10), any_changes())
def test_a_copy_is_independent(before: list[Change], change: Change) -> None:
    """What happens to a copy of the data never shows in the data itself."""
    data, same = data_with(before), data_with(before)
    change.apply(data.copy())

    assert data == same


# --- commuting


def _kinds_that_commute() -> list[str]:
    return sorted(kind for kind, made in KINDS.items() if kind not in GUARDED and not made.derived)


@given(any_changes(), st.lists(any_changes(), max_size=5))
def test_who_commutes_says_so_by_observing_nothing(change: Change, before: list[Change]) -> None:
    """Settings, preferences set by hand, the app's state and edited entries observe what they were based on.

    Who goes on with a conversation observes nothing as long as it is not deleted.
    """
    data = data_with(before)
    if change.kind in GOES_ON:
        talk = change.message.conversation_id if isinstance(change, MessageAdded) else change.parent_id  # type: ignore[attr-defined]
        entry = data.conversations.get(talk or "")
        is_guarded = entry is not None and entry.status == "deleted"
    else:
        is_guarded = change.kind in GUARDED
    assert (change.observe(data) is not None) == is_guarded


_EDITS: list[dict[str, Any]] = [
    {"importance": 0.9},
    {"pinned": True},
    {"sensitive": True},
    {"category": "drinks"},
    {"content": "other words", "slot": None, "value": None, "token_count": 2},
]


@given(st.sampled_from(_EDITS), st.sampled_from(_EDITS))
def test_two_edits_go_together_unless_they_are_about_the_same(
    mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Both hold then; a text does not go with what was said of how private the earlier one is."""
    old = MemoryEntry(
        id="e", content="words", timestamp=START, token_count=1, slot="user.name", value="words"
    )
    data = data_with([MemoryAdded(at=START, entry=old)])
    change = MemoryUpdated(at=START, entry=evolve(old, **mine))
    observed = change.observe(data)
    MemoryUpdated(at=START, entry=evolve(old, **theirs, evidence_count=3)).apply(data)
    both = mine.keys() | theirs.keys()
    behind = change.behind(observed, data)
    if mine == theirs or ("content" in both and both & {"sensitive", "category"}):
        assert behind is None
    else:
        assert behind is not None
        assert behind.entry == evolve(old, **theirs, **mine, evidence_count=3)


def _writer(mark: str) -> st.SearchStrategy[list[Change]]:
    """What one of two writers does: conversations and new ids are its own, entries and metrics are shared."""
    kinds = [kind for kind in _kinds_that_commute() if kind not in ("session.created", "tokens.recounted")]
    changes = st.sampled_from(kinds).flatmap(changes_of)
    return st.lists(changes.map(lambda change: _owned(change, mark)), max_size=5)


def _owned(change: Change, mark: str) -> Change:
    fields: dict[str, Any] = {}
    if getattr(change, "conversation_id", None) is not None:
        fields["conversation_id"] = change.conversation_id + mark
    if isinstance(change, (MessageInterrupted, MemoryReinforced)) and change.message_id is not None:
        fields["message_id"] = change.message_id + mark
    if hasattr(change, "grant_id"):
        fields["grant_id"] = change.grant_id + mark
    if isinstance(change, MemoryAdded):
        fields["entry"] = evolve(change.entry, id=change.entry.id + mark, superseded_by=None)
    if isinstance(change, MessageAdded):
        said = change.message
        fields["message"] = evolve(said, id=said.id + mark, conversation_id=said.conversation_id + mark)
    return evolve(change, **fields) if fields else change


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Tables of rows as one value for each row, since rows of sums are compared as near enough."""
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    rows = {f"{name} {key}": row for name, table in tables.items() for key, row in table.items()}
    return {name: value for name, value in values.items() if name not in tables} | rows


def _what_must_agree(data: SessionData, near: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        "memories": data.memories,
        "memory_tokens": data.memory_tokens,
        "totals": {name: near(value) for name, value in _flat(asdict(data.totals)).items()},
        "metrics": {
            name: (metric.count, near(metric.total), metric.last, metric.min, metric.max)
            for name, metric in data.metrics.items()
        },
        "evidence": {name: evidence.count for name, evidence in data.evidence.items()},
        "messages": {message.id: message for message in data.messages},
    }


@given(st.lists(memories(), max_size=5, unique_by=lambda entry: entry.id), _writer("a"), _writer("b"))
def test_what_commutes_may_come_in_either_order(
    known: list[MemoryEntry], first: list[Change], second: list[Change]
) -> None:
    """Two writers whose changes observe nothing get the same memories, totals, metrics and evidence."""
    tracked = [change.at for change in first + second if isinstance(change, MetricTracked)]
    assume(len(set(tracked)) == len(tracked))
    base: list[Change] = [MemoryAdded(at=START, entry=entry) for entry in known]
    base.append(MessageAdded(at=START, message=message("m0", conversation_id="c1")))

    one, other = data_with([*base, *first, *second]), data_with([*base, *second, *first])

    # Sums of the same numbers in another order may differ in their last digits.
    assert _what_must_agree(one, lambda value: value) == _what_must_agree(
        other, lambda value: pytest.approx(value, abs=1e-3)
    )


@given(
    before=st.lists(any_changes(), max_size=5),
    counts=st.dictionaries(st.sampled_from(["m1", "e1"]), st.just(9)),
)
def test_a_recount_leaves_what_was_counted_meanwhile(before: list[Change], counts: dict[str, int]) -> None:
    """Real counts replace estimates only: a text that changed since then keeps the count of what it is now."""
    data = data_with(
        [
            *before,
            MessageAdded(at=START, message=message("m1", token_count=4)),
            MemoryRemoved(at=START, entry_ids=["e1"]),
            MemoryAdded(at=START, entry=entry("e1", token_count=4)),
        ]
    )
    TokensRecounted(at=START, counter="exact", messages=counts, memories=counts).apply(data)

    assert data.messages[-1].token_count == 4
    assert data.memories["e1"].token_count == 4
    assert data.token_counter == "exact"


def test_a_recount_makes_estimates_exact() -> None:
    """What was estimated has the real count afterwards, and the size of the memory follows."""
    data = data_with(
        [
            MessageAdded(at=START, message=message("m1", token_count=4, estimated=True)),
            MemoryAdded(at=START, entry=entry("e1", token_count=4, estimated=True)),
        ]
    )
    TokensRecounted(at=START, counter="exact", messages={"m1": 7, "?": 1}, memories={"e1": 6, "?": 1}).apply(
        data
    )

    assert (data.messages[0].token_count, data.messages[0].estimated) == (7, False)
    assert (data.memories["e1"].token_count, data.memories["e1"].estimated, data.memory_tokens) == (
        6,
        False,
        6,
    )


# --- single kinds


def test_the_session_begins_and_ends_once() -> None:
    """Settings given meanwhile win over those of the beginning; of two ends the first counts."""
    data = data_with(
        [
            SessionCreated(
                at=START, session_id="s1", config={"voice": "alloy", "language": None}, template={"n": 1}
            ),
            SessionEnded(at=START, reason="normal"),
            SessionEnded(at=START + timedelta(1), reason="again"),
        ],
        config={"voice": "echo"},
    )

    assert data.config == {"voice": "echo", "language": None}
    assert data.template == {"n": 1}
    assert (data.status, data.end_reason, data.ended_at) == ("ended", "normal", START)


def test_state_merges_or_is_replaced() -> None:
    """A patch adds keys to the app's state, a replacement leaves only its own."""
    data = data_with([StateUpdated(at=START, patch={"a": 1}), StateUpdated(at=START, patch={"b": 2})])
    assert data.state == {"a": 1, "b": 2}
    StateUpdated(at=START, patch={"c": 3}, replaces=True).apply(data)
    assert data.state == {"c": 3}


def test_a_preference_is_set_and_given_back() -> None:
    """None takes a preference that was set by hand away again."""
    data = data_with([PreferenceSet(at=START, name="verbosity", value="brief")])
    assert data.preferences == {"verbosity": "brief"}
    PreferenceSet(at=START, name="verbosity").apply(data)
    PreferenceSet(at=START, name="verbosity").apply(data)
    assert data.preferences == {}


def test_a_message_takes_its_place() -> None:
    """A message without a known conversation makes its entry; first and last index are those in the session."""
    data = data_with(
        [
            MessageAdded(at=START, message=message("m0"), local_hour=7),
            MessageAdded(
                at=START, message=message("m1", conversation_id="c2", role="assistant", interrupted=True)
            ),
            MessageAdded(
                at=START, message=message("m2", role="assistant", content=None, tool_calls=[{}, {}])
            ),
        ]
    )

    assert [m.id for m in data.messages] == ["m0", "m1", "m2"]
    assert (data.conversations["c1"].first_index, data.conversations["c1"].last_index) == (0, 2)
    assert (data.conversations["c2"].first_index, data.conversations["c2"].interruption_count) == (1, 1)
    totals = data.totals
    assert (totals.message_count, totals.turn_count, totals.function_calls, totals.hours[7]) == (3, 1, 2, 1)


def test_an_interruption_shortens_its_message_only() -> None:
    """The interrupted reply holds what was heard; a filed one only counts."""
    data = data_with(
        [MessageAdded(at=START, message=message("m0")), MessageAdded(at=START, message=message("m1"))]
    )
    MessageInterrupted(
        at=START, message_id="m1", conversation_id="c1", content="Hel", token_count=1, estimated=True
    ).apply(data)
    MessageInterrupted(at=START, message_id="filed", conversation_id="c1", content="x").apply(data)

    assert [(m.content, m.interrupted) for m in data.messages] == [("Hello", False), ("Hel", True)]
    assert (data.messages[1].token_count, data.messages[1].estimated) == (1, True)
    assert data.totals.interruption_count == 2


def test_what_was_redacted_never_comes_back() -> None:
    """Redaction leaves the place and no content, also when another writer's interruption is stored after it."""
    said = message("m0", metadata={"a": 1}, tool_calls=[{"id": "x"}], role="assistant")
    data = data_with(
        [MessageAdded(at=START, message=said), MessagesRedacted(at=START, message_ids=["m0", "?"])]
    )
    MessageInterrupted(at=START, message_id="m0", conversation_id="c1", content="Hello").apply(data)

    left = data.messages[0]
    assert (left.content, left.metadata, left.tool_calls, left.redacted) == ("", None, None, True)


def test_a_conversation_goes_on_after_its_end() -> None:
    """Ending adds up the time, resuming opens again, and an entry that was filed away comes back with its counters."""
    filed = ConversationEntry(id="c2", started_at=START, last_at=START, status="ended", message_count=9)
    data = data_with(
        [
            ConversationStarted(
                at=START, conversation_id="c1", parent_id="c0", branch_index=4, call={"id": 1}
            ),
            ConversationEnded(at=START, conversation_id="c1", duration_seconds=5.0),
            ConversationEnded(at=START, conversation_id="c1", duration_seconds=50.0),
            ConversationResumed(at=START, conversation_id="c1"),
            ConversationEnded(at=START, conversation_id="c1", duration_seconds=2.0),
            ConversationResumed(at=START + timedelta(1), conversation_id="c2", entry=filed),
        ]
    )

    first, second = data.conversations["c1"], data.conversations["c2"]
    assert (first.status, first.duration_seconds, first.resumed_count) == ("ended", 7.0, 1)
    assert (first.parent_id, first.branch_index, first.call) == ("c0", 4, {"id": 1})
    assert (second.status, second.message_count, second.opened_at) == ("active", 9, START + timedelta(1))
    assert (data.totals.conversation_count, data.totals.ended_count) == (1, 2)
    assert data.totals.total_duration_seconds == 7.0


def test_a_turn_adds_what_it_took() -> None:
    """A reply's time, tokens and injection are counted in its conversation and in the session."""
    usage = Usage(input_tokens=10, output_tokens=4)
    data = data_with(
        [TurnCompleted(at=START, conversation_id="c1", response_ms=12.5, injected=True, usage=usage)]
    )

    talk, totals = data.conversations["c1"], data.totals
    assert (talk.response_count, talk.response_ms, talk.injection_count) == (1, 12.5, 1)
    assert (totals.input_tokens, totals.output_tokens, totals.injection_count) == (10, 4, 1)


def test_local_entries_stay_local() -> None:
    """A process-only entry never enters the stored ones, whatever happens to it, and can be taken out."""
    data = data_with(
        [
            MemoryAdded(at=START, entry=entry("e1"), local=True),
            MemoryReinforced(at=START, entry_id="e1"),
            MemoryUpdated(at=START, entry=entry("e1", content="other")),
            MemorySuperseded(at=START, entry_id="e1", by="e2"),
        ]
    )
    assert not data.memories and data.memory_tokens == 0
    assert (data.local_memories["e1"].content, data.local_memories["e1"].superseded_by) == ("other", "e2")
    assert data.find_memory("e1") in data.all_memories()
    MemoryEvicted(at=START, entry_ids=["e1"]).apply(data)
    assert not data.all_memories()


def test_superseded_entries_are_kept_with_their_time() -> None:
    """An entry steps back once, for the first that took its place; folding does the same to many."""
    later = START + timedelta(1)
    data = data_with(
        [
            *(MemoryAdded(at=START, entry=entry(name)) for name in ("e1", "e2", "e3")),
            MemorySuperseded(at=START, entry_id="e1", by="e2"),
            MemorySuperseded(at=later, entry_id="e1", by="e3"),
            MemoryCompressed(at=later, replaced={"e1": "e4", "e2": "e4", "e3": "e4"}, added=[entry("e4")]),
        ]
    )

    assert (data.memories["e1"].superseded_by, data.memories["e1"].superseded_at) == ("e2", START)
    assert (data.memories["e2"].superseded_by, data.memories["e3"].superseded_at) == ("e4", later)
    assert data.memory_tokens == 3


def test_updates_and_reinforcements_of_what_is_gone_do_nothing() -> None:
    """A change about an entry that another writer removed brings nothing back."""
    data = data_with([MemoryUpdated(at=START, entry=entry("e1")), MemoryReinforced(at=START, entry_id="e1")])
    assert data == new_data()


@given(
    st.lists(st.tuples(moments, st.floats(-1e6, 1e6)), min_size=1, max_size=6, unique_by=lambda pair: pair[0])
)
def test_a_metric_tells_count_extremes_and_the_latest(measured: list[tuple[Any, float]]) -> None:
    """`last` is what was measured at the latest time, whoever saved first."""
    data = data_with([MetricTracked(at=at, name="tasks", value=value) for at, value in measured])

    metric, values = data.metrics["tasks"], [value for _, value in measured]
    assert (metric.count, metric.min, metric.max) == (len(values), min(values), max(values))
    assert metric.last == max(measured)[1]
    assert metric.total == pytest.approx(sum(values))


def test_a_metric_at_the_same_moment_tells_the_one_tracked_last() -> None:
    """Of measurements at one moment the one that was tracked last is the last."""
    data = data_with([MetricTracked(at=START, name="tasks", value=value) for value in (5.0, 3.0)])
    assert data.metrics["tasks"].last == 3.0


def test_sums_never_leave_the_numbers_that_json_has() -> None:
    """Two huge measurements do not add up to an infinity, which could not be read again."""
    data = data_with(
        [MetricTracked(at=START, name="tasks", value=value) for value in (1.7e308, 1.7e308, -1.7e308)]
    )
    assert math.isfinite(data.metrics["tasks"].total)


def test_evidence_is_a_decayed_weighted_mean() -> None:
    """New evidence weighs in, older evidence fades by `decay`, and eight messages are named, the newest among them."""
    moves = [
        EvidenceAdded(at=START, message_id=f"m{n}", increments={"formality": (1 + n % 2, 1.0)}, decay=0.5)
        for n in range(10)
    ]
    data = data_with(list(moves))

    evidence = data.evidence["formality"]
    assert evidence.weight == pytest.approx(2.0, abs=0.01)
    assert evidence.value == pytest.approx(5 / 3, abs=0.01)
    assert (evidence.count, evidence.message_ids) == (10, [f"m{n}" for n in range(2, 10)])
    assert sum(weight for _, weight in evidence.parts) == pytest.approx(evidence.weight, abs=0.01)
    assert Evidence().value is None


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0.1, 3)), min_size=1, max_size=12),
    st.randoms(),
)
def test_evidence_that_fades_by_time_alone_takes_messages_in_any_order(
    said: list[tuple[int, float, float]], chance: Any
) -> None:
    """A message that comes in late counts as it would have, had it come in time."""
    shuffled = list(said)
    chance.shuffle(shuffled)
    both = []
    for order in (said, shuffled):
        evidence = Evidence()
        for day, value, weight in order:
            evidence = evidence.grown(
                value, weight, START + timedelta(days=day), half_life_seconds=86_400 * 30
            )
        both.append(evidence)
    assert both[0].value == pytest.approx(both[1].value)
    assert both[0].weight == pytest.approx(both[1].weight)
    assert both[0].last_at == both[1].last_at


def test_evidence_written_by_an_early_version_goes_on() -> None:
    """Messages that are named without what they gave weigh nothing, and make room first."""
    old = Evidence(total=4.0, weight=8.0, count=8, last_at=START, message_ids=[f"o{n}" for n in range(8)])
    new = old.grown(0.9, 1.0, START, message_id="new")
    assert new.message_ids == [*(f"o{n}" for n in range(1, 8)), "new"]
    assert len(new.parts) == 8 and new.without({"o3"}).message_ids[2] == "o4"


@given(any_changes())
def test_a_change_shows_no_text(change: Change) -> None:
    """The text form of a change names its kind and time, and no content."""
    assert repr(change) == f"{type(change).__name__}(at={change.at.isoformat()})"


@given(any_changes())
def test_event_fields_leave_out_the_bookkeeping(change: Change) -> None:
    """An event carries the fields of its change, without `at` (its timestamp) and `local`."""
    assert not {"at", "local"} & set(change.event_fields())


def test_a_message_leaves_the_other_fields_of_its_conversation_alone() -> None:
    """`after_message` names every field by hand, so a field that is added later must not be lost in it."""
    import datetime as dt

    from voxsession.core.conversation import ConversationEntry, Step

    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    full = ConversationEntry(
        id="c", started_at=at, last_at=at, parent_id="p", branch_index=3, status="ended", opened_at=at,
        ended_at=at, first_index=1, last_index=2, message_count=3, turn_count=4, interruption_count=5,
        injection_count=6, response_count=7, response_ms=8.0, duration_seconds=9.0, resumed_count=10,
        call={"a": 1}, active_until=at, running_seconds=11.0, skipped_seconds=12.0, pause_seconds=13.0,
        replayed_seconds=14.0, is_uncounted=True, counted_day="2026-01-01", uncounted_messages=15,
        merged_ids=("b",), guest="g",
    )  # fmt: skip
    later = at + dt.timedelta(seconds=1)
    default = ConversationEntry(id="x", started_at=later, last_at=later)

    assert all(getattr(full, name) != getattr(default, name) for name in ConversationEntry.__struct_fields__)
    assert full.after_message(9, later, is_user=True, interrupted=True) == evolve(
        full,
        last_index=9,
        last_at=later,
        message_count=4,
        turn_count=5,
        interruption_count=6,
        is_uncounted=False,
    )
    stepped = full.after_message(
        9,
        later,
        is_user=False,
        interrupted=False,
        is_counted=False,
        step=Step(later, 1.0, 0.5, 2.0, 3.0),
    )
    assert (stepped.active_until, stepped.running_seconds, stepped.skipped_seconds) == (later, 12.0, 14.0)
    assert (stepped.replayed_seconds, stepped.pause_seconds, stepped.uncounted_messages) == (14.5, 3.0, 16)
