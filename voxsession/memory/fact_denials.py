"""What a user says is not so, or no more so: each denial as the fact that it denies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from voxsession.core.struct import evolve
from voxsession.memory import fact_words as w
from voxsession.memory.fact_guards import Sentence
from voxsession.memory.fact_instructions import read_instruction
from voxsession.memory.fact_phrases import cut, tidy
from voxsession.memory.fact_plans import PLANNED
from voxsession.memory.facts import Fact, third_person, third_singular

__all__ = ["denials"]

_ENDED = re.compile(r"\b(?:any (?:more|longer)|no longer|after all|used to)\b", re.I)
_TAIL = re.compile(
    r"(?:,? (?:any (?:more|longer)|after all|at all|either|now|these days|actually|though|in fact|to be honest|"
    r"yesterday|today|last \w+|(?:a|two|three|some|\d+) \w+ ago))+$",
    re.I,
)
# What is denied for a while, for some cases or in part only is not denied.
_IN_PART = re.compile(
    r"\b(?:always|usually|often|normally|necessarily|exactly|merely|simply|solely|every day|all the time)\b"
    r"|\b(?:on|at) (?:\w+days?|weekends?|holidays|work|school|night)\b"
    r"|\b(?:today|tonight|tomorrow|right now|at the moment|yet|with me|on me)\b"
    r"|\bthis (?:week|month|morning|afternoon|evening|time|year)\b|\b(?:when|while|before|during|without|alone)\b"
    r"|\bafter (?!all\b)|\bfor (?:a|an|the|this|two|three|some) (?:\w+ )?(?:moment|while|days?|weeks?|months?)\b",
    re.I,
)
_NOT_ONLY = re.compile(r"(?:n't|\bnot) (?:\w+ )?(?:only|just|merely|simply|solely|always|exactly)\b", re.I)
_STILL = re.compile(r"\b(?:still|once again|used to it)\b", re.I)
_TAG = re.compile(r"\b(?:do|am|have|did|was|does|is) (?:i|he|she|it|they)\W*$", re.I)
_CORRECTS = re.compile(
    r"(?:(?:oh|ah|well|hmm|no+|nope)[\s,.!]+)*"
    r"(?:sorry|correction|actually|wait|oops|no+|nope|I meant|I was wrong|my mistake)"
    r"(?![\w'])(?! (?:to|for|about|more|less|problem|idea|one|doubt))",
    re.I,
)

_ANY_JOB = ("employer", "work.mode", "work.hours")
_JOB_LOST = re.compile(
    r"I(?:'ve| have)? (?:quit|left|lost|resigned from|gave up) (?:my|the) (?:[\w-]+ ){0,2}?job\b"
    r"|I(?:'ve been| was| got|'ve gotten)(?: \w+ly)? (?:fired|laid off|sacked|made redundant|let go|dismissed)"
    r"(?! (?:up|from (?!my|the|work)))(?! of\b)"
    r"|I(?:'ve)? (?:resigned|handed in my (?:notice|resignation))(?=$|[,.!]| (?:yesterday|today|last|this|from my))"
    r"|my (?:boss|company|employer|manager) (?:has )?(?:fired|sacked|dismissed|laid off) me\b"
    r"|(?:my company|they) (?:fired me|let me go|laid me off)\b"
    r"|I'm (?:unemployed|retired|between jobs|out of work|jobless)(?=$|[,.!]| (?:and|now|since))",
    re.I,
)
_PETS = w.choice(w.PETS)
_GONE = re.compile(
    rf"I(?:'ve)? (?:sold|gave away|given away|rehomed|got rid of|put down|gave up) (?:my|our) (?P<sold>{_PETS}|[\w-]+)"
    rf"(?=$|[,.!]| (?:and|yesterday|last|today|because|so|for|to)\b)"
    rf"|my (?P<dead>{_PETS}) (?:[A-Z]\w+ )?(?:has |just )?(?:died|passed away|is dead|ran away)\b",
    re.I,
)
_CANCELLED = re.compile(
    r"I(?:'ve| have| had to|'m)? ?(?:cancel(?:l?ed|l?ing)?|call(?:ed)? off|drop(?:ped)?) "
    r"(?:my|the|our) (?P<what>[\w' -]+)"
    r"|my (?P<what2>[\w' -]+?) (?:is|was|has been|got|'s) (?:cancel?led|called off|off)"
    r"(?=$|[,.!]| (?:and|now|because))",
    re.I,
)
_RESCHEDULED = re.compile(
    r"\binstead\b|\b(?:re-?scheduled|postponed|moved|pushed(?: back)?|brought forward|shifted|changed) to\b|\bis now\b",
    re.I,
)
_LEFT_PLACE = re.compile(r"I(?:'ve)? moved (?:away from|out of) ", re.I)
_LEFT_JOB = re.compile(
    r"I(?:'ve)? (?:left|quit|resigned from) (?=(?-i:[A-Z])[\w&.'-]*(?:$|[,.!]| (?:and|last|in|yesterday)))",
    re.I,
)
_STOPPED = re.compile(
    r"I(?:'ve| have)? (?:stopped|quit|gave up|given up) (?P<verb>[a-z]{2,}ing)\b(?P<rest>.*)", re.I
)
_OTHERS_DO = re.compile(
    r"(?P<who>my [\w' -]{2,60}?) (?:(?:doesn't|does not|don't) (?P<verb>\w+)|no longer (?P<verbs>\w+))\b",
    re.I,
)
# "not" out of a statement, and what is left; of more than one, the first that can be read counts.
_PLAIN = tuple(
    (re.compile(pattern, re.I), said)
    for pattern, said in (
        (r"I'm (?:not|no longer)(?: actually| really)? ", "I'm "),
        (r"I (?:wasn't|was not|was never|haven't been|'ve never been) ", "I'm "),
        (
            r"I (?:haven't got|have not got|have no|'ve no|'ve never had|have never had|never had) (?:any )?",
            "I have ",
        ),
        (r"I (?:don't|didn't|no longer|never)(?: actually| really)? (?:have|own) (?:any )?", "I have "),
        (r"I (?:don't|no longer|never)(?: actually| really)? (?!have\b)(?=\w)", "I "),
        (r"I used to be ", "I'm "),
        (r"I used to (?=\w)", "I "),
        (r"I'm done with ", "I take "),
        (r"my (?P<what>[\w' -]{2,60}?) (?:isn't|is not|'s not|is no longer) ", "my {what} is "),
        (r"my (?P<what>[\w' -]{2,60}?) (?:aren't|are not|are no longer) ", "my {what} are "),
    )
)
_INSTRUCTION = re.compile(
    r"(?:(?:you )?(?:don't|do not|no longer) (?:have|need) to|(?:no )?need to|(?:you (?:can|may|should) |please )*stop|"
    r"(?:please )?(?:don't|do not)) (?P<order>.+)",
    re.I,
)

Read = Callable[[str], list[Fact]]


def denials(sentence: Sentence, *, user: str, read: Read) -> Iterator[Fact]:
    """Find what one sentence denies: "I'm not vegan any more" denies "User is vegan".

    What is denied in part ("I don't always …"), asked ("I don't have a dog, do I?") or for a while is not denied.

    Args:
        sentence: of a message of the user.
        user: the name used in the content.
        read: gives the facts that a clause states.

    Returns:
        The denied facts, with `is_denied` set; one without a value denies its slot whatever fills it.
    """
    if _NOT_ONLY.search(sentence.said) or _STILL.search(sentence.said) or _TAG.search(sentence.said):
        return
    corrects = bool(_CORRECTS.match(sentence.said))
    for clause in sentence.clauses:
        for fact in (
            *_lost(clause, user, read),
            *_denied(clause, user, read),
            *_changed(clause, user, read, corrects),
        ):
            yield evolve(fact, is_denied=True)


def _denied(clause: str, user: str, read: Read) -> list[Fact]:
    """The facts of the clause without its "not"."""
    ended = bool(_ENDED.search(clause))
    if not ended and _IN_PART.search(clause):
        return []
    bare = _TAIL.sub("", clause.rstrip(" .!,"))
    if (order := _INSTRUCTION.match(bare)) and (
        found := read_instruction(f"always {order['order']}", user=user, task=False)
    ):
        return [found]
    for plain in _without_not(bare):
        if found_facts := [fact for fact in read(plain) if not fact.is_denied]:
            return found_facts
    return _planned(bare, user)


def _without_not(clause: str) -> Iterator[str]:
    for pattern, said in _PLAIN:
        if match := pattern.match(clause):
            yield said.format(**{"what": "", **match.groupdict()}) + clause[match.end() :]
    if match := _STOPPED.match(clause):
        verb, rest = match["verb"].lower(), match["rest"]
        stem = verb[:-3]
        for form in dict.fromkeys((stem, f"{stem}e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem)):
            yield f"I {form}{rest}"
            yield f"I {form}{rest} every day"
        yield f"I'm {verb}{rest}"
    if match := _OTHERS_DO.match(clause):
        verb = match["verbs"] or third_singular(match["verb"])
        yield f"{match['who']} {verb}{clause[match.end() :]}"
    if match := _LEFT_PLACE.match(clause):
        yield f"I live in {clause[match.end() :]}"
    if match := _LEFT_JOB.match(clause):
        yield f"I work at {clause[match.end() :]}"


def _planned(clause: str, user: str) -> list[Fact]:
    """A plan that is named without its day, or called off."""
    match = re.match(r"I'm (?:not|no longer) (?P<what>.+)|I won't (?:be )?(?P<what2>.+)", clause, re.I)
    words = (match["what"] or match["what2"]) if match else ""
    if not re.match(rf"{PLANNED}\b|(?:go|fly|travel|visit|move|start|attend)\b", words, re.I):
        cancelled = _CANCELLED.match(clause)
        words = (cancelled["what"] or cancelled["what2"]) if cancelled else ""
    words = tidy(cut(words)[0])
    return [_plan(f"{user} {third_person(words)}")] if words else []


def _plan(content: str) -> Fact:
    return Fact(content=content, category="plan", importance=0.5)


def _lost(clause: str, user: str, read: Read) -> Iterator[Fact]:
    """The job that was lost, the animal that died, the car that was sold."""
    if _JOB_LOST.match(clause):
        for slot in _ANY_JOB:
            yield Fact(content=f"{user} has a job", category="work", importance=0.7, slot=slot)
    if match := _GONE.match(clause):
        thing = match["sold"] or match["dead"]
        if thing.lower() in ("car", "van", "pickup", "motorbike", "motorcycle"):
            yield Fact(content=f"{user} drives a {thing}", category="possession", importance=0.6, slot="car")
        yield from read(f"I drive a {thing}") if thing[:1].isupper() else read(f"I have a {thing}")


def _changed(clause: str, user: str, read: Read, corrects: bool) -> Iterator[Fact]:
    """What a correction takes the place of although it shares no slot: another name, another day."""
    for fact in read(clause):
        named = re.fullmatch(rf"({re.escape(user)}'s .+ (?:is|is called)) (.+)", fact.content)
        if corrects and named and fact.slot is None and fact.value == named[2]:
            yield evolve(fact, content=named[1], value=None)
        if fact.category == "plan" and (corrects or _RESCHEDULED.search(clause)):
            yield _plan(_without_day(fact.content))


def _without_day(content: str) -> str:
    months = "January|February|March|April|May|June|July|August|September|October|November|December"
    day = rf" (?:in|on|around|by|before|until)? ?(?:the \w+ of )?(?:\d{{1,2}} )?(?:{months})\b(?: \d{{4}})?"
    return re.sub(day, "", content).removesuffix(" is")
