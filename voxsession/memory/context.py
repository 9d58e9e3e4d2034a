"""What is sent to the model: instructions, memories, past and recent messages inside one token budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import JsonObject, encode_json
from voxsession.errors import BudgetError
from voxsession.memory.budget import retention
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.tokens import TokenCounter
from voxsession.memory.turns import Turn, call_ids, complete_turns

__all__ = ["Context", "ContextItem", "ContextParts", "build_context"]

MESSAGE_OVERHEAD = 4  # what chat formats add to each message: role and separators
MEMORY_SHARE = 0.3  # of what instructions and the newest turn leave
RECALL_SHARE = 0.2
STANDING = frozenset({"identity", "instruction", "preference"})  # always present, not dependent on search

_MONTHS = "January February March April May June July August September October November December".split()

KNOWN_HEADING = "What you remember about the user:\n"
SAID_HEADING = "What was said in earlier conversations:\n"
STATE_HEADING = "Given by the application:\n"
WISHES_HEADING = "How the user likes to be answered:\n"


@attrs.define(frozen=True, slots=True, kw_only=True)
class ContextItem:
    """One candidate: what it is, its size, whether it is in, why.

    Attributes:
        kind: `instructions`, `preference`, `state`, `memory`, `recalled` or `message`.
        score: how well it fits the newest message; None where that does not count.
    """

    kind: str
    id: str | None
    tokens: int
    included: bool
    reason: str
    score: float | None = None


@attrs.define(frozen=True, slots=True, kw_only=True, repr=False)
class Context:
    """What is sent to the model this time.

    Attributes:
        messages: dicts in the chat form, the instructions first.
        token_count: tokens of `messages`, at most `budget_tokens`.
        complete: all that could matter was loaded when it was built.
        memories: the entries that are in.
        recalled: the past messages that are in.
        unused: matches that found no room or are in the recent messages already.
    """

    messages: list[JsonObject]
    token_count: int
    budget_tokens: int
    complete: bool
    items: tuple[ContextItem, ...] = ()
    memories: tuple[MemoryEntry, ...] = ()
    recalled: tuple[MemoryMatch, ...] = ()

    def report(self) -> list[dict[str, Any]]:
        """Every candidate as a row: kind, id, tokens, included, reason, score."""
        return [attrs.asdict(item) for item in self.items]

    def __repr__(self) -> str:
        return f"Context({len(self.messages)} messages, {self.token_count}/{self.budget_tokens} tokens)"


@attrs.define(frozen=True, slots=True, kw_only=True)
class ContextParts:
    """Everything that a context is chosen from.

    Attributes:
        messages: what this conversation can see, oldest first; the last turn is the one to answer.
        complete: `messages` reaches back to the beginning.
        matches: what search found for the newest message, best first.
        wishes: how the user likes to be answered, a sentence each.
        state: what the app gave as context.
    """

    instructions: str
    messages: Sequence[Message]
    entries: Sequence[MemoryEntry]
    matches: Sequence[MemoryMatch] = ()
    wishes: Sequence[str] = ()
    state: JsonObject | None = None
    complete: bool = True
    budget_tokens: int
    now: datetime


def build_context(parts: ContextParts, counter: TokenCounter) -> Context:
    """Chooses what fits: the same parts always give the same context.

    The instructions and the newest turn are always in; a turn is in whole or not at all.

    Raises:
        BudgetError: the instructions and the newest turn alone exceed the budget.
    """
    limit = parts.budget_tokens
    sizes: dict[str, int] = {}
    context = _Builder(parts, counter, limit, sizes).build()
    # Lines counted one by one can be fewer tokens than the text they make (estimates are rounded).
    while (over := context.token_count - parts.budget_tokens) > 0 and limit > 0:
        limit -= over
        context = _Builder(parts, counter, limit, sizes).build()
    return context


class _Builder:
    """One building: what is left of the budget, what was chosen so far.

    Args:
        limit: up to where there is room for what need not be in; the budget, or less.
        sizes: tokens of messages by id, as far as they were counted.
    """

    def __init__(self, parts: ContextParts, counter: TokenCounter, limit: int, sizes: dict[str, int]) -> None:
        self.parts = parts
        self.limit = limit
        self.sizes = sizes
        self.count = counter.count
        self.exact = counter.exact
        self.items: list[ContextItem] = []
        self.system: list[str] = []
        self.used = 0

    def build(self) -> Context:
        """Takes the parts in the order of their right to be in."""
        parts = self.parts
        turns = complete_turns(parts.messages)
        newest, earlier = (turns[-1], turns[:-1]) if turns else (Turn(), [])
        self._take_fixed(newest)
        room = self.limit - self.used
        self._take_lines("preference", WISHES_HEADING, [(None, f"- {wish}\n") for wish in parts.wishes])
        if parts.state:
            line = encode_json(parts.state).decode() + "\n"
            self._take_lines("state", STATE_HEADING, [(None, line)])
        memories = self._take_memories(int(room * MEMORY_SHARE))
        recallable = [match for match in parts.matches if match.message is not None]
        reserve = min(int(room * RECALL_SHARE), sum(self._match_tokens(match) for match in recallable))
        recent, reached_start = self._take_turns(earlier, reserve if recallable else 0)
        recalled = self._take_recalled(recallable, recent + newest.messages)
        system = "".join(self.system).strip()
        sent = recent + newest.messages
        return Context(
            messages=_system_message(system) + [_as_dict(message) for message in sent],
            token_count=self._system_tokens(system) + sum(map(self._message_tokens, sent)),
            budget_tokens=parts.budget_tokens,
            complete=parts.complete or not reached_start,
            items=tuple(self.items),
            memories=tuple(memories),
            recalled=tuple(recalled),
        )

    # --- the parts, in the order of their right to be in

    def _take_fixed(self, newest: Turn) -> None:
        instructions = self.parts.instructions.strip()
        bare = self._system_tokens(instructions)
        # The blank line is counted although it may fall away, so that sums never fall short.
        tokens = (
            max(bare, self.count(instructions + "\n\n") + MESSAGE_OVERHEAD)
            if instructions
            else MESSAGE_OVERHEAD
        )
        turn_tokens = sum(map(self._message_tokens, newest.messages))
        needed = bare + turn_tokens
        if needed > self.parts.budget_tokens:
            raise BudgetError(
                "The instructions and the newest message",
                needed_tokens=needed,
                available_tokens=self.parts.budget_tokens,
            )
        if instructions:
            self.system.append(instructions + "\n\n")
        self.used = tokens + turn_tokens
        self._note("instructions", None, tokens, True, "always in")
        for message in newest.messages:
            self._note("message", message.id, self._message_tokens(message), True, "the turn to answer")
        self._note_repairs(newest)

    def _take_lines(self, kind: str, heading: str, lines: Iterable[tuple[str | None, str]]) -> None:
        """Puts in a section of short lines that do not depend on search, as far as they fit."""
        opened = False
        for item_id, line in lines:
            tokens = self.count(line) + (0 if opened else self.count(heading))
            fits = self.used + tokens <= self.limit
            self._note(kind, item_id, tokens, fits, "always in" if fits else "no room")
            if fits:
                self.system += [line] if opened else [heading, line]
                self.used += tokens
                opened = True

    def _take_memories(self, limit: int) -> list[MemoryEntry]:
        scores = {match.entry.id: match for match in self.parts.matches if match.entry is not None}
        taken: list[MemoryEntry] = []
        left = min(limit, self.limit - self.used)
        for entry in sorted(self.parts.entries, key=lambda entry: self._memory_rank(entry, scores)):
            line = memory_line(entry)
            tokens = self.count(line) + (0 if taken else self.count(KNOWN_HEADING))
            fits = tokens <= left
            match = scores.get(entry.id)
            why = _memory_reason(entry, match)
            self._note(
                "memory",
                entry.id,
                tokens,
                fits,
                why if fits else f"no room ({why})",
                match.score if match else None,
            )
            if fits:
                self.system += [line] if taken else [KNOWN_HEADING, line]
                left -= tokens
                self.used += tokens
                taken.append(entry)
        return taken

    def _memory_rank(self, entry: MemoryEntry, scores: dict[str, MemoryMatch]) -> tuple[Any, ...]:
        standing = entry.pinned or entry.category in STANDING
        match = scores.get(entry.id)
        return (
            not standing,
            match is None,
            -(match.score if match and not standing else 0.0),
            -retention(entry, self.parts.now),
            entry.id,
        )

    def _take_turns(self, turns: list[Turn], reserve: int) -> tuple[list[Message], bool]:
        """The latest turns that fit without a gap, and whether the first known one was reached."""
        chosen: list[Message] = []
        left = self.limit - self.used - reserve
        for index in range(len(turns) - 1, -1, -1):
            turn = turns[index]
            costs = [self._message_tokens(message) for message in turn.messages]
            if sum(costs) > left:
                self._leave_out(turns[: index + 1])
                return chosen, False
            for message, cost in zip(turn.messages, costs, strict=True):
                self._note("message", message.id, cost, True, "recent")
            self._note_repairs(turn)
            left -= sum(costs)
            self.used += sum(costs)
            chosen = turn.messages + chosen
        return chosen, True

    def _leave_out(self, turns: list[Turn]) -> None:
        for turn in reversed(turns):
            for message in turn.messages:
                # Their sizes as they were recorded: nothing is counted for what is not sent.
                tokens = message.token_count + MESSAGE_OVERHEAD
                self._note("message", message.id, tokens, False, "no room: it and all before it")
            self._note_repairs(turn, included=False)

    def _take_recalled(self, matches: list[MemoryMatch], recent: list[Message]) -> list[MemoryMatch]:
        here = {message.id for message in recent}
        seen: set[str] = set()
        taken: list[MemoryMatch] = []
        left = self.limit - self.used
        for match in matches:
            assert match.message is not None
            tokens = self._match_tokens(match) + (0 if taken else self.count(SAID_HEADING))
            why = "; ".join(match.reasons) or "found by search"
            fits = tokens <= left and match.message.id not in here | seen
            if match.message.id in here:
                why = "in the recent messages already"
            seen.add(match.message.id)
            self._note(
                "recalled", match.message.id, tokens, fits, why if fits else f"out: {why}", match.score
            )
            if fits:
                left -= tokens
                self.used += tokens
                taken.append(match)
        if taken:
            # In time order: a model reads a story better than a ranking.
            lines = sorted(taken, key=lambda match: match.message.at if match.message else self.parts.now)
            self.system += [SAID_HEADING, *(said_line(match) for match in lines)]
        return taken

    # --- sizes

    def _message_tokens(self, message: Message) -> int:
        if message.id not in self.sizes:
            self.sizes[message.id] = self._counted(message)
        return self.sizes[message.id]

    def _counted(self, message: Message) -> int:
        tokens = message.token_count
        if message.estimated and (self.exact or not tokens):
            tokens = self.count(message.content or "")
        if message.name:
            tokens += self.count(message.name) + 1
        if call_ids(message):
            tokens += self.count(encode_json(message.tool_calls).decode())
        if message.tool_call_id:
            tokens += self.count(message.tool_call_id)
        return tokens + MESSAGE_OVERHEAD

    def _match_tokens(self, match: MemoryMatch) -> int:
        return self.count(said_line(match))

    def _note(
        self,
        kind: str,
        item_id: str | None,
        tokens: int,
        included: bool,
        reason: str,
        score: float | None = None,
    ) -> None:
        self.items.append(
            ContextItem(kind=kind, id=item_id, tokens=tokens, included=included, reason=reason, score=score)
        )

    def _note_repairs(self, turn: Turn, *, included: bool = True) -> None:
        for message_id, note in turn.notes:
            self._note("message", message_id, 0, included and not note.startswith("left out"), note)

    def _system_tokens(self, text: str) -> int:
        return self.count(text) + MESSAGE_OVERHEAD if text else 0


def _system_message(text: str) -> list[JsonObject]:
    return [{"role": "system", "content": text}] if text else []


def memory_line(entry: MemoryEntry) -> str:
    """An entry as one line of the context, with its day."""
    return f"- {_one_line(entry.content)} ({_day(entry.timestamp)})\n"


def said_line(match: MemoryMatch) -> str:
    """A past message as one line of the context, with its day and who said it."""
    message = match.message
    assert message is not None
    who = _one_line(message.name or message.role)
    return f"- [{_day(message.at)}] {who}: {_one_line(message.content or '')}\n"


def _memory_reason(entry: MemoryEntry, match: MemoryMatch | None) -> str:
    if entry.pinned:
        return "pinned"
    if entry.category in STANDING:
        return f"standing: {entry.category}"
    if match is not None:
        return "; ".join(match.reasons) or "found by search"
    return "by importance x recency"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"  # strftime would follow the locale


def _as_dict(message: Message) -> JsonObject:
    known: JsonObject = {"role": message.role, "content": message.content}
    if message.name and message.role != "tool":
        known["name"] = message.name
    if call_ids(message):
        known["tool_calls"] = message.tool_calls
    elif message.content is None:
        known["content"] = ""
    if message.tool_call_id and message.role == "tool":
        known["tool_call_id"] = message.tool_call_id
    return known
