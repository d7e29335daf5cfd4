"""GitOps controllers in the pretend cluster: when they put their own spec back, and what stops them."""

from __future__ import annotations

import pytest

from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster
from sandbox.kube.store import APPLICATIONS, KUSTOMIZATIONS, PODS, Kind, Object
from tests.values import NOON

HEALING = {"prune": True, "selfHeal": True}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def cluster(clock: FrozenClock) -> Cluster:
    return Cluster(clock)


def by_hand(cluster: Cluster, version: str) -> None:
    """What `kubectl argo rollouts undo` or a bot does: around Git."""
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"shop/search:{version}"}]}}}}
    cluster.patch("search", change, by="watchkeeper")


def keeper(cluster: Cluster, kind: Kind = APPLICATIONS) -> Object:
    cluster.reconcile()
    namespace = "argocd" if kind is APPLICATIONS else "flux-system"
    return cluster.store.get(kind, namespace, "shop")


def set_spec(cluster: Cluster, kind: Kind, spec: Object) -> None:
    found = keeper(cluster, kind)
    cluster.write(kind, found | {"spec": found["spec"] | spec}, "watchkeeper")


def test_self_heal_puts_it_back_after_five_seconds(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.argo_cd("search", automated=HEALING)
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=4)
    assert cluster.workload("search").current == "v39"
    clock.advance(seconds=2)
    assert cluster.workload("search").current == "v41"
    managers = {e["manager"] for e in cluster.workload("search").object["metadata"]["managedFields"]}
    assert "argocd-controller" in managers


def test_auto_sync_leaves_a_drift_until_the_next_commit_even_an_unrelated_one(
    cluster: Cluster, clock: FrozenClock
) -> None:
    repository = cluster.argo_cd("search", "payments", automated={"prune": True})
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=1800)
    assert cluster.workload("search").current == "v39"
    assert keeper(cluster)["status"]["sync"]["status"] == "OutOfSync"
    cluster.deploy("payments", "shop/payments:v43")
    clock.advance(seconds=1)
    assert cluster.workload("search").current == "v41"
    assert keeper(cluster)["status"]["sync"] == {"status": "Synced", "revision": repository.head}


def test_a_deploy_is_a_commit(cluster: Cluster, clock: FrozenClock) -> None:
    repository = cluster.argo_cd("search", automated=HEALING)
    first = repository.head
    cluster.deploy("search", "shop/search:v42")
    clock.advance(seconds=1)
    assert cluster.workload("search").current == "v42"
    assert repository.head != first
    assert [entry["revision"] for entry in keeper(cluster)["status"]["history"]] == [repository.head]
    cluster.revert(repository)
    clock.advance(seconds=1)
    assert cluster.workload("search").current == "v41"


@pytest.mark.parametrize("policy", [{}, {"automated": {"enabled": False, "selfHeal": True}}])
def test_without_auto_sync_nothing_is_put_back(cluster: Cluster, clock: FrozenClock, policy: Object) -> None:
    cluster.argo_cd("search", automated=HEALING)
    clock.advance(seconds=1)
    set_spec(cluster, APPLICATIONS, {"syncPolicy": policy})
    by_hand(cluster, "v39")
    clock.advance(seconds=1800)
    assert cluster.workload("search").current == "v39"


def test_auto_sync_that_comes_back_heals_what_drifted_meanwhile(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.argo_cd("search", automated=HEALING)
    set_spec(cluster, APPLICATIONS, {"syncPolicy": {}})
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=60)
    set_spec(cluster, APPLICATIONS, {"syncPolicy": {"automated": HEALING}})
    clock.advance(seconds=10)
    assert cluster.workload("search").current == "v41"


def test_flux_applies_every_interval_whatever_was_committed(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.flux("search", interval="1m")
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=50)
    assert cluster.workload("search").current == "v39"
    clock.advance(seconds=20)
    assert cluster.workload("search").current == "v41"


def test_flux_that_is_suspended_or_told_to_leave_an_object_does(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.flux("search", interval="1m")
    clock.advance(seconds=1)
    set_spec(cluster, KUSTOMIZATIONS, {"suspend": True})
    by_hand(cluster, "v39")
    clock.advance(seconds=300)
    assert cluster.workload("search").current == "v39"
    cluster.patch("search", {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}})
    set_spec(cluster, KUSTOMIZATIONS, {"suspend": False})
    clock.advance(seconds=300)
    assert cluster.workload("search").current == "v39"


def test_pods_without_a_node_stay_pending_and_say_why(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.replicas.full = True
    cluster.deploy("search", "shop/search:v43")
    clock.advance(seconds=120)
    workload = cluster.workload("search")
    assert workload.phase == "Progressing"
    pods = [p for p in cluster.store.all(PODS) if p["status"]["phase"] == "Pending"]
    assert pods[0]["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_a_helm_release_leaves_a_drift_until_its_next_upgrade(cluster: Cluster, clock: FrozenClock) -> None:
    repository = cluster.helm_release("search")
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=3600)
    assert cluster.workload("search").current == "v39"
    cluster.commit(repository, {})
    clock.advance(seconds=1)
    assert cluster.workload("search").current == "v41"


def test_a_helm_release_that_looks_for_drift_puts_it_back(cluster: Cluster, clock: FrozenClock) -> None:
    cluster.helm_release("search", drift=True)
    clock.advance(seconds=1)
    by_hand(cluster, "v39")
    clock.advance(seconds=660)
    assert cluster.workload("search").current == "v41"
