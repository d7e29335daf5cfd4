"""The watch as a whole: threads, the provider and the pretend cluster over HTTP, and what is remembered of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.decision import Decision, VerifyRollout
from bot.errors import ProviderError
from bot.model import ChangeStatus, RequestState, Sighting
from bot.policy import Policy, Service
from handlers import sightings
from handlers.watching import Watcher, Watchers
from handlers.world import Touched, World
from storage.store import Busy, Store
from tests.bot.rollout_values import request
from tests.databases import memory_store
from tests.providers.shops import Front, Shop, target
from tests.values import NOON, incident

POLICY = Policy(
    services={
        "checkout": Service(name="checkout", rollout=target("checkout")),
        "payments": Service(name="payments", rollout=target("payments")),
        "ledger": Service(name="ledger"),
    }
)
PATIENCE = 15.0


class Desk:
    def __init__(self, shop: Shop, store: Store) -> None:
        self.shop, self.store = shop, store
        self.world = World(store, None, {"argo": shop.argo}, POLICY, shop.clock.now)  # type: ignore[arg-type]

    @property
    def timeline(self) -> list[str]:
        return [entry.text for entry in self.store.read(lambda tx: tx.entries("INC-7"))]

    def sighting(self, service: str = "checkout") -> Sighting | None:
        return self.store.read(lambda tx: tx.sighting(f"{service}/production"))

    def looks(self) -> None:
        sightings.look(self.world, POLICY.services["checkout"])


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


@pytest.fixture
def desk(front: Front, tmp_path: Path) -> Iterator[Desk]:
    shop, store = Shop(front, tmp_path), memory_store()
    here = incident(channel="C1", version=0)
    store.decide(lambda tx, now: Decision(save=(here,)), NOON)
    yield Desk(shop, store)
    shop.close()
    store.close()


@pytest.fixture
def watched(desk: Desk) -> Iterator[Desk]:
    watchers = Watchers(desk.world)
    watchers.start()
    until(lambda: desk.sighting() and desk.sighting("payments"))
    yield desk
    watchers.stop()
    assert not any(thread.is_alive() for watcher in watchers.each for thread in watcher.threads)


def until(true: Callable[[], object]) -> None:
    for _ in range(int(PATIENCE / 0.01)):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became true")


# ---------------------------------------------------------------- seen


def test_a_release_is_seen_from_its_beginning_to_its_end_without_any_hook(watched: Desk) -> None:
    shop = watched.shop
    shop.cluster.deploy("checkout", image="shop/checkout:v42")
    shop.passes(1)
    until(lambda: watched.timeline)
    assert watched.timeline[0].startswith("checkout v41 → v42 (revision 2) begins (canary, ")
    begun = watched.store.read(lambda tx: tx.change("deploy/checkout/production/v42"))
    assert begun is not None
    assert (begun.status, begun.source) == (ChangeStatus.STARTED, "cluster")

    shop.passes(15)
    until(lambda: "pauses at" in watched.timeline[-1])
    shop.cluster.patch("checkout", {"status": {"abort": True}}, "status")
    shop.passes(1)
    until(lambda: "is aborted" in watched.timeline[-1])
    ended = watched.store.read(lambda tx: tx.change("deploy/checkout/production/v42"))
    assert ended is not None
    assert ended.status is ChangeStatus.ROLLED_BACK
    assert [call.verb for call in shop.cluster.calls if call.verb == "patch"] == []


def test_one_watch_serves_all_rollouts_of_a_cluster(watched: Desk) -> None:
    watched.shop.ships("payments", "v42", seconds=1)
    until(lambda: watched.sighting("payments").revision_version == "v42")
    assert sum(call.verb == "watch" for call in watched.shop.cluster.calls) == 1


def test_proof_comes_from_the_watch_and_not_from_the_next_turn(watched: Desk) -> None:
    """The look finds that it has come true; the effect that waits for its turn is due now."""
    shop = watched.shop
    shop.ships("checkout", "v42", seconds=8)
    until(lambda: watched.timeline)
    rollout = shop.get()
    assert rollout.stable is not None
    acting = request(
        state=RequestState.ACTING,
        acted_at=shop.clock.now(),
        version=0,
        from_revision=rollout.current.hash,
        to_revision=rollout.stable.hash,
    )
    later = VerifyRollout(acting.id, due=shop.clock.now().replace(year=2027))
    watched.store.decide(lambda tx, now: Decision(save=(acting,), do=(later,)), NOON)
    shop.cluster.patch("checkout", {"status": {"abort": True}}, "status")
    shop.passes(60)
    kinds = [VerifyRollout.__name__]
    jobs: list[object] = []
    until(lambda: jobs.extend(watched.store.claim(shop.clock.now(), kinds)) or jobs)
    assert len(jobs) == 1


def test_while_the_cluster_does_not_answer_nothing_is_lost(watched: Desk) -> None:
    watched.shop.cluster.faults.add("get", 503, times=2, resource="rollouts")
    watched.shop.ships("checkout", "v42", seconds=1)
    until(lambda: watched.timeline)
    assert "begins" in watched.timeline[0]


# ---------------------------------------------------------------- decided once


def test_two_replicas_that_see_the_same_tell_it_once(desk: Desk) -> None:
    desk.looks()
    desk.shop.ships("checkout", "v42", seconds=1)
    together = [threading.Thread(target=desk.looks) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(PATIENCE)
    assert len(desk.timeline) == 1


def test_a_rollout_that_is_not_there_is_in_the_log_once_and_again_when_that_changes(desk: Desk) -> None:
    service = replace(desk.world.policy.services["checkout"], name="ghost", rollout=target("ghost"))
    with capture_logs() as logs:
        for _ in range(3):
            sightings.look_at(desk.world, [service])
        sightings.look_at(desk.world, [replace(service, rollout=target("checkout"))])
        sightings.look_at(desk.world, [service])
    assert [line["event"] for line in logs] == ["rollout not read", "rollout read again", "rollout not read"]


def test_a_look_that_finds_nothing_new_writes_nothing(desk: Desk) -> None:
    desk.looks()
    before = desk.sighting()
    desk.shop.passes(600)
    desk.looks()
    assert desk.sighting() == before


# ---------------------------------------------------------------- its life


class Rollouts:
    """A provider whose watches end as scripted; then they wait until they are closed."""

    def __init__(self, *ends: Exception) -> None:
        self.ends = list(ends)
        self.opened = 0
        self.closed = threading.Event()

    def watch(self, cluster: str, namespaces: Sequence[str]) -> Rollouts:
        self.opened += 1
        return self

    def __iter__(self) -> Iterator[Touched]:
        if self.ends:
            raise self.ends.pop(0)
        yield Touched()
        self.closed.wait(PATIENCE)

    def close(self) -> None:
        self.closed.set()


class Looks(Watcher):
    """Fails to look with these errors first; `paused` is what it would have waited."""

    def __init__(self, provider: Rollouts, *errors: Exception) -> None:
        world = World(None, None, {"argo": provider}, POLICY, lambda: NOON)  # type: ignore[arg-type,dict-item]
        super().__init__(world, "argo", "sandbox", [POLICY.services["checkout"]])
        self.errors, self.looked, self.paused = list(errors), threading.Event(), []
        self.stopping = Stopping(self.paused)

    def look(self, names: object) -> set[str]:
        if self.errors:
            raise self.errors.pop(0)
        if names:
            self.looked.set()
        return set()


class Stopping(threading.Event):
    """Waits for nothing and remembers how long it would have."""

    def __init__(self, waited: list[float]) -> None:
        super().__init__()
        self.waited = waited

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return self.is_set()


@pytest.mark.parametrize(
    ("end", "least"),
    [(ProviderError("Kubernetes", "HTTP 403: forbidden", permanent=True), 200), (KeyError("bug"), 200)],
)
def test_a_watch_that_cannot_go_on_is_tried_again_much_later(end: Exception, least: float) -> None:
    provider = Rollouts(end)
    watcher = Looks(provider)
    watcher.start()
    assert watcher.looked.wait(PATIENCE)
    watcher.stop()
    assert provider.opened == 2
    assert watcher.paused[0] >= least


@pytest.mark.parametrize("error", [Busy("away"), RuntimeError("a bug")])
def test_looking_outlives_what_a_look_raises(error: Exception) -> None:
    provider = Rollouts()
    watcher = Looks(provider, error)
    watcher.start()
    until(lambda: not watcher.errors)
    watcher.touch(Touched(namespace="shop", name="checkout"))
    assert watcher.looked.wait(PATIENCE)
    watcher.stop()
    assert not any(thread.is_alive() for thread in watcher.threads)


def test_what_is_not_ours_is_not_looked_at() -> None:
    watcher = Looks(Rollouts())
    watcher.touch(Touched(namespace="shop", name="other"))
    watcher.touch(Touched(namespace="other", name="checkout"))
    assert watcher.touched == set()
    watcher.touch(Touched())
    assert watcher.touched == {"checkout/production"}
