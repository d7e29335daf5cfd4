"""Releases that an analysis judges: how they read, and what a person's word does to them; over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Moved, Refused
from bot.intents import Intent
from bot.model import RequestState, RolloutPhase, Verb
from tests.analyses import analysis, steps_with_analysis, template, undecided
from tests.providers.shops import Front, Shop

BAD, UNDECIDED, GOOD = 0.9, 0.2, 0.0
ASKED_FOREVER = {"interval": "10s"}


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path, "checkout", "storefront")
    yield shop
    shop.close()


def judging(shop: Shop, errors: float, strategy: Any = None, seconds: float = 60, **metric: Any) -> None:
    """v42 is released, and Prometheus says that so many of its requests fail."""
    shop.cluster.analyses.ask = lambda query, at: [errors]
    shop.cluster.create(template(**metric))
    shop.cluster.patch("checkout", strategy or steps_with_analysis())
    shop.ships("checkout", "v42", seconds=seconds)


def beside_the_steps() -> Any:
    steps = [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 100}]
    return {"spec": {"strategy": {"canary": {"steps": steps, "analysis": analysis()}}}}


def after_the_switch(shop: Shop, verdict: float = GOOD) -> None:
    """storefront has switched to v42, and its analysis has not ended."""
    shop.cluster.analyses.ask = lambda query, at: [verdict]
    shop.cluster.create(template(interval="10s", count=90))
    judged = {"autoPromotionSeconds": None, "postPromotionAnalysis": analysis("storefront")}
    shop.cluster.patch("storefront", {"spec": {"strategy": {"blueGreen": judged}}})
    shop.ships("storefront", "v42", seconds=20)
    assert (shop.get("storefront").weight, shop.get("storefront").in_flight) == (100, True)


def crash(shop: Shop) -> None:
    """One pod of the new version dies and does not come up again."""
    shop.cluster.replicas.broken_images.add("shop/storefront:v42")
    pods = [p for p in shop.cluster.pods("storefront") if p["spec"]["containers"][0]["image"].endswith("v42")]
    shop.cluster.delete_pod(pods[0]["metadata"]["name"])
    shop.passes(1)


# ---------------------------------------------------------------- how it reads


def test_a_running_analysis_is_named(shop: Shop) -> None:
    judging(shop, GOOD, **ASKED_FOREVER)
    rollout = shop.get()
    assert rollout.analysis == f"checkout-{rollout.current.hash}-2-2: running"
    assert (rollout.phase, rollout.step, rollout.waiting) == (RolloutPhase.PROGRESSING, 2, "")


def test_why_an_analysis_failed_is_said(shop: Shop) -> None:
    judging(shop, BAD)
    rollout = shop.get()
    assert (rollout.aborted, rollout.phase, rollout.weight) == (True, RolloutPhase.DEGRADED, 0)
    assert rollout.analysis.endswith('failed (Metric "errors" assessed Failed due to failed (1) > failureLimit (0))')


def test_an_inconclusive_analysis_is_no_failure_and_waits_for_a_person(shop: Shop) -> None:
    judging(shop, UNDECIDED, **undecided())
    rollout = shop.get()
    assert (rollout.aborted, rollout.phase) == (False, RolloutPhase.PAUSED)
    assert (rollout.waiting, rollout.for_person, rollout.goes_on_at) == ("InconclusiveAnalysisRun", True, None)


def test_an_inconclusive_analysis_within_a_timed_pause_is_what_holds_it(shop: Shop) -> None:
    """The pause step stands first in the list, and its countdown would be a promise that nobody keeps."""
    judging(shop, UNDECIDED, beside_the_steps(), seconds=20, interval="10s", initialDelay="10s", **undecided())
    rollout = shop.get()
    pauses = shop.cluster.rollouts["checkout"].status["pauseConditions"]
    assert [pause["reason"] for pause in pauses] == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    assert (rollout.waiting, rollout.for_person, rollout.goes_on_at) == ("InconclusiveAnalysisRun", True, None)


# ---------------------------------------------------------------- what a person does to it


def test_a_promotion_while_an_analysis_runs_skips_it(shop: Shop) -> None:
    judging(shop, GOOD, **ASKED_FOREVER)
    request = shop.asks(Verb.PROMOTE)
    assert request.intent == Intent.SKIP
    shop.acts(request)
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.cluster.rollouts["checkout"].stable == "v42"


def test_a_promotion_after_an_inconclusive_analysis_accepts_the_step_and_does_not_ask_again(shop: Shop) -> None:
    judging(shop, UNDECIDED, **undecided())
    request = shop.asks(Verb.PROMOTE)
    assert request.intent == Intent.RESUME
    shop.acts(request)
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    runs = shop.cluster.analyses.of(shop.cluster.rollouts["checkout"].object)
    assert [run["status"]["phase"] for run in runs.values()] == ["Inconclusive"]
    assert shop.cluster.rollouts["checkout"].stable == "v42"


def test_a_verdict_that_comes_after_the_preview_stops_the_promotion(shop: Shop) -> None:
    """Asked for while it waited at a pause; by the time of the press its analysis is inconclusive."""
    judging(shop, UNDECIDED, beside_the_steps(), seconds=10, interval="10s", initialDelay="20s", **undecided())
    request = shop.asks(Verb.PROMOTE)
    assert request.reviewed_wait == "CanaryPauseStep"
    shop.passes(20)
    with pytest.raises(Moved, match="it waited for CanaryPauseStep, and now for InconclusiveAnalysisRun"):
        shop.acts(request)
    assert shop.patches == []


def test_a_retry_of_what_an_analysis_stopped_is_judged_again(shop: Shop) -> None:
    judging(shop, BAD)
    shop.acts(shop.asks(Verb.RETRY))
    shop.cluster.analyses.ask = lambda query, at: [GOOD]
    shop.passes(90)
    assert shop.cluster.rollouts["checkout"].stable == "v42"


# ---------------------------------------------------------------- experiments


def trying(shop: Shop, verdict: str = "", seconds: float = 10, duration: str | None = "30s") -> None:
    """v42 is released, and first tried beside v41; `verdict` is how that ends."""
    shop.cluster.experiments.verdicts = {"checkout": verdict} if verdict else {}
    tried = {"duration": duration, "templates": [{"name": "canary", "specRef": "canary"}]}
    steps = [{"setWeight": 10}, {"experiment": tried}, {"setWeight": 50}, {"pause": {}}]
    shop.cluster.patch("checkout", {"spec": {"strategy": {"canary": {"steps": steps}}}})
    shop.ships("checkout", "v42", seconds=seconds)


def test_a_running_experiment_is_named_and_ends_by_itself(shop: Shop) -> None:
    trying(shop)
    rollout = shop.get()
    assert rollout.analysis == f"experiment checkout-{rollout.current.hash}-2-1: under way"
    assert (rollout.phase, rollout.step, rollout.steps[1]) == (RolloutPhase.PROGRESSING, 1, "experiment 30s")
    shop.passes(40)
    assert (shop.get().step, shop.get().analysis) == (3, "")


def test_a_promotion_while_an_experiment_runs_skips_and_ends_it(shop: Shop) -> None:
    trying(shop, duration=None)
    request = shop.asks(Verb.PROMOTE)
    assert request.intent == Intent.SKIP
    shop.acts(request)
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    (tried,) = shop.cluster.experiments.of(shop.cluster.rollouts["checkout"].object).values()
    assert tried["status"]["message"] == "Experiment terminated"


def test_what_an_experiment_finds_bad_is_aborted_with_its_reason(shop: Shop) -> None:
    trying(shop, "Failed", seconds=60)
    rollout = shop.get()
    assert (rollout.aborted, rollout.weight) == (True, 0)
    assert "its analyses assessed Failed" in rollout.message


def test_trap_a_promotion_after_an_inconclusive_experiment_does_not_run_it_again(shop: Shop) -> None:
    """Only to end the pause would."""
    trying(shop, "Inconclusive", seconds=60)
    assert (shop.get().waiting, shop.get().for_person) == ("InconclusiveExperiment", True)
    request = shop.asks(Verb.PROMOTE)
    shop.acts(request)
    shop.passes(30)
    assert shop.state_of(request) is RequestState.DONE
    assert (shop.get().step, len(shop.cluster.experiments.of(shop.cluster.rollouts["checkout"].object))) == (3, 1)


def test_what_the_controller_does_where_the_pause_alone_is_ended(shop: Shop) -> None:
    trying(shop, "Inconclusive", seconds=60)
    shop.cluster.patch("checkout", {"status": {"pauseConditions": None}}, subresource="status")
    shop.passes(5)
    assert shop.get().analysis.endswith("-2-1-1: under way")


def test_an_abort_ends_the_experiment(shop: Shop) -> None:
    trying(shop, duration=None)
    request = shop.asks(Verb.ROLLBACK)
    shop.acts(request)
    shop.passes(40)
    assert (shop.state_of(request), shop.get().analysis) == (RequestState.DONE, "")


# ---------------------------------------------------------------- blue-green, after its switch


def test_a_switched_blue_green_reads_as_in_flight_until_it_is_judged(shop: Shop) -> None:
    after_the_switch(shop)
    rollout = shop.get("storefront")
    assert rollout.message == "waiting for post-promotion verification to complete"
    assert rollout.analysis.endswith("-2-post: running")
    assert rollout.stable is not None
    assert rollout.stable.version == "v41"


def test_an_abort_after_the_switch_would_be_skipped_while_the_new_pods_crash_so_it_is_undone(shop: Shop) -> None:
    after_the_switch(shop)
    crash(shop)
    with pytest.raises(Refused, match="puts an abort off"):
        shop.asks(Verb.ABORT, "storefront")
    request = shop.asks(Verb.ROLLBACK, "storefront")
    assert request.intent == Intent.UNDO
    shop.acts(request)
    shop.passes(10)
    assert shop.state_of(request) is RequestState.DONE
    assert served_by(shop) == "v41"


def test_what_the_controller_does_with_an_abort_while_the_new_pods_crash(shop: Shop) -> None:
    """It says that it has aborted, and every customer stays on the new version."""
    after_the_switch(shop)
    crash(shop)
    shop.cluster.patch("storefront", {"status": {"abort": True}}, subresource="status")
    shop.passes(10)
    rollout = shop.get("storefront")
    assert (rollout.aborted, rollout.weight, served_by(shop)) == (True, 100, "v42")


def test_what_somebody_aborted_in_vain_is_undone(shop: Shop) -> None:
    after_the_switch(shop)
    crash(shop)
    shop.cluster.patch("storefront", {"status": {"abort": True}}, subresource="status")
    shop.passes(5)
    request = shop.asks(Verb.ROLLBACK, "storefront")
    shop.acts(request)
    shop.passes(10)
    assert (shop.state_of(request), served_by(shop)) == (RequestState.DONE, "v41")


def test_the_old_pods_are_kept_for_the_scale_down_delay_and_no_longer(shop: Shop) -> None:
    shop.cluster.patch("storefront", {"spec": {"strategy": {"blueGreen": {"scaleDownDelaySeconds": 60}}}})
    shop.ships("storefront", "v42", seconds=40)
    old = next(r for r in shop.get("storefront").history if r.version == "v41")
    assert old.kept_until is not None
    assert 0 < (old.kept_until - shop.clock.now()).total_seconds() <= 60
    shop.passes(70)
    old = next(r for r in shop.get("storefront").history if r.version == "v41")
    assert (old.kept_until, old.available) == (None, 0)


def served_by(shop: Shop) -> str:
    return max(shop.cluster.workload("storefront").shares, key=lambda share: share.weight).version
