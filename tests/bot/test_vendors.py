"""Vendors: what they say of themselves is told once, is an alibi for a deploy of ours, and never decides anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from bot import vendors
from bot.decision import Decision, NameSuspects, PollVendor, PostCard
from bot.judgement.suspects import rank
from bot.model import VendorPage, VendorState, VendorStatus, Verb
from bot.policy import Policy, Vendor
from bot.preflight import Safety, Surroundings, preflight
from bot.vendors import Read, Trouble, polled, unread
from tests.bot.rollout_values import V41, in_flight, stable
from tests.values import NOON, change, incident, minutes

N = TypeVar("N")
PAY = Vendor(name="paybridge", page="https://status.example", components=("card payments",), used_by=("checkout",))
POLICY = Policy(vendors={"paybridge": PAY})
HERE = (incident(),)


def said(status: VendorState = VendorState.MAJOR_OUTAGE, id: str = "cards", **other: Any) -> VendorStatus:
    values: dict[str, Any] = {
        "key": f"statuspage/p1/{id}",
        "vendor": "Paybridge",
        "component": "Card payments",
        "status": status,
        "title": "Elevated card errors",
        "at": NOON,
        "source": "statuspage",
    }
    return VendorStatus(**values | other)


def read(*statuses: VendorStatus) -> Read:
    return Read(page="p1", title="Paybridge", etag="e1", statuses=statuses)


def page(**other: Any) -> VendorPage:
    values: dict[str, Any] = {
        "id": "paybridge",
        "page": "p1",
        "title": "Paybridge",
        "etag": "e1",
        "checked_at": NOON,
        "version": 1,
    }
    return VendorPage(**values | other)


def saved(decision: Decision, kind: type[N]) -> N:
    return next(noun for noun in decision.save if isinstance(noun, kind))


def lines(decision: Decision) -> list[str]:
    return [entry.text for entry in decision.note]


OUTAGE = ("Card payments: major outage",)
TROUBLE = Trouble(
    vendor="Paybridge", component="Card payments", state=VendorState.MAJOR_OUTAGE, since=NOON, url=PAY.page
)

# ---------------------------------------------------------------- polls


def test_an_outage_is_told_to_those_who_use_it_and_suspects_are_weighed_anew() -> None:
    decision = polled(PAY, None, read(said()), {}, HERE, NOON)
    assert lines(decision) == ["Paybridge: Card payments: major outage"]
    assert {PostCard("INC-7"), NameSuspects("INC-7")} <= set(decision.do)
    assert saved(decision, VendorStatus) == said()
    assert saved(decision, VendorPage).told == OUTAGE


def test_what_was_told_is_not_told_again() -> None:
    decision = polled(PAY, page(told=OUTAGE), read(said()), {said().key: said()}, HERE, NOON)
    assert decision.note == ()
    assert [type(effect) for effect in decision.do] == [PollVendor]


def test_its_end_is_told_too() -> None:
    over = said(VendorState.OPERATIONAL, at=NOON + minutes(9))
    decision = polled(PAY, page(told=OUTAGE), read(over), {said().key: said()}, HERE, NOON)
    assert lines(decision) == ["Paybridge: all that we use is operational again"]
    assert saved(decision, VendorPage).told == ()
    assert NameSuspects("INC-7") not in decision.do, "who had an alibi keeps it"


def test_what_a_webhook_brought_is_told_with_the_next_poll_also_where_that_has_no_news() -> None:
    """The page's own ETag is older than the webhook, or was seen by a replica that told nobody."""
    decision = polled(PAY, page(), Read(etag="e1"), {said().key: said()}, HERE, NOON)
    assert lines(decision) == ["Paybridge: Card payments: major outage"]
    assert saved(decision, VendorPage).page == "p1"


def test_a_webhook_is_told_at_once_and_not_again_with_the_next_poll() -> None:
    decision = vendors.heard(PAY, page(), [said()], HERE, NOON)
    assert lines(decision) == ["Paybridge: Card payments: major outage"]
    assert {PostCard("INC-7"), NameSuspects("INC-7")} == set(decision.do), "the next poll is due as it was"
    assert saved(decision, VendorPage) == page(told=OUTAGE), "to hear of a page is not to have read it"
    assert vendors.heard(PAY, page(told=OUTAGE), [said()], HERE, NOON) == Decision()
    over = vendors.heard(PAY, page(told=OUTAGE), [said(VendorState.OPERATIONAL)], HERE, NOON)
    assert lines(over) == ["Paybridge: all that we use is operational again"]


def test_no_news_keeps_what_is_known_of_the_page() -> None:
    before = page(told=OUTAGE, trouble="HTTP 503")
    decision = polled(PAY, before, Read(etag="e1"), {said().key: said()}, HERE, NOON + minutes(2))
    assert saved(decision, VendorPage) == replace(before, checked_at=NOON + minutes(2), trouble="")


def test_components_that_we_do_not_use_are_no_trouble() -> None:
    decision = polled(PAY, None, read(said(component="Payouts", id="payouts")), {}, HERE, NOON)
    assert decision.note == ()
    everything = polled(replace(PAY, components=()), None, read(said(component="Payouts")), {}, HERE, NOON)
    assert lines(everything) == ["Paybridge: Payouts: major outage"]


def test_maintenance_is_no_outage() -> None:
    assert polled(PAY, None, read(said(VendorState.MAINTENANCE)), {}, HERE, NOON).note == ()


def test_a_page_that_cannot_be_read_is_asked_again_and_keeps_its_age() -> None:
    decision = unread(PAY, page(told=OUTAGE), "HTTP 503", NOON + minutes(9))
    assert saved(decision, VendorPage) == page(told=OUTAGE, trouble="HTTP 503")
    (effect,) = decision.do
    assert effect.due
    assert minutes(2) <= effect.due - (NOON + minutes(9)) <= minutes(2.5)


def test_not_all_ask_in_the_same_second() -> None:
    dues = {polled(replace(PAY, name=name), None, read(), {}, (), NOON).do[0].due for name in ("a", "b", "c")}
    assert len(dues) == 3


# ---------------------------------------------------------------- what is not well


def found(now: datetime = NOON, *statuses: VendorStatus, policy: Policy = POLICY) -> tuple[Trouble, ...]:
    return vendors.troubles("checkout", policy, {"paybridge": (page(), statuses or (said(),))}, now)


def test_the_worst_is_first() -> None:
    both = Policy(vendors={"paybridge": replace(PAY, components=())})
    slow = said(VendorState.DEGRADED, "payouts", component="Payouts", at=NOON - minutes(5))
    assert [one.component for one in found(NOON, slow, said(), policy=both)] == ["Card payments", "Payouts"]


def test_who_does_not_use_it_is_not_told() -> None:
    assert vendors.troubles("search", POLICY, {"paybridge": (page(), (said(),))}, NOON) == ()


def test_what_was_read_long_ago_says_so() -> None:
    (fresh,), (old,) = found(NOON + minutes(29)), found(NOON + timedelta(hours=2))
    assert "as read at" not in vendors.on_card(fresh, "checkout")
    assert "as read at" in vendors.on_card(old, "checkout")


def test_words_for_the_card_and_the_preview() -> None:
    (trouble,) = found()
    hint = "Paybridge Card payments: major outage since 12:00 UTC, used by checkout: a rollback will hardly help"
    assert vendors.hint(trouble, "checkout") == hint
    assert "Elevated card errors" in vendors.on_card(trouble, "checkout")
    assert "may not help" in vendors.hint(replace(trouble, state=VendorState.DEGRADED), "checkout")


def test_a_vendors_words_cannot_ping() -> None:
    (trouble,) = found(NOON, said(title="<!channel> *down*"))
    assert "<!channel>" not in vendors.on_card(trouble, "checkout")
    assert "<!here>" not in vendors.hint(replace(trouble, vendor="<!here>"), "checkout")


# ---------------------------------------------------------------- what follows


def test_an_outage_that_was_there_is_an_alibi_for_our_deploy() -> None:
    [alone] = rank(NOON, "checkout", "production", (), [change()])
    [excused] = rank(NOON, "checkout", "production", (), [change()], vendors=[TROUBLE])
    assert excused.score < alone.score
    assert excused.reasons[-1] == "but Paybridge Card payments: major outage since 12:00 UTC"


def test_an_outage_that_began_after_the_onset_is_none() -> None:
    later = replace(TROUBLE, since=NOON + minutes(10))
    assert rank(NOON, "checkout", "production", (), [change()], vendors=[later]) == rank(
        NOON, "checkout", "production", (), [change()]
    )


@pytest.mark.parametrize("verb", [Verb.ROLLBACK, Verb.ABORT])
def test_going_back_is_a_risk_that_may_be_taken(verb: Verb) -> None:
    result = preflight(verb, in_flight(), (stable(V41),), Surroundings(vendors=(TROUBLE,)))
    assert result.verdict is Safety.RISKY
    assert any("a rollback will hardly help" in str(reason) for reason in result.reasons)


def test_to_pause_nobody_is_told_of_vendors() -> None:
    result = preflight(Verb.PAUSE, in_flight(), around=Surroundings(vendors=(TROUBLE,)))
    assert not any("Paybridge" in str(reason) for reason in result.reasons)


def test_a_first_update_owns_the_impact_and_blames_nobody_in_its_first_line() -> None:
    words = vendors.template(incident(impact="One in three cannot pay."), (TROUBLE,))
    assert words.startswith("One in three cannot pay. We are sorry; keeping it working is our job")
    assert words.index("Paybridge") > 100
    assert vendors.template(incident(), ()) == ""


def test_what_a_feed_told_is_trouble_until_it_is_over_or_forgotten() -> None:
    cloud = replace(PAY, feed=True, page="https://status.cloud.example/atom", components=("S3",))
    entry = said(key="feed/paybridge/i1", component="S3", at=NOON)
    first = polled(cloud, None, Read(page=vendors.feed_of(cloud.name), statuses=(entry,)), {}, [incident()], NOON)
    assert saved(first, VendorPage).told == ("S3: major outage",)
    assert vendors.prefix(saved(first, VendorPage).page) == "feed/paybridge/"
    late = NOON + timedelta(days=8)
    later = polled(cloud, saved(first, VendorPage), Read(), {entry.key: entry}, [incident()], late)
    assert saved(later, VendorPage).told == ()
