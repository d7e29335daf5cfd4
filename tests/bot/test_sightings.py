"""What happened between two looks, as values: a rollout and what is remembered in, a Decision out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bot.decision import Decision, NameSuspects, PostCard, VerifyFleet, VerifyRollout, WatchRollout
from bot.model import Change, ChangeStatus, Hold, Migration, RequestState, Rollout, RolloutPhase, Sighting, Stable, Verb
from bot.policy import Policy, Service
from bot.sightings import CARDS, Known, seen
from tests.bot.rollout_values import V41, V42, V43, idle, in_flight, request, stable
from tests.bot.test_gates import HOLD
from tests.values import NOON, change, incident, minutes

POLICY = Policy(services={"shop": Service(name="shop", depends_on=("checkout",))})
PAUSED, HEALTHY, DEGRADED = RolloutPhase.PAUSED, RolloutPhase.HEALTHY, RolloutPhase.DEGRADED
FINISHED = idle(current=V42, stable=V42, history=(V42, V41))
BACK = idle(current=V41, stable=V41, history=(V42, V41))
KEY = "deploy/checkout/production/v42"


def looks(*rollouts: Rollout, **known: Any) -> Decision:
    """The last of these looks, a minute apart, each with what the ones before it left behind."""
    memory = Known(incidents=(incident(),), **known)
    decision = Decision()
    for number, rollout in enumerate(rollouts):
        now = NOON + minutes(number)
        decision = seen(rollout, memory, POLICY, read_at=now, now=now)
        memory = remembered(memory, decision)
    return decision


def remembered(known: Known, decision: Decision) -> Known:
    for noun in decision.save:
        match noun:
            case Sighting():
                known = replace(known, before=replace(noun, version=noun.version + 1))
            case Stable():
                known = replace(known, stables=(noun, *known.stables))
            case Change():
                known = replace(known, changes={**known.changes, noun.key: noun})
    return known


def lines(decision: Decision) -> list[str]:
    return [entry.text for entry in decision.note]


def changed(decision: Decision) -> dict[str, ChangeStatus]:
    return {noun.version: noun.status for noun in decision.save if isinstance(noun, Change)}


# ---------------------------------------------------------------- a release begins


def test_an_idle_rollout_that_is_seen_for_the_first_time_begins_nothing() -> None:
    decision = looks(idle())
    assert (lines(decision), changed(decision)) == ([], {})
    assert [type(effect) for effect in decision.do] == [VerifyFleet]  # its servers are another question
    assert [noun.version for noun in decision.save if isinstance(noun, Stable)] == ["v41"]


def test_a_release_begins() -> None:
    decision = looks(idle(), in_flight())
    assert lines(decision) == ["checkout v41 → v42 (revision 2) begins (canary, 5 steps)"]
    (begun,) = [noun for noun in decision.save if isinstance(noun, Change)]
    assert (begun.key, begun.status, begun.source, begun.at) == (
        KEY,
        ChangeStatus.STARTED,
        "cluster",
        NOON + minutes(1),
    )
    assert {NameSuspects("INC-7"), PostCard("INC-7")} <= set(decision.do)


def test_one_that_is_under_way_when_it_is_first_seen_is_a_release_too() -> None:
    made = NOON - minutes(3)
    current, before = replace(V42, created_at=made), replace(V41, created_at=NOON - minutes(600))
    decision = looks(in_flight(current=current, stable=before))
    assert decision.note[0].at == made
    assert changed(decision) == {"v42": ChangeStatus.STARTED}


def test_an_old_set_of_pods_that_is_used_again_does_not_make_the_release_old() -> None:
    """Going back to an earlier revision uses its set again, which is as old as that revision."""
    again = replace(V42, created_at=NOON - minutes(600))
    decision = looks(idle(), in_flight(current=again))
    assert decision.note[0].at == NOON + minutes(1)


def test_it_joins_with_what_ci_reported() -> None:
    """One deploy, not two; CI's link and actor stay, and the beginning is the earlier one."""
    said = change(url="https://ci.example/1", source="deploys")
    decision = looks(idle(), in_flight(), changes={KEY: said})
    assert changed(decision) == {}
    assert lines(decision) == ["checkout v41 → v42 (revision 2) begins (canary, 5 steps)"]
    decision = looks(idle(), in_flight(), FINISHED, changes={KEY: said})
    assert [noun for noun in decision.save if isinstance(noun, Change)] == [
        replace(said, status=ChangeStatus.SUCCEEDED)
    ]


def test_what_ci_has_called_done_before_it_was_seen_is_the_same_release() -> None:
    said = change(status=ChangeStatus.SUCCEEDED, source="deploys")
    (known,) = [noun for noun in looks(idle(), in_flight(), changes={KEY: said}).save if isinstance(noun, Change)]
    assert known == replace(said, status=ChangeStatus.STARTED)


def test_what_was_stable_since_is_shipped_again() -> None:
    said = change(status=ChangeStatus.SUCCEEDED, source="deploys", at=NOON - minutes(60))
    since = replace(stable(V42), at=NOON - minutes(50))
    decision = looks(idle(), in_flight(), changes={KEY: said}, stables=(since,))
    assert [noun.at for noun in decision.save if isinstance(noun, Change)] == [NOON + minutes(1)]


def test_a_release_that_a_run_of_a_pipeline_reported_keeps_the_name_of_the_run() -> None:
    said = change("run/17", version="f95f852bd8fca8fcc58a9a2d6c842781e32a215e", source="github")
    (known,) = [noun for noun in looks(idle(), in_flight(), changes={KEY: said}).save if isinstance(noun, Change)]
    assert (known.key, known.version, known.at) == ("run/17", "v42", said.at)


def test_the_same_version_shipped_again_is_a_new_beginning() -> None:
    said = change(status=ChangeStatus.ROLLED_BACK, at=NOON - minutes(60))
    decision = looks(idle(), in_flight(), changes={KEY: said})
    assert [(c.status, c.at) for c in decision.save if isinstance(c, Change)] == [
        (ChangeStatus.STARTED, NOON + minutes(1))
    ]


def test_a_release_that_overtakes_another_cancels_it() -> None:
    decision = looks(idle(), in_flight(), in_flight(current=V43))
    assert changed(decision) == {"v42": ChangeStatus.CANCELLED, "v43": ChangeStatus.STARTED}


def test_a_release_that_went_through_between_two_looks_is_told_whole() -> None:
    decision = looks(idle(), FINISHED)
    assert [line.partition(" (")[0] for line in lines(decision)] == ["checkout v41 → v42", "checkout v42"]
    assert changed(decision) == {"v42": ChangeStatus.SUCCEEDED}


# ---------------------------------------------------------------- on its way


def test_more_weight_and_more_pods_are_no_news() -> None:
    """Noise is a bug: a line for every weight would bury what matters."""
    climbing = [in_flight(weight=weight, updated=weight // 10) for weight in (20, 25, 30, 40)]
    decision = looks(idle(), *climbing)
    assert lines(decision) == []
    assert [effect for effect in decision.do if isinstance(effect, PostCard)] == [
        PostCard("INC-7", due=NOON + minutes(4) + CARDS)  # the card has the weight, edited no more often than that
    ]
    assert lines(looks(idle(), in_flight(step=0), in_flight(step=1))) == []


def test_a_private_incident_has_the_weight_on_its_card_and_hears_nothing() -> None:
    mine = incident(9, private=True)
    looked = looks(idle(), in_flight(weight=20), in_flight(weight=40), private=(mine, incident(8, service="search")))
    assert [effect for effect in looked.do if effect.subject in ("INC-8", "INC-9")] == [
        PostCard("INC-9", due=NOON + minutes(2) + CARDS)
    ]
    assert not any(entry.incident == "INC-9" for entry in looked.note)


def test_a_pause_says_where_why_and_until_when() -> None:
    waiting = in_flight(phase=PAUSED, waiting="CanaryPauseStep", goes_on_at=NOON + minutes(5))
    assert lines(looks(idle(), in_flight(step=0), waiting)) == [
        "checkout v42 pauses at 20 % of the traffic: step 2 of 5 (pause 5m), until 12:05"
    ]


def test_a_pause_that_lasts_is_told_once() -> None:
    waiting = in_flight(phase=PAUSED, waiting="CanaryPauseStep")
    assert lines(looks(idle(), in_flight(), waiting, replace(waiting, weight=21))) == []


def test_an_inconclusive_analysis_is_why_it_pauses() -> None:
    waiting = in_flight(phase=PAUSED, steps=(), step=0, waiting="InconclusiveAnalysisRun", analysis="err: inconclusive")
    (line,) = lines(looks(idle(), in_flight(steps=(), step=0), waiting))
    assert line.endswith(": InconclusiveAnalysisRun, err: inconclusive")


def test_trap_a_persons_hold_does_not_outlive_the_release_it_was_for() -> None:
    held = in_flight(phase=PAUSED, paused=True)
    check = replace(HOLD, id="checkout/production/verify", holder="verify")
    for over, why in [
        (in_flight(phase=DEGRADED, aborted=True), "v42 is aborted"),
        (FINISHED, "no release is under way any more"),
        (BACK, "no release is under way any more"),
    ]:
        decision = looks(idle(), held, over, holds=(HOLD, check))
        assert [(hold.id, hold.lifted_at) for hold in decision.save if isinstance(hold, Hold)] == [
            (HOLD.id, NOON + minutes(2))
        ]
        (line,) = [entry for entry in decision.note if entry.source == HOLD.id]
        assert (line.incident, line.text) == ("INC-7", f"the hold of checkout is lifted, as {why}")
        assert not any("pause by hand" in text for text in lines(decision))  # the same, in other words


def test_a_hold_stays_while_its_release_is_under_way_and_where_it_is_younger_than_the_look() -> None:
    """The look may have been made before the release began that it is for."""
    younger = replace(HOLD, at=NOON + minutes(1))
    for rollouts, hold in [((idle(), in_flight()), HOLD), ((idle(), idle()), younger), ((idle(stable=None),), HOLD)]:
        decision = looks(*rollouts, holds=(hold,))
        assert not any(isinstance(noun, Hold) for noun in decision.save)


def test_a_pause_by_hand_and_its_end() -> None:
    by_hand = in_flight(phase=PAUSED, paused=True)
    assert lines(looks(idle(), in_flight(), by_hand)) == ["checkout v42 pauses at 20 % of the traffic: by hand"]
    assert lines(looks(idle(), by_hand, in_flight())) == ["checkout v42: the pause by hand is lifted"]


def test_what_a_person_let_go_on_is_told_and_what_went_on_by_itself_is_not() -> None:
    until_promoted = in_flight(phase=PAUSED, step=3, waiting="CanaryPauseStep")
    assert lines(looks(idle(), until_promoted, in_flight(step=4))) == ["checkout v42 goes on: it was promoted"]
    timed = in_flight(phase=PAUSED, step=1, waiting="CanaryPauseStep")
    assert lines(looks(idle(), timed, in_flight(step=2))) == []


def test_an_analysis_that_is_behind_it_is_told() -> None:
    steps = ("set weight 20%", "analysis", "pause until promoted")
    before, after = in_flight(steps=steps, step=1), in_flight(steps=steps, step=2, phase=PAUSED)
    assert lines(looks(idle(), before, after)) == [
        "checkout v42 is past: analysis",
        "checkout v42 pauses at 20 % of the traffic: step 3 of 3 (pause until promoted)",
    ]


def test_it_degrades_once() -> None:
    stuck = in_flight(phase=DEGRADED, message="ProgressDeadlineExceeded: has timed out")
    assert lines(looks(idle(), in_flight(), stuck)) == [
        "checkout v42 is degraded: ProgressDeadlineExceeded: has timed out"
    ]
    assert lines(looks(idle(), in_flight(), stuck, replace(stuck, weight=0))) == []


# ---------------------------------------------------------------- its end

ABORTED = in_flight(phase=DEGRADED, aborted=True, weight=0, message="RolloutAborted: metric err failed")


def test_an_abort_says_why_and_ends_the_deploy() -> None:
    decision = looks(idle(), in_flight(), ABORTED)
    assert lines(decision) == ["checkout v42 is aborted: RolloutAborted: metric err failed"]
    assert changed(decision) == {"v42": ChangeStatus.ROLLED_BACK}


def test_an_abort_undoes_what_ci_called_done() -> None:
    """A pipeline is through when it has applied the manifest; the canary has only begun then."""
    done = change(status=ChangeStatus.SUCCEEDED)
    assert changed(looks(idle(), in_flight(), ABORTED, changes={KEY: done})) == {"v42": ChangeStatus.ROLLED_BACK}


def test_a_retry_starts_it_over() -> None:
    decision = looks(idle(), in_flight(), ABORTED, in_flight(step=0))
    assert lines(decision) == ["checkout v42 starts over after it was aborted"]
    assert changed(decision) == {"v42": ChangeStatus.STARTED}


def test_a_retry_keeps_what_ci_said_of_the_deploy() -> None:
    told = change(status=ChangeStatus.STARTED, at=NOON, digests=("sha256:1",), migration=Migration.IRREVERSIBLE)
    decision = looks(idle(), in_flight(), ABORTED, in_flight(step=0), changes={told.key: told})
    (kept,) = [noun for noun in decision.save if isinstance(noun, Change)]
    assert (kept.status, kept.digests, kept.migration) == (ChangeStatus.STARTED, told.digests, told.migration)


def test_back_to_the_stable_template_is_no_release() -> None:
    decision = looks(idle(), in_flight(), BACK)
    assert lines(decision) == ["checkout goes back to v41 (revision 1): v42 is given up"]
    assert changed(decision) == {"v42": ChangeStatus.ROLLED_BACK}


def test_it_becomes_stable_once_and_is_remembered_so() -> None:
    decision = looks(idle(), in_flight(), FINISHED)
    assert lines(decision) == ["checkout v42 (revision 2) is stable: all of the traffic, 4/4 replicas available"]
    assert changed(decision) == {"v42": ChangeStatus.SUCCEEDED}
    assert [noun.version for noun in decision.save if isinstance(noun, Stable)] == ["v42"]
    restarted = replace(FINISHED, phase=RolloutPhase.PROGRESSING, available=1)
    assert lines(looks(idle(), in_flight(), FINISHED, restarted, FINISHED)) == []


# ---------------------------------------------------------------- what is not told


@pytest.mark.parametrize("last", [in_flight(), ABORTED, FINISHED])
def test_the_same_look_twice_decides_nothing(last: Rollout) -> None:
    assert looks(idle(), last, last) == Decision()


def test_what_the_controller_has_not_seen_yet_is_not_told() -> None:
    assert looks(idle(), in_flight(observed=False)) == Decision()


def test_a_look_that_began_before_the_last_one_tells_nothing() -> None:
    """Two replicas: the slower one would tell of a release that it takes for begun, when it is through."""
    known = Known(incidents=(incident(),))
    later = NOON + minutes(1)
    known = remembered(known, seen(FINISHED, known, POLICY, read_at=later, now=later))
    assert seen(in_flight(), known, POLICY, read_at=NOON, now=later) == Decision()


@pytest.mark.parametrize(
    ("verb", "last"),
    [
        (Verb.PAUSE, in_flight(phase=PAUSED, paused=True)),
        (Verb.ROLLBACK, ABORTED),
        (Verb.ROLLBACK, BACK),
    ],
)
def test_what_we_did_ourselves_is_told_where_it_was_asked_for(verb: Verb, last: Rollout) -> None:
    ours = request(verb=verb, state=RequestState.DONE, acted_at=NOON)
    assert lines(looks(idle(), in_flight(), last, requests=(ours,))) == []
    proposed = replace(ours, state=RequestState.PROPOSED, acted_at=None)
    assert len(lines(looks(idle(), in_flight(), last, requests=(proposed,)))) == 1


def test_our_own_way_back_to_an_earlier_version_is_no_deploy_and_no_suspect() -> None:
    ours = request(state=RequestState.ACTING, acted_at=NOON, intent="undo")
    undoing = in_flight(current=V41, stable=V42)
    decision = looks(FINISHED, undoing, requests=(ours,), stables=(stable(V42), stable(V41)))
    assert (lines(decision), changed(decision)) == ([], {})


# ---------------------------------------------------------------- who hears of it


@pytest.mark.parametrize(
    ("here", "heard"),
    [
        (incident(), True),
        (incident(service="shop"), True),
        (incident(service="search"), False),
        (incident(environment="staging"), False),
    ],
)
def test_incidents_of_the_service_and_of_those_that_depend_on_it_hear_of_it(here: Any, heard: bool) -> None:
    at: datetime = NOON
    known = Known(incidents=(here,), before=None)
    known = remembered(known, seen(idle(), known, POLICY, read_at=at, now=at))
    decision = seen(in_flight(), known, POLICY, read_at=at, now=at)
    assert bool(decision.note) is heard
    assert (PostCard("INC-7") in decision.do) is heard
    assert changed(decision) == {"v42": ChangeStatus.STARTED}


# ---------------------------------------------------------------- proof


def test_what_was_asked_for_is_verified_at_once_when_it_has_come_true() -> None:
    acting = request(state=RequestState.ACTING, acted_at=NOON)
    assert VerifyRollout(acting.id, due=NOON + minutes(2)) in looks(idle(), in_flight(), ABORTED, requests=(acting,)).do


def test_more_pods_alone_may_be_the_proof() -> None:
    """The sighting is the same; the last replica has become available."""
    acting = request(state=RequestState.ACTING, acted_at=NOON)
    short = replace(ABORTED, stable_available=3)
    assert looks(idle(), in_flight(), short, ABORTED, requests=(acting,)) == Decision(
        do=(VerifyRollout(acting.id, due=NOON + minutes(3)),)
    )


@pytest.mark.parametrize("state", [RequestState.PROPOSED, RequestState.CONFIRMED, RequestState.DONE])
def test_only_what_was_sent_is_verified(state: RequestState) -> None:
    decision = looks(idle(), in_flight(), ABORTED, requests=(request(state=state),))
    assert not any(isinstance(effect, VerifyRollout) for effect in decision.do)


def test_while_it_has_not_come_true_nothing_is_due() -> None:
    acting = request(state=RequestState.ACTING, acted_at=NOON)
    decision = looks(idle(), in_flight(), replace(ABORTED, stable_available=3), requests=(acting,))
    assert not any(isinstance(effect, VerifyRollout) for effect in decision.do)


def test_who_looks_on_is_woken_by_news_and_not_by_a_look_without() -> None:
    woken = WatchRollout("INC-7/pause/checkout/1", due=NOON + minutes(1))
    assert woken in looks(idle(), in_flight(), vigils=["INC-7/pause/checkout/1"]).do
    assert looks(in_flight(), in_flight(), vigils=["INC-7/pause/checkout/1"]) == Decision()
