"""The shop does what its versions and conditions make it do, and its tools say so in the real shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.alertmanager import Alert, Alertmanager, fingerprint
from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster
from sandbox.hooks import Hooks
from sandbox.pipeline import digests
from sandbox.shop import Shop

SAMPLES = Path(__file__).parents[1] / "samples" / "senders" / "alertmanager"
REAL_LABELS = {
    "alertname": "CheckoutErrorRatioHigh",
    "cluster": "lab-1",
    "env": "prod",
    "instance": "127.0.0.1:19101",
    "job": "shop",
    "region": "eu-west-1",
    "service": "checkout",
    "severity": "critical",
    "team": "storefront",
    "tier": "1",
}


class Receiver:
    """Where the webhooks go: answers with `status` and remembers."""

    def __init__(self) -> None:
        self.status = 202
        self.got: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    def __call__(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        self.got.append((path, json.loads(body), headers))
        return self.status

    def at(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body, _ in self.got if where == path]

    @property
    def alerts(self) -> list[str]:
        return [body["status"] for body in self.at("/hooks/alertmanager")]

    @property
    def deploys(self) -> list[tuple[str, str]]:
        return [(body["version"], body["status"]) for body in self.at("/hooks/deploys")]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))


@pytest.fixture
def cluster(clock: FrozenClock) -> Cluster:
    return Cluster(clock)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def shop(clock: FrozenClock, cluster: Cluster, receiver: Receiver) -> Shop:
    shop = Shop(clock, cluster)
    shop.hooks.deliver = receiver
    return shop


@pytest.fixture
def run(clock: FrozenClock, shop: Shop) -> Callable[[float], None]:
    def run(seconds: float) -> None:
        for _ in range(round(seconds)):
            clock.advance(seconds=1)
            shop.tick()

    return run


def abort(cluster: Cluster) -> None:
    cluster.patch("checkout", {"status": {"abort": True}}, "status")


def test_a_bad_canary_fails_in_proportion_to_its_weight(shop: Shop, run: Callable[[float], None]) -> None:
    healthy = shop.measure("checkout")
    assert (healthy.error_ratio, round(healthy.requests_per_second)) == (pytest.approx(0.002), 42)
    shop.ship("checkout", "v42")
    run(40)
    sick = shop.measure("checkout")
    assert sick.error_ratio == pytest.approx((0.23 + 0.002) / 2)
    assert sick.p95 > 2 * healthy.p95
    assert sick.orders_per_minute < 0.95 * healthy.orders_per_minute
    assert shop.measure("search").error_ratio == pytest.approx(0.002)


def test_the_past_can_be_measured_without_having_been_watched(shop: Shop, clock: FrozenClock) -> None:
    shop.ship("checkout", "v42")
    clock.advance(seconds=3600)
    then = clock.now() - timedelta(seconds=3600)
    ratios = [round(shop.measure("checkout", then + timedelta(seconds=s)).error_ratio, 3) for s in (0, 14, 40)]
    assert ratios == [0.002, 0.025, 0.116]


def test_counters_never_fall_and_a_canary_that_returns_starts_from_zero(
    shop: Shop, cluster: Cluster, clock: FrozenClock, run: Callable[[float], None]
) -> None:
    shop.ship("checkout", "v42")
    run(30)
    abort(cluster)
    run(10)
    kept = {f.version: c.requests for f, c in shop.counters("checkout", clock.now()).items()}
    run(60)
    assert {f.version for f in shop.counters("checkout", clock.now())} == {"v41"}, "its pods are gone"
    cluster.patch("checkout", {"status": {"abort": False}}, "status")
    run(5)
    again = {f.version: c.requests for f, c in shop.counters("checkout", clock.now()).items()}
    assert 0 < again["v42"] < kept["v42"]
    assert again["v41"] > kept["v41"]


def test_the_alert_fires_once_and_clears_by_itself(
    shop: Shop, cluster: Cluster, receiver: Receiver, run: Callable[[float], None]
) -> None:
    shop.ship("checkout", "v42")
    run(28)
    assert receiver.alerts == []
    run(12)
    assert receiver.alerts == ["firing"]
    run(60)
    assert receiver.alerts == ["firing"], "said once, until something changes"
    abort(cluster)
    run(20)
    assert receiver.alerts == ["firing", "resolved"]
    ends = receiver.at("/hooks/alertmanager")[-1]["alerts"][0]["endsAt"]
    assert ends.startswith("2026-11-21T09:01:4")


def test_a_canary_of_ten_per_cent_is_too_little_to_alert(
    shop: Shop, cluster: Cluster, receiver: Receiver, run: Callable[[float], None]
) -> None:
    shop.ship("checkout", "v42")
    run(5)
    cluster.patch("checkout", {"spec": {"paused": True}})
    run(120)
    assert (cluster.workload("checkout").weight, receiver.alerts) == (10, [])


def test_alerts_fire_at_their_moment_however_rarely_the_shop_ticks(
    shop: Shop, receiver: Receiver, clock: FrozenClock
) -> None:
    shop.ship("checkout", "v42")
    clock.advance(seconds=120)
    shop.tick()
    starts = receiver.at("/hooks/alertmanager")[0]["alerts"][0]["startsAt"]
    assert starts.startswith("2026-11-21T09:00:3")


def test_the_webhook_has_the_shape_of_a_real_one(shop: Shop, receiver: Receiver, run: Callable[[float], None]) -> None:
    shop.connect("", "secret")
    shop.ship("checkout", "v42")
    run(40)
    real = json.loads((SAMPLES / "firing.json").read_text())
    _, ours, headers = next(got for got in receiver.got if got[0] == "/hooks/alertmanager")
    assert list(ours) == list(real)
    assert list(ours["alerts"][0]) == list(real["alerts"][0])
    assert ours["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert ours["groupLabels"] == {"alertname": "CheckoutErrorRatioHigh", "service": "checkout"}
    assert ours["commonLabels"]["severity"] == "critical"
    assert ours["alerts"][0]["annotations"]["summary"] == "Checkout error ratio is 12%"
    assert headers["authorization"] == "Bearer secret"


def test_fingerprints_are_those_of_a_real_alertmanager() -> None:
    assert fingerprint(REAL_LABELS) == "fdbf0fc308c5123c"


@pytest.mark.parametrize("status", [0, 500, 503, 404, 429])
def test_what_was_not_heard_is_said_again(
    shop: Shop, receiver: Receiver, run: Callable[[float], None], status: int
) -> None:
    receiver.status = status
    shop.ship("checkout", "v42")
    run(45)
    missed = len(receiver.alerts)
    receiver.status = 202
    run(10)
    assert missed >= 1
    assert len(receiver.alerts) == missed + 1
    first, last = receiver.at("/hooks/alertmanager")[0], receiver.at("/hooks/alertmanager")[-1]
    assert first == last


def test_nobody_is_told_of_an_alert_that_was_over_before(clock: FrozenClock) -> None:
    receiver = Receiver()
    manager = Alertmanager(Hooks(deliver=receiver))
    manager.fire(Alert({"alertname": "Blip", "service": "search"}, {}, clock.now()))
    manager.resolve({"alertname": "Blip", "service": "search"}, clock.now())
    manager.flush(clock.now())
    assert receiver.got == []


def test_nothing_is_lost_while_nobody_is_connected(
    shop: Shop, receiver: Receiver, run: Callable[[float], None]
) -> None:
    shop.hooks.deliver = None
    shop.ship("checkout", "v42")
    run(40)
    shop.hooks.deliver = receiver
    run(1)
    assert (receiver.alerts, receiver.deploys) == (["firing"], [("v42", "started")])


@pytest.mark.parametrize(("status", "again"), [(0, True), (503, True), (400, False)])
def test_deploy_events_wait_for_a_bot_that_is_down_but_do_not_argue(
    shop: Shop, receiver: Receiver, run: Callable[[float], None], status: int, again: bool
) -> None:
    receiver.status = status
    shop.ship("checkout", "v43")
    run(3)
    tries = len(receiver.deploys)
    receiver.status = 202
    run(1)
    assert (tries > 1, len(receiver.deploys) > tries) == (again, again)


def test_ci_reports_how_a_deploy_ends(
    shop: Shop, cluster: Cluster, receiver: Receiver, run: Callable[[float], None]
) -> None:
    shop.ship("checkout", "v42", actor="alice")
    run(30)
    abort(cluster)
    run(2)
    shop.ship("search", "v43")
    run(60)
    assert receiver.deploys == [
        ("v42", "started"),
        ("v42", "rolled_back"),
        ("v43", "started"),
        ("v43", "succeeded"),
    ]
    assert receiver.at("/hooks/deploys")[0] == {
        "service": "checkout",
        "version": "v42",
        "environment": "production",
        "status": "started",
        "at": "2026-11-21T09:00:00.000Z",
        "url": "https://ci.shop.example/checkout/builds/1801",
        "actor": "alice",
        "digests": digests("shop/checkout:v42"),
    }


def test_a_deploy_that_is_overtaken_is_cancelled(shop: Shop, receiver: Receiver, run: Callable[[float], None]) -> None:
    shop.ship("checkout", "bad")
    run(5)
    shop.ship("checkout", "good")
    run(1)
    assert receiver.deploys == [("v42", "started"), ("v42", "cancelled"), ("v43", "started")]
    assert shop.next_versions("checkout") == {"good": "v45", "bad": "v44"}


@pytest.mark.parametrize(("service", "version"), [("cart", "v42"), ("checkout", "latest")])
def test_what_cannot_be_shipped_is_refused(shop: Shop, service: str, version: str) -> None:
    with pytest.raises(ValueError, match=r"there is no service|is no version"):
        shop.ship(service, version)


def test_broken_content_costs_orders_but_no_errors(shop: Shop, run: Callable[[float], None]) -> None:
    before = shop.measure("checkout")
    shop.break_content("storefront")
    run(15)
    after = shop.measure("checkout")
    assert after.error_ratio == pytest.approx(before.error_ratio)
    assert after.orders_per_minute < 0.4 * before.orders_per_minute
    assert shop.page("storefront", 1)[:2] == (200, "<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>")
    shop.break_content("storefront", False)
    run(15)
    assert shop.measure("checkout").orders_per_minute > 0.8 * before.orders_per_minute


def test_another_version_heals_the_content_and_the_orders(shop: Shop, run: Callable[[float], None]) -> None:
    before = shop.measure("checkout")
    shop.break_content("storefront")
    run(15)
    assert shop.broken_share("storefront") == 1
    shop.ship("storefront", "good")
    run(120)
    assert shop.broken_share("storefront") == 0
    assert shop.page("storefront", 1)[1].startswith("<title>Corner Shop</title>")
    assert shop.measure("checkout").orders_per_minute > 0.8 * before.orders_per_minute


def test_pages_without_prices_are_those_of_one_version_and_show_in_no_figure(
    shop: Shop, cluster: Cluster, run: Callable[[float], None]
) -> None:
    shop.lose_prices("search", "v43")
    assert "€ 4.20" in shop.page("search", 1)[1]
    shop.ship("search", "v43")
    run(60)
    status, page, share = shop.page("search", 1)
    assert (status, share.version) == (200, "v43")
    assert "Tea" in page
    assert "€" not in page
    assert shop.measure("search").error_ratio < 0.01
    cluster.deploy("search", "shop/search:v41")
    run(60)
    assert "€ 4.20" in shop.page("search", 1)[1]


def test_a_vendor_that_is_down_hurts_those_who_need_it(
    shop: Shop, receiver: Receiver, run: Callable[[float], None]
) -> None:
    shop.vendor(down=True)
    run(40)
    assert shop.measure("payments").error_ratio == pytest.approx(0.63, abs=0.01)
    assert shop.measure("checkout").error_ratio == pytest.approx(0.32, abs=0.01)
    assert shop.measure("search").error_ratio == pytest.approx(0.002)
    firing = {body["groupLabels"]["service"] for body in receiver.at("/hooks/alertmanager")}
    assert firing == {"payments", "checkout"}


def test_a_service_without_pods_answers_nobody(shop: Shop, cluster: Cluster, run: Callable[[float], None]) -> None:
    cluster.patch("search", {"spec": {"replicas": 0}})
    run(15)
    assert shop.measure("search").error_ratio == pytest.approx(1.0)
    assert shop.page("search", 1)[0] == 503


def test_a_storm_comes_as_one_post(shop: Shop, receiver: Receiver, run: Callable[[float], None]) -> None:
    shop.storm(5_000)
    run(1)
    (body,) = receiver.at("/hooks/alertmanager")
    assert len(body["alerts"]) == 5_000
    run(65)
    assert receiver.alerts == ["firing", "resolved"]
    assert shop.alertmanager.firing == []


def test_a_storm_can_take_a_minute(shop: Shop, receiver: Receiver, run: Callable[[float], None]) -> None:
    """Alertmanager tells of a group that grows every few seconds, and each time of all that is in it."""
    shop.storm(600, seconds=60)
    run(61)
    sizes = [len(body["alerts"]) for body in receiver.at("/hooks/alertmanager")]
    assert sizes == sorted(sizes)
    assert len(sizes) > 5
    run(10)
    assert len(shop.alertmanager.firing) == 600
    run(60)
    assert shop.alertmanager.firing == []


def test_pages_are_spread_as_the_traffic_is(shop: Shop, run: Callable[[float], None]) -> None:
    shop.ship("checkout", "v42")
    run(30)
    visits = [shop.page("checkout", n) for n in range(2_000)]
    canary = [status for status, _, share in visits if share.track == "canary"]
    assert len(canary) == pytest.approx(1_000, abs=20)
    assert canary.count(503) / len(canary) == pytest.approx(0.23, abs=0.01)
