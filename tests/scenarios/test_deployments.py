"""Workloads without steps, from a bad release to the proof, in the channel."""

from __future__ import annotations

from tests.story import Story


def broken(story: Story) -> None:
    story.ships("v42", "search", seconds=40)
    story.alert("SearchErrorRatioHigh", service="search")


def test_a_bad_version_of_a_deployment_is_rolled_back_from_its_channel_and_proven(plain: Story) -> None:
    broken(plain)
    assert plain.channels == ["inc-1-search"]
    preview = plain.types("/rollout rollback search")
    assert "v42 (revision 2) → v41 (revision 1)" in preview
    assert "Pods are replaced as those of v41 become available." in preview
    assert "never saw" not in preview
    plain.presses("ask.confirm")
    plain.passes(30)
    assert any("*proven*: stable revision v41 (revision 3), healthy, 4/4 available" in text for text in plain.said())
    assert plain.cluster.workload("search").stable == "v41"
    assert plain.patches == 1


def test_half_way_it_is_paused_with_one_press_and_turned_round(plain: Story) -> None:
    plain.alert("SearchErrorRatioHigh", service="search")
    plain.cluster.deploy("search", image="shop/search:v42")
    plain.clock.advance(seconds=3)  # what the bot does meanwhile takes time, too, and the rollout does not wait
    assert "Pausing `search`" in plain.types("/rollout pause search")
    plain.passes(20)
    assert plain.cluster.workload("search").phase == "Paused"
    assert "The pause by hand is lifted with it." in plain.types("/rollout rollback search")
    plain.presses("ask.confirm")
    plain.passes(40)
    assert plain.cluster.workload("search").stable == "v41"
    assert any("*proven*: stable revision v41" in text for text in plain.said())


def test_a_rollback_that_a_sick_pod_blocks_names_the_pod(plain: Story) -> None:
    plain.cluster.replicas.broken_images.add("shop/ledger:v42")
    plain.ships("v42", "ledger", seconds=30)
    plain.alert("LedgerDown", service="ledger")
    assert "the way back may be blocked" in plain.types("/rollout rollback ledger")
    plain.presses("ask.confirm")
    plain.passes(90)
    assert any("takes long" in text and "kubectl delete pod ledger-3" in text for text in plain.said())
    plain.cluster.delete_pod("ledger-3")
    plain.passes(60)
    assert any("*proven*: stable revision v41" in text for text in plain.said())


def test_what_it_cannot_do_is_said_with_the_reason(plain: Story) -> None:
    said = plain.types("/rollout promote search")
    assert "is a Deployment, which has no steps to promote: it is replaced as new pods become available." in said
    assert plain.patches == 0


def test_the_card_offers_only_what_makes_sense(plain: Story) -> None:
    broken(plain)
    shown = plain.types("/rollout show search")
    assert "rolling update" in shown
    assert "Roll back" in shown
    assert not any(label in shown for label in ("Promote", "Pause", "Resume"))


def test_when_no_old_pod_is_left_the_card_knows_what_was_stable(plain: Story) -> None:
    plain.cluster.patch("search", {"spec": {"strategy": {"type": "Recreate"}}})
    plain.cluster.replicas.broken_images.add("shop/search:v42")
    broken(plain)
    shown = plain.types("/rollout show search")
    assert "*Stable: v41 (revision 1)*" in shown
    assert "*New: v42 (revision 2)*" in shown
    assert "First deploy" not in shown
