"""What one answer of the offline model is made from, read out of the request."""

from __future__ import annotations

from collections.abc import Iterable

from voxsession.core.struct import Closed
from voxsession.core.types import JsonObject
from voxsession.learning.wishes import wishes_of
from voxsession.memory.facts import Fact
from voxsession.models.base import ModelRequest
from voxsession.models.offline_knowledge import (
    Knowledge,
    Known,
    facts_in,
    known_from_entries,
    known_from_facts,
    undated_facts,
)
from voxsession.models.offline_quotes import Said, said_before
from voxsession.models.offline_style import Style, follow_spoken, read_style, wishes_in

__all__ = ["Scene", "read_scene"]

_MOST_EARLIER = 40
_EARLIER_CHARS = 2_000


class Scene(Closed, frozen=True, kw_only=True):
    """All that an answer may use.

    Attributes:
        text: the newest user message.
        facts: what it says of the user, so far as that does not depend on the day.
        has_dated: it says something whose meaning depends on the day, such as "tomorrow".
        knowledge: what is remembered; a fact of the newest message takes the place of the one before.
        earlier: what the same person said before, for what was not remembered (learning may be off).
        past: messages that can be quoted.
        names: people known by name, without the one who asks.
        named_before: the person's name was known before this message.
        learning: what is said is remembered.
    """

    text: str
    facts: list[Fact]
    has_dated: bool
    knowledge: Knowledge
    earlier: Knowledge
    past: list[Said]
    style: Style
    names: frozenset[str]
    named_before: bool
    learning: bool


def read_scene(request: ModelRequest) -> Scene:
    """The scene of a request; what is odd or missing in its messages is passed over."""
    messages = request.messages
    newest = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    text = _text(messages[newest]) if newest >= 0 else ""
    name = messages[newest].get("name") if newest >= 0 else None
    asker = str(name) if name else None
    before = messages[newest - 1] if newest > 0 else {}
    facts, has_dated = facts_in(text, _text(before) if before.get("role") == "assistant" else None)
    remembered = known_from_entries(request.context.memories)
    filled = {fact.slot for fact in facts if fact.slot}
    kept = [one for one in remembered if one.slot not in filled or one.speaker not in (None, asker)]
    order = remembered[-1].order + 1 if remembered else 1.0
    knowledge = Knowledge([*kept, *known_from_facts(facts, order)], asker)
    earlier = Knowledge(_known_from_texts(_texts_before(request, newest, asker)), asker)
    past = said_before(request, newest, asker)
    return Scene(
        text=text,
        facts=facts,
        has_dated=has_dated,
        knowledge=knowledge,
        earlier=earlier,
        past=past,
        style=_style(request, text, earlier, knowledge),
        names=frozenset(knowledge.people() | {said.who for said in past if said.who not in ("you", "I")}),
        named_before=bool(Knowledge(remembered, asker).user_name() or earlier.user_name()),
        learning=request.config.enable_learning,
    )


def _style(request: ModelRequest, text: str, earlier: Knowledge, knowledge: Knowledge) -> Style:
    """How to answer; what was said and not remembered counts only where nothing is learned from it."""
    if not request.config.enable_adaptation:
        return read_style(request.config.language, (), ())
    known = knowledge.known if request.config.enable_learning else [*earlier.known, *knowledge.known]
    style = read_style(request.config.language, wishes_in(request.messages), known)
    return follow_spoken(style, wishes_of(text))


def _text(message: JsonObject) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _texts_before(request: ModelRequest, newest: int, asker: str | None) -> list[str]:
    """What the same person said before, oldest first: recalled from other conversations, then in this one."""
    recalled = [match.message for match in request.context.recalled if match.message is not None]
    recalled.sort(key=lambda message: message.at)
    texts = [
        message.content
        for message in recalled
        if message.role == "user" and message.name == asker and message.content and not message.redacted
    ]
    texts += [
        _text(message)
        for message in request.messages[: max(newest, 0)]
        if message.get("role") == "user" and (message.get("name") or None) == asker
    ]
    return texts[-_MOST_EARLIER:]


def _known_from_texts(texts: Iterable[str]) -> list[Known]:
    found: dict[str, Known] = {}
    for place, text in enumerate(texts):
        for known in known_from_facts(undated_facts(text[:_EARLIER_CHARS]), float(place)):
            found[known.slot or known.content] = known
    return sorted(found.values(), key=lambda known: known.order)
