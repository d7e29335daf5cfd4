"""The nouns of what leaves the incident's channel: who is told, and whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Audience(StrEnum):
    """Who reads an update. Each gets the same facts in other words."""

    RESPONDERS = "responders"
    EXECUTIVES = "executives"
    SUPPORT = "support"
    PUBLIC = "public"


class DeliveryState(StrEnum):
    HELD = "held"  # until the commander agrees
    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"  # a newer update says more, or somebody held it back for good


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An update on its way to one destination, or to one address of it.

    `reference` is where it stands there: a message's ts, an incident of a status page.
    """

    incident: str
    update: int
    destination: str
    audience: Audience
    at: datetime
    address: str = ""
    state: DeliveryState = DeliveryState.DUE
    reference: str = ""
    error: str = ""
    by: str = ""  # who agreed, or held it back
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.incident}/update/{self.update}/{self.route}"

    @property
    def route(self) -> str:
        """What follows each other on the same way."""
        return f"{self.destination}/{self.address}" if self.address else self.destination


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Somebody wants the updates of an incident ("INC-7") or of a service by direct message."""

    user: str
    topic: str
    at: datetime
    ended: bool = False

    @property
    def id(self) -> str:
        return f"{self.user}/{self.topic}"
