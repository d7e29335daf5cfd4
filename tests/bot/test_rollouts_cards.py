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
from bot.model import RequestState, Revision, Rollout, RolloutPhase, Severity, Verb
from bot.preflight import Surroundings, preflight
from bot.rollouts import propose
from tests.blockkit import check
from tests.bot.rollout_values import ALONE, V40, V41, V42, idle, in_flight, request, stable
from tests.golden import same_as
from tests.values import NOON, incident

PAUSED = in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep", owner="Argo CD app shop")
TIMED = replace(PAUSED, goes_on_at=NOON + timedelta(minutes=5), routed=True)
FOUGHT = replace(PAUSED, for_person=True, step=3, weight=40, weight_set=50, fights="puts its own spec back within 5 s")
MANY = Revision(
    hash="hash43",
    version="v43",
    images=(
        "registry.example:5000/shop/checkout:v43@sha256:" + "a1b2c3" * 10,
        "envoy:v1",
        "shop/audit:2",
        "x:1",
        "y:2",
    ),
)
ABORTED = in_flight(phase=RolloutPhase.DEGRADED, aborted=True, weight=0, weight_set=0, message="RolloutAborted: …")
PROMOTED = idle(current=V42, stable=V42, history=(V42, V41, V40), owner="Argo CD app shop")
SWITCH = in_flight(strategy=BLUE_GREEN, steps=(), step=0, weight=0, weight_set=0, waiting="BlueGreenPause")
FIRST = in_flight(stable=None, history=(V42,), weight=100, weight_set=100)


def preview(
    verb: Verb,
    rollout: Rollout,
    *,
    severity: Severity = Severity.SEV2,
    respec: bool = False,
    full: bool = False,
) -> Card:
    here = incident(severity=severity)
    around = Surroundings(incident=here, others=(here, incident(8, severity=severity)), respec=respec)
    values: dict[str, Any] = {"by": "U0DANA", "channel": "", "allowed": {"U0DANA"}, "number": 1, "now": NOON}
    say = propose(verb, rollout, (stable(V42), stable(V41)), around, full=full, rule=ALONE, **values).say
    assert isinstance(say, Card)
    return say


def settled(state: RequestState, why: str) -> Card:
    return cards.outcome(request(state=state, outcome=why), "Rollback of checkout: v42 → v41")


CARDS = {
    "in_flight": cards.rollout_card(in_flight()),
    "paused": cards.rollout_card(PAUSED),
    "paused_for_a_time": cards.rollout_card(TIMED),
    "paused_for_a_person": cards.rollout_card(FOUGHT),
    "many_images": cards.rollout_card(replace(TIMED, current=MANY, analysis="checkout-42-2: running")),
    "live": cards.with_footer(cards.rollout_card(TIMED), cards.LIVE),
    "live_rested": cards.with_footer(cards.rollout_card(PROMOTED), cards.rested("checkout", NOON)),
    "live_stale": cards.with_footer(cards.rollout_card(TIMED), cards.stale(NOON, "Kubernetes demo: no connection")),
    "paused_by_hand": cards.rollout_card(replace(PAUSED, paused=True, autoscaled=True)),
    "aborted": cards.rollout_card(ABORTED),
    "idle": cards.rollout_card(idle()),
    "promoted": cards.rollout_card(PROMOTED, (stable(V42), stable(V41))),
    "blue_green": cards.rollout_card(SWITCH),
    "blue_green_timed": cards.rollout_card(replace(SWITCH, goes_on_at=NOON + timedelta(seconds=90))),
    "first_deploy": cards.rollout_card(FIRST),
    "list": cards.rollout_list([in_flight(), idle(service="search")], {"payments": "Kubernetes demo: no connection"}),
    "list_empty": cards.rollout_list([], {}),
    "tray": cards.tray(["checkout", "search"]),
    "tray_empty": cards.tray([]),
    "preview_abort": preview(Verb.ROLLBACK, in_flight(owner="Argo CD app shop")),
    "preview_undo": preview(Verb.ROLLBACK, PROMOTED, severity=Severity.SEV3),
    "preview_undo_fully": preview(Verb.ROLLBACK, PROMOTED),
    "preview_abort_undo": preview(Verb.ROLLBACK, in_flight(paused=True), respec=True),
    "preview_promote_fully": preview(Verb.PROMOTE, replace(PAUSED, paused=True), full=True),
    "preview_retry": preview(Verb.RETRY, ABORTED),
    "preview_resume": preview(Verb.RESUME, replace(PAUSED, paused=True)),
    "preview_promote": preview(Verb.PROMOTE, PAUSED),
    "preview_skip": preview(Verb.PROMOTE, in_flight()),
    "preview_switch": preview(Verb.PROMOTE, SWITCH),
    "check": cards.check_card(
        "checkout", cards.summary(in_flight()), {verb: preflight(verb, in_flight()) for verb in Verb}
    ),
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
    assert buttons(CARDS["aborted"]) == ["rollout retry checkout"]
    assert buttons(CARDS["idle"]) == []
    assert buttons(CARDS["promoted"]) == ["rollout rollback checkout"]


def test_the_countdown_is_a_time_that_stays_right() -> None:
    """A card is read long after it was drawn: "in 4 minutes" would be wrong by then."""
    at = int((NOON + timedelta(minutes=5)).timestamp())
    assert f"goes on by itself at <!date^{at}^{{time_secs}}|12:05:00 UTC>" in str(CARDS["paused_for_a_time"])
    assert "switches by itself at <!date^" in str(CARDS["blue_green_timed"])
    assert "until somebody promotes it" in str(CARDS["paused_for_a_person"])


def test_both_sides_are_shown_with_their_images_and_pods() -> None:
    fields = [field["text"] for field in CARDS["in_flight"].blocks[2]["fields"]]
    assert fields == [
        "*Stable: v41 (revision 1)*\n`shop/checkout:v41`\n4 pods available",
        "*New: v42 (revision 2)*\n`shop/checkout:v42`\n1 of 1 pod available",
    ]


def test_long_images_are_short() -> None:
    assert cards.image_name("registry.example:5000/shop/checkout:v43@sha256:" + "ab" * 32) == (
        "shop/checkout:v43@abababababab"
    )
    assert cards.image_name("localhost/checkout:v1") == "checkout:v1"
    assert cards.image_name("shop/checkout:v42") == "shop/checkout:v42"
    assert "… and 2 images more" in str(CARDS["many_images"])


def test_the_weight_that_is_set_is_shown_where_it_is_not_there_yet() -> None:
    assert "40 % of the pods on v42, 50 % set" in str(CARDS["paused_for_a_person"])
    assert "% set" not in str(CARDS["paused_for_a_time"])


def test_who_else_writes_it_is_named_with_what_it_will_do() -> None:
    assert "also written by Argo CD app shop, which puts its own spec back within 5 s" in str(
        CARDS["paused_for_a_person"]
    )


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


def way_back(rollout: Rollout, to: Revision, **other: Any) -> str:
    asked = request(intent="undo", to_revision=to.hash, to_version=str(to), **other)
    return str(cards.preview(asked, rollout, preflight(Verb.ROLLBACK, rollout), timedelta(minutes=10)).blocks[2])


def test_the_preview_says_how_long_the_way_back_takes() -> None:
    """Through the steps again, at once within the rollback window, and at once while the old pods still run."""
    assert "through all 5 steps again" in way_back(PROMOTED, V41)
    near = replace(V41, in_window=True)
    within = way_back(replace(PROMOTED, history=(V42, near)), near)
    assert "at once, no step runs again: it is within the rollback window" in within
    switched = replace(PROMOTED, strategy=BLUE_GREEN, steps=(), step=0)
    kept = replace(V41, kept_until=NOON + timedelta(seconds=20))
    assert "at once: its pods still run for 20 s" in way_back(replace(switched, history=(V42, kept)), kept)
    assert "when all pods of v41 are up." in way_back(switched, V41)
    late = way_back(replace(switched, history=(V42, kept)), kept, at=NOON + timedelta(seconds=20))
    assert "when all pods of v41 are up." in late


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
revisions = st.builds(
    Revision, hash=text, number=st.integers(0, 9), version=text, images=st.lists(text, max_size=5).map(tuple)
)


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
        fights=data.draw(text),
        goes_on_at=data.draw(st.none() | st.just(NOON)),
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
        cards.with_footer(cards.rollout_card(rollout), cards.stale(NOON, data.draw(text))),
        cards.rollout_list([rollout], {"search": data.draw(text)}),
        cards.tray([rollout.service]),
        cards.preview(asked, rollout, preflight(Verb.ROLLBACK, rollout), timedelta(minutes=10)),
        cards.check_card(rollout.service, cards.summary(rollout), {verb: preflight(verb, rollout) for verb in Verb}),
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


def test_a_list_of_many_rollouts_is_one_message_and_says_how_many_it_leaves_out() -> None:
    many = [replace(in_flight(), service=f"service-{number:03}") for number in range(60)]
    card = cards.rollout_list(many, {}, ["all of production until noon"] * 50, ["`cart` has not asked yet"] * 50)
    check(card)
    rows = [block for block in card.blocks if "accessory" in block]
    (more,) = [block["elements"][0]["text"] for block in card.blocks if block["type"] == "context"]
    assert more.startswith(f"… and {60 - len(rows)} more")
