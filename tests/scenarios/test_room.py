"""No room for more pods, and Helm as the owner: what is said before an act, and how far it has come after it."""

from __future__ import annotations

from sandbox.kube.store import PODS
from tests.story import Story

QUOTA = "exceeded quota: pods, requested: pods=1"


def room_for(story: Story, more: int) -> None:
    """The namespace may have so many more pods than it has."""
    story.cluster.reconcile()
    story.cluster.replicas.quota = len(story.cluster.store.all(PODS, "shop")) + more


def test_no_capacity_is_said_before_a_promotion(story: Story) -> None:
    story.alert()
    story.ships("v43", seconds=20)
    room_for(story, 0)
    story.passes(60)
    story.types("/rollout promote checkout")
    story.presses("ask.confirm")
    story.passes(60)
    shown = story.types("/rollout check checkout promote")
    assert "RISKY" in shown
    assert "pods of it cannot be created" in shown
    assert QUOTA in shown


def test_an_act_without_room_says_how_far_it_has_come_and_again_at_the_end(story: Story) -> None:
    story.alert()
    story.ships("v43", seconds=20)
    room_for(story, 3)
    story.types("/rollout promote checkout --full")
    story.presses("ask.confirm")
    story.passes(5 * 60)
    (slow,) = [text for text in story.said() if "takes long" in text]
    assert "still moving: 5 of 5 steps, 80 % of the traffic" in slow
    assert QUOTA in slow
    story.cluster.replicas.quota = None
    story.passes(180)
    assert any("*proven*: healthy, stable revision v43" in text for text in story.said())


def test_under_a_helm_release_an_undo_holds_until_the_next_upgrade(story: Story) -> None:
    fast = {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 100}]}}}}
    story.cluster.patch("checkout", fast, by="setup")
    repository = story.cluster.helm_release("checkout", release="storefront")
    story.passes(5)
    story.ships("v42", seconds=30)
    story.alert()
    shown = story.types("/rollout rollback checkout --to v41")
    assert "Flux HelmRelease storefront leaves it until its next upgrade, which brings its own spec back" in shown
    story.presses("ask.confirm")
    story.passes(120)
    assert story.cluster.workload("checkout").current == "v41"
    story.cluster.commit(repository, {})
    story.passes(60)
    assert story.cluster.workload("checkout").current == "v42"
    assert sum("did not stick" in text for text in story.said()) == 1


def test_what_somebody_installed_with_helm_is_named_before_an_undo_and_an_abort_is_free_of_it(story: Story) -> None:
    story.alert()
    story.cluster.helm("checkout", release="storefront")
    story.ships("v42", seconds=20)
    abort = story.types("/rollout check checkout rollback")
    assert "Helm release storefront leaves this alone: only the status is changed" in abort
    story.types("/rollout promote checkout --full")
    story.presses("ask.confirm")
    story.passes(60)
    undo = story.types("/rollout rollback checkout --to v41")
    assert "Helm release storefront leaves it until its next upgrade, which brings its own spec back" in undo
