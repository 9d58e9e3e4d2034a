"""Counting calls: those in the storage, and what one service did with them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from voxsession.calls.registry import CallRegistry
from voxsession.core.envelope import from_stamp
from voxsession.core.struct import Struct, field

__all__ = ["Counts", "count_calls"]


class Counts(Struct):
    """What a service did since it was made.

    Attributes:
        resumed: resumptions that succeeded.
        failed: those that did not, by reason.
        cleaned: calls that were cleaned up.
    """

    resumed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    cleaned: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The counts under the names of the metrics."""
        return {
            "resumed_sessions": self.resumed,
            "failed_resumes": self.failed.total(),
            "failed_resumes_by_reason": dict(self.failed),
            "cleanup_count": self.cleaned,
        }


async def count_calls(registry: CallRegistry) -> dict[str, Any]:
    """How many calls there are, from the headers of their pointers; no session is opened."""
    active, ended, oldest = 0, 0, None
    async for header in registry.headers():
        if header.get("status") == "ended":
            ended += 1
            continue
        active += 1
        began = str(header["created_at"])
        oldest = began if oldest is None else min(oldest, began)
    age = None if oldest is None else (registry.clock.now() - from_stamp(oldest)).total_seconds()
    return {
        "active_sessions_count": active,
        "ended_sessions_count": ended,
        "total_sessions": active + ended,
        "oldest_active_seconds": None if age is None else max(0.0, age),
    }
