"""A reply takes what chat clients give, and makes no text of what is none."""

from __future__ import annotations

from typing import Any

import pytest

from voxsession.errors import ConfigurationError
from voxsession.models.base import Reply

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def test_none_as_text_is_no_text() -> None:
    """A client's answer that only calls functions has None as its content, and nobody is told "None"."""
    reply = Reply(None, tool_calls=[CALL])

    assert reply == "" and reply.text == ""
    assert reply.tool_calls == [CALL]


def test_none_as_calls_is_no_calls() -> None:
    """A client's answer that calls nothing has None as its calls."""
    assert Reply("Hello", tool_calls=None).tool_calls == []


@pytest.mark.parametrize("text", [{"content": "Hello"}, b"Hello", 5, ["Hello"]])
def test_what_is_no_text_is_refused(text: Any) -> None:
    """A dict, bytes or a number are named by their type instead of being said to the person."""
    with pytest.raises(ConfigurationError, match="a str is needed") as refused:
        Reply(text)

    assert "Hello" not in str(refused.value)
