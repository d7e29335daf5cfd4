"""What a verb means for a rollout as it stands: each trap by its name, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.intents import BLUE_GREEN, BY_HAND, Intent, find, good, plan, waits_for
from bot.model import (
    ChangeStatus,
    Phase,
    Request,
    RequestState,
    Revision,
    Rollout,
    RolloutPhase,
    Severity,
    Stable,
    Verb,
)
from bot.preflight import Preflight, Safety, Surroundings, preflight
from tests.bot.rollout_values import V40, V41, V42, hold, idle, in_flight, request, skew, stable
from tests.values import NOON, change, incident, minutes


def refused(verb: Verb, rollout: Rollout, stables: tuple[Stable, ...] = (), to: str = "") -> str:
    with pytest.raises(Refused) as caught:
        plan(verb, rollout, stables, to)
    assert caught.value.instead.startswith("/rollout")
    return caught.value.why


def meant(verb: Verb, rollout: Rollout, stables: tuple[Stable, ...] = (), to: str = "") -> tuple[Intent, str]:
    found = plan(verb, rollout, stables, to)
    return found.intent, str(found.to)


# ---------------------------------------------------------------- what each verb means


def test_pause_stops_what_is_in_flight() -> None:
    assert meant(Verb.PAUSE, in_flight()) == (Intent.PAUSE, "v42")


def test_pause_stops_a_deploy_that_the_controller_has_not_seen_yet() -> None:
    assert meant(Verb.PAUSE, idle(observed=False)) == (Intent.PAUSE, "v41")


def test_pause_of_a_first_deploy_is_possible() -> None:
    assert meant(Verb.PAUSE, in_flight(stable=None))[0] is Intent.PAUSE


def test_there_is_nothing_to_pause_when_idle() -> None:
    assert "there is nothing to pause" in refused(Verb.PAUSE, idle())


def test_it_is_not_paused_twice() -> None:
    assert "already paused by hand" in refused(Verb.PAUSE, in_flight(paused=True))


def test_a_pause_would_stop_an_abort_on_its_way_back() -> None:
    assert "a pause would stop that" in refused(Verb.PAUSE, in_flight(aborted=True))


def test_resume_lifts_a_pause_by_hand() -> None:
    assert meant(Verb.RESUME, in_flight(paused=True)) == (Intent.RESUME, "v42")


def test_resume_ends_a_pause_step() -> None:
    assert meant(Verb.RESUME, in_flight(waiting="CanaryPauseStep"))[0] is Intent.RESUME


def test_there_is_nothing_to_resume() -> None:
    assert "not paused" in refused(Verb.RESUME, in_flight())


def test_promote_means_resume_at_a_pause() -> None:
    assert meant(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"))[0] is Intent.RESUME


def test_promote_means_skip_while_a_step_is_running() -> None:
    assert meant(Verb.PROMOTE, in_flight())[0] is Intent.SKIP


def test_promote_does_not_go_over_a_pause_by_hand() -> None:
    assert "paused" in refused(Verb.PROMOTE, in_flight(paused=True, waiting="CanaryPauseStep"))


def test_promote_of_an_aborted_rollout_would_do_nothing_or_worse() -> None:
    assert "was aborted" in refused(Verb.PROMOTE, in_flight(aborted=True))


def test_resume_of_an_aborted_rollout_would_do_nothing() -> None:
    assert "was aborted" in refused(Verb.RESUME, in_flight(aborted=True, waiting="CanaryPauseStep"))


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.ROLLBACK])
def test_what_the_controller_has_not_seen_is_not_decided_on(verb: Verb) -> None:
    assert "has not seen that yet" in refused(verb, in_flight(observed=False))


def test_promote_of_what_is_fully_promoted() -> None:
    assert "fully promoted" in refused(Verb.PROMOTE, idle())


def test_promote_of_a_first_deploy() -> None:
    assert "first deploy" in refused(Verb.PROMOTE, in_flight(stable=None))


def test_promote_while_a_full_promotion_is_pending() -> None:
    assert "already being promoted fully" in refused(Verb.PROMOTE, in_flight(full_promotion=True))


def test_promote_after_the_last_step() -> None:
    assert "no step left" in refused(Verb.PROMOTE, in_flight(step=5))


def test_promote_of_a_blue_green_that_does_not_wait() -> None:
    assert "no step left" in refused(Verb.PROMOTE, in_flight(strategy=BLUE_GREEN, steps=(), step=0))


def test_rollback_in_flight_is_an_abort_to_the_stable_revision() -> None:
    assert meant(Verb.ROLLBACK, in_flight()) == (Intent.ABORT, "v41")


def test_a_first_deploy_has_nothing_to_roll_back_to() -> None:
    assert "nothing to roll back to" in refused(Verb.ROLLBACK, in_flight(stable=None))


def test_rollback_of_an_aborted_rollout_offers_to_change_the_spec_too() -> None:
    with pytest.raises(Refused, match="already aborted") as caught:
        plan(Verb.ROLLBACK, in_flight(aborted=True))
    assert caught.value.instead == "/rollout rollback checkout --to v41"
    assert meant(Verb.ROLLBACK, in_flight(aborted=True), to="v41") == (Intent.UNDO, "v41")


def test_an_abort_that_hangs_on_a_pause_by_hand_is_finished() -> None:
    assert meant(Verb.ROLLBACK, in_flight(aborted=True, paused=True))[0] is Intent.ABORT


def test_a_blue_green_after_its_switch_is_undone_for_an_abort_would_wait_for_crashing_pods() -> None:
    switched = in_flight(strategy=BLUE_GREEN, steps=(), step=0, weight=100)
    assert meant(Verb.ROLLBACK, switched) == (Intent.UNDO, "v41")
    assert meant(Verb.ROLLBACK, replace(switched, weight=0)) == (Intent.ABORT, "v41")


def test_abort_of_what_is_fully_promoted_is_an_undo_to_what_we_saw_stable() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42, V41, V40))
    assert meant(Verb.ROLLBACK, promoted, (stable(V42), stable(V41))) == (Intent.UNDO, "v41")


def test_never_the_second_highest_revision() -> None:
    """It may have been aborted: only our own record counts."""
    promoted = idle(current=V42, stable=V42, history=(V42, V41, V40))
    assert meant(Verb.ROLLBACK, promoted, (stable(V42), stable(V40))) == (Intent.UNDO, "v40")
    why = refused(Verb.ROLLBACK, promoted, (stable(V42),))
    assert "not seen an earlier revision" in why
    assert "It still holds v41 (revision 1), v40; name the one you trust." in why


def test_a_record_that_the_cluster_no_longer_holds_is_no_target() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42,))
    assert "It holds no other one" in refused(Verb.ROLLBACK, promoted, (stable(V42), stable(V41)))


def test_a_template_that_lives_in_a_deployment_is_undone_there() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42, V41), template_in="Deployment checkout")
    assert meant(Verb.ROLLBACK, promoted, (stable(V41),)) == (Intent.UNDO, "v41")


def test_a_pod_template_is_left_alone() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42, V41), template_in="PodTemplate checkout")
    assert "PodTemplate checkout" in refused(Verb.ROLLBACK, promoted, (stable(V41),))
    assert meant(Verb.ROLLBACK, in_flight(template_in="PodTemplate checkout"))[0] is Intent.ABORT


# ---------------------------------------------------------------- at once, or with the spec


PROMOTED = idle(current=V42, stable=V42, history=(V42, V41))


@pytest.mark.parametrize(
    ("severity", "intent"),
    [(Severity.SEV1, Intent.UNDO_FULLY), (Severity.SEV2, Intent.UNDO_FULLY), (Severity.SEV3, Intent.UNDO)],
)
def test_in_an_emergency_the_way_back_takes_no_steps(severity: Severity, intent: Intent) -> None:
    around = Surroundings(others=(incident(severity=severity),))
    found = preflight(Verb.ROLLBACK, PROMOTED, (stable(V41),), around)
    assert found.plan is not None
    assert found.plan.intent is intent


def test_an_emergency_that_is_over_is_none() -> None:
    over = incident(severity=Severity.SEV1, phase=Phase.RESOLVED, resolved_at=NOON)
    assert not Surroundings(others=(over,)).emergency


def test_an_emergency_makes_no_promotion_a_full_one() -> None:
    around = Surroundings(others=(incident(severity=Severity.SEV1),))
    found = preflight(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"), (), around)
    assert found.plan is not None
    assert found.plan.intent is Intent.RESUME


def test_a_revision_in_the_rollback_window_needs_no_full_promotion() -> None:
    near = replace(PROMOTED, history=(V42, replace(V41, in_window=True)))
    assert plan(Verb.ROLLBACK, near, (stable(V41),), full=True).intent is Intent.UNDO


@pytest.mark.parametrize("owner", ["Argo CD app shop", "Flux HelmRelease shop/checkout"])
def test_the_spec_that_gitops_writes_is_left_alone_for_it_would_start_the_bad_version_over(owner: str) -> None:
    assert plan(Verb.ROLLBACK, in_flight(), respec=True).intent is Intent.ABORT_UNDO
    assert plan(Verb.ROLLBACK, in_flight(owner=owner), respec=True).intent is Intent.ABORT


# ---------------------------------------------------------------- --to


@pytest.mark.parametrize("word", ["v41", "1", "hash41"])
def test_a_revision_may_be_named_in_three_ways(word: str) -> None:
    assert find(in_flight(), word) == V41


def test_a_name_that_fits_two_revisions_is_refused() -> None:
    again = Revision(hash="other", number=3, version="v41")
    with pytest.raises(Refused, match="names more than one revision") as caught:
        find(in_flight(history=(again, V42, V41)), "v41")
    assert "v41 (revision 3), v42 (revision 2), v41 (revision 1)" in caught.value.why


def test_a_revision_that_is_gone_is_refused() -> None:
    assert "is not a revision the cluster still holds" in refused(Verb.ROLLBACK, in_flight(), to="v7")


def test_to_where_it_is_already() -> None:
    assert "already at v42" in refused(Verb.ROLLBACK, in_flight(), to="v42")


def test_to_the_stable_revision_is_an_abort_which_is_safe_with_gitops() -> None:
    assert meant(Verb.ROLLBACK, in_flight(), to="v41")[0] is Intent.ABORT


# ---------------------------------------------------------------- known good


def test_a_revision_that_was_rolled_back_from_is_no_longer_good() -> None:
    left = request(verb=Verb.ROLLBACK, from_revision="hash42", state=RequestState.DONE, acted_at=NOON)
    seen = (stable(V41, NOON + minutes(1)), stable(V42, NOON - minutes(9)), stable(V40, NOON - minutes(99)))
    assert [s.version for s in good(seen, [left])] == ["v41", "v40"]


def test_a_revision_that_became_stable_again_is_good_again() -> None:
    left = request(verb=Verb.ROLLBACK, from_revision="hash42", state=RequestState.DONE, acted_at=NOON)
    assert good((stable(V42, NOON + minutes(5)),), [left])


def test_a_rollback_that_was_sent_and_not_proven_was_meant_all_the_same() -> None:
    tried = request(verb=Verb.ROLLBACK, from_revision="hash42", state=RequestState.FAILED, acted_at=NOON)
    assert not good((stable(V42, NOON - minutes(5)),), [tried])


def test_an_aborted_release_is_no_longer_good() -> None:
    left = request(verb=Verb.ABORT, from_revision="hash42", state=RequestState.DONE, acted_at=NOON)
    assert not good((stable(V42, NOON - minutes(5)),), [left])


@pytest.mark.parametrize("state", [RequestState.PROPOSED, RequestState.CANCELLED, RequestState.NOTHING])
def test_a_rollback_that_was_never_sent_condemns_nothing(state: RequestState) -> None:
    asked = request(verb=Verb.ROLLBACK, from_revision="hash42", state=state, settled_at=NOON)
    assert good((stable(V42, NOON - minutes(5)),), [asked])


# ---------------------------------------------------------------- is it safe?


def verdict(verb: Verb, rollout: Rollout, around: Surroundings | None = None, **other: Any) -> tuple[Safety, str]:
    found = preflight(verb, rollout, (stable(V41),), around, **other)
    return found.verdict, "; ".join(map(str, found.reasons))


def test_an_abort_in_flight_is_safe() -> None:
    assert verdict(Verb.ROLLBACK, in_flight())[0] is Safety.SAFE


def test_blocked_says_what_the_verb_would_have_been_refused_for() -> None:
    assert verdict(Verb.PROMOTE, idle()) == (
        Safety.BLOCKED,
        "`checkout` is fully promoted: v41 (revision 1) is stable.",
    )


def test_one_action_at_a_time() -> None:
    around = Surroundings(requests=(request(state=RequestState.ACTING),))
    found, why = verdict(Verb.ROLLBACK, in_flight(), around)
    assert found is Safety.BLOCKED
    assert "is under way" in why


def test_a_proposal_of_somebody_else_blocks_nothing() -> None:
    around = Surroundings(requests=(request(state=RequestState.PROPOSED),))
    assert verdict(Verb.ROLLBACK, in_flight(), around)[0] is Safety.SAFE


def test_a_gitops_owner_makes_an_undo_risky_and_an_abort_not() -> None:
    owned = {"owner": "Argo CD app shop"}
    promoted = idle(current=V42, stable=V42, history=(V42, V41), **owned)
    assert "Argo CD app shop also writes it" in verdict(Verb.ROLLBACK, promoted)[1]
    assert verdict(Verb.ROLLBACK, in_flight(**owned))[0] is Safety.SAFE


def test_a_pause_by_hand_freezes_the_autoscaler_of_a_canary_but_not_of_a_blue_green() -> None:
    assert "autoscaler stands still" in verdict(Verb.PAUSE, in_flight(autoscaled=True))[1]
    assert verdict(Verb.PAUSE, in_flight(autoscaled=True, strategy=BLUE_GREEN))[0] is Safety.SAFE


def test_an_undo_says_how_many_pauses_it_will_run_into() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42, V41))
    assert "its steps run again, with 2 pauses" in verdict(Verb.ROLLBACK, promoted)[1]


def test_an_undo_to_what_we_never_saw_stable() -> None:
    promoted = idle(current=V42, stable=V42, history=(V42, V41, V40))
    assert "I never saw v40" in verdict(Verb.ROLLBACK, promoted, to="v40")[1]


def test_another_incident_holds_the_service() -> None:
    around = Surroundings(incident=incident(7), others=(incident(7), incident(8)))
    assert verdict(Verb.ROLLBACK, in_flight(), around) == (Safety.RISKY, "INC-8 is open for checkout too")


def test_an_incident_about_something_else() -> None:
    around = Surroundings(incident=incident(7, service="search"))
    assert "INC-7 is about search, not checkout" in verdict(Verb.ROLLBACK, in_flight(), around)[1]


def test_trap_an_incident_in_another_environment_is_not_about_this_rollout() -> None:
    around = Surroundings(incident=incident(7, environment="staging"))
    for verb in (Verb.ROLLBACK, Verb.PROMOTE):
        reasons = [reason.text for reason in preflight(verb, in_flight(), (), around).reasons]
        assert "INC-7 is about checkout in staging, not in production" in reasons
        assert "INC-7 is still open for it" not in reasons


def test_a_newer_deploy_that_landed_since_the_onset() -> None:
    late = change(version="v43", at=NOON + minutes(3), status=ChangeStatus.SUCCEEDED)
    around = Surroundings(incident=incident(7), changes=(late,))
    assert "v43 landed after the onset" in verdict(Verb.ROLLBACK, in_flight(), around)[1]
    failed = replace(around, changes=(replace(late, status=ChangeStatus.FAILED),))
    assert verdict(Verb.ROLLBACK, in_flight(), failed)[0] is Safety.SAFE
    played = replace(around, incident=incident(7, drill="amazon-checkout"))  # opened before anything was wrong
    assert verdict(Verb.ROLLBACK, in_flight(), played)[0] is Safety.SAFE


def test_trap_a_retry_of_the_suspect_is_no_repair() -> None:
    """It starts over after the onset, but was made before it."""
    again = Surroundings(incident=incident(7), changes=(change(version="v42", at=NOON + minutes(3)),))
    old, new = (replace(revision, created_at=NOON - minutes(m)) for revision, m in ((V41, 60), (V42, 9)))
    retried = in_flight(current=new, stable=old, history=(new, old))
    assert "landed after" not in verdict(Verb.ROLLBACK, retried, again)[1]
    made_since = replace(new, created_at=NOON + minutes(3))
    fresh = in_flight(current=made_since, stable=old, history=(made_since, old))
    assert "v42 landed after the onset" in verdict(Verb.ROLLBACK, fresh, again)[1]
    put_back = replace(again, changes=(change(version="v41", at=NOON + minutes(3)),))
    repair = in_flight(current=old, stable=new, history=(new, old))
    assert "v41 landed after the onset" in verdict(Verb.ROLLBACK, repair, put_back)[1]


def test_a_cleared_alert_does_not_make_promoting_safe_while_the_incident_is_open() -> None:
    around = Surroundings(incident=incident(7))
    assert "INC-7 is still open" in verdict(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"), around)[1]


def test_going_on_after_an_inconclusive_analysis_is_risky() -> None:
    assert "inconclusive" in verdict(Verb.PROMOTE, in_flight(waiting="InconclusiveAnalysisRun"))[1]


def test_skipping_a_running_step_is_said() -> None:
    assert "step 2 of 5 (pause 5m) is still running" in verdict(Verb.PROMOTE, in_flight())[1]


def test_what_a_rollout_waits_for() -> None:
    assert waits_for(in_flight(paused=True, waiting="CanaryPauseStep")) == BY_HAND
    assert waits_for(in_flight(waiting="CanaryPauseStep")) == "CanaryPauseStep"


# ---------------------------------------------------------------- servers of two versions


DONE = idle(current=V42, stable=V42, history=(V42, V41), steps=(), step=0)


def checked(verb: Verb, rollout: Rollout, **around: Any) -> Preflight:
    return preflight(verb, rollout, (stable(V42), stable(V41)), Surroundings(**around))


def test_going_back_to_what_the_odd_server_runs_is_blocked() -> None:
    """Knight Capital's rollback put the code that did the damage on the seven servers that were right."""
    found = checked(Verb.ROLLBACK, DONE, skew=skew())
    assert (found.verdict, found.overridable) == (Safety.BLOCKED, True)
    assert "7 of 8: checkout-8 runs v41" in str(found.reasons[0])
    assert "all 8" in str(found.reasons[0])


def test_before_the_deadline_it_is_a_risk() -> None:
    """The last servers may be on their way, and an emergency does not wait for them."""
    assert checked(Verb.ROLLBACK, DONE, skew=skew(alerted_at=None)).verdict is Safety.RISKY


def test_going_back_to_another_version_than_the_odd_servers_is_not_blocked() -> None:
    assert checked(Verb.ROLLBACK, DONE, skew=skew(elsewhere=("v40",))).verdict is Safety.SAFE


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PROMOTE])
def test_a_hold_blocks_going_forward_and_may_be_overridden(verb: Verb) -> None:
    found = checked(verb, in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep"), holds=[hold()])
    assert (found.verdict, found.overridable) == (Safety.BLOCKED, True)
    assert str(found.reasons[0]) == "verify holds it: 7 of 8: checkout-8 runs v41"


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.ROLLBACK])
def test_a_hold_keeps_nobody_from_stopping_or_going_back(verb: Verb) -> None:
    assert checked(verb, in_flight(), holds=[hold()]).verdict is Safety.SAFE


# ---------------------------------------------------------------- for all rollouts

revisions = st.sampled_from([V40, V41, V42])
rollouts = st.builds(
    Rollout,
    service=st.just("checkout"),
    environment=st.just("production"),
    cluster=st.just("demo"),
    namespace=st.just("shop"),
    name=st.just("checkout"),
    strategy=st.sampled_from(["canary", BLUE_GREEN]),
    phase=st.sampled_from(RolloutPhase),
    message=st.text(max_size=20),
    current=revisions,
    stable=st.none() | revisions,
    history=st.lists(revisions, unique=True).map(tuple),
    step=st.integers(0, 5),
    steps=st.sampled_from([(), ("set weight 20%", "pause 5m"), in_flight().steps]),
    weight=st.sampled_from([0, 20, 100]),
    desired=st.integers(0, 4),
    available=st.integers(0, 4),
    paused=st.booleans(),
    waiting=st.sampled_from(["", "CanaryPauseStep", "InconclusiveAnalysisRun"]),
    aborted=st.booleans(),
    full_promotion=st.booleans(),
    autoscaled=st.booleans(),
    owner=st.sampled_from(["", "Argo CD app shop"]),
    template_in=st.sampled_from(["", "Deployment checkout", "PodTemplate checkout"]),
    observed=st.booleans(),
)
arounds = st.builds(
    Surroundings,
    incident=st.none() | st.just(incident(7)),
    others=st.lists(st.just(incident(8)), max_size=1),
    requests=st.lists(st.sampled_from([request(state=state) for state in RequestState]), max_size=2),
    holds=st.lists(st.just(hold()), max_size=1),
    skew=st.sampled_from([None, skew()]),
)
words = st.sampled_from(["", "v40", "v41", "v42", "nope"])


@given(st.sampled_from(Verb), rollouts, arounds, words)
def test_every_verdict_has_a_reason_and_the_same_facts_give_the_same_one(
    verb: Verb, rollout: Rollout, around: Surroundings, to: str
) -> None:
    stables = (stable(V41), stable(V40))
    found = preflight(verb, rollout, stables, around, to=to)
    assert found == preflight(verb, rollout, stables, around, to=to)
    assert found.reasons
    assert all(map(str, found.reasons))
    assert found.plan is not None or found.verdict is Safety.BLOCKED
    assert found.plan is not None or not found.overridable
    assert any(reason.weight is found.verdict for reason in found.reasons)


@given(rollouts, words)
def test_a_rollback_never_goes_where_it_is_and_never_forward_by_guessing(rollout: Rollout, to: str) -> None:
    found = preflight(Verb.ROLLBACK, rollout, (stable(V41),), to=to)
    if found.plan:
        assert found.plan.to != rollout.current
        held = {*rollout.history, rollout.stable}
        assert found.plan.to in held
        if not to:
            assert found.plan.to in {rollout.stable, V41}


@given(rollouts)
def test_an_aborted_rollout_is_never_sent_forward(rollout: Rollout) -> None:
    aborted = replace(rollout, aborted=True)
    assert preflight(Verb.PROMOTE, aborted).verdict is Safety.BLOCKED
    assert preflight(Verb.PROMOTE, aborted, full=True).verdict is Safety.BLOCKED


def test_only_what_is_under_way_blocks() -> None:
    under_way = [s for s in RequestState if _blocks(request(state=s))]
    assert under_way == [RequestState.CONFIRMED, RequestState.ACTING]


def _blocks(other: Request) -> bool:
    return preflight(Verb.PAUSE, in_flight(), (), Surroundings(requests=(other,))).verdict is Safety.BLOCKED


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.RESUME])
@pytest.mark.parametrize("holder", ["U0BOB", "verify"])
def test_to_resume_is_to_lift_what_a_person_holds(verb: Verb, holder: str) -> None:
    waiting = in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep")
    found = checked(verb, waiting, holds=[hold(holder=holder)])
    assert ("holds it" in str(found.reasons)) is (verb is Verb.PROMOTE or holder == "verify")


RED = Surroundings(doubts=("probe prices is red: <!here> is not in it",))


def test_a_page_that_is_broken_is_given_to_nobody_else() -> None:
    found = preflight(Verb.PROMOTE, in_flight(), around=RED)
    assert found.verdict is Safety.BLOCKED
    assert found.overridable
    assert "probe prices is red: &lt;!here&gt; is not in it" in str(found.reasons[0])


def test_a_page_that_is_broken_does_not_keep_anybody_from_going_back() -> None:
    without = preflight(Verb.ROLLBACK, in_flight(), (stable(V41),))
    found = preflight(Verb.ROLLBACK, in_flight(), (stable(V41),), RED)
    assert found.verdict is without.verdict
    assert any("probe prices is red" in str(reason) for reason in found.reasons)
