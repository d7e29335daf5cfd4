"""What others send us: one file per sender, from bytes to facts. An unknown name is refused with the known ones."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.intake import alertmanager, deploys, generic, prometheus
from handlers.intake.sender import Delivery, Fact, Sender, kind, shown
from handlers.intake.source import Source

__all__ = ["SENDERS", "Delivery", "Fact", "Sender", "Source", "kind", "shown"]

SENDERS: Mapping[str, Sender] = {
    "alertmanager": alertmanager.SENDER,
    "deploys": deploys.SENDER,
    "generic": generic.SENDER,
    "prometheus": prometheus.SENDER,
}
