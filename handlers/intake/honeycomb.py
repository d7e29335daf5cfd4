"""Honeycomb: triggers, from its webhook integration."""

from __future__ import annotations

from typing import Any

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Url, to_list, to_texts
from handlers.intake.sender import Delivery, Sender, header

FIRING, OVER = frozenset({"triggered"}), frozenset({"ok"})


class _Trigger(Body):
    id: Text = ""
    name: Text = ""
    status: Text
    summary: Text = ""
    trigger_url: Url = None
    result_url: Url = None
    environment: Text = ""
    is_test: bool = False
    result_groups_triggered: Any = None

    @property
    def labels(self) -> dict[str, str]:
        """What all groups that triggered have in common."""
        groups = [to_texts(found.get("Group")) for found in to_list(self.result_groups_triggered) if is_group(found)]
        shared = set.intersection(*(set(group.items()) for group in groups)) if groups else set()
        return {name.replace(".", "_"): value for name, value in shared}


def is_group(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("Group"), dict)


def parse(delivery: Delivery) -> list[Alert]:
    """One alert for a trigger: which groups are over, OK does not say."""
    trigger = delivery.as_(_Trigger, "a trigger of Honeycomb")
    firing = facts.firing(trigger.status.lower(), OVER, FIRING)
    if firing is None or trigger.is_test:
        return []
    if not (trigger.id or trigger.name):
        raise Malformed("id and name are missing: one of them tells which trigger it is")
    return [
        facts.alert(
            "honeycomb",
            trigger.id or trigger.name,
            trigger.name or trigger.summary,
            firing=firing,
            now=delivery.now,
            labels=trigger.labels,
            place=trigger.environment,
            url=trigger.result_url or trigger.trigger_url,
        )
    ]


SENDER = Sender(
    title="Honeycomb: triggers",
    parse=parse,
    auth="honeycomb",
    delivery=header("X-Honeycomb-Webhook-Delivery-ID"),
)
