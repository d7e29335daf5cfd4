"""A private incident: to who is not in it, there is none."""

from dataclasses import replace
from datetime import timedelta

from tests.story import ALICE, BOB, CAROL, DANA, SHOP, Story

ELSEWHERE = "C0SUPPORT"


def test_a_private_incident_is_known_to_those_in_its_channel_alone(story: Story) -> None:
    said = story.types("/incident declare checkout leaks card numbers sev1 --private", channel=ELSEWHERE)
    assert "in private" in said
    room = story.slack.channel(story.channel)
    assert room.is_private
    assert set(room.members) == {"U0WATCH", DANA}
    assert story.announcements() == 0

    for line in (
        "show INC-1",
        "note INC-1 hello",
        "join INC-1",
        "join 1",
        "merge 1",
        "merge INC-1 INC-1",
        "vote INC-1/poll/1 agree",
    ):
        assert "There is no incident INC-1" in story.types(f"/incident {line}", by=CAROL, channel=ELSEWHERE)
    assert "No incident is open" in story.types("/incident list", by=CAROL, channel=ELSEWHERE)
    story.store.hold("slack conversations.members", story.clock.now() + timedelta(seconds=5))
    assert "There is no incident INC-1" in story.types("/incident show INC-1", by=CAROL, channel=ELSEWHERE)
    story.passes(10)
    assert "leaks" in story.types("/incident list", by=DANA, channel=ELSEWHERE)
    assert "INC-1" not in story.types("/incident note hello", by=CAROL, channel=ELSEWHERE)
    assert "INC-1" not in story.types("/incident declare checkout leaks card numbers", by=CAROL, channel=ELSEWHERE)
    assert [(one.id, one.private) for one in story.incidents] == [("INC-2", False), ("INC-1", True)]
    assert "stay apart" in story.types("/incident merge INC-2", channel=room.id)

    story.slack.invite(DANA, room.id, BOB)
    assert "leaks" in story.types("/incident show INC-1", by=BOB, channel=ELSEWHERE)
    for user in (BOB, CAROL):
        story.slack.open_home(user)
    story.settle()
    assert "leaks" in str(story.slack.home[BOB]), "who is in its channel sees it in their App Home"
    assert "INC-1" not in str(story.slack.home[CAROL])
    story.types("/incident role comms @alice", channel=room.id)
    assert ALICE in room.members
    story.types("/incident update We are looking into it", channel=room.id)
    assert not any("INC-1" in text for text in story.said("C0STATUS") + story.said("C0SUPPORT"))
    kept = story.slack.post(BOB, room.id, "rotated the keys at 12:04")
    story.settle()
    assert story.store.read(lambda tx: tx.message(room.id, kept["ts"]))

    story.types("/incident resolve keys rotated", channel=room.id)
    assert [file for message in room.messages.values() for file in message.get("files") or ()]
    assert not any("INC-1" in text for channel in ("C0INCIDENTS", ELSEWHERE) for text in story.said(channel))
    assert story.dead == []


def test_what_cannot_be_private_is_not_made_public(story: Story) -> None:
    story.slack.app = replace(story.slack.app, scopes=story.slack.app.scopes - {"groups:write"})
    story.types("/incident declare it leaks --private", channel=ELSEWHERE)
    story.passes(1200)
    assert story.channels == []
    assert story.announcements() == 0
    assert [letter["kind"] for letter in story.dead] == ["OpenChannel"]
    assert "OpenChannel failed" in story.types("/incident show INC-1", channel=ELSEWHERE)


def test_who_may_do_what_is_asked_of_every_line_press_and_form(story: Story) -> None:
    story.policy = replace(SHOP, may={"resolve": ("commander",), "declare": ("oncall",), "publish": ("comms",)})
    story.world = story.wire()
    story.alert()
    assert "may declare an incident" in story.types("/incident declare search is down", by=CAROL, channel=ELSEWHERE)
    assert "may resolve an incident" in story.types("/incident resolve done", by=BOB)
    assert "may resolve an incident" in story.types("/incident status resolved", by=BOB)
    assert "may publish" in story.types("/incident update all is well")
    story.types("/incident resolve")
    story.types("/incident handoff commander @bob")
    errors = story.submits(summary="done")
    assert "may resolve an incident" in str(errors)
    assert story.incident.is_open
    story.types("/incident resolve done", by=BOB)
    assert not story.incident.is_open


def test_the_form_asks_whether_it_is_one_that_is_open(story: Story) -> None:
    story.alert()
    story.types("/incident declare", by=CAROL, channel=ELSEWHERE)
    story.submits(CAROL, title="CheckoutErrorRatioHigh", severity="2")
    asked = str(story.slack.views[CAROL][-1])
    assert "Is it INC-1 again?" in asked
    story.submits(CAROL, again="INC-1")
    assert CAROL in story.slack.channel(story.channel).members
    assert len(story.incidents) == 1
    story.types("/incident declare", by=BOB, channel=ELSEWHERE)
    story.submits(BOB, title="CheckoutErrorRatioHigh", severity="2")
    story.submits(BOB, title="CheckoutErrorRatioHigh", severity="2", again="new")
    assert [incident.id for incident in story.incidents] == ["INC-2", "INC-1"]
