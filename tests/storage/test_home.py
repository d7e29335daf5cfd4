"""What an App Home is made of is found, in its order and no more of it."""

from __future__ import annotations

from dataclasses import replace

from bot.model import Assignment, Home, Role, RolloutPhase, Sighting, Task
from storage.store import Store
from tests.storage.helpers import keep, later
from tests.values import NOON


def sighting(service: str, **other: object) -> Sighting:
    seen = Sighting(
        id=f"{service}/production",
        service=service,
        environment="production",
        revision="b",
        revision_version="v42",
        stable="a",
        stable_version="v41",
        phase=RolloutPhase.PROGRESSING,
        step=1,
        weight=20,
        paused=False,
        aborted=False,
        at=NOON,
    )
    return replace(seen, **other)  # type: ignore[arg-type]


def task(number: int, **other: object) -> Task:
    made = Task(
        id=f"INC-7/task/{number}", incident="INC-7", kind="task", text="look", owner="U1", by="U2", at=later(number)
    )
    return replace(made, **other)  # type: ignore[arg-type]


def test_the_homes_that_were_opened_of_late(store: Store) -> None:
    keep(store, Home(id="U2", opened_at=later(5)), Home(id="U1", opened_at=later(5)), Home(id="U3", opened_at=NOON))
    assert [home.id for home in store.read(lambda tx: tx.homes(later(1)))] == ["U1", "U2"]
    assert store.read(lambda tx: (tx.home("U3") or Home(id="", opened_at=NOON)).opened_at) == NOON
    assert store.read(lambda tx: tx.home("U9")) is None


def test_the_releases_under_way_latest_news_first(store: Store) -> None:
    keep(
        store,
        sighting("checkout"),
        sighting("search", at=later(1)),
        sighting("done", revision="a"),
        sighting("first", stable=""),
        sighting("aborted", aborted=True),
    )
    found = store.read(lambda tx: tx.sightings_under_way())
    assert [one.service for one in found] == ["search", "checkout"]


def test_what_somebody_has_still_to_do(store: Store) -> None:
    keep(store, task(2), task(1), task(3, owner="U2"), task(4, done_at=NOON))
    assert [one.id for one in store.read(lambda tx: tx.tasks_left("U1"))] == ["INC-7/task/1", "INC-7/task/2"]


def test_the_roles_of_several_incidents(store: Store) -> None:
    roles = [("INC-1", Role.OPS), ("INC-1", Role.COMMANDER), ("INC-2", Role.OPS), ("INC-3", Role.OPS)]
    keep(store, *(Assignment(incident=one, role=role, user="U1", by="U1", at=NOON) for one, role in roles))
    found = store.read(lambda tx: tx.assignments_of(["INC-1", "INC-2", "INC-9"]))
    assert {one: [held.role for held in all_] for one, all_ in found.items()} == {
        "INC-1": [Role.COMMANDER, Role.OPS],
        "INC-2": [Role.OPS],
    }
