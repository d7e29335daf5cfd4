"""Gates: a controller asks before it moves. Open or closed, and why; leave given, and orders to roll back.

Whatever holds a gate holds it by itself: it is open when nothing does, or when somebody gave leave over all that does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.decision import Decision, SendPost
from bot.errors import Refused
from bot.freezes import standing, where
from bot.glass import FLAG
from bot.incidents import CHANNEL
from bot.model import BOT, Entry, EntryKind, Freeze, Gate, Hold, Incident, Pass, Post
from bot.policy import Policy, Service
from bot.text import brief, clip, clock, code, esc, is_person, one_line, plural

WHY = 500
PASS_LASTS = timedelta(minutes=30)  # some ticks of any controller: what nobody used by then is forgotten
FULL_PASS_LASTS = timedelta(hours=24)
OVER = ("Succeeded", "Failed")  # phases
FEW = 5  # freezes named in a refusal
NOBODY_ASKED = "-"  # in a line that names the revision it was reviewed on


class Kind(StrEnum):
    """What is asked. Flagger's own names, so that a URL says what it is for."""

    START = "confirm-rollout"
    INCREASE = "confirm-traffic-increase"
    PROMOTION = "confirm-promotion"
    DEPLOY = "deploy"  # a pipeline, before it ships
    ROLLBACK = "rollback"  # the one gate that is open only on order
    EVENT = "event"  # nothing is asked: Flagger tells what it does
    ENDED = "post-rollout"  # and how it ended


FORWARD = (Kind.START, Kind.INCREASE, Kind.PROMOTION, Kind.DEPLOY)
TOLD = (Kind.EVENT, Kind.ENDED)
ASKED = (*FORWARD, Kind.ROLLBACK)
FLAGGERS = tuple(kind for kind in Kind if kind is not Kind.DEPLOY)  # a pipeline has checksums of its own
UNDER_WAY = (Kind.INCREASE, Kind.PROMOTION)  # what a pause holds: a rollout stays where it is


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One question. Flagger sends all of it, a pipeline perhaps nothing but the gate."""

    gate: Kind
    checksum: str = ""
    phase: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a service when its gate is asked."""

    service: Service
    incidents: Sequence[Incident] = ()  # open ones of the service and of what it depends on
    freezes: Sequence[Freeze] = ()
    holds: Sequence[Hold] = ()  # that stand
    passes: Sequence[Pass] = ()  # not used yet
    seen: Mapping[str, Gate] = field(default_factory=dict)  # by gate, the latest news first


@dataclass(frozen=True)
class Closer:
    """One thing that holds a gate: what it is, and a sentence of plain text."""

    id: str
    text: str


# ---------------------------------------------------------------- the truth


def near(service: Service, policy: Policy) -> tuple[str, ...]:
    """The services whose incidents close the gates of this one."""
    return (service.name, *(service.depends_on if policy.gates_follow_dependencies else ()))


def closers(gate: Kind, facts: Facts, policy: Policy, now: datetime) -> tuple[Closer, ...]:
    """All that holds a gate that leads forward; each would do so alone."""
    return (*_incidents(facts, policy), *_freezes(facts, now), *(_holds(facts) if gate in UNDER_WAY else ()))


def _incidents(facts: Facts, policy: Policy) -> Iterator[Closer]:
    services = near(facts.service, policy)
    for incident in facts.incidents:
        here = incident.service in services and incident.environment == facts.service.environment
        severe = policy.closes_gates_at is not None and incident.severity <= policy.closes_gates_at
        if incident.is_open and here and severe:
            # The severity is part of it: leave that was given over a SEV2 is none for a SEV1.
            name = "an incident" if incident.private else f"{incident.id} ({incident.severity})"
            yield Closer(f"{incident.id}/{incident.severity}", f"{name} is open for {incident.service}")


def _freezes(facts: Facts, now: datetime) -> Iterator[Closer]:
    for freeze in standing(facts.freezes, facts.service.name, facts.service.environment, now):
        scope, until = where(freeze.scope), clock(freeze.until)
        yield Closer(freeze.id, f"{freeze.id} freezes {scope} until {until} UTC: {one_line(freeze.reason)}")


def _holds(facts: Facts) -> Iterator[Closer]:
    for hold in facts.holds:
        if hold.lifted_at is None:
            who = "a person" if is_person(hold.holder) else hold.holder
            yield Closer(
                f"{hold.id}/{hold.at:%Y%m%dT%H%M%S}",
                f"paused by {who}" + (f": {one_line(hold.why)}" if hold.why else ""),
            )


def leave(tick: Tick, facts: Facts, against: Sequence[Closer], now: datetime) -> Pass | None:
    """Leave that covers all that holds the gate now. What closed it later was not known when it was given."""
    ids = {closer.id for closer in against}
    fits = [
        given
        for given in facts.passes
        if given.gate == tick.gate
        and given.checksum in ("", tick.checksum)
        and given.used_at is None
        and now < given.until
        and ids <= set(given.over)
    ]
    return min(fits, key=lambda given: given.once, default=None)  # leave for one call is kept where more was given


def order(tick: Tick, facts: Facts, now: datetime) -> Pass | None:
    """An order to roll back this very revision."""
    fits = (
        given
        for given in facts.passes
        if given.gate == Kind.ROLLBACK
        and given.checksum == tick.checksum
        and given.used_at is None
        and now < given.until
    )
    return next(fits, None)


def stranger(tick: Tick, service: Service) -> str:
    """Who asks is not whom this gate is for: a copied URL. "" where all is well, or nothing is known."""
    target = service.rollout
    if target is None or tick.gate is Kind.DEPLOY:
        return ""
    wrong = (tick.name and tick.name != target.name) or (
        tick.namespace and target.namespace and tick.namespace != target.namespace
    )
    if not wrong:
        return ""
    asks, mine = f"{tick.namespace}/{tick.name}", f"{target.namespace or '*'}/{target.name}"
    return f"{asks} asks, but this is the gate of {mine}: give each canary the URLs of its own service"


# ---------------------------------------------------------------- asked


def asked(tick: Tick, facts: Facts, policy: Policy, now: datetime) -> tuple[Gate, Decision]:
    """The answer, and what is to be remembered before it is given: nothing, if nothing is new.

    Leave for one call and orders are used up in the same commit, so of two replicas one answers yes.
    """
    before = facts.seen.get(tick.gate)
    if why := stranger(tick, facts.service):
        return _gate(tick, facts, False, why, before, now), Decision()
    used, open_, why = _answer(tick, facts, policy, now)
    gate = _gate(tick, facts, open_, why, before, now)
    if used is None and before and _same(gate, before):
        return before, Decision()
    decision = Decision(save=(gate,), note=(_note(gate, before, used, facts, now),))
    if used is not None:
        decision += Decision(save=(replace(used, used_at=now),))
    if tick.gate is Kind.ROLLBACK:
        decision += _told(gate, before, facts)
    return gate, decision


def _answer(tick: Tick, facts: Facts, policy: Policy, now: datetime) -> tuple[Pass | None, bool, str]:
    """The leave that is used up, whether it is open, and why."""
    if tick.gate is Kind.ROLLBACK:
        given = order(tick, facts, now)
        return given, given is not None, "told to roll back" if given else "nobody ordered a rollback"
    against = closers(tick.gate, facts, policy, now)
    if not against:
        return None, True, "nothing holds it"
    why = "; ".join(closer.text for closer in against)
    pass_ = leave(tick, facts, against, now)
    if pass_ is None:
        return None, False, why
    return (pass_ if pass_.once else None), True, f"leave was given, although {why}"


def _gate(tick: Tick, facts: Facts, open_: bool, why: str, before: Gate | None, now: datetime) -> Gate:
    return Gate(
        service=facts.service.name,
        environment=facts.service.environment,
        gate=tick.gate,
        checksum=tick.checksum,
        phase=tick.phase,
        open=open_,
        why=clip(why, WHY),
        at=now,
        version=before.version if before else 0,
    )


def _same(gate: Gate, before: Gate) -> bool:
    return replace(gate, at=before.at) == before


def _note(gate: Gate, before: Gate | None, used: Pass | None, facts: Facts, now: datetime) -> Entry:
    of = f" for {gate.checksum}" if gate.checksum else ""
    phase = f" ({gate.phase})" if gate.phase else ""
    if used:
        text = f"gate {gate.gate} of {gate.called} opens once{of}{phase}: {gate.why}"
    elif before and (before.open, before.why) == (gate.open, gate.why):
        text = f"{gate.called} asks at gate {gate.gate}{of}{phase}"
    else:
        text = f"gate {gate.gate} of {gate.called} is {'open' if gate.open else 'closed'}{of}{phase}: {gate.why}"
    return Entry(
        at=now,
        kind=EntryKind.ACTION,
        text=text,
        by=used.by if used else BOT,
        incident=home(facts),
        source=used.id if used else gate.id,
    )


def _told(gate: Gate, before: Gate | None, facts: Facts) -> Decision:
    """The responders read when the order was taken, and when its controller asks again as if it had not been."""
    incident = home(facts)
    again = bool(before and before.open and not gate.open and before.checksum == gate.checksum)
    if not incident or not (gate.open or again):
        return Decision()
    text = f":rewind: {code(gate.called)} asked and was told to roll back {code(gate.checksum)}."
    if again:
        text = (
            f":warning: {code(gate.called)} was told to roll back {code(gate.checksum)} and asks again "
            f"({brief(gate.phase or 'no phase', 40)}): the answer may have been lost. Look, and order it again: "
            f"`/rollout rollback {gate.called}`."
        )
    post = Post(id=f"{incident}/gate/{gate.service}/{gate.version}", incident=incident, channel=CHANNEL, text=text)
    return Decision(save=(post,), do=(SendPost(post.id),))


def home(facts: Facts) -> str:
    """The incident on whose timeline it goes: the newest open one of this service."""
    mine = (i.id for i in facts.incidents if i.is_open and i.service == facts.service.name and not i.private)
    return next(mine, "")


# ---------------------------------------------------------------- steered by people


def latest(facts: Facts, gates: Collection[Kind] = FORWARD) -> Gate | None:
    """The gate with the latest news."""
    return next((seen for seen in facts.seen.values() if seen.gate in gates), None)


def revision(facts: Facts, verb: str) -> str:
    """The revision that it would be done to, for a line that is bound to it: a pipeline is let on, but never back."""
    seen = latest(facts, FORWARD if verb == "promote" else FLAGGERS)
    return seen.checksum or NOBODY_ASKED if seen else NOBODY_ASKED


def must_be_at(facts: Facts, verb: str, reviewed: str) -> None:
    """Raises Refused where another revision asks than the one that was looked at."""
    asks = revision(facts, verb)
    if asks != reviewed:
        raise Refused(
            f"{code(facts.service.called)} was at {code(reviewed)} when you looked, and now {code(asks)} "
            "asks. Nothing was changed.",
            instead=f"/rollout show {facts.service.called}",
        )


def pause(facts: Facts, before: Hold | None, why: str, by: str, now: datetime) -> Decision:
    """Close what leads forward; metrics, and rolling back by itself, go on. `before`: an earlier hold of theirs."""
    service = facts.service
    if before and before.lifted_at is None:
        raise Refused(f"{code(service.called)} is held by you already.", instead=f"/rollout resume {service.called}")
    hold = Hold(
        id=f"{service.name}/{service.environment}/{by}",
        service=service.name,
        environment=service.environment,
        holder=by,
        why=clip(one_line(why), 300),
        at=now,
        version=before.version if before else 0,
    )
    return Decision(
        save=(hold,),
        note=(_entry(facts, now, f"holds {service.called}: gates {' and '.join(UNDER_WAY)} are closed", by, hold.id),),
        say=f":double_vertical_bar: {code(service.called)} is held where it is: its gates answer no from now on. Its "
        f"metrics are still checked, and it still rolls back by itself. `/rollout resume {service.called}` lifts it.",
    )


def resume(facts: Facts, policy: Policy, *, by: str, now: datetime) -> Decision:
    """Lift what people hold; what else holds it is said."""
    service = facts.service
    mine = [hold for hold in facts.holds if hold.lifted_at is None and is_person(hold.holder)]
    if not mine:
        raise Refused(f"Nobody holds {code(service.called)}.{_rest(facts, policy, now)}", instead=_show(service))
    lifted = tuple(replace(hold, lifted_at=now, lifted_by=by) for hold in mine)
    left = replace(facts, holds=[hold for hold in facts.holds if hold not in mine])
    return Decision(
        save=lifted,
        note=tuple(_entry(facts, now, f"lifts the hold of {service.called}", by, hold.id) for hold in lifted),
        say=f":arrow_forward: {code(service.called)} is no longer held by anybody.{_rest(left, policy, now)}",
    )


def _rest(facts: Facts, policy: Policy, now: datetime) -> str:
    against = closers(Kind.PROMOTION, facts, policy, now)
    if not against:
        return " Its gates are open: it goes on at its next tick."
    return f" Its gates stay closed: {esc('; '.join(closer.text for closer in against))}."


def promote(
    facts: Facts,
    policy: Policy,
    *,
    full: bool,
    by: str,
    number: int,
    now: datetime,
    broken_glass: str = "",
    at: str = "",
) -> Decision:
    """Leave for the one next tick of the gate that waits, or for all of this revision. `number` makes ids unique.

    Raises Refused under a freeze, which is for whoever froze it to end, unless the glass is broken with a reason.
    """
    service = facts.service
    seen = facts.seen.get(at) if at else latest(facts)
    if seen is None:
        raise Refused(
            f"Nobody has asked at a gate of {code(service.called)} yet.", instead=f"/rollout gates {service.called}"
        )
    gates = FORWARD[:3] if full and seen.gate != Kind.DEPLOY else (Kind(seen.gate),)
    if not broken_glass:
        _must_be_thawed(facts, " --full" if full else "", now)
    passes: list[Pass] = []
    for offset, gate in enumerate(gates):
        given = _pass(facts, gate, seen.checksum, by, number + offset, now, once=not full)
        passes.append(replace(given, over=tuple(closer.id for closer in closers(gate, facts, policy, now))))
    if not any(given.over for given in passes):
        raise Refused(
            f"Nothing holds {code(service.called)}: it goes on by itself at its next tick.", instead=_show(service)
        )
    tick = Tick(gate=Kind(seen.gate), checksum=seen.checksum)
    if leave(tick, facts, closers(tick.gate, facts, policy, now), now):
        raise Refused(
            f"Leave for {code(seen.gate)} was given already and nobody has come for it yet.", instead=_show(service)
        )
    what = "all the way" if full else f"once at {seen.gate}"
    of = seen.checksum or "whatever asks"
    broke = f", breaking the glass: {broken_glass}" if broken_glass and frozen(facts, now) else ""
    return Decision(
        save=tuple(passes),
        note=(_entry(facts, now, f"lets {service.called} go on {what}, for {of}{broke}", by, passes[0].id),),
        say=f":fast_forward: {code(service.called)} may go on {esc(what)}, for {code(of)} only. It does so when it "
        "asks next. Whatever closes the gate from now on closes it all the same.",
    )


def frozen(facts: Facts, now: datetime) -> tuple[str, ...]:
    """The freezes that only broken glass goes over, as plain text."""
    return tuple(closer.text for closer in _freezes(facts, now))


def _must_be_thawed(facts: Facts, flags: str, now: datetime) -> None:
    standing_ones = list(_freezes(facts, now))
    if standing_ones:
        all_of_them = ". ".join(brief(freeze.text, 500) for freeze in standing_ones[:FEW])
        more = f". {plural(len(standing_ones) - FEW, 'more freeze')} besides" if len(standing_ones) > FEW else ""
        raise Refused(
            f"{all_of_them}{more}. Nothing was changed. Where that cannot wait, break the glass: "
            f'`/rollout promote {facts.service.called}{flags} {FLAG} "why"`.',
            instead=f"/rollout thaw {standing_ones[0].id}",
        )


def rollback(facts: Facts, *, by: str, number: int, now: datetime) -> Decision:
    """An order that the gate `rollback` answers once, for the revision that asked last."""
    service = facts.service
    seen = latest(facts, FLAGGERS)
    if seen is None:
        raise Refused(
            f"Nobody has asked at a gate of {code(service.called)} yet, so nobody would hear the order.",
            instead=f"/rollout gates {service.called}",
        )
    if seen.gate in TOLD and seen.phase in OVER:
        raise Refused(
            f"{code(service.called)} ({code(seen.checksum)}) is over: Flagger says {seen.phase}, and "
            "hears no order then. "
            "To go back from what is promoted, deploy the version before.",
            instead=_show(service),
        )
    if order(Tick(gate=Kind.ROLLBACK, checksum=seen.checksum), facts, now):
        raise Refused(
            f"A rollback of {code(service.called)} is ordered already; it has not asked since.", instead=_show(service)
        )
    given = _pass(facts, Kind.ROLLBACK, seen.checksum, by, number, now, once=True)
    doubt = deaf(facts, seen)
    return Decision(
        save=(given,),
        note=(
            _entry(
                facts, now, f"orders the rollback of {service.called}, {seen.checksum or 'any revision'}", by, given.id
            ),
        ),
        say=f":rewind: The rollback of {code(service.called)} ({code(seen.checksum)}) is ordered. Nothing has happened "
        f"yet: it is told so when it asks next, within one analysis interval.{f' :warning: {doubt}' if doubt else ''}",
    )


def deaf(facts: Facts, seen: Gate) -> str:
    """Why an order to roll back may not be heard soon; "" where nothing speaks against it."""
    if Kind.ROLLBACK not in facts.seen:
        return f"{code(facts.service.called)} has never asked at its gate `rollback`: is that webhook configured?"
    if seen.phase == "Waiting":
        return "In phase Waiting Flagger does not ask whether to roll back: nothing has started yet."
    return ""


def _pass(facts: Facts, gate: Kind, checksum: str, by: str, number: int, now: datetime, *, once: bool) -> Pass:
    service = facts.service
    return Pass(
        id=f"{service.name}/{service.environment}/{gate}/{number}",
        service=service.name,
        environment=service.environment,
        gate=gate,
        checksum=checksum,
        once=once,
        by=by,
        at=now,
        until=now + (PASS_LASTS if once else FULL_PASS_LASTS),
    )


def _entry(facts: Facts, now: datetime, text: str, by: str, source: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, by=by, incident=home(facts), source=source)


def _show(service: Service) -> str:
    return f"/rollout show {service.called}"
