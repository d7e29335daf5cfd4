"""Status updates: what was said, to whom, and when the next one is promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot import incidents
from bot.commands import Invalid
from bot.decision import Broadcast, Card, Decision, SendPost
from bot.model import Entry, EntryKind, Incident, Phase, Post, Update
from bot.policy import Policy

Render = Callable[[Incident, Update, str], Card]  # audience: "responders" or "broadcast"


def publish(
    incident: Incident,
    number: int,
    text: str,
    phase: Phase,
    next_in: int | None,
    by: str,
    policy: Policy,
    render: Render,
    now: datetime,
) -> Decision:
    """One update: on the timeline, in the channel, and to everybody who is to be kept informed.

    `next_in` is minutes to the next one; None takes the policy's cadence, 0 promises none.
    """
    incidents.must_be_open(incident)
    if not text.strip():
        raise Invalid({"text": "Say in the users' words what they see and what happens next."})
    at_phase = replace(incident, phase=phase)
    planned = policy.next_update(at_phase, now) if next_in is None else now + timedelta(minutes=next_in)
    changed = replace(at_phase, next_update_at=planned if planned != now else None)
    update = Update(
        incident=incident.id,
        number=number,
        phase=phase,
        severity=incident.severity,
        text=text.strip(),
        by=by,
        at=now,
        next_at=changed.next_update_at,
    )
    inside = _post(changed, update, incidents.CHANNEL, render(changed, update, "responders"))
    outside = [
        _post(changed, update, channel, render(changed, update, "broadcast")) for channel in channels(incident, policy)
    ]
    moved = f"{incident.phase} → {phase}: " if phase is not incident.phase else ""
    entry = Entry(
        incident=incident.id, at=now, kind=EntryKind.UPDATE, by=by, text=moved + update.text, source=update.id
    )
    return Decision(
        save=(changed, update, inside, *outside),
        note=(entry,),
        do=(
            SendPost(inside.id),
            *(Broadcast(post.id) for post in outside),
            *incidents.refresh(changed),
            *incidents.remind(changed),
        ),
        say=_said(update, [post.channel for post in outside]),
    )


def channels(incident: Incident, policy: Policy) -> tuple[str, ...]:
    if incident.private or incident.drill:
        return ()
    return tuple(dict.fromkeys((*policy.broadcast, *policy.service(incident.service).broadcast)))


def _post(incident: Incident, update: Update, channel: str, card: Card) -> Post:
    return Post(id=f"{update.id}/{channel}", incident=incident.id, channel=channel, text=card.text, blocks=card.blocks)


def _said(update: Update, where: list[str]) -> str:
    also = f" to {', '.join(where)}"
    next_ = f" The next one is promised for {update.next_at:%H:%M} UTC." if update.next_at else ""
    return f"Published in the channel; it goes{also} too.{next_}" if where else f"Published in the channel.{next_}"
