"""CloudWatch alarms, through Amazon SNS or EventBridge."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, to_list, to_objects, to_text
from handlers.intake.sender import Delivery, Sender, as_
from handlers.intake.sns import envelope, unwrapped

ARN = re.compile(r"arn:(aws[a-z-]*):cloudwatch:([a-z0-9-]+):(\d+):alarm:(.+)")
CONSOLE = "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"
SERVICE = ("ServiceName", "Service", "FunctionName", "LoadBalancer", "DBInstanceIdentifier", "QueueName", "ClusterName")


class _Dimension(Body):
    name: Text = ""
    value: Text = ""


class _Trigger(Body):
    namespace: Text = Field(default="", alias="Namespace")
    dimensions: Annotated[list[_Dimension], BeforeValidator(to_objects)] = Field(default=[], alias="Dimensions")


class _Alarm(Body):
    name: Text = Field(alias="AlarmName", min_length=1)
    arn: Text = Field(default="", alias="AlarmArn")
    account: Text = Field(default="", alias="AWSAccountId")
    region: Text = Field(default="", alias="Region")
    state: Text = Field(alias="NewStateValue")
    at: Time = Field(default=None, alias="StateChangeTime")
    trigger: _Trigger | None = Field(default=None, alias="Trigger")


class _State(Body):
    value: Text
    timestamp: Time = None


class _Detail(Body):
    name: Text = Field(alias="alarmName", min_length=1)
    state: _State


class _Event(Body):
    resources: Annotated[list[Text], BeforeValidator(to_list)] = []
    account: Text = ""
    region: Text = ""
    time: Time = None
    detail: _Detail


def parse(delivery: Delivery) -> list[Alert]:
    content = unwrapped(delivery)
    if content is None:  # about the subscription itself
        return []
    if isinstance(content, dict) and "detail" in content:
        return _of_event(as_(_Event, content, "an alarm of EventBridge"), delivery)
    return _of_alarm(as_(_Alarm, content, "a CloudWatch alarm"), delivery)


def _of_alarm(alarm: _Alarm, delivery: Delivery) -> list[Alert]:
    dimensions = {one.name: one.value for one in (alarm.trigger.dimensions if alarm.trigger else []) if one.value}
    service = next((_name(dimensions[name]) for name in SERVICE if name in dimensions), "")
    key = alarm.arn or f"{alarm.account}/{alarm.region}/{alarm.name}"
    return _alert(key, alarm.name, alarm.state, alarm.at, service, delivery)


def _name(value: str) -> str:
    """A load balancer calls itself app/NAME/ID."""
    return value.split("/")[1] if value.count("/") == 2 else value


def _of_event(event: _Event, delivery: Delivery) -> list[Alert]:
    detail = event.detail
    arn = next(filter(ARN.fullmatch, event.resources), "")
    key = arn or f"{event.account}/{event.region}/{detail.name}"
    return _alert(key, detail.name, detail.state.value, detail.state.timestamp or event.time, "", delivery)


def _alert(key: str, name: str, state: str, at: Any, service: str, delivery: Delivery) -> list[Alert]:
    """An alarm without enough data fires no more and is not well either: nobody is told that it recovered."""
    if state == "INSUFFICIENT_DATA":
        return []
    if state not in ("ALARM", "OK"):
        raise Malformed(f"the state {state[:60]!r} is none of ALARM, OK, INSUFFICIENT_DATA")
    arn = ARN.fullmatch(key)
    return [
        facts.alert(
            "cloudwatch",
            key,
            name,
            firing=state == "ALARM",
            now=delivery.now,
            severity="",
            service=service,
            starts_at=at,
            ends_at=at,
            url=CONSOLE.format(region=arn[2], name=quote(name, safe="")) if arn and arn[1] == "aws" else None,
        )
    ]


def delivery_id(delivery: Delivery) -> str:
    outer = envelope(delivery)
    content = delivery.content
    inner = content.get("id") if isinstance(content, dict) else ""
    return to_text(outer.get("MessageId") if outer else inner)


SENDER = Sender(
    title="CloudWatch alarms, through Amazon SNS or EventBridge", parse=parse, auth="sns", delivery=delivery_id
)
