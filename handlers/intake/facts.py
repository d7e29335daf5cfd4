"""Facts made in the same way by every sender: which label is the service, what an absent time means."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime

from bot.episodes import SEVERITY
from bot.model import Alert, Change, ChangeKind, ChangeStatus, VendorState, VendorStatus
from handlers.intake.fields import Malformed, environment, first

LABELS = 40  # that are kept of one alert, and so many characters of a name and of a value
LABEL_NAME, LABEL_VALUE = 100, 300
VALUE = 200
SERVICE = ("service", "service_name", "app", "app_kubernetes_io_name", "deployment", "job", "namespace")
ENVIRONMENT = ("environment", "env", "stage")


def alert(
    sender: str,
    key: str,
    title: str,
    *,
    firing: bool,
    now: datetime,
    labels: Mapping[str, str] | None = None,
    group: str = "",
    severity: str = "",
    service: str = "",
    place: str = "",
    starts_at: datetime | None = None,
    dated: bool = True,
    ends_at: datetime | None = None,
    url: str | None = None,
    runbook: str | None = None,
    value: str = "",
    image: str | None = None,
) -> Alert:
    """`labels`: where severity, service and environment are looked for if they are not given. Times default to now.

    `dated`: `starts_at` is when the alert began, not only when this was said of it.
    """
    known = labels or {}
    return Alert(
        key=f"{sender}/{key}",
        group=group or f"{sender}/{key}",
        title=title or "Unnamed alert",
        severity=severity or first(known, SEVERITY),
        service=service or first(known, SERVICE),
        environment=environment(place or first(known, ENVIRONMENT)),
        firing=firing,
        starts_at=starts_at or now,
        ends_at=None if firing else ends_at or now,
        url=url,
        source=sender,
        labels=bounded(known),
        runbook=runbook,
        value=value[:VALUE],
        image=image,
        dated=dated and starts_at is not None,
    )


def bounded(labels: Mapping[str, str]) -> dict[str, str]:
    """What is kept of them: somebody will send a page of text as one."""
    return {name[:LABEL_NAME]: value[:LABEL_VALUE] for name, value in list(labels.items())[:LABELS]}


def change(
    sender: str,
    key: str,
    status: ChangeStatus,
    *,
    now: datetime,
    service: str,
    version: str = "",
    place: str = "",
    kind: ChangeKind = ChangeKind.DEPLOY,
    at: datetime | None = None,
    title: str = "",
    url: str | None = None,
    actor: str = "",
) -> Change:
    return Change(
        key=f"{sender}/{key}",
        change=kind,
        service=service,
        version=version,
        environment=environment(place),
        status=status,
        at=at or now,
        title=title,
        url=url,
        actor=actor,
        source=sender,
    )


def vendor(
    sender: str,
    key: str,
    status: VendorState,
    *,
    now: datetime,
    vendor: str,
    component: str = "",
    title: str = "",
    at: datetime | None = None,
    url: str | None = None,
) -> VendorStatus:
    return VendorStatus(
        key=f"{sender}/{key}",
        vendor=vendor,
        component=component,
        status=status,
        title=title,
        at=at or now,
        url=url,
        source=sender,
    )


def fingerprint(labels: Mapping[str, str]) -> str:
    """For senders without one: the same labels are the same alert."""
    text = "\x00".join(f"{name}\x01{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def firing(word: str, over: Collection[str], on: Collection[str], nothing: Collection[str] = ()) -> bool | None:
    """Whether a sender's word says that an alert fires; None for one that says neither. Raises Malformed."""
    if word in nothing:
        return None
    if word not in on and word not in over:
        raise Malformed(f"the state {word[:60]!r} is none of {', '.join(sorted((*on, *over, *nothing)))}")
    return word in on


def state(word: str, states: Mapping[str, ChangeStatus], nothing: Collection[str] = ()) -> ChangeStatus | None:
    """A sender's word in ours; None for a word that says nothing has begun or ended. Raises Malformed."""
    if word in nothing:
        return None
    if word not in states:
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join((*states, *sorted(nothing)))}")
    return states[word]
