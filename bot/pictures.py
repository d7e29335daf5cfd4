"""The pictures of what fires: the sender's own, and ours of what its rule measures. Once, as an incident begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from bot.expressions import Measure, measure_of
from bot.model import Alert, Change, Incident
from bot.signals import AROUND, MOST_LINES, Chart, Line, Mark, MarkKind, Panel, Point, Signal, step_of
from bot.text import clip, is_link

LONGEST_URL = 3000
QUERY = 110  # characters of it that stand above the plot


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """`drawn`: the alert whose sender drew it. `measured`: the one whose rule we can ask for, and what to ask."""

    drawn: Alert | None = None
    measured: tuple[Alert, Measure] | None = None

    def __bool__(self) -> bool:
        return bool(self.drawn or self.measured)


def of(alerts: Sequence[Alert]) -> Pictures:
    """The first of each kind: what fired first is nearest to the cause."""
    measures = ((alert, measure) for alert in alerts if (measure := measure_of(alert.url)))
    drawn = next((alert for alert in alerts if is_shown(alert.image)), None)
    return Pictures(drawn=drawn, measured=next(measures, None))


def is_shown(url: str | None) -> bool:
    """Whether Slack may be asked to fetch it: over https, with no password in the address, which it takes so long."""
    if not is_link(url) or len(url or "") > LONGEST_URL:
        return False
    parts = urlsplit(url or "")
    return parts.scheme == "https" and "@" not in parts.netloc


def chart(alert: Alert, measure: Measure, incident: Incident, changes: Iterable[Change], now: datetime) -> Chart:
    """What is to be measured and drawn: from a quarter of an hour before its onset, with the changes marked."""
    onset = min(alert.starts_at, now)
    start = max(onset, now - AROUND * 7) - AROUND
    happened = (Mark(at=one.at, kind=MarkKind.BEGIN, text=f"{one.change} {one.version}".strip()) for one in changes)
    fired = Mark(at=onset, kind=MarkKind.ALERT, text="alert fired")
    marks = [mark for mark in (*happened, fired) if start <= mark.at <= now]
    signal = Signal(title=clip(measure.query, QUERY), unit="", query=measure.query)
    return Chart(
        service=alert.service or incident.service or incident.id,
        environment=alert.environment or incident.environment,
        title=alert.title,
        at=onset,
        start=start,
        end=now,
        step=step_of(now - start),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        panels=(Panel(signal=signal, limit=measure.limit),),
        sides=False,
    )


def measured(drawn: Chart, found: Iterable[tuple[Mapping[str, str], Sequence[Point]]]) -> Chart:
    """With a line for each series that the expression gave; the highest, where there are many."""
    series = sorted((tuple(points) for _, points in found if points), key=lambda points: -max(v for _, v in points))
    lines = tuple(Line(canary=True, points=points) for points in series[:MOST_LINES])
    return replace(drawn, panels=(replace(drawn.panels[0], lines=lines),))
