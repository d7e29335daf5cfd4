"""Storms: one incident takes in what would open, and keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.alerts import triage
from bot.decision import Decision, OpenChannel, PostCard
from bot.model import Alert, Incident, Phase, Severity
from bot.policy import Policy
from bot.storms import EDITS, STORM, next_edit, why
from tests.bot.test_alerts import NOTHING, alerts, incidents, seen, texts
from tests.values import NOON, alert, incident, minutes

POLICY = Policy()
RECENT = [NOON - minutes(n) for n in range(5)]
INCIDENT = incident(title="Alert storm", service="", group=STORM, onset_at=NOON)


def of(service: str, **other: Any) -> Alert:
    return alert(service, service=service, **other)


def heard(*news: Alert, known: tuple[Alert, ...] = (), **other: Any) -> Decision:
    return triage(news, replace(seen(*known, **other), opened=RECENT), POLICY, NOON)


def test_one_delivery_opens_five_and_one_for_all_the_rest() -> None:
    decision = triage([of(f"s{n}") for n in range(40)], NOTHING, POLICY, NOON)
    made = incidents(decision)
    assert [i.id for i in made] == [f"INC-{n}" for n in range(7, 13)]
    assert made[-1].title == "Alert storm: more than 5 incidents within 5 min"
    assert [i.group for i in made[:2]] == ["s0/production", "s1/production"]
    assert made[-1].group == STORM
    assert sum(one.incident == "INC-12" for one in alerts(decision)) == 35
    assert sum(isinstance(effect, OpenChannel) for effect in decision.do) == 6
    assert len(decision.note) < 20


def test_it_is_as_severe_as_the_worst_that_it_took_in() -> None:
    decision = heard(of("a", severity="error"), of("b", severity="sev1"), of("c", severity="error"))
    assert [i.severity for i in incidents(decision)] == [Severity.SEV1]
    assert "severity SEV3 → SEV1 (HighErrorRate fired)" in texts(decision)


def test_a_storm_that_has_its_incident_gets_no_second() -> None:
    decision = heard(of("a"), open=INCIDENT)
    assert {one.incident for one in alerts(decision)} == {"INC-7"}
    assert not [effect for effect in decision.do if isinstance(effect, OpenChannel)]


def test_its_card_is_edited_seldom() -> None:
    decision = heard(of("a"), open=INCIDENT)
    [card] = [effect for effect in decision.do if isinstance(effect, PostCard)]
    assert card.due == next_edit(NOON)
    assert 0 < (next_edit(NOON) - NOON).total_seconds() <= EDITS
    assert next_edit(NOON) == next_edit(NOON + minutes(0.05))  # within one slot it is one edit


def test_an_alert_whose_incident_is_open_joins_that() -> None:
    assert {one.incident for one in alerts(heard(alert(), open=incident(onset_at=NOON)))} == {"INC-7"}


def test_what_it_took_in_stays_with_it_when_it_has_calmed_down() -> None:
    known = of("a", incident="INC-7", severity="error")
    calm = replace(seen(known, open=INCIDENT), opened=())
    for news in (
        of("a", severity="error"),
        of("a", starts_at=NOON + minutes(1)),
        of("a", severity="critical"),
        of("a", firing=False, ends_at=NOON),
    ):
        decision = triage([news], calm, POLICY, NOON + minutes(60))
        assert {one.incident for one in alerts(decision)} == {"INC-7"}
        assert {i.id for i in incidents(decision)} <= {"INC-7"}


def test_what_still_fires_after_it_was_resolved_is_quiet_for_the_cooling_time() -> None:
    over = replace(INCIDENT, phase=Phase.RESOLVED, resolved_at=NOON)
    known = of("a", incident="INC-7")
    assert not triage([of("a")], seen(known, recent=over), POLICY, NOON).note
    assert [i.id for i in incidents(triage([of("a")], seen(known), POLICY, NOON))] == ["INC-7"]


def test_what_fires_again_reopens_it_once() -> None:
    over = replace(INCIDENT, phase=Phase.RESOLVED, resolved_at=NOON)
    known = [of(name, incident="INC-7") for name in "abc"]
    again = [of(name, starts_at=NOON + minutes(1)) for name in "abc"]
    decision = triage(again, seen(*known, recent=over), POLICY, NOON + minutes(1))
    assert [(i.id, i.phase) for i in incidents(decision)] == [("INC-7", Phase.INVESTIGATING)]
    assert sum("reopened" in text for text in texts(decision)) == 1


def test_a_storm_soon_after_one_reopens_it() -> None:
    over = replace(INCIDENT, phase=Phase.RESOLVED, resolved_at=NOON)
    assert [i.id for i in incidents(heard(of("a"), recent=over))] == ["INC-7"]


def test_too_many_in_an_hour_are_a_storm_too() -> None:
    slowly = [NOON - minutes(10 + n) for n in range(20)]
    assert why(slowly, POLICY, NOON) == "more than 20 incidents within an hour"
    assert why(slowly[1:], POLICY, NOON) == ""
    assert why([NOON - minutes(61)] * 99, POLICY, NOON) == ""


def test_how_many_is_configured() -> None:
    made = incidents(triage([of(f"s{n}") for n in range(9)], NOTHING, Policy(storm_incidents=2), NOON))
    assert len(made) == 3
    assert all(isinstance(one, Incident) for one in made)
