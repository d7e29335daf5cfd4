"""The pictures of what fires: the senders' own, each once, and ours of what a rule measures, as an incident begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from bot.decision import ShowPicture
from bot.expressions import Measure, measure_of
from bot.model import Alert, Change, Incident
from bot.signals import AROUND, MOST_LINES, Chart, Line, Mark, MarkKind, Panel, Point, Signal, step_of
from bot.text import clip, is_link

LONGEST_URL = 3000
MOST_DRAWN = 3  # pictures of senders in the thread of one incident
LATER = "later"  # behind the incident: the senders' alone
WHILE = timedelta(seconds=15)
QUERY = 110  # characters of it that stand above the plot


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """`drawn`: the alerts whose sender drew them. `measured`: the one whose rule we can ask for, and what to ask."""

    drawn: tuple[Alert, ...] = ()
    measured: tuple[Alert, Measure] | None = None

    def __bool__(self) -> bool:
        return bool(self.drawn or self.measured)


def of(firing: Sequence[Alert], pictured: Sequence[Alert]) -> Pictures:
    """What fired first is nearest to the cause. Of those with a picture the first few count, also those that have
    ended, so that an incident of many alerts gets no more pictures than these.
    """
    measures = ((alert, measure) for alert in firing if (measure := measure_of(alert.url)))
    once = {alert.image: alert for alert in reversed(pictured) if is_shown(alert.image)}
    first = sorted(once.values(), key=lambda alert: (alert.starts_at, alert.key))[:MOST_DRAWN]
    return Pictures(drawn=tuple(alert for alert in first if alert.firing), measured=next(measures, None))


def key_of(incident: str, alert: Alert) -> str:
    """Under which its picture is found again, however long its key is."""
    return f"{incident}/picture/{sha256(alert.key.encode()).hexdigest()[:16]}"


def later(incident: str, alerts: Iterable[Alert], now: datetime) -> tuple[ShowPicture, ...]:
    """What fires while an incident is open may bring one, too. Those of a while come together."""
    return (
        (ShowPicture(f"{incident}/{LATER}", due=now + WHILE),) if any(is_shown(alert.image) for alert in alerts) else ()
    )


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
