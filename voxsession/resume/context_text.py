"""What a model is told of an earlier conversation, as a short text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voxsession.errors import ConfigurationError
from voxsession.resume.state import SessionState
from voxsession.session.session import Session

__all__ = ["create_session_context"]

HEADING = "Previous conversation summary:"
MAX_ITEMS = 10
MAX_VALUE = 200
_SAID_BY = {"input": "user", "output": "assistant"}


def create_session_context(session_or_state_or_dict: Session | SessionState | Mapping[str, Any]) -> str:
    """A summary of where a conversation stands, for the instructions of a model.

    Args:
        session_or_state_or_dict: a `Session` (its state and memories), the `SessionState` of a call (what was said,
            its functions), or a dict of an app's own.

    Returns:
        A heading and a line for each thing; the heading alone where there is nothing to tell. Long values are cut.

    Raises:
        ConfigurationError: something else was given.

    Example:
        >>> details = {"from": "Rome", "to": "Oslo", "weight_lbs": 5}
        >>> print(create_session_context({"shipping_details": details, "quotes": [{"carrier": "UPS", "cost": 12.5}]}))
        Previous conversation summary:
        - Shipping details: from Rome, to Oslo, weight lbs 5
        - Quotes:
          - carrier UPS, cost 12.5
        <BLANKLINE>
    """
    given = session_or_state_or_dict
    if isinstance(given, SessionState):
        lines = _of_call(given)
    elif isinstance(given, Session):
        lines = _of_session(given)
    elif isinstance(given, Mapping):
        lines = _of_dict(given)
    else:
        raise ConfigurationError.out_of_range(
            "session_or_state_or_dict", type(given).__name__, "a Session, a SessionState or a dict is needed"
        )
    return "\n".join([HEADING, *lines, ""])


def _of_call(state: SessionState) -> Iterator[str]:
    for item in state.conversation_history[-MAX_ITEMS:]:
        text = item.get("text") or item.get("content") or item.get("transcript")
        if isinstance(text, str) and text.strip():
            kind = str(item.get("role") or item.get("type"))
            yield f"- {_SAID_BY.get(kind, kind)}: {_cut(text)}"
    for call in state.function_calls[-MAX_ITEMS:]:
        outcome = call.get("result", call.get("error"))
        told = f": {_cut(_plain(outcome))}" if outcome is not None else ""
        yield f"- Function {call.get('name') or call.get('call_id')} ({call.get('status', 'unknown')}){told}"
    if state.metadata:
        yield from _of_dict(state.metadata)


def _of_session(session: Session) -> Iterator[str]:
    yield from _of_dict(session.state)
    entries = [one for one in session.get_memory().entries if not one.sensitive]
    best = sorted(entries, key=lambda entry: entry.importance, reverse=True)[:MAX_ITEMS]
    yield from (f"- {_cut(entry.content)}" for entry in best)


def _of_dict(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if value is None or value in ("", [], {}):
            continue
        title = str(name).replace("_", " ").capitalize()
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            yield f"- {title}:"
            yield from (f"  - {_cut(_plain(one))}" for one in value[-MAX_ITEMS:])
        else:
            yield f"- {title}: {_cut(_plain(value))}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {_plain(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(one) for one in value)
    return str(value)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_VALUE else line[: MAX_VALUE - 1] + "…"
