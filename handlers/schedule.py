"""The clock that wakes us. What is due lives in the database; a tick is claimed there, so replicas do not double it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from bot.errors import ProviderError
from handlers import (
    ledger,
    oncalls,
    outages,
    probes,
    rollouts,
    status,
    suspensions,
    vendors,
)
from handlers.world import World
from storage.store import Busy

log = structlog.get_logger(__name__)

KEEP = timedelta(days=30)  # finished effects and handled events; the timeline is kept for ever


def build(world: World, watch_slack: Callable[[], None]) -> BackgroundScheduler:
    """`watch_slack` looks after this replica's own connection; the other ticks are shared among replicas."""
    clock = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1})
    clock.add_job(guarded("slack", watch_slack), "interval", seconds=5)
    reach = shared(world, "reach", 10, lambda: outages.look(world))
    clock.add_job(reach, "interval", seconds=10)
    observe = shared(world, "observe", 30, lambda: rollouts.observe(world))  # behind the watches, which tell at once
    clock.add_job(observe, "interval", seconds=30, next_run_time=world.now(), misfire_grace_time=None)  # at once, too
    look_after = shared(world, "gitops", 3600, lambda: suspensions.look_after(world))
    clock.add_job(look_after, "interval", hours=1, next_run_time=world.now())
    begin = shared(world, "probes", 30, lambda: probes.begin(world))
    clock.add_job(begin, "interval", seconds=30, next_run_time=world.now(), misfire_grace_time=None)
    polls = shared(world, "vendors", 30, lambda: vendors.begin(world))
    clock.add_job(polls, "interval", seconds=30, next_run_time=world.now(), misfire_grace_time=None)
    if world.policy.status:
        every = int(world.policy.status.every.total_seconds())
        beat = shared(world, "status", every, lambda: status.beat(world))
        clock.add_job(beat, "interval", seconds=every, next_run_time=world.now(), misfire_grace_time=None)
    ahead = shared(world, "oncalls", 600, lambda: oncalls.refresh(world))
    clock.add_job(ahead, "interval", minutes=10, next_run_time=world.now(), misfire_grace_time=None)
    seal = shared(world, "ledger", 60, lambda: ledger.seal(world))
    clock.add_job(seal, "interval", seconds=60)
    clean = shared(world, "prune", 86400, lambda: prune(world))
    clock.add_job(clean, "interval", hours=1, next_run_time=world.now())  # at once, too: some bots restart daily
    return clock


def prune(world: World) -> None:
    gone = world.store.prune(world.now() - KEEP)
    log.info("pruned", rows=gone)


def shared(world: World, name: str, every: int, job: Callable[[], object]) -> Callable[[], None]:
    """Run by exactly one replica in each slot of `every` seconds."""

    def tick() -> None:
        slot = int(world.now().timestamp()) // every
        if world.store.tick(name, str(slot)):
            job()

    return guarded(name, tick)


def guarded(name: str, job: Callable[[], object]) -> Callable[[], None]:
    """A tick that fails is logged, and the next one comes all the same."""

    def run() -> None:
        try:
            job()
        except (Busy, ProviderError) as error:
            log.warning("tick failed; the next one tries again", tick=name, error=str(error))
        except Exception:  # a bug in one tick must not end the clock
            log.exception("tick failed; the next one tries again", tick=name)

    return run
