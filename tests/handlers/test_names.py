"""Whom a line names is looked up where somebody answers, and nobody waits where nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.commands import Ask
from bot.decision import Decision
from bot.errors import Away
from bot.model import Reach
from bot.outages import SLACK
from bot.pages import Meant
from bot.policy import Contact, Policy, Service
from handlers import names, pages
from handlers.incidents import given
from handlers.world import World
from tests.databases import memory_store
from tests.values import NOON, incident

POLICY = Policy(people={"U0DANA": Contact(name="Dana Kim")})
CHECKOUT = Service(name="checkout", oncall="payments")
HERE = incident(channel="C1")


class Room:
    def __init__(self) -> None:
        self.asked = 0

    def inside(self, channel: str) -> tuple[str, ...]:
        self.asked += 1
        raise Away("Slack", "no answer")

    def is_me(self, user: str) -> bool:
        return False

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


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("db is burning", ""),
        ("Grace period is over", ""),
        ("dana it burns", "If you mean the person: `/incident page @dana it burns`"),
    ],
)
def test_who_pages_with_words_waits_for_no_names_and_calls_the_on_call(words: str, hint: str) -> None:
    room: Any = Room()
    store = memory_store()
    world = World(store, room, {}, replace(POLICY, services={"checkout": CHECKOUT}), lambda: NOON)
    assert pages.whom(world, HERE, words) == Meant(oncalls=("payments",), why=words, hint=hint)
    assert room.asked == 0
    assert pages.whom(world, HERE, "@dana it burns") == Meant(people=("U0DANA",), why="it burns")
    assert pages.whom(world, HERE, "dana") == Meant(people=("U0DANA",))
    assert room.asked == 2
    store.close()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("comms om", "comms <@U0OM>"),
        ("om comms", "comms <@U0OM>"),
        ("comms to om --take", "comms <@U0OM> --take"),
        ("comms Om Rao", "comms <@U0OM>"),
        ("comms nobody", "comms nobody"),
    ],
)
def test_a_name_may_be_a_part_of_a_role(words: str, line: str) -> None:
    room: Any = Room()
    store = memory_store()
    store.decide(lambda tx, now: Decision(save=(replace(HERE, version=0),)), NOON)
    world = World(store, room, {}, Policy(people={"U0OM": Contact(name="Om Rao")}), lambda: NOON)
    ask = Ask(command="incident", text=f"role {words}", by="U0DANA", channel="C1")
    assert given(world, ask, "role", words) == line
    store.close()
