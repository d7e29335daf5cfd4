"""Two incidents that turn out to be one: the channel of the first says where it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot import text
from bot.decision import Decision, NameSuspects, SendPost
from bot.errors import Refused
from bot.incidents import CHANNEL, calls, ended, must_be_open, refresh
from bot.model import Alert, Entry, EntryKind, Incident, Phase, Post
from bot.policy import Policy

USAGE = "/incident merge INC-7"


def merge(
    incident: Incident, other: Incident, alerts: Sequence[Alert], by: str, policy: Policy, now: datetime
) -> Decision:
    """`incident` is over, and its `alerts` are the other's, which becomes as severe as the worse of the two.

    The other keeps its channel, its people and its words.
    """
    must_fit(incident, other)
    onset = min(incident.began, other.began)
    merged = replace(incident, phase=Phase.RESOLVED, resolved_at=now, next_update_at=None, merged_into=other.id)
    # Saved in any case: of two that are merged into each other at once, one is too late.
    severity = min(incident.severity, other.severity)
    worse = (_entry(other, f"severity {other.severity} → {severity}", by, now),) if severity < other.severity else ()
    taken = replace(other, onset_at=onset if onset < other.began else other.onset_at, severity=severity)
    posts = (_leads(incident, other, by, now), _tells(incident, other, by))
    return Decision(
        save=(merged, taken, *(replace(alert, incident=other.id) for alert in alerts), *posts),
        note=(
            _entry(incident, f"{incident.phase} → {merged.phase}: merged into {other.id}, {other.title}", by, now),
            _entry(other, f"{incident.id} was merged into this: {incident.severity} {incident.title}", by, now),
            *worse,
        ),
        do=(
            *(SendPost(post.id) for post in posts),
            *refresh(merged),
            *ended(merged),
            *refresh(taken),
            *calls(other, taken, policy),
            NameSuspects(other.id),
        ),
        say=f"{incident.id} is merged into {other.id}{_where(other, ' ')}. Its alerts are there now.",
    )


def must_fit(incident: Incident, other: Incident) -> None:
    """Raises Refused where merging would lose something, or tell what is private."""
    must_be_open(incident)
    if other.id == incident.id:
        raise Refused(f"{incident.id} is this incident; nothing was changed. Name the other one.", instead=USAGE)
    if other.merged_into == incident.id:
        raise Refused(f"{other.id} was merged into {incident.id}; nothing was changed.")
    if other.merged_into:
        into = f"{other.id} was merged into {other.merged_into}; nothing was changed."
        raise Refused(into, instead=f"/incident merge {other.merged_into}")
    if not other.is_open:
        raise Refused(f"{other.id} is over; nothing was changed.", instead=f"/incident reopen {other.id}")
    if incident.private != other.private:
        raise Refused("One of them is private and the other is not, so they stay apart; nothing was changed.")
    if bool(incident.drill) != bool(other.drill):
        raise Refused("One of them is a drill, so they stay apart; nothing was changed.")


def _leads(incident: Incident, other: Incident, by: str, now: datetime) -> Post:
    return Post(
        id=f"{incident.id}/merged/{other.id}/{now:%Y%m%dT%H%M%S}",
        incident=incident.id,
        channel=CHANNEL,
        text=f"{incident.id} turned out to be *{other.id}* ({text.brief(other.title, 200)}), says {text.mention(by)}."
        f" Please go on{_where(other, ' in ')}.",
    )


def _tells(incident: Incident, other: Incident, by: str) -> Post:
    facts = f"{incident.severity}, {text.brief(incident.title, 200)}"
    return Post(
        id=f"{other.id}/merged/{incident.id}/{incident.version}",
        incident=other.id,
        channel=CHANNEL,
        text=f"{incident.id} ({facts}) was merged into this by {text.mention(by)}. "
        f"Its alerts come here now; what was said there stays{_where(incident, ' in ')}.",
    )


def _where(incident: Incident, before: str) -> str:
    channel = text.channel(incident.channel, incident.channel_name)
    return f"{before}{channel}" if channel else ""


def _entry(incident: Incident, words: str, by: str, now: datetime) -> Entry:
    return Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=words)
