"""Heartbeats: silence is an alert, and being heard again clears it."""

from __future__ import annotations

from dataclasses import replace

from bot import heartbeats
from bot.decision import CheckHeartbeat
from bot.heartbeats import Beat, expected, heard_of
from bot.model import Heartbeat
from bot.policy import Policy, Route
from tests.values import NOON, alert, minutes

EVERY = minutes(10)
BEAT = Heartbeat(id="ci", last_at=NOON, version=1)
SILENT = replace(BEAT, silent_since=NOON)
WATCHDOG = Route(match={"alertname": ("Watchdog",)}, expect_every=EVERY)
POLICY = Policy(routes=(WATCHDOG, Route()), expected_sources={"ci": EVERY})


def test_sources_and_watchdogs_are_expected() -> None:
    assert expected(POLICY) == {"ci": EVERY, "alertname=Watchdog": EVERY}


def test_whose_signs_of_life_they_are() -> None:
    fires = alert(labels={"alertname": "Watchdog"})
    assert heard_of(["ci", "other"], [fires, alert("b")], POLICY) == ("ci", "alertname=Watchdog")
    assert heard_of(["other"], [replace(fires, firing=False)], POLICY) == ()


def test_overdue_is_an_alert() -> None:
    beat = heartbeats.looked(BEAT, EVERY, NOON + EVERY)
    [raised] = beat.alerts
    assert (raised.firing, raised.starts_at) == (True, NOON)
    assert raised.title == "Nothing is heard of ci, which is expected every 10 min"
    assert beat.decision.save == (SILENT,)
    assert [entry.text for entry in beat.decision.note] == ["nothing is heard of ci, which is expected every 10 min"]


def test_what_came_meanwhile_is_looked_at_again_in_its_time() -> None:
    later = replace(BEAT, last_at=NOON + minutes(4))
    beat = heartbeats.looked(later, EVERY, NOON + EVERY)
    assert beat.decision.do == (CheckHeartbeat("ci", due=NOON + minutes(14)),)
    assert not beat.alerts


def test_it_is_said_once_and_not_of_what_is_no_longer_expected() -> None:
    assert heartbeats.looked(SILENT, EVERY, NOON + 3 * EVERY) == Beat()
    assert heartbeats.looked(BEAT, None, NOON + 3 * EVERY) == Beat()


def test_heard_again_clears_it() -> None:
    now = NOON + minutes(30)
    beat = heartbeats.heard("ci", SILENT, EVERY, now)
    assert [(one.firing, one.ends_at, one.key) for one in beat.alerts] == [(False, now, "heartbeat/ci")]
    assert beat.decision.save == (replace(BEAT, last_at=now),)
    assert beat.decision.do == (CheckHeartbeat("ci", due=now + EVERY),)
    assert [entry.text for entry in beat.decision.note] == ["ci is heard of again after 30 min"]


def test_what_is_heard_every_second_is_written_down_seldom() -> None:
    assert heartbeats.heard("ci", BEAT, EVERY, NOON + minutes(0.5)) == Beat()
    assert heartbeats.heard("ci", BEAT, EVERY, NOON + minutes(1)).decision.save


def test_after_a_start_everybody_has_the_whole_interval() -> None:
    now = NOON + minutes(60)
    for before in (BEAT, None):
        decision = heartbeats.begins("ci", before, EVERY, now)
        assert [noun.last_at for noun in decision.save if isinstance(noun, Heartbeat)] == [now]
        assert decision.do == (CheckHeartbeat("ci", due=now + EVERY),)
    assert not heartbeats.begins("ci", SILENT, EVERY, now).save  # it stays an alert until it is heard of
