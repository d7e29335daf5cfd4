"""The sandbox's Flagger, tick by tick: phases, weights, webhooks, and the traps that the real one has."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster
from sandbox.kube.flagger_hooks import Webhooks
from sandbox.kube.store import CANARIES, DEPLOYMENTS, EVENTS, SERVICES
from tests.canary import NAME, TYPES, WEIGHTS, hooks, manifests
from tests.values import NOON

TICK = 10


class Scene:
    """One canary, and a receiver of its webhooks that says yes to all that is not in `closed`."""

    def __init__(self, analysis: Any = None, *types: str, **more: Any) -> None:
        self.clock = FrozenClock(NOON)
        self.closed: set[str] = set()
        self.answers: dict[str, int] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cluster = Cluster(self.clock, [])
        self.cluster.flagger.webhooks.deliver = self.receive
        for manifest in manifests(analysis, [hook | more for hook in hooks(*types)]):
            self.cluster.create(manifest)
        self.ticks(3)
        assert self.phase == "Initialized"
        self.asked.clear()

    def receive(self, url: str, body: bytes, seconds: float) -> tuple[int, str]:
        type = url.rsplit("/", 1)[1]
        self.asked.append((type, json.loads(body)))
        status = self.answers.get(type, 403 if type in self.closed else 200)
        return status, f"{type} says {status}"

    def ticks(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.advance(seconds=TICK)
            self.cluster.reconcile()

    def ships(self, version: str = "v42", ticks: int = 1) -> None:
        self.cluster.deploy(NAME, f"shop/{NAME}:{version}")
        self.ticks(ticks)

    def patch(self, body: dict[str, Any], part: str = "spec") -> None:
        held = self.cluster.store.get(CANARIES, "shop", NAME)
        self.cluster.write(CANARIES, held | {part: held[part] | body}, "kubectl", "status" if part == "status" else "")

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.cluster.store.get(CANARIES, "shop", NAME)["status"])

    @property
    def phase(self) -> str:
        return str(self.status["phase"])

    @property
    def weight(self) -> float:
        return sum(s.weight for s in self.cluster.workload(NAME).shares if s.track == "canary")

    @property
    def served(self) -> set[str]:
        return {share.version for share in self.cluster.workload(NAME).shares}

    def types(self) -> list[str]:
        """What was asked since the last look."""
        found = [type for type, _ in self.asked if type != "event"]
        self.asked.clear()
        return found


def replicas(scene: Scene, name: str) -> int:
    return int(scene.cluster.store.get(DEPLOYMENTS, "shop", name)["spec"]["replicas"])


def test_at_first_the_primary_takes_over_and_the_target_goes_to_sleep() -> None:
    scene = Scene()
    assert (replicas(scene, NAME), replicas(scene, f"{NAME}-primary")) == (0, 4)
    service = scene.cluster.store.get(SERVICES, "shop", NAME)
    assert service["spec"]["selector"] == {"app": f"{NAME}-primary"}
    assert scene.served == {"v41"}


def test_a_release_from_first_to_last() -> None:
    scene = Scene()
    scene.ships()
    seen = [(scene.phase, scene.weight)]
    for _ in range(9):
        scene.ticks()
        seen.append((scene.phase, scene.weight))
    weights = [("Progressing", weight) for weight in (0, 10, 20, 30, 40, 50)]
    assert seen == [*weights, ("Promoting", 50), ("Finalising", 0), ("Succeeded", 0), ("Succeeded", 0)]
    assert (scene.served, replicas(scene, NAME)) == ({"v42"}, 0)
    assert scene.status["lastPromotedSpec"] == scene.status["lastAppliedSpec"]


def test_weights_that_are_listed_are_taken_in_turn() -> None:
    scene = Scene({"interval": "10s", "threshold": 3, "stepWeights": [5, 25, 60]})
    scene.ships()
    seen = []
    for _ in range(4):
        scene.ticks()
        seen.append((scene.phase, scene.weight))
    assert seen == [("Progressing", 5), ("Progressing", 25), ("Progressing", 60), ("Promoting", 60)]


def test_iterations_move_no_traffic_unless_they_match() -> None:
    for match, weight in ((None, 0), ([{"headers": {"x-canary": {"exact": "1"}}}], 100)):
        scene = Scene({"interval": "10s", "threshold": 3, "iterations": 3} | ({"match": match} if match else {}))
        scene.ships()
        scene.ticks(2)
        assert (scene.status["iterations"], scene.weight) == (2, weight)
        scene.ticks(5)
        assert scene.phase == "Succeeded"


def test_failed_checks_add_up_over_the_run_and_roll_back() -> None:
    scene = Scene()
    scene.ships(ticks=2)
    for fails in (True, False, True, False, True):
        scene.cluster.flagger.measure = lambda canary, fails=fails: "success rate 91% < 99%" if fails else ""
        scene.ticks()
    assert (scene.phase, scene.status["failedChecks"]) == ("Progressing", 3)
    scene.ticks()
    assert (scene.phase, scene.weight, replicas(scene, NAME)) == ("Failed", 0, 0)
    assert scene.cluster.workload(NAME).current == "v42"  # the target's template stays what it is
    assert scene.served == {"v41"}


def test_trap_failed_checks_that_somebody_writes_roll_it_back() -> None:
    scene = Scene()
    scene.ships(ticks=3)
    scene.patch({"failedChecks": 3}, "status")
    scene.ticks()
    assert scene.phase == "Failed"


def test_suspended_nothing_happens_and_it_does_not_roll_back_either() -> None:
    scene = Scene()
    scene.ships(ticks=3)
    scene.patch({"suspend": True})
    scene.patch({"failedChecks": 3}, "status")
    scene.ticks(5)
    assert (scene.phase, scene.weight) == ("Progressing", 20)
    scene.patch({"suspend": False})
    scene.ticks()
    assert scene.phase == "Failed"


def test_skipped_analysis_asks_no_gate_and_stays_skipped_until_it_is_reset() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"confirm-traffic-increase", "confirm-promotion", "rollback"}
    scene.ships(ticks=2)
    scene.types()
    scene.patch({"skipAnalysis": True})
    scene.ticks()
    assert (scene.phase, scene.served, scene.types()) == ("Succeeded", {"v42"}, [])
    scene.ships("v43", ticks=2)
    assert scene.phase == "Succeeded"
    assert "v43" in scene.served


def test_trap_a_template_that_is_the_promoted_one_is_no_news() -> None:
    scene = Scene()
    scene.ships(ticks=3)
    checked = scene.status["lastAppliedSpec"]
    scene.ships("v41")
    assert (scene.phase, scene.status["lastAppliedSpec"]) == ("Progressing", checked)  # goes on, with v41 as its canary
    scene.patch({"failedChecks": 3}, "status")
    scene.ticks(3)
    assert scene.phase == "Failed"


def test_a_newer_revision_starts_it_over() -> None:
    scene = Scene(None, "confirm-traffic-increase")
    scene.ships(ticks=3)
    before = scene.asked[-1][1]["checksum"]
    scene.ships("v43")
    assert (scene.phase, scene.weight) == ("Progressing", 0)
    scene.ticks()
    assert scene.asked[-1][1]["checksum"] != before


# ---------------------------------------------------------------- webhooks


def test_what_is_posted() -> None:
    scene = Scene(None, "rollback", "event", metadata={"team": "storefront", "eventType": "mine"})
    scene.closed = {"rollback"}
    scene.ships(ticks=2)
    body = next(body for type, body in scene.asked if type == "rollback")
    assert {key: body[key] for key in ("name", "namespace", "phase", "metadata")} == {
        "name": NAME,
        "namespace": "shop",
        "phase": "Progressing",
        "metadata": {"team": "storefront", "eventType": "mine"},
    }
    event = scene.asked[-1][1]
    assert event["metadata"]["eventMessage"] == "Advance reviews.shop canary weight 10"
    assert event["metadata"]["eventType"] == "mine"  # the operator's own are not overwritten
    assert event["metadata"]["timestamp"].isdigit()


def test_a_closed_start_waits_and_trap_the_rollback_hook_is_not_asked_then() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"confirm-rollout"}
    scene.ships(ticks=3)
    assert (scene.phase, replicas(scene, NAME), set(scene.types())) == ("Waiting", 0, {"confirm-rollout"})
    assert scene.status["failedChecks"] == 0
    scene.closed = {"rollback"}
    scene.ticks()
    assert (scene.phase, replicas(scene, NAME)) == ("Progressing", 4)


def test_a_closed_increase_holds_while_its_metrics_still_roll_back() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"confirm-traffic-increase", "rollback"}
    scene.ships(ticks=6)
    assert (scene.phase, scene.weight, scene.status["failedChecks"]) == ("Progressing", 0, 0)
    scene.closed = {"rollback"}
    scene.ticks(2)
    scene.closed = {"confirm-traffic-increase", "rollback"}
    scene.ticks(2)
    assert scene.weight == 20
    scene.cluster.flagger.measure = lambda canary: "too slow"
    scene.ticks(4)
    assert scene.phase == "Failed"


def test_trap_the_weight_reads_0_while_it_waits_for_its_promotion() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"confirm-promotion", "rollback"}
    scene.ships(ticks=8)
    assert (scene.phase, scene.status["canaryWeight"], scene.weight) == ("WaitingPromotion", 0, 50)
    scene.types()
    scene.ticks()
    assert scene.types() == ["rollback", "confirm-promotion"]
    scene.closed = {"rollback"}
    scene.ticks(4)
    assert (scene.phase, scene.served) == ("Succeeded", {"v42"})


def test_a_yes_at_the_rollback_hook_rolls_back_and_trap_nobody_asks_while_it_promotes() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"rollback"}
    scene.ships(ticks=3)
    scene.closed = set()
    scene.types()
    scene.ticks()
    assert (scene.phase, scene.types(), scene.asked) == ("Failed", ["rollback", "post-rollout"], [])
    scene.closed = {"rollback"}
    scene.ships("v43", ticks=7)
    assert scene.phase == "Promoting"
    scene.closed, scene.asked = set(), []
    scene.ticks(2)
    assert (scene.phase, scene.types()) == ("Succeeded", ["post-rollout"])


def test_what_is_over_is_told_with_its_phase() -> None:
    scene = Scene(None, "post-rollout", "event")
    scene.ships(ticks=9)
    told = [body["phase"] for type, body in scene.asked if type == "post-rollout"]
    assert told == ["Succeeded"]
    assert [body["phase"] for type, body in scene.asked if type == "event"][-1] == "Succeeded"


def test_trap_while_pods_come_up_no_gate_is_asked() -> None:
    scene = Scene(None, *TYPES)
    scene.closed = {"rollback"}
    scene.cluster.replicas.broken_images.add(f"shop/{NAME}:v42")
    scene.ships(ticks=2)
    scene.types()
    scene.closed = set()
    scene.ticks(5)
    assert (scene.phase, scene.types()) == ("Progressing", [])
    scene.ticks(70)  # the progress deadline of its Deployment
    assert scene.phase == "Failed"


@pytest.mark.parametrize(
    ("status", "times"), [(200, 1), (202, 1), (403, 1), (429, 3), (500, 3), (0, 3)], ids=lambda value: str(value)
)
def test_a_refusal_is_not_asked_again_and_a_failure_is(status: int, times: int) -> None:
    calls: list[str] = []

    def answer(url: str, body: bytes, seconds: float) -> tuple[int, str]:
        calls.append(url)
        return status, "why"

    hook = hooks("rollback")[0] | {"retries": 2}
    said = Webhooks(answer).ask({"metadata": {"name": NAME, "namespace": "shop"}}, hook, "Progressing")
    assert (said == "", len(calls)) == (0 < status <= 202, times)


class Receiver(BaseHTTPRequestHandler):
    """Says no once, and keeps what it was sent."""

    answers: ClassVar[list[int]] = []
    got: ClassVar[list[tuple[str | None, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.headers["content-type"], json.loads(body)))
        self.send_response(self.answers.pop(0))
        self.end_headers()
        self.wfile.write(b"as you like it")

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the tests' output."""


def test_it_is_posted_over_http_and_nobody_there_is_no_yes() -> None:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Receiver.answers[:], Receiver.got[:] = [503, 200, 403], []
    hook = {"name": "back", "url": f"http://127.0.0.1:{server.server_port}/gates/{NAME}/rollback", "retries": 1}
    canary = {"metadata": {"name": NAME, "namespace": "shop"}}
    said = [Webhooks().ask(canary, hook, "Progressing") for _ in range(2)]
    server.shutdown()
    server.server_close()
    assert said == ["", "as you like it"]
    assert [kind for kind, _ in Receiver.got] == ["application/json"] * 3
    assert Receiver.got[0][1]["phase"] == "Progressing"
    assert Webhooks().ask(canary, hook | {"timeout": "1s"}, "Progressing") != ""


def test_what_a_closed_gate_says_goes_into_the_events() -> None:
    scene = Scene(WEIGHTS, "confirm-traffic-increase")
    scene.closed = {"confirm-traffic-increase"}
    scene.ships(ticks=2)
    messages = [event["message"] for event in scene.cluster.store.all(EVENTS, "shop")]
    assert any("confirm-traffic-increase says 403" in message for message in messages)
