"""What others send us: one file per sender, from bytes to facts. An unknown name is refused with the known ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from bot.model import Alert, Change
from handlers.intake import alertmanager, deploys

Fact = Alert | Change
Parser = Callable[[bytes, datetime], Sequence[Fact]]

SENDERS: Mapping[str, Parser] = {
    "alertmanager": alertmanager.parse,
    "deploys": deploys.parse,
}


def kind(fact: Fact) -> str:
    return "alert" if isinstance(fact, Alert) else "change"


ALERT = ("key", "group", "title", "severity", "service", "environment", "status", "starts_at", "ends_at", "url")
CHANGE = ("change", "key", "service", "version", "environment", "status", "at", "url", "actor")


def shown(fact: Fact) -> dict[str, Any]:
    """The documented JSON of a fact: what `parse` and `dry_run` print. Absent is null, times are UTC."""
    values = asdict(fact)
    if isinstance(fact, Alert):
        values["status"] = "firing" if fact.firing else "resolved"
    names = ALERT if isinstance(fact, Alert) else CHANGE
    return {"kind": kind(fact)} | {name: _plain(values[name]) for name in names}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Enum():
            return value.value
        case "":
            return None
        case _:
            return value
