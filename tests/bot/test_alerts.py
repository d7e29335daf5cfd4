from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.alerts import Seen, triage
from bot.decision import NameSuspects, OpenChannel, PostCard, SendPost
from bot.model import Alert, Incident, Phase, Severity
from bot.policy import Policy
from bot.routes import group_of
from bot.storms import next_edit
from tests.values import NOON, alert, incident, minutes

NOTHING = Seen(alerts={}, open={}, recent={}, next_number=7)
POLICY = Policy()


def seen(*alerts: Alert, open: Incident | None = None, recent: Incident | None = None) -> Seen:
    return Seen(
        alerts={a.key: a for a in alerts},
        open={open.group: open} if open else {},
        recent={recent.group: recent} if recent else {},
        next_number=7,
    )


def incidents(decision):
    return [noun for noun in decision.save if isinstance(noun, Incident)]


def alerts(decision):
    return [noun for noun in decision.save if isinstance(noun, Alert)]


def texts(decision):
    return [entry.text for entry in decision.note]


def test_a_severe_alert_opens_an_incident():
    decision = triage([alert()], NOTHING, POLICY, NOON)
    [opened] = incidents(decision)
    assert (opened.id, opened.severity, opened.onset_at) == ("INC-7", Severity.SEV2, NOON)
    assert OpenChannel("INC-7") in decision.do
    assert texts(decision) == ["SEV2 opened from an alert: HighErrorRate", "HighErrorRate fired"]
    assert alerts(decision)[0].incident == "INC-7"


def test_a_mild_alert_is_kept_and_stays_quiet():
    decision = triage([alert(severity="warning")], NOTHING, POLICY, NOON)
    assert not incidents(decision)
    assert not decision.note
    assert not decision.do
    assert len(alerts(decision)) == 1


def test_a_mild_alert_joins_an_open_incident_of_its_service():
    decision = triage([alert(severity="info", title="Slow")], seen(open=incident()), POLICY, NOON)
    assert not [i for i in incidents(decision) if i.id != "INC-7"]
    assert texts(decision) == ["Slow fired"]
    assert PostCard("INC-7") in decision.do


def test_another_group_of_the_same_service_joins_too():
    decision = triage([alert("b", group="other")], seen(open=incident(onset_at=NOON)), POLICY, NOON)
    assert not incidents(decision)
    assert alerts(decision)[0].incident == "INC-7"


def test_an_earlier_start_moves_the_onset():
    early = alert("b", starts_at=NOON - minutes(5))
    [moved] = incidents(triage([early], seen(open=incident(onset_at=NOON)), POLICY, NOON))
    assert moved.onset_at == NOON - minutes(5)


def test_one_delivery_with_two_services_opens_two_incidents():
    decision = triage([alert("a"), alert("b", service="search")], NOTHING, POLICY, NOON)
    assert [i.id for i in incidents(decision)] == ["INC-7", "INC-8"]
    assert NameSuspects("INC-8") in decision.do


OPEN = incident(onset_at=NOON)


def test_suspects_are_named_at_once_where_an_incident_begins_and_weighed_again_soon():
    assert NameSuspects("INC-7") in triage([alert()], NOTHING, POLICY, NOON).do
    assert NameSuspects("INC-7") in triage([alert(starts_at=NOON - minutes(9))], seen(open=OPEN), POLICY, NOON).do
    joins = triage([alert("b")], seen(open=OPEN), POLICY, NOON)
    assert NameSuspects("INC-7", due=next_edit(NOON)) in joins.do, "each of a thousand alerts asks for it"


def test_a_repeat_is_counted_and_says_nothing():
    known = alert(incident="INC-7")
    decision = triage([alert()], seen(known, open=incident()), POLICY, NOON + minutes(5))
    assert not decision.note
    assert not decision.do
    assert alerts(decision)[0].count == 2


def test_a_cleared_alert_is_noted_and_resolves_nothing():
    known = alert(incident="INC-7")
    cleared = alert(firing=False, ends_at=NOON + minutes(3))
    decision = triage([cleared], seen(known, open=incident()), POLICY, NOON + minutes(4))
    assert texts(decision) == ["HighErrorRate cleared"]
    assert decision.note[0].at == NOON + minutes(3)
    assert not incidents(decision)


def test_an_unknown_clear_is_stored_and_stays_quiet():
    decision = triage([alert(firing=False, ends_at=NOON)], NOTHING, POLICY, NOON)
    assert not decision.note
    assert not decision.do
    assert len(alerts(decision)) == 1


def test_firing_again_within_the_cooling_time_reopens():
    old = incident(phase=Phase.RESOLVED, resolved_at=NOON - minutes(5), channel="C1")
    decision = triage([alert()], seen(recent=old), POLICY, NOON)
    [again] = incidents(decision)
    assert (again.id, again.phase, again.resolved_at) == ("INC-7", Phase.INVESTIGATING, None)
    assert "reopened: HighErrorRate fired again" in texts(decision)
    assert any(isinstance(effect, SendPost) for effect in decision.do)


def test_an_old_copy_of_an_ended_episode_is_ignored():
    ended = alert(firing=False, ends_at=NOON + minutes(1), incident="INC-7")
    assert not triage([alert()], seen(ended, open=incident()), POLICY, NOON + minutes(2)).save


def test_a_later_start_is_a_new_episode():
    ended = alert(firing=False, ends_at=NOON + minutes(1), incident="INC-7")
    decision = triage([alert(starts_at=NOON + minutes(9))], seen(ended, open=incident(onset_at=NOON)), POLICY, NOON)
    assert texts(decision) == ["HighErrorRate fired"]


def test_ten_thousand_alerts_of_one_service_are_one_incident_and_a_few_lines():
    decision = triage([alert(str(n)) for n in range(10_000)], NOTHING, POLICY, NOON)
    assert len(incidents(decision)) == 1
    assert texts(decision)[-1] == "HighErrorRate fired, and 9999 more alerts with it"
    assert len(decision.do) < 10


def test_without_a_service_the_senders_group_decides():
    both = [alert("a", service="", group="g1"), alert("b", service="", group="g1")]
    assert {group_of(a) for a in both} == {"g1"}
    assert len(incidents(triage(both, NOTHING, POLICY, NOON))) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 5)), max_size=12))
def test_whatever_comes_each_noun_is_saved_once_and_each_incident_is_explained(deliveries):
    batch = [alert(key, firing=firing, starts_at=NOON + minutes(at)) for key, firing, at in deliveries]
    decision = triage(batch, NOTHING, POLICY, NOON)
    keys = [a.key for a in alerts(decision)]
    assert len(keys) == len(set(keys))
    assert {i.id for i in incidents(decision)} <= {entry.incident for entry in decision.note}


def test_redelivering_the_whole_body_changes_nothing_but_the_count():
    first = triage([alert()], NOTHING, POLICY, NOON)
    [opened], [known] = incidents(first), alerts(first)
    again = triage([alert()], seen(known, open=replace(opened, version=1)), POLICY, NOON)
    assert not again.note
    assert not again.do
    assert not incidents(again)


def test_a_new_episode_without_a_heard_end_opens_a_new_incident():
    long_ago = alert(incident="INC-6")
    decision = triage([alert(starts_at=NOON + minutes(10_000))], seen(long_ago), POLICY, NOON + minutes(10_001))
    assert [i.id for i in incidents(decision)] == ["INC-7"]


def test_what_still_fires_long_after_its_incident_was_resolved_is_news_again():
    still = alert(incident="INC-6")
    assert [i.id for i in incidents(triage([alert()], seen(still), POLICY, NOON + minutes(90)))] == ["INC-7"]
    resolved = incident(6, phase=Phase.RESOLVED, resolved_at=NOON)
    assert not incidents(triage([alert()], seen(still, recent=resolved), POLICY, NOON + minutes(5)))
