"""Whom a line names is looked up where somebody answers, and nobody waits where nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.decision import Decision
from bot.errors import Away
from bot.model import Reach
from bot.outages import SLACK
from bot.policy import Contact, Policy
from handlers import names
from handlers.world import World
from tests.databases import memory_store
from tests.values import NOON, incident

POLICY = Policy(people={"U0DANA": Contact(name="Dana Kim")})
HERE = incident(channel="C1")


class Room:
    def __init__(self) -> None:
        self.asked = 0

    def inside(self, channel: str) -> tuple[str, ...]:
        self.asked += 1
        raise Away("Slack", "no answer")

    def names(self, users: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(users, "")


def test_who_calls_for_help_does_not_wait_for_slack_to_spell_a_name() -> None:
    room: Any = Room()
    store = memory_store()
    world = World(store, room, {}, POLICY, lambda: NOON)
    assert names.near(world, HERE) == {"U0DANA": "Dana Kim"}  # it was tried in vain
    assert room.asked == 1
    store.decide(lambda tx, now: Decision(save=(Reach(id=SLACK, away=True, since=NOON),)), NOON)
    assert names.understood(world, HERE, "commander @dana", "role") == "commander <@U0DANA>"
    assert room.asked == 1
    store.close()
