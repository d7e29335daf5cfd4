"""What a plot is about: which figures, of which side, between which moments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot import live, signals
from bot.signals import SIGNALS, Mark, MarkKind, Panel
from tests.bot.rollout_values import request
from tests.values import NOON, change


def minute(n: float) -> timedelta:
    return timedelta(minutes=n)


MARKS = (
    Mark(at=NOON, kind=MarkKind.BEGIN, text="v41 begins"),
    Mark(at=NOON + minute(20), kind=MarkKind.BEGIN, text="v42 begins"),
    Mark(at=NOON + minute(25), kind=MarkKind.STEP, text="pause 5m", moment="hash42-1"),
)
CARD = replace(live.new("INC-7/card/checkout", NOON), marks=tuple(map(str, MARKS)))
SENT = request(acted_at=NOON + minute(26))


def test_a_chart_begins_before_the_release_and_ends_now() -> None:
    chart = signals.chart(CARD, "hash42-1", [SENT, request()], SIGNALS.values(), NOON + minute(27))
    assert chart is not None
    assert (chart.start, chart.end) == (NOON + minute(17), NOON + minute(27))
    assert [mark.text for mark in chart.marks] == ["v42 begins", "pause 5m", "rollback sent"]
    assert [panel.signal.title for panel in chart.panels] == [signal.title for signal in SIGNALS.values()]
    assert (chart.title, chart.step) == ("pause 5m", timedelta(seconds=5))


def test_a_long_release_is_cut_to_what_can_be_read() -> None:
    chart = signals.chart(CARD, "hash42-1", [], SIGNALS.values(), NOON + minute(600))
    assert chart is not None
    assert chart.end - chart.start == signals.LONGEST
    assert chart.step == timedelta(seconds=48)


def test_a_moment_that_nobody_remembers_has_no_chart() -> None:
    assert signals.chart(CARD, "hash42-9", [], SIGNALS.values(), NOON) is None


def test_series_are_told_apart_by_words_or_by_the_hash_of_their_pods() -> None:
    points = ((NOON, 0.5),)
    found = [
        ({"track": "stable"}, points),
        ({"rollouts_pod_template_hash": "hash42"}, points),
        ({"track": "baseline"}, points),
        ({"track": "canary"}, ()),
    ]
    panel = signals.measured(Panel(signal=SIGNALS["errors"]), found, "hash42", "hash41")
    assert [(line.canary, line.points) for line in panel.lines] == [
        (False, ((NOON, 50.0),)),
        (True, ((NOON, 50.0),)),
    ]


def test_of_many_series_few_are_drawn() -> None:
    found = [({"track": "canary", "pod": str(n)}, ((NOON, 1.0),)) for n in range(100)]
    assert len(signals.measured(Panel(signal=SIGNALS["errors"]), found, "", "").lines) == signals.MOST_LINES


def test_around_an_incident_its_deploys_and_actions_are_marked() -> None:
    began, end = NOON, NOON + minute(30)
    changes = [change("a"), change("long ago", at=NOON - minute(60))]
    acted = request(acted_at=NOON + minute(5))
    chart = signals.incident_chart("checkout", "production", began, end, changes, [acted], SIGNALS.values())
    assert [(mark.kind, mark.text) for mark in chart.marks] == [
        (MarkKind.BEGIN, "deploy v42"),
        (MarkKind.ACT, "rollback sent"),
    ]
    assert (chart.start, chart.end) == (NOON - minute(15), end)
    assert len(chart.panels) == len(SIGNALS)
