"""People collide: the same button twice, the same role twice, two incidents at once, and promises that are not kept."""

from dataclasses import replace

import pytest

from bot.decision import Decision
from bot.model import Phase, RequestState, Role, Verb
from tests.story import ALICE, BOB, CAROL, DANA, Story


def holder(story: Story, role: Role) -> str:
    held = story.store.read(lambda tx: tx.assignment(story.incident.id, role))
    return held.user if held else ""


def preview(story: Story, line: str = "/rollout rollback checkout") -> str:
    """Dana's preview; what its Confirm stands for."""
    story.types(line)
    (asked,) = story.store.read(lambda tx: tx.open_requests("checkout", "production"))
    return f"/rollout confirm {asked.id}"


def aborts(story: Story) -> int:
    return sum(call.verb == "patch" and "abort" in str(call.body) for call in story.cluster.calls)


# ---------------------------------------------------------------- the same thing at once


def test_of_two_who_confirm_one_acts_and_the_other_is_told_who(story: Story) -> None:
    story.ships("v42")
    story.alert()
    confirm = preview(story)
    assert "I will report here" in story.types(confirm, by=BOB)
    assert f"already confirmed by <@{BOB}>" in story.types(confirm)
    story.passes(30)
    assert aborts(story) == 1
    assert story.cluster.workload("checkout").stable == "v41"


def test_the_same_confirm_pressed_twice_by_one_person_acts_once(story: Story) -> None:
    story.ships("v42")
    story.alert()
    confirm = preview(story)
    story.types(confirm)
    assert f"already confirmed by <@{DANA}>" in story.types(confirm)
    story.passes(30)
    assert aborts(story) == 1


def test_a_confirm_after_the_rollout_went_on_changes_nothing(story: Story) -> None:
    story.ships("v42")
    story.alert()
    confirm = preview(story)
    story.cluster.deploy("checkout", image="shop/checkout:v43")
    story.passes(20)
    said = story.types(confirm)
    assert "Nothing was changed" in said
    assert "Not done" in said
    assert aborts(story) == 0
    assert "withdrawn" in story.types(confirm)


def test_a_confirm_after_ten_minutes_changes_nothing(story: Story) -> None:
    story.ships("v42")
    story.alert()
    confirm = preview(story)
    story.clock.advance(seconds=601)
    assert "older than 10 minutes" in story.types(confirm)
    assert aborts(story) == 0
    (request,) = story.store.read(lambda tx: tx.requests("INC-1"))
    assert request.state is RequestState.CANCELLED


def test_two_rollbacks_asked_for_at_once_are_one_action(story: Story) -> None:
    story.ships("v42")
    story.alert()
    first = preview(story)
    story.types("/rollout rollback checkout", by=BOB)
    others = {r.id for r in story.store.read(lambda tx: tx.requests("INC-1"))} - {first.split()[-1]}
    story.types(first)
    second = story.types(f"/rollout confirm {others.pop()}", by=BOB)
    assert "it is done already" in second
    assert "Nothing was changed" in second
    story.passes(30)
    assert aborts(story) == 1
    assert sum("sent to cluster" in line for line in story.timeline) == 1


def test_of_two_who_take_a_role_the_second_is_told_who_has_it(story: Story) -> None:
    story.alert()
    story.slack.join(ALICE, story.channel)
    assert f"<@{BOB}> is now *Comms lead*" in story.presses("ask.role.comms", by=BOB)
    said = story.types("/incident role comms", by=ALICE)
    assert f"<@{BOB}> is comms lead" in said
    assert holder(story, Role.COMMS) == BOB


def test_a_role_in_another_incident_gives_no_say_in_a_rollout(story: Story) -> None:
    story.ships("v42")
    story.types("/incident declare the coffee machine is broken sev5", by=CAROL, channel="C0SUPPORT")
    assert story.incident.by == CAROL
    said = story.types("/rollout rollback checkout", by=CAROL, channel=story.incident.channel)
    assert ":no_entry:" in said
    assert "Confirm" not in said
    assert not story.cluster.workload("checkout").aborted


def test_what_was_deleted_does_not_come_back_in_the_draft(story: Story) -> None:
    story.alert()
    secret = story.slack.post(DANA, story.channel, "the password is hunter2, found on checkout at 12:01")
    kept = story.slack.post(DANA, story.channel, "rolled back checkout: errors fall from 12% to 1%")
    story.settle()
    story.slack.delete(DANA, story.channel, secret["ts"])
    story.types("/incident resolve done")
    draft = story.store.read(lambda tx: tx.postmortem("INC-1"))
    assert draft
    assert "hunter2" not in draft.markdown
    assert kept["text"].split(":")[0] in draft.markdown


def test_a_channel_with_many_threads_gets_its_draft(story: Story) -> None:
    story.alert()
    for n in range(30):
        parent = story.slack.post(DANA, story.channel, f"looking at pod {n} of checkout")
        story.slack.post(DANA, story.channel, f"pod {n} throws on vouchers", thread=parent["ts"])
    story.settle()
    story.types("/incident resolve done")
    story.passes(180)
    draft = story.store.read(lambda tx: tx.postmortem("INC-1"))
    assert draft
    assert story.dead == []


def test_a_pause_does_not_wait_for_the_proof_of_another_action(story: Story) -> None:
    story.ships("v42", service="payments", seconds=8)
    story.alert("PaymentsFail", service="payments")
    story.types("/rollout promote payments", by=BOB)
    [asked] = story.store.read(lambda tx: tx.requests("INC-1"))
    acting = replace(asked, state=RequestState.ACTING, confirmed_by=BOB, acted_at=story.clock.now())
    story.world.decide(lambda tx, now: Decision(save=(acting,)))
    assert "Pausing" in story.types("/rollout pause payments", by=CAROL, channel=story.channel_after_joining(CAROL))
    states = {request.verb: request.state for request in story.store.read(lambda tx: tx.requests("INC-1"))}
    assert states == {Verb.PROMOTE: RequestState.CANCELLED, Verb.PAUSE: RequestState.DONE}
    assert any("overtaken by pause" in line for line in story.timeline)


def test_a_guest_sees_the_buttons_and_cannot_use_them(story: Story) -> None:
    story.alert()
    story.slack.invite(DANA, story.channel, CAROL)
    story.slack.people[CAROL].is_restricted = True
    before = story.timeline
    assert "Only members" in story.presses("ask.role.comms", by=CAROL)
    assert "Only members" in story.types("/incident resolve", by=CAROL)
    assert holder(story, Role.COMMS) == ""
    assert story.incident.is_open
    assert story.timeline == before


def test_who_is_not_called_may_pause_but_not_roll_back(story: Story) -> None:
    story.ships("v42")
    story.alert()
    story.slack.join(CAROL, story.channel)
    assert "nothing was changed" in story.types("/rollout rollback checkout", by=CAROL)
    assert "Pausing" in story.types("/rollout pause checkout", by=CAROL)
    story.passes(10)
    assert story.cluster.workload("checkout").paused


# ---------------------------------------------------------------- two incidents


def lines_of(story: Story, id: str) -> list[str]:
    return story.store.read(lambda tx: [entry.text for entry in tx.entries(id)])


def test_two_incidents_at_once_do_not_mix(story: Story) -> None:
    story.alert()
    story.alert("CardDeclines", service="payments")
    first, second = sorted(story.incidents, key=lambda i: i.number)
    assert story.channels == ["inc-1-checkout", "inc-2-payments"]
    story.types("/incident sev 1", channel=first.channel)
    story.types("/incident note only here", by=BOB, channel=second.channel)
    by_id = {incident.id: incident for incident in story.incidents}
    assert (by_id["INC-1"].severity, by_id["INC-2"].severity) == (1, 2)
    entries = {id: lines_of(story, id) for id in by_id}
    assert "only here" in entries["INC-2"]
    assert "only here" not in entries["INC-1"]
    story.types("/incident resolve done", channel=first.channel)
    assert {i.id for i in story.incidents if i.is_open} == {"INC-2"}
    assert not any("CardDeclines" in text for text in story.said(first.channel))
    assert not any("CheckoutErrorRatioHigh" in text for text in story.said(second.channel))


def test_declaring_what_is_open_already_names_it(story: Story) -> None:
    story.alert()
    said = story.types("/incident declare checkout is broken", channel="C0INCIDENTS")
    assert "INC-1 is open on `checkout`" in said
    assert len(story.incidents) == 1


# ---------------------------------------------------------------- again, and never


@pytest.mark.parametrize(("minutes", "ids"), [(29, ["INC-1"]), (31, ["INC-2", "INC-1"])])
def test_the_same_alert_reopens_within_the_cooling_time_and_after_it_opens_anew(
    story: Story, minutes: int, ids: list[str]
) -> None:
    story.alert()
    story.alert(status="resolved")
    story.types("/incident resolve Restarted")
    story.passes(minutes * 60)
    story.alert(since=story.clock.now().isoformat())
    assert [incident.id for incident in story.incidents] == ids
    assert story.incident.is_open
    assert len(story.channels) == len(ids)
    assert any("is open again" in text for text in story.said()) == (len(ids) == 1)


def test_cleared_alerts_resolve_nothing(story: Story) -> None:
    story.alert()
    story.alert("CheckoutSlow")
    story.alert(status="resolved")
    story.alert("CheckoutSlow", status="resolved")
    assert story.incident.phase is Phase.INVESTIGATING
    assert sum(line.endswith(" cleared") for line in story.timeline) == 2


def test_a_late_copy_of_an_alert_that_has_cleared_opens_nothing(story: Story) -> None:
    story.alert()
    story.alert(status="resolved")
    story.types("/incident resolve Restarted")
    story.alert()  # the first delivery, once more
    assert not story.incident.is_open


def test_a_promise_that_is_not_kept_is_reminded_of_until_it_is(story: Story) -> None:
    story.alert()

    def reminders() -> int:
        return len(story.posts_about("reminder"))

    story.passes(14 * 60)
    assert reminders() == 0
    alone = story.whispered(DANA)
    assert any("is promised for" in text for text in alone), "nobody is comms lead, so the commander is reminded alone"
    story.passes(2 * 60)
    assert reminders() == 1
    story.passes(11 * 60)
    assert reminders() == 3, "then the commander is asked, then whoever is on call"
    assert story.types("/incident snooze 20m").startswith("No reminder of INC-1 before")
    story.types("/incident update Checkout fails for one in eight.")
    assert any("12 min later than promised" in line for line in story.timeline)
    assert "0 of 1 updates on time" in story.card
    story.passes(12 * 60)
    assert reminders() == 3
    story.types("/incident resolve Rolled back")
    story.passes(3600)
    assert reminders() == 3


def test_a_handoff_without_a_name_asks_for_one(story: Story) -> None:
    story.alert()
    story.types("/incident handoff")
    assert story.slack.views[DANA], "a form"
    assert story.asks("/incident handoff INC-1")["text"] == "Say to whom. Try /incident handoff INC-1 commander @who"
    assert holder(story, Role.COMMANDER) == DANA
