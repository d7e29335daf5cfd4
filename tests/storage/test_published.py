"""What customers are told: kept once, and read without what is secret."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.model import Assignment, Export, Phase, Role, Severity
from storage.store import Conflict, Store
from tests.bot.status_values import ago, maintenance, update
from tests.storage.helpers import keep
from tests.values import NOON, change, incident

QUARTER = NOON - timedelta(days=90)


def test_what_was_told_is_read_back_in_order(store: Store) -> None:
    first, second = update(components={"checkout": "major"}), update(2, phase=Phase.RESOLVED, at=NOON, components={})
    keep(store, incident(7, version=0), second, first)
    assert store.read(lambda tx: tx.published("INC-7")) == (first, second)
    assert store.read(lambda tx: tx.published_since(QUARTER)) == (first, second)


def test_the_same_number_is_not_told_twice(store: Store) -> None:
    """Two people publish at the same time: one thinks again."""
    keep(store, incident(7, version=0), update())
    with pytest.raises(Conflict):
        keep(store, update(text="other words"))


def test_old_incidents_are_left_out_but_for_what_is_open(store: Store) -> None:
    long_ago = ago(days=100)
    keep(
        store,
        incident(1, version=0, group="", phase=Phase.RESOLVED),
        incident(2, version=0, group=""),
        incident(3, version=0, group="", phase=Phase.RESOLVED),
        *(update(1, f"INC-{number}", at=long_ago) for number in (1, 2, 3)),
        update(2, "INC-3", phase=Phase.RESOLVED, at=ago(days=89)),
    )
    told = store.read(lambda tx: tx.published_since(QUARTER))
    assert {one.id for one in told} == {"INC-2/public/1", "INC-3/public/1", "INC-3/public/2"}, "whole, or not at all"


def test_what_became_private_and_drills_are_not_read(store: Store) -> None:
    keep(
        store,
        incident(1, version=0, group="", private=True),
        incident(2, version=0, group="", drill="knight-capital"),
        update(1, "INC-1"),
        update(1, "INC-2"),
        update(1, "INC-3"),
    )
    assert store.read(lambda tx: tx.published_since(QUARTER)) == ()


def test_maintenance_is_read_until_it_is_long_over(store: Store) -> None:
    early = maintenance(id="MNT-1", starts_at=ago(days=95), until=ago(days=94))
    later = maintenance(id="MNT-2", starts_at=ago(days=5), until=ago(days=4))
    planned = maintenance(id="MNT-3")
    keep(store, planned, early, later)
    found = store.read(lambda tx: tx.maintenances(QUARTER))
    assert [one.id for one in found] == ["MNT-2", "MNT-3"]
    assert store.read(lambda tx: (tx.count_maintenances(), tx.maintenance("MNT-9"))) == (3, None)


def test_how_copies_do_is_kept(store: Store) -> None:
    keep(store, Export(id="disk", done_at=NOON, failing_since=NOON, failures=2, trouble="full"))
    found = store.read(lambda tx: tx.export("disk"))
    assert found == Export(id="disk", done_at=NOON, failing_since=NOON, failures=2, trouble="full", version=1)


# ---------------------------------------------------------------- what the internal pages ask


def test_incidents_are_found_by_what_one_knows_of_them(store: Store) -> None:
    keep(
        store,
        incident(1, version=0, group="", title="100% of Payments fail", severity=Severity.SEV1),
        incident(2, version=0, group="", service="search", phase=Phase.RESOLVED),
        incident(3, version=0, group="", private=True),
    )

    def found(**asked: Any) -> list[int]:
        anything = {"open": None, "service": "", "severity": None, "words": "", "private": False, "limit": 9}
        return [one.number for one in store.read(lambda tx: tx.found_incidents(**anything | asked))]

    assert found() == [2, 1]
    assert found(private=True) == [3, 2, 1]
    assert (found(open=True), found(open=False)) == ([1], [2])
    assert (found(service="search"), found(severity=Severity.SEV1), found(limit=1)) == ([2], [1], [2])
    assert (found(words="PAYMENTS"), found(words="0%"), found(words="_")) == ([1], [1], [])


def test_commanders_and_changes_of_many_are_read_at_once(store: Store) -> None:
    held = [
        Assignment(incident=f"INC-{n}", role=role, user=user, by="U", at=NOON)
        for n, role, user in ((1, Role.COMMANDER, "U1"), (2, Role.COMMANDER, ""), (3, Role.OPS, "U3"))
    ]
    keep(store, *held, change("a"), change("b"))
    assert store.read(lambda tx: tx.commanders(["INC-1", "INC-2", "INC-3"])) == {"INC-1": "U1"}
    assert set(store.read(lambda tx: tx.changes_of(["a", "c"]))) == {"a"}
