"""Argo Rollouts, over HTTP, on the pretend cluster: each trap by its name, and nothing done twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import Moved, ProviderError
from bot.model import Request, RequestState, RolloutPhase, Verb
from bot.proof import judge
from bot.rollouts import acted
from handlers.providers.kubernetes import Conflict409
from tests.providers.shops import Front, Shop, target
from tests.values import NOON


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


# ---------------------------------------------------------------- reading


def test_a_canary_in_flight_reads_as_people_would_say_it(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    rollout = shop.get()
    assert (str(rollout.current), str(rollout.stable)) == ("v42", "v41")
    assert [str(revision) for revision in rollout.history] == ["v42", "v41"]
    assert rollout.phase is RolloutPhase.PAUSED
    assert (rollout.step, rollout.steps[1], rollout.waiting, rollout.for_person) == (
        1,
        "pause 10s",
        "CanaryPauseStep",
        False,
    )
    assert (rollout.weight, rollout.weight_set) == (10, 10)
    assert rollout.in_flight
    assert rollout.observed


def test_an_idle_rollout_is_healthy_with_everything_on_its_stable_revision(shop: Shop) -> None:
    rollout = shop.get()
    assert (rollout.phase, rollout.in_flight, rollout.weight) == (RolloutPhase.HEALTHY, False, 100)
    assert (rollout.desired, rollout.available, rollout.stable_available) == (10, 10, 10)


def test_without_a_router_the_weight_is_the_part_of_the_pods(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=8)
    assert (shop.get("payments").weight, shop.get("payments").weight_set) == (25, 25)


def test_a_spec_that_the_controller_has_not_seen_is_said_to_be_so(shop: Shop) -> None:
    shop.cluster.deploy("checkout", image="shop/checkout:v42")
    rollout = shop.get()
    assert not rollout.observed
    assert rollout.message == "waiting for rollout spec update to be observed"


def test_an_unknown_rollout_is_a_permanent_error_that_names_it(shop: Shop) -> None:
    with pytest.raises(ProviderError, match='"nope" not found') as caught:
        shop.get("nope")
    assert caught.value.permanent


def test_an_unknown_cluster_is_a_permanent_error(shop: Shop) -> None:
    with pytest.raises(ProviderError, match="no cluster moon is configured") as caught:
        shop.argo.get(target("checkout", "moon"), "checkout", "production")
    assert caught.value.permanent


# ---------------------------------------------------------------- one verb each


def test_an_abort_is_proven_from_the_cluster(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ROLLBACK)
    assert request.intent == "abort"
    shop.acts(request)
    shop.passes(60)
    rollout = shop.get()
    assert (rollout.aborted, rollout.weight, rollout.stable_available) == (True, 0, 10)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["checkout"].stable == "v41"


def test_a_pause_holds_and_a_resume_lets_go(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    pause = shop.asks(Verb.PAUSE)
    shop.acts(pause)
    shop.passes(60)
    assert shop.state_of(pause) is RequestState.DONE
    assert shop.get().step == 1  # its own ten seconds are over, and still it stands
    resume = shop.asks(Verb.RESUME)
    shop.acts(resume)
    shop.passes(1)
    assert shop.state_of(resume) is RequestState.DONE
    assert shop.get().step > 1


def test_promote_at_a_pause_ends_the_pause(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=50)
    assert shop.get("payments").for_person
    request = shop.asks(Verb.PROMOTE, "payments")
    assert request.intent == "resume"
    shop.acts(request)
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["payments"].stable == "v42"


def test_promote_while_a_step_is_running_skips_that_step_alone(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=1)
    request = shop.asks(Verb.PROMOTE)
    assert request.intent == "skip step"
    assert shop.acts(request).step == 1
    assert shop.state_of(request) is RequestState.DONE


def test_promote_switches_a_blue_green_over(shop: Shop) -> None:
    shop.ships("storefront", "v42", seconds=10)
    assert shop.get("storefront").waiting == "BlueGreenPause"
    request = shop.asks(Verb.PROMOTE, "storefront")
    shop.acts(request)
    shop.passes(1)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.get("storefront").weight == 100


def test_an_abort_before_the_switch_leaves_the_active_service_alone(shop: Shop) -> None:
    shop.ships("storefront", "v42", seconds=10)
    request = shop.asks(Verb.ROLLBACK, "storefront")
    shop.acts(request)
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["storefront"].stable == "v41"


def test_undo_puts_the_old_template_back_without_the_controllers_label(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=50)
    shop.acts(shop.asks(Verb.PROMOTE, "payments"))
    shop.passes(30)
    request = shop.asks(Verb.ROLLBACK, "payments", to="v41")
    assert request.intent == "undo"
    shop.acts(request)
    shop.passes(1)
    rollout = shop.get("payments")
    assert str(rollout.current) == "v41"
    assert len(rollout.history) == 2  # the same hash again, not a third revision
    assert "rollouts-pod-template-hash" not in str(shop.cluster.rollouts["payments"].object["spec"]["template"])


# ---------------------------------------------------------------- traps


def test_abort_while_paused_by_hand_lifts_the_pause_after_the_abort(shop: Shop) -> None:
    """Otherwise the controller moves no pods: a canary without a router would keep serving the bad version."""
    shop.ships("payments", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(5)
    before = len(shop.patches)
    request = shop.asks(Verb.ROLLBACK, "payments")
    shop.acts(request)
    assert [resource for resource, _ in shop.patches[before:]] == ["rollouts/status", "rollouts"]
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.get("payments").weight == 0


def test_a_crash_between_abort_and_unpause_is_finished_by_the_next_try(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(5)
    request = shop.asks(Verb.ROLLBACK, "payments")
    shop.cluster.patch("payments", {"status": {"abort": True, "promoteFull": False}}, subresource="status")
    before = len(shop.patches)
    shop.acts(request)
    assert [(resource, body["spec"]) for resource, body in shop.patches[before:]] == [("rollouts", {"paused": False})]


def test_abort_takes_back_a_full_promotion_that_is_pending(shop: Shop) -> None:
    """The controller drops an abort while a full promotion is asked for."""
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ROLLBACK)
    shop.cluster.patch("checkout", {"status": {"promoteFull": True}}, subresource="status")
    shop.acts(request)
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["checkout"].stable == "v41"


def test_a_status_is_never_sent_to_the_main_resource_which_would_ignore_it(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    shop.acts(shop.asks(Verb.ROLLBACK))
    assert all("status" not in body for resource, body in shop.patches if resource == "rollouts")


def test_every_patch_carries_the_version_it_was_decided_on(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE))
    (_, body), *_ = shop.patches
    assert body["metadata"]["resourceVersion"]


def test_nothing_is_decided_on_a_hash_that_is_out_of_date(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ROLLBACK)
    shop.cluster.deploy("checkout", image="shop/checkout:v43")  # the controller has not looked yet
    with pytest.raises(ProviderError, match="has not seen the latest change yet") as caught:
        shop.acts(request)
    assert not caught.value.permanent
    assert not shop.patches


# ---------------------------------------------------------------- moved on


@pytest.mark.parametrize("verb", list(Verb))
def test_a_newer_deploy_is_not_acted_on(shop: Shop, verb: Verb) -> None:
    shop.ships("checkout", "v42", seconds=8)
    first = {Verb.RESUME: resume_of, Verb.RETRY: retry_of}
    request = first[verb](shop) if verb in first else shop.asks(verb)
    before = len(shop.patches)
    shop.ships("checkout", "v43", seconds=8)
    with pytest.raises(Moved, match=r"v43 \(revision 3\) now, not at v42"):
        shop.acts(request)
    assert len(shop.patches) == before


def resume_of(shop: Shop) -> Request:
    shop.acts(shop.asks(Verb.PAUSE))
    shop.passes(1)
    return shop.asks(Verb.RESUME)


def retry_of(shop: Shop) -> Request:
    shop.acts(shop.asks(Verb.ABORT))
    shop.passes(1)
    return shop.asks(Verb.RETRY)


def test_what_became_stable_meanwhile_is_not_aborted(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=50)
    request = shop.asks(Verb.ROLLBACK, "payments")
    shop.acts(shop.asks(Verb.PROMOTE, "payments"))
    shop.passes(60)
    with pytest.raises(Moved, match="v42 has become stable"):
        shop.acts(request)


def test_a_promotion_of_a_step_that_is_over_promotes_no_other(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=1)
    request = shop.asks(Verb.PROMOTE)
    shop.passes(8)
    rollout = shop.acts(request)  # the step is over: what was wanted is there
    assert rollout.step == 1
    assert not shop.patches


def test_a_pause_by_hand_is_not_promoted_over(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=50)
    request = shop.asks(Verb.PROMOTE, "payments")
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(1)
    with pytest.raises(Moved, match="and now for by hand"):
        shop.acts(request)


# ---------------------------------------------------------------- once


def scenes(shop: Shop) -> Iterator[Request]:
    """A confirmed request of every intent, each on a rollout of its own."""
    shop.ships("checkout", "v42", seconds=8)
    yield shop.asks(Verb.ROLLBACK)
    shop.ships("payments", "v42", seconds=50)
    yield shop.asks(Verb.PAUSE, "payments")
    yield shop.asks(Verb.RESUME, "payments")
    yield shop.asks(Verb.PROMOTE, "payments")
    yield shop.asks(Verb.ROLLBACK, "payments", to="v41")


def test_acting_twice_sends_once(shop: Shop) -> None:
    for request in scenes(shop):
        shop.acts(request)
        sent = len(shop.patches)
        shop.acts(request)
        assert len(shop.patches) == sent, request.intent
        shop.passes(2)


def test_acting_twice_on_an_undo_sends_once_even_before_the_controller_saw_it(shop: Shop) -> None:
    shop.ships("storefront", "v42", seconds=60)
    request = shop.asks(Verb.ROLLBACK, "storefront", to="v41")
    shop.acts(request)
    assert not shop.get("storefront").observed
    shop.acts(request)
    assert len(shop.patches) == 1


# ---------------------------------------------------------------- the API has a bad day


def aborting(shop: Shop) -> Request:
    shop.ships("checkout", "v42", seconds=8)
    return shop.asks(Verb.ROLLBACK)


def test_a_timeout_after_applying_is_told_by_looking_and_not_sent_again(shop: Shop) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", "timeout_after")
    assert shop.acts(request).aborted
    assert len(shop.patches) == 1


def test_a_timeout_that_lost_the_call_is_sent_again_after_looking(shop: Shop) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", 504)
    assert shop.acts(request).aborted
    assert len(shop.patches) == 2


def test_trap_a_change_that_is_dropped_without_a_word_is_not_sent_on_and_on(shop: Shop) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", "dropped", times=99)
    with pytest.raises(ProviderError, match="left the object as it was") as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (True, True)
    assert len(shop.patches) == 1


def test_a_conflict_is_looked_at_and_tried_again(shop: Shop) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", 409, times=2)
    assert shop.acts(request).aborted


def test_conflicts_without_end_are_left_for_later(shop: Shop) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", 409, times=99)
    with pytest.raises(Conflict409) as caught:
        shop.acts(request)
    assert not caught.value.permanent
    assert len(shop.patches) == 3


def test_somebody_who_writes_in_between_wins_and_is_respected(shop: Shop) -> None:
    request = aborting(shop)

    def ship_first(verb: str) -> None:
        if verb == "patch":
            shop.cluster.before_call = lambda verb: None
            shop.ships("checkout", "v43", seconds=8)

    shop.cluster.before_call = ship_first
    with pytest.raises(Moved, match="v43"):
        shop.acts(request)
    assert not shop.cluster.rollouts["checkout"].aborted


def test_a_failed_test_in_an_undo_is_a_conflict_too(shop: Shop) -> None:
    shop.ships("storefront", "v42", seconds=60)
    request = shop.asks(Verb.ROLLBACK, "storefront", to="v41")

    def touch_first(verb: str) -> None:
        if verb == "patch":
            shop.cluster.before_call = lambda verb: None
            shop.cluster.patch("storefront", {"metadata": {"labels": {"touched": "yes"}}})

    shop.cluster.before_call = touch_first
    shop.acts(request)
    shop.passes(60)
    assert shop.cluster.rollouts["storefront"].stable == "v41"
    assert len(shop.patches) == 2


@pytest.mark.parametrize(
    ("fault", "permanent", "unknown"),
    [(403, True, False), (404, True, False), (429, False, False), (500, False, True), ("html", False, True)],
)
def test_a_refused_patch_says_whether_to_try_again(
    shop: Shop, fault: int | str, permanent: bool, unknown: bool
) -> None:
    request = aborting(shop)
    shop.cluster.faults.add("patch", fault, times=99)
    with pytest.raises(ProviderError) as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (permanent, unknown)
    assert "<html" not in str(caught.value)


def test_what_fails_after_the_abort_is_not_called_untouched(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(5)
    request = shop.asks(Verb.ROLLBACK, "payments")
    shop.cluster.api.deny("patch", "rollouts")
    with pytest.raises(ProviderError) as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (True, True)


def test_the_whole_line_from_asked_to_proven(shop: Shop) -> None:
    request = aborting(shop)
    sent = acted(request, shop.acts(request), shop.clock.now())
    assert [type(effect).__name__ for effect in sent.do] == ["VerifyRollout", "PostCard", "ShowRollout"]
    shop.passes(60)
    finding = judge(request, shop.get())
    assert finding.why.startswith("stable revision v41 (revision 1), canary weight 0 %, 10/10 available")
    assert shop.clock.now() - NOON > timedelta(seconds=60)
