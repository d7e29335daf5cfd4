"""Threads and replicas at once: of two who want the same, one gets it and the other thinks again."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import event
from sqlalchemy.exc import StatementError

from bot.alerts import triage
from bot.decision import Decision, OpenChannel, PostCard, SendPost
from bot.errors import Refused
from bot.model import Alert, Event
from bot.policy import Policy
from bot.routes import group_of
from storage.store import Job, Store, Tx
from tests.databases import Databases
from tests.storage.conftest import Open, together
from tests.storage.helpers import do, done, entry, keep
from tests.values import NOON, alert, incident

THREADS = 8


@pytest.fixture
def replicas(store: Store, open_store: Open) -> list[Store]:
    """SQLite serves one process, so there it is one store with many threads."""
    return [store] if store.group else [store, open_store()]


def receive(store: Store, *alerts: Alert) -> Decision:
    groups = {group_of(each) for each in alerts}
    return store.decide(lambda tx, now: triage(alerts, tx.seen(alerts, groups, NOON), Policy(), now), NOON)


def fine(answers: list[object]) -> list[object]:
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    return answers


def test_one_incident_per_group(replicas: list[Store]) -> None:
    """Eight alerts of one service, at the same moment."""
    fine(together(THREADS, lambda n: receive(replicas[n % len(replicas)], alert(f"a{n}"))))
    store = replicas[0]
    (opened,) = store.read(lambda tx: tx.incidents())
    assert len(store.read(lambda tx: tx.alerts(opened.id))) == THREADS
    assert Counter(job.effect for job in store.claim(NOON, limit=99)) == {OpenChannel(opened.id): 1}


def test_incidents_of_many_groups_have_numbers_of_their_own(replicas: list[Store]) -> None:
    fine(together(THREADS, lambda n: receive(replicas[n % len(replicas)], alert(f"a{n}", service=f"s{n}"))))
    numbers = sorted(i.number for i in replicas[0].read(lambda tx: tx.incidents()))
    assert numbers == list(range(1, THREADS + 1))


def test_every_delivery_of_an_alert_is_counted(replicas: list[Store]) -> None:
    """An alert has no version: whoever overwrites it must have seen what is there."""

    def deliver(number: int) -> None:
        for _ in range(5):
            receive(replicas[number % len(replicas)], alert())

    fine(together(THREADS, deliver))
    (saved,) = replicas[0].read(lambda tx: tx.alerts("INC-1"))
    assert saved.count == THREADS * 5


def test_a_new_alert_that_another_replica_has_just_saved_is_not_new(databases: Databases, opened: Open) -> None:
    """It opens no incident, so no index but its own key stands between the two."""
    url = databases.create("postgresql")
    here, there = opened(url), opened(url)
    news = [alert(severity="info")]
    thoughts: list[Decision] = []

    def think(tx: Tx, now: datetime) -> Decision:
        seen = tx.seen(news, [], NOON)
        if not thoughts:
            receive(there, *news)
        thoughts.append(triage(news, seen, Policy(), now))
        return thoughts[-1]

    here.decide(think, NOON)
    (saved,) = here.read(lambda tx: tx.alerts(""))
    assert (saved.count, len(thoughts)) == (2, 2)


def test_of_many_writers_none_is_overwritten(replicas: list[Store]) -> None:
    keep(replicas[0], incident(version=0, title=""))

    def append(number: int) -> None:
        for step in range(4):
            replicas[number % len(replicas)].decide(lambda tx, now, word=f"{number}.{step} ": add(tx, word), NOON)

    def add(tx: Tx, word: str) -> Decision:
        before = tx.incident("INC-7")
        return Decision(save=(replace(before, title=before.title + word),))

    fine(together(4, append))
    saved = replicas[0].read(lambda tx: tx.incident("INC-7"))
    assert sorted(saved.title.split()) == sorted(f"{n}.{step}" for n in range(4) for step in range(4))
    assert saved.version == 1 + 16


def test_entries_have_no_gap_whoever_gives_up(replicas: list[Store]) -> None:
    """Every third think fails after its entries were numbered, in its own way."""

    def write(number: int) -> None:
        store = replicas[number % len(replicas)]
        for step in range(6):
            with_trouble(store, number, step)

    def with_trouble(store: Store, number: int, step: int) -> None:
        notes = tuple(entry(f"{number}.{step}.{line}") for line in range(step % 3 + 1))
        if step % 3:
            store.decide(lambda tx, now: Decision(note=notes), NOON)
        elif number % 2:
            with pytest.raises(Refused):
                store.decide(refuse, NOON)
        else:
            with pytest.raises(StatementError, match="time zone"):
                store.decide(lambda tx, now: Decision(note=(*notes, replace(notes[0], at=datetime(2026, 1, 1)))), NOON)

    fine(together(THREADS, write))
    numbers = [e.seq for e in replicas[0].read(lambda tx: tx.entries("INC-7"))]
    assert sorted(numbers) == list(range(1, THREADS * 2 * (2 + 3) + 1))


def refuse(tx: Tx, now: datetime) -> Decision:
    raise Refused("no")


def test_an_event_that_is_delivered_twice_is_handled_once(replicas: list[Store]) -> None:
    def hear(tx: Tx, now: datetime) -> Decision:
        if tx.event("Ev1"):
            return Decision()
        event = Event(id="Ev1", kind="message", body={}, received_at=now)
        return Decision(save=(event,), do=(SendPost("Ev1"),), note=(entry("heard"),))

    fine(together(THREADS, lambda n: replicas[n % len(replicas)].decide(hear, NOON)))
    assert len(replicas[0].read(lambda tx: tx.entries("INC-7"))) == 1


def test_a_job_is_claimed_once(replicas: list[Store]) -> None:
    do(replicas[0], *(SendPost(f"p{n}") for n in range(40)))

    def work(number: int) -> list[int]:
        store, mine = replicas[number % len(replicas)], []
        while jobs := store.claim(NOON, limit=1 + number % 3):
            mine += [job.id for job in jobs]
            for job in jobs:
                done(store, job)
        return mine

    claimed = [id for answer in fine(together(THREADS, work)) for id in answer]  # type: ignore[attr-defined]
    assert len(claimed) == len(set(claimed))
    rest = drained(replicas[0])
    assert len(claimed) + len(rest) == 40


def drained(store: Store) -> list[Job]:
    """Threads may stop early, when all that is due was locked by others at that moment."""
    jobs: list[Job] = []
    while more := store.claim(NOON, limit=50):
        jobs += more
    return jobs


def test_no_two_jobs_of_a_lane_run_at_once(replicas: list[Store]) -> None:
    do(replicas[0], *(SendPost(f"INC-{n % 2}/{n}") for n in range(30)))
    guard = threading.Lock()
    running: Counter[str] = Counter()
    lost: list[object] = []
    for store in replicas:
        event.listen(store.engine, "rollback", lost.append)
    worst: list[int] = []

    def work(number: int) -> None:
        store = replicas[number % len(replicas)]
        for _ in range(60):
            for job in store.claim(NOON, limit=2):
                with guard:
                    running[job.effect.lane] += 1
                    worst.append(running[job.effect.lane])
                with guard:
                    running[job.effect.lane] -= 1
                done(store, job)

    fine(together(THREADS, work))
    assert max(worst) == 1
    assert lost == [], "who claims waits for his turn, and does not lose against the index again and again"
    assert len(worst) + len(drained(replicas[0])) == 30


def test_what_is_asked_while_a_worker_claims_is_done_after(replicas: list[Store]) -> None:
    """A merge into a twin that is being claimed would lose the news: the card would stay as it was."""
    store = replicas[0]
    keep(store, incident(version=0, title="0"))
    shown: list[str] = []
    asked = threading.Event()

    def ask(number: int) -> None:
        for step in range(20):
            replicas[-1].decide(lambda tx, now, step=step: rename(tx, str(step + 1)), NOON)
        asked.set()

    def rename(tx: Tx, title: str) -> Decision:
        return Decision(save=(replace(tx.incident("INC-7"), title=title),), do=(PostCard("INC-7"),))

    def show(number: int) -> None:
        last = False
        while not last:
            last = asked.is_set()
            for job in store.claim(NOON):
                shown.append(store.read(lambda tx: tx.incident("INC-7")).title)
                done(store, job)

    fine(together(2, lambda n: (ask, show)[n](n)))
    for job in drained(store):
        shown.append(store.read(lambda tx: tx.incident("INC-7")).title)
        done(store, job)
    assert shown[-1] == "20"
