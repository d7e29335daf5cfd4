"""The cluster tells when to look at a rollout: one watch for each provider and cluster, as long as the bot runs.

A watch is a wake-up and nothing else. What it says is read anew, and what that means is decided once, whichever of
several replicas saw it first.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Collection, Sequence

import structlog

from bot.errors import ProviderError
from bot.policy import Service
from handlers import sightings, targets
from handlers.world import Touched, Watch, World
from storage.store import Busy

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0  # after a look that failed
MENDED_SECONDS = 300.0  # until a watch that a person has to mend is tried again; the slow poll goes on meanwhile
STOP_SECONDS = 5.0


class Watcher:
    """One cluster's watch. One thread listens, another looks: what is touched many times meanwhile is read once."""

    def __init__(self, world: World, provider: str, cluster: str, services: Sequence[Service]) -> None:
        self.world, self.provider, self.cluster, self.services = world, provider, cluster, services
        self.touched: set[str] = set()  # ids of rollouts to look at
        self.bell = threading.Condition()
        self.stopping = threading.Event()
        self.watch: Watch | None = None
        names = f"{provider} {cluster}"
        self.threads = [
            threading.Thread(target=self.keep_listening, name=f"watch {names}", daemon=True),
            threading.Thread(target=self.keep_looking, name=f"look {names}", daemon=True),
        ]

    @property
    def namespaces(self) -> Collection[str]:
        return sorted({service.rollout.namespace for service in self.services if service.rollout})

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """At once, but for a look that is under way."""
        with self.bell:
            self.stopping.set()
            if self.watch is not None:
                self.watch.close()
            self.bell.notify_all()
        for thread in self.threads:
            thread.join(STOP_SECONDS)

    # ------------------------------------------------------------ listen

    def keep_listening(self) -> None:
        while not self.stopping.is_set():
            try:
                self.listen()
                pause = AGAIN_SECONDS
            except ProviderError as error:
                log.error("no watch; rollouts are looked at less often", error=str(error), **self.place)
                pause = MENDED_SECONDS
            except Exception:  # a watch outlives every bug
                log.exception("watch failed; trying again", **self.place)
                pause = MENDED_SECONDS
            self.stopping.wait(pause * random.uniform(0.8, 1.0))  # noqa: S311  # replicas do not come back together

    def listen(self) -> None:
        """Until the watch ends. Raises ProviderError where it cannot go on by itself."""
        watch = self.world.rollouts[self.provider].watch(self.cluster, self.namespaces)
        with self.bell:
            self.watch = watch
            if self.stopping.is_set():
                return
        for touched in watch:
            self.touch(touched)

    def touch(self, touched: Touched) -> None:
        ids = {service.id for service in self.services if _is_of(service, touched)}
        if ids:
            with self.bell:
                self.touched |= ids
                self.bell.notify_all()

    # ------------------------------------------------------------ look

    def keep_looking(self) -> None:
        while not self.stopping.is_set():
            try:
                missed = self.look(self.due())
            except Busy as error:
                log.warning("database is away; looking again", error=str(error), **self.place)
                missed = {service.id for service in self.services}
            except Exception:  # as the watch, looking outlives every bug; the slow poll comes anyway
                log.exception("look failed", **self.place)
                missed = set()
            if missed:
                self.stopping.wait(AGAIN_SECONDS)
                with self.bell:
                    self.touched |= missed

    def due(self) -> set[str]:
        """Waits for something to look at."""
        with self.bell:
            self.bell.wait_for(lambda: self.touched or self.stopping.is_set())
            due, self.touched = self.touched, set()
            return due

    def look(self, ids: Collection[str]) -> set[str]:
        """Those that have to be looked at again."""
        due = [service for service in self.services if service.id in ids]
        return {service.id for service in sightings.look_at(self.world, due)}

    @property
    def place(self) -> dict[str, str]:
        return {"provider": self.provider, "cluster": self.cluster}


def _is_of(service: Service, touched: Touched) -> bool:
    target = service.rollout
    return target is not None and (
        not touched.name or (target.namespace, target.name) == (touched.namespace, touched.name)
    )


class Watchers:
    """All that the configuration needs: one watch for each provider and cluster in use."""

    def __init__(self, world: World) -> None:
        places: dict[tuple[str, str], list[Service]] = defaultdict(list)
        for service in targets.in_clusters(world):
            if service.rollout:
                places[service.rollout.provider, service.rollout.cluster].append(service)
        self.each = [Watcher(world, *place, services) for place, services in sorted(places.items())]

    def start(self) -> None:
        for watcher in self.each:
            watcher.start()

    def stop(self) -> None:
        for watcher in self.each:
            watcher.stop()
