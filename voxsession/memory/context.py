"""What is sent to the model, with the reason for each of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from voxsession.core.display import bar, escape, page_of, table, text_table
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import Struct, asdict, field
from voxsession.core.types import JsonObject
from voxsession.memory.matches import MemoryMatch

__all__ = ["Context", "ContextItem", "ContextParts", "ContextReport"]

MESSAGE_OVERHEAD = 4  # what chat formats add to each message: role and separators

KNOWN_HEADING = "What you remember about the user:\n"
SAID_HEADING = "What was said in earlier conversations:\n"
STATE_HEADING = "Given by the application:\n"
WISHES_HEADING = "How the user likes to be answered:\n"
SUMMARY_HEADING = "What was said so far, in short:\n"
MERGED_HEADING = "What came of conversations that branched off:\n"
BRANCH_HEADING = "What was said before this conversation branched off:\n"


class ContextItem(Struct, frozen=True, kw_only=True):
    """One candidate: what it is, its size, whether it is in, why.

    Attributes:
        kind: `instructions`, `preference`, `state`, `memory`, `summary`, `branch`, `recalled` or `message`.
        tokens: what it takes; of what was left out, what it would have taken.
        score: how well it fits the newest message; None where that does not count.
        full_tokens: what it would take whole, where only some of its sentences are in.
    """

    kind: str
    id: str | None
    tokens: int
    included: bool
    reason: str
    score: float | None = None
    full_tokens: int | None = None

    @property
    def fate(self) -> str:
        """`in`, `shortened` or `out`."""
        return "out" if not self.included else "in" if self.full_tokens is None else "shortened"


class ContextReport(list[dict[str, Any]]):
    """The rows of `Context.report()`, which print as a table and show as one in a notebook."""

    def __init__(self, context: Context) -> None:
        super().__init__(asdict(item) for item in context.items)
        self._context = context

    def _headline(self) -> str:
        context = self._context
        fates = Counter(item.fate for item in context.items)
        told = ", ".join(f"{fates[fate]} {fate}" for fate in ("in", "shortened", "out") if fates[fate])
        loaded = "" if context.complete else "; some of the past was not loaded for it"
        share = f" ({context.token_count / context.budget_tokens:.0%})" if context.budget_tokens else ""
        return f"{context.token_count} of {context.budget_tokens} tokens{share}: {told or 'nothing'}{loaded}"

    def _parts(self) -> list[list[str]]:
        """A row for each part: how many candidates it had, how many are in, what they take."""
        rows = []
        for kind in dict.fromkeys(item.kind for item in self._context.items):
            items = [item for item in self._context.items if item.kind == kind]
            used = [item for item in items if item.included]
            tokens = sum(item.tokens for item in used)
            rows.append([kind, str(len(items)), str(len(used)), str(tokens)])
        return rows

    def _cells(self) -> list[list[str]]:
        return [
            [
                item.kind,
                item.id or "",
                str(item.tokens) if item.full_tokens is None else f"{item.tokens} of {item.full_tokens}",
                "" if item.score is None else f"{item.score:.2f}",
                item.fate,
                item.reason,
            ]
            for item in self._context.items
        ]

    def __str__(self) -> str:
        parts = text_table(_PARTS, self._parts(), _NUMBERS)
        rows = text_table(_COLUMNS, self._cells(), _NUMBERS)
        return f"{self._headline()}\n\n{parts}\n\n{rows}"

    def _repr_html_(self) -> str:
        used = bar(self._context.token_count, self._context.budget_tokens, "tokens")
        told = f"<p>{escape(self._headline())}</p>"
        parts = table(_PARTS, self._parts(), _NUMBERS)
        return page_of("Context", used + told + parts + "<br>" + table(_COLUMNS, self._cells(), _NUMBERS))


_COLUMNS = ("kind", "id", "tokens", "score", "fate", "why")
_PARTS = ("part", "candidates", "in", "tokens")
_NUMBERS = ("tokens", "score", "candidates", "in")


class Context(Struct, frozen=True, kw_only=True):
    """What is sent to the model this time.

    Attributes:
        messages: dicts in the chat form, the instructions first.
        token_count: tokens of `messages`, at most `budget_tokens`.
        complete: all that could matter was loaded when it was built.
        memories: the entries that are in.
        recalled: the past messages that are in.
    """

    messages: list[JsonObject]
    token_count: int
    budget_tokens: int
    complete: bool
    items: tuple[ContextItem, ...] = ()
    memories: tuple[MemoryEntry, ...] = ()
    recalled: tuple[MemoryMatch, ...] = ()

    def report(self) -> ContextReport:
        """Every candidate as a row: kind, id, tokens, included, reason, score, full_tokens.

        It is a list of dicts that prints as a table; no text of a memory or message is in it.
        """
        return ContextReport(self)

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    def __repr__(self) -> str:
        return f"Context({len(self.messages)} messages, {self.token_count}/{self.budget_tokens} tokens)"


class ContextParts(Struct, frozen=True, kw_only=True):
    """Everything that a context is chosen from.

    Attributes:
        messages: what this conversation can see, oldest first; the last turn is the one to answer.
        complete: `messages` reaches back to the beginning.
        matches: what search found for the newest message, best first.
        wishes: how the user likes to be answered, a sentence each.
        state: what the app gave as context.
        merged: summaries of branches that were brought back, in that order; always wanted.
        origin_of: gives the branch that an entry was remembered on, where the conversation does not stand on it.
        summaries: of the conversation and those it branched from, oldest first; used where turns find no room.
        conversation_id: whose context it is; messages of others are those it branched from.
        shares: part -> what it may take of what instructions and the newest turn leave; others have their own.
        half_lives: category -> days after which a memory of it is worth half.
        passed_over: of a very long memory, how many entries are no candidates, and their tokens.
    """

    instructions: str
    messages: Sequence[Message]
    entries: Sequence[MemoryEntry]
    matches: Sequence[MemoryMatch] = ()
    wishes: Sequence[str] = ()
    state: JsonObject | None = None
    summaries: Sequence[MemoryEntry] = ()
    merged: Sequence[MemoryEntry] = ()
    origin_of: Callable[[MemoryEntry], str | None] = lambda entry: None
    conversation_id: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    half_lives: Mapping[str, float] = field(default_factory=dict)
    passed_over: tuple[int, int] = (0, 0)
    complete: bool = True
    budget_tokens: int
    now: datetime
