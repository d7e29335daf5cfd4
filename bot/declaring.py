"""Declaring an incident: what can be read out of a line, and whether it is one that is open already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher

from bot.commands import Invalid, again, as_typed, must_be_known, must_be_somebody
from bot.decision import Decision
from bot.errors import Refused
from bot.incidents import UNNAMED, channel_name, open_
from bot.model import Assignment, Entry, EntryKind, Incident, Role, Severity
from bot.policy import Policy, Service
from bot.roles import instructed
from bot.text import brief, code, is_person, mention, one_line

NEW, PRIVATE = "--new", "--private"
OTHER = "other"  # the form's word for a service that it does not list
FLAG = re.compile(r"(?<!\S)(?:--|[—–])(new|private)(?!\S)", re.IGNORECASE)  # some keyboards make one dash of two
# "sev2", "SEV-2", "sev 2", "severity: 2", "P1", "(sev2)", "--sev=2". P6 to P9, p50, p99 and "sev 404" are other words.
SEVERITY = re.compile(
    r"(?<![\w.-])(?:--|[—–])?(?:(?:sev|severity)[\s:=#-]{0,2}|p-?)([0-5])(?![\w-]|\.\d)", re.IGNORECASE
)
# Where a line begins so, a severity is meant; further on it is a word like others.
BEYOND = re.compile(r"\W*(?:sev|severity)[\s:=#-]{0,2}[6-9](?![\w-]|\.\d)", re.IGNORECASE)
EMPTIED = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}")
EDGES = " \t\n,;:·–—-"
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
    zero: str = ""  # "P0", where the worst was called so


def parse(text: str, policy: Policy) -> Declaration:
    """A typed line: severity and service are taken from the words; what is left out gets a default and can be changed.

    Raises Refused.
    """
    flags = {flag.lower() for flag in FLAG.findall(text)}
    text = FLAG.sub("", text)
    what = replace(read(text, policy), new="new" in flags, private="private" in flags)
    must_be_severity(text, what)
    must_be_known(SEVERITY.sub("", text), ("new", "private"), "/incident declare --private checkout is down sev2")
    return what


def read(text: str, policy: Policy) -> Declaration:
    """What stands in a title. Of two severities it is the worse one; many call SEV1 P0."""
    text = as_typed(text)
    levels = {int(found[1]): found[0] for found in SEVERITY.finditer(text)}
    title = EMPTIED.sub("", SEVERITY.sub("", text)) if levels else text
    title = " ".join(title.split()).strip(EDGES if levels else "")
    words = re.findall(r"[\w.-]+", title.lower())
    service = next((name for name in policy.services if name.lower() in words), "")
    after = words[words.index(service.lower()) + 1 :][:1] if service else []  # as a rollout is called
    places = [there.environment for there in policy.own(service).everywhere if there.environment.lower() in after]
    return Declaration(
        title=title if re.search(r"\w", title) else UNNAMED,
        service=service,
        environment="".join(places),
        severity=Severity(max(min(levels), Severity.SEV1)) if levels else Severity.SEV3,
        zero=levels.get(0, "").strip("-—–"),
    )


def entered(title: str, service: str, severity: Severity, policy: Policy) -> Declaration:
    """A form: what was left out, or as it was, is read from the title. Raises Invalid."""
    what = read(title, policy)
    try:
        must_be_severity(title, what)
    except Refused as refusal:
        raise Invalid({"title": refusal.why}) from None
    if service not in ("", what.service):
        what = replace(what, service="" if service == OTHER else service, environment="")
    return what if severity is Declaration.severity else replace(what, severity=severity, zero="")


def must_be_severity(text: str, what: Declaration) -> None:
    """Raises Refused where it begins with SEV6 to SEV9: what is meant is not for us to guess."""
    wrong = BEYOND.match(text)
    if wrong is None:
        return
    flags = [flag for flag, there in ((NEW, what.new), (PRIVATE, what.private)) if there]
    title = "" if what.title == UNNAMED else BEYOND.sub("", what.title, 1).strip(EDGES)
    raise Refused(
        f"{code(wrong[0].strip(), 40)} is not a severity: 1 is the worst, 5 the mildest. Nothing was opened.",
        instead=" ".join(filter(None, ["/incident declare", *flags, again(title), "sev5"])),
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
    title = "" if what.title == UNNAMED else f" {again(what.title)}"
    raise Refused(
        f"{known.id} is open{place}{where}: {brief(known.title, 200)}. Is it this again? "
        f"`/incident join {known.id}` takes you there. If it is not:",
        instead=f"/incident declare {NEW}{title}{severity}",
    )


def declare(
    what: Declaration, here: Sequence[Incident], number: int, by: str, policy: Policy, now: datetime
) -> Decision:
    """`here`: the open incidents of its service, which have its alerts. Who is nobody in Slack leads nothing."""
    if what.private:
        must_be_somebody(by, "would be the only one in a private incident", f"/incident declare {again(what.title)}")
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
    if not is_person(by):
        return decision + Decision(say=_said(incident, what, by, policy))
    claim = f"is {policy.title(Role.COMMANDER).lower()}"
    me = Assignment(incident=incident.id, role=Role.COMMANDER, user=by, by=by, at=now)
    lead = Entry(incident=incident.id, at=now, kind=EntryKind.ROLE, by=by, whom=by, text=claim)
    told = instructed(incident.id, Role.COMMANDER, by, policy)
    return decision + Decision(save=(me,), note=(lead,), do=told, say=_said(incident, what, by, policy))


def _said(incident: Incident, what: Declaration, by: str, policy: Policy) -> str:
    name = channel_name(incident, policy.channel_prefix)
    read = f"; {code(what.zero, 40)} is read as the worst" if what.zero else ""
    declared = f"{incident.id} ({incident.severity}{read}) is declared"
    unnamed = " `/incident impact` there says what it is." if incident.title == UNNAMED else ""
    if not is_person(by):
        return f"{declared} by {mention(by)}. I am opening #{name}; nobody leads it yet.{unnamed}"
    if not incident.private:
        return f"{declared}. I am opening #{name} and will invite you.{unnamed}"
    return (
        f"{declared}, in private. I am opening #{name} for you alone; it is announced nowhere and nobody is called. "
        f"`/incident role ops @who` there lets somebody in.{unnamed}"
    )
