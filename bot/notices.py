"""An update as a status page shows it: in its words for phases, impact and components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot import audiences
from bot.model import Audience, Incident, Phase, Severity, Update
from bot.policy import PublicPage

# A page knows four phases; to mitigate is to have identified.
STATUS: Mapping[Phase, str] = {phase: phase.value for phase in Phase} | {Phase.MITIGATING: "identified"}
IMPACT: Mapping[Severity, str] = {
    Severity.SEV1: "critical",
    Severity.SEV2: "major",
    Severity.SEV3: "minor",
    Severity.SEV4: "minor",
    Severity.SEV5: "none",
}
COMPONENT: Mapping[Severity, str] = {
    Severity.SEV1: "major_outage",
    Severity.SEV2: "partial_outage",
    Severity.SEV3: "degraded_performance",
    Severity.SEV4: "degraded_performance",
    Severity.SEV5: "operational",
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """`key` names the incident to us, `since` is when we opened it; `components` is id → status."""

    key: str
    since: datetime
    name: str
    status: str
    impact: str
    body: str
    components: Mapping[str, str] = field(default_factory=dict, hash=False)


def notice(incident: Incident, update: Update, first: Update, audience: Audience, page: PublicPage) -> Notice:
    over = update.phase is Phase.RESOLVED
    state = "operational" if over else COMPONENT[update.severity]
    return Notice(
        key=incident.id,
        since=incident.opened_at,
        name=audiences.headline(first),
        status=STATUS[update.phase],
        impact=IMPACT[update.severity],
        body=audiences.plain(audiences.tell(incident, update, audience)),
        # A merged one is over, and what it was about is not.
        components={} if incident.merged_into else dict.fromkeys(page.components.get(incident.service, ()), state),
    )
