"""Plain Deployments on the pretend cluster: each trap by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Refused
from bot.model import RequestState, Rollout, RolloutPhase, Stable, Verb
from bot.rollouts import observed, remembered
from handlers.providers.deployment import Seen, understand
from tests.providers.shops import Front, Shop, target

Json = dict[str, Any]


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


def record(shop: Shop) -> Stable:
    """What the bot notes of a deployment that is healthy now."""
    (stable,) = observed(shop.get("search"), (), shop.clock.now()).save
    assert isinstance(stable, Stable)
    return stable


# ---------------------------------------------------------------- which one was stable


def test_a_failure_in_between_is_never_gone_back_to(shop: Shop) -> None:
    """kubectl takes the second-highest revision: the one that failed a minute ago."""
    v41 = record(shop)
    shop.cluster.replicas.broken_images.add("shop/search:v42")
    shop.ships("search", "v42", seconds=60)
    shop.ships("search", "v43", seconds=60)
    assert [r.number for r in shop.get("search").history] == [3, 2, 1]
    request = shop.asks(Verb.ROLLBACK, "search", stables=(v41,))
    assert (request.from_version, request.to_version) == ("v43", "v41")


def test_without_a_record_what_most_pods_still_serve_from_is_gone_back_to(shop: Shop) -> None:
    shop.cluster.replicas.broken_images.add("shop/search:v42")
    shop.ships("search", "v42", seconds=60)
    rollout = shop.get("search")
    assert (str(rollout.stable), rollout.stable_available) == ("v41", 3)
    assert shop.asks(Verb.ROLLBACK, "search").to_version == "v41"


def test_when_no_old_pod_is_left_the_record_knows(shop: Shop) -> None:
    v41 = record(shop)
    shop.cluster.patch("search", {"spec": {"strategy": {"type": "Recreate"}}})
    shop.cluster.replicas.broken_images.add("shop/search:v42")
    shop.ships("search", "v42", seconds=60)
    rollout = shop.get("search")
    assert (rollout.stable, rollout.strategy) == (None, "recreate")
    assert str(remembered(rollout, (v41,)).stable) == "v41"
    assert shop.asks(Verb.ROLLBACK, "search", stables=(v41,)).to_version == "v41"
    with pytest.raises(Refused, match="not seen an earlier revision of `search` being stable"):
        shop.asks(Verb.ROLLBACK, "search")


def test_finished_and_bad_is_undone_to_the_recorded_one(shop: Shop) -> None:
    v41 = record(shop)
    shop.ships("search", "v42", seconds=60)
    v42 = record(shop)
    request = shop.asks(Verb.ROLLBACK, "search", stables=(v42, v41))
    assert request.to_version == "v41"
    shop.acts(request)
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE


# ---------------------------------------------------------------- what is written


def test_an_undo_writes_the_template_and_nothing_else(shop: Shop) -> None:
    """kubectl also puts back the old annotations, and with them a GitOps tool's mark of another time."""
    mark = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/search"}
    shop.cluster.patch("search", {"metadata": {"annotations": mark}})
    shop.ships("search", "v42", seconds=4)
    assert shop.get("search").owner == "Argo CD app shop"
    shop.acts(shop.asks(Verb.ROLLBACK, "search"))
    ((_, operations),) = shop.patches
    assert [o["path"] for o in operations] == ["/metadata/resourceVersion", "/spec/template"]
    held = shop.cluster.workload("search").object
    assert "pod-template-hash" not in str(held["spec"]["template"])
    assert mark.items() <= held["metadata"]["annotations"].items()
    shop.passes(60)
    assert len(shop.get("search").history) == 2  # the same revision again, not a third


def test_undo_while_paused_unpauses_in_the_same_patch(shop: Shop) -> None:
    """kubectl refuses it; unpaused first, the bad version would go on for a moment."""
    shop.ships("search", "v42", seconds=4)
    shop.acts(shop.asks(Verb.PAUSE, "search"))
    shop.passes(5)
    before = len(shop.patches)
    shop.acts(shop.asks(Verb.ROLLBACK, "search"))
    ((_, operations),) = shop.patches[before:]
    assert [o["path"] for o in operations][1:] == ["/spec/template", "/spec/paused"]


def test_a_pause_left_behind_after_somebody_elses_undo_is_lifted(shop: Shop) -> None:
    shop.ships("search", "v42", seconds=4)
    request = shop.asks(Verb.ROLLBACK, "search")
    shop.cluster.patch("search", {"spec": {"paused": True}})
    shop.cluster.deploy("search", image="shop/search:v41")
    shop.acts(request)
    assert [body["spec"] for _, body in shop.patches] == [{"paused": False}]


# ---------------------------------------------------------------- states


def test_a_template_changed_while_paused_has_no_revision_yet_and_can_be_resumed(shop: Shop) -> None:
    shop.cluster.patch("search", {"spec": {"paused": True}})
    shop.ships("search", "v42", seconds=10)
    rollout = shop.get("search")
    assert (str(rollout.current), rollout.current.number, str(rollout.stable)) == ("v42", 0, "v41")
    assert (rollout.weight, rollout.phase) == (0, RolloutPhase.PAUSED)
    request = shop.asks(Verb.RESUME, "search")
    shop.acts(request)
    shop.passes(60)
    shop.acts(request)  # again, after the controller has given it another name
    assert shop.state_of(request) is RequestState.DONE
    assert len(shop.patches) == 1
    assert str(shop.get("search").stable) == "v42"


def test_a_missed_deadline_is_degraded(shop: Shop) -> None:
    shop.cluster.patch("search", {"spec": {"progressDeadlineSeconds": 60}})
    shop.cluster.replicas.broken_images.add("shop/search:v42")
    shop.ships("search", "v42", seconds=30)
    assert shop.get("search").message == "more replicas need to be updated"
    shop.passes(60)
    rollout = shop.get("search")
    assert (rollout.phase, rollout.in_flight) == (RolloutPhase.DEGRADED, True)
    assert rollout.message == "ProgressDeadlineExceeded"


def test_pods_that_fail_later_do_not_make_it_a_rollout_in_flight(shop: Shop) -> None:
    stable = shop.get("search").stable
    shop.cluster.replicas.broken_images.add("shop/search:v41")
    pods = shop.kubernetes.get("/api/v1/namespaces/shop/pods", {"labelSelector": "app=search"})["items"]
    for pod in pods[:2]:
        shop.cluster.delete_pod(pod["metadata"]["name"])
    shop.passes(30)
    rollout = shop.get("search")
    assert (rollout.stable and rollout.stable.hash) == (stable and stable.hash)
    assert (rollout.in_flight, rollout.phase, rollout.message) == (
        False,
        RolloutPhase.DEGRADED,
        "2 of 4 pods are available",
    )


def read(spec: Json | None = None, status: Json | None = None, *sets: Json) -> Rollout:
    held = {
        "metadata": {"uid": "u1", "generation": 2},
        "spec": {"template": {}} | (spec or {}),
        "status": {"observedGeneration": 2} | (status or {}),
    }
    return understand(Seen(held, sets), target("search"), "search", "production")


def test_replicas_that_nobody_set_are_one() -> None:
    assert read().desired == 1
    assert read({"replicas": 0}).desired == 0


def replica_set(version: str, number: int, available: int) -> Json:
    return {
        "metadata": {
            "labels": {"pod-template-hash": f"hash{version[1:]}"},
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
        },
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"shop/search:{version}"}]}}},
        "status": {"availableReplicas": available},
    }


def test_of_two_that_still_serve_the_one_with_more_pods_is_the_likelier_one() -> None:
    held = (replica_set("v43", 3, 1), replica_set("v42", 2, 1), replica_set("v41", 1, 2))
    rollout = read(held[0]["spec"], {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 4}, *held)
    assert (str(rollout.current), str(rollout.stable), rollout.stable_available) == ("v43", "v41", 2)
    assert rollout.weight == 25


def test_old_pods_that_still_run_are_not_the_end() -> None:
    rollout = read({"replicas": 2}, {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 3})
    assert rollout.message == "old replicas are pending termination"


def test_pods_that_cannot_be_made_say_why() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    rollout = read(status={"conditions": [failure]})
    assert (rollout.phase, rollout.message) == (RolloutPhase.DEGRADED, "FailedCreate: exceeded quota")


@pytest.mark.parametrize("odd", [{}, {"conditions": "none"}, {"conditions": [None, 3]}, {"replicas": "many"}])
def test_odd_objects_do_not_break_it(odd: Json) -> None:
    assert read({"replicas": None}, odd).service == "search"
    assert understand(Seen({}, ({},)), target("search"), "search", "production").observed is False
