"""What senders posted becomes facts, once, in one commit; what is not understood is kept for a replay."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot import hearing
from bot.decision import Decision
from bot.errors import Refused
from bot.hearing import Odd
from bot.model import BOT, Alert, Change, Entry, EntryKind, Unparsed, VendorStatus
from bot.text import clock
from handlers import alerts, changes, heartbeats, vendors
from handlers.intake import Delivery, Fact, Source
from handlers.intake.fields import Malformed, Partly
from handlers.intake.sender import plain_headers
from handlers.world import Think, World
from storage.store import Tx

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The facts of one request, the id that the same request would bear again, "" if none, and who sent it."""

    facts: tuple[Fact, ...]
    request: str = ""
    source: str = ""
    left_out: int = 0  # alerts that the sender says it has not sent
    odd: Odd | None = None  # those items of it that were not understood


def understand(source: Source, delivery: Delivery) -> Batch:
    """Raises Malformed. A bug in a parser is one too: the request must not be lost by it."""
    odd: Odd | None = None
    try:
        try:
            facts = tuple(source.sender.parse(delivery))
        except Partly as partly:
            facts, odd = tuple(partly.facts), _odd(source, partly.rest, plain_headers(delivery.headers), str(partly))
            odd = replace(odd, unread=partly.unread, listed=partly.listed)
        id, left_out = source.sender.delivery(delivery), source.sender.left_out(delivery)
    except Malformed:
        raise
    except Exception as error:
        reference = secrets.token_hex(4)
        log.exception("a sender's parser failed", source=source.name, reference=reference)
        raise Malformed(f"that is a bug in Watchkeeper, reference {reference}; it is in the log") from error
    said, facts = facts, tuple(hearing.in_time(fact, delivery.now) for fact in facts)
    if early := sum(one is not other for one, other in zip(said, facts, strict=True)):
        log.warning(
            "a sender's times are later than now, and taken for now; look at its clock", source=source.name, facts=early
        )
    if left_out:
        log.warning("a sender left alerts out of a group; take its limit away", source=source.name, alerts=left_out)
    request = f"{source.name}/{id}" if id else ""
    return Batch(facts=facts, left_out=left_out, request=request, source=source.name, odd=odd)


def is_repeat(world: World, batch: Batch) -> bool:
    return bool(batch.request) and bool(world.read(lambda tx: tx.heard([batch.request])))


def receive(world: World, batches: Sequence[Batch]) -> Decision:
    """One commit. Of two equal requests at once, the second is nothing."""
    return world.decide(taken_in(world, batches))


def taken_in(world: World, batches: Sequence[Batch]) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        ids = [batch.request for batch in batches if batch.request]
        known = tx.heard(ids) if ids else set()
        facts, sources = fresh(batches, known), dict.fromkeys(batch.source for batch in batches)
        beat = heartbeats.heard(world, tx, now, sources, [fact for fact in facts if isinstance(fact, Alert)])
        decision = _think(world, tx, now, [*facts, *beat.alerts])
        missing = sum((hearing.missing(batch.source, batch.left_out, decision, now) for batch in batches), Decision())
        odd = sum((_kept(tx, batch.odd, now) for batch in batches if batch.odd), Decision())
        return hearing.unheard(ids, known, now) + beat.decision + decision + missing + odd

    return think


def fresh(batches: Sequence[Batch], known: set[str]) -> list[Fact]:
    seen, facts = set(known), list[Fact]()
    for batch in batches:
        if batch.request not in seen:
            facts += map(hearing.from_outside, batch.facts)
        if batch.request:
            seen.add(batch.request)
    return facts


def _think(world: World, tx: Tx, now: datetime, facts: Sequence[Fact]) -> Decision:
    """Changes first: an alert of the same delivery may have been caused by one."""
    decision = Decision()
    if said := [fact for fact in facts if isinstance(fact, VendorStatus)]:
        decision += vendors.think(world, tx, now, said)
    if news := [fact for fact in facts if isinstance(fact, Change)]:
        decision += changes.think(world, tx, now, news)
    if fired := [fact for fact in facts if isinstance(fact, Alert)]:
        decision += alerts.think(world, tx, now, fired)
    return decision


# ---------------------------------------------------------------- what is not understood


def keep(world: World, source: Source, delivery: Delivery, reason: str) -> str:
    """Its id, or "" where too many wait already."""
    odd = _odd(source, delivery.body, delivery.headers, reason)
    return str(world.decide(lambda tx, now: _kept(tx, odd, now)).say)


def _odd(source: Source, body: bytes, headers: Mapping[str, str], reason: str) -> Odd:
    return Odd(source=source.name, body=source.sender.hushed(body), headers=headers, reason=reason)


def _kept(tx: Tx, odd: Odd, now: datetime) -> Decision:
    return hearing.keep(odd, tx.unparsed(odd.id), tx.count_unparsed(), now)


def kept(world: World, odd: Odd) -> str:
    """Its id, or "" where too many waited already."""
    return odd.id if world.read(lambda tx: tx.unparsed(odd.id)) else ""


def find(world: World, id: str) -> Unparsed:
    """Raises Refused."""
    found = world.read(lambda tx: tx.unparsed(id))
    if found is None:
        raise Refused(f"There is nothing unparsed called {id[:40]}; nothing was changed.")
    return found


def replay(world: World, sources: Mapping[str, Source], id: str, by: str = BOT) -> int:
    """Takes it in as when it came, once and in one commit. How many facts that were.

    Raises Refused, and then it is kept as it was.
    """
    kept = find(world, id)
    must_wait(kept)
    source = sources.get(kept.source)
    if source is None:
        raise Refused(f"{kept.source} is not configured any more; nothing was changed.")
    if kept.truncated:
        raise Refused(f"{id} was too large to be kept whole, so it cannot be replayed; nothing was changed.")
    try:
        batch = understand(source, again(kept))
    except Malformed as error:
        raise Refused(f"It is still not understood: {error}. It is kept.") from None
    if batch.odd and batch.odd.id == id:
        raise Refused(f"It is still not understood: {batch.odd.reason}. It is kept.")
    take_in = taken_in(world, [replace(batch, source="")])  # what came long ago is no sign of life

    def think(tx: Tx, now: datetime) -> Decision:
        return replayed(tx.unparsed(id), by, now) + take_in(tx, now)

    world.decide(think)
    return len(batch.facts)


def again(kept: Unparsed) -> Delivery:
    """As it came, without what was taken in then: that may have ended since."""
    return Delivery(body=kept.body, now=kept.last_at, headers=kept.headers, unread=kept.unread, listed=kept.listed)


def must_wait(kept: Unparsed) -> None:
    """For a replay. Raises Refused."""
    if kept.replayed_at:
        raise Refused(f"{kept.id} was taken in at {clock(kept.replayed_at)} UTC already; nothing was changed.")


def replayed(kept: Unparsed | None, by: str, now: datetime) -> Decision:
    """Raises Refused, where it is gone or another took it in meanwhile."""
    if kept is None:
        raise Refused("It is not kept any more; nothing was changed.")
    must_wait(kept)
    line = Entry(at=now, kind=EntryKind.ACTION, by=by, source=kept.id, text=f"takes in what {kept.source} had posted")
    return Decision(save=(replace(kept, replayed_at=now),), note=(line,))
