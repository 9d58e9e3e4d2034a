"""The tables of the SQL storage, as numbered steps that whichever process comes first takes.

`voxsession_records` holds each record as several rows of one `record_key`. Slot 0 is the *head*: the
effective header, in columns that are indexed, without any body. Each further row is a *line*: the
document, then each batch since, its slot being the version that it made. So a list reads heads only, a
load is one range of the primary key, and a turn touches two rows whatever the length of the session.
`voxsession_markers` has what markers of device locks tell in clear.
"""

from __future__ import annotations

from sqlalchemy import make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from voxsession.errors import ConfigurationError, StorageUnavailableError, UnsupportedFormatError
from voxsession.storage.database_markers import marker_tables

__all__ = ["DIALECTS", "SCHEMA_VERSION", "dialect_of", "prepare", "schema_ddl"]

# Both names of a dialect stand for the same statements.
DIALECTS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
}
LOCK_SECONDS = 60
LOCK_NUMBER = 0x766F78736573  # "voxses"; advisory locks of PostgreSQL have numbers for names

_RECORD_COLUMNS = """
    record_key {name_500} NOT NULL,
    slot BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    batch_id {name_500},
    kind {name_20},
    tenant {name_100},
    record_id {name_200},
    owner {name_100},
    ended SMALLINT,
    updated_at {name_40},
    expires_at {name_40},
    header {body},
    changed {body},
    line {body},
    PRIMARY KEY (record_key, slot)"""
_PAGE_COLUMNS = """
    record_key {name_500} NOT NULL,
    page_id {name_200} NOT NULL,
    written_at {name_40} NOT NULL,
    line {body} NOT NULL,
    PRIMARY KEY (record_key, page_id)"""
_RECORD_INDEXES = {
    "voxsession_by_time": "kind, tenant, updated_at DESC, record_id, ended",
    "voxsession_by_owner": "kind, tenant, owner, updated_at DESC, record_id, ended",
    "voxsession_by_expiry": "kind, expires_at, record_id, tenant",
}
_VERSIONS = "CREATE TABLE IF NOT EXISTS voxsession_schema (version INTEGER NOT NULL PRIMARY KEY)"


def _types(dialect: str) -> dict[str, str]:
    # Names are compared byte by byte everywhere: ids differ by case, and order is that of Python's str.
    ends = {"postgresql": ' COLLATE "C"', "sqlite": "", "mysql": ""}[dialect]
    names = {f"name_{length}": f"VARCHAR({length}){ends}" for length in (20, 40, 100, 200, 500)}
    return {**names, "body": "LONGTEXT" if dialect == "mysql" else "TEXT"}


def _first_tables(dialect: str) -> list[str]:
    types = _types(dialect)
    markers = marker_tables(dialect, types)
    records, pages = _RECORD_COLUMNS.format_map(types), _PAGE_COLUMNS.format_map(types)
    if dialect == "mysql":
        # MySQL knows no CREATE INDEX IF NOT EXISTS, and commits after each statement: a step that was cut off
        # has to be repeatable, so the indexes come with their table.
        keys = "".join(f",\n    KEY {name} ({columns})" for name, columns in _RECORD_INDEXES.items())
        ends = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
        return [
            f"CREATE TABLE IF NOT EXISTS voxsession_records ({records}{keys}\n) {ends}",
            f"CREATE TABLE IF NOT EXISTS voxsession_pages ({pages}\n) {ends}",
            *markers,
        ]
    indexes = [
        # Lines have nothing to be found by and stay out of the indexes.
        f"CREATE INDEX IF NOT EXISTS {name} ON voxsession_records ({columns}) WHERE slot = 0"
        for name, columns in _RECORD_INDEXES.items()
    ]
    tables = [
        f"CREATE TABLE IF NOT EXISTS voxsession_records ({records}\n)",
        f"CREATE TABLE IF NOT EXISTS voxsession_pages ({pages}\n)",
    ]
    return [*tables, *indexes, *markers]


# Step n leads from version n - 1 to n. A step that was published is never edited: a change is a further step.
_STEPS = (_first_tables,)
SCHEMA_VERSION = len(_STEPS)


def schema_ddl(dialect: str) -> str:
    """The statements that make the tables, for those who run them by hand or by a tool of their own.

    They can be run again: what is there stays as it is.

    Args:
        dialect: ``"postgresql"``, ``"sqlite"``, ``"mysql"``, ``"mariadb"``, or a URL that begins so.

    Raises:
        ConfigurationError: another dialect, a URL that is none, or no text at all.

    Example:
        >>> print(schema_ddl("sqlite").splitlines()[0])
        CREATE TABLE IF NOT EXISTS voxsession_schema (version INTEGER NOT NULL PRIMARY KEY);
    """
    name = dialect_of(dialect)
    statements = [_VERSIONS]
    for number, step in enumerate(_STEPS, 1):
        statements += [*step(name), _note(name, number)]
    return ";\n".join(statements) + ";\n"


def dialect_of(name_or_url: str) -> str:
    """Which of the three sets of statements a dialect or a URL means."""
    base = name_or_url if isinstance(name_or_url, str) else ""
    if "://" in base:
        base = _backend_of(base)
    dialect = DIALECTS.get(base)
    if dialect is None:
        # A URL is not shown: it may hold a password.
        raise ConfigurationError(
            "This is no database that sessions can be kept in. Give a URL that begins with postgresql://, "
            "sqlite:///, mysql:// or mariadb://.",
            option="session_database_url",
        )
    return dialect


def _backend_of(url: str) -> str:
    try:
        found = make_url(url)
        has_port = found.port is None or 0 < found.port < 2**16
    except ArgumentError:
        return ""
    except ValueError:
        has_port = False
    if not has_port:  # what stands there is not shown: without its @ a URL has the password in this place
        raise ConfigurationError(
            "The port in the database URL is no number from 1 to 65535. Write it as in "
            "postgresql://me@host:5432/name, and what is special in a password (@ : / ? # %) as %40 and so on.",
            option="session_database_url",
        )
    return found.get_backend_name()


def _note(dialect: str, version: int) -> str:
    if dialect == "mysql":
        return f"INSERT IGNORE INTO voxsession_schema (version) VALUES ({version})"
    return f"INSERT INTO voxsession_schema (version) VALUES ({version}) ON CONFLICT DO NOTHING"


async def prepare(connection: AsyncConnection) -> None:
    """Makes the tables, or brings them to this version; whoever comes meanwhile waits.

    Raises:
        UnsupportedFormatError: a newer version of voxsession has made them.
    """
    dialect = dialect_of(connection.dialect.name)
    try:
        version = await _version(connection)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        version = 0  # there are no tables yet; if it was something else, the next statement tells
    if version < SCHEMA_VERSION:
        await _LOCKED_BY[dialect](connection)
    _refuse_newer(version)


async def _version(connection: AsyncConnection) -> int:
    return int(await connection.scalar(text("SELECT MAX(version) FROM voxsession_schema")) or 0)


def _refuse_newer(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise UnsupportedFormatError("The database schema", found=version, newest=SCHEMA_VERSION)


async def _take_steps(connection: AsyncConnection, dialect: str) -> None:
    await connection.exec_driver_sql(_VERSIONS)
    version = await _version(connection)
    _refuse_newer(version)
    for number, step in enumerate(_STEPS[version:], version + 1):
        for statement in [*step(dialect), _note(dialect, number)]:
            await connection.exec_driver_sql(statement)


async def _in_transaction(connection: AsyncConnection) -> None:
    """SQLite and PostgreSQL undo a step that is cut off, and let go of the lock by themselves."""
    dialect = dialect_of(connection.dialect.name)
    await connection.exec_driver_sql("BEGIN IMMEDIATE" if dialect == "sqlite" else "BEGIN")
    try:
        if dialect == "postgresql":
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})")
        await _take_steps(connection, dialect)
        await connection.exec_driver_sql("COMMIT")
    except BaseException:
        await connection.invalidate()
        raise


async def _under_named_lock(connection: AsyncConnection) -> None:
    """MySQL commits each statement of a step, so the lock is a named one; it ends with its connection."""
    name = "MD5(CONCAT('voxsession ', DATABASE()))"
    if await connection.scalar(text(f"SELECT GET_LOCK({name}, {LOCK_SECONDS})")) != 1:
        raise StorageUnavailableError(
            f"Another process has been making the tables for {LOCK_SECONDS} s. Try again later.",
            storage="database",
            operation="open",
        )
    try:
        await _take_steps(connection, "mysql")
        await connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")
    except BaseException:
        await connection.invalidate()
        raise


_LOCKED_BY = {"postgresql": _in_transaction, "sqlite": _in_transaction, "mysql": _under_named_lock}
