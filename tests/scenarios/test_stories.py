"""The stories of the demo, told without waiting: the clock is ours."""

import pytest

from sandbox.stories import Stories
from tests.story import Story


@pytest.mark.parametrize("name", ["amazon-checkout", "gitops-revert"])
def test_every_step_of_the_story_happens(name: str, story: Story) -> None:
    run = Stories(story.sandbox).play(name, pace=0, settle=lambda seconds: story.passes(seconds))
    assert run.happened, run.summary()
