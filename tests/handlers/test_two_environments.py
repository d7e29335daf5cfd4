"""One name in two environments, each in a cluster of its own: what is typed for one, and how both are watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.decision import ActOnRollout, Card, Decision
from bot.errors import Refused
from bot.model import rollout_id
from bot.policy import GATES, Policy, Rule, Service
from handlers import freezes, gates, rollouts, sightings, targets
from handlers.gates import urls
from handlers.providers import load
from handlers.watching import Watchers
from handlers.world import World
from storage.store import Store
from tests.databases import memory_store
from tests.handlers.test_watching import until
from tests.providers.shops import Front, Shop, target
from tests.values import NOON, incident

DANA = "U0DANA"
STAGING = Service(name="checkout", environment="staging", owners=(DANA,), rollout=target("checkout", "west"))
CHECKOUT = Service(name="checkout", owners=(DANA,), rollout=target("checkout"), elsewhere={"staging": STAGING})
ASKS = replace(target("reviews", ""), provider=GATES)
REVIEWS = Service(
    name="reviews",
    owners=(DANA,),
    rollout=ASKS,
    elsewhere={"staging": Service(name="reviews", environment="staging", owners=(DANA,), rollout=ASKS)},
)
POLICY = Policy(
    consent=(Rule(approvals=0, typed=False),),
    services={
        "checkout": CHECKOUT,
        "reviews": REVIEWS,
        "payments": Service(name="payments"),
    },
)


class Desk:
    """Production is the cluster `sandbox`, staging the cluster `west`."""

    def __init__(self, here: Shop, west: Shop, store: Store) -> None:
        self.here, self.west, self.store = here, west, store
        both = {"sandbox": here.kubernetes, "west": west.kubernetes}
        self.world = World(store, None, {"argo": load("argo")(both)}, POLICY, here.clock.now)  # type: ignore[arg-type]

    def types(self, line: str, channel: str = "") -> str:
        said = rollouts.run(self.world, Ask(command="rollout", text=line, by=DANA, channel=channel)).say
        assert isinstance(said, str | Card)
        return as_text(said)

    def refuses(self, line: str, channel: str = "") -> Refused:
        with pytest.raises(Refused) as caught:
            self.types(line, channel)
        return caught.value

    def holds(self, environment: str, service: str = "reviews") -> int:
        return len(self.store.read(lambda tx: tx.holds(service, environment)))

    def version(self, environment: str) -> str:
        seen = self.store.read(lambda tx: tx.sighting(rollout_id("checkout", environment)))
        return seen.revision_version if seen else ""


@pytest.fixture(scope="module")
def fronts() -> Iterator[tuple[Front, Front]]:
    both = Front(), Front()
    yield both
    for front in both:
        front.close()


@pytest.fixture
def desk(fronts: tuple[Front, Front], tmp_path: Path) -> Iterator[Desk]:
    here, west = Shop(fronts[0], tmp_path, "checkout"), Shop(fronts[1], tmp_path, "checkout", name="west")
    store = memory_store()
    about = incident(channel="C1", environment="staging", version=0)
    store.decide(lambda tx, now: Decision(save=(about,)), NOON)
    yield Desk(here, west, store)
    store.close()
    here.close()
    west.close()


# ---------------------------------------------------------------- typed


@pytest.mark.parametrize(
    ("line", "channel", "meant"),
    [
        ("show checkout", "", "production"),
        ("show checkout staging", "", "staging"),
        ("show CHECKOUT Staging", "", "staging"),
        ("show checkout stg", "", "staging"),
        ("show checkout prod", "C1", "production"),
        ("show checkout", "C1", "production"),  # a name is a name, wherever it is said
        ("show", "C1", "staging"),
    ],
)
def test_what_is_typed_means_one_rollout(desk: Desk, line: str, channel: str, meant: str) -> None:
    assert desk.types(line, channel).startswith(f"checkout · {meant}\n")


def test_an_environment_that_is_spelled_wrong_is_not_overheard(desk: Desk) -> None:
    for verb in ("show", "watch", "pause", "rollback", "verify", "suspend", "gates"):
        refused = desk.refuses(f"{verb} checkout stagin")
        assert "has no environment `stagin`: it is in `production` and `staging`" in refused.why
        assert refused.instead == f"/rollout {verb} checkout staging"
    assert "`payments` has no environment `staging`" in desk.refuses("rollback payments staging").why
    assert "has no environment `stagin`" in desk.refuses("pause reviews stagin").why
    assert "`payments` has no environment `staging`" in desk.refuses("pause payments staging").why
    assert desk.here.patches == desk.west.patches == []


def test_why_something_is_stopped_is_no_environment(desk: Desk) -> None:
    """Where the service is not in staging, `staging` may begin the reason of a pause, and of nothing else."""
    payments = POLICY.services["payments"]
    assert targets.placed(desk.world, payments, "staging is slow", "pause") == (payments, "staging is slow")
    with pytest.raises(Refused, match="`payments` has no environment `staging`"):
        targets.placed(desk.world, payments, "staging is slow", "rollback")
    for words in ("staging please", "Staging now"):
        with pytest.raises(Refused, match=r"`payments` has no environment `[sS]taging`") as refused:
            targets.placed(desk.world, payments, words, "pause")
        assert f"`/rollout pause payments --why {words}`" in refused.value.why
        assert refused.value.instead == "/rollout pause payments"
        assert targets.placed(desk.world, payments, f"--why {words}", "pause") == (payments, f"--why {words}")
    assert rollouts.reason_to_pause("—why staging please") == "staging please"
    assert rollouts.reason_to_pause("--why") == ""
    for word in ("--full", "eu-west"):
        assert desk.refuses(f"pause checkout {word}").why == f"I did not understand `{word}`."


def test_what_is_done_in_staging_is_done_there_alone(desk: Desk) -> None:
    for shop in (desk.here, desk.west):
        shop.ships("checkout", "v42", seconds=8)
    preview = desk.types("rollback checkout staging")
    assert preview.startswith("Roll back checkout staging?")
    confirm = next(line for line in preview.splitlines() if "[Confirm]" in line).partition("/rollout ")[2]
    assert "You typed `payments`" in desk.refuses(f"{confirm} payments").why
    said = desk.types(f"{confirm} checkout staging")
    assert said == "Rollback of checkout staging: v42 → v41. I will report here."
    [job] = desk.store.claim(NOON.replace(year=2027), kinds=[ActOnRollout.__name__], limit=9)
    desk.world.decide(rollouts.act(desk.world, job.effect.subject), receipt=job)
    assert (len(desk.here.patches), len(desk.west.patches)) == (0, 1)


def test_the_gates_of_one_are_held_and_opened_by_themselves(desk: Desk) -> None:
    assert "`reviews staging` is held where it is" in desk.types("pause reviews staging load test")
    assert (desk.holds("production"), desk.holds("staging")) == (0, 1)
    assert "`reviews` is held where it is" in desk.types("pause reviews stalling at 20 %")
    assert desk.holds("production") == 1
    assert "[Resume]  /rollout resume reviews staging" in desk.types("show reviews staging")
    keyed = replace(desk.world, gate_url=lambda *place: "/".join(place))
    assert urls(keyed, POLICY.service("reviews", "staging"))["rollback"] == "reviews/staging/rollback"
    assert gates.find(desk.world, "Reviews", "staging") == REVIEWS.elsewhere["staging"]
    assert (gates.find(desk.world, "reviews", ""), gates.find(desk.world, "reviews", "qa")) == (REVIEWS, None)


def test_the_list_has_both(desk: Desk) -> None:
    said = desk.types("list")
    assert "/rollout show checkout\n" in said
    assert "/rollout show checkout staging\n" in said


def test_a_freeze_is_of_one_environment_and_of_its_people(desk: Desk) -> None:
    assert "freezes checkout staging until" in desk.types("freeze checkout staging --for 1h --why moving")
    [standing] = desk.store.read(lambda tx: tx.freezes(NOON))
    assert list(freezes.services_in(desk.world, standing.scope)) == [STAGING]
    assert "No freeze `checkout` stands" in desk.refuses("thaw checkout").why
    assert "the freeze of checkout staging, is thawed" in desk.types("thaw checkout staging")


# ---------------------------------------------------------------- watched


def test_each_cluster_has_its_watch_and_one_that_is_down_does_not_blind_the_other(desk: Desk) -> None:
    for verb in ("get", "list", "watch"):
        desk.west.cluster.faults.add(verb, 503, times=1_000)
    with capture_logs() as logged:
        watchers = Watchers(desk.world)
        watchers.start()
        until(lambda: desk.version("production") == "v41")
        desk.here.ships("checkout", "v42", seconds=1)
        until(lambda: desk.version("production") == "v42")
        sightings.look_at(desk.world, [CHECKOUT, STAGING])
        assert desk.version("staging") == ""
        troubles = [entry["service"] for entry in logged if entry["event"] == "rollout not read"]
        desk.west.cluster.faults.clear()
        until(lambda: desk.version("staging") == "v41")
        watchers.stop()
    assert [watcher.cluster for watcher in watchers.each] == ["sandbox", "west"]
    assert set(troubles) == {"checkout staging"}
    assert desk.version("production") == "v42"
