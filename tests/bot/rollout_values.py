"""Ready-made rollouts and requests for tests: say only what matters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.model import Hold, Request, Revision, Rollout, RolloutPhase, Skew, Stable, Verb
from bot.policy import Rule
from tests.values import NOON

ALONE = Rule(approvals=0, typed=False)  # whoever may, may alone

V40 = Revision(hash="hash40", number=0, version="v40")
V41 = Revision(hash="hash41", number=1, version="v41", images=("shop/checkout:v41",), available=4)
V42 = Revision(hash="hash42", number=2, version="v42", images=("shop/checkout:v42",), available=1)
V43 = Revision(hash="hash43", number=3, version="v43")


def in_flight(**other: Any) -> Rollout:
    """v41 is stable, v42 at 20 %, in step 2 of 5."""
    values: dict[str, Any] = {
        "service": "checkout",
        "environment": "production",
        "cluster": "demo",
        "namespace": "shop",
        "name": "checkout",
        "strategy": "canary",
        "phase": RolloutPhase.PROGRESSING,
        "message": "more replicas need to be updated",
        "current": V42,
        "stable": V41,
        "history": (V42, V41),
        "step": 1,
        "steps": ("set weight 20%", "pause 5m", "set weight 50%", "pause until promoted", "set weight 100%"),
        "weight": 20,
        "weight_set": 20,
        "desired": 4,
        "updated": 1,
        "available": 4,
        "stable_available": 4,
    }
    return Rollout(**values | other)


def idle(**other: Any) -> Rollout:
    """v41 is stable and alone."""
    alone = {
        "phase": RolloutPhase.HEALTHY,
        "message": "",
        "current": V41,
        "history": (V41,),
        "step": 5,
        "weight": 100,
        "weight_set": 100,
        "updated": 4,
    }
    return in_flight(**alone | other)


def stable(revision: Revision, at: datetime = NOON) -> Stable:
    return Stable(service="checkout", environment="production", revision=revision.hash, version=revision.version, at=at)


def request(**other: Any) -> Request:
    """A proposed rollback of v42 to v41."""
    values: dict[str, Any] = {
        "id": "INC-7/rollback/checkout/1",
        "incident": "INC-7",
        "verb": Verb.ROLLBACK,
        "service": "checkout",
        "environment": "production",
        "intent": "abort",
        "from_revision": "hash42",
        "from_version": "v42",
        "to_revision": "hash41",
        "to_version": "v41",
        "reviewed_step": 1,
        "reviewed_wait": "",
        "channel": "@incident",
        "by": "U0DANA",
        "at": NOON,
        "version": 1,
    }
    return Request(**values | other)


def skew(**other: Any) -> Skew:
    """One of eight servers runs v41, and that was said."""
    values: dict[str, Any] = {
        "id": "checkout/production",
        "service": "checkout",
        "environment": "production",
        "approved": "v42",
        "matching": 7,
        "seen": 8,
        "expected": 8,
        "text": "7 of 8: checkout-8 runs v41",
        "since": NOON,
        "checked_at": NOON,
        "alerted_at": NOON,
        "elsewhere": ("v41",),
        "version": 1,
    }
    return Skew(**values | other)


def hold(**other: Any) -> Hold:
    values: dict[str, Any] = {
        "id": "checkout/production/verify",
        "service": "checkout",
        "environment": "production",
        "holder": "verify",
        "why": "7 of 8: checkout-8 runs v41",
        "at": NOON,
        "version": 1,
    }
    return Hold(**values | other)
