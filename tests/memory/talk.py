"""Messages in any order that an app, a crash or another writer may leave them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from voxsession.core.message import Message

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = "I am Alice tea mountains 42 quantum ok. \n\n naïve 東京 🦄 <|endoftext|> });".split(" ")
sentences = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
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


def call(*ids: str) -> list[dict[str, Any]]:
    """Calls as a model asks for them."""
    return [
        {"id": one, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for one in ids
    ]


def _one(number: int) -> st.SearchStrategy[Message]:
    said = st.builds(
        lambda role, content, name, redacted: message(number, role, content, name=name, redacted=redacted),
        st.sampled_from(["user", "user", "assistant", "system"]),
        sentences,
        st.sampled_from([None, None, "Ann", "Dr. A\nB"]),
        st.sampled_from([False, False, False, True]),
    )
    calling = st.builds(
        lambda role, content, ids: message(number, role, content, tool_calls=call(*ids)),
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
        found.insert(draw(st.integers(0, len(found))), draw(st.sampled_from(found)))
    return found
