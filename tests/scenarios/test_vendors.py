"""Vendors end to end: their outage stands beside the suspects, whether it is polled or comes by webhook."""

from handlers import vendors
from tests.story import Story


def broken(story: Story) -> None:
    story.ships("v43")
    story.shop.vendor(down=True)
    story.passes(20)
    story.alert("CheckoutErrorRatioHigh", since=story.clock.now().isoformat())


def test_an_outage_stands_on_the_card_and_in_the_preview(story: Story) -> None:
    story.vendor()
    broken(story)
    assert "Paybridge Card payments*: major outage" in story.card
    assert "but Paybridge Card payments: major outage" in story.card
    assert "a rollback will hardly help" in story.types("/rollout rollback checkout")
    assert "a rollback will hardly help" in story.types("/rollout check checkout rollback")


def test_its_end_takes_it_off_the_card_and_is_noted(story: Story) -> None:
    story.vendor()
    broken(story)
    story.shop.vendor(down=False)
    story.passes(30)
    story.settle()
    assert "Paybridge Card payments*" not in story.card
    assert "Paybridge: all that we use is operational again" in story.timeline


def test_a_vendor_that_nothing_of_the_incident_uses_is_not_mentioned(story: Story) -> None:
    story.vendor(used_by=("payments",))
    broken(story)
    assert "Paybridge" not in story.card


def test_every_turn_is_followed_by_one_also_while_the_page_is_away(story: Story) -> None:
    story.vendor(page=f"{story.served.url}/nowhere")
    story.passes(30)
    vendors.begin(story.world)
    page = story.store.read(lambda tx: tx.vendor_page("paybridge"))
    assert page is not None
    assert page.trouble == "status page: HTTP 404"
    assert story.store.next_due(story.clock.now()) is not None
    assert story.dead == []
