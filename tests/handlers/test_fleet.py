"""The servers of a service through the use cases: the real store and provider, and the pretend cluster behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.decision import Card, Decision
from bot.errors import ProviderError, Refused
from bot.fleet import Instance
from bot.model import Hold, Rollout, Silence, Skew, Verb
from bot.policy import Policy, Route, Service
from handlers import fleet, silences
from handlers.providers.pods import Pods
from handlers.world import World
from tests.bot.rollout_values import hold, idle, in_flight, skew
from tests.databases import memory_store
from tests.providers.shops import Front, Shop, target
from tests.storage.helpers import keep
from tests.values import incident

ID = "payments/production"
POLICY = Policy(
    services={
        "payments": Service(name="payments", rollout=target("payments")),
        "hosts": Service(name="hosts", rollout=target("payments"), servers=("host-1", "host-2")),
        "ghost": Service(name="ghost", rollout=target("ghost")),
        "ledger": Service(name="ledger"),
    }
)


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path, "payments")
    shop.passes(30)
    yield shop
    shop.close()


@pytest.fixture
def world(shop: Shop) -> Iterator[World]:
    store = memory_store()
    pods = Pods({"sandbox": shop.kubernetes})
    yield World(store, None, {"argo": shop.argo}, POLICY, shop.clock.now, pods=pods)  # type: ignore[arg-type]
    store.close()


def asks(world: World, service: str = "payments") -> str:
    say = fleet.show(world, Ask(command="rollout", text=f"verify {service}", by="U0DANA", channel="C1"), service).say
    assert isinstance(say, Card)
    return as_text(say)


def checks(world: World, id: str = ID) -> Decision:
    """One look of the check after a rollout, as the outbox would."""
    return world.decide(fleet.verify(world, id))


def kept(world: World) -> Skew | None:
    return world.read(lambda tx: tx.skew(ID))


def test_asked_while_a_release_is_under_way_it_says_how_far_it_is_and_calls_nothing_wrong(
    world: World, shop: Shop
) -> None:
    shop.ships("payments", "v43", seconds=10)
    rollout = shop.get("payments")
    assert rollout.in_flight
    new = sum(not pod.older and not pod.ending for pod in _pods(world, rollout))
    shown = asks(world)
    assert f"under way: {new} of 4 on v43" in shown
    assert 0 < new < 4
    assert "Verdict inconclusive" in shown
    assert f"v41 → v43 is paused, at {rollout.weight} % of the traffic" in shown


def _pods(world: World, rollout: Rollout) -> tuple[Instance, ...]:
    assert world.pods is not None
    service = POLICY.services["payments"]
    assert service.rollout is not None
    return world.pods.instances(service.rollout, service.verification, rollout.current.hash).seen


def test_to_ask_while_it_is_under_way_neither_alerts_nor_holds(world: World, shop: Shop) -> None:
    shop.ships("payments", "v43", seconds=10)
    asks(world)
    assert checks(world) == Decision()
    assert kept(world) is None
    assert world.read(lambda tx: (tx.holds("payments", "production"), tx.incidents(open_only=True))) == ((), ())


def test_a_quiet_check_is_over_when_the_next_release_begins(world: World, shop: Shop) -> None:
    keep(world.store, skew(id=ID, service="payments", alerted_at=None, version=0))
    shop.ships("payments", "v43", seconds=10)
    checks(world)
    found = kept(world)
    assert found is not None
    assert found.text == "another release has begun"


def test_a_loud_check_and_its_hold_outlast_the_next_release(world: World, shop: Shop) -> None:
    keep(world.store, skew(id=ID, service="payments", version=0))
    keep(world.store, hold(id=f"{ID}/verify", service="payments", version=0))
    shop.ships("payments", "v43", seconds=10)
    assert len(checks(world).do) == 1
    held = world.read(lambda tx: tx.holds("payments", "production"))
    assert [(one.holder, one.lifted_at) for one in held] == [("verify", None)]


def test_one_server_that_was_left_behind_is_named_after_the_deadline_and_held(world: World, shop: Shop) -> None:
    shop.cluster.stray("debug", "shop/payments:v39", service="payments")
    checks(world)
    assert "debug" in (kept(world) or skew()).text
    shop.passes(POLICY.verify_within.total_seconds())
    decision = checks(world)
    assert [noun.holder for noun in decision.save if isinstance(noun, Hold)] == ["verify"]
    assert "Verdict bad" in asks(world)


def test_a_route_that_groups_its_service_elsewhere_takes_no_hold_away(world: World, shop: Shop) -> None:
    routed = replace(POLICY, routes=(Route(match={"service": ("payments",)}, group="shop"),))
    elsewhere = replace(world, policy=routed)
    keep(world.store, incident(1, version=0, service="payments", group=ID))  # as somebody declared it
    shop.cluster.stray("debug", "shop/payments:v39", service="payments")
    for _ in range(2):
        checks(elsewhere)
        shop.passes(POLICY.verify_within.total_seconds())
    assert [hold.holder for hold in world.read(lambda tx: tx.holds("payments", "production"))] == ["verify"]
    assert [incident.group for incident in world.read(lambda tx: tx.incidents())] == [ID]


def test_in_a_silence_it_opens_nothing_holds_all_the_same_and_is_news_when_that_ends(world: World, shop: Shop) -> None:
    window = Silence(
        id="SIL-1",
        terms=("service=payments",),
        starts_at=shop.clock.now(),
        until=shop.clock.now() + timedelta(hours=9),
        reason="maintenance",
        by="U0DANA",
        at=shop.clock.now(),
    )
    keep(world.store, window)
    shop.cluster.stray("debug", "shop/payments:v39", service="payments")
    checks(world)
    shop.passes(POLICY.verify_within.total_seconds())
    assert [noun.holder for noun in checks(world).save if isinstance(noun, Hold)] == ["verify"]
    assert world.read(lambda tx: tx.incidents(open_only=True)) == ()
    world.decide(silences.end(world, "SIL-1"))
    assert [incident.service for incident in world.read(lambda tx: tx.incidents(open_only=True))] == ["payments"]


def test_soon_after_an_abort_dying_pods_are_not_wrong(world: World, shop: Shop) -> None:
    impatient = replace(world, policy=replace(POLICY, verify_within=timedelta(0)))
    shop.ships("payments", "v43", seconds=10)
    shop.acts(shop.asks(Verb.ABORT, "payments"))
    shop.passes(2)
    assert shop.get("payments").aborted
    assert [noun for noun in checks(impatient).save if isinstance(noun, Hold)] == []
    assert "v43" not in (kept(world) or skew()).text


def test_only_who_may_promote_accepts_servers_and_only_with_a_reason(world: World) -> None:
    keep(world.store, skew(id=ID, service="payments", version=0))
    keep(world.store, hold(id=f"{ID}/verify", service="payments", version=0))
    owned = replace(
        world, policy=replace(POLICY, services={"payments": replace(POLICY.services["payments"], owners=("U0DANA",))})
    )
    with pytest.raises(Refused, match="nothing was changed"):
        accepts(owned, "--accept")
    with pytest.raises(Refused, match="may"):
        accepts(owned, '--accept "8 is off"', by="U0ELSE")
    accepts(owned, "—accept “8 is off tonight”")
    assert world.read(lambda tx: tx.holds("payments", "production")) == ()
    assert "accepted as it is: 8 is off tonight" in (kept(world) or skew()).text


def accepts(world: World, words: str, by: str = "U0DANA") -> Decision:
    ask = Ask(command="rollout", text=f"verify payments {words}", by=by, channel="C1")
    return fleet.show(world, ask, f"payments {words}")


def test_a_cluster_that_does_not_answer_is_unknown_and_looked_at_again(world: World, shop: Shop) -> None:
    shop.cluster.api.deny("list", "pods")
    decision = checks(world)
    assert "not known: " in (kept(world) or skew()).text
    assert len(decision.do) == 1
    with pytest.raises(ProviderError, match="403"):
        asks(world)


def test_the_servers_of_a_list_are_not_taken_from_the_cluster(world: World) -> None:
    shown = asks(world, "hosts")
    assert "host-1" in shown
    assert "by the configured servers" in shown


def test_where_nobody_says_who_should_be_there_it_says_so_and_the_check_ends(world: World) -> None:
    blind = replace(world, pods=None)
    with pytest.raises(Refused, match=r"services\.payments\.servers"):
        asks(blind)
    assert checks(blind) == Decision()


@pytest.mark.parametrize("id", ["ledger/production", "payments/staging", "nobody/production"])
def test_what_the_configuration_no_longer_has_is_checked_no_more(world: World, id: str) -> None:
    assert checks(world, id) == Decision()


def test_an_aborted_release_is_not_under_way() -> None:
    assert fleet.moving(in_flight()) == "v41 → v42 is under way, at 20 % of the traffic"
    assert fleet.moving(in_flight(aborted=True)) == ""
    assert fleet.moving(idle()) == ""
