"""The default model: no network and no language model, honest about what it knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from voxsession.memory.extract import Fact
from voxsession.models.base import ModelRequest, Reply
from voxsession.models.offline_knowledge import (
    LIKING,
    Finding,
    Knowledge,
    Known,
    known_from_entries,
    known_from_facts,
    undated_facts,
)
from voxsession.models.offline_person import clause_for_you, form_of, join_clauses
from voxsession.models.offline_phrases import TOPICS
from voxsession.models.offline_questions import Ask, is_question, read_asks, sentences
from voxsession.models.offline_quotes import Said, best_said, quote, said_before
from voxsession.models.offline_style import NO_OTHER_LANGUAGE, Style, finish, read_style, wishes_in
from voxsession.models.offline_words import coverage, stems

__all__ = ["OfflineModel"]

OFFLINE = (
    "I'm an offline model and only know what was said in this session. For anything else, a model "
    "can be plugged in."
)
HERE = "I'm here and listening."
OFFLINE_BRIEF = "I only know what was said in this session."
CANNOT_FORGET = "I can't erase anything myself; the application can, with session.forget."
_MOST_FACTS = 6
_EARLIER_TURNS = 30
_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day))\b[\s\w,]{0,20}", re.IGNORECASE
)
_THANKS = re.compile(r"(?:many )?(?:thanks|thank you|thx|cheers)\b[\s\w,]{0,40}", re.IGNORECASE)
_BYE = re.compile(r"(?:bye|goodbye|good ?night|see you|farewell|that's all)\b[\s\w,]{0,20}", re.IGNORECASE)
_EXPLAINS = re.compile(r"(?:what (?:is|are)|how|why|explain)\b")
_TASK = re.compile(
    r"(?:please |kindly |now )*(?:write|translate|explain|calculate|compute|create|generate|draft|compose"
    r"|suggest|recommend"
    r"|summari[sz]e|solve|find|search|look up|compare|convert|analy[sz]e|help me|teach me|sing|book (?:a"
    r"|me|the)|order (?:a|me|the)"
    r"|play (?:a|me|the)|turn (?:on|off))\b",
    re.IGNORECASE,
)


@attrs.frozen(slots=True, kw_only=True)
class _Scene:
    """What one answer is made from."""

    text: str
    facts: list[Fact]
    knowledge: Knowledge
    earlier: Knowledge
    past: list[Said]
    style: Style
    learning: bool
    named_before: bool
    names: frozenset[str]


@attrs.define(slots=True)
class _Answer:
    """What was found, by kind, in the order it is said."""

    clauses: list[str] = attrs.field(factory=list)
    sentences: list[str] = attrs.field(factory=list)
    unknown: list[str] = attrs.field(factory=list)
    last: list[str] = attrs.field(factory=list)


class OfflineModel:
    """Answers from what the session remembers, and says what it does not know; it never invents and never calls functions.

    It quotes past messages with day and speaker, acknowledges what it is told, and follows the wishes it can
    follow: short or detailed answers, formal tone. It writes English only and says so.

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

    def respond(self, request: ModelRequest) -> Reply:
        """The answer to the newest user message; the same request always gives the same one."""
        scene = _read_scene(request)
        asked = [sentence for sentence in sentences(scene.text) if is_question(sentence)]
        told = _acknowledge(scene, asked)
        answer = _Answer()
        for sentence in asked:
            for ask in read_asks(sentence, scene.names):
                _answer(ask, scene, answer)
        text = _compose(told, answer, scene.style)
        notice = not any(
            message.get("role") == "assistant" and NO_OTHER_LANGUAGE in str(message.get("content"))
            for message in request.messages
        )
        return Reply(finish(text, scene.style, request.config.max_output_tokens, notice=notice))


def _read_scene(request: ModelRequest) -> _Scene:
    messages = request.messages
    newest = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    content = messages[newest].get("content") if newest >= 0 else ""
    text = content if isinstance(content, str) else ""
    name = messages[newest].get("name") if newest >= 0 else None
    asker = str(name) if name else None
    before = messages[newest - 1] if newest > 0 else {}
    previous = before.get("content") if before.get("role") == "assistant" else None
    facts = undated_facts(text, previous if isinstance(previous, str) else None)
    remembered = known_from_entries(request.context.memories)
    filled = {fact.slot for fact in facts if fact.slot}
    known = [one for one in remembered if one.slot not in filled or one.speaker not in (None, asker)]
    order = remembered[-1].order + 1 if remembered else 1.0
    knowledge = Knowledge([*known, *known_from_facts(facts, order)], asker)
    earlier = Knowledge(_told_earlier(request, newest, name), asker)
    past = said_before(request, newest, asker)
    return _Scene(
        text=text,
        facts=facts,
        knowledge=knowledge,
        earlier=earlier,
        past=past,
        style=read_style(request.config.language, wishes_in(messages), [*earlier.known, *knowledge.known]),
        learning=request.config.enable_learning,
        named_before=bool(Knowledge(remembered, asker).user_name() or earlier.user_name()),
        names=frozenset(knowledge.people() | {said.who for said in past if said.who not in ("you", "I")}),
    )


def _told_earlier(request: ModelRequest, newest: int, name: object) -> list[Known]:
    """What the same person said in this conversation, for what was not remembered (learning may be off)."""
    earlier = [
        message
        for message in request.messages[: max(newest, 0)]
        if message.get("role") == "user"
        and message.get("name") == name
        and isinstance(message.get("content"), str)
    ]
    found: dict[object, Known] = {}
    for place, message in enumerate(earlier[-_EARLIER_TURNS:]):
        for known in known_from_facts(undated_facts(message["content"][:2000]), float(place)):
            found[known.slot or known.content] = known
    return list(found.values())


# --- one question


def _answer(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    """Adds to `answer` what one thing asked for gives."""
    if ask.person is not None and scene.knowledge.is_me(ask.person):
        ask = attrs.evolve(ask, person=None)
    if ask.kind == "forget":
        answer.last.append(CANNOT_FORGET)
    elif ask.kind == "model":
        answer.last.append(HERE if re.search(r"\b(?:how are|up$|there$|hear me)", ask.text) else OFFLINE)
    elif ask.kind == "all":
        _answer_all(ask, scene, answer)
    elif ask.kind == "topic":
        _answer_topic(ask, scene, answer)
    elif ask.kind == "who":
        _answer_who(ask, scene, answer)
    elif ask.kind == "said":
        _answer_said(ask, scene, answer)
    else:
        _answer_other(ask, scene, answer)


def _most(style: Style, usual: int) -> int:
    return 2 if style.brief else 4 * usual if style.detailed else usual


def _answer_all(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    known = scene.knowledge.everything(None) or scene.earlier.everything(None)
    if "who" in ask.words:
        name = scene.knowledge.topic(TOPICS[0], None) or scene.earlier.topic(TOPICS[0], None)
        known = [
            *name,
            *[finding for finding in known if finding.known.category in ("identity", "work", "location")],
        ]
        if not known:
            answer.unknown.append("who you are")
        answer.clauses += list(dict.fromkeys(finding.clause for finding in known))[: _most(scene.style, 3)]
        return
    most = _most(scene.style, _MOST_FACTS)
    answer.clauses += [finding.clause for finding in known[:most]]
    if len(known) > most:
        rest = len(known) - most
        answer.last.append(f"I remember {rest} more thing{'s' if rest > 1 else ''} about you.")
    if not known:
        answer.unknown.append("anything about you yet")


def _answer_said(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    if _quoted(ask, scene, answer):
        return
    known = [finding for finding in scene.knowledge.matching(ask) if finding.share == 1]
    answer.clauses += [finding.clause for finding in known[: _most(scene.style, 3)]]
    if not known:
        _not_mentioned(ask, scene, answer)


def _answer_topic(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    assert ask.topic is not None
    found = scene.knowledge.topic(ask.topic, ask.person)
    if not found and ask.person is None:
        found = scene.earlier.topic(ask.topic, None)
    if found and ask.yes_no and any(coverage(ask.words, finding.known.words) == 1 for finding in found):
        fits = next(finding for finding in found if coverage(ask.words, finding.known.words) == 1)
        answer.sentences.append(f"Yes, {fits.clause}.")
    elif found:
        answer.clauses += [finding.clause for finding in found[: _most(scene.style, _MOST_FACTS)]]
    elif ask.person is None or not _quoted(ask, scene, answer):
        answer.unknown.append(_unknown(ask))


def _unknown(ask: Ask) -> str:
    assert ask.topic is not None
    name = ask.person
    if name is None:
        words = {
            "your": "your",
            "yours": "yours",
            "you": "you",
            "are": "are",
            "do": "do",
            "have": "have",
            "come": "come",
        }
    else:
        words = {
            "your": f"{name}'s",
            "yours": f"{name}'s",
            "you": name,
            "are": "is",
            "do": "does",
            "have": "has",
        }
        words["come"] = "comes"
    return ask.topic.unknown.format(**words)


def _answer_who(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    assert ask.person is not None
    found = scene.knowledge.mentions(ask.person)
    open_ones = [finding for finding in found if not finding.known.sensitive or len(found) == 1]
    if open_ones:
        answer.clauses += [finding.clause for finding in open_ones[: _most(scene.style, _MOST_FACTS)]]
    elif not _quoted(attrs.evolve(ask, words=stems(ask.person)), scene, answer):
        _not_mentioned(ask, scene, answer)


def _answer_other(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    if LIKING.match(ask.text):
        _answer_liking(ask, scene, answer)
        return
    found = scene.knowledge.matching(ask) or scene.earlier.matching(ask)
    good = [finding for finding in found if finding.share >= (1.0 if len(ask.words) < 3 else 0.66)]
    if good and not (ask.past and _better_said(ask, scene, good[0].share)):
        best = [finding for finding in good if finding.share == good[0].share][: _most(scene.style, 3)]
        if ask.yes_no and best[0].share == 1 and " not " not in ask.text and ask.own:
            word = "No" if best[0].refuses else "Yes"
            answer.sentences.append(f"{word}, {best[0].clause}.")
        elif ask.when and not best[0].says_when:
            answer.sentences.append("I don't know when. " + join_clauses([best[0].clause]))
        else:
            answer.clauses += [finding.clause for finding in best]
        if not ask.own and _EXPLAINS.match(ask.text):
            answer.last.append(OFFLINE_BRIEF)
    elif not _quoted(ask, scene, answer):
        _nothing(ask, scene, answer, found)


def _better_said(ask: Ask, scene: _Scene, share: float) -> bool:
    best = best_said(ask, scene.past, most=1)
    return bool(best) and coverage(ask.words, best[0].words) > share


def _answer_liking(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    found = scene.knowledge.liking(ask) or scene.earlier.liking(ask)
    match = LIKING.match(ask.text)
    thing = (match["thing"] or match["other"]) if match else ""
    who = ask.person or "you"
    if not found:
        if not (ask.past and _quoted(ask, scene, answer)):
            answer.unknown.append(f"whether {who} {'likes' if ask.person else 'like'} {thing}")
        return
    best = found[0]
    hates = bool(match and match["verb"] in ("hate", "dislike"))
    if best.share < 1 or " not " in f" {ask.text} ":
        answer.clauses.append(best.clause)
        return
    says_yes = best.refuses == hates
    answer.sentences.append(f"{'Yes' if says_yes else 'No'}, {best.clause}.")


def _nothing(ask: Ask, scene: _Scene, answer: _Answer, found: Sequence[Finding]) -> None:
    """What is said where nothing answers."""
    near = [finding for finding in found if finding.share >= 0.5 and (finding.form or ask.person)]
    if ask.own and near and ask.yes_no:
        answer.sentences.append("I can't say for sure. What I know: " + near[0].clause + ".")
    elif ask.noun and ask.person is None:
        answer.unknown.append(f"when your {ask.noun} is" if ask.when else f"your {ask.noun}")
    else:
        _not_mentioned(ask, scene, answer)


def _not_mentioned(ask: Ask, scene: _Scene, answer: _Answer) -> None:
    stranger = (
        ask.person is not None and ask.person not in scene.names and not scene.knowledge.mentions(ask.person)
    )
    if ask.own and (ask.kind != "other" or not stranger):
        answer.sentences.append(f"Nothing I remember mentions {(stranger and ask.person) or 'that'}.")
    else:
        answer.last.append(OFFLINE_BRIEF if scene.style.brief else OFFLINE)


def _quoted(ask: Ask, scene: _Scene, answer: _Answer) -> bool:
    """Adds quotes that answer, if there are any."""
    most = 1 if scene.style.brief else 3 if scene.style.detailed else 2
    best = best_said(ask, scene.past, most=most)
    answer.sentences += [quote(said, ask.words, brief=scene.style.brief) for said in best]
    return bool(best)


# --- what is told


def _acknowledge(scene: _Scene, asked: Sequence[str]) -> str:
    """The words about what the message says, where it says something; a greeting is returned."""
    text = " ".join(scene.text[:4000].split())
    parts: list[str] = []
    formal = scene.style.formal
    name = next((fact.value for fact in scene.facts if fact.slot == "name" and fact.value), None)
    if name and not formal and not scene.named_before:
        parts.append(f"Nice to meet you, {name}.")
    noted = [
        clause_for_you(form)
        for fact in scene.facts
        if (form := form_of(fact.content)) and not (fact.slot == "name" and parts)
    ]
    if noted and not (asked and scene.style.brief):
        heard = join_clauses(noted[:4])
        parts.append(f"{'Noted' if scene.learning else 'I see'}: {heard[:1].lower()}{heard[1:]}")
    if parts or asked:
        return " ".join(parts[:1] if scene.style.brief else parts)
    return _small_talk(text, scene)


def _small_talk(text: str, scene: _Scene) -> str:
    bare = text.strip(" .!?…")
    name = scene.knowledge.user_name() or scene.earlier.user_name()
    called = f", {name}" if name else ""
    if _GREETING.fullmatch(bare):
        return f"Hello{called}."
    if _THANKS.fullmatch(bare):
        return "You're welcome."
    if _BYE.fullmatch(bare):
        return f"Goodbye{called}."
    if _TASK.match(bare):
        return OFFLINE_BRIEF if scene.style.brief else OFFLINE
    return "Understood." if scene.style.formal else "I see."


# --- putting it together


def _compose(told: str, answer: _Answer, style: Style) -> str:
    known = join_clauses(answer.clauses[:3] if style.brief else answer.clauses)
    unknown = list(dict.fromkeys(answer.unknown))
    missing = f"I don't know {_either(unknown)}." if unknown else ""
    last = list(dict.fromkeys(answer.last))
    if not style.brief:
        return " ".join(filter(None, [told, known, *answer.sentences, missing, *last]))
    if known and missing:
        return f"{known[:-1]}, but {missing}"
    return next(filter(None, [known, *answer.sentences, missing, *last, told]), "I see.")


def _either(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} or {parts[-1]}" if len(parts) > 1 else parts[0]
