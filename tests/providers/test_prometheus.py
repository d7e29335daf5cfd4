"""The way to Prometheus, against the sandbox's over HTTP, and against servers that are no Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.errors import Away, ProviderError
from handlers.providers.prometheus import Prometheus
from sandbox.clock import FrozenClock
from sandbox.server import application, serve
from sandbox.world import Sandbox
from tests.values import NOON

RATE = 'sum by (track) (rate(http_requests_total{service="checkout"}[30s]))'
FIVE = timedelta(seconds=5)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def world(clock: FrozenClock) -> Sandbox:
    return Sandbox.build(clock)


@pytest.fixture
def prometheus(world: Sandbox) -> Iterator[Prometheus]:
    with serve(application(world)) as served:
        made = Prometheus(f"{served.url}/prometheus/")
        yield made
        made.close()


def answering(answer: Callable[[httpx.Request], httpx.Response], token: str = "") -> Prometheus:
    made = Prometheus("http://prometheus.example", token)
    made.close()
    headers = made._client.headers
    made._client = httpx.Client(
        base_url="http://prometheus.example", headers=headers, transport=httpx.MockTransport(answer)
    )
    return made


def test_a_query_answers_labels_and_values(prometheus: Prometheus, clock: FrozenClock) -> None:
    clock.advance(seconds=60)
    ((labels, value),) = prometheus.query(RATE)
    assert labels == {"track": "stable"}
    assert 30 < value < 50


def test_a_query_of_another_moment(prometheus: Prometheus, clock: FrozenClock) -> None:
    clock.advance(seconds=600)
    assert prometheus.query(RATE, NOON + timedelta(seconds=300)) != []
    assert prometheus.query(RATE, NOON + timedelta(hours=1)) == []  # nothing is measured of what has not been


def test_a_scalar_is_one_value_without_labels(prometheus: Prometheus) -> None:
    assert prometheus.query("3 * 2") == [({}, 6.0)]


def test_a_range_has_a_point_for_each_step(prometheus: Prometheus, world: Sandbox, clock: FrozenClock) -> None:
    world.shop.ship("checkout", "v42")
    clock.advance(seconds=100)
    found = {labels["track"]: points for labels, points in prometheus.range(RATE, NOON, clock.now(), FIVE)}
    assert set(found) == {"stable", "canary"}
    at, value = found["stable"][-1]
    assert at == NOON + timedelta(seconds=100)
    assert at.tzinfo is UTC
    assert value > 0
    assert len(found["stable"]) > len(found["canary"]) > 0


def test_what_was_not_measured_is_a_gap_and_not_zero(
    prometheus: Prometheus, world: Sandbox, clock: FrozenClock
) -> None:
    clock.advance(seconds=100)
    world.prometheus.scraping(False)
    clock.advance(seconds=100)
    world.prometheus.scraping(True)
    clock.advance(seconds=100)
    ((_, points),) = prometheus.range(RATE, NOON, clock.now(), FIVE)
    dark = [at for at, _ in points if NOON + timedelta(seconds=140) < at < NOON + timedelta(seconds=200)]
    assert points
    assert dark == []


def test_values_that_are_no_numbers_are_left_out(prometheus: Prometheus, clock: FrozenClock) -> None:
    clock.advance(seconds=60)
    nothing = 'rate(http_requests_total{service="checkout",code="503"}[30s]) * 0'
    assert prometheus.query(f"{nothing} / ({nothing})") == []
    assert [
        points for _, points in prometheus.range(f"{nothing} / ({nothing})", NOON, clock.now(), FIVE) if points
    ] == []


def test_a_wrong_query_is_named_and_permanent(prometheus: Prometheus) -> None:
    with pytest.raises(ProviderError, match="HTTP 400") as error:
        prometheus.query("rate(")
    assert error.value.permanent
    assert not isinstance(error.value, Away)


def test_a_prometheus_that_is_down_is_asked_again(prometheus: Prometheus, world: Sandbox) -> None:
    world.prometheus.down = True
    with pytest.raises(ProviderError, match="HTTP 503") as error:
        prometheus.query("up")
    assert not error.value.permanent


def test_nobody_there_is_away() -> None:
    made = Prometheus("http://127.0.0.1:9")
    with pytest.raises(Away, match="ConnectError"):
        made.query("up")
    made.close()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>Sign in</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "success"}),
        httpx.Response(200, json={"status": "error", "error": "timeout"}),
    ],
)
def test_a_page_that_is_no_answer_is_an_error_and_no_data(answer: httpx.Response) -> None:
    with pytest.raises(ProviderError, match="not as Prometheus does"):
        answering(lambda request: answer).query("up")


def test_odd_answers_do_not_break_it() -> None:
    result = [None, {"metric": None, "value": ["x", "1"]}, {"value": [1, "2"]}, {"metric": {"a": 1}, "value": None}]
    data = {"resultType": "vector", "result": result}
    assert answering(lambda request: httpx.Response(200, json={"status": "success", "data": data})).query("up") == [
        ({}, 2.0)
    ]


def test_no_error_prints_the_token() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"error": f"refused: {request.headers['authorization']}"})

    with pytest.raises(ProviderError, match="refused") as error:
        answering(echo, "s3cret").query("up")
    assert "s3cret" not in str(error.value)
    assert error.value.permanent


def test_a_long_span_asks_for_no_more_points_than_are_answered() -> None:
    asked: list[str] = []

    def keep(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": []}})

    answering(keep).range("up", NOON, datetime(2027, 11, 21, tzinfo=UTC), timedelta(seconds=1))
    assert "step=1.000" not in asked[0]
