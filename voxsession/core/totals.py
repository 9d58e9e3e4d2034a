"""The counters behind the analytics, of a session as a whole and of its days."""

from __future__ import annotations

from typing import Final

from voxsession.core.struct import Struct, asdict, evolve, field
from voxsession.core.types import UtcTime

__all__ = ["DAY_COLUMNS", "OTHER", "Totals"]

#: What is counted for each day, in the order of its row; later versions only add columns at the end.
DAY_COLUMNS: Final = (
    "message_count",
    "turn_count",
    "conversation_count",
    "duration_seconds",
    "response_count",
    "response_ms",
    "interruption_count",
    "injection_count",
    "input_tokens",
    "output_tokens",
    "function_calls",
    "function_failures",
    "thanks_count",
    "complaint_count",
    "repeat_count",
    "rating_count",
    "rating_total",
)
_PLACES: Final = {name: place for place, name in enumerate(DAY_COLUMNS)}
# Length of a key -> how many rows of it there may be, and the length of the key that the oldest is folded into.
_LEVELS: Final = ((10, 92, 7), (7, 60, 4), (4, 30, 0))
OTHER: Final = "(other)"
MAX_FUNCTIONS: Final = 100
MAX_MODELS: Final = 32
MAX_MILESTONES: Final = 200
_LONGEST_NAME = 64


class Totals(Struct, kw_only=True):
    """The counters behind the analytics; only changes touch them, so replay gives the same numbers.

    `message_count` and `conversation_count` tell the place of messages too, so they go on while analytics is off;
    what came meanwhile stands in `uncounted_...` as well. All else stands still then.

    Attributes:
        total_duration_seconds: of the spans of conversations that ended.
        running_seconds: of those that have not, each up to its latest message.
        response_ms: milliseconds spent waiting for replies, together, over `response_count` replies.
        function_calls: calls that were asked for; `function_runs` of them were run here, `function_failures` failed.
        hours: messages by the hour of day in the session's zone when each was recorded.
        functions: name -> runs, failures, milliseconds together, longest milliseconds.
        models: name -> replies, input tokens, output tokens, as the models reported them.
        days: a row of `DAY_COLUMNS` for a day ("2026-05-01"), a month ("2026-05"), a year ("2026") or all that was
            before (""); only so many of each, the oldest is folded into the next longer one.
        milestones: those that were reached, in their order.
        off_since: when analytics was switched off; None while it is on, or where it never was.
    """

    conversation_count: int = 0
    message_count: int = 0
    turn_count: int = 0
    interruption_count: int = 0
    injection_count: int = 0
    response_count: int = 0
    response_ms: float = 0.0
    total_duration_seconds: float = 0.0
    ended_count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    function_calls: int = 0
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    uncounted_conversations: int = 0
    uncounted_messages: int = 0
    running_seconds: float = 0.0
    estimated_input_tokens: int = 0
    estimated_output_tokens: int = 0
    function_runs: int = 0
    function_failures: int = 0
    function_ms: float = 0.0
    thanks_count: int = 0
    complaint_count: int = 0
    repeat_count: int = 0
    functions: dict[str, list[int | float]] = field(default_factory=dict)
    models: dict[str, list[int]] = field(default_factory=dict)
    days: dict[str, list[int | float]] = field(default_factory=dict)
    milestones: list[str] = field(default_factory=list)
    off_since: UtcTime | None = None

    def count_day(self, day: str, **amounts: float) -> None:
        """Adds amounts to the row of a day.

        Args:
            day: the date in the session's zone, as ISO text.
            amounts: column -> what is added.
        """
        row = self.days.get(day)
        is_new = row is None
        if row is None:
            row = self.days[day] = []
        if len(row) < len(DAY_COLUMNS):
            row += [0] * (len(DAY_COLUMNS) - len(row))
        for name, amount in amounts.items():
            if amount:
                row[_PLACES[name]] += amount
        if not any(row):  # what was counted there counts for another day now
            del self.days[day]
        elif is_new:
            self.fold_days()

    def add(self, other: Totals) -> None:
        """Adds other counters, as a view over many sessions does; milestones are each session's own."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.hours = [one + more for one, more in zip(self.hours, other.hours, strict=True)]
        for name, row in other.functions.items():
            key = _bounded(self.functions, name, MAX_FUNCTIONS)
            runs, failures, total_ms, longest_ms = self.functions.get(key) or (0, 0, 0.0, 0.0)
            self.functions[key] = [
                runs + row[0], failures + row[1], total_ms + row[2], max(longest_ms, row[3])
            ]  # fmt: skip
        for name, counts in other.models.items():
            self.count_model(name, *counts)
        for key, amounts in other.days.items():
            self.days[key] = _sum(self.days.get(key, ()), amounts)
        self.fold_days()

    def fold_days(self) -> None:
        """Keeps the number of rows bounded: the oldest days become months, months years, years one row."""
        for length, most, parent in _LEVELS:
            level = sorted(key for key in self.days if len(key) == length)
            for key in level[: max(0, len(level) - most)]:
                self.days[key[:parent]] = _sum(self.days.get(key[:parent], ()), self.days.pop(key))

    def count_run(self, name: str, duration_ms: float, *, worked: bool) -> None:
        """Counts a function that was run; beyond so many names all others are counted as one."""
        self.function_runs += 1
        self.function_failures += not worked
        self.function_ms += duration_ms
        key = _bounded(self.functions, name, MAX_FUNCTIONS)
        runs, failures, total_ms, longest_ms = self.functions.get(key) or (0, 0, 0.0, 0.0)
        self.functions[key] = [
            runs + 1, failures + (not worked), total_ms + duration_ms, max(longest_ms, duration_ms)
        ]  # fmt: skip

    def count_model(self, name: str, replies: int, input_tokens: int, output_tokens: int) -> None:
        """Counts what a model reported; beyond so many names all others are counted as one."""
        key = _bounded(self.models, name, MAX_MODELS)
        before = self.models.get(key) or (0, 0, 0)
        self.models[key] = [before[0] + replies, before[1] + input_tokens, before[2] + output_tokens]

    def reach(self, milestone: str) -> None:
        """Notes a milestone, once."""
        if milestone not in self.milestones:
            self.milestones = [*self.milestones, milestone][-MAX_MILESTONES:]

    def copy(self) -> Totals:
        """An independent copy."""
        return evolve(
            self,
            hours=list(self.hours),
            functions={name: list(row) for name, row in self.functions.items()},
            models={name: list(row) for name, row in self.models.items()},
            days={day: list(row) for day, row in self.days.items()},
            milestones=list(self.milestones),
        )


_NUMBERS: Final = tuple(name for name, value in asdict(Totals()).items() if isinstance(value, int | float))


def _sum(first: tuple[()] | list[int | float], second: list[int | float]) -> list[int | float]:
    width = max(len(first), len(second), len(DAY_COLUMNS))
    padded = [[*row, *[0] * (width - len(row))] for row in (first, second)]
    return [one + other for one, other in zip(*padded, strict=True)]


def _bounded(table: dict[str, list[int]] | dict[str, list[int | float]], name: str, most: int) -> str:
    key = name[:_LONGEST_NAME]
    return key if key in table or len(table) < most else OTHER
