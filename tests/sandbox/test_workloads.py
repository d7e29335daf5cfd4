"""Deployments, StatefulSets and references in the pretend cluster behave as the real controllers do, traps included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.clock import FrozenClock
from sandbox.cluster import NAMESPACE, Cluster
from sandbox.kube.store import CONTROLLER_REVISIONS, EVENTS, PODS

Later = Callable[[float], Any]


def ledger(**spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "ledger"}},
        "spec": {"containers": [{"name": "app", "image": "shop/ledger:v41"}]},
    }
    common = {"replicas": 3, "selector": {"matchLabels": {"app": "ledger"}}, "template": template}
    return {"kind": "StatefulSet", "metadata": {"name": "ledger", "namespace": NAMESPACE}, "spec": common | spec}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))


@pytest.fixture
def cluster(clock: FrozenClock) -> Cluster:
    return Cluster(clock)


def started(cluster: Cluster, clock: FrozenClock, **spec: Any) -> None:
    cluster.create(ledger(**spec))
    clock.advance(seconds=30)
    assert cluster.workload("ledger").phase == "Healthy"


def running(cluster: Cluster) -> dict[str, str]:
    """Version by pod."""
    cluster.reconcile()
    pods = [p for p in cluster.store.all(PODS, NAMESPACE) if p["metadata"]["labels"]["app"] == "ledger"]
    return {p["metadata"]["name"]: p["spec"]["containers"][0]["image"].rpartition(":")[2] for p in pods}


# ---------------------------------------------------------------- Deployments


def test_a_paused_deployment_makes_no_replica_set_of_a_new_template(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.patch("search", {"spec": {"paused": True}})
    cluster.deploy("search", "shop/search:v42")
    clock.advance(seconds=60)
    search = cluster.workload("search")
    assert ([s.version for s in search.sets], search.status["updatedReplicas"]) == (["v41"], 0)
    cluster.patch("search", {"spec": {"paused": False}})
    clock.advance(seconds=60)
    assert cluster.workload("search").stable == "v42"


def test_a_deployment_misses_its_deadline_and_mends(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.replicas.broken_images.add("shop/search:v42")
    cluster.patch("search", {"spec": {"progressDeadlineSeconds": 60}})
    cluster.deploy("search", "shop/search:v42")
    clock.advance(seconds=50)
    assert reason(cluster) == "ReplicaSetUpdated"
    clock.advance(seconds=20)
    assert reason(cluster) == "ProgressDeadlineExceeded"
    cluster.deploy("search", "shop/search:v41")
    clock.advance(seconds=20)
    assert reason(cluster) == "NewReplicaSetAvailable"


def reason(cluster: Cluster) -> str:
    conditions = cluster.workload("search").status["conditions"]
    return next(str(c["reason"]) for c in conditions if c["type"] == "Progressing")


def test_what_was_complete_stays_so_when_a_pod_fails(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.replicas.broken_images.add("shop/search:v41")
    cluster.reconcile()
    pod = next(p for p in cluster.store.all(PODS, NAMESPACE) if p["metadata"]["labels"]["app"] == "search")
    cluster.delete_pod(pod["metadata"]["name"])
    clock.advance(seconds=700)
    assert reason(cluster) == "NewReplicaSetAvailable"
    assert cluster.workload("search").status["availableReplicas"] == 3


def test_recreate_stops_every_old_pod_first(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.patch("search", {"spec": {"strategy": {"type": "Recreate"}}})
    cluster.deploy("search", "shop/search:v42")
    clock.advance(seconds=1)
    assert [s.replicas for s in cluster.workload("search").sets] == [4, 0]
    assert cluster.workload("search").status["availableReplicas"] == 0
    clock.advance(seconds=10)
    assert cluster.workload("search").status["availableReplicas"] == 4


def test_one_controller_may_be_slower_than_the_others(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.lags["search"] = 30
    cluster.deploy("search", "shop/search:v42")
    cluster.deploy("payments", "shop/payments:v42")
    clock.advance(seconds=20)
    assert (cluster.workload("search").observed, cluster.workload("payments").observed) == (False, True)
    clock.advance(seconds=20)
    assert cluster.workload("search").observed


# ---------------------------------------------------------------- StatefulSets


def test_pods_start_in_order_and_are_replaced_from_the_last(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.create(ledger())
    clock.advance(seconds=3)
    assert list(running(cluster)) == ["ledger-0", "ledger-1"]
    clock.advance(seconds=30)
    cluster.deploy("ledger", "shop/ledger:v42")
    clock.advance(seconds=1)
    assert running(cluster) == {"ledger-0": "v41", "ledger-1": "v41", "ledger-2": "v42"}
    status = cluster.workload("ledger").status
    assert (status["updatedReplicas"], status["currentReplicas"], status["readyReplicas"]) == (1, 2, 2)
    assert status["currentRevision"] != status["updateRevision"]
    clock.advance(seconds=30)
    assert set(running(cluster).values()) == {"v42"}
    status = cluster.workload("ledger").status
    assert status["currentRevision"] == status["updateRevision"]


def test_below_the_partition_nothing_is_replaced_even_when_deleted(cluster: Cluster, clock: FrozenClock) -> None:
    started(cluster, clock, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    cluster.deploy("ledger", "shop/ledger:v42")
    clock.advance(seconds=60)
    cluster.delete_pod("ledger-0")
    clock.advance(seconds=60)
    assert running(cluster) == {"ledger-0": "v41", "ledger-1": "v41", "ledger-2": "v42"}
    assert cluster.workload("ledger").stable == "v41"


def test_with_on_delete_only_what_is_deleted_is_replaced(cluster: Cluster, clock: FrozenClock) -> None:
    started(cluster, clock, updateStrategy={"type": "OnDelete"})
    cluster.deploy("ledger", "shop/ledger:v42")
    clock.advance(seconds=60)
    assert set(running(cluster).values()) == {"v41"}
    for name in running(cluster):
        cluster.delete_pod(name)
    clock.advance(seconds=60)
    assert set(running(cluster).values()) == {"v42"}
    status = cluster.workload("ledger").status
    assert status["currentRevision"] != status["updateRevision"]  # the controller never takes note


@pytest.mark.parametrize(("policy", "goes_back"), [("OrderedReady", False), ("Parallel", True)])
def test_ordered_pods_wait_for_a_sick_one_even_on_the_way_back(
    cluster: Cluster, clock: FrozenClock, policy: str, goes_back: bool
) -> None:
    started(cluster, clock, podManagementPolicy=policy)
    cluster.replicas.broken_images.add("shop/ledger:v42")
    cluster.deploy("ledger", "shop/ledger:v42")
    clock.advance(seconds=30)
    cluster.deploy("ledger", "shop/ledger:v41")
    clock.advance(seconds=60)
    assert (running(cluster)["ledger-2"] == "v41") is goes_back


def test_revisions_hold_the_template_and_are_numbered_anew_when_used_again(
    cluster: Cluster, clock: FrozenClock
) -> None:
    started(cluster, clock)
    for version in ("v42", "v41"):
        cluster.deploy("ledger", f"shop/ledger:{version}")
        clock.advance(seconds=60)
    cluster.reconcile()
    held = {r["revision"]: r["data"]["spec"]["template"] for r in cluster.store.all(CONTROLLER_REVISIONS, NAMESPACE)}
    assert sorted(held) == [2, 3]
    assert held[3]["spec"]["containers"][0]["image"] == "shop/ledger:v41"
    assert held[3]["$patch"] == "replace"


def test_fewer_replicas_take_the_last_pods(cluster: Cluster, clock: FrozenClock) -> None:
    started(cluster, clock)
    cluster.patch("ledger", {"spec": {"replicas": 1}})
    clock.advance(seconds=10)
    assert list(running(cluster)) == ["ledger-0"]


# ---------------------------------------------------------------- references


def test_a_rollout_follows_the_deployment_it_refers_to(cluster: Cluster, clock: FrozenClock) -> None:
    rollout = {
        "kind": "Rollout",
        "metadata": {"name": "finder", "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "search"}},
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "search"},
            "strategy": {"canary": {}},
        },
    }
    cluster.create(rollout)
    clock.advance(seconds=10)
    cluster.deploy("search", "shop/search:v42")
    clock.advance(seconds=30)
    finder = cluster.workload("finder")
    assert (finder.current, finder.stable) == ("v42", "v42")
    note = finder.object["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"]
    assert note == finder.status["workloadObservedGeneration"] == "2"


def test_over_the_quota_no_pod_is_created_and_it_is_said_where_kubernetes_says_it(
    cluster: Cluster, clock: FrozenClock
) -> None:
    cluster.replicas.quota = pods(cluster) - 4
    cluster.deploy("search", image="shop/search:v42")
    clock.advance(seconds=60)
    search = cluster.workload("search")
    new = search.sets[0].object
    (why,) = new["status"]["conditions"]
    assert (why["type"], why["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert "is forbidden: exceeded quota: pods, requested: pods=1" in why["message"]
    assert why in search.status["conditions"]  # the Deployment's controller copies it
    said = [e for e in cluster.store.all(EVENTS) if e["reason"] == "FailedCreate"]
    assert [(e["type"], e["involvedObject"]["name"], e["source"]["component"]) for e in said] == [
        ("Warning", new["metadata"]["name"], "replicaset-controller")
    ]


def test_when_the_quota_is_raised_the_pods_come_by_themselves(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.replicas.quota = pods(cluster) - 4
    cluster.deploy("search", image="shop/search:v42")
    clock.advance(seconds=60)
    cluster.replicas.quota = None
    clock.advance(seconds=60)
    search = cluster.workload("search")
    assert (search.phase, search.stable) == ("Healthy", "v42")
    assert "ReplicaFailure" not in {c["type"] for c in search.status["conditions"]}


def test_a_canary_without_room_says_so_too(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.replicas.quota = pods(cluster)
    cluster.deploy("checkout", image="shop/checkout:v42")
    clock.advance(seconds=60)
    checkout = cluster.workload("checkout")
    assert (checkout.step, checkout.weight) == (0, 0)
    assert "ReplicaFailure" in {c["type"] for c in checkout.status["conditions"]}


def pods(cluster: Cluster) -> int:
    cluster.reconcile()
    return len(cluster.store.all(PODS, "shop"))
