"""CloudEvents (binary, structured, batch) that carry CDEvents: a delivery pipeline in the standard's words."""

from __future__ import annotations

from typing import Any

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Malformed, to_text, to_time, to_url
from handlers.intake.sender import Delivery, Sender, each

# By subject and predicate; the version behind them changes with every draft.
STATUSES = {
    "service.deployed": ChangeStatus.SUCCEEDED,
    "service.upgraded": ChangeStatus.SUCCEEDED,
    "service.published": ChangeStatus.SUCCEEDED,
    "service.rolledback": ChangeStatus.ROLLED_BACK,
    "service.removed": ChangeStatus.SUCCEEDED,
    "pipelinerun.queued": ChangeStatus.STARTED,
    "pipelinerun.started": ChangeStatus.STARTED,
    "pipelinerun.finished": ChangeStatus.SUCCEEDED,
    "environment.created": ChangeStatus.SUCCEEDED,
    "environment.modified": ChangeStatus.SUCCEEDED,
    "environment.deleted": ChangeStatus.SUCCEEDED,
}
KINDS = {"service": ChangeKind.DEPLOY, "pipelinerun": ChangeKind.JOB, "environment": ChangeKind.INFRA}
OUTCOMES = {
    "success": ChangeStatus.SUCCEEDED,
    "failure": ChangeStatus.FAILED,
    "error": ChangeStatus.FAILED,
    "cancel": ChangeStatus.CANCELLED,
}
PREFIX = "dev.cdevents."


def parse(delivery: Delivery) -> list[Change]:
    """Events of other kinds carry nothing for us."""
    return each(delivery, items(delivery), lambda item: filter(None, [_change(event(item), delivery)]), "")


def items(delivery: Delivery) -> list[Any]:
    """What should be events, in whichever of the three modes they came. Raises Malformed."""
    content = delivery.content
    if "ce-type" in delivery.headers:
        named = {name.removeprefix("ce-"): value for name, value in delivery.headers.items() if name.startswith("ce-")}
        return [named | {"data": content}]
    return content if isinstance(content, list) else [content]


def event(item: Any) -> dict[str, Any]:
    """With its CDEvent under `data`. Raises Malformed."""
    if not isinstance(item, dict) or not ({"type", "context"} & item.keys()):
        raise Malformed("this is no CloudEvent: type is missing")
    return item if "type" in item else {"data": item}


def part(content: Any, *path: str) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _change(told: dict[str, Any], delivery: Delivery) -> Change | None:
    data = told.get("data")
    kind = to_text(part(data, "context", "type") or told.get("type"))
    if not kind.startswith(PREFIX):
        return None
    subject, _, rest = kind.removeprefix(PREFIX).partition(".")
    predicate = rest.partition(".")[0]
    status = STATUSES.get(f"{subject}.{predicate}")
    if status is None:
        return None
    id = to_text(part(data, "subject", "id") or told.get("subject"))
    if not id:
        raise Malformed("subject.id is missing")
    content = part(data, "subject", "content")
    outcome = to_text(part(content, "outcome")).lower()
    artifact = to_text(part(content, "artifactId"))
    source = to_text(part(data, "subject", "source") or part(data, "context", "source") or told.get("source"))
    place = to_text(part(content, "environment", "id"))
    version = _version(artifact)
    life = f"/{place}/{version}" if subject == "service" else ""
    return facts.change(
        "cloudevents",
        f"{subject}/{source}/{id}{life}",
        OUTCOMES.get(outcome, status) if predicate == "finished" else status,
        now=delivery.now,
        service=_named(content, id),
        version=version,
        place=place,
        kind=KINDS[subject],
        at=to_time(part(data, "context", "timestamp") or told.get("time")),
        url=to_url(part(content, "url") or part(content, "uri")),
    )


def _named(content: Any, id: str) -> str:
    """A pipeline by its name, a service by the last part of its id."""
    return to_text(part(content, "pipelineName")) or id.rstrip("/").rpartition("/")[2] or id


def _version(artifact: str) -> str:
    """Of a package URL (pkg:oci/checkout@sha256%3A0b31…?tag=v42) the tag, else the version, else all of it."""
    tail = artifact.partition("?")[2]
    tag = next((pair[4:] for pair in tail.split("&") if pair.startswith("tag=")), "")
    return tag or artifact.partition("?")[0].rpartition("@")[2].replace("%3A", ":").replace("%3a", ":")


def delivery_id(delivery: Delivery) -> str:
    """Source, id and type together: examples of the standard use an id more than once. A batch has no id of its own."""
    found = items(delivery)
    if len(found) != 1:
        return ""
    one = event(found[0])
    context = part(one, "data", "context")
    told = [to_text(one.get(name) or part(context, name)) for name in ("source", "id", "type")]
    return "/".join(told) if told[1] else ""


SENDER = Sender(title="CloudEvents that carry CDEvents", parse=parse, auth="standard", delivery=delivery_id)
