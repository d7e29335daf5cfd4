"""Vendors: their pages are read, and what they say is kept for those who use them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import vendors
from bot.decision import Decision, PollVendor
from bot.errors import ProviderError
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
        touched = [incident for incident in tx.incidents(open_only=True) if incident.service in vendor.used_by]
        return vendors.polled(vendor, page, found, known, touched, now)

    return think


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
