"""A role that has to be filled and is not: said once in the channel, then once to whoever should see to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.cards.role import vacancy_card
from bot.decision import Decision, PostCard, RemindRole, SendPost
from bot.incidents import CHANNEL
from bot.model import Entry, EntryKind, Incident, Post, Role
from bot.policy import Policy
from bot.text import is_person

FIRST, AGAIN = "empty", "again"


def post_id(incident: Incident, role: Role, which: str) -> str:
    """Each reopening begins anew."""
    return f"{incident.id}/vacancy/{role}/{incident.since:%Y%m%dT%H%M%S}/{which}"


def stage(incident: Incident, role: Role, holder: str, told: Collection[str], policy: Policy) -> str:
    """What is to be said next: FIRST, AGAIN, or "" where somebody has the role, none is needed, or all was said."""
    position = policy.roles.get(role)
    needed = position is not None and incident.severity in position.required
    if holder or not needed or not incident.is_open:
        return ""
    return next((which for which in (FIRST, AGAIN) if post_id(incident, role, which) not in told), "")


def remind(
    incident: Incident,
    role: Role,
    which: str,
    held: Mapping[Role, str],
    oncall: Sequence[str],
    policy: Policy,
    now: datetime,
    *,
    calls: bool,
) -> Decision:
    """`which` is the stage; `oncall` are those who are called for it, `calls` whether anybody could be paged."""
    if not which:
        return Decision()
    within = policy.roles[role].required[incident.severity]
    due = incident.since + (within if which == FIRST else 2 * within)
    subject = f"{incident.id}/{role}"
    if now < due:
        return Decision(do=(RemindRole(subject, due=due),))
    asked = whom(incident, role, held, oncall) if which == AGAIN else ""
    if which == AGAIN and not asked:
        return Decision()
    title, empty = policy.title(role), now - incident.since
    card = vacancy_card(incident, role, title, empty, asked, calls=calls)
    id = post_id(incident, role, which)
    post = Post(id=id, incident=incident.id, channel=CHANNEL, text=card.text, blocks=card.blocks)
    words = f"nobody is {title.lower()}{' yet' if which == FIRST else ' still'}"
    return Decision(
        save=(post,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.ROLE, text=words),),
        do=(
            SendPost(post.id),
            PostCard(incident.id),
            *((RemindRole(subject, due=_next(incident, within, now)),) if which == FIRST else ()),
        ),
    )


def _next(incident: Incident, within: timedelta, now: datetime) -> datetime:
    """What came late, since the incident became severe only then, is given as long once more."""
    return max(incident.since + 2 * within, now + within)


def whom(incident: Incident, role: Role, held: Mapping[Role, str], oncall: Sequence[str]) -> str:
    """The commander sees to the other roles; to the commander's, whoever is on call, or else declared it."""
    commander = held.get(Role.COMMANDER, "")
    called = "" if incident.private else next(iter(oncall), "")  # they are not in its channel
    declared = incident.by if is_person(incident.by) else ""
    return (commander if role != Role.COMMANDER else "") or called or declared
