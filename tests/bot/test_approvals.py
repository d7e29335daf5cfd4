"""The life of a request on which others have to agree; and what breaking the glass leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import glass, tasks
from bot.approvals import approve, object_
from bot.cards.consent import approval, confirm_form, object_form
from bot.consent import Consent
from bot.decision import (
    ActOnRollout,
    Card,
    Decision,
    ExpireRequest,
    PostCard,
    RemindTask,
    SendPost,
    ShowRequest,
    ShowRollout,
)
from bot.errors import Refused
from bot.intents import Intent, Plan
from bot.model import Freeze, Post, Request, RequestState, Rollout, Task, Verb, Vote
from bot.policy import Rule
from bot.preflight import Preflight, Surroundings, blocking, firm
from bot.review import blocked, blocked_since, missing, reviewed
from bot.rollouts import cancel, confirm, expire, propose
from tests import blockkit
from tests.bot.rollout_values import V41, V42, V43, in_flight, request
from tests.golden import same_as
from tests.values import NOON, incident, minutes

DANA, BOB, CAROL = "U0DANA", "U0BOB", "U0CAROL"
TWO = Rule(approvals=2, typed=False)
ID = "INC-7/rollback/checkout/1"
ALLOWED = frozenset({DANA, BOB, CAROL})


def asked(rule: Rule = TWO, **other: Any) -> Decision:
    values: dict[str, Any] = {"by": DANA, "channel": "C1", "allowed": ALLOWED, "number": 1, "now": NOON, "rule": rule}
    around = other.pop("around", Surroundings(incident=incident()))
    return propose(Verb.ROLLBACK, in_flight(), (), around, **values | other)


def open_(**other: Any) -> Request:
    values: dict[str, Any] = {"approvals": 2, "expires_at": NOON + minutes(15), "verdict": "RISKY"}
    return request(**values | other)


def vote(user: str, approves: bool = True, why: str = "") -> Vote:
    return Vote(request=ID, user=user, approves=approves, why=why, at=NOON)


def saved(decision: Decision) -> Request:
    (found,) = [noun for noun in decision.save if isinstance(noun, Request)]
    return found


def votes(decision: Decision) -> list[tuple[str, bool]]:
    return [(noun.user, noun.approves) for noun in decision.save if isinstance(noun, Vote)]


# ---------------------------------------------------------------- asked


def test_what_others_have_to_agree_to_is_asked_in_the_channel_and_ends_by_itself() -> None:
    decision = asked()
    found = saved(decision)
    assert (found.state, found.approvals, found.expires_at) == (RequestState.PROPOSED, 2, NOON + minutes(15))
    card = ShowRollout("INC-7/card/checkout")
    assert decision.do == (ShowRequest(ID), ExpireRequest(ID, due=NOON + minutes(15)), card)
    (post,) = [noun for noun in decision.save if isinstance(noun, Post)]
    assert (post.id, post.channel) == (f"{ID}/approval", "@incident")
    assert "needs 2 approvals: the configuration says so" in str(decision.say)
    assert decision.note[0].text == "asks for rollback of checkout: v42 → v41; 2 approvals needed"


def test_that_too_few_may_agree_is_said_at_once() -> None:
    assert "Only 1 other person may agree now" in str(asked(allowed={DANA, BOB}).say)
    assert "may agree now" not in str(asked().say)


def test_where_nobody_would_see_it_it_is_refused() -> None:
    with pytest.raises(Refused, match="Ask for it in a channel"):
        asked(around=Surroundings(), channel="")


def test_a_pause_is_due_at_once_whatever_the_rule_says() -> None:
    values: dict[str, Any] = {"by": CAROL, "channel": "C1", "allowed": (), "number": 1, "now": NOON, "rule": TWO}
    decision = propose(Verb.PAUSE, in_flight(), (), Surroundings(), **values)
    assert ActOnRollout("rollout/pause/checkout/1") in decision.do
    assert saved(decision).approvals == 0


# ---------------------------------------------------------------- agreed


def agrees(by: str, *before: Vote, on: Request | None = None, rollout: Rollout | None = None, **other: Any) -> Decision:
    values: dict[str, Any] = {"allowed": ALLOWED, "others": (), "now": NOON + minutes(1)}
    return approve(on or open_(), rollout or in_flight(), before, by=by, **values | other)


def test_an_approval_is_kept_and_shown_and_raises_the_version() -> None:
    decision = agrees(BOB)
    assert votes(decision) == [(BOB, True)]
    assert saved(decision) == open_()
    assert decision.do == (ShowRequest(ID),)
    assert (decision.note[0].by, decision.note[0].text) == (BOB, "approves rollback of checkout: v42 → v41 (1 of 2)")


def test_the_last_approval_acts() -> None:
    decision = agrees(CAROL, vote(BOB))
    assert (saved(decision).state, saved(decision).confirmed_by) == (RequestState.CONFIRMED, CAROL)
    assert decision.do == (ActOnRollout(ID), PostCard("INC-7"), ShowRollout("INC-7/card/checkout"), ShowRequest(ID))
    assert votes(decision) == [(CAROL, True)]


def test_the_last_approval_waits_for_the_name_where_that_is_typed() -> None:
    decision = agrees(CAROL, vote(BOB), on=open_(typed=True))
    assert saved(decision).state is RequestState.PROPOSED
    assert "Now it can be confirmed" in str(decision.say)


@pytest.mark.parametrize(
    ("by", "before", "why"),
    [
        (DANA, (), "Nobody approves their own request"),
        ("U0EVE", (), "Only who holds a role"),
        (BOB, (vote(BOB),), "it needs 1 more approval, and not yours"),
        ("U0EVE2", (vote(BOB), vote(CAROL)), "Only who"),
    ],
)
def test_who_cannot_approve_is_told_why(by: str, before: tuple[Vote, ...], why: str) -> None:
    with pytest.raises(Refused, match=why):
        agrees(by, *before)


def test_a_typed_request_with_all_approvals_takes_no_more() -> None:
    with pytest.raises(Refused, match="it needs no more approvals"):
        agrees("U0EVE", vote(BOB), vote(CAROL), on=open_(typed=True), allowed=ALLOWED | {"U0EVE"})


@pytest.mark.parametrize("state", [RequestState.CONFIRMED, RequestState.DONE, RequestState.CANCELLED])
def test_what_is_over_is_not_approved(state: RequestState) -> None:
    ended = open_(state=state, confirmed_by="" if state is RequestState.CANCELLED else BOB, outcome="cancelled")
    with pytest.raises(Refused, match=r"already confirmed by <@U0BOB>|withdrawn \(cancelled\)"):
        agrees(CAROL, on=ended)


VOID = [
    ({"rollout": in_flight(current=V43, history=(V43, V42, V41))}, "checkout is at v43"),
    ({"now": NOON + minutes(15) + timedelta(seconds=1)}, "older than 15 minutes"),
    ({"allowed": {BOB, CAROL}}, "whoever asked for it may no longer do that"),
    ({"rollout": in_flight(aborted=True)}, "it is done already"),
]


@pytest.mark.parametrize("before", [(), (vote(BOB),)], ids=["first", "last"])
@pytest.mark.parametrize(("facts", "why"), VOID, ids=[why for _, why in VOID])
def test_an_approval_of_what_is_no_longer_so_ends_it(facts: dict[str, Any], why: str, before: tuple[Vote, ...]) -> None:
    decision = agrees(CAROL, *before, **facts)
    assert saved(decision).state is RequestState.CANCELLED
    assert why in saved(decision).outcome
    assert votes(decision) == []
    assert decision.do == (ShowRequest(ID),)


def test_one_action_at_a_time_also_with_everybodys_consent() -> None:
    other = request(id="INC-7/pause/checkout/2", state=RequestState.ACTING, confirmed_by=BOB)
    with pytest.raises(Refused, match="still under way"):
        agrees(CAROL, vote(BOB), others=(other,))


def test_confirming_without_the_approvals_is_refused() -> None:
    with pytest.raises(Refused, match="still needs 1 approval of others") as refused:
        confirm(open_(), in_flight(), by=DANA, allowed=ALLOWED, others=(), now=NOON, votes=[vote(BOB)])
    assert refused.value.instead == f"/rollout approve {ID}"


@pytest.mark.parametrize(("name", "typed"), [("", True), ("payments", True), ("Checkout", True), ("payments", False)])
def test_a_wrong_name_confirms_nothing(name: str, typed: bool) -> None:
    with pytest.raises(Refused, match="Type the service's name") as refused:
        confirm(request(typed=typed), in_flight(), by=DANA, allowed=ALLOWED, others=(), now=NOON, name=name)
    assert refused.value.instead == f"/rollout confirm {ID} checkout"


def test_the_right_name_confirms() -> None:
    asked = request(typed=True)
    decision = confirm(asked, in_flight(), by=DANA, allowed=ALLOWED, others=(), now=NOON, name="checkout")
    assert saved(decision).state is RequestState.CONFIRMED


# ---------------------------------------------------------------- objected to, or nobody cared


def test_an_objection_ends_it_and_tells_who_asked() -> None:
    decision = object_(open_(), "v41 <!channel> fails", by=BOB, allowed=ALLOWED, now=NOON)
    assert (saved(decision).state, saved(decision).outcome) == (
        RequestState.CANCELLED,
        "objected to: v41 <!channel> fails",
    )
    assert votes(decision) == [(BOB, False)]
    (post,) = [noun for noun in decision.save if isinstance(noun, Post)]
    assert f"<@{DANA}> asked for" in post.text
    assert "<!channel>" not in post.text
    assert decision.do == (SendPost(post.id), ShowRequest(ID))
    assert decision.note[0].text == "objects to rollback of checkout: v42 → v41: v41 <!channel> fails"


def test_an_objection_needs_a_reason_and_a_right() -> None:
    with pytest.raises(Refused, match="needs a reason"):
        object_(open_(), "", by=BOB, allowed=ALLOWED, now=NOON)
    with pytest.raises(Refused, match="Only who"):
        object_(open_(), "because", by="U0EVE", allowed=ALLOWED, now=NOON)
    with pytest.raises(Refused, match="already confirmed"):
        object_(open_(state=RequestState.ACTING, confirmed_by=BOB), "because", by=CAROL, allowed=ALLOWED, now=NOON)


def test_only_who_asked_cancels_the_others_object() -> None:
    with pytest.raises(Refused, match="<@U0DANA>'s to cancel") as refused:
        cancel(open_(), BOB, NOON)
    assert refused.value.instead == f"/rollout object {ID} why"
    assert cancel(open_(), DANA, NOON).do == (ShowRequest(ID),)


def test_what_nobody_confirms_ends_once() -> None:
    assert expire(open_(), NOON + minutes(14)).do == (ExpireRequest(ID, due=NOON + minutes(15)),)
    ended = expire(open_(), NOON + minutes(15))
    assert (saved(ended).state, saved(ended).outcome) == (RequestState.CANCELLED, "nobody confirmed it in time")
    assert expire(saved(ended), NOON + minutes(16)) == Decision()
    assert expire(open_(state=RequestState.ACTING), NOON + minutes(16)) == Decision()


# ---------------------------------------------------------------- forbidden, and overridden

FREEZE = blocking("checkout is frozen until 14:00")
NO_SUCH = firm("the cluster would ignore it")
PLAN = Plan(intent=Intent.ABORT, to=V41)


def test_what_is_blocked_names_each_reason_and_whether_it_may_be_overridden() -> None:
    refused = blocked(request(), Preflight(reasons=(FREEZE, NO_SUCH), plan=PLAN))
    assert "The rollback of checkout: v42 → v41 is blocked; nothing was changed." in refused.why
    assert "• checkout is frozen until 14:00 (breaking the glass overrides it)" in refused.why
    assert "• the cluster would ignore it (nobody can override this)" in refused.why
    assert refused.instead == "/rollout check checkout"
    alone = blocked(request(), Preflight(reasons=(FREEZE,), plan=PLAN))
    assert alone.instead == '/rollout rollback checkout --break-glass "why"'


@pytest.mark.parametrize(
    ("verb", "said", "line"),
    [
        (Verb.PROMOTE, {}, "promote checkout"),
        (Verb.PROMOTE, {"full": True}, "promote checkout --full"),
    ],
)
def test_what_to_type_instead_keeps_what_was_asked_for(verb: Verb, said: dict[str, Any], line: str) -> None:
    frozen = Freeze(
        id="FRZ-1", scope="checkout/production", reason="stock count", by=BOB, at=NOON, until=NOON + minutes(60)
    )
    with pytest.raises(Refused) as refused:
        propose(
            verb,
            in_flight(waiting="CanaryPauseStep"),
            (),
            Surroundings(freezes=(frozen,)),
            by=DANA,
            channel="C1",
            allowed=ALLOWED,
            number=1,
            now=NOON,
            **said,
        )
    assert refused.value.instead == f'/rollout {line} --break-glass "why"'


@pytest.mark.parametrize(
    "consent", [Consent(), Consent(typed=True), Consent(approvals=2, typed=True)], ids=["free", "typed", "two"]
)
def test_breaking_the_glass_does_without_the_others(consent: Consent) -> None:
    found = reviewed(request(), Preflight(reasons=(FREEZE,), plan=PLAN), consent, "nobody is awake")
    assert (found.approvals, found.typed, found.broken_glass) == (0, False, "nobody is awake")
    assert found.verdict == "BLOCKED"
    assert found.reasons == ("checkout is frozen until 14:00",)


def test_where_there_is_nothing_behind_the_glass_it_stays_whole() -> None:
    decision = asked(Rule(approvals=0, typed=False), broken_glass="in a hurry")
    assert saved(decision).broken_glass == ""
    assert isinstance(decision.say, Card)


def test_broken_glass_is_previewed_as_such_and_noted() -> None:
    decision = asked(broken_glass="nobody is awake")
    assert (saved(decision).approvals, saved(decision).expires_at) == (0, NOON + minutes(10))
    assert "Breaking the glass" in str(decision.say)
    assert decision.note[0].text == "asks for rollback of checkout: v42 → v41, breaking the glass: nobody is awake"


@pytest.mark.parametrize(
    ("words", "left", "why"),
    [
        ("checkout", "checkout", ""),
        ('checkout --break-glass "nobody is awake"', "checkout", "nobody is awake"),
        ("checkout —break-glass “nobody is awake”", "checkout", "nobody is awake"),
        ("checkout --break-glass nobody is awake", "checkout", "nobody is awake"),
        ("checkout --break-glass=asleep --to v40", "checkout  --to v40", "asleep"),
        ('--break-glass "asleep" --to v40', "--to v40", "asleep"),
        ("checkout --to v40 --break-glass 'asleep'", "checkout --to v40", "'asleep'"),
    ],
)
def test_the_reason_is_taken_out_as_slack_may_have_changed_it(words: str, left: str, why: str) -> None:
    rest, reason = glass.taken_out(words, "rollback")
    assert (rest.split(), reason) == (left.split(), why)


@pytest.mark.parametrize("words", ["checkout --break-glass", 'checkout --break-glass ""', "--break-glass --to v40"])
def test_glass_is_not_broken_without_a_reason(words: str) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        glass.taken_out(words, "rollback")


def test_broken_glass_is_told_in_both_channels_and_leaves_a_follow_up() -> None:
    done = request(confirmed_by=DANA, broken_glass="no <!channel> here", reasons=("frozen",))
    decision = glass.broken(done, "rollback of checkout", "#incidents", 3, NOON)
    posts = [noun for noun in decision.save if isinstance(noun, Post)]
    assert [post.channel for post in posts] == ["@incident", "#incidents"]
    assert all("<!channel>" not in post.text and "frozen" in post.text for post in posts)
    (task,) = [noun for noun in decision.save if isinstance(noun, Task)]
    assert (task.id, task.owner, task.due_at) == ("INC-7/task/3", DANA, NOON + timedelta(hours=24))
    assert RemindTask("INC-7/task/3", due=task.due_at) in decision.do


# ---------------------------------------------------------------- follow-ups

TASK = Task(
    id="INC-7/task/1",
    incident="INC-7",
    kind="follow-up",
    text="mend <!here> the rule",
    owner=DANA,
    by=DANA,
    at=NOON,
    due_at=NOON + minutes(5),
    version=1,
)


def test_a_task_is_reminded_of_once_when_it_is_due() -> None:
    assert tasks.remind(TASK, incident(), "", NOON).do == (RemindTask(TASK.id, due=TASK.due_at),)
    decision = tasks.remind(TASK, incident(), "", NOON + minutes(5))
    (post,) = [noun for noun in decision.save if isinstance(noun, Post)]
    assert post.channel == "@incident"
    assert f"<@{DANA}>, this follow-up is due: mend" in post.text
    assert "<!here>" not in post.text
    told = replace(TASK, reminded_at=NOON)
    assert tasks.remind(told, incident(), "", NOON + minutes(9)) == Decision()
    assert tasks.remind(replace(TASK, done_at=NOON), incident(), "", NOON + minutes(9)) == Decision()


def test_what_was_merged_is_reminded_of_where_it_goes_on_and_what_was_none_nowhere() -> None:
    (post,) = [n for n in tasks.remind(TASK, incident(9), "", NOON + minutes(5)).save if isinstance(n, Post)]
    assert (post.incident, post.channel) == ("INC-9", "@incident")
    assert "this follow-up of INC-7 is due" in post.text
    none = tasks.remind(TASK, incident(cancelled=True), "", NOON + minutes(5))
    assert [type(noun) for noun in none.save] == [Task]


def test_a_task_of_no_incident_is_reminded_of_where_it_was_announced_or_only_noted() -> None:
    alone = replace(TASK, incident="")
    decision = tasks.remind(alone, None, "#incidents", NOON + minutes(5))
    assert [noun.channel for noun in decision.save if isinstance(noun, Post)] == ["#incidents"]
    assert not any(isinstance(effect, PostCard) for effect in decision.do)
    assert [type(noun) for noun in tasks.remind(alone, None, "", NOON + minutes(5)).save] == [Task]


# ---------------------------------------------------------------- the card


def card(state: RequestState, *said: Vote, **other: Any) -> Card:
    (post,) = [noun for noun in asked().save if isinstance(noun, Post)]
    found = open_(state=state, **other)
    return approval(found, said, missing(found, said), post.blocks)


CARDS = {
    "approval_asked": card(RequestState.PROPOSED),
    "approval_half": card(RequestState.PROPOSED, vote(BOB)),
    "approval_typed": card(RequestState.PROPOSED, vote(BOB), vote(CAROL), typed=True),
    "approval_under_way": card(RequestState.ACTING, vote(BOB), vote(CAROL), confirmed_by=CAROL),
    "approval_objected": card(
        RequestState.CANCELLED, vote(BOB, False, "v41 *cannot* read <!here>"), outcome="objected to: v41"
    ),
    "approval_done": card(RequestState.DONE, vote(BOB), vote(CAROL), outcome="stable revision v41, 4/4 available"),
}


@pytest.mark.parametrize("name", CARDS)
def test_looks_as_agreed(name: str) -> None:
    blockkit.check(CARDS[name])
    same_as(f"{name}.json", CARDS[name])


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.PROPOSED])
def test_what_is_over_has_no_buttons(state: RequestState) -> None:
    assert not any(block["type"] == "actions" for block in card(state, outcome="x").blocks)


def test_forms_are_within_slacks_limits() -> None:
    for form in (confirm_form(open_(service="x" * 200), "y" * 500), object_form(open_(), "y" * 500)):
        blockkit.check(form)


def test_what_came_to_block_it_is_said_in_plain_text() -> None:
    """It is escaped where it is shown, and not twice."""
    stop = Freeze(id="FRZ-1", scope="all", reason="stock & count", by="U0DANA", at=NOON, until=NOON + minutes(60))
    asked_for = open_(verb=Verb.PROMOTE, intent=Intent.SKIP.value, to_revision="hash42")
    why = blocked_since(asked_for, in_flight(), (), Surroundings(freezes=(stop,)))
    assert "stock & count" in why
    assert not any(mark in why for mark in ("<@", "&amp;"))
