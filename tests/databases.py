"""Real databases for tests: SQLite files, and PostgreSQL from a server that the tests start themselves.

A conftest takes the fixtures over: `from tests.databases import database, databases, postgres, shelf, sqlite_template`.
Then a test that asks for `database` runs once on each of DATABASES and gets the URL of one without a row; `databases`
makes more.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg
import pytest

from storage.store import Store
from tests.forks import WORKER
from tests.required import missing
from tests.storage import server

DATABASES = ("sqlite", "postgresql")
TEMPLATE = "watchkeeper_template"
# Whoever is still connected is cut off, and the triggers that keep entries from being deleted are asleep.
EMPTIED = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET session_replication_role = replica;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT quote_ident(relname) FROM pg_stat_user_tables
            WHERE relname NOT IN ('alembic_version', 'counter') LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
    END $$;
    UPDATE counter SET value = 0;
    SELECT setval('outbox_id_seq', 1, false);
"""


@dataclass
class Postgres:
    """Databases on a running server. Making one is slow, so migrated ones are emptied and lent again."""

    folder: Path
    free: list[str] = field(default_factory=list)
    lent: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def lend(self) -> str:
        """Migrated, without a row."""
        name = self.free.pop() if self.free else self.create(f"TEMPLATE {TEMPLATE}")
        self.lent.append(name)
        return self.url(name)

    def make_empty(self) -> str:
        """Without a table."""
        self.empty.append(self.create())
        return self.url(self.empty[-1])

    def create(self, how: str = "") -> str:
        name = f"test_{os.getpid()}_{next(self.numbers)}"
        self.tell("postgres", f"CREATE DATABASE {name} {how}")
        return name

    def take_back(self) -> None:
        while self.lent:
            self.tell(self.lent[-1], EMPTIED)
            self.free.append(self.lent.pop())
        while self.empty:
            self.tell("postgres", f"DROP DATABASE {self.empty.pop()} WITH (FORCE)")

    def tell(self, name: str, statement: str) -> None:
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement)

    def make_template(self) -> None:
        with psycopg.connect(self.url("postgres")) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if not known:
            self.tell("postgres", f"CREATE DATABASE {TEMPLATE}")
            migrate(self.url(TEMPLATE))


def migrate(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.close()


@cache
def migrated() -> bytes:
    store = Store("sqlite://")
    store.migrate()
    content = held(store).serialize()
    store.close()
    return content


def memory_store() -> Store:
    """A store without a row, in memory: a copy, since migrating takes longer than most tests."""
    store = Store("sqlite://")
    held(store).deserialize(migrated())
    return store


def held(store: Store) -> sqlite3.Connection:
    """What a store in memory consists of."""
    connection = store.transactions.engine.raw_connection().driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if WORKER in os.environ else base
    try:
        with locked(shared / "postgres.lock"):
            folder, guest = join(shared / "postgres")
            running = Postgres(folder)
            running.make_template()
    except server.NoServer as error:
        missing("postgresql", str(error))
    yield running
    guest.close()


def join(pointer: Path) -> tuple[Path, server.socket.socket]:
    """The server that another process has started, or a new one."""
    if pointer.exists():
        folder = Path(pointer.read_text())
        if guest := server.visit(folder):
            return folder, guest
    folder, guest = server.employ()
    pointer.write_text(str(folder))
    return folder, guest


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder where a commit need not wait for the disk, if there is one: for tests that pull no plug."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="wk-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@dataclass
class Shelf:
    """Stores on SQLite, lent again when they are empty: what one story had compiled the next need not compile."""

    folder: Path
    template: Path
    free: list[Store] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def lend(self) -> Iterator[Store]:
        store = self.free.pop() if self.free else Store(f"sqlite:///{self.folder}/{next(self.numbers)}.db")
        path = Path(str(store.engine.url.database))
        shutil.copy(self.template, path)
        try:
            yield store
        finally:
            store.close()
            for rest in path.parent.glob(f"{path.name}-*"):  # the log of what was not yet in the file
                rest.unlink()
            self.free.append(store)


@pytest.fixture(scope="session")
def shelf(sqlite_template: Path) -> Iterator[Shelf]:
    with in_memory() as folder:
        yield Shelf(folder, sqlite_template)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@dataclass
class Databases:
    """Makes databases of this test's own; the server is only started for those who ask for one."""

    request: pytest.FixtureRequest
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)
    server: Postgres | None = None

    def create(self, engine: str, *, migrated: bool = True) -> str:
        """The URL of a database without a row, or without a table."""
        if engine == "postgresql":
            self.server = self.request.getfixturevalue("postgres")
            return self.server.lend() if migrated else self.server.make_empty()
        path = self.folder / f"watchkeeper-{next(self.numbers)}.db"
        if migrated:
            shutil.copy(self.request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"


@pytest.fixture
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    maker = Databases(request, tmp_path)
    yield maker
    if maker.server is not None:
        maker.server.take_back()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, databases: Databases) -> str:
    return databases.create(request.param)
