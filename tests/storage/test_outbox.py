"""The outbox: what was decided is done, by one worker at a time, whoever dies on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from sqlalchemy import text

from bot.decision import (
    ActOnRollout,
    Announce,
    Broadcast,
    Decision,
    Effect,
    FurnishChannel,
    HandleEvent,
    NameSuspects,
    OpenChannel,
    PostCard,
    RemindUpdate,
    SendPost,
)
from bot.errors import Refused
from bot.model import Event, Post
from storage.store import Fenced, Store, Tx
from tests.storage.helpers import claim, do, done, keep, later
from tests.values import NOON, alert

# ---------------------------------------------------------------- what is due


@pytest.mark.parametrize("effect", get_args(Effect), ids=lambda effect: effect.__name__)
def test_every_effect_comes_out_as_it_went_in(store: Store, effect: type[Effect]) -> None:
    do(store, effect("INC-7/x", due=later(1)))
    job = claim(store, later(1))
    assert job.effect == effect("INC-7/x", due=None if effect.soon else later(1))
    assert (job.attempts, job.again, job.claimed_at, job.created_at) == (1, False, later(1), NOON)


def test_nothing_is_due_before_its_time(store: Store) -> None:
    do(store, PostCard("INC-7", due=later(5)))
    assert store.claim(later(4.9)) == []
    assert store.next_due(NOON) == later(5)
    assert claim(store, later(5)).effect.subject == "INC-7"


def test_the_most_urgent_first_then_the_earliest_then_as_decided(store: Store) -> None:
    do(store, Broadcast("a"), SendPost("b"), FurnishChannel("d"), Announce("c"), ActOnRollout("e"), now=later(1))
    do(store, SendPost("early"), now=NOON)
    order = [job.effect.subject for job in store.claim(later(1), limit=10)]
    assert order == ["e", "early", "b", "d", "c", "a"]


def test_of_one_lane_one_at_a_time(store: Store) -> None:
    do(store, OpenChannel("INC-7"), PostCard("INC-7"), PostCard("INC-8"))
    first, other = store.claim(NOON, limit=10)
    assert [first.effect, other.effect] == [OpenChannel("INC-7"), PostCard("INC-8")]
    assert store.claim(NOON) == []
    done(store, first)
    assert claim(store).effect == PostCard("INC-7")


def test_a_rollout_does_not_wait_for_slack(store: Store) -> None:
    do(store, PostCard("INC-7"), ActOnRollout("INC-7/rollback/1"))
    assert len(store.claim(NOON, limit=10)) == 2


def test_only_the_kinds_that_were_asked_for(store: Store) -> None:
    do(store, PostCard("INC-7"), OpenChannel("INC-8"))
    assert [job.effect for job in store.claim(NOON, kinds=["PostCard"], limit=5)] == [PostCard("INC-7")]


def test_kinds_of_a_newer_version_are_left_alone(store: Store) -> None:
    """An older replica that claimed them could only burn their attempts."""
    do(store, PostCard("INC-7"), PostCard("INC-8"))
    rename = "UPDATE outbox SET kind = 'SendPigeon' WHERE subject = "
    with store.transactions.writing() as connection:
        connection.execute(text(f"{rename} 'INC-7'"))
        connection.execute(text("UPDATE outbox SET state = 'running', lease_until = due_at WHERE subject = 'INC-7'"))
    assert [job.effect for job in store.claim(later(9), limit=5)] == [PostCard("INC-8")]
    assert store.claim(later(9), kinds=["SendPigeon"]) == []


# ---------------------------------------------------------------- twins


def test_pending_twins_merge(store: Store) -> None:
    do(store, PostCard("INC-7"), PostCard("INC-7"))
    do(store, PostCard("INC-7"))
    assert len(store.claim(NOON, limit=10)) == 1


@pytest.mark.parametrize(
    ("first", "second", "due"),
    [
        (later(5), later(9), later(9)),
        (later(5), later(3), later(3)),
        (later(5), None, NOON),
        (None, later(5), later(5)),
        (None, None, NOON),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_the_newest_due_of_twins_wins(
    store: Store, first: datetime | None, second: datetime | None, due: datetime, at_once: bool
) -> None:
    twins = RemindUpdate("INC-7", due=first), RemindUpdate("INC-7", due=second)
    for effects in [twins] if at_once else [twins[:1], twins[1:]]:
        do(store, *effects)
    assert store.next_due(NOON) == due
    assert claim(store, later(60)).effect.due == second


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_done_soon_is_not_put_off_by_those_who_ask_again(store: Store, at_once: bool) -> None:
    """In a storm somebody asks in every moment, the one in which it falls due included."""
    twins = [PostCard("INC-7", due=later(due)) for due in (5, 9, 14)]
    for effects in [twins] if at_once else [[twin] for twin in twins]:
        do(store, *effects)
    assert store.next_due(NOON) == later(5)
    do(store, PostCard("INC-7", due=later(3)))
    assert claim(store, later(3)).effect == PostCard("INC-7")


def test_what_slack_has_put_off_is_not_asked_for_again_by_news(store: Store) -> None:
    do(store, PostCard("INC-7"))
    store.postpone(claim(store), later(5), "Slack limits chat.update", counts=False)
    do(store, PostCard("INC-7"), now=later(1))
    assert store.next_due(NOON) == later(5)
    assert store.claim(later(4.9)) == []
    assert claim(store, later(5)).effect == PostCard("INC-7")


def test_a_running_effect_is_not_a_twin(store: Store) -> None:
    """What it reads may be older than what is decided now, so it has to be done once more."""
    do(store, PostCard("INC-7"))
    running = claim(store)
    do(store, PostCard("INC-7"))
    done(store, running)
    again = claim(store)
    assert again.id != running.id
    assert not again.again


# ---------------------------------------------------------------- receipts


def test_a_receipt_is_saved_with_what_came_of_it(store: Store) -> None:
    do(store, OpenChannel("INC-7"))
    job = claim(store)
    store.decide(lambda tx, now: Decision(save=(alert(),), do=(PostCard("INC-7"),)), NOON, job)
    assert store.read(lambda tx: len(tx.alerts(""))) == 1
    assert claim(store).effect == PostCard("INC-7")


def test_a_receipt_is_not_saved_without(store: Store) -> None:
    """A think that fails leaves the job with its worker."""
    do(store, OpenChannel("INC-7"))
    job = claim(store)

    def refuse(tx: Tx, now: datetime) -> Decision:
        raise Refused("no")

    with pytest.raises(Refused):
        store.decide(refuse, NOON, job)
    done(store, job)
    assert store.claim(NOON) == []


def test_a_receipt_serves_once(store: Store) -> None:
    do(store, OpenChannel("INC-7"))
    job = claim(store)
    done(store, job)
    with pytest.raises(Fenced, match="nothing was saved"):
        store.decide(lambda tx, now: Decision(save=(alert(),)), NOON, job)
    assert store.read(lambda tx: tx.alerts("")) == ()


# ---------------------------------------------------------------- retention


def test_prune_removes_what_is_over(store: Store) -> None:
    do(store, SendPost("old"), SendPost("dead"), SendPost("pending", due=later(99)), HandleEvent("Ev2", due=later(99)))
    old, dead = store.claim(NOON, limit=2)
    done(store, old)
    store.bury(dead, "why", NOON)
    for id in ("Ev1", "Ev2"):
        keep(store, Event(id=id, kind="message", body={}, received_at=NOON))
    assert store.tick("observe", "1")
    store.reserve("slack x", 1.0, 1, NOON)
    assert store.prune(NOON - timedelta(days=1)) == 0
    assert store.prune(later(1)) == 3
    assert store.prune(datetime(2100, 1, 1, tzinfo=UTC)) == 1
    assert store.tick("observe", "1")
    events = store.read(lambda tx: [tx.event(id) and id for id in ("Ev1", "Ev2")])
    assert events == [None, "Ev2"], "an event that waits to be handled stays"
    assert [letter.subject for letter in store.dead()] == ["dead"]
    assert len(store.claim(later(99), limit=9)) == 2


def test_prune_goes_through_it_in_pieces(store: Store) -> None:
    keep(store, *(Event(id=f"Ev{n}", kind="message", body={}, received_at=NOON) for n in range(4001)))
    assert store.prune(later(1)) == 4001


def test_names_suspects_as_any_other(store: Store) -> None:
    do(store, NameSuspects("INC-7"))
    assert claim(store).effect == NameSuspects("INC-7")


def test_posts_that_are_not_sent_yet_in_the_order_of_their_decision(store: Store) -> None:
    for id in ("INC-7/a", "INC-7/b", "INC-7/c", "INC-8/d"):
        keep(store, Post(id=id, incident="INC-7", channel="C", text=id))
    do(store, SendPost("INC-7/c"), SendPost("INC-7/a"), Broadcast("INC-7/b"), SendPost("INC-8/d"), PostCard("INC-7"))
    (running,) = store.claim(NOON, kinds=["SendPost"])
    assert running.effect == SendPost("INC-7/c")
    assert [post.id for post in store.read(lambda tx: tx.unsent("INC-7"))] == ["INC-7/c", "INC-7/a", "INC-7/b"]
    assert store.read(lambda tx: tx.unsent("INC-7", before=running.id)) == ()
    done(store, running)
    assert [post.id for post in store.read(lambda tx: tx.unsent("INC-7"))] == ["INC-7/a", "INC-7/b"]
