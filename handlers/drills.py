"""Drills: their stages, and who is sent there instead of to the real cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from bot import drills, suspensions
from bot.cards.debrief import drill_list
from bot.cards.marking import DRILL, marked
from bot.changes import merge
from bot.commands import Ask
from bot.decision import (
    ActOnRollout,
    Card,
    Decision,
    Effect,
    ExpireRequest,
    PlotRollout,
    PostCard,
    SetGitOps,
    ShowRollout,
    VerifyFleet,
    VerifyRollout,
    WatchGitOps,
    WatchRollout,
)
from bot.drills import Scenery
from bot.errors import InDrill, NotYet, ProviderError, Refused
from bot.model import Drill, Incident, Role, Story, is_stage, played_on, stage_of
from bot.policy import Service, Target, Verification
from handlers import sightings
from handlers.world import Stages, Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)

AGAIN = 1.0  # second after which the one that has the stage may have its turn
CLUSTER, NAMESPACE = "drill", "shop"  # the only one on a stage, and where its shop is
OF_REQUESTS = frozenset({"confirm", "cancel", "approve", "object"})  # verbs of /rollout that name a request
REAL = frozenset({"freeze", "thaw", "freezes", "gates"})  # verbs that reach beyond a stage
OUTSIDE = frozenset({"declare", "silence", "unsilence", "maintenance"})  # those of /incident
OF_GITOPS = (SetGitOps, WatchGitOps)
STAGED = (
    ActOnRollout,
    VerifyRollout,
    WatchRollout,
    ExpireRequest,
    ShowRollout,
    PlotRollout,
    VerifyFleet,
    PostCard,
    *OF_GITOPS,
)

# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """drill [STORY | stop]. Raises Refused, ProviderError."""
    words = ask.split()[1]
    if words.lower() == "stop":
        return stop(world, ask)
    stories = stages(world).stories()
    if not words:
        running = world.read(lambda tx: tx.drill_under_way())
        return Decision(say=drill_list(stories, running.id if running else ""))
    story = drills.find(stories, words)
    return world.decide(
        lambda tx, now: drills.begin(story, tx.drill_under_way(), tx.next_number(), ask.by, world.policy, now)
    )


def stop(world: World, ask: Ask) -> Decision:
    """The drill of this channel, or the one that is played."""

    def think(tx: Tx, now: datetime) -> Decision:
        here, running = tx.incident_in(ask.channel), tx.drill_under_way()
        if here is not None and here.drill:
            return drills.stop(here, ask.by, now)
        if running is None:
            raise Refused("No drill is being played; nothing was changed.", instead="/incident drill")
        return drills.stop(tx.incident(running.id), ask.by, now)

    return world.decide(think)


def stages(world: World) -> Stages:
    if world.stages is None:
        raise ProviderError("Drills", "they are not set up here", permanent=True)
    return world.stages


def stories(world: World) -> tuple[Story, ...]:
    return stages(world).stories()


# ---------------------------------------------------------------- who is sent to the stage


def world_of(world: World, ask: Ask) -> tuple[World, Incident | None]:
    """Where a line of /rollout is done, and the drill's incident if that is a stage. Raises Refused."""
    verb, words = ask.split()
    incident = world.read(lambda tx: _meant(tx, verb, words, ask.channel))
    return _sent(world, incident, verb)


def must_stay_inside(world: World, ask: Ask, verb: str) -> None:
    """What is typed in a drill's channel silences no real alert, and opens no real incident. Raises Refused."""
    if ask.command != "incident" or verb not in OUTSIDE:
        return
    incident = world.read(lambda tx: tx.incident_in(ask.channel))
    if incident is not None and incident.drill:
        raise InDrill(f"{incident.id} is a drill, and that would reach beyond it; nothing was changed.")


def world_of_request(world: World, request: str) -> World:
    """The same for a form about a request."""
    return _sent(world, world.read(lambda tx: _meant(tx, "confirm", request, "")), "confirm")[0]


def _sent(world: World, incident: Incident | None, verb: str) -> tuple[World, Incident | None]:
    if incident is None or verb in ("", "help"):
        return world, None
    drill = world.read(lambda tx: tx.drill(incident.id))
    if drill is None or not incident.is_open:
        raise Refused(f"{incident.id} is a drill, and it is over; nothing was changed.", instead="/incident drill")
    if verb in REAL:
        raise InDrill(f"{incident.id} is a drill, and that would reach beyond it; nothing was changed.")
    if not drill.address:
        raise InDrill("The stage is still being set; nothing was changed. Please try again in a few seconds.")
    if not reaches(world, drill):  # no refusal: what was pressed stays, to be pressed again
        raise ProviderError("The drill's stage", "it is at another replica of the bot, and this came to one without it")
    return staged(world, drill), incident


def _meant(tx: Tx, verb: str, words: str, channel: str) -> Incident | None:
    """The drill that a line is about: that of the request it names, else that of its channel."""
    named = tx.find_request(words.split()[0]) if verb in OF_REQUESTS and words.split() else None
    found = tx.find_incident(named.incident) if named else tx.incident_in(channel)
    return found if found is not None and found.drill else None


def on_stage(world: World, effect: Effect) -> World | None:
    """Where an effect is done; None where its stage is cleared away, so that it is not done at all.

    Raises NotYet where another replica has to do it. If that one is gone, the drill ends soon, and this with it.
    """
    if not isinstance(effect, STAGED):
        return world
    home = _home(effect)
    drill = world.read(lambda tx: tx.drill(home)) if home.startswith("INC-") else None
    if drill is None:
        return world
    over = drill.ended_at is not None or not drill.address
    if isinstance(effect, PostCard):  # which asks no cluster
        return world if over else staged(world, drill)
    if over:
        return None
    if not reaches(world, drill):
        raise NotYet(AGAIN, "another replica has the stage")
    return staged(world, drill)


def _home(effect: Effect) -> str:
    """The incident that it is of, as far as its subject says."""
    parts = effect.subject.split("/")
    if isinstance(effect, (VerifyFleet, *OF_GITOPS)):  # of a service in an environment
        return played_on(parts[1]) if len(parts) > 1 and is_stage(parts[1]) else ""
    return parts[0]


def reaches(world: World, drill: Drill) -> bool:
    """Whether its stage is of this replica, or of another one on the same machine."""
    if stages(world).holds(drill.id):
        return True
    try:
        stages(world).look(drill.address)
    except ProviderError:
        return False
    return True


def staged(world: World, drill: Drill) -> World:
    """The world of a drill: its one service, on its stage, and nothing real around it."""
    cast = stages(world).cast(drill.address)
    target = Target(provider="argo", cluster=CLUSTER, namespace=NAMESPACE, name=drill.service)
    runs = Verification(build_info=f'build_info{{service="{drill.service}"}}')
    service = Service(name=drill.service, environment=stage_of(drill.id), rollout=target, verification=runs)
    policy = replace(world.policy, services={service.name: service}, probes={}, vendors={}, signals=(), announce="")
    return replace(
        world,
        policy=policy,
        rollouts=cast.rollouts,
        pods=cast.pods,
        metrics=cast.metrics,
        by_version=cast.by_version,
        neighbourhood=cast.neighbourhood,
    )


def said(incident: Incident | None, decision: Decision) -> Decision:
    """An answer that nobody takes for real."""
    if incident is None or not decision.say:
        return decision
    say = decision.say
    if isinstance(say, Card):
        return replace(decision, say=marked(incident, say))
    return replace(decision, say=f"*{DRILL}* · {say}") if isinstance(say, str) else decision


def note_refusal(world: World, ask: Ask, refusal: Refused) -> None:
    """What was refused in a drill is a part of its score, unless it was refused only because it is one."""
    drilled = world.read(lambda tx: tx.incident_in(ask.channel))
    if drilled is None or not drilled.drill or not drilled.is_open:
        return
    line = f"{world.commands[ask.command]} {ask.text}".strip()
    right = isinstance(refusal, InDrill)
    world.decide(lambda tx, now: drills.refused(tx.incident(drilled.id), line, refusal.why, ask.by, now, right=right))


# ---------------------------------------------------------------- effects


def play(world: World, id: str) -> Think:
    """Set the stage; look at it again and again; clear it away."""
    drill, incident = world.read(lambda tx: (tx.drill(id), tx.incident(id)))
    if drill is None:
        return nothing
    mine, lost = stages(world).holds(id), drills.is_lost(drill, world.now())
    if not incident.is_open:
        if drill.address and drill.ended_at is None and not mine and not lost:
            raise NotYet(AGAIN, "another replica has the stage, and clears it away")
        stages(world).end(id)
        title = world.policy.title(Role.COMMANDER)
        return lambda tx, now: _over(tx, drill, title, now)
    if not drill.address:
        address = stages(world).begin(id, drill.story)
        return lambda tx, now: drills.begun(_need(tx, id), tx.incident(id), address, now)
    try:
        seen = stages(world).look(drill.address)
        stage = staged(world, drill)
        sightings.look(stage, stage.policy.own(drill.service))
    except ProviderError as error:
        log.info("a drill's stage does not answer", drill=id, error=str(error))
        if not mine and not lost:
            raise NotYet(AGAIN, "another replica may have the stage") from None
        return lambda tx, now: _while_open(tx, id, drills.unseen(_need(tx, id), tx.incident(id), now))
    return lambda tx, now: _while_open(tx, id, _looked(tx, id, seen, now))


def _over(tx: Tx, drill: Drill, title: str, now: datetime) -> Decision:
    """Debriefed; what was switched off on the stage is gone with it."""
    incident, held = tx.incident(drill.id), tx.suspension_of(drill.service, stage_of(drill.id))
    gone = suspensions.cleared(held, tx.tasks(drill.id), now) if held else Decision()
    return gone + drills.debriefed(_need(tx, drill.id), incident, tx.entries(drill.id), title, now)


def _looked(tx: Tx, id: str, seen: Scenery, now: datetime) -> Decision:
    """What CI tells of a deploy, such as its digests, is kept; that it began, the cluster has told."""
    drill = _need(tx, id)
    told = tuple(merge(change, tx.change(change.key)) for change in drills.shipped(drill, seen))
    return Decision(save=told) + drills.looked(drill, tx.incident(id), tx.alerts(id), seen, now)


def _while_open(tx: Tx, id: str, decision: Decision) -> Decision:
    """Somebody may have ended it while we looked; then it is debriefed at the next turn, which is due."""
    return decision if tx.incident(id).is_open else Decision()


def _need(tx: Tx, id: str) -> Drill:
    drill = tx.drill(id)
    assert drill is not None, f"{id} is no drill"
    return drill


def gave_up(id: str, error: ProviderError) -> Think:
    return lambda tx, now: _while_open(tx, id, drills.not_set(tx.incident(id), str(error), now))
