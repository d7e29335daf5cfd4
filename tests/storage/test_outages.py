"""What waits while Slack is away is found, folded and hastened."""

from __future__ import annotations

from dataclasses import replace

from bot.decision import Broadcast, PostCard, SendPost, TellChanges
from bot.model import Post, Reach
from storage.store import Store
from tests.storage.helpers import claim, do, keep, later
from tests.values import NOON


def post(name: str, **other: object) -> Post:
    made = Post(id=f"INC-7/{name}", incident="INC-7", channel="#status", text=name)
    return replace(made, **other)  # type: ignore[arg-type]


def ids(store: Store) -> list[str]:
    return [one.post.id for one in store.read(lambda tx: tx.untried())]


def test_how_slack_stands_is_remembered(store: Store) -> None:
    assert store.read(lambda tx: tx.reach("slack")) is None
    keep(store, Reach(id="slack", since=NOON, failures=3, away=True))
    assert store.read(lambda tx: tx.reach("slack")) == Reach(id="slack", since=NOON, failures=3, away=True, version=1)


def test_posts_that_nobody_has_tried_to_send_in_the_order_of_their_decisions(store: Store) -> None:
    keep(store, post("b"), post("a"), post("c"), post("sent", ts="1.2"), post("tried"))
    do(store, SendPost("INC-7/tried"))
    store.postpone(claim(store), NOON, "Slack: no answer")
    do(store, SendPost("INC-7/b"), PostCard("INC-7"))
    do(store, Broadcast("INC-7/a"), TellChanges("INC-7/c"), SendPost("INC-7/sent"), now=later(1))
    assert ids(store) == ["INC-7/b", "INC-7/a", "INC-7/c"]
    assert [one.since for one in store.read(lambda tx: tx.untried())] == [NOON, later(1), later(1)]


def test_what_was_put_off_by_a_limit_counts_as_untried(store: Store) -> None:
    keep(store, post("a"))
    do(store, SendPost("INC-7/a"))
    store.postpone(claim(store), later(1), "Slack is away", counts=False)
    assert ids(store) == ["INC-7/a"]


def test_a_folded_post_waits_no_more(store: Store) -> None:
    keep(store, post("a", folded="INC-7/away"), post("b"))
    do(store, SendPost("INC-7/a"), SendPost("INC-7/b"))
    assert ids(store) == ["INC-7/b"]
    assert [one.id for one in store.read(lambda tx: tx.unsent("INC-7"))] == ["INC-7/b"]


def test_what_slack_has_put_off_is_due_at_once(store: Store) -> None:
    do(store, SendPost("INC-1/a"))
    store.postpone(claim(store), later(9), "Slack: chat.postMessage got no answer")
    do(store, SendPost("INC-2/a"))
    store.postpone(claim(store), later(9), "Argo CD: no answer")
    assert store.hasten("Slack", later(1)) == 1
    assert claim(store, later(1)).effect == SendPost("INC-1/a")
    assert store.claim(later(1)) == []
    assert store.hasten("Slack", later(1)) == 0
