"""Azure Monitor: alerts in its common alert schema, from an action group's webhook."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Texts, Time, Url, to_list
from handlers.intake.sender import Delivery, Sender

FIRING, OVER = frozenset({"fired"}), frozenset({"resolved"})
# Theirs begin at 0: Sev1 is what others call an error.
SEVERITY = {"sev0": "critical", "sev1": "error", "sev2": "warning", "sev3": "info", "sev4": "info"}
PORTAL = "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"


class _Essentials(Body):
    id: Text = Field(alias="alertId", min_length=1)
    rule: Text = Field(default="", alias="alertRule")
    severity: Text = ""
    condition: Text = Field(alias="monitorCondition")
    items: Annotated[list[Text], BeforeValidator(to_list)] = Field(default=[], alias="configurationItems")
    fired_at: Time = Field(default=None, alias="firedDateTime")
    resolved_at: Time = Field(default=None, alias="resolvedDateTime")
    link: Url = Field(default=None, alias="investigationLink")

    @property
    def url(self) -> str | None:
        return self.link or (PORTAL + quote(self.id, safe="") if self.id.startswith("/subscriptions/") else None)


class _Data(Body):
    essentials: _Essentials
    properties: Texts = Field(default={}, alias="customProperties")


class _Webhook(Body):
    data: _Data


def parse(delivery: Delivery) -> list[Alert]:
    data = delivery.as_(_Webhook, "an alert of Azure Monitor in the common alert schema").data
    essentials, properties = data.essentials, data.properties
    firing = facts.firing(essentials.condition.lower(), OVER, FIRING)
    if firing is None:
        return []
    return [
        facts.alert(
            "azuremonitor",
            essentials.id,
            essentials.rule,
            firing=firing,
            now=delivery.now,
            labels=properties,
            severity=SEVERITY.get(essentials.severity.lower(), essentials.severity),
            service=properties.get("service") or (essentials.items[0] if essentials.items else ""),
            starts_at=essentials.fired_at,
            ends_at=essentials.resolved_at,
            url=essentials.url,
        )
    ]


SENDER = Sender(title="Azure Monitor: alerts, in the common alert schema", parse=parse, auth="url")
