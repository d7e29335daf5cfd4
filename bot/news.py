"""Changes amid an incident, told in its channel as they happen: a line each, those of one minute in one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot import text
from bot.cards.kit import paged
from bot.decision import Decision, TellChanges
from bot.incidents import CHANNEL
from bot.model import Change, ChangeStatus, Incident, Post
from bot.policy import Policy

LONG_URL = 200
MOST, LINE = 15, 600  # lines of one message, characters of one; all are on the timeline
AND_MORE = "and more: see `/incident timeline`"


def neighbours(service: str, environment: str, policy: Policy) -> frozenset[str]:
    """What it depends on there, and what depends on it."""
    users = (other.name for other in policy.services.values() if service in other.at(environment).depends_on)
    return frozenset({*policy.service(service, environment).depends_on, *users})


def near(service: str, environment: str, incident: Incident, policy: Policy) -> bool:
    """Whether it is the incident's service or a neighbour, in the same environment."""
    here = service == incident.service or service in neighbours(incident.service, incident.environment, policy)
    return here and environment == incident.environment


def concerns(change: Change, incident: Incident, policy: Policy) -> bool:
    return near(change.service, change.environment, incident, policy)


def begins(change: Change, before: Change | None) -> bool:
    """A change that nobody has told of, or one that is shipped again. What is learned of it later is no news."""
    return before is None or change.at > before.at


def post_id(incident: str, now: datetime) -> str:
    return f"{incident}/changes/{now:%Y%m%dT%H%M}"


def told(incident: Incident, changes: Iterable[Change], minute: Post | None, now: datetime) -> Decision:
    """`minute` is this minute's message, if there is one: it grows."""
    before = minute.text.split("\n") if minute else []
    lines = [line for change in changes if (line := _line(incident, change)) not in before]
    if not lines or before[-1:] == [AND_MORE]:
        return Decision()
    lines = before + lines
    if len(lines) > MOST:
        lines = [*lines[:MOST], AND_MORE]
    post = minute or Post(id=post_id(incident.id, now), incident=incident.id, channel=CHANNEL, text="")
    said = replace(post, text="\n".join(lines), blocks=tuple(paged(lines)))
    return Decision(save=(said,), do=(TellChanges(post.id),))


def _line(incident: Incident, change: Change) -> str:
    """ ":package: 12:01 deploy of `checkout v42` by ci · details"."""
    name = text.code(f"{change.called} {change.version}", 100)
    by = f" by {text.brief(change.actor, 60)}" if change.actor else ""
    title = f" ({text.brief(change.title, 100)})" if change.title else ""
    ended = "" if change.status is ChangeStatus.STARTED else change.status.value.replace("_", " ")
    near = "" if change.service == incident.service else f"a neighbour of {text.code(incident.service, 60)}"
    details = text.link(change.url, "details") if text.is_link(change.url) and len(change.url or "") <= LONG_URL else ""
    what = f":package: {text.when(change.at)} {change.change} of {name}{by}{title}"
    return text.cut(text.dotted([what, details, ended, near]), LINE)
