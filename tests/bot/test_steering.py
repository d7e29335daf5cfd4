"""A canary that asks at our gates: what only we know of it, and what a request comes to there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.canaries import FLAGGER, with_gates
from bot.decision import Decision
from bot.errors import Refused
from bot.gated import by_gates
from bot.gates import Facts, Kind
from bot.intents import BY_HAND, Intent, plan
from bot.model import Gate, Hold, Pass, Request, RequestState, Revision, Rollout, RolloutPhase, Verb
from bot.policy import Policy
from bot.preflight import Surroundings, preflight
from bot.steering import steered
from tests.bot.test_gates import DANA, FREEZE, HOLD, SEV2, facts, saved
from tests.values import NOON, minutes

GATES = tuple(kind.value for kind in Kind)
CANARY = Rollout(
    service="checkout",
    environment="production",
    cluster="main",
    namespace="shop",
    name="checkout",
    kind="Canary",
    strategy=FLAGGER,
    phase=RolloutPhase.PROGRESSING,
    message="",
    current=Revision(hash="h42", version="v42"),
    stable=Revision(hash="h41", version="v41", available=4),
    steps=("start", "set weight 10%", "set weight 20%", "promote"),
    step=2,
    weight=10,
    desired=4,
    available=8,
    stable_available=4,
    gates=GATES,
)
SUSPENDED = replace(CANARY, paused=True, phase=RolloutPhase.PAUSED)
LATER = NOON + minutes(1)


def gate(kind: Kind = Kind.INCREASE, **other: Any) -> Gate:
    values: dict[str, Any] = {
        "service": "checkout",
        "environment": "production",
        "gate": kind.value,
        "checksum": "abc",
        "phase": "Progressing",
        "open": False,
        "why": "INC-7 is open",
        "at": NOON,
        "version": 1,
    }
    return Gate(**values | other)


def request(intent: Intent, wait: str = "", verb: Verb = Verb.ROLLBACK) -> Request:
    to = "h41" if intent is Intent.ABORT else "h42"
    return Request(
        id=f"INC-7/{verb}/checkout/1",
        incident="INC-7",
        verb=verb,
        service="checkout",
        environment="production",
        intent=intent,
        from_revision="h42",
        from_version="v42",
        to_revision=to,
        to_version=to.replace("h", "v"),
        reviewed_step=2,
        reviewed_wait=wait,
        channel="@incident",
        by=DANA,
        at=NOON,
        state=RequestState.CONFIRMED,
    )


def does(asked: Request, known: Facts, rollout: Rollout | None = None, *, answered: bool = True) -> Decision:
    """Where the rollout is as it was reviewed, unless it is said how."""
    by_hand = asked.reviewed_wait == BY_HAND
    reviewed = replace(CANARY, paused=by_hand, waiting="" if by_hand else asked.reviewed_wait)
    return steered(asked, rollout or reviewed, known, None, Policy(), answered=answered, number=5, now=LATER)


def asking(*gates: Gate, **other: Any) -> Facts:
    return facts(seen={each.gate: each for each in gates or (gate(),)}, **other)


# ---------------------------------------------------------------- what only we know


def test_a_persons_hold_is_a_pause_that_the_cluster_knows_nothing_of() -> None:
    held = with_gates(CANARY, [HOLD], {})
    assert (held.paused, held.held, held.phase) == (True, True, RolloutPhase.PAUSED)
    assert "still rolls back by itself" in held.message
    assert with_gates(SUSPENDED, [HOLD], {}).held is False  # the cluster does know of this one


@pytest.mark.parametrize(
    ("rollout", "holds"),
    [
        (replace(CANARY, gates=("confirm-promotion",)), [HOLD]),  # would take its weights all the same
        (CANARY, [replace(HOLD, holder="verify")]),
        (CANARY, [replace(HOLD, lifted_at=NOON)]),
        (replace(CANARY, aborted=True), [HOLD]),
        (replace(CANARY, current=Revision(hash="h41")), [HOLD]),
    ],
    ids=["not all gates", "not a person", "lifted", "aborted", "at rest"],
)
def test_what_does_not_hold_it_is_not_said_to(rollout: Rollout, holds: list[Hold]) -> None:
    assert with_gates(rollout, holds, {}) == rollout


def test_a_weight_step_that_was_told_to_wait_waits() -> None:
    waits = with_gates(CANARY, [], {Kind.INCREASE: gate()})
    assert (waits.waiting, waits.for_person, waits.message) == (Kind.INCREASE, True, "INC-7 is open")
    assert not with_gates(CANARY, [], {Kind.INCREASE: gate(open=True)}).waiting
    asked_since = {Kind.PROMOTION: gate(Kind.PROMOTION, at=LATER), Kind.INCREASE: gate()}
    assert not with_gates(CANARY, [], asked_since).waiting


def test_a_gate_that_an_older_revision_asked_says_nothing_of_this_one() -> None:
    seen = {Kind.ROLLBACK: gate(Kind.ROLLBACK, checksum="new", at=LATER), Kind.INCREASE: gate(checksum="old")}
    assert not with_gates(CANARY, [], seen).waiting


@pytest.mark.parametrize(
    ("intent", "wait", "rollout", "answered"),
    [
        (Intent.PAUSE, "", CANARY, True),
        (Intent.PAUSE, "", replace(CANARY, gates=("rollback",)), False),
        (Intent.RESUME, BY_HAND, replace(CANARY, paused=True, held=True), True),
        (Intent.RESUME, BY_HAND, SUSPENDED, False),
        (Intent.RESUME, "confirm-promotion", CANARY, True),
        (Intent.RESUME, "confirm-promotion", replace(CANARY, gates=("rollback",)), False),
        (Intent.ABORT, "", CANARY, True),
        (Intent.ABORT, "", SUSPENDED, False),  # suspended it asks nobody
        (Intent.ABORT, "", replace(CANARY, gates=("confirm-promotion",)), False),
        (Intent.PROMOTE_FULLY, "", CANARY, False),
        (Intent.UNDO, "", CANARY, False),
    ],
)
def test_what_its_answers_do(intent: Intent, wait: str, rollout: Rollout, answered: bool) -> None:
    assert by_gates(intent, wait, rollout) is answered


# ---------------------------------------------------------------- what a request comes to


def test_a_pause_is_a_hold_and_is_proven_by_it() -> None:
    decision = does(request(Intent.PAUSE, verb=Verb.PAUSE), asking())
    (hold,) = saved(decision, Hold)
    assert (hold.holder, hold.lifted_at) == (DANA, None)
    assert saved(decision, Request)[-1].state is RequestState.DONE
    assert not decision.say


def test_a_rollback_is_an_order_for_what_asked_last_and_lifts_what_people_hold() -> None:
    decision = does(request(Intent.ABORT), asking(holds=[HOLD]))
    (given,) = saved(decision, Pass)
    assert (given.gate, given.checksum, given.once) == (Kind.ROLLBACK, "abc", True)
    (lifted,) = saved(decision, Hold)
    assert (lifted.id, lifted.lifted_by) == (HOLD.id, DANA)
    assert saved(decision, Request)[-1].state is RequestState.ACTING  # nothing has happened yet
    assert any("its gates answer so from now on" in entry.text for entry in decision.note)


def test_promoting_is_leave_for_one_tick_over_what_holds_it_now() -> None:
    decision = does(request(Intent.RESUME, Kind.INCREASE, Verb.PROMOTE), asking(incidents=(SEV2,)))
    (given,) = saved(decision, Pass)
    assert (given.gate, given.once, given.over) == (Kind.INCREASE, True, ("INC-7/SEV2",))


def test_a_pipeline_that_asks_beside_flagger_gets_neither_its_leave_nor_its_order() -> None:
    pipeline = gate(Kind.DEPLOY, checksum="sha", at=LATER)
    known = asking(pipeline, gate(Kind.PROMOTION), incidents=(SEV2,))
    (given,) = saved(does(request(Intent.RESUME, Kind.PROMOTION, Verb.PROMOTE), known), Pass)
    assert (given.gate, given.checksum) == (Kind.PROMOTION, "abc")
    (given,) = saved(does(request(Intent.ABORT), asking(pipeline, gate(Kind.ROLLBACK))), Pass)
    assert (given.gate, given.checksum) == (Kind.ROLLBACK, "abc")


def test_broken_glass_opens_a_frozen_gate_too() -> None:
    asked = request(Intent.RESUME, Kind.PROMOTION, Verb.PROMOTE)
    known = asking(gate(Kind.PROMOTION), freezes=[FREEZE])
    assert saved(does(asked, known), Pass) == []
    (given,) = saved(does(replace(asked, broken_glass="customers cannot pay"), known), Pass)
    assert given.gate == Kind.PROMOTION


def test_resuming_lifts_the_holds_of_people_and_no_others() -> None:
    verify = replace(HOLD, id="checkout/production/verify", holder="verify")
    decision = does(request(Intent.RESUME, BY_HAND, Verb.RESUME), asking(holds=[HOLD, verify]))
    assert [hold.id for hold in saved(decision, Hold)] == [HOLD.id]
    assert saved(decision, Request)[-1].state is RequestState.DONE


@pytest.mark.parametrize(
    ("asked", "rollout"),
    [
        (request(Intent.ABORT), replace(CANARY, aborted=True, phase=RolloutPhase.DEGRADED)),
        (request(Intent.PAUSE, verb=Verb.PAUSE), SUSPENDED),
        (request(Intent.RESUME, Kind.INCREASE, Verb.PROMOTE), replace(CANARY, step=3)),
    ],
)
def test_what_was_so_already_is_called_a_no_op(asked: Request, rollout: Rollout) -> None:
    """Nothing was sent to any cluster, and no gate answers otherwise than before."""
    decision = does(asked, asking(incidents=(SEV2,)), rollout)
    assert [type(noun) for noun in decision.save if isinstance(noun, Hold | Pass)] == []
    assert "nothing was to do" in decision.note[0].text
    assert not any("sent to cluster" in entry.text or "answer so" in entry.text for entry in decision.note)


def test_what_the_cluster_did_gives_no_leave_but_lifts_holds() -> None:
    decision = does(request(Intent.PROMOTE_FULLY, verb=Verb.PROMOTE), asking(holds=[HOLD]), answered=False)
    assert saved(decision, Pass) == []
    assert [hold.lifted_by for hold in saved(decision, Hold)] == [DANA]


@pytest.mark.parametrize(
    ("asked", "known", "why"),
    [
        (request(Intent.ABORT), facts(), "Nobody has asked"),
        (request(Intent.RESUME, Kind.INCREASE, Verb.PROMOTE), asking(freezes=[FREEZE]), "stock count"),
        (request(Intent.RESUME, Kind.INCREASE, Verb.PROMOTE), asking(), "Nothing holds"),
    ],
)
def test_what_its_gates_cannot_do_ends_the_request_with_the_reason(asked: Request, known: Facts, why: str) -> None:
    decision = does(asked, known)
    (settled,) = saved(decision, Request)
    assert settled.state is RequestState.NOTHING
    assert why in settled.outcome
    assert saved(decision, Pass) == []


def test_neither_a_hold_nor_a_suspension_freezes_the_autoscaler_of_a_canary() -> None:
    checked = preflight(Verb.PAUSE, replace(CANARY, autoscaled=True), (), Surroundings())
    assert "autoscaler" not in str(checked.reasons)


@pytest.mark.parametrize(("verb", "full"), [(Verb.PROMOTE, True), (Verb.PROMOTE, False), (Verb.RESUME, False)])
def test_what_flagger_rolled_back_is_not_to_be_retried_which_would_be_refused(verb: Verb, full: bool) -> None:
    with pytest.raises(Refused, match="Flagger has rolled v42 of `checkout` back") as refused:
        plan(verb, replace(CANARY, aborted=True, phase=RolloutPhase.DEGRADED), (), "", full=full)
    assert "Deploy it again" in refused.value.why
    assert refused.value.instead == "/rollout show checkout"
