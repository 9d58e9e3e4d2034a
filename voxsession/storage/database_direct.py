"""Statements that are made often, with one switch from the event loop to SQLAlchemy and back for all of them.

`AsyncConnection` switches for the connection, for each statement and for giving the connection back, and looks
each time through what is bound. Pool, time-outs, events and errors are SQLAlchemy's here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Engine, TextClause
from sqlalchemy.util import greenlet_spawn

__all__ = ["Ask", "DirectStatements"]

T = TypeVar("T")
#: Executes a statement with its values; only inside of the work that it was given to.
Ask = Callable[[TextClause, Mapping[str, Any]], CursorResult[Any]]


class _InDriversWords(NamedTuple):
    """A statement as the driver takes it.

    Attributes:
        names: the values in the order of their places; None where the driver takes them by name.
    """

    text: str
    names: tuple[str, ...] | None

    @classmethod
    def of(cls, statement: TextClause, dialect: Dialect) -> _InDriversWords:
        compiled = statement.compile(dialect=dialect)
        names = getattr(compiled, "positiontup", None)
        return cls(str(compiled), None if names is None else tuple(names))

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        if self.names is None:
            return connection.exec_driver_sql(self.text, dict(values))
        return connection.exec_driver_sql(self.text, tuple([values[name] for name in self.names]))


class DirectStatements:
    """The statements of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[TextClause, _InDriversWords] = {}

    async def run(self, work: Callable[[Ask], T]) -> T:
        """What the work gives, which may execute statements on a connection of its own but await nothing."""
        found: T = await greenlet_spawn(self._on_connection, work)
        return found

    def _on_connection(self, work: Callable[[Ask], T]) -> T:
        with self._engine.connect() as connection:
            return work(lambda statement, values: self._words(statement).execute(connection, values))

    def _words(self, statement: TextClause) -> _InDriversWords:
        words = self._known.get(statement)
        if words is None:
            words = self._known[statement] = _InDriversWords.of(statement, self._engine.dialect)
        return words
