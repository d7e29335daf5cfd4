"""The check after a rollout: quiet while it may still come true, loud after the deadline, and over by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from bot.alerts import Seen
from bot.decision import Card, Decision, PostCard, SendPost, VerifyFleet
from bot.errors import Refused
from bot.fleet import Fleet, Instance, compare
from bot.model import Alert, Hold, Incident, Post, Skew
from bot.policy import Policy
from bot.skews import Known, accepted, after, begun, looked, overtaken, unseen
from tests.blockkit import check
from tests.bot.fleet_values import APPROVED, EIGHT, OLD, UNAPPROVED, pod, pods, seven_of_eight
from tests.bot.rollout_values import hold, skew
from tests.values import NOON, incident

POLICY = Policy()
GOOD = compare(APPROVED, EIGHT, pods())
MIXED = seven_of_eight()
MIXED_BACK = [*pods(7), pod(8, OLD)]
UNPROVABLE = compare(UNAPPROVED, EIGHT, pods())
DEADLINE = NOON + POLICY.verify_within
N = TypeVar("N")


def known(**other: Any) -> Known:
    nothing = Seen(alerts={}, open={}, recent={}, next_number=8)
    values: dict[str, Any] = {"skew": None, "hold": None, "incident": None, "seen": nothing}
    return Known(**values | other)


def in_an_incident(**other: Any) -> Known:
    here = incident(channel="C1")
    seen = Seen(alerts={}, open={here.group: here}, recent={}, next_number=8)
    return known(incident=here, seen=seen, **other)


def fresh() -> Skew:
    return begun("checkout", "production", "v42", None, NOON)


def saved(decision: Decision, kind: type[N]) -> N:
    return next(noun for noun in decision.save if isinstance(noun, kind))


def look(skew: Skew, fleet: Fleet, at: datetime, around: Known | None = None) -> Decision:
    return looked(skew, fleet, around or known(), POLICY, at)


def test_when_a_rollout_is_finished_its_servers_are_looked_at() -> None:
    due = NOON + timedelta(seconds=10)
    assert after("checkout", "production", NOON) == Decision(do=(VerifyFleet("checkout/production", due=due),))


def test_three_times_in_a_row_is_proof() -> None:
    check = fresh()
    for second in (1, 2):
        decision = look(check, GOOD, NOON + timedelta(seconds=second))
        check = saved(decision, Skew)
        assert (check.settled_at, len(decision.do)) == (None, 1)
    decision = look(check, GOOD, NOON + timedelta(seconds=3))
    assert saved(decision, Skew).settled_at == NOON + timedelta(seconds=3)
    assert decision.do == ()


def test_one_look_with_a_fault_begins_anew() -> None:
    decision = look(replace(fresh(), in_a_row=2), MIXED, NOON)
    assert saved(decision, Skew).in_a_row == 0


def test_where_only_strays_are_wrong_the_alert_names_them() -> None:
    for approved in (APPROVED, UNAPPROVED):
        decision = look(fresh(), compare(approved, EIGHT, [*pods(8), pod(9, stray=True)]), DEADLINE)
        assert saved(decision, Incident).title.startswith("checkout: 8 of 8: checkout-9 gets its traffic")


def test_the_same_look_twice_counts_once() -> None:
    once = saved(look(fresh(), GOOD, NOON), Skew)
    assert look(once, GOOD, NOON) == Decision()


def test_before_the_deadline_nothing_is_said() -> None:
    decision = look(fresh(), MIXED, DEADLINE - timedelta(seconds=1), in_an_incident())
    assert [type(noun) for noun in decision.save] == [Skew]
    assert decision.note == ()


def test_after_the_deadline_it_opens_an_incident_and_holds_promotion() -> None:
    decision = look(fresh(), MIXED, DEADLINE)
    assert saved(decision, Incident).title == "checkout: 7 of 8 servers run v42"
    assert saved(decision, Alert).incident == "INC-8"
    assert saved(decision, Hold).holder == "verify"
    assert saved(decision, Hold).why == "7 of 8: checkout-8 runs v41; it should be v42 everywhere"
    assert saved(decision, Skew).alerted_at == DEADLINE
    assert saved(decision, Post).channel == "@incident"
    assert any("Promotion is held" in entry.text for entry in decision.note)


def test_after_the_deadline_it_joins_the_open_incident() -> None:
    decision = look(fresh(), MIXED, DEADLINE, in_an_incident())
    assert saved(decision, Alert).incident == "INC-7"
    assert PostCard("INC-7") in decision.do


def test_it_is_said_once() -> None:
    first = saved(look(fresh(), MIXED, DEADLINE, in_an_incident()), Skew)
    again = look(first, MIXED, DEADLINE + timedelta(minutes=1), in_an_incident(hold=hold()))
    assert [type(noun) for noun in again.save] == [Skew]


def test_the_card_warns_of_the_reflex() -> None:
    post = saved(look(fresh(), MIXED, DEADLINE, in_an_incident()), Post)
    check(Card(text=post.text, blocks=post.blocks))
    assert "Do not roll back by reflex" in str(post.blocks)
    assert "puts v41 on every server" in str(post.blocks)


def test_what_was_held_is_lifted_by_itself_when_all_are_right() -> None:
    before = skew(in_a_row=2, checked_at=NOON)
    decision = look(before, GOOD, DEADLINE, in_an_incident(skew=before, hold=hold()))
    assert saved(decision, Hold).lifted_by == "watchkeeper"
    assert saved(decision, Skew).settled_at == DEADLINE
    assert not saved(decision, Alert).firing
    assert "All 8 servers" in saved(decision, Post).text
    assert SendPost(saved(decision, Post).id) in decision.do


def test_servers_that_cannot_be_read_are_not_right() -> None:
    decision = unseen(fresh(), "Kubernetes shop: no answer", in_an_incident(), POLICY, DEADLINE)
    assert saved(decision, Skew).text == "not known: Kubernetes shop: no answer"
    assert saved(decision, Hold).lifted_at is None
    assert len([effect for effect in decision.do if isinstance(effect, VerifyFleet)]) == 1


def test_unreadable_servers_do_not_lift_a_hold() -> None:
    before = skew(in_a_row=2, checked_at=NOON)
    decision = unseen(before, "no answer", in_an_incident(skew=before, hold=hold()), POLICY, DEADLINE)
    assert [type(noun) for noun in decision.save] == [Skew]
    assert saved(decision, Skew).in_a_row == 0


def test_without_approved_digests_it_ends_as_not_known_and_alarms_nobody() -> None:
    decision = look(replace(fresh(), in_a_row=2), UNPROVABLE, DEADLINE, in_an_incident())
    assert [type(noun) for noun in decision.save] == [Skew]
    assert decision.do == ()
    assert decision.note[0].text.startswith("checkout: not known whether all servers run v42. No approved digest")


def test_without_digests_a_hold_is_lifted_when_all_are_of_one_build_and_that_is_not_called_right() -> None:
    before = skew(in_a_row=2, checked_at=NOON)
    decision = look(before, UNPROVABLE, DEADLINE, in_an_incident(skew=before, hold=hold()))
    assert saved(decision, Skew).settled_at == DEADLINE
    assert saved(decision, Hold).lifted_by == "watchkeeper"
    assert not saved(decision, Alert).firing
    assert "not known, as no digest was approved" in saved(decision, Post).text
    assert ":white_check_mark:" not in saved(decision, Post).text


@pytest.mark.parametrize(
    "servers",
    [[*pods(7), pod(8, OLD)], [*pods(7), pod(8, image_id="")], [*pods(8), pod(9)]],
    ids=["two builds under one tag", "one reports none", "one too many"],
)
def test_without_digests_a_hold_stays_while_servers_differ(servers: list[Instance]) -> None:
    before = skew(in_a_row=2, checked_at=NOON)
    fleet = compare(UNAPPROVED, EIGHT, servers)
    decision = look(before, fleet, DEADLINE, in_an_incident(skew=before, hold=hold()))
    assert saved(decision, Skew).settled_at is None
    assert not [noun for noun in decision.save if isinstance(noun, Hold)]


def test_the_card_says_how_a_person_ends_the_hold() -> None:
    post = saved(look(fresh(), MIXED, DEADLINE, in_an_incident()), Post)
    assert "`/rollout verify checkout --accept" in str(post.blocks)


def accepts(check: Skew | None, around: Known) -> Decision:
    return accepted(check, around, POLICY, called="checkout", why="8 is off", by="U0DANA", now=DEADLINE)


def test_a_person_may_take_the_servers_as_they_are_with_a_reason() -> None:
    decision = accepts(skew(), in_an_incident(skew=skew(), hold=hold()))
    assert saved(decision, Hold).lifted_by == "U0DANA"
    assert saved(decision, Skew).settled_at == DEADLINE
    assert not saved(decision, Alert).firing
    assert (decision.note[0].by, decision.note[0].text) == (
        "U0DANA",
        "accepts the servers of checkout as they are (7 of 8: checkout-8 runs v41): 8 is off",
    )
    check(Card(text=saved(decision, Post).text, blocks=saved(decision, Post).blocks))


@pytest.mark.parametrize("quiet", [None, skew(alerted_at=None), skew(settled_at=NOON)], ids=["none", "quiet", "over"])
def test_where_the_check_holds_nothing_there_is_nothing_to_accept(quiet: Skew | None) -> None:
    with pytest.raises(Refused, match="holds nothing"):
        accepts(quiet, known(skew=quiet))


def test_after_a_rollback_the_card_does_not_warn_of_rolling_back_but_of_releasing_again() -> None:
    fleet = compare(replace(APPROVED, version="v41", builds={OLD: "v42"}, newer=frozenset({"v42"})), EIGHT, MIXED_BACK)
    check_of = begun("checkout", "production", "v41", None, NOON)
    text = str(saved(look(check_of, fleet, DEADLINE, in_an_incident()), Post).blocks)
    assert "roll back by reflex" not in text
    assert "v42 is newer than v41, and was gone back from: *do not release it again by reflex*" in text


@pytest.mark.parametrize("fleet", [compare(APPROVED, EIGHT, [*pods(7), pod(8, image_id="")])], ids=["unknown"])
def test_one_unknown_server_among_known_ones_is_said_after_the_deadline(fleet: Fleet) -> None:
    assert saved(look(fresh(), fleet, DEADLINE), Hold).why.startswith("7 of 8: checkout-8 reports no image yet")


def test_another_release_ends_a_quiet_check_and_keeps_a_loud_one() -> None:
    assert saved(overtaken(fresh(), DEADLINE), Skew).settled_at == DEADLINE
    loud = overtaken(skew(), DEADLINE)
    assert loud.save == ()
    assert len(loud.do) == 1


def test_a_check_of_another_version_begins_anew_and_what_was_said_stays_said() -> None:
    other = begun("checkout", "production", "v43", skew(), DEADLINE)
    assert (other.approved, other.since, other.alerted_at, other.version) == ("v43", DEADLINE, NOON, 1)
    assert begun("checkout", "production", "v42", skew(), DEADLINE) == skew()
    assert begun("checkout", "production", "v42", skew(settled_at=NOON), DEADLINE).alerted_at is None
