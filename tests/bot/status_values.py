"""A status page with a history, ready-made for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.model import Maintenance, Phase, PublicUpdate
from bot.policy import Component, Policy, StatusPage
from bot.status import Page, page
from tests.values import NOON

SHOP_PAGE = StatusPage(
    title="Shop status",
    url="https://status.shop.example",
    support="https://shop.example/help",
    components={
        "checkout": Component(name="checkout", title="Checkout", group="Shop", services=("checkout", "payments")),
        "search": Component(name="search", title="Search", group="Shop", services=("search",)),
        "api": Component(name="api", title="Partner API", group="For partners"),
    },
    exports=("folder",),
)
POLICY = Policy(status=SHOP_PAGE)
BEGAN = NOON - timedelta(days=40)


def ago(**delta: float) -> datetime:
    return NOON - timedelta(**delta)


def update(number: int = 1, incident: str = "INC-7", **other: Any) -> PublicUpdate:
    values: dict[str, Any] = {
        "incident": incident,
        "number": number,
        "phase": Phase.INVESTIGATING,
        "title": "Some payments fail",
        "text": "One in four card payments fails. We are looking into it.",
        "by": "U0DANA",
        "at": ago(minutes=30),
        "components": {"checkout": "partial"},
    }
    return PublicUpdate(**values | other)


def maintenance(**other: Any) -> Maintenance:
    values: dict[str, Any] = {
        "id": "MNT-1",
        "components": ("search",),
        "text": "Search may be slow while we move it.",
        "starts_at": NOON + timedelta(hours=10),
        "until": NOON + timedelta(hours=12),
        "by": "U0DANA",
        "at": ago(hours=1),
    }
    return Maintenance(**values | other)


def told(*updates: PublicUpdate, planned: tuple[Maintenance, ...] = (), now: datetime = NOON) -> Page:
    return page(SHOP_PAGE, updates, planned, BEGAN, now)


def eventful() -> Page:
    """One incident under way, two that are over, and maintenance ahead."""
    return told(
        update(),
        update(
            2, phase=Phase.IDENTIFIED, at=ago(minutes=12), text="It is our latest release.\n\nWe are taking it back."
        ),
        update(1, "INC-5", at=ago(days=6, hours=2), title="Search is slow", components={"search": "degraded"}),
        update(
            2,
            "INC-5",
            at=ago(days=6),
            title="Search is slow",
            phase=Phase.RESOLVED,
            components={},
            text="Search is fast again.",
        ),
        update(
            1, "INC-2", at=ago(days=31), components={"checkout": "major", "api": "degraded"}, title="The shop is down"
        ),
        update(2, "INC-2", at=ago(days=30, hours=23), phase=Phase.RESOLVED, components={}, title="The shop is down"),
        planned=(maintenance(),),
    )
