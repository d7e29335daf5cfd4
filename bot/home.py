"""The App Home: whose is kept up, who may see what in it, and when it is published anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.decision import Decision, ShowHome
from bot.model import Assignment, Freeze, Home, Incident, Role, Sighting, Task
from bot.positions import TITLES

KEPT_UP = timedelta(minutes=30)  # after it was opened: Slack does not say when somebody looks away
APART = timedelta(seconds=10)  # between two publications: what happens in between is shown together
SHOWS = (Incident, Assignment, Task, Freeze, Sighting)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to show. Incidents are open, tasks not done, freezes standing, sightings of releases under way."""

    incidents: Sequence[Incident] = ()
    held: Mapping[str, Sequence[Assignment]] = field(default_factory=dict)  # by incident
    tasks: Sequence[Task] = ()
    rollouts: Sequence[Sighting] = ()
    freezes: Sequence[Freeze] = ()
    titles: Mapping[Role, str] = field(default_factory=lambda: TITLES)
    oncall: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # name of the on-call → people, the first is called

    def roles_of(self, incident: Incident, user: str) -> tuple[Role, ...]:
        return tuple(a.role for a in self.held.get(incident.id, ()) if a.user == user)

    def commander(self, incident: Incident) -> str:
        return next((a.user for a in self.held.get(incident.id, ()) if a.role == Role.COMMANDER), "")

    def takes_part(self, incident: Incident, user: str) -> bool:
        return incident.by == user or bool(self.roles_of(incident, user))

    def seen_by(self, user: str) -> Facts:
        """Their own tasks. Which private incidents they may know of is Slack's to say: see handlers/authority."""
        return replace(self, tasks=tuple(task for task in self.tasks if task.owner == user))


def opened(user: str, home: Home | None, now: datetime) -> Decision:
    """They look at it now: it is published whatever it showed before."""
    seen = replace(home or Home(id=user, opened_at=now), opened_at=now, shown="")
    return Decision(save=(seen,), do=(ShowHome(user),))


def published(home: Home, shown: str, now: datetime) -> Decision:
    return Decision(save=(replace(home, shown=shown, shown_at=now),))


def keeping_up(decision: Decision, homes: Callable[[datetime], Sequence[Home]], now: datetime) -> Decision:
    """The decision, and that those who have looked of late see what it changes. `homes`: opened since then."""
    if not any(isinstance(noun, SHOWS) for noun in decision.save):
        return decision
    looking = homes(now - KEPT_UP)
    return decision + Decision(do=tuple(ShowHome(home.id, due=_next(home, now)) for home in looking))


def _next(home: Home, now: datetime) -> datetime | None:
    """None is at once."""
    after = home.shown_at + APART if home.shown_at else now
    return after if after > now else None
