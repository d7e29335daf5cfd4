"""Workers that die, fail or wait: what they had in hand is done all the same, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.decision import (
    Decision,
    OpenChannel,
    PostCard,
    RemindUpdate,
    SendPost,
)
from bot.errors import Refused
from storage.bell import Bell
from storage.store import Busy, Fenced, Store, Tx
from tests.databases import Databases
from tests.storage.conftest import Open, together
from tests.storage.helpers import claim, do, done, entry, later
from tests.values import NOON, alert

OVER = timedelta(0)  # a lease that has run out when it begins: its worker is taken for dead at once


# ---------------------------------------------------------------- workers that die


def test_a_dead_workers_job_is_taken_over_when_its_lease_is_over(store: Store, open_store: Open) -> None:
    do(store, OpenChannel("INC-7"), PostCard("INC-7"))
    dying = claim(open_store(lease=OVER))
    job = claim(store)
    assert (job.id, job.effect, job.attempts, job.again) == (dying.id, dying.effect, 2, True)
    assert store.claim(later(60)) == []  # its lease is not over, whatever the caller's clock says


def test_a_workers_own_clock_ends_no_lease(store: Store) -> None:
    do(store, OpenChannel("INC-7"))
    claim(store)
    assert store.claim(datetime(2100, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize("act", ["done", "postpone", "bury"])
def test_a_woken_zombie_changes_nothing(store: Store, open_store: Open, act: str) -> None:
    """It was stopped, its job was taken over, and it wakes: what it did is looked after by the other."""
    do(store, OpenChannel("INC-7"))
    zombie = claim(open_store(lease=OVER))
    living = claim(store)
    with pytest.raises(Fenced):
        {
            "done": lambda: store.decide(lambda tx, now: Decision(save=(alert(),)), NOON, zombie),
            "postpone": lambda: store.postpone(zombie, NOON, "why"),
            "bury": lambda: store.bury(zombie, "why", NOON),
        }[act]()
    assert store.read(lambda tx: tx.alerts("")) == ()
    done(store, living)


def test_a_zombie_that_nobody_has_replaced_may_finish(store: Store, open_store: Open) -> None:
    do(store, OpenChannel("INC-7"))
    slow = claim(open_store(lease=OVER))
    done(store, slow)
    assert store.claim(NOON) == []


def test_a_renewed_lease_is_not_over(store: Store, open_store: Open) -> None:
    do(store, OpenChannel("INC-7"))
    brief = open_store(lease=OVER)
    job = claim(brief)
    store.renew([job])
    assert brief.claim(NOON) == []
    done(store, job)


def test_a_zombie_renews_nothing(store: Store, open_store: Open) -> None:
    do(store, OpenChannel("INC-7"))
    brief = open_store(lease=OVER)
    zombie, living = claim(brief), claim(brief)
    store.renew([zombie])
    assert claim(brief).id == living.id
    store.renew([])


def test_ids_are_never_used_again(store: Store) -> None:
    """A zombie holds the id and token of its job: nobody else may get both."""
    do(store, SendPost("p"))
    first = claim(store)
    do(store, SendPost("p"))
    store.postpone(first, NOON, "why")  # merges into its twin, and its row goes
    do(store, SendPost("q"))
    assert all(job.id != first.id for job in store.claim(NOON, limit=5))


def test_on_sqlite_a_restart_does_not_wait_for_leases(databases: Databases, opened: Open) -> None:
    url = databases.create("sqlite")
    before = opened(url, lease=timedelta(days=1))
    before.take_over()
    do(before, OpenChannel("INC-7"))
    held = claim(before)
    before.close()
    after = opened(url, lease=timedelta(days=1))
    after.take_over()
    job = claim(after)
    assert (job.id, job.again) == (held.id, True)


def test_on_sqlite_a_second_process_is_refused(databases: Databases, opened: Open) -> None:
    """Else it would take the leases of the first, and each effect would be done by both."""
    url = databases.create("sqlite")
    first, second = opened(url), opened(url)
    first.take_over()
    with pytest.raises(Busy, match=r"Another Watchkeeper holds .*PostgreSQL for several replicas"):
        second.take_over()
    first.take_over()  # it is the same process
    first.close()
    second.take_over()


def test_taking_over_comes_before_the_first_migration(databases: Databases, opened: Open) -> None:
    fresh = opened(databases.create("sqlite", migrated=False))
    fresh.take_over()
    fresh.migrate()
    memory = opened("sqlite://")
    memory.take_over()


def test_on_postgresql_other_replicas_keep_their_leases(databases: Databases, opened: Open) -> None:
    url = databases.create("postgresql")
    store = opened(url)
    do(store, OpenChannel("INC-7"))
    claim(store)
    other = opened(url)
    other.take_over()
    assert other.claim(NOON) == []


# ---------------------------------------------------------------- failures


def test_a_postponed_job_comes_back_and_knows_it(store: Store) -> None:
    do(store, SendPost("p"))
    store.postpone(claim(store), later(5), "Slack: down")
    assert store.claim(later(4)) == []
    job = claim(store, later(5))
    assert (job.attempts, job.again, job.created_at) == (2, True, NOON)


def test_a_rate_limit_is_no_attempt_but_may_have_come_half_way(store: Store) -> None:
    """The card was posted, then pinning it was limited: posting it again would make two."""
    do(store, PostCard("INC-7"))
    store.postpone(claim(store), NOON, "limited", counts=False)
    job = claim(store)
    assert (job.attempts, job.again) == (1, True)


def test_a_postponed_job_goes_on_in_its_twin(store: Store) -> None:
    do(store, PostCard("INC-7"))
    first = claim(store)
    do(store, PostCard("INC-7"), now=later(1))
    store.postpone(first, later(5), "Slack: down")
    assert store.claim(later(4.9)) == []  # the world is not ready before, whoever asks
    job = claim(store, later(5))
    assert (job.attempts, job.again, job.created_at) == (2, True, NOON)
    done(store, job)
    assert store.claim(later(60)) == []


def test_a_twin_that_is_due_later_stays_so(store: Store) -> None:
    do(store, RemindUpdate("INC-7"))
    first = claim(store)
    do(store, RemindUpdate("INC-7", due=later(30)))
    store.postpone(first, later(1), "why")
    assert store.next_due(NOON) == later(30)


def test_a_dead_letter_is_kept_and_can_be_tried_again(store: Store) -> None:
    do(store, SendPost("INC-7/p"), SendPost("INC-8/p"))
    job = claim(store)
    store.bury(job, "Slack: no_such_channel", later(1))
    (letter,) = store.dead()
    assert letter == store.read(lambda tx: tx.dead_letters("INC-7"))[0]
    assert store.read(lambda tx: tx.dead_letters("INC-8")) == ()
    assert (letter.id, letter.kind, letter.subject) == (job.id, "SendPost", "INC-7/p")
    assert (letter.attempts, letter.error, letter.died_at) == (1, "Slack: no_such_channel", later(1))
    assert not store.retry(999, later(2))
    assert store.retry(letter.id, later(2))
    assert not store.retry(letter.id, later(2))
    assert store.dead() == []


def test_what_is_said_of_a_dead_letter_is_saved_with_it(store: Store) -> None:
    """Killed between the two, nobody would ever hear that an effect was given up."""
    do(store, SendPost("INC-7/p"))
    job = claim(store)

    def speechless(tx: Tx, now: datetime) -> Decision:
        raise Refused("no")

    with pytest.raises(Refused):
        store.decide(speechless, NOON, job, given_up="Slack: no_such_channel")
    assert store.dead() == []
    store.decide(lambda tx, now: Decision(note=(entry("given up"),)), NOON, job, given_up="Slack: no_such_channel")
    assert [letter.error for letter in store.dead()] == ["Slack: no_such_channel"]
    assert [e.text for e in store.read(lambda tx: tx.entries("INC-7"))] == ["given up"]
    assert store.claim(later(60)) == []


def test_a_retried_job_has_new_attempts_and_a_memory(store: Store) -> None:
    do(store, SendPost("p"))
    first = claim(store)
    store.bury(first, "lost reply", NOON)
    store.retry(first.id, later(2))
    job = claim(store, later(2))
    assert (job.attempts, job.again, job.created_at) == (1, True, NOON)


def test_a_retried_job_goes_on_in_its_twin(store: Store) -> None:
    do(store, SendPost("p"))
    first = claim(store)
    store.bury(first, "lost reply", NOON)
    do(store, SendPost("p", due=later(30)))
    assert store.retry(first.id, later(2))
    job = claim(store, later(2))
    assert (job.again, job.created_at) == (True, NOON)
    assert store.dead() == []
    done(store, job)
    assert store.claim(later(60)) == []


def test_who_comes_after_a_dead_letter_knows_of_it(store: Store) -> None:
    """The dead one may have been done, with the reply lost: a new one of its key must look first."""
    do(store, SendPost("p"))
    store.bury(claim(store), "lost reply", NOON)
    do(store, SendPost("p"), SendPost("q"))
    assert {job.effect.subject: job.again for job in store.claim(NOON, limit=5)} == {"p": True, "q": False}


# ---------------------------------------------------------------- waking


def test_next_due_counts_what_can_be_claimed(store: Store, open_store: Open) -> None:
    assert store.next_due(NOON) is None
    do(store, OpenChannel("INC-7"), PostCard("INC-7"), PostCard("INC-8", due=later(9)))
    assert store.next_due(NOON) == NOON
    job = claim(store)
    lease_end = store.next_due(NOON)
    assert lease_end == later(9), "INC-7's card waits for its lane, and the lease is not over"
    done(store, job)
    assert store.next_due(NOON) == NOON


def test_next_due_sees_the_end_of_a_lease(store: Store, open_store: Open) -> None:
    do(store, OpenChannel("INC-7"))
    claim(open_store(lease=OVER))
    due = store.next_due(NOON)
    assert due is not None
    assert due <= datetime.now(UTC)


def test_a_commit_wakes_a_worker(store: Store) -> None:
    assert waits(store, lambda: do(store, OpenChannel("INC-7")))


def test_a_commit_before_the_wait_is_not_missed(store: Store) -> None:
    assert store.claim(NOON) == []
    do(store, OpenChannel("INC-7"))
    store.wait(60)  # would be the test's end


def test_a_commit_of_another_replica_wakes(databases: Databases, opened: Open) -> None:
    url = databases.create("postgresql")
    here, there = opened(url), opened(url)
    here.wait(60)  # the listener rings once when it has begun to listen
    assert waits(here, lambda: do(there, OpenChannel("INC-7")))


def test_a_worker_that_found_work_wakes_the_next(store: Store) -> None:
    """One commit rings once, however many jobs it brings."""
    do(store, OpenChannel("INC-7"), OpenChannel("INC-8"))
    store.wait(60)
    claim(store)
    store.wait(60)
    assert claim(store).effect == OpenChannel("INC-8")


def test_a_merged_twin_wakes_nobody(store: Store) -> None:
    """In a storm every alert asks for the card that is due already."""
    do(store, PostCard("INC-7", due=later(5)))
    for effect, rings in [(PostCard("INC-7"), True), (PostCard("INC-7"), False), (PostCard("INC-8"), True)]:
        store.bell.rung = False
        do(store, effect)
        assert store.bell.rung == rings, effect


def test_who_looks_in_time_anyway_is_not_woken() -> None:
    """In a storm every alert asks for something that is due in some seconds."""
    bell, ended = Bell(), threading.Event()
    sleeper = threading.Thread(target=lambda: (bell.wait(60), ended.set()))
    sleeper.start()
    while not bell.ends:
        pass
    bell.ring(within=90)
    assert (bell.rung, ended.is_set()) == (False, False)
    bell.ring(within=30)
    sleeper.join(30)
    assert ended.is_set()
    bell.ring(within=90)
    assert bell.rung, "nobody waits, so the next who would has to look when it is due"


def test_wake_ends_every_wait(store: Store) -> None:
    for _ in range(3):
        assert store.claim(NOON) == []
    store.wake()
    assert together(3, lambda _: waits(store, store.wake)) == [True] * 3


def waits(
    store: Store, act: Callable[[], object], timeout: float = 30, ready: Callable[[], bool] | None = None
) -> bool:
    """Whether `act` ends the wait of another thread."""
    began, ended = threading.Event(), threading.Event()

    def work() -> None:
        store.bell.look()  # as every claim does before a wait: what comes after it ends that wait
        began.set()
        store.wait(60)
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    began.wait(30)
    act()
    woken = ended.wait(timeout)
    store.wake()
    worker.join(30)
    return woken
