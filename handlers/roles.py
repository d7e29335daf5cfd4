"""Roles: who may hold one, what whoever gets it is told, and the reminder of one that is empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from bot import pages, roles, vacancies
from bot.cards.marking import marked
from bot.cards.role import instructions_card
from bot.consent import who_may
from bot.decision import Decision
from bot.errors import ProviderError
from bot.model import Incident, Post, Role
from bot.policy import GROUP, Policy
from bot.positions import EVERYBODY
from handlers import oncalls, targets
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

log = structlog.get_logger(__name__)


def may_hold(world: World, incident: Incident, word: str) -> frozenset[str] | None:
    """Those who may hold this role, as far as the configuration says so; None is everybody, or no role."""
    role = roles.named(word, world.policy)
    who = world.policy.roles[role].who if role else (EVERYBODY,)
    if EVERYBODY in who:
        return None
    service = world.policy.service(incident.service, incident.environment)
    oncall = targets.oncall(world, service) if "oncall" in who else ()
    groups = {one.removeprefix(GROUP) for one in who if one.startswith(GROUP)}
    return who_may(service, (), oncall, who, {group: world.chat.members(group) for group in sorted(groups)})


# ---------------------------------------------------------------- effects


def instruct(world: World, subject: str, job: Job) -> Think:
    """Once for each person, role and incident. Where Slack will not have it, nobody is the worse for it."""
    id, word, user = subject.split("/", 2)
    role, key = Role(word), roles.instructions_id(subject)

    def ask(tx: Tx) -> tuple[Incident, bool]:
        held, incident = tx.assignment(id, role), tx.incident(id)
        wanted = incident.is_open and held is not None and held.user == user and tx.find_post(key) is None
        return incident, wanted

    incident, wanted = world.read(ask)
    position = world.policy.roles.get(role)
    if not wanted or position is None or not position.instructions:
        return nothing
    card = marked(incident, instructions_card(incident, role, position))
    try:
        channel = world.chat.direct(user)
        ts = world.chat.post(channel, card, key, since=job.created_at, again=job.again)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.info("the instructions were not sent", incident=id, role=word, user=user, error=str(error))
        return nothing
    told = Post(id=key, incident=id, channel=channel, text=card.text, ts=ts)
    return lambda tx, now: Decision(save=(told,)) if tx.find_post(key) is None else Decision()


def remind(world: World, subject: str) -> Think:
    """Whether a role that has to be filled is. The on-call is only asked for when somebody is to be named."""
    id, _, word = subject.partition("/")
    role, policy = Role(word), world.policy

    def standing(tx: Tx) -> tuple[Incident, Mapping[Role, str], str]:
        incident = tx.incident(id)
        held = {one.role: one.user for one in tx.assignments(id) if one.user}
        ids = (vacancies.post_id(incident, role, which) for which in (vacancies.FIRST, vacancies.AGAIN))
        told = [key for key in ids if tx.find_post(key)]
        return incident, held, vacancies.stage(incident, role, held.get(role, ""), told, policy)

    incident, _, which = world.read(standing)
    names = on_calls(incident, role, policy)
    members = oncalls.ask_all(world, names)[0] if which == vacancies.AGAIN else {}

    def think(tx: Tx, now: datetime) -> Decision:
        incident, held, which = standing(tx)
        oncall = [who for name in names for who in roles.people_of(name, policy, members, now)]
        return vacancies.remind(incident, role, which, held, oncall, policy, now, calls=bool(names))

    return think


def on_calls(incident: Incident, role: Role, policy: Policy) -> tuple[str, ...]:
    """Whom one would page for it: the role's own on-call, or else the incident's."""
    wanted = {} if incident.drill else roles.wanted(incident, policy)  # a drill calls nobody
    return (wanted[role],) if role in wanted else pages.in_order(wanted)
