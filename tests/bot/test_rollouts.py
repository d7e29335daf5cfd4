"""The life of a request: proposed, confirmed, sent, proven; and everything that ends it earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.decision import ActOnRollout, Card, Decision, PostCard, SendPost, ShowRollout, VerifyFleet, VerifyRollout
from bot.errors import Moved, ProviderError, Refused
from bot.intents import BLUE_GREEN, BY_HAND, Intent
from bot.model import (
    EntryKind,
    Post,
    Request,
    RequestState,
    Rollout,
    RolloutPhase,
    Stable,
    Verb,
)
from bot.preflight import Surroundings
from bot.proof import fulfilled, judge, moved
from bot.review import what
from bot.rollouts import (
    acted,
    cancel,
    confirm,
    gave_up,
    in_parts,
    observed,
    propose,
    too_late,
    unseen,
    verify,
)
from tests.bot.rollout_values import ALONE, V41, V42, V43, hold, idle, in_flight, request, stable
from tests.values import NOON, incident, minutes

DANA, BOB, CAROL = "U0DANA", "U0BOB", "U0CAROL"
INCONCLUSIVE = "InconclusiveAnalysisRun"


def proposed(verb: Verb, rollout: Rollout | None = None, **other: Any) -> Decision:
    values: dict[str, Any] = {"by": DANA, "channel": "C1", "allowed": {DANA}, "number": 1, "now": NOON}
    around = other.pop("around", Surroundings(incident=incident()))
    return propose(verb, rollout or in_flight(), (), around, **{"rule": ALONE} | values | other)


def saved(decision: Decision) -> Request:
    (found,) = [noun for noun in decision.save if isinstance(noun, Request)]
    return found


def posted(decision: Decision) -> Post:
    (found,) = [noun for noun in decision.save if isinstance(noun, Post)]
    assert SendPost(found.id) in decision.do
    return found


def acting(**other: Any) -> Request:
    values: dict[str, Any] = {"state": RequestState.ACTING, "confirmed_by": DANA, "acted_at": NOON}
    return request(**values | other)


# ---------------------------------------------------------------- proposed


def test_a_rollback_is_shown_first_and_nothing_is_due() -> None:
    decision = proposed(Verb.ROLLBACK)
    found = saved(decision)
    assert (found.id, found.state) == ("INC-7/rollback/checkout/1", RequestState.PROPOSED)
    assert (found.intent, found.from_version, found.to_version) == ("abort", "v42", "v41")
    assert (found.reviewed_step, found.reviewed_wait, found.channel) == (1, "", "@incident")
    assert decision.do == (ShowRollout("INC-7/card/checkout"),)  # only to be seen
    assert isinstance(decision.say, Card)
    assert [e.text for e in decision.note] == ["asks for rollback of checkout: v42 → v41"]


def test_a_pause_is_due_at_once_without_confirmation_for_anybody() -> None:
    decision = proposed(Verb.PAUSE, by=CAROL)
    assert saved(decision).state is RequestState.CONFIRMED
    assert ActOnRollout("INC-7/pause/checkout/1") in decision.do
    assert decision.say == "Pausing `checkout`. I will report here."


def test_a_pause_that_freezes_the_autoscaler_says_so() -> None:
    assert proposed(Verb.PAUSE, why="errors in Europe").note[0].text.endswith(": errors in Europe")
    assert "its autoscaler stands still" in str(proposed(Verb.PAUSE, in_flight(autoscaled=True)).say)


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PROMOTE, Verb.ROLLBACK])
def test_everything_else_needs_a_role_an_owner_or_on_call(verb: Verb) -> None:
    with pytest.raises(Refused, match="holds a role in the incident"):
        proposed(verb, in_flight(waiting="CanaryPauseStep"), by=CAROL)


def test_outside_an_incident_the_outcome_goes_where_it_was_asked() -> None:
    found = saved(proposed(Verb.ROLLBACK, around=Surroundings()))
    assert (found.id, found.incident, found.channel) == ("rollout/rollback/checkout/1", "", "C1")


@pytest.mark.parametrize("state", [RequestState.CONFIRMED, RequestState.ACTING])
@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.ROLLBACK])
def test_one_action_at_a_time_says_whose(verb: Verb, state: RequestState) -> None:
    other = request(state=state, confirmed_by=BOB)
    with pytest.raises(Refused, match="confirmed by <@U0BOB>, is still under way"):
        proposed(verb, around=Surroundings(requests=(other,)))


def test_a_pause_by_hand_is_reviewed_as_such() -> None:
    assert saved(proposed(Verb.RESUME, in_flight(paused=True, waiting="X"))).reviewed_wait == BY_HAND


# ---------------------------------------------------------------- confirmed or not


def confirmed(asked: Request | None = None, rollout: Rollout | None = None, **other: Any) -> Decision:
    values: dict[str, Any] = {"by": DANA, "allowed": {DANA}, "others": (), "now": NOON + minutes(1)}
    return confirm(asked or request(), rollout or in_flight(), **values | other)


def test_confirm_makes_it_due_and_says_where_the_outcome_will_be() -> None:
    decision = confirmed()
    assert (saved(decision).state, saved(decision).confirmed_by) == (RequestState.CONFIRMED, DANA)
    shown = (PostCard("INC-7"), ShowRollout("INC-7/card/checkout"))
    assert decision.do == (ActOnRollout("INC-7/rollback/checkout/1"), *shown)
    assert decision.say == "Rollback of checkout: v42 → v41. I will report here."
    assert (decision.note[0].by, decision.note[0].kind) == (DANA, EntryKind.ACTION)


def test_a_second_confirmation_is_told_who_was_first() -> None:
    with pytest.raises(Refused, match="already confirmed by <@U0BOB>"):
        confirmed(request(state=RequestState.DONE, confirmed_by=BOB))


def test_a_preview_older_than_ten_minutes_is_withdrawn() -> None:
    assert saved(confirmed(now=NOON + minutes(10))).state is RequestState.CONFIRMED
    decision = confirmed(now=NOON + minutes(10) + timedelta(seconds=1))
    assert saved(decision).state is RequestState.CANCELLED
    assert "older than 10 minutes" in str(decision.say)
    assert decision.do == ()


def test_a_rollout_that_moved_since_the_preview_is_left_alone() -> None:
    decision = confirmed(rollout=in_flight(current=V43, history=(V43, V42, V41)))
    assert saved(decision).state is RequestState.CANCELLED
    assert "checkout is at v43 (revision 3) now, not at v42. Nothing was changed" in str(decision.say)
    assert decision.do == ()


def test_a_resume_is_not_called_done_where_an_abort_has_lifted_the_pause() -> None:
    asked = request(verb=Verb.RESUME, intent="resume", reviewed_wait=BY_HAND)
    said = str(confirmed(asked, in_flight(aborted=True)).say)
    assert "it was aborted; the cluster shows" in said
    assert "done already" not in said


def test_confirming_needs_the_pressers_own_rights() -> None:
    with pytest.raises(Refused, match="holds a role"):
        confirmed(by=CAROL)


def test_two_previews_of_one_rollout_do_not_both_happen() -> None:
    with pytest.raises(Refused, match="still under way"):
        confirmed(others=(request(id="INC-7/pause/checkout/2", state=RequestState.ACTING, confirmed_by=BOB),))


def test_cancel_forgets_a_preview_but_not_an_action() -> None:
    assert saved(cancel(request(), DANA, NOON)).state is RequestState.CANCELLED
    with pytest.raises(Refused, match="already confirmed"):
        cancel(acting(), DANA, NOON)
    with pytest.raises(Refused, match="withdrawn"):
        confirmed(request(state=RequestState.CANCELLED))


# ---------------------------------------------------------------- moved? fulfilled?

STAYED = [
    (request(), in_flight()),
    (request(), in_flight(step=3, weight=50)),  # a canary that goes on is still to be aborted
    (request(intent="undo"), in_flight()),
    (request(intent="pause", to_revision="hash42"), in_flight(step=3)),
    (request(intent="resume", reviewed_wait=BY_HAND), in_flight(paused=True)),
    (request(intent="resume", reviewed_wait="CanaryPauseStep"), in_flight(waiting="CanaryPauseStep")),
    (request(intent="skip step"), in_flight()),
    (request(intent="abort, then undo"), in_flight(step=3)),
    (request(intent="undo, then promote fully"), in_flight()),
    (request(intent="promote fully"), in_flight(step=3, waiting="CanaryPauseStep")),
    (request(intent="promote fully", reviewed_wait=BY_HAND), in_flight(paused=True)),
    (request(intent="promote fully", reviewed_wait=INCONCLUSIVE), in_flight(waiting=INCONCLUSIVE)),
    (request(intent="retry"), in_flight(aborted=True)),
]
MOVED = [
    (request(), idle(current=V42, stable=V42), "v42 has become stable"),
    (request(), in_flight(stable=V43), "its stable revision is v43"),
    (request(intent="undo"), in_flight(history=(V42,)), "no longer holds v41"),
    (request(intent="pause"), in_flight(aborted=True), "was aborted"),
    (request(intent="resume", reviewed_wait="CanaryPauseStep"), in_flight(step=2), "gone on to step 3 of 5"),
    (request(intent="resume", reviewed_wait="CanaryPauseStep"), in_flight(paused=True), "now for by hand"),
    (request(intent="skip step"), in_flight(step=5), "the end of its steps"),
    (request(intent="skip step"), in_flight(waiting="CanaryPauseStep"), "now for CanaryPauseStep"),
    (request(intent="skip step"), in_flight(aborted=True), "was aborted"),
    (request(intent="abort, then undo"), idle(current=V42, stable=V42), "v42 has become stable"),
    (request(intent="abort, then undo"), in_flight(history=(V42,)), "no longer holds v41"),
    (request(intent="undo, then promote fully"), in_flight(history=(V42,)), "no longer holds v41"),
    (request(intent="promote fully"), in_flight(aborted=True), "was aborted"),
    (request(intent="promote fully"), in_flight(paused=True), "somebody paused it by hand"),
    (request(intent="promote fully"), in_flight(waiting=INCONCLUSIVE), "its analysis is inconclusive"),
    (request(intent="retry"), in_flight(aborted=True, paused=True), "somebody paused it by hand"),
    (request(intent="retry"), idle(current=V42, stable=V42), "v42 has become stable"),
]


@pytest.mark.parametrize(("asked", "rollout"), STAYED)
def test_still_where_it_was_reviewed(asked: Request, rollout: Rollout) -> None:
    assert moved(asked, rollout) == ""
    assert not fulfilled(asked, rollout)


@pytest.mark.parametrize(("asked", "rollout", "why"), MOVED)
def test_no_longer_where_it_was_reviewed(asked: Request, rollout: Rollout, why: str) -> None:
    assert why in moved(asked, rollout)


@pytest.mark.parametrize("intent", list(Intent))
def test_a_newer_version_is_never_where_it_was(intent: Intent) -> None:
    other = in_flight(current=V43, history=(V43, V42, V41), paused=True)
    assert "v43" in moved(request(intent=intent.value), other)
    assert not fulfilled(request(intent=intent.value), other)


FULFILLED = [
    (request(intent="pause", to_revision="hash42"), in_flight(paused=True)),
    (request(intent="resume", reviewed_wait=BY_HAND), in_flight()),
    (request(intent="resume", reviewed_wait="CanaryPauseStep"), in_flight()),
    (request(intent="resume", reviewed_wait="CanaryPauseStep"), in_flight(step=3, waiting="CanaryPauseStep")),
    (request(intent="skip step"), in_flight(step=2)),
    (request(intent="abort"), in_flight(aborted=True)),
    (request(intent="abort"), idle()),
    (request(intent="undo"), idle()),
    (request(intent="undo, then promote fully"), idle()),
    (request(intent="abort, then undo"), idle()),
    (request(intent="promote fully"), in_flight(full_promotion=True)),
    (request(intent="promote fully"), idle(current=V42, stable=V42)),
    (request(intent="retry"), in_flight()),
]


@pytest.mark.parametrize(("asked", "rollout"), FULFILLED)
def test_what_is_there_already_is_not_sent_again(asked: Request, rollout: Rollout) -> None:
    assert fulfilled(asked, rollout)


# ---------------------------------------------------------------- sent


def test_what_was_sent_is_looked_at_again_in_two_seconds() -> None:
    asked = request(state=RequestState.CONFIRMED, confirmed_by=DANA)
    decision = acted(asked, in_flight(aborted=True), NOON)
    assert (saved(decision).state, saved(decision).acted_at) == (RequestState.ACTING, NOON)
    assert VerifyRollout(asked.id, due=NOON + timedelta(seconds=2)) in decision.do


def test_proof_at_once_is_taken_at_once() -> None:
    asked = request(state=RequestState.CONFIRMED, intent="pause", to_revision="hash42", verb=Verb.PAUSE)
    decision = acted(asked, in_flight(paused=True, phase=RolloutPhase.PAUSED), NOON)
    assert saved(decision).state is RequestState.DONE
    assert not any(isinstance(effect, VerifyRollout) for effect in decision.do)
    assert "proven" in posted(decision).text


def test_acted_twice_is_decided_once() -> None:
    assert acted(acting(), in_flight(aborted=True), NOON) == Decision()


def test_an_action_is_not_sent_long_after_it_was_confirmed() -> None:
    assert not too_late(request(), NOON + minutes(20))
    assert too_late(request(), NOON + minutes(21))


# ---------------------------------------------------------------- proven?

BACK = in_flight(aborted=True, weight=0, weight_set=0, phase=RolloutPhase.DEGRADED)
AT_PAUSE = {"intent": "resume", "reviewed_wait": "CanaryPauseStep", "to_revision": "hash42"}
FULLY = {"intent": "promote fully", "to_revision": "hash42"}
UNDONE = {"intent": "undo, then promote fully"}
WAITS = in_flight(current=V41, stable=V42, waiting="CanaryPauseStep")

PROOFS = [
    ("an abort whose weight is 0 and whose stable pods are up", {}, BACK, RequestState.DONE),
    ("traffic still on the bad version", {}, replace(BACK, weight=20), RequestState.ACTING),
    ("stable pods not all up", {}, replace(BACK, stable_available=3), RequestState.ACTING),
    ("all pods up, but some of them bad ones", {}, replace(BACK, available=4, stable_available=2), RequestState.ACTING),
    ("still paused by hand, so pods do not move", {}, replace(BACK, paused=True), RequestState.ACTING),
    ("the controller has not looked", {}, replace(BACK, observed=False), RequestState.ACTING),
    ("the abort was taken back by a retry", {}, in_flight(), RequestState.FAILED),
    ("it became stable first", {}, idle(current=V42, stable=V42), RequestState.NOTHING),
    ("a newer deploy", {}, in_flight(current=V43), RequestState.FAILED),
    ("somebody undid it as well", {}, idle(), RequestState.DONE),
    ("undone and healthy", {"intent": "undo"}, idle(), RequestState.DONE),
    ("undone, pods coming up", {"intent": "undo"}, idle(phase=RolloutPhase.PROGRESSING), RequestState.ACTING),
    ("undone, in its steps", {"intent": "undo"}, in_flight(current=V41, stable=V42), RequestState.ACTING),
    ("GitOps put it back", {"intent": "undo"}, idle(current=V42, stable=V42), RequestState.FAILED),
    (
        "undone, waits to be promoted",
        {"intent": "undo"},
        in_flight(current=V41, stable=V42, waiting="CanaryPauseStep", for_person=True),
        RequestState.FAILED,
    ),
    (
        "undone, in a timed pause",
        {"intent": "undo"},
        in_flight(current=V41, stable=V42, waiting="CanaryPauseStep"),
        RequestState.ACTING,
    ),
    ("paused", {"intent": "pause"}, in_flight(paused=True), RequestState.DONE),
    ("pause lifted by somebody", {"intent": "pause"}, in_flight(), RequestState.FAILED),
    ("resumed by hand", {"intent": "resume", "reviewed_wait": BY_HAND}, in_flight(), RequestState.DONE),
    ("paused anew", {"intent": "resume", "reviewed_wait": BY_HAND}, in_flight(paused=True), RequestState.FAILED),
    ("on to the next step", AT_PAUSE, in_flight(step=2), RequestState.DONE),
    ("resumed, the step not yet over", AT_PAUSE, in_flight(), RequestState.ACTING),
    ("resumed, then aborted by analysis", AT_PAUSE, in_flight(aborted=True), RequestState.FAILED),
    ("a blue-green switched", AT_PAUSE, in_flight(strategy=BLUE_GREEN, weight=100), RequestState.DONE),
    ("the step was skipped", {"intent": "skip step"}, in_flight(step=2), RequestState.DONE),
    ("all traffic, on demand", FULLY, idle(current=V42, stable=V42), RequestState.DONE),
    ("full promotion, pods coming up", FULLY, in_flight(full_promotion=True, step=5), RequestState.ACTING),
    ("full promotion, stopped by an abort", FULLY, in_flight(aborted=True), RequestState.FAILED),
    ("full promotion, stopped by a pause", FULLY, in_flight(paused=True), RequestState.FAILED),
    ("full promotion of what was replaced", FULLY, in_flight(current=V43), RequestState.FAILED),
    ("retried and under way", {"intent": "retry"}, in_flight(), RequestState.DONE),
    ("retried, not taken up yet", {"intent": "retry"}, replace(BACK, aborted=False), RequestState.ACTING),
    ("retried and aborted again", {"intent": "retry"}, BACK, RequestState.FAILED),
    ("retried, then replaced", {"intent": "retry"}, in_flight(current=V43), RequestState.FAILED),
    ("undone and promoted", UNDONE, idle(), RequestState.DONE),
    ("undone, at the pause that is skipped next", UNDONE, replace(WAITS, for_person=True), RequestState.ACTING),
    ("undone, paused by hand before it was promoted", UNDONE, replace(WAITS, paused=True), RequestState.FAILED),
    ("undone, and GitOps put it back", UNDONE, idle(current=V42, stable=V42), RequestState.FAILED),
    ("aborted and undone", {"intent": "abort, then undo"}, idle(), RequestState.DONE),
    ("aborted, the template put back by somebody", {"intent": "abort, then undo"}, BACK, RequestState.FAILED),
    ("fully promoted", {"intent": "skip step"}, idle(current=V42, stable=V42, step=1), RequestState.DONE),
]


@pytest.mark.parametrize(
    ("values", "rollout", "state"), [case[1:] for case in PROOFS], ids=[case[0] for case in PROOFS]
)
def test_judged_by_what_the_cluster_shows(values: dict[str, Any], rollout: Rollout, state: RequestState) -> None:
    finding = judge(acting(**values), rollout)
    assert finding.state is state, finding.why
    assert finding.why


def test_a_proven_rollback_says_what_the_cluster_shows() -> None:
    decision = verify(acting(), BACK, NOON + timedelta(seconds=8))
    text = "stable revision v41 (revision 1), canary weight 0 %, 4/4 available. The spec still asks for v42"
    assert saved(decision).outcome == text
    post = posted(decision)
    assert (post.id, post.channel, post.incident) == ("INC-7/rollback/checkout/1/outcome", "@incident", "INC-7")
    assert post.text == f":white_check_mark: Rollback of checkout: v42 → v41 is *proven*: {text}."
    assert decision.note[0].text == f"rollback of checkout: v42 → v41 proven: {text}"
    assert decision.note[0].kind is EntryKind.ACTION
    assert PostCard("INC-7") in decision.do


def test_outside_an_incident_and_a_channel_there_is_nobody_to_tell_but_the_record() -> None:
    decision = verify(acting(incident="", channel=""), BACK, NOON)
    assert decision.do == (VerifyFleet("checkout/production", due=NOON + timedelta(seconds=10)),)
    assert saved(decision).state is RequestState.DONE


MOVING = replace(BACK, weight=20)


def test_while_it_moves_it_is_looked_at_again_and_nothing_is_said() -> None:
    decision = verify(acting(), MOVING, NOON + timedelta(seconds=4))
    assert decision == Decision(do=(VerifyRollout("INC-7/rollback/checkout/1", due=NOON + timedelta(seconds=6)),))


def test_slowness_says_how_far_it_has_come() -> None:
    asked = acting(intent="undo", from_revision="hash42", to_revision="hash41")
    moving = in_flight(current=V41, stable=V42, step=3, weight=50)
    told = verify(asked, moving, NOON + minutes(1))
    assert "takes long, still moving: 3 of 5 steps, 50 % of the traffic. The cluster shows" in posted(told).text
    end = verify(asked, moving, NOON + minutes(30), told=True)
    assert saved(end).outcome.startswith("not done yet, still moving: 3 of 5 steps, 50 % of the traffic; the cluster")
    assert "proven" in posted(verify(asked, idle(), NOON + minutes(29), told=True)).text


@pytest.mark.parametrize(
    ("intent", "wait", "parts"),
    [
        ("undo, then promote fully", "", True),
        ("promote fully", BY_HAND, True),
        ("promote fully", "", False),
        ("abort, then undo", BY_HAND, False),
        ("abort", BY_HAND, False),
    ],
)
def test_only_what_waits_for_the_controller_has_a_part_left(intent: str, wait: str, parts: bool) -> None:
    asked = acting(intent=intent, reviewed_wait=wait)
    assert in_parts(asked, NOON + minutes(20)) is parts
    assert not in_parts(asked, NOON + minutes(21))  # what comes late is a surprise
    assert not in_parts(replace(asked, state=RequestState.DONE), NOON)


def test_a_full_promotion_is_called_one() -> None:
    assert posted(verify(acting(**FULLY), idle(current=V42, stable=V42), NOON)).text.startswith(
        ":white_check_mark: Full promotion of checkout at v42 is *proven*"
    )


def test_slowness_is_said_once() -> None:
    late = NOON + minutes(1)
    told = verify(acting(), MOVING, late)
    assert "takes long" in posted(told).text
    assert posted(told).id == "INC-7/rollback/checkout/1/slow"
    assert verify(acting(), MOVING, late, told=True).save == ()


def test_after_half_an_hour_it_is_not_known_to_be_done() -> None:
    decision = verify(acting(), MOVING, NOON + minutes(30), told=True)
    assert saved(decision).state is RequestState.FAILED
    assert saved(decision).outcome.startswith("not known to be done; the cluster shows degraded, v42")
    assert not any(isinstance(effect, VerifyRollout) for effect in decision.do)


@pytest.mark.parametrize("state", [s for s in RequestState if s is not RequestState.ACTING])
def test_what_is_settled_is_not_verified_again(state: RequestState) -> None:
    assert verify(acting(state=state), BACK, NOON) == Decision()


# ---------------------------------------------------------------- given up


def test_a_moved_rollout_ends_as_nothing_done() -> None:
    decision = gave_up(acting(state=RequestState.CONFIRMED), Moved("Argo Rollouts", "it is at v43 now"), NOON)
    assert (saved(decision).state, saved(decision).outcome) == (
        RequestState.NOTHING,
        "nothing was sent: it is at v43 now",
    )
    assert "*changed nothing*" in posted(decision).text


def test_what_the_cluster_refused_was_sent() -> None:
    error = ProviderError("Kubernetes shop", "HTTP 403: may not patch", permanent=True)
    decision = gave_up(acting(state=RequestState.CONFIRMED), error, NOON)
    assert (saved(decision).state, saved(decision).outcome) == (
        RequestState.NOTHING,
        "Kubernetes shop: HTTP 403: may not patch",
    )


def test_a_proof_counts_the_pods_of_both_versions_as_such() -> None:
    asked = request(intent=Intent.UNDO, from_revision=V42.hash, to_revision=V41.hash)
    finding = judge(asked, idle(current=V41, stable=V41, available=20))
    assert finding.why.endswith("healthy, 20 replicas available for 4 wanted, as both versions run")


def test_half_of_it_sent_is_not_nothing() -> None:
    error = Moved("Argo Rollouts", "it is at v43 now", unknown=True)
    assert saved(gave_up(acting(state=RequestState.CONFIRMED), error, NOON)).state is RequestState.FAILED


def test_forbidden_ends_as_nothing_done_with_the_clusters_words() -> None:
    error = ProviderError("Kubernetes demo", "HTTP 403: cannot patch", permanent=True)
    decision = gave_up(acting(state=RequestState.CONFIRMED), error, NOON)
    assert saved(decision).state is RequestState.NOTHING
    assert "Kubernetes demo: HTTP 403: cannot patch" in posted(decision).text


def test_tried_too_often_is_not_known_to_be_done() -> None:
    decision = gave_up(acting(state=RequestState.CONFIRMED), ProviderError("Kubernetes demo", "no answer"), NOON)
    assert saved(decision).state is RequestState.FAILED
    assert "not known to be done" in saved(decision).outcome


@pytest.mark.parametrize("state", [RequestState.DONE, RequestState.CANCELLED, RequestState.NOTHING])
def test_giving_up_does_not_overwrite_an_outcome(state: RequestState) -> None:
    assert gave_up(request(state=state), ProviderError("K", "x"), NOON) == Decision()


def test_a_cluster_that_does_not_answer_is_waited_for_until_the_deadline() -> None:
    error = ProviderError("Kubernetes demo", "no connection")
    assert unseen(acting(), error, NOON + minutes(9)) is None
    decision = unseen(acting(), error, NOON + minutes(30))
    assert decision is not None
    assert saved(decision).state is RequestState.FAILED


# ---------------------------------------------------------------- remembered


def record(rollout: Rollout, *stables: Stable, now: datetime = NOON) -> list[str]:
    return [noun.version for noun in observed(rollout, stables, now).save if isinstance(noun, Stable)]


def test_what_became_stable_is_remembered_once() -> None:
    assert record(idle()) == ["v41"]
    assert record(idle(), stable(V41)) == []
    assert record(idle(), stable(V42), stable(V41)) == ["v41"]  # stable again: the newest once more


@pytest.mark.parametrize(
    "rollout",
    [in_flight(), idle(phase=RolloutPhase.DEGRADED), idle(observed=False), in_flight(stable=None), BACK],
)
def test_what_is_not_proven_stable_is_not_remembered(rollout: Rollout) -> None:
    assert record(rollout) == []


# ---------------------------------------------------------------- text


def test_names_from_the_cluster_ping_nobody() -> None:
    asked = acting(from_version="<!channel>", service="check<@U0BOB>out")
    post = posted(verify(asked, replace(BACK, stable=V41), NOON))
    assert "<!channel>" not in post.text
    assert "<@U0BOB>" not in post.text


def test_what_a_person_holds_is_resumed_and_not_broken() -> None:
    held = replace(hold(), holder="U0BOB", why="look first")
    with pytest.raises(Refused, match="look first") as refused:
        proposed(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"), around=Surroundings(holds=(held,)), full=True)
    assert refused.value.instead == "/rollout resume checkout"
    checked = Surroundings(holds=(held, hold()))  # the check's is not theirs to lift
    with pytest.raises(Refused) as refused:
        proposed(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"), around=checked, full=True)
    assert "--break-glass" in (refused.value.instead or "")


def test_a_promotion_is_not_called_a_promote() -> None:
    asked = saved(proposed(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep")))
    assert what(asked) == "promotion of checkout at v42"
