"""Ready-made nouns for tests: say only what matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.model import Alert, Change, ChangeKind, ChangeStatus, Incident, Severity

NOON = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def alert(key: str = "a", **other: Any) -> Alert:
    values: dict[str, Any] = {
        "key": key,
        "group": "g",
        "title": "HighErrorRate",
        "severity": "critical",
        "service": "checkout",
        "environment": "production",
        "firing": True,
        "starts_at": NOON,
        "source": "alertmanager",
    }
    return Alert(**values | other)


def incident(number: int = 7, **other: Any) -> Incident:
    values: dict[str, Any] = {
        "id": f"INC-{number}",
        "number": number,
        "title": "HighErrorRate",
        "service": "checkout",
        "environment": "production",
        "severity": Severity.SEV2,
        "opened_at": NOON,
        "group": "checkout/production",
        "version": 1,
    }
    return Incident(**values | other)


def change(key: str = "deploy/checkout/production/v42", **other: Any) -> Change:
    values: dict[str, Any] = {
        "key": key,
        "change": ChangeKind.DEPLOY,
        "service": "checkout",
        "version": "v42",
        "environment": "production",
        "status": ChangeStatus.STARTED,
        "at": NOON - minutes(2),
        "actor": "ci",
    }
    return Change(**values | other)
