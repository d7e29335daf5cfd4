"""Somebody looks on after a pause and a promotion, too, and is woken by what the cluster's watch sees."""

from __future__ import annotations

from handlers import rollouts
from tests.story import Story


def held(story: Story) -> int:
    return sum("*did not hold*" in text for text in story.said())


def paused(story: Story) -> None:
    story.alert()
    story.ships("v42")
    story.types("/rollout pause checkout")
    story.passes(35)  # past the first look; the next one is half a minute away


def test_a_pause_that_somebody_lifts_is_said_as_soon_as_it_is_seen_and_once(story: Story) -> None:
    paused(story)
    story.cluster.patch("checkout", {"spec": {"paused": False}}, by="kubectl-edit")
    story.clock.advance(seconds=3)  # the controller has seen it
    at = story.clock.now()
    rollouts.observe(story.world)  # as the watch would have it looked at
    story.settle(patience=2)
    assert held(story) == 1
    assert (story.clock.now() - at).total_seconds() < 5
    assert any("the pause of checkout at v42 did not hold: somebody resumed it" in line for line in story.timeline)
    story.passes(31 * 60)
    assert held(story) == 1


def test_a_pause_that_we_lift_ourselves_breaks_no_promise(story: Story) -> None:
    paused(story)
    story.types("/rollout resume checkout")
    story.presses("ask.confirm")
    story.passes(60)
    assert held(story) == 0


def test_a_release_that_is_aborted_after_it_was_let_go_on_is_said(story: Story) -> None:
    paused(story)
    story.types("/rollout resume checkout")
    story.presses("ask.confirm")
    story.passes(40)
    story.cluster.patch("checkout", {"status": {"abort": True}}, subresource="status")
    story.passes(40)
    assert held(story) == 1
    assert any("the resume of checkout to v42 did not hold: v42 (revision" in line for line in story.timeline)
