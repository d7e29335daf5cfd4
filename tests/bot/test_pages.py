"""Who is called, in which order, in which ways, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import pages
from bot.cards import page as cards
from bot.decision import Decision, EscalatePage, SendPage, SendPost, ShowPage
from bot.errors import Refused
from bot.incidents import set_severity
from bot.model import Assignment, Page, PageState, Phase, Role, Severity
from bot.pages import Call, Ways
from bot.policy import Contact, Policy
from tests.blockkit import check
from tests.golden import same_as
from tests.values import NOON, incident, minutes

DANA, BOB, CAROL = "U0DANA", "U0BOB", "U0CAROL"
POLICY = Policy(people={DANA: Contact(name="Dana", phone="+49 30 1", email="dana@shop.example"), BOB: Contact()})
WAYS = Ways(mail=True, alarm=True, contacts=POLICY.people)
OPEN = incident(channel="C0INC7", channel_name="inc-7-checkout", title="Checkout <fails>")
PAGE = Page(
    id="INC-7/page/0", incident="INC-7", to=(DANA, BOB), why="500s", by="watchkeeper", at=NOON, turn_at=NOON, version=1
)

TAKEN = Assignment(incident="INC-7", role=Role.OPS, user=BOB, by=BOB, at=NOON)


def called(decision: Decision) -> list[str]:
    return [effect.subject.removeprefix("INC-7/page/") for effect in decision.do if isinstance(effect, SendPage)]


def automatic(people: tuple[str, ...] = (DANA, BOB), **other: Any) -> Decision:
    held, known = other.pop("held", ()), other.pop("pages", ())
    policy = replace(POLICY, pages_at=other.pop("at", Severity.SEV2))
    return pages.automatic(replace(OPEN, **other), people, known, held, WAYS, policy, NOON)


# ---------------------------------------------------------------- by itself


def test_a_severe_incident_calls_its_on_call_in_every_way_there_is() -> None:
    decision = automatic()
    assert called(decision) == ["0/0/message", "0/0/mail", "0/alarm"]
    assert EscalatePage("INC-7/page/0", due=NOON + minutes(5)) in decision.do
    assert [(entry.whom, entry.text) for entry in decision.note] == [
        (DANA, "is paged: a severe incident pages its on-call")
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"severity": Severity.SEV3},
        {"at": None},
        {"phase": Phase.RESOLVED},
        {"drill": "knight-capital"},
        {"people": ()},
        {"private": True},
        {"by": BOB},  # one of them declared it
        {"pages": (PAGE,)},  # it has paged before
        {"held": (TAKEN,)},  # one of them is there
    ],
)
def test_whoever_knows_already_and_whatever_is_mild_is_not_paged(other: dict[str, Any]) -> None:
    assert automatic(**other) == Decision()


LATER = NOON + minutes(30)
REOPENED = {"reopened_at": LATER, "reopened_by": "watchkeeper"}


@pytest.mark.parametrize(
    "before",
    [
        {"pages": (replace(PAGE, state=PageState.OVER),)},
        {"pages": (replace(PAGE, state=PageState.ACKNOWLEDGED),), "held": (TAKEN,), "by": BOB},
    ],
)
def test_a_severe_incident_that_is_reopened_pages_again(before: dict[str, Any]) -> None:
    """Whoever declared it, or had a role then, may be asleep by now."""
    decision = automatic(**before, **REOPENED)
    assert called(decision) == ["1/0/message", "1/0/mail", "1/alarm"]
    assert decision.note[0].text == "is paged: a severe incident is open again"


@pytest.mark.parametrize(
    "other",
    [
        {"pages": (replace(PAGE, id="INC-7/page/1", at=LATER, state=PageState.ACKNOWLEDGED),)},  # for this reopening
        {"pages": (PAGE,)},  # the call of before goes on
        {"reopened_by": DANA},
        {"held": (replace(TAKEN, at=LATER),)},
    ],
)
def test_for_a_reopening_it_pages_once_and_not_those_who_know(other: dict[str, Any]) -> None:
    assert automatic(**(REOPENED | other)) == Decision()


def test_a_role_that_the_on_call_was_given_is_no_answer() -> None:
    given = Assignment(incident="INC-7", role=Role.COMMANDER, user=DANA, by="watchkeeper", at=NOON)
    assert called(automatic(held=(given,)))


def test_a_private_one_that_becomes_severe_calls_nobody() -> None:
    mild = replace(OPEN, severity=Severity.SEV3, private=True)
    assert "CallResponders:INC-7" not in [e.key for e in set_severity(mild, "1", DANA, POLICY, NOON).do]


@pytest.mark.parametrize(("before", "after", "again"), [(3, 2, True), (2, 1, False), (3, 4, False), (4, 3, False)])
def test_what_becomes_severe_calls_its_on_call(before: int, after: int, again: bool) -> None:
    decision = set_severity(replace(OPEN, severity=Severity(before)), str(after), DANA, POLICY, NOON)
    assert ("CallResponders:INC-7" in [effect.key for effect in decision.do]) == again


# ---------------------------------------------------------------- asked for


def asked(people: tuple[str, ...] = (BOB,), why: str = "", known: tuple[Page, ...] = (), **other: Any) -> Decision:
    return pages.asked(replace(OPEN, **other), people, why, CAROL, known, WAYS, POLICY, NOON + minutes(2), alarm=False)


def test_a_person_is_called_and_the_caller_is_told_how_and_what_comes_next() -> None:
    decision = asked(why="the  payment\nclient")
    assert called(decision) == ["1/0/message"]  # his address is not known, and PagerDuty would call somebody else
    assert decision.note[0].text == "is paged: the payment client"
    assert decision.say == (
        "I am paging <@U0BOB> by direct message. Without an answer in 5 min, this channel hears of it."
    )
    assert "by direct message and e-mail." in str(asked((DANA, BOB)).say)
    assert str(asked((DANA, BOB)).say).endswith("<@U0BOB> is next.")
    assert called(asked(known=(PAGE, replace(PAGE, id="INC-7/page/9"))))[0] == "10/0/message"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"drill": "story"}, "INC-7 is a drill, and a drill pages nobody; nothing was sent."),
        ({"people": ()}, "Nobody is on call for it; nothing was sent."),
        ({"people": (DANA,), "known": (PAGE,)}, "<@U0DANA> has been paged for 2 min already; nothing was sent."),
        ({"phase": Phase.RESOLVED}, "INC-7 is already resolved; nothing was changed."),
    ],
)
def test_who_cannot_be_paged_is_told(other: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        asked(**other)
    assert refused.value.why == why


# ---------------------------------------------------------------- how it goes on


def escalated(page: Page, after: float, commander: str = CAROL, **other: Any) -> Decision:
    return pages.escalated(page, replace(OPEN, **other), commander, WAYS, POLICY, NOON + minutes(after))


def test_the_next_one_is_called_when_nobody_answers_in_time() -> None:
    early = escalated(PAGE, 4)
    assert early == Decision(do=(EscalatePage(PAGE.id, due=NOON + minutes(5)),))
    decision = escalated(PAGE, 5)
    (page,) = decision.save
    assert isinstance(page, Page)
    assert (page.who, page.turn_at) == (BOB, NOON + minutes(5))
    assert called(decision) == ["0/1/message"]
    assert [(entry.whom, entry.text) for entry in decision.note] == [
        (DANA, "did not answer the page in 5 min"),
        (BOB, "is paged next: 500s"),
    ]


def test_while_slack_is_away_whom_only_slack_calls_keeps_their_turn() -> None:
    slack_alone = Ways(mail=False, alarm=False, contacts={})
    assert pages.only_in_slack(PAGE, slack_alone)
    assert not pages.only_in_slack(PAGE, WAYS)
    assert not pages.only_in_slack(replace(PAGE, alarmed=True), slack_alone)
    decision = pages.waits(PAGE, POLICY, NOON + minutes(5))
    (page,) = decision.save
    assert isinstance(page, Page)
    assert (page.who, page.turn_at) == (DANA, NOON + minutes(5))
    assert decision.do == (EscalatePage(PAGE.id, due=NOON + minutes(10)),)


def test_when_nobody_is_left_the_channel_hears_of_it_with_the_numbers_to_call() -> None:
    decision = escalated(replace(PAGE, turn=1, turn_at=NOON), 5)
    page, post = decision.save
    assert isinstance(page, Page)
    assert page.state is PageState.UNANSWERED
    assert getattr(post, "text", "") == (
        ":rotating_light: <@U0CAROL>: Nobody answered the page “500s”. Call them, or page somebody else: "
        "`/incident page INC-7 @who why`\n"
        "• <@U0DANA> :telephone_receiver: +49 30 1\n"
        "• <@U0BOB> :telephone_receiver: no number is configured"
    )
    assert SendPost("INC-7/page/0/unanswered") in decision.do
    assert not any(isinstance(effect, EscalatePage) for effect in decision.do)


def test_what_is_settled_calls_nobody() -> None:
    assert escalated(replace(PAGE, state=PageState.ACKNOWLEDGED), 5) == Decision()
    decision = escalated(replace(PAGE, alarmed=True), 5, phase=Phase.RESOLVED)
    assert getattr(decision.save[0], "state", "") is PageState.OVER
    assert called(decision) == ["0/alarm"]


def test_whoever_answers_it_is_answered() -> None:
    decision = pages.acknowledged(replace(PAGE, alarmed=True), CAROL, NOON + minutes(2))
    (page,) = decision.save
    assert isinstance(page, Page)
    assert (page.state, page.settled_by) == (PageState.ACKNOWLEDGED, CAROL)
    assert called(decision) == ["0/alarm"]
    assert decision.note[0].text == "answered the page after 2 min"
    with pytest.raises(Refused, match="<@U0CAROL> has answered this page already"):
        pages.acknowledged(page, DANA, NOON)
    with pytest.raises(Refused, match="is over, and so is this page"):
        pages.acknowledged(replace(PAGE, state=PageState.OVER), DANA, NOON)
    late = pages.acknowledged(replace(PAGE, state=PageState.UNANSWERED), BOB, NOON + minutes(20))
    assert getattr(late.save[0], "settled_by", "") == BOB


def test_the_end_of_an_incident_ends_its_pages() -> None:
    ended = pages.over(PAGE, NOON + minutes(3))
    assert getattr(ended.save[0], "state", "") is PageState.OVER
    answered = replace(PAGE, state=PageState.ACKNOWLEDGED, alarmed=True)
    assert pages.over(answered, NOON) == Decision(do=(SendPage("INC-7/page/0/alarm"),))
    assert pages.over(replace(answered, alarmed=False), NOON) == Decision()


def test_a_message_that_arrives_after_the_answer_is_brought_up_to_date() -> None:
    assert pages.sent(PAGE, "0", "D1/1.2").do == ()
    answered = replace(PAGE, state=PageState.ACKNOWLEDGED)
    assert pages.sent(answered, "0", "D1/1.2").do == (ShowPage("INC-7/page/0/0"),)
    assert pages.sent(answered, "", "C1/1.2").do == (ShowPage(PAGE.id),)
    assert [pages.shown(effect.subject) for effect in pages.sent(answered, "0", "D1/1.2").do] == [(PAGE.id, "0")]
    assert pages.sent(replace(PAGE, turn=1), "0", "D1/1.2").do == (ShowPage("INC-7/page/0/0"),)
    assert pages.sent(replace(PAGE, messages={"0": "D1/1.2"}), "0", "D1/1.2") == Decision()


def test_a_way_that_is_closed_is_told_once_with_the_number() -> None:
    call = pages.call("INC-7/page/0/0/mail")
    assert (call, pages.call("INC-7/page/0/alarm")) == (Call(PAGE.id, "mail", 0), Call(PAGE.id, "alarm"))
    decision = pages.failed(PAGE, call, "e-mail: 550 No such mailbox", NOON)
    (page,) = decision.save
    assert isinstance(page, Page)
    assert decision.note[0].text == "cannot be paged by e-mail (e-mail: 550 No such mailbox)"
    assert "<@U0DANA> :telephone_receiver: +49 30 1" in str(cards.channel_card(page, WAYS, POLICY).blocks)
    assert pages.failed(page, call, "e-mail: 550 No such mailbox", NOON) == Decision()


# ---------------------------------------------------------------- what is read

SHOWN = {
    "calling": replace(PAGE, alarmed=True),
    "calling_next": replace(PAGE, turn=1, turn_at=NOON + minutes(5), troubles=("<@U0BOB> cannot be paged",)),
    "acknowledged": replace(PAGE, state=PageState.ACKNOWLEDGED, settled_by=BOB, settled_at=NOON + minutes(2)),
    "unanswered": replace(PAGE, state=PageState.UNANSWERED, turn=1),
    "over": replace(PAGE, state=PageState.OVER),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_cards_of_a_page(name: str) -> None:
    page = SHOWN[name]
    card, direct = cards.channel_card(page, WAYS, POLICY), cards.direct_card(page, 0, OPEN)
    check(card)
    check(direct)
    same_as(f"page_{name}.json", card)
    same_as(f"page_{name}_direct.json", direct)


def test_a_letter_says_what_is_wrong_and_a_private_one_does_not() -> None:
    letter = cards.letter(PAGE, OPEN, "https://slack.example/archives/C1")
    same_as("page_letter.txt", letter)
    private = replace(OPEN, private=True)
    assert cards.subject(PAGE, private) == "INC-7 SEV2 pages you: private incident"
    assert "500s" not in cards.letter(PAGE, private, "")
    assert "fails" not in cards.letter(PAGE, private, "")
