"""Traps of the Argo controller that no single verb shows: what takes an abort back, what freezes scaling, numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.intents import Intent
from bot.model import RequestState, RolloutPhase, Verb
from bot.proof import judge
from tests.providers.shops import Front, Shop


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path, "checkout", "payments")
    yield shop
    shop.close()


def test_a_change_of_the_steps_takes_an_abort_back_and_that_is_said(shop: Shop) -> None:
    """Whatever touches template or steps resets an aborted rollout: the bad version starts over."""
    shop.ships("checkout", "v42", seconds=8)
    request = shop.asks(Verb.ABORT)
    shop.acts(request)
    shop.passes(40)
    steps = [{"setWeight": 30}, {"pause": {}}]
    shop.cluster.patch("checkout", {"spec": {"strategy": {"canary": {"steps": steps}}}})
    shop.passes(20)
    rollout = shop.get()
    assert (rollout.aborted, rollout.current.version, rollout.weight) == (False, "v42", 30)
    found = judge(request, rollout)
    assert found.state is RequestState.FAILED
    assert "the abort did not hold" in found.why


def test_a_pause_step_does_not_freeze_scaling_and_a_pause_by_hand_does(shop: Shop) -> None:
    shop.ships("payments", "v42", seconds=20)
    assert shop.get("payments").waiting == "CanaryPauseStep"
    shop.cluster.patch("payments", {"spec": {"replicas": 8}})
    shop.passes(10)
    assert shop.cluster.workload("payments").status["replicas"] == 8
    shop.acts(shop.asks(Verb.PAUSE, "payments"))
    shop.cluster.patch("payments", {"spec": {"replicas": 12}})
    shop.passes(30)
    assert (shop.get("payments").desired, shop.cluster.workload("payments").status["replicas"]) == (12, 8)
    shop.acts(shop.asks(Verb.RESUME, "payments"))
    shop.passes(30)
    assert shop.cluster.workload("payments").status["replicas"] == 12


def test_a_first_deploy_has_nothing_to_go_back_to(shop: Shop) -> None:
    shop.cluster.replicas.broken_images.add("shop/cart:v1")
    made = shop.cluster.workload("payments").object
    labels = {"app": "cart"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "shop/cart:v1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pods, "strategy": made["spec"]["strategy"]}
    shop.cluster.create({"kind": "Rollout", "metadata": {"name": "cart", "namespace": "shop"}, "spec": spec})
    shop.passes(20)
    assert shop.get("cart").stable is None
    for verb in (Verb.ABORT, Verb.ROLLBACK, Verb.PROMOTE):
        with pytest.raises(Refused, match="first deploy"):
            shop.asks(verb, "cart")
    assert shop.patches == []


def test_mid_rollout_the_way_back_is_the_stable_revision_and_not_the_one_before(shop: Shop) -> None:
    """Between them lies v42, which was aborted: second-highest, and never stable."""
    shop.ships("checkout", "v42", seconds=8)
    shop.acts(shop.asks(Verb.ABORT))
    shop.passes(40)
    shop.ships("checkout", "v43", seconds=8)
    request = shop.asks(Verb.ROLLBACK)
    assert (request.intent, request.to_version) == (Intent.ABORT, "v41")
    shop.acts(request)
    shop.passes(40)
    assert shop.state_of(request) is RequestState.DONE


def test_a_revision_that_is_used_again_gets_the_highest_number(shop: Shop) -> None:
    """So a number names another template tomorrow; what is reviewed and proven is the hash."""
    shop.ships("checkout", "v42", seconds=8)
    before = shop.get()
    assert before.stable is not None
    request = shop.asks(Verb.ROLLBACK, respec=True)
    for _ in range(3):
        shop.acts(request)
        shop.passes(40)
    after = shop.get()
    assert (after.current.number, before.stable.number, after.current.hash) == (3, 1, before.stable.hash)
    assert (shop.state_of(request), after.phase) == (RequestState.DONE, RolloutPhase.HEALTHY)
