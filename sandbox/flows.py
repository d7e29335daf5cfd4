"""What customers do, as functions of time: request counters that can be read at any moment without having run until it.

Between two changes of the world every rate is a constant times a gentle wave, whose integral is known. A `Ledger`
holds one segment for each change; a counter at time t is its value at the segment's start plus the integral since.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
SPREAD = 0.5  # sigma of the log-normal latency
Vector = tuple[float, ...]


@dataclass(frozen=True)
class Population:
    """A part of the customers, with a rhythm of its own, so that no curve is flat."""

    share: float
    period: float  # seconds
    swing: float  # how far the wave goes, relative to the mean
    slower: float

    def elapsed(self, start: float, end: float) -> float:
        """The integral of 1 + swing·sin(2πt/period)."""
        turn = 2 * math.pi / self.period
        return end - start + self.swing / turn * (math.cos(turn * start) - math.cos(turn * end))


POPULATIONS = (Population(0.65, 97.0, 0.06, 1.0), Population(0.35, 41.0, 0.10, 1.4))


@dataclass(frozen=True)
class Flow:
    """The part of a service's traffic that is counted apart."""

    track: str
    version: str


@dataclass(frozen=True)
class Behaviour:
    """How a flow does, per second on average."""

    requests: float
    error_ratio: float
    latency: float  # the median, in seconds
    orders_per_request: float = 0.0


@dataclass(frozen=True)
class Counters:
    """What a process would expose. `buckets` are cumulative, one for each of BOUNDS."""

    ok: float
    errors: float
    orders: float
    seconds: float
    buckets: Vector

    @property
    def requests(self) -> float:
        return self.ok + self.errors

    @staticmethod
    def of(values: Vector) -> Counters:
        ok, errors, orders, seconds, *buckets = values
        return Counters(ok, errors, orders, seconds, tuple(buckets))


ZERO: Vector = (0.0,) * (4 + len(BOUNDS))


def rates(behaviour: Behaviour, population: Population) -> Vector:
    """The flat form of Counters, per second of this population's time."""
    requests = behaviour.requests * population.share
    errors = requests * behaviour.error_ratio
    median = behaviour.latency * population.slower
    buckets = tuple(requests * below(bound, median) for bound in BOUNDS)
    mean = median * math.exp(SPREAD**2 / 2)
    orders = (requests - errors) * behaviour.orders_per_request
    return (requests - errors, errors, orders, requests * mean, *buckets)


def below(bound: float, median: float) -> float:
    """The part of log-normal latencies that is not above `bound`."""
    return 0.5 * (1 + math.erf(math.log(bound / median) / (SPREAD * math.sqrt(2)))) if bound < math.inf else 1.0


@dataclass(frozen=True)
class Segment:
    start: float
    rates: Mapping[Flow, Sequence[Vector]]  # one vector per population
    totals: Mapping[Flow, Vector]  # at the start, since the flow began

    def at(self, flow: Flow, moment: float) -> Vector:
        total = self.totals[flow]
        for population, rate in zip(POPULATIONS, self.rates[flow], strict=True):
            seconds = population.elapsed(self.start, moment)
            total = tuple(t + r * seconds for t, r in zip(total, rate, strict=True))
        return total


@dataclass
class Ledger:
    """One service's history. A flow that ends and comes back starts from zero, as a restarted process does."""

    segments: list[Segment] = field(default_factory=list)
    ended: list[Vector] = field(default_factory=list)  # per segment: what flows that are gone had counted

    def begin(self, at: datetime, flows: Mapping[Flow, Behaviour]) -> None:
        """From `at` on these flows run; what comes late is put right after the last change."""
        last = self.segments[-1] if self.segments else None
        start = max(at.timestamp(), last.start) if last else at.timestamp()
        before = {flow: last.at(flow, start) for flow in last.rates} if last else {}
        gone = self.ended[-1] if self.ended else ZERO
        for flow, total in before.items():
            if flow not in flows:
                gone = add(gone, total)
        vectors = {flow: [rates(b, p) for p in POPULATIONS] for flow, b in flows.items()}
        self.segments.append(Segment(start, vectors, {flow: before.get(flow, ZERO) for flow in flows}))
        self.ended.append(gone)

    def counters(self, at: datetime) -> dict[Flow, Counters]:
        """Every flow that runs at this moment."""
        position, moment = self._find(at)
        if position < 0:
            return {}
        segment = self.segments[position]
        return {flow: Counters.of(segment.at(flow, moment)) for flow in segment.rates}

    def overall(self, at: datetime) -> Counters:
        """All flows that ever ran, together; never falls."""
        position, moment = self._find(at)
        if position < 0:
            return Counters.of(ZERO)
        segment, total = self.segments[position], self.ended[position]
        for flow in segment.rates:
            total = add(total, segment.at(flow, moment))
        return Counters.of(total)

    def _find(self, at: datetime) -> tuple[int, float]:
        moment = at.timestamp()
        return bisect_right(self.segments, moment, key=lambda s: s.start) - 1, moment


def add(a: Vector, b: Vector) -> Vector:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Prometheus' histogram_quantile, linear inside a bucket. `buckets`: upper bound, cumulative count; ascending."""
    if len(buckets) < 2 or buckets[-1][0] != math.inf or not buckets[-1][1] > 0:
        return math.nan
    if not 0 <= q <= 1:
        return -math.inf if q < 0 else math.inf
    rank = q * buckets[-1][1]
    if buckets[0][1] >= rank:
        bound, count = buckets[0]
        return bound * rank / count if bound > 0 else bound
    for (low, under), (high, count) in pairwise(buckets):
        if count >= rank:
            return low if high == math.inf else low + (high - low) * (rank - under) / (count - under)
    return buckets[-2][0]
