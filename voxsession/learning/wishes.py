"""What a user says outright about the answers: "keep it short", "please be formal", "back to normal length".

A wish must be spoken to the assistant about its answers: "my boss told me to be
formal" and "make the e-mail shorter" are none. So each pattern is anchored at
the start of a clause, and what stands in quotation marks is not looked at.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from voxsession.core.struct import Struct
from voxsession.learning.wish_rules import CODES, HINTS, PARTS, RULES, SAID

__all__ = ["Wish", "reply_pressure", "wishes_of"]


class Wish(Struct, frozen=True, kw_only=True):
    """One wish: which preference it is about and the value it asks for.

    Attributes:
        name: such as `formality`, or `language.de`.
        value: 0..1; words a minute for `speaking_pace`, words for `response_length`; None takes an earlier wish back
            (`language` then stands for whichever was asked for).
        standing: it holds until another is spoken or it is taken back; else it is a strong sign that fades.
    """

    name: str
    value: float | None
    standing: bool


# A clause begins at the start, after a mark, or after words that lead up to a request.
_CLAUSE = re.compile(
    r"^\s*|[.!?;:,\n—–-]\s*|\b(?:please|kindly|bitte|por favor|and|but|so|then|ok|okay|just|always|only|now|hey"
    r"|from now on|in (?:the )?future|can (?:you|we)|(?:could|would|will) you|you (?:can|could|may|should|must)"
    r"|i (?:want|need) you to|i(?:'d| would) like you to|let's|try to|(?:make sure|remember|be sure) to|actually|wait"
    r"|sorry|i mean|rather|instead)\s+",
    re.IGNORECASE,
)
# What somebody else said, up to the words themselves: "my boss told me: be formal".
_REPORTED = re.compile(
    r"(?P<who>\b[\w']+)(?: (?:just|already|also|always|once|keeps?|\w+ly))* "
    r"(?:(?:told|tells|asked|asks|advised|advises|warned|reminded) (?:me|us|him|her|them)"
    r"|(?:said|says|saying|wrote|writes)(?: to (?:me|us|him|her|them))?)(?: (?:yesterday|today|once))?\s*[:,–—-]?\s*$",
    re.IGNORECASE,
)
# What a manner is for, where it is not for the assistant's answers: "be formal in the letter to my boss".
_ELSEWHERE = re.compile(
    r"\s+(?:in|for|at|on|during|to|with)\s+(?:the|my|an?|this|that|your|our|his|her|their|these|those)\s+"
    r"(?!(?:\w+ )?(?:answers?|repl(?:y|ies)|responses?|explanations?|messages?|future|rest|moment|time|conversation"
    r"|chat|session|talk|whole|meantime|following)\b)",
    re.IGNORECASE,
)
_PART = re.compile("|".join(sorted(PARTS, key=len, reverse=True)))


class _Rule(NamedTuple):
    """One way to wish: for which preferences, its value (-1 = the number that is said), how it is said."""

    names: tuple[str, ...]
    value: float | None
    standing: bool
    pattern: re.Pattern[str]
    anchored: bool


@cache
def _rules() -> list[_Rule]:
    """The rules, made when first needed, for it takes a while."""
    made = []
    for names, value, standing, begins, anywhere in RULES:
        lines = [line.strip() for line in begins.splitlines() if line.strip()]
        for source, anchored in (("|".join(lines), True), (anywhere, False)):
            if source:
                pattern = re.compile(_spelt(source), re.IGNORECASE)
                made.append(_Rule(tuple(names.split()), value, standing, pattern, anchored))
    return made


_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|`[^`]*`")


def _spelt(source: str) -> str:
    """A pattern with its parts put in; three times, since a part may hold another that holds one."""
    for _ in range(3):
        source = _PART.sub(lambda part: PARTS[part.group()], source)
    return source


_WORD = re.compile(r"[^\W_]+")
#: A message longer than this is a text to work on rather than a word to the assistant.
_LONGEST = 400
_LONGEST_REPORT = 80

_SHORTER = re.compile(
    r"\b(?:too long|shorter|shorten (?:it|that|this)|in short|tl;?dr|sum (?:it|that) up|summari[sz]e (?:it|that|this)"
    r"|brief(?:ly|er)|get to the point|less detail|too much (?:text|detail))\b|^(?:ok |okay )?(?:stop|enough)\b",
)
_LONGER = re.compile(
    r"\b(?:tell me more|go on|more detail|in detail|elaborate|expand on|say more|what else|more about|longer|keep going"
    r"|(?:could|can) you explain (?:that|this)|explain (?:that|this) (?:more|further))\b|^(?:and then|continue)\b",
)


def wishes_of(text: str) -> list[Wish]:
    """What a message asks for outright, in the order of the text; of one name the last wins.

    Args:
        text: Any string; of a long one the first 400 characters are looked at.

    Returns:
        At most one wish per preference; an empty list for nearly all messages.

    Example:
        >>> [(wish.name, wish.value) for wish in wishes_of("Keep it short and answer in German, please.")]
        [('verbosity', 0.05), ('language.de', 1.0)]
        >>> wishes_of("She told me to keep it short")
        []
    """
    text = text[:_LONGEST].replace("’", "'")
    begun = {word[:4] for word in _WORD.findall(text.lower())}
    hinted = {name for name, hints in HINTS.items() if not hints.isdisjoint(begun)}
    if not hinted:
        return []
    text = _QUOTED.sub(" ", text)
    starts = [match.end() for match in _CLAUSE.finditer(text) if not _is_reported(text[: match.end()])]
    found: dict[str, tuple[int, Wish]] = {}
    for rule in _rules():
        if hinted.isdisjoint(rule.names):
            continue
        tries = (
            [rule.pattern.match(text, start) for start in starts]
            if rule.anchored
            else [rule.pattern.search(text)]
        )
        for match in filter(None, tries):
            if rule.standing and rule.value is not None and _ELSEWHERE.match(text, match.end()):
                continue
            for wish in _wishes(rule, match.group()):
                # A refusal holds the words of the wish ("don't be so formal"), begins earlier and ends with it.
                if wish.name not in found or match.end() >= found[wish.name][0]:
                    found[wish.name] = (match.end(), wish)
    return [wish for _, wish in sorted(found.values(), key=lambda item: item[0])]


def _wishes(rule: _Rule, said: str) -> list[Wish]:
    """The wishes that one place in a text speaks."""
    value = rule.value
    if value == SAID:
        value = float(re.findall(r"\d+", said)[-1])
        if value < 1:
            return []
    names = [
        f"language.{_code_in(said)}" if name == "language" and value is not None else name
        for name in rule.names
    ]
    return [Wish(name=name, value=value, standing=rule.standing) for name in names]


def _is_reported(before: str) -> bool:
    """Whether the words before a clause say that it is somebody else's; what the user said once more is the user's."""
    found = _REPORTED.search(before[-_LONGEST_REPORT:])
    return found is not None and found["who"].lower() not in ("i", "i've")


def _code_in(said: str) -> str:
    """The code of the language that is named last."""
    return next(CODES[word] for word in reversed(re.findall(r"\w+", said.lower())) if word in CODES)


def reply_pressure(text: str) -> int:
    """What a message says of the length of the reply before it: -1 shorter, 1 longer, 0 nothing.

    Example:
        >>> reply_pressure("That was too long."), reply_pressure("Tell me more!"), reply_pressure("Thanks")
        (-1, 1, 0)
    """
    head = text[:120].lower()
    if _SHORTER.search(head):
        return -1
    return 1 if _LONGER.search(head) else 0
