"""The offline model's answer to each thing asked: found, quoted, or said not to be known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voxsession.core.struct import Struct, evolve, field
from voxsession.models.offline_knowledge import LIKING, Finding
from voxsession.models.offline_person import join_clauses
from voxsession.models.offline_phrases import (
    CANNOT_FORGET,
    HERE,
    OFFLINE,
    OFFLINE_BRIEF,
    OFFLINE_EXPERT,
    OFFLINE_PLAIN,
    TOPICS,
)
from voxsession.models.offline_questions import Ask
from voxsession.models.offline_quotes import best_said, is_open, quote
from voxsession.models.offline_scene import Scene
from voxsession.models.offline_style import Style
from voxsession.models.offline_words import coverage, stems

__all__ = ["Answer", "answer_ask", "compose", "offline"]

_MOST_FACTS = 6
_EXPLAINS = re.compile(r"(?:what (?:is|are)|how|why|explain)\b")
_GREETS = re.compile(r"\b(?:how are|up$|there$|hear me)")


class Answer(Struct):
    """What was found, by kind, in the order it is said.

    Attributes:
        clauses: known things, to be joined into sentences.
        sentences: what stands by itself, such as quotes.
        unknown: what "I don't know" is said of.
        last: what is said once, at the end.
    """

    clauses: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)


def answer_ask(ask: Ask, scene: Scene, answer: Answer) -> None:
    """Adds to `answer` what one thing asked for gives."""
    if ask.person is not None and scene.knowledge.is_me(ask.person):
        ask = evolve(ask, person=None)
    if ask.kind == "forget":
        answer.last.append(CANNOT_FORGET)
    elif ask.kind == "model":
        answer.last.append(HERE if _GREETS.search(ask.text) else offline(scene.style))
    elif ask.kind == "all":
        _answer_all(ask, scene, answer)
    elif ask.kind == "topic":
        _answer_topic(ask, scene, answer)
    elif ask.kind == "who":
        _answer_who(ask, scene, answer)
    elif ask.kind == "said":
        _answer_said(ask, scene, answer)
    elif LIKING.match(ask.text):
        _answer_liking(ask, scene, answer)
    else:
        _answer_other(ask, scene, answer)


def compose(told: str, answer: Answer, style: Style) -> str:
    """The text of an answer: what was acknowledged, found, quoted and not known; one sentence where it is to be brief.

    Example:
        >>> found = Answer(clauses=["your name is Alice"], unknown=["your age"])
        >>> compose("", found, Style()), compose("", found, Style(length="brief"))
        ("Your name is Alice. I don't know your age.", "Your name is Alice, but I don't know your age.")
    """
    known = join_clauses(answer.clauses[:3] if style.brief else answer.clauses)
    unknown = list(dict.fromkeys(answer.unknown))
    missing = f"I don't know {_either(unknown)}." if unknown else ""
    last = list(dict.fromkeys(answer.last))
    if not style.brief:
        return " ".join(filter(None, [told, known, *answer.sentences, missing, *last]))
    if known and missing:
        return f"{known[:-1]}, but {missing}"
    return next(filter(None, [known, *answer.sentences, missing, *last, told]), "I see.")


def offline(style: Style) -> str:
    """What is said where a language model would be needed: short, for a specialist, in plain words, or as usual."""
    if style.brief:
        return OFFLINE_BRIEF
    return {"expert": OFFLINE_EXPERT, "plain": OFFLINE_PLAIN}.get(style.level, OFFLINE)


def _either(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} or {parts[-1]}" if len(parts) > 1 else parts[0]


def _most(style: Style, usual: int) -> int:
    return 2 if style.brief else 4 * usual if style.detailed else usual


# --- about the person who asks, or another


def _answer_all(ask: Ask, scene: Scene, answer: Answer) -> None:
    known = scene.knowledge.everything(None) or scene.earlier.everything(None)
    if "who" in ask.words:
        name = scene.knowledge.topic(TOPICS[0], None) or scene.earlier.topic(TOPICS[0], None)
        known = [*name, *(f for f in known if f.known.category in ("identity", "work", "location"))]
        answer.clauses += list(dict.fromkeys(finding.clause for finding in known))[: _most(scene.style, 3)]
        if not known:
            answer.unknown.append("who you are")
        return
    most = _most(scene.style, _MOST_FACTS)
    answer.clauses += [finding.clause for finding in known[:most]]
    if len(known) > most:
        rest = len(known) - most
        answer.last.append(f"I remember {rest} more thing{'s' if rest > 1 else ''} about you.")
    if not known:
        answer.unknown.append("anything about you yet")


def _answer_topic(ask: Ask, scene: Scene, answer: Answer) -> None:
    assert ask.topic is not None
    found = scene.knowledge.topic(ask.topic, ask.person)
    if not found and ask.person is None:
        found = scene.earlier.topic(ask.topic, None)
    fits = [finding for finding in found if ask.yes_no and coverage(ask.words, finding.known.words) == 1]
    if fits:
        answer.sentences.append(f"Yes, {fits[0].clause}.")
    elif found:
        answer.clauses += [finding.clause for finding in found[: _most(scene.style, _MOST_FACTS)]]
    elif ask.person is None or not _quoted(ask, scene, answer):
        answer.unknown.append(_unknown(ask))


def _unknown(ask: Ask) -> str:
    assert ask.topic is not None
    name = ask.person
    if name is None:
        words = {"your": "your", "you": "you", "are": "are", "do": "do", "have": "have", "come": "come"}
    else:
        words = {"your": f"{name}'s", "you": name, "are": "is", "do": "does", "have": "has", "come": "comes"}
    return ask.topic.unknown.format(**words)


def _answer_who(ask: Ask, scene: Scene, answer: Answer) -> None:
    assert ask.person is not None
    found = scene.knowledge.mentions(ask.person)
    told = [finding for finding in found if not finding.known.sensitive or len(found) == 1]
    if told:
        answer.clauses += [finding.clause for finding in told[: _most(scene.style, _MOST_FACTS)]]
    elif not _quoted(evolve(ask, words=stems(ask.person)), scene, answer):
        _not_mentioned(ask, scene, answer)


def _answer_liking(ask: Ask, scene: Scene, answer: Answer) -> None:
    found = scene.knowledge.liking(ask) or scene.earlier.liking(ask)
    match = LIKING.match(ask.text)
    assert match is not None
    if not found:
        if not (ask.past and _quoted(ask, scene, answer)):
            verb = match["verb"] or "like"
            thing = match["thing"] or match["other"]
            answer.unknown.append(f"whether {ask.person or 'you'} {verb}{'s' if ask.person else ''} {thing}")
        return
    best = found[0]
    if best.share < 1 or " not " in ask.text:
        answer.clauses.append(best.clause)
        return
    hates = match["verb"] in ("hate", "dislike")
    answer.sentences.append(f"{'Yes' if best.refuses == hates else 'No'}, {best.clause}.")


# --- about the past, and everything else


def _answer_said(ask: Ask, scene: Scene, answer: Answer) -> None:
    if _quoted(ask, scene, answer):
        return
    if is_open(ask):
        known = scene.knowledge.everything(ask.person)
    else:
        known = [finding for finding in scene.knowledge.matching(ask) if finding.share == 1]
    answer.clauses += [finding.clause for finding in known[: _most(scene.style, 3)]]
    if not known:
        _not_mentioned(ask, scene, answer)


def _answer_other(ask: Ask, scene: Scene, answer: Answer) -> None:
    found = scene.knowledge.matching(ask) or scene.earlier.matching(ask)
    good = [finding for finding in found if finding.share >= (1.0 if len(ask.words) < 3 else 0.66)]
    if not good or (ask.past and _said_better(ask, scene, good[0].share)):
        if not _quoted(ask, scene, answer):
            _nothing(ask, scene, answer, found)
        return
    best = [finding for finding in good if finding.share == good[0].share][: _most(scene.style, 3)]
    if ask.yes_no and ask.own and best[0].share == 1 and " not " not in ask.text:
        answer.sentences.append(f"{'No' if best[0].refuses else 'Yes'}, {best[0].clause}.")
    elif ask.when and not best[0].says_when:
        answer.sentences.append("I don't know when. " + join_clauses([best[0].clause]))
    else:
        answer.clauses += [finding.clause for finding in best]
    if not ask.own and _EXPLAINS.match(ask.text):
        answer.last.append(OFFLINE_BRIEF)


def _said_better(ask: Ask, scene: Scene, share: float) -> bool:
    best = best_said(ask, scene.past, most=1)
    return bool(best) and coverage(ask.words, best[0].words) > share


def _quoted(ask: Ask, scene: Scene, answer: Answer) -> bool:
    """Adds the quotes that answer, if there are any."""
    most = 1 if scene.style.brief else 3 if scene.style.detailed else 2
    best = best_said(ask, scene.past, most=most)
    answer.sentences += [quote(said, ask.words, brief=scene.style.brief) for said in best]
    return bool(best)


def _nothing(ask: Ask, scene: Scene, answer: Answer, found: Sequence[Finding]) -> None:
    """What is said where nothing answers."""
    near = [finding for finding in found if finding.share >= 0.5 and (finding.form or ask.person)]
    if ask.own and near and ask.yes_no:
        answer.sentences.append(f"I can't say for sure. What I know: {near[0].clause}.")
    elif ask.noun and ask.person is None:
        answer.unknown.append(f"when your {ask.noun} is" if ask.when else f"your {ask.noun}")
    else:
        _not_mentioned(ask, scene, answer)


def _not_mentioned(ask: Ask, scene: Scene, answer: Answer) -> None:
    person = ask.person
    stranger = (
        person if person and person not in scene.names and not scene.knowledge.mentions(person) else None
    )
    if ask.own and not (ask.kind == "other" and stranger):
        answer.sentences.append(f"Nothing I remember mentions {stranger or 'that'}.")
    else:
        answer.last.append(offline(scene.style))
