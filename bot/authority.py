"""Who may declare, update, publish and resolve; everybody, unless the configuration says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from bot.commands import Ask, incident_id
from bot.consent import in_words, who_may
from bot.errors import Refused
from bot.incidents import bare
from bot.model import Assignment, Phase
from bot.policy import Policy, Service
from bot.positions import EVERYBODY


class Act(StrEnum):
    DECLARE = "declare"
    UPDATE = "update"  # what the incident is said to be
    PUBLISH = "publish"  # a status update, which goes to people who are not in the channel
    RESOLVE = "resolve"


VERBS: Mapping[str, Act] = {
    "declare": Act.DECLARE,
    "answer": Act.DECLARE,
    "drill": Act.DECLARE,
    "sev": Act.UPDATE,
    "status": Act.UPDATE,
    "impact": Act.UPDATE,
    "link": Act.UPDATE,
    "merge": Act.UPDATE,
    "update": Act.PUBLISH,
    "publish": Act.PUBLISH,
    "maintenance": Act.PUBLISH,
    "resolve": Act.RESOLVE,
    "cancel": Act.RESOLVE,
    "reopen": Act.RESOLVE,
}
FORMS: Mapping[str, Act] = {
    "incident.declare": Act.DECLARE,
    "incident.update": Act.PUBLISH,
    "incident.publish": Act.PUBLISH,
    "incident.resolve": Act.RESOLVE,
}


def of(ask: Ask) -> Act | None:
    """What a line does that not everybody may, if so. Roles, notes, tasks and votes are open to all members."""
    verb, words = ask.split()
    if ask.command != "incident":
        return None
    if verb == "status" and _phase(words) == Phase.RESOLVED:
        return Act.RESOLVE
    if verb == "maintenance" and not words:
        return None  # shows what is planned
    return VERBS.get(verb)


def _phase(words: str) -> str:
    """The first word, or that behind the incident."""
    first, *more = words.lower().split() or [""]
    return bare(next(iter(more), "") if incident_id(first) and not first.isdigit() else first)


def is_open(act: Act, policy: Policy) -> bool:
    return EVERYBODY in policy.may.get(act, (EVERYBODY,))


def must_be_allowed(
    act: Act,
    by: str,
    policy: Policy,
    service: Service,
    roles: Sequence[Assignment],
    oncall: Collection[str],
    groups: Mapping[str, Collection[str]],
) -> None:
    """Raises Refused."""
    who = policy.may.get(act, (EVERYBODY,))
    if EVERYBODY not in who and by not in who_may(service, roles, oncall, who, groups):
        what = "publish" if act is Act.PUBLISH else f"{act} an incident"
        raise Refused(f"Only who {in_words(who, service.name)} may {what}; nothing was changed.")
