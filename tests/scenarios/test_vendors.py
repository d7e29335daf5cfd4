"""Vendors end to end: their outage stands beside the suspects, whether it is polled or comes by webhook."""

from typing import Any

from handlers import vendors
from sandbox.statuspage import CARDS, PAGE
from tests.story import Story


def broken(story: Story) -> None:
    story.ships("v43")
    story.shop.vendor(down=True)
    story.passes(20)
    story.alert("CheckoutErrorRatioHigh", since=story.clock.now().isoformat())


def component(story: Story, status: str) -> dict[str, Any]:
    """The page's webhook."""
    update = {"created_at": story.clock.now().isoformat(), "new_status": status}
    cards = {"id": CARDS, "name": "Card payments", "status": status}
    return {"page": {"id": PAGE}, "component_update": update, "component": cards}


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
    for status, shown in (("operational", False), ("major_outage", True)):
        story.hook("statuspage", component(story, status))
        assert ("Paybridge Card payments*" in story.card) is shown, "a webhook need not wait for the next poll"
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
