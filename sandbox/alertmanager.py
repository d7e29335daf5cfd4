"""An Alertmanager: groups alerts, tells a webhook of each change, and keeps at it until somebody has heard."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sandbox.hooks import Hooks

PATH, AGENT = "/hooks/alertmanager", "Alertmanager/0.28.1"
RECEIVER, EXTERNAL_URL = "watchkeeper", "http://alertmanager.shop.example:9093"
GROUP_BY = ("alertname", "service")
RETRY, GROUP_INTERVAL, REPEAT = timedelta(seconds=1), timedelta(seconds=5), timedelta(hours=4)
NO_TIME = "0001-01-01T00:00:00Z"
Labels = Mapping[str, str]


@dataclass
class Alert:
    labels: Labels
    annotations: Labels
    starts_at: datetime
    generator_url: str = ""
    ends_at: datetime | None = None

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    @property
    def status(self) -> str:
        return "resolved" if self.ends_at else "firing"

    def body(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": rfc3339(self.starts_at),
            "endsAt": rfc3339(self.ends_at) if self.ends_at else NO_TIME,
            "generatorURL": self.generator_url,
            "fingerprint": self.fingerprint,
        }


@dataclass
class Group:
    labels: Labels
    alerts: dict[str, Alert] = field(default_factory=dict)
    notified: dict[str, str] = field(default_factory=dict)  # fingerprint → status, as the webhook has it
    next_at: datetime | None = None  # not before then
    repeat_at: datetime | None = None

    def due(self, now: datetime) -> bool:
        if self.next_at and now < self.next_at:
            return False
        current = {f: a.status for f, a in self.alerts.items()}
        if not self.notified and "firing" not in current.values():
            return False  # over before anybody was told
        return current != self.notified or (self.repeat_at is not None and now >= self.repeat_at)

    def body(self) -> dict[str, Any]:
        alerts = list(self.alerts.values())
        names = ", ".join(f'{k}="{v}"' for k, v in sorted(self.labels.items()))
        return {
            "receiver": RECEIVER,
            "status": "firing" if any(not a.ends_at for a in alerts) else "resolved",
            "alerts": [a.body() for a in alerts],
            "groupLabels": dict(self.labels),
            "commonLabels": common([a.labels for a in alerts]),
            "commonAnnotations": common([a.annotations for a in alerts]),
            "externalURL": EXTERNAL_URL,
            "version": "4",
            "groupKey": f"{{}}:{{{names}}}",
            "truncatedAlerts": 0,
        }


class Alertmanager:
    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.groups: dict[tuple[str, ...], Group] = {}
        self._lock = threading.RLock()

    @property
    def firing(self) -> list[Alert]:
        with self._lock:
            return [a for group in self.groups.values() for a in group.alerts.values() if not a.ends_at]

    def fire(self, alert: Alert) -> None:
        """Firing again what is firing changes nothing."""
        with self._lock:
            labels = {name: alert.labels.get(name, "") for name in GROUP_BY}
            group = self.groups.setdefault(tuple(labels.values()), Group(labels))
            held = group.alerts.get(alert.fingerprint)
            if held is None or held.ends_at:
                group.alerts[alert.fingerprint] = alert

    def resolve(self, labels: Labels, at: datetime) -> None:
        with self._lock:
            for alert in self.firing:
                if alert.labels == labels:
                    alert.ends_at = at

    def flush(self, now: datetime) -> None:
        """Tell the webhook what it does not know yet. No lock is held while it thinks."""
        with self._lock:
            due = [g for g in self.groups.values() if g.due(now)] if self.hooks.connected else []
            told = [(group, group.body(), {f: a.status for f, a in group.alerts.items()}) for group in due]
        for group, body, statuses in told:
            status = self.hooks.post(PATH, body, AGENT)
            with self._lock:
                self._conclude(group, status, statuses, now)

    def _conclude(self, group: Group, status: int, told: dict[str, str], now: datetime) -> None:
        heard = 200 <= status < 300
        group.next_at = now + (GROUP_INTERVAL if heard or 400 <= status < 500 else RETRY)
        if not heard:
            return
        group.notified, group.repeat_at = told, now + REPEAT
        for key in [f for f, s in told.items() if s == "resolved" and group.alerts[f].ends_at]:
            del group.alerts[key], group.notified[key]
        if not group.alerts:
            self.groups.pop(tuple(group.labels.values()), None)


def common(maps: list[Labels]) -> dict[str, str]:
    first, *rest = maps
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}


def fingerprint(labels: Labels) -> str:
    """FNV-1a over the sorted labels, as Prometheus computes it."""
    value = 14695981039346656037
    for name, text in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = (value ^ byte) * 1099511628211 % 2**64
    return f"{value:016x}"


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
