"""What the settings allow memories: how many tokens, for which categories how much, how fast each fades."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.struct import Struct, field
from voxsession.errors import BudgetError
from voxsession.memory.tokens import TokenCounter

__all__ = ["HALF_LIFE_DAYS", "Allowance", "allowance_of", "category_expiry", "fitting_tokens"]

HALF_LIFE_DAYS = 30.0
DEFAULT_TOKENS = 10_000
_PIECE_CHARACTERS = 32_768


class Allowance(Struct, frozen=True, kw_only=True):
    """The budget of a session's memories.

    Attributes:
        max_tokens: what all live entries may take together.
        shares: category -> the part of `max_tokens` (0 to 1) that it may take at most.
        half_lives: category -> days after which an entry is worth half; others fade in 30.
    """

    max_tokens: int
    shares: Mapping[str, float] = field(default_factory=dict)
    half_lives: Mapping[str, float] = field(default_factory=dict)

    def most_of(self, category: str) -> int:
        """The most tokens that entries of a category may take."""
        return int(self.max_tokens * self.shares.get(category, 1.0))

    def half_life_days(self, category: str) -> float:
        """Days after which an entry of a category is worth half."""
        return self.half_lives.get(category, HALF_LIFE_DAYS)


def allowance_of(config: Mapping[str, Any]) -> Allowance:
    """The allowance that a session's settings give."""
    categories = config.get("memory_categories") or {}
    return Allowance(
        max_tokens=int(config.get("max_memory_size", DEFAULT_TOKENS)),
        shares={name: rule["share"] for name, rule in categories.items() if "share" in rule},
        half_lives={
            name: rule["half_life_days"] for name, rule in categories.items() if "half_life_days" in rule
        },
    )


def category_expiry(entry: MemoryEntry, config: Mapping[str, Any]) -> datetime | None:
    """When an entry ends that was given no end: its category may have one; pinned entries have none."""
    rule = (config.get("memory_categories") or {}).get(entry.category, {})
    days = rule.get("expires_after_days")
    if days is None or entry.pinned or entry.expires_at is not None:
        return entry.expires_at
    try:
        return entry.timestamp + timedelta(days=days)
    except OverflowError:  # after the year 9999
        return None


def fitting_tokens(text: str, category: str, allowance: Allowance, counter: TokenCounter) -> int:
    """The size of an entry's text in tokens.

    A text that is far too long is not counted to its end.

    Raises:
        BudgetError: the entry alone would exceed the budget, or the share of its category.
    """
    most = allowance.most_of(category)
    tokens = seen = 0
    if len(text) <= _PIECE_CHARACTERS:
        tokens = counter.count(text)
    else:
        while seen < len(text) and tokens <= 2 * most + _PIECE_CHARACTERS // 64:
            tokens += counter.count(text[seen : seen + _PIECE_CHARACTERS])
            seen += _PIECE_CHARACTERS
        tokens = counter.count(text) if seen >= len(text) else tokens * len(text) // seen
    if tokens > most:
        has_share = category in allowance.shares
        raise BudgetError(
            "The memory entry does not fit: it would",
            needed_tokens=tokens,
            available_tokens=most,
            where=f"the share of category {category!r}" if has_share else "the session's memory",
            remedy=f"Raise {'its share' if has_share else 'max_memory_size'}, or shorten the entry.",
        )
    return tokens
