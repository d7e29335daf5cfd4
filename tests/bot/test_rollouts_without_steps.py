"""Workloads without steps: what each verb means, what was stable, and what proves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.cards.rollout import preview, rollout_card
from bot.errors import Refused
from bot.intents import BY_HAND, ON_DELETE, RECREATE, ROLLING, STATEFUL, WITHOUT_STEPS, Intent, plan, waits_for
from bot.model import Request, RequestState, Rollout, RolloutPhase, Verb
from bot.preflight import Safety, preflight
from bot.proof import fulfilled, judge
from bot.rollouts import PREVIEW_LASTS, remembered, unsure
from tests.bot.rollout_values import V40, V41, V42, idle, in_flight, request, stable
from tests.values import NOON, minutes

KIND = {ROLLING: "Deployment", RECREATE: "Deployment", STATEFUL: "StatefulSet", ON_DELETE: "StatefulSet"}
HISTORY = (V42, V41, V40)


def plain(strategy: str = ROLLING, **other: Any) -> Rollout:
    """v41 serves, v42 comes up."""
    bare: dict[str, Any] = {"steps": (), "step": 0, "history": HISTORY, "weight": 25, "weight_set": 100}
    return in_flight(**bare | {"strategy": strategy, "kind": KIND[strategy]} | other)


def still(strategy: str = ROLLING, **other: Any) -> Rollout:
    alone = {"current": V42, "stable": V42, "phase": RolloutPhase.HEALTHY, "message": "", "weight": 100}
    return plain(strategy, **alone | other)


PHASES = {
    "idle": lambda strategy: still(strategy),
    "in flight": lambda strategy: plain(strategy),
    "unseen": lambda strategy: plain(strategy, observed=False),
    "paused": lambda strategy: plain(strategy, paused=True, phase=RolloutPhase.PAUSED),
    "degraded": lambda strategy: plain(strategy, phase=RolloutPhase.DEGRADED),
    "nothing serves": lambda strategy: plain(strategy, stable=None),
    "first deploy": lambda strategy: plain(strategy, stable=None, history=(V42,)),
}
NO, WAIT, NONE = "nothing to pause", "has not seen that yet", "no steps to promote"
MEANS: dict[str, tuple[Intent | str, ...]] = {  # pause, resume, promote, rollback; v42 and v41 are on record
    "idle": ("nothing to pause", "not paused", NONE, Intent.UNDO),
    "in flight": (Intent.PAUSE, "not paused", NONE, Intent.UNDO),
    "unseen": (Intent.PAUSE, "not paused", NONE, WAIT),
    "paused": ("already paused", Intent.RESUME, NONE, Intent.UNDO),
    "degraded": (Intent.PAUSE, "not paused", NONE, Intent.UNDO),
    "nothing serves": (Intent.PAUSE, "not paused", NONE, Intent.UNDO),
    "first deploy": (Intent.PAUSE, "not paused", NONE, "It holds no other one"),
}
VERBS = (Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.ROLLBACK)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("strategy", sorted(WITHOUT_STEPS))
def test_every_verb_in_every_phase(strategy: str, verb: Verb, phase: str) -> None:
    expected = MEANS[phase][VERBS.index(verb)]
    if strategy == ON_DELETE and verb in (Verb.PAUSE, Verb.RESUME):
        expected = "each pod changes when somebody deletes it"
    rollout = PHASES[phase](strategy)
    known = (stable(V42, NOON), stable(V41, NOON - minutes(60)))
    if isinstance(expected, Intent):
        meant = plan(verb, rollout, known)
        assert (meant.intent, str(meant.to)) == (expected, "v41" if verb is Verb.ROLLBACK else "v42")
    else:
        with pytest.raises(Refused, match=expected) as caught:
            plan(verb, rollout, known)
        assert caught.value.instead.startswith("/rollout")


def test_the_table_is_complete() -> None:
    assert set(PHASES) == set(MEANS)
    assert set(KIND) == set(WITHOUT_STEPS)
    assert {len(row) for row in MEANS.values()} == {len(VERBS)}


def test_the_stable_revision_named_by_hand_is_undone_and_not_aborted() -> None:
    assert plan(Verb.ROLLBACK, plain(), to="v41").intent is Intent.UNDO


# ---------------------------------------------------------------- what was stable


def test_our_record_overrides_what_the_cluster_guesses() -> None:
    guess = plain(stable=V40)
    assert remembered(guess, (stable(V41),)).stable == V41
    assert remembered(guess, ()).stable == V40


def test_a_record_that_the_cluster_no_longer_holds_is_no_help() -> None:
    assert remembered(plain(stable=None, history=(V42, V40)), (stable(V41),)).stable is None


def test_on_the_way_back_the_recorded_one_is_both_wanted_and_stable() -> None:
    """The failure still serves from some pods; it must not be called stable for that."""
    back = remembered(plain(current=V41, stable=V42), (stable(V41),))
    assert (back.stable, back.in_flight) == (V41, False)


@pytest.mark.parametrize("rollout", [still(), idle(), in_flight()])
def test_what_is_certain_is_not_looked_up(rollout: Rollout) -> None:
    assert not unsure(rollout)
    assert remembered(rollout, (stable(V40),)) is rollout


# ---------------------------------------------------------------- what speaks against it


def reasons(verb: Verb, rollout: Rollout, *known: Any) -> str:
    return " ".join(map(str, preflight(verb, rollout, known).reasons))


def test_what_only_happens_to_serve_is_not_trusted() -> None:
    assert "I never saw v41 (revision 1) being stable" in reasons(Verb.ROLLBACK, plain())
    assert preflight(Verb.ROLLBACK, plain(), (stable(V41),)).verdict is Safety.SAFE


def test_a_pause_stops_no_autoscaler_here() -> None:
    assert "autoscaler" not in reasons(Verb.PAUSE, plain(autoscaled=True))


def test_pods_that_change_on_delete_do_not_go_back_by_themselves() -> None:
    assert "when somebody deletes it" in reasons(Verb.ROLLBACK, plain(ON_DELETE), stable(V41))


@pytest.mark.parametrize(("strategy", "blocked"), [(STATEFUL, True), (ROLLING, False)])
def test_a_sick_pod_in_an_ordered_set_may_block_the_way_back(strategy: str, blocked: bool) -> None:
    sick = plain(strategy, phase=RolloutPhase.DEGRADED, message="ledger-3 is not ready: CrashLoopBackOff")
    assert ("may be blocked: ledger-3 is not ready" in reasons(Verb.ROLLBACK, sick, stable(V41))) is blocked


# ---------------------------------------------------------------- proof


def acting(**other: Any) -> Request:
    return request(**{"intent": "undo", "state": RequestState.ACTING, "acted_at": NOON} | other)


def test_an_undo_is_done_when_every_pod_is_back() -> None:
    assert judge(acting(), still(current=V41, stable=V41)).state is RequestState.DONE
    moving = still(current=V41, stable=V41, phase=RolloutPhase.PROGRESSING)
    assert judge(acting(), moving).state is RequestState.ACTING


def test_an_undo_that_gets_stuck_says_on_what() -> None:
    sick = plain(STATEFUL, current=V41, stable=V41, phase=RolloutPhase.DEGRADED, message="delete ledger-3")
    finding = judge(acting(), sick)
    assert (finding.state, finding.why.endswith("; delete ledger-3")) == (RequestState.ACTING, True)


def test_an_undo_that_waits_for_deletions_is_not_called_done() -> None:
    waits = plain(ON_DELETE, current=V41, stable=V41, phase=RolloutPhase.PAUSED, message="ledger-3 changes on delete")
    finding = judge(acting(), waits)
    assert finding.state is RequestState.FAILED
    assert finding.why.startswith("not done yet: ledger-3 changes on delete")


def test_what_was_held_back_may_get_another_name_when_it_is_let_go() -> None:
    """A template that was changed while paused has no revision in the cluster until then."""
    held = plain(current=replace(V42, hash="spec-1", number=0), paused=True)
    asked = acting(intent="resume", reviewed_wait=waits_for(held), from_revision="spec-1", to_revision="spec-1")
    assert asked.reviewed_wait == BY_HAND
    assert not fulfilled(asked, held)
    assert fulfilled(asked, plain())
    assert judge(asked, plain()).state is RequestState.DONE


# ---------------------------------------------------------------- shown


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (ROLLING, "Pods are replaced as those of v41 become available."),
        (ON_DELETE, "Each pod goes back when somebody deletes it, and not before."),
    ],
)
def test_the_preview_says_how_pods_are_replaced(strategy: str, words: str) -> None:
    rollout = plain(strategy)
    card = preview(acting(), rollout, preflight(Verb.ROLLBACK, rollout), PREVIEW_LASTS)
    assert words in str(card.blocks)
    assert "steps" not in str(card.blocks)


def test_the_card_offers_no_promotion() -> None:
    assert "rollout promote" not in str(rollout_card(plain()).blocks)
    assert "rollout pause" in str(rollout_card(plain()).blocks)


def test_on_delete_waits_for_nobody_to_promote_it() -> None:
    waits = plain(ON_DELETE, phase=RolloutPhase.PAUSED, waiting=ON_DELETE, for_person=True, message="ledger-0 changes")
    assert "promotes it" not in str(rollout_card(waits).blocks)


def test_a_partition_is_named_where_it_holds_and_where_it_is_lifted() -> None:
    held = plain(STATEFUL, phase=RolloutPhase.PAUSED, paused=True, message="partition 2 holds back ledger-0, ledger-1")
    assert "*Paused*: partition 2 holds back ledger-0, ledger-1" in str(rollout_card(held).blocks)
    asked = request(verb=Verb.RESUME, intent=Intent.RESUME, reviewed_wait=BY_HAND)
    shown = str(preview(asked, held, preflight(Verb.RESUME, held), PREVIEW_LASTS).blocks)
    assert "or else lifted: partition 2 holds back ledger-0, ledger-1" in shown
    undo = request(verb=Verb.ROLLBACK, intent=Intent.UNDO, reviewed_wait=BY_HAND)
    assert "The pause by hand" not in str(preview(undo, held, preflight(Verb.ROLLBACK, held), PREVIEW_LASTS).blocks)


@pytest.mark.parametrize(("updated", "refused"), [(3, False), (4, True)])
def test_a_pause_that_could_hold_no_pod_back_is_refused(updated: int, refused: bool) -> None:
    checked = preflight(Verb.PAUSE, plain(STATEFUL, desired=4, updated=updated))
    assert ("nothing is left to hold back" in str(checked.reasons[0])) is refused
    assert preflight(Verb.PAUSE, plain(ROLLING, desired=4, updated=updated)).plan
