"""The changes that only the analytics know: a function that was run, a milestone that was reached."""

from __future__ import annotations

from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind, day_of
from voxsession.core.session_data import SessionData

__all__ = ["FunctionCompleted", "MilestoneReached"]


@change_kind
class FunctionCompleted(Change, frozen=True, kw_only=True):
    """A function that the model asked for was run, or refused."""

    kind: ClassVar[str] = "function.completed"
    event: ClassVar[str | None] = "function.completed"
    conversation_id: str
    function: str
    worked: bool
    duration_ms: float = 0.0
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        if data.counts:
            data.totals.count_run(self.function, self.duration_ms, worked=self.worked)
            if not self.worked:
                data.totals.count_day(day_of(self), function_failures=1)

    def event_fields(self) -> dict[str, Any]:
        return {
            "conversation_id": self.conversation_id,
            "function": self.function,
            "worked": self.worked,
            "duration_ms": self.duration_ms,
        }


@change_kind
class MilestoneReached(Change, frozen=True, kw_only=True):
    """A figure reached a mark for the first time.

    Its event comes when it is saved, since only then is it known that no other process was first.
    """

    kind: ClassVar[str] = "milestone.reached"
    derived: ClassVar[bool] = True
    milestone: str

    def apply(self, data: SessionData) -> None:
        data.totals.reach(self.milestone)
