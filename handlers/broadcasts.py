"""Deliveries: an update on its way out, each in its turn and each once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bot import audiences, broadcasts, letters, notices, text
from bot.cards.update import update_card
from bot.decision import Decision
from bot.errors import NotYet, ProviderError
from bot.model import Delivery, DeliveryState, Incident, Update
from bot.policy import Destination, Hook, Mailbox, Policy, PublicPage, Room
from handlers.incidents import edited
from handlers.world import Mail, Think, World, nothing
from storage.store import Job, Tx

IN_TURN = 5  # seconds: how soon a delivery looks again whether it is its turn


@dataclass(frozen=True, kw_only=True)
class Way:
    """Everything that taking an update to its destination needs to know."""

    delivery: Delivery
    others: Sequence[Delivery]
    incident: Incident
    updates: Sequence[Update]

    @property
    def update(self) -> Update:
        return next(update for update in self.updates if update.number == self.delivery.update)

    @property
    def before(self) -> Delivery | None:
        return broadcasts.before(self.delivery, self.others)


def deliver(world: World, id: str, job: Job) -> Think:
    way = world.read(lambda tx: _way(tx, id))
    delivery = way.delivery
    if delivery.state not in (DeliveryState.DUE, DeliveryState.FAILED):
        return nothing
    destination = find(world.policy, delivery.destination)
    if destination is None:
        return lambda tx, now: broadcasts.dropped(tx.delivery(id), "it is no longer configured")
    if not broadcasts.is_turn(delivery, way.others):
        raise NotYet(IN_TURN, "the update before it goes first")
    if broadcasts.is_old(delivery, way.others) and isinstance(destination.to, Room | PublicPage):
        return lambda tx, now: broadcasts.dropped(tx.delivery(id), "a newer one is there already")
    reference = _send(world, destination, way, job)
    return lambda tx, now: broadcasts.arrived(tx.delivery(id), reference)


def _way(tx: Tx, id: str) -> Way:
    delivery = tx.delivery(id)
    incident = tx.incident(delivery.incident)
    return Way(delivery=delivery, others=tx.deliveries(incident.id), incident=incident, updates=tx.updates(incident.id))


def find(policy: Policy, name: str) -> Destination | None:
    return next((destination for destination in policy.broadcasts if destination.name == name), None)


def _send(world: World, destination: Destination, way: Way, job: Job) -> str:
    """Where it stands now. Raises ProviderError, NotYet."""
    match destination.to:
        case Room() as room:
            return _to_room(world, room, way, job)
        case Mailbox():
            return _to_mailbox(world, way)
        case PublicPage() as page:
            return _to_page(world, destination.name, page, way)
        case Hook():
            return _to_hook(world, destination.name, way)
        case _:
            assert_never(destination.to)


def gave_up(world: World, id: str, error: ProviderError) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        delivery = tx.delivery(id)
        incident, there = tx.incident(delivery.incident), tx.survivor(delivery.incident)
        last = tx.updates(incident.id)[-1]
        left = broadcasts.left_open(delivery, last, incident, there, str(error), world.policy)
        return broadcasts.gave_up(delivery, str(error), now) + left

    return think


# ---------------------------------------------------------------- Slack


def _to_room(world: World, room: Room, way: Way, job: Job) -> str:
    """One message edited in place, each further update as a reply to it; or a post for each."""
    channel, card = place(world, room.channel), update_card(way.incident, way.update, way.delivery.audience)
    key, since = way.delivery.id, way.delivery.at
    root = way.before.reference if room.in_place and way.before else ""
    if not root or not edited(world, channel, root, card):
        return world.chat.post(channel, card, key, since=since, again=job.again)
    world.chat.post(channel, card, key, since=since, again=job.again, thread=root)
    return root


def place(world: World, channel: str) -> str:
    """The id of a channel, or of the direct messages with a person. Raises ProviderError."""
    if text.is_person(channel):
        return world.chat.direct(channel)
    if not channel.startswith("#"):
        return channel
    found = world.chat.find_channel(channel)
    if found is None:
        raise ProviderError("Slack", f"I am not in {channel}: invite me there, then retry", permanent=True)
    return found.id


# ---------------------------------------------------------------- elsewhere


def _to_mailbox(world: World, way: Way) -> str:
    if world.mailer is None:
        raise ProviderError("e-mail", "no mail server is configured: see smtp in the configuration", permanent=True)
    letter = letters.written(way.incident, way.update, way.delivery.audience)
    first = min((d for d in way.others if d.route == way.delivery.route), key=lambda d: d.update)
    world.mailer.send(
        Mail(
            to=way.delivery.address,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            key=way.delivery.id,
            at=way.update.at,
            thread=first.id if first.id != way.delivery.id else "",
        )
    )
    return ""


def _to_page(world: World, name: str, page: PublicPage, way: Way) -> str:
    notice = notices.notice(way.incident, way.update, first(way), way.delivery.audience, page)
    publisher = world.statuspages.get(name)
    if publisher is None:
        raise ProviderError("Statuspage", f"{name} has no token", permanent=True)
    return publisher.publish(notice, way.before.reference if way.before else "")


def first(way: Way) -> Update:
    """The first update that went this way: its words are the name of the incident there."""
    numbers = [other.update for other in way.others if other.route == way.delivery.route]
    return next(update for update in way.updates if update.number == min(numbers))


def _to_hook(world: World, name: str, way: Way) -> str:
    caller = world.hooks.get(name)
    if caller is None:
        raise ProviderError("webhook", f"{name} has no secret", permanent=True)
    told = audiences.as_data(way.incident, way.update, way.delivery.audience)
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    caller.call(way.delivery.id, world.now(), body)
    return ""
