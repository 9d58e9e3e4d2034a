"""Which older entries can become fewer or shorter; nothing is changed here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.struct import Struct, evolve
from voxsession.core.types import encode_canonical
from voxsession.memory.shorten import shortened, words_of

__all__ = ["Folding", "Rewriting", "is_compressible", "plan_compression", "plan_joining", "plan_shortening"]

SAME_SHARE = 0.8  # of the words of both: from this on two entries may say the same
LEAD_SHARE = 0.3  # of the words of each: so much must be the same at the front of what is joined
MOST_JOINED = 8
MOST_JOINED_WORDS = 24
LONG_TOKENS = 64  # entries from this size on are shortened
SHORT_SHARE = 0.5
# What may stand in only one of them: a name, a number, a "not" or a "from" makes another statement of it.
_LIGHT = frozenset(
    "a also an and at for in it its just ll m of on quite re really s that the to too ve very".split()
)
# What cannot be a lead by itself: it says of no two things that they belong together.
_NO_LEAD = _LIGHT | frozenset(
    "user he she they i we you my her his their our is are was were be been has have had does do did not if when"
    " can could will would should may might must there this these those from with by as".split()
)
# What is told from its own day says something else under another one.
_OF_ITS_DAY = frozenset(
    "yesterday today tomorrow tonight now soon ago last next this recently currently monday tuesday wednesday"
    " thursday friday saturday sunday morning evening weekend heute gestern morgen hier demain ayer hoy".split()
)
_INNER_MARK = re.compile(r"[;:?!\n。！？]|\.\s")


class Folding(Struct, frozen=True, kw_only=True):
    """A group that says the same: `kept` stays with the evidence of all, `folded` step back behind it."""

    kept: MemoryEntry
    folded: tuple[MemoryEntry, ...]


class Rewriting(Struct, frozen=True, kw_only=True):
    """Entries that another text can stand for: `content`, made of their own words."""

    content: str
    originals: tuple[MemoryEntry, ...]


def is_compressible(entry: MemoryEntry, now: datetime, keep_recent_days: float) -> str | None:
    """Why an entry is left as it is; None where it may be compressed."""
    if entry.pinned:
        return "pinned"
    if entry.slot is not None:
        return "a fact that has one value"
    if entry.restored_at is not None:
        return "brought back"
    return "recent" if entry.timestamp >= now - timedelta(days=keep_recent_days) else None


def plan_compression(entries: list[MemoryEntry], now: datetime, keep_recent_days: float) -> list[Folding]:
    """Which of the live entries that are older than `keep_recent_days` say the same; nothing is changed.

    Only entries that differ in nothing but light words and age are folded, and never a pinned one. The newest of
    a group stays, as important as the most important of them.
    """
    return [
        folding
        for group in _groups(entries, now, keep_recent_days)
        for same in _by_heavy_words(group)
        for folding in _fold_group(same)
    ]


def plan_joining(entries: list[MemoryEntry], now: datetime, keep_recent_days: float) -> list[Rewriting]:
    """Which short entries begin alike and can be one: "Likes tea" and "Likes jazz" are "Likes tea; jazz".

    Entries are of one category, speaker, secrecy, origin, end and metadata; none tells of its own day.
    """
    joined: list[Rewriting] = []
    for group in _groups(entries, now, keep_recent_days, strict=True):
        plain = [(words, entry) for entry in group if (words := _joinable_words(entry))]
        plain.sort(key=lambda pair: ([word.casefold() for word in pair[0]], pair[1].id))
        joined += [_joined(run) for run in _runs(plain)]
    return joined


def plan_shortening(
    entries: list[MemoryEntry], now: datetime, keep_recent_days: float, count: Callable[[str], int]
) -> list[Rewriting]:
    """Which long entries half of their own sentences can stand for; what was shortened before is left alone."""
    found = []
    for entry in entries:
        if (
            entry.token_count >= LONG_TOKENS
            and not entry.made_from
            and is_compressible(entry, now, keep_recent_days) is None
        ):
            content = shortened(entry.content, int(entry.token_count * SHORT_SHARE), count)
            if content is not None:
                found.append(Rewriting(content=content, originals=(entry,)))
    return found


# --- what says the same


def _groups(
    entries: list[MemoryEntry], now: datetime, keep_recent_days: float, *, strict: bool = False
) -> list[list[MemoryEntry]]:
    groups: dict[tuple[Any, ...], list[MemoryEntry]] = {}
    for entry in entries:
        if is_compressible(entry, now, keep_recent_days) is None:
            metadata = encode_canonical(entry.metadata)
            kind: tuple[Any, ...] = (
                entry.category,
                entry.speaker,
                entry.sensitive,
                entry.expires_at,
                entry.source == "shared",
                metadata,
            )
            groups.setdefault((*kind, entry.source) if strict else kind, []).append(entry)
    return list(groups.values())


def _by_heavy_words(group: list[MemoryEntry]) -> list[list[MemoryEntry]]:
    """The entries that may say the same: all others differ in a word of weight."""
    alike: dict[frozenset[str], list[MemoryEntry]] = {}
    for entry in group:
        alike.setdefault(frozenset(words_of(entry.content)) - _LIGHT, []).append(entry)
    return [entries for entries in alike.values() if len(entries) > 1]


def _fold_group(group: list[MemoryEntry]) -> list[Folding]:
    waiting = sorted(group, key=lambda entry: (entry.timestamp, entry.id), reverse=True)
    words = {entry.id: frozenset(words_of(entry.content)) for entry in waiting}
    foldings: list[Folding] = []
    while waiting:
        kept, others = waiting[0], waiting[1:]
        same = [other for other in others if _says_the_same(kept, other, words)]
        if same:
            importance = max(entry.importance for entry in (kept, *same))
            foldings.append(Folding(kept=evolve(kept, importance=importance), folded=tuple(same)))
        taken = {entry.id for entry in same}
        waiting = [other for other in others if other.id not in taken]
    return foldings


def _says_the_same(one: MemoryEntry, other: MemoryEntry, words: dict[str, frozenset[str]]) -> bool:
    mine, theirs = words[one.id], words[other.id]
    if not mine or not theirs:
        return one.content == other.content
    return mine ^ theirs <= _LIGHT and len(mine & theirs) / len(mine | theirs) >= SAME_SHARE


# --- what begins alike


def _joinable_words(entry: MemoryEntry) -> list[str]:
    """The words of an entry that is one plain statement, as they are written; else none."""
    text = entry.content.strip().removesuffix(".")
    if entry.made_from or not text or _INNER_MARK.search(text) or _OF_ITS_DAY.intersection(words_of(text)):
        return []
    words = text.split()
    return words if len(words) <= MOST_JOINED_WORDS else []


def _runs(
    plain: Sequence[tuple[list[str], MemoryEntry]],
) -> Iterator[list[tuple[int, list[str], MemoryEntry]]]:
    """Neighbours in the order of words that share their lead, each with its length."""
    start = 0
    while start < len(plain):
        lead, stop = len(plain[start][0]), start + 1
        while stop < min(len(plain), start + MOST_JOINED):
            shared = min(lead, _shared_lead(plain[start][0], plain[stop][0]))
            if not _carries(shared, plain[start : stop + 1]):
                break
            lead, stop = shared, stop + 1
        if stop - start > 1:
            yield [(lead, words, entry) for words, entry in plain[start:stop]]
        start = stop


def _shared_lead(one: list[str], other: list[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if a.casefold() != b.casefold()), min(len(one), len(other))
    )


def _carries(lead: int, run: Sequence[tuple[list[str], MemoryEntry]]) -> bool:
    words = run[0][0][:lead]
    has_weight = any(word.casefold().strip(",") not in _NO_LEAD for word in words)
    return has_weight and all(LEAD_SHARE * len(mine) <= lead < len(mine) for mine, _ in run)


def _joined(run: list[tuple[int, list[str], MemoryEntry]]) -> Rewriting:
    by_age = sorted(run, key=lambda part: (part[2].timestamp, part[2].id))
    lead, words, _ = by_age[-1]
    rests = "; ".join(" ".join(mine[lead:]) for _, mine, _ in by_age)
    return Rewriting(
        content=" ".join(words[:lead]) + " " + rests, originals=tuple(entry for _, _, entry in by_age)
    )
