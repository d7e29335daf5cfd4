from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import changes, roles
from bot.judgement.suspects import rank
from bot.model import Assignment, Change, ChangeStatus, Finding, Link, Migration, RequestState, Role, Verb, Verdict
from bot.policy import Group, Override, Policy, Rota, Service
from tests.bot.rollout_values import request
from tests.values import NOON, change, incident, minutes

POLICY = Policy(services={"checkout": Service(name="checkout", depends_on=("payments",))})


def named(*candidates, service="checkout"):
    return [s.change.version for s in rank(NOON, service, "production", ("payments",), candidates)]


def test_the_deploy_just_before_beats_the_older_one():
    assert named(change("a", version="old", at=NOON - minutes(90)), change("b", version="new")) == ["new", "old"]


def test_the_own_service_beats_a_neighbour_and_a_stranger_is_last():
    near = [
        change("s", version="stranger", service="search"),
        change("n", version="neighbour", service="payments"),
        change("o", version="own"),
    ]
    assert named(*near) == ["own", "neighbour", "stranger"]


def test_what_went_to_staging_first_is_less_likely_than_the_same_in_production():
    first, then = change("s", environment="staging"), change("p", at=NOON - minutes(90))
    both = rank(NOON, "checkout", "production", (), [first, then])
    assert [suspect.change.environment for suspect in both] == ["production", "staging"]
    assert "in staging, not in production" in both[1].reasons


def test_a_change_after_the_onset_has_an_alibi():
    assert named(change(at=NOON + minutes(10))) == []
    assert named(change(at=NOON + minutes(2))) == ["v42"]


def test_what_was_rolled_back_long_before_is_no_suspect():
    back = {"status": ChangeStatus.ROLLED_BACK}
    assert named(change("old", at=NOON - minutes(40), **back)) == []
    assert named(change("old", at=NOON - minutes(40))) == ["v42"]
    assert named(change("just now", at=NOON - minutes(1), **back)) == ["v42"]  # it may have left something behind


def test_reasons_are_words():
    [suspect] = rank(NOON, "checkout", "production", (), [change()])
    assert suspect.reasons == ("began 2 min before the onset", "same service", "still going on")


def test_never_more_than_three():
    assert len(named(*(change(str(n), version=str(n)) for n in range(9)))) == 3


@given(st.integers(0, 350), st.integers(0, 350))
def test_closer_is_never_less_likely(a, b):
    near, far = sorted((a, b))
    [close] = rank(NOON, "checkout", "production", (), [change(at=NOON - minutes(near))])
    others = rank(NOON, "checkout", "production", (), [change(at=NOON - minutes(far))])
    assert not others or close.score >= others[0].score


def test_a_change_begins_once_and_ends_once():
    started, ended = change(), change(status=ChangeStatus.SUCCEEDED, at=NOON, actor="", url="https://ci/1")
    known = changes.merge(ended, started)
    assert (known.at, known.status, known.actor, known.url) == (started.at, ended.status, "ci", "https://ci/1")
    assert changes.merge(started, known) == known
    assert changes.merge(ended, known) == known


def test_the_end_may_arrive_before_the_beginning():
    ended = change(status=ChangeStatus.SUCCEEDED, at=NOON)
    known = changes.merge(change(), ended)
    assert (known.at, known.status) == (NOON - minutes(2), ChangeStatus.SUCCEEDED)


def test_the_same_version_may_be_shipped_again():
    known = changes.merge(change(status=ChangeStatus.SUCCEEDED, at=NOON), change())
    again = changes.merge(change(at=NOON + minutes(60)), known)
    assert (again.at, again.status) == (NOON + minutes(60), ChangeStatus.STARTED)
    assert changes.merge(change(status=ChangeStatus.SUCCEEDED, at=NOON), again) == again


def test_a_pipeline_that_tells_late_of_what_the_cluster_has_seen_through_begins_nothing():
    seen = change(status=ChangeStatus.SUCCEEDED, source="cluster", actor="")
    late = changes.merge(change(at=seen.at + minutes(2)), seen)
    assert (late.status, late.at, late.actor) == (ChangeStatus.SUCCEEDED, seen.at, "ci")
    again = changes.merge(change(at=seen.at + minutes(60)), seen)
    assert (again.status, again.at) == (ChangeStatus.STARTED, seen.at + minutes(60))


def test_a_change_of_a_neighbour_is_news_and_of_a_stranger_is_not():
    news = [change("p", service="payments"), change("s", service="search")]
    decision = changes.receive(news, {}, [incident()], POLICY, NOON)
    assert [entry.text for entry in decision.note] == ["deploy of payments v42 started"]
    assert [noun.key for noun in decision.save if isinstance(noun, Change)] == ["p", "s"]


def test_a_redelivered_change_is_no_news():
    assert changes.receive([change()], {change().key: change()}, [incident()], POLICY, NOON).save == ()


def test_suspects_are_named_once_and_a_persons_verdict_stays():
    first = changes.suspects_named(incident(), [change()], (), POLICY, NOON)
    [link] = first.save
    assert isinstance(link, Link)
    assert [entry.kind.value for entry in first.note] == ["change", "suspect"]
    assert not changes.suspects_named(incident(), [change()], (replace(link, version=1),), POLICY, NOON).save
    cleared = replace(link, verdict=Verdict.DISMISSED, reasons=(), version=2)
    assert not changes.suspects_named(incident(), [change()], (cleared,), POLICY, NOON).save


ROTA = Rota(people=("U1", "U2", "U3"), start=datetime(2026, 3, 2, 9, tzinfo=UTC), turn=timedelta(days=7))


@pytest.mark.parametrize(("days", "first"), [(-30, "U1"), (0, "U1"), (6.9, "U1"), (7, "U2"), (21, "U1"), (15, "U3")])
def test_people_take_turns(days, first):
    assert roles.on_duty(ROTA, ROTA.start + timedelta(days=days))[0] == first


@pytest.mark.parametrize(("hours", "first"), [(-1, "U1"), (0, "U9"), (3.9, "U9"), (4, "U1"), (5, "U3")])
def test_somebody_stands_in_and_whoever_had_the_turn_comes_next(hours, first):
    begins = ROTA.start + timedelta(hours=10)
    away = Override(who="U9", start=begins, end=begins + timedelta(hours=4))
    again = Override(who="U3", start=begins + timedelta(hours=5), end=begins + timedelta(hours=6))
    people = roles.on_duty(replace(ROTA, overrides=(away, again)), begins + timedelta(hours=hours))
    assert people[0] == first
    assert people.index("U1") == (first != "U1")
    assert len(people) == len(set(people))


def test_roles_are_filled_from_rota_and_group():
    service = Service(name="checkout", roles={Role.COMMANDER: "shop", Role.OPS: "pay", Role.COMMS: "shop"})
    policy = Policy(services={"checkout": service}, oncall={"shop": ROTA, "pay": Group(id="S1")})
    found = roles.responders(incident(), policy, {"pay": ("U9",)}, NOON)
    assert found == {Role.COMMANDER: "U1", Role.OPS: "U9", Role.COMMS: "U2"}


def test_a_role_that_somebody_took_is_theirs():
    held = [Assignment(incident="INC-7", role=Role.COMMANDER, user="U5", by="U5", at=NOON, version=1)]
    decision = roles.responders_found(incident(), {Role.COMMANDER: "U1", Role.OPS: "U2"}, held, Policy(), NOON)
    assert [a.user for a in decision.save] == ["U2"]


def test_a_proven_rollback_ends_the_deploys_that_it_undid():
    shipped = change("a", status=ChangeStatus.SUCCEEDED)
    others = change("b", version="v41"), change("c", service="search"), change("d", status=ChangeStatus.FAILED)
    [undone] = changes.rolled_back(request(state=RequestState.DONE), [shipped, *others]).save
    assert undone == replace(shipped, status=ChangeStatus.ROLLED_BACK)


@pytest.mark.parametrize("other", [{"state": RequestState.FAILED}, {"verb": Verb.PROMOTE}])
def test_what_was_not_rolled_back_is_not_called_so(other):
    asked = request(**{"state": RequestState.DONE, **other})
    assert changes.rolled_back(asked, [change()]).save == ()


def test_the_end_of_a_deploy_does_not_forget_what_its_beginning_said_of_the_data() -> None:
    began = replace(change(), migration=Migration.HALF_APPLIED, floor="v41", digests=("sha256:aa",), config_hash="c0")
    ended = changes.merge(replace(change(), status=ChangeStatus.SUCCEEDED), began)
    assert (ended.migration, ended.floor) == (Migration.HALF_APPLIED, "v41")
    assert (ended.digests, ended.config_hash) == (("sha256:aa",), "c0")
    mended = changes.merge(replace(ended, migration=Migration.IRREVERSIBLE), ended)
    assert mended.migration is Migration.IRREVERSIBLE


def test_a_page_that_turned_red_right_after_a_change_speaks_against_it() -> None:
    red = Finding(
        id="prices",
        service="checkout",
        environment="production",
        faults=("HTTP 503, not 200",),
        kinds=("status",),
        around="",
        in_a_row=3,
        since=NOON,
        checked_at=NOON,
        red_since=NOON - minutes(1),
    )
    [suspect] = rank(NOON, "checkout", "production", (), [change()], probes=[red])
    [without] = rank(NOON, "checkout", "production", (), [change()])
    assert "probe prices turned red 1 min after it began" in suspect.reasons
    assert suspect.score > without.score
    for other in (replace(red, red_since=NOON - minutes(3)), replace(red, red_since=None), replace(red, service="x")):
        assert rank(NOON, "checkout", "production", (), [change()], probes=[other]) == (without,)
