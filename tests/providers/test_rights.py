"""The rights that we ask for: enough for every call that we make, and none that we do not use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.model import Verb
from bot.policy import Verification
from handlers import check
from handlers.providers import ROLLOUTS
from handlers.providers import load as provider
from handlers.providers.gitops import Neighbourhood
from handlers.providers.pods import Pods
from handlers.settings import Settings, load
from tests.providers.shops import Front, Shop, target
from tests.providers.test_watch import ALL, Listener, until_watched

MANIFESTS = Path(__file__).parents[2] / "docs" / "rbac" / "watchkeeper.yml"
ROLES = {
    doc["metadata"]["name"]: doc for doc in yaml.safe_load_all(MANIFESTS.read_text()) if doc["kind"] == "ClusterRole"
}
GROUPS = {
    "rollouts": "argoproj.io",
    "rollouts/status": "argoproj.io",
    "replicasets": "apps",
    "pods": "",
    "events": "",
    "statefulsets": "apps",
    "controllerrevisions": "apps",
    "horizontalpodautoscalers": "autoscaling",
    "applications": "argoproj.io",
    "kustomizations": "kustomize.toolkit.fluxcd.io",
}

Granted = set[tuple[str, str, str]]


def granted(*roles: str) -> Granted:
    """Group, resource and verb of all that these roles allow."""
    rules = [rule for role in roles for rule in ROLES[role]["rules"]]
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


def test_the_argo_role_allows_what_the_provider_calls_and_no_more(shop: Shop) -> None:
    listener = Listener(shop.argo.watch("sandbox", ["shop"]))
    assert listener.next() == ALL
    until_watched(shop)
    shop.ships("checkout", "v42", seconds=8)
    for verb in (Verb.PAUSE, Verb.ROLLBACK):
        shop.acts(shop.asks(verb))
        shop.passes(5)
    listener.close()
    called: Granted = {(GROUPS[call.resource], call.resource, call.verb) for call in shop.cluster.calls}
    assert called == granted("watchkeeper-argo-rollouts")


def asked_for(*kinds: str) -> Granted:
    rights = [right for kind in kinds for right in provider(kind).rights]
    return {(right.group, right.resource, verb) for right in rights for verb in right.verbs}


def test_check_asks_for_exactly_what_the_roles_grant() -> None:
    assert asked_for("argo") == granted("watchkeeper-argo-rollouts")
    assert asked_for("deployment", "statefulset") == granted("watchkeeper-workloads")
    assert asked_for("flagger") == granted("watchkeeper-flagger")
    assert {kind for kind in ROLLOUTS if asked_for(kind)} == set(ROLLOUTS)


@pytest.mark.parametrize("service", ["search", "ledger"])
def test_the_role_for_workloads_allows_what_is_called(shop: Shop, service: str) -> None:
    shop.ships(service, "v42", seconds=2)
    shop.acts(shop.asks(Verb.PAUSE, service))
    called = {(call.resource, call.verb) for call in shop.cluster.calls}
    assert called <= {(resource, verb) for _, resource, verb in granted("watchkeeper-workloads")}


def test_the_role_for_flagger_allows_what_the_provider_calls_and_no_more(shop: Shop) -> None:
    listener = Listener(shop.providers["flagger"].watch("sandbox", ["shop"]))
    assert listener.next() == ALL
    until_watched(shop, resource="canaries")
    shop.ships("reviews", "v42", seconds=150)
    shop.acts(shop.asks(Verb.ROLLBACK, "reviews", to="v41"))
    shop.passes(30)
    for verb in (Verb.PAUSE, Verb.ROLLBACK):
        shop.acts(shop.asks(verb, "reviews"))
    listener.close()
    called = {(call.resource, call.verb) for call in shop.cluster.calls}
    assert called == {(resource, verb) for _, resource, verb in granted("watchkeeper-flagger")}


def test_what_is_looked_at_around_a_rollout_is_granted_and_no_more(shop: Shop) -> None:
    shop.cluster.argo_cd("checkout", app="shop")
    shop.cluster.flux("payments")
    shop.cluster.replicas.quota = 0
    shop.cluster.delete_pod("ledger-3")
    before = len(shop.cluster.calls)
    around = Neighbourhood({"sandbox": shop.kubernetes})
    for name in ("checkout", "payments", "ledger"):
        assert around.examine(target(name), shop.get(name)).unexamined == ""
    called: Granted = {(GROUPS[call.resource], call.resource, call.verb) for call in list(shop.cluster.calls)[before:]}
    keepers = {(group, resource, "get") for group, resource, _ in granted("watchkeeper-gitops-read")}
    helm = {("helm.toolkit.fluxcd.io", "helmreleases", "get")}  # the sandbox has none
    read = granted("watchkeeper-argo-rollouts") | granted("watchkeeper-workloads")
    assert called - read | helm == granted("watchkeeper-surroundings") - read | keepers
    assert granted("watchkeeper-surroundings") <= called


def test_the_role_for_pods_allows_what_is_read_of_servers(shop: Shop) -> None:
    before = len(shop.cluster.calls)
    Pods({"sandbox": shop.kubernetes}).instances(target("search"), Verification(), "any")
    called = {(call.resource, call.verb) for call in list(shop.cluster.calls)[before:]}
    roles = granted("watchkeeper-pods") | granted("watchkeeper-workloads")
    assert called <= {(resource, verb) for _, resource, verb in roles}
    assert {("pods", "list"), ("endpointslices", "list")} <= called


def test_the_pods_of_a_canary_are_read_with_its_role_and_that_for_pods(shop: Shop) -> None:
    before = len(shop.cluster.calls)
    Pods({"sandbox": shop.kubernetes}).instances(target("reviews"), Verification(), "any")
    called = {(call.resource, call.verb) for call in list(shop.cluster.calls)[before:]}
    assert called <= {(r, verb) for _, r, verb in granted("watchkeeper-pods") | granted("watchkeeper-flagger")}


@pytest.mark.parametrize("name", ROLES)
def test_no_role_has_a_wildcard_or_a_right_to_create_delete_or_read_secrets(name: str) -> None:
    for _, resource, verb in granted(name):
        assert verb in ("get", "list", "watch", "patch")
        assert resource not in ("*", "secrets", "configmaps")


def test_only_the_optional_role_writes_what_git_owns() -> None:
    assert {verb for _, _, verb in granted("watchkeeper-gitops-read")} == {"get", "list"}
    assert {verb for _, _, verb in granted("watchkeeper-gitops-suspend")} == {"patch"}


def test_every_binding_binds_a_role_that_there_is() -> None:
    docs: list[Any] = list(yaml.safe_load_all(MANIFESTS.read_text()))
    bound = [doc["roleRef"]["name"] for doc in docs if doc["kind"] == "RoleBinding"]
    assert bound
    assert set(bound) <= set(ROLES)


# ---------------------------------------------------------------- what is missing


def test_nothing_is_lacking_where_all_is_granted(shop: Shop) -> None:
    assert shop.argo.lacking("sandbox", ["shop"]) == ()


def test_what_is_lacking_is_the_line_that_is_missing(shop: Shop) -> None:
    shop.cluster.api.deny("patch", "rollouts/status")
    shop.cluster.api.deny("watch", "rollouts")
    assert shop.argo.lacking("sandbox", ["shop"]) == (
        '{apiGroups: ["argoproj.io"], resources: [rollouts], verbs: [watch]} in namespace shop',
        '{apiGroups: ["argoproj.io"], resources: [rollouts/status], verbs: [patch]} in namespace shop',
    )


def test_several_namespaces_need_list_and_watch_in_the_whole_cluster(shop: Shop) -> None:
    shop.cluster.api.deny("watch", "rollouts")
    assert shop.argo.lacking("sandbox", ["pay", "shop"]) == (
        '{apiGroups: ["argoproj.io"], resources: [rollouts], verbs: [watch]} in the whole cluster',
    )


def test_the_check_says_which_line_is_missing(shop: Shop, tmp_path: Path) -> None:
    settings = configured(tmp_path)
    assert rights_row(settings) == (True, "all there, in shop")
    shop.cluster.api.deny("patch", "rollouts")
    ok, said = rights_row(settings)
    assert not ok
    assert '{apiGroups: ["argoproj.io"], resources: [rollouts], verbs: [patch]} in namespace shop' in said
    assert "docs/rbac/watchkeeper.yml" in said


def test_the_check_says_which_gates_a_canary_asks(shop: Shop, tmp_path: Path) -> None:
    settings = configured(tmp_path, service="reviews", provider="flagger")
    said = {row.what: (row.ok, row.said) for row in check.rollouts(settings)}
    assert said["rollout reviews"] == (True, "healthy, asks at none of our gates, so a pause suspends it")
    assert said["rights in main (flagger)"][0]


def test_the_check_looks_around_as_an_action_would(shop: Shop, tmp_path: Path) -> None:
    settings = configured(tmp_path)
    assert row(settings, "around checkout") == (True, "all seen; nothing else writes it")
    shop.cluster.argo_cd("checkout", automated={"selfHeal": True})
    shop.passes(5)
    kept = "all seen; Argo CD Application shop puts its own spec back within seconds, and I"
    assert row(settings, "around checkout") == (True, f"{kept} may switch that off")
    shop.cluster.api.deny("patch", "applications")
    assert row(settings, "around checkout") == (True, f"{kept} may not switch that off")


@pytest.mark.parametrize(
    ("verb", "resource", "what", "why"),
    [
        ("list", "horizontalpodautoscalers", "around checkout", "autoscalers could not be read"),
        ("get", "applications", "around checkout", "Argo CD Application shop could not be read"),
        ("list", "pods", "pods of checkout", "403"),
    ],
)
def test_what_may_not_be_looked_at_is_a_row_with_the_reason(
    shop: Shop, tmp_path: Path, verb: str, resource: str, what: str, why: str
) -> None:
    shop.cluster.argo_cd("checkout", automated={"selfHeal": True})
    shop.cluster.api.deny(verb, resource)
    ok, said = row(configured(tmp_path), what)
    assert not ok
    assert why in said


def test_services_that_may_not_be_read_are_said_and_pods_are_counted(shop: Shop, tmp_path: Path) -> None:
    ok, said = row(configured(tmp_path), "pods of checkout")
    assert (ok, said.endswith(" seen")) == (True, True)
    shop.cluster.api.deny("list", "services")
    assert "Services cannot be read" in row(configured(tmp_path), "pods of checkout")[1]


def test_a_writer_whose_marks_are_unclear_is_named_and_no_right_is_missing(shop: Shop, tmp_path: Path) -> None:
    shop.cluster.deploy("checkout", image="shop/checkout:v42", by="argocd-controller")
    said = "all seen; Argo CD writes it, and its marks do not say which"
    assert row(configured(tmp_path), "around checkout") == (True, said)


def row(settings: Settings, what: str) -> tuple[bool, str]:
    (found,) = [row for row in check.rollouts(settings) if row.what == what]
    return found.ok, found.said


def configured(folder: Path, service: str = "checkout", provider: str = "argo") -> Settings:
    cluster = {"main": {"kubeconfig": str(folder / "sandbox.yml")}}
    rollout = {"provider": provider, "cluster": "main", "namespace": "shop"}
    content = {"clusters": cluster, "services": {service: {"rollout": rollout}}}
    (folder / "config.yml").write_text(yaml.safe_dump(content))
    return load({"WATCHKEEPER_CONFIG": str(folder / "config.yml"), "WATCHKEEPER_HOOK_TOKEN": "t"})


def rights_row(settings: Settings) -> tuple[bool, str]:
    return row(settings, "rights in main (argo)")
