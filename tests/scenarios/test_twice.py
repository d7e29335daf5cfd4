"""Every effect of a whole story performed twice: the second time changes nothing, neither here nor outside."""

import pickle
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import select

from bot.decision import DraftPostmortem, Effect, HandleEvent
from bot.errors import NotYet
from bot.model import Audience, Severity
from bot.policy import Destination, Room, Route, Rule, Then
from bot.positions import POSITIONS
from handlers import heartbeats, ledger, outbox
from handlers.sealing import Signer
from handlers.world import Think, World
from storage.sql import OUTBOX
from storage.store import Job, Tx
from storage.tables import DONE
from tests.stage import HereStages
from tests.story import ALICE, BOB, DANA, SHOP, Story
from tests.values import minutes

ONLY_READ = (DraftPostmortem, HandleEvent)  # what they change is in the commit of their receipt, so never twice
NOUNS = ("assignments", "updates", "links", "requests", "alerts", "messages", "entries", "tasks", "deliveries", "pages")


def workspace(story: Story) -> Any:
    """What people see in Slack. When a message was last edited makes no difference to them."""
    rooms = {}
    for id, channel in story.slack.channels.items():
        rooms[id] = pickle.loads(pickle.dumps(vars(channel)))  # a copy in a fifth of the time of a deepcopy
        for message in rooms[id]["messages"].values():
            message.pop("edited", None)
            message.pop("metadata", None)  # which an edit takes away
            for block in message.get("blocks", ()):
                block.pop("block_id", None)  # which Slack makes up anew
    return rooms


def remembered(story: Story) -> Any:
    """What is known of every incident. How often it was saved makes no difference."""

    def ask(tx: Tx) -> Any:
        found = []
        for incident in tx.incidents():
            lists = {what: [unversioned(noun) for noun in getattr(tx, what)(incident.id)] for what in NOUNS}
            found.append((unversioned(incident), unversioned(tx.postmortem(incident.id)), lists))
        return found

    return story.store.read(ask)


def unversioned(noun: Any) -> Any:
    has = noun is not None and any(field.name == "version" for field in fields(noun))
    return replace(noun, version=0) if has else noun


class Twice:
    """The outbox of a worker that dies after each effect, unseen by its successor."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.done: set[type[Any]] = set()

    def drain(self, world: World) -> int:
        count = 0
        while jobs := world.store.claim(world.now()):
            for job in jobs:
                outbox.work(world, job)
                if self.has_ended(job):
                    self.again(world, job)
                count += 1
        return count

    def has_ended(self, job: Job) -> bool:
        """It was done, and not put off."""
        state = select(OUTBOX.c.state).where(OUTBOX.c.id == job.id)
        return self.story.store.read(lambda tx: tx.connection.scalar(state)) == DONE

    def again(self, world: World, job: Job) -> None:
        before = self.world()
        think = self.perform(world, replace(job, tried=True))
        if not isinstance(job.effect, ONLY_READ):
            world.decide(think)
        after = self.world()
        for was, is_ in zip(before, after, strict=True):
            assert is_ == was, f"{job.effect.key} done twice is not as if done once"
        self.done.add(type(job.effect))

    def perform(self, world: World, job: Job) -> Think:
        for _ in range(20):
            try:
                return outbox.perform(world, job)
            except NotYet as wait:
                self.story.clock.advance(seconds=wait.seconds)
        raise AssertionError(f"{job.effect.key} is put off for ever")

    def world(self) -> tuple[Any, ...]:
        return workspace(self.story), self.story.patches, remembered(self.story)


def test_every_effect_of_a_story_done_twice_is_as_if_done_once(story: Story, tmp_path: Path) -> None:
    asks = Route(match={"service": ("search",)}, then=Then.ASK)
    quiet = Route(match={"source": ("heartbeat",)}, then=Then.NOTE)
    story.policy = replace(
        SHOP,
        consent=(Rule(approvals=1, typed=False),),
        pages_at=Severity.SEV2,
        roles=POSITIONS,
        routes=(asks, quiet),
        broadcasts=(Destination(name="leaders", audience=Audience.EXECUTIVES, to=Room(channel="#support")),),
        expected_sources={"deploys": minutes(1)},
        ledger_channel="#support",
    )
    story.outlets = {"stages": (stages := HereStages(story.clock)), "signer": Signer("watchkeeper", bytes(32))}
    story.world = story.wire()
    story.plots()
    story.probe("checkout", every=timedelta(minutes=10))
    heartbeats.begin(story.world)
    story.vendor(every=timedelta(minutes=10))
    story.copies(tmp_path / "status")
    twice = Twice(story)
    story.drain = twice.drain
    story.slack.rates.enforced = False
    story.slack.open_home(DANA)
    story.settle()
    story.types("/incident silence team=lab --for 10m --why moving")
    story.alert("Slow", service="search")
    story.alert()
    story.slack.join(ALICE, story.channel)
    said = story.slack.post(ALICE, story.channel, "I see 500s from the payment client")
    story.slack.react(BOB, story.channel, said["ts"], "eyes")
    story.slack.react(BOB, story.channel, said["ts"], "pushpin")
    story.passes(20 * 60)
    story.types("/incident role comms", by=BOB)
    story.types('/incident poll "freeze it all" 30s', by=BOB)
    story.presses("ask.poll.agree")
    story.slack.faults.cut(True)
    story.passes(40)
    story.slack.faults.cut(False)
    story.passes(20)
    story.ships("v42")
    story.types("/rollout freeze all --for 10m --why CheckoutErrorRatioHigh")
    story.types("/rollout rollback checkout")
    story.types('/rollout rollback checkout --break-glass "nobody else is awake"')
    story.presses("ask.confirm")
    story.passes(30)
    story.cluster.argo_cd("checkout", automated={"selfHeal": True})
    story.types("/rollout suspend checkout")
    story.types("/rollout restore checkout")
    story.types("/incident update Checkout failed for one in eight. Rolled back.", by=BOB)
    story.types("/incident publish One in eight payments fails.")
    ledger.seal(story.world)
    story.settle()
    story.alert(status="resolved")
    story.types("/incident resolve Rolled back checkout to v41", by=DANA)
    story.types("/incident reopen Some still fail", by=DANA)
    story.types("/incident resolve Rolled back checkout to v41", by=DANA)
    story.passes(11 * 60)
    story.passes(30 * 60)
    story.clock.advance(seconds=24 * 3600)  # the follow-up is due
    story.passes(60)
    story.types("/incident drill amazon-checkout")
    story.passes(6)
    story.types("/incident drill stop")
    stages.close()

    assert twice.done == set(get_args(Effect))
    assert story.doubled() == []
    assert story.dead == []
