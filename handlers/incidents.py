"""Incidents: their channel, their card, their people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import structlog

from bot import (
    broadcasts,
    cadence,
    catchup,
    incidents,
    links,
    news,
    pages,
    probes,
    publishing,
    roles,
    text,
    timeline,
)
from bot.cards import incident as cards
from bot.case import Case
from bot.commands import Ask, Invalid, Submission, incident_id, is_mention, person
from bot.decision import Announce, Card, Decision, Modal, OpenChannel, PostCard
from bot.errors import Gone, ProviderError, Refused
from bot.model import (
    Assignment,
    Change,
    Entry,
    EntryKind,
    Incident,
    Link,
    Phase,
    RequestState,
    Role,
    Sighting,
    rollout_id,
)
from bot.names import called
from bot.pages import Ways
from bot.policy import Policy
from handlers import authority, names, oncalls, targets
from handlers.roles import may_hold
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

REPEATED = 60  # characters of what was typed that a refusal repeats
UNTOUCHED = frozenset({RequestState.PROPOSED, RequestState.CANCELLED, RequestState.NOTHING})  # so the rollout is
TOLD = frozenset({"update", "note", "task", "followup", "impact", "publish", "resolve"})  # verbs whose words are read
GIVING = frozenset({"role", "handoff"})  # verbs that name a person
SHORT = frozenset({"sev", "status"})  # verbs of one word, and perhaps the incident behind it
MENTIONED = re.compile(r"(?i)(?<!\S)INC-(\d{1,9})(?!\S)")
READING = frozenset({"show", "timeline", "postmortem", "catchup"})  # verbs that take no words of their own

log = structlog.get_logger(__name__)

# ---------------------------------------------------------------- effects


def open_channel(world: World, id: str, job: Job) -> Think:
    incident = world.read(lambda tx: tx.incident(id))
    if incident.channel:
        return lambda tx, now: incidents.channel_opened(tx.incident(id), incident.channel, incident.channel_name, now)
    name = incidents.channel_name(incident, world.policy.channel_prefix)
    channel = world.chat.open_channel(name, incident.opened_at, again=job.again, private=incident.private)
    return lambda tx, now: incidents.channel_opened(tx.incident(id), channel.id, channel.name, now)


def call_responders(world: World, id: str) -> Think:
    incident = world.read(lambda tx: tx.incident(id))
    if incident.drill:  # who takes a role is what it is about
        return nothing
    members, unread = oncalls.ask_all(world, roles.wanted(incident, world.policy).values())

    def think(tx: Tx, now: datetime) -> Decision:
        found, held = roles.responders(incident, world.policy, members, now), tx.assignments(id)
        decision = roles.responders_found(tx.incident(id), found, held, world.policy, now)
        names = pages.in_order(roles.wanted(incident, world.policy))
        people = [who for name in names for who in roles.people_of(name, world.policy, members, now)]
        people = list(dict.fromkeys(people))
        decision += pages.automatic(tx.incident(id), people, tx.pages(id), held, paging(world), world.policy, now)
        return sum((troubled(id, what)(tx, now) for what in unread), decision)

    return think


def paging(world: World) -> Ways:
    """How people can be called here."""
    return Ways(mail=world.mailer is not None, alarm=world.alarms is not None, contacts=world.policy.people)


def invite_responders(world: World, id: str) -> Think:
    incident, held, paged = world.read(lambda tx: (tx.incident(id), tx.assignments(id), tx.pages(id)))
    if not incident.channel:
        return nothing
    called = [who for page in paged for who in (*page.to[: page.turn + 1], page.settled_by)]
    people = dict.fromkeys([a.user for a in held if a.user] + [incident.by] + called)
    refused = world.chat.invite(incident.channel, [who for who in people if text.is_person(who)])
    if not refused:
        return nothing
    return troubled(id, f"could not invite {', '.join(refused)}: please add them by hand")


def troubled(id: str, what: str) -> Think:
    """Said on the timeline and the card, once."""

    def think(tx: Tx, now: datetime) -> Decision:
        said = any(entry.text == what for entry in tx.entries(id))
        return Decision() if said else incidents.trouble(id, what, now)

    return think


def post_card(world: World, id: str, job: Job) -> Think:
    incident, card = world.read(lambda tx: (tx.incident(id), card_of(tx, tx.incident(id), world)))
    if not incident.channel:
        return nothing
    if incident.card and edited(world, incident.channel, incident.card, card):
        return nothing
    ts = world.chat.post(incident.channel, card, f"{id}/card", since=incident.opened_at, again=job.again)
    pin(world, incident.channel, ts)
    return lambda tx, now: incidents.card_posted(tx.incident(id), ts)


def pin(world: World, channel: str, ts: str) -> None:
    """A card that Slack will not pin is still the card."""
    try:
        world.chat.pin(channel, ts)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.warning("the card could not be pinned", channel=channel, error=str(error))


def edited(world: World, channel: str, ts: str, card: Card) -> bool:
    """False where a person has deleted the message."""
    try:
        world.chat.edit(channel, ts, card)
    except Gone:
        return False
    return True


def card_of(tx: Tx, incident: Incident, world: World) -> Card:
    suspects = links.shown(linked(tx, incident.id))
    troubles = [failed(letter.kind, letter.subject, letter.error) for letter in tx.dead_letters(incident.id)]
    troubles += broadcasts.troubles(tx.deliveries(incident.id))
    entries = tx.entries(incident.id, limit=3 * cards.ENTRIES)  # suspects are shown above them
    roles, tasks = tx.assignments(incident.id), tx.tasks(incident.id)
    firing = cards.Firing(*tx.firing(incident.id, cards.ALERTS))
    others = targets.vendor_troubles(world, tx, incident.service, world.now())
    looks = probes.standing(tx.findings(incident.service, incident.environment), world.policy)
    kept = cadence.score(cadence.ledger(incident, tx.updates(incident.id)), world.now())
    return cards.incident_card(
        incident, roles, suspects, entries, world.policy, troubles, tasks, firing, looks, others, kept,
        rollouts_of(tx, incident, world.policy), publishing=publishing.is_possible(incident, world.policy),
    )  # fmt: skip


def rollouts_of(tx: Tx, incident: Incident, policy: Policy) -> list[Sighting]:
    """What is under way of its service and of its neighbours, and what was acted on here."""
    going = [s for s in tx.sightings_under_way() if news.near(s.service, s.environment, incident, policy)]
    acted = [rollout_id(r.service, r.environment) for r in tx.requests(incident.id) if r.state not in UNTOUCHED]
    here = [rollout_id(incident.service, incident.environment)] if incident.drill else []  # on its stage
    seen = [*going, *filter(None, map(tx.sighting, dict.fromkeys([*here, *acted])))]
    return list({one.id: one for one in seen}.values())


def linked(tx: Tx, incident: str) -> list[tuple[Link, Change]]:
    """The changes linked to an incident: what people have found, then the likeliest."""
    return links.ranked([(link, change) for link in tx.links(incident) if (change := tx.change(link.change))])


def case_of(tx: Tx, incident: Incident, now: datetime, titles: Mapping[Role, str]) -> Case:
    """Without the chat: what was decided and noted."""
    id, held = incident.id, tx.assignments(incident.id)
    return Case(
        incident=incident,
        lines=timeline.timeline(incident, tx.entries(id), (), held, {}, titles=titles),
        assignments=held,
        linked=linked(tx, id),
        updates=tx.updates(id),
        requests=tx.requests(id),
        names={},
        now=now,
        tasks=tx.tasks(id),
        titles=titles,
    )


def furnish_channel(world: World, id: str) -> Think:
    def ask(tx: Tx) -> tuple[Incident, Assignment | None, str]:
        links = (alert.url for alert in tx.alerts(id) if alert.url)
        return tx.incident(id), tx.assignment(id, Role.COMMANDER), next(links, "")

    incident, commander, alert_url = world.read(ask)
    if not incident.channel:
        return nothing
    world.chat.set_topic(
        incident.channel, cards.topic(incident, commander.user if commander else "", world.policy.title(Role.COMMANDER))
    )
    draft_url = "" if incident.is_open or incident.drill else world.draft_url(id)
    for title, url in (("Alert", alert_url), ("Postmortem draft", draft_url)):
        if text.is_link(url):
            world.chat.bookmark(incident.channel, title, url)
    return nothing


def announce(world: World, id: str, job: Job) -> Think:
    incident = world.read(lambda tx: tx.incident(id))
    card = cards.announcement(incident)
    if incident.announcement:
        edited(world, incident.announced_in, incident.announcement, card)  # one that was taken away stays away
        return nothing
    if not world.policy.announce or incident.private:
        return nothing
    channel = world.chat.find_channel(world.policy.announce)
    if channel is None and not world.policy.must_announce:
        return nothing
    if channel is None:
        return troubled(id, f"not announced: I am not in {world.policy.announce}; invite me there")
    ts = world.chat.post(channel.id, card, f"{id}/announcement", since=incident.opened_at, again=job.again)
    return lambda tx, now: incidents.announced(tx.incident(id), channel.id, ts)


def gave_up(world: World, id: str, job: Job, error: ProviderError) -> Think:
    """An effect died: said on the timeline and the card, and kept among the dead letters."""

    def think(tx: Tx, now: datetime) -> Decision:
        if tx.find_incident(id) is None:
            return Decision()
        decision = incidents.trouble(id, failed(type(job.effect).__name__, job.effect.subject, str(error)), now)
        if isinstance(job.effect, PostCard):  # a card that cannot be posted must not ask for a card
            return Decision(note=decision.note)
        # Without a channel the announcement is all that people will see.
        return decision + Decision(do=(Announce(id),)) if isinstance(job.effect, OpenChannel) else decision

    return think


def failed(kind: str, subject: str, error: str) -> str:
    """ "Broadcast INC-1/update/2/#status failed: …": what is about the incident as a whole needs no more name."""
    return f"{kind} {subject} failed: {error}" if "/" in subject else f"{kind} failed: {error}"


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """The verbs of /incident that no other module has."""
    verb, words = ask.split()
    match verb:
        case "list":
            open_ones = world.read(lambda tx: tx.incidents(open_only=True))
            return Decision(say=cards.incident_list(authority.known(world, open_ones, ask.by, ask.channel)))
        case "show":
            return world.read(lambda tx: Decision(say=card_of(tx, find(tx, ask, words)[0], world)))
        case "catchup":
            return world.read(lambda tx: Decision(say=catchup_of(tx, find(tx, ask, words)[0], world)))
        case "timeline":
            return world.read(lambda tx: Decision(say=cards.timeline_card(*last_lines(tx, ask, words))))
        case _:
            return steer(world, ask, verb, words)


def catchup_of(tx: Tx, incident: Incident, world: World) -> Card:
    """For whoever comes late: the same on demand and on joining."""
    card = world.chat.link(incident.channel, incident.card) if incident.card else ""
    return catchup.catchup(
        incident,
        tx.assignments(incident.id),
        linked(tx, incident.id),
        tx.entries(incident.id),
        tx.updates(incident.id),
        tx.tasks(incident.id),
        tx.alerts(incident.id),
        card,
        world.now(),
        world.policy.titles,
    )


def last_lines(tx: Tx, ask: Ask, words: str) -> tuple[Incident, tuple[Entry, ...]]:
    incident, _ = find(tx, ask, words)
    return incident, tx.entries(incident.id, limit=20)


def steer(world: World, ask: Ask, verb: str, words: str) -> Decision:
    """The verbs that move an incident."""
    if verb in GIVING:
        words = given(world, ask, verb, words)
    if modal := form(world, ask, verb, words):
        return Decision(say=modal)

    may = may_take(world, ask, verb, words)

    def think(tx: Tx, now: datetime) -> Decision:
        incident, rest = find(tx, ask, words)
        current = {a.role: a for a in tx.assignments(incident.id)}
        match verb:
            case "sev":
                return incidents.set_severity(incident, rest, ask.by, world.policy, now)
            case "status":
                doubts = targets.doubts(world, tx, incident.service, incident.environment, now)
                return incidents.set_phase(incident, rest, ask.by, world.policy, now, doubts)
            case "note":
                return incidents.note(incident, rest, ask.by, now)
            case "link":
                return _link(world, tx, incident, rest, ask.by, now)
            case "resolve":
                doubts = targets.doubts(world, tx, incident.service, incident.environment, now)
                incidents.must_be_an_end(incident, verb, rest)
                return incidents.resolve(incident, rest, ask.by, now, doubts)
            case "impact":
                return incidents.impact(incident, rest, ask.by, now)
            case "cancel":
                incidents.must_be_an_end(incident, verb, rest)
                return incidents.cancel(incident, rest, ask.by, now)
            case "reopen":
                twins = tx.open_incident_of(incident.service, incident.environment)
                return incidents.reopened(incident, rest, twins, world.policy, now, ask.by)
            case "role":
                return roles.assign(incident, rest, current, ask.by, world.policy, now, may=may)
            case "handoff":
                line = roles.handing(rest, current, ask.by, world.policy)
                return roles.assign(incident, line, current, ask.by, world.policy, now, handing_off=True, may=may)
        raise AssertionError(verb)

    return world.decide(think)


def given(world: World, ask: Ask, verb: str, words: str) -> str:
    """The words of a verb that gives something to somebody, with a mention of whoever is named. Raises Refused."""
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    known = names.understood(world, incident, rest, verb)
    role, who = roles.asked(known, world.policy)
    if who and not is_mention(who) and (id := called(who, names.near(world, incident))):
        known = roles.giving(role, id, known)
    names.must_be_people(world, known, f"/incident {verb} {role} @who")
    return words.removesuffix(rest) + known


def may_take(world: World, ask: Ask, verb: str, words: str) -> frozenset[str] | None:
    """Who may hold the role that a line gives; asked before it is decided, since Slack may have to say so."""
    if verb not in GIVING:
        return None
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    line = rest if verb == "role" else _handing(world, incident, rest, ask.by)
    return may_hold(world, incident, roles.asked(line, world.policy)[0])


def _link(world: World, tx: Tx, incident: Incident, words: str, by: str, now: datetime) -> Decision:
    said, pairs = links.parse(words), linked(tx, incident.id)
    since, until = incident.began - world.policy.suspect_window, incident.resolved_at or now
    near = tx.changes(since, until, environment=incident.environment)
    exact = tx.change(said.change)
    change = links.pick(said, pairs, [*near, exact] if exact else near)
    before = next((link for link, other in pairs if other.key == change.key), None)
    told = any(entry.kind is EntryKind.CHANGE and entry.at == change.at for entry in tx.entries(incident.id))
    return links.judged(incident, change, said, before, by, now, told=told)


def form(world: World, ask: Ask, verb: str, words: str) -> Modal | None:
    """The form for a verb that was typed, or pressed, without its words."""
    if not ask.trigger:
        return None
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    if (verb == "resolve" and not rest) or (verb, incidents.bare(rest)) == ("status", Phase.RESOLVED):
        incidents.must_be_open(incident)
        here, now = (incident.service, incident.environment), world.now()
        return cards.resolve_modal(incident, world.read(lambda tx: targets.doubts(world, tx, *here, now)))
    policy = world.policy
    if verb == "handoff" and not roles.asked(rest, policy)[1]:
        incidents.must_be_open(incident)
        role = roles.parse_role(_handing(world, incident, rest, ask.by), policy)
        case = world.read(lambda tx: case_of(tx, incident, world.now(), policy.titles))
        return cards.handoff_modal(incident, role, policy.title(role), roles.handoff_draft(case))
    return None


def _handing(world: World, incident: Incident, words: str, by: str) -> str:
    current = world.read(lambda tx: {a.role: a for a in tx.assignments(incident.id)})
    return roles.handing(words, current, by, world.policy)


def find(tx: Tx, ask: Ask, words: str = "") -> tuple[Incident, str]:
    """The incident that is meant, and the words that remain: one named first, or the one of this channel."""
    first, _, rest = words.partition(" ")
    here = tx.incident_in(ask.channel) if ask.channel else None
    if id := incident_id(first) if not first.isdigit() else None:
        if here is not None and here.id != id and rest.strip() and ask.split()[0] in TOLD:
            raise Refused(
                f"This is the channel of {here.id}, and your words begin with {id}: which of the two is meant? "
                "Nothing was changed.",
                instead=f"/incident {ask.split()[0]} {here.id} {words if len(words) <= REPEATED else ''}".rstrip(),
            )
        return tx.incident(id), rest.strip()
    verb, named = ask.split()[0], MENTIONED.search(words)
    if here is not None:
        if named and f"INC-{named[1]}" != here.id and (verb in SHORT and words.split()[1:] == [named[0]]):
            raise Refused(
                f"This is the channel of {here.id}, and your words end with INC-{named[1]}: which of the two is meant? "
                "Nothing was changed.",
                instead=f"/incident {verb} INC-{named[1]} {words.split()[0]}",
            )
        return here, words
    if named:
        others = " ".join(words.replace(named[0], "", 1).split())
        said = others if verb not in READING and len(others) <= REPEATED else ""
        where = f"/incident {verb or 'show'} INC-{named[1]} {said}".rstrip()
        raise Refused("This is not an incident's channel: name the incident first.", instead=where)
    newest = next(
        (one for one in (*tx.incidents(open_only=True), *tx.incidents()) if not (one.private or one.drill)), None
    )
    verb = verb or "show"
    said = words if verb not in READING and len(words) <= REPEATED else ""
    again = f"/incident {verb} {newest.id} {said}".rstrip() if newest else ""
    raise Refused("This is not an incident's channel: name the incident.", instead=again or "/incident declare")


def submit(world: World, form: Submission) -> Decision:
    """A submitted form of /incident."""
    match form.callback:
        case "incident.resolve":
            return _submit_resolve(world, form)
        case "role.handoff":
            return _submit_handoff(world, form)
    raise Refused("I do not know this form any more. Please open it again.")


def _submit_resolve(world: World, form: Submission) -> Decision:
    why = form.values.get("anyway", "")
    words = f"{form.values.get('summary', '')} --anyway {why}" if why else form.values.get("summary", "")

    def think(tx: Tx, now: datetime) -> Decision:
        incident = tx.incident(form.subject)
        doubts = targets.doubts(world, tx, incident.service, incident.environment, now)
        return incidents.resolve(incident, words, form.by, now, doubts)

    return world.decide(think)


def _submit_handoff(world: World, form: Submission) -> Decision:
    id, _, role = form.subject.partition("|")
    who = form.values.get("user", "")
    if not who:
        raise Invalid({"user": "Choose who takes over."})

    may = may_hold(world, world.read(lambda tx: tx.incident(id)), role)
    words, summary = f"{role} {person(who)}", form.values.get("summary", "")

    def think(tx: Tx, now: datetime) -> Decision:
        current, incident = {a.role: a for a in tx.assignments(id)}, tx.incident(id)
        return roles.assign(
            incident, words, current, form.by, world.policy, now, handing_off=True, summary=summary, may=may
        )

    return world.decide(think)
