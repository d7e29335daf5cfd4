"""One service in several environments: what it is called, and that nothing that is said of it forgets where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import gates, live, suspensions, vigils
from bot.canaries import FLAGGER
from bot.cards import consent, fleet, gitops, home, rollout
from bot.cards import gates as gate_cards
from bot.cards.incident import incident_card, incident_list
from bot.cards.plain import as_text
from bot.decision import Card, Decision
from bot.errors import Refused
from bot.freezes import covers, parse_scope, where
from bot.gates import Facts, Kind
from bot.intents import BLUE_GREEN, ROLLING, plan
from bot.model import (
    Freeze,
    Gate,
    Keeper,
    Link,
    RequestState,
    Reverts,
    Rollout,
    RolloutPhase,
    Sighting,
    Suspension,
    Verb,
    Verdict,
    Vigil,
)
from bot.policy import Policy, Service, Target
from bot.preflight import Surroundings, preflight
from bot.rollouts import propose
from bot.signals import SIGNALS, Signal
from tests.bot.fleet_values import seven_of_eight
from tests.bot.rollout_values import ALONE, V40, V41, V42, hold, idle, in_flight, request, skew, stable
from tests.values import NOON, change, incident, minutes

DANA = "U0DANA"
THERE: dict[str, Any] = {"environment": "staging"}
PLACE = Target(provider="argo", cluster="main", namespace="shop", name="checkout")
STAGING = Service(
    name="checkout", environment="staging", owners=("U0EVE",), rollout=replace(PLACE, namespace="staging")
)
CHECKOUT = Service(name="checkout", owners=(DANA,), rollout=PLACE, elsewhere={"staging": STAGING})
LAB = Service(name="lab", environment="qa", rollout=replace(PLACE, name="lab"))
POLICY = Policy(services={"checkout": CHECKOUT, "lab": LAB})


# ---------------------------------------------------------------- which is meant


def test_a_service_is_what_it_is_where_it_is() -> None:
    assert POLICY.service("checkout", "production") == CHECKOUT
    assert POLICY.service("checkout", "staging") == STAGING
    assert [service.called for service in POLICY.rollouts()] == ["checkout", "checkout staging", "lab qa"]


def test_where_nothing_is_configured_there_are_its_people_and_no_rollout() -> None:
    elsewhere = POLICY.service("checkout", "qa")
    assert (elsewhere.owners, elsewhere.rollout, elsewhere.called) == ((DANA,), None, "checkout qa")
    assert POLICY.service("unheard-of", "staging").called == "unheard-of staging"


def test_a_setting_is_named_where_it_stands() -> None:
    assert POLICY.key_of(CHECKOUT) == "services.checkout"
    assert POLICY.key_of(STAGING) == "services.checkout.environments.staging"
    assert POLICY.key_of(LAB) == "services.lab"


def test_elsewhere_only_what_can_tell_environments_apart_is_measured() -> None:
    telling = Signal(title="Errors", unit="%", query='e{service="{service}",env="{environment}"}')
    policy = replace(POLICY, signals=(*SIGNALS.values(), telling))
    assert policy.signals_of("checkout", "staging") == (telling,)
    assert policy.signals_of("checkout", "production") == policy.signals == policy.signals_of("lab", "qa")
    assert telling.asked_of("{environment}", 'a"b') == 'e{service="{environment}",env="a\\"b"}'


# ---------------------------------------------------------------- frozen


def test_a_freeze_of_one_environment_leaves_the_other_alone() -> None:
    scopes = [parse_scope(words, POLICY) for words in ("checkout", "Checkout STG", "lab", "environment staging")]
    assert scopes == ["checkout/production", "checkout/staging", "lab/qa", "environment:staging"]
    assert [where(scope) for scope in scopes] == ["checkout", "checkout staging", "lab qa", "environment staging"]
    frozen = Freeze(id="FRZ-1", scope=scopes[1], reason="x", by=DANA, at=NOON, until=NOON + minutes(1))
    assert [covers(frozen, "checkout", place) for place in ("production", "staging")] == [False, True]


def test_an_environment_that_it_is_not_in_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        parse_scope("checkout stagng", POLICY)
    assert caught.value.instead == "/rollout freeze checkout staging --for 2h --why REASON"


# ---------------------------------------------------------------- said

KEEPER = Keeper(tool="Argo CD", kind="Application", name="shop", reverts=Reverts.AT_ONCE, setting="{}", commit="d34c3f")
PAUSED = in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep", **THERE)
ABORTED = in_flight(phase=RolloutPhase.DEGRADED, aborted=True, weight=0, weight_set=0, **THERE)
PROMOTED = idle(current=V42, stable=V42, history=(V42, V41, V40), keeper=KEEPER, **THERE)
STANDS: dict[str, Rollout] = {
    "moves": in_flight(**THERE),
    "paused": PAUSED,
    "by hand": replace(PAUSED, paused=True),
    "aborted": ABORTED,
    "aborted by hand": replace(ABORTED, paused=True),
    "full": in_flight(full_promotion=True, **THERE),
    "rests": idle(**THERE),
    "promoted": PROMOTED,
    "first": in_flight(stable=None, history=(V42,), **THERE),
    "unseen": in_flight(observed=False, **THERE),
    "switches": in_flight(strategy=BLUE_GREEN, steps=(), waiting="BlueGreenPause", **THERE),
    "has no steps": in_flight(strategy=ROLLING, kind="Deployment", steps=(), **THERE),
    "canary": in_flight(strategy=FLAGGER, kind="Canary", gates=("confirm-promotion",), **THERE),
    "canary waits": in_flight(strategy=FLAGGER, kind="Canary", waiting="confirm-rollout", gates=(), **THERE),
}
STABLES = tuple(replace(stable(revision), **THERE) for revision in (V42, V41))
ASKED = request(approvals=1, typed=True, **THERE)
ACTS = "show|check|watch|verify|pause|resume|promote|abort|retry|rollback|suspend|restore|gates|freeze"
OF_IT = re.compile(rf"rollout (?:{ACTS}) checkout\b(?! staging\b)[^`\n\"]*")


def decided(decision: Decision) -> Iterator[str]:
    if decision.say is not None:
        yield str(as_text(decision.say) if isinstance(decision.say, str | Card) else decision.say)
    for noun in decision.save:
        yield f"{getattr(noun, 'text', '')} {getattr(noun, 'blocks', '')}"
    yield from (entry.text for entry in decision.note)


def of_requests() -> Iterator[str]:
    for stand in STANDS.values():
        yield as_text(rollout.rollout_card(stand, STABLES))
        results = {verb: preflight(verb, stand, STABLES, Surroundings(holds=(hold(**THERE),))) for verb in Verb}
        yield as_text(rollout.check_card(stand.called, rollout.summary(stand), results))
        for verb, full in ((verb, full) for verb in Verb for full in (False, True)):
            yield "\n".join(asked(stand, verb, full))
    yield as_text(rollout.rollout_list(list(STANDS.values()), {"payments": "down"}))
    yield as_text(rollout.tray(["checkout staging"]))


def asked(stand: Rollout, verb: Verb, full: bool) -> Iterator[str]:
    here = incident(**THERE)
    around = Surroundings(incident=here, others=(here,), skew=skew(**THERE), holds=(hold(**THERE),))
    values: dict[str, Any] = {"by": DANA, "channel": "C1", "number": 1, "now": NOON, "full": full, "rule": ALONE}
    for allowed in ({DANA}, set[str]()):
        try:
            yield from decided(propose(verb, stand, STABLES, around, allowed=allowed, **values))
        except Refused as refusal:
            yield f"{refusal.why}\n{refusal.instead}"
    try:
        plan(verb, stand, STABLES)
    except Refused as refusal:
        yield f"{refusal.why}\n{refusal.instead}"


def of_what_follows() -> Iterator[str]:
    checked = preflight(Verb.ROLLBACK, PAUSED, STABLES)
    yield as_text(rollout.outcome(replace(ASKED, state=RequestState.FAILED), "Rollback"))
    yield as_text(consent.asked(ASKED, PAUSED, checked, ["it is wide"]))
    yield str(consent.confirm_form(ASKED, "the rollback"))
    done = request(intent="undo", state=RequestState.DONE, acted_at=NOON, settled_at=NOON, **THERE)
    vigil = next(noun for noun in vigils.begin(done, (), POLICY, NOON).save if isinstance(noun, Vigil))
    yield as_text(gitops.put_back(vigil, ASKED, PROMOTED, "Argo CD", "12:00"))
    yield as_text(gitops.not_held(ASKED, PROMOTED, "resumed"))
    kept: dict[str, Any] = {"by": DANA, "channel": "C1", "allowed": {DANA}, "number": 1, "now": NOON}
    begun = suspensions.suspend(PROMOTED, None, incident(**THERE), **kept)
    held = next(noun for noun in begun.save if isinstance(noun, Suspension))
    yield from decided(begun)
    for card in (gitops.stopped(held), gitops.restored(held), gitops.switched_on(held, "ci")):
        yield as_text(card)
    for off in (True, False):
        yield as_text(gitops.not_done(held, "forbidden", off=off))
    yield from decided(suspensions.was_set(held, (), POLICY, NOON))
    yield from decided(suspensions.gave_up(held, "forbidden", (), NOON, moved=False))
    for one in (
        fleet.skew_card(skew(**THERE), seven_of_eight(), held=True),
        fleet.accepted_card(skew(**THERE), DANA, "x"),
    ):
        yield as_text(one)
    yield as_text(fleet.fleet_card("checkout staging", seven_of_eight()))
    sighting = Sighting(
        id="checkout/staging", service="checkout", revision="h", revision_version="v42", stable="g",
        stable_version="v41", phase=RolloutPhase.PAUSED, step=1, weight=20, paused=True, aborted=False, at=NOON,
        **THERE,
    )  # fmt: skip
    yield str(home._rollout(sighting))
    yield rollout.rested(live.new("INC-7/card/checkout/staging", NOON).called, NOON)


def of_gates() -> Iterator[str]:
    seen = Gate(
        service="checkout",
        gate=Kind.PROMOTION,
        checksum="abc",
        phase="Progressing",
        open=False,
        why="",
        at=NOON,
        **THERE,
    )
    for holds in ((), (hold(holder=DANA, **THERE),)):
        for known in (Facts(service=STAGING, holds=holds), Facts(service=STAGING, holds=holds, seen={seen.gate: seen})):
            yield as_text(gate_cards.gates_card(known, POLICY, NOON))
            yield gate_cards.summary(known, POLICY, NOON)
            for do in (
                lambda known: gates.pause(known, None, "", DANA, NOON),
                lambda known: gates.pause(known, hold(**THERE), "", DANA, NOON),
                lambda known: gates.resume(known, POLICY, by=DANA, now=NOON),
                lambda known: gates.promote(known, POLICY, full=False, by=DANA, number=1, now=NOON),
                lambda known: gates.rollback(known, by=DANA, number=1, now=NOON),
                lambda known: gates.must_be_at(known, "promote", "other"),
            ):
                try:
                    yield from decided(do(known) or Decision())
                except Refused as refusal:
                    yield f"{refusal.why}\n{refusal.instead}"


@pytest.mark.parametrize("said", [of_requests, of_what_follows, of_gates])
def test_no_line_about_staging_is_one_about_production(said: Any) -> None:
    lines = list(said())
    assert [found for line in lines for found in OF_IT.findall(line)] == []
    assert any("rollout " in line and " checkout staging" in line for line in lines)


def test_an_incident_offers_to_roll_back_what_is_where_it_is() -> None:
    for place, offered in (
        ("staging", "rollout rollback checkout staging"),
        ("production", "rollout rollback checkout"),
    ):
        for deploy in ("staging", "production"):
            guilty = change(deploy, environment=deploy)
            link = Link(incident="INC-7", change=guilty.key, verdict=Verdict.SUSPECT, reasons=(), by="x", at=NOON)
            card = incident_card(incident(environment=place), (), [(link, guilty)], (), POLICY)
            values = re.findall(r"'value': '(rollout rollback [^']*)'", str(card.blocks))
            assert values == ([offered] if deploy == place else [])


def test_two_incidents_of_one_service_are_told_apart_in_a_list() -> None:
    said = as_text(incident_list([incident(7), incident(8, environment="staging")]))
    assert "`checkout` ·" in said
    assert "`checkout staging` ·" in said


# A line that is put together by hand has to be put together of `called`.
BARE = re.compile(r"rollout (?:\w+|\{[^}]*\}) \{(?:\w+\.)*(?:service|service\.name|name)\}")


def test_nobody_writes_a_line_of_the_services_name_alone() -> None:
    root = Path(__file__).parents[2]
    sources = [path for folder in ("bot", "handlers") for path in (root / folder).rglob("*.py")]
    assert len(sources) > 100
    assert [(path.name, found[0]) for path in sources for found in BARE.finditer(path.read_text())] == []
