"""Probes: look at a page as a customer would, and at who stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from bot import probes
from bot.decision import Decision, RunProbe
from bot.policy import Probe
from bot.probes import Answer, Outcome
from handlers import alerts
from handlers.world import Prober, Think, World, nothing
from storage.store import Tx

AT_ONCE = 8  # addresses asked at the same time


def begin(world: World) -> None:
    """Every probe that does not wait for its next look looks now: the first time, and where one was given up."""
    world.start([RunProbe(name) for name in world.policy.probes])


def run(world: World, name: str) -> Think:
    """One look. A page that does not answer is a bad look, not an error to give up on."""
    probe = world.policy.probes.get(name)
    if probe is None or world.prober is None:  # no longer configured: this was its last turn
        return nothing
    outcome = look(world.prober, probe, world.now())

    def think(tx: Tx, now: datetime) -> Decision:
        alert = probes.asked_of(probe, now)
        seen = alerts.seen(world, tx, now, [alert])
        incident = next(iter(tx.open_incident_of(probe.service, probe.environment)), None)
        return probes.looked(probe, tx.finding(name), outcome, seen, incident, world.policy, now)

    return think


def look(prober: Prober, probe: Probe, now: datetime) -> Outcome:
    answers = [with_asset(prober, probe, answer) for answer in ask(prober, probe)]
    apology = prober.ask(probe, probe.apology) if probe.apology else None
    return probes.judge(probe, answers, now, apology)


def ask(prober: Prober, probe: Probe) -> Sequence[Answer]:
    """By its name first, then each address behind it."""
    places = ("", *probe.addresses)
    if len(places) == 1:
        return [prober.ask(probe, probe.url)]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probes") as pool:
        return list(pool.map(lambda place: prober.ask(probe, probe.url, place), places))


def with_asset(prober: Prober, probe: Probe, answer: Answer) -> Answer:
    """A page whose script is gone is there, and is of no use to anybody."""
    if not probe.expect.asset or answer.trouble or answer.status != probe.expect.status:
        return answer
    url = probes.asset_url(answer.text, probe.url, probe.expect.asset)
    if not url:
        return replace(answer, asset=f"it does not name the asset {probe.expect.asset}")
    asset = prober.ask(probe, url, answer.address)
    if asset.status == 200 and asset.size:
        return answer
    return replace(answer, asset=f"its asset {url} is not there: {asset.trouble or f'HTTP {asset.status}'}")
