"""Declaring an incident: what can be read out of a line, and whether it is one that is open already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from bot.commands import must_be_known
from bot.decision import Decision
from bot.errors import Refused
from bot.incidents import channel_name, open_
from bot.model import Assignment, Entry, EntryKind, Incident, Role, Severity
from bot.policy import Policy, Service
from bot.roles import instructed
from bot.text import brief, code, one_line

NEW, PRIVATE = "--new", "--private"
FLAG = re.compile(r"(?<!\S)(?:--|[—–])(new|private)(?!\S)", re.IGNORECASE)  # some keyboards make one dash of two
SEVERITY_IN_TEXT = re.compile(r"(?<!\w)sev-?([1-5])(?!\w)", re.IGNORECASE)
ALIKE = 0.75  # of 1.0: how much two titles have in common
SHORT = 3  # words of fewer letters say little


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What can be read out of `/incident declare checkout is down sev2`."""

    title: str
    service: str = ""
    environment: str = ""  # "": the service's own
    severity: Severity = Severity.SEV3
    impact: str = ""
    new: bool = False
    private: bool = False


def parse(text: str, policy: Policy) -> Declaration:
    """Severity and service are taken from the words; what is left out gets a default and can be changed."""
    flags = {flag.lower() for flag in FLAG.findall(text)}
    text = FLAG.sub("", text)
    must_be_known(text, ("new", "private"), "/incident declare --private checkout is down sev2")
    severity = SEVERITY_IN_TEXT.search(text)
    title = " ".join(SEVERITY_IN_TEXT.sub("", text).split())
    words = re.findall(r"[\w.-]+", title.lower())
    service = next((name for name in policy.services if name.lower() in words), "")
    after = words[words.index(service.lower()) + 1 :][:1] if service else []  # as a rollout is called
    places = [there.environment for there in policy.own(service).everywhere if there.environment.lower() in after]
    return Declaration(
        title=title or "Unnamed incident",
        service=service,
        environment="".join(places),
        severity=Severity(int(severity[1])) if severity else Severity.SEV3,
        new="new" in flags,
        private="private" in flags,
    )


def about(what: Declaration, policy: Policy) -> Service:
    """The service that is meant, where it is meant."""
    own = policy.own(what.service)
    return own.at(what.environment or own.environment)


def twin(what: Declaration, here: Sequence[Incident], elsewhere: Iterable[Incident]) -> Incident | None:
    """The open incident that it probably is: the newest `here`, on its service, or a very alike one `elsewhere`.

    What is private is not asked about: that would tell.
    """
    if what.new or what.private:
        return None
    known = [incident for incident in (*here, *elsewhere) if not incident.private and not incident.drill]
    same = next((incident for incident in known if incident in here), None)
    return same or next((incident for incident in known if alike(what.title, incident.title)), None)


def alike(one: str, other: str) -> bool:
    """Much the same words, in whatever order; or nearly the same letters."""
    mine, theirs = _words(one), _words(other)
    shared = len(mine & theirs) / max(1, len(mine | theirs))
    close = SequenceMatcher(None, one_line(one).lower()[:200], one_line(other).lower()[:200]).ratio()
    return bool(mine and theirs) and (shared >= ALIKE or close >= ALIKE)


def _words(title: str) -> set[str]:
    return {word for word in re.findall(r"\w+", title.lower()) if len(word) >= SHORT}


def must_be_news(what: Declaration, known: Incident | None) -> None:
    """Raises Refused where it is asked first whether it is this one."""
    if known is None:
        return
    where = f" in <#{known.channel}>" if known.channel else ""
    place = f" on {code(known.service)}" if known.service else ""
    severity = "" if what.severity is Declaration.severity else f" {str(what.severity).lower()}"
    raise Refused(
        f"{known.id} is open{place}{where}: {brief(known.title, 200)}. Is it this again? "
        f"`/incident join {known.id}` takes you there. If it is not:",
        instead=f"/incident declare {NEW} {what.title}{severity}",
    )


def declare(
    what: Declaration, here: Sequence[Incident], number: int, by: str, policy: Policy, now: datetime
) -> Decision:
    """`here`: the open incidents of its service, which have the alerts of that."""
    service = about(what, policy) if what.service else None
    decision = open_(
        number,
        what.title,
        what.service,
        service.environment if service else "production",
        what.severity,
        policy,
        now,
        by=by,
        impact=what.impact,
        group=f"{service.name}/{service.environment}" if service and not here else "",
        private=what.private,
    )
    incident = next(noun for noun in decision.save if isinstance(noun, Incident))
    claim = f"is {policy.title(Role.COMMANDER).lower()}"
    me = Assignment(incident=incident.id, role=Role.COMMANDER, user=by, by=by, at=now)
    lead = Entry(incident=incident.id, at=now, kind=EntryKind.ROLE, by=by, whom=by, text=claim)
    told = instructed(incident.id, Role.COMMANDER, by, policy)
    return decision + Decision(save=(me,), note=(lead,), do=told, say=_said(incident, policy))


def _said(incident: Incident, policy: Policy) -> str:
    name = channel_name(incident, policy.channel_prefix)
    declared = f"{incident.id} ({incident.severity}) is declared"
    if not incident.private:
        return f"{declared}. I am opening #{name} and will invite you."
    return (
        f"{declared}, in private. I am opening #{name} for you alone; it is announced nowhere and nobody is called. "
        f"`/incident role ops @who` there lets somebody in."
    )
