"""The ledger of promised updates: each "next update at", and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Incident, Update

PUNCTUAL = timedelta(minutes=1)  # an update this little late was on time


@dataclass(frozen=True, kw_only=True)
class Promise:
    """`came_at` is None while nothing has come."""

    due: datetime
    came_at: datetime | None = None

    def late(self, now: datetime) -> timedelta:
        """How much too late it came, or is by now; nothing if it was on time."""
        over = (self.came_at or now) - self.due
        return over if over > PUNCTUAL else timedelta(0)


def ledger(incident: Incident, updates: Sequence[Update]) -> tuple[Promise, ...]:
    """Oldest first; the end keeps the last one. Where an update does not know what it was promised for, the one before
    says it.
    """
    return tuple(_ledger(incident, sorted(updates, key=lambda update: update.number)))


def _ledger(incident: Incident, updates: Sequence[Update]) -> Iterator[Promise]:
    promised: datetime | None = None
    for update in updates:
        if due := update.promised_at or promised:
            yield Promise(due=due, came_at=update.at)
        promised = update.next_at
    open_ = incident.next_update_at if incident.is_open else promised
    if open_:
        yield Promise(due=open_, came_at=incident.resolved_at)


def score(promises: Sequence[Promise], now: datetime) -> tuple[int, int]:
    """How many were kept, of those that have come or are overdue."""
    settled = [promise for promise in promises if promise.came_at or promise.late(now)]
    return sum(not promise.late(now) for promise in settled), len(settled)
