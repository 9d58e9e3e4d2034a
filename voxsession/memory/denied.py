"""Which remembered facts a denial ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.facts import Fact

__all__ = ["ended_by"]

_WORD = re.compile(r"[^\W_]+")
_AGAINST = re.compile(
    r"\b(?:doesn't|isn't|is not|no longer|can't|cannot|never|hates?|dislikes?|detests?|loathes?|despises?|stopped|"
    r"wants no|has no|not a)\b",
    re.I,
)
_SMALL = frozenset(
    """a an the some any of to in on at for with and or is are has have had be will their they them his her its
    user users s no my one""".split()
)
_TRAVEL = frozenset(
    """going flying travelling traveling visiting driving heading taking go fly travel visit drive trip flight holiday
    vacation journey plan planning""".split()
)
_STEM_LETTERS = 5


def ended_by(
    denied: Fact, entries: Iterable[MemoryEntry], *, speaker: str | None, at: datetime, now: datetime
) -> list[MemoryEntry]:
    """The entries that say what is denied.

    A slot is ended only where it holds the denied value, and only in the same sense: who denies to love coffee does
    not deny to hate it. What fills no slot has to say all that the denial says. Nothing that was said after the denial
    is ended, and of several plans none, where it is open which is meant.

    Args:
        denied: a fact with `is_denied`; without a value it means whatever fills its slot.
        entries: any.
        speaker: who denies it; None = the user.
        at: when it was denied.
        now: the present moment.

    Example:
        >>> from datetime import UTC
        >>> at = datetime(2026, 11, 18, tzinfo=UTC)
        >>> lives = MemoryEntry(
        ...     id="m", content="User lives in Rome", slot="user.residence", value="Rome", timestamp=at
        ... )
        >>> def no(place):
        ...     said = f"User lives in {place}"
        ...     fact = Fact(content=said, category="location", importance=1, slot="residence", value=place)
        ...     return [entry.id for entry in ended_by(fact, [lives], speaker=None, at=at, now=at)]
        >>> no("Rome"), no("Paris")
        (['m'], [])
    """
    owner, name = (speaker or "user").casefold(), (speaker or "User").casefold()
    found = [
        entry
        for entry in entries
        if entry.is_live(now)
        and entry.timestamp <= at
        and _is_against(entry.content) == _is_against(denied.content)
        and (_fills(denied, entry, owner) or _says(denied, entry, owner, name))
    ]
    if denied.category == "plan" and len({_stems(entry.content) for entry in found}) > 1:
        return []
    return found


def _is_against(content: str) -> bool:
    return bool(_AGAINST.search(content))


def _fills(denied: Fact, entry: MemoryEntry, owner: str) -> bool:
    if denied.slot is None or entry.slot is None:
        return False
    if denied.slot == "marital" and entry.slot == f"{owner}.partner.name":
        return f"{(denied.value or '').casefold()} to " in entry.content.casefold()
    family, _, key = denied.slot.partition(":")
    start, _, held = entry.slot.partition(":")
    if start != f"{owner}.{family}" or _stems(key) != _stems(held):
        return False
    if key or denied.value is None:
        return True
    return _stems(denied.value) <= _stems(entry.value or entry.content)


def _says(denied: Fact, entry: MemoryEntry, owner: str, name: str) -> bool:
    if denied.slot is not None or entry.source != "user":
        return False
    # What is said of "my sister Dana" fills a slot of Dana's, which a denial about "my sister" does not name.
    if entry.slot is not None and not denied.content.casefold().startswith(f"{name}'s "):
        return False
    if (entry.speaker or "user").casefold() != owner or entry.category != denied.category:
        return False
    said, held = denied.content.casefold(), entry.content.casefold()
    if said.endswith((" is", " is called")):  # a name, whatever it is
        return entry.value is not None and held == f"{said} {entry.value.casefold()}"
    wanted = _stems(said) - _stems(name)
    if denied.category == "plan":
        wanted -= _TRAVEL_STEMS
    if not wanted:
        return False
    if denied.category == "possession":
        wanted = _stems(denied.value or said)
        noun = re.sub(r"^(?:an?|one|two|three|some|\d+) ", "", (denied.value or "").casefold())
        if held.startswith(f"{name}'s {noun} is called"):
            return True
        held = (entry.value or held).casefold()
    elif " and " in held and " and " not in said:
        return False  # one of several: what is left of them is not known
    return wanted <= _stems(held)


def _stems(text: str) -> frozenset[str]:
    """The beginnings of the telling words, without the plural."""
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(
        (word[:-1] if word[-1:] == "s" and len(word) > 3 else word)[:_STEM_LETTERS]
        for word in words
        if word not in _SMALL
    )


_TRAVEL_STEMS = _stems(" ".join(_TRAVEL))
