"""What markers tell in clear, as rows of a table of its own that people and their tools may read.

The truth stays in the sealed record: a row is written and removed in the transaction that writes or removes
its record, and never read back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, text

from voxsession.core.envelope import (
    MARKER_FIELDS,
    Record,
    decode_line,
    from_stamp,
    record_key,
    split_key,
)
from voxsession.errors import IntegrityError
from voxsession.storage.database_rows import line_of

__all__ = ["HIDE", "SHOW", "TOLD", "has_row", "marker_row", "marker_tables"]

_COLUMNS = """
    record_key {name_500} NOT NULL PRIMARY KEY,
    tenant {name_100} NOT NULL,
    device_id {name_200} NOT NULL,
    active_agent {words} NOT NULL,
    locked_at {moment} NOT NULL,
    session_ttl INTEGER NOT NULL"""
_INDEXES = {
    "voxsession_markers_by_agent": "active_agent, locked_at",
    "voxsession_markers_by_time": "locked_at",
}
_MOMENTS = {"postgresql": "TIMESTAMP WITH TIME ZONE", "sqlite": "TEXT", "mysql": "DATETIME(6)"}
# Both drivers of PostgreSQL take a text as a text only.
_LOCKED_AT = {"postgresql": "CAST(CAST(:locked_at AS TEXT) || '+00' AS TIMESTAMP WITH TIME ZONE)"}


def marker_tables(dialect: str, types: dict[str, str]) -> list[str]:
    """The statements that make the table of markers."""
    words = "TEXT" if dialect == "sqlite" else "VARCHAR(200)"
    columns = _COLUMNS.format_map({**types, "words": words, "moment": _MOMENTS[dialect]})
    if dialect == "mysql":
        keys = "".join(f",\n    KEY {name} ({parts})" for name, parts in _INDEXES.items())
        ends = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
        return [f"CREATE TABLE IF NOT EXISTS voxsession_markers ({columns}{keys}\n) {ends}"]
    indexes = [
        f"CREATE INDEX IF NOT EXISTS {name} ON voxsession_markers ({parts})"
        for name, parts in _INDEXES.items()
    ]
    return [f"CREATE TABLE IF NOT EXISTS voxsession_markers ({columns}\n)", *indexes]


def _show(dialect: str) -> TextClause:
    moment = _LOCKED_AT.get(dialect, ":locked_at")
    return text(
        "INSERT INTO voxsession_markers (record_key, tenant, device_id, active_agent, locked_at, session_ttl) "
        f"VALUES (:key, :tenant, :device_id, :active_agent, {moment}, :session_ttl)"
    )


SHOW = {dialect: _show(dialect) for dialect in _MOMENTS}
# SQLite knows no lock of a row; its transactions hold the whole file.
TOLD = {
    dialect: text(
        "SELECT line FROM voxsession_records WHERE record_key = :key ORDER BY slot"
        + ("" if dialect == "sqlite" else " FOR UPDATE")
    )
    for dialect in _MOMENTS
}
HIDE = text("DELETE FROM voxsession_markers WHERE record_key = :key")


def has_row(line: str | None) -> bool:
    """Whether a stored line tells something in clear, so that its row has to go; also where it cannot be read."""
    if line is None:  # the head has none
        return False
    try:
        return not decode_line(line_of(line), "marker").keys().isdisjoint(MARKER_FIELDS)
    except IntegrityError:
        return True


def marker_row(record: Record) -> dict[str, Any] | None:
    """The row of a record; None where it is no marker, tells nothing, or not in the form that columns take."""
    if record.get("kind") != "marker":
        return None
    agent, locked_at, ttl = (record.get(name) for name in MARKER_FIELDS)
    if not isinstance(agent, str) or not isinstance(ttl, int) or not 0 <= ttl < 2**31:
        return None
    try:
        moment = from_stamp(str(locked_at))
    except ValueError:
        return None
    key = record_key(record)
    _, tenant, device_id = split_key(key)
    return {
        "key": key,
        "tenant": tenant,
        "device_id": device_id,
        "active_agent": agent,
        "locked_at": moment.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "session_ttl": ttl,
    }
