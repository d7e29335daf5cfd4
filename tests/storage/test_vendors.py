"""Vendors' pages as they are kept: by the vendor's name, and their components by the page's own key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.model import VendorPage, VendorState, VendorStatus
from storage.store import Conflict, Store
from tests.storage.helpers import keep
from tests.values import NOON

PAGE = VendorPage(
    id="paybridge", page="p1", title="Paybridge", etag='W/"e1"', checked_at=NOON, told=("Cards: major outage",)
)
STATUS = VendorStatus(
    key="statuspage/p1/cards",
    vendor="Paybridge",
    component="Cards",
    status=VendorState.MAJOR_OUTAGE,
    title="Elevated errors",
    at=NOON,
)


def test_a_page_is_read_back_as_it_was(store: Store) -> None:
    keep(store, PAGE)
    assert store.read(lambda tx: tx.vendor_page("paybridge")) == replace(PAGE, version=1)
    assert store.read(lambda tx: tx.vendor_page("stripe")) is None
    with pytest.raises(Conflict):
        keep(store, PAGE)


def test_components_are_those_of_one_page_and_no_other(store: Store) -> None:
    """The page's id is foreign text: what stands for anything in a pattern stands for itself."""
    keep(
        store, STATUS, *(replace(STATUS, key=key) for key in ("statuspage/p2/cards", "statuspage/pX1/c", "pager/p1/c"))
    )
    assert [one.key for one in store.read(lambda tx: tx.vendor_components("statuspage/p1/"))] == [STATUS.key]
    assert store.read(lambda tx: tx.vendor_components("statuspage/p%/")) == ()
    assert store.read(lambda tx: tx.vendor_components("statuspage/p_/")) == ()
