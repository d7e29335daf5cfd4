"""Prometheus' HTTP API over the shop: it scrapes every five seconds, forgets what is gone, and can be without data."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.clock import Clock
from sandbox.evaluation import Labels, Point, Vector, evaluate
from sandbox.flows import BOUNDS, Counters, Flow
from sandbox.kube.replicas import digest, is_ready, tag_of
from sandbox.promql import BadQuery, Matcher, Parser, Selector, seconds
from sandbox.shop import Service, Shop

EVERY = 5  # seconds between scrapes
KEPT_SCRAPES = 1_000
LOOKBACK = timedelta(minutes=5)
MAX_POINTS = 11_000
TARGET = {"instance": "shop:8080", "job": "shop"}
METRICS = {
    "http_requests_total": ("counter", "Requests by status code."),
    "http_request_duration_seconds": ("histogram", "How long requests took."),
    "shop_orders_total": ("counter", "Orders placed."),
    "build_info": ("gauge", "Which build a pod runs."),
}
BUILD = {"version": "3.7.3", "revision": "0a41f0000ed0", "branch": "HEAD", "goVersion": "go1.25.3"}


Scrape = dict[str, Vector]  # by the name of the metric


class Prometheus:
    """`scraping(False)` makes the shop's metrics stale from now on; `down` makes every query fail."""

    def __init__(self, shop: Shop, clock: Clock) -> None:
        self.shop, self.clock = shop, clock
        self.down = False
        self._switches: list[tuple[datetime, bool]] = []
        self._scrapes: OrderedDict[int, Scrape] = OrderedDict()

    def scraping(self, on: bool) -> None:
        self._switches.append((self.clock.now(), on))

    def reaches(self, at: datetime) -> bool:
        """Did the scrape of this moment reach the shop?"""
        return next((on for since, on in reversed(self._switches) if since <= at), True)

    # --- samples

    def scrape(self, number: int) -> Scrape:
        """All samples of one scrape. Scrapes are numbered by their time, and none lies in the future."""
        if found := self._scrapes.get(number):
            return found
        at = datetime.fromtimestamp(number * EVERY, UTC)
        up = self.reaches(at)
        result = {labelled({"__name__": "up"} | TARGET): float(up)}
        for labels, value in exposition(self.shop, at) if up else ():
            result[labelled(dict(labels) | TARGET)] = value
        # Pods keep no past: a scrape that nobody asked for when it was new has none of them. While it is asked for, the
        # next one may fall due.
        if up and self.clock.now() - at < timedelta(seconds=2 * EVERY):
            result |= dict(pods(self.shop))
        found = self._scrapes[number] = Scrape()
        for labels, value in result.items():
            name = labels[0][1]  # sorted, and nothing comes before __name__
            found.setdefault(name, {})[labels] = value
        if len(self._scrapes) > KEPT_SCRAPES:
            self._scrapes.popitem(last=False)
        return found

    def instant(self, matchers: Sequence[Matcher], at: datetime) -> Vector:
        """The last scrape's samples. What it did not bring is stale, and so is all if the last scrape is long past."""
        last = math.floor(min(at, self.clock.now()).timestamp() / EVERY)
        if at.timestamp() - last * EVERY >= LOOKBACK.total_seconds():
            return {}
        return select(self.scrape(last), matchers)

    def window(self, matchers: Sequence[Matcher], start: datetime, end: datetime) -> dict[Labels, list[Point]]:
        """The samples of every series in a half-open window (start, end]."""
        first = math.floor(start.timestamp() / EVERY) + 1
        last = math.floor(min(end, self.clock.now()).timestamp() / EVERY)
        found: dict[Labels, list[Point]] = {}
        for number in range(first, last + 1):
            for labels, value in select(self.scrape(number), matchers).items():
                found.setdefault(labels, []).append((float(number * EVERY), value))
        return found

    def query(self, text: str, at: datetime | None = None) -> float | Vector | dict[Labels, list[Point]]:
        """What a query answers at one moment: a scalar, a vector or, for a bare range selector, a matrix."""
        node, at = Parser.parse(text), at or self.clock.now()
        if isinstance(node, Selector) and node.range:
            end = at - node.offset
            return self.window(node.matchers, end - node.range, end)
        return evaluate(node, self, at)

    def values(self, text: str, at: datetime) -> list[float]:
        """What an analysis gets of a query. Raises ValueError where Prometheus is down or does not know the query."""
        if self.down:
            raise ValueError("server_error: server error: 503")
        try:
            found = self.query(text, at)
        except BadQuery as wrong:
            raise ValueError(f"bad_data: {wrong}") from wrong
        if isinstance(found, dict):
            return [value for value in found.values() if not isinstance(value, list)]
        return [found]

    def query_range(self, text: str, start: datetime, end: datetime, step: timedelta) -> dict[Labels, list[Point]]:
        node, at = Parser.parse(text), start
        found: dict[Labels, list[Point]] = {}
        for _ in range(MAX_POINTS):
            if at > end:
                break
            value = evaluate(node, self, at)
            for labels, number in (value if isinstance(value, dict) else {(): value}).items():
                found.setdefault(labels, []).append((at.timestamp(), number))
            at += step
        return found

    # --- HTTP

    def routes(self, prefix: str) -> list[BaseRoute]:
        paths: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/labels": self._names,
            "/api/v1/label/{name}/values": self._values,
            "/api/v1/series": self._series,
            "/api/v1/status/buildinfo": lambda args: dict(BUILD),
            "/api/v1/metadata": lambda args: {
                name: [{"type": kind, "help": text, "unit": ""}] for name, (kind, text) in METRICS.items()
            },
        }
        found: list[BaseRoute] = [
            Route(prefix + path, self._endpoint(work), methods=["GET", "POST"]) for path, work in paths.items()
        ]
        return [*found, Route(prefix + "/-/{state}", self._state)]

    def _endpoint(self, work: Callable[[Mapping[str, Any]], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            pairs = [*request.query_params.multi_items(), *parse_qsl((await request.body()).decode())]
            args: dict[str, Any] = dict(request.path_params) | dict(pairs)
            args["match[]"] = [value for name, value in pairs if name == "match[]"]
            return await run_in_threadpool(self._answer, work, args)

        return endpoint

    def _answer(self, work: Callable[[Mapping[str, Any]], Any], args: Mapping[str, Any]) -> Response:
        if self.down:
            return PlainTextResponse("Service Unavailable", 503)
        try:
            return JSONResponse({"status": "success", "data": work(args)})
        except BadQuery as error:
            text = str(error)
            return JSONResponse({"status": "error", "errorType": "bad_data", "error": text}, 400)

    def _state(self, request: Request) -> Response:
        words = {"healthy": "Prometheus Server is Healthy.\n", "ready": "Prometheus Server is Ready.\n"}
        found = words.get(request.path_params["state"])
        if found is None:
            return PlainTextResponse("404 page not found\n", 404)
        return PlainTextResponse("Service Unavailable", 503) if self.down else PlainTextResponse(found)

    def _query(self, args: Mapping[str, Any]) -> Any:
        at = self._time(args, "time", self.clock.now())
        found = self.query(required(args, "query"), at)
        if not isinstance(found, dict):
            return {"resultType": "scalar", "result": [at.timestamp(), number(found)]}
        if any(isinstance(value, list) for value in found.values()):
            return {"resultType": "matrix", "result": matrix(found)}
        result = [{"metric": dict(labels), "value": [at.timestamp(), number(value)]} for labels, value in found.items()]
        return {"resultType": "vector", "result": result}

    def _query_range(self, args: Mapping[str, Any]) -> Any:
        start, end = self._time(args, "start"), self._time(args, "end")
        step = step_of(required(args, "step"))
        if end < start:
            raise BadQuery('invalid parameter "end": end timestamp must not be before start time')
        if step <= timedelta():
            raise BadQuery('invalid parameter "step": zero or negative query resolution step widths are not accepted')
        if (end - start) / step > MAX_POINTS:
            raise BadQuery(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution"
            )
        found = self.query_range(required(args, "query"), start, end, step)
        return {"resultType": "matrix", "result": matrix(found)}

    def _selected(self, args: Mapping[str, Any]) -> list[Labels]:
        """The series that now match one of `match[]`; all if there is none."""
        at = self._time(args, "end", self.clock.now())
        selectors = [Parser.parse(text) for text in args["match[]"]] or [Selector(())]
        found: dict[Labels, None] = {}
        for selector in selectors:
            if not isinstance(selector, Selector):
                raise BadQuery('invalid parameter "match[]": not a selector')
            found |= dict.fromkeys(self.instant(selector.matchers, at))
        return sorted(found)

    def _series(self, args: Mapping[str, Any]) -> Any:
        if not args["match[]"]:
            raise BadQuery("no match[] parameter provided")
        return [dict(labels) for labels in self._selected(args)]

    def _names(self, args: Mapping[str, Any]) -> Any:
        return sorted({name for labels in self._selected(args) for name, _ in labels})

    def _values(self, args: Mapping[str, Any]) -> Any:
        return sorted({value for labels in self._selected(args) for name, value in labels if name == args["name"]})

    def _time(self, args: Mapping[str, Any], name: str, default: datetime | None = None) -> datetime:
        text = args.get(name)
        if text is None and default is not None:
            return default
        return parse_time(name, required(args, name))


def required(args: Mapping[str, Any], name: str) -> str:
    text = str(args.get(name) or "")
    if not text:
        raise BadQuery(f'invalid parameter "{name}": empty')
    return text


def parse_time(name: str, text: str) -> datetime:
    try:
        if re.fullmatch(r"-?\d+(\.\d*)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadQuery(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def step_of(text: str) -> timedelta:
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return timedelta(seconds=float(text))
    if not re.fullmatch(r"(\d+(ms|[smhdw]))+", text):
        raise BadQuery(f'invalid parameter "step": cannot parse "{text}" to a valid duration')
    return seconds(text)


def number(value: Any) -> str:
    """A sample's value as Prometheus writes it: never with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(int(value) if value == int(value) else value)), "f")


def matrix(found: Mapping[Labels, Any]) -> list[dict[str, Any]]:
    return [
        {"metric": dict(labels), "values": [[at, number(value)] for at, value in points]}
        for labels, points in sorted(found.items())
    ]


def select(scrape: Scrape, matchers: Sequence[Matcher]) -> Vector:
    name = next((m.value for m in matchers if m.name == "__name__" and m.op == "="), None)
    chosen = scrape.values() if name is None else [scrape.get(name, {})]
    return {labels: value for vector in chosen for labels, value in vector.items() if fits(labels, matchers)}


def fits(labels: Labels, matchers: Sequence[Matcher]) -> bool:
    held = dict(labels)
    return all(matcher.matches(held) for matcher in matchers)


def labelled(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


# --- the shop's own /metrics


def exposition(shop: Shop, at: datetime) -> Iterator[tuple[Labels, float]]:
    """Every sample that the shop exposes at a moment."""
    for service in list(shop.services):
        for flow, counters in shop.counters(service, at).items():
            yield from samples(shop.services[service], flow, counters)


def pods(shop: Shop) -> Iterator[tuple[Labels, float]]:
    """What each pod of a service exposes by itself, and that it was reached."""
    for service in list(shop.services):
        for pod in shop.cluster.pods(service):
            target = {"namespace": "shop", "service": service, "job": service, "pod": pod["metadata"]["name"]}
            target["instance"] = f"{pod['status']['podIP']}:8080"
            ready = is_ready(pod)
            yield labelled({"__name__": "up"} | target), float(ready)
            if ready:
                build = build_of(shop.cluster.replicas.runs(pod))
                yield labelled({"__name__": "build_info"} | target | build), 1.0


def build_of(image: str) -> dict[str, str]:
    """What a program knows about itself: the version, and the commit it was built from."""
    return {"version": tag_of(image), "revision": digest(image).rpartition(":")[2][:12]}


def samples(service: Service, flow: Flow, counters: Counters) -> Iterator[tuple[Labels, float]]:
    base = {"namespace": "shop", "service": service.name, "track": flow.track, "version": flow.version}

    def sample(name: str, value: float, **labels: str) -> tuple[Labels, float]:
        return labelled({"__name__": name} | base | labels), value

    yield sample("http_requests_total", math.floor(counters.ok), code="200")
    yield sample("http_requests_total", math.floor(counters.errors), code="503")
    for bound, count in zip(BOUNDS, counters.buckets, strict=True):
        yield sample("http_request_duration_seconds_bucket", math.floor(count), le=number(bound))
    yield sample("http_request_duration_seconds_count", math.floor(counters.requests))
    yield sample("http_request_duration_seconds_sum", round(counters.seconds, 6))
    if service.orders_per_request:
        yield sample("shop_orders_total", math.floor(counters.orders))


def metrics_text(shop: Shop, at: datetime) -> str:
    """The text format that a Prometheus server scrapes."""
    lines: list[str] = []
    for family, (kind, text) in METRICS.items():
        lines += [f"# HELP {family} {text}", f"# TYPE {family} {kind}"]
        for labels, value in exposition(shop, at):
            named = dict(labels)
            name = named.pop("__name__")
            if name.startswith(family):
                inner = ",".join(f'{k}="{v}"' for k, v in named.items())
                lines.append(f"{name}{{{inner}}} {number(value)}")
    return "\n".join(lines) + "\n"
