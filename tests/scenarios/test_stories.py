"""The stories of the demo, told without waiting: the clock is ours."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy import Service
from sandbox.stories import FOLDER, Stories
from tests.story import SHOP, Story, target

QUICK = replace(SHOP, verify_within=timedelta(seconds=20))  # as the demo is configured


@pytest.mark.parametrize("name", ["amazon-checkout", "gitops-revert", "knight-capital", "slack-down"])
def test_every_step_of_the_story_happens(name: str, story: Story) -> None:
    story.policy = QUICK
    story.world = story.wire()
    run = Stories(story.sandbox).play(name, pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()


def test_every_step_happens_when_the_page_is_wrong_and_every_graph_is_green(story: Story) -> None:
    search = Service(name="search", oncall="storefront", rollout=target("search", "deployment"))
    story.policy = replace(QUICK, services={**QUICK.services, "search": search})
    story.probe("search", every=timedelta(seconds=2))
    story.passes(30)  # long enough to have seen that v41 is stable
    run = Stories(story.sandbox).play("broken-content", pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()


def test_every_step_happens_in_a_storm(story: Story, tmp_path: Path) -> None:
    """A small one: that the bot keeps up with ten thousand is for `make bench`."""
    told = (FOLDER / "alert-storm.yml").read_text().replace("alerts: 10000", "alerts: 300").replace("9,997", "297")
    (tmp_path / "alert-storm.yml").write_text(told)
    story.policy = QUICK
    story.world = story.wire()
    run = Stories(story.sandbox, tmp_path).play("alert-storm", pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()


def test_every_step_happens_when_the_trouble_is_somebody_elses(story: Story) -> None:
    story.policy = QUICK
    story.vendor()
    story.passes(30)
    run = Stories(story.sandbox).play("vendor-outage", pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()
