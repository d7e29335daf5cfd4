"""What stands around a rollout, read over HTTP, and GitOps switched off and on again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Moved, ProviderError
from bot.model import Keeper, Reverts, Rollout, Suspension
from handlers.providers.gitops import Neighbourhood, mark_of
from sandbox.kube.store import APPLICATIONS, CANARIES, DEPLOYMENTS, KUSTOMIZATIONS, Object
from tests import canary
from tests.providers.shops import LEDGER, Front, Shop, target
from tests.values import NOON


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


HEALING = {"prune": True, "selfHeal": True}


def examined(shop: Shop) -> Rollout:
    return neighbourhood(shop).examine(target("checkout"), shop.get())


def neighbourhood(shop: Shop) -> Neighbourhood:
    return Neighbourhood({"sandbox": shop.kubernetes})


def keeper(shop: Shop) -> Keeper:
    found = examined(shop).keeper
    assert found is not None
    return found


def suspension(found: Keeper, **other: Any) -> Suspension:
    values: dict[str, Any] = {
        "id": "checkout/production/1",
        "service": "checkout",
        "environment": "production",
        "incident": "",
        "channel": "",
        "tool": found.tool,
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        "setting": found.setting,
        "commit": found.commit,
        "by": "U0DANA",
        "at": NOON,
    }
    return Suspension(**values | other)


def app(shop: Shop) -> Object:
    return shop.cluster.store.get(APPLICATIONS, "argocd", "shop")


def set_policy(shop: Shop, policy: Object) -> None:
    found = app(shop)
    shop.cluster.write(APPLICATIONS, found | {"spec": found["spec"] | {"syncPolicy": policy}}, "somebody")


@pytest.mark.parametrize(
    ("automated", "reverts"),
    [
        (HEALING, Reverts.AT_ONCE),
        ({"prune": True}, Reverts.COMMIT),
        ({"enabled": False, "selfHeal": True}, Reverts.NEVER),
        (None, Reverts.NEVER),
    ],
)
def test_argo_cd_is_read_from_its_application(shop: Shop, automated: Object | None, reverts: Reverts) -> None:
    repository = shop.cluster.argo_cd("checkout", automated=automated)
    shop.passes(1)
    found = keeper(shop)
    assert (str(found), found.namespace) == ("Argo CD Application shop", "argocd")
    assert found.reverts is reverts
    assert (found.commit, found.repository) == (repository.head, repository.url)


def test_flux_is_read_from_its_kustomization(shop: Shop) -> None:
    repository = shop.cluster.flux("checkout", interval="7m")
    shop.passes(1)
    found = keeper(shop)
    assert (str(found), found.reverts, found.every) == ("Flux Kustomization shop", Reverts.INTERVAL, "7m")
    assert found.commit == repository.head


def test_an_application_that_may_not_be_read_is_unknown_and_why(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    shop.cluster.api.deny("get", "applications")
    found = keeper(shop)
    assert found.reverts is Reverts.UNKNOWN
    assert "HTTP 403" in found.why
    assert not found.can_be_stopped


def test_nobody_keeps_it(shop: Shop) -> None:
    found = examined(shop)
    assert (found.keeper, found.unexamined) == (None, "")
    assert found.written_by == "ci"


def test_a_tracking_id_that_was_copied_from_another_object_names_no_keeper() -> None:
    """kubectl's undo of a Deployment brings the ReplicaSet's annotations along; people copy manifests."""
    meta = {"name": "checkout", "namespace": "shop"}
    copied = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/search"}}
    object = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta | copied}
    assert mark_of(object) is None
    own = {"annotations": {"argocd.argoproj.io/tracking-id": "team_shop:argoproj.io/Rollout:shop/checkout"}}
    found = mark_of(object | {"metadata": meta | own})
    assert found is not None
    assert (found.namespace, found.name) == ("team", "shop")


def test_a_label_that_helm_charts_also_set_is_no_keeper() -> None:
    meta = {"name": "checkout", "namespace": "shop", "labels": {"app.kubernetes.io/instance": "shop"}}
    assert mark_of({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}) is None


def test_a_helm_release_is_one_that_only_an_upgrade_brings_back() -> None:
    meta = {
        "annotations": {"meta.helm.sh/release-name": "checkout-blue"},
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    }
    found = mark_of({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta})
    assert found is not None
    assert (str(found), found.reverts, found.can_be_stopped) == ("Helm release checkout-blue", Reverts.UPGRADE, False)


def test_an_applicationset_that_would_turn_it_on_again_is_named(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    owner = [{"kind": "ApplicationSet", "name": "all-shops", "uid": "1", "apiVersion": "argoproj.io/v1alpha1"}]
    held = app(shop)
    meta = held["metadata"] | {"ownerReferences": owner}
    shop.cluster.write(APPLICATIONS, held | {"metadata": meta}, "somebody")
    assert keeper(shop).parent == "ApplicationSet all-shops"


def test_an_autoscaler_counts_before_it_has_ever_scaled(shop: Shop) -> None:
    assert not examined(shop).autoscaled
    shop.cluster.autoscale("payments")
    assert not examined(shop).autoscaled
    shop.cluster.autoscale("checkout")
    assert examined(shop).autoscaled


def test_pods_without_room_are_counted_with_the_scheduler_s_reason(shop: Shop) -> None:
    shop.cluster.replicas.full = True
    shop.ships("checkout", "v43")
    found = examined(shop)
    assert found.homeless == 1
    assert "Insufficient cpu" in found.short_of


def test_trap_only_an_event_tells_that_a_quota_forbids_a_pod_of_a_stateful_set(front: Front, tmp_path: Path) -> None:
    shop = Shop(front, tmp_path, "search")
    shop.cluster.create(LEDGER)
    shop.passes(30)
    shop.cluster.reconcile()
    shop.cluster.replicas.quota = 0
    shop.cluster.delete_pod("ledger-3")
    shop.passes(5)
    ledger = partial(neighbourhood(shop).examine, target("ledger"))
    assert 'pods "ledger-3" is forbidden: exceeded quota' in ledger(shop.get("ledger")).short_of
    shop.cluster.replicas.quota = None
    shop.passes(60)
    shop.cluster.delete_pod("ledger-3")  # short of one again, and the old event is still there
    assert ledger(shop.get("ledger")).short_of == ""
    shop.cluster.api.deny("list", "events")
    assert "why not all of its pods exist could not be read" in ledger(shop.get("ledger")).unexamined
    shop.close()


@pytest.fixture
def released(front: Front, tmp_path: Path) -> Iterator[Shop]:
    """A Canary that is not called after its Deployment, whose primary serves."""
    shop = Shop(front, tmp_path, "search")
    deployment, service, release = canary.manifests()
    for manifest in (deployment, service, release | {"metadata": {"name": RELEASE, "namespace": "shop"}}):
        shop.cluster.create(manifest)
    shop.passes(40)
    shop.cluster.reconcile()
    yield shop
    shop.close()


RELEASE = "reviews-release"


def surrounded(shop: Shop) -> Rollout:
    where = replace(target(canary.NAME), name=RELEASE)
    return neighbourhood(shop).examine(where, shop.providers["flagger"].get(where, canary.NAME, "production"))


@pytest.mark.parametrize("scaled", [canary.NAME, f"{canary.NAME}-primary"])
def test_trap_an_autoscaler_knows_the_deployments_and_not_the_canary(released: Shop, scaled: str) -> None:
    released.cluster.autoscale("search")
    assert not surrounded(released).autoscaled
    released.cluster.autoscale(scaled)
    assert surrounded(released).autoscaled


def test_a_canary_names_its_autoscaler_itself_also_one_that_is_no_hpa(released: Shop) -> None:
    found = released.cluster.store.get(CANARIES, "shop", RELEASE)
    scaler = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "reviews"}
    released.cluster.write(CANARIES, found | {"spec": found["spec"] | {"autoscalerRef": scaler}}, "ci")
    assert surrounded(released).autoscaled


@pytest.mark.parametrize("full", [True, False], ids=["no room", "quota"])
@pytest.mark.parametrize("starved", [canary.NAME, f"{canary.NAME}-primary"])
def test_trap_the_pods_of_a_canary_are_those_of_two_deployments(released: Shop, starved: str, full: bool) -> None:
    replicas = released.cluster.replicas
    replicas.full, replicas.quota = full, None if full else 0
    scaled = released.cluster.store.get(DEPLOYMENTS, "shop", starved)
    released.cluster.write(DEPLOYMENTS, scaled | {"spec": scaled["spec"] | {"replicas": 9}}, "kubectl")
    released.passes(5)
    assert ("Insufficient cpu" if full else "exceeded quota") in surrounded(released).short_of


def test_gitops_marks_stand_on_the_deployment_of_a_canary(released: Shop) -> None:
    released.cluster.helm(canary.NAME, "reviews-chart")
    found = surrounded(released).keeper
    assert found
    assert (found.tool, found.name) == ("Helm", "reviews-chart")


def test_what_may_not_be_read_is_said(shop: Shop) -> None:
    shop.cluster.api.deny("list", "pods")
    assert "its pods could not be read" in examined(shop).unexamined


def test_auto_sync_is_switched_off_and_restored_as_it_was(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    shop.passes(1)
    off = suspension(keeper(shop))
    neighbourhood(shop).stop(target("checkout"), off)
    assert app(shop)["spec"]["syncPolicy"] == {}
    assert keeper(shop).reverts is Reverts.NEVER
    neighbourhood(shop).restore(target("checkout"), off)
    assert app(shop)["spec"]["syncPolicy"] == {"automated": HEALING}


def test_both_done_twice_send_once(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    off = suspension(keeper(shop))
    for _ in range(2):
        neighbourhood(shop).stop(target("checkout"), off)
    assert len(shop.patches) == 1
    for _ in range(2):
        neighbourhood(shop).restore(target("checkout"), off)
    assert len(shop.patches) == 2


def test_a_patch_names_the_version_that_it_was_reviewed_at(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    off = suspension(keeper(shop))
    version = app(shop)["metadata"]["resourceVersion"]
    neighbourhood(shop).stop(target("checkout"), off)
    assert shop.patches[0][1]["metadata"] == {"resourceVersion": version}


def test_a_setting_that_somebody_changed_since_is_left_as_it_is(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    off = suspension(keeper(shop))
    set_policy(shop, {"automated": {"prune": False}})
    with pytest.raises(Moved, match="set otherwise"):
        neighbourhood(shop).stop(target("checkout"), off)
    with pytest.raises(Moved, match="switched on by somebody else"):
        neighbourhood(shop).restore(target("checkout"), off)
    assert shop.patches == []


def test_a_lost_answer_is_unknown_and_the_next_try_finds_it_done(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    off = suspension(keeper(shop))
    shop.cluster.faults.add("patch", "timeout_after")
    with pytest.raises(ProviderError) as caught:
        neighbourhood(shop).stop(target("checkout"), off)
    assert caught.value.unknown
    neighbourhood(shop).stop(target("checkout"), off)
    assert len(shop.patches) == 1


def test_flux_is_suspended_and_restored(shop: Shop) -> None:
    shop.cluster.flux("checkout")
    off = suspension(keeper(shop))
    neighbourhood(shop).stop(target("checkout"), off)
    assert shop.cluster.store.get(KUSTOMIZATIONS, "flux-system", "shop")["spec"]["suspend"] is True
    assert keeper(shop).reverts is Reverts.NEVER
    neighbourhood(shop).restore(target("checkout"), off)
    assert shop.cluster.store.get(KUSTOMIZATIONS, "flux-system", "shop")["spec"]["suspend"] is False


@pytest.mark.parametrize("tool", ["argo_cd", "flux"])
def test_who_switches_it_on_again_is_named_and_off_is_off(shop: Shop, tool: str) -> None:
    if tool == "flux":
        shop.cluster.flux("checkout")
    else:
        shop.cluster.argo_cd("checkout", automated=HEALING)
    off, around = suspension(keeper(shop)), neighbourhood(shop)
    around.stop(target("checkout"), off)
    assert around.switched_on(target("checkout"), off) == ""
    if tool == "flux":
        found = shop.cluster.store.get(KUSTOMIZATIONS, "flux-system", "shop")
        shop.cluster.write(KUSTOMIZATIONS, found | {"spec": found["spec"] | {"suspend": False}}, "flux")
        assert around.switched_on(target("checkout"), off) == "flux"
    else:
        set_policy(shop, {"automated": {"prune": False}})
        assert around.switched_on(target("checkout"), off) == "somebody"


def test_an_object_that_does_not_say_who_was_set_by_somebody(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", automated=HEALING)
    off = suspension(keeper(shop))
    app(shop)["metadata"].pop("managedFields", None)
    assert neighbourhood(shop).switched_on(target("checkout"), off)
