"""A rollout's live card: one message for each channel, kept up while something goes on, and what is worth a plot.

Whoever knows that something has happened asks for `ShowRollout(card id)`; it also looks again by itself, in case
nobody does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.cards import rollout as cards
from bot.decision import Card, Decision, PlotRollout, ShowRollout
from bot.intents import BY_HAND, INCONCLUSIVE, waits_for
from bot.model import PRODUCTION, Entry, EntryKind, Incident, LiveCard, Post, Rollout, RolloutPhase
from bot.policy import Policy
from bot.signals import KEPT_MARKS, Mark, MarkKind
from bot.text import code

NOT_SOONER = timedelta(seconds=5)  # between two edits
LOOK = timedelta(seconds=10)  # while something goes on
LOOK_SELDOM = timedelta(seconds=30)
BEGUN = timedelta(seconds=5)  # from the word of a release until the cluster shows it
QUIET = timedelta(minutes=5)  # then it is no longer kept up
BLIND = timedelta(hours=1)  # so long it waits for a cluster that does not answer
SETTLED = timedelta(seconds=20)  # until what a step did is measured
SEEN = timedelta(seconds=60)  # of a pause that waits for a person: then there are figures to decide by
DELETED = "deleted"  # who stopped it: somebody who took the message away
OF_INTEREST = ("pause", "analysis", "experiment")  # steps that take time: their ends are worth a plot


def card_id(home: str, service: str, environment: str) -> str:
    """`home`: an incident's id, or a channel's."""
    place = "" if environment == PRODUCTION else f"/{environment}"
    return f"{home}/card/{service}{place}"


def home_of(id: str) -> str:
    return id.split("/", 1)[0]


def rollout_of(id: str) -> tuple[str, str]:
    """The service and the environment of a card."""
    service, _, environment = id.split("/card/", 1)[1].partition("/")
    return service, environment or PRODUCTION


def plot_id(card: str, moment: str) -> str:
    return f"{card}/plot/{moment}"


def card_of_plot(id: str) -> tuple[str, str]:
    """Its card and its moment."""
    card, _, moment = id.rpartition("/plot/")
    return card, moment


def new(id: str, now: datetime) -> LiveCard:
    service, environment = rollout_of(id)
    return LiveCard(id=id, service=service, environment=environment, at=now, shown_at=now)


# ---------------------------------------------------------------- what people say


def watch(card: LiveCard, incident: Incident | None, by: str, now: datetime) -> Decision:
    """From now on it is kept up, also where somebody had stopped it: in its old message, if there is one."""
    going = replace(card, stopped_at=None, stopped_by="", quiet_since=None, unread_since=None)
    return Decision(
        save=(going,),
        note=_note(incident, f"shows {card.called} live in this channel", by, now),
        do=(ShowRollout(card.id),),
        say=f"{code(card.called)} is shown in this channel, in one message that is kept up while it moves.",
    )


def unwatch(card: LiveCard | None, called: str, incident: Incident | None, by: str, now: datetime) -> Decision:
    if card is None or card.stopped_by:
        return Decision(say=f"{code(called)} is not shown in this channel; nothing was changed.")
    return Decision(
        save=(replace(card, stopped_at=now, stopped_by=by),),
        note=_note(incident, f"no longer shows {called} live in this channel", by, now),
        do=(ShowRollout(card.id),),
        say=f"{code(called)} is no longer kept up in this channel. `/rollout watch {called}` shows it again.",
    )


def _note(incident: Incident | None, text: str, by: str, now: datetime) -> tuple[Entry, ...]:
    return (Entry(incident=incident.id, at=now, kind=EntryKind.ACTION, text=text, by=by),) if incident else ()


# ---------------------------------------------------------------- what the card shows


def goes_on(rollout: Rollout) -> bool:
    """Something is moving, or waits to."""
    if rollout.aborted:
        return rollout.weight > 0
    return rollout.in_flight or not rollout.observed or rollout.phase is RolloutPhase.PROGRESSING


def sleeps(card: LiveCard, rollout: Rollout) -> bool:
    """It had come to rest, and rests: nothing is to be shown anew."""
    return bool(card.stopped_at) and not goes_on(rollout)


def looked(card: LiveCard, rollout: Rollout, policy: Policy, now: datetime) -> Decision:
    """What a look at the rollout makes of its card: the new state, when to look again, and what to plot."""
    marks = tuple(_happened(card, rollout, now))
    plots = _worth_a_plot(card, marks) if policy.signals else {}
    quiet = None if goes_on(rollout) else card.quiet_since or now
    ends = quiet is not None and now - quiet >= QUIET
    after = replace(
        card,
        quiet_since=quiet,
        unread_since=None,
        stopped_at=now if ends else None,
        revision=rollout.current.hash,
        stable=rollout.stable.hash if rollout.stable else "",
        step=rollout.step,
        held=waits_for(rollout),
        aborted=rollout.aborted,
        marks=(*card.marks, *map(str, marks))[-KEPT_MARKS:],
        plotted=(*card.plotted, *plots)[-KEPT_MARKS:],
    )
    draw = tuple(PlotRollout(plot_id(card.id, moment), due=now + wait) for moment, wait in plots.items())
    again = () if ends else (ShowRollout(card.id, due=now + (LOOK if quiet is None else LOOK_SELDOM)),)
    return Decision(save=(after,), do=(*draw, *again))


def face(card: LiveCard, rollout_card: Card, now: datetime) -> Card:
    """The card of a rollout with a last line that says whether it is kept up."""
    return cards.with_footer(rollout_card, cards.rested(card.called, now) if card.stopped_at else cards.LIVE)


def unread(card: LiveCard, post: Post, why: str, now: datetime) -> tuple[Decision, Card]:
    """The cluster does not answer: what stands there stays, with a line that says how old it is."""
    since = card.unread_since or now
    ends = now - since >= BLIND
    after = replace(card, unread_since=since, stopped_at=now if ends else None)
    again = () if ends else (ShowRollout(card.id, due=now + LOOK_SELDOM),)
    return Decision(save=(after,), do=again), _refooted(post, cards.stale(since, why))


def stopped(card: LiveCard, post: Post) -> Card:
    """Somebody wants no more of it: the last line says so."""
    return _refooted(post, cards.rested(card.called, card.stopped_at or card.shown_at))


def _refooted(post: Post, footer: str) -> Card:
    return cards.with_footer(Card(text=post.text, blocks=post.blocks[:-1]), footer)


# ---------------------------------------------------------------- what has happened


def _happened(card: LiveCard, rollout: Rollout, now: datetime) -> Iterator[Mark]:
    """The marks since the card was last shown."""
    hash, version = rollout.current.hash, str(rollout.current)
    if card.revision == hash and card.stable != hash and rollout.stable and not rollout.in_flight:
        yield Mark(at=now, kind=MarkKind.FINISH, text=f"{version} is stable", moment=f"{hash}-finished")
    elif card.revision and card.stable == hash != card.revision and not rollout.in_flight:
        yield Mark(at=now, kind=MarkKind.ABORT, text=f"back to {version}", moment=f"{card.revision}-aborted")
    elif rollout.in_flight:
        yield from _in_flight(card, rollout, now)


def _in_flight(card: LiveCard, rollout: Rollout, now: datetime) -> Iterator[Mark]:
    hash, version = rollout.current.hash, str(rollout.current)
    before = card
    if not card.revision:  # what was before the first look is not known
        before = replace(card, step=rollout.step, aborted=rollout.aborted)
        yield Mark(at=now, kind=MarkKind.BEGIN, text=f"{version} is under way")
    elif card.revision != hash:
        before = replace(card, step=0, held="", aborted=False)
        yield Mark(at=now, kind=MarkKind.BEGIN, text=f"{version} begins")
    if rollout.aborted:
        if not before.aborted:
            yield Mark(at=now, kind=MarkKind.ABORT, text=f"{version} is aborted", moment=f"{hash}-aborted")
        return
    for number in range(before.step, rollout.step):
        yield Mark(at=now, kind=MarkKind.STEP, text=rollout.steps[number], moment=_moment(rollout, number))
    held = waits_for(rollout)
    if held and (held != before.held or rollout.step != before.step):
        by_person = rollout.for_person or held in INCONCLUSIVE
        text = "paused by hand" if held == BY_HAND else _resting(rollout)
        moment = f"{hash}-{rollout.step}" if by_person and held != BY_HAND else ""
        yield Mark(at=now, kind=MarkKind.PAUSE, text=text, moment=moment)


def _moment(rollout: Rollout, step: int) -> str:
    return f"{rollout.current.hash}-{step}" if rollout.steps[step].startswith(OF_INTEREST) else ""


def _resting(rollout: Rollout) -> str:
    return rollout.steps[rollout.step] if rollout.step < len(rollout.steps) else "paused"


def _worth_a_plot(card: LiveCard, marks: tuple[Mark, ...]) -> dict[str, timedelta]:
    """Moment → how long to wait. Each has one plot; of several at once the last shows what the others would."""
    fresh = [mark for mark in marks if mark.moment and mark.moment not in card.plotted]
    return {mark.moment: SEEN if mark.kind is MarkKind.PAUSE else SETTLED for mark in fresh[-1:]}
