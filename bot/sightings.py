"""What happened to a rollout between two looks: a release began, paused, went on, was aborted, or became stable.

The cluster says where a rollout is, never what happened; that is the difference from where it was last seen. Every
replica may look, and only who saves the new sighting tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import news, rollouts
from bot.changes import CLUSTER, ENDED, STANDING
from bot.decision import Decision, NameSuspects, PostCard, ShowRollout, VerifyRollout, WatchRollout
from bot.holds import ended, outlived
from bot.intents import named, replicas, step_in_words
from bot.live import card_id
from bot.model import (
    Change,
    ChangeKind,
    ChangeStatus,
    Entry,
    EntryKind,
    Hold,
    Incident,
    Post,
    Request,
    RequestState,
    Rollout,
    RolloutPhase,
    Sighting,
    Stable,
    rollout_id,
)
from bot.policy import Policy
from bot.proof import judge
from bot.text import clip, clock, one_line
from bot.twins import deploy_key

HANDED_OVER = timedelta(hours=2)  # from the beginning of a pipeline to that of its rollout, at most
CARDS = timedelta(seconds=10)  # a rollout that only gets more traffic is shown by the next edit of an incident's card
QUIET = ("set ", "pause")  # steps whose end is no news: where the rollout comes to rest after them is


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is remembered around a rollout. Stables: newest first. Requests: those under way or just done."""

    before: Sighting | None = None
    stables: Sequence[Stable] = ()
    requests: Sequence[Request] = ()
    incidents: Sequence[Incident] = ()  # open ones
    private: Sequence[Incident] = ()  # open ones too: their cards are kept up, and nothing is told of them elsewhere
    changes: Mapping[str, Change] = field(default_factory=dict)  # by what the cluster calls them
    cards: Sequence[str] = ()  # ids of the cards that show it live
    vigils: Sequence[str] = ()  # ids of those who look on after an act
    holds: Sequence[Hold] = ()  # that stand
    minutes: Mapping[str, Post] = field(default_factory=dict)  # by incident: this minute's message of changes


def versions(rollout: Rollout, before: Sighting | None) -> tuple[str, ...]:
    """Those whose deploys a look may be news about."""
    return tuple(dict.fromkeys([str(rollout.current), *([before.revision_version] if before else [])]))


def seen(rollout: Rollout, known: Known, policy: Policy, *, read_at: datetime, now: datetime) -> Decision:
    """What a look is news of. `read_at` is when it began: an older look than the last one tells nothing."""
    before = known.before
    if not rollout.observed or (before and read_at < before.at):
        return Decision()
    after = _sighting(rollout, before, read_at)
    over = _over(rollout, known.holds, read_at)
    decision = rollouts.observed(rollout, known.stables, now)
    became_stable = bool(decision.save)
    decision += _due(rollout, known.requests, now) + _let_go(rollout, over, known, now)
    if before and after == replace(before, at=read_at):
        return decision
    told = _Look(rollout, known, now, became_stable=became_stable, let_go=bool(over)).told()
    woken = tuple(WatchRollout(id, due=now) for id in known.vigils)  # it has moved: they look now
    return (
        Decision(save=(after,), do=_shown(rollout, known) + woken) + decision + _news(told, rollout, known, policy, now)
    )


def _sighting(rollout: Rollout, before: Sighting | None, at: datetime) -> Sighting:
    return Sighting(
        id=rollout_id(rollout.service, rollout.environment),
        service=rollout.service,
        environment=rollout.environment,
        revision=rollout.current.hash,
        revision_version=str(rollout.current),
        stable=rollout.stable.hash if rollout.stable else "",
        stable_version=str(rollout.stable or ""),
        phase=rollout.phase,
        step=rollout.step,
        weight=rollout.weight,
        paused=rollout.paused,
        aborted=rollout.aborted,
        at=at,
        version=before.version if before else 0,
    )


def _shown(rollout: Rollout, known: Known) -> tuple[ShowRollout, ...]:
    """It has moved: on every card that shows it, and on a new one where a release begins amid an incident of it."""
    begins = rollout.in_flight and (known.before is None or known.before.revision != rollout.current.hash)
    mine = (rollout.service, rollout.environment)
    hurt = [i.id for i in known.incidents if begins and (i.service, i.environment) == mine]
    return tuple(
        ShowRollout(id)
        for id in sorted({*known.cards, *(card_id(id, rollout.service, rollout.environment) for id in hurt)})
    )


def _over(rollout: Rollout, holds: Sequence[Hold], read_at: datetime) -> tuple[Hold, ...]:
    """The holds whose release the look has found to be over. One that is younger than the look was not known to it."""
    under_way = rollout.stable is None or (rollout.in_flight and not rollout.aborted)
    return () if under_way else outlived(holds, read_at)


def _let_go(rollout: Rollout, over: Sequence[Hold], known: Known, now: datetime) -> Decision:
    why = f"{rollout.current} is aborted" if rollout.aborted else "no release is under way any more"
    mine = (rollout.service, rollout.environment)
    home = next((i.id for i in known.incidents if (i.service, i.environment) == mine), "")
    return ended(over, why, home, now)


def _due(rollout: Rollout, requests: Sequence[Request], now: datetime) -> Decision:
    """What was asked for has come true, or never will: it is verified now and not at the next turn."""
    acting = [request for request in requests if request.state is RequestState.ACTING]
    ripe = [request for request in acting if judge(request, rollout).state is not RequestState.ACTING]
    return Decision(do=tuple(VerifyRollout(request.id, due=now) for request in ripe))


def analysed_again(rollout: Rollout, incidents: Sequence[Incident], now: datetime) -> Decision:
    """What one release was let through without is back for the next one: to be read in its incidents, or in general."""
    mine = [i.id for i in incidents if (i.service, i.environment) == (rollout.service, rollout.environment)]
    text = f"the analysis of {rollout.called}, which was skipped for one release, is switched on again"
    return Decision(note=tuple(Entry(incident=id, at=now, kind=EntryKind.ACTION, text=text) for id in mine or [""]))


# ---------------------------------------------------------------- what happened


@dataclass(frozen=True)
class _Told:
    """Lines for the timeline, each with its time, and the deploys as they are now."""

    lines: tuple[tuple[datetime, str], ...]
    changes: Mapping[str, Change]


class _Look:
    """One look, compared with the last one. What a request of ours explains is told there, and not here again."""

    def __init__(self, rollout: Rollout, known: Known, now: datetime, *, became_stable: bool, let_go: bool) -> None:
        self.rollout, self.known, self.now, self.became_stable = rollout, known, now, became_stable
        self.let_go = let_go  # the pause by hand was a hold at our gates, whose end is told as such
        self.ours = [r for r in known.requests if r.acted_at or r.state is RequestState.CONFIRMED]
        self.changes = dict(known.changes)
        self.lines: list[tuple[datetime, str]] = []

    def told(self) -> _Told:
        before, rollout = self.known.before, self.rollout
        if before is None:
            if rollout.in_flight:
                self.begun(None)
                self.moved(_at_its_beginning(_sighting(rollout, None, self.now)))
            return _Told(tuple(self.lines), self.changes)
        if rollout.current.hash == before.revision:
            self.moved(before)
        elif rollout.current.hash == before.stable:
            self.back(before)
        else:
            self.begun(before)
            self.moved(_at_its_beginning(before))
        if self.became_stable:
            self.stable()
        return _Told(tuple(self.lines), self.changes)

    def say(self, text: str, *verbs: str, at: datetime | None = None) -> None:
        """Unless a request of one of these verbs says so already."""
        if not any(request.verb in verbs for request in self.ours):
            self.lines.append((at or self.now, f"{self.rollout.called} {text}"))

    def begun(self, before: Sighting | None) -> None:
        """A release, or our own way back to an earlier one, which is told where it was asked for."""
        rollout = self.rollout
        if before and before.revision != before.stable and not before.aborted:
            self.end(before.revision_version, ChangeStatus.CANCELLED, {ChangeStatus.STARTED})
        if any(r.verb == "rollback" and r.to_revision == rollout.current.hash for r in self.ours):
            return
        at = self.began_at(before)
        self.start(at)
        left = rollout.stable if rollout.in_flight else None
        was = str(left) if left else before.revision_version if before else ""
        how = f"{rollout.strategy}, {len(rollout.steps)} steps" if rollout.steps else rollout.strategy
        self.say(f"{f'{was} → ' if was else ''}{named(rollout.current)} begins ({how})", at=at)

    def began_at(self, before: Sighting | None) -> datetime:
        """Its pods' set is as old as the release, unless an older set is used again."""
        made = self.rollout.current.created_at
        since = before.at if before else self.rollout.stable.created_at if self.rollout.stable else None
        return made if made and since and since < made < self.now else self.now

    def back(self, before: Sighting) -> None:
        self.end(before.revision_version, ChangeStatus.ROLLED_BACK, STANDING)
        self.say(f"goes back to {named(self.rollout.current)}: {before.revision_version} is given up", "rollback")

    def moved(self, base: Sighting) -> None:
        """What is new about a release that is the same as before."""
        rollout = self.rollout
        version = str(rollout.current)
        if rollout.aborted and not base.aborted:
            self.end(version, ChangeStatus.ROLLED_BACK, STANDING)
            self.say(f"{version} is aborted: {_why(rollout)}", "rollback", "abort")
        elif base.aborted and not rollout.aborted and rollout.in_flight:
            self.start(self.now)
            self.say(f"{version} starts over after it was aborted", "retry")
        elif rollout.phase is RolloutPhase.DEGRADED and base.phase is not RolloutPhase.DEGRADED:
            self.say(f"{version} is degraded: {_why(rollout)}")
        if done := _finished_steps(base, rollout):
            self.say(f"{version} is past: {', '.join(done)}")
        if base.paused and not rollout.paused and not self.let_go:
            self.say(f"{version}: the pause by hand is lifted", "resume", "rollback", "abort")
        elif _waited_for_a_person(base, rollout):
            self.say(f"{version} goes on: it was promoted", "resume", "promote")
        if _pauses_anew(base, rollout):
            self.say(f"{version} {_pause(rollout)}", *(["pause"] if rollout.paused else []))

    def stable(self) -> None:
        version = str(self.rollout.current)
        self.end(version, ChangeStatus.SUCCEEDED, {ChangeStatus.STARTED})
        self.say(f"{named(self.rollout.current)} is stable: all of the traffic, {replicas(self.rollout)}", "rollback")

    def start(self, at: datetime) -> None:
        """The deploy that CI may have reported already; what CI knows of it stays."""
        rollout = self.rollout
        version = str(rollout.current)
        key = deploy_key(rollout.service, rollout.environment, version)
        began = Change(
            key=key,
            change=ChangeKind.DEPLOY,
            service=rollout.service,
            version=version,
            environment=rollout.environment,
            status=ChangeStatus.STARTED,
            at=at,
            source=CLUSTER,
        )
        before = self.changes.get(key)
        if before is None:
            self.changes[key] = began
        elif self.reported_whole(before, at):
            self.changes[key] = replace(before, version=version, status=ChangeStatus.STARTED, at=min(before.at, at))
        elif before.status not in ENDED or before.at >= at:
            self.changes[key] = replace(before, version=version, at=min(before.at, at))
        else:
            self.changes[key] = replace(before, version=version, status=ChangeStatus.STARTED, at=at)

    def reported_whole(self, change: Change, at: datetime) -> bool:
        """CI has called it done when it had handed it over, and the cluster begins only now; it was not stable yet."""
        done = change.source != CLUSTER and change.status is ChangeStatus.SUCCEEDED and at - change.at < HANDED_OVER
        version = str(self.rollout.current)
        return done and not any(s.version == version and s.at >= change.at for s in self.known.stables)

    def end(self, version: str, status: ChangeStatus, of: frozenset[ChangeStatus] | set[ChangeStatus]) -> None:
        key = deploy_key(self.rollout.service, self.rollout.environment, version)
        change = self.changes.get(key)
        if change and change.status in of:
            self.changes[key] = replace(change, status=status)


def _at_its_beginning(sighting: Sighting) -> Sighting:
    """Nothing of a release has been seen yet."""
    return replace(sighting, phase=RolloutPhase.PROGRESSING, step=0, weight=0, paused=False, aborted=False)


def _why(rollout: Rollout) -> str:
    return clip(one_line(rollout.message), 200) or "the cluster does not say why"


def _finished_steps(base: Sighting, rollout: Rollout) -> list[str]:
    """Such as an analysis. A step of weight or waiting is no news of its own."""
    if rollout.aborted or not rollout.in_flight:
        return []
    return [step for step in rollout.steps[base.step : rollout.step] if not step.startswith(QUIET)]


def _waited_for_a_person(base: Sighting, rollout: Rollout) -> bool:
    """It stood at a step that ends only when somebody promotes, and has left it."""
    stood = base.phase is RolloutPhase.PAUSED and base.step < rollout.step and base.step < len(rollout.steps)
    return stood and "until" in rollout.steps[base.step] and rollout.in_flight


def _pauses_anew(base: Sighting, rollout: Rollout) -> bool:
    if rollout.phase is not RolloutPhase.PAUSED:
        return False
    return base.phase is not RolloutPhase.PAUSED or base.step != rollout.step or (rollout.paused and not base.paused)


def _pause(rollout: Rollout) -> str:
    """ "pauses at 20 % of the traffic: step 2 of 5 (pause 5m), until 12:05"."""
    where = f"pauses at {rollout.weight} % of the traffic"
    if rollout.paused:
        return f"{where}: by hand"
    why = ", ".join(filter(None, [step_in_words(rollout) or rollout.waiting or _why(rollout), rollout.analysis]))
    until = f", until {clock(rollout.goes_on_at)}" if rollout.goes_on_at else ""
    return f"{where}: {why}{until}"


# ---------------------------------------------------------------- who hears of it


def _news(told: _Told, rollout: Rollout, known: Known, policy: Policy, now: datetime) -> Decision:
    """On the timeline of each open incident of the service and of its neighbours; what begins, in its channel too."""
    moved = {key: change for key, change in told.changes.items() if change != known.changes.get(key)}
    begun = [change for key, change in moved.items() if news.begins(change, known.changes.get(key))]
    changed = tuple(moved.values())
    decision = Decision(save=changed)
    for incident in known.incidents:
        near = _concerns(rollout, incident, policy)
        if _is_on_card(rollout, incident, known, near=near):
            decision += Decision(do=(PostCard(incident.id, due=now + CARDS),))
        if not near:
            continue
        source = changed[0].url or "" if changed else ""
        lines = tuple(_entry(incident, at, text, source) for at, text in told.lines)
        suspects = (NameSuspects(incident.id),) if changed else ()
        card = (PostCard(incident.id),) if lines or changed else ()
        decision += Decision(note=lines, do=(*suspects, *card))
        decision += news.told(incident, begun, known.minutes.get(incident.id), now)
    shown = [i for i in known.private if _is_on_card(rollout, i, known, near=_concerns(rollout, i, policy))]
    return decision + Decision(do=tuple(PostCard(incident.id, due=now + CARDS) for incident in shown))


def _is_on_card(rollout: Rollout, incident: Incident, known: Known, *, near: bool) -> bool:
    """While it is under way, and as it ends; what was acted on in the incident stays there."""
    before = known.before
    going = rollout.in_flight or (before is not None and before.revision != before.stable)
    return (near and going) or any(request.incident == incident.id for request in known.requests)


def _concerns(rollout: Rollout, incident: Incident, policy: Policy) -> bool:
    return news.near(rollout.service, rollout.environment, incident, policy)


def _entry(incident: Incident, at: datetime, text: str, source: str) -> Entry:
    return Entry(incident=incident.id, at=at, kind=EntryKind.CHANGE, by=CLUSTER, text=text, source=source)
