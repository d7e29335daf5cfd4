"""Status updates, and every other post that is sent exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import (
    broadcasts,
    incidents,
    linting,
    loose_ends,
    nudges,
    review,
    roles,
    rollouts,
    subscriptions,
    updates,
    vendors,
)
from bot.cards import consent as consent_cards
from bot.cards import incident as cards
from bot.cards.forms import OPENLY
from bot.cards.marking import marked
from bot.cards.outage import written_at
from bot.commands import Ask, Invalid, Submission
from bot.decision import Card, Decision, Modal
from bot.errors import NotYet, Refused
from bot.linting import Words
from bot.model import Audience, Incident, Phase, Post, Reach, Role, Update
from bot.outages import SLACK, came_late
from bot.text import fallback
from handlers import channels, consent, oncalls, targets
from handlers.broadcasts import place
from handlers.incidents import edited, find
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

FIELDS = ("text", "scope", "workaround", "changed", "ahead")  # of the form
RECENT = 60  # lines of the timeline that a draft is made of
AWAY = 60  # seconds: how soon a post looks again by itself; when Slack is back, it is woken
IN_TURN = 5  # seconds: how soon a post looks again whether it is its turn


def send(world: World, id: str, job: Job) -> Think:
    """Posts of one incident to one channel appear in the order in which they were decided."""

    def ask(tx: Tx) -> tuple[Post, Incident | None, tuple[Post, ...], Reach | None]:
        post = tx.post(id)
        return post, tx.find_incident(post.incident), tx.unsent(job.effect.lane, before=job.id), tx.reach(SLACK)

    post, incident, earlier, reach = world.read(ask)
    if post.ts or post.folded:
        return nothing
    must_be_there(reach)
    if post.channel == incidents.CHANNEL and incident:
        channels.must_be_open(world, incident)
    if any(other.channel == post.channel for other in earlier):
        raise NotYet(IN_TURN, "what was written before it goes first")
    channel = _channel(world, post, incident)
    card = marked(incident, Card(text=post.text, blocks=post.blocks))
    if came_late(reach, job.created_at, world.now()) and "/away/" not in post.id:
        card = written_at(card, job.created_at)
    ts = world.chat.post(channel, card, post.id, since=job.created_at, again=job.again, thread=post.thread)
    return lambda tx, now: Decision(save=(replace(tx.post(id), ts=ts),))


def must_be_there(reach: Reach | None) -> None:
    """While Slack is away nobody tries, so that what waits can be folded when it is back."""
    if reach is not None and reach.away:
        raise NotYet(AWAY, "Slack is away")


def show_request(world: World, id: str, job: Job) -> Think:
    """The one card of a request, as it stands."""

    def ask(tx: Tx) -> tuple[Post, Incident | None, Card]:
        request, votes, post = tx.request(id), tx.votes(id), tx.post(rollouts.approval_post(id))
        card = consent_cards.approval(request, votes, review.missing(request, votes), post.blocks)
        return post, consent.incident_of(tx, request), card

    post, incident, card = world.read(ask)
    channel, card = _channel(world, post, incident), marked(incident, card)
    if post.ts:
        edited(world, channel, post.ts, card)  # one that was taken away stays away
        return nothing
    ts = world.chat.post(channel, card, post.id, since=job.created_at, again=job.again)
    return lambda tx, now: Decision(save=(replace(tx.post(post.id), ts=ts),))


def tell_changes(world: World, id: str, job: Job) -> Think:
    """The message of one minute, as it reads now."""
    post, incident, reach = world.read(lambda tx: (tx.post(id), tx.incident(tx.post(id).incident), tx.reach(SLACK)))
    if post.folded:
        return nothing
    must_be_there(reach)
    channel = _channel(world, post, incident)
    card = marked(incident, Card(text=fallback(post.text), blocks=post.blocks))
    if post.ts:
        edited(world, channel, post.ts, card)  # one that was taken away stays away
        return nothing
    ts = world.chat.post(channel, card, post.id, since=job.created_at, again=job.again)
    return lambda tx, now: Decision(save=(replace(tx.post(id), ts=ts),))


def _channel(world: World, post: Post, incident: Incident | None) -> str:
    if incident is None or post.channel != incidents.CHANNEL:
        return place(world, post.channel)
    return channels.must_be_open(world, incident)


def close(world: World, id: str) -> Think:
    """Everybody who heard of the incident hears that it is over; customers from a person, who is reminded of them."""

    def think(tx: Tx, now: datetime) -> Decision:
        incident, told = tx.incident(id), tx.published(id) if world.policy.status else ()
        asked = tx.find_post(loose_ends.post_id(incident, told)) is not None
        left = loose_ends.left_open(incident, tx.survivor(id), told, asked=asked)
        return updates.closing(incident, world.policy, now, before(tx, incident)) + left

    return think


def reopen(world: World, id: str) -> Think:
    """Everybody who heard that it is over hears that it is not; customers from a person, who is reminded of them."""

    def think(tx: Tx, now: datetime) -> Decision:
        incident, told = tx.incident(id), tx.published(id) if world.policy.status else ()
        asked = tx.find_post(loose_ends.reopened_id(incident, told)) is not None
        left = loose_ends.reopened(incident, told, asked=asked)
        return updates.reopening(incident, world.policy, now, before(tx, incident)) + left

    return think


# ---------------------------------------------------------------- reminders


def remind(world: World, id: str) -> Think:
    incident = world.read(lambda tx: tx.incident(id))
    members = groups_of(world, incident)

    def think(tx: Tx, now: datetime) -> Decision:
        incident, given = tx.incident(id), tx.updates(id)
        roles_ = {a.role: a.user for a in tx.assignments(id) if a.user}
        called = roles.responders(incident, world.policy, members, now).values()
        oncall = () if incident.private or incident.drill else tuple(called)  # they are not in its channel
        return nudges.nudge(
            incident,
            roles_,
            oncall,
            given[-1].at if given else incident.opened_at,
            now,
            waiting=any(nudges.is_reminder(post) for post in tx.unsent(id)),
            told=tx.find_post(nudges.post_id(incident, now)) is not None,
        )

    return think


def groups_of(world: World, incident: Incident) -> dict[str, tuple[str, ...]]:
    """Who is on call, asked only when it has come to that; a group that cannot be read must silence nobody."""
    promised = incident.next_update_at
    if promised is None or incident.drill or nudges.stage(promised, world.now()) is not nudges.Stage.OVERDUE:
        return {}
    return oncalls.ask_all(world, roles.wanted(incident, world.policy).values())[0]


# ---------------------------------------------------------------- commands


def update(world: World, ask: Ask) -> Decision:
    """`/incident update`: with words it is published as it is, without it is a form."""
    _, words = ask.split()
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    if rest:
        words, phase = updates.parse(rest)
        return typed(world, incident.id, Words(text=words), phase, ask.by)
    incidents.must_be_open(incident)
    if not ask.trigger:
        raise Refused("An update needs words.", instead="/incident update Payments fail for one user in four. …")
    return Decision(say=world.read(lambda tx: form(world, tx, incident, ask.by)))


def form(world: World, tx: Tx, incident: Incident, by: str) -> Modal:
    """With the last words, and what the timeline says has changed since."""
    given, entries = tx.updates(incident.id), tx.entries(incident.id, limit=RECENT)
    others = targets.vendor_troubles(world, tx, incident.service, world.now())
    draft = updates.draft(incident, given, entries, vendors.template(incident, others))
    last, told = given[-1] if given else None, readers(world, incident)
    return cards.update_modal(incident, last, draft, readers=told, openly=_box(world, tx, incident, by, ticked=False))


def _box(world: World, tx: Tx, incident: Incident, by: str, *, ticked: bool) -> bool | None:
    """Whether it is ticked; None where this person gets none."""
    commander = before(tx, incident).commander
    return ticked if updates.may_be_public(incident, by, commander, world.policy) else None


def readers(world: World, incident: Incident) -> str:
    """Who reads it, as mrkdwn."""
    there = broadcasts.audiences(incident, world.policy)
    return f"Read by {', '.join(audience for audience in Audience if audience in there)}"


def typed(world: World, id: str, words: Words, phase: Phase | None, by: str) -> Decision:
    """Published at once; what could be better is said for the next one."""
    decision = publish(world, id, words, phase, None, by)
    advice = world.read(lambda tx: advise(world, tx, tx.incident(id), words, tx.updates(id)[:-1]))
    return Decision(say=linting.afterwards(str(decision.say), advice))


def advise(
    world: World, tx: Tx, incident: Incident, words: Words, given: tuple[Update, ...], *, openly: bool = False
) -> tuple[linting.Advice, ...]:
    there = broadcasts.audiences(incident, world.policy) | ({Audience.PUBLIC} if openly else frozenset())
    return linting.lint(words, there, given, targets.vendor_names(world, tx))


def submit(world: World, form: Submission) -> Decision:
    """Looked through before it is published; submitted again it goes out as it is."""
    id, _, advised = form.subject.partition("|")
    try:
        phase = Phase(form.values.get("phase", ""))
    except ValueError:
        raise Invalid({"phase": "Choose a phase."}) from None
    minutes = form.values.get("next", "")
    next_in = int(minutes) if minutes.isdigit() else (0 if minutes == "none" else None)
    words = Words(**{name: form.values.get(name, "") for name in FIELDS})
    openly = OPENLY in form.values.get(OPENLY, "")
    looked_through = advised == OPENLY or (bool(advised) and not openly)
    if not looked_through and words.text.strip():
        again = world.read(lambda tx: _advised(world, tx, id, words, phase, minutes, form.by, openly=openly))
        if again:
            return Decision(say=again)
    return publish(world, id, words, phase, next_in, form.by, openly=openly)


def _advised(
    world: World, tx: Tx, id: str, words: Words, phase: Phase, next_: str, by: str, *, openly: bool
) -> Modal | None:
    """The form once more, with what could be better; None where nothing could."""
    incident, given = tx.incident(id), tx.updates(id)
    advice = advise(world, tx, incident, words, given, openly=openly) if incident.is_open else ()
    if not advice:
        return None
    last, told = given[-1] if given else None, readers(world, incident)
    box = _box(world, tx, incident, by, ticked=openly)
    return cards.update_modal(incident, last, words, advice, phase=phase, next_=next_, readers=told, openly=box)


def publish(
    world: World, id: str, words: Words, phase: Phase | None, next_in: int | None, by: str, *, openly: bool = False
) -> Decision:
    def think(tx: Tx, now: datetime) -> Decision:
        incident = tx.incident(id)
        at, known = phase or incident.phase, before(tx, incident)
        decision = updates.publish(incident, words, at, next_in, by, world.policy, now, known)
        if not openly:
            return decision
        return updates.openly(decision, tx.published(id), by, known.commander, world.policy, now)

    return world.decide(think)


def before(tx: Tx, incident: Incident) -> updates.Before:
    commander = tx.assignment(incident.id, Role.COMMANDER)
    given = tx.updates(incident.id)
    return updates.Before(
        updates=given,
        question=tx.find_post(broadcasts.question_id(incident.id, len(given))),
        deliveries=tx.deliveries(incident.id),
        subscribers=tx.subscribers(subscriptions.topics(incident)),
        commander=commander.user if commander else "",
    )


def steer(world: World, ask: Ask) -> Decision:
    """snooze [10m] | approve [n] | withhold [n]."""
    verb, words = ask.split()

    def think(tx: Tx, now: datetime) -> Decision:
        incident, rest = find(tx, ask, words)
        if verb == "snooze":
            return nudges.snooze(incident, rest, ask.by, now)
        return _decided(tx, incident, rest, ask.by, now, agrees=verb == "approve")

    return world.decide(think)


def _decided(tx: Tx, incident: Incident, words: str, by: str, now: datetime, *, agrees: bool) -> Decision:
    facts = before(tx, incident)
    number = int(words) if words.isdigit() else len(facts.updates)
    found = [delivery for delivery in facts.deliveries if delivery.update == number]
    question = tx.find_post(broadcasts.question_id(incident.id, number))
    return broadcasts.approve(incident, found, question, facts.commander, by, now, agrees=agrees)
