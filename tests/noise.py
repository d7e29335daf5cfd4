"""How much the bot may say of one incident, and who said too much.

Counted is what makes somebody look: a new message at the top of a channel, and a line that Slack writes for a topic.
Edits, replies in threads and what one person alone sees are free. The budget is in docs/architecture.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Phase

OPENING = 12  # in the first ten minutes: channel, card, people, suspects
PER_HOUR: Mapping[Phase, int] = {
    Phase.INVESTIGATING: 20,
    Phase.IDENTIFIED: 14,
    Phase.MITIGATING: 14,
    Phase.MONITORING: 6,
    Phase.RESOLVED: 6,
}
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Heard:
    """One message at the top of a channel. `kind` is what it is of: reminder, changes, update, topic …"""

    at: datetime
    kind: str


def kind_of(key: str) -> str:
    """ "reminder" of "INC-7/reminder/20260305T120000/…"."""
    parts = key.split("/")
    return parts[1] if len(parts) > 1 else parts[0]


def phase_at(phases: Sequence[tuple[datetime, Phase]], at: datetime) -> Phase:
    return next((phase for since, phase in reversed(phases) if since <= at), phases[0][1])


def excess(heard: Iterable[Heard], phases: Sequence[tuple[datetime, Phase]]) -> list[str]:
    """Every hour that was too loud, and what was the loudest in it. `phases` begin with the incident's opening."""
    began, hours = phases[0][0], dict[int, Counter[str]]()
    for one in heard:
        hours.setdefault((one.at - began) // HOUR, Counter())[one.kind] += 1
    return [line for hour, kinds in sorted(hours.items()) if (line := _over(hour, kinds, began, phases))]


def _over(hour: int, kinds: Counter[str], began: datetime, phases: Sequence[tuple[datetime, Phase]]) -> str:
    """An hour has the budget of its loudest phase."""
    start, end = began + hour * HOUR, began + (hour + 1) * HOUR
    lived = {phase_at(phases, start), *(phase for since, phase in phases if start <= since < end)}
    most = max(PER_HOUR[phase] for phase in lived) + (OPENING if hour == 0 else 0)
    if kinds.total() <= most:
        return ""
    loudest = ", ".join(f"{kind} × {count}" for kind, count in kinds.most_common(3))
    return f"hour {hour} ({', '.join(sorted(lived))}): {kinds.total()} messages, {most} allowed; the loudest: {loudest}"
