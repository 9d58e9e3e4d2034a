"""The connections of the SQL storage, made at need for the event loop that runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from voxsession.clock import Clock
from voxsession.errors import ConfigurationError, VoxSessionError
from voxsession.storage.database_appends import Appends
from voxsession.storage.database_direct import Ask, DirectStatements
from voxsession.storage.database_errors import fault_of, translated
from voxsession.storage.database_schema import dialect_of, prepare

__all__ = ["DatabaseLink", "Opened", "checked_engine", "checked_options", "engine_url", "transaction"]

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

# Connections wait for their turn here, so their number is not what limits the sessions; more than the server has
# processors bring nothing. SQLite lets one writer in at a time, and those who wait for it only ask again and again.
POOL_SIZES = {"postgresql": 10, "mysql": 10, "sqlite": 4}
SQLITE_LOCK_SECONDS = 5
CLOSE_SECONDS = 3
CONNECT_SECONDS = 10  # asyncpg would wait for a minute; asyncmy has the same number of its own
_NO_LIMIT = contextlib.nullcontext()
_DRIVERS = {"postgresql": "asyncpg", "sqlite": "aiosqlite", "mysql": "asyncmy"}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What SQLAlchemy hands to the driver; other words are for SQLite itself, which is asked with uri=true only.
_SQLITE_WORDS = {"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}


def engine_url(url: str) -> URL:
    """The URL with the driver that is taken where it names none.

    Raises:
        ConfigurationError: it is no URL of a database that sessions can be kept in.
    """
    dialect = dialect_of(url if isinstance(url, str) and "://" in url else "")
    found = make_url(url)
    if "+" not in found.drivername:
        found = found.set(drivername=f"{dialect}+{_DRIVERS[dialect]}")
    if dialect == "sqlite":
        _check_file(found)
    if found.drivername.endswith("+asyncpg"):
        found = _with_ssl(found)
    return found


def _check_file(url: URL) -> None:
    words = set(url.query) - _SQLITE_WORDS
    is_asked = url.query.get("uri") in ("true", "1")
    if url.database in (None, "", ":memory:", "file::memory:") or url.query.get("mode") == "memory":
        raise ConfigurationError(
            "sqlite:// without a file keeps nothing. Name one, as in sqlite:///sessions.db, or use the storage "
            "'memory'.",
            option="session_database_url",
        )
    if words and not is_asked:
        raise ConfigurationError(
            f"{', '.join(sorted(words))} in a sqlite:// URL would have no effect. Leave it out, or write the whole as "
            "SQLite's own URI: sqlite:///file:sessions.db?uri=true&... (sessions are written, so not mode=ro).",
            option="session_database_url",
        )


def _file_of(url: URL) -> str | None:
    """The file of a SQLite database, where the URL names it plainly."""
    name = url.database or ""
    is_named = dialect_of(url.get_backend_name()) == "sqlite" and not name.startswith(("file:", ":"))
    return os.path.abspath(name) if name and is_named else None


def _with_ssl(url: URL) -> URL:
    """The URL with asyncpg's word for what PostgreSQL's own programs, and the URLs that hosts print, call sslmode."""
    mode = url.query.get("sslmode", url.query.get("ssl"))
    if mode is None:
        return url
    if mode not in _SSL_MODES:
        raise ConfigurationError(
            f"sslmode in the database URL is none that PostgreSQL knows. Choose one of {', '.join(_SSL_MODES)}.",
            option="session_database_url",
        )
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def checked_engine(engine: object) -> AsyncEngine:
    """An engine that was given; `ConfigurationError` for anything else."""
    if isinstance(engine, AsyncEngine):
        return engine
    raise ConfigurationError(
        f"engine is of the type {type(engine).__name__}, not an AsyncEngine. Make it with create_async_engine() of "
        "sqlalchemy.ext.asyncio, whose arguments are those of create_engine().",
        option="engine",
    )


def checked_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of an engine; `ConfigurationError` for numbers that make no pool."""
    for name, least in {"pool_size": 0, "max_overflow": -1}.items():
        value = options.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigurationError.out_of_range(
                name, value, f"a whole number of at least {least}; {least} is no limit"
            )
    if not isinstance(options.get("connect_args", {}), dict):
        raise ConfigurationError.out_of_range(
            "connect_args", options["connect_args"], "a dict of arguments for the driver's connect()"
        )
    return options


def _made(url: URL, options: dict[str, Any]) -> AsyncEngine:
    pool_size = POOL_SIZES[dialect_of(url.get_backend_name())]
    connect_args = dict(options.get("connect_args", {}))
    if url.drivername.endswith("+asyncpg") and "timeout" not in url.query:
        connect_args.setdefault("timeout", CONNECT_SECONDS)
    settings: dict[str, Any] = {
        # Set here and not for each connection, which would cost a SQLite connection two statements a call.
        "isolation_level": "AUTOCOMMIT",
        # No transaction is ever left open (see `transaction`), so there is nothing to roll back.
        "pool_reset_on_return": None,
        "hide_parameters": True,
        # The connection that was used last is taken first: it knows the statements, and so does its server process.
        **(
            {}
            if "poolclass" in options
            else {"pool_size": pool_size, "max_overflow": 0, "pool_use_lifo": True}
        ),
        **options,
        "connect_args": connect_args,
    }
    try:
        engine = create_async_engine(url, **settings)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The database driver {error.name} is not installed. Install it with: pip install 'voxsession[sql]', or "
            f"pip install {error.name} where the URL names it.",
            option="session_database_url",
        ) from error
    except (ArgumentError, InvalidRequestError, TypeError) as error:
        raise ConfigurationError(
            f"No engine can be made for {url.drivername} with these settings: {next(iter(str(error).splitlines()))}",
            option="session_database_url",
        ) from None
    if engine.dialect.name == "sqlite":
        _keep_private(str(url.database))
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _turns_of(engine: AsyncEngine) -> asyncio.Semaphore | None:
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return None
    most = pool.size() + pool._max_overflow
    return asyncio.Semaphore(most) if pool._max_overflow >= 0 and most else None


def _keep_private(path: str) -> None:
    """Makes the file for its owner alone; the files that SQLite puts beside it have the same mode."""
    if not path.startswith("file:"):
        with contextlib.suppress(OSError):  # SQLite itself tells what is wrong with the path
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _set_up_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for setting in (
        f"busy_timeout={SQLITE_LOCK_SECONDS * 1000}",
        "journal_mode=WAL",  # readers and one writer do not wait for each other; a commit is one sync
        "synchronous=FULL",  # in this mode the default would lose the latest commits at a power cut
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
    # Text that is none any more is not the driver's error, which would hide all other rows: its seal tells.
    connection.driver_connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")


async def _farewell(engine: AsyncEngine) -> AsyncGenerator[None, None]:
    """Closes the engine's connections when it is closed itself.

    A loop that ends closes the asynchronous generators that are open in it, while it still runs: the only moment at
    which a program that calls `asyncio.run` again and again can close the connections of each run.
    """
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):  # a server that hangs does not hold the program
            async with asyncio.timeout(CLOSE_SECONDS):
                await engine.dispose()


class Opened:
    """An engine in one event loop.

    Attributes:
        direct: the statements that are made often.
        appends: the storage's, where they may travel together.
        turns: as many as the pool has connections: who waits here goes in the order of coming, whereas the pool lets
            newcomers pass, so that one of a thousand may wait for ever.
    """

    __slots__ = ("appends", "calls", "direct", "engine", "farewell", "is_ready", "opening", "turns")

    def __init__(
        self,
        engine: AsyncEngine,
        turns: asyncio.Semaphore | None = None,
        appends: Appends | None = None,
    ) -> None:
        self.engine = engine
        self.direct = DirectStatements(engine.sync_engine)
        self.farewell: AsyncGenerator[None, None] | None = None
        self.opening = asyncio.Lock()
        self.is_ready = False
        self.appends = appends
        self.turns = turns
        self.calls: set[asyncio.Task[Any]] = set()

    async def run(self, work: Work[T]) -> T:
        """What the work gives on a connection of its own."""
        async with self.engine.connect() as connection:
            return await work(connection)


class DatabaseLink:
    """Runs work on a connection of its own, opens what is closed, tries again what may be tried again.

    Each event loop has an engine of its own, since connections cannot leave the loop that made them.

    Args:
        url: what to connect to; `engine` is used instead where it is given, and never closed.
        options: for `create_async_engine`.
    """

    def __init__(
        self, url: URL | None, engine: AsyncEngine | None, options: dict[str, Any], clock: Clock
    ) -> None:
        self._url = url
        self._given = engine.execution_options(isolation_level="AUTOCOMMIT") if engine is not None else None
        self._options = options
        self._clock = clock
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, Opened] = WeakKeyDictionary()
        self._guard = threading.Lock()  # of several loops each runs in a thread of its own
        shown = url if url is not None else engine.url if engine is not None else None
        assert shown is not None
        self.dialect = dialect_of(shown.get_backend_name())
        # Neither the password nor the query, which may hold one as well.
        self.name = shown.set(query={}).render_as_string(hide_password=True)
        self.file_path = _file_of(shown)

    async def run(self, operation: str, work: Work[T]) -> T:
        """What the work gives on a connection that is its own as long as it runs.

        It is begun anew when the connection was lost, or when it collided with others; so it has to be such that doing
        it twice is doing it once. Who is cancelled is let go at once, although it may take the driver two more seconds
        to close a connection whose server hangs.

        Raises:
            StorageError: it failed.
            ConfigurationError: the server does not let us in.
        """
        opened = self.now_open()
        return await self._cared_for(opened, operation, lambda: opened.run(work))

    async def run_direct(self, operation: str, work: Callable[[Ask], T], opened: Opened | None = None) -> T:
        """The same for work that only executes statements, which costs less."""
        opened = opened or self.now_open()
        return await self._cared_for(opened, operation, lambda: opened.direct.run(work))

    async def _cared_for(self, opened: Opened, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(self._persist(opened, operation, attempt))
        opened.calls.add(task)
        task.add_done_callback(opened.calls.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _persist(self, opened: Opened, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        tries = 0
        while True:
            try:
                if not opened.is_ready:
                    await self._prepare(opened)
                async with opened.turns or _NO_LIMIT:
                    return await attempt()
            except Exception as error:
                fault = fault_of(error)
                if fault is None:
                    raise
                if tries >= fault.retries:
                    raise translated(error, fault, self.name, operation) from error
            tries += 1
            await self._step_back(tries)

    async def _step_back(self, tries: int) -> None:
        """Waits a random moment that grows, so that those who collided do not meet again."""
        share = (self._clock.random_bytes(1)[0] + 1) / 256
        await asyncio.sleep(0.005 * 2 ** min(tries, 6) * share)

    def now_open(self) -> Opened:
        """What is open in the running event loop."""
        loop = asyncio.get_running_loop()
        with self._guard:
            opened = self._opened.get(loop)
            if opened is None:
                self._let_go_of_dead()
                opened = self._opened[loop] = self._new()
        return opened

    def _new(self) -> Opened:
        if self._given is not None:
            return Opened(self._given)
        assert self._url is not None
        engine = _made(self._url, self._options)
        return Opened(engine, turns=_turns_of(engine))

    def _let_go_of_dead(self) -> None:
        """Drops what closed loops had open: connections know their loop, so it would never be forgotten otherwise."""
        for loop in [loop for loop in self._opened if loop.is_closed()]:
            del self._opened[loop]

    async def _prepare(self, opened: Opened) -> None:
        async with opened.opening:
            if not opened.is_ready:
                await self._open(opened)

    async def _open(self, opened: Opened) -> None:
        try:
            if opened.farewell is None and self._given is None:
                opened.farewell = _farewell(opened.engine)
                await anext(opened.farewell)
            async with opened.engine.connect() as connection:
                await prepare(connection)
        except VoxSessionError:
            raise
        except (TypeError, ValueError) as error:
            # The driver's own function does not know a word of the URL's query, or wants a number for the text there.
            words = ", ".join(self._url.query) if self._url is not None else ""
            raise ConfigurationError(
                f"{self.name}{words and f' with {words}'} cannot be connected to: {error}. Leave that out of the URL; "
                "what the driver has for it goes to DatabaseSessionStorage(url, connect_args={...}), with asyncpg for "
                "instance 'server_settings': {'application_name': 'chats'}, 'timeout': 5, or 'ssl': an ssl.SSLContext.",
                option="session_database_url",
            ) from None
        opened.is_ready = True

    async def close(self) -> None:
        """Waits for the calls that run in this loop, then closes its connections; the next call opens anew."""
        with self._guard:
            self._let_go_of_dead()
            opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is None:
            return
        if opened.appends is not None:
            await opened.appends.settle()
        if opened.calls:
            await asyncio.wait(opened.calls)
        if opened.farewell is not None:
            await opened.farewell.aclose()


@contextlib.asynccontextmanager
async def transaction(connection: AsyncConnection, begin: str) -> AsyncIterator[None]:
    """All statements of the block or none; a connection is never given back with a transaction open."""
    try:
        await connection.exec_driver_sql(begin)
        yield
        await connection.exec_driver_sql("COMMIT")
    except BaseException:
        await connection.invalidate()
        raise
