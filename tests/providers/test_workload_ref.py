"""A Rollout that takes its pods from another object: what is undone there, and when it counts as seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Moved, ProviderError
from bot.model import RequestState, Rollout, Verb
from handlers.providers.argo import next_call
from handlers.providers.argo_status import HASH, Seen, understand
from handlers.providers.gitops import Neighbourhood
from sandbox.kube.store import KUSTOMIZATIONS
from tests.bot.rollout_values import request
from tests.providers.shops import Front, Shop, target

Json = dict[str, Any]
TEMPLATE = {
    "metadata": {"labels": {"app": "catalog"}},
    "spec": {"containers": [{"name": "app", "image": "shop/catalog:v41"}]},
}
SELECTOR = {"matchLabels": {"app": "catalog"}}
PODS = {
    "kind": "Deployment",
    "metadata": {"name": "catalog-pods", "namespace": "shop", "annotations": {"meta.helm.sh/release-name": "catalog"}},
    "spec": {"replicas": 0, "selector": SELECTOR, "template": TEMPLATE},
}
ROLLOUT = {
    "kind": "Rollout",
    "metadata": {"name": "catalog", "namespace": "shop"},
    "spec": {
        "replicas": 4,
        "selector": SELECTOR,
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "catalog-pods"},
        "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {"duration": "30s"}}]}},
    },
}


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    shop.cluster.create(PODS | {"metadata": PODS["metadata"] | {"labels": {"app.kubernetes.io/managed-by": "Helm"}}})  # type: ignore[operator]
    shop.cluster.create(ROLLOUT)
    shop.passes(30)
    yield shop
    shop.close()


def ships(shop: Shop, version: str, seconds: float) -> None:
    shop.cluster.deploy("catalog-pods", image=f"shop/catalog:{version}")
    shop.passes(seconds)


def test_a_change_of_the_deployment_is_a_release_of_the_rollout(shop: Shop) -> None:
    ships(shop, "v42", seconds=10)
    rollout = shop.get("catalog")
    assert (str(rollout.current), str(rollout.stable), rollout.weight) == ("v42", "v41", 25)
    assert (rollout.template_in, rollout.owner) == ("Deployment catalog-pods", "Helm release catalog")


def test_it_is_not_seen_until_the_controller_has_looked_at_the_deployment(shop: Shop) -> None:
    """The rollout itself has not changed, so its own generation and the note on it say that all is well."""
    ships(shop, "v42", seconds=0)
    assert not shop.get("catalog").observed
    shop.passes(1)
    assert shop.get("catalog").observed


def test_an_undo_is_written_to_the_deployment(shop: Shop) -> None:
    ships(shop, "v42", seconds=120)
    request = shop.asks(Verb.ROLLBACK, "catalog", to="v41")
    assert request.intent == "undo"
    shop.acts(request)
    shop.acts(request)
    ((resource, operations),) = shop.patches
    assert (resource, operations[1]["path"]) == ("deployments", "/spec/template")
    assert HASH not in str(shop.cluster.workload("catalog-pods").object["spec"]["template"])
    shop.passes(120)
    assert shop.state_of(request) is RequestState.DONE
    assert "template" not in shop.cluster.workload("catalog").object["spec"]


def test_in_flight_it_is_aborted_like_any_other(shop: Shop) -> None:
    ships(shop, "v42", seconds=10)
    request = shop.asks(Verb.ROLLBACK, "catalog")
    shop.acts(request)
    assert [resource for resource, _ in shop.patches] == ["rollouts/status"]


def test_somebody_who_writes_the_deployment_in_between_wins(shop: Shop) -> None:
    ships(shop, "v42", seconds=120)
    request = shop.asks(Verb.ROLLBACK, "catalog", to="v41")

    def ship_first(verb: str) -> None:
        if verb == "patch":
            shop.cluster.before_call = lambda verb: None
            ships(shop, "v43", seconds=10)

    shop.cluster.before_call = ship_first
    with pytest.raises(Moved, match="v43"):
        shop.acts(request)
    assert shop.cluster.workload("catalog-pods").current == "v43"


def test_a_deployment_that_is_gone_is_a_permanent_error(shop: Shop) -> None:
    shop.cluster.faults.add("get", 404, resource="deployments")
    with pytest.raises(ProviderError, match="not found") as caught:
        shop.get("catalog")
    assert caught.value.permanent


def test_a_replica_set_may_hold_the_template_too(shop: Shop) -> None:
    name = shop.kubernetes.get(
        "/apis/apps/v1/namespaces/shop/replicasets", {"labelSelector": "app=catalog,pod-template-hash"}
    )["items"][0]["metadata"]["name"]
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name}
    shop.cluster.patch("catalog", {"spec": {"workloadRef": reference}})
    shop.passes(200)
    rollout = shop.get("catalog")
    assert (rollout.template_in, rollout.observed) == (f"ReplicaSet {name}", True)


def pod_template() -> Seen:
    spec = ROLLOUT["spec"] | {"workloadRef": {"kind": "PodTemplate", "name": "catalog"}}  # type: ignore[operator]
    template = {"metadata": {"labels": {HASH: "hash41"}}, "spec": {}}
    old = {"metadata": {"labels": {HASH: "hash41"}}, "spec": {"template": template}}
    status = {"observedGeneration": "1", "currentPodHash": "hash42", "stableRS": "hash42"}
    return Seen({"metadata": {"generation": 1}, "spec": spec, "status": status}, (old,))


def test_a_pod_template_is_left_alone() -> None:
    seen = pod_template()
    rollout = understand(seen, target("catalog"), "catalog", "production")
    with pytest.raises(ProviderError, match="lives in PodTemplate catalog, which I do not change") as caught:
        next_call(seen, rollout, request(intent="undo", service="catalog"))
    assert caught.value.permanent


def examined(shop: Shop) -> Rollout:
    around = Neighbourhood({"sandbox": shop.kubernetes})
    return around.examine(target("catalog"), shop.get("catalog"))


def test_who_keeps_the_deployment_fights_an_undo_too(shop: Shop) -> None:
    """Nothing keeps the Rollout; what is undone is the template in the Deployment, and Argo CD keeps that."""
    assert str(examined(shop).keeper) == "Helm release catalog"
    shop.cluster.argo_cd("catalog-pods", automated={"selfHeal": True})
    shop.passes(5)
    found = examined(shop)
    assert (str(found.keeper), found.fights) == (
        "Argo CD Application shop",
        "puts its own spec back within seconds",
    )
    assert found.keeper
    assert found.keeper.can_be_stopped


def test_a_keeper_that_does_nothing_does_not_hide_the_one_that_does(shop: Shop) -> None:
    shop.cluster.argo_cd("payments", automated={"selfHeal": True})
    mark = {"argocd.argoproj.io/tracking-id": "shop:argoproj.io/Rollout:shop/catalog"}
    shop.cluster.patch("catalog", {"metadata": {"annotations": mark}})
    shop.cluster.flux("catalog-pods")
    flux = shop.cluster.store.get(KUSTOMIZATIONS, "flux-system", "shop")
    shop.cluster.write(KUSTOMIZATIONS, flux | {"spec": flux["spec"] | {"suspend": True}}, "flux")
    assert str(examined(shop).keeper) == "Argo CD Application shop"


def test_a_deployment_that_may_not_be_read_is_said(shop: Shop) -> None:
    rollout = shop.get("catalog")
    shop.cluster.api.deny("get", "deployments")
    found = Neighbourhood({"sandbox": shop.kubernetes}).examine(target("catalog"), rollout)
    assert "Deployment catalog-pods could not be read" in found.unexamined
