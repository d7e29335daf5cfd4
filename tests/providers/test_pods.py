"""The pods of a workload, over HTTP, on the pretend cluster: each trap by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.errors import Away, ProviderError
from bot.fleet import Authority, Instance
from bot.policy import Verification
from handlers.providers import ROLLOUTS
from handlers.providers.pods import KINDS, Pods, Seen, _understood
from handlers.providers.version_page import VersionPage
from handlers.world import Instances
from tests.providers.shops import Front, Shop, target

PLAIN = Verification()


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    shop.passes(30)
    yield shop
    shop.close()


def read(shop: Shop, service: str = "payments", revision: str = "", provider: str = "argo") -> Instances:
    where = replace(target(service), provider=provider)
    return Pods({"sandbox": shop.kubernetes}).instances(where, PLAIN, revision)


def images(found: Instances) -> set[str]:
    return {(instance.image_id or "").rpartition("@")[2] for instance in found.seen}


def test_every_pod_with_what_its_node_really_started(shop: Shop) -> None:
    found = read(shop)
    assert len(found.seen) == 4
    assert len(images(found)) == 1
    assert all(instance.address and not instance.stray for instance in found.seen)
    assert found.notes == ()


def test_the_pods_of_every_provider_are_known() -> None:
    assert set(KINDS) == set(ROLLOUTS)


def test_trap_under_flagger_the_primary_serves_and_its_revision_has_another_name(shop: Shop) -> None:
    before = images(read(shop, "reviews", shop.get("reviews").current.hash, "flagger"))
    shop.ships("reviews", "v42", seconds=150)
    found = read(shop, "reviews", shop.get("reviews").current.hash, "flagger")
    assert len(found.seen) == 4
    assert not any(instance.older or instance.stray for instance in found.seen)
    assert images(found) != before
    assert {each.count for each in found.expected} == {4}


def test_who_should_be_there_comes_from_elsewhere(shop: Shop) -> None:
    expected = {each.authority: each for each in read(shop).expected}
    assert expected[Authority.REPLICAS].count == 4
    assert expected[Authority.ENDPOINTS].names == {instance.name for instance in read(shop).seen}


def test_a_deployment_too(shop: Shop) -> None:
    assert len(read(shop, "search", provider="deployment").seen) == 4


def test_a_node_that_kept_the_old_image_under_the_new_tag_shows(shop: Shop) -> None:
    """The pod's spec and its status name v43; only the digest tells."""
    shop.cluster.keep_old_image("node-4", "shop/search:v43", "shop/search:v41")
    shop.ships("search", "v43", seconds=60)
    found = read(shop, "search", provider="deployment")
    assert len(found.seen) == 4
    assert len(images(found)) == 2


def test_a_pod_behind_the_service_that_the_workload_does_not_own_is_a_stray(shop: Shop) -> None:
    shop.cluster.stray("debug", "shop/payments:v39", service="payments")
    assert [instance.name for instance in read(shop).seen if instance.stray] == ["debug"]


def test_a_pod_of_an_older_revision_is_one(shop: Shop) -> None:
    shop.ships("payments", "v43", seconds=10)
    rollout = shop.argo.get(target("payments"), "payments", "production")
    older = {instance.older for instance in read(shop, revision=rollout.current.hash).seen}
    assert rollout.stable is not None
    assert older == {"", rollout.stable.hash}


def test_services_that_may_not_be_read_are_said(shop: Shop) -> None:
    """What was not looked for was not found, and that is no proof that it is not there."""
    shop.cluster.api.deny("list", "services")
    found = read(shop)
    assert len(found.seen) == 4
    assert [each.authority for each in found.expected] == [Authority.REPLICAS]
    assert "Services cannot be read" in found.notes[0]


def test_pods_that_may_not_be_read_are_an_error(shop: Shop) -> None:
    shop.cluster.api.deny("list", "pods")
    with pytest.raises(ProviderError, match="HTTP 403"):
        read(shop)


# ---------------------------------------------------------------- odd objects


OWNER = {"controller": True, "uid": "w"}


def one(pod: dict[str, Any], workload: dict[str, Any] | None = None, **asked: str) -> tuple[Instance, Instances]:
    seen = Seen({"metadata": {"uid": "w"}} | (workload or {}), [], {"p": pod})
    found = _understood(seen, Verification(**asked), asked.pop("revision", ""))
    return found.seen[0], found


def a_pod(**other: Any) -> dict[str, Any]:
    meta = {"name": "p", "uid": "p", "ownerReferences": [OWNER]} | other.pop("metadata", {})
    return {"metadata": meta, "spec": {"containers": [{"name": "app"}, {"name": "mesh"}]}} | other


def test_a_pod_without_a_status_reports_no_image() -> None:
    assert one(a_pod())[0].image_id == ""


def test_the_first_container_is_compared_unless_another_is_named() -> None:
    statuses = [{"name": "mesh", "imageID": "m@sha256:1"}, {"name": "app", "imageID": "a@sha256:2"}]
    init = [{"name": "setup", "imageID": "s@sha256:3"}]
    pod = a_pod(status={"containerStatuses": statuses, "initContainerStatuses": init})
    assert one(pod)[0].image_id == "a@sha256:2"
    assert one(pod, container="mesh")[0].image_id == "m@sha256:1"
    assert [other.name for other in one(pod)[0].others] == ["mesh", "setup"]


def test_a_pod_that_is_ending_is_one() -> None:
    assert one(a_pod(metadata={"deletionTimestamp": "2026-11-21T09:00:00Z"}))[0].ending
    assert one(a_pod(status={"phase": "Succeeded"}))[0].ending
    assert not one(a_pod())[0].ending


@pytest.mark.parametrize(
    "given_up",
    [{"spec": {"replicas": 0}}, {"metadata": {"annotations": {"scale-down-deadline": "2026-11-21T09:00:00Z"}}}],
    ids=["scaled down", "kept for a while"],
)
def test_a_pod_of_a_set_that_is_given_up_is_on_its_way_out(given_up: dict[str, Any]) -> None:
    """After an abort its pods may not be told to end for half a minute yet."""
    meta = {"uid": "rs", "ownerReferences": [OWNER]} | given_up.get("metadata", {})
    sets = [{"metadata": meta, "spec": given_up.get("spec", {"replicas": 1})}]
    mine = a_pod(metadata={"ownerReferences": [{"controller": True, "uid": "rs"}]})
    workload = {"metadata": {"uid": "w"}}
    assert _understood(Seen(workload, sets, {"p": mine}), Verification(), "").seen[0].ending
    sets[0] = {"metadata": {"uid": "rs", "ownerReferences": [OWNER]}, "spec": {"replicas": 1}}
    assert not _understood(Seen(workload, sets, {"p": mine}), Verification(), "").seen[0].ending


@pytest.mark.parametrize("where", ["annotations", "labels"])
def test_the_hash_of_its_configuration(where: str) -> None:
    assert one(a_pod(metadata={where: {"config": "abc"}}), config_key="config")[0].config_hash == "abc"


def test_a_stateful_set_that_keeps_some_of_its_pods_back_is_said() -> None:
    """Its status looks done, and the pods below the partition never change."""
    kept = {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}}}
    assert "partition 3" in one(a_pod(), kept)[1].notes[0]
    assert "OnDelete" in one(a_pod(), {"spec": {"updateStrategy": {"type": "OnDelete"}}})[1].notes[0]


# ---------------------------------------------------------------- the version page


def page(answer: httpx.Response | Exception, field: str = "version") -> str:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    reader = VersionPage(httpx.MockTransport(handle))
    try:
        return reader.version("http://10.0.0.1:8080/version", field)
    finally:
        reader.close()


def test_a_server_says_its_version_as_json_or_as_text() -> None:
    assert page(httpx.Response(200, json={"version": "v42", "x": 1})) == "v42"
    assert page(httpx.Response(200, text="v42\n"), field="") == "v42"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"other": "v42"}),
        httpx.Response(200, json=["v42"]),
        httpx.Response(200, json={"version": {"a": 1}}),
        httpx.Response(200, text="<h1>Welcome to nginx!</h1>"),
        httpx.Response(302, headers={"location": "http://elsewhere/version"}),
        httpx.Response(503),
    ],
    ids=["no such key", "a list", "an object", "a web page", "elsewhere", "ill"],
)
def test_what_does_not_say_a_version_is_an_error(answer: httpx.Response) -> None:
    with pytest.raises(ProviderError):
        page(answer)


def test_a_web_page_is_no_version_in_plain_text() -> None:
    with pytest.raises(ProviderError, match="web page"):
        page(httpx.Response(200, html="<h1>v42</h1>"), field="")


def test_nobody_answers() -> None:
    with pytest.raises(Away):
        page(httpx.ConnectError("refused"))
