"""A release that nobody reported: the bot learns of it from the cluster alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.model import Sighting
from handlers.watching import Watchers
from tests.story import Story

PATIENCE = 20.0


@contextmanager
def watching(story: Story) -> Iterator[None]:
    """The bot's own watches. What they decide is done when they have stopped: a story runs in one thread."""
    watchers = Watchers(story.world)
    watchers.start()
    try:
        until(lambda: sighting(story, "checkout") and sighting(story, "payments"))
        yield
    finally:
        watchers.stop()


def sighting(story: Story, service: str) -> Sighting | None:
    return story.store.read(lambda tx: tx.sighting(f"{service}/production"))


def until(true: Callable[[], object]) -> None:
    for _ in range(int(PATIENCE / 0.01)):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became true")


def test_without_any_hook_the_release_is_named_as_the_suspect(story: Story) -> None:
    with watching(story):
        story.cluster.deploy("checkout", image="shop/checkout:v42")
        story.clock.advance(seconds=1)
        until(lambda: sighting(story, "checkout").revision_version == "v42")
    story.alert(since=story.clock.now().isoformat())
    assert "v42" in story.card
    assert any("suspect: deploy of checkout v42" in line for line in story.timeline)


def test_a_neighbours_release_shows_up_in_an_open_incident_step_by_step(story: Story) -> None:
    """Checkout depends on payments; nobody but the cluster says that payments is being released."""
    story.alert()
    with watching(story):
        story.cluster.deploy("payments", image="shop/payments:v42")
        story.clock.advance(seconds=1)
        until(lambda: "payments v41 → v42" in story.timeline[-1])
        story.clock.advance(seconds=120)
        until(lambda: "payments v42 pauses at" in story.timeline[-1])
    story.settle()
    assert "deploy of payments v42" in "\n".join(story.timeline)
    assert "payments" in story.card


def test_what_ci_and_the_cluster_both_report_is_one_deploy(story: Story) -> None:
    with watching(story):
        story.cluster.deploy("checkout", image="shop/checkout:v42")
        story.clock.advance(seconds=1)
        until(lambda: sighting(story, "checkout").revision_version == "v42")
    story.deploy("v42")
    story.alert(since=story.clock.now().isoformat())
    (link,) = story.store.read(lambda tx: tx.links("INC-1"))
    assert link.change == "deploy/checkout/production/v42"
    known = story.store.read(lambda tx: tx.change(link.change))
    assert (known.actor, known.url) == ("ci", "https://ci.example/checkout/v42")
