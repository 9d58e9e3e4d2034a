"""The order in which memories find room in a context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.allowance import HALF_LIFE_DAYS
from voxsession.memory.budget import retention
from voxsession.memory.context_lines import stands
from voxsession.memory.matches import MemoryMatch

__all__ = ["memory_order"]


def memory_order(
    scores: Mapping[str, MemoryMatch], half_lives: Mapping[str, float], now: datetime
) -> Callable[[MemoryEntry], tuple[Any, ...]]:
    """The order in which entries find room: standing ones, what the message speaks of, what is worth most.

    Args:
        scores: What search found, by the id of the entry.
        half_lives: Days after which recency has halved, by category.
        now: The present moment.

    Returns:
        A key to sort by.
    """

    def order(entry: MemoryEntry) -> tuple[Any, ...]:
        match, standing = scores.get(entry.id), stands(entry)
        worth = retention(entry, now, half_lives.get(entry.category, HALF_LIFE_DAYS))
        fit = match.score if match and not standing else 0.0
        return not standing, match is None, -fit, -worth, entry.id

    return order
