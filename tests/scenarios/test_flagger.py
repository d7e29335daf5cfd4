"""Releases under Flagger, from the incident's channel: held, let on, rolled back, and proven by what it says next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.model import Request, RequestState
from bot.policy import GATES, Service, Target
from handlers.web.gates import pass_of
from sandbox.kube.store import CANARIES, DEPLOYMENTS
from tests.canary import NAME, TYPES, hooks, manifests
from tests.conftest import Tell
from tests.story import DANA, SHOP, TOKEN, Story, target
from tests.values import NOON

TICK = 10


def released_by(provider: str) -> Service:
    where = target(NAME, provider) if provider != GATES else Target(provider=GATES, cluster="", namespace="", name=NAME)
    return Service(name=NAME, oncall="storefront", owners=(DANA,), rollout=where)


class Scene:
    """One canary whose webhooks reach the bot."""

    def __init__(self, story: Story, *types: str) -> None:
        self.story = story
        story.cluster.flagger.webhooks.deliver = self.deliver
        webhooks = hooks(*types, query=f"?pass={pass_of(NAME, TOKEN)}")
        for manifest in manifests(None, webhooks):
            story.cluster.create(manifest)
        self.ticks(4)
        assert self.phase == "Initialized"

    def deliver(self, url: str, body: bytes, seconds: float) -> tuple[int, str]:
        parts = urlsplit(url)
        answer: Any = self.story.http.post(f"{parts.path}?{parts.query}", content=body)
        return answer.status_code, answer.text

    def ticks(self, count: int = 1) -> None:
        for _ in range(count):
            self.story.clock.advance(seconds=TICK)
            self.story.cluster.reconcile()
            self.story.settle(0)
        self.story.passes(0)  # the bot looks

    def ships(self, version: str = "v42", ticks: int = 4) -> None:
        self.story.cluster.deploy(NAME, f"shop/{NAME}:{version}")
        self.ticks(ticks)

    def edits(self, **spec: Any) -> None:
        """Somebody changes the Canary by hand."""
        canary = self.canary
        self.story.cluster.write(CANARIES, canary | {"spec": canary["spec"] | spec}, "kubectl-edit")

    @property
    def canary(self) -> dict[str, Any]:
        return self.story.cluster.store.get(CANARIES, "shop", NAME)

    @property
    def phase(self) -> str:
        return str(self.canary["status"]["phase"])

    @property
    def weight(self) -> float:
        return sum(s.weight for s in self.story.cluster.workload(NAME).shares if s.track == "canary")

    @property
    def served(self) -> set[str]:
        return {share.version for share in self.story.cluster.workload(NAME).shares}

    @property
    def last(self) -> Request:
        """The newest request."""
        found = self.story.store.read(lambda tx: tx.requests_of(NAME, "production", NOON))
        return max(found, key=lambda request: int(request.id.rpartition("/")[2]))

    @property
    def sent(self) -> list[Any]:
        """What the bot has changed in the cluster."""
        return [call.body for call in self.story.cluster.calls if call.verb == "patch"]


@contextmanager
def playing(tell: Tell, provider: str, *types: str) -> Iterator[Scene]:
    shop = replace(SHOP, services=dict(SHOP.services) | {NAME: released_by(provider)})
    with tell(shop) as story:
        yield Scene(story, *types)


@pytest.fixture
def gated(tell: Tell) -> Iterator[Scene]:
    with playing(tell, "flagger", *TYPES) as scene:
        yield scene


@pytest.fixture
def bare(tell: Tell) -> Iterator[Scene]:
    with playing(tell, "flagger") as scene:
        yield scene


@pytest.fixture
def asks_only(tell: Tell) -> Iterator[Scene]:
    with playing(tell, GATES, *TYPES) as scene:
        yield scene


# ---------------------------------------------------------------- through the gates


def test_a_bad_release_is_held_by_its_incident_and_rolled_back_through_the_gate(gated: Scene) -> None:
    story = gated.story
    gated.ships()
    held_at = gated.weight
    assert held_at > 0
    story.alert("ReviewsErrors", service=NAME)  # a SEV2: its gates close
    gated.ticks(4)
    assert (gated.phase, gated.weight) == ("Progressing", held_at)
    shown = story.types(f"/rollout show {NAME}")
    assert "is open for reviews" in shown
    preview = story.types(f"/rollout rollback {NAME}")
    assert "v42" in preview
    assert "v41" in preview
    story.presses("ask.confirm")
    gated.ticks()
    assert (gated.phase, gated.served) == ("Failed", {"v41"})
    story.passes(15)
    assert gated.last.state is RequestState.DONE
    assert "canary weight 0 %" in "\n".join(story.said())
    assert gated.sent == []
    servers = story.types(f"/rollout verify {NAME}")  # those of its primary count
    assert "they run 1 build" in servers
    assert "expected: 4" in servers
    story.passes(900)
    assert len(story.incidents) == 1
    assert story.dead == []


def test_a_pause_holds_it_at_its_gates_and_its_metrics_still_roll_it_back(gated: Scene) -> None:
    story = gated.story
    gated.ships()
    story.types(f"/rollout pause {NAME}")
    weight = gated.weight
    gated.ticks(3)
    assert (gated.weight, gated.canary["spec"].get("suspend"), gated.sent) == (weight, None, [])
    assert "held at its gates" in story.types(f"/rollout show {NAME}")
    assert "paused" in story.types(f"/rollout pause {NAME}")
    gated.story.cluster.flagger.measure = lambda canary: "too many errors"
    gated.ticks(5)
    assert gated.phase == "Failed"


@pytest.mark.parametrize(
    ("provider", "types"), [("flagger", TYPES), ("flagger", TYPES[:4]), (GATES, TYPES)], ids=["both", "seen", "heard"]
)
@pytest.mark.parametrize("fails", [True, False], ids=["failed", "promoted"])
def test_trap_a_hold_does_not_stop_the_release_after_the_one_it_was_for(
    tell: Tell, provider: str, types: tuple[str, ...], fails: bool
) -> None:
    """What it was for failed by its metrics, or somebody promoted it in the cluster."""
    with playing(tell, provider, *types) as scene:
        scene.ships()
        scene.story.types(f"/rollout pause {NAME}")
        if fails:
            scene.story.cluster.flagger.measure = lambda canary: "too many errors"
        else:
            scene.edits(skipAnalysis=True)
        scene.ticks(5)
        assert scene.phase == ("Failed" if fails else "Succeeded")
        told = [entry.text for entry in scene.story.store.read(lambda tx: tx.entries(""))]
        assert sum("the hold of reviews is lifted" in line for line in told) == 1
        scene.story.cluster.flagger.measure = lambda canary: ""
        scene.edits(skipAnalysis=False)
        scene.ships("v43", ticks=12)
        assert (scene.phase, scene.served) == ("Succeeded", {"v43"})


def test_what_was_held_goes_on_when_the_hold_is_lifted(gated: Scene) -> None:
    story = gated.story
    gated.ships()
    story.types(f"/rollout pause {NAME}")
    weight = gated.weight
    gated.ticks(2)
    story.types(f"/rollout resume {NAME}")
    story.presses("ask.confirm")
    gated.ticks(2)
    assert gated.weight > weight
    assert gated.last.state is RequestState.DONE


def test_promote_lets_it_take_one_step_over_an_open_incident(gated: Scene) -> None:
    story = gated.story
    gated.ships()
    story.alert("ReviewsErrors", service=NAME)
    gated.ticks(2)
    weight = gated.weight
    assert "gate `confirm-traffic-increase` opens once" in story.types(f"/rollout promote {NAME}")
    story.presses("ask.confirm")
    gated.ticks(3)
    assert gated.weight == weight + 10
    story.passes(15)
    assert gated.last.state is RequestState.DONE


def test_a_newer_release_is_not_ordered_back(gated: Scene) -> None:
    gated.ships()
    gated.story.types(f"/rollout rollback {NAME}")
    gated.ships("v43", ticks=2)
    assert "Nothing was changed" in gated.story.presses("ask.confirm")
    gated.ticks(2)
    assert gated.phase == "Progressing"


def test_an_order_whose_request_has_ended_is_not_given(gated: Scene) -> None:
    """It was overtaken while nobody asked: what people decided since is what counts."""
    story = gated.story
    gated.ships()
    story.alert("ReviewsErrors", service=NAME)
    gated.ticks(2)
    story.cluster.flagger.webhooks.deliver = lambda url, body, seconds: (503, "the bot is not reached")
    story.types(f"/rollout rollback {NAME}")
    story.presses("ask.confirm")
    story.passes(70)
    asked = gated.last
    story.types(f"/rollout promote {NAME}")
    story.presses("ask.confirm")
    assert story.store.read(lambda tx: tx.request(asked.id)).state is RequestState.CANCELLED
    story.cluster.flagger.webhooks.deliver = gated.deliver
    gated.ticks(2)
    assert gated.phase == "Progressing"


def test_while_it_is_held_a_touch_of_its_deployment_does_not_keep_it_from_going_back(gated: Scene) -> None:
    """At a closed gate Flagger writes no status, and it is not the template that was changed."""
    gated.ships()
    gated.story.alert("ReviewsErrors", service=NAME)
    gated.ticks(4)
    cluster = gated.story.cluster
    deployment = cluster.store.get(DEPLOYMENTS, "shop", NAME)
    cluster.write(DEPLOYMENTS, deployment | {"spec": deployment["spec"] | {"minReadySeconds": 1}}, "ci")
    gated.ticks(6)
    assert "Roll back reviews?" in gated.story.types(f"/rollout rollback {NAME}")


# ---------------------------------------------------------------- without them


def test_without_our_webhooks_it_is_suspended_and_the_answer_says_what_that_costs(bare: Scene) -> None:
    story = bare.story
    bare.ships()
    assert "does not roll back by itself" in story.types(f"/rollout pause {NAME}")
    assert bare.canary["spec"]["suspend"] is True
    story.types(f"/rollout rollback {NAME}")
    story.presses("ask.confirm")
    assert bare.canary["spec"]["suspend"] is False  # else it would not roll back
    bare.ticks(2)
    assert (bare.phase, bare.served) == ("Failed", {"v41"})
    story.passes(15)
    assert bare.last.state is RequestState.DONE


def test_trap_a_skipped_analysis_is_taken_back_also_after_a_crash(bare: Scene) -> None:
    story = bare.story
    bare.ships()
    story.types(f"/rollout promote {NAME} --full")
    story.presses("ask.confirm")
    assert bare.sent[0]["spec"] == {"skipAnalysis": True}
    story.world = story.wire()  # the bot is started anew
    bare.ticks(2)
    story.passes(30)
    assert (bare.phase, bare.served) == ("Succeeded", {"v42"})
    assert bare.canary["spec"]["skipAnalysis"] is False
    assert bare.last.state is RequestState.DONE
    bare.ships("v43")
    assert bare.phase == "Progressing"


def test_trap_another_release_does_not_profit_from_a_skipped_analysis(bare: Scene) -> None:
    """It overtakes the promotion before Flagger's tick, and the request ends without having come true."""
    story = bare.story
    bare.ships(ticks=3)

    def overtakes(verb: str) -> None:
        if bare.canary["spec"].get("skipAnalysis"):
            story.cluster.before_call = lambda verb: None
            story.cluster.deploy(NAME, f"shop/{NAME}:v43")

    story.cluster.before_call = overtakes
    story.types(f"/rollout promote {NAME} --full")
    story.presses("ask.confirm")
    story.passes(60)
    assert bare.last.state is not RequestState.DONE
    assert bare.canary["spec"]["skipAnalysis"] is False
    told = [entry.text for entry in story.store.read(lambda tx: tx.entries(""))]
    assert sum("is switched on again" in line for line in told) == 1
    story.cluster.flagger.measure = lambda canary: "too many errors"
    bare.ships("v44", ticks=6)
    assert "v44" not in bare.served


def test_what_has_finished_goes_back_through_a_new_run_or_at_once_in_an_emergency(bare: Scene) -> None:
    story = bare.story
    bare.ships(ticks=12)
    assert bare.phase == "Succeeded"
    assert "new canary run" in story.types(f"/rollout rollback {NAME}")
    story.alert("ReviewsErrors", service=NAME)
    assert "skipped" in story.types(f"/rollout rollback {NAME}")
    story.presses("ask.confirm")
    bare.ticks(4)
    story.passes(30)
    assert (bare.phase, bare.served) == ("Succeeded", {"v41"})
    assert bare.canary["spec"]["skipAnalysis"] is False
    assert bare.last.state is RequestState.DONE


# ---------------------------------------------------------------- without a cluster


def test_without_a_cluster_what_flagger_says_next_is_the_proof(asks_only: Scene) -> None:
    story = asks_only.story
    asks_only.ships()
    assert "Flagger says *Progressing*" in story.types(f"/rollout show {NAME}")
    story.alert("ReviewsErrors", service=NAME)
    story.types(f"/rollout rollback {NAME}")
    story.presses("ask.confirm")
    asks_only.ticks(2)
    assert asks_only.phase == "Failed"
    proofs = [line for line in story.said() if "is *proven*" in line]
    assert len(proofs) == 1  # told twice, by `event` and by `post-rollout`
    assert "Flagger says *Failed*" in story.types(f"/rollout show {NAME}")
    assert any("Flagger says that reviews is Failed" in line for line in story.timeline)
    assert "hears no order then" in story.types(f"/rollout rollback {NAME}")


def test_a_release_that_succeeds_is_heard_too(asks_only: Scene) -> None:
    asks_only.ships(ticks=12)
    assert asks_only.phase == "Succeeded"
    assert "Flagger says *Succeeded*" in asks_only.story.types(f"/rollout show {NAME}")
