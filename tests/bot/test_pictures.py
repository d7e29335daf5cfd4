"""Which pictures of an alert are shown, and what ours is about."""

from __future__ import annotations

import pytest

from bot import pictures
from bot.alerts import triage
from bot.cards.picture import picture
from bot.decision import ShowPicture
from bot.expressions import Measure
from bot.policy import Policy
from bot.signals import MarkKind
from tests.blockkit import check
from tests.bot.test_alerts import seen
from tests.values import NOON, alert, change, incident, minutes

PICTURE = "https://grafana.example/render/7.png"
RULE = "http://prometheus.example/graph?g0.expr=errors+%3E+3"


def test_the_first_few_are_shown_and_each_once() -> None:
    both = [alert("a"), alert("b", image=PICTURE), alert("c", image=PICTURE, url=RULE), alert("d", url=RULE)]
    found = pictures.of(both, both[1:3])
    assert found.drawn == (both[1],)
    assert found.measured == (both[2], Measure(query="errors", limit=3.0))
    assert not pictures.of([alert("a", url="https://grafana.example")], [])
    many = [alert(str(n), image=f"{PICTURE}?{n}", starts_at=NOON + minutes(n), firing=n != 1) for n in range(9)]
    assert pictures.of([], many).drawn == (many[0], many[2]), "an ended one counts, so that they are never more"
    assert pictures.of([], [alert("a", image="http://grafana.example/7.png"), *many[3:]]).drawn == tuple(many[3:6])


def test_what_fires_later_brings_its_own() -> None:
    shown = ShowPicture("INC-7/later", due=NOON + pictures.WHILE)
    known = seen(open=incident(group="checkout/production", channel="C1"))
    assert shown in triage([alert(image=PICTURE)], known, Policy(), NOON).do
    assert not [one for one in triage([alert()], known, Policy(), NOON).do if isinstance(one, ShowPicture)]
    opening = triage([alert(image=PICTURE)], seen(), Policy(), NOON)
    assert not [one for one in opening.do if isinstance(one, ShowPicture)], "the channel shows it as it opens"
    assert pictures.key_of("INC-7", alert("a" * 999)) != pictures.key_of("INC-7", alert("a" * 998))


@pytest.mark.parametrize(
    "url", [None, "http://grafana.example/7.png", "https://user:secret@grafana.example/7.png", "https:///7.png", "x"]
)
def test_slack_is_asked_to_fetch_nothing_else(url: str | None) -> None:
    assert not pictures.is_shown(url)


def test_words_from_outside_stay_text() -> None:
    card = picture(alert(title="<!channel> *bad* `", image=PICTURE, source="grafana"))
    check(card)
    assert "<!channel>" not in card.text
    assert card.blocks[0]["image_url"] == PICTURE


def test_our_own_is_of_the_time_around_the_onset_with_its_deploys() -> None:
    measure = Measure(query="errors", limit=3.0)
    chart = pictures.chart(alert(), measure, incident(), [change("a"), change("b", at=NOON - minutes(60))], NOON)
    assert (chart.start, chart.end, chart.sides) == (NOON - minutes(15), NOON, False)
    assert [(mark.kind, mark.text) for mark in chart.marks] == [
        (MarkKind.BEGIN, "deploy v42"),
        (MarkKind.ALERT, "alert fired"),
    ]
    old = pictures.chart(alert(starts_at=NOON - minutes(6000)), measure, incident(), [], NOON)
    assert old.end - old.start == minutes(120)


def test_of_many_series_the_highest_are_drawn() -> None:
    chart = pictures.chart(alert(), Measure(query="errors"), incident(), [], NOON)
    drawn = pictures.measured(chart, [({"pod": str(n)}, ((NOON, float(n)),)) for n in range(30)] + [({}, ())])
    assert [line.points[0][1] for line in drawn.panels[0].lines] == [29, 28, 27, 26, 25, 24, 23, 22]
