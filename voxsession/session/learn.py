"""What a session learns from a message: facts to remember, evidence for preferences."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from voxsession.core.message import Message
from voxsession.core.struct import Struct, field
from voxsession.learning.estimates import learned_moves
from voxsession.memory.context import Context
from voxsession.memory.fact_index import fact_index_of
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.taking import remember_all, tell_failure

if TYPE_CHECKING:
    from voxsession.session.background import BackgroundLearning

__all__ = ["Before", "is_learning", "learn_from"]

LOOK_BACK = 64  # messages; what was said further back is no question that this message answers
MOST_OTHERS = 6


def is_learning(core: LiveCore) -> bool:
    """Whether the session may learn now."""
    return bool(core.view.config.get("enable_learning", True))


def learn_from(
    core: LiveCore, host: SessionHost, messages: Sequence[Message], context: Context | None = None
) -> None:
    """Takes facts and evidence from what the user said; nothing is learned from anybody else's words.

    The messages are recorded already. What an extractor does in the background waits in `core.learning` until
    `host.start_learning`.

    Args:
        core: the live session.
        host: what gives the extractor.
        messages: those that are new, oldest first.
        context: what the model was shown before it answered.
    """
    if not is_learning(core) or not any(map(_is_learned_from, messages)):
        return
    from voxsession.learning.instructions import retired_instructions
    from voxsession.learning.preferences import learn  # its word lists take 10 ms, which an import need not

    evidence_before = dict(core.view.evidence)
    for message, before in _with_before(core.view.messages, messages):
        if _is_learned_from(message):
            _extract(core, host, message, before, context)
            changes = learn(core.view, message, previous=before.user, reply=before.assistant, now=core.now())
            core.record(*changes, *retired_instructions(core.view, changes, message))
    for name, old, new in learned_moves(evidence_before, core.view):
        core.signal("preference.learned", name=name, old=old, value=new)


def _is_learned_from(message: Message) -> bool:
    return message.role == "user" and bool(message.content) and message.origin == "said"


class Before(Struct):
    """What was said in a conversation before a message.

    Attributes:
        user: the user's latest message.
        assistant: the assistant's latest message.
        unanswered: the same, as long as the user has said nothing since.
        others: the latest texts of everybody but the user.
    """

    user: Message | None = None
    assistant: Message | None = None
    unanswered: Message | None = None
    others: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_OTHERS))

    def take(self, message: Message) -> None:
        """Goes on by one message."""
        if message.role == "user":
            self.user, self.unanswered = message, None
            return
        if message.role == "assistant":
            self.assistant = self.unanswered = message
        if message.content:
            self.others.append(message.content)


def _with_before(known: Sequence[Message], messages: Sequence[Message]) -> Iterator[tuple[Message, Before]]:
    """The messages, each with what was said before it; one walk for all of them, from the first one on."""
    wanted = {message.id for message in messages}
    if not wanted:
        return
    first = next((place for place in range(len(known) - 1, -1, -1) if known[place].id == messages[0].id), 0)
    lead, befores = known[max(first - LOOK_BACK, 0) : first], dict[str, Before]()
    for message in list(known[first:]):
        before = befores.get(message.conversation_id)
        if before is None:
            before = befores[message.conversation_id] = _said_in(message.conversation_id, lead)
        if message.id in wanted:
            yield message, before
        before.take(message)


def _said_in(conversation_id: str, lead: Sequence[Message]) -> Before:
    """What was said in a conversation, from the newest back to where nothing more is wanted."""
    before, others = Before(), list[str]()
    for message in reversed(lead):
        if message.conversation_id != conversation_id:
            continue
        if message.role == "user":
            before.user = before.user or message
            if before.assistant is not None and len(others) >= MOST_OTHERS:
                break
            continue
        if message.role == "assistant" and before.assistant is None:
            before.assistant = message
            before.unanswered = message if before.user is None else None
        if message.content and len(others) < MOST_OTHERS:
            others.append(message.content)
    before.others.extend(reversed(others))
    return before


def _extract(
    core: LiveCore, host: SessionHost, message: Message, before: Before, context: Context | None
) -> None:
    from voxsession.memory.own_words import OwnWords

    view, now = core.view, core.now()

    def is_remembered(text: str) -> bool:
        known = fact_index_of(view).saying(view, text)
        return any(entry.is_live(now) and entry.source != "shared" for entry in known)

    text = OwnWords(before.others, is_remembered).of(message.content or "")
    if not text.strip():
        return
    said_before = before.unanswered.content if before.unanswered is not None else None
    if hasattr(host.extractor, "extract_turn"):
        shown = context.memories if context is not None else ()
        _in_background(core, host).ask_later(message, text, said_before, shown, at=_local(core, message))
        return
    extract = getattr(host.extractor, "extract", host.extractor)
    about = {"earlier": before.user.content} if before.user is not None and _takes(extract, "earlier") else {}
    try:
        facts = extract(text, at=_local(core, message), speaker=message.name, previous=said_before, **about)
        if inspect.isawaitable(facts):
            _in_background(core, host).wait_for(message, facts)
        else:
            remember_all(core, host, {message.id: message}, facts)
    except Exception as error:
        tell_failure(core, error)


def _in_background(core: LiveCore, host: SessionHost) -> BackgroundLearning:
    from voxsession.session.background import learning_of  # most sessions never need it

    return learning_of(core, host)


def _local(core: LiveCore, message: Message) -> datetime:
    """When it was said, in the user's own time zone: "tomorrow" is the day after the user's today."""
    name = str(core.view.config.get("timezone") or "UTC")
    if name == "UTC":
        return message.at
    from zoneinfo import ZoneInfo  # few sessions have a zone

    try:
        return message.at.astimezone(ZoneInfo(name))
    except (
        OSError,
        ValueError,
        OverflowError,
    ):  # a zone that this machine does not know; the edges of the calendar
        return message.at


def _takes(extract: Any, name: str) -> bool:
    """Whether an extractor asks for this by name: what is asked of an app's own does not grow."""
    function = getattr(extract, "__func__", extract)  # of a method, which is another object each time
    try:
        return name in (
            _names_of(function) if inspect.isfunction(function) else _names_of.__wrapped__(extract)
        )
    except (TypeError, ValueError):
        return False


@lru_cache(32)
def _names_of(function: Any) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
