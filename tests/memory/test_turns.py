"""Turns: every tool call beside its own result, whatever was recorded in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.memory.talk import call, message, talks
from voxsession.core.message import Message
from voxsession.memory.turns import LOST_RESULT, call_ids, complete_turns


def sent(messages: list[Message]) -> list[Message]:
    """All that the turns hold, in order."""
    return [one for turn in complete_turns(messages) for one in turn.messages]


def told(messages: list[Message]) -> list[str]:
    """The turns in short: ids, results after the id of their call's message."""
    return [f"{one.id}={one.content}" if one.role == "tool" else one.id for one in sent(messages)]


def notes(messages: list[Message]) -> list[tuple[str, str]]:
    """What had to be repaired."""
    return [note for turn in complete_turns(messages) for note in turn.notes]


@settings(max_examples=60)
@given(talks(max_size=14))
def test_calls_and_results_stand_together(messages: list[Message]) -> None:
    """Right behind each message that calls stand the results of its calls, once each, and none stands elsewhere."""
    found = sent(messages)
    place = 0
    while place < len(found):
        assert found[place].role != "tool", "a result without its call"
        ids = call_ids(found[place])
        results = found[place + 1 : place + 1 + len(ids)]
        assert [result.role for result in results] == ["tool"] * len(ids)
        assert sorted(str(result.tool_call_id) for result in results) == sorted(ids)
        place += 1 + len(ids)


@settings(max_examples=60)
@given(talks(max_size=14))
def test_nothing_is_lost_and_nothing_doubled(messages: list[Message]) -> None:
    """Each message that was not erased is in once and in order; each result is placed once or told as left out."""
    found = sent(messages)
    said = [one.id for one in found if one.role != "tool"]
    assert said == list(dict.fromkeys(one.id for one in messages if one.role != "tool" and not one.redacted))

    recorded = {one.id for one in messages if one.role == "tool"}
    placed = [one.id for one in found if one.role == "tool" and one.id in recorded]
    left_out = [item_id for item_id, note in notes(messages) if note.startswith("left out")]
    assert len(placed) == len(set(placed))
    assert sorted([*placed, *left_out]) == sorted(recorded)


@settings(max_examples=50)
@given(talks())
def test_turns_begin_with_the_user(messages: list[Message]) -> None:
    """Every turn but the first begins with what the user said, and no other message of it is the user's."""
    turns = complete_turns(messages)
    for turn in turns[1:]:
        assert turn.messages[0].role == "user"
    for turn in turns:
        assert all(one.role != "user" for one in turn.messages[1:])


@settings(max_examples=50)
@given(talks())
def test_the_same_messages_give_the_same_turns(messages: list[Message]) -> None:
    """Completing is deterministic, and complete turns stay as they are."""
    assert complete_turns(messages) == complete_turns(list(messages))
    assert sent(sent(messages)) == sent(messages)


def test_an_ordinary_talk_is_left_alone() -> None:
    """Calls with their results in order need no repair."""
    messages = [
        message(0, "user"),
        message(1, "assistant", None, tool_calls=call("call_1", "call_2")),
        message(2, "tool", "4 °C", tool_call_id="call_1"),
        message(3, "tool", "rain", tool_call_id="call_2"),
        message(4, "assistant"),
        message(5, "user"),
    ]
    first, second = complete_turns(messages)
    assert first.messages + second.messages == messages and not first.notes + second.notes


def test_an_id_that_is_used_again_keeps_its_own_results() -> None:
    """Models that name each call `call_1` get the result of each call, not the first one again."""
    messages: list[Message] = []
    for turn in range(3):
        messages += [
            message(4 * turn, "user"),
            message(4 * turn + 1, "assistant", None, tool_calls=call("call_1")),
            message(4 * turn + 2, "tool", f"result {turn}", tool_call_id="call_1"),
            message(4 * turn + 3, "assistant"),
        ]
    assert sent(messages) == messages


def test_a_call_that_a_crash_cut_off_gets_no_later_result() -> None:
    """A call without a result says so, and the next call of the same id keeps its own result."""
    messages = [
        message(0, "user"),
        message(1, "assistant", None, tool_calls=call("call_1")),
        message(2, "user"),
        message(3, "assistant", None, tool_calls=call("call_1")),
        message(4, "tool", "4 °C", tool_call_id="call_1"),
    ]
    assert told(messages) == ["m00", "m01", f"m01:call_1={LOST_RESULT}", "m02", "m03", "m04=4 °C"]
    assert notes(messages) == [("m01", "repaired: the result of a call was never recorded")]


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        # A result that came late, behind another message or the next question.
        (["user", "c:1", "assistant", "r:1"], ["m00", "m01", "m03=r", "m02"]),
        (["user", "c:1", "user", "r:1"], ["m00", "m01", "m03=r", "m02"]),
        # Results of one message in another order than its calls.
        (["user", "c:1,2", "r:2", "r:1"], ["m00", "m01", "m03=r", "m02=r"]),
        # A result that was recorded before its call.
        (["user", "r:1", "c:1"], ["m00", "m02", "m01=r"]),
        # One that belongs to no call of its turn is not given to another turn's.
        (["r:1", "user", "c:1"], ["m01", "m02", f"m02:call_1={LOST_RESULT}"]),
        # Two results of one call: the first counts.
        (["user", "c:1", "r:1", "r:1"], ["m00", "m01", "m02=r"]),
        # One id twice in one message is one call.
        (["user", "c:1,1", "r:1"], ["m00", "m01", "m02=r"]),
        # The same id twice in a turn: in order.
        (["user", "c:1", "c:1", "r:1", "r:1"], ["m00", "m01", "m03=r", "m02", "m04=r"]),
        (["r:1"], []),
        (["r:none", "user"], ["m01"]),
        ([], []),
    ],
)
def test_where_a_result_belongs(recorded: list[str], wanted: list[str]) -> None:
    """A result stands behind the call it answers, wherever it was recorded."""
    messages = []
    for number, what in enumerate(recorded):
        kind, _, ids = what.partition(":")
        if kind == "c":
            calls = call(*(f"call_{one}" for one in ids.split(",")), day=number)
            messages.append(message(number, "assistant", None, tool_calls=calls))
        elif kind == "r":
            messages.append(
                message(number, "tool", "r", tool_call_id=None if ids == "none" else f"call_{ids}")
            )
        else:
            messages.append(message(number, kind))
    assert told(messages) == wanted


def test_who_asks_again_after_a_result_asks_anew() -> None:
    """A model that looks twice, with the same call under the same id, sees what it found the second time."""
    messages = [
        message(0, "user"),
        message(1, "assistant", None, tool_calls=call("call_1")),
        message(2, "tool", "pending", tool_call_id="call_1"),
        message(3, "assistant", None, tool_calls=call("call_1")),
        message(4, "tool", "done", tool_call_id="call_1"),
    ]
    assert sent(messages) == messages and not notes(messages)


def test_what_the_user_wrote_is_no_call() -> None:
    """Calls in a message that is not the assistant's are not answered: no endpoint would take them."""
    messages = [
        message(0, "user", tool_calls=call("call_1")),
        message(1, "tool", "4 °C", tool_call_id="call_1"),
    ]
    assert told(messages) == ["m00"]
    assert notes(messages) == [("m01", "left out: a result without its call")]


def test_what_was_erased_is_left_out() -> None:
    """An erased message is gone; an erased result keeps its place, as its call is still there."""
    gone: dict[str, Any] = {"redacted": True}
    messages = [
        message(0, "user", "", **gone),
        message(1, "assistant", None, tool_calls=call("call_1")),
        message(2, "tool", "", tool_call_id="call_1", **gone),
        message(3, "user"),
    ]
    assert told(messages) == ["m01", "m02=", "m03"]


def test_ids_that_are_no_texts_are_matched_as_texts() -> None:
    """A call whose id is a number is answered by the result that names that number."""
    messages = [
        message(0, "assistant", None, tool_calls=[{"id": 7}]),
        message(1, "tool", "r", tool_call_id="7"),
    ]
    assert told(messages) == ["m00", "m01=r"]
