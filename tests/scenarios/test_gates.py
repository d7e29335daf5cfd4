"""A canary that is only known by what it asks: seen, held, let go on and rolled back from the incident's channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.policy import GATES, Target
from handlers.web.gates import pass_of
from tests.conftest import Tell
from tests.story import BOB, DANA, SHOP, TOKEN, Story

ASKS_ONLY = replace(
    SHOP,
    services=dict(SHOP.services)
    | {
        "checkout": replace(
            SHOP.services["checkout"],
            owners=(DANA,),
            rollout=Target(provider=GATES, cluster="", namespace="", name="checkout"),
        )
    },
)


@pytest.fixture
def canary(tell: Tell) -> Iterator[Story]:
    with tell(ASKS_ONLY) as story:
        yield story


def flagger(story: Story, gate: str, checksum: str = "abc", phase: str = "Progressing") -> int:
    """One tick of Flagger's."""
    body = {"name": "checkout", "namespace": "shop", "phase": phase, "checksum": checksum, "metadata": {}}
    answer: Any = story.http.post(f"/gates/checkout/{gate}?pass={pass_of('checkout', TOKEN)}", json=body)
    story.settle()
    status: int = answer.status_code
    return status


def test_an_incident_closes_the_gates_until_it_is_resolved(canary: Story) -> None:
    assert flagger(canary, "confirm-traffic-increase") == 200
    canary.alert()
    assert flagger(canary, "confirm-traffic-increase") == 403
    canary.alert(status="resolved")
    assert flagger(canary, "confirm-traffic-increase") == 403  # a cleared alert opens nothing
    canary.types("/incident resolve It was the cache")
    assert flagger(canary, "confirm-traffic-increase") == 200
    assert any("gate confirm-traffic-increase of checkout is closed for abc" in line for line in canary.timeline)


def test_a_canary_is_rolled_back_without_a_cluster(canary: Story) -> None:
    flagger(canary, "rollback")
    canary.alert()
    assert "Roll back checkout?" in canary.types("/rollout rollback checkout")
    assert flagger(canary, "rollback") == 403  # looked at, not ordered
    assert "Nothing has happened yet" in canary.presses("ask.confirm")
    assert flagger(canary, "rollback", checksum="other") == 403
    assert flagger(canary, "rollback") == 200
    assert "checkout` asked and was told to roll back `abc`" in "\n".join(canary.said())
    assert flagger(canary, "rollback") == 403
    assert "asks again" in canary.said()[-1]
    assert canary.patches == 0


def test_trap_a_pipeline_that_asks_meanwhile_is_not_what_is_rolled_back(canary: Story) -> None:
    """It asks with checksums of its own, under the same service."""

    def pipeline(version: str) -> None:
        where = f"/gates/checkout/deploy?pass={pass_of('checkout', TOKEN)}"
        canary.http.post(where, json={"checksum": version})

    flagger(canary, "rollback")
    canary.alert()
    pipeline("v43")
    assert "Good for `abc` only" in canary.types("/rollout rollback checkout")
    pipeline("v44")
    assert "Nothing has happened yet" in canary.presses("ask.confirm")
    canary.types("/rollout rollback checkout")
    assert flagger(canary, "rollback") == 200


def test_trap_a_rollback_that_was_looked_at_is_not_done_to_the_next_revision_because_a_pipeline_asked(
    canary: Story,
) -> None:
    canary.alert()
    flagger(canary, "rollback")
    canary.http.post(f"/gates/checkout/deploy?pass={pass_of('checkout', TOKEN)}", json={"checksum": "v43"})
    canary.types("/rollout rollback checkout")
    flagger(canary, "rollback", checksum="def")
    canary.http.post(f"/gates/checkout/deploy?pass={pass_of('checkout', TOKEN)}", json={"checksum": "v44"})
    canary.http.post(f"/gates/checkout/deploy?pass={pass_of('checkout', TOKEN)}", json={"checksum": "v43"})
    assert "Nothing was changed" in canary.presses("ask.confirm")
    assert flagger(canary, "rollback", checksum="def") == 403


def test_what_was_looked_at_is_what_is_let_through(canary: Story) -> None:
    canary.alert()
    flagger(canary, "confirm-promotion", phase="WaitingPromotion")
    assert "Let go on: checkout?" in canary.types("/rollout promote checkout")
    flagger(canary, "confirm-promotion", checksum="def")
    assert "Nothing was changed" in canary.presses("ask.confirm")
    assert flagger(canary, "confirm-promotion", checksum="def") == 403
    canary.types("/rollout promote checkout")
    assert "may go on once at confirm-promotion" in canary.presses("ask.confirm")
    assert [flagger(canary, "confirm-promotion", checksum="def") for _ in range(2)] == [200, 403]


def test_everybody_may_hold_and_few_may_let_go(canary: Story) -> None:
    flagger(canary, "confirm-promotion")
    assert "held where it is" in canary.types("/rollout pause checkout", by="U0CAROL")
    assert flagger(canary, "confirm-promotion") == 403
    assert "nothing was changed" in canary.types("/rollout resume checkout", by="U0CAROL")
    canary.types("/rollout resume checkout")
    canary.presses("ask.confirm")
    assert flagger(canary, "confirm-promotion") == 200


def test_it_is_shown_as_far_as_it_says(canary: Story) -> None:
    flagger(canary, "confirm-promotion", phase="WaitingPromotion")
    canary.types("/rollout pause checkout it is slow")
    shown = canary.types("/rollout show checkout")
    assert "asked last at confirm-promotion (WaitingPromotion) for `abc`" in shown
    assert "it is slow" in shown
    assert "`checkout` asked last at confirm-promotion" in canary.types("/rollout list")


def test_the_urls_are_keys_and_go_to_those_who_may_act(canary: Story) -> None:
    assert "nothing was changed" in canary.types("/rollout gates checkout", by="U0CAROL")
    assert "Gates of checkout" in canary.types("/rollout gates checkout")


# ---------------------------------------------------------------- freezes


def test_a_freeze_from_first_to_last(canary: Story) -> None:
    assert flagger(canary, "confirm-rollout") == 200
    said = canary.types("/rollout freeze checkout --for 1h --why stock count")
    assert "FRZ-1 of <@U0DANA> freezes checkout" in said
    assert flagger(canary, "confirm-rollout") == 403
    canary.deploy("v42")
    assert "1 change slipped through" in canary.types("/rollout freezes")
    assert "stock count" in canary.types("/rollout list")
    canary.passes(61 * 60)
    assert flagger(canary, "confirm-rollout") == 200
    announced = canary.said("C0INCIDENTS")
    assert "stock count" in announced[0]
    assert "is over" in announced[1]
    assert "deploy of checkout v42 by ci" in announced[1]
    assert "Nothing is frozen." in canary.types("/rollout freezes")
    assert canary.dead == []


def test_a_promotion_under_a_freeze_breaks_the_glass_and_everybody_hears_of_it(canary: Story) -> None:
    canary.alert()
    flagger(canary, "confirm-promotion")
    canary.types("/rollout freeze checkout --for 1h --why stock count")
    refused = canary.types("/rollout promote checkout")
    assert "stock count" in refused
    assert "--break-glass" in refused
    assert "needs a reason" in canary.types("/rollout promote checkout --break-glass")
    canary.types('/rollout promote checkout --break-glass "v43 mends the leak"')
    assert flagger(canary, "confirm-promotion") == 403  # looked at, not let through
    canary.presses("ask.confirm")
    assert [flagger(canary, "confirm-promotion") for _ in range(2)] == [200, 403]
    text = "*broke the glass*: promotion of checkout at abc. Reason: v43 mends the leak"
    for channel in (canary.channel, "C0INCIDENTS"):
        assert sum(text in said for said in canary.said(channel)) == 1
    assert any("for abc, breaking the glass: v43 mends the leak" in line for line in canary.timeline)
    assert any("follow-up: look at why the glass was broken" in line for line in canary.timeline)


def test_where_nothing_is_frozen_the_glass_stays_whole(canary: Story) -> None:
    canary.alert()
    flagger(canary, "confirm-promotion")
    canary.types("/rollout promote checkout --break-glass in a hurry")
    assert "may go on once" in canary.presses("ask.confirm")
    assert not any("broke the glass" in text for text in canary.said())


def test_who_freezes_thaws_and_strangers_do_neither(canary: Story) -> None:
    assert "nothing was changed" in canary.types("/rollout freeze checkout --why fun", by="U0CAROL")
    canary.types("/rollout freeze checkout --why stock count")
    assert "nothing was changed" in canary.types("/rollout thaw FRZ-1", by="U0CAROL")
    assert "is thawed by <@U0DANA>" in canary.types("/rollout thaw checkout")
    assert "No freeze" in canary.types("/rollout thaw FRZ-1")
    canary.passes(3 * 3600)
    assert len(canary.said("C0INCIDENTS")) == 2  # thawed is over: it does not end again


def test_everything_is_frozen_by_the_commander_of_a_severe_incident(canary: Story) -> None:
    assert "nothing was changed" in canary.types("/rollout freeze all --why odd")
    canary.alert()
    assert "freezes everything" in canary.types("/rollout freeze all --why odd")
    assert "nothing was changed" in canary.types("/rollout thaw all", by=BOB)


def test_a_cluster_that_can_be_read_is_frozen_too(canary: Story) -> None:
    canary.ships("v42", "payments")
    canary.types("/rollout freeze environment production --why stock count")
    assert "stock count" in canary.types("/rollout check payments promote")
