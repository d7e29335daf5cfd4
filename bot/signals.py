"""What is measured of a release, beside what happened to it: the figures of canary and stable, and the marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model import Change, LiveCard, Placed, Request

BEFORE = timedelta(minutes=3)  # of what was measured before the first mark
LONGEST = timedelta(hours=2)  # what is further back is too small to read
POINTS = 150  # across the width
FINEST = timedelta(seconds=5)
MOST_LINES = 8  # of one side
KEPT_MARKS = 40
AROUND = timedelta(minutes=15)  # an incident, so that one sees how it was before

SERVICE, ENVIRONMENT = "{service}", "{environment}"  # in a query
NAMES = re.compile(f"{re.escape(SERVICE)}|{re.escape(ENVIRONMENT)}")

Point = tuple[datetime, float]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One figure of a service. `query` is PromQL with {service}, and {environment} where it can tell; its values times
    `factor` are in `unit`.
    """

    title: str
    unit: str
    query: str
    factor: float = 1.0

    def asked_of(self, service: str, environment: str) -> str:
        """The query for this service, whose name stays a name."""
        return asked_of(self.query, service, environment)


def asked_of(query: str, service: str, environment: str) -> str:
    """A query with {service} in it, and perhaps {environment}, for these, whose names stay names."""
    names = {SERVICE: service, ENVIRONMENT: environment}
    return NAMES.sub(lambda name: _quoted(names[name[0]]), query)


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


REQUESTS = 'http_requests_total{service="{service}"'
SIGNALS: Mapping[str, Signal] = {
    "errors": Signal(
        title="Failing requests",
        unit="%",
        factor=100.0,
        query=f'sum by (track) (rate({REQUESTS},code=~"5.."}}[1m])) / sum by (track) (rate({REQUESTS}}}[1m]))',
    ),
    "latency": Signal(
        title="Latency, 95th percentile",
        unit="ms",
        factor=1000.0,
        query="histogram_quantile(0.95, sum by (track, le) "
        '(rate(http_request_duration_seconds_bucket{service="{service}"}[1m])))',
    ),
    "requests": Signal(title="Requests", unit="per second", query=f"sum by (track) (rate({REQUESTS}}}[1m]))"),
}
# Of every version by its name, not by its side: the version that a rollback goes to may serve nobody now.
ERRORS_BY_VERSION = f'sum by (version) (rate({REQUESTS},code=~"5.."}}[1m])) / sum by (version) (rate({REQUESTS}}}[1m]))'


class MarkKind(StrEnum):
    BEGIN = "begin"
    STEP = "step"
    PAUSE = "pause"
    ACT = "act"  # of ours
    ABORT = "abort"
    ALERT = "alert"
    FINISH = "finish"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happened to a rollout. `moment` names it where it is worth a plot."""

    at: datetime
    kind: MarkKind
    text: str
    moment: str = ""

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.kind} {self.moment or '-'} {self.text}"


def read_mark(text: str) -> Mark:
    """The inverse of `str(mark)`."""
    at, kind, moment, words = text.split(" ", 3)
    return Mark(at=datetime.fromisoformat(at), kind=MarkKind(kind), moment="" if moment == "-" else moment, text=words)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was measured of one side, in the signal's unit."""

    canary: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    signal: Signal
    lines: tuple[Line, ...] = ()
    limit: float | None = None  # that an alert's rule holds it to


@dataclass(frozen=True, kw_only=True)
class Chart(Placed):
    """Everything that a plot shows. Points further apart than `gap` are not joined: nothing was measured there."""

    service: str
    environment: str
    title: str
    at: datetime  # of what it is about
    start: datetime
    end: datetime
    step: timedelta
    marks: tuple[Mark, ...]
    panels: tuple[Panel, ...]
    sides: bool = True  # its lines are those of canary and stable

    @property
    def gap(self) -> timedelta:
        return self.step * 1.5

    @property
    def is_empty(self) -> bool:
        return not any(panel.lines for panel in self.panels)


def step_of(width: timedelta) -> timedelta:
    return max(FINEST, timedelta(seconds=round(width.total_seconds() / POINTS)))


def chart(
    card: LiveCard, moment: str, requests: Iterable[Request], signals: Iterable[Signal], now: datetime
) -> Chart | None:
    """What is to be measured and drawn for one moment of a live card; None where it is not remembered."""
    known = [read_mark(text) for text in card.marks]
    about = next((mark for mark in known if mark.moment == moment), None)
    if about is None:
        return None
    release = _release_of(about, known)
    start = max(release[0].at - BEFORE, now - LONGEST)
    acts = [mark for mark in map(_act, requests) if mark and start <= mark.at <= now]
    return Chart(
        service=card.service,
        environment=card.environment,
        title=about.text,
        at=about.at,
        start=start,
        end=now,
        step=step_of(now - start),
        marks=tuple(sorted([*(m for m in release if start <= m.at <= now), *acts], key=lambda mark: mark.at)),
        panels=tuple(Panel(signal=signal) for signal in signals),
    )


def incident_chart(
    service: str,
    environment: str,
    began: datetime,
    end: datetime,
    changes: Iterable[Change],
    requests: Iterable[Request],
    signals: Iterable[Signal],
) -> Chart:
    """What was measured around an incident, with its deploys and the actions on its rollouts marked."""
    start = began - AROUND
    released = (Mark(at=one.at, kind=MarkKind.BEGIN, text=f"{one.change} {one.version}".strip()) for one in changes)
    acted = (mark for request in requests if (mark := _act(request)))
    marks = [mark for mark in (*released, *acted) if start <= mark.at <= end]
    return Chart(
        service=service,
        environment=environment,
        title="around the incident",
        at=began,
        start=start,
        end=end,
        step=step_of(end - start),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        panels=tuple(Panel(signal=signal) for signal in signals),
    )


def _release_of(about: Mark, marks: Sequence[Mark]) -> list[Mark]:
    """From the beginning of the release that a mark belongs to, and on."""
    begins = [mark.at for mark in marks if mark.kind is MarkKind.BEGIN and mark.at <= about.at]
    since = max(begins, default=marks[0].at)
    return [mark for mark in marks if mark.at >= since]


def _act(request: Request) -> Mark | None:
    return Mark(at=request.acted_at, kind=MarkKind.ACT, text=f"{request.verb} sent") if request.acted_at else None


def measured(
    panel: Panel, found: Iterable[tuple[Mapping[str, str], Sequence[Point]]], canary: str, stable: str
) -> Panel:
    """With the lines of both sides: a series' labels name its side, in words or by the hash of its pods' template."""
    sides = [(_is_canary(labels, canary, stable), points) for labels, points in found]
    lines = [
        Line(canary=side, points=tuple((at, value * panel.signal.factor) for at, value in points))
        for side, points in sides
        if side is not None and points
    ]
    stables, canaries = ([line for line in lines if line.canary is side] for side in (False, True))
    return replace(panel, lines=(*stables[:MOST_LINES], *canaries[:MOST_LINES]))


def _is_canary(labels: Mapping[str, str], canary: str, stable: str) -> bool | None:
    values = set(labels.values())
    if values & {"stable", "active", "primary", stable} - {""}:
        return False
    return True if values & {"canary", "preview", canary} - {""} else None
