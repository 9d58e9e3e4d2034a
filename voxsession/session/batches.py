"""What a task changes inside `batch_update()`, which nobody else sees before the block ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from voxsession.core.changes import Change
from voxsession.core.events import Event
from voxsession.core.session_data import SessionData
from voxsession.core.struct import Struct, field
from voxsession.session.echoes import Echoes
from voxsession.session.pending import Clash, Pending, applied, put_behind

__all__ = ["BatchScope", "around", "innermost", "inside", "outermost"]


class BatchScope(Struct, eq=False):
    """The changes of one `batch_update()` block, on a copy of the data that only the block sees.

    Attributes:
        core: the live session that it belongs to.
        outer: the block around it; once that has ended, the one around that, or none.
        data: what lies below it, with its changes on top.
        basis: what `data` was last made from; another one now tells that it is behind.
        known: the messages below it when its changes were applied.
        version: grows with every change of `data`.
        dropped: changes that gave way to what others did.
        was_behind: its changes were put on something else than what they were made on.
        clash: what cannot be put on what lies below it: the block goes on with what it saw, and fails at its end.
    """

    core: object
    outer: BatchScope | None
    data: SessionData
    basis: tuple[int, int, int]
    known: int
    version: int = 0
    changes: list[Pending] = field(default_factory=list)
    signals: list[Event] = field(default_factory=list)
    dropped: list[Change] = field(default_factory=list)
    was_behind: bool = False
    clash: str | None = None
    is_open: bool = True

    def record(self, *changes: Change) -> None:
        """Applies changes inside the block."""
        self.changes += [applied(change, self.data) for change in changes]
        self.version += 1

    def put_on(self, below: SessionData, echoes: Echoes, *, is_final: bool) -> None:
        """Puts its changes behind what others did below it, as `put_behind` says; on a clash all stays as it was."""
        data = below.copy()
        try:
            changes, dropped = put_behind(
                self.changes, data, known=self.known, echoes=echoes, is_final=is_final, keeps_local=True
            )
        except Clash as clash:
            self.clash = clash.what
            return
        self.data, self.changes, self.known = data, changes, below.message_total
        self.dropped += dropped
        self.was_behind, self.clash = True, None
        self.version += 1

    def land_on(self, outer: BatchScope) -> None:
        """Makes its changes part of the block around it."""
        outer.record(*(pending.change for pending in self.changes))
        outer.signals += self.signals
        outer.dropped += self.dropped
        outer.was_behind |= self.was_behind


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
    token = _batches.set((*(one for one in _batches.get() if one.is_open), scope))
    try:
        yield
    finally:
        scope.is_open = False
        with suppress(ValueError):  # it ends in another task than it began in, as a generator's block may
            _batches.reset(token)
