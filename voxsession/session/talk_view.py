"""How a conversation shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.conversation import ConversationEntry
from voxsession.core.display import clipped, escape
from voxsession.core.message import Message

__all__ = ["talk_html"]

MOST_MESSAGES = 40
MOST_CHARACTERS = 1500
_BUBBLE = "max-width:78%;padding:5px 10px;border-radius:10px;white-space:pre-wrap;overflow-wrap:anywhere"
_SIDES = {"user": ("flex-end", "#2e86c130"), "assistant": ("flex-start", "#88888828")}
_ASIDE = ("flex-start", "#d6891020")
_MARKED = "opacity:.65;font-size:85%"


def talk_html(entry: ConversationEntry, messages: Sequence[Message], figures: Mapping[str, Any]) -> str:
    """A conversation as HTML: its figures, then its latest messages on two sides; all text is escaped.

    Args:
        entry: the conversation.
        messages: the recent messages, oldest first.
        figures: what its analytics gave.
    """
    seconds = float(figures.get("duration_seconds") or 0.0)
    facts = [
        entry.status,
        f"begun {entry.started_at:%Y-%m-%d %H:%M} UTC",
        f"{entry.message_count} messages",
        f"{figures.get('turn_count') or 0} turns",
        f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s",
    ]
    if entry.parent_id:
        facts.append(f"branch of {clipped(entry.parent_id)}")
    shown = messages[-MOST_MESSAGES:]
    left_out = entry.message_count - len(shown)
    more = (
        f'<div style="{_MARKED}">{left_out} earlier ones: await conversation.history()</div>'
        if left_out > 0
        else ""
    )
    body = "".join(_line(message, before) for message, before in zip(shown, [None, *shown], strict=False))
    return (
        f"<div><strong>Conversation {escape(clipped(entry.id))}</strong>"
        f'<div style="{_MARKED};margin-bottom:6px">{escape(" · ".join(facts))}</div>{more}'
        f'<div style="max-width:680px">{body or "Nothing was said yet."}</div></div>'
    )


def _line(message: Message, before: Message | None) -> str:
    side, colour = _SIDES.get(message.role, _ASIDE)
    says = message.name or message.role
    day = "" if before is not None and before.at.date() == message.at.date() else f"{message.at:%Y-%m-%d} "
    about = f"{clipped(says)} · {day}{message.at:%H:%M}" + (" · interrupted" if message.interrupted else "")
    return (
        f'<div style="display:flex;flex-direction:column;align-items:{side};margin:4px 0">'
        f'<div style="{_MARKED}">{escape(about)}</div>'
        f'<div style="{_BUBBLE};background:{colour};text-align:left">{_said(message)}</div></div>'
    )


def _said(message: Message) -> str:
    if message.redacted:
        return "<em>forgotten</em>"
    text = message.content or ""
    cut = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    calls = [_call(call) for call in message.tool_calls or ()]
    return "<br>".join([*([escape(cut)] if cut else []), *calls]) or "<em>no text</em>"


def _call(call: Any) -> str:
    asked = call.get("function") if isinstance(call, Mapping) else None
    asked = asked if isinstance(asked, Mapping) else {}
    text = f"{asked.get('name', '?')}({asked.get('arguments', '')})"
    return f"<code>{escape(clipped(text))}</code>"
