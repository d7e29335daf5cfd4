"""Prometheus' HTTP API: what a query answers now, and over a span of time. Reads only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bot.errors import Away, ProviderError
from bot.signals import ENVIRONMENT, asked_of
from handlers.providers.http import client

NAME = "Prometheus"
SECONDS = httpx.Timeout(10.0, connect=3.0)
MOST_POINTS = 11_000  # of one series; Prometheus refuses more
LONGEST_MESSAGE = 300
TRANSIENT = frozenset({408, 425, 429})

Labels = Mapping[str, str]
Point = tuple[datetime, float]


class Prometheus:
    """Values that are no number (NaN, infinite) are left out: missing data is not zero, and not a figure either."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._token = token
        self._client = client(base_url=url.rstrip("/"), headers=headers, timeout=SECONDS)

    def query(self, query: str, at: datetime | None = None) -> list[tuple[Labels, float]]:
        """The series and their values at one moment; a scalar is one without labels. Raises ProviderError."""
        data = self._ask("/api/v1/query", {"query": query} | ({"time": _stamp(at)} if at else {}))
        result = data.get("result")
        if data.get("resultType") == "scalar":
            result = [{"metric": {}, "value": result}]
        points = [(_labels(one), _points([one.get("value")])) for one in _series(result)]
        return [(labels, found[0][1]) for labels, found in points if found]

    def range(
        self, query: str, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[Labels, tuple[Point, ...]]]:
        """The series between two moments, a point for each step at which there is a value. Raises ProviderError."""
        step = max(step, (end - start) / MOST_POINTS, timedelta(seconds=1))
        asked = {"query": query, "start": _stamp(start), "end": _stamp(end), "step": f"{step.total_seconds():.3f}"}
        result = self._ask("/api/v1/query_range", asked).get("result")
        return [(_labels(one), _points(one.get("values"))) for one in _series(result)]

    def close(self) -> None:
        self._client.close()

    def _ask(self, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            answer = self._client.post(path, data=dict(form))
        except httpx.TransportError as error:
            raise Away(NAME, f"no answer ({type(error).__name__})") from None
        content = _parsed(answer)
        data = content.get("data")
        if answer.status_code == 200 and content.get("status") == "success" and isinstance(data, dict):
            return data
        raise self._refusal(answer.status_code, content)

    def _refusal(self, status: int, content: Mapping[str, Any]) -> ProviderError:
        if 200 <= status < 300:
            return ProviderError(NAME, "answered, but not as Prometheus does")
        said = str(content.get("error") or "")
        message = f"HTTP {status}: {said}" if said else f"HTTP {status}"
        if self._token:  # a proxy may echo what we sent
            message = message.replace(self._token, "…")
        return ProviderError(NAME, message[:LONGEST_MESSAGE], permanent=status < 500 and status not in TRANSIENT)


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"


def _parsed(answer: httpx.Response) -> Mapping[str, Any]:
    """The JSON object of a body; nothing for HTML, broken JSON and everything else."""
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _series(result: Any) -> list[Mapping[str, Any]]:
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _labels(series: Mapping[str, Any]) -> Labels:
    metric = series.get("metric")
    return {str(k): str(v) for k, v in metric.items()} if isinstance(metric, dict) else {}


def _points(values: Any) -> tuple[Point, ...]:
    found = [_point(value) for value in values] if isinstance(values, Sequence) else []
    return tuple(point for point in found if point is not None)


def _point(pair: Any) -> Point | None:
    try:
        at, value = float(pair[0]), float(pair[1])
        return (datetime.fromtimestamp(at, UTC), value) if math.isfinite(value) else None
    except (TypeError, ValueError, LookupError, OverflowError):
        return None


class ErrorsByVersion:
    """How a service does, by version: `template` is PromQL with {service} in it, and {environment} if it can tell, that
    answers a label `version`.
    """

    def __init__(self, prometheus: Prometheus, template: str) -> None:
        self.prometheus, self.template = prometheus, template

    @property
    def tells_environments(self) -> bool:
        return ENVIRONMENT in self.template

    def errors(self, service: str, environment: str) -> dict[str, float]:
        """The part of requests that fail. Raises ProviderError."""
        found = self.prometheus.query(asked_of(self.template, service, environment))
        return {labels["version"]: value for labels, value in found if labels.get("version")}
