"""Canaries that ask at their gates over and over, beside a past of incidents, freezes and leave that is over."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bot.gates import Kind, Tick
from bot.model import Phase
from bot.policy import Policy, Service
from handlers import gates
from handlers.world import World
from storage.store import Store
from tests.storage.helpers import keep
from tests.values import NOON, incident

CANARIES, PAST = 50, 1_000


def asked_at_gates(ticks: int) -> float:
    """Seconds for so many answers, from a file on the disk; one incident is open, and a thousand are over."""
    services = {name: Service(name=name) for name in (f"service-{n}" for n in range(CANARIES))}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'watchkeeper.db'}")
        store.migrate()
        over = (incident(n, version=0, group="", phase=Phase.RESOLVED) for n in range(2, PAST))
        keep(store, incident(1, version=0, service="service-1"), *over)
        world = World(store, None, {}, Policy(services=services), lambda: NOON)  # type: ignore[arg-type]
        began = time.perf_counter()
        for number in range(ticks):
            service = services[f"service-{number % CANARIES}"]
            answer = gates.ask(world, service, Tick(gate=Kind.PROMOTION, checksum="abc", phase="Progressing"))
            assert answer.open is (service.name != "service-1")
        took = time.perf_counter() - began
        store.close()
    return took
