"""The stories of the demo, told without waiting: the clock is ours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sandbox.stories import Stories
from tests.story import SHOP, Story

QUICK = replace(SHOP, verify_within=timedelta(seconds=20))  # as the demo is configured


@pytest.mark.parametrize("name", ["amazon-checkout", "gitops-revert", "knight-capital"])
def test_every_step_of_the_story_happens(name: str, story: Story) -> None:
    story.policy = QUICK
    story.world = story.wire()
    run = Stories(story.sandbox).play(name, pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()
