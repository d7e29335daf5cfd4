"""What people read of a probe: one line on the incident's card, and what it saw when it turned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot import text
from bot.cards.kit import section
from bot.decision import Card
from bot.model import Finding
from bot.policy import Probe

NAMED = 6  # probes on the card
SEEN = 300  # characters of the page


def line(findings: Sequence[Finding]) -> str:
    """ "Probes: :red_circle: prices since 12:03 · :white_check_mark: search", the red ones first; "" without any."""
    if not findings:
        return ""
    ordered = sorted(findings, key=lambda finding: (not finding.red, finding.id))
    more = [f"and {len(ordered) - NAMED} more"] if len(ordered) > NAMED else []
    return "Probes: " + text.dotted([*map(_state, ordered[:NAMED]), *more])


def _state(finding: Finding) -> str:
    name = text.brief(finding.id, 60)
    if not finding.good:
        return f":red_circle: {name} since {text.when(finding.since)} ({text.brief(finding.faults[0], 80)})"
    if finding.red:
        return f":large_yellow_circle: {name} good since {text.when(finding.since)}"
    return f":white_check_mark: {name}"


def turned(probe: Probe, finding: Finding, page: str) -> Card:
    """Red for good, or good for good."""
    name = text.code(probe.name, 60)
    if finding.good:
        said = f":white_check_mark: Probe {name} is good again since {text.when(finding.since)}."
        return Card(text=text.fallback(said), blocks=(section(said),))
    lines = [
        f":red_circle: Probe {name} is red since {text.when(finding.since)}: "
        f"{text.brief('; '.join(finding.faults[:3]), 400)}",
        text.brief(finding.around, 300),
        f"It got: {text.code(page, SEEN)}" if page.strip() else "",
    ]
    said = "\n".join(filter(None, lines))
    return Card(text=text.fallback(said), blocks=(section(said, n=2000),))


def report(probe: Probe, faults: Sequence[str], around: str, got: Sequence[str], at: datetime) -> str:
    """For the command line: the verdict, why, and the evidence. Plain text."""
    verdict = f"✗ {probe.name} is bad" if faults else f"✓ {probe.name} is good"
    lines = [f"{verdict}, {at:%H:%M:%S} UTC, {probe.url}", *(f"  {fault}" for fault in faults)]
    lines += [f"  {around}"] if around else []
    return "\n".join([*lines, *(f"  | {text.clean(part)}" for part in got)])
