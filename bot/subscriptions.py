"""Who wants to hear of an incident or a service without being in its channel: by direct message, as updates go out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.commands import incident_id, must_be_somebody, nearest
from bot.decision import Decision
from bot.errors import InDrill, Refused
from bot.model import Incident, Subscription
from bot.policy import Policy
from bot.text import code


def topics(incident: Incident) -> tuple[str, ...]:
    """Under which names an incident is subscribed to."""
    return tuple(filter(None, (incident.id, incident.service)))


def topic(words: str, here: Incident | None, policy: Policy) -> str:
    """What is meant: an incident, a service, or the incident of this channel."""
    word = words.strip()
    if not word:
        if here is None:
            raise Refused("Say what you want to hear of.", instead="/incident subscribe checkout")
        return here.id
    if id := incident_id(word) if not word.isdigit() else None:
        return id
    if policy.services and word not in policy.services:
        close = nearest(word, list(policy.services))
        raise Refused(
            f"I know no service {code(word, 60)}; nothing was changed.",
            instead=f"/incident subscribe {close or next(iter(policy.services))}",
        )
    return word


def subscribe(about: str, incident: Incident | None, found: Subscription | None, by: str, now: datetime) -> Decision:
    """`incident` is what `about` names, if it is one."""
    must_be_somebody(by, "gets no direct messages", f"/incident subscribe {about}")
    if incident and not incident.is_open:
        raise Refused(f"{incident.id} is resolved; no update of it will come.")
    if incident and incident.private:
        raise Refused(f"{incident.id} is private: its updates stay in its channel.")
    if incident and incident.drill:
        raise InDrill(f"{incident.id} is a drill: its updates stay in its channel. You will hear of none elsewhere.")
    if found and not found.ended:
        return Decision(say=f"You hear of {code(about, 60)} already.")
    new = replace(found, ended=False, at=now) if found else Subscription(user=by, topic=about, at=now)
    how = code(f"/incident unsubscribe {about}", 100)
    return Decision(save=(new,), say=f"I will write to you with every update of {code(about, 60)}; {how} ends it.")


def unsubscribe(about: str, found: Subscription | None) -> Decision:
    if found is None or found.ended:
        raise Refused(f"You do not hear of {code(about, 60)} from me; nothing was changed.")
    return Decision(save=(replace(found, ended=True),), say=f"No more messages of {code(about, 60)}.")
