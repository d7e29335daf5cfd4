"""Others have to agree: asked in the channel, approved, objected to, too late; and the glass that may be broken."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.decision import Decision
from bot.model import Assignment, Request, RequestState, Role
from bot.policy import Rule
from tests.conftest import Tell
from tests.story import ALICE, BOB, CAROL, DANA, SHOP, Story

ONE = replace(SHOP, consent=(Rule(approvals=1, typed=False),))
TWO = replace(SHOP, consent=(Rule(approvals=2, typed=False),))
TYPED = replace(SHOP, consent=(Rule(approvals=1, typed=True),))
ASKED = "Rollback of checkout: v42 → v41"


@pytest.fixture
def shop(request: pytest.FixtureRequest, tell: Tell) -> Iterator[Story]:
    """A bad release under way, and an incident: Dana is in command, Bob and Alice are on call, and Carol is neither."""
    with tell(getattr(request, "param", ONE)) as story:
        story.ships("v42")
        story.alert()
        for who in (ALICE, CAROL):
            story.slack.join(who, story.channel)
        yield story


def asks(story: Story, line: str = "/rollout rollback checkout", by: str = DANA) -> Request:
    story.types(line, by=by)
    return newest(story)


def newest(story: Story) -> Request:
    return max(story.store.read(lambda tx: tx.requests("INC-1")), key=lambda r: (r.at, r.id))


def again(story: Story, id: str) -> Request:
    return story.store.read(lambda tx: tx.request(id))


def aborts(story: Story) -> int:
    return sum(call.verb == "patch" and "abort" in str(call.body) for call in story.cluster.calls)


def consent_card(story: Story) -> str:
    (text,) = [text for text in story.said() if text.startswith("Roll back checkout?")]
    return text


def test_the_last_approval_does_it_and_the_card_shows_who_agreed(shop: Story) -> None:
    said = shop.types("/rollout rollback checkout")
    assert f"{ASKED} needs 1 approval" in said
    card = consent_card(shop)
    for part in ("v42 (revision 2) → v41 (revision 1)", f"<@{DANA}> asks for it", "*1 approval needed*", "Open until"):
        assert part in card
    assert aborts(shop) == 0
    assert f"{ASKED}. I will report here." in shop.presses("ask.approve", by=BOB)
    shop.passes(30)
    assert aborts(shop) == 1
    card = consent_card(shop)
    assert f"<@{BOB}> :white_check_mark: approved" in card
    assert "*Done*: stable revision v41" in card
    assert "Approve" not in card.replace("approved", "")
    assert newest(shop).state is RequestState.DONE
    assert shop.doubled() == []
    assert "approves rollback of checkout: v42 → v41 (1 of 1)" in shop.timeline


def test_nobody_approves_their_own_request(shop: Story) -> None:
    asked = asks(shop)
    assert "Nobody approves their own request" in shop.presses("ask.approve", by=DANA)
    assert "still needs 1 approval" in shop.types(f"/rollout confirm {asked.id}")
    assert "still needs 1 approval" in shop.types(f"/rollout confirm {asked.id}", by=BOB)
    shop.passes(30)
    assert aborts(shop) == 0


def test_whoever_may_not_do_it_may_not_approve_it_nor_stop_it(shop: Story) -> None:
    asked = asks(shop)
    assert "Only who holds a role" in shop.presses("ask.approve", by=CAROL)
    assert "Only who holds a role" in shop.types(f"/rollout object {asked.id} I like v42", by=CAROL)
    assert "to cancel" in shop.presses("ask.cancel", by=CAROL)
    assert again(shop, asked.id).state is RequestState.PROPOSED


@pytest.mark.parametrize("shop", [TWO], indirect=True)
def test_each_person_counts_once(shop: Story) -> None:
    asks(shop)
    assert "It needs 1 more approval." in shop.presses("ask.approve", by=BOB)
    assert "*1 more approval needed*" in consent_card(shop)
    assert "it needs 1 more approval, and not yours" in shop.presses("ask.approve", by=BOB)
    shop.passes(30)
    assert aborts(shop) == 0
    shop.presses("ask.approve", by=ALICE)
    shop.passes(30)
    assert aborts(shop) == 1


def test_an_objection_with_a_reason_stops_it_and_tells_who_asked(shop: Story) -> None:
    asked = asks(shop)
    shop.presses("ask.object", by=BOB)
    assert shop.submits(BOB, why="") != {}
    assert shop.submits(BOB, why="v41 cannot read the new table") == {}
    assert (
        f":hand: <@{BOB}> objects to the rollback of checkout: v42 → v41, which <@{DANA}> asked for" in shop.said()[-1]
    )
    assert "Withdrawn" in consent_card(shop)
    assert "was withdrawn (objected to: v41 cannot read the new table)" in shop.types(
        f"/rollout approve {asked.id}", by=ALICE
    )
    assert aborts(shop) == 0
    assert "needs 1 approval" in shop.types("/rollout rollback checkout")


def test_an_objection_that_is_typed_needs_words_too(shop: Story) -> None:
    asked = asks(shop)
    assert "An objection needs a reason" in shop.asks(f"/rollout object {asked.id}", by=BOB)["text"]
    assert again(shop, asked.id).state is RequestState.PROPOSED


def test_an_approval_is_of_the_revision_that_was_reviewed(shop: Story) -> None:
    asks(shop)
    shop.cluster.deploy("checkout", image="shop/checkout:v43")
    shop.passes(20)
    assert "checkout is at v43 (revision 3) now, not at v42" in shop.presses("ask.approve", by=BOB)
    assert "Withdrawn" in consent_card(shop)
    shop.passes(30)
    assert aborts(shop) == 0


def test_what_nobody_approves_ends_by_itself(shop: Story) -> None:
    asked = asks(shop)
    shop.passes(14 * 60)
    assert again(shop, asked.id).state is RequestState.PROPOSED
    shop.passes(61)
    assert again(shop, asked.id).state is RequestState.CANCELLED
    shop.settle()  # the edits of one channel are paced
    assert "nobody confirmed it in time" in consent_card(shop)
    assert "was withdrawn (nobody confirmed it in time)" in shop.types(f"/rollout approve {asked.id}", by=BOB)
    assert aborts(shop) == 0


def test_an_approval_after_the_end_does_nothing_though_the_clock_is_late(shop: Story) -> None:
    asked = asks(shop)
    shop.clock.advance(seconds=15 * 60 + 1)
    assert "older than 15 minutes" in shop.types(f"/rollout approve {asked.id}", by=BOB)
    assert aborts(shop) == 0


def test_whoever_asked_and_lost_the_right_since_moves_nothing(shop: Story) -> None:
    shop.types("/incident role scribe", by=CAROL)
    asked = asks(shop, by=CAROL)
    shop.types(f"/incident role scribe <@{ALICE}>", by=CAROL)
    assert "whoever asked for it may no longer do that" in shop.types(f"/rollout approve {asked.id}", by=BOB)
    shop.passes(30)
    assert aborts(shop) == 0


@pytest.mark.parametrize("shop", [TYPED], indirect=True)
def test_the_name_is_typed_after_the_others_agreed(shop: Story) -> None:
    asked = asks(shop)
    assert "Now it can be confirmed" in shop.presses("ask.approve", by=BOB)
    assert aborts(shop) == 0
    shop.presses("ask.confirm", by=DANA)
    wrong = shop.submits(DANA, name="payments")
    assert "That is not the service's name" in wrong["name"]
    assert again(shop, asked.id).state is RequestState.PROPOSED
    assert shop.submits(DANA, name="checkout") == {}
    shop.passes(30)
    assert aborts(shop) == 1


@pytest.mark.parametrize("shop", [TYPED], indirect=True)
def test_the_name_may_be_typed_on_the_line(shop: Story) -> None:
    asked = asks(shop)
    shop.presses("ask.approve", by=BOB)
    assert "You typed `chekout`" in shop.types(f"/rollout confirm {asked.id} chekout")
    assert "I will report here" in shop.types(f"/rollout confirm {asked.id} checkout")
    shop.passes(30)
    assert aborts(shop) == 1


def test_a_pause_asks_nobody(shop: Story) -> None:
    assert "Pausing `checkout`" in shop.types("/rollout pause checkout", by=CAROL)
    shop.passes(10)
    assert shop.cluster.workload("checkout").paused


def test_broken_glass_is_loud_and_leaves_a_follow_up(shop: Story) -> None:
    said = shop.types("/rollout rollback checkout —break-glass “nobody else is awake”")
    assert "Breaking the glass" in said
    assert "nobody else is awake" in said
    assert not any("broke the glass" in text for text in shop.said())
    shop.presses("ask.confirm")
    shop.passes(30)
    assert aborts(shop) == 1
    loud = (
        f":rotating_light: <@{DANA}> *broke the glass*: rollback of checkout: v42 → v41. Reason: nobody else is awake"
    )
    assert any(text.startswith(loud) for text in shop.said())
    assert any(text.startswith(loud) for text in shop.said("C0INCIDENTS"))
    assert any("breaking the glass: nobody else is awake" in line for line in shop.timeline)
    assert ":repeat: look at why the glass was broken" in shop.card
    shop.types("/incident resolve Rolled back")
    draft = shop.store.read(lambda tx: tx.postmortem("INC-1"))
    assert draft
    assert "- [ ] look at why the glass was broken" in draft.markdown
    shop.passes(24 * 3600)
    assert any(f"<@{DANA}>, this follow-up is due" in text for text in shop.said())
    assert shop.doubled() == []
    assert shop.dead == []


def test_glass_is_not_broken_by_just_anybody_nor_without_a_reason(shop: Story) -> None:
    assert "Only who holds a role" in shop.types("/rollout rollback checkout --break-glass now", by=CAROL)
    assert "needs a reason" in shop.types("/rollout rollback checkout --break-glass")
    assert aborts(shop) == 0


@pytest.mark.parametrize("shop", [replace(SHOP, consent=(Rule(who=("group:S0PAY",), approvals=1),))], indirect=True)
def test_the_commander_may_break_the_glass_whatever_the_rule_says(shop: Story) -> None:
    assert "is in the Slack group `S0PAY`" in shop.types("/rollout rollback checkout")
    assert "Confirm" in shop.types('/rollout rollback checkout --break-glass "they are asleep"')
    assert "Only who" in shop.types('/rollout rollback checkout --break-glass "they are asleep"', by=CAROL)


@pytest.mark.parametrize("shop", [replace(SHOP, consent=())], indirect=True)
def test_without_configuration_going_on_in_a_sev2_needs_two_and_going_back_none(shop: Story) -> None:
    assert "[Confirm]" in shop.asks("/rollout rollback checkout", channel=shop.channel)["text"]
    shop.types("/rollout pause checkout")
    shop.passes(10)
    assert "needs 2 approvals: half of the traffic" in shop.types("/rollout resume checkout")


def test_a_guest_approves_nothing(shop: Story) -> None:
    asked = asks(shop)
    role = Assignment(incident="INC-1", role=Role.COMMS, user=CAROL, by=DANA, at=shop.clock.now())
    shop.store.decide(lambda tx, now: Decision(save=(role,)), shop.clock.now())
    shop.slack.people[CAROL].is_restricted = True
    assert "Only members of this workspace" in shop.types(f"/rollout approve {asked.id}", by=CAROL)
    assert aborts(shop) == 0


def test_trap_the_channel_of_another_services_incident_saves_no_approval(story: Story) -> None:
    """Whoever is alone would only have to type it there."""
    story.policy = replace(SHOP, consent=())
    story.world = story.wire()
    story.cluster.patch("checkout", {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 100}]}}}}, by="setup")
    story.passes(5)
    story.ships("v42", seconds=60)
    story.alert("PaymentsErrorRatioHigh", "payments")
    assert story.channels == ["inc-1-payments"]
    story.slack.join(DANA, story.channel)
    assert "needs 1 approval: all of the traffic" in story.types("/rollout rollback checkout")


def test_the_incident_of_what_depends_on_it_does(story: Story) -> None:
    story.policy = replace(SHOP, consent=())
    story.world = story.wire()
    story.cluster.patch("payments", {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 100}]}}}}, by="setup")
    story.passes(5)
    story.ships("v42", "payments", seconds=60)
    story.alert()
    assert story.channels == ["inc-1-checkout"]
    assert "Roll back payments?" in story.types("/rollout rollback payments")
