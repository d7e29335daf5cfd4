"""What the next word on a known alert means, sender by sender's habit."""

from __future__ import annotations

from bot.alerts import triage
from bot.decision import Decision, FurnishChannel, PostCard
from bot.episodes import is_stale
from bot.hearing import in_time
from bot.model import Alert, Entry, Incident, Severity
from bot.policy import Policy
from tests.bot.test_alerts import NOTHING, alerts, incidents, seen, texts
from tests.values import NOON, alert, incident, minutes

POLICY = Policy()
ALERTMANAGERS = {"alertname": "HighErrorRate", "service": "checkout"}


def labelled(key: str, severity: str, **other: object) -> Alert:
    return alert(key, severity=severity, labels=ALERTMANAGERS | {"severity": severity}, **other)


def by_key(decision: Decision) -> dict[str, Alert]:
    return {one.key: one for one in alerts(decision)}


# ---------------------------------------------------------------- when it began


def test_a_resolve_without_a_start_keeps_the_start() -> None:
    known = alert(incident="INC-7", starts_at=NOON - minutes(9))
    cleared = alert(firing=False, dated=False, starts_at=NOON, ends_at=NOON)
    [kept] = alerts(triage([cleared], seen(known, open=incident()), POLICY, NOON))
    assert (kept.starts_at, kept.ends_at, kept.firing) == (NOON - minutes(9), NOON, False)


def test_a_repeat_without_a_start_is_no_new_episode() -> None:
    known = alert(incident="INC-7", starts_at=NOON - minutes(9))
    decision = triage([alert(dated=False)], seen(known, open=incident()), POLICY, NOON)
    [kept] = alerts(decision)
    assert (kept.starts_at, kept.count) == (NOON - minutes(9), 2)
    assert not decision.note


def test_firing_again_without_a_start_is_a_new_episode() -> None:
    ended = alert(incident="INC-7", firing=False, starts_at=NOON - minutes(9), ends_at=NOON - minutes(3))
    decision = triage([alert(dated=False)], seen(ended, open=incident(onset_at=NOON)), POLICY, NOON)
    assert texts(decision) == ["HighErrorRate fired"]
    assert alerts(decision)[0].starts_at == NOON


def test_what_only_the_first_word_said_is_kept() -> None:
    first = alert(incident="INC-7", labels={"team": "shop"}, runbook="https://r", value="23%", image="https://i")
    [kept] = alerts(triage([alert(firing=False, ends_at=NOON)], seen(first, open=incident()), POLICY, NOON))
    assert (kept.labels, kept.runbook, kept.value, kept.image) == ({"team": "shop"}, "https://r", "23%", "https://i")


def test_what_was_measured_is_on_the_line() -> None:
    assert texts(triage([alert(value="23% of\nrequests")], NOTHING, POLICY, NOON))[-1] == (
        "HighErrorRate fired (23% of requests)"
    )


# ---------------------------------------------------------------- worse


def escalated(policy: Policy = POLICY, severity: Severity = Severity.SEV3) -> Decision:
    known = alert(severity="error", incident="INC-7")
    return triage([alert()], seen(known, open=incident(severity=severity)), policy, NOON)


def test_a_worse_word_in_the_same_episode_raises_the_incident() -> None:
    decision = escalated()
    assert [i.severity for i in incidents(decision)] == [Severity.SEV2]
    assert texts(decision) == [
        "severity SEV3 → SEV2 (HighErrorRate escalated)",
        "HighErrorRate escalated: error → critical",
    ]
    assert {PostCard("INC-7"), FurnishChannel("INC-7")} <= set(decision.do)


def test_where_the_policy_says_so_it_is_only_noted() -> None:
    decision = escalated(Policy(escalates=False))
    assert not incidents(decision)
    assert texts(decision) == ["HighErrorRate escalated: error → critical"]


def test_an_incident_that_is_worse_already_stays_as_it_is() -> None:
    assert not incidents(escalated(severity=Severity.SEV1))


def test_a_milder_word_in_the_same_episode_is_quiet() -> None:
    decision = triage([alert(severity="error")], seen(alert(incident="INC-7"), open=incident()), POLICY, NOON)
    assert not decision.note
    assert alerts(decision)[0].severity == "error"


def test_a_mild_alert_that_gets_severe_opens_an_incident() -> None:
    decision = triage([alert()], seen(alert(severity="warning")), POLICY, NOON)
    assert [i.id for i in incidents(decision)] == ["INC-7"]


def test_alertmanagers_changed_severity_is_an_escalation_and_no_recovery() -> None:
    """A changed label is a new fingerprint: the old one ends and the new one begins in one body."""
    old = labelled("old", "error", incident="INC-7")
    body = [
        labelled("new", "critical", starts_at=NOON + minutes(2)),
        labelled("old", "error", firing=False, ends_at=NOON + minutes(2)),
    ]
    for order in (body, body[::-1]):
        decision = triage(order, seen(old, open=incident(severity=Severity.SEV3)), POLICY, NOON + minutes(2))
        assert "HighErrorRate escalated: error → critical" in texts(decision)
        assert not [text for text in texts(decision) if "cleared" in text or "fired" in text]
        assert [i.severity for i in incidents(decision)] == [Severity.SEV2]
        assert by_key(decision)["new"].incident == by_key(decision)["old"].incident == "INC-7"
        assert not by_key(decision)["old"].firing


def test_an_alert_that_eased_is_no_recovery_either() -> None:
    old = labelled("old", "critical", incident="INC-7")
    body = [labelled("old", "critical", firing=False, ends_at=NOON), labelled("new", "warning")]
    decision = triage(body, seen(old, open=incident()), POLICY, NOON)
    assert texts(decision) == ["HighErrorRate eased: critical → warning"]
    assert not incidents(decision)


def test_another_alert_that_fires_while_one_ends_is_both() -> None:
    old = labelled("old", "critical", incident="INC-7")
    other = alert("b", title="Slow", labels={"alertname": "Slow"})
    body = [labelled("old", "critical", firing=False, ends_at=NOON), other]
    decision = triage(body, seen(old, open=incident(onset_at=NOON)), POLICY, NOON)
    assert texts(decision) == ["Slow fired", "HighErrorRate cleared"]


def test_one_delivery_may_raise_the_severity_twice() -> None:
    known = [alert("a", severity="warning", incident="INC-7"), alert("b", severity="warning", incident="INC-7")]
    body = [alert("a", severity="error"), alert("b", severity="critical")]
    decision = triage(body, seen(*known, open=incident(severity=Severity.SEV4)), POLICY, NOON)
    assert [i.severity for i in incidents(decision)] == [Severity.SEV2]
    assert {type(noun) for noun in decision.save} == {Incident, Alert}
    assert all(isinstance(entry, Entry) and entry.incident == "INC-7" for entry in decision.note)


# ---------------------------------------------------------------- flapping


def flapping(times: int, every: float, policy: Policy = POLICY) -> tuple[list[str], Alert]:
    """The lines of an alert that fires and clears again and again, and how it is known at the end."""
    here, said = incident(onset_at=NOON), list[str]()
    [known] = alerts(triage([alert(incident="INC-7")], seen(open=here), policy, NOON))
    for n in range(1, times):
        at = NOON + minutes(n * every)
        for news in (alert(firing=False, ends_at=at), alert(starts_at=at)):
            decision = triage([news], seen(known, open=here), policy, at)
            [known] = alerts(decision)
            assert PostCard("INC-7") in decision.do  # the card shows what fires now
            said += texts(decision)
    return said, known


def test_an_alert_that_flaps_gets_one_line_and_is_counted() -> None:
    said, known = flapping(12, every=1)
    assert said[:-1] == ["HighErrorRate cleared", "HighErrorRate fired"] * 3 + ["HighErrorRate cleared"]
    assert said[-1] == "HighErrorRate is flapping: it fired 5 times within 15 min, and is only counted until calm"
    assert known.incident == "INC-7"


def test_one_that_fires_seldom_does_not_flap() -> None:
    said, known = flapping(12, every=4)
    assert said == ["HighErrorRate cleared", "HighErrorRate fired"] * 11
    assert len(known.fires) <= POLICY.flaps_after + 1


def test_when_it_is_calm_it_is_told_as_before() -> None:
    _, known = flapping(12, every=1)
    later = NOON + minutes(60)
    cleared = triage([alert(firing=False, ends_at=later)], seen(known, open=incident()), POLICY, later)
    assert texts(cleared) == ["HighErrorRate cleared"]
    [known] = alerts(cleared)
    again = triage([alert(starts_at=later)], seen(known, open=incident(onset_at=NOON)), POLICY, later)
    assert texts(again) == ["HighErrorRate fired"]


def test_how_often_is_configured() -> None:
    said, _ = flapping(12, every=1, policy=Policy(flaps_after=2, flaps_within=minutes(60)))
    assert said[-1] == "HighErrorRate is flapping: it fired 3 times within 1 h, and is only counted until calm"


def test_long_after_its_end_an_old_beginning_is_no_old_copy() -> None:
    """Alertmanager names the first time again for what it had lost sight of."""
    again, ended = alert(), alert(firing=False, ends_at=NOON + minutes(5))
    assert is_stale(again, ended, NOON + minutes(6))
    assert not is_stale(again, ended, NOON + minutes(8))


def heard_ahead(firing: bool, at: float, known: Alert | None, *, began: float = 0) -> Alert:
    """At this minute, from a sender whose clock is ten minutes ahead."""
    now = NOON + minutes(at)
    ends_at = None if firing else now + minutes(10)
    said = alert(firing=firing, starts_at=NOON + minutes(began + 10), ends_at=ends_at)
    one = in_time(said, now)
    assert isinstance(one, Alert)
    decision = triage([one], seen(*[known] if known else [], open=incident()), POLICY, now)
    return alerts(decision)[0] if alerts(decision) else known or one


def test_an_old_copy_is_one_though_the_clock_of_its_sender_runs_ahead() -> None:
    fired = heard_ahead(True, 0, None)
    for end in (3, 6):  # its beginning is later than is believed, and a little later than now
        ended = heard_ahead(False, end, fired)
        assert (ended.firing, ended.starts_at) == (False, NOON)
        assert heard_ahead(True, end + 1, ended) == ended, "a copy that was held up"
        again = heard_ahead(True, end + 1, ended, began=end + 1)
        assert (again.firing, again.starts_at) == (True, NOON + minutes(end + 1)), "and this is no copy"
        assert heard_ahead(True, end + 3, ended).firing, "so long after the end it fires again"


def test_a_beginning_that_is_later_than_now_no_more_is_no_new_episode() -> None:
    fired = heard_ahead(True, 0, None)
    repeat = heard_ahead(True, 7, fired)
    assert (repeat.count, repeat.starts_at) == (2, NOON)
