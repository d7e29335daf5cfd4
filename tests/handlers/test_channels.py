"""What waits for a channel that cannot be opened asks ever more seldom, is never given up, and is due when it opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.decision import Decision, OpenChannel, SendPost
from bot.errors import ProviderError
from bot.incidents import CHANNEL
from bot.model import Post
from bot.policy import Policy
from handlers import channels, outbox
from handlers.world import Channel, World
from storage.store import Store
from tests.databases import memory_store
from tests.storage.helpers import keep
from tests.values import NOON, incident, minutes

MINE = frozenset({"OpenChannel", "SendPost"})


class Slack:
    """Opens no channels until an administrator lets it."""

    def __init__(self) -> None:
        self.willing, self.asked = False, 0

    def open_channel(self, name: str, *args: Any, **kwargs: Any) -> Channel:
        self.asked += 1
        if not self.willing:
            raise ProviderError("Slack", "restricted_action", permanent=True)
        return Channel(id="C0NEW", name=name)


@pytest.fixture
def store() -> Iterator[Store]:
    made = memory_store()
    yield made
    made.close()


def test_the_pause_grows_with_what_it_has_taken() -> None:
    after = [channels.pause(NOON, NOON + timedelta(seconds=n)) for n in (0, 50, 300, 6_000, 10**6)]
    assert after == [5, 5, 30, 600, 600]


def test_what_waits_asks_seldom_and_goes_out_at_once_when_the_channel_opens(store: Store) -> None:
    slack, time = Slack(), NOON
    world = World(store=store, chat=slack, rollouts={}, policy=Policy(), now=lambda: time)  # type: ignore[arg-type]
    keep(store, incident(1, version=0, channel=""), Post(id="p", incident="INC-1", channel=CHANNEL, text="Hello"))
    world.decide(lambda tx, now: Decision(do=(OpenChannel("INC-1"), SendPost("p"))))

    def works() -> int:
        done = 0
        while jobs := store.claim(time, MINE):
            for job in jobs:
                outbox.work(world, job)
                done += 1
        return done

    looked = 0
    while time < NOON + timedelta(hours=2):
        looked += works()
        time += minutes(1)
    (dead,) = store.dead()
    assert (dead.kind, slack.asked) == ("OpenChannel", 1)  # which people see, and mend
    assert looked < 50  # of 120 times, and of 1,440 at one look in five seconds

    slack.willing = True
    assert outbox.retry(world, dead.id)
    outbox.work(world, store.claim(time, frozenset({"OpenChannel"}))[0])
    (post,) = store.claim(time, frozenset({"SendPost"}))
    assert post.effect == SendPost("p")
    assert world.read(lambda tx: tx.incident("INC-1")).channel == "C0NEW"
    assert time - NOON > minutes(60)
