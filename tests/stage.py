"""A drill's stage in the test's own process, by the test's own clock: what happens on it, the test does."""

from __future__ import annotations

from bot.drills import Scenery
from bot.errors import ProviderError
from bot.model import Story
from handlers.app import cast
from handlers.providers.stages import Stages
from sandbox.clock import Clock
from sandbox.server import Served, serve
from sandbox.stage import build, known, staged
from sandbox.world import Sandbox


class HereStages(Stages):
    """As the bot's own, but for the process."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(cast)
        self.clock = clock
        self.worlds: dict[str, Sandbox] = {}  # by incident
        self.served: dict[str, Served] = {}

    @property
    def world(self) -> Sandbox:
        return next(iter(self.worlds.values()))

    def stories(self) -> tuple[Story, ...]:
        listed = [known(story) for story in build(self.clock).stories.all()]
        return tuple(Story(**each | {"acts": tuple(each["acts"])}) for each in listed)

    def begin(self, incident: str, story: str) -> str:
        if incident not in self.served:
            self.worlds[incident] = build(self.clock)
            self.served[incident] = serve(staged(self.worlds[incident]))
            self.addresses[incident] = self.served[incident].url
        return self.served[incident].url

    def holds(self, incident: str) -> bool:
        return incident in self.served

    def look(self, address: str) -> Scenery:
        self.world.shop.tick()
        return super().look(address)

    def elsewhere(self) -> Stages:
        """Those of another replica, on another machine: it knows the address, and does not reach it."""
        return Elsewhere(cast)

    def end(self, incident: str) -> None:
        super().end(incident)
        if incident in self.served:
            self.served.pop(incident).close()
            self.worlds.pop(incident).cluster.close()

    def close(self) -> None:
        for incident in list(self.served):
            self.end(incident)
        super().close()


class Elsewhere(Stages):
    def look(self, address: str) -> Scenery:
        raise ProviderError("the drill's stage", "it does not answer (ConnectError)")
