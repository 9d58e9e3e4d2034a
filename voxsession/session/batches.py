"""What a task changes inside `batch_update()`, which nobody else sees before the block ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import attrs

from voxsession.core.changes import Change, ConversationStarted
from voxsession.core.events import Event
from voxsession.core.session_data import SessionData
from voxsession.session.echoes import Echoes

__all__ = [
    "BatchScope",
    "Pending",
    "applied",
    "around",
    "innermost",
    "inside",
    "moved",
    "outermost",
    "outside_batches",
]


@attrs.define(slots=True, eq=False)
class Pending:
    """A change that is not saved yet, with what it was based on (None where it commutes)."""

    change: Change
    observed: Any


def applied(change: Change, data: SessionData) -> Pending:
    """The change, now that it is applied."""
    pending = Pending(change, change.observe(data))
    change.apply(data)
    return pending


def moved(change: Change, known: int, moved_by: int) -> Change:
    """A branch from messages that are pending too: they lie further back now, and so does the place it left."""
    if moved_by and isinstance(change, ConversationStarted) and (change.branch_index or 0) > known:
        later: Change = attrs.evolve(cast(Any, change), branch_index=(change.branch_index or 0) + moved_by)
        return later
    return change


@attrs.define(slots=True, eq=False)
class BatchScope:
    """The changes of one `batch_update()` block, on a copy of the data that only the block sees.

    Attributes:
        core: the live session that it belongs to.
        outer: the block around it; once that has ended, the one around that, or none.
        data: what lies below it, with its changes on top.
        basis: what `data` was last made from; another one now tells that it is behind.
        known: the messages below it when its changes were applied.
        version: grows with every change of `data`.
    """

    core: object
    outer: BatchScope | None
    data: SessionData
    basis: tuple[int, int, int]
    known: int
    version: int = 0
    changes: list[Pending] = attrs.field(factory=list)
    signals: list[Event] = attrs.field(factory=list)
    is_open: bool = True

    def record(self, changes: Sequence[Change]) -> None:
        """Applies changes inside the block."""
        self.changes += [applied(change, self.data) for change in changes]
        self.version += 1

    def put_on(self, below: SessionData) -> None:
        """Applies its changes anew: others brought in messages before its own, or facts that it learned as well."""
        moved_by = below.message_total - self.known
        changes = [moved(pending.change, self.known, moved_by) for pending in self.changes]
        echoes = Echoes(changes)
        self.data, self.changes, self.known = below.copy(), [], below.message_total
        for change in changes:
            self.record([echoes.settled(change, self.data)])


_batches: ContextVar[tuple[BatchScope, ...]] = ContextVar("voxsession_batches", default=())


def innermost(core: object) -> BatchScope | None:
    """The block of this session that this task is in."""
    for scope in reversed(_batches.get()):
        if scope.core is core and scope.is_open:
            return scope
    return None


def outermost(core: object) -> BatchScope | None:
    """The outermost of the blocks of this session that this task is in."""
    return next((scope for scope in _batches.get() if scope.core is core and scope.is_open), None)


def around(scope: BatchScope) -> BatchScope | None:
    """The block around a block that has not ended yet."""
    while scope.outer is not None and not scope.outer.is_open:
        scope.outer = scope.outer.outer
    return scope.outer


@contextmanager
def inside(scope: BatchScope) -> Iterator[None]:
    """This task is in the block; it is closed at the end, also by an exception."""
    token = _batches.set((*_batches.get(), scope))
    try:
        yield
    finally:
        scope.is_open = False
        _batches.reset(token)


@contextmanager
def outside_batches() -> Iterator[None]:
    """What this task does is not held by any block."""
    token = _batches.set(())
    try:
        yield
    finally:
        _batches.reset(token)
