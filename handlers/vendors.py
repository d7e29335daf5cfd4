"""Vendors: their pages are read, and what they say is kept for those who use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot import hearing, vendors
from bot.decision import Decision, PollVendor
from bot.errors import ProviderError
from bot.model import Incident, VendorStatus
from bot.policy import Vendor
from bot.vendors import Read
from handlers.intake import Delivery, feed, statuspage
from handlers.intake.fields import Malformed
from handlers.world import Think, VendorPages, World, nothing
from storage.store import Tx


def begin(world: World) -> None:
    """Every vendor that does not wait for its next turn is asked now."""
    world.start([PollVendor(name) for name in world.policy.vendors])


def poll(world: World, name: str) -> Think:
    """A page that cannot be read is asked again at its next turn."""
    vendor = world.policy.vendors.get(name)
    if vendor is None or world.vendor_pages is None:  # no longer configured: this was its last turn
        return nothing
    before = world.read(lambda tx: tx.vendor_page(name))
    try:
        found = read(world.vendor_pages, vendor, before.etag if before else "", world.now())
    except ProviderError as error:
        why = str(error)
        return lambda tx, now: vendors.unread(vendor, tx.vendor_page(name), why, now)

    def think(tx: Tx, now: datetime) -> Decision:
        page = tx.vendor_page(name)
        key = found.page or (page.page if page else "")
        known = {said.key: said for said in tx.vendor_components(vendors.prefix(key))} if key else {}
        return vendors.polled(vendor, page, found, known, touched(tx, vendor), now)

    return think


def think(world: World, tx: Tx, now: datetime, said: Sequence[VendorStatus]) -> Decision:
    """News by webhook: kept, and told to those who use it. A page that was never read is told of by its first poll."""
    decision = hearing.vendors(said, {one.key: before for one in said if (before := tx.vendor_status(one.key))})
    news = {one.key: one for one in decision.save if isinstance(one, VendorStatus)}
    for vendor in world.policy.vendors.values() if news else ():
        page = tx.vendor_page(vendor.name)
        begins = vendors.prefix(page.page) if page and page.page else ""
        if page and begins and any(key.startswith(begins) for key in news):
            latest = {one.key: one for one in tx.vendor_components(begins)} | news
            mine = [one for key, one in latest.items() if key.startswith(begins)]
            decision += vendors.heard(vendor, page, mine, touched(tx, vendor), now)
    return decision


def touched(tx: Tx, vendor: Vendor) -> list[Incident]:
    open_ones = [incident for incident in tx.incidents(open_only=True) if not incident.drill]
    return [incident for incident in open_ones if incident.service in vendor.used_by]


def read(pages: VendorPages, vendor: Vendor, etag: str, now: datetime) -> Read:
    """Raises ProviderError, also where it is no page of Statuspage's form, or no feed."""
    came = pages.feed(vendor.page, etag) if vendor.feed else pages.summary(vendor.page, etag)
    if came.content is None:
        return Read(etag=came.etag)
    try:
        if vendor.feed:
            said = feed.statuses(came.content, now, vendor.name, vendor.components)
            named = tuple(replace(each, component=each.component or each.title) for each in said)
            return Read(page=vendors.feed_of(vendor.name), etag=came.etag, statuses=named)
        return statuspage.summary(Delivery(body=came.content, now=now, headers={}), came.etag)
    except Malformed as error:
        raise ProviderError(vendor.name, str(error)) from None
