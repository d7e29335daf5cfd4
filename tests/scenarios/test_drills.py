"""A drill from its first line to its debrief, beside a real incident of the same service."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands import Ask
from bot.decision import Decision, PlotRollout
from bot.errors import NotYet, ProviderError
from bot.model import Post, Severity
from handlers import commands, drills, outbox
from sandbox.kube.store import APPLICATIONS
from tests.conftest import Tell
from tests.stage import HereStages
from tests.story import BOB, DANA, SHOP, Story

GENERAL = "C0GENERAL"


@pytest.fixture
def drilled(tell: Tell) -> Iterator[tuple[Story, HereStages]]:
    with tell(replace(SHOP, pages_at=Severity.SEV2)) as story:
        stages = HereStages(story.clock)
        story.outlets = {"stages": stages}
        story.world = story.wire()
        yield story, stages
        stages.close()


def test_a_drill_is_played_scored_and_debriefed_and_nothing_real_is_touched(
    drilled: tuple[Story, HereStages],
) -> None:
    story, stages = drilled
    assert "knight-capital" in story.types("/incident drill", channel="C0INCIDENTS")
    assert "Try `/incident drill amazon-checkout`" in story.types("/incident drill amazon", channel="C0INCIDENTS")
    assert "INC-1 is a *drill*" in story.types("/incident drill amazon-checkout", by=BOB, channel="C0INCIDENTS")
    story.passes(4)
    room = story.channel
    assert story.slack.channel(room).name == "drill-inc-1-checkout"
    assert "DRILL" in story.slack.channel(room).topic
    assert set(story.slack.channel(room).members) == {"U0WATCH", BOB}  # nobody was called
    assert "one at a time" in story.types("/incident drill knight-capital", channel="C0INCIDENTS")

    stage = stages.world
    stage.shop.ship("checkout", "v42")
    story.passes(45)
    assert "CheckoutErrorRatioHigh fired" in story.timeline
    assert story.timeline.count("deploy of checkout v42 started") == 1
    assert "*Suspect* `checkout v42`" in story.card

    real = story.alertmanager("CheckoutErrorRatioHigh", "checkout", env="drill:INC-1")
    story.hook("alertmanager", real | {"groupKey": "checkout/drill:INC-1"})  # it does what it can to join
    assert [(one.id, one.drill) for one in story.incidents] == [("INC-2", ""), ("INC-1", "amazon-checkout")]
    assert "v42" not in "".join(story.timeline)  # and what is on the stage is no suspect of it
    assert "stay apart" in story.types("/incident merge INC-1", channel=story.channel)

    stays_with_who_plays_it(story, stages, room)

    assert "*DRILL* · Pausing `checkout`" in story.types("/rollout pause checkout", by=BOB, channel=room)
    story.passes(5)
    assert "Only who holds a role" in story.types("/rollout rollback checkout", by=BOB, channel=room)
    story.types("/incident role commander", by=BOB, channel=room)
    story.types("/incident update We go back to v41", by=BOB, channel=room)
    assert "reach beyond it" in story.types("/rollout freeze all --why drill", by=BOB, channel=room)
    assert "reach beyond it" in story.types("/incident silence checkout --for 2h --why noise", by=BOB, channel=room)
    assert "pages nobody" in story.types("/incident page @dana", by=BOB, channel=room)
    stage.cluster.argo_cd("checkout", app="shop", automated={"prune": True, "selfHeal": True})
    assert "DRILL" in story.types("/rollout suspend checkout", by=BOB, channel=room)
    story.passes(3)
    (off,) = story.store.read(lambda tx: tx.suspensions_off())
    assert not stage.cluster.store.get(APPLICATIONS, "argocd", "shop")["spec"]["syncPolicy"].get("automated")
    assert "DRILL" in story.types("/rollout rollback checkout", by=BOB, channel=room)
    story.presses("ask.confirm", by=BOB, channel=room)
    story.passes(30)
    assert stage.cluster.rollouts["checkout"].stable == "v41"
    assert stage.cluster.rollouts["checkout"].aborted
    assert story.patches == 0  # of the real cluster
    story.types("/incident resolve Rolled back", by=BOB, channel=room)
    story.passes(3)

    said = "\n".join(story.said(room))
    assert "Debrief of INC-1: 5 of 5 goals met" in said
    assert "1 line was refused" in said  # the others, only because it is a drill
    assert "Recovered, and proven" in said
    assert stages.worlds == {}
    gone = story.store.read(lambda tx: (tx.suspension(off.id), tx.tasks("INC-1")))
    assert gone[0].outcome == "the drill is over"
    assert [task.done_at is not None for task in gone[1]] == [True]  # nobody is reminded to restore it
    assert "it is over" in story.types("/rollout pause checkout", by=BOB, channel=room)
    assert not any("INC-1" in text for place in ("C0STATUS", "C0SUPPORT") for text in story.said(place))
    assert not any("INC-1/page" in key for key in story.keys)
    assert story.doubled() == []
    assert story.dead == []
    assert DANA not in story.slack.channel(room).members


def stays_with_who_plays_it(story: Story, stages: HereStages, room: str) -> None:
    """A second replica, on another machine and on the same database."""
    other, now = replace(story.world, stages=stages.elsewhere()), story.clock.now()
    with pytest.raises(ProviderError, match="at another replica of the bot, and this came to one without it"):
        commands.run(other, Ask(command="rollout", text="show checkout", by=BOB, channel=room))

    story.world.decide(lambda tx, now: Decision(do=(PlotRollout("INC-1/card/checkout/drill:INC-1/plot/test"),)))
    (theirs,) = story.store.claim(now, frozenset({"PlotRollout"}))
    outbox.work(other, theirs)
    assert story.store.claim(now, frozenset({"PlotRollout"})) == []
    (again,) = story.store.claim(now + timedelta(seconds=2), frozenset({"PlotRollout"}))
    assert (again.effect, again.attempts) == (theirs.effect, 1)  # it was no attempt
    outbox.work(story.world, again)

    with pytest.raises(NotYet, match="another replica may have the stage"):
        drills.play(other, "INC-1")
    late = now + timedelta(seconds=40)  # the first one is gone
    taken_over = story.store.read(lambda tx: drills.play(replace(other, now=lambda: late), "INC-1")(tx, late))
    assert ["the bot that had set it is gone" in post.text for post in taken_over.save if isinstance(post, Post)] == [
        True
    ]
