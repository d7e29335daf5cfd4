"""Flagger as it really behaves, over HTTP: what its status hides, what it ignores, and what it never hears."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Moved, ProviderError, Refused
from bot.model import Request, RequestState, Rollout, RolloutPhase, Verb
from bot.preflight import preflight
from handlers.providers.flagger_status import common, gates_of
from sandbox.kube.store import CANARIES, DEPLOYMENTS, fresh
from tests.canary import NAME, hooks, manifests
from tests.providers.shops import Front, Shop, target

TICK = 10


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path, "search")  # a small cluster, to which the canary is added
    for manifest in manifests(None, hooks("confirm-rollout", "confirm-promotion", base="http://others/")):
        shop.cluster.create(manifest)
    answers(shop)
    shop.passes(3.5 * TICK)  # from here on in the middle between two ticks
    yield shop
    shop.close()


def answers(shop: Shop, *closed: str) -> None:
    """Somebody else's gates, all open but these."""
    shop.cluster.flagger.webhooks.deliver = lambda url, body, seconds: (
        403 if url.rsplit("/", 1)[1] in closed else 200,
        "",
    )


def ships(shop: Shop, version: str = "v42", ticks: int = 3) -> Rollout:
    shop.ships(NAME, version, seconds=ticks * TICK)
    return shop.get(NAME)


def asks(shop: Shop, verb: Verb, **how: Any) -> Request:
    return shop.asks(verb, NAME, **how)


def spec(shop: Shop) -> dict[str, Any]:
    shop.cluster.reconcile()
    return dict(shop.cluster.store.get(CANARIES, "shop", NAME)["spec"])


def status(shop: Shop) -> dict[str, Any]:
    shop.cluster.reconcile()
    return dict(shop.cluster.store.get(CANARIES, "shop", NAME)["status"])


# ---------------------------------------------------------------- read


def test_where_a_run_is(shop: Shop) -> None:
    rollout = ships(shop, ticks=4)
    assert (str(rollout.stable), str(rollout.current), rollout.weight, rollout.phase) == (
        "v41",
        "v42",
        30,
        RolloutPhase.PROGRESSING,
    )
    weights = [f"set weight {weight}%" for weight in (10, 20, 30, 40, 50)]
    assert rollout.steps == ("start", *weights, "promote")
    assert rollout.step == 4
    shop.cluster.flagger.measure = lambda canary: "too slow"
    shop.passes(TICK)
    assert shop.get(NAME).analysis == "1 of 3 checks failed"


def test_trap_the_weight_reads_0_in_waiting_promotion(shop: Shop) -> None:
    answers(shop, "confirm-promotion")
    rollout = ships(shop, ticks=9)
    assert status(shop)["canaryWeight"] == 0
    assert (rollout.weight, rollout.waiting, rollout.for_person) == (50, "confirm-promotion", True)
    assert rollout.phase is RolloutPhase.PAUSED


def test_trap_the_primary_has_other_names_in_its_template() -> None:
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": "reviews", "pod-template-hash": "x"}},
        "spec": {"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "reviews-config"}}]}]},
    }
    copied = copy.deepcopy(template)
    copied["metadata"] = {"labels": {"app": "reviews-primary"}, "annotations": {"flagger-id": "1"}}
    copied["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"] = "reviews-config-primary"
    assert common(copied) == common(template)
    copied["spec"]["containers"][0]["image"] = "shop/reviews:v42"
    assert common(copied) != common(template)


def restarts(shop: Shop, name: str) -> None:
    """As `kubectl rollout restart` does it."""
    note = {"kubectl.kubernetes.io/restartedAt": shop.clock.now().isoformat()}
    deployment = copy.deepcopy(shop.cluster.store.get(DEPLOYMENTS, "shop", name))
    deployment["spec"]["template"]["metadata"] |= {"annotations": note}
    shop.cluster.write(DEPLOYMENTS, deployment, "kubectl-rollout")


def serves(rollout: Rollout) -> str:
    return rollout.stable.hash if rollout.stable else ""


def test_trap_restarting_the_primary_by_hand_is_no_release(shop: Shop) -> None:
    before = ships(shop, ticks=12)
    restarts(shop, f"{NAME}-primary")
    shop.passes(TICK)
    rollout = shop.get(NAME)
    assert (rollout.observed, rollout.in_flight, rollout.phase) == (True, False, RolloutPhase.HEALTHY)
    assert rollout.stable == before.stable
    assert asks(shop, Verb.ROLLBACK, to="v41").to_version == "v41"
    rollout = ships(shop, "v43")
    assert (str(rollout.stable), rollout.in_flight) == ("v42", True)
    request = asks(shop, Verb.ABORT)
    shop.acts(request)
    shop.passes(TICK)
    assert shop.state_of(request) is RequestState.DONE


@pytest.mark.parametrize("first", [NAME, f"{NAME}-primary"])
def test_trap_restarting_the_target_is_a_release_of_its_own(shop: Shop, first: str) -> None:
    """Also where both have been restarted, so that only the restarts tell the two sets apart."""
    ships(shop, ticks=12)
    stable = serves(shop.get(NAME))
    restarts(shop, first)
    shop.passes(2 * TICK)
    restarts(shop, f"{NAME}-primary" if first == NAME else NAME)
    shop.passes(2 * TICK)
    rollout = shop.get(NAME)
    assert (status(shop)["phase"], rollout.in_flight) == ("Progressing", True)
    assert serves(rollout) == stable
    shop.passes(12 * TICK)
    rollout = shop.get(NAME)
    assert (status(shop)["phase"], rollout.in_flight, rollout.observed) == ("Succeeded", False, True)
    restarts(shop, f"{NAME}-primary")
    shop.passes(TICK)
    again = shop.get(NAME)
    assert serves(again) == serves(rollout) != stable
    assert (again.in_flight, again.observed) == (False, True)


def test_trap_a_release_is_not_seen_before_the_next_tick(shop: Shop) -> None:
    shop.cluster.deploy(NAME, f"shop/{NAME}:v42")
    shop.passes(1)
    rollout = shop.get(NAME)
    assert (rollout.observed, rollout.phase, rollout.in_flight) == (False, RolloutPhase.PROGRESSING, True)
    assert rollout.step == 0  # the status says Succeeded yet, of the revision before: no step of this one is past
    with pytest.raises(Refused, match="has not seen that yet"):
        asks(shop, Verb.ABORT)
    shop.passes(TICK)
    assert shop.get(NAME).observed


@pytest.mark.parametrize("fails", [False, True])
def test_trap_what_the_status_says_may_be_about_the_revision_before(shop: Shop, fails: bool) -> None:
    ships(shop)
    request = asks(shop, Verb.ABORT)
    if fails:
        shop.acts(request)
        shop.passes(TICK)
        assert shop.get(NAME).aborted
    shop.passes(2)
    shop.cluster.deploy(NAME, f"shop/{NAME}:v43")
    shop.passes(2)
    rollout = shop.get(NAME)
    assert (str(rollout.current), rollout.observed, rollout.aborted) == ("v43", False, False)
    before = len(shop.patches)
    with pytest.raises(ProviderError, match="has not looked") as caught:
        shop.acts(request)
    assert not caught.value.permanent
    shop.passes(TICK)
    with pytest.raises(Moved, match="v43"):
        shop.acts(request)
    assert len(shop.patches) == before


def test_what_is_under_flagger_but_no_deployment_is_said(shop: Shop) -> None:
    held = fresh(shop.cluster.store.get(CANARIES, "shop", NAME))
    held["spec"]["targetRef"]["kind"] = "DaemonSet"
    shop.cluster.write(CANARIES, held, "kubectl")
    with pytest.raises(ProviderError, match="releases a DaemonSet") as caught:
        shop.get(NAME)
    assert caught.value.permanent


def test_only_webhooks_at_the_gates_of_this_service_are_ours() -> None:
    ours = hooks("confirm-promotion", "rollback", base="https://bot.example/prefix/gates/reviews/", query="?pass=x")
    others = [
        *hooks("confirm-rollout", base="https://bot.example/gates/checkout/"),
        {"name": "wrong", "type": "confirm-traffic-increase", "url": "https://bot.example/gates/reviews/rollback"},
        {"name": "odd", "type": "event", "url": "http://[::1"},
        "no hook",
    ]
    assert gates_of({"webhooks": [*ours, *others]}, NAME, "production") == ("confirm-promotion", "rollback")


@pytest.mark.parametrize(
    ("path", "places"),
    [("reviews", ["production"]), ("reviews/production", ["production"]), ("reviews/staging", ["staging"])],
)
def test_a_gate_is_of_one_environment(path: str, places: list[str]) -> None:
    """A URL without one is that of production: a canary of staging that has it asks at a gate that is not its own."""
    asks = {"webhooks": hooks("rollback", base=f"https://bot.example/gates/{path}/")}
    assert [place for place in ("production", "staging", "qa") if gates_of(asks, NAME, place)] == places


# ---------------------------------------------------------------- acted on


def test_trap_suspended_it_would_not_roll_back(shop: Shop) -> None:
    """Failed checks first: the other order would let the bad revision go on for a tick."""
    ships(shop)
    shop.acts(asks(shop, Verb.PAUSE))
    shop.passes(TICK)
    shop.acts(asks(shop, Verb.ROLLBACK))
    assert [resource for resource, _ in shop.patches] == ["canaries", "canaries/status", "canaries"]
    assert shop.patches[-1][1]["spec"] == {"suspend": False}
    shop.passes(TICK)
    assert status(shop)["phase"] == "Failed"


def test_trap_in_flight_the_stable_template_would_be_analysed_as_the_canary(shop: Shop) -> None:
    """So a rollback leaves it alone, whatever the policy says; a second one puts it back when the run has failed."""
    ships(shop)
    rollback = asks(shop, Verb.ROLLBACK, respec=True)
    shop.acts(rollback)
    shop.passes(3)
    assert shop.cluster.workload(NAME).current == "v42"
    shop.passes(3 * TICK)
    assert shop.state_of(rollback) is RequestState.DONE
    mend = asks(shop, Verb.ROLLBACK, to="v41")
    shop.acts(mend)
    shop.passes(3 * TICK)
    assert shop.state_of(mend) is RequestState.DONE
    assert status(shop)["phase"] == "Failed"  # the promoted template is no news to Flagger: nothing runs again
    healed = shop.get(NAME)
    assert (healed.phase, healed.in_flight, healed.aborted) == (RolloutPhase.HEALTHY, False, False)


def test_trap_finished_the_way_back_is_a_new_run(shop: Shop) -> None:
    ships(shop, ticks=12)
    rollback = asks(shop, Verb.ROLLBACK, to="v41")
    shop.acts(rollback)
    assert [resource for resource, _ in shop.patches] == ["deployments"]
    shop.passes(3 * TICK)
    rollout = shop.get(NAME)
    assert (str(rollout.current), str(rollout.stable), 0 < rollout.weight < 100) == ("v41", "v42", True)
    shop.passes(10 * TICK)
    assert shop.state_of(rollback) is RequestState.DONE


def test_trap_a_skipped_analysis_stays_skipped_until_it_is_taken_back(shop: Shop) -> None:
    answers(shop, "confirm-promotion")
    ships(shop)
    full = asks(shop, Verb.PROMOTE, full=True)
    shop.acts(full)
    assert spec(shop)["skipAnalysis"] is True
    shop.acts(full)  # a crash before the receipt: nothing is sent a second time
    assert len(shop.patches) == 1
    provider, where = shop.provider(NAME), target(NAME)
    assert shop.get(NAME).skips == full.from_revision
    shop.passes(2 * TICK)
    assert [provider.take_back(where) for _ in range(2)] == [True, False]
    assert spec(shop)["skipAnalysis"] is False
    assert shop.get(NAME).skips == ""
    assert len(shop.patches) == 2
    assert str(shop.get(NAME).stable) == "v42"


def test_trap_while_it_waits_to_start_it_hears_no_order(shop: Shop) -> None:
    answers(shop, "confirm-rollout")
    rollout = ships(shop)
    assert (rollout.waiting, rollout.weight, rollout.step) == ("confirm-rollout", 0, 0)
    with pytest.raises(Refused, match="has not started"):
        asks(shop, Verb.ROLLBACK)


def test_trap_pods_that_never_come_up_keep_it_from_hearing_anything(shop: Shop) -> None:
    shop.cluster.replicas.broken_images.add(f"shop/{NAME}:v42")
    rollout = ships(shop)
    assert any("Flagger hears no order" in str(reason) for reason in preflight(Verb.ROLLBACK, rollout).reasons)
    rollback = asks(shop, Verb.ROLLBACK)
    shop.acts(rollback)
    shop.passes(5 * TICK)
    assert shop.state_of(rollback) is RequestState.ACTING  # and not "done"
    shop.passes(700)
    assert shop.state_of(rollback) is RequestState.DONE  # its deadline did it


def test_while_it_is_promoted_there_is_nothing_to_abort(shop: Shop) -> None:
    rollout = ships(shop, ticks=7)
    assert (status(shop)["phase"], rollout.in_flight) == ("Promoting", False)
    with pytest.raises(Refused, match="fully promoted"):
        asks(shop, Verb.ABORT)
