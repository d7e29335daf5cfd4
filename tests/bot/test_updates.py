"""Publishing: what is saved, who is told, what is promised, and how it ends."""

from dataclasses import replace

import pytest

from bot import broadcasts, updates
from bot.cadence import ledger, score
from bot.commands import Invalid
from bot.decision import Broadcast, Deliver, RemindUpdate, SendPost, TellChanges
from bot.errors import Refused
from bot.linting import Words
from bot.model import (
    BOT,
    Audience,
    Delivery,
    DeliveryState,
    Entry,
    EntryKind,
    Incident,
    Phase,
    Post,
    Severity,
    Update,
)
from bot.policy import Destination, Hook, Mailbox, Policy, PublicPage, Room, Service
from bot.updates import Before
from tests.values import NOON, incident, minutes

LEADERS = Destination(name="leaders", audience=Audience.EXECUTIVES, to=Room(channel="#leaders"))
LETTERS = Destination(
    name="letters",
    audience=Audience.SUPPORT,
    to=Mailbox(addresses=("a@x.example", "b@x.example")),
    services=("checkout",),
)
PAGE = Destination(name="page", audience=Audience.PUBLIC, to=PublicPage(page="p1"), severity=Severity.SEV2)
PARTNER = Destination(name="partner", audience=Audience.PUBLIC, to=Hook(url="https://p.example"), services=("search",))
POLICY = Policy(
    services={"checkout": Service(name="checkout")},
    broadcast=("#status-updates",),
    broadcasts=(LEADERS, LETTERS, PAGE, PARTNER),
)
CAREFUL = replace(POLICY, approved=frozenset({Audience.PUBLIC}))
SAID = Words(text="One payment in four fails", scope="Europe", changed="Undone", ahead="We watch")


def the(kind, decision):
    return [noun for noun in decision.save if isinstance(noun, kind)]


def publish(
    of=None, said=SAID, phase=Phase.IDENTIFIED, next_in=None, by="U0BOB", policy=POLICY, before=updates.FIRST, now=NOON
):
    return updates.publish(of or incident(), said, phase, next_in, by, policy, now, before)


def sent(number=1, destination="leaders", audience=Audience.EXECUTIVES, state=DeliveryState.SENT, **other):
    return Delivery(
        incident="INC-7",
        update=number,
        destination=destination,
        audience=audience,
        at=NOON,
        state=state,
        version=1,
        **other,
    )


# ---------------------------------------------------------------- one update


def test_who_of_ours_it_names_is_not_told_outside():
    for words in ("<@U024BE7LH|dana> undoes it", "See <#C12|payments-db>"):
        with pytest.raises(Invalid, match="customers would read it"):
            publish(said=replace(SAID, ahead=words))
        assert publish(said=replace(SAID, ahead=words), policy=replace(POLICY, broadcasts=(LEADERS,))).save


def test_an_update_reaches_everybody_and_promises_the_next():
    decision = publish()
    assert [post.channel for post in the(Post, decision)] == ["@incident", "#status-updates"]
    assert [d.id for d in the(Delivery, decision)] == [
        "INC-7/update/1/leaders",
        "INC-7/update/1/letters/a@x.example",
        "INC-7/update/1/letters/b@x.example",
        "INC-7/update/1/page",
    ]
    assert {effect.subject for effect in decision.do if isinstance(effect, Deliver)} == {
        d.id for d in the(Delivery, decision)
    }
    [update] = the(Update, decision)
    assert update.next_at == NOON + minutes(30)
    assert (update.scope, update.changed, update.ahead) == ("Europe", "Undone", "We watch")
    assert RemindUpdate("INC-7", due=NOON + minutes(25)) in decision.do
    assert "#status-updates" in str(decision.say)
    assert "leaders, letters, page" in str(decision.say)
    assert decision.note[0].text == (
        "investigating → identified: One payment in four fails · affected: Europe · changed: Undone · next: We watch"
    )


def test_the_impact_is_what_a_form_says_that_users_see():
    assert the(Incident, publish())[0].impact == SAID.text
    before = incident(impact="Payments fail")
    assert the(Incident, publish(before, Words(text="No change. We look on.")))[0].impact == "Payments fail"


def test_an_update_may_promise_no_next_one():
    decision = publish(next_in=0)
    assert the(Incident, decision)[0].next_update_at is None
    assert not [effect for effect in decision.do if isinstance(effect, RemindUpdate)]


def test_an_empty_update_keeps_the_form_open():
    with pytest.raises(Invalid) as error:
        publish(said=Words(text="  "))
    assert set(error.value.errors) == {"text"}


def test_what_fits_by_severity_and_service_is_told():
    mild = incident(severity=Severity.SEV3, service="search")
    assert [d.destination for d in the(Delivery, publish(mild))] == ["leaders", "partner"]


@pytest.mark.parametrize("inside", [{"private": True}, {"drill": "knight-capital"}])
def test_a_private_incident_and_a_drill_tell_nobody_outside(inside):
    kept = incident(**inside)
    decision = publish(kept, before=Before(subscribers=("U0EVE",)))
    assert [post.channel for post in the(Post, decision)] == ["@incident"]
    assert not the(Delivery, decision)
    assert not [effect for effect in decision.do if isinstance(effect, Broadcast | Deliver)]
    assert broadcasts.audiences(kept, POLICY) == {Audience.RESPONDERS}


def test_subscribers_get_a_message_of_their_own():
    decision = publish(before=Before(subscribers=("U0EVE",)))
    [message] = [post for post in the(Post, decision) if post.channel == "U0EVE"]
    assert Broadcast(message.id) in decision.do
    assert "What changed" in str(message.blocks)


def test_a_late_update_says_how_late_it_is():
    promised = incident(next_update_at=NOON - minutes(6))
    decision = publish(promised)
    assert the(Update, decision)[0].promised_at == NOON - minutes(6)
    assert decision.note[0].text.endswith("(6 min later than promised)")
    assert "later than promised" not in publish(incident(next_update_at=NOON)).note[0].text


# ---------------------------------------------------------------- consent


def test_what_needs_consent_waits_and_the_commander_is_asked():
    decision = publish(policy=CAREFUL, before=Before(commander="U0DANA"))
    held = [d for d in the(Delivery, decision) if d.state is DeliveryState.HELD]
    assert [d.destination for d in held] == ["page"]
    assert Deliver(held[0].id) not in decision.do
    [question] = [post for post in the(Post, decision) if post.id == "INC-7/update/1/approval"]
    assert SendPost(question.id) in decision.do
    assert "<@U0DANA>" in str(question.blocks)
    assert "Undone" not in str(question.blocks)  # what they would read, no more
    assert "it waits until the commander agrees" in str(decision.say)


def test_the_commanders_own_words_need_nobodys_consent():
    decision = publish(policy=CAREFUL, by="U0DANA", before=Before(commander="U0DANA"))
    assert {d.state for d in the(Delivery, decision)} == {DeliveryState.DUE}


HELD = sent(1, "page", Audience.PUBLIC, DeliveryState.HELD)
QUESTION = Post(id="INC-7/update/1/approval", incident="INC-7", channel="@incident", text="?", ts="1.1", version=2)


def approve(by="U0DANA", commander="U0DANA", agrees=True, found=(HELD,)):
    return broadcasts.approve(incident(), found, QUESTION, commander, by, NOON, agrees=agrees)


def test_the_commander_agrees_and_it_goes_out():
    decision = approve()
    assert [d.state for d in the(Delivery, decision)] == [DeliveryState.DUE]
    assert Deliver(HELD.id) in decision.do
    assert TellChanges(QUESTION.id) in decision.do
    assert decision.note[0].text == "agreed to publish update 1 to public"
    assert "ask.update.approve" not in str(the(Post, decision)[0].blocks)


def test_the_commander_holds_it_back():
    decision = approve(agrees=False)
    assert [d.state for d in the(Delivery, decision)] == [DeliveryState.DROPPED]
    assert not [effect for effect in decision.do if isinstance(effect, Deliver)]


@pytest.mark.parametrize("commander", ["U0DANA", ""])
def test_nobody_else_agrees(commander):
    with pytest.raises(Refused, match="Nothing was published"):
        approve(by="U0BOB", commander=commander)


def test_what_does_not_wait_cannot_be_agreed_to():
    with pytest.raises(Refused, match="waits for consent"):
        approve(found=(replace(HELD, state=DeliveryState.DROPPED),))


def test_a_newer_update_drops_what_still_waits():
    waiting = Before(updates=(update(1),), deliveries=(HELD,), commander="U0DANA", question=QUESTION)
    decision = publish(policy=CAREFUL, before=waiting)
    [taken_back] = [post for post in the(Post, decision) if post.id == QUESTION.id]
    assert "overtaken" in taken_back.text
    assert TellChanges(QUESTION.id) in decision.do
    states = {d.id: d.state for d in the(Delivery, decision)}
    assert states["INC-7/update/1/page"] is DeliveryState.DROPPED
    assert states["INC-7/update/2/page"] is DeliveryState.HELD


# ---------------------------------------------------------------- the end


def update(number=1, **other):
    values = {"phase": Phase.IDENTIFIED, "severity": Severity.SEV2, "text": "Payments fail", "by": "U0BOB", "at": NOON}
    return Update(incident="INC-7", number=number, **values | other)


DONE = incident(phase=Phase.RESOLVED, resolved_at=NOON, summary="Rolled back to v41 on db-prod-03")


def close(of=DONE, *, before):
    return updates.closing(of, POLICY, NOON, before)


def test_who_heard_of_it_hears_that_it_is_over_and_nothing_of_the_inside():
    told = (sent(1), sent(1, "page", Audience.PUBLIC, DeliveryState.FAILED), replace(HELD, destination="partner"))
    decision = close(before=Before(updates=(update(),), deliveries=told, subscribers=("U0EVE",)))
    going = [d for d in the(Delivery, decision) if d.update == 2]
    assert [d.destination for d in going] == ["leaders", "page"]
    assert {d.state for d in going} == {DeliveryState.DUE}
    posts = the(Post, decision)
    assert {post.channel for post in posts} == {"#status-updates", "U0EVE"}
    assert "db-prod-03" not in str(next(post for post in posts if post.channel == "#status-updates"))
    assert the(Update, decision)[0].text == "This is resolved."


@pytest.mark.parametrize(
    ("of", "given"),
    [(DONE, ()), (incident(), (update(),)), (DONE, (update(), update(2, phase=Phase.RESOLVED)))],
    ids=["nobody was told", "it is open", "it was said"],
)
def test_the_end_is_told_once_and_to_those_who_know_the_beginning(of, given):
    assert close(of, before=Before(updates=given)).save == ()


def test_no_incident_after_all_is_said_as_such():
    decision = close(replace(DONE, cancelled=True), before=Before(updates=(update(),)))
    assert the(Update, decision)[0].text == "This turned out to be no incident."


def test_who_heard_that_it_is_over_hears_that_it_is_not_and_then_of_the_end_again():
    """Without the word in between, the end would be no news to them, and "no incident" would stand for ever."""
    cancelled = (update(), update(2, phase=Phase.RESOLVED, by=BOT, text="This turned out to be no incident."))
    told = (sent(1), replace(sent(1), update=2))
    again = incident(next_update_at=NOON + minutes(15))
    before = Before(updates=cancelled, deliveries=told, subscribers=("U0EVE",))
    decision = updates.reopening(again, POLICY, NOON, before)
    [goes_on] = the(Update, decision)
    assert (goes_on.number, goes_on.phase, goes_on.next_at) == (3, Phase.INVESTIGATING, again.next_update_at)
    assert {post.channel for post in the(Post, decision)} == {"#status-updates", "U0EVE"}
    assert [d.update for d in the(Delivery, decision)] == [3]
    known = Before(updates=(*cancelled, goes_on))
    assert the(Update, close(before=known))[0].number == 4
    for nothing in (updates.reopening(again, POLICY, NOON, known), updates.reopening(DONE, POLICY, NOON, before)):
        assert nothing.save == ()


def test_the_form_begins_with_what_a_person_said_last():
    given = (update(text="Payments fail"), update(2, phase=Phase.RESOLVED, by=BOT, text="This is resolved."))
    assert updates.draft(incident(), given, ()).text == "Payments fail"


@pytest.mark.parametrize(
    ("words", "text", "phase"),
    [
        ("Payments fail", "Payments fail", None),
        ("--phase monitoring All is well", "All is well", Phase.MONITORING),
        ("All is well —phase=Monitoring", "All is well", Phase.MONITORING),
        ("We ran it with --force again", "We ran it with --force again", None),
    ],
)
def test_a_typed_update_may_move_the_phase(words, text, phase):
    assert updates.parse(words) == (text, phase)


@pytest.mark.parametrize(
    ("words", "why", "instead"),
    [
        ("--title x All is well", "no option that I know", updates.EXAMPLE),
        ("All is well --phase", "lacks its value", updates.EXAMPLE),
        ("--phase monitor All is well", "not a phase", "/incident update --phase monitoring All is well"),
        ("phase Monitoring", "says nothing to those who read it", "/incident status monitoring"),
        ("--phase resolved All is well", "does not end an incident", "/incident resolve All is well"),
    ],
)
def test_what_was_meant_for_the_bot_is_not_published(words, why, instead):
    with pytest.raises(Refused, match=why) as refused:
        updates.parse(words)
    assert refused.value.instead == instead


# ---------------------------------------------------------------- deliveries


def test_updates_arrive_in_their_order_and_one_that_failed_is_not_waited_for():
    second = sent(2, state=DeliveryState.DUE)
    assert not broadcasts.is_turn(second, [sent(1, state=DeliveryState.DUE), second])
    assert broadcasts.is_turn(second, [sent(1, state=DeliveryState.FAILED), second])
    assert broadcasts.is_turn(second, [sent(1, "page", state=DeliveryState.DUE), second])
    assert broadcasts.is_old(sent(1, state=DeliveryState.FAILED), [sent(2)])
    assert broadcasts.before(sent(3), [sent(1, reference="1.1"), sent(2, reference="1.1")]) == sent(2, reference="1.1")


def test_a_failure_is_on_the_card_until_a_newer_one_arrives():
    failed = sent(1, "page", Audience.PUBLIC, DeliveryState.FAILED, error="PublicPage: HTTP 401")
    assert broadcasts.troubles([failed]) == ["update 1 did not reach page (public): PublicPage: HTTP 401"]
    assert broadcasts.troubles([failed, sent(2, "page", Audience.PUBLIC)]) == []
    decision = broadcasts.gave_up(sent(1, state=DeliveryState.DUE), "HTTP 401", NOON)
    assert decision.note[0].kind is EntryKind.TROUBLE
    assert broadcasts.arrived(sent(1), "x").save == ()


def test_that_a_page_of_others_was_not_told_of_the_end_is_said_where_people_are():
    to = Destination(name="page", audience=Audience.PUBLIC, to=PublicPage(page="p"))
    policy, end = replace(POLICY, broadcasts=(to,)), update(2, phase=Phase.RESOLVED)
    failed = sent(2, "page", Audience.PUBLIC, DeliveryState.DUE)

    def left(delivery=failed, of=DONE, there=None):
        return the(Post, broadcasts.left_open(delivery, end, of, there, "HTTP 401", policy))

    assert "the page `page` could not be told: HTTP 401" in left()[0].text
    assert left(there=incident(9))[0].incident == "INC-9"
    assert left(sent(1, "page", Audience.PUBLIC)) == left(of=incident()) == left(sent(2, "leaders")) == []


# ---------------------------------------------------------------- promises


def test_every_promise_is_on_record_kept_or_broken():
    given = (
        update(1, promised_at=NOON, at=NOON + minutes(1), next_at=NOON + minutes(30)),
        update(2, promised_at=NOON + minutes(20), at=NOON + minutes(28), next_at=NOON + minutes(50)),
    )
    open_ = incident(next_update_at=NOON + minutes(45))
    promises = ledger(open_, given)
    assert [(p.due, p.came_at) for p in promises] == [
        (NOON, NOON + minutes(1)),
        (NOON + minutes(20), NOON + minutes(28)),
        (NOON + minutes(45), None),
    ]
    assert [promise.late(NOON + minutes(46)) for promise in promises] == [minutes(0), minutes(8), minutes(0)]
    assert score(promises, NOON + minutes(40)) == (1, 2)
    assert score(promises, NOON + minutes(47)) == (1, 3)
    ended = ledger(replace(DONE, resolved_at=NOON + minutes(49)), given)
    assert ended[-1].came_at == NOON + minutes(49)


# ---------------------------------------------------------------- the draft


def test_the_form_begins_with_what_still_holds_and_what_happened_since():
    entries = [
        Entry(at=NOON - minutes(1), kind=EntryKind.ACTION, text="before"),
        Entry(at=NOON + minutes(2), kind=EntryKind.NOTE, text="a thought"),
        Entry(at=NOON + minutes(3), kind=EntryKind.ACTION, text="rollback of checkout: v42 → v41"),
        Entry(at=NOON + minutes(4), kind=EntryKind.ACTION, text="nobody objected, 2 agreed", source="INC-7/poll/1"),
        Entry(at=NOON + minutes(5), kind=EntryKind.INCIDENT, text="channel #inc-7-checkout opened"),
    ]
    last = update(scope="Europe", workaround="PayPal", ahead="We watch", changed="old")
    draft = updates.draft(incident(), [last], entries)
    assert draft == Words(
        text="Payments fail",
        scope="Europe",
        workaround="PayPal",
        changed="12:03 rollback of checkout: v42 → v41",
        ahead="We watch",
    )
    assert updates.draft(incident(impact="Slow"), [], []).text == "Slow"
    assert updates.draft(incident(impact="Slow"), [], [], "A template").text == "A template"
