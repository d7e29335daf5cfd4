"""What is kept of a drill, and that nobody who asks for what is real reads any of it."""

from dataclasses import replace

from bot.model import Drill, RolloutPhase, Sighting, stage_of
from storage.store import Store
from tests.storage.helpers import keep, later
from tests.values import NOON, change, incident, minutes

STAGE = stage_of("INC-7")
DRILL = Drill(
    id="INC-7",
    story="amazon-checkout",
    title="A bad release",
    service="checkout",
    by="U0DANA",
    at=NOON,
    acts=("pause",),
)
PLAYED = change("deploy/played", environment=STAGE)


def test_a_drill_is_read_as_it_was_saved_and_is_under_way_until_it_ended(store: Store) -> None:
    keep(store, DRILL)
    saved = replace(DRILL, version=1)
    assert store.read(lambda tx: (tx.drill("INC-7"), tx.drill_under_way(), tx.drill("INC-8"))) == (saved, saved, None)
    keep(store, replace(saved, ended_at=later(9)))
    assert store.read(lambda tx: tx.drill_under_way()) is None


def test_its_releases_are_seen_on_its_stage_alone(store: Store) -> None:
    keep(store, PLAYED, change("deploy/real"))

    def keys(environment: str = "") -> list[str]:
        found = store.read(lambda tx: tx.changes(NOON - minutes(9), NOON, ["checkout"], environment))
        return [each.key for each in found]

    assert keys() == keys("production") == ["deploy/real"]
    assert keys(STAGE) == ["deploy/played"]
    assert keys(stage_of("INC-8")) == []
    assert [each.key for each in store.read(lambda tx: tx.changes(NOON - minutes(9), NOON))] == ["deploy/real"]


def test_it_closes_no_gate_and_is_no_rollout_under_way(store: Store) -> None:
    flies = Sighting(
        id=f"checkout/{STAGE}",
        service="checkout",
        environment=STAGE,
        revision="b",
        revision_version="v42",
        stable="a",
        stable_version="v41",
        phase=RolloutPhase.PAUSED,
        step=1,
        weight=50,
        paused=False,
        aborted=False,
        at=NOON,
    )
    real = replace(flies, id="checkout/production", environment="production")
    keep(store, flies, real, incident(7, version=0, group="g", drill="amazon-checkout"), incident(8, version=0))
    assert [one.id for one in store.read(lambda tx: tx.sightings_under_way())] == ["checkout/production"]
    assert [one.id for one in store.read(lambda tx: tx.open_incidents_near(["checkout"], "production"))] == ["INC-8"]
