"""The pretend shop: four services, the versions they run, the customers who use them, and the tools that watch it all.

    shop = Shop(clock, cluster)
    shop.ship("checkout", "v42")     # the bad one
    shop.tick()                      # rules are evaluated, webhooks called

What customers see is a function of what the cluster runs, of the versions' quality and of a few conditions
(content, payment processor) at each moment, so that any past window can be measured at any time.
"""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote_plus

from sandbox.alertmanager import Alert, Alertmanager
from sandbox.clock import Clock
from sandbox.cluster import Cluster
from sandbox.flows import BOUNDS, Behaviour, Counters, Flow, Ledger, quantile
from sandbox.hooks import Hooks
from sandbox.pipeline import Deploy, Pipeline
from sandbox.workloads import Share, Split

ENVIRONMENT = "production"
WINDOW_OF = {"checkout": "storefront"}  # the page from which its customers come
THRESHOLD = 0.05  # of requests that fail
WINDOW, FOR, EVERY = 10.0, 15.0, 1.0  # seconds: what is measured, for how long it must be so, how often it is looked at
CATCH_UP = 600  # rule evaluations at most in one tick
STORM_SECONDS = 60.0
GOODS = {"Tea": "4.20", "Honey": "6.80", "Candles": "3.50"}


@dataclass(frozen=True)
class Service:
    name: str
    team: str
    requests: float  # per second
    latency: float  # median, in seconds
    orders_per_request: float = 0.0
    needs_vendor: float = 0.0  # the part of requests that the payment processor takes part in


SERVICES = {
    s.name: s
    for s in (
        Service("storefront", "storefront", 120.0, 0.060),
        Service("checkout", "storefront", 40.0, 0.110, orders_per_request=0.05, needs_vendor=0.35),
        Service("payments", "payments", 14.0, 0.180, needs_vendor=0.70),
        Service("search", "discovery", 60.0, 0.045),
    )
}


@dataclass(frozen=True)
class Release:
    """How a version behaves."""

    version: str
    good: bool
    error_ratio: float
    slower: float


def release(version: str) -> Release:
    """Odd versions are good, even ones are not: they fail 23 % of requests and are three times as slow."""
    if not re.fullmatch(r"v\d+", version):
        raise ValueError(f"{version!r} is no version of the shop; versions are v41, v42 and so on")
    good = int(version[1:]) % 2 == 1
    return Release(version, good, error_ratio=0.002 if good else 0.23, slower=1.0 if good else 3.0)


@dataclass(frozen=True)
class Conditions:
    """What is wrong that a version's number does not say."""

    broken_content: frozenset[tuple[str, str]] = frozenset()  # (service, version): 200, with the wrong page
    without_prices: frozenset[tuple[str, str]] = frozenset()  # (service, version): 200, and nothing to buy
    vendor_down: bool = False
    misread: frozenset[tuple[str, str]] = (
        frozenset()
    )  # (service, version): code to which a reused flag means the old thing


@dataclass(frozen=True)
class Measure:
    requests_per_second: float
    error_ratio: float
    p95: float  # seconds
    orders_per_minute: float


class Shop:
    """`tempo` shortens the rules' windows, so that a story can be told faster; 1 is real time."""

    def __init__(self, clock: Clock, cluster: Cluster) -> None:
        self.clock, self.cluster = clock, cluster
        self.tempo = 1.0
        self.hooks = Hooks()
        self.alertmanager = Alertmanager(self.hooks)
        self.pipeline = Pipeline(cluster, self.hooks)
        self.conditions = Conditions()
        self.vendor_changed_at: datetime | None = None
        self.services = dict(SERVICES)
        self._ledgers: dict[str, Ledger] = {name: Ledger() for name in SERVICES}
        self._read: dict[str, int] = dict.fromkeys(SERVICES, 0)  # how many of the cluster's splits are in the ledger
        self._above_since: dict[str, datetime] = {}
        self._evaluated_at = clock.now()
        self._storm: list[Alert] = []
        self._coming: deque[Alert] = deque()  # of the storm, those that do not fire yet
        # The cluster's own: an analysis of the cluster asks the shop while the cluster is held, and the shop asks it.
        self._lock, self._ticking = cluster.store.lock, threading.Lock()

    # --- what people do to it

    def add(self, service: Service) -> None:
        """One more that the shop sells with; its workload is in the cluster already."""
        with self._lock:
            self._ledgers[service.name], self._read[service.name] = Ledger(), 0
            self.services[service.name] = service

    def connect(self, url: str, token: str) -> None:
        """Where alerts and deploy events go: the bot's address and its token."""
        self.hooks.url, self.hooks.token = url, token

    def ship(self, service: str, version: str, actor: str = "ci") -> Deploy:
        """Deploy a version, or the next "good" or "bad" one."""
        self._check(service)
        wanted = release(self.next_versions(service).get(version, version))
        return self.pipeline.ship(service, wanted.version, ENVIRONMENT, actor)

    def next_versions(self, service: str) -> dict[str, str]:
        """The next good and the next bad version that nobody has shipped yet."""
        latest = max(int(s.version[1:]) for s in self.cluster.workload(service).sets)
        return {"good": f"v{latest + 1 + latest % 2}", "bad": f"v{latest + 2 - latest % 2}"}

    def break_content(self, service: str, broken: bool = True) -> None:
        """The service's newest version goes on answering 200, with the wrong page: another version heals it."""
        self._check(service)
        newest = (service, self.cluster.workload(service).current)
        others = frozenset(pair for pair in self.conditions.broken_content if pair[0] != service)
        self._change(replace(self.conditions, broken_content=others | {newest} if broken else others))

    def broken_share(self, service: str) -> float:
        """The part of its visitors who get the wrong page now, from 0 to 1."""
        splits = self.cluster.traffic(service) if self.conditions.broken_content else ()
        shares = splits[-1].shares if splits else ()
        return sum(share.weight for share in shares if (service, share.version) in self.conditions.broken_content) / 100

    def lose_prices(self, service: str, version: str) -> None:
        """The pages of this version have no prices, and everything that is measured of them is as ever."""
        self._check(service)
        self._change(replace(self.conditions, without_prices=self.conditions.without_prices | {(service, version)}))

    def vendor(self, down: bool) -> None:
        """Take the payment processor down, or bring it back."""
        self._change(replace(self.conditions, vendor_down=down))
        self.vendor_changed_at = self.clock.now()

    def reuse_flag(self, service: str, misread_by: str) -> None:
        """Switch on a flag that an old version takes for what it meant in its days: it does the wrong thing since."""
        self._check(service)
        self._change(replace(self.conditions, misread=self.conditions.misread | {(service, misread_by)}))

    def storm(self, count: int, service: str = "search", seconds: float = 0.0) -> None:
        """So many alerts of one kind, spread over so many seconds; they clear a minute after, or at the next storm."""
        now, apart = self.clock.now(), timedelta(seconds=seconds * self.tempo / max(count, 1))
        self._end_storm(now)
        self._storm = [restarting(f"{service}-{number:05d}", service, now + number * apart) for number in range(count)]
        self._coming = deque(self._storm)
        self._fire_what_comes(now)

    def _fire_what_comes(self, now: datetime) -> None:
        while self._coming and self._coming[0].starts_at <= now:
            self.alertmanager.fire(self._coming.popleft())

    def _end_storm(self, now: datetime) -> None:
        for alert in self._storm:
            alert.ends_at = alert.ends_at or now
        self._storm, self._coming = [], deque()

    def _change(self, conditions: Conditions) -> None:
        with self._lock:
            self._sync()
            self.conditions = conditions
            for name, ledger in self._ledgers.items():
                split = self.cluster.traffic(name)[-1]
                ledger.begin(self.clock.now(), self._flows(name, split.shares))

    # --- what happened

    def _sync(self) -> None:
        """Take in what the cluster did since the last look."""
        with self._lock:
            for name, ledger in self._ledgers.items():
                splits = self.cluster.traffic(name)
                new: Iterable[Split] = splits[self._read[name] :]
                for split in new:
                    ledger.begin(split.at, self._flows(name, split.shares))
                    if name == WINDOW_OF["checkout"] and self.conditions.broken_content:  # who reaches the till changes
                        till = self._flows("checkout", self.cluster.traffic("checkout")[-1].shares)
                        self._ledgers["checkout"].begin(split.at, till)
                self._read[name] = len(splits)

    def _flows(self, service: str, shares: Iterable[Share]) -> dict[Flow, Behaviour]:
        return {Flow(s.track, s.version): self._behaviour(self.services[service], s) for s in shares}

    def _behaviour(self, service: Service, share: Share) -> Behaviour:
        quality = release(share.version)
        down = self.conditions.vendor_down
        misread = (service.name, share.version) in self.conditions.misread
        errors = (0.9 if misread else quality.error_ratio) if share.up else 1.0
        errors += (1 - errors) * (0.9 * service.needs_vendor if down else 0.0)
        wrong = (service.name, share.version) in self.conditions.broken_content
        # Of those who do not get through the shop window few reach the till.
        window = WINDOW_OF.get(service.name, "")
        reached = 1.0 - 0.75 * self.broken_share(window) if window else 1.0
        return Behaviour(
            requests=service.requests * reached * share.weight / 100,
            error_ratio=errors,
            latency=service.latency * quality.slower * (3.0 if down and service.needs_vendor else 1.0),
            orders_per_request=service.orders_per_request * (0.05 if wrong else 1.0),
        )

    def counters(self, service: str, at: datetime) -> Mapping[Flow, Counters]:
        """What the service's processes expose at a moment, which is not in the future."""
        with self._lock:
            self._sync()
            return self._ledgers[service].counters(at)

    def measure(self, service: str, at: datetime | None = None, window: float = WINDOW) -> Measure:
        """Rates over the last `window` seconds before `at`."""
        end = at or self.clock.now()
        with self._lock:
            self._sync()
            now, then = (self._ledgers[service].overall(t) for t in (end, end - timedelta(seconds=window)))
        requests = now.requests - then.requests
        counts = [b - a for a, b in zip(then.buckets, now.buckets, strict=True)]
        p95 = quantile(0.95, list(zip(BOUNDS, counts, strict=True)))
        return Measure(
            requests_per_second=requests / window,
            error_ratio=(now.errors - then.errors) / requests if requests else 0.0,
            p95=0.0 if math.isnan(p95) else p95,
            orders_per_minute=60 * (now.orders - then.orders) / window,
        )

    def error_ratio_of(self, service: str, track: str, window: float = WINDOW) -> float:
        """Of what one track answered in the last `window` seconds; 0 where it answered nothing."""
        end = self.clock.now()
        now, then = (self.counters(service, t) for t in (end, end - timedelta(seconds=window)))
        errors = requests = 0.0
        for flow in (flow for flow in now if flow.track == track):
            before = then.get(flow)
            errors += now[flow].errors - (before.errors if before else 0.0)
            requests += now[flow].requests - (before.requests if before else 0.0)
        return errors / requests if requests else 0.0

    def history(self, service: str, points: int, every: float) -> list[Measure]:
        """Measures at regular moments up to now, oldest first."""
        now = self.clock.now()
        moments = [now - timedelta(seconds=every * back) for back in reversed(range(points))]
        return [self.measure(service, at) for at in moments]

    # --- who watches it

    def tick(self) -> None:
        """Evaluate the alerting rules up to now, watch the deploys, and call the webhooks."""
        if not self._ticking.acquire(blocking=False):
            return
        try:
            now = self.clock.now()
            with self._lock:
                self._evaluate(now)
                self._fire_what_comes(now)
                if self._storm and now >= self._storm[-1].starts_at + timedelta(seconds=STORM_SECONDS):
                    self._end_storm(now)
            self.pipeline.watch(now)
            self.pipeline.flush()
            self.alertmanager.flush(now)
        finally:
            self._ticking.release()

    def _evaluate(self, now: datetime) -> None:
        """Look at every moment that a rule is due at, however long nobody ticked."""
        step = timedelta(seconds=EVERY * self.tempo)
        moment = max(self._evaluated_at + step, now - step * CATCH_UP)
        while moment <= now:
            for service in list(self.services.values()):
                self._judge(service, moment)
            self._evaluated_at = moment
            moment += step

    def _judge(self, service: Service, at: datetime) -> None:
        ratio = self.measure(service.name, at, WINDOW * self.tempo).error_ratio
        name = f"{service.name.capitalize()}ErrorRatioHigh"
        labels = base_labels(name, service.name, "critical") | {"team": service.team}
        if ratio <= THRESHOLD:
            if self._above_since.pop(service.name, None):
                self.alertmanager.resolve(labels, at)
            return
        since = self._above_since.setdefault(service.name, at)
        if at - since >= timedelta(seconds=FOR * self.tempo):
            self.alertmanager.fire(Alert(labels, described(service, ratio), at, generator(service)))

    def _check(self, service: str) -> None:
        if service not in self.services:
            raise ValueError(f"there is no service {service!r}; there are {', '.join(self.services)}")

    # --- its pages

    def page(self, service: str, visit: int) -> tuple[int, str, Share]:
        """What visitor number `visit` gets: status, HTML, and who answered. Spread evenly, so that few visits tell."""
        shares = self.cluster.traffic(service)[-1].shares
        (lot, luck), rest, chosen = spread(visit), 0.0, shares[-1]
        for share in shares:
            rest += share.weight
            if 100 * lot < rest:
                chosen = share
                break
        failing = luck < self._behaviour(self.services[service], chosen).error_ratio
        if failing:
            return 503, "<h1>503 Service Unavailable</h1>", chosen
        if (service, chosen.version) in self.conditions.broken_content:
            return 200, "<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>", chosen
        priced = (service, chosen.version) not in self.conditions.without_prices
        goods = "".join(f"<li>{name}{f' <b>€ {price}</b>' if priced else ''}</li>" for name, price in GOODS.items())
        title = f"<title>Corner Shop</title><h1>{service.capitalize()}</h1>"
        return 200, f"{title}<p>Corner Shop is open.</p><ul>{goods}</ul>", chosen


def base_labels(alertname: str, service: str, severity: str) -> dict[str, str]:
    return {
        "alertname": alertname,
        "cluster": "shop-1",
        "env": ENVIRONMENT,
        "job": "shop",
        "service": service,
        "severity": severity,
        "team": SERVICES[service].team if service in SERVICES else "",
    }


def restarting(pod: str, service: str, at: datetime) -> Alert:
    labels = base_labels("PodRestartsHigh", service, "critical") | {"pod": pod}
    annotations = {"summary": f"Pod {pod} restarts again and again"}
    return Alert(labels, annotations, at, "http://prometheus.shop.example:9090/graph?g0.expr=restarts")


def described(service: Service, ratio: float) -> dict[str, str]:
    return {
        "summary": f"{service.name.capitalize()} error ratio is {ratio:.0%}",
        "description": f"More than 5% of requests to {service.name} ({ENVIRONMENT}) failed over the last seconds",
        "runbook_url": f"https://runbooks.shop.example/{service.name}#errors",
    }


def generator(service: Service) -> str:
    """Where Prometheus shows the rule: its expression is one that the shop's own Prometheus answers."""
    requests = f'http_requests_total{{service="{service.name}"'
    failed, all_ = f'sum(rate({requests},code=~"5.."}}[1m]))', f"sum(rate({requests}}}[1m]))"
    rule = quote_plus(f"{failed} / {all_} > {THRESHOLD}")
    return f"http://prometheus.shop.example:9090/graph?g0.expr={rule}&g0.tab=1"


def spread(number: int) -> tuple[float, float]:
    """A low-discrepancy sequence in the unit square: few members already fill it evenly."""
    return (0.5 + number * 0.7548776662466927) % 1.0, (0.5 + number * 0.5698402909980532) % 1.0
