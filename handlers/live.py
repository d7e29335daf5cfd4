"""Live cards of rollouts: posted once, edited in place, with plots in their threads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from bot import live, signals
from bot.cards import rollout as cards
from bot.commands import Ask
from bot.decision import Card, Decision
from bot.errors import Gone, NotYet, ProviderError, Refused
from bot.model import Incident, LiveCard, Post, Rollout
from bot.signals import Chart
from bot.text import code
from handlers import channels, targets
from handlers.world import Metrics, Think, World, nothing
from storage.store import Job, Tx

log = structlog.get_logger(__name__)

# ---------------------------------------------------------------- commands


def watch(world: World, ask: Ask, words: str) -> Decision:
    """`/rollout watch`: the card of a rollout in this channel, kept up."""
    service, rest = targets.find(world, ask, words, "watch")
    targets.must_be_all(rest, "watch")
    _must_be_in(world, ask)
    targets.read(world, service)  # raises, where there would be nothing to show

    def think(tx: Tx, now: datetime) -> Decision:
        incident = tx.incident_in(ask.channel)
        id = live.card_id(incident.id if incident else ask.channel, service.name, service.environment)
        card = tx.live_card(id) or live.new(id, now)
        return live.watch(card, incident, ask.by, now)

    return world.decide(think)


def unwatch(world: World, ask: Ask, words: str) -> Decision:
    service, rest = targets.find(world, ask, words, "unwatch")
    targets.must_be_all(rest, "unwatch")

    def think(tx: Tx, now: datetime) -> Decision:
        incident = tx.incident_in(ask.channel) if ask.channel else None
        home = incident.id if incident else ask.channel
        card = tx.live_card(live.card_id(home, service.name, service.environment))
        return live.unwatch(card, service.called, incident, ask.by, now)

    return world.decide(think)


def _must_be_in(world: World, ask: Ask) -> None:
    if not ask.channel:
        raise Refused("Say it in the channel that is to show it.", instead="/rollout show SERVICE")
    if world.chat.find_channel(ask.channel) is None:
        raise Refused(
            f"I am not in this channel, so I cannot show anything there: type {code('/invite @watchkeeper')}."
        )


# ---------------------------------------------------------------- effects


def show(world: World, id: str, job: Job) -> Think:
    """Posts or edits, if anything has changed; then it is decided when to look again and what to plot."""

    def ask(tx: Tx) -> tuple[LiveCard, Post, Incident | None]:
        incident = tx.find_incident(live.home_of(id))
        card = tx.live_card(id) or live.new(id, world.now())
        return card, tx.find_post(id) or _post(id, incident), incident

    card, post, incident = world.read(ask)
    if card.stopped_by:
        return _stopped(world, card, post)
    if post.ts and (early := (card.shown_at + live.NOT_SOONER - world.now()).total_seconds()) > 0:
        raise NotYet(early, "it was edited a moment ago")
    channel = _channel(world, post, incident)
    try:
        rollout = targets.read(world, world.policy.service(card.service, card.environment))
    except ProviderError as error:
        return _unread(world, card, post, channel, error)
    if live.sleeps(card, rollout):
        return nothing
    return _shown(world, card, post, channel, rollout, job)


def _post(id: str, incident: Incident | None) -> Post:
    home = live.home_of(id)
    return Post(
        id=id, incident=incident.id if incident else "", channel=incident.channel if incident else home, text=""
    )


def _channel(world: World, post: Post, incident: Incident | None) -> str:
    return channels.must_be_open(world, incident) if incident else post.channel


def _shown(world: World, card: LiveCard, post: Post, channel: str, rollout: Rollout, job: Job) -> Think:
    stables = world.read(lambda tx: targets.known_good(tx, world.policy.service(card.service, card.environment)))
    now = world.now()
    after = next(noun for noun in live.looked(card, rollout, world.policy, now).save if isinstance(noun, LiveCard))
    face = live.face(after, cards.rollout_card(rollout, stables), now)
    if not post.ts:
        ts = world.chat.post(channel, face, card.id, since=job.created_at, again=job.again)
        changed = True
    else:
        ts, changed = post.ts, (face.text, face.blocks) != (post.text, post.blocks)
        if changed and not _edited(world, channel, ts, face):
            return lambda tx, now: _deleted(tx, card.id, now)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.live_card(card.id) or card
        if fresh.stopped_by:
            return Decision()
        if changed:
            fresh = replace(fresh, shown_at=now)
        return _kept(tx, post, channel, ts, face) + live.looked(fresh, rollout, world.policy, now)

    return think


def _kept(tx: Tx, post: Post, channel: str, ts: str, face: Card) -> Decision:
    """The message as it stands in Slack now."""
    fresh = tx.find_post(post.id) or post
    kept = replace(fresh, channel=channel, ts=ts, text=face.text, blocks=face.blocks)
    return Decision(save=(kept,)) if kept != fresh else Decision()


def _edited(world: World, channel: str, ts: str, face: Card) -> bool:
    """False where somebody has deleted it."""
    try:
        world.chat.edit(channel, ts, face)
    except Gone:
        return False
    return True


def _deleted(tx: Tx, id: str, now: datetime) -> Decision:
    """Somebody took it away: it does not come back by itself."""
    card = tx.live_card(id)
    post = tx.find_post(id)
    stopped = replace(card, stopped_at=now, stopped_by=live.DELETED) if card else None
    gone = replace(post, ts="") if post else None
    return Decision(save=tuple(noun for noun in (stopped, gone) if noun))


def _unread(world: World, card: LiveCard, post: Post, channel: str, error: ProviderError) -> Think:
    """What stands there says that it may be old; where nothing does, the error travels."""
    if not post.ts:
        raise error
    face = live.unread(card, post, str(error), world.now())[1]
    if (face.text, face.blocks) != (post.text, post.blocks) and not _edited(world, channel, post.ts, face):
        return lambda tx, now: _deleted(tx, card.id, now)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.live_card(card.id) or card
        if fresh.stopped_by:
            return Decision()
        return _kept(tx, post, channel, post.ts, face) + live.unread(fresh, post, str(error), now)[0]

    return think


def _stopped(world: World, card: LiveCard, post: Post) -> Think:
    """Somebody wants no more of it: its last line says so."""
    if not post.ts:
        return nothing
    face = live.stopped(card, post)
    if face.blocks == post.blocks:
        return nothing
    if not _edited(world, post.channel, post.ts, face):
        return lambda tx, now: _deleted(tx, card.id, now)
    return lambda tx, now: _kept(tx, post, post.channel, post.ts, face)


# ---------------------------------------------------------------- plots


def plot(world: World, id: str) -> Think:
    """One file for each moment, in the thread of the card. Where nothing was measured there is none."""
    card_id, moment = live.card_of_plot(id)
    if world.metrics is None or world.draw is None:
        return nothing
    chart, card, post = world.read(
        lambda tx: (_chart(world, tx, card_id, moment), tx.live_card(card_id), tx.find_post(card_id))
    )
    if chart is None or card is None or post is None:
        return nothing
    if not post.ts:
        raise NotYet(channels.pause(card.at, world.now()), "its card is not there yet")
    chart = _measured(world.metrics, chart, card)
    if chart.is_empty:
        log.info("nothing measured, so nothing plotted", card=card_id, moment=moment)
        return nothing
    name = f"{chart.called}-{chart.at:%H%M%S}.png".replace(" ", "-")
    world.chat.attach(
        post.channel, post.ts, name, f"{chart.called}: {chart.title}, {chart.at:%H:%M:%S} UTC", world.draw(chart),
        since=card.at,
    )  # fmt: skip
    return nothing


def _chart(world: World, tx: Tx, card_id: str, moment: str) -> Chart | None:
    card = tx.live_card(card_id)
    if card is None:
        return None
    incident = tx.find_incident(live.home_of(card_id))
    asked = tx.requests(incident.id if incident else "")
    mine = [request for request in asked if request.called == card.called]
    return signals.chart(card, moment, mine, world.policy.signals_of(card.service, card.environment), world.now())


def _measured(metrics: Metrics, chart: Chart, card: LiveCard) -> Chart:
    panels = [
        signals.measured(
            panel,
            metrics.range(panel.signal.asked_of(chart.service, chart.environment), chart.start, chart.end, chart.step),
            card.revision,
            card.stable,
        )
        for panel in chart.panels
    ]
    return replace(chart, panels=tuple(panels))
