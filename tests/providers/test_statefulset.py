"""StatefulSets on the pretend cluster: each trap by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import Moved, Refused
from bot.intents import ON_DELETE, plan
from bot.model import RequestState, RolloutPhase, Verb
from bot.preflight import Safety, preflight
from bot.proof import judge
from handlers.providers.statefulset import RUNS, WAS, Seen, StatefulSets, runs, understand
from tests.providers.shops import Front, Shop, target


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


def partition(shop: Shop) -> int:
    return int(shop.cluster.workload("ledger").object["spec"]["updateStrategy"]["rollingUpdate"]["partition"])


def on_delete(shop: Shop) -> None:
    strategy = {"type": "OnDelete", "rollingUpdate": None}
    shop.cluster.patch("ledger", {"spec": {"updateStrategy": strategy}})
    shop.passes(1)


def versions(shop: Shop) -> list[str]:
    pods = shop.kubernetes.get("/api/v1/namespaces/shop/pods", {"labelSelector": "app=ledger"})["items"]
    return [pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods]


# ---------------------------------------------------------------- partition


def test_a_pause_is_a_partition_below_the_pods_that_are_new(shop: Shop) -> None:
    shop.ships("ledger", "v42", seconds=5)
    shop.acts(shop.asks(Verb.PAUSE, "ledger"))
    new = versions(shop).count("v42")
    assert partition(shop) == 4 - new
    shop.passes(120)
    assert versions(shop) == ["v41"] * (4 - new) + ["v42"] * new
    assert shop.get("ledger").message.startswith(f"partition {4 - new} holds back ledger-0")


def test_a_pause_before_the_controller_has_looked_keeps_every_pod(shop: Shop) -> None:
    shop.cluster.lags["ledger"] = 10
    shop.ships("ledger", "v42", seconds=0)
    shop.acts(shop.asks(Verb.PAUSE, "ledger"))
    shop.passes(120)
    assert (partition(shop), versions(shop)) == (4, ["v41"] * 4)


def test_the_partition_that_somebody_had_chosen_comes_back(shop: Shop) -> None:
    chosen = {"updateStrategy": {"rollingUpdate": {"partition": 2}}}
    shop.cluster.patch("ledger", {"spec": chosen})
    shop.ships("ledger", "v42", seconds=1)
    shop.acts(shop.asks(Verb.PAUSE, "ledger"))
    shop.passes(60)
    assert partition(shop) == 3
    shop.acts(shop.asks(Verb.RESUME, "ledger"))
    shop.passes(60)
    assert (partition(shop), versions(shop)) == (2, ["v41", "v41", "v42", "v42"])
    assert WAS not in shop.cluster.workload("ledger").object["metadata"].get("annotations", {})


def test_a_partition_that_nobody_paused_is_a_pause_that_can_be_lifted(shop: Shop) -> None:
    shop.cluster.patch("ledger", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 3}}}})
    shop.ships("ledger", "v42", seconds=60)
    rollout = shop.get("ledger")
    assert (rollout.paused, rollout.weight, rollout.updated) == (True, 25, 1)
    with pytest.raises(Refused, match="already paused"):
        plan(Verb.PAUSE, rollout)
    shop.acts(shop.asks(Verb.RESUME, "ledger"))
    shop.passes(60)
    assert versions(shop) == ["v42"] * 4


def test_where_every_pod_is_replaced_there_is_nothing_left_to_pause(shop: Shop) -> None:
    """A partition would hold nothing, and would be sent again and again for a pause that never comes."""
    shop.cluster.replicas.tempo = 10
    shop.ships("ledger", "v42", seconds=50)
    asked = shop.asks(Verb.PAUSE, "ledger")
    while "v41" in versions(shop) or len(versions(shop)) < 4:
        shop.passes(5)
    before = len(shop.patches)
    with pytest.raises(Moved, match="nothing is left to hold"):
        shop.acts(asked)
    with pytest.raises(Refused, match="Every pod of `ledger` is at v42"):
        shop.asks(Verb.PAUSE, "ledger")
    assert len(shop.patches) == before


def test_the_pod_that_was_just_stopped_comes_back_as_it_was(shop: Shop) -> None:
    """For that moment no pod is left that the partition could be seen to hold."""
    shop.ships("ledger", "v42", seconds=5)
    seen = StatefulSets({"sandbox": shop.kubernetes})._look(shop.kubernetes, target("ledger"))
    pods = tuple(pod for pod in seen.pods if runs(pod) == seen.current)
    strategy = {"updateStrategy": {"rollingUpdate": {"partition": 4 - len(pods)}}}
    meta = seen.object["metadata"] | {"annotations": {WAS: "0"}}
    held = Seen(seen.object | {"metadata": meta, "spec": seen.spec | strategy}, seen.revisions, pods)
    assert held.held
    assert not replace(held, object=held.object | {"metadata": seen.object["metadata"]}).held


def test_trap_a_partition_counts_from_the_first_pod_whatever_its_number(shop: Shop) -> None:
    pods = tuple({"metadata": {"name": f"ledger-{n}", "labels": {RUNS: "old"}}} for n in (5, 6))
    spec = {"replicas": 2, "ordinals": {"start": 5}, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
    assert Seen({"metadata": {"generation": 1}, "spec": spec}, (), pods).held


def test_a_rollback_leaves_no_partition_for_the_next_deploy(shop: Shop) -> None:
    shop.ships("ledger", "v42", seconds=5)
    shop.acts(shop.asks(Verb.PAUSE, "ledger"))
    shop.passes(30)
    before = len(shop.patches)
    request = shop.asks(Verb.ROLLBACK, "ledger")
    shop.acts(request)
    assert len(shop.patches) == before + 1  # template and partition at once
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    assert (partition(shop), versions(shop)) == (0, ["v41"] * 4)


def test_a_partition_left_behind_after_somebody_elses_undo_is_given_back(shop: Shop) -> None:
    shop.ships("ledger", "v42", seconds=5)
    shop.acts(shop.asks(Verb.PAUSE, "ledger"))
    shop.passes(30)
    request = shop.asks(Verb.ROLLBACK, "ledger")
    shop.cluster.deploy("ledger", image="shop/ledger:v41")
    shop.passes(30)
    shop.acts(request)
    assert partition(shop) == 0


# ---------------------------------------------------------------- OnDelete


def test_seven_of_eight_with_on_delete_are_not_called_done(shop: Shop) -> None:
    """Nothing rolls by itself, and the controller's own word for the stable revision stays the first one for ever."""
    on_delete(shop)
    shop.ships("ledger", "v42", seconds=60)
    assert versions(shop) == ["v41"] * 4
    for name in ("ledger-1", "ledger-2", "ledger-3"):
        shop.cluster.delete_pod(name)
    shop.passes(60)
    rollout = shop.get("ledger")
    assert (rollout.phase, rollout.weight, rollout.updated) == (RolloutPhase.PAUSED, 75, 3)
    assert rollout.message == "ledger-0 change only when somebody deletes them"
    shop.cluster.delete_pod("ledger-0")
    shop.passes(60)
    assert (shop.get("ledger").phase, str(shop.get("ledger").stable)) == (RolloutPhase.HEALTHY, "v42")
    shop.ships("ledger", "v43", seconds=60)
    assert str(shop.get("ledger").stable) == "v42"


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME, Verb.PROMOTE])
def test_with_on_delete_there_is_nothing_to_stop_or_let_go(shop: Shop, verb: Verb) -> None:
    on_delete(shop)
    shop.ships("ledger", "v42", seconds=10)
    with pytest.raises(Refused, match="each pod changes when somebody deletes it"):
        plan(verb, shop.get("ledger"))


def test_an_undo_with_on_delete_says_that_pods_have_to_be_deleted(shop: Shop) -> None:
    on_delete(shop)
    shop.ships("ledger", "v42", seconds=5)
    shop.cluster.delete_pod("ledger-3")
    shop.passes(10)
    checked = preflight(Verb.ROLLBACK, shop.get("ledger"))
    assert checked.verdict is Safety.RISKY
    assert any("each pod changes when somebody deletes it" in str(reason) for reason in checked.reasons)
    request = shop.asks(Verb.ROLLBACK, "ledger")
    shop.acts(request)
    shop.passes(10)
    finding = judge(request, shop.get("ledger"))
    assert finding.state is RequestState.FAILED
    assert "not done yet: ledger-3 change only when somebody deletes them" in finding.why
    assert shop.get("ledger").strategy == ON_DELETE


# ---------------------------------------------------------------- order


def test_a_pod_that_never_comes_up_blocks_the_way_back_and_is_named(shop: Shop) -> None:
    """Known since 2018: with ordered pods the controller waits for the sick one even when the template is mended."""
    shop.cluster.replicas.broken_images.add("shop/ledger:v42")
    shop.ships("ledger", "v42", seconds=30)
    rollout = shop.get("ledger")
    assert (rollout.phase, rollout.message) == (RolloutPhase.DEGRADED, "ledger-3 is not ready: CrashLoopBackOff")
    assert any("may be blocked" in str(reason) for reason in preflight(Verb.ROLLBACK, rollout).reasons)
    request = shop.asks(Verb.ROLLBACK, "ledger")
    shop.acts(request)
    shop.passes(60)
    finding = judge(request, shop.get("ledger"))
    assert finding.state is RequestState.ACTING
    assert finding.why.endswith("Nothing goes on until somebody deletes it: kubectl delete pod ledger-3")
    shop.cluster.delete_pod("ledger-3")
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE


# ---------------------------------------------------------------- history


def test_a_rollback_in_flight_goes_to_what_the_controller_had_rolled_out(shop: Shop) -> None:
    """Not to the revision before, which was never on more than some pods."""
    shop.ships("ledger", "v42", seconds=5)
    shop.ships("ledger", "v43", seconds=5)
    rollout = shop.get("ledger")
    assert [r.number for r in rollout.history] == [3, 2, 1]
    assert shop.asks(Verb.ROLLBACK, "ledger").to_version == "v41"


def test_an_undo_writes_back_the_template_of_the_revision(shop: Shop) -> None:
    first = shop.cluster.workload("ledger").object["spec"]["template"]
    shop.ships("ledger", "v42", seconds=5)
    shop.acts(shop.asks(Verb.ROLLBACK, "ledger"))
    assert shop.cluster.workload("ledger").object["spec"]["template"] == first
    shop.passes(60)
    assert [r.number for r in shop.get("ledger").history] == [3, 2]  # the old one again, with a new number


def test_odd_objects_do_not_break_it() -> None:
    for seen in (Seen({}, (), ()), Seen({"spec": {"replicas": "x"}}, ({},), ({}, {"metadata": {"labels": 3}}))):
        assert understand(seen, target("ledger"), "ledger", "production").kind == "StatefulSet"
