"""One shape for every sender: from a request that is proven to be theirs to facts."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError

from bot.model import Alert, Change, VendorStatus
from handlers.intake.fields import Malformed, Partly, load, to_text, to_whole, why

Fact = Alert | Change | VendorStatus
M = TypeVar("M", bound=BaseModel)
F = TypeVar("F", bound=Fact)

MOST_ODD = 100  # items of one body, unless more are good: a million would take hours to be refused one by one
NAMED = 10  # odd items beyond the first whose places are told
LARGEST = 16 * 1024 * 1024  # bytes: an alert storm arrives as one delivery of some megabytes


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One request as it came. Header names are in lower case; `token` is what stands in the URL.

    `unread`: in a replay, the items to read of its list of `listed` ones, if the others were taken in.
    """

    body: bytes
    now: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    unread: tuple[int, ...] = ()
    listed: int = 0

    @cached_property
    def data(self) -> bytes:
        """The body, unpacked, or what a form calls `payload`. Its Content-Type is not believed. Raises Malformed."""
        data = self.body
        if self.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate"):
            data = unpacked(data)
        return of_form(data) if data.startswith(b"payload=") else data

    @cached_property
    def content(self) -> Any:
        """The JSON in it. Raises Malformed."""
        return load(self.data)

    def as_(self, model: type[M], what: str) -> M:
        """The JSON in it as `model`; `what` is what it should be. Raises Malformed."""
        return as_(model, self.content, what)


def as_(model: type[M], content: Any, what: str) -> M:
    """Raises Malformed: "this is not an Alertmanager webhook: alerts: field required"."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Malformed(f"this is not {what}: {why(error)}") from None


def each(
    delivery: Delivery, items: Sequence[Any], read: Callable[[Any], Iterable[F]], within: str | None = None
) -> list[F]:
    """What `read` makes of every item, for `read` raises Malformed: what is wrong with one must not cost the others.

    `within`: the field of the body that holds the list; "" where the body is the list; None where it is not known, so
    that the whole body is kept, with the places of the odd items. Raises Malformed if no item can be read, or too many
    cannot; Partly if some can.
    """
    if delivery.unread and delivery.listed != len(items):
        raise Malformed(f"of {delivery.listed} items some were taken in, and now it is read as {len(items)}")
    asked = delivery.unread or range(len(items))
    found, bad = list[F](), dict[int, str]()
    for number in asked:
        try:
            found += read(items[number])
        except Malformed as error:
            bad[number] = str(error)
            if len(bad) > MOST_ODD and len(bad) > len(found):
                raise Malformed(
                    f"more than {MOST_ODD} of {len(asked)} items could not be read, such as: {error}"
                ) from None
    if not bad:
        return found
    why = next(iter(bad.values()))
    if len(bad) == len(asked):
        raise Malformed(why)
    place, *others = (f"{within}.{number}" if within else f"item {number + 1}" for number in bad)
    also = f" (and {', '.join(others[:NAMED])}{', …' if others[NAMED:] else ''})" if others else ""
    rest: Any = [items[number] for number in bad]
    rest = delivery.content if within is None else delivery.content | {within: rest} if within else rest
    raise Partly(
        f"{len(bad)} of {len(asked)} could not be read; {place}{also}: {why}",
        found,
        json.dumps(rest).encode(),
        *((tuple(bad), len(items)) if within is None else ()),
    )


def of_form(data: bytes) -> bytes:
    """What the form's field `payload` holds. Raises Malformed."""
    return form(data).get("payload", "").encode("utf-8", "replace")


def form(data: bytes) -> dict[str, str]:
    """The fields of a form, as `curl --data-urlencode` writes it. Raises Malformed."""
    try:
        fields = parse_qs(data.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:
        raise Malformed("the form has too many fields") from None
    return {name: "".join(values) for name, values in fields.items()}


def unpacked(data: bytes) -> bytes:
    """gzip or zlib, never more than a body may have: a few kilobytes can hold gigabytes. Raises Malformed."""
    unpacker = zlib.decompressobj(wbits=47)
    try:
        whole = unpacker.decompress(data, LARGEST + 1)
    except zlib.error:
        raise Malformed("the body is said to be compressed and is not") from None
    if len(whole) > LARGEST:
        raise Malformed(f"the body unpacks to more than {LARGEST // 2**20} MiB")
    if not unpacker.eof:
        raise Malformed("the compressed body ends too early")
    return whole


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """For a body of ours, which is not packed, in the place of what came."""
    return {name: value for name, value in headers.items() if name not in ("content-encoding", "content-length")}


# ---------------------------------------------------------------- senders

Parser = Callable[[Delivery], Sequence[Fact]]
DeliveryId = Callable[[Delivery], str]


def none(delivery: Delivery) -> str:
    """For senders without an id of a request, and those that repeat the same on purpose: the subject's key decides."""
    return ""


def header(name: str) -> DeliveryId:
    return lambda delivery: to_text(delivery.headers.get(name.lower()))


def inside(*path: str) -> DeliveryId:
    """The id stands in the body, at this path."""

    def find(delivery: Delivery) -> str:
        found = delivery.content
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return "" if isinstance(found, dict | list) else to_text(found)

    return find


def whole(delivery: Delivery) -> int:
    """For senders that leave nothing out."""
    return 0


def truncated(delivery: Delivery) -> int:
    """As Alertmanager and Grafana say it, where they are told to send only some alerts of a group."""
    content = delivery.content
    return max(0, (to_whole(content.get("truncatedAlerts")) or 0) if isinstance(content, dict) else 0)


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What one kind of sender is like.

    `parse` raises nothing but Malformed, and gives [] for what carries nothing for us. `auth` names the scheme
    (handlers/intake/signatures.py) in which it proves itself with a secret of its own. `delivery` finds the id that a
    re-sent request keeps. `odd` is the answer to what is not understood: 400, or 202 for those that switch a hook off
    after a few 4xx; it is kept either way, without what stands in `secret_fields` of the body. `partly` is the answer
    where some of a list were understood, and stored: 202, since most senders would post all of it again and again, or
    400 where somebody reads it. `left_out`: how many alerts it says that it has not sent.
    """

    title: str
    parse: Parser
    auth: str = "bearer"
    delivery: DeliveryId = none
    odd: int = 400
    partly: int = 202
    left_out: Callable[[Delivery], int] = whole
    secret_fields: tuple[str, ...] = ()

    def hushed(self, body: bytes) -> bytes:
        """The body as it may be kept and shown: a few senders write their secret into it."""
        for name in self.secret_fields:
            body = re.sub(rb'("%s"\s*:\s*)"(?:[^"\\]|\\.)*"' % name.encode(), rb'\1""', body)
        return body


# ---------------------------------------------------------------- facts as documented JSON

ALERT = ("key", "group", "title", "severity", "service", "environment", "status", "starts_at", "ends_at", "url")
CHANGE = ("change", "key", "service", "version", "environment", "status", "at", "url", "actor")
VENDOR = ("key", "vendor", "component", "status", "title", "at", "url")


def kind(fact: Fact) -> str:
    match fact:
        case Alert():
            return "alert"
        case Change():
            return "change"
        case VendorStatus():
            return "vendor"


def shown(fact: Fact) -> dict[str, Any]:
    """The documented JSON of a fact: what `parse` and `dry_run` print. Absent is null, times are UTC."""
    values = dict(vars(fact))
    if isinstance(fact, Alert):
        values["status"] = "firing" if fact.firing else "resolved"
    names = {"alert": ALERT, "change": CHANGE, "vendor": VENDOR}[kind(fact)]
    return {"kind": kind(fact)} | {name: _plain(values[name]) for name in names}


def unread(why: str) -> dict[str, str]:
    """Beside the facts: that there was more."""
    return {"kind": "unparsed", "reason": why}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Enum():
            return value.value
        case "":
            return None
        case _:
            return value
