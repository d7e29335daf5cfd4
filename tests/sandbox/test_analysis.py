"""AnalysisRuns of the pretend cluster: asked of its Prometheus, and what each verdict does to the rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster, Workload
from sandbox.world import Sandbox
from tests.analyses import analysis, steps_with_analysis, template, undecided

STEP, BACKGROUND = "currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus"


@pytest.fixture
def later(clock: FrozenClock, cluster: Cluster) -> Callable[..., Any]:
    def pass_time(seconds: float, name: str = "checkout") -> Any:
        clock.advance(seconds=seconds)
        return cluster.workload(name)

    return pass_time


def ships(cluster: Cluster, version: str, strategy: Any, name: str = "checkout", **metric: Any) -> None:
    cluster.create(template(**metric))
    cluster.patch(name, strategy)
    cluster.deploy(name, image=f"shop/{name}:{version}")


def background(**more: Any) -> Any:
    steps = [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {"duration": "60s"}}]
    return {"spec": {"strategy": {"canary": {"steps": steps, "analysis": analysis(**more)}}}}


def runs(cluster: Cluster) -> dict[str, str]:
    """By the last part of their names."""
    found = [run for w in cluster.rollouts.values() for run in cluster.analyses.of(w.object).values()]
    return {run["metadata"]["name"].split("-", 2)[2]: run["status"]["phase"] for run in found}


def reasons(cluster: Cluster) -> list[str]:
    return [p["reason"] for p in cluster.workload("checkout").status.get("pauseConditions", [])]


def test_a_good_version_passes_its_analysis_and_becomes_stable(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v43", steps_with_analysis(), interval="10s", count=3)
    checkout = later(45)
    assert (checkout.step, checkout.phase) == (2, "Progressing")
    assert checkout.status["canary"][STEP]["status"] == "Running"
    checkout = later(60)
    assert (checkout.stable, checkout.phase) == ("v43", "Healthy")
    assert runs(cluster) == {"2-2": "Successful"}
    assert STEP not in checkout.status["canary"]


def test_a_bad_version_fails_its_analysis_and_is_aborted_with_the_reason(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", steps_with_analysis(), interval="10s", count=3)
    checkout = later(60)
    assert (checkout.aborted, checkout.phase, checkout.weight) == (True, "Degraded", 0)
    why = 'Metric "errors" assessed Failed due to failed (1) > failureLimit (0)'
    assert checkout.message == f"RolloutAborted: Rollout aborted update to revision 2: {why}"
    assert checkout.status["canary"][STEP] | {"name": ""} == {"name": "", "status": "Failed", "message": why}
    assert later(300).message.endswith(why)  # it is not forgotten


def test_one_failure_more_than_allowed_is_needed(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", steps_with_analysis(), interval="10s", failureLimit=2, count=9)
    assert not later(45).aborted  # the first two of them
    assert later(10).aborted


def test_an_analysis_beside_the_steps_aborts_in_the_middle_of_a_pause(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", background(), interval="10s", initialDelay="30s")
    checkout = later(20)
    assert (checkout.step, runs(cluster)) == (1, {"2": "Running"})
    assert later(20).aborted
    assert runs(cluster) == {"2": "Failed"}


def test_an_analysis_beside_the_steps_ends_with_them(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v43", background(startingStep=1), interval="10s", initialDelay="30s")
    assert later(1).status["canary"].get(BACKGROUND) is None  # not before its starting step
    checkout = later(250)
    assert checkout.stable == "v43"
    assert runs(cluster) == {"2": "Successful"}
    assert BACKGROUND not in checkout.status["canary"]


def test_neither_good_nor_bad_pauses_until_a_person_decides(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", steps_with_analysis(), **undecided())
    checkout = later(60)
    assert (checkout.phase, checkout.message, checkout.step) == ("Paused", "InconclusiveAnalysisRun", 2)
    assert later(3600).step == 2


def test_resumed_after_an_inconclusive_analysis_another_is_begun(cluster: Cluster, later: Any) -> None:
    """To lift the pause alone is not to accept the step."""
    ships(cluster, "v42", steps_with_analysis(), **undecided())
    later(60)
    cluster.patch("checkout", {"status": {"pauseConditions": None}}, "status")
    later(1)
    assert runs(cluster) == {"2-2": "Inconclusive", "2-2.1": "Inconclusive"}
    assert reasons(cluster) == ["InconclusiveAnalysisRun"]


def test_promoted_after_an_inconclusive_analysis_the_step_is_over(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", steps_with_analysis(), **undecided())
    later(60)
    patch = {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 3}
    cluster.patch("checkout", {"status": patch}, "status")
    assert later(60).stable == "v42"


def test_an_inconclusive_analysis_outlasts_the_pause_it_came_in(cluster: Cluster, later: Any) -> None:
    """The pause step stands first in the conditions, and its time runs out: the rollout stands still all the same."""
    ships(cluster, "v42", background(), interval="10s", initialDelay="30s", **undecided())
    assert later(40).step == 1
    assert reasons(cluster) == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    assert later(600).step == 1


def test_no_data_is_an_error_and_never_a_success(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v43", steps_with_analysis(), query='http_requests_total{service="nobody"}')
    assert not later(60).aborted  # it is tried again every ten seconds
    checkout = later(60)
    why = 'Metric "errors" assessed Error due to consecutiveError (5) > consecutiveErrorLimit (4)'
    assert (checkout.aborted, checkout.message.rpartition(": ")[2]) == (True, why)


def test_a_prometheus_that_is_down_for_a_moment_aborts_nothing(world: Sandbox, later: Any) -> None:
    world.prometheus.down = True
    ships(world.cluster, "v43", steps_with_analysis())
    later(60)
    world.prometheus.down = False
    assert later(60).stable == "v43"


def test_a_retry_after_a_failed_analysis_begins_another(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", background(), interval="10s", initialDelay="30s")
    assert later(60).aborted
    cluster.patch("checkout", {"status": {"abort": False}}, "status")
    assert not later(10).aborted
    assert runs(cluster) == {"2": "Failed", "2.1": "Running"}
    assert later(60).aborted


def test_an_abort_by_a_person_and_a_newer_version_terminate_what_runs(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v43", background(), interval="10s", initialDelay="300s")
    later(20)
    cluster.patch("checkout", {"status": {"abort": True}}, "status")
    assert later(5).message == "RolloutAborted: Rollout aborted update to revision 2"
    assert runs(cluster) == {"2": "Successful"}
    cluster.deploy("checkout", image="shop/checkout:v45")
    later(20)
    cluster.deploy("checkout", image="shop/checkout:v47")
    later(20)
    assert runs(cluster) == {"2": "Successful", "3": "Successful", "4": "Running"}


def test_a_full_promotion_waits_for_no_analysis(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", background(), interval="10s", initialDelay="300s")
    later(20)
    cluster.patch("checkout", {"status": {"promoteFull": True}}, "status")
    assert later(20).stable == "v42"
    assert runs(cluster) == {"2": "Successful"}


# ---------------------------------------------------------------- blue-green


def serving(workload: Workload) -> str:
    return max(workload.shares, key=lambda share: share.weight).version


def blue_green(**analyses: Any) -> Any:
    more = {key: analysis("storefront") for key in analyses}
    return {"spec": {"strategy": {"blueGreen": {"autoPromotionSeconds": None} | more}}}


def test_before_the_switch_an_analysis_may_forbid_it(cluster: Cluster, later: Any) -> None:
    ships(cluster, "v42", blue_green(prePromotionAnalysis=True), "storefront", query="1")
    storefront = later(20, "storefront")
    assert (storefront.aborted, serving(storefront)) == (True, "v41")
    assert runs(cluster) == {"2-pre": "Failed"}


def test_after_the_switch_an_analysis_decides_what_is_stable(cluster: Cluster, later: Any) -> None:
    judged = {"query": "0", "interval": "10s", "count": 3}
    ships(cluster, "v43", blue_green(postPromotionAnalysis=True), "storefront", **judged)
    storefront = later(15, "storefront")
    assert (serving(storefront), storefront.stable) == ("v43", "v41")
    assert storefront.message == "waiting for post-promotion verification to complete"
    assert later(30, "storefront").stable == "v43"


def test_a_failed_analysis_after_the_switch_switches_back(cluster: Cluster, later: Any) -> None:
    judged = {"query": "1", "initialDelay": "10s"}
    ships(cluster, "v42", blue_green(postPromotionAnalysis=True), "storefront", **judged)
    assert serving(later(10, "storefront")) == "v42"
    storefront = later(20, "storefront")
    assert (storefront.aborted, serving(storefront), storefront.stable) == (True, "v41", "v41")


def test_an_abort_after_the_switch_is_skipped_while_the_new_pods_crash(cluster: Cluster, later: Any) -> None:
    """ "skipping active service switch: New RS is not fully saturated" is asked before the abort (#2824)."""
    judged = {"query": "0", "interval": "10s", "count": 90}
    ships(cluster, "v42", blue_green(postPromotionAnalysis=True), "storefront", **judged)
    assert serving(later(20, "storefront")) == "v42"
    crash(cluster, "v42")
    cluster.patch("storefront", {"status": {"abort": True}}, "status")
    storefront = later(5, "storefront")
    assert (storefront.phase, storefront.message[:14]) == ("Degraded", "RolloutAborted")  # as if it had worked
    assert serving(storefront) == "v42"


def test_an_undo_goes_back_though_the_new_pods_crash(cluster: Cluster, later: Any) -> None:
    judged = {"query": "0", "interval": "10s", "count": 90}
    ships(cluster, "v42", blue_green(postPromotionAnalysis=True), "storefront", **judged)
    later(20, "storefront")
    crash(cluster, "v42")
    cluster.deploy("storefront", image="shop/storefront:v41")
    storefront = later(5, "storefront")
    assert (storefront.phase, storefront.stable, serving(storefront)) == ("Healthy", "v41", "v41")


def crash(cluster: Cluster, version: str) -> None:
    """One pod of the new version dies and does not come up again."""
    cluster.replicas.broken_images.add(f"shop/storefront:{version}")
    pods = [p for p in cluster.pods("storefront") if p["spec"]["containers"][0]["image"].endswith(version)]
    cluster.delete_pod(pods[0]["metadata"]["name"])
