"""Pictures of what fires, in the thread of an incident's card."""

from __future__ import annotations

import structlog

from bot import pictures
from bot.cards.picture import picture
from bot.errors import NotYet, ProviderError
from bot.expressions import Measure
from bot.model import Alert, Incident
from bot.signals import AROUND
from bot.text import clip, one_line
from handlers import channels
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)

LOOKED_AT = 50  # alerts that fire, or that have a picture, the oldest first
TITLE = 150  # characters


def show(world: World, subject: str) -> Think:
    """Each once. The alert's own links stand on the card whatever becomes of its pictures."""
    id, _, later = subject.partition("/")

    def ask(tx: Tx) -> tuple[Incident, pictures.Pictures]:
        return tx.incident(id), pictures.of(tx.firing(id, LOOKED_AT)[0], tx.pictured(id, LOOKED_AT))

    incident, found = world.read(ask)
    if not found or not incident.channel or not incident.is_open:
        return nothing
    if not incident.card:
        raise NotYet(channels.pause(incident.opened_at, world.now()), "its card is not there yet")
    for alert in found.drawn:
        post(world, incident, alert)
    if found.measured and not later:
        plot(world, incident, *found.measured)
    return nothing


def post(world: World, incident: Incident, alert: Alert) -> None:
    """Slack fetches it, and refuses what it cannot fetch, such as what only our own network reaches."""
    key = pictures.key_of(incident.id, alert)
    card, since = picture(alert), incident.opened_at
    try:
        world.chat.post(incident.channel, card, key, since=since, again=True, thread=incident.card)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.info("a sender's picture is only linked", incident=incident.id, why=str(error))


def plot(world: World, incident: Incident, alert: Alert, measure: Measure) -> None:
    """Nothing where Prometheus does not know what the rule asks for: it may be another's rule."""
    if world.metrics is None or world.draw is None:
        return
    now, service = world.now(), alert.service or incident.service
    near = world.read(lambda tx: tx.changes(alert.starts_at - AROUND, now, [service] if service else []))
    place = alert.environment or incident.environment
    near = tuple(change for change in near if change.environment == place)
    chart = pictures.chart(alert, measure, incident, near, now)
    try:
        found = world.metrics.range(measure.query, chart.start, chart.end, chart.step)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.info("an alert's expression was not measured", incident=incident.id, why=str(error))
        return
    chart = pictures.measured(chart, found)
    if chart.is_empty:
        return
    # Without the time of drawing: by its title it is found where it was put there before.
    title = f"{chart.service}: {clip(one_line(chart.title), TITLE)}, {chart.at:%H:%M:%S} UTC"
    name = f"{incident.id.lower()}-alert.png"
    drawing, since = world.draw(chart), incident.opened_at
    world.chat.attach(incident.channel, incident.card, name, title, drawing, since=since)
