"""Atom and RSS: what a vendor's status page tells of its incidents, whether the feed is fetched or posted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from bot.model import VendorState, VendorStatus
from handlers.intake import facts
from handlers.intake.fields import Malformed, host_of, to_text, to_time, to_url
from handlers.intake.sender import Delivery, Sender

LARGEST = 2 * 2**20  # bytes
RECENT = timedelta(days=7)  # what is older says nothing of now, even if nobody ever wrote that it is over
TITLE = 300  # characters
ATOM = "{http://www.w3.org/2005/Atom}"
DUBLIN = "{http://purl.org/dc/elements/1.1/}"
RSS1 = "{http://purl.org/rss/1.0/}"

DECLARED = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,20})[\"']")
ENCODINGS = {"utf-8": "utf-8-sig", "us-ascii": "utf-8", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
PROLOG = re.compile(r"\s*(?:(?:<\?.*?\?>|<!--.*?-->)\s*)*", re.DOTALL)
MARKUP = re.compile(r"<[^>]*>")

STATES = {
    "resolved": VendorState.OPERATIONAL,
    "completed": VendorState.OPERATIONAL,
    "postmortem": VendorState.OPERATIONAL,
    "operating normally": VendorState.OPERATIONAL,
    "in progress": VendorState.MAINTENANCE,
    "verifying": VendorState.MAINTENANCE,
    "scheduled": None,  # it is only announced
    "investigating": VendorState.DEGRADED,
    "identified": VendorState.DEGRADED,
    "monitoring": VendorState.DEGRADED,
    "service disruption": VendorState.PARTIAL_OUTAGE,
    "service impact": VendorState.DEGRADED,
    "informational message": VendorState.DEGRADED,
    "degraded": VendorState.DEGRADED,
    "outage": VendorState.PARTIAL_OUTAGE,
}
WORDS = re.compile(rf"\b({'|'.join(STATES)})\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of a feed. `text` is what it says, without markup, the newest first."""

    id: str
    title: str
    text: str
    at: datetime | None
    url: str | None


def parse(delivery: Delivery) -> list[VendorStatus]:
    return statuses(delivery.data, delivery.now)


def statuses(data: bytes, now: datetime, vendor: str = "", components: Collection[str] = ()) -> list[VendorStatus]:
    """`vendor`: whose feed it is; by itself it is the host that the feed links to. Raises Malformed.

    `components`: those that matter. A feed has none of its own: an entry is about those that it names.
    """
    root = read(data)
    whose = vendor or host_of(home(root)) or "unknown"
    told = ((item, _about(item, components)) for item in items(root))
    return [
        replace(status, component=", ".join(named))
        for item, named in told
        if (named or not components) and (status := _status(item, whose, now))
    ]


def _about(item: Item, components: Collection[str]) -> list[str]:
    said = f"{item.title} {item.text}".lower()
    return [name for name in components if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", said)]


def _status(item: Item, vendor: str, now: datetime) -> VendorStatus | None:
    """The state is the first word for one; an entry without any, or from long ago, says nothing."""
    found = WORDS.search(item.title) or WORDS.search(item.text)
    state = STATES[found[1].lower()] if found else None
    if state is None or item.at is None or item.at < now - RECENT:
        return None
    return facts.vendor(
        "feed", f"{vendor}/{item.id}", state, now=now, vendor=vendor, title=item.title, at=item.at, url=item.url
    )


# ---------------------------------------------------------------- XML


def read(data: bytes) -> Element:
    """The root of a feed. No document type is let in: with one, a few lines can mean gigabytes. Raises Malformed."""
    if len(data) > LARGEST:
        raise Malformed(f"the feed is larger than {LARGEST // 2**20} MiB")
    text = decoded(data)
    start = PROLOG.match(text)
    if start and text.startswith("<!", start.end()):
        raise Malformed("the feed declares a document type, which no feed needs")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  nothing is left to expand
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"the feed is not XML: {str(error).splitlines()[0]}") from None
    if root.tag not in ("rss", f"{ATOM}feed") and not root.tag.endswith("}RDF"):
        raise Malformed(f"this is neither Atom nor RSS but <{to_text(root.tag)[:60]}>")
    return root


def decoded(data: bytes) -> str:
    """By the encoding that it declares, of those in which nothing can hide. Raises Malformed."""
    found = DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    name = found[1].decode().lower() if found else "utf-8"
    if name not in ENCODINGS:
        raise Malformed(f"the feed is in {name}, which is none of {', '.join(ENCODINGS)}")
    try:
        return data.decode(ENCODINGS[name])
    except UnicodeDecodeError as error:
        raise Malformed(f"the feed is not in {name} (byte {error.start})") from None


def home(root: Element) -> str | None:
    """Where the page is that the feed belongs to."""
    channel = next((part for part in root if part.tag in ("channel", f"{RSS1}channel")), root)
    return link(channel)


def link(part: Element) -> str | None:
    """RSS writes an address into the element, Atom into an attribute."""
    links = [found for found in part if found.tag in ("link", f"{RSS1}link", f"{ATOM}link")]
    pages = (found.get("href") or found.text for found in links if found.get("rel", "alternate") == "alternate")
    return next(filter(None, map(to_url, pages)), None)


def items(root: Element) -> Iterator[Item]:
    for entry in root.findall(f"{ATOM}entry"):
        yield _item(entry, f"{ATOM}id", f"{ATOM}title", (f"{ATOM}content", f"{ATOM}summary"), f"{ATOM}updated")
    for item in (*root.findall("channel/item"), *root.findall("item")):
        yield _item(item, "guid", "title", ("description",), "pubDate")
    for item in root.findall(f"{RSS1}item"):
        yield _item(item, f"{RSS1}link", f"{RSS1}title", (f"{RSS1}description",), f"{DUBLIN}date")


def _item(part: Element, id: str, title: str, texts: tuple[str, ...], at: str) -> Item:
    named, url = part.find(title), link(part)
    name = to_text("" if named is None else named.text)
    return Item(
        id=to_text(part.findtext(id)) or url or facts.fingerprint({"title": name}),
        title=name[:TITLE],
        text=next((text for each in texts if (text := plain(part.findtext(each)))), ""),
        at=to_time(part.findtext(at) or part.findtext(f"{DUBLIN}date")),
        url=url,
    )


def plain(text: str | None) -> str:
    """Without the HTML that feeds put into their texts."""
    return to_text(" ".join(MARKUP.sub(" ", text or "").split()))


SENDER = Sender(title="A vendor's Atom or RSS feed", parse=parse, auth="url")
