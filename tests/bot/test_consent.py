"""Who may do what, and how many have to agree: a table whose every number has a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consent import MOST, Facts, exposure, irreversible, must_be_allowed, needed, who_may
from bot.errors import Refused
from bot.intents import BLUE_GREEN, Intent
from bot.model import Assignment, Migration, Role, Severity, Verb
from bot.policy import Policy, Rule, Service
from tests.bot.rollout_values import ALONE, in_flight
from tests.values import NOON, change

DANA, BOB, CAROL = "U0DANA", "U0BOB", "U0CAROL"
HELD = (
    Assignment(incident="INC-7", role=Role.COMMANDER, user=DANA, by=DANA, at=NOON),
    Assignment(incident="INC-7", role=Role.OPS, user=BOB, by=BOB, at=NOON),
    Assignment(incident="INC-7", role=Role.COMMS, user="", by=BOB, at=NOON),
)
SHOP = Service(name="checkout", owners=("U0OWNER",))
GROUPS = {"S0SRE": {"U0SRE"}}


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("who", "people"),
    [
        (("roles", "owners", "oncall"), {DANA, BOB, "U0OWNER", CAROL}),
        (("commander",), {DANA}),
        (("ops", "owners"), {BOB, "U0OWNER"}),
        (("comms",), set()),
        (("group:S0SRE",), {"U0SRE"}),
        (("group:S0GONE",), set()),
    ],
)
def test_who_may(who: tuple[str, ...], people: set[str]) -> None:
    assert who_may(SHOP, HELD, [CAROL], who, GROUPS) == people


def test_a_refusal_names_those_who_may() -> None:
    with pytest.raises(Refused) as refused:
        must_be_allowed(CAROL, {DANA}, "checkout", who=("commander", "owners", "group:S0SRE"))
    words = "Only who is commander of the incident, owns `checkout` or is in the Slack group `S0SRE` may do that"
    assert words in refused.value.why


def test_the_first_rule_that_fits_counts() -> None:
    one = Rule(verbs=frozenset({Verb.PROMOTE}), environments=frozenset({"production"}), approvals=1)
    two = Rule(environments=frozenset({"production"}), approvals=2)
    policy = Policy(consent=(one, two))
    assert policy.rule(Verb.PROMOTE, "production") == one
    assert policy.rule(Verb.ROLLBACK, "production") == two
    assert policy.rule(Verb.PROMOTE, "staging") == Rule()


# ---------------------------------------------------------------- who has to agree


def facts(intent: Intent = Intent.RESUME, exposure: int = 20, **other: object) -> Facts:
    return Facts(intent=intent, environment="production", exposure=exposure, **other)  # type: ignore[arg-type]


SEV2, SEV3 = {"severity": Severity.SEV2}, {"severity": Severity.SEV3}
FOR_GOOD = {"irreversible": True}
CASES = [
    ("a small step forward", facts(), 0, False),
    ("half of the traffic", facts(exposure=50), 1, False),
    ("everybody", facts(exposure=100), 1, True),
    ("forward in a SEV2", facts(**SEV2), 1, False),
    ("forward in a SEV3", facts(**SEV3), 0, False),
    ("everybody in a SEV2", facts(exposure=100, **SEV2), 2, True),
    ("everybody in a SEV2, for good", facts(exposure=100, **SEV2, **FOR_GOOD), MOST, True),
    ("an abort", facts(Intent.ABORT), 0, False),
    ("an abort late in the rollout", facts(Intent.ABORT, 80), 0, False),
    ("an abort after a migration", facts(Intent.ABORT, **FOR_GOOD), 1, False),
    ("an undo", facts(Intent.UNDO, 100), 1, True),
    ("an undo in a SEV2", facts(Intent.UNDO, 100, **SEV2), 0, True),
    ("an undo in a SEV2, after a migration", facts(Intent.UNDO, 100, **SEV2, **FOR_GOOD), 1, True),
    ("everybody in staging", replace(facts(exposure=100, **SEV2), environment="staging"), 0, False),
]


@pytest.mark.parametrize(("case", "approvals", "typed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_needed(case: Facts, approvals: int, typed: bool) -> None:
    found = needed(case)
    assert (found.approvals, found.typed) == (approvals, typed)
    assert bool(found.why) is bool(approvals)


def test_a_rule_goes_before_the_table() -> None:
    wide = facts(exposure=100, **SEV2)
    assert (needed(wide, ALONE).approvals, needed(wide, ALONE).typed) == (0, False)
    strict = needed(facts(Intent.ABORT, 0), Rule(approvals=2, typed=True))
    assert (strict.approvals, strict.typed, strict.why) == (2, True, ("the configuration says so",))


SOME = st.builds(
    Facts,
    intent=st.sampled_from(Intent),
    environment=st.sampled_from(["production", "staging"]),
    exposure=st.integers(0, 100),
    irreversible=st.booleans(),
    severity=st.none() | st.sampled_from(Severity),
)
RULES = st.builds(
    Rule, approvals=st.none() | st.integers(0, 3), typed=st.none() | st.booleans(), who=st.just(("roles",))
)


@given(SOME, RULES, st.integers(0, 100))
def test_more_exposure_never_needs_less_consent(some: Facts, rule: Rule, more: int) -> None:
    wider = replace(some, exposure=max(some.exposure, more))
    assert needed(wider, rule).approvals >= needed(some, rule).approvals
    assert needed(wider, rule).typed >= needed(some, rule).typed


@given(SOME, RULES)
def test_what_cannot_be_taken_back_never_needs_less(some: Facts, rule: Rule) -> None:
    for_good, not_so = (needed(replace(some, irreversible=value), rule) for value in (True, False))
    assert for_good.approvals >= not_so.approvals


@given(SOME, st.sampled_from(Severity))
def test_a_worse_incident_makes_the_way_out_no_harder_and_going_on_no_easier(some: Facts, other: Severity) -> None:
    calm = replace(some, severity=None)
    bad = replace(some, severity=min(other, some.severity or other))
    if some.back:
        assert needed(bad).approvals <= needed(calm).approvals
    else:
        assert needed(bad).approvals >= needed(calm).approvals


@given(SOME, RULES)
def test_a_pause_never_needs_anybody(some: Facts, rule: Rule) -> None:
    paused = needed(replace(some, intent=Intent.PAUSE), rule)
    assert (paused.approvals, paused.typed) == (0, False)


@given(SOME, RULES)
def test_there_are_never_more_than_there_are_people_at_night_unless_the_rule_says_so(some: Facts, rule: Rule) -> None:
    found = needed(some, rule)
    assert found == needed(some, rule)
    assert 0 <= found.approvals <= max(MOST, rule.approvals or 0)


# ---------------------------------------------------------------- what is at stake


@pytest.mark.parametrize(
    ("intent", "rollout", "share"),
    [
        (Intent.PAUSE, in_flight(), 0),
        (Intent.ABORT, in_flight(weight=20), 20),
        (Intent.UNDO, in_flight(weight=20), 100),
        (Intent.SKIP, in_flight(step=0, weight=0), 20),
        (Intent.RESUME, in_flight(step=1), 50),
        (Intent.RESUME, in_flight(step=3), 100),
        (Intent.RESUME, in_flight(step=5), 100),
        (Intent.RESUME, in_flight(steps=("set weight 10%", "pause"), step=1, weight=60), 100),
        (Intent.RESUME, in_flight(strategy=BLUE_GREEN), 100),
    ],
)
def test_exposure_is_what_gets_another_version_now_or_with_the_next_step(
    intent: Intent, rollout: object, share: int
) -> None:
    assert exposure(intent, rollout) == share  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(Migration))
def test_only_a_migration_of_the_version_at_hand_that_stays_counts(kind: Migration) -> None:
    stays = kind in (Migration.IRREVERSIBLE, Migration.HALF_APPLIED)
    deploy = change(migration=kind)
    assert irreversible(in_flight(), [deploy]) is stays
    assert not irreversible(in_flight(), [replace(deploy, version="v41")])
    assert not irreversible(in_flight(), [replace(deploy, environment="staging")])
    assert not irreversible(in_flight(), [replace(deploy, service="payments")])
