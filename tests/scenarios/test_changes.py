"""What changes amid an incident, and what people say of it."""

from __future__ import annotations

from bot.model import Verdict
from tests.story import BOB, Story


def verdicts(story: Story) -> dict[str, Verdict]:
    links = story.store.read(lambda tx: tx.links(story.incident.id))
    return {link.change: link.verdict for link in links}


def test_people_say_which_change_caused_it_and_which_is_not_it(story: Story) -> None:
    story.deploy("v9", "payments", "succeeded")
    story.deploy("v42")
    story.clock.advance(seconds=60)
    story.alert(since=story.clock.now().isoformat())
    assert "1. :mag: *Suspect* `checkout v42`" in story.card
    assert "2. :mag: *Suspect* `payments v9`" in story.card

    answer = story.types("/incident link v24 caused")
    assert "I know no change `v24`" in answer
    assert "Try `/incident link v42 caused`" in answer
    story.presses("ask.link", value="incident link INC-1 deploy/payments/production/v9 dismissed", by=BOB)
    assert "Suspect* `payments v9`" not in story.card
    said = story.types("/incident link 1 caused its client retries without end")
    assert "Noted: `checkout v42` caused it." in said
    assert "1. :dart: *Cause* `checkout v42`" in story.card
    assert "deploy of checkout v42 caused it (its client retries without end)" in story.timeline

    story.deploy("v43")
    story.types("/incident link v43 fixed")
    story.alert(status="resolved")
    story.types("/incident resolve Shipped v43")
    assert "*Cause* `checkout v42`" in story.card
    assert "*Fix* `checkout v43`" in story.card
    assert verdicts(story) == {
        "deploy/checkout/production/v42": Verdict.CAUSED,
        "deploy/checkout/production/v43": Verdict.FIXED,
        "deploy/payments/production/v9": Verdict.DISMISSED,
    }
    draft = story.store.read(lambda tx: tx.postmortem("INC-1")).markdown
    factors = draft[draft.index("## Contributing factors") :]
    cause = "Deploy of checkout v42: confirmed as a cause by a responder (its client retries without end)"
    assert cause in factors
    assert "Deploy of checkout v43: named as a fix" in factors
    assert "Looked at and set aside: deploy of payments v9" in factors


def test_no_script_says_what_caused_it(story: Story) -> None:
    story.deploy("v42")
    story.alert()
    said = story.asks("/incident link INC-1 v42 caused", by="cli")
    assert not said["ok"]
    assert "Only a person" in said["text"]
    assert verdicts(story) == {"deploy/checkout/production/v42": Verdict.SUSPECT}
