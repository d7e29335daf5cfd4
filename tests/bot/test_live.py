"""The life of a live card: when it is kept up and when it rests, and what is worth a plot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot import live
from bot.cards import rollout as cards
from bot.decision import Decision, PlotRollout, ShowRollout
from bot.intents import BLUE_GREEN
from bot.model import LiveCard, Post, Rollout, RolloutPhase
from bot.policy import Policy
from bot.signals import SIGNALS, Mark, MarkKind, read_mark
from tests.bot.rollout_values import V41, V42, V43, idle, in_flight
from tests.values import NOON, incident

ID = "INC-7/card/checkout"
PLOTTED = Policy(signals=tuple(SIGNALS.values()))
LATER = NOON + timedelta(minutes=4)


def card(**other: Any) -> LiveCard:
    """Shown at noon, while v42 was in step 1."""
    values: dict[str, Any] = {"revision": "hash42", "stable": "hash41", "step": 1, "version": 1}
    return replace(live.new(ID, NOON), **values | other)


def looked(before: LiveCard, rollout: Rollout, now: datetime = LATER, policy: Policy = PLOTTED) -> Decision:
    return live.looked(before, rollout, policy, now)


def after(decision: Decision) -> LiveCard:
    return next(noun for noun in decision.save if isinstance(noun, LiveCard))


def marks(decision: Decision) -> list[tuple[str, str]]:
    return [(mark.kind.value, mark.text) for mark in map(read_mark, after(decision).marks)]


def plots(decision: Decision) -> list[tuple[str, float]]:
    drawn = [effect for effect in decision.do if isinstance(effect, PlotRollout)]
    return [(one.subject, (one.due - LATER).total_seconds()) for one in drawn if one.due]


def again(decision: Decision) -> list[float]:
    shown = [effect for effect in decision.do if isinstance(effect, ShowRollout)]
    return [(one.due - LATER).total_seconds() for one in shown if one.due]


def test_ids_name_the_home_and_the_service() -> None:
    assert live.card_id("INC-7", "checkout", "production") == ID
    assert (live.home_of(ID), live.rollout_of(ID)) == ("INC-7", ("checkout", "production"))
    assert live.card_of_plot(live.plot_id(ID, "hash42-1")) == (ID, "hash42-1")


def test_while_it_moves_it_is_looked_at_often() -> None:
    decision = looked(card(), in_flight())
    assert again(decision) == [10]
    assert after(decision).quiet_since is None


def test_at_rest_it_is_looked_at_seldom_and_then_no_more() -> None:
    resting = looked(card(revision="hash41", step=5), idle())
    assert again(resting) == [30]
    assert after(resting).stopped_at is None
    ended = looked(replace(after(resting), quiet_since=LATER - live.QUIET), idle())
    assert again(ended) == []
    assert after(ended).stopped_at == LATER
    assert live.sleeps(after(ended), idle())
    assert not live.sleeps(after(ended), in_flight())


def test_a_release_after_its_rest_revives_it() -> None:
    rested = card(stopped_at=NOON, quiet_since=NOON, revision="hash41", step=5)
    revived = after(looked(rested, in_flight()))
    assert revived.stopped_at is None
    assert revived.quiet_since is None


def test_an_aborted_rollout_is_at_rest_when_its_traffic_is_back() -> None:
    assert live.goes_on(in_flight(aborted=True, weight=20))
    assert not live.goes_on(in_flight(aborted=True, weight=0, phase=RolloutPhase.DEGRADED))


def test_the_end_of_a_pause_is_plotted_when_its_effect_is_measured() -> None:
    decision = looked(card(), in_flight(step=3))
    assert plots(decision) == [(f"{ID}/plot/hash42-1", 20)]
    assert marks(decision) == [("step", "pause 5m"), ("step", "set weight 50%")]


def test_a_weight_that_is_set_has_nothing_to_show_yet() -> None:
    assert plots(looked(card(step=0), in_flight(step=1))) == []


def test_a_pause_that_waits_for_a_person_is_plotted_while_they_decide() -> None:
    waiting = in_flight(step=3, waiting="CanaryPauseStep", for_person=True, phase=RolloutPhase.PAUSED)
    decision = looked(card(step=2), waiting)
    assert plots(decision) == [(f"{ID}/plot/hash42-3", 60)]
    assert ("pause", "pause until promoted") in marks(decision)
    promoted = looked(after(decision), in_flight(step=4))
    assert plots(promoted) == []  # one for each step


def test_an_abort_and_an_end_are_plotted_once() -> None:
    aborted = in_flight(aborted=True, weight=0, weight_set=0, phase=RolloutPhase.DEGRADED)
    decision = looked(card(), aborted)
    assert plots(decision) == [(f"{ID}/plot/hash42-aborted", 20)]
    assert marks(decision) == [("abort", "v42 is aborted")]
    assert plots(looked(after(decision), aborted)) == []
    undone = looked(after(decision), idle())
    assert plots(undone) == []
    assert marks(undone)[-1] == ("abort", "back to v41")


def test_a_release_that_becomes_stable_is_plotted() -> None:
    decision = looked(card(step=4), idle(current=V42, stable=V42, history=(V42, V41)))
    assert plots(decision) == [(f"{ID}/plot/hash42-finished", 20)]
    assert marks(decision) == [("finish", "v42 is stable")]


def test_a_first_look_invents_no_past() -> None:
    decision = looked(live.new(ID, NOON), in_flight(step=3, aborted=True))
    assert marks(decision) == [("begin", "v42 is under way")]
    assert plots(decision) == []
    assert marks(looked(live.new(ID, NOON), idle())) == []


def test_a_newer_deploy_begins_anew() -> None:
    decision = looked(card(step=3, held="by hand"), in_flight(current=V43, step=1))
    assert marks(decision) == [("begin", "v43 begins"), ("step", "set weight 20%")]


def test_a_pause_by_hand_is_marked_and_not_plotted() -> None:
    decision = looked(card(), in_flight(paused=True, phase=RolloutPhase.PAUSED))
    assert marks(decision) == [("pause", "paused by hand")]
    assert plots(decision) == []


def test_without_prometheus_nothing_is_plotted_and_no_word_is_lost_about_it() -> None:
    assert plots(looked(card(), in_flight(step=3), policy=Policy())) == []


def test_a_blue_green_switch_that_waits_is_marked() -> None:
    waits = in_flight(strategy=BLUE_GREEN, steps=(), step=0, waiting="BlueGreenPause", for_person=True)
    assert marks(looked(card(step=0), waits)) == [("pause", "paused")]


def test_marks_are_read_as_they_were_written() -> None:
    mark = Mark(at=NOON, kind=MarkKind.STEP, text="set weight 20%", moment="hash42-0")
    assert read_mark(str(mark)) == mark
    assert read_mark(str(replace(mark, moment="", text=""))) == replace(mark, moment="", text="")


def test_a_cluster_that_is_away_leaves_what_stands_there_and_says_how_old_it_is() -> None:
    shown = live.face(card(), cards.rollout_card(in_flight()), NOON)
    post = Post(id=ID, incident="INC-7", channel="C1", text=shown.text, blocks=shown.blocks, ts="1.2", version=1)
    decision, face = live.unread(card(), post, "Kubernetes demo: no connection", LATER)
    assert face.blocks[:-1] == shown.blocks[:-1]
    assert "Not read since" in str(face.blocks[-1])
    assert again(decision) == [30]
    blind = after(decision)
    later, same = live.unread(blind, replace(post, blocks=face.blocks), "Kubernetes demo: no connection", LATER)
    assert same == face  # nothing to edit
    given_up, _ = live.unread(replace(blind, unread_since=LATER - live.BLIND), post, "no connection", LATER)
    assert again(given_up) == []
    assert again(later) == [30]


def test_unwatched_it_is_not_revived_but_by_a_word() -> None:
    stopped = after(live.unwatch(card(), "checkout", incident(), "U0BOB", LATER))
    assert stopped.stopped_by == "U0BOB"
    said = live.unwatch(stopped, "checkout", incident(), "U0BOB", LATER)
    assert said.save == ()
    assert "nothing was changed" in str(said.say)
    going = live.watch(stopped, incident(), "U0DANA", LATER)
    assert (after(going).stopped_by, after(going).stopped_at) == ("", None)
    assert [entry.text for entry in going.note] == ["shows checkout live in this channel"]
