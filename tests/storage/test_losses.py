"""When the database cannot commit, callers are told so, nothing is half done, and it goes on by itself afterwards."""

from __future__ import annotations

import select
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bot.decision import Decision, OpenChannel
from bot.errors import Refused
from storage import schema
from storage.engine import connect
from storage.store import Busy, Store, Tx
from tests.databases import Databases, Postgres
from tests.required import missing
from tests.storage import server
from tests.storage.conftest import Open, together
from tests.storage.helpers import claim, do, done, entry, keep
from tests.values import NOON, alert

BRIEF = timedelta(milliseconds=50)


@pytest.fixture
def sqlite_url(databases: Databases) -> str:
    return databases.create("sqlite")


@pytest.fixture
def own_server() -> Iterator[server.Server]:
    """One that a test may kill. It syncs every commit."""
    folder = server.new_folder()
    try:
        running = server.Server(folder, durable=True)
        running.create()
        running.start()
    except server.NoServer as error:
        missing("postgresql", str(error))
    yield running
    running.stop()
    server.remove(folder)


def saved(store: Store) -> list[str]:
    return sorted(e.text for e in store.read(lambda tx: tx.entries("INC-7")))


def note(store: Store, text: str) -> Decision:
    return store.decide(lambda tx, now: Decision(note=(entry(text),), say=text), NOON)


# ---------------------------------------------------------------- group commit


class Crowd:
    """Holds the writer with one call until so many others wait, so that they are committed as one group."""

    def __init__(self, store: Store, size: int) -> None:
        assert store.group is not None
        self.store, self.group, self.size = store, store.group, size

    def __call__(self, tx: Tx, now: datetime) -> Decision:
        with self.group.changed:
            assert self.group.changed.wait_for(lambda: len(self.group.waiting) >= self.size, 30)
        return Decision()


def crowded(store: Store, works: list) -> list[object]:  # type: ignore[type-arg]
    """Runs the works as one group; answers what each of them answered or raised."""
    assert store.group is not None
    inside = threading.Event()
    crowd = Crowd(store, len(works))

    def lead(tx: Tx, now: datetime) -> Decision:
        inside.set()
        return crowd(tx, now)

    def run(number: int) -> object:
        if number == 0:
            return store.decide(lead, NOON)
        inside.wait(30)
        answer = works[number - 1]()
        return answer

    with knocking(store):
        return together(len(works) + 1, run)[1:]


class knocking:  # reads as a word
    """Rings the group's condition, since nobody is told when a call comes to wait."""

    def __init__(self, store: Store) -> None:
        assert store.group is not None
        self.group, self.over = store.group, threading.Event()
        self.thread = threading.Thread(target=self.knock)

    def knock(self) -> None:
        while not self.over.wait(0.002):
            with self.group.changed:
                self.group.changed.notify_all()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def commits(store: Store) -> list[object]:
    seen: list[object] = []
    event.listen(store.engine, "commit", seen.append)
    return seen


def test_those_who_wait_share_one_commit(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url)
    counted = commits(store)
    answers = crowded(store, [lambda n=n: note(store, str(n)) for n in range(6)])
    assert [answer.say for answer in answers] == list("012345")  # type: ignore[attr-defined]
    assert saved(store) == list("012345")
    assert len(counted) == 1 + 1 + 1, "the one who held the writer, the group, and our own read"


def test_one_who_fails_undoes_only_his_own(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url)

    def refuse(tx: Tx, now: datetime) -> Decision:
        raise Refused("not me")

    def bug(tx: Tx, now: datetime) -> Decision:
        return Decision(note=(entry("half"),), save=(alert(starts_at=datetime(2026, 1, 1)),))

    answers = crowded(
        store,
        [
            lambda: note(store, "a"),
            lambda: store.decide(refuse, NOON),
            lambda: store.decide(bug, NOON),
            lambda: note(store, "b"),
        ],
    )
    assert [type(answer).__name__ for answer in answers] == ["Decision", "Refused", "StatementError", "Decision"]
    assert saved(store) == ["a", "b"]


def test_if_the_commit_fails_nobody_is_told_it_was_saved(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url)
    failing = threading.Event()

    def fail(connection: object) -> None:
        if failing.is_set():
            failing.clear()
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))

    event.listen(store.engine, "commit", fail)

    def first(tx: Tx, now: datetime) -> Decision:
        failing.set()
        return Decision(note=(entry("first"),))

    with pytest.raises(Busy, match=r"disk is full.*Free some space"):
        store.decide(first, NOON)
    answers = crowded(store, [lambda: store.decide(first, NOON), *[lambda: note(store, "x") for _ in range(4)]])
    assert {type(answer) for answer in answers} == {Busy}
    assert len({id(answer) for answer in answers}) == len(answers), "each thread raises an exception of its own"
    assert saved(store) == []
    note(store, "after")
    assert saved(store) == ["after"]
    assert store.busy == 0


def test_a_write_inside_a_write_fails_instead_of_waiting_for_itself(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url)

    def think(tx: Tx, now: datetime) -> Decision:
        return note(store, "inner")

    with pytest.raises(RuntimeError, match="a write inside a write"):
        store.decide(think, NOON)
    note(store, "after")
    assert saved(store) == ["after"]


def test_in_memory_it_is_the_same(opened: Open) -> None:
    store = opened("sqlite://")
    store.migrate()
    together(6, lambda n: (note(store, str(n)), saved(store)))
    assert saved(store) == list("012345")


# ---------------------------------------------------------------- SQLite


def test_a_locked_database_is_busy(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url, patience=BRIEF)
    note(store, "before")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for use in (lambda: note(store, "x"), lambda: store.claim(NOON), lambda: store.tick("a", "b")):
            with pytest.raises(Busy, match=r"locked.*Another program holds the file"):
                use()
        assert saved(store) == ["before"], "reading goes on"
    note(store, "after")
    assert saved(store) == ["after", "before"]
    assert store.busy == 0


def test_a_full_disk_is_busy(opened: Open, sqlite_url: str) -> None:
    store = opened(sqlite_url)

    def limit(driver: sqlite3.Connection, pages: int) -> None:
        driver.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(store.engine, "checkout", lambda driver, record, proxy: limit(driver, 1))
    with pytest.raises(Busy, match="full"):
        keep(store, *(alert(f"a{n}", title="x" * 1000) for n in range(500)))
    event.listen(store.engine, "checkout", lambda driver, record, proxy: limit(driver, 1_000_000))
    assert store.read(lambda tx: tx.alerts("")) == ()
    note(store, "after")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:////nowhere/at/all.db", "Does its folder exist"),
        ("postgresql://nobody@127.0.0.1:1/x", "Is it running, and does DATABASE_URL point to it"),
    ],
)
def test_a_database_that_is_not_there_is_busy(url: str, says: str) -> None:
    with closing(Store(url, patience=BRIEF)) as store:
        for use in (store.ping, store.take_over, store.migrate):
            if use == store.take_over and store.group is None:
                continue  # there is nothing to take over
            with pytest.raises(Busy, match=says):
                use()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must look like"),
        ("watchkeeper.db", "must look like"),
        ("mysql://x/y", "begins with mysql"),
        ("postgresql://x@y:port/z", "must look like"),
    ],
)
def test_a_wrong_url_says_what_is_right(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Store(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_urls_of_every_make(scheme: str) -> None:
    engine = connect(f"{scheme}://u:secret@host/name", BRIEF)
    assert engine.url.drivername == "postgresql+psycopg"
    assert "secret" not in repr(engine)


def test_a_commit_is_on_the_disk_before_it_is_answered(opened: Open, sqlite_url: str) -> None:
    """A killed process loses nothing with less, but a power cut would."""
    with opened(sqlite_url).transactions.writing() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """A process that prints the number of each alert after its commit, killed in the middle."""
    url = f"sqlite:///{tmp_path}/w.db"
    code = f"""
from storage.store import Store
from tests.storage.helpers import keep
from tests.values import alert
store = Store({url!r})
store.take_over()
store.migrate()
for n in range(100_000):
    keep(store, alert(str(n)))
    print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=server.ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 50:
                writer.kill()
                break
        rest = [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    answered = max([50, *rest])
    with closing(Store(url)) as store:
        store.take_over()
        kept = {int(a.key) for a in store.read(lambda tx: tx.alerts(""))}
    assert set(range(answered + 1)) <= kept <= set(range(answered + 2))


# ---------------------------------------------------------------- PostgreSQL


def test_it_goes_on_after_postgresql_was_away(own_server: server.Server, opened: Open) -> None:
    store = opened(own_server.url("postgres"), patience=timedelta(seconds=5))
    store.migrate()
    do(store, OpenChannel("INC-7"), OpenChannel("INC-8"))
    job = claim(store)
    store.wait(0.01)  # starts the listener, which has to survive as well
    own_server.stop()
    for use in (lambda: note(store, "x"), lambda: store.claim(NOON), store.ping, lambda: done(store, job)):
        with pytest.raises(Busy):
            use()
    own_server.start()
    done(store, job)
    assert claim(store).effect == OpenChannel("INC-8")
    note(store, "after")
    assert saved(store) == ["after"]
    assert store.busy == 0
    assert isinstance(store.bell.listener, threading.Thread)  # type: ignore[union-attr]
    assert store.bell.listener.is_alive()  # type: ignore[union-attr]


def test_a_restart_of_postgresql_that_nobody_noticed_costs_nothing(own_server: server.Server, opened: Open) -> None:
    store = opened(own_server.url("postgres"))
    store.migrate()
    own_server.stop()
    own_server.start()
    note(store, "after")
    assert saved(store) == ["after"]


def test_a_connection_that_is_cut_off_in_the_middle_saves_nothing(databases: Databases, opened: Open) -> None:
    url = databases.create("postgresql")
    store = opened(url)

    def think(tx: Tx, now: datetime) -> Decision:
        tx.next_number()
        cut_off(url)
        return Decision(note=(entry("lost"),))

    with pytest.raises(Busy):
        store.decide(think, NOON)
    note(store, "after")
    assert [e.seq for e in store.read(lambda tx: tx.entries("INC-7"))] == [1]


def cut_off(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as boss:
        boss.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'"
        )


def test_a_replica_that_stops_in_the_middle_does_not_hold_the_others_up(databases: Databases, opened: Open) -> None:
    """Its locks go with its transaction, which the server ends; the woken replica is told that nothing was saved."""
    url = databases.create("postgresql")
    stopping, other = opened(url, patience=timedelta(seconds=0.2)), opened(url)
    saw: list[Decision] = []

    def think(tx: Tx, now: datetime) -> Decision:
        tx.connection.exec_driver_sql("UPDATE counter SET value = value + 1")  # the lock that all share
        saw.append(note(other, "other"))  # waits until the server has ended this transaction
        return Decision(note=(entry("lost"),))

    with pytest.raises(Busy):
        stopping.decide(think, NOON)
    assert [decision.say for decision in saw] == ["other"]
    assert [(e.seq, e.text) for e in other.read(lambda tx: tx.entries("INC-7"))] == [(1, "other")]


def test_busy_counts_open_transactions(store: Store) -> None:
    seen: list[int] = []

    def think(tx: Tx, now: datetime) -> Decision:
        seen.append(store.busy)
        return Decision()

    store.decide(think, NOON)
    store.read(lambda tx: seen.append(store.busy))
    assert (seen, store.busy) == ([1, 1], 0)


class Icy(socketserver.ThreadingUnixStreamServer):
    """Stands before a server, and can freeze: the line stays, and not a byte comes through."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, behind: Path) -> None:
        super().__init__(str(folder / behind.name), Line)
        self.folder, self.behind = folder, behind
        self.fluid = threading.Event()
        self.fluid.set()


class Line(socketserver.BaseRequestHandler):
    server: Icy

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self.server.behind))
            ends = {self.request: far, far: self.request}
            while True:
                for end in select.select([*ends], [], [])[0]:
                    said = end.recv(2**16)
                    self.server.fluid.wait()
                    if not said:
                        return
                    ends[end].sendall(said)


@pytest.fixture
def icy(postgres: Postgres) -> Iterator[Icy]:
    folder = server.new_folder()
    with Icy(folder, postgres.folder / ".s.PGSQL.5432") as running:
        threading.Thread(target=running.serve_forever, args=[0.01]).start()
        yield running
        running.fluid.set()
        running.shutdown()
    server.remove(folder)


def test_a_migration_is_waited_for_as_long_as_another_takes(postgres: Postgres, opened: Open) -> None:
    """Longer than anything else may take: 0.33 s here."""
    url = postgres.make_empty()
    store = opened(url, patience=timedelta(milliseconds=100))
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [schema.LOCK])
        waits = threading.Thread(target=store.migrate)
        waits.start()
        other.execute("SELECT pg_sleep(0.5)")
        other.execute("SELECT pg_advisory_unlock(%s)", [schema.LOCK])
        waits.join(30)
    assert store.is_current()
    store.close()
    postgres.take_back()


def test_a_server_that_lives_and_does_not_answer_is_given_up(icy: Icy, postgres: Postgres, opened: Open) -> None:
    """Senders are told to come again, and nothing that was accepted is lost. It goes on with the next answer."""
    url = postgres.lend()
    store = opened(url.replace(str(postgres.folder), str(icy.folder)), patience=timedelta(milliseconds=100))
    note(store, "before")

    def freezes(tx: Tx, now: datetime) -> Decision:
        icy.fluid.clear()
        return Decision(note=(entry("lost"),))

    with pytest.raises(Busy, match=r"the server has not answered for 0.33 s"):
        store.decide(freezes, NOON)
    icy.fluid.set()
    note(store, "after")
    assert saved(store) == ["after", "before"]
    assert store.busy == 0
    store.close()
    postgres.take_back()


def test_a_server_that_went_away_without_a_word_is_given_up_after_seconds(postgres: Postgres) -> None:
    """TCP alone would wait for a quarter of an hour, or for ever where all that is awaited is an answer."""
    engine = connect(postgres.lend(), timedelta(seconds=10))
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        limits = driver.info.get_parameters()
        assert int(limits["tcp_user_timeout"]) == 10_000
        assert int(limits["keepalives_idle"]) + 3 * int(limits["keepalives_interval"]) <= 12
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "30s"
    engine.dispose()
    postgres.take_back()
