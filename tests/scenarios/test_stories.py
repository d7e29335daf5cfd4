"""The stories of the demo, told without waiting: the clock is ours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.policy import Service
from sandbox.stories import Stories
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


def test_every_step_happens_when_the_trouble_is_somebody_elses(story: Story) -> None:
    story.policy = QUICK
    story.vendor()
    story.passes(30)
    run = Stories(story.sandbox).play("vendor-outage", pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()
