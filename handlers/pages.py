"""Pages: who is meant, how they are called, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from bot import pages, roles
from bot.cards import page as cards
from bot.commands import Ask, again, nearest, person
from bot.decision import Card, Decision, SendPage
from bot.errors import ProviderError, Refused
from bot.model import Incident, Page, PageState, Role
from bot.names import called
from bot.pages import Meant
from bot.text import code
from handlers import names, oncalls, outages
from handlers.incidents import edited, find, paging
from handlers.world import Alarm, Mail, Think, World, nothing
from storage.store import Job, Tx

WAITING = (PageState.CALLING, PageState.UNANSWERED)
CLOSE = 0.8  # how much a word is like a name that it was probably meant to be


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    verb, words = ask.split()
    return acknowledge(world, ask, words) if verb == "ack" else page(world, ask, words)


def acknowledge(world: World, ask: Ask, words: str) -> Decision:
    """`ack INC-7/page/0`, or the incident's newest page that waits for an answer."""

    def think(tx: Tx, now: datetime) -> Decision:
        named = tx.find_page(words) if "/" in words else None
        return pages.acknowledged(named or waiting(tx, ask, words), ask.by, now)

    return world.decide(think)


def waiting(tx: Tx, ask: Ask, words: str) -> Page:
    incident, _ = find(tx, ask, words)
    found = [one for one in tx.pages(incident.id) if one.state in WAITING]
    if not found:
        raise Refused(f"No page of {incident.id} waits for an answer; nothing was changed.")
    return found[-1]


def page(world: World, ask: Ask, words: str) -> Decision:
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    names.must_be_people(world, rest.partition(" ")[0], "/incident page @who why")
    meant = whom(world, incident, rest)
    known, _ = oncalls.ask_all(world, meant.oncalls)
    people = meant.people or in_turn(world, meant.oncalls, known)
    alarm = not meant.people  # PagerDuty calls its on-call, and nobody else

    def think(tx: Tx, now: datetime) -> Decision:
        here, before = tx.incident(incident.id), tx.pages(incident.id)
        asked = pages.asked(here, people, meant.why, ask.by, before, paging(world), world.policy, now, alarm=alarm)
        return replace(asked, say=f"{asked.say} {meant.hint}".strip())

    return world.decide(think)


def in_turn(world: World, names: Collection[str], known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Everybody of these on-calls, in the order in which they are called."""
    found = (who for name in names for who in roles.people_of(name, world.policy, known, world.now()))
    return tuple(dict.fromkeys(found))


def whom(world: World, incident: Incident, words: str) -> Meant:
    """A person, a role, a service or an on-call may be named first; the rest is why."""
    first, _, rest = words.partition(" ")
    why = rest.strip()
    if first.startswith("<@"):
        return Meant(people=(person(first),), why=why)
    if role := roles.named(first, world.policy):
        return of_role(world, incident, role, why)
    known = {name.lower(): name for name in (*world.policy.services, *world.policy.oncall)}
    first = known.get(first.lower(), first)
    if first in world.policy.services:
        there = replace(incident, service=first, roles={})
        return Meant(oncalls=pages.in_order(roles.wanted(there, world.policy)), why=why)
    if first in world.policy.oncall:
        return Meant(oncalls=(first,), why=why)
    alone = first.startswith("@") or bool(first and not why)  # no words that Slack would keep waiting
    if alone and (who := called(first.removeprefix("@"), names.near(world, incident))):
        return Meant(people=(who,), why=why)
    close = nearest(first.lower(), [*map(str, world.policy.roles), *known], CLOSE)
    if first.startswith("@") or close:
        raise Refused(
            f"I do not know whom {code(first, 60)} means; nobody was paged. Pick a person from Slack's @ list, or name "
            "a role, a service or an on-call.",
            instead=f"/incident page {close} {why}".strip() if close else "/incident page",
        )
    # "page bob it burns" may mean Bob, "page will somebody come" does not mean Will: for both the on-call is called.
    person_too = called(first, names.configured(world)) if first else ""
    hint = f"If you mean the person: `/incident page @{again(words)}`" if person_too else ""
    return Meant(oncalls=pages.in_order(roles.wanted(incident, world.policy)), why=words, hint=hint)


def of_role(world: World, incident: Incident, role: Role, why: str) -> Meant:
    """Whoever holds it; where nobody does, the on-call that should."""
    holder = world.read(lambda tx: tx.assignment(incident.id, role))
    if holder and holder.user:
        return Meant(people=(holder.user,), why=why)
    name = roles.wanted(incident, world.policy).get(role, "")
    return Meant(oncalls=(name,) if name else (), why=why)


# ---------------------------------------------------------------- effects


def send(world: World, subject: str, job: Job) -> Think:
    """One way of calling one person. What was settled before its turn came is not sent any more."""
    call = pages.call(subject)
    page, incident = world.read(lambda tx: (tx.page(call.page), tx.incident(tx.page(call.page).incident)))
    if call.way == pages.ALARM:
        return alarm(world, page, incident)
    if page.state is not PageState.CALLING or page.turn != call.turn:
        return nothing
    if call.way == pages.MAIL:
        return mail(world, page, incident, subject)
    return message(world, page, incident, subject, job)


def message(world: World, page: Page, incident: Incident, key: str, job: Job) -> Think:
    channel, turn = world.chat.direct(page.who), str(page.turn)
    card = cards.direct_card(page, page.turn, incident)
    ts = world.chat.post(channel, card, key, since=job.created_at, again=job.again)
    return lambda tx, now: pages.sent(tx.page(page.id), turn, f"{channel}/{ts}")


def mail(world: World, page: Page, incident: Incident, key: str) -> Think:
    contact = world.policy.people.get(page.who)
    if world.mailer is None or contact is None or not contact.email:
        return nothing
    words = cards.letter(page, incident, link(world, incident))
    world.mailer.send(
        Mail(to=contact.email, subject=cards.subject(page, incident), text=words, key=key, at=page.turn_at)
    )
    return nothing


def alarm(world: World, page: Page, incident: Incident) -> Think:
    """PagerDuty is told how it stands, so it may be told again at any time."""
    if world.alarms is None or not page.alarmed:
        return nothing
    told = Alarm(
        action=action(page, incident),
        key=f"{pages.OURS}{page.id}",
        summary=cards.subject(page, incident),
        source="" if incident.private else incident.service,
        url=link(world, incident),
    )
    world.alarms.send(told)
    return nothing


def action(page: Page, incident: Incident) -> str:
    if not incident.is_open or page.state is PageState.OVER:
        return "resolve"
    return "acknowledge" if page.state is PageState.ACKNOWLEDGED else "trigger"


def link(world: World, incident: Incident) -> str:
    return world.chat.link(incident.channel, incident.card) if incident.card else ""


def show(world: World, subject: str, job: Job) -> Think:
    """The card in the incident's channel, or a direct message, as the page stands."""
    id, turn = pages.shown(subject)
    page, incident = world.read(lambda tx: (tx.page(id), tx.incident(tx.page(id).incident)))
    card = cards.direct_card(page, int(turn), incident) if turn else channel_card(world, page)
    if turn in page.messages:
        put(world, page.messages[turn], card)
        return nothing
    if turn or not incident.channel:
        return nothing
    ts = world.chat.post(incident.channel, card, id, since=job.created_at, again=job.again)
    return lambda tx, now: pages.sent(tx.page(id), "", f"{incident.channel}/{ts}")


def channel_card(world: World, page: Page) -> Card:
    return cards.channel_card(page, paging(world), world.policy)


def put(world: World, place: str, card: Card) -> None:
    channel, _, ts = place.partition("/")
    edited(world, channel, ts, card)  # one that was taken away stays away


def escalate(world: World, id: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        page = tx.page(id)
        if outages.is_away(tx) and pages.only_in_slack(page, paging(world)):
            return pages.waits(page, world.policy, now)
        held = tx.assignment(page.incident, Role.COMMANDER)
        commander = held.user if held else ""
        return pages.escalated(page, tx.incident(page.incident), commander, paging(world), world.policy, now)

    return think


def end(world: World, incident: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        if tx.incident(incident).is_open:  # again
            return Decision()
        return sum((pages.over(page, now) for page in tx.pages(incident)), Decision())

    return think


def gave_up(effect: SendPage, error: ProviderError) -> Think:
    call = pages.call(effect.subject)
    return lambda tx, now: pages.failed(tx.page(call.page), call, str(error), now)
