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


def broken(story: Story) -> None:
    """A release without prices, found by its page alone."""
    story.probe("search")
    story.passes(30)
    story.shop.lose_prices("search", "v43")
    story.ships("v43", "search", seconds=60)
    story.settle()


def test_what_is_silenced_goes_for_a_probe_too(story: Story) -> None:
    story.types("/incident silence service=search --for 10m --why moving the catalogue")
    broken(story)
    assert story.incidents == ()
    story.passes(15 * 60)
    assert story.incident.title == "Probe search-prices: “€” is not in it"


def test_from_a_wrong_page_to_its_cure_with_the_probe_as_the_proof(plain: Story) -> None:
    broken(plain)
    assert "Probes: :red_circle: search-prices since" in plain.card
    assert "probe search-prices turned red" in plain.card
    preview = plain.types("/rollout rollback search")
    assert "probe search-prices is red: “€” is not in it" in preview
    plain.presses("ask.confirm")
    plain.passes(60)
    assert any("Probe `search-prices` is good again" in said for said in plain.said())
    assert "Probes: :white_check_mark: search-prices" in plain.card
    plain.probe("search", every=timedelta(minutes=2))  # which is enough from now on
    plain.passes(30 * 60)
    assert any(line.endswith("held, and its probes are good") for line in plain.timeline)
    assert "resolved" in plain.types("/incident resolve Rolled back search to v41")


def test_an_incident_is_not_over_while_its_page_is_wrong_unless_somebody_says_why(plain: Story) -> None:
    broken(plain)
    assert "stays open" in plain.types("/incident resolve It is fine now")
    assert plain.incident.is_open
    plain.types("/incident resolve It is fine now --anyway prices are shown on request")
    assert not plain.incident.is_open
    assert plain.incident.summary == "It is fine now"
    assert any(line.endswith("prices are shown on request") for line in plain.timeline)
    plain.probe("search", every=timedelta(minutes=2))
    plain.passes(10 * 60)
    assert len(plain.incidents) == 1, "what somebody has judged is not asked again at once"
    plain.passes(40 * 60)
    assert len(plain.incidents) == 2, "but it is not forgotten for ever"


def test_the_form_asks_for_the_reason_too(plain: Story) -> None:
    broken(plain)
    plain.presses("ask.resolve")
    plain.submits(summary="It is fine now", anyway="prices are shown on request")
    assert not plain.incident.is_open
    assert any(line.endswith("prices are shown on request") for line in plain.timeline)


def test_a_form_that_was_opened_before_it_turned_red_says_so(plain: Story) -> None:
    plain.alert("SearchErrorRatioHigh", service="search")
    plain.presses("ask.resolve")
    broken(plain)
    assert "stays open" in plain.submits(summary="It is fine now")["summary"]
    assert plain.incident.is_open


def test_what_is_done_to_a_rollout_is_looked_at_at_once(plain: Story) -> None:
    plain.probe("search", every=timedelta(hours=1))
    plain.ships("v43", "search", seconds=40)
    plain.alert("SearchErrorRatioHigh", service="search")
    plain.types("/rollout rollback search")
    before = plain.clock.now()
    plain.presses("ask.confirm")
    plain.passes(40)
    finding = plain.store.read(lambda tx: tx.finding("search-prices"))
    assert finding is not None
    assert finding.checked_at > before
    assert finding.in_a_row >= 3  # at the beginning, when it was asked for, and after
