"""What people see of rollouts, as files to review, within Slack's limits whatever the cluster says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cards import rollout as cards
from bot.decision import Card
from bot.intents import BLUE_GREEN, BY_HAND
from bot.model import RequestState, Revision, Rollout, RolloutPhase, Verb
from bot.preflight import Surroundings, preflight
from bot.rollouts import propose
from tests.blockkit import check
from tests.bot.rollout_values import ALONE, V40, V41, V42, idle, in_flight, request, stable
from tests.golden import same_as
from tests.values import NOON, incident

PAUSED = in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep", owner="Argo CD app shop")
ABORTED = in_flight(phase=RolloutPhase.DEGRADED, aborted=True, weight=0, weight_set=0, message="RolloutAborted: …")
PROMOTED = idle(current=V42, stable=V42, history=(V42, V41, V40), owner="Argo CD app shop")
SWITCH = in_flight(strategy=BLUE_GREEN, steps=(), step=0, weight=0, weight_set=0, waiting="BlueGreenPause")
FIRST = in_flight(stable=None, history=(V42,), weight=100, weight_set=100)


def preview(verb: Verb, rollout: Rollout, to: str = "") -> Card:
    around = Surroundings(incident=incident(), others=(incident(), incident(8)))
    values: dict[str, Any] = {"by": "U0DANA", "channel": "", "allowed": {"U0DANA"}, "number": 1, "now": NOON}
    say = propose(verb, rollout, (stable(V42), stable(V41)), around, to=to, rule=ALONE, **values).say
    assert isinstance(say, Card)
    return say


def settled(state: RequestState, why: str) -> Card:
    return cards.outcome(request(state=state, outcome=why), "Rollback of checkout: v42 → v41")


CARDS = {
    "in_flight": cards.rollout_card(in_flight()),
    "paused": cards.rollout_card(PAUSED),
    "paused_by_hand": cards.rollout_card(replace(PAUSED, paused=True, autoscaled=True)),
    "aborted": cards.rollout_card(ABORTED),
    "idle": cards.rollout_card(idle()),
    "promoted": cards.rollout_card(PROMOTED, (stable(V42), stable(V41))),
    "blue_green": cards.rollout_card(SWITCH),
    "first_deploy": cards.rollout_card(FIRST),
    "list": cards.rollout_list([in_flight(), idle(service="search")], {"payments": "Kubernetes demo: no connection"}),
    "list_empty": cards.rollout_list([], {}),
    "tray": cards.tray(["checkout", "search"]),
    "tray_empty": cards.tray([]),
    "preview_abort": preview(Verb.ROLLBACK, in_flight(owner="Argo CD app shop")),
    "preview_undo": preview(Verb.ROLLBACK, PROMOTED),
    "preview_resume": preview(Verb.RESUME, replace(PAUSED, paused=True)),
    "preview_promote": preview(Verb.PROMOTE, PAUSED),
    "preview_skip": preview(Verb.PROMOTE, in_flight()),
    "preview_switch": preview(Verb.PROMOTE, SWITCH),
    "check": cards.check_card(in_flight(), {verb: preflight(verb, in_flight()) for verb in Verb}),
    "proven": settled(RequestState.DONE, "stable revision v41 (revision 1), canary weight 0 %, 4/4 available"),
    "nothing": settled(RequestState.NOTHING, "nothing was sent: checkout is at v43 (revision 3) now, not at v42"),
    "failed": settled(RequestState.FAILED, "not known to be done; Kubernetes demo: no connection"),
}


@pytest.mark.parametrize("name", list(CARDS))
def test_cards(name: str) -> None:
    check(CARDS[name])
    same_as(f"rollout_{name}.json", CARDS[name])


def buttons(card: Card) -> list[str]:
    rows = [block["elements"] for block in card.blocks if block["type"] == "actions"]
    return [element["value"] for row in rows for element in row]


def test_the_card_offers_what_makes_sense_now_and_nothing_else() -> None:
    assert buttons(CARDS["in_flight"]) == [
        "rollout pause checkout",
        "rollout promote checkout",
        "rollout rollback checkout",
    ]
    assert buttons(CARDS["paused_by_hand"]) == ["rollout resume checkout", "rollout rollback checkout"]
    assert buttons(CARDS["aborted"]) == []
    assert buttons(CARDS["idle"]) == []
    assert buttons(CARDS["promoted"]) == ["rollout rollback checkout"]


def test_a_preview_names_everything_that_must_be_known() -> None:
    text = str(CARDS["preview_abort"])
    for fact in (
        "checkout",
        "production",
        "demo",
        "v42",
        "v41",
        "step 2 of 5",
        "weight 20 %",
        "4/4",
        "Argo CD app shop",
    ):
        assert fact in text, fact
    assert "Data migrations, caches, queued work, feature flags, other services" in text
    assert "the spec still asks for v42" in text


def test_confirm_is_a_line_that_could_be_typed() -> None:
    assert buttons(CARDS["preview_abort"]) == [
        "rollout confirm INC-7/rollback/checkout/1",
        "rollout cancel INC-7/rollback/checkout/1",
    ]


def test_a_hundred_steps_are_cut_to_the_neighbourhood() -> None:
    steps = tuple(f"set weight {n}%" for n in range(100))
    text = str(cards.rollout_card(in_flight(steps=steps, step=50)))
    assert "▶ *51. set weight 50%*" in text
    assert "✓ … 47 earlier" in text
    assert "set weight 90%" not in text


def test_a_hundred_services_are_one_message() -> None:
    many = [in_flight(service=f"service-{n}") for n in range(100)]
    card = cards.rollout_list(many, {})
    check(card)
    assert "and 60 more" in str(card)


def test_bars() -> None:
    assert [cards.bar(n) for n in (-5, 0, 50, 100, 300)] == ["░" * 10, "░" * 10, "█" * 5 + "░" * 5, "█" * 10, "█" * 10]


text = st.text(max_size=40) | st.sampled_from(["<!channel>", "`*_~", "&amp;" * 900, "x" * 4000, "@here <@U0BOB> #c"])
revisions = st.builds(Revision, hash=text, number=st.integers(0, 9), version=text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_whatever_the_cluster_says_the_cards_stay_whole(data: st.DataObject) -> None:
    rollout = in_flight(
        environment=data.draw(text),
        cluster=data.draw(text),
        namespace=data.draw(text),
        message=data.draw(text),
        waiting=data.draw(text),
        owner=data.draw(text),
        analysis=data.draw(text),
        current=data.draw(revisions),
        stable=data.draw(revisions),
        steps=tuple(data.draw(st.lists(text, max_size=5))),
        weight=data.draw(st.integers(-1, 101)),
        paused=data.draw(st.booleans()),
    )
    asked = request(service=rollout.service, from_version=str(rollout.current), reviewed_wait=BY_HAND, intent="resume")
    shown = [
        cards.rollout_card(rollout),
        cards.rollout_list([rollout], {"search": data.draw(text)}),
        cards.tray([rollout.service]),
        cards.preview(asked, rollout, preflight(Verb.ROLLBACK, rollout), timedelta(minutes=10)),
        cards.check_card(rollout, {verb: preflight(verb, rollout) for verb in Verb}),
        cards.outcome(replace(asked, state=RequestState.FAILED, outcome=data.draw(text)), "Rollback"),
    ]
    for card in shown:
        check(card)
        assert not [text for text in marked_up(card.blocks) if "<@U0BOB>" in text or "<!channel>" in text]


def marked_up(node: Any) -> Iterator[str]:
    """Every text in which Slack would look for mentions."""
    if isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            yield node["text"]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for inner in node:
            yield from marked_up(inner)
