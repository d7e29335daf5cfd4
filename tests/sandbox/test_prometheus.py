"""Prometheus' API over the shop: real numbers, real shapes, real errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.clock import FrozenClock
from sandbox.evaluation import Labels, evaluate, extrapolated
from sandbox.prometheus import EVERY, Prometheus, metrics_text, number
from sandbox.promql import BadQuery, Parser
from sandbox.server import application, serve
from sandbox.shop import Shop
from sandbox.world import Sandbox

RATIO = (
    'sum by (track) (rate(http_requests_total{service="checkout",code=~"5.."}[1m]))'
    ' / sum by (track) (rate(http_requests_total{service="checkout"}[1m]))'
)


@pytest.fixture
def shop(world: Sandbox) -> Shop:
    return world.shop


@pytest.fixture
def prometheus(world: Sandbox) -> Prometheus:
    return world.prometheus


@pytest.fixture
def http(world: Sandbox) -> Iterator[httpx.Client]:
    with (
        serve(application(world)) as served,
        httpx.Client(base_url=f"{served.url}/prometheus/", trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def half_bad(shop: Shop, clock: FrozenClock) -> None:
    shop.ship("checkout", "v42")
    clock.advance(seconds=100)


def by(found: object, label: str) -> dict[str, float]:
    assert isinstance(found, dict)
    return {dict(labels)[label]: value for labels, value in found.items()}


@pytest.mark.usefixtures("half_bad")
def test_the_tracks_are_told_apart(prometheus: Prometheus) -> None:
    ratios = by(prometheus.query(RATIO), "track")
    assert ratios == {"canary": pytest.approx(0.23, abs=0.02), "stable": pytest.approx(0.002, abs=0.002)}
    slow = "histogram_quantile(0.95, sum by (le, version) (rate(http_request_duration_seconds_bucket[1m])))"
    p95 = by(prometheus.query(slow.replace("bucket[", 'bucket{service="checkout"}[')), "version")
    assert p95["v42"] > 2 * p95["v41"]


def test_a_rate_is_the_shops_own(prometheus: Prometheus, shop: Shop, clock: FrozenClock) -> None:
    (rate,) = prometheus.query('sum(rate(http_requests_total{service="search"}[1m]))').values()  # type: ignore[union-attr]
    assert rate == pytest.approx(shop.measure("search", window=60).requests_per_second, rel=0.01)
    (grown,) = prometheus.query('sum(increase(http_requests_total{service="search"}[1m]))').values()  # type: ignore[union-attr]
    assert grown == pytest.approx(60 * rate)


def test_there_is_an_hour_of_history_and_nothing_before(prometheus: Prometheus, clock: FrozenClock) -> None:
    query, now = 'sum(http_requests_total{service="search"})', clock.now()
    assert prometheus.query(query, now - timedelta(minutes=59))
    assert prometheus.query(query, now - timedelta(minutes=61)) == {}


@pytest.mark.usefixtures("half_bad")
def test_what_is_gone_is_stale_at_once_and_remembered_in_ranges(
    prometheus: Prometheus, shop: Shop, clock: FrozenClock
) -> None:
    shop.cluster.patch("checkout", {"status": {"abort": True}}, "status")
    clock.advance(seconds=45)
    assert prometheus.query('http_requests_total{track="canary"}') == {}
    assert prometheus.query('sum(increase(http_requests_total{track="canary"}[2m]))') != {}


def test_a_scrape_that_is_read_as_the_next_one_falls_due_has_its_pods(
    prometheus: Prometheus, clock: FrozenClock
) -> None:
    number = int(clock.now().timestamp()) // EVERY
    clock.advance(seconds=EVERY + 0.1)
    assert "build_info" in prometheus.scrape(number)


def test_a_shop_that_cannot_be_scraped_gives_no_data(prometheus: Prometheus, clock: FrozenClock) -> None:
    prometheus.scraping(False)
    clock.advance(seconds=90)
    assert prometheus.query("http_requests_total") == {}
    assert prometheus.query("rate(http_requests_total[1m])") == {}
    assert list(prometheus.query("up").values()) == [0.0]  # type: ignore[union-attr]
    prometheus.scraping(True)
    clock.advance(seconds=10)
    assert prometheus.query("http_requests_total") != {}


# --- the language


class Samples:
    """Two series of one metric."""

    a: Labels = (("__name__", "m"), ("le", "1"), ("x", "a"))
    b: Labels = (("__name__", "m"), ("le", "+Inf"), ("x", "a"))

    def instant(self, matchers: object, at: datetime) -> dict[Labels, float]:
        return {self.a: 3.0, self.b: 4.0}

    def window(self, matchers: object, start: datetime, end: datetime) -> dict[Labels, list[tuple[float, float]]]:
        first = start.timestamp()
        return {self.a: [(first + 10, 5.0), (first + 20, 8.0), (first + 30, 2.0), (first + 50, 6.0)]}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("1 + 2 * 3 - -4 / 2", 9.0),
        ("(1 + 2) * 3", 9.0),
        ("2 >bool 1", 1.0),
        ("1e3 / 0", math.inf),
        ("sum(m)", {(): 7.0}),
        ("avg(m) + 1", {(): 4.5}),
        ("max by (x) (m)", {(("x", "a"),): 4.0}),
        ("count(m) without (le)", {(("x", "a"),): 2.0}),
        ("m > 3.5", {Samples.b: 4.0}),
        ("sum(m > bool 3.5)", {(): 1.0}),
        ("m - m", {Samples.a[1:]: 0.0, Samples.b[1:]: 0.0}),
        ("sum(m) / sum(m)", {(): 1.0}),
        ("histogram_quantile(0.75, m)", {(("x", "a"),): 1.0}),
        ("irate(m[1m])", {Samples.a[1:]: 0.2}),
    ],
)
def test_expressions(query: str, value: object) -> None:
    assert evaluate(Parser.parse(query), Samples(), datetime(2026, 11, 21, tzinfo=UTC)) == value


def test_a_restart_is_not_a_fall_and_the_ends_are_extrapolated() -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    points = [(start.timestamp() + at, value) for at, value in ((10, 5.0), (20, 8.0), (30, 2.0), (50, 6.0))]
    # 3 before the restart, 2 and 4 after it: 9 in 40 s, and 20 s more at that pace
    assert extrapolated(points, start, start + timedelta(seconds=60)) == pytest.approx(9 * 60 / 40)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "no expression found in input"),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("rate(m)", "expected type range vector"),
        ("m[5m]]", 'unexpected op "]"'),
        ("deriv(m[5m])", 'unknown function with name "deriv"'),
        ('m{x=~"("}', "error parsing regexp"),
        ('{x=""}', "at least one non-empty matcher"),
        ("m and m", 'unexpected name "and"'),
        ("1 > 2", "must use BOOL modifier"),
        ("m + on(x) m", "duplicate series"),
        ("sum(1)", "expected type instant vector"),
    ],
)
def test_what_is_not_spoken_here_is_an_error(query: str, says: str) -> None:
    with pytest.raises(BadQuery) as caught:
        evaluate(Parser.parse(query), Samples(), datetime(2026, 11, 21, tzinfo=UTC))
    assert says in str(caught.value)


# --- over HTTP


def test_an_instant_query_answers_as_prometheus_does(http: httpx.Client, clock: FrozenClock) -> None:
    body = http.get("api/v1/query", params={"query": 'up{job="shop"}'}).json()
    assert body == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {"__name__": "up", "instance": "shop:8080", "job": "shop"},
                    "value": [clock.now().timestamp(), "1"],
                }
            ],
        },
    }
    scalar = http.post("api/v1/query", data={"query": "1/3", "time": "2026-11-21T09:00:00Z"}).json()["data"]
    assert scalar == {"resultType": "scalar", "result": [clock.now().timestamp(), "0.3333333333333333"]}


@pytest.mark.usefixtures("half_bad")
def test_a_range_query_shows_the_canary_coming(http: httpx.Client, clock: FrozenClock) -> None:
    ends = {"start": clock.now().timestamp() - 120, "end": clock.now().timestamp(), "step": "15s"}
    data = http.get("api/v1/query_range", params={"query": RATIO} | ends).json()["data"]
    assert data["resultType"] == "matrix"
    lengths = {series["metric"]["track"]: len(series["values"]) for series in data["result"]}
    assert lengths["stable"] == 9
    assert 0 < lengths["canary"] < 9


def test_labels_values_and_series(http: httpx.Client) -> None:
    assert {"__name__", "code", "le", "service", "track", "version"} <= set(http.get("api/v1/labels").json()["data"])
    services = http.get("api/v1/label/service/values").json()["data"]
    assert services == ["checkout", "payments", "search", "storefront"]
    found = http.get("api/v1/series", params={"match[]": 'shop_orders_total{track="stable"}'}).json()["data"]
    assert [series["service"] for series in found] == ["checkout"]
    assert "version" in http.get("api/v1/status/buildinfo").json()["data"]
    assert http.get("-/healthy").text == "Prometheus Server is Healthy.\n"


@pytest.mark.parametrize(
    ("path", "params", "says"),
    [
        ("query", {}, 'invalid parameter "query"'),
        ("query", {"query": "up", "time": "noon"}, 'cannot parse "noon" to a valid timestamp'),
        ("query_range", {"query": "up", "start": "2", "end": "1", "step": "1"}, "end timestamp must not be before"),
        ("query_range", {"query": "up", "start": "1", "end": "2", "step": "0"}, "zero or negative"),
        ("query_range", {"query": "up", "start": "1", "end": "99999", "step": "1"}, "exceeded maximum resolution"),
        ("query_range", {"query": "up", "start": "1", "end": "2", "step": "soon"}, "to a valid duration"),
        ("series", {}, "no match[] parameter provided"),
    ],
)
def test_errors_have_prometheus_format(http: httpx.Client, path: str, params: dict[str, str], says: str) -> None:
    answer = http.get(f"api/v1/{path}", params=params)
    body = answer.json()
    assert (answer.status_code, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert says in body["error"]


def test_a_prometheus_that_is_down_says_503(http: httpx.Client, prometheus: Prometheus) -> None:
    prometheus.down = True
    assert http.get("api/v1/query", params={"query": "up"}).status_code == 503
    assert http.get("-/ready").status_code == 503


def test_the_shop_exposes_what_prometheus_reads(shop: Shop, prometheus: Prometheus, clock: FrozenClock) -> None:
    families = {f.name: f for f in text_string_to_metric_families(metrics_text(shop, clock.now()))}
    assert (families["http_requests"].type, families["http_request_duration_seconds"].type) == ("counter", "histogram")
    exposed = {
        (s.name, s.labels["service"], s.labels.get("code", s.labels.get("le", ""))): s.value
        for family in families.values()
        for s in family.samples
    }
    scraped = by(prometheus.query('http_requests_total{service="search"}'), "code")
    assert {code: exposed["http_requests_total", "search", code] for code in scraped} == scraped


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.0, "12"),
        (0.25, "0.25"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_an_hour_is_drawn_point_by_point(prometheus: Prometheus, clock: FrozenClock) -> None:
    found = prometheus.query_range(RATIO, clock.now() - timedelta(minutes=55), clock.now(), timedelta(seconds=60))
    assert [len(points) for points in found.values()] == [56]
