"""What stands before a message when it is learned from: the same as a walk from the front would find."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.core.message import Message
from voxsession.session.learn import LOOK_BACK, Before, _with_before

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def found(before: Before) -> tuple[object, ...]:
    """The parts of it that can be compared."""
    ids = [one.id if one is not None else None for one in (before.user, before.assistant, before.unanswered)]
    return (*ids, list(before.others))


def walked(known: list[Message], place: int, start: int) -> Before:
    """What is before a message, taken in one by one from the front."""
    before = Before()
    for message in known[start:place]:
        if message.conversation_id == known[place].conversation_id:
            before.take(message)
    return before


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["user", "assistant", "assistant", "tool", "system"]),
            st.sampled_from(["c1", "c1", "c2"]),
            st.sampled_from(["said", "", None]),
        ),
        min_size=1,
        max_size=LOOK_BACK + 12,
    ),
    st.integers(1, 4),
)
def test_looking_back_finds_what_going_forward_finds(
    said: list[tuple[str, str, str | None]], new: int
) -> None:
    """In every conversation, for one new message or several, within the same bound."""
    known = [
        Message(id=str(place), conversation_id=talk, role=role, content=text and f"{text} {place}", at=NOW)  # type: ignore[arg-type]
        for place, (role, talk, text) in enumerate(said)
    ]
    first = max(len(known) - new, 0)
    start = max(first - LOOK_BACK, 0)
    pairs = [(message.id, found(before)) for message, before in _with_before(known, known[first:])]
    assert pairs == [
        (known[place].id, found(walked(known, place, start))) for place in range(first, len(known))
    ]
