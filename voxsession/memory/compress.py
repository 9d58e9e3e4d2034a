"""Folding entries that say the same into fewer, without losing the originals."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import attrs

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.types import encode_canonical

__all__ = ["Folding", "plan_compression"]

SAME_SHARE = 0.8  # of the words of both: from this on two entries may say the same
# What may stand in only one of them: a name, a number, a "not" or a "from" makes another statement of it.
_LIGHT = frozenset(
    "a also an and at for in it its just ll m of on quite re really s that the to too ve very".split()
)
_WORD = re.compile(r"\w+")


@attrs.define(frozen=True, slots=True, kw_only=True)
class Folding:
    """A group that says the same: `kept` stays with the evidence of all, `folded` step back behind it."""

    kept: MemoryEntry
    folded: tuple[MemoryEntry, ...]


def plan_compression(entries: list[MemoryEntry], now: datetime, keep_recent_days: float) -> list[Folding]:
    """Which of the live entries that are older than `keep_recent_days` can be folded; nothing is changed.

    Only entries that differ in nothing but light words and age are folded, and never a pinned one. The newest of
    a group stays, as important as the most important of them.
    """
    limit = now - timedelta(days=keep_recent_days)
    groups: dict[tuple[Any, ...], list[MemoryEntry]] = {}
    for entry in entries:
        if entry.timestamp < limit and not entry.pinned and entry.slot is None:
            metadata = encode_canonical(entry.metadata)
            kind = (entry.category, entry.speaker, entry.sensitive, entry.expires_at, metadata)
            groups.setdefault(kind, []).append(entry)
    return [folding for group in groups.values() for folding in _fold_group(group)]


def _fold_group(group: list[MemoryEntry]) -> list[Folding]:
    newest_first = sorted(group, key=lambda entry: (entry.timestamp, entry.id), reverse=True)
    words = {entry.id: frozenset(_WORD.findall(entry.content.casefold())) for entry in newest_first}
    foldings: list[Folding] = []
    taken: set[str] = set()
    for place, kept in enumerate(newest_first):
        if kept.id in taken:
            continue
        same = [
            other
            for other in newest_first[place + 1 :]
            if other.id not in taken and _says_the_same(kept, other, words)
        ]
        if same:
            taken.update(entry.id for entry in same)
            importance = max(entry.importance for entry in (kept, *same))
            foldings.append(Folding(kept=attrs.evolve(kept, importance=importance), folded=tuple(same)))
    return foldings


def _says_the_same(one: MemoryEntry, other: MemoryEntry, words: dict[str, frozenset[str]]) -> bool:
    mine, theirs = words[one.id], words[other.id]
    if not mine or not theirs:
        return one.content == other.content
    return mine ^ theirs <= _LIGHT and len(mine & theirs) / len(mine | theirs) >= SAME_SHARE
