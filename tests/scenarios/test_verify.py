"""`/rollout verify` where the servers say themselves what they run, and where a partition keeps some of them back."""

from __future__ import annotations

from dataclasses import replace

from bot.policy import Verification
from sandbox.kube.replicas import digest
from tests.story import Story


def released(story: Story, version: str, service: str) -> None:
    """CI says which build it has made, and every pod that may be replaced is."""
    story.cluster.deploy(service, image=f"shop/{service}:{version}")
    approved = digest(f"shop/{service}:{version}").partition("@")[2]
    body = {"service": service, "version": version, "environment": "production", "status": "succeeded"}
    story.hook("deploys", body | {"at": story.clock.now().isoformat(), "actor": "ci", "digests": [approved]})
    story.passes(60)


def asked_by_http(story: Story, base: str) -> None:
    """From now on each of search's servers is asked for its version."""
    page = Verification(version_url=base + "/servers/{server}/version")
    services = dict(story.policy.services) | {"search": replace(story.policy.services["search"], verification=page)}
    story.policy = replace(story.policy, services=services)
    story.world = story.wire()


def test_every_server_says_the_approved_version_itself(plain: Story) -> None:
    asked_by_http(plain, plain.served.url)
    released(plain, "v43", "search")
    shown = plain.types("/rollout verify search")
    assert "4 of 4" in shown
    assert "Verdict *good*" in shown


def test_a_server_whose_process_is_older_than_its_image_is_named(plain: Story) -> None:
    """The image is the approved one, and what listens there is not: only the server itself can say so."""
    asked_by_http(plain, plain.served.url)
    released(plain, "v43", "search")
    pod = plain.cluster.pods("search")[0]
    plain.cluster.replicas.cached[pod["spec"]["nodeName"], "shop/search:v43"] = "shop/search:v41"  # after it was read
    shown = plain.types("/rollout verify search")
    assert "3 of 4" in shown
    assert f"`{pod['metadata']['name']}` runs v41" in shown
    assert "Verdict *bad*" in shown


def test_servers_that_do_not_answer_are_unknown_and_not_good(plain: Story) -> None:
    asked_by_http(plain, "http://127.0.0.1:9")
    released(plain, "v43", "search")
    shown = plain.types("/rollout verify search")
    assert "did not say its version (no answer (ConnectError))" in shown
    assert "Verdict *inconclusive*" in shown


def test_a_partition_that_keeps_servers_back_is_said(plain: Story) -> None:
    plain.cluster.patch("ledger", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}})
    released(plain, "v43", "ledger")
    shown = plain.types("/rollout verify ledger")
    assert "3 of 4 on v43" in shown
    assert "partition 1 holds back ledger-0" in shown
    assert "its update strategy has the partition 1: pods below that number are not updated" in shown
    assert "Verdict *good*" not in shown
    plain.cluster.patch("ledger", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    plain.passes(60)
    shown = plain.types("/rollout verify ledger")
    assert "4 of 4" in shown
    assert "partition" not in shown
