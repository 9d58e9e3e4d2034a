"""Batches that are put behind their documents in a SQL database, each if it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.storage.database_direct import Ask
from voxsession.storage.database_statements import Statements, columns_of
from voxsession.storage.frames import conflict

__all__ = ["add", "add_many", "check_repeated"]


def add(sql: Statements, values: Mapping[str, Any], ask: Ask) -> None:
    """Adds one batch; `ConflictError` where it does not fit and was not added before."""
    if not ask(sql.add, values).rowcount:
        check_repeated(values, ask(sql.head, values).one_or_none())


def add_many(sql: Statements, many: Sequence[Mapping[str, Any]], ask: Ask) -> set[str]:
    """Adds those of several records' batches that fit and are free to be written; the keys of their records."""
    assert sql.add_many is not None
    return set(ask(sql.add_many, columns_of(many)).scalars())


def check_repeated(values: Mapping[str, Any], head: Any) -> None:
    """`ConflictError` unless the head that a write did not fit (seq, batch_id) is what it made before."""
    if head is None or head[1] != values["unlike"]:
        raise conflict(values["key"], values["base_seq"], head[0] if head else None)
