"""Facts about the user, found in one of the user's messages by patterns.

Precision comes before recall: what is asked, supposed, quoted, played, reported or uncertain states nothing.
English is the reference; a message in another language gives no facts rather than wrong ones.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime

from voxsession.memory import fact_words as w
from voxsession.memory.fact_denials import denials
from voxsession.memory.fact_guards import Sentence, sentences
from voxsession.memory.fact_instructions import holds_task, read_instruction
from voxsession.memory.fact_people import people_facts, people_named
from voxsession.memory.fact_phrases import things
from voxsession.memory.fact_plans import birthday, read_plan
from voxsession.memory.fact_prose import prose
from voxsession.memory.fact_rules import RULES, Rule
from voxsession.memory.fact_values import read_name, read_organisation, read_place
from voxsession.memory.facts import NUMBER, Fact, number, proper, slot_key, third_person, third_singular

__all__ = ["Fact", "extract_facts"]

_MAX_FACTS = 40


def extract_facts(
    text: str,
    *,
    at: datetime,
    speaker: str | None = None,
    previous: str | None = None,
    earlier: str | None = None,
    with_denials: bool = False,
) -> list[Fact]:
    """Find the facts about the user in one message of the user.

    The same arguments give the same facts; nothing uncertain is among them; of two values for one slot in the message
    the later is given; the work is bounded for a text of any length, of which only the beginning is read.

    Args:
        text: the message.
        at: when it was said; relative dates count from its day, in its own time zone.
        speaker: the name that `content` uses in place of "User".
        previous: the assistant's message before it, used only to understand short answers and corrections.
        earlier: the user's message before it, used only to understand what a correction is about.
        with_denials: whether what is said not to be so is given too, before all else, as facts with `is_denied`.

    Returns:
        The facts in the order they were said, without repetition.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 18, tzinfo=UTC)
    >>> for fact in extract_facts("My name is Alice and I'm flying to Oslo next Friday", at=now):
    ...     print(fact.content)
    User's name is Alice
    User is flying to Oslo on 27 November 2026
    """
    user = speaker or "User"
    said = prose(text)
    taken = sentences(said)
    facts = _Reading(at=at, user=user).read(taken)
    denied = _denied(taken, facts, at=at, user=user) if with_denials else []
    if facts:
        return denied + facts
    line = said.split("\n")[0].strip()
    answers = _answers(line, previous[-2000:], user=user) if previous else []
    return denied + (answers or (_own_correction(line, earlier, at=at, user=user) if earlier else []))


def _denied(taken: list[Sentence], facts: list[Fact], *, at: datetime, user: str) -> list[Fact]:
    """What the sentences deny, but for slots that the message fills anew: there the new value takes over."""
    filled = {fact.slot for fact in facts if fact.slot}

    def read(clause: str) -> list[Fact]:
        return _Reading(at=at, user=user).read([Sentence(said="", clauses=(clause,), asks=False)])

    found: list[Fact] = []
    for sentence in taken:
        for fact in denials(sentence, user=user, read=read):
            if fact not in found and fact.slot not in filled and len(found) < _MAX_FACTS:
                found.append(fact)
    return found


def _own_correction(said: str, earlier: str, *, at: datetime, user: str) -> list[Fact]:
    """ "No, it's Rob" right behind "My name is Bob": the value takes the place of the one just given."""
    corrected = _CORRECTS.match(said) if said and not said.endswith("?") and len(said.split()) <= 10 else None
    before = extract_facts(earlier[:2000], at=at, speaker=user) if corrected else []
    if corrected is None or not before:
        return []
    words = (corrected["v"] or corrected["v2"]).rstrip(".!")
    return list(_read_answer((before[-1].slot or "").partition(":")[0], words, user=user))


class _Reading:
    """Collects the facts of one message; a later value of a slot takes the place of an earlier one."""

    def __init__(self, *, at: datetime, user: str) -> None:
        self._at = at
        self._user = user
        self._facts: list[Fact] = []
        self._denied = False  # whether the clause before said what the name is not

    def read(self, taken: list[Sentence]) -> list[Fact]:
        """The facts of these sentences, in their order."""
        task = holds_task(taken)
        for sentence in taken:
            for fact in people_named(sentence.said, user=self._user):
                self._add(fact)
            queue = deque(sentence.clauses)
            for _ in range(3 * len(queue) + 3):
                if not queue or len(self._facts) >= _MAX_FACTS:
                    break
                queue.extendleft(self._clause(queue.popleft(), task=task))
        return self._facts

    def _add(self, fact: Fact) -> None:
        if any(old.content == fact.content for old in self._facts):
            return
        if fact.slot:
            self._facts = [old for old in self._facts if old.slot != fact.slot]
        self._facts.append(fact)

    def _clause(self, clause: str, *, task: bool) -> list[str]:
        """Add what one clause states; give the words it leaves, as clauses of their own."""
        if fact := read_instruction(clause, user=self._user, task=task):
            self._add(fact)
            return []
        if self._correction(clause):
            return []
        about = birthday(clause, at=self._at, user=self._user) or people_facts(
            clause, at=self._at, user=self._user
        )
        for fact in about:
            self._add(fact)
        if about:
            return []
        for rule in RULES:
            match = rule.match(clause)
            values, rest = rule.reader(match, clause[match.end() :]) if match else ([], "")
            if match and values:
                for value in values:
                    self._add(_fact(rule, match, value, self._user))
                return list(_left_over(rule, values[-1], rest))
        if plan := read_plan(clause, at=self._at, user=self._user):
            self._add(plan)
        return []

    def _correction(self, clause: str) -> bool:
        """Take "I meant Paris" for the fact just before it, "it's Alicia" for a name just denied."""
        if re.match(r"my (?:first |full )?name (?:isn't|is not|'s not|is no longer) ", clause, re.I):
            self._denied = True
            return True
        denied, self._denied = self._denied, False
        if denied and (match := re.match(r"it's ", clause, re.I)):
            return self._say("name", clause[match.end() :])
        match = re.match(r"(?:I meant?|make that|correction:?) (?:to say )?", clause, re.I)
        if not match or not self._facts:
            return False
        last = self._facts[-1]
        return self._say(last.slot or "", clause[match.end() :])

    def _say(self, topic: str, words: str) -> bool:
        """Read the bare words as the value of a slot; whether that succeeded."""
        read = list(_read_answer(topic, words, user=self._user))
        for fact in read:
            self._add(fact)
        return bool(read)


_PROPER_SLOTS = (
    "nationality",
    "religion",
    "language",
    "language.preferred",
    "speaks:{key}",
    "study.place",
    "employer",
)


def _fact(rule: Rule, match: re.Match[str], value: str, user: str) -> Fact:
    groups = {name: found or "" for name, found in match.groupdict().items()}
    kind = groups.get("k", "").strip()
    verb = groups.get("verb", "").lower()
    fields = groups | {
        "u": user,
        "p": f"{user}'s",
        "v": value,
        "v3": third_person(value),
        "vs": third_person(third_singular(value)),
        "verbs": third_singular(verb),
        "kind": kind,
        "is": "are" if kind.endswith("s") else "is",
        "name": re.sub(r"colou?rs?$", "color", kind.lower()),
        "key": slot_key(re.split(r" (?:over|rather|instead) ", value)[0]),
    }
    if rule.slot in _PROPER_SLOTS:
        fields["v"] = value if re.match(r"(?:an?|the) ", value, re.I) else proper(value)
    template = (
        rule.content.replace(" a {v}", " an {v}")
        if re.match(r"[aeio]|u(?!ni|s)", value, re.I)
        else rule.content
    )
    return Fact(
        content=template.format_map(fields),
        category=rule.category,
        importance=rule.importance,
        slot=rule.slot.format_map(fields) if rule.slot else None,
        value=value,
    )


_LEFT = (
    (re.compile(r"(?:originally |currently )?(?:from|based in|living in|residing in)\b", re.I), "I'm "),
    (
        re.compile(
            r"(?:working|employed|studying|allergic|interested|married|retired|learning|obsessed)\b", re.I
        ),
        "I'm ",
    ),
    (
        re.compile(
            rf"with (?=(?:{NUMBER}|my|a) (?:\w+ )?"
            r"(?:kids|children|sons|daughters|son|daughter|siblings|teenagers|teens|toddlers|twins)\b)",
            re.I,
        ),
        "I have ",
    ),
)


def _left_over(rule: Rule, value: str, rest: str) -> Iterator[str]:
    """The words that a rule did not need, as a clause: "from Leeds" behind "I'm a nurse"."""
    rest = re.sub(r"^(?:[\s,.]|and\b|but\b)+", "", rest)
    if not rest:
        return
    if rule.tail == "!":
        return
    if rule.tail in ("I work", "I study") and not re.match(r"(?:at|for|as) ", rest, re.I):
        return
    if rule.tail:
        yield f"{rule.tail} {rest}"
    elif rule.slot == "occupation" and re.match(r"(?:at|for) ", rest, re.I):
        yield f"I {'study' if 'student' in value else 'work'} {rest}"
    else:
        for pattern, subject in _LEFT:
            # "Austin from Denver" tells where the person came from, not where the person is from.
            if (
                rule.category in ("location", "work")
                and rest.lower().startswith("from ")
                and rule.slot != "occupation"
            ):
                return
            if match := pattern.match(rest):
                yield subject + rest[match.end() if subject == "I have " else 0 :]
                return


# ---- answers to the assistant

_QUESTIONS = tuple(
    (topic, re.compile(pattern, re.I))
    for topic, pattern in (
        (
            "name",
            r"\byour (?:first |full |own )?name\b|\bcall you\b|who(?:m)? (?:am i|i'm|i am) (?:speaking|"
            r"talking)|who is (?:this|calling)|address you\b",
        ),
        ("age", r"\bhow old (?:are you|you are)|\byour age\b"),
        (
            "residence",
            r"\bwhere (?:do|are) you (?:live|living|based|located)|\bwhere you live|(?:which|what) "
            r"(?:city|town|country) (?:do|are) you (?:live|in|living)|\byour (?:city|home ?town|location)\b",
        ),
        ("origin", r"\bwhere (?:are|do) you (?:come )?from"),
        (
            "occupation",
            r"\bwhat do you do(?: for (?:a living|work))?\?|\byour (?:job|occupation|profession)\b",
        ),
        ("employer", r"\bwhere do you work|\bwho do you work for"),
        ("allergy", r"\ballerg"),
    )
)
_TOLD = (
    (
        "residence",
        re.compile(
            r"\byou(?:'re| are)? (?:still )?(?:live|living|based|located|moved)\b|\byour (?:city|home|location)\b",
            re.I,
        ),
    ),
    ("age", re.compile(r"\byou(?:'re| are) [\w-]+(?: [\w-]+)? years old|\byour age\b", re.I)),
    (
        "name",
        re.compile(
            r"\byour name\b|\bcall you\b|(?:^|\b(?:hi|hello|hey|thanks|thank you|welcome|meet you|from "
            r"you|sure|okay|morning|afternoon|evening)),? (?-i:[A-Z])\w+\b",
            re.I,
        ),
    ),
)
_CORRECTS = re.compile(
    r"(?:(?:no+|nope|actually|sorry|wait|oh|ah|well)[\s,.!]+)+"
    r"(?:(?:it's|that's)(?: (?:spelled|spelt|written|actually))?|I meant?(?: to say)?|I said|make that)\s+(?P<v>.+)|"
    r"I meant?(?: to say)?\s+(?P<v2>.+)",
    re.I,
)
_POLITE_ANSWER = re.compile(
    "(?:(?:um|well|oh|sure|yes|yeah|just|hi|hello|of course|it's|i'm|i am|i live|i work|in|from|near|"
    "at|as|an?|my name is|call me|"
    r"the name is|i do|that's|this is|to)[\s,.!]+)+",
    re.I,
)
_NO_ANSWER = w.words(
    """no none not nothing nope never why what who i you hello hi hey thanks sure yes yeah ok okay fine maybe
    skip pass private secret stop cancel help wait sorry please great cool good hmm idk dunno whatever bye any
    many my the it that this nah"""
)


def _answers(said: str, previous: str, *, user: str) -> list[Fact]:
    """A short answer to the assistant's last question, or a correction of what the assistant just said."""
    if not said or said.endswith("?") or len(said.split()) > 10:
        return []
    if corrected := _CORRECTS.match(said):
        words = (corrected["v"] or corrected["v2"]).rstrip(".!")
        topic = next((topic for topic, pattern in _TOLD if pattern.search(previous)), "")
        return list(_read_answer(topic, words, user=user))
    question = re.findall(r"[^.!?\n]*\?", previous)
    topic = next((topic for topic, pattern in _QUESTIONS if question and pattern.search(question[-1])), "")
    opening = _POLITE_ANSWER.match(said)
    words = said[opening.end() if opening else 0 :].rstrip(".! ")
    if not words or len(words.split()) > 6 or words.lower().split()[0].strip(",") in _NO_ANSWER:
        return []
    return list(_read_answer(topic, words, user=user))


def _read_answer(topic: str, words: str, *, user: str) -> Iterator[Fact]:
    """Read bare words as the value of a slot, as strictly as if a whole sentence had said it."""
    if topic == "name" and (name := read_name(words, strict=True)):
        yield Fact(
            content=f"{user}'s name is {name}", category="identity", importance=0.9, slot=topic, value=name
        )
    elif topic == "age" and (match := re.match(rf"{NUMBER}(?![\w-])", words, re.I)):
        years = number(match[0])
        if years is not None and 5 <= years < 120:
            said = f"{user} is {years} years old"
            yield Fact(content=said, category="identity", importance=0.7, slot=topic, value=str(years))
    elif topic in ("residence", "origin") and (place := read_place(words)[0]):
        said = f"{user} {'lives in' if topic == 'residence' else 'is from'} {place}"
        yield Fact(content=said, category="location", importance=0.8, slot=topic, value=place)
    elif topic == "occupation" and re.fullmatch(rf"(?:[\w-]+ ){{0,3}}{w.choice(w.JOBS)}", words, re.I):
        yield Fact(content=f"{user} is a {words}", category="work", importance=0.7, slot=topic, value=words)
    elif topic == "employer" and (name := read_organisation(words)[0]):
        yield Fact(content=f"{user} works at {name}", category="work", importance=0.7, slot=topic, value=name)
    elif topic == "allergy":
        for thing in things(words):
            said = f"{user} is allergic to {thing}"
            yield Fact(
                content=said,
                category="health",
                importance=0.9,
                slot=f"allergy:{slot_key(thing)}",
                value=thing,
            )
