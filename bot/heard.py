"""What Flagger tells and does not ask: where a canary is, and how it ended. Its word proves what was ordered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.decision import Decision, SendPost
from bot.gates import OVER, TOLD, Facts, Kind, Tick, home, stranger
from bot.holds import ended, outlived
from bot.incidents import CHANNEL
from bot.model import Entry, EntryKind, Gate, Pass, Post
from bot.policy import GATES
from bot.text import code

ENDS = {
    "Failed": ":rewind: Flagger says that {what} *failed*: its traffic is back on what was promoted before.",
    "Succeeded": ":white_check_mark: Flagger says that {what} *succeeded*: it has all the traffic.",
}


def heard(tick: Tick, facts: Facts, now: datetime) -> tuple[Gate, Decision]:
    """The answer, always yes unless a stranger tells it, and what is remembered: nothing, if it is no news."""
    before = facts.seen.get(tick.gate)
    why = stranger(tick, facts.service)
    gate = Gate(
        service=facts.service.name,
        environment=facts.service.environment,
        gate=tick.gate,
        checksum=tick.checksum,
        phase=tick.phase,
        open=not why,
        why=why or "heard",
        at=now,
        version=before.version if before else 0,
    )
    if why or not tick.phase or (before and (before.checksum, before.phase) == (tick.checksum, tick.phase)):
        return gate, Decision()
    known = any((told.checksum, told.phase) == (tick.checksum, tick.phase) for told in tellings(facts))
    kept = Decision(save=(gate, *_void(gate, facts, now)))
    return gate, kept if known else kept + _let_go(gate, facts, now) + _told(gate, facts, now)


def _void(gate: Gate, facts: Facts, now: datetime) -> tuple[Pass, ...]:
    """Orders and leave of a run that is over: the same revision may come again, with the same checksum."""
    mine = [given for given in facts.passes if given.checksum == gate.checksum and given.used_at is None]
    return tuple(replace(given, until=now) for given in mine) if gate.phase in OVER else ()


def _let_go(gate: Gate, facts: Facts, now: datetime) -> Decision:
    """What people held has ended, so the next release is not theirs to hold still."""
    if gate.phase not in OVER:
        return Decision()
    why = f"Flagger says {gate.phase} of {gate.checksum or 'its release'}"
    return ended(outlived(facts.holds, now), why, home(facts), now)


def tellings(facts: Facts) -> tuple[Gate, ...]:
    """The latest news first."""
    return tuple(gate for gate in facts.seen.values() if gate.gate in TOLD)


def _told(gate: Gate, facts: Facts, now: datetime) -> Decision:
    """On the timeline; to the responders where it has ended and no cluster says so."""
    incident = home(facts)
    entry = Entry(
        at=now,
        kind=EntryKind.ACTION,
        text=f"Flagger says that {gate.called} is {gate.phase} with {gate.checksum or 'no checksum'}",
        incident=incident,
        source=gate.id,
    )
    rollout = facts.service.rollout
    if not incident or gate.phase not in ENDS or (rollout and rollout.provider != GATES):
        return Decision(note=(entry,))
    text = ENDS[gate.phase].format(what=f"{code(gate.called)} ({code(gate.checksum)})")
    order = facts.seen.get(Kind.ROLLBACK)
    if gate.phase == "Failed" and order and order.open and order.checksum == gate.checksum:
        text = f"{text} So the rollback that was ordered is *proven*."
    id = f"{incident}/heard/{gate.service}/{gate.gate}/{gate.version}"
    post = Post(id=id, incident=incident, channel=CHANNEL, text=text)
    return Decision(save=(post,), note=(entry,), do=(SendPost(post.id),))
