"""Status updates, and every other post that is sent exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import incidents, review, rollouts, updates, vendors
from bot.cards import consent as consent_cards
from bot.cards import incident as cards
from bot.cards.outage import written_at
from bot.cards.update import update_card
from bot.commands import Ask, Invalid, Submission
from bot.decision import Card, Decision
from bot.errors import NotYet, ProviderError, Refused
from bot.model import Incident, Phase, Post, Reach
from bot.outages import SLACK, came_late
from bot.text import fallback
from handlers import consent, targets
from handlers.incidents import edited, find
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

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
    if any(other.channel == post.channel for other in earlier):
        raise NotYet(IN_TURN, "what was written before it goes first")
    channel = _channel(world, post, incident.channel if incident else "")
    card = Card(text=post.text, blocks=post.blocks)
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
    channel = _channel(world, post, incident.channel if incident else "")
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
    channel, card = _channel(world, post, incident.channel), Card(text=fallback(post.text), blocks=post.blocks)
    if post.ts:
        edited(world, channel, post.ts, card)  # one that was taken away stays away
        return nothing
    ts = world.chat.post(channel, card, post.id, since=job.created_at, again=job.again)
    return lambda tx, now: Decision(save=(replace(tx.post(id), ts=ts),))


def _channel(world: World, post: Post, of_incident: str) -> str:
    if post.channel == incidents.CHANNEL:
        if not of_incident:
            raise NotYet(IN_TURN, "the incident's channel is not open yet")
        return of_incident
    if not post.channel.startswith("#"):
        return post.channel
    channel = world.chat.find_channel(post.channel)
    if channel is None:
        raise ProviderError("Slack", f"I am not in {post.channel}: invite me there, then retry", permanent=True)
    return channel.id


def update(world: World, ask: Ask) -> Decision:
    """`/incident update`: with words it is published as it is, without it is a form."""
    _, words = ask.split()
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    if rest:
        return publish(world, incident.id, rest, None, None, ask.by)
    incidents.must_be_open(incident)
    if not ask.trigger:
        raise Refused("An update needs words.", instead="/incident update Payments fail for one user in four. …")
    before = world.read(lambda tx: tx.updates(incident.id))
    if before:
        return Decision(say=cards.update_modal(incident, before[-1]))
    others = world.read(lambda tx: targets.vendor_troubles(world, tx, incident.service, world.now()))
    return Decision(say=cards.update_modal(incident, None, vendors.template(incident, others)))


def submit(world: World, form: Submission) -> Decision:
    try:
        phase = Phase(form.values.get("phase", ""))
    except ValueError:
        raise Invalid({"phase": "Choose a phase."}) from None
    minutes = form.values.get("next", "")
    next_in = int(minutes) if minutes.isdigit() else (0 if minutes == "none" else None)
    return publish(world, form.subject, form.values.get("text", ""), phase, next_in, form.by)


def publish(world: World, id: str, words: str, phase: Phase | None, next_in: int | None, by: str) -> Decision:
    def think(tx: Tx, now: datetime) -> Decision:
        incident, number = tx.incident(id), len(tx.updates(id)) + 1
        at = phase or incident.phase
        return updates.publish(incident, number, words, at, next_in, by, world.policy, update_card, now)

    return world.decide(think)
