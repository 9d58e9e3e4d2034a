"""What the offline model knows: remembered sentences, looked up by topic, by person and by words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.struct import Closed, evolve
from voxsession.memory.extract import extract_facts
from voxsession.memory.facts import Fact
from voxsession.models.offline_person import clause_for_you, form_of, said_of
from voxsession.models.offline_phrases import TOPICS, Topic
from voxsession.models.offline_questions import Ask
from voxsession.models.offline_words import coverage, stems

__all__ = ["Finding", "Knowledge", "Known", "known_from_entries", "known_from_facts", "undated_facts"]

_USER = ("the user", "user")
# A request carries no time. What reads the same on two days that have nothing in common does not depend on the day.
_ONE_DAY, _OTHER_DAY = datetime(2001, 3, 14, 9, tzinfo=UTC), datetime(2010, 11, 27, 21, tzinfo=UTC)
_REFUSES = re.compile(r"n't\b|\b(?:not|no|never|hates?|dislikes?|no longer|un\w+ed)\b", re.IGNORECASE)
_CATEGORY_ORDER = {"identity": 0, "location": 1, "work": 2, "relationship": 3}
_SAYS_WHEN = re.compile(
    r"\d|\b(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|\w+day|tomorrow|spring"
    r"|summer|autumn|winter|morning|evening|noon|week|month|year)\b",
    re.IGNORECASE,
)
LIKING = re.compile(
    r"(?:do|does|did) (?:i|not i) (?:really |still |even )?(?:not )?(?P<verb>like|love|enjoy|hate|dislike"
    r"|prefer) (?P<thing>.+)"
    r"|(?:am|is) i (?:really |still )?(?:interested in|into|keen on|(?:an? )?(?:\w+ )?fan of|fond of) "
    r"(?P<other>.+)"
)
_LIKES = re.compile(
    r"^@ .*?\b(?:likes?|loves?|enjoys?|prefers?|hates?|dislikes?|stand|interested in|into|fan of|keen on"
    r"|fond of)\b"
)


class Known(Closed, frozen=True, kw_only=True):
    """One remembered sentence.

    Attributes:
        speaker: whom it is about, where the memory says so.
        sensitive: used to answer a direct question only.
        order: grows with the time it was learned.
        words: the stems of its words, with those of its slot.
    """

    content: str
    category: str = "general"
    slot: str | None = None
    importance: float = 0.5
    sensitive: bool = False
    speaker: str | None = None
    order: float = 0.0
    words: frozenset[str] = frozenset()


class Finding(Closed, frozen=True, kw_only=True):
    """A known sentence as it is said, with what makes it fit.

    Attributes:
        clause: without capital and full stop.
        share: of the asked words, how many it has, 0 to 1.
        refuses: it says no: "you don't like coffee".
    """

    known: Known
    clause: str
    form: str
    share: float = 1.0

    @property
    def refuses(self) -> bool:
        """Whether it says no."""
        return bool(_REFUSES.search(self.form or self.known.content))

    @property
    def says_when(self) -> bool:
        """Whether it names a time."""
        return bool(_SAYS_WHEN.search(self.known.content))


def known_from_entries(entries: Iterable[MemoryEntry]) -> list[Known]:
    """The memories as known sentences, in the order they were learned."""
    return [
        Known(
            content=entry.content,
            category=entry.category,
            slot=entry.slot,
            importance=entry.importance,
            sensitive=entry.sensitive,
            speaker=entry.speaker,
            order=entry.timestamp.timestamp(),
            words=_words(entry.content, entry.slot),
        )
        for entry in sorted(entries, key=lambda entry: (entry.timestamp, entry.id))
        if entry.content.strip()
    ]


def known_from_facts(facts: Iterable[Fact], order: float) -> list[Known]:
    """Facts just said as known sentences; `order` says how new they are."""
    return [
        Known(
            content=fact.content,
            category=fact.category,
            slot=fact.slot,
            importance=fact.importance,
            order=order,
            words=_words(fact.content, fact.slot),
        )
        for fact in facts
    ]


def undated_facts(text: str, previous: str | None = None) -> list[Fact]:
    """The facts of a message that do not depend on the day it was said.

    Example:
        >>> [fact.content for fact in undated_facts("I live in Berlin")]
        ['User lives in Berlin']
    """
    return facts_in(text, previous)[0]


def facts_in(text: str, previous: str | None = None) -> tuple[list[Fact], bool]:
    """The facts of a message that do not depend on the day it was said, and whether there are others.

    Args:
        text: what the user said.
        previous: what the assistant said before it, to understand short answers.
    """
    facts = extract_facts(text, at=_ONE_DAY, previous=previous)
    if not facts:
        return [], False
    elsewhere = {fact.content for fact in extract_facts(text, at=_OTHER_DAY, previous=previous)}
    undated = [fact for fact in facts if fact.content in elsewhere]
    return undated, len(undated) < len(facts)


def _words(content: str, slot: str | None) -> frozenset[str]:
    return stems(f"{content} {slot or ''}")


class Knowledge:
    """Known sentences, looked up for one who asks.

    Args:
        known: oldest first.
        asker: the name of the one who asks, where the app knows it.
    """

    def __init__(self, known: Sequence[Known], asker: str | None = None) -> None:
        self.known = list(known)
        self._me = [*_USER, *([asker] if asker else [])]
        name = self.user_name()
        if name:
            self._me.append(name)
        self._asker = asker

    def people(self) -> set[str]:
        """The names of those whom memories are about, without the one who asks."""
        found = {known.speaker for known in self.known if known.speaker} - set(self._me)
        for known in self.known:
            match = re.match(
                r"([A-ZÀ-ÖØ-Þ][\w-]+(?: [A-ZÀ-ÖØ-Þ][\w-]+)?)(?:'s)? (?:is|has|was|lives|works|likes|loves)\b",
                known.content,
            )
            if match and not self._is_me(match[1]):
                found.add(match[1])
        return {name for name in found if name}

    def user_name(self) -> str | None:
        """The name that the one who asks has told, unless it is sensitive."""
        for finding in reversed(self.topic(TOPICS[0], None)):
            match = re.search(r"\b(?:is|by|called) (.+)$", finding.known.content)
            if match and not finding.known.sensitive:
                return match[1].strip(" .")
        return None

    def is_me(self, name: str | None) -> bool:
        """Whether a name is that of the one who asks."""
        return name is None or self._is_me(name)

    def _is_me(self, name: str) -> bool:
        return name.lower() in (me.lower() for me in self._me)

    def about(self, person: str | None) -> list[Finding]:
        """All sentences whose subject is this person; None is the one who asks."""
        found: list[Finding] = []
        names = self._me
        if person is not None:
            names = [person, *(full for full in self._speakers() if full.startswith(person + " "))]
        for known in self.known:
            other = known.speaker is not None and known.speaker not in names
            form = "" if other else form_of(known.content, names) or _form_of_relative(known.content, person)
            if form:
                clause = clause_for_you(form) if person is None else self._said(known).clause
                found.append(Finding(known=known, clause=clause, form=form))
        return found

    def _speakers(self) -> set[str]:
        return {known.speaker for known in self.known if known.speaker}

    def topic(self, topic: Topic, person: str | None) -> list[Finding]:
        """What answers a topic, oldest first; of a single-valued one only the newest."""
        about = self.about(person)
        found = [f for f in about if _fills(f.known, topic) or _like(f.form, topic.forms[:1])]
        for tier in range(1, len(topic.forms)):
            found = found or [f for f in about if _like(f.form, topic.forms[tier : tier + 1])]
        return found[-1:] if topic.single else found

    def everything(self, person: str | None) -> list[Finding]:
        """What may be told unasked about a person, the most telling first."""
        told = [finding for finding in self.about(person) if not finding.known.sensitive]
        return sorted(told, key=_telling)

    def mentions(self, name: str) -> list[Finding]:
        """All sentences that name somebody, those about them first."""
        about = self.about(name)
        ids = {id(finding.known) for finding in about}
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        rest = [
            self._said(known) for known in self.known if id(known) not in ids and word.search(known.content)
        ]
        return [*rest, *about]

    def matching(self, ask: Ask) -> list[Finding]:
        """Sentences that share words with a question, the best first."""
        pool = self.mentions(ask.person) if ask.person else [self._said(known) for known in self.known]
        found = [evolve(finding, share=coverage(ask.words, finding.known.words)) for finding in pool]
        return sorted(
            (finding for finding in found if finding.share > 0),
            key=lambda f: (-f.share, ask.when and not f.says_when, -f.known.order),
        )

    def liking(self, ask: Ask) -> list[Finding]:
        """What is known of a like or dislike that a question names; share 1 where it is about just that."""
        match = LIKING.match(ask.text)
        if match is None:
            return []
        thing = stems(match["thing"] or match["other"])
        tastes = [finding for finding in self.about(ask.person) if _LIKES.match(finding.form)]
        found = []
        for finding in tastes:
            share = coverage(thing, finding.known.words)
            if share >= 1:
                liked = stems(_LIKES.sub("", finding.form))
                found.append(evolve(finding, share=1.0 if liked <= thing else 0.7))
        return sorted(found, key=lambda f: (-f.share, -f.known.order))

    def _said(self, known: Known) -> Finding:
        other = known.speaker is not None and not self._is_me(known.speaker)
        form = "" if other else form_of(known.content, self._me)
        clause = clause_for_you(form) if form else said_of(known.content)
        return Finding(known=known, clause=clause, form=form)


def _form_of_relative(content: str, person: str | None) -> str:
    """The form of what is said of somebody by relation and name: "User's sister Dana lives in Oslo"."""
    if person is None:
        return ""
    match = re.match(rf"(?:the )?user's [\w -]{{1,40}} {re.escape(person)}(?='s | )", content, re.IGNORECASE)
    return "@" + content[match.end() :] if match else ""


def _fills(known: Known, topic: Topic) -> bool:
    if topic.category is not None and known.category == topic.category:
        return True
    return known.slot is not None and any(
        known.slot.startswith(slot) if slot.endswith(":") else known.slot == slot for slot in topic.slots
    )


def _like(form: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    return any(pattern.search(form) for pattern in patterns)


def _telling(finding: Finding) -> tuple[float, ...]:
    known = finding.known
    is_name = known.slot == "name" or bool(TOPICS[0].forms[0].search(finding.form))
    return (not is_name, _CATEGORY_ORDER.get(known.category, 4), -known.importance, -known.order)
