"""What senders posted: the same request once, vendors' latest word, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bot.decision import Decision
from bot.model import STAGE, Alert, Change, Entry, EntryKind, Heard, Unparsed, VendorStatus, off_stage
from bot.text import plural

KEPT = 1024 * 1024  # bytes; a body up to this size is kept whole
BEGINNING = 64 * 1024  # of a larger one
MOST = 2000  # that wait for a replay; who floods us must not fill the disk

AHEAD = timedelta(minutes=5)  # that a sender's clock may be before ours

# Headers that hold secrets: none of them is kept.
SECRET = ("authorization", "cookie", "token", "secret", "key", "signature", "password", "hmac")


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A request that was not understood, as it came; or those items alone that are `unread`."""

    source: str
    body: bytes
    headers: Mapping[str, str]
    reason: str
    unread: tuple[int, ...] = ()
    listed: int = 0

    @property
    def id(self) -> str:
        """A replay may leave fewer items of the same body: those are another."""
        of = f"{self.source}#{self.unread}/{self.listed}" if self.unread else self.source
        return f"U-{sha256(of.encode() + b'/' + self.body).hexdigest()[:10]}"


def from_outside(fact: Alert | Change | VendorStatus) -> Alert | Change | VendorStatus:
    """No sender reaches the stage of a drill, whatever it calls its environment."""
    match fact:
        case Alert() if STAGE in f"{fact.environment}{fact.group}{fact.key}":
            return replace(
                fact, environment=off_stage(fact.environment), group=off_stage(fact.group), key=off_stage(fact.key)
            )
        case Change() if STAGE in f"{fact.environment}{fact.key}":
            return replace(fact, environment=off_stage(fact.environment), key=off_stage(fact.key))
    return fact


def in_time(fact: Alert | Change | VendorStatus, now: datetime) -> Alert | Change | VendorStatus:
    """What is dated later than now is of now: with a year of 2999 it would be the latest word for ever."""
    latest = now + AHEAD
    match fact:
        case Alert() if fact.starts_at > latest:
            ends_at = fact.ends_at and min(fact.ends_at, now)
            return replace(fact, starts_at=now, dated=False, said_at=fact.starts_at, ends_at=ends_at)
        case Alert() if fact.ends_at and fact.ends_at > latest:
            return replace(fact, ends_at=now)
        case Change() if fact.at > latest:
            said = f"dated {fact.at:%Y-%m-%d %H:%M} UTC by {fact.source}, taken for now"
            return replace(fact, at=now, title=f"{fact.title}, {said}" if fact.title else said)
        case VendorStatus() if fact.at > latest:
            return replace(fact, at=now)
    return fact


def unheard(ids: Iterable[str], known: set[str], now: datetime) -> Decision:
    """These requests have been taken in now."""
    return Decision(save=tuple(Heard(id=id, at=now) for id in dict.fromkeys(ids) if id and id not in known))


def vendors(news: Iterable[VendorStatus], known: Mapping[str, VendorStatus]) -> Decision:
    """The latest word of each counts, in whatever order they come."""
    latest = dict(known)
    for said in news:
        before = latest.get(said.key)
        if before is None or said.at >= before.at:
            latest[said.key] = said
    return Decision(save=tuple(said for key, said in latest.items() if said != known.get(key)))


def missing(source: str, count: int, news: Decision, now: datetime) -> Decision:
    """Said where there is news of an incident: what a sender left out of a group may be the rest of the story."""
    if not count:
        return Decision()
    touched = dict.fromkeys(entry.incident for entry in news.note if entry.kind is EntryKind.ALERT and entry.incident)
    text = f"{source} left out {plural(count, 'more alert')} of a group: its limit (max_alerts) hides them"
    trouble = (Entry(incident=id, at=now, kind=EntryKind.TROUBLE, by=source, text=text) for id in touched)
    return Decision(note=tuple(trouble))


def keep(odd: Odd, before: Unparsed | None, waiting: int, now: datetime) -> Decision:
    """Keeps it for a replay, unless too many wait already. The same bytes again are counted."""
    if before is not None:
        again = replace(before, last_at=now, count=before.count + 1, reason=odd.reason, replayed_at=None)
        return Decision(save=(again,), say=odd.id)
    if waiting >= MOST:
        return Decision()
    truncated = len(odd.body) > KEPT
    kept = Unparsed(
        id=odd.id,
        source=odd.source,
        at=now,
        last_at=now,
        reason=odd.reason,
        headers={name: value for name, value in odd.headers.items() if not any(word in name for word in SECRET)},
        body=odd.body[:BEGINNING] if truncated else odd.body,
        truncated=truncated,
        unread=() if truncated else odd.unread,
        listed=odd.listed,
    )
    return Decision(save=(kept,), say=odd.id)
