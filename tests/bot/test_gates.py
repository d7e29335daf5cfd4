"""Gates: a truth table for each, and leave that covers no more than was known when it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import gates
from bot.decision import Decision
from bot.errors import Refused
from bot.gates import FORWARD, Facts, Kind, Tick
from bot.model import Freeze, Gate, Hold, Pass, Phase, Severity
from bot.policy import GATES, Policy, Service, Target
from tests.values import NOON, incident, minutes

DANA, BOB = "U0DANA", "U0BOB"
CHECKOUT = Service(
    name="checkout",
    depends_on=("payments",),
    rollout=Target(provider=GATES, cluster="", namespace="", name="checkout"),
)
POLICY = Policy(services={"checkout": CHECKOUT})
SEV2 = incident(7)
SEV3 = incident(8, severity=Severity.SEV3)
UPSTREAM = incident(9, service="payments", severity=Severity.SEV1)
FREEZE = Freeze(
    id="FRZ-1", scope="checkout/production", reason="stock count", by=BOB, at=NOON, until=NOON + minutes(60)
)
HOLD = Hold(id="checkout/production/U0BOB", service="checkout", environment="production", holder=BOB, why="", at=NOON)


def tick(gate: Kind = Kind.PROMOTION, checksum: str = "abc", phase: str = "Progressing", **other: str) -> Tick:
    return Tick(gate=gate, checksum=checksum, phase=phase, **other)


def facts(**other: Any) -> Facts:
    return Facts(service=CHECKOUT, **other)


def asked(tick: Tick, facts: Facts, now: Any = NOON, policy: Policy = POLICY) -> Gate:
    return gates.asked(tick, facts, policy, now)[0]


def pass_(gate: Kind = Kind.PROMOTION, **other: Any) -> Pass:
    values = {
        "id": f"checkout/production/{gate}/1",
        "service": "checkout",
        "environment": "production",
        "gate": gate,
        "checksum": "abc",
        "once": True,
        "by": DANA,
        "at": NOON,
        "until": NOON + minutes(30),
        "version": 1,
    }
    return Pass(**values | other)


def saved(decision: Decision, noun: type) -> list[Any]:
    return [each for each in decision.save if isinstance(each, noun)]


def seen(gate: Kind = Kind.PROMOTION, **other: Any) -> dict[str, Gate]:
    return {gate.value: replace(asked(tick(gate), facts(incidents=(SEV2,))), version=1, **other)}


# ---------------------------------------------------------------- the truth tables


@pytest.mark.parametrize("gate", FORWARD)
@pytest.mark.parametrize(
    ("what", "closes"),
    [
        ({}, ()),
        ({"incidents": (SEV2,)}, FORWARD),
        ({"incidents": (SEV3,)}, ()),
        ({"incidents": (UPSTREAM,)}, FORWARD),
        ({"incidents": (replace(SEV2, environment="staging"),)}, ()),
        ({"incidents": (replace(SEV2, phase=Phase.MONITORING),)}, FORWARD),
        ({"incidents": (replace(SEV2, phase=Phase.RESOLVED),)}, ()),
        ({"freezes": (FREEZE,)}, FORWARD),
        ({"freezes": (replace(FREEZE, scope="all"),)}, FORWARD),
        ({"freezes": (replace(FREEZE, scope="environment:production"),)}, FORWARD),
        ({"freezes": (replace(FREEZE, scope="environment:staging"),)}, ()),
        ({"freezes": (replace(FREEZE, scope="payments/production"),)}, ()),
        ({"freezes": (replace(FREEZE, until=NOON),)}, ()),
        ({"freezes": (replace(FREEZE, thawed_at=NOON),)}, ()),
        ({"holds": (HOLD,)}, (Kind.INCREASE, Kind.PROMOTION)),
        ({"holds": (replace(HOLD, holder="verify"),)}, (Kind.INCREASE, Kind.PROMOTION)),
        ({"holds": (replace(HOLD, lifted_at=NOON),)}, ()),
    ],
)
def test_what_closes_a_gate(gate: Kind, what: dict[str, Any], closes: tuple[Kind, ...]) -> None:
    told = asked(tick(gate), facts(**what))
    assert told.open is (gate not in closes)
    assert told.why


def test_the_policy_says_which_incidents_close() -> None:
    never = replace(POLICY, closes_gates_at=None)
    mild = replace(POLICY, closes_gates_at=Severity.SEV3)
    alone = replace(POLICY, gates_follow_dependencies=False)
    assert asked(tick(), facts(incidents=(SEV2,)), policy=never).open
    assert not asked(tick(), facts(incidents=(SEV3,)), policy=mild).open
    assert asked(tick(), facts(incidents=(UPSTREAM,)), policy=alone).open


def test_a_gate_held_by_several_opens_only_when_none_holds_it() -> None:
    both = facts(incidents=(SEV2, UPSTREAM), holds=(HOLD,))
    assert "INC-7" in asked(tick(), both).why
    assert "INC-9" in asked(tick(), both).why
    assert not asked(tick(), replace(both, incidents=(UPSTREAM,), holds=())).open
    assert asked(tick(), facts()).open


# ---------------------------------------------------------------- the gate that is open only on order


def test_an_order_is_heard_once_and_by_the_revision_it_is_for() -> None:
    ordered = facts(passes=(pass_(Kind.ROLLBACK),), incidents=(SEV2,))
    assert not asked(tick(Kind.ROLLBACK, checksum="def"), ordered).open
    gate, decision = gates.asked(tick(Kind.ROLLBACK), ordered, POLICY, NOON)
    assert gate.open
    (used,) = saved(decision, Pass)
    assert used.used_at == NOON
    assert not asked(tick(Kind.ROLLBACK), replace(ordered, passes=(used,))).open
    assert decision.note[0].by == DANA
    assert decision.note[0].incident == "INC-7"


def test_trap_who_asks_again_after_the_order_may_not_have_heard_it() -> None:
    """The answer was lost: nothing may say that it was rolled back."""
    told = asked(tick(Kind.ROLLBACK), facts(passes=(pass_(Kind.ROLLBACK),)))
    again, decision = gates.asked(
        tick(Kind.ROLLBACK), facts(seen={"rollback": told}, incidents=(SEV2,)), POLICY, NOON + minutes(1)
    )
    assert not again.open
    assert "asks again" in decision.save[1].text  # type: ignore[union-attr]
    other = gates.asked(
        tick(Kind.ROLLBACK, checksum="def"), facts(seen={"rollback": told}, incidents=(SEV2,)), POLICY, NOON
    )
    assert len(other[1].save) == 1


FACTS = st.builds(
    facts,
    incidents=st.lists(st.sampled_from([SEV2, SEV3, UPSTREAM]), unique=True),
    freezes=st.lists(st.just(FREEZE), max_size=1),
    holds=st.lists(st.just(HOLD), max_size=1),
    passes=st.lists(
        st.builds(
            pass_,
            st.sampled_from(Kind),
            checksum=st.sampled_from(["", "abc", "def"]),
            once=st.booleans(),
            used_at=st.sampled_from([None, NOON]),
            until=st.sampled_from([NOON, NOON + minutes(30)]),
            over=st.sets(st.sampled_from(["INC-7/SEV2", "INC-9/SEV1", "FRZ-1"])).map(tuple),
        ),
        max_size=4,
    ),
)
TICKS = st.builds(
    tick,
    st.sampled_from(Kind),
    checksum=st.sampled_from(["", "abc", "def"]),
    phase=st.sampled_from(["", "Waiting", "Progressing"]),
    name=st.sampled_from(["", "checkout", "payments"]),
)


@given(TICKS, FACTS)
def test_whatever_is_known_the_rollback_gate_opens_for_an_order_only_and_uses_it_up(asks: Tick, known: Facts) -> None:
    asks = replace(asks, gate=Kind.ROLLBACK)
    gate, decision = gates.asked(asks, known, POLICY, NOON)
    standing = [p for p in known.passes if (p.gate, p.checksum, p.used_at) == ("rollback", asks.checksum, None)]
    if gate.open:
        (used,) = saved(decision, Pass)
        assert replace(used, used_at=None) in standing
        assert used.until > NOON
    else:
        assert not saved(decision, Pass)


@given(TICKS, FACTS)
def test_the_same_facts_always_give_the_same_answer_and_closed_names_a_reason(asks: Tick, known: Facts) -> None:
    first = gates.asked(asks, known, POLICY, NOON)
    assert first == gates.asked(asks, known, POLICY, NOON)
    assert first[0].why


@given(TICKS, FACTS, st.sampled_from([SEV2, UPSTREAM]))
def test_one_more_incident_never_opens_a_gate(asks: Tick, known: Facts, more: Any) -> None:
    worse = replace(known, incidents=[*known.incidents, more])
    if asks.gate is not Kind.ROLLBACK and asked(asks, worse).open:
        assert asked(asks, known).open


# ---------------------------------------------------------------- leave


def held(**other: Any) -> Facts:
    return facts(**{"incidents": (SEV2,), "seen": seen()} | other)


def promoted(known: Facts, **other: Any) -> Decision:
    return gates.promote(known, POLICY, **{"full": False, "by": DANA, "number": 1, "now": NOON} | other)


def test_leave_opens_the_gate_that_waits_for_one_tick() -> None:
    (given_,) = saved(promoted(held()), Pass)
    assert (given_.gate, given_.checksum, given_.once) == ("confirm-promotion", "abc", True)
    gate, decision = gates.asked(tick(), held(passes=(given_,)), POLICY, NOON)
    (used,) = saved(decision, Pass)
    assert gate.open
    assert not asked(tick(), held(passes=(used,))).open


def test_leave_dies_with_its_revision_and_in_time() -> None:
    (given_,) = saved(promoted(held()), Pass)
    assert not asked(tick(checksum="def"), held(passes=(given_,))).open
    assert not asked(tick(), held(passes=(given_,)), now=NOON + gates.PASS_LASTS).open


def test_full_leave_opens_all_gates_of_this_revision_again_and_again() -> None:
    passes = tuple(saved(promoted(held(), full=True), Pass))
    assert [p.gate for p in passes] == ["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"]
    for gate in FORWARD[:3]:
        told, decision = gates.asked(tick(gate), held(passes=passes), POLICY, NOON)
        assert told.open
        assert not saved(decision, Pass)
    assert not asked(tick(Kind.ROLLBACK), held(passes=passes)).open


@pytest.mark.parametrize(
    "later",
    [
        {"incidents": (SEV2, incident(12, opened_at=NOON + minutes(1)))},
        {"incidents": (replace(SEV2, severity=Severity.SEV1),)},
        {"freezes": (FREEZE,)},
        {"holds": (HOLD,)},
    ],
    ids=["another incident", "it got worse", "a freeze", "a hold"],
)
@pytest.mark.parametrize("full", [True, False])
def test_trap_leave_does_not_cover_what_came_later(later: dict[str, Any], full: bool) -> None:
    """Who promoted fully at noon did not know of the incident that the release caused at one."""
    passes = tuple(saved(promoted(held(), full=full), Pass))
    assert asked(tick(), held(passes=passes)).open
    assert not asked(tick(), held(passes=passes, **later)).open


def test_trap_a_hold_put_on_again_is_a_new_one() -> None:
    passes = tuple(saved(promoted(held(incidents=(), holds=(HOLD,))), Pass))
    assert asked(tick(), facts(holds=(HOLD,), passes=passes)).open
    assert not asked(tick(), facts(holds=(replace(HOLD, at=NOON + minutes(5)),), passes=passes)).open


@pytest.mark.parametrize(("full", "line"), [(True, "promote checkout --full"), (False, "promote checkout")])
def test_the_way_over_a_freeze_is_as_far_as_was_asked_for(full: bool, line: str) -> None:
    with pytest.raises(Refused) as refused:
        promoted(held(freezes=(FREEZE,)), full=full)
    assert f'`/rollout {line} --break-glass "why"`' in refused.value.why


def test_nobody_promotes_over_a_freeze() -> None:
    with pytest.raises(Refused, match="stock count") as refused:
        promoted(held(freezes=(FREEZE,)))
    assert refused.value.instead == "/rollout thaw FRZ-1"


def test_a_promotion_under_three_freezes_names_all_of_them() -> None:
    freezes = tuple(replace(FREEZE, id=f"FRZ-{n}", reason=f"reason {n}") for n in (1, 2, 3))
    with pytest.raises(Refused, match=r"reason 1.*reason 2.*reason 3"):
        promoted(held(freezes=freezes))


def test_leave_is_not_given_where_it_means_nothing() -> None:
    with pytest.raises(Refused, match="Nobody has asked"):
        promoted(held(seen={}))
    with pytest.raises(Refused, match="Nothing holds"):
        promoted(held(incidents=()))
    passes = tuple(saved(promoted(held()), Pass))
    with pytest.raises(Refused, match="already"):
        promoted(held(passes=passes))


def test_a_pipeline_that_was_refused_gets_leave_for_its_version() -> None:
    (given_,) = saved(promoted(held(seen=seen(Kind.DEPLOY, checksum="v43"))), Pass)
    assert (given_.gate, given_.checksum) == ("deploy", "v43")


# ---------------------------------------------------------------- held, and let go


def test_a_pause_closes_and_a_resume_opens() -> None:
    (hold,) = saved(gates.pause(facts(), None, "looks odd", BOB, NOON), Hold)
    assert not asked(tick(Kind.INCREASE), facts(holds=(hold,))).open
    decision = gates.resume(facts(holds=(hold,)), POLICY, by=DANA, now=NOON)
    (lifted,) = saved(decision, Hold)
    assert (lifted.lifted_at, lifted.lifted_by) == (NOON, DANA)
    assert "gates are open" in str(decision.say)


def test_resuming_says_what_holds_it_still() -> None:
    say = gates.resume(facts(holds=(HOLD,), incidents=(SEV2,)), POLICY, by=DANA, now=NOON).say
    assert "stay closed: INC-7" in str(say)


def test_a_failed_check_is_not_lifted_by_resuming() -> None:
    with pytest.raises(Refused, match="Nobody holds"):
        gates.resume(facts(holds=(replace(HOLD, holder="verify"),)), POLICY, by=DANA, now=NOON)


def test_holding_twice_is_refused_and_holding_again_is_not() -> None:
    with pytest.raises(Refused, match="already"):
        gates.pause(facts(), HOLD, "", BOB, NOON)
    lifted = replace(HOLD, lifted_at=NOON, version=2)
    (again,) = saved(gates.pause(facts(), lifted, "", BOB, NOON + minutes(5)), Hold)
    assert (again.id, again.version, again.lifted_at) == (HOLD.id, 2, None)


def test_an_order_says_that_nothing_has_happened_yet() -> None:
    say = str(gates.rollback(held(), by=DANA, number=1, now=NOON).say)
    assert "Nothing has happened yet" in say
    assert "has never asked at its gate `rollback`" in say


def test_trap_in_phase_waiting_flagger_does_not_ask_whether_to_roll_back() -> None:
    known = held(seen={**seen(Kind.START, phase="Waiting"), **seen(Kind.ROLLBACK)})
    assert "phase Waiting" in str(gates.rollback(known, by=DANA, number=1, now=NOON).say)


def test_a_line_is_bound_to_the_revision_that_was_looked_at() -> None:
    gates.must_be_at(held(), "promote", "abc")
    with pytest.raises(Refused, match="Nothing was changed"):
        gates.must_be_at(held(seen=seen(checksum="def")), "promote", "abc")


def test_trap_a_rollback_is_bound_to_what_flagger_asked_about_and_not_to_what_a_pipeline_ships() -> None:
    known = held(seen={**seen(Kind.DEPLOY, checksum="v43"), **seen(Kind.INCREASE)})
    (order,) = saved(gates.rollback(known, by=DANA, number=1, now=NOON), Pass)
    assert gates.revision(known, "rollback") == gates.revision(known, "abort") == order.checksum == "abc"
    assert gates.revision(known, "promote") == "v43"  # which is what leave would be given to


# ---------------------------------------------------------------- remembered


def test_nothing_is_remembered_while_nothing_is_new() -> None:
    gate, decision = gates.asked(tick(), facts(), POLICY, NOON)
    assert decision.save == (gate,)
    before = replace(gate, version=1)
    again, nothing = gates.asked(tick(), facts(seen={gate.gate: before}), POLICY, NOON + minutes(5))
    assert nothing == Decision()
    assert again.at == NOON
    for news in (tick(phase="WaitingPromotion"), tick(checksum="def")):
        assert gates.asked(news, facts(seen={gate.gate: before}), POLICY, NOON)[1].save


def test_closing_and_opening_are_on_the_timeline() -> None:
    closed, decision = gates.asked(tick(), facts(incidents=(SEV2,)), POLICY, NOON)
    (entry,) = decision.note
    assert entry.text == (
        "gate confirm-promotion of checkout is closed for abc (Progressing): INC-7 (SEV2) is open for checkout"
    )
    assert entry.incident == "INC-7"
    opened = gates.asked(tick(), facts(seen={closed.gate: closed}), POLICY, NOON)[1]
    assert "is open for abc" in opened.note[0].text


def test_trap_a_url_that_was_copied_to_another_canary_answers_no() -> None:
    told, decision = gates.asked(tick(name="payments", namespace="shop"), facts(), POLICY, NOON)
    assert not told.open
    assert "shop/payments asks" in told.why
    assert decision == Decision()
    assert asked(tick(name="checkout", namespace="shop"), facts()).open
