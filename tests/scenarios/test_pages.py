"""Somebody is woken: in a direct message, by e-mail and by PagerDuty, one after the other, until somebody answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.model import PageState, Severity
from bot.policy import Contact
from handlers.providers.pagerduty import Events
from handlers.providers.smtp import Server, Smtp
from sandbox.mail import MailServer
from sandbox.pagerduty import ROUTING_KEY
from tests.story import ALICE, BOB, CAROL, DANA, SHOP, Story, flat

PEOPLE = {
    DANA: Contact(name="Dana Kim", phone="+49 30 901820", email="dana@corner-shop.example"),
    ALICE: Contact(name="Alice Moreau", email="alice@corner-shop.example"),
}


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def awake(story: Story, mail: MailServer) -> Iterator[Story]:
    """A story in which severe incidents page."""
    story.policy = replace(SHOP, pages_at=Severity.SEV2, people=PEOPLE)
    events = Events(ROUTING_KEY, url=f"{story.served.url}/pagerduty")
    story.mailer = Smtp(Server(host="127.0.0.1", port=mail.port, sender="bot@corner-shop.example", tls="none"))
    story.alarms = events
    story.world = story.wire()
    yield story
    events.close()


def direct(story: Story, who: str) -> list[str]:
    """What the bot wrote them, as it reads now."""
    rooms = [room for room in story.slack.channels.values() if room.is_im and set(room.members) == {"U0WATCH", who}]
    return [flat(message) for room in rooms for message in room.messages.values()]


def page_card(story: Story) -> str:
    return next(text for text in reversed(story.said()) if "page" in text.lower() and not text.startswith("INC-1 ·"))


def test_the_next_one_is_called_until_somebody_answers(awake: Story, mail: MailServer) -> None:
    story = awake
    story.alert()
    assert [text.splitlines()[0] for text in direct(story, DANA)] == [
        ":pager: *You are paged*: a severe incident pages its on-call"
    ]
    (letter,) = mail.post.to("dana@corner-shop.example")
    assert letter.subject == "INC-1 SEV2 pages you: checkout: CheckoutErrorRatioHigh"
    (alert,) = story.sandbox.pagerduty.alerts.values()
    assert (alert.key, alert.status, alert.told) == ("watchkeeper/INC-1/page/0", "triggered", 1)
    assert "Paging <@U0DANA> since" in page_card(story)
    assert "by direct message, e-mail and PagerDuty: " in page_card(story)

    mail.post.unknown.add("alice@corner-shop.example")
    story.passes(301)
    assert "You did not answer in time; <@U0ALICE> is paged now" in direct(story, DANA)[0]
    assert "*You are paged*" in direct(story, ALICE)[0]
    assert "<@U0DANA> :telephone_receiver: +49 30 901820, did not answer" in page_card(story)
    assert "<@U0ALICE> cannot be paged by e-mail" in page_card(story)
    assert ALICE in story.slack.channel(story.channel).members

    room = next(room for room in story.slack.channels.values() if room.is_im and ALICE in room.members)
    said = story.presses("ask.ack", by=ALICE, channel=room.id)
    assert "You have answered the page of INC-1" in said
    assert ":white_check_mark: <@U0ALICE> answered the page after 5 min" in page_card(story)
    assert alert.status == "acknowledged"
    assert "<@U0ALICE> has answered this page already" in story.types("/incident ack INC-1/page/0", by=BOB)
    story.passes(1200)
    assert len(direct(story, BOB)) == 0
    assert sum("paged" in line for line in story.timeline) == 3  # two people, and one way that was closed
    story.types("/incident resolve done")
    assert alert.status == "resolved"
    assert len(mail.post.letters) == 1
    assert story.doubled() == []


def test_people_page_whom_they_need_and_hear_when_nobody_answers(awake: Story) -> None:
    story = awake
    story.types("/incident declare search is slow sev4", by=CAROL, channel="C0SUPPORT")
    assert story.store.read(lambda tx: tx.pages("INC-1")) == ()
    said = story.types("/incident page payments the client retries", by=CAROL, channel=story.incident.channel)
    assert "I am paging <@U0BOB> by direct message and PagerDuty." in said
    again = story.types("/incident page <@U0BOB> again", by=CAROL, channel=story.incident.channel)
    assert "<@U0BOB> has been paged for" in again
    assert "Nobody is on call for it" in story.types("/incident page hello", by=CAROL, channel=story.incident.channel)
    story.passes(301)
    story.passes(301)
    assert "<@U0CAROL>: Nobody answered the page “the client retries”." in story.said()[-1]
    (page,) = story.store.read(lambda tx: tx.pages("INC-1"))
    assert (page.state, page.to) == (PageState.UNANSWERED, (BOB, ALICE))
    assert "You have answered" in story.types("/incident ack", by=BOB, channel=story.incident.channel)
    assert story.dead == []


def test_whoever_joins_later_is_caught_up_for_them_alone(story: Story) -> None:
    story.ships("v42")
    story.alert()
    story.slack.join(ALICE, story.channel)
    story.settle()
    assert story.slack.ephemerals(story.channel, ALICE) == []  # the card is there
    story.types("/incident note the payment client retries")
    story.passes(301)
    story.slack.join(CAROL, story.channel)
    story.settle()
    (told,) = story.slack.ephemerals(story.channel, CAROL)
    said = flat(told)
    assert said.startswith("Catch-up on INC-1 · SEV2 · checkout")
    assert "*Investigating* · for 5 min" in said
    assert "Commander <@U0DANA> · Ops lead <@U0BOB>" in said
    assert "`checkout v42`" in said
    assert "the payment client retries" in said
    assert story.slack.ephemerals(story.channel, ALICE) == []
    assert story.dead == []


def test_our_own_page_that_comes_back_from_pagerduty_opens_nothing(awake: Story) -> None:
    told = {"id": "Q1", "title": "x", "incident_key": "watchkeeper/INC-1/page/0", "urgency": "high"}
    body = {"event": {"id": "01", "event_type": "incident.triggered", "occurred_at": "2026-03-05T12:00:00Z"}}
    body["event"]["data"] = told  # type: ignore[assignment,index]
    assert awake.knock("pagerduty", json.dumps(body).encode()).status_code == 202
    told["incident_key"] = "somebody's"
    assert awake.incidents == ()
    assert awake.knock("pagerduty", json.dumps(body | {"event": body["event"] | {"id": "02"}}).encode()).is_success
    assert len(awake.incidents) == 1
