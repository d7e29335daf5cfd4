"""The service of the demo that Flagger releases: it asks at the bot's gates, and a bad version is rolled back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox import canary
from sandbox.clock import FrozenClock
from sandbox.kube.store import CANARIES
from sandbox.prometheus import exposition
from sandbox.world import Sandbox

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


class Demo:
    def __init__(self) -> None:
        self.clock = FrozenClock(NOON)
        self.world = Sandbox.build(self.clock)
        self.asked: list[str] = []
        self.world.cluster.flagger.webhooks.deliver = self.answer
        canary.add(self.world, lambda gate: f"http://bot/gates/reviews/{gate}?pass=key")
        self.passes(30)

    def answer(self, url: str, body: bytes, seconds: float) -> tuple[int, str]:
        self.asked.append(url.partition("?")[0].rsplit("/", 1)[1])
        return (403, "") if self.asked[-1] == "rollback" else (200, "")

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(seconds=1)
            self.world.cluster.reconcile()

    @property
    def phase(self) -> str:
        return str(self.world.cluster.store.get(CANARIES, "shop", "reviews")["status"]["phase"])


@pytest.fixture(scope="module")
def demo() -> Demo:
    return Demo()


def test_a_good_version_asks_at_each_gate_and_is_promoted(demo: Demo) -> None:
    demo.world.shop.ship("reviews", "v43")
    demo.passes(120)
    assert demo.phase == "Succeeded"
    assert {"confirm-traffic-increase", "confirm-promotion", "rollback", "event", "post-rollout"} <= set(demo.asked)


def test_a_bad_version_fails_its_checks_and_is_rolled_back(demo: Demo) -> None:
    demo.world.shop.ship("reviews", "v44")
    demo.passes(120)
    assert demo.phase == "Failed"


def test_it_is_measured_as_the_others_are(demo: Demo) -> None:
    services = {dict(labels).get("service") for labels, _ in exposition(demo.world.shop, demo.clock.now())}
    assert services == {"checkout", "payments", "reviews", "search", "storefront"}
