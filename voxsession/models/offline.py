"""The default model: no network and no language model, honest about what it knows."""

from __future__ import annotations

import re
from typing import ClassVar

from voxsession.learning.wishes import wishes_of
from voxsession.models.base import ModelRequest, Reply
from voxsession.models.offline_answers import Answer, answer_ask, compose, offline
from voxsession.models.offline_person import clause_for_you, form_of, join_clauses
from voxsession.models.offline_questions import is_question, read_asks, sentences
from voxsession.models.offline_scene import Scene, read_scene
from voxsession.models.offline_style import NO_OTHER_LANGUAGE, finish

__all__ = ["OfflineModel"]

_MOST_NOTED = 4
_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day))\b[\s\w,]{0,20}", re.IGNORECASE
)
_THANKS = re.compile(r"(?:many )?(?:thanks|thank you|thx|cheers)\b[\s\w,]{0,40}", re.IGNORECASE)
_BYE = re.compile(r"(?:bye|goodbye|good ?night|see you|farewell|that's all)\b[\s\w,]{0,20}", re.IGNORECASE)
_TASK = re.compile(
    r"(?:please |kindly |now )*(?:write|translate|explain|calculate|compute|create|generate|draft|compose|suggest"
    r"|recommend|summari[sz]e|solve|find|search|look up|compare|convert|analy[sz]e|help me|teach me|sing"
    r"|(?:book|order|play) (?:a|me|the)|turn (?:on|off))\b",
    re.IGNORECASE,
)


class OfflineModel:
    """Answers from what the session remembers, and says what it does not know; never invents, calls no functions.

    It quotes past messages with day and speaker, acknowledges what it is told, and follows the wishes it can
    follow: short or detailed answers, a number of words, formal or casual tone, plain words or an expert's (who is
    told what an answer was made from). It writes English only and says so.

    Example:
        >>> from voxsession.core.config import SessionConfig
        >>> from voxsession.memory.context import Context
        >>> said = [{"role": "user", "content": "My name is Alice"}, {"role": "user", "content": "What's my name?"}]
        >>> context = Context(messages=said, token_count=20, budget_tokens=8000, complete=True)
        >>> request = ModelRequest(
        ...     messages=said, config=SessionConfig(), context=context, session_id="s", conversation_id="c"
        ... )
        >>> print(OfflineModel().respond(request))
        Your name is Alice.
    """

    can_write: ClassVar[bool] = False  # it quotes; texts such as summaries are beyond it

    def respond(self, request: ModelRequest) -> Reply:
        """The answer to the newest user message; the same request always gives the same one."""
        scene = read_scene(request)
        asked = [sentence for sentence in sentences(scene.text) if is_question(sentence)]
        answer = Answer()
        for sentence in asked:
            for ask in read_asks(sentence, scene.names):
                answer_ask(ask, scene, answer)
        told = acknowledgement(scene) or ("" if asked else small_talk(scene))
        notice = not any(
            message.get("role") == "assistant" and NO_OTHER_LANGUAGE in str(message.get("content"))
            for message in request.messages
        )
        text = compose(told, answer, scene.style)
        if scene.style.level == "expert" and answer.clauses and not scene.style.brief:
            context = request.context
            text += (
                f" (From {len(context.memories)} memories and {len(context.recalled)} recalled messages;"
                f" context: {context.token_count} of {context.budget_tokens} tokens.)"
            )
        return Reply(finish(text, scene.style, request.config.max_output_tokens, notice=notice))


def acknowledgement(scene: Scene) -> str:
    """What was understood of what the newest message says of the person; empty where that is nothing."""
    style = scene.style
    parts: list[str] = []
    name = next((fact.value for fact in scene.facts if fact.slot == "name" and fact.value), None)
    if name and not style.formal and not scene.named_before:
        parts.append(f"Nice to meet you, {name}.")
    greeted = bool(parts)
    noted = [
        clause_for_you(form)
        for fact in scene.facts
        if (form := form_of(fact.content)) and not (fact.slot == "name" and greeted)
    ]
    if noted:
        heard = join_clauses(noted[:_MOST_NOTED])
        parts.append(f"{'Noted' if scene.learning else 'I see'}: {heard[:1].lower()}{heard[1:]}")
    return " ".join(parts[:1] if style.brief else parts)


def small_talk(scene: Scene) -> str:
    """A greeting returned, thanks taken, a task declined; else a short neutral word."""
    bare = " ".join(scene.text[:4000].split()).strip(" .!?…")
    name = scene.knowledge.user_name() or scene.earlier.user_name()
    called = f", {name}" if name else ""
    if _GREETING.fullmatch(bare):
        return f"Hello{called}."
    if _THANKS.fullmatch(bare):
        return "You're welcome."
    if _BYE.fullmatch(bare):
        return f"Goodbye{called}."
    if _TASK.match(bare):
        return offline(scene.style)
    if wishes_of(bare):
        return "Understood."
    if scene.has_dated and scene.learning:
        return "Noted."
    return "Understood." if scene.style.formal else "I see."
