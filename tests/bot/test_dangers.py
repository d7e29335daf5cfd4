"""What speaks against going back or forth: GitOps, the data, room, and the version that is really sick."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards.plain import as_text
from bot.cards.rollout import check_card
from bot.dangers import Figures
from bot.intents import STATEFUL, Intent
from bot.model import Change, Keeper, Migration, Reverts, Rollout, Verb
from bot.preflight import WEIGHTS, Preflight, Safety, Surroundings, preflight
from tests.bot.rollout_values import V40, V41, V42, idle, in_flight, request, stable
from tests.values import NOON, change, incident, minutes

STABLES = (stable(V42), stable(V41, NOON - minutes(60)))


def promoted(**other: Any) -> Rollout:
    """v42 is everywhere; going back means an undo to v41."""
    return idle(**{"current": V42, "stable": V42, "history": (V42, V41, V40), "steps": ()} | other)


def kept(reverts: Reverts, **other: Any) -> Keeper:
    values = {"tool": "Argo CD", "kind": "Application", "name": "shop", "namespace": "argocd", "setting": "{}"}
    return Keeper(**values | {"reverts": reverts} | other)


def found(verb: Verb, rollout: Rollout, to: str = "", **around: Any) -> Preflight:
    return preflight(verb, rollout, STABLES, Surroundings(**around), to=to)


def said(checked: Preflight) -> str:
    return "; ".join(map(str, checked.reasons))


def deploy(version: str, at: datetime = NOON, **other: Any) -> Change:
    return replace(change(version=version, at=at), key=f"{version}/{at}", **other)


# ---------------------------------------------------------------- GitOps


@pytest.mark.parametrize(
    ("reverts", "words"),
    [
        (Reverts.AT_ONCE, "about 5 s later"),
        (Reverts.COMMIT, "the next commit to its repository, even an unrelated one"),
        (Reverts.INTERVAL, "again every 10m"),
        (Reverts.UPGRADE, "until its next upgrade"),
        (Reverts.UNKNOWN, "when is not known: HTTP 403"),
    ],
)
def test_an_undo_says_when_gitops_will_put_it_back(reverts: Reverts, words: str) -> None:
    checked = found(Verb.ROLLBACK, promoted(keeper=kept(reverts, every="10m", why="HTTP 403")))
    assert checked.verdict is Safety.RISKY
    assert words in said(checked)


def test_gitops_that_does_nothing_by_itself_makes_an_undo_no_risk() -> None:
    checked = found(Verb.ROLLBACK, promoted(keeper=kept(Reverts.NEVER)))
    assert checked.verdict is Safety.SAFE
    assert "until Git says the same" in said(checked)


@pytest.mark.parametrize("word", ["", "now"])
def test_an_undo_that_skips_the_steps_is_put_back_all_the_same(word: str) -> None:
    """However it is done, it changes the spec."""
    rollout = promoted(steps=("set weight 20", "pause"), keeper=kept(Reverts.AT_ONCE))
    checked = preflight(Verb.ROLLBACK, rollout, STABLES, Surroundings(), full=bool(word))
    assert checked.plan is not None
    assert checked.plan.intent is (Intent.UNDO_FULLY if word else Intent.UNDO)
    assert "about 5 s later" in said(checked)


def test_a_retry_is_no_risk_under_self_heal_for_the_status_is_not_in_git() -> None:
    checked = found(Verb.RETRY, in_flight(aborted=True, keeper=kept(Reverts.AT_ONCE)))
    assert "only the status is changed" in said(checked)


@pytest.mark.parametrize(("reverts", "weight"), [(Reverts.AT_ONCE, Safety.RISKY), (Reverts.NEVER, Safety.SAFE)])
def test_a_partition_is_often_in_git(reverts: Reverts, weight: Safety) -> None:
    held = in_flight(paused=True, strategy=STATEFUL, steps=(), kind="StatefulSet", keeper=kept(reverts))
    (said,) = [r for r in found(Verb.RESUME, held).reasons if "partition" in str(r)]
    assert said.weight is weight
    assert "Argo CD Application shop puts it back" in str(said)


def test_a_resume_of_a_pause_by_hand_is_not_said_to_be_out_of_git() -> None:
    checked = found(Verb.RESUME, in_flight(paused=True, keeper=kept(Reverts.AT_ONCE)))
    assert "somebody wrote the pause in Git" in said(checked)


def test_an_abort_is_safe_under_self_heal_for_the_status_is_not_in_git() -> None:
    checked = found(Verb.ROLLBACK, in_flight(keeper=kept(Reverts.AT_ONCE)))
    assert checked.verdict is Safety.SAFE
    assert "only the status is changed" in said(checked)


def test_under_self_heal_a_canary_that_is_put_back_starts_from_its_first_step() -> None:
    checked = found(Verb.ROLLBACK, promoted(keeper=kept(Reverts.AT_ONCE), steps=("set weight 20%",)))
    assert "rolls out from its first step" in said(checked)


# ---------------------------------------------------------------- the data


def test_going_back_over_an_irreversible_migration_is_blocked_and_may_be_overridden() -> None:
    for rollout in (promoted(), in_flight()):
        checked = found(Verb.ROLLBACK, rollout, deploys=[deploy("v42", migration=Migration.IRREVERSIBLE)])
        assert (checked.verdict, checked.overridable) == (Safety.BLOCKED, True)
        assert "cannot be taken back" in said(checked)


def test_nobody_undoes_over_a_half_applied_migration() -> None:
    deploys = [deploy("v42", migration=Migration.HALF_APPLIED)]
    checked = found(Verb.ROLLBACK, promoted(), deploys=deploys)
    assert (checked.verdict, checked.overridable) == (Safety.BLOCKED, False)
    assert "Finish or revert the migration" in said(checked)
    abort = found(Verb.ROLLBACK, in_flight(), deploys=deploys)
    assert (abort.verdict, abort.overridable) == (Safety.BLOCKED, True)


def test_an_abort_that_also_mends_the_spec_goes_to_pods_that_meet_the_data_already() -> None:
    half = [deploy("v42", migration=Migration.HALF_APPLIED)]
    checked = found(Verb.ROLLBACK, in_flight(), deploys=half, respec=True)
    assert checked.plan is not None
    assert checked.plan.intent is Intent.ABORT_UNDO
    assert checked.verdict is Safety.BLOCKED
    assert checked.overridable


def test_more_traffic_does_not_go_to_a_half_applied_migration() -> None:
    checked = found(Verb.PROMOTE, in_flight(), deploys=[deploy("v42", migration=Migration.HALF_APPLIED)])
    assert checked.verdict is Safety.BLOCKED


def test_every_migration_on_the_way_back_counts_not_only_the_last() -> None:
    deploys = [
        deploy("v40", NOON - minutes(90)),
        deploy("v41", NOON - minutes(60), migration=Migration.IRREVERSIBLE),
        deploy("v42", NOON),
    ]
    assert found(Verb.ROLLBACK, promoted(), to="v40", deploys=deploys).verdict is Safety.BLOCKED
    assert found(Verb.ROLLBACK, promoted(), to="v41", deploys=deploys).verdict is Safety.SAFE


def test_what_was_migrated_before_the_target_was_deployed_again_is_not_gone_back_over() -> None:
    deploys = [deploy("v39", NOON - minutes(90), migration=Migration.IRREVERSIBLE), deploy("v41", NOON - minutes(60))]
    assert found(Verb.ROLLBACK, promoted(), deploys=deploys).verdict is Safety.SAFE


def test_the_migration_of_another_service_or_place_is_none_of_ours() -> None:
    theirs = deploy("v42", migration=Migration.IRREVERSIBLE, service="search")
    staging = deploy("v42", migration=Migration.IRREVERSIBLE, environment="staging")
    assert found(Verb.ROLLBACK, promoted(), deploys=[theirs, staging]).verdict is Safety.SAFE


@pytest.mark.parametrize(
    ("floor", "verdict"),
    [("v42", Safety.BLOCKED), ("v41", Safety.SAFE), ("v9", Safety.SAFE), ("spring", Safety.RISKY)],
)
def test_a_target_below_the_schema_floor(floor: str, verdict: Safety) -> None:
    """v9 is older than v41, though it sorts after it."""
    checked = found(Verb.ROLLBACK, promoted(), deploys=[deploy("v42", floor=floor)])
    assert checked.verdict is verdict


# ---------------------------------------------------------------- room


def test_no_room_for_more_pods() -> None:
    checked = found(Verb.ROLLBACK, promoted(homeless=2, short_of="0/3 nodes are available: Insufficient cpu"))
    assert checked.verdict is Safety.RISKY
    assert "2 of its pods find no node (0/3 nodes" in said(checked)


def test_a_stable_version_that_is_not_at_full_size_takes_all_the_traffic() -> None:
    assert "v41 (revision 1) has 2/4 replicas available" in said(found(Verb.ROLLBACK, in_flight(stable_available=2)))


def test_what_could_not_be_looked_at_is_said() -> None:
    checked = found(Verb.ROLLBACK, in_flight(unexamined="its pods could not be read (HTTP 403)"))
    assert (checked.verdict, "HTTP 403" in said(checked)) == (Safety.RISKY, True)


# ---------------------------------------------------------------- the sick version


def test_knight_capital_the_sick_pods_run_the_old_version() -> None:
    figures = Figures(by_version={"v41": 0.31, "v42": 0.04})
    checked = found(Verb.ROLLBACK, in_flight(), figures=figures)
    assert checked.verdict is Safety.RISKY
    assert "v41 fails 31.0% of requests, v42 fails 4.0% of requests. Going back may spread it" in said(checked)


def test_a_new_version_that_is_not_sick_is_no_reason_to_go_back() -> None:
    checked = found(Verb.ROLLBACK, in_flight(), figures=Figures(by_version={"v41": 0.001, "v42": 0.002}))
    assert "v42 is not the sick one" in said(checked)


def test_a_sick_new_version_beside_a_healthy_old_one_is_what_a_rollback_is_for() -> None:
    checked = found(Verb.ROLLBACK, in_flight(), figures=Figures(by_version={"v41": 0.001, "v42": 0.23}))
    assert (checked.verdict, "v42 fails 23.0%" in said(checked)) == (Safety.SAFE, True)


@pytest.mark.parametrize("figures", [Figures(missing="Prometheus: HTTP 503"), Figures(by_version={"v41": 0.001})])
def test_missing_figures_are_said_and_make_nothing_safe(figures: Figures) -> None:
    checked = found(Verb.ROLLBACK, in_flight(), figures=figures)
    assert (checked.verdict, "no figures" in said(checked)) == (Safety.RISKY, True)


def test_without_prometheus_it_is_said_too() -> None:
    assert "no query for them is configured" in said(
        found(Verb.ROLLBACK, in_flight(), figures=Figures(configured=False))
    )


def test_promoting_what_fails_more() -> None:
    figures = Figures(by_version={"v41": 0.001, "v42": 0.23})
    assert "it fails more" in said(found(Verb.PROMOTE, in_flight(waiting="CanaryPauseStep"), figures=figures))


# ---------------------------------------------------------------- shown


def test_the_check_says_what_may_be_overridden() -> None:
    half = found(Verb.ROLLBACK, promoted(), deploys=[deploy("v42", migration=Migration.HALF_APPLIED)])
    gone = found(Verb.ROLLBACK, promoted(), deploys=[deploy("v42", migration=Migration.IRREVERSIBLE)])
    assert "nobody can override this" in as_text(check_card("checkout", "", {Verb.ROLLBACK: half}))
    assert "may be overridden" in as_text(check_card("checkout", "", {Verb.ROLLBACK: gone}))


def test_names_from_the_cluster_stay_text() -> None:
    evil = kept(Reverts.UNKNOWN, name="<!channel>", why="<!here>")
    text = said(found(Verb.ROLLBACK, promoted(keeper=evil, short_of="<!everyone>")))
    assert "<!" not in text


# ---------------------------------------------------------------- for all facts

keepers = st.none() | st.sampled_from([kept(reverts) for reverts in Reverts])
rollouts = st.builds(
    lambda base, keeper, homeless, unexamined, autoscaled: replace(
        base, keeper=keeper, homeless=homeless, unexamined=unexamined, autoscaled=autoscaled
    ),
    st.sampled_from([in_flight(), promoted(), idle(), in_flight(waiting="CanaryPauseStep"), in_flight(aborted=True)]),
    keepers,
    st.integers(0, 2),
    st.sampled_from(["", "HTTP 403"]),
    st.booleans(),
)
deploys = st.lists(
    st.builds(
        lambda version, before, migration, floor: deploy(
            version, NOON - minutes(before), migration=migration, floor=floor
        ),
        st.sampled_from(["v40", "v41", "v42", "v43"]),
        st.integers(0, 90),
        st.sampled_from(Migration),
        st.sampled_from(["", "", "v41", "v43"]),
    ),
    max_size=4,
)
figures = st.none() | st.builds(
    Figures,
    by_version=st.dictionaries(st.sampled_from(["v41", "v42"]), st.sampled_from([0.0, 0.005, 0.02, 0.5])),
    missing=st.sampled_from(["", "HTTP 503"]),
    configured=st.booleans(),
)
arounds = st.builds(
    Surroundings,
    incident=st.none() | st.just(incident(7)),
    others=st.lists(st.sampled_from([incident(7), incident(8), incident(9)]), max_size=3, unique_by=lambda i: i.id),
    changes=deploys,
    requests=st.lists(st.builds(lambda n: request(id=f"INC-7/rollback/checkout/{n}"), st.integers(1, 9)), max_size=2),
    deploys=deploys,
    figures=figures,
)
verbs = st.sampled_from(Verb)


@given(verbs, rollouts, arounds)
def test_the_order_of_facts_makes_no_difference(verb: Verb, rollout: Rollout, around: Surroundings) -> None:
    backwards = replace(
        around,
        others=around.others[::-1],
        changes=around.changes[::-1],
        requests=around.requests[::-1],
        deploys=around.deploys[::-1],
    )
    there = preflight(verb, rollout, STABLES, around)
    assert there == preflight(verb, rollout, STABLES[::-1], backwards)
    assert there == preflight(verb, rollout, STABLES, around)


@given(verbs, rollouts, arounds)
def test_every_verdict_is_that_of_a_reason_which_is_named(verb: Verb, rollout: Rollout, around: Surroundings) -> None:
    checked = preflight(verb, rollout, STABLES, around)
    assert str(next(r for r in checked.reasons if r.weight is checked.verdict))
    weights = [WEIGHTS.index(reason.weight) for reason in checked.reasons]
    assert weights == sorted(weights, reverse=True)


@given(verbs, rollouts, arounds)
def test_a_risk_more_never_makes_it_safer(verb: Verb, rollout: Rollout, around: Surroundings) -> None:
    before = preflight(verb, rollout, STABLES, around)
    worse = [
        (replace(rollout, homeless=rollout.homeless + 1), around),
        (replace(rollout, unexamined="HTTP 500"), around),
        (replace(rollout, stable_available=0), around),
        (replace(rollout, autoscaled=True), around),
        (rollout, replace(around, others=[*around.others, incident(99)])),
        (rollout, replace(around, figures=Figures(missing="HTTP 503"))),
        (rollout, replace(around, deploys=[*around.deploys, _half_applied(rollout)])),
    ]
    for facts, more in worse:
        if around.figures and more.figures is not around.figures:
            continue  # figures that are gone may have been bad ones
        after = preflight(verb, facts, STABLES, more)
        assert WEIGHTS.index(after.verdict) >= WEIGHTS.index(before.verdict)


def _half_applied(rollout: Rollout) -> Change:
    """A migration of the version that would be left."""
    return deploy(rollout.current.version, NOON - minutes(91), migration=Migration.HALF_APPLIED)
