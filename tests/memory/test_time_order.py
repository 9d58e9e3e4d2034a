"""Messages recorded twice or too late: put right for the model, always in the same way, and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from voxsession import MemorySessionStorage, Voxon, VoxonConfig
from voxsession.core.message import Message
from voxsession.memory.turns import complete_turns
from voxsession.testing import FakeClock, ScriptedModel

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DOUBLE, MOVED = "left out: it was recorded twice", "moved: it was recorded after later messages"


def talk(*said: tuple[str, str | None, float], **fields: Any) -> list[Message]:
    """Messages of a role, a text, and minutes since the start; a text `CALL` calls, `RESULT` answers it."""
    made = []
    for place, (role, text, minutes) in enumerate(said):
        more = dict(fields)
        if text == "CALL":
            more["tool_calls"] = [CALL]
        if role == "tool":
            more["tool_call_id"] = "a"
        made.append(
            Message(
                id=f"m{place}",
                conversation_id="c",
                role=role,  # type: ignore[arg-type]
                content=text,
                at=START + timedelta(minutes=minutes),
                **more,
            )
        )
    return made


def ids(messages: list[Message]) -> str:
    """What is sent, by place of recording."""
    return " ".join(one.id.removeprefix("m") for turn in complete_turns(messages) for one in turn.messages)


def notes(messages: list[Message]) -> list[tuple[str, str]]:
    """What was told."""
    return [(one.removeprefix("m"), why) for turn in complete_turns(messages) for one, why in turn.notes]


QUESTION = [("user", "A", 0), ("assistant", "B", 1), ("user", "C", 2), ("assistant", "D", 3)]


@pytest.mark.parametrize(
    ("said", "sent", "told"),
    [
        (QUESTION, "0 1 2 3", []),
        # the neighbour again
        ([("user", "A", 0), ("user", "A", 1), ("assistant", "B", 2)], "0 2", [("1", DOUBLE)]),
        ([("user", "A", 0), ("user", "a", 1)], "0 1", []),
        # the same words later in the talk are no double
        ([*QUESTION, ("user", "A", 4), ("assistant", "B", 5)], "0 1 2 3 4 5", []),
        # a talk imported twice
        ([*QUESTION, *QUESTION], "0 1 2 3", [(str(place), DOUBLE) for place in range(4, 8)]),
        ([*QUESTION, *QUESTION, ("user", "E", 9)], "0 1 2 3 8", [(str(place), DOUBLE) for place in range(4, 8)]),
        # an older part recorded later
        ([*QUESTION[2:], *QUESTION[:2]], "2 3 0 1", [("2", MOVED), ("3", MOVED)]),
        ([*QUESTION[2:], *QUESTION[:2], ("user", "E", 9)], "2 3 0 1 4", [("2", MOVED), ("3", MOVED)]),
        # an answer recorded before its question
        ([("assistant", "B", 2), ("user", "A", 0), ("assistant", "late", 3)], "1 0 2", [("1", MOVED)]),
        # clocks that differ by less than a minute, and the turn to answer, move nothing
        ([("user", "A", 0.9), ("assistant", "B", 0.2), ("user", "C", 0.5)], "0 1 2", []),
        ([("assistant", "from tomorrow", 1440), ("user", "A", 0)], "0 1", []),
        (
            [("user", "A", 1440), ("assistant", "B", 1440), ("user", "C", 0), ("assistant", "CALL", 0)],
            "0 1 2 3 a",
            None,
        ),
        # a late call takes its result along
        (
            [("user", "C", 60), ("assistant", "D", 61), ("user", "A", 0), ("assistant", "CALL", 1), ("tool", "R", 1),
             ("assistant", "B", 2)],
            "2 3 4 5 0 1",
            [("2", MOVED), ("3", MOVED), ("5", MOVED)],
        ),
        # asking once more after a result is no double; a call recorded twice is
        (
            [("user", "A", 0), ("assistant", "CALL", 0), ("tool", "pending", 0), ("assistant", "CALL", 0),
             ("tool", "done", 0)],
            "0 1 2 3 4",
            [],
        ),
        (
            [("user", "A", 0), ("assistant", "CALL", 0), ("assistant", "CALL", 0), ("tool", "done", 0)],
            "0 1 3",
            [("2", DOUBLE)],
        ),
    ],
)  # fmt: skip
def test_messages_are_sent_once_and_in_the_order_of_time(
    said: list[tuple[str, str | None, float]], sent: str, told: list[tuple[str, str]] | None
) -> None:
    """Doubles are left out, what was recorded too late stands where it was said, and both are told."""
    messages = talk(*said)

    assert ids(messages).replace("3:a", "a") == sent
    assert told is None or sorted(notes(messages)) == sorted(told)
    assert complete_turns(messages) == complete_turns(list(messages))


async def test_a_clock_that_stands_still_makes_no_doubles() -> None:
    """Messages of one instant are told apart by their neighbours alone."""
    model = ScriptedModel(["ok", "ok", "ok"])
    async with (
        Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=model, clock=FakeClock()) as voxon,
        voxon.session("u") as session,
        session.conversation() as conv,
    ):
        for text in ("yes", "no", "yes"):
            reply = await conv.send_message(text)

    assert reply.context is not None
    assert [m["content"] for m in reply.context.messages[1:]] == ["yes", "ok", "no", "ok", "yes"]


async def test_the_report_tells_and_the_history_stays_as_it_was_recorded() -> None:
    """Repairs are made for the model only."""
    messages = [
        {"role": "user", "content": "later", "at": START + timedelta(hours=1)},
        {"role": "assistant", "content": "yes", "at": START + timedelta(hours=1)},
        {"role": "user", "content": "earlier", "at": START},
        {"role": "user", "content": "earlier", "at": START},
        {"role": "assistant", "content": "no", "at": START},
    ]
    async with (
        Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=ScriptedModel(["ok"])) as voxon,
        voxon.session("u") as session,
        session.conversation() as conv,
    ):
        await conv.add_messages(messages)
        context = await conv.build_context("now")
        history = await conv.history()

    assert [m["content"] for m in context.messages if m["role"] != "system"] == [
        "earlier",
        "no",
        "later",
        "yes",
        "now",
    ]
    assert [m.content for m in history] == [m["content"] for m in messages]
    reasons = [row["reason"] for row in context.report()]
    assert reasons.count(DOUBLE) == 1 and reasons.count(MOVED) == 2
