"""The verbs that take more than one call, or one that is easily lost: over HTTP, on the pretend cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Moved, ProviderError, Refused
from bot.intents import Intent
from bot.model import Request, RequestState, Verb
from tests.providers.shops import Front, Shop

PROMOTED = {"status": {"promoteFull": True}}


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


def patched(shop: Shop, since: int = 0) -> list[Any]:
    """What was asked of the cluster: the status or spec of each call, or "template" for an undo."""
    return [
        "template" if isinstance(body, list) else {k: v for k, v in body.items() if k != "metadata"}
        for _, body in shop.patches[since:]
    ]


def acting(request: Request) -> Request:
    return replace(request, state=RequestState.ACTING)


def finished(shop: Shop) -> None:
    """payments is at v42, all of it."""
    shop.ships("payments", "v42", seconds=50)
    shop.acts(shop.asks(Verb.PROMOTE, "payments"))
    shop.passes(30)
    assert not shop.get("payments").in_flight


# ---------------------------------------------------------------- abort and retry


def test_an_abort_leaves_the_spec_as_it_is(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ABORT)
    shop.acts(request)
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert (shop.cluster.rollouts["checkout"].current, shop.get().weight) == ("v42", 0)


def test_an_abort_of_what_is_fully_promoted_would_be_dropped_without_a_word(shop: Shop) -> None:
    with pytest.raises(Refused, match="would drop an abort"):
        shop.asks(Verb.ABORT)
    shop.cluster.patch("checkout", {"status": {"abort": True}}, subresource="status")
    shop.passes(5)
    assert not shop.get().aborted  # that is what the controller does


def test_a_retry_starts_an_aborted_rollout_over(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    shop.acts(shop.asks(Verb.ABORT))
    shop.passes(60)
    request = shop.asks(Verb.RETRY)
    shop.acts(request)
    shop.passes(5)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.get().step <= 1
    shop.passes(5)
    assert shop.get().weight == 10


def test_a_plain_promotion_of_an_aborted_rollout_is_a_no_op_that_needs_a_retry(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    shop.acts(shop.asks(Verb.ABORT))
    shop.passes(5)
    with pytest.raises(Refused, match="would do nothing") as caught:
        shop.asks(Verb.PROMOTE)
    assert caught.value.instead == "/rollout retry checkout"
    shop.cluster.patch("checkout", {"status": {"currentStepIndex": 3}}, subresource="status")
    shop.passes(5)
    assert (shop.get().aborted, shop.get().step) == (True, 0)  # that is what the controller does


# ---------------------------------------------------------------- promoted fully


def test_a_full_promotion_skips_all_remaining_steps(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.PROMOTE, full=True)
    shop.acts(request)
    shop.passes(20)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["checkout"].stable == "v42"


def test_a_full_promotion_of_an_aborted_rollout_would_send_the_bad_version_to_everybody(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.PROMOTE, full=True)
    shop.acts(shop.asks(Verb.ABORT))
    shop.passes(5)
    sent = len(shop.patches)
    with pytest.raises(Refused, match="drop the abort and give it all the traffic"):
        shop.asks(Verb.PROMOTE, full=True)
    with pytest.raises(Moved, match="it was aborted"):
        shop.acts(request)  # confirmed before somebody aborted
    assert len(shop.patches) == sent
    shop.cluster.patch("checkout", PROMOTED, subresource="status")
    shop.passes(60)
    assert shop.cluster.rollouts["checkout"].stable == "v42"  # that is what the controller does


def test_a_full_promotion_while_paused_by_hand_does_not_finish_so_the_pause_is_lifted_and_seen_first(
    shop: Shop,
) -> None:
    """argo-rollouts#4265."""
    shop.ships("payments", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(5)
    request, before = shop.asks(Verb.PROMOTE, "payments", full=True), len(shop.patches)
    assert not shop.acts(request).observed
    assert patched(shop, before) == [{"spec": {"paused": False}}]
    shop.acts(acting(request))  # the controller has not looked yet
    assert len(patched(shop, before)) == 1
    shop.passes(1)
    shop.acts(acting(request))
    assert patched(shop, before) == [{"spec": {"paused": False}}, PROMOTED]
    shop.passes(20)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["payments"].stable == "v42"


def test_somebody_who_pauses_before_the_full_promotion_holds_it(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=8)
    request = shop.asks(Verb.PROMOTE, "payments", full=True)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(1)
    with pytest.raises(Moved, match="somebody paused it by hand"):
        shop.acts(request)


# ---------------------------------------------------------------- undone, then promoted fully


def test_a_full_promotion_right_after_an_undo_is_dropped_so_it_waits_until_the_undo_was_seen(shop: Shop) -> None:
    finished(shop)
    request, before = shop.asks(Verb.ROLLBACK, "payments", to="v41", full=True), len(shop.patches)
    assert request.intent == Intent.UNDO_FULLY
    shop.acts(request)
    assert not shop.acts(acting(request)).observed
    assert patched(shop, before) == ["template"]
    shop.passes(1)
    shop.acts(acting(request))
    shop.acts(acting(request))  # done twice is as if done once
    assert patched(shop, before) == ["template", PROMOTED]
    shop.passes(20)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["payments"].stable == "v41"  # and nobody had to promote it


def test_what_the_controller_does_with_a_full_promotion_of_a_template_it_has_not_seen(shop: Shop) -> None:
    finished(shop)
    shop.acts(shop.asks(Verb.ROLLBACK, "payments", to="v41"))
    shop.cluster.patch("payments", PROMOTED, subresource="status")
    shop.passes(60)
    assert not shop.get("payments").full_promotion
    assert shop.cluster.rollouts["payments"].stable == "v42"


def test_an_undo_that_was_put_back_is_not_done_again_and_not_promoted(shop: Shop) -> None:
    """To fight a GitOps controller would start the bad version over, again and again."""
    finished(shop)
    request = shop.asks(Verb.ROLLBACK, "payments", to="v41", full=True)
    shop.acts(request)
    shop.cluster.deploy("payments", image="shop/payments:v42")
    shop.passes(5)
    sent = len(shop.patches)
    shop.acts(acting(request))
    assert len(shop.patches) == sent
    assert shop.state_of(request) is RequestState.FAILED


@pytest.mark.parametrize(("body", "where"), [({"spec": {"paused": True}}, ""), ({"status": {"abort": True}}, "status")])
def test_a_pause_or_an_abort_between_undo_and_promotion_holds_it(shop: Shop, body: Any, where: str) -> None:
    finished(shop)
    request = shop.asks(Verb.ROLLBACK, "payments", to="v41", full=True)
    shop.acts(request)
    shop.passes(1)
    shop.cluster.patch("payments", body, subresource=where)
    shop.passes(1)
    sent = len(shop.patches)
    shop.acts(acting(request))
    assert len(shop.patches) == sent
    assert shop.state_of(request) is RequestState.FAILED


def test_within_the_rollback_window_the_steps_are_skipped_by_the_controller(shop: Shop) -> None:
    shop.cluster.patch("payments", {"spec": {"rollbackWindow": {"revisions": 3}}})
    finished(shop)
    assert [revision.in_window for revision in shop.get("payments").history] == [False, True]
    request = shop.asks(Verb.ROLLBACK, "payments", to="v41", full=True)
    assert request.intent == Intent.UNDO
    shop.acts(request)
    shop.passes(20)
    assert shop.state_of(request) is RequestState.DONE


def test_the_way_forward_again_is_never_in_the_rollback_window(shop: Shop) -> None:
    """It goes by the time of creation, not by the revision number."""
    shop.cluster.patch("payments", {"spec": {"rollbackWindow": {"revisions": 3}}})
    finished(shop)
    shop.acts(shop.asks(Verb.ROLLBACK, "payments", to="v41"))
    shop.passes(20)
    assert [(str(r), r.number, r.in_window) for r in shop.get("payments").history] == [
        ("v41", 3, False),
        ("v42", 2, False),
    ]


def test_a_blue_green_goes_back_at_once_while_its_old_pods_still_run(shop: Shop) -> None:
    shop.ships("storefront", "v42", seconds=30)
    old = next(r for r in shop.get("storefront").history if str(r) == "v41")
    assert old.kept_until is not None
    assert old.kept_until > shop.clock.now()
    request = shop.asks(Verb.ROLLBACK, "storefront", to="v41")
    shop.acts(request)
    shop.passes(1)
    assert shop.state_of(request) is RequestState.DONE


def test_an_undo_leaves_out_what_the_controller_wrote_on_the_pods(shop: Shop) -> None:
    """With the ephemeral metadata it would be a third version that runs through every step, and not a rollback."""
    roles = {"canaryMetadata": {"labels": {"role": "canary"}}, "stableMetadata": {"labels": {"role": "stable"}}}
    shop.cluster.patch("payments", {"spec": {"strategy": {"canary": roles}}})
    shop.passes(5)
    finished(shop)
    worn = {s.version: s.object["spec"]["template"]["metadata"]["labels"].get("role") for s in sets(shop)}
    assert worn == {"v42": "stable", "v41": None}
    shop.ships("payments", "v43", seconds=50)
    request = shop.asks(Verb.ROLLBACK, "payments", respec=True)
    shop.acts(request)
    shop.passes(20)
    assert shop.state_of(request) is RequestState.DONE
    assert [s.version for s in sets(shop)] == ["v42", "v43", "v41"]
    assert "role" not in shop.cluster.rollouts["payments"].object["spec"]["template"]["metadata"]["labels"]


def sets(shop: Shop) -> Any:
    return shop.cluster.rollouts["payments"].sets


# ---------------------------------------------------------------- aborted, then undone


def test_where_the_policy_says_so_the_spec_is_mended_after_the_abort(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ROLLBACK, respec=True)
    shop.acts(request)
    assert patched(shop) == [{"status": {"abort": True, "promoteFull": False}}, "template"]
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert (shop.cluster.rollouts["checkout"].current, shop.cluster.rollouts["checkout"].phase) == ("v41", "Healthy")


def test_a_spec_that_must_not_be_touched_leaves_the_abort_and_says_that_something_was_done(shop: Shop) -> None:
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ROLLBACK, respec=True)
    shop.cluster.api.deny("patch", "rollouts")
    with pytest.raises(ProviderError) as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (True, True)
    assert shop.get().aborted


# ---------------------------------------------------------------- the API has a bad day


@pytest.fixture
def payments(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path, "payments")
    yield shop
    shop.close()


def abort(shop: Shop) -> Request:
    shop.ships("payments", "v42", seconds=8)
    return shop.asks(Verb.ABORT, "payments")


def retry(shop: Shop) -> Request:
    shop.acts(abort(shop))
    shop.passes(5)
    return shop.asks(Verb.RETRY, "payments")


def full(shop: Shop) -> Request:
    shop.ships("payments", "v42", seconds=8)
    return shop.asks(Verb.PROMOTE, "payments", full=True)


def full_when_paused(shop: Shop) -> Request:
    shop.ships("payments", "v42", seconds=8)
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.passes(1)
    return shop.asks(Verb.PROMOTE, "payments", full=True)


def undo_fully(shop: Shop) -> Request:
    finished(shop)
    return shop.asks(Verb.ROLLBACK, "payments", to="v41", full=True)


def abort_undo(shop: Shop) -> Request:
    shop.ships("payments", "v42", seconds=8)
    return shop.asks(Verb.ROLLBACK, "payments", respec=True)


SCENES: dict[Callable[[Shop], Request], int] = {  # and how many calls it takes
    abort: 1,
    retry: 1,
    full: 1,
    full_when_paused: 2,
    undo_fully: 2,
    abort_undo: 2,
}
CALLS = [(scene, call) for scene, calls in SCENES.items() for call in range(calls)]
FAULTS: list[int | str] = [409, 403, 404, 410, 429, 500, 504, "html", "timeout_after"]


def carries_through(shop: Shop, request: Request) -> list[ProviderError]:
    """As the outbox does: again after what is not permanent, and the rest when the controller has looked."""
    errors = []
    for _ in range(9):
        before = version(shop)
        error = fails(shop, request)
        if error is None:
            request = acting(request)
            shop.passes(3)
            if shop.state_of(request) is RequestState.DONE:
                break
            continue
        errors.append(error)
        assert error.unknown or version(shop) == before, "it was changed, and called untouched"
        if error.permanent:
            break
        shop.passes(1)
    return errors


def fails(shop: Shop, request: Request) -> ProviderError | None:
    try:
        shop.acts(request)
    except ProviderError as error:
        return error
    return None


def version(shop: Shop) -> str:
    return str(shop.cluster.rollouts["payments"].object["metadata"]["resourceVersion"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("scene", "call"), CALLS)
def test_whatever_the_api_answers_the_truth_is_known_or_honestly_unknown(
    payments: Shop, scene: Callable[[Shop], Request], call: int, fault: int | str
) -> None:
    """Each call of each verb meets each fault once."""
    shop, request = payments, scene(payments)
    count = len(shop.patches)
    shop.cluster.before_call = lambda verb: strike(shop, verb, count + call, fault)
    errors = carries_through(shop, request)
    shop.cluster.before_call = lambda verb: None
    if any(error.permanent for error in errors):
        assert fault in (403, 404, 410)
        return
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    tried = 1 if fault != "timeout_after" else 0  # what was applied, and whose answer was lost, is not sent again
    assert len(shop.patches) - count == SCENES[scene] + tried


def strike(shop: Shop, verb: str, nth: int, fault: int | str) -> None:
    """The nth patch from the beginning has the fault."""
    if verb == "patch" and len(shop.patches) == nth and not shop.cluster.faults.waiting:
        shop.cluster.before_call = lambda verb: None
        shop.cluster.faults.add("patch", fault)


@pytest.mark.parametrize(("scene", "calls"), SCENES.items())
def test_a_crash_after_each_call_is_finished_by_the_next_try_and_nothing_is_sent_twice(
    payments: Shop, scene: Callable[[Shop], Request], calls: int
) -> None:
    """The call was made, and what came of it was never committed."""
    shop, request = payments, scene(payments)
    count = len(shop.patches)
    for _ in range(9):
        error = fails(shop, request)  # CONFIRMED for ever: the thought is lost each time
        assert error is None or not error.permanent
        shop.passes(3)
        if shop.state_of(request) is RequestState.DONE:
            break
    assert shop.state_of(request) is RequestState.DONE
    assert len(shop.patches) - count == calls
