"""Which recorded change most likely did it, with the reasons that are shown to people.

The score is a sum of log-likelihood ratios, "this change did it" against "it is a bystander". The gap term and
the weight of the service are the hand weights measured against PetShop's real changes (Hardt et al., 2023,
arXiv 2311.04806) with random decoy deploys; further evidence is a further row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Change, ChangeStatus, Finding
from bot.text import span
from bot.vendors import Trouble, alibi

CLOSE = timedelta(minutes=10)  # mean gap between a guilty change and its first symptom
LONG = timedelta(hours=6)  # a bystander may be anywhere in here
GRACE = timedelta(minutes=3)  # clocks and rule intervals: a change this little after the onset may still be it
OWN_SERVICE, NEIGHBOUR, STRANGER, ELSEWHERE = 2.5, 1.5, -1.5, -3.0
TOO_LATE = -12.0
VENDOR_RED = -1.5
SHOWS_WITHIN = timedelta(hours=1)  # of a change, on a page


@dataclass(frozen=True, kw_only=True)
class Suspect:
    change: Change
    score: float
    reasons: tuple[str, ...]


def rank(
    onset: datetime,
    service: str,
    environment: str,
    neighbours: Collection[str],
    changes: Iterable[Change],
    limit: int = 3,
    *,
    probes: Sequence[Finding] = (),
    vendors: Sequence[Trouble] = (),
) -> tuple[Suspect, ...]:
    """The likeliest first; changes well after the onset or far from the service are left out.

    `onset` is when the first symptom was seen. Ties go to the newer change. `probes`: how those of the service stand.
    `vendors`: what it uses of others that is not well.
    """
    suspects = [weigh(onset, service, environment, neighbours, change, probes, vendors) for change in changes]
    likely = [suspect for suspect in suspects if suspect.score > 0]
    return tuple(sorted(likely, key=lambda s: (-s.score, -s.change.at.timestamp(), s.change.key))[:limit])


def weigh(
    onset: datetime,
    service: str,
    environment: str,
    neighbours: Collection[str],
    change: Change,
    probes: Sequence[Finding] = (),
    vendors: Sequence[Trouble] = (),
) -> Suspect:
    rows = (
        _gap(onset, change),
        _place(service, environment, neighbours, change),
        _end(change),
        _probed(change, probes),
        _alibi(onset, vendors),
    )
    return Suspect(
        change=change,
        score=sum(score for score, _ in rows),
        reasons=tuple(reason for _, reason in rows if reason),
    )


def _gap(onset: datetime, change: Change) -> tuple[float, str]:
    """ln of the density of the gap if guilty, 0.8·Exp(10 min) + 0.2·U(6 h), over that of a bystander, U(6 h)."""
    gap = onset - change.at
    if gap < -GRACE:
        return TOO_LATE, f"began {span(-gap)} after the onset"
    seconds = max(0.0, gap.total_seconds())
    exponential = math.exp(-seconds / CLOSE.total_seconds()) / CLOSE.total_seconds()
    uniform = (1 / LONG.total_seconds()) if gap <= LONG else 1e-9
    score = math.log((0.8 * exponential + 0.2 * uniform) * LONG.total_seconds())
    when = f"{span(gap)} before" if gap >= timedelta(minutes=1) else "within a minute of"
    return score, f"began {when} the onset"


def _place(service: str, environment: str, neighbours: Collection[str], change: Change) -> tuple[float, str]:
    if change.service and change.environment != environment:  # the same version was there a little earlier, mostly
        return ELSEWHERE, f"in {change.environment}, not in {environment}"
    if service and change.service == service:
        return OWN_SERVICE, "same service"
    if change.service in neighbours:
        return NEIGHBOUR, f"{service} depends on {change.service}"
    return (STRANGER, "another service") if service and change.service else (0.0, "")


def _end(change: Change) -> tuple[float, str]:
    match change.status:
        case ChangeStatus.STARTED:
            return 0.5, "still going on"
        case ChangeStatus.FAILED:
            return 0.5, "it failed"
        case ChangeStatus.CANCELLED:
            return -2.0, "it was cancelled"
        case ChangeStatus.ROLLED_BACK:  # what is gone can only have left something behind
            return -4.0, "it was rolled back"
        case _:
            return 0.0, ""


def _probed(change: Change, probes: Sequence[Finding]) -> tuple[float, str]:
    """A page that was as it should be, and is not since the change."""
    for probe in probes:
        red = probe.red_since
        if red and probe.service == change.service and timedelta(0) <= red - change.at <= SHOWS_WITHIN:
            return 0.5, f"probe {probe.id} turned red {span(red - change.at)} after it began"
    return 0.0, ""


def _alibi(onset: datetime, vendors: Sequence[Trouble]) -> tuple[float, str]:
    """Somebody else's outage explains it as well as any change of ours."""
    words = alibi(vendors, onset, GRACE)
    return (VENDOR_RED, words) if words else (0.0, "")
