"""Rollbacks under GitOps, from the channel: what is said, what is switched off, and what is put back."""

from __future__ import annotations

from bot.decision import Decision
from handlers import schedule
from sandbox.kube.store import APPLICATIONS, Object
from storage.outbox import Job
from tests.story import ALICE, DANA, Story

HEALING = {"prune": True, "selfHeal": True}


def app(story: Story) -> Object:
    story.cluster.reconcile()
    return story.cluster.store.get(APPLICATIONS, "argocd", "shop")


def bad_release(story: Story, automated: Object | None) -> None:
    """v42 is out everywhere, and kept by Argo CD."""
    fast: Object = {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 100}]}}}}
    story.cluster.patch("checkout", fast, by="setup")
    story.cluster.argo_cd("checkout", automated=automated)
    story.passes(5)
    story.cluster.deploy("checkout", "shop/checkout:v42")
    story.deploy("v42")
    story.passes(30)
    story.alert()


def rolls_back(story: Story) -> None:
    story.types("/rollout rollback checkout --to v41")
    story.presses("ask.confirm")


def test_self_heal_is_told_before_and_seen_after_and_said_once(story: Story) -> None:
    bad_release(story, HEALING)
    shown = story.types("/rollout rollback checkout --to v41")
    assert "puts its own spec back about 5 s later" in shown
    story.presses("ask.confirm")
    story.passes(120)
    assert story.cluster.workload("checkout").current == "v42"
    assert sum("did not stick" in text for text in story.said()) == 1
    assert any("did not stick: v42 was put back by Argo CD Application shop" in line for line in story.timeline)


def test_switched_off_it_sticks_and_somebody_is_reminded_to_restore_it(story: Story) -> None:
    bad_release(story, HEALING)
    story.types("/rollout suspend checkout")
    assert app(story)["spec"]["syncPolicy"] == {}
    rolls_back(story)
    story.passes(31 * 60)
    assert story.cluster.workload("checkout").current == "v41"
    assert "rollback of checkout to v41 held" in story.timeline
    assert not any("did not stick" in text for text in story.said())
    story.passes(4 * 3600)
    story.settle()  # two reminders at once are posted one after the other
    assert any("is due: restore Argo CD Application shop" in text for text in story.said())
    story.types("/rollout restore checkout")
    assert app(story)["spec"]["syncPolicy"] == {"automated": HEALING}


def test_without_self_heal_an_unrelated_commit_brings_it_back_and_that_is_seen(story: Story) -> None:
    bad_release(story, {"prune": True})
    rolls_back(story)
    story.passes(5 * 60)
    assert story.cluster.workload("checkout").current == "v41"
    repository = story.cluster.repository("checkout")
    assert repository is not None
    story.cluster.commit(repository, {})
    story.passes(60)
    assert story.cluster.workload("checkout").current == "v42"
    assert sum("did not stick" in text for text in story.said()) == 1


def test_what_may_not_be_patched_is_said_and_nothing_is_left_half_done(story: Story) -> None:
    bad_release(story, HEALING)
    story.cluster.api.deny("patch", "applications")
    story.types("/rollout suspend checkout")
    assert any("was not switched off" in text and "403" in text for text in story.said())
    assert app(story)["spec"]["syncPolicy"] == {"automated": HEALING}
    assert "nothing to restore" in story.types("/rollout restore checkout")
    story.cluster.api.allow("patch", "applications")
    story.types("/rollout suspend checkout")
    assert app(story)["spec"]["syncPolicy"] == {}


def test_what_somebody_else_switches_on_again_is_said_once_and_nobody_is_reminded(story: Story) -> None:
    bad_release(story, HEALING)
    story.types("/rollout suspend checkout")
    found = app(story)
    spec = found["spec"] | {"syncPolicy": {"automated": HEALING}}
    story.cluster.write(APPLICATIONS, found | {"spec": spec}, "argocd-ui")
    story.passes(90)
    assert any("was switched on again by argocd-ui, and not by me" in line for line in story.timeline)
    story.passes(5 * 3600)
    assert sum("switched on again" in text for text in story.said()) == 1
    assert not any("is due: restore" in text for text in story.said())
    assert "nothing to restore" in story.types("/rollout restore checkout")


def test_trap_what_was_off_before_this_version_started_is_looked_after(story: Story) -> None:
    """The version before kept what it had switched off, and looked at it no more."""
    bad_release(story, HEALING)
    story.types("/rollout suspend checkout")
    (look,) = looks_due(story)
    story.store.decide(lambda tx, now: Decision(), story.clock.now(), look)  # that was the last one
    found = app(story)
    spec = found["spec"] | {"syncPolicy": {"automated": HEALING}}
    story.cluster.write(APPLICATIONS, found | {"spec": spec}, "argocd-ui")
    story.passes(300)
    assert not any("switched on again" in line for line in story.timeline)
    at_start(story)
    story.settle()
    assert any("was switched on again by argocd-ui, and not by me" in line for line in story.timeline)


def test_started_again_and_again_it_is_looked_at_no_more_often(story: Story) -> None:
    bad_release(story, HEALING)
    story.types("/rollout suspend checkout")
    for _ in range(3):
        story.clock.advance(seconds=3600)
        at_start(story)
    assert len(looks_due(story)) == 1


def at_start(story: Story) -> None:
    """What the clock does as soon as it runs."""
    for job in schedule.build(story.world, lambda: None).get_jobs():
        job.func()


def looks_due(story: Story) -> list[Job]:
    """At what is switched off, in a minute."""
    story.clock.advance(seconds=60)
    return story.store.claim(story.clock.now(), {"WatchGitOps"}, limit=9)


def test_two_people_switch_it_off_once(story: Story) -> None:
    bad_release(story, HEALING)
    story.types("/rollout suspend checkout", by=DANA)
    patches = story.patches
    story.slack.join(ALICE, story.channel)
    story.types("/incident role comms", by=ALICE)
    assert "switched off already" in story.types("/rollout suspend checkout", by=ALICE)
    assert story.patches == patches


def test_the_figures_that_a_check_shows_are_those_of_prometheus(story: Story) -> None:
    story.passes(90)
    story.ships("v42", seconds=90)
    story.alert()
    shown = story.types("/rollout check checkout rollback")
    assert "v42 fails 23" in shown
    story.sandbox.prometheus.down = True
    assert "no figures by version: Prometheus: HTTP 503" in story.types("/rollout check checkout rollback")
