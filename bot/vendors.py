"""Vendors: what others say of their own services, and what that means for ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bot import hearing
from bot.decision import Decision, NameSuspects, PollVendor, PostCard
from bot.model import Entry, EntryKind, Incident, VendorPage, VendorState, VendorStatus
from bot.policy import Policy, Vendor
from bot.text import brief, clock, dotted, link, when

BAD = frozenset({VendorState.DEGRADED, VendorState.PARTIAL_OUTAGE, VendorState.MAJOR_OUTAGE})
FEED = "feed/"  # before the name of a vendor that is read from a feed
FORGOTTEN = timedelta(days=7)  # what a feed told then says nothing of now, even if nobody ever wrote that it is over
OLD = timedelta(minutes=30)  # then it is said how old it is


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A component of a vendor's that one of our services uses, and that is not well by the vendor's own word."""

    vendor: str
    component: str
    state: VendorState
    since: datetime
    title: str = ""  # of the vendor's incident
    url: str = ""
    as_of: datetime | None = None  # where the page has not been read for long

    @property
    def help(self) -> str:
        """What going back to a version of ours is good for."""
        hardly = self.state is VendorState.MAJOR_OUTAGE
        return "a rollback will hardly help" if hardly else "a rollback may not help"

    @property
    def words(self) -> str:
        """ "Stripe API: major outage since 10:02 UTC"."""
        return f"{self.vendor} {self.component}: {_word(self.state)} since {clock(self.since)} UTC"


def _word(state: VendorState) -> str:
    return state.value.replace("_", " ")


def prefix(page: str) -> str:
    """What the keys of a page's components begin with, in polls and webhooks alike."""
    return f"{page}/" if page.startswith(FEED) else f"statuspage/{page}/"


def feed_of(vendor: str) -> str:
    """What stands for the page of a vendor that has only a feed."""
    return f"{FEED}{vendor}"


# ---------------------------------------------------------------- polls


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a page said. `statuses` is None where it says that nothing has changed since `etag`."""

    page: str = ""
    title: str = ""
    etag: str = ""
    statuses: tuple[VendorStatus, ...] | None = None


def polled(
    vendor: Vendor,
    before: VendorPage | None,
    read: Read,
    known: Mapping[str, VendorStatus],
    incidents: Iterable[Incident],
    now: datetime,
) -> Decision:
    """`known` are the components of the page so far, `incidents` the open ones of the services that use it."""
    page = _page(vendor, before, read, now)
    heard = hearing.vendors(read.statuses or (), known)
    latest = dict(known) | {said.key: said for said in read.statuses or ()}
    told, news = _told(vendor, page, latest.values(), incidents, now)
    return heard + news + Decision(save=(replace(page, told=told),), do=(_again(vendor, now),))


def heard(
    vendor: Vendor, page: VendorPage, latest: Iterable[VendorStatus], incidents: Iterable[Incident], now: datetime
) -> Decision:
    """A webhook brought news of the page, between two polls: what the page says of all its components is `latest`."""
    told, news = _told(vendor, page, latest, incidents, now)
    return news + Decision(save=(replace(page, told=told),)) if told != page.told else Decision()


def _told(
    vendor: Vendor, page: VendorPage, latest: Iterable[VendorStatus], incidents: Iterable[Incident], now: datetime
) -> tuple[tuple[str, ...], Decision]:
    """What those who use it know from now on, and what is done where that is news."""
    found = tuple(_troubles(vendor, page, latest, now))
    told = tuple(sorted({f"{trouble.component}: {_word(trouble.state)}" for trouble in found}))
    return told, _news(vendor, page, told, found, incidents, now) if told != page.told else Decision()


def unread(vendor: Vendor, before: VendorPage | None, why: str, now: datetime) -> Decision:
    """What was said last stands, with its age."""
    page = before or VendorPage(id=vendor.name, page="", title="", etag="", checked_at=now)
    return Decision(save=(replace(page, trouble=why),), do=(_again(vendor, now),))


def _page(vendor: Vendor, before: VendorPage | None, read: Read, now: datetime) -> VendorPage:
    unchanged = before is not None and read.statuses is None
    return VendorPage(
        id=vendor.name,
        page=before.page if before and unchanged else read.page,
        title=before.title if before and unchanged else read.title,
        etag=read.etag or (before.etag if before and unchanged else ""),
        checked_at=now,
        told=before.told if before else (),
        version=before.version if before else 0,
    )


def _again(vendor: Vendor, now: datetime) -> PollVendor:
    """A little later each time by another span, so that the world's bots do not all ask in the same second."""
    lot = int.from_bytes(sha256(f"{vendor.name}/{now.isoformat()}".encode()).digest()[:2], "big") / 65535
    return PollVendor(vendor.name, due=now + vendor.every * (1 + 0.25 * lot))


def _news(
    vendor: Vendor,
    page: VendorPage,
    told: Sequence[str],
    found: Sequence[Trouble],
    incidents: Iterable[Incident],
    now: datetime,
) -> Decision:
    """On the timeline and the card of everybody who uses it."""
    name = page.title or vendor.name
    text = f"{name}: {'; '.join(told)}" if told else f"{name}: all that we use is operational again"
    source = next((trouble.url for trouble in found if trouble.url), vendor.page)
    decision = Decision()
    for incident in incidents:
        entry = Entry(incident=incident.id, at=now, kind=EntryKind.ALERT, by=name, text=text, source=source)
        weighed = (NameSuspects(incident.id),) if found else ()  # an alibi is not lost when the outage is over
        decision += Decision(note=(entry,), do=(PostCard(incident.id), *weighed))
    return decision


# ---------------------------------------------------------------- what is not well


def used_by(policy: Policy, service: str) -> tuple[Vendor, ...]:
    return tuple(vendor for vendor in policy.vendors.values() if service in vendor.used_by)


def troubles(
    service: str, policy: Policy, said: Mapping[str, tuple[VendorPage, Sequence[VendorStatus]]], now: datetime
) -> tuple[Trouble, ...]:
    """Those that matter to a service, the worst first. `said` is by the vendor's name."""
    found = [
        trouble
        for vendor in used_by(policy, service)
        if vendor.name in said
        for trouble in _troubles(vendor, *said[vendor.name], now)
    ]
    return tuple(sorted(found, key=lambda t: (-list(VendorState).index(t.state), t.since, t.vendor, t.component)))


def _troubles(vendor: Vendor, page: VendorPage, statuses: Iterable[VendorStatus], now: datetime) -> Iterable[Trouble]:
    # What a feed says is picked when it is read: its entries name components in their texts only.
    wanted = {name.lower() for name in vendor.components} if not vendor.feed else set[str]()
    for said in statuses:
        if vendor.feed and page.checked_at - said.at > FORGOTTEN:
            continue
        if said.status in BAD and said.component and (not wanted or said.component.lower() in wanted):
            yield Trouble(
                vendor=page.title or vendor.name,
                component=said.component,
                state=said.status,
                since=said.at,
                title=said.title if said.title != said.component else "",
                url=said.url or vendor.page,
                as_of=page.checked_at if now - page.checked_at > max(OLD, 5 * vendor.every) else None,
            )


def hint(trouble: Trouble, service: str) -> str:
    """For whoever thinks of rolling back, as mrkdwn."""
    said = brief(trouble.words, 200)
    return f"{said}, used by {brief(service, 60)}: {trouble.help}"


def on_card(trouble: Trouble, service: str) -> str:
    """For the card, beside the suspects."""
    name = f"{trouble.vendor} {trouble.component}"
    parts = [
        f":electric_plug: *{brief(name, 100)}*: {_word(trouble.state)} since {when(trouble.since)}",
        f"used by {brief(service, 60)}: {trouble.help}",
        brief(trouble.title, 120),
        link(trouble.url, "their page"),
        f"as read at {when(trouble.as_of)}" if trouble.as_of else "",
    ]
    return dotted(parts)


def alibi(found: Sequence[Trouble], onset: datetime, grace: timedelta) -> str:
    """Why a deploy of ours need not have done it; "" where nothing of a vendor's was wrong at the onset."""
    before = [trouble for trouble in found if trouble.since <= onset + grace]
    return f"but {before[0].words}" if before else ""


def template(incident: Incident, found: Sequence[Trouble]) -> str:
    """A first update that owns the impact: customers first, ours to solve, the vendor last and without blame."""
    if not found:
        return ""
    what = incident.impact.strip() or f"Some customers cannot use {incident.service or 'us'} as they should."
    worst = found[0]
    stop = "" if what.endswith((".", "!", "?")) else "."
    return (
        f"{what}{stop} We are sorry; keeping it working is our job, whoever has the trouble. We are looking for a way "
        f"round an outage of {worst.vendor} ({worst.component}), which it needs, since {clock(worst.since)} UTC."
    )
