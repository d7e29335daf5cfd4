"""Whatever posts JSON, mapped by JMESPath in the configuration (https://jmespath.org)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from bot.model import ChangeKind, ChangeStatus, VendorState, VendorStatus
from handlers.intake import facts
from handlers.intake.fields import Malformed, to_list, to_text, to_texts, to_time, to_url
from handlers.intake.sender import Delivery, Fact, Sender, each

ALERT = (
    *("key", "title", "status", "severity", "service", "environment", "group", "starts_at", "ends_at", "url"),
    *("labels", "runbook", "value", "image"),
)
CHANGE = ("key", "title", "status", "service", "version", "environment", "change", "at", "url", "actor")
VENDOR = ("key", "title", "status", "vendor", "component", "at", "url")
FIELDS: Mapping[str, tuple[str, ...]] = {"alert": ALERT, "change": CHANGE, "vendor": VENDOR}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "alert": ("key", "title"),
    "change": ("service", "status"),
    "vendor": ("key", "vendor", "status"),
}
STATUSES: Mapping[str, tuple[str, ...]] = {
    "alert": ("firing", "resolved"),
    "change": tuple(ChangeStatus),
    "vendor": tuple(VendorState),
}


PREAMBLE = re.compile(r"(?:invalid|bad) jmespath expression: ", re.IGNORECASE)


class BadMap(ValueError):
    """What is wrong with a map, for whoever wrote it."""


@dataclass(frozen=True, kw_only=True)
class Map:
    """`each` finds the things in a body; `fields` reads one of them; `statuses` puts the sender's words into ours."""

    kind: str = "alert"
    each: str = "@"
    fields: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raises BadMap, at the start."""
        _one_of("kind", self.kind, FIELDS)
        for name, expression in (("each", self.each), *self.fields.items()):
            if name != "each":
                _one_of("fields", name, FIELDS[self.kind])
            try:
                jmespath.compile(expression)
            except JMESPathError as error:
                raise BadMap(f"{name}: {expression!r} is no JMESPath: {complaint(error)}") from None
        for word in self.statuses.values():
            _one_of("statuses", word, STATUSES[self.kind])
        if missing := [name for name in NEEDED[self.kind] if name not in self.fields]:
            raise BadMap(f"fields: name {' and '.join(missing)}")


def _one_of(where: str, word: str, known: Any) -> None:
    if word not in known:
        raise BadMap(f"{where}: {word!r} is none of {', '.join(known)}")


def sender(map_: Map, name: str) -> Sender:
    return Sender(title=SENDER.title, parse=lambda delivery: mapped(map_, name, delivery))


def mapped(map_: Map, name: str, delivery: Delivery) -> list[Fact]:
    items = to_list(find(map_.each, delivery.content))
    return each(delivery, items, lambda item: [fact(map_, name, item, delivery.now)], "" if map_.each == "@" else None)


def complaint(error: Exception) -> str:
    """Without the expression, which JMESPath repeats below its complaint, and without what announces that."""
    said = str(error).splitlines()[0].removesuffix(", for expression:").rstrip(".: ")
    return PREAMBLE.sub("", said).lower()


def find(expression: str, content: Any) -> Any:
    """Raises Malformed where the expression meets what it cannot work with."""
    try:
        return jmespath.search(expression, content)
    except (JMESPathError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Malformed(f"{expression!r} cannot be read from this body: {complaint(error)}") from None


def fact(map_: Map, name: str, item: Any, now: datetime) -> Fact:
    told = {each: find(expression, item) for each, expression in map_.fields.items()}
    text = {each: to_text(value) for each, value in told.items()}
    if missing := [each for each in NEEDED[map_.kind] if not text.get(each)]:
        raise Malformed(f"{missing[0]} is empty at {map_.fields[missing[0]]!r}")
    status = said(map_, text.get("status", ""))
    return MAKE[map_.kind](name, text, told, status, now)


def said(map_: Map, word: str) -> str:
    """Our word for it: as mapped, in whatever case, or one of ours already."""
    ours = {theirs.lower(): our for theirs, our in map_.statuses.items()}
    found = ours.get(word.lower(), word.lower())
    if map_.kind == "alert" and not word:
        return "firing"
    if found not in STATUSES[map_.kind]:
        raise Malformed(f"status {word[:60]!r} is none of {', '.join((*map_.statuses, *STATUSES[map_.kind]))}")
    return found


def _alert(name: str, text: dict[str, str], told: dict[str, Any], status: str, now: datetime) -> Fact:
    return facts.alert(
        name,
        text["key"],
        text["title"],
        firing=status == "firing",
        now=now,
        group=text.get("group", ""),
        severity=text.get("severity", ""),
        service=text.get("service", ""),
        place=text.get("environment", ""),
        starts_at=to_time(told.get("starts_at")),
        ends_at=to_time(told.get("ends_at")),
        url=to_url(told.get("url")),
        labels=to_texts(told.get("labels")),
        runbook=to_url(told.get("runbook")),
        value=text.get("value", ""),
        image=to_url(told.get("image")),
    )


def _change(name: str, text: dict[str, str], told: dict[str, Any], status: str, now: datetime) -> Fact:
    kind = text.get("change", "").lower() or ChangeKind.DEPLOY.value
    if kind not in list(ChangeKind):
        raise Malformed(f"change {kind[:60]!r} is none of {', '.join(ChangeKind)}")
    place = text.get("environment", "")
    return facts.change(
        name,
        text.get("key") or f"{kind}/{text['service']}/{place}/{text.get('version', '')}",
        ChangeStatus(status),
        now=now,
        service=text["service"],
        version=text.get("version", ""),
        place=place,
        kind=ChangeKind(kind),
        at=to_time(told.get("at")),
        title=text.get("title", ""),
        url=to_url(told.get("url")),
        actor=text.get("actor", ""),
    )


def _vendor(name: str, text: dict[str, str], told: dict[str, Any], status: str, now: datetime) -> Fact:
    return VendorStatus(
        key=f"{name}/{text['key']}",
        vendor=text["vendor"],
        component=text.get("component", ""),
        status=VendorState(status),
        title=text.get("title", ""),
        at=to_time(told.get("at")) or now,
        url=to_url(told.get("url")),
        source=name,
    )


MAKE = {"alert": _alert, "change": _change, "vendor": _vendor}

# Without a map it takes our own words, so that it can be tried out before one is written.
OURS = Map(fields={name: name for name in ALERT})


def parse(delivery: Delivery) -> list[Fact]:
    return mapped(OURS, "generic", delivery)


SENDER = Sender(title="Whatever posts JSON, mapped by JMESPath in the configuration", parse=parse)
