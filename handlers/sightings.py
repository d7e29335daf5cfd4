"""Looks at rollouts, and remembers and tells what has happened to them since the last look."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from bot import sightings, twins
from bot.decision import Decision
from bot.errors import ProviderError
from bot.model import Change, RequestState, Rollout, rollout_id
from bot.policy import Service
from bot.sightings import Known
from handlers import targets
from handlers.world import World
from storage.store import Tx

log = structlog.get_logger(__name__)

AT_ONCE = 8  # rollouts looked at at the same time
JUST_NOW = timedelta(minutes=2)  # what a request did is in the cluster by then, and seen


def look(world: World, service: Service) -> None:
    """Raises ProviderError where it cannot be read; nothing is changed then."""
    read_at = world.now()
    rollout = targets.read(world, service)

    def think(tx: Tx, now: datetime) -> Decision:
        known = _known(tx, rollout, now)
        return sightings.seen(rollout, known, world.policy, read_at=read_at, now=now)

    if world.read(lambda tx: think(tx, world.now())) != Decision():  # mostly nothing is new: no write for that
        world.decide(think)
    if rollout.skips:
        _take_back(world, service, rollout)


def _take_back(world: World, service: Service, rollout: Rollout) -> None:
    """By what the cluster shows and not by the request, which may have ended long before. Raises ProviderError."""
    recent = world.read(lambda tx: tx.requests_of(rollout.service, rollout.environment, world.now()))
    if any(request.state is RequestState.CONFIRMED for request in recent):  # which is in the middle of it
        return
    controller, target = targets.provider(world, service)
    if controller.take_back(target):
        world.decide(lambda tx, now: sightings.analysed_again(rollout, tx.incidents(open_only=True), now))


def _known(tx: Tx, rollout: Rollout, now: datetime) -> Known:
    service, environment = rollout.service, rollout.environment
    every = tx.incidents(open_only=True)
    before = tx.sighting(rollout_id(service, environment))
    changes = {
        twins.deploy_key(service, environment, version): deploy(tx, rollout, version, now)
        for version in sightings.versions(rollout, before)
    }
    return Known(
        before=before,
        stables=tx.stables(service, environment),
        requests=tx.requests_of(service, environment, now - JUST_NOW),
        incidents=(open_ones := [one for one in every if not one.private]),
        private=[one for one in every if one.private],
        changes={key: change for key, change in changes.items() if change},
        cards=[card.id for card in tx.live_cards(service, environment)],
        vigils=[vigil.id for vigil in tx.open_vigils(service, environment)],
        holds=tx.holds(service, environment),
        minutes=tx.told_changes(open_ones, now),
    )


def deploy(tx: Tx, rollout: Rollout, version: str, now: datetime) -> Change | None:
    """The deploy of this version, by whatever name it was told of; read anew by that, since it may be written."""
    service, environment = rollout.service, rollout.environment
    twin = twins.of_version(version, tx.deploys(service, environment), now)
    return tx.change(twin.key if twin else twins.deploy_key(service, environment, version))


def look_at(world: World, services: Sequence[Service]) -> list[Service]:
    """Those that could not be read and may be if asked again; a slow cluster does not hold up the others."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sightings") as pool:
        missed = list(pool.map(lambda service: _missed(world, service), services))
    return [service for service, again in zip(services, missed, strict=True) if again]


def _missed(world: World, service: Service) -> bool:
    try:
        look(world, service)
    except ProviderError as error:
        if world.unread.get(service.id) != str(error):  # once, and again when it is something else
            world.unread[service.id] = str(error)
            log.warning("rollout not read", service=service.called, error=str(error))
        return not error.permanent
    if world.unread.pop(service.id, ""):
        log.info("rollout read again", service=service.called)
    return False
