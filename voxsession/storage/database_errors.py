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
    """What can be done about it; the value is how often the call is made again."""

    AWAY = ("the server cannot be reached", 1)
    COLLIDED = ("others wrote at the same moment", 10)
    BUSY = ("it was locked, or had no free connection, for too long", 0)
    FULL = ("there is no room", 0)
    SETTINGS = ("the server does not let us in", 0)
    OTHER = ("the database refused", 0)

    @property
    def retries(self) -> int:
        """How often the call is made again before it is an error."""
        return self.value[1]


# SQLSTATEs of PostgreSQL, numbers of MySQL and MariaDB (server and client), names of SQLite.
_FAULTS: dict[str | int, Fault] = {
    **dict.fromkeys(("57P01", "57P02", "57P03", "53300", "25006"), Fault.AWAY),
    **dict.fromkeys((1040, 1053, 1290, 1927, 2002, 2003, 2006, 2013, 2014, 2055), Fault.AWAY),
    **dict.fromkeys(("40001", "40P01", 1020, 1213, "SQLITE_BUSY_SNAPSHOT"), Fault.COLLIDED),
    **dict.fromkeys(("55P03", "57014", 1205, "SQLITE_BUSY", "SQLITE_LOCKED"), Fault.BUSY),
    **dict.fromkeys(("53100", 1021, 1114, "SQLITE_FULL"), Fault.FULL),
    **dict.fromkeys(("28000", "28P01", "3D000", 1044, 1045, 1049), Fault.SETTINGS),
}
_UNIQUE = {"23505", 1062, "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}
_NO_SPACE_LEFT = "errcode: 28"  # how MySQL and MariaDB tell ENOSPC in any error about a file


def fault_of(error: Exception) -> Fault | None:
    """What kind of failure it is; None where it comes neither from the database nor from the way to it."""
    if isinstance(error, PoolTimeoutError):
        return Fault.BUSY
    if isinstance(error, DBAPIError):
        code = _code(error)
        if code in _FAULTS:
            return _FAULTS[code]
        if error.connection_invalidated or (isinstance(code, str) and code.startswith("08")):
            return Fault.AWAY
        if not code and isinstance(error, OperationalError):  # psycopg could not connect: no server, no code
            return Fault.AWAY
        return Fault.FULL if _NO_SPACE_LEFT in str(error.orig).lower() else Fault.OTHER
    if isinstance(error, OSError):  # refused, unknown host, timed out
        return Fault.AWAY
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
    what = f"{storage}: {operation}() failed, {fault.value[0]} ({type(cause).__name__}: {said})."
    if fault is Fault.SETTINGS:
        return ConfigurationError(
            f"{what} Check user, password and database name in the URL.", option="session_database_url"
        )
    if fault in (Fault.AWAY, Fault.BUSY, Fault.COLLIDED):
        return StorageUnavailableError(
            f"{what} Nothing is lost here: try again when it answers.",
            storage="database",
            operation=operation,
        )
    if fault is Fault.FULL:
        return StorageFullError(
            f"{what} What was stored before is still there. Make room, then try again.",
            storage="database",
            operation=operation,
        )
    return StorageError(
        f"{what} The database says why; nothing of this call was written.",
        storage="database",
        operation=operation,
    )
