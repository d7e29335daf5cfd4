"""Gates and freezes as they are kept: what stands is found by an index, and leave for once is used once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import text

from bot import gates
from bot.decision import Decision, Noun
from bot.gates import Facts, Kind, Tick
from bot.model import Freeze, Gate, Hold, Pass, Phase
from bot.policy import Policy, Service
from storage.store import Store, Tx
from tests.storage.conftest import Open, together
from tests.storage.helpers import keep, later
from tests.values import NOON, incident

FREEZE = Freeze(id="FRZ-1", scope="checkout", reason="ü", by="U", at=NOON, until=later(60))
HOLD = Hold(id="checkout/production/U", service="checkout", environment="production", holder="U", why="", at=NOON)
PASS = Pass(
    id="checkout/production/confirm-promotion/1",
    service="checkout",
    environment="production",
    gate="confirm-promotion",
    checksum="abc",
    once=True,
    by="U",
    at=NOON,
    until=later(30),
    over=("INC-7/SEV2",),
)
GATE = Gate(
    service="checkout",
    environment="production",
    gate="confirm-promotion",
    checksum="abc",
    phase="Progressing",
    open=False,
    why="ü",
    at=NOON,
)
HERE = ("checkout", "production")


@pytest.mark.parametrize(
    ("noun", "read"),
    [
        (FREEZE, lambda tx: tx.freeze("FRZ-1")),
        (HOLD, lambda tx: tx.find_hold(HOLD.id)),
        (PASS, lambda tx: tx.passes(*HERE, NOON)[0]),
        (GATE, lambda tx: tx.gates(*HERE)[0]),
    ],
    ids=lambda case: type(case).__name__,
)
def test_a_noun_comes_back_as_it_was(store: Store, noun: Noun, read: object) -> None:
    keep(store, noun)
    assert store.read(read) == replace(noun, version=1)  # type: ignore[arg-type, call-arg]


def test_only_what_stands_is_found(store: Store) -> None:
    keep(store, replace(FREEZE, id="FRZ-2", thawed_at=NOON), FREEZE, replace(FREEZE, id="FRZ-3", until=NOON))
    keep(store, HOLD, replace(HOLD, id="b", lifted_at=NOON), replace(HOLD, id="c", environment="staging"))
    keep(store, PASS, replace(PASS, id="b", used_at=NOON), replace(PASS, id="c", until=NOON))
    keep(store, replace(PASS, id="d", service="payments"), GATE, replace(GATE, gate="deploy", at=later(1)))
    keep(store, replace(GATE, service="payments"))
    found = store.read(lambda tx: (tx.freezes(NOON), tx.holds(*HERE), tx.passes(*HERE, NOON), tx.gates(*HERE)))
    assert [each.id for each in found[0]] == ["FRZ-1"]
    assert [each.id for each in found[1]] == [HOLD.id]
    assert [each.id for each in found[2]] == [PASS.id]
    assert [each.gate for each in found[3]] == ["deploy", "confirm-promotion"]
    assert store.read(lambda tx: (tx.count_freezes(), tx.count_passes())) == (3, 4)


def test_the_open_incidents_near_a_service(store: Store) -> None:
    keep(store, incident(1, version=0, group="a"), incident(2, version=0, group="b", service="payments"))
    keep(store, incident(3, version=0, group="c", phase=Phase.RESOLVED))
    keep(
        store, incident(4, version=0, group="d", environment="staging"), incident(5, version=0, group="e", service="x")
    )
    near = store.read(lambda tx: tx.open_incidents_near(("checkout", "payments"), "production"))
    assert [i.number for i in near] == [2, 1]


@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("ix_hold_standing", "SELECT * FROM hold WHERE service = 'a' AND environment = 'b' AND lifted_at IS NULL"),
        ("ix_gate_pass_open", "SELECT * FROM gate_pass WHERE service = 'a' AND environment = 'b' AND used_at IS NULL"),
        ("ix_freeze_standing", "SELECT * FROM freeze WHERE thawed_at IS NULL AND until > '2026'"),
        ("ix_gate_service", "SELECT * FROM gate WHERE service = 'a' AND environment = 'b'"),
        (
            "ix_incident_open",
            "SELECT * FROM incident WHERE service IN ('a', 'b') AND environment = 'c' AND phase <> 'resolved'",
        ),
    ],
)
def test_a_tick_reads_by_indexes_alone(opened: Open, index: str, query: str) -> None:
    """Every few seconds from many canaries: what is over must cost nothing."""
    store = opened("sqlite://")
    store.migrate()
    with store.transactions.reading() as connection:
        rows = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
    assert index in str(rows)


SERVICE = Service(name="checkout")


def ask(store: Store, kind: Kind) -> bool:
    """As a replica does: look, then decide."""
    told: list[Gate] = []

    def think(tx: Tx, now: datetime) -> Decision:
        facts = Facts(
            service=SERVICE,
            incidents=tx.open_incidents_near(["checkout"], "production"),
            passes=tx.passes(*HERE, now),
            seen={gate.gate: gate for gate in tx.gates(*HERE)},
        )
        gate, decision = gates.asked(Tick(gate=kind, checksum="abc"), facts, Policy(), now)
        told.append(gate)
        return decision

    if store.read(lambda tx: think(tx, NOON)).save:
        store.decide(think, NOON)
    return told[-1].open


@pytest.mark.parametrize("kind", [Kind.PROMOTION, Kind.ROLLBACK])
def test_of_many_who_ask_at_once_one_is_told_yes(store: Store, open_store: Open, kind: Kind) -> None:
    """The same tick, delivered again to another replica while leave for once is used up."""
    replicas = [store] if store.group else [store, open_store()]
    keep(store, incident(7, version=0), replace(PASS, gate=kind))
    answers = together(8, lambda n: ask(replicas[n % len(replicas)], kind))
    assert sorted(map(str, answers)) == ["False"] * 7 + ["True"]
    assert store.read(lambda tx: tx.passes(*HERE, NOON)) == ()
    said = [entry.text for entry in store.read(lambda tx: tx.entries("INC-7")) if "opens once" in entry.text]
    assert len(said) == 1
