"""The conversations of a session as a tree of branches, for programs and for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Generator, Iterable, Iterator
from datetime import datetime
from typing import Any

from voxsession.core.conversation import ConversationEntry
from voxsession.core.display import escape, page_of, table
from voxsession.core.struct import Struct

__all__ = ["Branch", "BranchComparison", "BranchTree", "tree_of"]


class Branch(Struct, frozen=True, kw_only=True):
    """One conversation in the tree.

    Attributes:
        message_count: how many messages it has of its own.
        branches: those that left it, the earliest first.
        merged_ids: those whose summaries were brought back to it.
    """

    conversation_id: str
    parent_id: str | None
    status: str
    started_at: datetime
    last_at: datetime
    message_count: int
    branches: tuple[Branch, ...] = ()
    merged_ids: tuple[str, ...] = ()

    def walk(self) -> Iterator[Branch]:
        """This conversation, then all that hang on it, in the order of the tree."""
        waiting = [self]
        while waiting:
            branch = waiting.pop()
            yield branch
            waiting += reversed(branch.branches)

    def __repr__(self) -> str:
        return f"Branch({_told(self, ())})"


class BranchTree(Struct, frozen=True, kw_only=True, eq=False):
    """All conversations of a session, those that began by themselves first; prints as a tree.

    Attributes:
        roots: the conversations that branched from none, the earliest first.
        complete: whether these are all; awaiting the tree reads the older ones as well.
    """

    roots: tuple[Branch, ...]
    complete: bool
    finish: Callable[[], Awaitable[BranchTree]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BranchTree):
            return NotImplemented
        return (self.roots, self.complete) == (other.roots, other.complete)

    def __hash__(self) -> int:
        return hash((self.roots, self.complete))

    def __await__(self) -> Generator[Any, None, BranchTree]:
        return self.finish().__await__()

    def __iter__(self) -> Iterator[Branch]:
        for root in self.roots:
            yield from root.walk()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, conversation_id: str) -> Branch:
        for branch in self:
            if branch.conversation_id == conversation_id:
                return branch
        raise KeyError(conversation_id)

    def __contains__(self, conversation_id: object) -> bool:
        return any(branch.conversation_id == conversation_id for branch in self)

    def __repr__(self) -> str:
        lines = [line for root in self.roots for line in _lines(root)]
        if not self.complete:
            lines.append("(older conversations are not shown; await branches() for all)")
        return "\n".join(lines) or "(no conversations)"

    def _repr_html_(self) -> str:
        return page_of("Conversations", f"<pre>{escape(repr(self))}</pre>")


class BranchComparison(Struct, frozen=True, kw_only=True):
    """Two conversations side by side.

    Attributes:
        ids: the two conversations.
        shared_messages: how many messages both see.
        last_shared_id: the latest of these; None without any.
        own_messages: of each, how many messages it sees that the other does not.
        own_memories: of each, what is remembered from messages that the other does not see.
    """

    ids: tuple[str, str]
    shared_messages: int
    last_shared_id: str | None
    own_messages: tuple[int, int]
    own_memories: tuple[tuple[str, ...], tuple[str, ...]]

    def _rows(self) -> list[list[str]]:
        rows = [["messages of its own", *map(str, self.own_messages)]]
        for place in range(max(map(len, self.own_memories))):
            rows.append(
                ["remembered", *(one[place] if place < len(one) else "" for one in self.own_memories)]
            )
        return rows

    def __repr__(self) -> str:
        shared = f"both see {self.shared_messages} messages, up to {self.last_shared_id}"
        return "\n".join([shared, *(f"{what}: {one} | {two}" for what, one, two in self._rows())])

    def _repr_html_(self) -> str:
        shared = f"<p>Both see {self.shared_messages} messages.</p>"
        return page_of("Branches", shared + table(("", *self.ids), self._rows()))


def tree_of(
    entries: Iterable[ConversationEntry], *, complete: bool, finish: Callable[[], Awaitable[BranchTree]]
) -> BranchTree:
    """The tree of these conversations; a branch whose parent is not among them stands by itself.

    A deleted conversation is only shown where something hangs on it.
    """
    by_id = {entry.id: entry for entry in entries}
    below: dict[str | None, list[ConversationEntry]] = {}
    for entry in sorted(by_id.values(), key=lambda entry: (entry.started_at, entry.id)):
        below.setdefault(entry.parent_id if entry.parent_id in by_id else None, []).append(entry)
    made: dict[str, Branch] = {}
    # From the leaves up, without recursion: a line of branches may be longer than Python's stack.
    for entry in reversed(_top_down(below)):
        kept = tuple(made[child.id] for child in below.get(entry.id, ()) if child.id in made)
        if entry.status != "deleted" or kept:
            made[entry.id] = _branch(entry, kept)
    roots = tuple(made[entry.id] for entry in below.get(None, ()) if entry.id in made)
    return BranchTree(roots=roots, complete=complete, finish=finish)


def _top_down(below: dict[str | None, list[ConversationEntry]]) -> list[ConversationEntry]:
    found: list[ConversationEntry] = []
    waiting = list(below.get(None, ()))
    while waiting:
        entry = waiting.pop()
        found.append(entry)
        waiting += below.get(entry.id, ())
    return found


def _branch(entry: ConversationEntry, branches: tuple[Branch, ...]) -> Branch:
    return Branch(
        conversation_id=entry.id,
        parent_id=entry.parent_id,
        status=entry.status,
        started_at=entry.started_at,
        last_at=entry.last_at,
        message_count=entry.message_count,
        branches=branches,
        merged_ids=entry.merged_ids,
    )


def _told(branch: Branch, merged_ids: Container[str]) -> str:
    merged = ", merged" if branch.conversation_id in merged_ids else ""
    count = f"{branch.message_count} message" + ("" if branch.message_count == 1 else "s")
    return f"{branch.conversation_id} ({count}, {branch.status}{merged})"


def _lines(root: Branch) -> Iterator[str]:
    # A branch of a branch may have been brought back to any of those above it.
    merged = {name for branch in root.walk() for name in branch.merged_ids}
    waiting: list[tuple[Branch, str, str]] = [(root, "", "")]
    while waiting:
        branch, before, below = waiting.pop()
        yield before + _told(branch, merged)
        children = branch.branches
        for place in range(len(children) - 1, -1, -1):
            is_last = place == len(children) - 1
            waiting.append(
                (
                    children[place],
                    below + ("└─ " if is_last else "├─ "),
                    below + ("   " if is_last else "│  "),
                )
            )
