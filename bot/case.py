"""What the record of an incident amounts to: when it began and calmed, what was promised and kept, what proves what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from bot import cadence
from bot.intents import LEAVES
from bot.model import (
    Assignment,
    Change,
    EntryKind,
    Incident,
    Link,
    Phase,
    Request,
    RequestState,
    Role,
    Task,
    Update,
)
from bot.positions import TITLES
from bot.timeline import Line, claims

CALM = (Phase.MONITORING.value, Phase.RESOLVED.value)
CITED = 6  # lines for one claim

Pair = tuple[Link, Change]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that the draft is made of."""

    incident: Incident
    lines: Sequence[Line]
    assignments: Sequence[Assignment]
    linked: Sequence[Pair]
    updates: Sequence[Update]
    requests: Sequence[Request]
    names: Mapping[str, str]
    now: datetime
    tasks: Sequence[Task] = ()
    titles: Mapping[Role, str] = field(default_factory=lambda: TITLES)

    @property
    def began(self) -> datetime:
        return self.incident.began

    @property
    def ended(self) -> datetime | None:
        return self.incident.resolved_at

    @property
    def mitigated(self) -> Line | None:
        """The proof of the last rollback before it was calm, or else the line from which on it was, and stayed so."""
        backwards = [line for line in reversed(self.lines) if line.id]
        calm = list(takewhile(lambda line: line.phase in CALM, backwards))
        if not calm:
            return None
        before = takewhile(lambda line: line.phase not in CALM, backwards[len(calm) :])  # what did not hold is left out
        return next((line for line in before if self.proves(line)), calm[-1])

    def proves(self, line: Line) -> bool:
        return any(line.source == done.id and line.at == done.settled_at for done in self.rollbacks)

    @property
    def rollbacks(self) -> list[Request]:
        return [r for r in self.requests if r.verb in LEAVES and r.state is RequestState.DONE]

    def of(self, *kinds: EntryKind) -> list[Line]:
        wanted = [kind.value for kind in kinds]
        return [line for line in self.lines if line.kind in wanted]

    def change_line(self, change: Change) -> Line | None:
        """The line in which a change of the timeline stands."""
        return next((line for line in self.of(EntryKind.CHANGE) if line.at == change.at), None)

    def first(self, kind: EntryKind) -> Line | None:
        return next(iter(self.of(kind)), None)

    @property
    def first_commander(self) -> Line | None:
        title = self.titles[Role.COMMANDER]
        return next((line for line in self.of(EntryKind.ROLE) if claims(line.text, title)), None)

    @property
    def promises(self) -> tuple[int, int]:
        """How many promised updates came on time, and how many were promised. The end keeps every promise."""
        return cadence.score(self.promised, self.now)

    @property
    def promised(self) -> tuple[cadence.Promise, ...]:
        return cadence.ledger(self.incident, self.updates)

    def evidence(self, change: Change) -> list[str]:
        """The ids of the lines that stand for a change: its own, and those that name its version."""
        own = self.change_line(change)
        version = re.compile(rf"(?<![\w.-]){re.escape(change.version)}(?![\w-])") if change.version else None
        named = [line for line in self.lines if line.id and version and line is not own and version.search(line.text)]
        return [line.id for line in [*filter(None, [own]), *named]][:CITED]


def cite(line: Line | None) -> str:
    return f" ({line.id})" if line and line.id else ""
