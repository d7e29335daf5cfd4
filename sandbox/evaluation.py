"""Evaluates the part of PromQL that `promql.py` parses, over any source of samples."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from sandbox.flows import quantile
from sandbox.promql import Aggregate, BadQuery, Binary, Function, Matcher, Node, Number, Selector

Labels = tuple[tuple[str, str], ...]  # sorted
Vector = dict[Labels, float]
Point = tuple[float, float]  # seconds, value
Scalar = float

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan if not a or math.isnan(a) else math.copysign(math.inf, a),
}
COMPARISON: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
COMBINE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
}


class Source(Protocol):
    """Where samples come from."""

    def instant(self, matchers: Sequence[Matcher], at: datetime) -> Vector: ...
    def window(self, matchers: Sequence[Matcher], start: datetime, end: datetime) -> dict[Labels, list[Point]]: ...


def evaluate(node: Node, source: Source, at: datetime) -> Scalar | Vector:
    match node:
        case Number(value):
            return value
        case Selector(matchers, None, offset):
            return source.instant(matchers, at - offset)
        case Selector():
            raise BadQuery("invalid expression type: range vector")
        case Function("histogram_quantile", (q, of)):
            return quantiles(scalar(q, source, at), vector(of, source, at))
        case Function(name, (Selector() as selector,)):
            return over_range(name, selector, source, at)
        case Aggregate(name, of, labels, without):
            return aggregate(name, vector(of, source, at), labels, without)
        case Binary():
            return binary(node, evaluate(node.left, source, at), evaluate(node.right, source, at))
    raise BadQuery(f"cannot evaluate {node}")


def vector(node: Node, source: Source, at: datetime) -> Vector:
    value = evaluate(node, source, at)
    if not isinstance(value, dict):
        raise BadQuery("expected type instant vector, got scalar")
    return value


def scalar(node: Node, source: Source, at: datetime) -> float:
    value = evaluate(node, source, at)
    if isinstance(value, dict):
        raise BadQuery("expected type scalar, got instant vector")
    return value


def unnamed(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def over_range(name: str, selector: Selector, source: Source, at: datetime) -> Vector:
    assert selector.range is not None
    end = at - selector.offset
    start = end - selector.range
    result: Vector = {}
    for labels, points in source.window(selector.matchers, start, end).items():
        if len(points) >= 2:
            grown = points[-1][1] - points[-2][1] if name == "irate" else extrapolated(points, start, end)
            length = points[-1][0] - points[-2][0] if name == "irate" else selector.range.total_seconds()
            result[unnamed(labels)] = grown if name == "increase" else grown / length
    return result


def extrapolated(points: Sequence[Point], start: datetime, end: datetime) -> float:
    """The increase over the whole window, extrapolated to its ends as Prometheus does. A fall is a restart from 0."""
    first, last = points[0], points[-1]
    grown = last[1] - first[1] + sum(a[1] for a, b in pairwise(points) if b[1] < a[1])
    sampled = last[0] - first[0]
    between = sampled / (len(points) - 1)
    to_start, to_end = first[0] - start.timestamp(), end.timestamp() - last[0]
    if grown > 0 and first[1] >= 0:
        to_start = min(to_start, sampled * first[1] / grown)  # a counter is not taken back below zero
    reach = [gap if gap < between * 1.1 else between / 2 for gap in (to_start, to_end)]
    return grown * (sampled + sum(reach)) / sampled


def aggregate(name: str, values: Vector, labels: Sequence[str], without: bool) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for held, value in values.items():
        kept = tuple(p for p in unnamed(held) if (p[0] in labels) != without)
        groups.setdefault(kept, []).append(value)
    return {kept: float(COMBINE[name](members)) for kept, members in groups.items()}


def quantiles(q: float, values: Vector) -> Vector:
    groups: dict[Labels, list[Point]] = {}
    for labels, count in values.items():
        bound = dict(labels).get("le")
        if bound is not None:
            kept = tuple(p for p in unnamed(labels) if p[0] != "le")
            groups.setdefault(kept, []).append((float(bound), count))
    return {labels: quantile(q, sorted(buckets)) for labels, buckets in groups.items()}


def binary(node: Binary, left: Scalar | Vector, right: Scalar | Vector) -> Scalar | Vector:
    if isinstance(left, dict) and isinstance(right, dict):
        return pairs(node, left, right)
    if isinstance(left, dict):
        assert not isinstance(right, dict)
        results = {labels: combine(node, value, right) for labels, value in left.items()}
        return finish(node, left, results)
    if isinstance(right, dict):
        results = {labels: combine(node, left, value) for labels, value in right.items()}
        return finish(node, right, results)
    result = combine(node, left, right)
    if node.op in COMPARISON and not node.bool:
        raise BadQuery("comparisons between scalars must use BOOL modifier")
    return result


def combine(node: Binary, a: float, b: float) -> float:
    return float(COMPARISON[node.op](a, b)) if node.op in COMPARISON else ARITHMETIC[node.op](a, b)


def finish(node: Binary, values: Vector, results: Vector) -> Vector:
    """A comparison keeps the values for which it is true; anything else is a new value without a name."""
    if node.op in COMPARISON and not node.bool:
        return {labels: values[labels] for labels, truth in results.items() if truth}
    return {unnamed(labels): value for labels, value in results.items()}


def pairs(node: Binary, left: Vector, right: Vector) -> Vector:
    def key(labels: Labels) -> Labels:
        return tuple(p for p in unnamed(labels) if node.on is None or p[0] in node.on)

    partners: Vector = {}
    for labels, value in right.items():
        if key(labels) in partners:
            raise BadQuery("found duplicate series for the match group on the right hand-side of the operation")
        partners[key(labels)] = value
    matched = {labels: value for labels, value in left.items() if key(labels) in partners}
    if len({key(labels) for labels in matched}) < len(matched):
        raise BadQuery("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
    results = {labels: combine(node, value, partners[key(labels)]) for labels, value in matched.items()}
    kept = finish(node, left, results)
    return kept if node.on is None or node.op in COMPARISON else {key(labels): v for labels, v in kept.items()}
