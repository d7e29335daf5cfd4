"""Connections and transactions on SQLite and PostgreSQL, and the few ways in which a database says no."""

from __future__ import annotations

import importlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import StaticPool

CONNECTIONS = 20
STATEMENT = 3  # times the patience with a lock: a statement may wait for some, and has work to do
GIVE_UP = 1.1 * STATEMENT  # after the server would have given up by itself: then it is not there any more
AWAY = (OperationalError, InterfaceError, InternalError)
TRY_AGAIN = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock
NO_TABLE = "42P01"
UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
HINTS = {
    "locked": "Another program holds the file; stop it.",
    "not a database": "DATABASE_URL names another kind of file.",
    "full": "Free some space on the disk.",
    "readonly": "Make the file and its folder writable.",
    "unable to open": "Does its folder exist, and may this user write there?",
    "no such table": "Run `watchkeeper migrate`.",
    "relation": "Run `watchkeeper migrate`.",
    "does not exist": "Create it, or mend DATABASE_URL.",
    "authentication": "Mend user and password in DATABASE_URL.",
}
HINT = "Is it running, and does DATABASE_URL point to it?"


class Conflict(Exception):
    """Somebody else saved first. Read again and think again."""


class Busy(Exception):
    """The database could not do it now. Nothing was saved that was not confirmed before; try again."""


class Fenced(Exception):
    """Another worker has taken this job over, so this one's result was not saved."""


def connect(url: str, patience: timedelta) -> Engine:
    """An engine; nothing is opened yet. `patience`: how long to wait for a lock. Raises ValueError for a bad URL."""
    parsed = _parse(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, patience)
        return _postgresql(parsed, patience)
    except ModuleNotFoundError as error:
        raise ValueError(f"PostgreSQL needs the package {error.name}: pip install 'watchkeeper[postgres]'.") from None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the second: a port that is no number
        raise ValueError("DATABASE_URL must look like sqlite:///file.db or postgresql://user@host:5432/name.") from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ValueError(f"DATABASE_URL begins with {parsed.drivername}; Watchkeeper knows sqlite and postgresql.")
    return parsed


def in_memory(engine: Engine) -> bool:
    return isinstance(engine.pool, StaticPool)


def _sqlite(url: URL, patience: timedelta) -> Engine:
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": patience.total_seconds()}}
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        # The one that was used last has its pages at hand; in turn, each would hold up to 2 MB of them.
        options |= {"pool_size": CONNECTIONS, "max_overflow": CONNECTIONS, "pool_use_lifo": True}
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions on its own
        connection.execute(f"PRAGMA busy_timeout = {int(patience.total_seconds() * 1000)}")
        _write_ahead(connection, patience)
        connection.execute("PRAGMA synchronous = FULL")  # in WAL mode, NORMAL loses the last commits with the power

    return engine


def _begin(connection: Connection, how: str) -> Any:
    """What the driver leaves to us; not as the engine's event, since then every statement looks for more of them."""
    driver: Any = connection.connection.driver_connection
    driver.execute(how)
    return driver


def _write_ahead(connection: sqlite3.Connection, patience: timedelta) -> None:
    """The mode stays with the file. For this one statement SQLite does not wait for a lock by itself."""
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.005)


def _postgresql(url: URL, patience: timedelta) -> Engine:
    milliseconds = int(patience.total_seconds() * 1000)
    # A replica that is stopped or cut off in the middle of a transaction must not hold its locks for ever.
    settings = (
        f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds} "
        f"-c statement_timeout={STATEMENT * milliseconds}"
    )
    arguments = {"connect_timeout": 5, "application_name": "watchkeeper", "options": settings}
    # A server that went away without a word would else be waited for as long as TCP does: a quarter of an hour for
    # what was sent to it, two hours for its answer.
    arguments |= {"tcp_user_timeout": milliseconds, "keepalives": 1}
    arguments |= {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
    engine = create_engine(
        url,
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=patience.total_seconds(),
        pool_pre_ping=True,
    )
    open_ = _deadlines().patient(GIVE_UP * patience.total_seconds())

    @event.listens_for(engine, "do_connect")
    def connect_(_dialect: Any, _record: Any, positional: list[Any], named: dict[str, Any]) -> Any:
        return open_(*positional, **named)

    return engine


def _deadlines() -> Any:
    """Loaded where there is a PostgreSQL: its driver is an extra."""
    return importlib.import_module("storage.deadlines")


@contextmanager
def plainly() -> Iterator[None]:
    """What the database says becomes Conflict or Busy; what is a bug of ours stays as it is."""
    try:
        yield
    except IntegrityError as error:
        if _code(error) in UNIQUE:
            raise Conflict(str(error.orig)) from error
        raise
    except AWAY as error:
        if _code(error) in TRY_AGAIN:
            raise Conflict(str(error.orig)) from error
        raise Busy(_sentence(error)) from error
    except ProgrammingError as error:
        if _code(error) == NO_TABLE:
            raise Busy(_sentence(error)) from error
        raise
    except DatabaseError as error:  # SQLite's word for a file that is no database; its kinds are above
        if type(error) is not DatabaseError:
            raise
        raise Busy(_sentence(error)) from error
    except sqlite3.Error as error:  # of a BEGIN or a savepoint: the driver itself was asked
        raise Busy(_sentence(error)) from error
    except NoConnection as error:
        raise Busy("All connections to the database are in use; nothing was saved. Try again.") from error


def _code(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", ""))


def _sentence(error: Exception) -> str:
    said = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
    hint = next((hint for word, hint in HINTS.items() if word in said), HINT)
    return f"The database did not answer as it should ({said}). {hint}"


class Transactions:
    """Opens transactions and counts those that are open. SQLite in memory has one connection, so one at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # Reentrant: a read in the middle of a write is a bug, which must fail and not hang.
        self.one_by_one: AbstractContextManager[Any] = threading.RLock() if in_memory(engine) else nullcontext()
        self.guard = threading.Lock()
        self.open = 0
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self.reader = engine.execution_options(**options) if options else engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot, whatever others commit meanwhile."""
        with self.counted(), plainly(), self.one_by_one, self.reader.begin() as connection:
            driver = _begin(connection, "BEGIN") if self.is_sqlite else None
            # Not by PRAGMA query_only: to switch that has every statement compiled anew, which takes longer than most.
            before = driver.total_changes if driver else 0
            yield connection
            if driver and driver.total_changes != before:
                raise RuntimeError("A read is read-only: what it wrote was undone. Return a decision instead.")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self.counted(), plainly(), self.one_by_one, self.engine.begin() as connection:
            if self.is_sqlite:
                # A writer that begins as a reader can fail in the middle, when another has written since.
                _begin(connection, "BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def counted(self) -> Iterator[None]:
        self.count(1)
        try:
            yield
        finally:
            self.count(-1)

    def count(self, more: int) -> None:
        with self.guard:
            self.open += more
