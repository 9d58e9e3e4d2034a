"""Building a context: what has a right to be in comes first, the rest shares what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.rules import CONTEXT_SHARES
from voxsession.core.types import encode_json
from voxsession.errors import BudgetError
from voxsession.memory.context import (
    BRANCH_HEADING,
    KNOWN_HEADING,
    MERGED_HEADING,
    MESSAGE_OVERHEAD,
    SAID_HEADING,
    STATE_HEADING,
    SUMMARY_HEADING,
    WISHES_HEADING,
    Context,
    ContextItem,
    ContextParts,
)
from voxsession.memory.context_lines import (
    Sizes,
    as_dict,
    asked_words,
    memory_line,
    memory_reason,
    said_line,
    stands,
    system_message,
)
from voxsession.memory.context_order import memory_order
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.shorten import shortened
from voxsession.memory.tokens import TokenCounter
from voxsession.memory.turns import Turn, complete_turns

__all__ = ["build_context"]

LEAST_SHORTENED_TOKENS = 16  # what is left of a text below this says too little
MOST_BRANCH_MESSAGES = 12
MOST_MISSES = 64  # of memories in a row: those behind them are worth less, and are not even counted


def build_context(parts: ContextParts, counter: TokenCounter) -> Context:
    """Chooses what fits: the same parts always give the same context.

    The instructions and the newest turn are always in; a turn is in whole or not at all.

    Raises:
        BudgetError: the instructions and the newest turn alone exceed the budget.
    """
    limit = parts.budget_tokens
    sizes = Sizes(counter)
    context = _Builder(parts, limit, sizes).build()
    # Lines counted one by one can be fewer tokens than the text they make (estimates are rounded).
    while (over := context.token_count - parts.budget_tokens) > 0 and limit > 0:
        limit -= over
        context = _Builder(parts, limit, sizes).build()
    return context


class _Builder:
    """One building: what is left of the budget, what was chosen so far.

    Args:
        limit: up to where there is room for what need not be in; the budget, or less.
        sizes: what was counted before for the same parts.
    """

    def __init__(self, parts: ContextParts, limit: int, sizes: Sizes) -> None:
        self.parts = parts
        self.limit = limit
        self.sizes = sizes
        self.count = sizes.count
        self.items: list[ContextItem] = []
        self.system: list[str] = []
        self.used = 0
        self.room = 0
        self.wanted: frozenset[str] = frozenset()

    def build(self) -> Context:
        """Takes the parts in the order of their right to be in."""
        parts = self.parts
        turns = complete_turns(parts.messages)
        newest, earlier = (turns[-1], turns[:-1]) if turns else (Turn(), [])
        self._take_fixed(newest)
        self.room = max(self.limit - self.used, 0)
        self.wanted = asked_words(newest)
        standing = self._share("standing")
        standing -= self._take_lines(
            "preference", WISHES_HEADING, [f"- {wish}\n" for wish in parts.wishes], standing
        )
        if parts.state:
            line = encode_json(parts.state).decode() + "\n"
            self._take_lines("state", STATE_HEADING, [line], self._share("state"))
        memories = self._take_memories(standing)
        self._take_merged()
        recallable = [match for match in parts.matches if match.message is not None]
        recent, left_out = self._take_turns(earlier, recallable)
        shown = {message.id for message in recent + newest.messages}
        self._take_summaries(needed=bool(left_out))
        shown |= self._take_branch(left_out)
        recalled = self._take_recalled(recallable, shown)
        system = "".join(self.system).strip()
        sent = recent + newest.messages
        return Context(
            messages=system_message(system) + [as_dict(message) for message in sent],
            token_count=self.sizes.system(system) + sum(map(self.sizes.message, sent)),
            budget_tokens=parts.budget_tokens,
            complete=parts.complete or bool(left_out),
            items=tuple(self.items),
            memories=tuple(memories),
            recalled=tuple(recalled),
        )

    # --- the parts, in the order of their right to be in

    def _take_fixed(self, newest: Turn) -> None:
        instructions = self.parts.instructions.strip()
        bare = self.sizes.system(instructions)
        # The blank line is counted although it may fall away, so that sums never fall short.
        tokens = (
            max(bare, self.count(instructions + "\n\n") + MESSAGE_OVERHEAD)
            if instructions
            else MESSAGE_OVERHEAD
        )
        turn_tokens = sum(map(self.sizes.message, newest.messages))
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
            self._note("message", message.id, self.sizes.message(message), True, "the turn to answer")
        self._note_repairs(newest)

    def _take_lines(self, kind: str, heading: str, lines: Iterable[str], most: int) -> int:
        """Puts in a section of short lines that do not depend on search, as far as they fit; what they took."""
        taken = 0
        for line in lines:
            tokens = self.count(line) + (0 if taken else self.count(heading))
            fits = tokens <= min(most - taken, self.limit - self.used)
            self._note(
                kind, None, tokens, fits, "always in" if fits else f"no room: its share is {most} tokens"
            )
            if fits:
                self.system += [line] if taken else [heading, line]
                self.used += tokens
                taken += tokens
        return taken

    def _take_memories(self, standing: int) -> list[MemoryEntry]:
        """The entries that are in: standing ones from their own share, so that no search decides about them."""
        scores = {match.entry.id: match for match in self.parts.matches if match.entry is not None}
        taken: list[MemoryEntry] = []
        left = {True: standing, False: self._share("memories")}
        misses = 0
        heading = self.count(KNOWN_HEADING) if self.parts.entries else 0
        order = memory_order(scores, self.parts.half_lives, self.parts.now)
        for entry in sorted(self.parts.entries, key=order):
            match, is_standing = scores.get(entry.id), stands(entry)
            why, score = memory_reason(entry, match), match.score if match else None
            if misses >= MOST_MISSES:
                why = f"no room: the ones before it found none either ({why})"
                self._note("memory", entry.id, entry.token_count, False, why, score=score)
                continue
            line = self._offer(
                ContextItem(
                    kind="memory",
                    id=entry.id,
                    tokens=0 if taken else heading,
                    included=False,
                    reason=why,
                    score=score,
                ),
                partial(memory_line, entry, origin=self.parts.origin_of(entry)),
                entry.content,
                left[is_standing],
                may_shorten=is_standing or match is not None,
            )
            misses = 0 if line or is_standing else misses + 1
            if line:
                self.system += [line] if taken else [KNOWN_HEADING, line]
                left[is_standing] -= self.items[-1].tokens
                taken.append(entry)
        count, tokens = self.parts.passed_over
        if count:
            why = f"{count} more that the message does not speak of and that are worth less"
            self._note("memory", None, tokens, False, why)
        return taken

    def _take_turns(
        self, turns: list[Turn], recallable: list[MemoryMatch]
    ) -> tuple[list[Message], list[Message]]:
        """The messages of the latest turns that fit without a gap, and those of the turns that do not."""
        reserve = 0
        if recallable:
            reserve = min(
                self._share("recalled"),
                sum(self.count(said_line(match.message)) for match in recallable if match.message),
            )
        start = self._first_fitting(turns, self.limit - self.used - reserve)
        if start:  # only then is there something to sum up
            reserve += self._share("summaries") if self.parts.summaries else 0
            reserve += self._share("branch") if any(map(self._is_before_branch, turns[0].messages)) else 0
            start = max(start, self._first_fitting(turns, self.limit - self.used - reserve))
        chosen: list[Message] = []
        for turn in reversed(turns[start:]):
            for message in turn.messages:
                self._note("message", message.id, self.sizes.message(message), True, "recent")
                self.used += self.sizes.message(message)
            self._note_repairs(turn)
            chosen = turn.messages + chosen
        for turn in reversed(turns[:start]):
            for message in turn.messages:
                # Their sizes as they were recorded: nothing is counted for what is not sent.
                tokens = message.token_count + MESSAGE_OVERHEAD
                self._note(
                    "message", message.id, tokens, False, "no room: the turns after it fill the budget"
                )
            self._note_repairs(turn, included=False)
        return chosen, [message for turn in turns[:start] for message in turn.messages]

    def _first_fitting(self, turns: list[Turn], left: int) -> int:
        """From which turn on all of them fit."""
        for place in range(len(turns) - 1, -1, -1):
            left -= sum(map(self.sizes.message, turns[place].messages))
            if left < 0:
                return place + 1
        return 0

    def _take_merged(self) -> None:
        """What came of branches whose summaries were brought back; they are wanted whatever is asked."""
        self._take_summed(self.parts.merged, MERGED_HEADING, "brought back from a branch")

    def _take_summaries(self, *, needed: bool) -> None:
        """What was said in the turns that found no room, in short."""
        if needed:
            self._take_summed(self.parts.summaries, SUMMARY_HEADING, "stands for turns without room")
            return
        for entry in self.parts.summaries:
            self._note("summary", entry.id, entry.token_count, False, "not needed: all its turns are in")

    def _take_summed(self, entries: Iterable[MemoryEntry], heading: str, why: str) -> None:
        left, taken = self._share("summaries"), False
        for entry in entries:
            tokens = 0 if taken else self.count(heading)
            item = ContextItem(kind="summary", id=entry.id, tokens=tokens, included=False, reason=why)
            make = partial(memory_line, entry, origin=self.parts.origin_of(entry))
            line = self._offer(item, make, entry.content, left, may_shorten=True)
            if line:
                self.system += [line] if taken else [heading, line]
                left -= self.items[-1].tokens
                taken = True

    def _take_branch(self, left_out: list[Message]) -> set[str]:
        """The last that was said before the conversation branched off, where its own turns fill the room."""
        before = [message for message in left_out if self._is_before_branch(message)]
        spoken = [one for one in before if one.role in ("user", "assistant") and one.content]
        left, lines, shown = self._share("branch"), list[str](), set[str]()
        for message in reversed(spoken[-MOST_BRANCH_MESSAGES:]):
            item = ContextItem(
                kind="branch",
                id=message.id,
                tokens=0 if lines else self.count(BRANCH_HEADING),
                included=False,
                reason="said before the branch",
            )
            line = self._offer(
                item, partial(said_line, message), message.content or "", left, may_shorten=True
            )
            if line is None:
                break  # what is there has no gap
            lines.append(line)
            shown.add(message.id)
            left -= self.items[-1].tokens
        if lines:
            self.system += [BRANCH_HEADING, *reversed(lines)]
        return shown

    def _take_recalled(self, matches: list[MemoryMatch], shown: set[str]) -> list[MemoryMatch]:
        lines: list[tuple[Any, str]] = []
        taken: list[MemoryMatch] = []
        seen: set[str] = set()
        for match in matches:
            message = match.message
            assert message is not None
            item = ContextItem(
                kind="recalled",
                id=message.id,
                tokens=0 if taken else self.count(SAID_HEADING),
                included=False,
                reason="; ".join(match.reasons) or "found by search",
                score=match.score,
            )
            if message.id in shown | seen:
                why = "in the recent messages already" if message.id in shown else "named above already"
                tokens = self.count(said_line(message))
                self._note("recalled", message.id, tokens, False, f"out: {why}", score=match.score)
                continue
            seen.add(message.id)
            line = self._offer(
                item, partial(said_line, message), message.content or "", self.limit, may_shorten=True
            )
            if line:
                taken.append(match)
                lines.append((message.at, line))
        if taken:
            # In time order: a model reads a story better than a ranking.
            self.system += [SAID_HEADING, *(line for _, line in sorted(lines, key=lambda pair: pair[0]))]
        return taken

    # --- what fits

    def _share(self, part: str) -> int:
        return int(self.room * self.parts.shares.get(part, CONTEXT_SHARES[part]))

    def _offer(
        self,
        item: ContextItem,
        make: Callable[[str], str],
        content: str,
        most: int,
        *,
        may_shorten: bool,
    ) -> str | None:
        """The line of a candidate if it fits, whole or shortened; it is noted either way.

        Args:
            item: the candidate; its `tokens` are those of the heading that it would bring along.
            make: the line of a text.
            most: what it may take besides the room that there is.
        """
        most = min(most, self.limit - self.used) - item.tokens
        line, full = make(content), None
        tokens = self.count(line)
        if tokens > most and may_shorten and most >= LEAST_SHORTENED_TOKENS:
            text = shortened(content, most - self.count(make("")), self.count, self.wanted)
            if text is not None and self.count(make(text)) <= most:
                line, full = make(text), tokens
                tokens = self.count(line)
        if tokens > most:
            why = f"no room: {max(most, 0)} tokens were left for its kind ({item.reason})"
            self._note(item.kind, item.id, item.tokens + tokens, False, why, score=item.score)
            return None
        why = item.reason if full is None else f"shortened ({item.reason})"
        tokens += item.tokens
        self._note(item.kind, item.id, tokens, True, why, score=item.score, full_tokens=full)
        self.used += tokens
        return line

    def _is_before_branch(self, message: Message) -> bool:
        own = self.parts.conversation_id
        return own is not None and message.conversation_id != own

    # --- the report

    def _note(
        self,
        kind: str,
        item_id: str | None,
        tokens: int,
        included: bool,
        reason: str,
        *,
        score: float | None = None,
        full_tokens: int | None = None,
    ) -> None:
        self.items.append(
            ContextItem(
                kind=kind,
                id=item_id,
                tokens=tokens,
                included=included,
                reason=reason,
                score=score,
                full_tokens=full_tokens,
            )
        )

    def _note_repairs(self, turn: Turn, *, included: bool = True) -> None:
        for message_id, note in turn.notes:
            self._note("message", message_id, 0, included and not note.startswith("left out"), note)
