"""Probes end to end: a page that is wrong is found by looking at it, and by nothing else."""

from datetime import timedelta

from handlers import probes
from tests.story import Story


def test_200_with_the_wrong_page_opens_an_incident_that_names_the_release(story: Story) -> None:
    story.cluster.deploy("search", image="shop/search:v41")
    story.probe("search")
    story.passes(60)
    assert story.incidents == ()
    story.shop.lose_prices("search", "v43")
    story.ships("v43", "search", seconds=60)
    story.settle()
    assert story.incident.title == "Probe search-prices: “€” is not in it"
    assert "search v43" in story.card
    assert any("Probe `search-prices` is red" in said for said in story.said())
    assert any(line.startswith("probe search-prices is bad: “€” is not in it (HTTP 200, ") for line in story.timeline)
    assert story.shop.measure("search").error_ratio < 0.01


def test_every_look_is_followed_by_one_however_often_they_are_begun(story: Story) -> None:
    story.probe("search", every=timedelta(seconds=30))
    for _ in range(3):
        probes.begin(story.world)
    story.passes(10 * 60)
    finding = story.store.read(lambda tx: tx.finding("search-prices"))
    assert finding is not None
    assert finding.good
    assert 19 <= finding.in_a_row <= 23


def test_a_probe_that_is_taken_out_of_the_configuration_ends(story: Story) -> None:
    story.probe("search")
    story.policy = story.policy.__class__()
    story.world = story.wire()
    story.passes(60)
    assert story.store.next_due(story.clock.now()) is None
