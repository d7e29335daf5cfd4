"""Drills: a story is played on a stage of its own, and scored by what the timeline says that people did.

The environment of a drill's incident is its stage, which nothing else has. So what is kept by service and environment
stays apart by itself: no real alert, gate, hold or rollout is the drill's, and none of the drill's is real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.cards.debrief import debrief_card
from bot.commands import nearest
from bot.decision import Decision, FurnishChannel, NameSuspects, PlayDrill, PostCard, SendPost
from bot.errors import Refused
from bot.incidents import CHANNEL, channel_name, ended, must_be_open, open_, refresh
from bot.model import (
    BOT,
    Aim,
    Alert,
    Change,
    Debrief,
    Drill,
    Entry,
    EntryKind,
    Goal,
    Incident,
    Phase,
    Post,
    Role,
    Severity,
    Story,
    Verb,
    rollout_id,
    stage_of,
)
from bot.policy import Policy
from bot.positions import TITLES
from bot.text import brief, code, mention
from bot.timeline import claims
from bot.twins import deploy_key

LOOK = timedelta(seconds=5)  # between two looks at the stage
LOST = timedelta(seconds=30)  # a stage that does not answer for so long is gone
LASTS = timedelta(minutes=60)
WELL = 0.01  # of requests that fail; fewer are as ever
SOURCE = "drill"  # of its alerts
BEGAN, SHOWN, RECOVERED = "began", "shown", "recovered"  # what an entry of the drill's own is of
REFUSED, PRETENDED = "refused", "pretended"  # lines that were not done; the second because it is a drill
SAID = 300  # characters of a refused line


@dataclass(frozen=True, kw_only=True)
class Signal:
    """An alert that fires on the stage."""

    title: str
    severity: str
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenery:
    """What is to be seen on a stage. `deploys`: all that its CI has told. `errors`: the part of requests that fail."""

    alerts: tuple[Signal, ...] = ()
    deploys: tuple[Change, ...] = ()
    errors: Mapping[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- asked for


def find(stories: Sequence[Story], words: str) -> Story:
    """Raises Refused."""
    name = words.strip().lower()
    for story in stories:
        if story.name == name and story.why_not:
            raise Refused(f"{code(name)} is no drill: {brief(story.why_not, 200)}.", instead="/incident drill")
        if story.name == name:
            return story
    names = [story.name for story in stories if not story.why_not]
    close = next((known for known in names if known.startswith(name)), "") or nearest(name, names)
    raise Refused(f"There is no drill {code(words, 60)}.", instead=f"/incident drill {close}".rstrip())


def begin(story: Story, running: Drill | None, number: int, by: str, policy: Policy, now: datetime) -> Decision:
    """One at a time. Its stage is set before anything happens. Raises Refused."""
    if running is not None:
        raise Refused(
            f"{running.id} is a drill that {mention(running.by)} plays; one at a time. Nothing was changed.",
            instead="/incident drill stop",
        )
    stage = stage_of(f"INC-{number}")
    decision = open_(
        number,
        story.title,
        story.service,
        stage,
        Severity.SEV2,
        policy,
        now,
        by=by,
        group=rollout_id(story.service, stage),
        drill=story.name,
    )
    incident = next(noun for noun in decision.save if isinstance(noun, Incident))
    drill = Drill(
        id=incident.id, story=story.name, title=story.title, service=story.service, acts=story.acts, by=by, at=now
    )
    name = channel_name(incident, policy.channel_prefix)
    line = _line(incident.id, BEGAN, now, f"drill {story.name} begins: nothing here is real", by)
    return decision + Decision(
        save=(drill,),
        note=(line,),
        do=(PlayDrill(incident.id),),
        say=f"{incident.id} is a *drill*, {brief(story.title, 100)}. I am opening #{name} and will invite you. "
        "Nobody is paged, nothing real is touched; `/incident drill stop` ends it.",
    )


def stop(incident: Incident, by: str, now: datetime) -> Decision:
    """Somebody ends it before its time. Raises Refused."""
    must_be_open(incident)
    return over(incident, "stopped", by, now) + Decision(say=f"{incident.id} is over. The debrief follows.")


def over(incident: Incident, why: str, by: str, now: datetime) -> Decision:
    """It ends, and is debriefed."""
    done = replace(incident, phase=Phase.RESOLVED, resolved_at=now, next_update_at=None)
    text = f"{incident.phase} → {done.phase}: the drill is over: {why}"
    return Decision(
        save=(done,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text),),
        do=(*refresh(done), *ended(done)),
    )


def refused(incident: Incident, line: str, why: str, by: str, now: datetime, *, right: bool = False) -> Decision:
    """A line that was not done is a part of the score. `right`: in a real incident it would have been done."""
    what, text = (PRETENDED, "would have done") if right else (REFUSED, "was refused")
    return Decision(note=(_line(incident.id, what, now, f"{text} {line[:SAID]}: {why[:SAID]}", by),))


# ---------------------------------------------------------------- on the stage


def begun(drill: Drill, incident: Incident, address: str, now: datetime) -> Decision:
    """The stage is set: people are told what is normal, and wait."""
    text = (
        f"*{brief(drill.title, 100)}*. A pretend {code(drill.service)} serves pretend customers, and all is well. "
        f"`/rollout show {drill.called}` here shows it. Act as you would: take a role, stop the harm, tell people. "
        "`/incident resolve` when it is over."
    )
    return _post(incident, "stage", text) + Decision(
        save=(replace(drill, address=address, seen_at=now),), do=(PlayDrill(drill.id, due=now),)
    )


def shipped(drill: Drill, seen: Scenery) -> tuple[Change, ...]:
    """What its CI has told since the last look; where it thinks that it is, is no business of the drill's."""
    stage = stage_of(drill.id)
    return tuple(
        replace(told, environment=stage, key=deploy_key(told.service, stage, told.version))
        for told in seen.deploys[drill.heard :]
    )


def looked(drill: Drill, incident: Incident, known: Sequence[Alert], seen: Scenery, now: datetime) -> Decision:
    """What is new on the stage since the last look."""
    if now - drill.at >= LASTS:
        return over(incident, "its hour is up", BOT, now)
    decision = _fired(incident, known, seen, now) + _cleared(incident, known, seen, now)
    after = replace(drill, seen_at=now) if drill.seen_at is None or now - drill.seen_at >= LOST / 3 else drill
    after = replace(after, heard=max(drill.heard, len(seen.deploys)))
    if seen.alerts and not drill.shown_at:
        after, decision = replace(after, shown_at=now), decision + _shown(incident, seen.alerts[0], now)
    well = not seen.alerts and seen.errors.get(drill.service, 1.0) < WELL
    if drill.shown_at and not drill.recovered_at and well:
        after, decision = replace(after, recovered_at=now), decision + _recovered(incident, drill, seen, now)
    kept = Decision(save=(after,)) if after != drill else Decision()
    return kept + decision + Decision(do=(_again(drill, now),))


def is_lost(drill: Drill, now: datetime) -> bool:
    return now - (drill.seen_at or drill.at) >= LOST


def unseen(drill: Drill, incident: Incident, now: datetime) -> Decision:
    """A stage lives as long as the process that set it: where that has ended, so has the drill."""
    if not is_lost(drill, now):
        return Decision(do=(_again(drill, now),))
    text = (
        "The stage is gone: the bot that had set it is gone, or was started anew. "
        "The drill ends here; nothing real was touched."
    )
    return _post(incident, "gone", text) + over(incident, "its stage is gone", BOT, now)


def not_set(incident: Incident, why: str, now: datetime) -> Decision:
    """There will be no drill."""
    text = f"The stage could not be set: {brief(why, 300)}. The drill ends here; nothing real was touched."
    return _post(incident, "gone", text) + over(incident, "its stage could not be set", BOT, now)


def debriefed(drill: Drill, incident: Incident, entries: Sequence[Entry], title: str, now: datetime) -> Decision:
    """What went well and what to practise, once. `title` is what a commander is called here."""
    if drill.ended_at is not None:
        return Decision()
    scored = score(drill, entries, title)
    card = debrief_card(incident, scored)
    post = Post(id=f"{incident.id}/debrief", incident=incident.id, channel=CHANNEL, text=card.text, blocks=card.blocks)
    met = [goal for goal in scored.goals if goal.is_met]
    text = f"debrief: {len(met)} of {len(scored.goals)} goals met, {len(scored.refused)} lines refused"
    return Decision(
        save=(replace(drill, ended_at=now), post),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, text=text),),
        do=(SendPost(post.id), PlayDrill(drill.id)),
    )


def _again(drill: Drill, now: datetime) -> PlayDrill:
    return PlayDrill(drill.id, due=now + LOOK)


def _fired(incident: Incident, known: Sequence[Alert], seen: Scenery, now: datetime) -> Decision:
    firing = {alert.title for alert in known if alert.firing}
    decision = Decision()
    for signal in seen.alerts:
        if signal.title not in firing:
            alert = Alert(
                key=f"{incident.environment}/{signal.title}",
                group=incident.group,
                title=signal.title,
                severity=signal.severity,
                service=incident.service,
                environment=incident.environment,
                firing=True,
                starts_at=now,
                source=SOURCE,
                incident=incident.id,
            )
            decision += _told(alert, f"{alert.title} fired", now)
    return decision


def _cleared(incident: Incident, known: Sequence[Alert], seen: Scenery, now: datetime) -> Decision:
    fires = {signal.title for signal in seen.alerts}
    gone = [replace(alert, firing=False, ends_at=now) for alert in known if alert.firing and alert.title not in fires]
    return sum((_told(alert, f"{alert.title} cleared", now) for alert in gone), Decision())


def _told(alert: Alert, text: str, now: datetime) -> Decision:
    line = Entry(incident=alert.incident, at=now, kind=EntryKind.ALERT, by=SOURCE, text=text)
    return Decision(save=(alert,), note=(line,), do=(PostCard(alert.incident),))


def _shown(incident: Incident, signal: Signal, now: datetime) -> Decision:
    words = f":rotating_light: {code(signal.title)} fires: {brief(signal.summary, 200)}. The clock runs."
    hurt = Decision(
        save=(replace(incident, onset_at=now),),
        note=(_line(incident.id, SHOWN, now, "customers are hurt from here on; the clock of the drill runs"),),
        do=(NameSuspects(incident.id), FurnishChannel(incident.id)),
    )
    return hurt + _post(incident, SHOWN, words)


def _recovered(incident: Incident, drill: Drill, seen: Scenery, now: datetime) -> Decision:
    ratio = f"{seen.errors[drill.service]:.1%}"
    words = (
        f":white_check_mark: Recovered, and proven: {ratio} of the requests to {code(drill.service)} fail, no alert "
        "fires. `/incident resolve` ends the drill with its debrief."
    )
    line = _line(incident.id, RECOVERED, now, f"recovered: {ratio} of requests fail, no alert fires")
    return _post(incident, RECOVERED, words) + Decision(note=(line,), do=(PostCard(incident.id),))


def _post(incident: Incident, name: str, text: str) -> Decision:
    post = Post(id=f"{incident.id}/drill/{name}", incident=incident.id, channel=CHANNEL, text=text)
    return Decision(save=(post,), do=(SendPost(post.id),))


def _line(id: str, what: str, now: datetime, text: str, by: str = BOT) -> Entry:
    return Entry(incident=id, at=now, kind=EntryKind.NOTE, by=by, text=text, source=f"{id}/drill/{what}")


# ---------------------------------------------------------------- scored


def score(drill: Drill, entries: Sequence[Entry], title: str = TITLES[Role.COMMANDER]) -> Debrief:
    """By the timeline alone, from the first alert on; what was done before it took no time at all.

    The goals: facts of the field say that a commander is there in two minutes and that people hear in five; harm that
    is stopped in three and undone in five is over in ten.
    """
    began = _first(entries, _own(drill, SHOWN)) or _first(entries, _own(drill, BEGAN)) or drill.at
    undone, paused = _first(entries, _proven(Verb.ROLLBACK, Verb.ABORT)), _first(entries, _proven(Verb.PAUSE))
    at_once = undone is not None and paused is None  # what was undone at once need not be stopped first
    moments: list[tuple[Aim, int, datetime | None]] = [
        (Aim.COMMANDER, 2, _first(entries, _takes(title))),
        *([(Aim.PAUSED, 3, paused)] if "pause" in drill.acts and not at_once else []),
        (Aim.UPDATE, 5, _first(entries, lambda entry: entry.kind is EntryKind.UPDATE)),
        *([(Aim.BACK, 5, undone)] if "rollback" in drill.acts else []),
        (Aim.PROVEN, 10, _first(entries, _own(drill, RECOVERED))),
    ]
    took = [
        Goal(name, timedelta(minutes=n), None if at is None else max(timedelta(), at - began))
        for name, n, at in moments
    ]
    if "rollback" not in drill.acts:  # the release is not at fault: to undo it takes time, and mends nothing
        took.append(Goal(Aim.LEFT, None, None if undone else timedelta()))
    wrong = [entry for entry in entries if _own(drill, REFUSED)(entry)]
    return Debrief(title=drill.title, story=drill.story, goals=tuple(took), refused=tuple(wrong))


def _first(entries: Sequence[Entry], fits: Callable[[Entry], bool]) -> datetime | None:
    return min((entry.at for entry in entries if fits(entry)), default=None)


def _own(drill: Drill, what: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.source == f"{drill.id}/drill/{what}"


def _takes(title: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.kind is EntryKind.ROLE and claims(entry.text, title)


def _proven(*verbs: Verb) -> Callable[[Entry], bool]:
    """A request's id names its verb: INC-7/rollback/checkout/3."""
    return lambda entry: (
        entry.kind is EntryKind.ACTION
        and " proven: " in entry.text
        and entry.source.split("/")[1:2] in [[v] for v in verbs]
    )
