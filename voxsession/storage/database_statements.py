"""The statements of the SQL storage.

Why a turn is one statement and still right, whatever others do at the same moment: every write but
the first changes the head row (slot 0) of its record under the condition that it still has the version
that the write was made from. The database locks that row, and looks at the condition again with what
the one before has committed, so the writes of one record happen one after another. A line is put in by
the very statement that changed the head, and taken out only in a transaction that changed or removed
the head first. So there is never a line without its head; a batch cannot arrive behind a document
that was deleted or replaced meanwhile, because its head has another version by then, or is gone. A first
write inserts head and line together: the primary key lets one of several in.

* PostgreSQL updates the head and inserts the line from what was updated (READ COMMITTED looks again
  after the wait for the row).
* SQLite lets one writer in at a time. An INSERT of two rows, taken from the head where that fits, meets
  the head by its primary key (and updates it) and adds the line.
* MySQL and MariaDB do the same; FOR UPDATE makes the SELECT wait and read what is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, bindparam, text

from voxsession.storage.database_markers import HIDE, SHOW, TOLD

__all__ = ["STATEMENTS", "Statements", "columns_of"]

_HEAD_VALUES = """seq = :seq, batch_id = :batch_id, owner = :owner, ended = :ended, updated_at = :updated_at,
    expires_at = :expires_at, header = COALESCE(:header, voxsession_records.header), changed = :changed"""
# A record whose batch id is the stored one is a repetition, even where the versions would fit.
_FITS = "{head}record_key = :key AND {head}slot = 0 AND {head}seq = :base_seq AND {head}batch_id <> :unlike"

_POSTGRESQL_ADD = f"""
WITH head AS (
    UPDATE voxsession_records SET {_HEAD_VALUES}
    WHERE {_FITS.format(head="")}
    RETURNING record_key
)
INSERT INTO voxsession_records (record_key, slot, seq, line)
SELECT record_key, CAST(:seq AS BIGINT), CAST(:seq AS BIGINT), CAST(:line AS TEXT) FROM head"""

# Many at once: what another connection holds at this moment is skipped, as is what does not fit. So no row is waited
# for, no two of these can block each other, and the keys that come back are those that were written.
_MANY = {
    "key": "TEXT",
    "seq": "BIGINT",
    "base_seq": "BIGINT",
    "batch_id": "TEXT",
    "unlike": "TEXT",
    "owner": "TEXT",
    "ended": "SMALLINT",
    "updated_at": "TEXT",
    "expires_at": "TEXT",
    "changed": "TEXT",
    "line": "TEXT",
}
_POSTGRESQL_ADD_MANY = f"""
WITH wanted AS (
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _MANY.items())})
        AS row ({", ".join(_MANY)})
), free AS (
    SELECT stored.record_key, wanted.* FROM wanted
    JOIN voxsession_records AS stored ON stored.record_key = wanted.key AND stored.slot = 0
        AND stored.seq = wanted.base_seq AND stored.batch_id <> wanted.unlike
    FOR NO KEY UPDATE OF stored SKIP LOCKED
), head AS (
    UPDATE voxsession_records AS stored SET seq = free.seq, batch_id = free.batch_id, owner = free.owner,
        ended = free.ended, updated_at = free.updated_at, expires_at = free.expires_at, changed = free.changed
    FROM free
    WHERE stored.record_key = free.record_key AND stored.slot = 0
        AND stored.seq = free.base_seq AND stored.batch_id <> free.unlike
    RETURNING stored.record_key, free.seq AS slot, free.line
)
INSERT INTO voxsession_records (record_key, slot, seq, line)
SELECT record_key, slot, slot, line FROM head
RETURNING record_key"""

_TWO_ROWS = f"""
INSERT INTO voxsession_records (record_key, slot, seq, line)
SELECT head.record_key, place.slot, :seq, :line
FROM voxsession_records AS head CROSS JOIN (SELECT 0 AS slot UNION ALL SELECT :seq) AS place
WHERE {_FITS.format(head="head.")}"""
_SQLITE_ADD = f"{_TWO_ROWS}\nON CONFLICT (record_key, slot) DO UPDATE SET {_HEAD_VALUES}"
_MYSQL_ADD = f"{_TWO_ROWS} FOR UPDATE\nON DUPLICATE KEY UPDATE {_HEAD_VALUES}"

_FIRST = text("""
INSERT INTO voxsession_records (record_key, slot, seq, batch_id, kind, tenant, record_id, owner, ended,
    updated_at, expires_at, header, line)
VALUES (:key, 0, :seq, :batch_id, :kind, :tenant, :record_id, :owner, :ended, :updated_at, :expires_at, :header, NULL),
    (:key, :seq, :seq, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, :line)""")

_PAGE = """INSERT INTO voxsession_pages (record_key, page_id, written_at, line)
VALUES (:key, :page_id, :written_at, :line)"""
_ON_CONFLICT = (
    "ON CONFLICT (record_key, page_id) DO UPDATE SET written_at = excluded.written_at, line = excluded.line"
)
_ON_DUPLICATE = "ON DUPLICATE KEY UPDATE written_at = VALUES(written_at), line = VALUES(line)"


class Statements:
    """What differs between the dialects, and what does not; `:unlike` is a batch id that would be a repetition.

    `add_many`, where there is one, takes a list for each name (see `columns_of`), and gives the keys that it added.
    """

    __slots__ = ("add", "add_many", "begin", "save_page", "show_marker", "told_by_marker")

    hide_marker = HIDE
    add_first = _FIRST
    head = text("SELECT seq, batch_id FROM voxsession_records WHERE record_key = :key AND slot = 0")
    load = text("SELECT slot, seq, line FROM voxsession_records WHERE record_key = :key ORDER BY slot")
    lines_from = text(
        "SELECT slot, line FROM voxsession_records WHERE record_key = :key AND slot > 0 AND slot >= :seq ORDER BY slot"
    )
    delete_head = text("DELETE FROM voxsession_records WHERE record_key = :key AND slot = 0")
    delete_head_of = text(
        "DELETE FROM voxsession_records WHERE record_key = :key AND slot = 0 AND seq = :seq"
    )
    delete_lines = text(
        "DELETE FROM voxsession_records WHERE record_key = :key AND slot > 0 AND slot < :before"
    )
    # For where no head was found: what somebody makes anew at this moment has one, and must not be touched.
    delete_stray_lines = text(
        "DELETE FROM voxsession_records WHERE record_key = :key AND slot > 0 AND NOT EXISTS ("
        "SELECT 1 FROM (SELECT slot FROM voxsession_records WHERE record_key = :key AND slot = 0) AS head)"
    )
    delete_stray_pages = text(
        "DELETE FROM voxsession_pages WHERE record_key = :key AND NOT EXISTS ("
        "SELECT 1 FROM voxsession_records WHERE record_key = :key AND slot = 0)"
    )
    load_page = text("SELECT line FROM voxsession_pages WHERE record_key = :key AND page_id = :page_id")
    list_pages = text(
        "SELECT page_id, written_at FROM voxsession_pages WHERE record_key = :key ORDER BY page_id"
    )
    delete_all_pages = text("DELETE FROM voxsession_pages WHERE record_key = :key")
    delete_pages = text(
        "DELETE FROM voxsession_pages WHERE record_key = :key AND page_id IN :page_ids"
    ).bindparams(bindparam("page_ids", expanding=True))
    count = text("SELECT COUNT(*) FROM voxsession_records WHERE slot = 0 AND kind = 'session'")

    def __init__(
        self,
        begin: str,
        add: TextClause,
        save_page: TextClause,
        show_marker: TextClause,
        told_by_marker: TextClause,
        add_many: TextClause | None = None,
    ) -> None:
        self.begin = begin
        self.add = add
        self.save_page = save_page
        self.show_marker = show_marker
        self.told_by_marker = told_by_marker
        self.add_many = add_many


STATEMENTS = {
    "postgresql": Statements(
        "BEGIN",
        text(_POSTGRESQL_ADD),
        text(f"{_PAGE} {_ON_CONFLICT}"),
        SHOW["postgresql"],
        TOLD["postgresql"],
        text(_POSTGRESQL_ADD_MANY),
    ),
    # A transaction that begins by reading could not write once somebody else has written.
    "sqlite": Statements(
        "BEGIN IMMEDIATE",
        text(_SQLITE_ADD),
        text(f"{_PAGE} {_ON_CONFLICT}"),
        SHOW["sqlite"],
        TOLD["sqlite"],
    ),
    "mysql": Statements(
        "BEGIN", text(_MYSQL_ADD), text(f"{_PAGE} {_ON_DUPLICATE}"), SHOW["mysql"], TOLD["mysql"]
    ),
}


def columns_of(many: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of several batches as `add_many` takes them."""
    return {name: [values[name] for values in many] for name in _MANY}
