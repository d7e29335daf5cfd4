"""What an incident needs beside phase and severity: impact, tasks, a poll, a catch-up, and two that are one."""

from bot.model import Phase
from tests.story import ALICE, BOB, CAROL, Story


def test_an_incident_is_steered_and_turns_out_to_be_another(story: Story) -> None:
    story.alert()
    first, here = story.incident, story.channel
    assert "one in four" in story.types("/incident impact one in four payments fails")
    assert "one in four payments fails" in story.card

    story.types("/incident task look at the payment logs @bob")
    story.types("/incident followup alert on vouchers")
    assert "2 things left to do" in story.types("/incident task")
    assert "Done: look at the payment logs" in story.presses("ask.done.0")
    assert ":pushpin: look at the payment logs" not in story.card

    story.types('/incident poll "roll back checkout now" 60s')
    story.presses("ask.poll.agree", by=BOB)
    story.slack.join(ALICE, here)
    story.presses("ask.poll.object", by=ALICE)
    story.passes(61)
    assert "1 objection, 1 agreed: roll back checkout now" in story.timeline
    assert "over" in story.types("/incident vote INC-1/poll/1 agree")
    assert sum("proposes:" in text for text in story.said(here)) == 1

    told = story.types("/incident catchup", by=ALICE)
    assert "one in four payments fails" in told
    assert "objects: roll back checkout now" in told

    story.alert("PaymentsSlow", service="payments")
    for line in ("update INC-1 is the same, all customers", "note INC-1 looks related", "task INC-1 owners must look"):
        assert "which of the two is meant?" in story.types(f"/incident {line}", by=BOB)
    for line in ("@nobdy db is down", "cmmander help"):
        assert "nobody was paged" in story.types(f"/incident page {line}", by=BOB)
    assert "nobody in Slack" in str(story.asks("/incident role INC-1 scribe", by="cli"))
    assert "is merged into INC-1" in story.types("/incident merge INC-1", by=BOB)
    assert any("Please go on" in text for text in story.said())
    assert story.incident.phase is Phase.RESOLVED
    story.alert("PaymentsDown", service="payments")
    story.passes(3600)
    story.alert("PaymentsGone", service="payments", since=story.clock.now().isoformat())
    assert [incident.id for incident in story.incidents] == ["INC-2", "INC-1"]
    assert {alert.title for alert in story.store.read(lambda tx: tx.alerts(first.id))} == {
        "CheckoutErrorRatioHigh",
        "PaymentsSlow",
        "PaymentsDown",
        "PaymentsGone",
    }

    story.types("/incident cancel a load test", channel=here)
    assert "cancelled" in story.said("C0INCIDENTS")[0]
    assert "already cancelled" in story.types("/incident impact none", channel=here)
    assert "is open again" in story.types("/incident reopen it was none", channel=here)
    assert "INC-1 goes on in" in story.types("/incident join INC-1", by=CAROL, channel="C0INCIDENTS")
    assert CAROL in story.slack.channel(here).members
    assert story.dead == []
