"""What others send us: one file per sender, from bytes to facts. An unknown name is refused with the known ones."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.intake import (
    alertmanager,
    cloudevents,
    cloudwatch,
    deploys,
    generic,
    github,
    gitlab,
    grafana,
    pagerduty,
    prometheus,
)
from handlers.intake.sender import Delivery, Fact, Sender, kind, shown
from handlers.intake.source import Source

__all__ = ["SENDERS", "Delivery", "Fact", "Sender", "Source", "kind", "shown"]

SENDERS: Mapping[str, Sender] = {
    "alertmanager": alertmanager.SENDER,
    "cloudevents": cloudevents.SENDER,
    "cloudwatch": cloudwatch.SENDER,
    "deploys": deploys.SENDER,
    "generic": generic.SENDER,
    "github": github.SENDER,
    "gitlab": gitlab.SENDER,
    "grafana": grafana.SENDER,
    "pagerduty": pagerduty.SENDER,
    "prometheus": prometheus.SENDER,
}
