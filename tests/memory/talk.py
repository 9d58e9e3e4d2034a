"""Messages in any order that an app, a crash or another writer may leave them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from voxsession.core.message import Message

START = datetime(2026, 1, 1, tzinfo=UTC)
SENTENCES = (
    "",
    "ok",
    "My name is Alice and I live in Rome.",
    "naïve 東京 🦄 שלום",
    "- a list\n- of two\n\n",
    "<|endoftext|> if (x) { y(); }\n});",
    "Quantum physics " * 12,
)
sentences = st.sampled_from(SENTENCES)
call_ids = st.sampled_from(["call_1", "call_2", "call_3"])


def message(number: int, role: Any, content: str | None = "text", **fields: Any) -> Message:
    """The message of this number, a minute after the one before."""
    given = {
        "conversation_id": "c1",
        "at": START + timedelta(minutes=number),
        "id": f"m{number:02d}",
        **fields,
    }
    return Message(role=role, content=content, **given)


def call(*ids: str, day: int = 0) -> list[dict[str, Any]]:
    """Calls as a model asks for them."""
    asked = {"name": "weather", "arguments": f'{{"day": {day}}}'}
    return [{"id": one, "type": "function", "function": asked} for one in ids]


def _one(number: int) -> st.SearchStrategy[Message]:
    said = st.builds(
        lambda role, content, name, redacted: message(
            number, role, f"{number} {content}", name=name, redacted=redacted
        ),
        st.sampled_from(["user", "user", "assistant", "system"]),
        sentences,
        st.sampled_from([None, None, "Ann", "Dr. A\nB"]),
        st.sampled_from([False, False, False, True]),
    )
    calling = st.builds(
        lambda role, content, ids: message(number, role, content, tool_calls=call(*ids, day=number)),
        st.sampled_from(["assistant", "assistant", "assistant", "user"]),
        st.none() | sentences,
        st.lists(call_ids, min_size=1, max_size=3),
    )
    result = st.builds(
        lambda content, call_id, redacted: message(
            number, "tool", content, tool_call_id=call_id, redacted=redacted
        ),
        sentences,
        st.none() | call_ids,
        st.sampled_from([False, False, False, True]),
    )
    return said | said | calling | result | result


@st.composite
def talks(draw: st.DrawFn, max_size: int = 12) -> list[Message]:
    """Messages as they may be found: results lost, doubled, early, late; ids used again; one recorded twice."""
    found = [draw(_one(number)) for number in range(draw(st.integers(0, max_size)))]
    if found and draw(st.booleans()):
        place = draw(st.integers(0, len(found) - 1))
        found.insert(draw(st.integers(place + 1, len(found))), found[place])
    return found
