"""Google Cloud Monitoring: incidents, from a webhook channel."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Texts, Time, Url
from handlers.intake.sender import Delivery, Sender

FIRING, OVER = frozenset({"open"}), frozenset({"closed"})


class _Resource(Body):
    labels: Texts = {}


class _Metadata(Body):
    user_labels: Texts = {}


class _Incident(Body):
    id: Text = Field(alias="incident_id", min_length=1)
    state: Text
    summary: Text = ""
    policy_name: Text = ""
    condition_name: Text = ""
    severity: Text = ""
    started_at: Time = None
    ended_at: Time = None
    url: Url = None
    resource: _Resource | None = None
    resource_name: Text = ""
    metadata: _Metadata | None = None
    policy_user_labels: Texts = {}

    @property
    def labels(self) -> dict[str, str]:
        """What people wrote counts for more than what the resource is."""
        resource = self.resource.labels if self.resource else {}
        return resource | (self.metadata.user_labels if self.metadata else {}) | self.policy_user_labels


class _Webhook(Body):
    version: Text = ""
    incident: _Incident


def parse(delivery: Delivery) -> list[Alert]:
    """A time of 0 is one that it does not know."""
    webhook = delivery.as_(_Webhook, "an incident of Google Cloud Monitoring")
    incident = webhook.incident
    firing = facts.firing(incident.state.lower(), OVER, FIRING)
    if firing is None or webhook.version == "test":
        return []
    labels = incident.labels
    return [
        facts.alert(
            "gcp",
            incident.id,
            incident.condition_name or incident.policy_name or incident.summary,
            firing=firing,
            now=delivery.now,
            labels=labels,
            severity=incident.severity,
            service=labels.get("service") or labels.get("service_name") or incident.resource_name,
            starts_at=incident.started_at,
            ends_at=incident.ended_at,
            url=incident.url,
        )
    ]


SENDER = Sender(title="Google Cloud Monitoring: incidents", parse=parse, auth="basic")
