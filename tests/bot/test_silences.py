"""Silences: asked for as people type, keeping quiet what they fit and nothing else, and ended honestly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import silences
from bot.alerts import triage
from bot.decision import Decision, EndSilence, Proclaim
from bot.errors import Refused
from bot.model import Alert, Post, Severity, Silence
from bot.policy import Policy, Route, Service
from bot.silences import Wanted
from tests.bot.test_alerts import alerts, incidents, seen, texts
from tests.values import NOON, alert, incident, minutes

POLICY = Policy(services={"checkout": Service(name="checkout")})
HOUR = timedelta(hours=1)
SILENCE = Silence(
    id="SIL-3",
    terms=("service=checkout",),
    starts_at=NOON - HOUR,
    until=NOON + HOUR,
    reason="moving",
    by="U0DANA",
    at=NOON - HOUR,
    version=1,
)


def wanted(*terms: str, starts_at: datetime = NOON, lasts: timedelta = 2 * HOUR, reason: str = "moving") -> Wanted:
    return Wanted(terms=terms, starts_at=starts_at, lasts=lasts, reason=reason)


def heard(*news: Alert, known: tuple[Alert, ...] = (), silence: Silence = SILENCE, **other: Any) -> Decision:
    return triage(news, replace(seen(*known, **other), silences=(silence,)), POLICY, NOON)


# ---------------------------------------------------------------- asked


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("team=shop --why moving", wanted("team=shop")),
        ("checkout --for 1h --why moving", wanted("service=checkout", lasts=HOUR)),
        ("team=a|b severity=warning —why moving", wanted("team=a", "team=b", "severity=warning")),
        ("alertname=~High.*|Low --why moving", wanted("alertname=~High.*|Low")),
        ('title="too hot" --why “moving”', wanted("title=too hot")),
        ("team=shop --why moving --from 22:00", wanted("team=shop", starts_at=NOON + timedelta(hours=10))),
        ("team=shop --why=moving --from=11:30", wanted("team=shop", starts_at=NOON + timedelta(hours=23.5))),
        ("team=shop --from 30m --for 1d --why moving", wanted("team=shop", starts_at=NOON + HOUR / 2, lasts=24 * HOUR)),
        ("team=shop --from 2026-03-06T12:00 --why moving", wanted("team=shop", starts_at=NOON + 24 * HOUR)),
    ],
)
def test_what_people_type(words: str, meant: Wanted) -> None:
    assert silences.parse(words, POLICY, NOON) == meant


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "Name one to"),
        ("--why moving", "Name one to"),
        ("team=shop", "Say why"),
        ("chekout --why x", "is no service and no LABEL=VALUE"),
        ("team=~( --why x", "is no regular expression"),
        ("team=shop --for 8d --why x", "at most 7 d"),
        ("team=shop --for 0h --why x", "no duration"),
        ("team=shop --for soon --why x", "no duration"),
        ("team=shop --from soon --why x", "no time"),
        ("team=shop --from 2026-03-04T12:00 --why x", "not within the next 30 days"),
        ("team=shop --from 99d --why x", "not within the next 30 days"),
    ],
)
def test_what_is_refused(words: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        silences.parse(words, POLICY, NOON)


def test_it_has_an_owner_and_an_end_and_everybody_hears_of_it() -> None:
    decision = silences.silence(wanted("team=shop"), 3, "U0DANA", NOON, "INC-7")
    made = next(noun for noun in decision.save if isinstance(noun, Silence))
    assert (made.id, made.by, made.until) == ("SIL-3", "U0DANA", NOON + 2 * HOUR)
    assert set(decision.do) == {EndSilence("SIL-3", due=made.until), Proclaim("SIL-3/begun")}
    assert texts(decision) == ["SIL-3 silences team=shop until 05 Mar 14:00 UTC: moving"]
    assert decision.note[0].incident == "INC-7"


def test_what_is_typed_pings_nobody() -> None:
    decision = silences.silence(wanted("team=<!here>", reason="<!channel> *now*"), 3, "U0DANA", NOON)
    post = next(noun for noun in decision.save if isinstance(noun, Post))
    assert "<!" not in post.text
    assert "<!" not in silences.listed([replace(SILENCE, reason="<!here>")], [0], NOON)


# ---------------------------------------------------------------- while it stands


def test_what_it_fits_is_kept_and_opens_nothing() -> None:
    decision = heard(alert(), alert("b", service="search"))
    assert [i.service for i in incidents(decision)] == ["search"]
    assert {one.key: one.silenced for one in alerts(decision)} == {"a": "SIL-3", "b": ""}


def test_it_does_not_join_an_open_incident_either() -> None:
    decision = heard(alert(), open=incident(onset_at=NOON))
    assert not decision.note
    assert alerts(decision)[0].incident == ""


def test_a_repeat_is_counted_and_stays_silent() -> None:
    [kept] = alerts(heard(alert(), known=(alert(silenced="SIL-3"),)))
    assert (kept.silenced, kept.count) == ("SIL-3", 2)


def test_its_end_is_quiet_and_it_still_counts_as_silenced() -> None:
    decision = heard(alert(firing=False, ends_at=NOON), known=(alert(silenced="SIL-3"),))
    assert not decision.note
    assert (alerts(decision)[0].silenced, alerts(decision)[0].firing) == ("SIL-3", False)


def test_what_an_incident_knows_already_stays_with_it() -> None:
    known, here = alert(incident="INC-7"), incident(onset_at=NOON)
    assert alerts(heard(alert(), known=(known,), open=here))[0].incident == "INC-7"
    assert texts(heard(alert(firing=False, ends_at=NOON), known=(known,), open=here)) == ["HighErrorRate cleared"]


def test_getting_worse_does_not_break_the_silence() -> None:
    decision = heard(alert(), known=(alert(severity="warning", silenced="SIL-3"),))
    assert not incidents(decision)
    assert alerts(decision)[0].silenced == "SIL-3"


@pytest.mark.parametrize(
    "other",
    [
        {"starts_at": NOON + minutes(1)},  # maintenance that begins later
        {"until": NOON},
        {"ended_at": NOON - minutes(1)},
        {"terms": ("service=checkout", "severity=warning")},
    ],
)
def test_where_it_does_not_hold_the_alert_is_news(other: dict[str, Any]) -> None:
    assert [i.id for i in incidents(heard(alert(), silence=replace(SILENCE, **other)))] == ["INC-7"]


def test_one_of_several_values_is_enough() -> None:
    either = replace(SILENCE, terms=("service=search", "service=checkout"))
    assert not incidents(heard(alert(), silence=either))


def test_a_service_is_what_the_route_says() -> None:
    policy = Policy(routes=(Route(match={"app": ("cart",)}, service="checkout", severity=Severity.SEV1),))
    one = alert(service="", labels={"app": "cart"})
    assert not incidents(triage([one], replace(seen(), silences=(SILENCE,)), policy, NOON))


# ---------------------------------------------------------------- ended


def test_what_still_fires_when_it_ends_is_news_again() -> None:
    decision = triage([alert(silenced="SIL-3")], seen(alert(silenced="SIL-3")), POLICY, NOON)
    assert [i.id for i in incidents(decision)] == ["INC-7"]
    assert (alerts(decision)[0].silenced, alerts(decision)[0].incident) == ("", "INC-7")


def test_its_end_says_what_was_missed() -> None:
    decision = silences.end(SILENCE, [alert()], 3, "U0BOB", NOON)
    assert decision.say == (
        ":bell: SIL-3, the silence of `service=checkout`, is over by <@U0BOB>: "
        "3 alerts were silenced, 1 of them still fires and is news again."
    )
    assert [noun.ended_by for noun in decision.save if isinstance(noun, Silence)] == ["U0BOB"]


def test_one_that_does_not_stand_cannot_be_ended() -> None:
    assert silences.find("sil3", [SILENCE]) == SILENCE
    for word, why in (("SIL-4", "No silence"), ("", "Say which silence"), ("checkout", "No silence")):
        with pytest.raises(Refused, match=why):
            silences.find(word, [SILENCE])
