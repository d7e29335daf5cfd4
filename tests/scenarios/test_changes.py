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


def told(story: Story) -> list[list[str]]:
    """The messages that tell of changes, each as its lines."""
    return [text.split("\n") for text in story.said() if text.startswith(":package:")]


def test_what_changes_amid_an_incident_is_told_in_its_channel(story: Story) -> None:
    story.deploy("v1", "search")
    story.alert()
    story.deploy("v2", "search")  # no neighbour
    story.passes(60)
    assert told(story) == []

    story.deploy("v42")
    story.deploy("v9", "payments")
    story.deploy("v9", "payments", "succeeded")
    ((own, neighbour),) = told(story)
    assert "deploy of `checkout v42` by ci" in own
    assert "deploy of `payments v9` by ci" in neighbour
    assert "a neighbour of `checkout`" in neighbour

    story.passes(60)
    story.deploy("v43")
    story.deploy("v43")
    assert [len(lines) for lines in told(story)] == [2, 1]
    assert story.doubled() == []


def test_a_change_is_told_to_an_incident_of_what_it_depends_on(story: Story) -> None:
    """Checkout depends on payments: a new caller may be what hurts it."""
    story.alert("PaymentsSlow", "payments")
    story.deploy("v42")
    ((line,),) = told(story)
    assert "a neighbour of `payments`" in line
    assert "deploy of checkout v42 started" in story.timeline


def test_a_release_that_ci_and_the_cluster_see_is_told_once(story: Story) -> None:
    story.alert()
    story.passes(30)
    story.ships("v42")
    story.deploy("v42", status="succeeded")
    story.passes(120)
    ((line,),) = told(story)
    assert "by ci" in line


def test_a_release_that_the_cluster_sees_first_is_told_once(story: Story) -> None:
    story.alert()
    story.passes(30)
    story.cluster.deploy("checkout", image="shop/checkout:v42")
    story.passes(30)
    story.deploy("v42")
    story.deploy("v42", status="succeeded")
    story.passes(120)
    ((line,),) = told(story)
    assert "deploy of `checkout v42`" in line


COMMIT = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"


def runs(story: Story, status: str, run: int = 17) -> None:
    """A pipeline that has a name of its own for what it ships, and a commit for a version."""
    known = {
        "key": f"run/{run}",
        "service": "checkout",
        "environment": "production",
        "version": COMMIT,
        "actor": "dana",
    }
    story.hook("deploys", known | {"status": status, "at": story.clock.now().isoformat()})


def deploys(story: Story) -> list[tuple[str, str]]:
    found = story.store.read(lambda tx: tx.deploys("checkout", "production"))
    return [(deploy.key, deploy.actor) for deploy in found]


def test_a_deploy_that_ci_names_first_and_the_cluster_sees_then_is_one_row(story: Story) -> None:
    story.passes(30)
    story.alert()
    runs(story, "started")
    story.passes(45 * 60)
    story.cluster.deploy("checkout", image="shop/checkout:main-f95f852")
    runs(story, "succeeded")
    story.passes(60)
    assert deploys(story) == [("run/17", "dana")]
    assert len(told(story)) == 1


def test_a_deploy_that_the_cluster_sees_first_and_ci_names_then_is_one_row(story: Story) -> None:
    story.passes(30)
    story.alert()
    story.cluster.deploy("checkout", image="shop/checkout:main-f95f852")
    story.passes(60)
    runs(story, "started")
    story.passes(60)
    runs(story, "succeeded")
    story.passes(60)
    assert deploys(story) == [("deploy/checkout/production/main-f95f852", "dana")]
    assert len(told(story)) == 1
