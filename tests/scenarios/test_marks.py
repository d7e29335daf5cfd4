"""What people mark in the chat, with an emoji or a shortcut, and the receipt that shows that it was seen."""

from sandbox.slack.model import BOT_USER
from tests.story import ALICE, BOB, CAROL, DANA, Story


def receipts(story: Story, ts: str) -> list[str]:
    reactions = story.slack.channel(story.channel).messages[ts].get("reactions") or ()
    return [one["name"] for one in reactions if BOT_USER in one["users"]]


def entries(story: Story) -> list[tuple[str, str, str]]:
    return [(e.text, e.whom, e.by) for e in story.store.read(lambda tx: tx.entries(story.incident.id))]


def test_messages_are_marked_by_emoji_and_by_shortcut(story: Story) -> None:
    story.alert()
    room = story.channel
    said = story.slack.post(BOB, room, "pods crash on vouchers")["ts"]
    story.settle()
    story.slack.react(DANA, room, said, "pushpin")
    story.slack.react(DANA, room, said, "star")
    story.slack.react(BOB, room, said, "pushpin")  # once is enough
    story.settle()
    assert entries(story).count(("pods crash on vouchers", BOB, DANA)) == 1
    assert receipts(story, said) == ["white_check_mark"]
    assert ":pushpin: pods crash on vouchers" in story.card

    story.slack.unreact(DANA, room, said, "star")
    story.settle()
    assert ":pushpin: pods crash on vouchers" not in story.card
    assert receipts(story, said) == ["white_check_mark"]
    story.slack.unreact(DANA, room, said, "pushpin")
    story.settle()
    assert receipts(story, said) == []

    story.slack.invite(DANA, room, CAROL)
    story.slack.people[CAROL].is_restricted = True
    story.slack.react(CAROL, room, said, "question")
    story.settle()
    assert "Only members" in str(story.slack.ephemerals(room, CAROL)[-1])
    assert receipts(story, said) == []
    story.slack.shortcut(CAROL, "shortcut.timeline", (room, said))
    assert "Only members" in str(story.slack.ephemerals(room, CAROL)[-1])
    story.slack.shortcut(CAROL, "shortcut.declare")
    assert "Only members" in str(story.slack.views[CAROL][-1])

    story.slack.join(ALICE, room)
    story.slack.shortcut(ALICE, "shortcut.timeline", (room, said))
    story.slack.shortcut(ALICE, "shortcut.task", (room, said))
    assert "pods crash on vouchers" in str(story.slack.views[ALICE][-1])
    story.submits(ALICE, text="Roll vouchers back", user=BOB, kind="follow-up")
    assert ("pods crash on vouchers", BOB, ALICE) in entries(story)
    assert f":repeat: Roll vouchers back (<@{BOB}>" in story.card
    assert receipts(story, said) == ["white_check_mark"]

    elsewhere = story.slack.post(ALICE, "C0SUPPORT", "hello")["ts"]
    story.slack.shortcut(ALICE, "shortcut.task", ("C0SUPPORT", elsewhere))
    assert "not an incident" in str(story.slack.ephemerals("C0SUPPORT", ALICE)[-1])
    story.slack.shortcut(ALICE, "shortcut.declare")
    story.submits(ALICE, title="Search is empty", severity="3")
    assert [incident.title for incident in story.incidents][:1] == ["Search is empty"]
    assert story.dead == []
