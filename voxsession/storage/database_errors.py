"""The failures of database drivers, in errors of ours."""

from __future__ import annotations

from enum import Enum

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from voxsession.errors import (
    ConfigurationError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    VoxSessionError,
)

__all__ = ["Fault", "fault_of", "is_taken", "translated"]


class Fault(Enum):
    """What went wrong; the values are what is said, how often the call is made again, the remedy and the error."""

    AWAY = ("the server cannot be reached", 1, "", StorageUnavailableError)
    LOST = ("the connection was lost", 1, "", StorageUnavailableError)
    CHANGING = ("the server is starting or stopping", 1, "", StorageUnavailableError)
    SILENT = ("the server did not answer in time", 0, "", StorageUnavailableError)
    UNSAFE = (
        "no encrypted connection can be made",
        1,
        "Check sslmode in the URL, and the server's certificate.",
        StorageUnavailableError,
    )
    CROWDED = (
        "the server takes no more connections",
        1,
        "Lower pool_size, or let the server take more.",
        StorageUnavailableError,
    )
    READ_ONLY = (
        "the server takes no writes, as a replica",
        1,
        "Give the URL of the one that takes writes.",
        StorageUnavailableError,
    )
    COLLIDED = ("others wrote at the same moment", 10, "", StorageUnavailableError)
    BUSY = (
        "it was locked, had no free connection, or took longer than the server allows",
        0,
        "",
        StorageUnavailableError,
    )
    FULL = (
        "there is no room",
        0,
        "What was stored before is still there. Make room, then try again.",
        StorageFullError,
    )
    SETTINGS = (
        "the server does not let us in",
        0,
        "Check user, password and database name in the URL.",
        ConfigurationError,
    )
    FORBIDDEN = (
        "its user lacks a right",
        0,
        "Grant it SELECT, INSERT, UPDATE and DELETE on voxsession_records, voxsession_pages and voxsession_schema, and "
        "for device locks with clear_columns on voxsession_markers. Where it may not make them, somebody else runs "
        "what voxsession.storage.database.schema_ddl() gives.",
        StorageError,
    )
    NO_TABLE = (
        "a table is missing",
        0,
        "Run what voxsession.storage.database.schema_ddl() gives; it can be run again.",
        StorageError,
    )
    FILE = (
        "the file cannot be opened for writing",
        0,
        "Make its folder where there is none, and let the user of this process write to both.",
        StorageError,
    )
    OTHER = (
        "the database refused",
        0,
        "The database says why; nothing of this call was written.",
        StorageError,
    )

    @property
    def retries(self) -> int:
        """How often the call is made again before it is an error."""
        return int(self.value[1])


# SQLSTATEs of PostgreSQL, numbers of MySQL and MariaDB (server and client), names of SQLite.
_FAULTS: dict[str | int, Fault] = {
    **dict.fromkeys((2002, 2003), Fault.AWAY),
    **dict.fromkeys((1927, 2006, 2013, 2014, 2055), Fault.LOST),
    **dict.fromkeys(("57P01", "57P02", "57P03", 1053), Fault.CHANGING),
    **dict.fromkeys(("53300", 1040, 1203), Fault.CROWDED),
    **dict.fromkeys(("25006", 1290, 1836), Fault.READ_ONLY),
    **dict.fromkeys(("40001", "40P01", 1020, 1213, "SQLITE_BUSY_SNAPSHOT"), Fault.COLLIDED),
    **dict.fromkeys(("55P03", "57014", 1205, 1969, 3024, "SQLITE_BUSY", "SQLITE_LOCKED"), Fault.BUSY),
    **dict.fromkeys(("53100", 1021, 1114, "SQLITE_FULL"), Fault.FULL),
    **dict.fromkeys(("28000", "28P01", "3D000", 1044, 1045, 1049), Fault.SETTINGS),
    **dict.fromkeys(("42501", "3F000", 1142, 1143, 1227), Fault.FORBIDDEN),
    **dict.fromkeys(("42P01", 1146), Fault.NO_TABLE),
    **dict.fromkeys(("SQLITE_CANTOPEN", "SQLITE_READONLY"), Fault.FILE),
}
_WRITES = ("append", "save", "save_page")
_UNIQUE = {"23505", 1062, "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}
_NO_SPACE_LEFT = "errcode: 28"  # how MySQL and MariaDB tell ENOSPC in any error about a file


def fault_of(error: Exception) -> Fault | None:
    """What kind of failure it is; None where it comes neither from the database nor from the way to it."""
    if isinstance(error, PoolTimeoutError):
        return Fault.BUSY
    if isinstance(error, DBAPIError):
        code = _code(error)
        fault = _FAULTS.get(code) or _FAULTS.get("_".join(str(code).split("_")[:2]))  # SQLITE_CANTOPEN_ISDIR
        if fault is not None:
            return fault
        if error.connection_invalidated or (isinstance(code, str) and code.startswith("08")):
            return Fault.LOST
        if not code and isinstance(error, OperationalError):  # psycopg could not connect: no server, no code
            return Fault.AWAY
        return Fault.FULL if _NO_SPACE_LEFT in str(error.orig).lower() else Fault.OTHER
    if isinstance(error, TimeoutError):
        return Fault.SILENT
    if isinstance(error, OSError):  # refused, unknown host
        return Fault.UNSAFE if "ssl" in str(error).lower() else Fault.AWAY
    return Fault.OTHER if isinstance(error, SQLAlchemyError) else None


def is_taken(error: DBAPIError) -> bool:
    """Whether a row was refused because there is one under its key."""
    return _code(error) in _UNIQUE


def _code(error: DBAPIError) -> str | int:
    cause = error.orig
    first = cause.args[0] if cause is not None and cause.args else None
    if isinstance(first, int):
        return first
    found = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return str(found or "")


def translated(error: Exception, fault: Fault, storage: str, operation: str) -> VoxSessionError:
    """The error to raise instead; `storage` is the name without password, and nothing of what was written is told."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = next(iter(str(cause).splitlines()), "")[:200]
    what, _, remedy, kind = fault.value
    sentences = [f"{storage}: {operation}() failed, {what} ({type(cause).__name__}: {said})."]
    sentences += [remedy] if remedy else []
    if kind is ConfigurationError:
        return ConfigurationError(" ".join(sentences), option="session_database_url")
    if kind is StorageUnavailableError:
        is_kept = operation in _WRITES
        sentences.append("Nothing is lost here: try again later." if is_kept else "Try again later.")
    found: StorageError = kind(" ".join(sentences), storage="database", operation=operation)
    return found
