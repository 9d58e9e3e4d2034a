"""What was said before, chosen for a question and quoted with day and speaker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from voxsession.core.struct import Closed, evolve
from voxsession.memory.words import words_of
from voxsession.models.base import ModelRequest
from voxsession.models.offline_questions import Ask, is_question, sentences
from voxsession.models.offline_words import coverage, stems

__all__ = ["Said", "best_said", "is_open", "quote", "said_before"]

_QUOTE_CHARS = 280
_BRIEF_QUOTE_CHARS = 110
# The share of the asked words that a message has to have; less where search was sure of it.
_GOOD, _ALMOST_GOOD, _SURE_SCORE = 0.5, 0.2, 0.6
_ABOUT_AS_GOOD = 0.34
_MOST_EARLIER = 200
_ABOUT_MODEL = re.compile(
    r"\b(?:did|have|had|were) you\b|\byou (?:said|told|suggest|recommend|mention|advise|explain|promise)"
)
_OPEN = re.compile(
    r"\b(?:talk|talking|talked|discuss|discussed|last time|conversation|did you say|have you said|speak|spoke)\b"
)
_OWN_WORDS = re.compile(
    r"(?:On \d+ \w+ \d{4}|Earlier in this conversation) [^:\n]{1,80} said: \"|Nothing I remember|I'm an offline"
)


class Said(Closed, frozen=True, kw_only=True):
    """One past message.

    Attributes:
        who: "you" for the one who asks, "I" for the model, else a name.
        at: when it was said; None within this conversation.
        score: what search gave it, 0 to 1.
        place: grows with time.
    """

    text: str
    who: str
    at: datetime | None = None
    score: float = 0.0
    place: int = 0
    words: frozenset[str] = frozenset()


def said_before(request: ModelRequest, newest: int, asker: str | None) -> list[Said]:
    """Past messages that can be quoted: those recalled, and those of this conversation before the newest.

    Args:
        request: the call.
        newest: index of the newest user message in `request.messages`.
        asker: name of the one who asks, if known.
    """
    found: list[Said] = []
    recalled = [match for match in request.context.recalled if match.message is not None]
    for match in sorted(recalled, key=lambda match: match.message.at if match.message else datetime.max):
        message = match.message
        if message is None or message.redacted:
            continue
        said = _said(message.content, message.role, message.name, asker)
        if said is not None:
            found.append(evolve(said, at=message.at, score=match.score, place=len(found)))
    for earlier in request.messages[max(0, newest - _MOST_EARLIER) : max(0, newest)]:
        said = _said(earlier.get("content"), earlier.get("role"), earlier.get("name"), asker)
        if said is not None:
            found.append(evolve(said, place=len(found)))
    return found


def _said(content: object, role: object, name: object, asker: str | None) -> Said | None:
    if not isinstance(content, str) or role not in ("user", "assistant") or not content.strip():
        return None
    if role == "assistant" and not name and _OWN_WORDS.search(content[:400]):
        return None
    who = str(name) if name and name != asker else "you" if role == "user" else "I"
    return Said(text=content, who=who, words=stems(content))


def best_said(ask: Ask, past: Sequence[Said], *, most: int = 2) -> list[Said]:
    """The messages that answer best, at most `most`, the best first; none where none is good enough.

    Example:
        >>> [said] = best_said(
        ...     Ask(kind="said", text="what did i say about tea", words=stems("tea")),
        ...     [Said(text="Tea is best", who="you", words=stems("Tea is best")),
        ...      Said(text="Hello", who="you", words=stems("Hello"))],
        ... )
        >>> said.text
        'Tea is best'
    """
    pool = [said for said in past if _may_tell(said, ask)]
    if not ask.words:
        told = [said for said in pool if said.who != "I" or _ABOUT_MODEL.search(ask.text)]
        return told[-most:] if is_open(ask) else []
    rated = [(coverage(ask.words, said.words), said) for said in pool]
    good = [(share, said) for share, said in rated if _is_good(share, said)]
    good.sort(key=lambda pair: (-_rate(pair[0], pair[1], ask), -pair[1].place))
    if not good:
        return []
    best = good[0][0]
    return [said for share, said in good if share >= best - _ABOUT_AS_GOOD][:most]


def is_open(ask: Ask) -> bool:
    """Whether it asks for whatever was said last: "what did we talk about?", but not "did I say that?"."""
    return ask.kind == "said" and not ask.words and bool(_OPEN.search(ask.text))


def _is_good(share: float, said: Said) -> bool:
    return share >= _GOOD or (share >= _ALMOST_GOOD and said.score >= _SURE_SCORE)


def _rate(share: float, said: Said, ask: Ask) -> float:
    by_person = ask.person is not None and _same_person(said.who, ask.person)
    return share + 2.0 * said.score + 0.25 * by_person


def _same_person(who: str, person: str) -> bool:
    return bool(set(words_of(who)) & set(words_of(person)))


def _may_tell(said: Said, ask: Ask) -> bool:
    """Whether a message can answer at all: spoken by the one meant, and no mere question."""
    asks_only = all(is_question(sentence) for sentence in sentences(said.text[:1000]))
    if asks_only and " ask" not in ask.text:
        return False
    if ask.kind != "said":
        return said.who != "I"
    if ask.person is not None:
        return _same_person(said.who, ask.person)
    if _ABOUT_MODEL.search(ask.text):
        return said.who == "I"
    if re.search(r"\bi\b", ask.text) and not re.search(r"\bwe\b", ask.text):
        return said.who == "you"
    return True


def quote(said: Said, words: frozenset[str], *, brief: bool = False) -> str:
    """A message as a sentence with its day, its speaker and its words, long ones cut to what matters.

    Example:
        >>> from datetime import UTC
        >>> quote(Said(text="I adopted a cat.", who="Caroline", at=datetime(2023, 5, 8, tzinfo=UTC)), frozenset())
        'On 8 May 2023 Caroline said: "I adopted a cat."'
    """
    when = f"On {said.at.day} {said.at:%B %Y}" if said.at else "Earlier in this conversation"
    shown = _excerpt(said.text, words, _BRIEF_QUOTE_CHARS if brief else _QUOTE_CHARS)
    return f'{when} {said.who} said: "{shown}"'


def _excerpt(text: str, words: frozenset[str], limit: int) -> str:
    """The text, or of a long one the part around the sentence that has most of the words."""
    flat = " ".join(text[:20_000].split())
    if len(flat) <= limit:
        return flat
    parts = re.findall(r"[^.!?]+(?:[.!?]+|$)", flat)[:200] or [flat]
    best = max(range(len(parts)), key=lambda i: (coverage(words, stems(parts[i])), -i))
    end = best + 1
    while end < len(parts) and len("".join(parts[best : end + 1])) <= limit:
        end += 1
    shown = "".join(parts[best:end]).strip()
    cut = shown if len(shown) <= limit else shown[:limit].rsplit(" ", 1)[0] + "…"
    return ("… " if best else "") + cut + (" …" if end < len(parts) and not cut.endswith("…") else "")
