"""What Flagger tells: kept once for each phase, told where it ends, and never taken from a stranger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.decision import Decision
from bot.errors import Refused
from bot.gates import Facts, Kind, Tick, rollback
from bot.heard import heard
from bot.model import Gate, Hold, Pass, Post
from bot.policy import Service, Target
from tests.bot.test_gates import CHECKOUT, DANA, HOLD, SEV2, facts, saved, seen, tick
from tests.values import NOON, minutes

IN_CLUSTER = replace(CHECKOUT, rollout=Target(provider="flagger", cluster="main", namespace="shop", name="checkout"))


def told(kind: Kind = Kind.ENDED, phase: str = "Failed", **other: str) -> Tick:
    return tick(kind, phase=phase, **other)


def kept(tick: Tick, known: Facts) -> dict[str, Gate]:
    return {tick.gate.value: replace(heard(tick, known, NOON)[0], version=1)}


def test_a_phase_is_noted_once() -> None:
    first = told(Kind.EVENT, "Progressing")
    gate, decision = heard(first, facts(), NOON)
    assert (gate.open, gate.phase, saved(decision, Gate)) == (True, "Progressing", [gate])
    assert [entry.text for entry in decision.note] == ["Flagger says that checkout is Progressing with abc"]
    known = facts(seen=kept(first, facts()))
    assert heard(first, known, NOON)[1] == Decision()
    assert heard(told(Kind.EVENT, "WaitingPromotion"), known, NOON)[1].note
    assert heard(replace(first, checksum="def"), known, NOON)[1].note


def test_what_two_webhooks_tell_is_told_once() -> None:
    known = facts(incidents=(SEV2,), seen=kept(told(Kind.ENDED), facts()))
    decision = heard(told(Kind.EVENT), known, NOON)[1]
    assert len(saved(decision, Gate)) == 1
    assert (decision.note, saved(decision, Post)) == ((), [])


@pytest.mark.parametrize(("phase", "says"), [("Failed", "*failed*"), ("Succeeded", "*succeeded*")])
def test_the_responders_read_how_it_ended(phase: str, says: str) -> None:
    (post,) = saved(heard(told(phase=phase), facts(incidents=(SEV2,)), NOON)[1], Post)
    assert says in post.text
    assert "proven" not in post.text
    assert not saved(heard(told(phase=phase), facts(), NOON)[1], Post)  # nobody is there to read it


def test_it_proves_a_rollback_of_this_revision_that_was_ordered() -> None:
    ordered = seen(Kind.ROLLBACK, open=True, checksum="abc")
    (post,) = saved(heard(told(), facts(incidents=(SEV2,), seen=ordered), NOON)[1], Post)
    assert "*proven*" in post.text
    (post,) = saved(heard(told(checksum="def"), facts(incidents=(SEV2,), seen=ordered), NOON)[1], Post)
    assert "proven" not in post.text


def test_where_the_cluster_is_read_the_channel_is_told_from_there() -> None:
    decision = heard(told(), Facts(service=IN_CLUSTER, incidents=(SEV2,)), NOON)[1]
    assert decision.note
    assert not saved(decision, Post)


@pytest.mark.parametrize("service", [CHECKOUT, IN_CLUSTER])
def test_a_stranger_is_not_believed(service: Service) -> None:
    gate, decision = heard(told(name="payments", namespace="shop"), Facts(service=service), NOON)
    assert (gate.open, decision) == (False, Decision())


def test_what_is_over_hears_no_order() -> None:
    with pytest.raises(Refused, match="hears no order then"):
        rollback(facts(seen=kept(told(), facts())), by=DANA, number=1, now=NOON)
    assert rollback(facts(seen=kept(told(Kind.EVENT, "Progressing"), facts())), by=DANA, number=1, now=NOON).save


def test_an_order_ends_with_the_run_that_it_was_for() -> None:
    """The same revision may be deployed again, with the same checksum."""
    going = facts(seen=kept(told(Kind.EVENT, "Progressing"), facts()))
    (order,) = saved(rollback(going, by=DANA, number=1, now=NOON), Pass)
    known = replace(going, passes=[order])
    (void,) = saved(heard(told(), known, NOON + minutes(1))[1], Pass)
    assert (void.id, void.until) == (order.id, NOON + minutes(1))
    assert saved(heard(told(checksum="def"), known, NOON + minutes(1))[1], Pass) == []
    assert saved(heard(told(Kind.EVENT, "WaitingPromotion"), known, NOON + minutes(1))[1], Pass) == []


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_trap_a_persons_hold_does_not_outlive_the_release_it_was_for(phase: str) -> None:
    check = replace(HOLD, id="checkout/production/verify", holder="verify")
    known = facts(incidents=(SEV2,), holds=(HOLD, check))
    decision = heard(told(phase=phase), known, NOON + minutes(1))[1]
    (lifted,) = saved(decision, Hold)
    assert (lifted.id, lifted.lifted_at, lifted.lifted_by) == (HOLD.id, NOON + minutes(1), "watchkeeper")
    (line,) = [entry for entry in decision.note if entry.source == HOLD.id]
    assert (line.incident, line.text) == (SEV2.id, f"the hold of checkout is lifted, as Flagger says {phase} of abc")


def test_while_a_release_goes_on_and_when_its_end_is_told_again_what_is_held_stays_held() -> None:
    """Whoever holds it after its end means what comes."""
    assert saved(heard(told(Kind.EVENT, "Progressing"), facts(holds=(HOLD,)), NOON + minutes(1))[1], Hold) == []
    again = facts(holds=(replace(HOLD, at=NOON + minutes(1)),), seen=kept(told(Kind.ENDED), facts()))
    assert saved(heard(told(Kind.EVENT), again, NOON + minutes(2))[1], Hold) == []
