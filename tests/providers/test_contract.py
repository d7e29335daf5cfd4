"""What every provider of rollouts must do, on the pretend cluster over HTTP: act once, where it was reviewed, and tell
the truth about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.errors import Moved, ProviderError, Refused
from bot.intents import plan
from bot.model import Request, RequestState, Rollout, RolloutPhase, Verb
from handlers.providers import AROUND, EXTRAS, READERS, ROLLOUTS
from handlers.providers.kubernetes import FIELD_MANAGER, Conflict409
from tests.providers.shops import Front, Shop, target


@dataclass(frozen=True)
class Scene:
    """`seconds` after a deploy some pods are new and some are old."""

    service: str
    seconds: float


SCENES = {
    "argo": Scene("checkout", 8),
    "deployment": Scene("search", 4),
    "statefulset": Scene("ledger", 5),
    "flagger": Scene("reviews", 35),
}


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


@pytest.fixture(params=sorted(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]


def test_every_provider_is_held_to_it() -> None:
    assert set(SCENES) == set(ROLLOUTS)
    assert set(EXTRAS) <= {*ROLLOUTS, *READERS, *AROUND}


# ---------------------------------------------------------------- reading


def test_what_is_idle_is_healthy_and_stable(shop: Shop, scene: Scene) -> None:
    rollout = shop.get(scene.service)
    assert (rollout.phase, rollout.in_flight, rollout.observed) == (RolloutPhase.HEALTHY, False, True)
    assert (str(rollout.current), str(rollout.stable), rollout.weight) == ("v41", "v41", 100)
    assert rollout.available == rollout.desired == rollout.stable_available > 1
    assert rollout.current.images == (f"shop/{scene.service}:v41",)
    assert rollout.kind in ("Rollout", "Deployment", "StatefulSet", "Canary")


def test_what_is_in_flight_shows_both_sides(shop: Shop, scene: Scene) -> None:
    rollout = in_flight(shop, scene)
    assert (str(rollout.current), str(rollout.stable)) == ("v42", "v41")
    assert [str(revision) for revision in rollout.history] == ["v42", "v41"]
    assert 0 < rollout.weight < 100
    assert all(revision.available for revision in rollout.history)
    assert rollout.phase is not RolloutPhase.HEALTHY


def in_flight(shop: Shop, scene: Scene) -> Rollout:
    shop.ships(scene.service, "v42", seconds=scene.seconds)
    rollout = shop.get(scene.service)
    assert rollout.in_flight
    return rollout


def test_a_slow_controller_is_said_to_be_behind(shop: Shop, scene: Scene) -> None:
    shop.cluster.lags[scene.service] = 30
    shop.ships(scene.service, "v42", seconds=10)
    assert not shop.get(scene.service).observed
    shop.passes(30)
    assert shop.get(scene.service).observed


def test_what_is_not_there_is_a_permanent_error_that_names_it(shop: Shop, scene: Scene) -> None:
    with pytest.raises(ProviderError, match='"nope" not found') as caught:
        shop.provider(scene.service).get(target("nope"), "nope", "production")
    assert caught.value.permanent


def test_a_cluster_that_nobody_configured_is_a_permanent_error(shop: Shop, scene: Scene) -> None:
    with pytest.raises(ProviderError, match="no cluster moon is configured") as caught:
        shop.provider(scene.service).get(target(scene.service, "moon"), scene.service, "production")
    assert caught.value.permanent


# ---------------------------------------------------------------- verbs


def test_what_it_cannot_do_is_refused_with_the_reason(shop: Shop, scene: Scene) -> None:
    idle, moving = shop.get(scene.service), in_flight(shop, scene)
    for verb in set(Verb) - shop.provider(scene.service).supports:
        for rollout in (idle, moving):
            with pytest.raises(
                Refused, match=f"is a {rollout.kind}, which (has no steps to {verb}|cannot be started over)"
            ):
                plan(verb, rollout)


def test_a_rollback_is_proven_from_the_cluster(shop: Shop, scene: Scene) -> None:
    in_flight(shop, scene)
    request = shop.asks(Verb.ROLLBACK, scene.service)
    shop.acts(request)
    assert shop.state_of(request) is RequestState.ACTING  # 200 OK is no proof
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert shop.get(scene.service).stable_available == shop.get(scene.service).desired
    assert all(share.version == "v41" for share in shop.cluster.workload(scene.service).shares)


def test_a_pause_holds_until_it_is_lifted(shop: Shop, scene: Scene) -> None:
    before = in_flight(shop, scene)
    pause = shop.asks(Verb.PAUSE, scene.service)
    shop.acts(pause)
    shop.passes(120)
    assert shop.state_of(pause) is RequestState.DONE
    held = shop.get(scene.service)
    assert (held.phase, held.paused, held.in_flight) == (RolloutPhase.PAUSED, True, True)
    assert held.stable_available <= before.stable_available
    resume = shop.asks(Verb.RESUME, scene.service)
    shop.acts(resume)
    shop.passes(900)
    assert shop.state_of(resume) is RequestState.DONE
    assert str(shop.get(scene.service).stable) == "v42"


def test_a_rollback_while_paused_lifts_the_pause_too(shop: Shop, scene: Scene) -> None:
    in_flight(shop, scene)
    shop.acts(shop.asks(Verb.PAUSE, scene.service))
    shop.passes(10)
    request = shop.asks(Verb.ROLLBACK, scene.service)
    shop.acts(request)
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE
    assert not shop.get(scene.service).paused
    shop.ships(scene.service, "v43", seconds=900)
    assert str(shop.get(scene.service).stable) == "v43"  # no pause is left behind for the next one


# ---------------------------------------------------------------- once, and only there


def asked(shop: Shop, scene: Scene, verb: Verb = Verb.ROLLBACK) -> Request:
    in_flight(shop, scene)
    return shop.asks(verb, scene.service)


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.ROLLBACK])
def test_acting_twice_sends_once(shop: Shop, scene: Scene, verb: Verb) -> None:
    request = asked(shop, scene, verb)
    for _ in range(3):
        shop.acts(request)
        shop.passes(1)
    assert len(shop.patches) == 1


def test_every_call_is_ours_and_carries_the_version_it_was_decided_on(shop: Shop, scene: Scene) -> None:
    version = in_flight(shop, scene).precondition
    shop.acts(shop.asks(Verb.PAUSE, scene.service))
    shop.passes(1)
    shop.acts(shop.asks(Verb.ROLLBACK, scene.service))
    calls = [call for call in shop.cluster.calls if call.verb == "patch"]
    assert {call.manager for call in calls} == {FIELD_MANAGER}
    assert all("resourceVersion" in str(call.body) for call in calls)
    assert version in str(calls[0].body)


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.ROLLBACK])
def test_a_newer_deploy_is_not_acted_on(shop: Shop, scene: Scene, verb: Verb) -> None:
    request = asked(shop, scene, verb)
    shop.ships(scene.service, "v43", seconds=scene.seconds)
    with pytest.raises(Moved, match=r"v43 \(revision 3\) now, not at v42"):
        shop.acts(request)
    assert not shop.patches


def test_somebody_who_writes_in_between_wins(shop: Shop, scene: Scene) -> None:
    request = asked(shop, scene)

    def ship_first(verb: str) -> None:
        if verb == "patch":
            shop.cluster.before_call = lambda verb: None
            shop.ships(scene.service, "v43", seconds=scene.seconds)

    shop.cluster.before_call = ship_first
    with pytest.raises(Moved, match="v43"):
        shop.acts(request)
    assert shop.cluster.workload(scene.service).current == "v43"


# ---------------------------------------------------------------- the API has a bad day


def test_a_timeout_after_applying_is_told_by_looking_and_not_sent_again(shop: Shop, scene: Scene) -> None:
    request = asked(shop, scene)
    shop.cluster.faults.add("patch", "timeout_after")
    shop.acts(request)
    assert len(shop.patches) == 1
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE


@pytest.mark.parametrize("fault", [504, 409, "html", 500])
def test_what_was_lost_is_sent_again_after_a_look(shop: Shop, scene: Scene, fault: int | str) -> None:
    request = asked(shop, scene)
    shop.cluster.faults.add("patch", fault, times=2)
    shop.acts(request)
    assert len(shop.patches) == 3
    assert [call.verb for call in shop.cluster.calls if call.verb in ("get", "patch")].count("get") >= 4
    shop.passes(60)
    assert shop.state_of(request) is RequestState.DONE


def test_conflicts_without_end_are_left_for_later_with_nothing_done(shop: Shop, scene: Scene) -> None:
    request = asked(shop, scene)
    shop.cluster.faults.add("patch", 409, times=99)
    with pytest.raises(Conflict409) as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (False, False)
    assert len(shop.patches) == 3


@pytest.mark.parametrize(
    ("fault", "permanent", "unknown"),
    [(403, True, False), (404, True, False), (429, False, False), (500, False, True), ("html", False, True)],
)
def test_a_refused_patch_says_whether_anything_was_done_and_whether_to_try_again(
    shop: Shop, scene: Scene, fault: int | str, permanent: bool, unknown: bool
) -> None:
    request = asked(shop, scene)
    shop.cluster.faults.add("patch", fault, times=99)
    with pytest.raises(ProviderError) as caught:
        shop.acts(request)
    assert (caught.value.permanent, caught.value.unknown) == (permanent, unknown)
    assert "<html" not in str(caught.value)


@pytest.mark.parametrize("fault", [403, 429, 500, "html"])
def test_a_read_that_fails_is_an_error_and_never_a_healthy_rollout(shop: Shop, scene: Scene, fault: int | str) -> None:
    for verb in ("get", "list"):
        shop.cluster.faults.add(verb, fault)
        with pytest.raises(ProviderError) as caught:
            shop.get(scene.service)
        assert not caught.value.unknown


# ---------------------------------------------------------------- several clusters


def test_two_clusters_are_kept_apart(shop: Shop, scene: Scene, tmp_path: Path) -> None:
    """One provider object serves both: acting on one leaves the other as it was."""
    other_front = Front()
    other = Shop(other_front, tmp_path, name="west")
    try:
        both = type(shop.provider(scene.service))({"sandbox": shop.kubernetes, "west": other.kubernetes})  # type: ignore[call-arg]
        for here in (shop, other):
            here.ships(scene.service, "v42", seconds=scene.seconds)
        both.act(target(scene.service, "west"), shop.asks(Verb.PAUSE, scene.service))
        assert (len(shop.patches), len(other.patches)) == (0, 1)
        assert both.get(target(scene.service, "west"), scene.service, "staging").paused
        assert not both.get(target(scene.service), scene.service, "production").paused
    finally:
        other.close()
        other_front.close()
