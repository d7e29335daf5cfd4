"""What leaves the incident: looked through, agreed to, delivered once to everybody, and visible where it failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.model import Audience, DeliveryState, Severity
from bot.policy import Destination, Hook, Mailbox, PublicPage, Room
from handlers.providers.smtp import Server, Smtp
from handlers.providers.statuspage import Statuspage
from handlers.providers.webhook import Webhook
from sandbox.mail import MailServer
from sandbox.managed_page import PAGE, TOKEN
from sandbox.partner import SECRET
from tests.story import ALICE, BOB, CAROL, DANA, SHOP, Story

DESK = "support@shop.example"
SHOWN = PublicPage(page=PAGE, components={"checkout": ("c0checkout",)})
BROADCASTS = (
    Destination(name="leaders", audience=Audience.EXECUTIVES, to=Room(channel="#support"), severity=Severity.SEV2),
    Destination(name="news", audience=Audience.SUPPORT, to=Room(channel="#status-updates", in_place=False)),
    Destination(name="desk", audience=Audience.SUPPORT, to=Mailbox(addresses=(DESK,))),
    Destination(name="page", audience=Audience.PUBLIC, to=SHOWN),
    Destination(name="partner", audience=Audience.PUBLIC, to=Hook(url="https://partner.example")),
    Destination(name="others", audience=Audience.PUBLIC, to=Room(channel="#support"), services=("search",)),
)
FORM = {
    "phase": "identified",
    "text": "One payment in four fails in the last step.",
    "scope": "Customers in Europe",
    "changed": "We went back to the version of this morning.",
    "ahead": "We check that payments succeed.",
    "next": "30",
}
CARELESS = {"changed": "Undone on db-prod-03 <!here>"}


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def told(story: Story, mail: MailServer) -> Iterator[Story]:
    """A story whose updates leave the house."""
    checkout = replace(SHOP.services["checkout"], broadcast=())
    story.policy = replace(
        SHOP,
        broadcast=(),
        broadcasts=BROADCASTS,
        approved=frozenset({Audience.PUBLIC}),
        services={**SHOP.services, "checkout": checkout},
    )
    page = Statuspage(PAGE, TOKEN, f"{story.served.url}/managed-page")
    partner = Webhook(f"{story.served.url}/partner", SECRET)
    mailer = Smtp(Server(host="127.0.0.1", port=mail.port, sender="bot@shop.example", tls="none"))
    story.outlets = {"mailer": mailer, "statuspages": {"page": page}, "hooks": {"partner": partner}}
    story.world = story.wire()
    yield story
    page.close()
    partner.close()


def publishes(story: Story, by: str = BOB, **values: str) -> None:
    story.types("/incident update", by=by)
    errors = story.submits(by=by, **FORM | values)
    assert errors == {}


def on_the_page(story: Story) -> list[tuple[str, str]]:
    """Status and first line of each update, oldest first."""
    found = story.sandbox.page.incidents.values()
    said = [update for one in found for update in reversed(one["incident_updates"])]
    return [(update["status"], update["body"].splitlines()[0]) for update in said]


def states(story: Story) -> dict[str, DeliveryState]:
    found = story.store.read(lambda tx: tx.deliveries("INC-1"))
    return {f"{one.update} {one.destination}": one.state for one in found}


def test_from_the_form_to_everybody_who_is_to_know(told: Story, mail: MailServer) -> None:
    told.alert()
    assert told.types("/incident subscribe", by=ALICE, channel=told.channel_after_joining(ALICE)).startswith("I will")
    assert "already" in told.types("/incident subscribe INC-1", by=ALICE)
    told.types("/incident subscribe checkout", by=CAROL, channel="C0INCIDENTS")

    # The form is looked through; what is submitted again goes out as it is.
    told.types("/incident update", by=BOB)
    assert told.submits(by=BOB, **FORM | {"text": "Fixed by 15:00.", "scope": "", **CARELESS}) == {}
    advised = told.slack.views[BOB][-1]
    assert "promises an end" in str(advised["blocks"])
    assert "Who is affected, and who is not?" in str(advised["blocks"])
    assert "db-prod-03" in str(advised["blocks"])  # executives would read it
    assert told.store.read(lambda tx: tx.updates("INC-1")) == ()
    assert told.submits(by=BOB, **FORM | CARELESS) == {}

    # Colleagues hear at once, each in their words; the public when the commander agrees.
    assert any("Update 1 by" in text for text in told.said())
    assert ["INC-1 · SEV2 · Identified" in text for text in told.said("C0SUPPORT")] == [True]
    assert "What to say" in told.said("C0STATUS")[-1]
    (letter,) = mail.post.to(DESK)
    assert letter.subject == "INC-1 · Identified: One payment in four fails in the last step"
    assert "db-prod-03" not in letter.text
    assert any("What changed" in text for text in told.whispered(ALICE))
    assert told.whispered(CAROL)
    assert on_the_page(told) == []
    assert "The commander decides" in told.presses("ask.update.approve", by=BOB)
    told.presses("ask.update.approve", by=DANA)
    assert on_the_page(told) == [("identified", FORM["text"])]
    assert told.sandbox.page.components["c0checkout"] == "partial_outage"
    (call,) = told.sandbox.partner.heard.values()
    assert call["data"]["headline"] == "One payment in four fails in the last step"
    assert "db-prod-03" not in str(call) + str(told.sandbox.page.incidents)
    assert any("was published to *public*" in text for text in told.said())

    # The next one: edited in place with a reply, posted anew, answered in the mailbox.
    told.types("/incident unsubscribe checkout", by=CAROL, channel="C0INCIDENTS")
    heard = len(told.whispered(CAROL))
    publishes(told, by=DANA, phase="monitoring", text="Payments work again for everybody.", changed="Undone")
    support = told.slack.channel("C0SUPPORT").messages.values()
    root, reply = [m for m in support if m.get("bot_id") and "INC-1" in str(m)]
    assert "Payments work again" in str(root)
    assert reply["thread_ts"] == root["ts"]
    assert len([text for text in told.said("C0STATUS") if "INC-1" in text]) == 2
    first, second = mail.post.to(DESK)
    assert second.message["in-reply-to"] == first.message["message-id"]
    assert on_the_page(told)[-1] == ("monitoring", "Payments work again for everybody.")
    assert len(told.whispered(CAROL)) == heard

    # The end, in words that need nobody's consent.
    told.types("/incident resolve Rolled back db-prod-03", by=DANA)
    assert on_the_page(told)[-1] == ("resolved", "This is resolved.")
    assert told.sandbox.page.components["c0checkout"] == "operational"
    assert mail.post.to(DESK)[-1].subject.startswith("INC-1 · Resolved")
    assert [call["type"] for call in told.sandbox.partner.heard.values()][-1] == "incident.resolved"
    assert "Resolved" in str(root)

    # It was none, and it was one: what stands outside is never the opposite of what is so.
    told.types("/incident reopen It fails again", by=DANA)
    assert on_the_page(told)[-1] == ("investigating", "This is not over: it is open again.")
    assert mail.post.to(DESK)[-1].subject.startswith("INC-1 · Investigating")
    told.types("/incident cancel A wrong graph", by=DANA)
    assert on_the_page(told)[-1] == ("resolved", "This turned out to be no incident.")
    told.types("/incident reopen It was right", by=DANA)
    told.types("/incident resolve Rolled back", by=DANA)
    assert on_the_page(told)[-2:] == [
        ("investigating", "This is not over: it is open again."),
        ("resolved", "This is resolved."),
    ]
    assert set(states(told).values()) == {DeliveryState.SENT}
    assert told.doubled() == []
    assert told.dead == []


def test_what_cannot_be_delivered_is_on_the_card_and_each_arrives_once(told: Story, mail: MailServer) -> None:
    told.alert()
    partner, page = told.sandbox.partner, told.sandbox.page
    partner.lose_answers = page.lose_answers = 1
    mail.post.unknown.add(DESK)
    told.spoil("chat.postMessage", 3, "drop_after")
    publishes(told, by=DANA)
    told.passes(120)
    assert len(partner.heard) == 1
    assert partner.calls == 2
    assert on_the_page(told) == [("identified", FORM["text"])]
    assert ":warning: update 1 did not reach desk/support@shop.example (support): e-mail: 550" in told.card
    mail.post.unknown.clear()
    told.retry_all()
    assert len(mail.post.to(DESK)) == 1
    assert ":warning:" not in told.card
    assert told.doubled() == []
