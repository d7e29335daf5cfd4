"""Releases that an analysis judges, as people in the channel see and steer them."""

from __future__ import annotations

from typing import Any

from tests.analyses import analysis, steps_with_analysis, template, undecided
from tests.story import Story


def released(story: Story, version: str, seconds: float, strategy: Any = None, **metric: Any) -> None:
    story.alert()
    story.cluster.create(template(**metric))
    story.cluster.patch("checkout", strategy or steps_with_analysis("20s"))
    story.ships(version, seconds=seconds)


def test_a_failed_analysis_is_on_the_card_and_on_the_timeline(story: Story) -> None:
    released(story, "v42", 40)
    shown = story.types("/rollout show checkout")
    assert "*Aborted*" in shown
    assert 'Metric "errors" assessed Failed due to failed (1) &gt; failureLimit (0)' in shown
    assert "Retry" in shown
    assert "Promote" not in shown


def test_promote_says_before_that_it_skips_a_running_analysis(story: Story) -> None:
    released(story, "v43", 40, interval="10s")
    assert "-2-2: running" in story.types("/rollout show checkout")
    preview = story.types("/rollout promote checkout")
    assert "Step 3 of 4 (analysis) is still running and is *skipped*. Next: set weight 100%." in preview
    story.presses("ask.confirm")
    story.passes(30)
    assert any("*proven*" in text for text in story.said())
    assert story.cluster.rollouts["checkout"].stable == "v43"


def test_promote_at_a_pause_leaves_the_analysis_beside_it_alone(story: Story) -> None:
    steps = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
    beside = {"spec": {"strategy": {"canary": {"steps": steps, "analysis": analysis()}}}}
    released(story, "v43", 20, beside, interval="10s", initialDelay="10m")
    preview = story.types("/rollout promote checkout")
    assert "Step 2 of 4 (pause until promoted) ends now. Next: set weight 50%." in preview
    assert "skipped" not in preview
    story.presses("ask.confirm")
    story.passes(20)
    assert ": running" in story.types("/rollout show checkout")


def test_after_an_inconclusive_analysis_a_person_decides_and_is_warned(story: Story) -> None:
    released(story, "v42", 40, **undecided())
    shown = story.types("/rollout show checkout")
    assert "*Paused*: its analysis is inconclusive, until somebody promotes it" in shown
    assert "its analysis is inconclusive" in story.types("/rollout check checkout promote")
    assert "Step 3 of 4 (analysis) ends now. Next: set weight 100%." in story.types("/rollout promote checkout")
    story.presses("ask.confirm")
    story.passes(30)
    assert story.cluster.rollouts["checkout"].stable == "v42"


def test_an_inconclusive_analysis_beside_the_steps_may_stop_it_again(story: Story) -> None:
    steps = [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}}]
    beside = {"spec": {"strategy": {"canary": {"steps": steps, "analysis": analysis()}}}}
    released(story, "v42", 40, beside, interval="10s", initialDelay="20s", **undecided())
    shown = story.types("/rollout show checkout")
    assert "its analysis is inconclusive, until somebody promotes it" in shown
    assert "goes on by itself" not in shown
    assert "begins anew and may stop it again" in story.types("/rollout promote checkout")
    story.presses("ask.confirm")
    story.passes(60)
    assert "its analysis is inconclusive" in story.types("/rollout show checkout")
