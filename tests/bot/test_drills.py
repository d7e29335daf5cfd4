"""A drill is scored by its timeline, ends whatever happens, and touches nothing that is real."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import drills, hearing, incidents
from bot.cards.debrief import debrief_card, drill_list
from bot.cards.incident import announcement, incident_card
from bot.decision import CallResponders, DraftPostmortem, PlayDrill, SendPost
from bot.drills import Scenery, Signal
from bot.errors import InDrill, Refused
from bot.model import (
    Alert,
    Drill,
    Entry,
    EntryKind,
    Incident,
    Phase,
    Post,
    Severity,
    Story,
    is_stage,
    stage_of,
)
from bot.policy import Policy
from bot.questions import join
from bot.subscriptions import subscribe
from tests.blockkit import check
from tests.bot.test_questions import QUESTION
from tests.golden import same_as
from tests.values import NOON, alert, change, minutes

POLICY, DANA = Policy(), "U0DANA"
BAD = Story(name="amazon-checkout", title="A bad release", about="…", service="checkout", acts=("pause", "rollback"))
KNIGHT = replace(BAD, name="knight-capital", acts=())
FIRES = Scenery(alerts=(Signal(title="ErrorRatioHigh", severity="critical"),), errors={"checkout": 0.12})
CALM = Scenery(errors={"checkout": 0.002})


def begun(story: Story = BAD) -> tuple[Incident, Drill]:
    decision = drills.begin(story, None, 7, DANA, POLICY, NOON)
    (incident,) = [noun for noun in decision.save if isinstance(noun, Incident)]
    (drill,) = [noun for noun in decision.save if isinstance(noun, Drill)]
    return incident, replace(drill, address="http://stage", seen_at=NOON)


INCIDENT, DRILL = begun()


def saved(decision, kind):
    return [noun for noun in decision.save if isinstance(noun, kind)]


def says(decision):
    return [entry.text for entry in decision.note]


# ---------------------------------------------------------------- its beginning and its end


def test_a_drill_is_an_incident_on_a_stage_of_its_own_and_nobody_is_called():
    decision = drills.begin(BAD, None, 7, DANA, POLICY, NOON)
    assert INCIDENT.drill == "amazon-checkout"
    assert INCIDENT.environment == stage_of("INC-7")
    assert incidents.channel_name(INCIDENT) == "drill-inc-7-checkout"
    assert PlayDrill("INC-7") in decision.do
    assert CallResponders("INC-7") not in decision.do
    worse = incidents.set_severity(replace(INCIDENT, severity=Severity.SEV3), "1", DANA, POLICY, NOON)
    assert CallResponders("INC-7") not in worse.do


def test_one_at_a_time():
    with pytest.raises(Refused, match="INC-7 is a drill that <@U0DANA> plays"):
        drills.begin(KNIGHT, DRILL, 8, "U0BOB", POLICY, NOON)


def test_a_story_is_found_by_its_name_and_a_near_one_is_offered():
    assert drills.find([BAD, KNIGHT], "Knight-Capital") is KNIGHT
    with pytest.raises(Refused, match="`slack-down` is no drill: Slack itself would have to be away"):
        drills.find([BAD, AWAY], "slack-down")
    with pytest.raises(Refused) as refusal:
        drills.find([BAD, KNIGHT], "knight")
    assert refusal.value.instead == "/incident drill knight-capital"


def test_what_is_resolved_is_debriefed_and_has_no_postmortem():
    done = incidents.resolve(INCIDENT, "rolled back", DANA, NOON)
    assert PlayDrill("INC-7") in done.do
    assert DraftPostmortem("INC-7") not in done.do
    assert "debrief" in saved(done, Post)[0].text
    with pytest.raises(Refused, match="its stage is cleared away"):
        incidents.reopened(saved(done, Incident)[0], "", (), POLICY, NOON, DANA)


def test_who_stops_it_ends_it():
    stopped = drills.stop(INCIDENT, DANA, NOON)
    assert saved(stopped, Incident)[0].phase is Phase.RESOLVED
    assert PlayDrill("INC-7") in stopped.do
    with pytest.raises(Refused, match="already resolved"):
        drills.stop(saved(stopped, Incident)[0], DANA, NOON)


def test_who_cancels_a_drill_plays_it_again_and_does_not_reopen_it():
    assert "/incident drill amazon-checkout` plays it again" in incidents.cancel(INCIDENT, "", DANA, NOON).say


def test_who_follows_a_drill_is_not_promised_what_never_comes():
    with pytest.raises(InDrill, match="its updates stay in its channel"):
        subscribe("INC-7", INCIDENT, None, DANA, NOON)
    assert "subscribe" not in str(announcement(INCIDENT))


def test_it_is_debriefed_once():
    first = drills.debriefed(DRILL, INCIDENT, (), "Commander", NOON)
    assert SendPost("INC-7/debrief") in first.do
    assert saved(first, Drill)[0].ended_at == NOON
    assert not drills.debriefed(saved(first, Drill)[0], INCIDENT, (), "Commander", NOON).save


def test_after_an_hour_it_is_over():
    assert not saved(drills.looked(DRILL, INCIDENT, (), CALM, NOON + minutes(59)), Incident)
    (over,) = saved(drills.looked(DRILL, INCIDENT, (), CALM, NOON + minutes(60)), Incident)
    assert over.phase is Phase.RESOLVED


# ---------------------------------------------------------------- on the stage


def test_the_clock_runs_from_the_first_alert_which_is_told_once():
    shown = drills.looked(DRILL, INCIDENT, (), FIRES, NOON + minutes(1))
    (fired,) = saved(shown, Alert)
    assert (fired.incident, fired.environment, fired.firing) == ("INC-7", "drill:INC-7", True)
    assert saved(shown, Drill)[0].shown_at == saved(shown, Incident)[0].onset_at == NOON + minutes(1)
    again = drills.looked(saved(shown, Drill)[0], INCIDENT, [fired], FIRES, NOON + minutes(1))
    assert not again.save
    assert [type(effect) for effect in again.do] == [PlayDrill]


def test_what_its_ci_tells_is_of_the_stage_and_is_taken_in_once():
    started = change(digests=("sha256:a",))
    seen = replace(CALM, deploys=(started,))
    (told,) = drills.shipped(DRILL, seen)
    assert (told.environment, told.key) == ("drill:INC-7", "deploy/checkout/drill:INC-7/v42")
    assert told.digests == ("sha256:a",)
    (heard,) = saved(drills.looked(DRILL, INCIDENT, (), seen, NOON), Drill)
    assert drills.shipped(heard, seen) == ()
    assert len(drills.shipped(heard, replace(CALM, deploys=(started, started)))) == 1


def test_recovered_is_what_the_numbers_say_and_only_after_there_was_something():
    assert "recovered" not in str(says(drills.looked(DRILL, INCIDENT, (), CALM, NOON + minutes(1))))
    hurt, firing = replace(DRILL, shown_at=NOON), [alert(title="ErrorRatioHigh", incident="INC-7")]
    still = Scenery(errors={"checkout": 0.04})
    assert "recovered" not in str(says(drills.looked(hurt, INCIDENT, firing, still, NOON + minutes(1))))
    assert not saved(drills.looked(hurt, INCIDENT, (), Scenery(), NOON + minutes(1)), Post)  # nothing known is not well
    well = drills.looked(hurt, INCIDENT, firing, CALM, NOON + minutes(2))
    assert says(well) == ["ErrorRatioHigh cleared", "recovered: 0.2% of requests fail, no alert fires"]
    assert not says(drills.looked(saved(well, Drill)[0], INCIDENT, (), CALM, NOON + minutes(3)))


def test_a_stage_that_is_gone_ends_the_drill_with_a_sentence():
    waits = drills.unseen(DRILL, INCIDENT, NOON + timedelta(seconds=29))
    assert (waits.save, [effect.due for effect in waits.do]) == ((), [NOON + timedelta(seconds=34)])
    gone = drills.unseen(DRILL, INCIDENT, NOON + timedelta(seconds=30))
    assert saved(gone, Incident)[0].phase is Phase.RESOLVED
    assert "the bot that had set it is gone, or was started anew" in saved(gone, Post)[0].text


def test_a_stage_that_cannot_be_set_says_why():
    assert "not installed" in saved(drills.not_set(INCIDENT, "Drills: not installed", NOON), Post)[0].text


# ---------------------------------------------------------------- nothing real


def test_no_sender_reaches_a_stage():
    spoofed = alert(environment="drill:INC-7", group="checkout/drill:INC-7", key="drill:INC-7/ErrorRatioHigh")
    heard = hearing.from_outside(spoofed)
    assert isinstance(heard, Alert)
    assert not any(is_stage(word) or "drill:" in word for word in (heard.environment, heard.group, heard.key))
    shipped = hearing.from_outside(change(environment="drill:INC-7"))
    assert shipped.environment == "drill-INC-7"
    assert hearing.from_outside(alert()) == alert()


def test_a_question_about_real_alerts_is_not_joined_to_a_drill():
    with pytest.raises(Refused, match="INC-7 is a drill"):
        join(QUESTION, (), INCIDENT, DANA, NOON)


# ---------------------------------------------------------------- the score


def line(seconds, kind, text, source=""):
    return Entry(incident="INC-7", at=NOON + timedelta(seconds=seconds), kind=kind, text=text, source=source)


SHOWN = line(60, EntryKind.NOTE, "customers are hurt", "INC-7/drill/shown")
COMMANDER = line(100, EntryKind.ROLE, "is commander")
PAUSED = line(150, EntryKind.ACTION, "pause of checkout at v42 proven: paused", "INC-7/pause/checkout/1")
ROLLED = line(300, EntryKind.ACTION, "rollback of checkout: v42 → v41 proven: so", "INC-7/rollback/checkout/2")
TOLD = line(60 + 360, EntryKind.UPDATE, "We roll back", "INC-7/update/1")
PUBLISHED = replace(TOLD, at=NOON + minutes(3))
WELL = line(480, EntryKind.NOTE, "recovered", "INC-7/drill/recovered")
WRONG = line(90, EntryKind.NOTE, "was refused /rollout undo: I do not know it", "INC-7/drill/refused")
ALL = (SHOWN, COMMANDER, PAUSED, ROLLED, TOLD, WELL, WRONG)


def test_what_only_a_drill_refuses_is_told_and_is_nothing_to_practise():
    asked = drills.refused(INCIDENT, "/incident page @dana", "a drill pages nobody", DANA, NOON, right=True).note
    wrong = drills.refused(INCIDENT, "/rollout undo", "I do not know it", DANA, NOON).note
    assert [one.text.split()[0] for one in (*asked, *wrong)] == ["would", "was"]
    assert drills.score(DRILL, (SHOWN, *asked, *wrong)).refused == wrong


def test_that_nobody_leads_is_no_commander_and_the_title_is_ones_own():
    nobody, lead = line(90, EntryKind.ROLE, "nobody is commander yet"), line(95, EntryKind.ROLE, "is incident lead")
    assert goals(SHOWN, nobody)["Commander"] == (None, False)
    assert drills.score(DRILL, (SHOWN, nobody, lead), "Incident lead").goals[0].is_met


def goals(*entries, drill=DRILL):
    return {goal.name: (goal.took and goal.took.seconds, goal.is_met) for goal in drills.score(drill, entries).goals}


def test_each_goal_is_timed_from_the_first_alert():
    assert goals(*ALL) == {
        "Commander": (40, True),
        "Rollout paused": (90, True),
        "First update": (360, False),
        "Rolled back": (240, True),
        "Recovery proven": (420, True),
    }
    assert drills.score(DRILL, ALL).refused == (WRONG,)


def test_what_was_never_done_is_not_met():
    assert set(goals(SHOWN).values()) == {(None, False)}


def test_asked_for_is_not_done_and_proven_is():
    asked = replace(ROLLED, text="confirms rollback of checkout: v42 → v41")
    failed = replace(ROLLED, text="rollback of checkout: v42 → v41 failed: proven wrong")
    assert goals(SHOWN, asked, failed)["Rolled back"] == (None, False)
    other = replace(ROLLED, text="promote of checkout proven: v42", source="INC-7/promote/checkout/2")
    assert goals(SHOWN, other)["Rolled back"] == (None, False)
    assert goals(SHOWN, replace(ROLLED, source="INC-7/abort/checkout/2"))["Rolled back"] == (240, True)


def test_who_rolls_back_at_once_need_not_pause():
    assert "Rollout paused" not in goals(SHOWN, ROLLED)


def test_what_was_done_before_the_alert_took_no_time():
    assert goals(SHOWN, replace(COMMANDER, at=NOON))["Commander"] == (timedelta(), True)


def test_where_nothing_need_be_rolled_back_that_is_no_goal():
    assert list(goals(*ALL, drill=begun(KNIGHT)[1])) == [
        "Commander",
        "First update",
        "Recovery proven",
        "Release left alone",
    ]


def test_where_the_release_was_not_at_fault_who_undid_it_learns_so():
    knight = begun(KNIGHT)[1]
    spared, undone = goals(SHOWN, drill=knight), goals(SHOWN, ROLLED, drill=knight)
    assert (spared["Release left alone"], undone["Release left alone"]) == ((timedelta(), True), (None, False))


# ---------------------------------------------------------------- what people read

ABOUT = "A canary of a bad release reaches half of the customers. What would end it in the first five minutes?"
SHOWN_STORY = replace(BAD, about=ABOUT)
AWAY = Story(name="slack-down", title="", about="", service="", why_not="Slack itself would have to be away")
GALLERY = {
    "drills": drill_list(
        [SHOWN_STORY, replace(SHOWN_STORY, name="knight-capital", title="Seven of eight servers"), AWAY]
    ),
    "drills_running": drill_list([SHOWN_STORY], "INC-7"),
    "drill_debrief": debrief_card(INCIDENT, drills.score(DRILL, ALL)),
    "drill_debrief_perfect": debrief_card(INCIDENT, drills.score(DRILL, (SHOWN, COMMANDER, ROLLED, WELL, PUBLISHED))),
    "drill_debrief_in_vain": debrief_card(INCIDENT, drills.score(begun(KNIGHT)[1], ALL)),
    "drill_debrief_nothing": debrief_card(INCIDENT, drills.score(DRILL, ())),
    "drill_over": incident_card(
        replace(INCIDENT, phase=Phase.RESOLVED, summary="Rolled back.", resolved_at=NOON + minutes(9)),
        (),
        (),
        (),
        POLICY,
    ),
}


@pytest.mark.parametrize("name", GALLERY)
def test_looks_as_agreed(name):
    check(GALLERY[name])
    same_as(f"{name}.json", GALLERY[name])


def test_what_was_typed_stays_text_and_within_slacks_limits():
    typed = [replace(WRONG, text=f"<!channel> *{n}* <http://x|y> " + "`x" * 900) for n in range(40)]
    card = debrief_card(INCIDENT, drills.score(replace(DRILL, title="<!here>" * 99), typed))
    check(card)
    assert "<!" not in str(card)
