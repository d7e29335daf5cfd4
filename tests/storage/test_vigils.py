"""Vigils and suspensions, as they are kept on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import suspensions
from bot.decision import Decision
from bot.errors import Refused
from bot.model import SuspensionState
from storage.store import Store, Tx
from tests.bot.rollout_values import idle
from tests.bot.test_suspensions import KEEPER, asked
from tests.bot.test_vigils import vigil
from tests.storage.conftest import Open, together
from tests.storage.helpers import keep
from tests.values import NOON, incident, minutes

PEOPLE = [f"U{n}" for n in range(6)]


def test_a_vigil_comes_back_as_it_was(store: Store) -> None:
    kept = vigil(version=0, broken_at=NOON, told="v42 was put back by somebody")
    keep(store, kept)
    assert store.read(lambda tx: tx.vigil(kept.id)) == replace(kept, version=1)


def test_only_open_vigils_of_the_rollout_are_found_oldest_first(store: Store) -> None:
    keep(
        store,
        vigil(id="b", version=0, since=NOON),
        vigil(id="a", version=0, since=NOON + minutes(1)),
        vigil(id="over", version=0, ended_at=NOON),
        vigil(id="elsewhere", version=0, environment="staging"),
    )
    assert [v.id for v in store.read(lambda tx: tx.open_vigils("checkout", "production"))] == ["b", "a"]


def test_what_is_switched_off_is_found_oldest_first(store: Store) -> None:
    states = (SuspensionState.OFF, SuspensionState.WANTED, SuspensionState.RESTORING, SuspensionState.ENDED)
    here = [asked(version=0, id=state, environment=state, state=state, at=NOON + minutes(1)) for state in states]
    keep(store, *here, asked(version=0, id="older", state=SuspensionState.OFF))
    assert [held.id for held in store.read(lambda tx: tx.suspensions_off())] == ["older", "off"]


def test_a_suspension_is_found_until_it_is_over(store: Store) -> None:
    off = asked(version=0, state=SuspensionState.OFF)
    keep(store, off)
    found = store.read(lambda tx: tx.suspension_of("checkout", "production"))
    assert found == replace(off, version=1)
    assert store.read(lambda tx: tx.suspension(off.id)) == found
    keep(store, replace(off, version=1, state=SuspensionState.ENDED))
    assert store.read(lambda tx: tx.suspension_of("checkout", "production")) is None
    assert store.read(lambda tx: tx.count_suspensions()) == 1


def test_many_who_switch_it_off_at_once_do_it_once(store: Store, open_store: Open) -> None:
    keep(store, incident(version=0))
    replicas = [store] if store.group else [store, open_store()]

    def think(by: str, tx: Tx, now: datetime) -> Decision:
        return suspensions.suspend(
            idle(keeper=KEEPER),
            tx.suspension_of("checkout", "production"),
            incident(),
            by=by,
            channel="C1",
            allowed=set(PEOPLE),
            number=tx.count_suspensions() + 1,
            now=now,
        )

    def attempt(number: int) -> str:
        by, place = PEOPLE[number], replicas[number % len(replicas)]
        try:
            place.decide(lambda tx, now: think(by, tx, now), NOON)
        except Refused as refused:
            return refused.why
        return ""

    answers = [str(answer) for answer in together(len(PEOPLE), attempt)]
    assert answers.count("") == 1
    assert all("switched off already" in answer for answer in answers if answer)
    assert store.read(lambda tx: tx.count_suspensions()) == 1
