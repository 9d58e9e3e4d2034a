"""Repair of broken histories: whatever is found, afterwards a model takes it and nothing that was said is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory.talk import START, call, message, talks
from voxsession.core.changes import HistoryRepaired
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.memory.repair import go_on_plainly, head_repair, looks_broken, repairs_of
from voxsession.memory.turns import call_ids, complete_turns

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def data_of(messages: list[Message], **fields: Any) -> SessionData:
    """A session with these as its recent messages."""
    data = SessionData(
        session_id="s", created_at=START, updated_at=START, held_messages=list(messages), **fields
    )
    data.totals.message_count = data.message_offset + len(messages)
    for index, one in enumerate(messages, data.message_offset):
        entry = data.conversations.get(one.conversation_id) or ConversationEntry(
            id=one.conversation_id, started_at=START, last_at=START, first_index=index
        )
        data.conversations[entry.id] = entry
    return data


def repaired(data: SessionData) -> HistoryRepaired | None:
    """Repairs the recent messages; what was done."""
    change = head_repair(data, NOW)
    if change is not None:
        change.apply(data)
    return change


def repaired_copy(messages: list[Message]) -> list[Message]:
    """The messages, put right."""
    data = data_of(messages)
    repaired(data)
    return list(data.messages)


def done(change: HistoryRepaired | None) -> dict[str, list[str]]:
    """What was done, by the id that a message had."""
    return {} if change is None else {one.message_id: one.what for one in change.repairs}


def shuffled(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The messages in two conversations, some with another time or another id."""
    found = []
    for one in messages:
        shift = draw(st.sampled_from([0, 0, 0, -180, -30, 30]))
        talk = draw(st.sampled_from(["c1", "c1", "c1", "c2"]))
        repair = draw(st.sampled_from([None, None, {"set_aside": "no call"}, {"unanswered": ["call_1"]}]))
        found.append(evolve(one, conversation_id=talk, at=one.at + timedelta(seconds=shift), repair=repair))
    return found


@st.composite
def broken(draw: st.DrawFn) -> list[Message]:
    """Messages as a crash, a careless app or another program may leave them."""
    found = shuffled(draw, draw(talks(max_size=10)))
    for _ in range(draw(st.integers(0, 2)) if found else 0):
        again = draw(st.sampled_from(found))
        other = draw(st.sampled_from([again.id, f"{again.id}x", found[0].id]))
        found.insert(draw(st.integers(0, len(found))), evolve(again, id=other))
    return found


def check_sound(messages: list[Message]) -> None:
    """What a model is sent of it: every result right behind its call, every call with one, each message once."""
    sent = [one for turn in complete_turns(messages) for one in turn.messages]
    place = 0
    while place < len(sent):
        assert sent[place].role != "tool"
        ids = call_ids(sent[place])
        results = sent[place + 1 : place + 1 + len(ids)]
        assert sorted(str(one.tool_call_id) for one in results) == sorted(ids)
        place += 1 + len(ids)


@settings(max_examples=150, deadline=None)
@given(broken())
def test_after_it_nothing_is_left_to_do(messages: list[Message]) -> None:
    """Repairing is deterministic and done with once."""
    data, other = data_of(messages), data_of(messages)
    assert done(repaired(data)) == done(repaired(other)) and data.messages == other.messages
    assert head_repair(data, NOW) is None
    once = list(data.messages)
    change = repairs_of(once, NOW)
    assert change is None or not change.positions


@settings(max_examples=150, deadline=None)
@given(broken())
def test_nothing_that_was_said_is_lost(messages: list[Message]) -> None:
    """Every message is still there with its text; a double is set aside only beside one that is equal to it."""
    data = data_of(messages)
    repaired(data)
    kept = sorted((one.role, one.content or "", one.at, one.conversation_id) for one in data.messages)
    assert kept == sorted((one.role, one.content or "", one.at, one.conversation_id) for one in messages)
    assert len({one.id for one in data.messages}) == len(messages)
    seen = {(one.role, one.content, one.name) for one in data.messages if not one.is_double}
    assert {(one.role, one.content, one.name) for one in data.messages} == seen


@settings(max_examples=150, deadline=None)
@given(broken())
def test_a_model_takes_it(messages: list[Message]) -> None:
    """In closed turns results stand behind their calls, and what is missing is noted, in each conversation."""
    data = data_of(messages)
    repaired(data)
    for name in {one.conversation_id for one in messages}:
        own = [one for one in data.messages if one.conversation_id == name and not one.is_double]
        check_sound(own)
        last_user = max((place for place, one in enumerate(own) if one.role == "user"), default=0)
        waiting: set[str] = set()
        for one in own[:last_user]:
            if one.role == "tool":
                assert (str(one.tool_call_id) in waiting) != bool(one.repair), one
                waiting.discard(str(one.tool_call_id))
            else:
                assert not waiting, "a call without result and without a note"
                waiting = set(call_ids(one)) - set((one.repair or {}).get("unanswered", ()))


@settings(max_examples=100, deadline=None)
@given(broken())
def test_what_looks_right_is_right(messages: list[Message]) -> None:
    """The quick look overlooks nothing that the slow one would mend."""
    if not looks_broken(messages):
        change = repairs_of(messages, NOW)
        assert change is None or all(one.what == ["sound again"] for one in change.repairs)


@settings(max_examples=150, deadline=None)
@given(broken(), st.lists(st.tuples(st.integers(0, 3), talks(max_size=1)), min_size=1, max_size=4))
def test_plain_talk_breaks_nothing_that_was_whole(
    messages: list[Message], later: list[tuple[int, list[Message]]]
) -> None:
    """What goes on plainly need not be looked at together with what was found right before."""
    messages = repaired_copy(messages)
    latest = messages[-1] if messages else message(0, "user")
    new = []
    for minutes, said in later:
        for one in said[:1]:
            latest = evolve(one, id=f"new{len(new)}", at=latest.at + timedelta(minutes=minutes))
            new.append(latest)
    whole = [*messages, *new]
    if not looks_broken(messages) and go_on_plainly(whole[-len(new) - 1 :]):
        assert not looks_broken(whole)


@settings(max_examples=60, deadline=None)
@given(broken(), broken())
def test_two_that_repair_at_once_agree(messages: list[Message], later: list[Message]) -> None:
    """Each decides anew behind the other's changes, and both end with the same messages."""
    first, second = data_of(messages), data_of(messages)
    change = repaired(first)
    mine = repaired(second)
    if mine is not None:
        before = list(first.messages)
        mine.apply(first)  # as a stale writer would: nothing is done twice
        assert first.messages == before
    assert change is None or change.derived
    more = [evolve(one, id=f"n{place}") for place, one in enumerate(later)]
    first.messages.extend(more)
    second.messages.extend(more)
    repaired(first)
    repaired(second)
    assert first.messages == second.messages


def test_a_call_without_a_result_is_marked_once_the_talk_goes_on() -> None:
    """The newest turn is left alone: its result may be on its way."""
    asked = [message(1, "user"), message(2, "assistant", None, tool_calls=call("call_1"))]
    assert repaired(data_of(asked)) is None
    data = data_of([*asked, message(3, "user", "Well?")])
    assert done(repaired(data)) == {"m02": ["no result"]}
    assert data.messages[1].repair == {"unanswered": ["call_1"]}
    assert not looks_broken(data.messages)


def test_a_result_that_comes_late_counts_after_all() -> None:
    """The mark is taken back, and the result goes behind its call."""
    data = data_of(
        [
            message(1, "user"),
            message(2, "assistant", None, tool_calls=call("call_1")),
            message(3, "user", "Well?"),
            message(4, "assistant", "One moment"),
            message(5, "user", "And?"),
        ]
    )
    repaired(data)
    data.messages.append(message(6, "tool", "12 degrees", tool_call_id="call_1"))
    assert done(repaired(data)) == {"m02": ["sound again"], "m06": ["moved"]}
    assert [one.id for one in data.messages] == ["m01", "m02", "m06", "m03", "m04", "m05"]
    assert data.messages[1].repair is None


def test_only_plain_later_talk_of_the_same_conversation_goes_on_plainly() -> None:
    """Calls, results, marks, times and other conversations call for a look at what came before."""
    before, after = message(1, "user"), message(2, "assistant")
    assert go_on_plainly([before, after, message(3, "user")])
    assert not go_on_plainly([before])
    others = [
        message(2, "tool", tool_call_id="call_1"),
        message(2, "assistant", None, tool_calls=call("call_1")),
        message(2, "assistant", repair={"set_aside": "no call"}),
        message(2, "assistant", conversation_id="c2"),
        message(1, "assistant"),
    ]
    for other in others:
        assert not go_on_plainly([before, other])
        assert not go_on_plainly([other, message(3, "user")]) or other is others[-1] or other is others[-2]


def test_results_without_calls_are_set_aside() -> None:
    """A second result stays in the history; the same one twice is a double."""
    data = data_of(
        [
            message(1, "user"),
            message(2, "assistant", None, tool_calls=call("call_1")),
            message(3, "tool", "12 degrees", tool_call_id="call_1"),
            message(4, "tool", "12 degrees", tool_call_id="call_1"),
            message(5, "tool", "13 degrees", tool_call_id="call_1"),
            message(6, "tool", "lost", tool_call_id="call_9"),
            message(7, "user", "Thanks"),
        ]
    )
    assert done(repaired(data)) == {"m04": ["doubled"], "m05": ["second result"], "m06": ["no call"]}


@pytest.mark.parametrize(
    ("again", "told"),
    [
        ({"id": "m01"}, {"m01": ["renamed", "doubled"]}),
        ({"id": "m01", "content": "other"}, {"m01": ["renamed"]}),
        ({"id": "n01"}, {"n01": ["doubled"]}),
        ({"id": "n01", "metadata": {"from": "app"}}, {}),
        ({"id": "m01.1"}, {}),  # given twice in one list on purpose
    ],
)
def test_doubles(again: dict[str, Any], told: dict[str, list[str]]) -> None:
    """Only what is equal in all that matters counts as the same message once more."""
    first = message(1, "user", "Hello")
    data = data_of([first, evolve(first, **again), message(2, "assistant")])
    assert done(repaired(data)) == told
    assert [one.is_double for one in data.messages][1] == any("doubled" in what for what in told.values())


def test_who_says_the_same_twice_said_it_twice() -> None:
    """Another moment is another message."""
    twice = [message(1, "user", "Hello?"), message(2, "user", "Hello?")]
    assert repaired(data_of(twice)) is None
    cut_off = [message(3, "assistant", None, tool_calls=call("call_1")), message(4, "user")]
    assert done(repaired(data_of([*twice, *cut_off]))) == {"m03": ["no result"]}


def test_no_clock_moves_what_was_said() -> None:
    """Clocks are put back, and those of two servers differ: messages stay in the order in which they were stored."""
    said = [
        message(5, "user", "b"),
        message(6, "assistant", "c"),
        message(1, "user", "a"),
        message(8, "user"),
    ]
    assert repaired(data_of(said)) is None


def test_a_result_goes_behind_its_call_but_across_no_branch() -> None:
    """A branch sees the same past as before."""
    said = [
        message(1, "user", "the weather?"),
        message(2, "tool", "12 degrees", tool_call_id="call_1"),
        message(3, "assistant", None, tool_calls=call("call_1")),
        message(4, "user", "Thanks"),
    ]
    data = data_of(said)
    assert done(repaired(data)) == {"m03": ["moved"]}
    assert [one.id for one in data.messages] == ["m01", "m03", "m02", "m04"]

    branched = data_of(said)
    branched.conversations["b"] = ConversationEntry(
        id="b", started_at=START, last_at=START, parent_id="c1", branch_index=2
    )
    assert "moved" not in str(done(repaired(branched)))


def test_calls_get_an_id_each() -> None:
    """Two different calls under one id are both kept."""
    calls = [*call("call_1"), *call("call_1", day=2), *call("call_1"), {"type": "function"}]
    data = data_of([message(1, "user"), message(2, "assistant", None, tool_calls=calls), message(3, "user")])
    assert done(repaired(data)) == {"m02": ["no result", "calls mended"]}
    assert call_ids(data.messages[1]) == ["call_1", "call_1_1", "m02_3"]
    assert data.messages[1].repair == {"unanswered": ["call_1", "call_1_1", "m02_3"]}


def test_what_is_filed_is_not_judged_from_the_rest() -> None:
    """A result whose call lies in a page is not taken for one without a call."""
    found = [
        message(3, "tool", "12 degrees", tool_call_id="call_1"),
        message(4, "user", "Thanks"),
        message(5, "tool", "late", tool_call_id="call_0"),
        message(6, "user", "Bye"),
    ]
    cut = data_of(found, message_offset=2)
    cut.conversations["c1"] = evolve(cut.conversations["c1"], first_index=0)
    assert repaired(cut) is None
    assert done(repaired(data_of(found))) == {"m03": ["no call"], "m05": ["no call"]}


def test_an_erased_text_does_not_come_back() -> None:
    """A repair holds no text, and calls that were erased meanwhile stay erased."""
    calls = [*call("call_1"), {"type": "function", "function": {"arguments": "secret"}}]
    found = [message(1, "user"), message(2, "assistant", "said", tool_calls=calls), message(3, "user")]
    change = head_repair(data_of(found), NOW)
    erased = [found[0], evolve(found[1], content="", tool_calls=None, redacted=True), found[2]]
    data = data_of(erased)
    assert change is not None
    change.apply(data)
    assert data.messages[1].tool_calls is None and data.messages[1].content == ""
