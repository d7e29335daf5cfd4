"""Probes as they are kept: how each stands, and the evidence of its latest turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.decision import PostCard, RunProbe
from bot.model import Evidence, Finding
from storage.store import Conflict, Store
from tests.storage.helpers import claim, do, done, keep, later
from tests.values import NOON

FINDING = Finding(
    id="prices",
    service="checkout",
    environment="production",
    faults=("“€” is not in it",),
    kinds=("text €",),
    around="10.0.0.1 of 2 addresses answer well",
    in_a_row=3,
    since=NOON,
    checked_at=later(2),
    alerted_at=later(1),
    kept=7,
)
EVIDENCE = Evidence(
    id="prices/7",
    probe="prices",
    at=NOON,
    incident="INC-7",
    faults=("“€” is not in it",),
    status=200,
    seconds=0.041,
    size=26,
    headers={"content-type": "text/html"},
    beginning="<h1>Welcome to nginx!</h1>\0",
)


def test_a_finding_is_read_back_as_it_was(store: Store) -> None:
    keep(store, FINDING, replace(FINDING, id="login", service="login", faults=(), kinds=()))
    kept = replace(FINDING, version=1)
    assert store.read(lambda tx: tx.finding("prices")) == kept
    assert store.read(lambda tx: tx.findings("checkout", "production")) == (kept,)
    assert store.read(lambda tx: tx.findings("checkout", "staging")) == ()
    assert store.read(lambda tx: tx.finding("search")) is None


def test_two_looks_at_once_are_one(store: Store) -> None:
    keep(store, FINDING)
    with pytest.raises(Conflict):
        keep(store, FINDING)


def test_evidence_is_read_back_newest_first_and_its_place_is_used_again(store: Store) -> None:
    keep(store, EVIDENCE, replace(EVIDENCE, id="prices/8", at=later(1)), replace(EVIDENCE, id="login/1", probe="login"))
    assert [one.id for one in store.read(lambda tx: tx.evidence("prices"))] == ["prices/8", "prices/7"]
    keep(store, replace(EVIDENCE, at=later(2), status=503))
    assert [one.status for one in store.read(lambda tx: tx.evidence("prices"))] == [503, 200]
    assert store.read(lambda tx: tx.evidence("login"))[0].headers == {"content-type": "text/html"}


def test_evidence_goes_with_its_time(store: Store) -> None:
    keep(store, EVIDENCE)
    assert store.prune(NOON) == 0
    assert store.prune(later(1)) == 1


def test_a_probe_is_due_while_it_waits_or_runs(store: Store) -> None:
    def is_due() -> bool:
        return store.read(lambda tx: tx.is_due(RunProbe("prices")))

    assert not is_due()
    do(store, RunProbe("prices"), RunProbe("login", due=later(1)))
    assert is_due()
    job = claim(store)
    assert is_due()
    done(store, job)
    assert not is_due()


def test_what_is_done_every_few_seconds_is_kept_for_a_day_and_not_for_a_month(store: Store) -> None:
    do(store, RunProbe("prices"), PostCard("INC-7"))
    for job in store.claim(NOON, limit=9):
        done(store, job)
    a_month_before = NOON - (later(29 * 24 * 60) - NOON)
    assert store.prune(a_month_before) == 0
    assert store.prune(a_month_before + (later(1) - NOON)) == 1
