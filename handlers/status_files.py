"""The status page as files that need nothing else: pages, JSON and a feed, alike where we serve them and elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from bot.status import DAYS, Page, PublicIncident, Said
from handlers.templates import allowed, asset, iso, render

INDEX, JSON, FEED = "index.html", "status.json", "feed.atom"
LATEST = 50  # entries of the feed
ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where the parts of the page are, seen from one of them."""

    home: str = INDEX
    incidents: str = "incidents/"
    json: str = JSON
    feed: str = FEED


HERE = Links()
BELOW = Links(home=f"../{INDEX}", incidents="", json=f"../{JSON}", feed=f"../{FEED}")
SERVED = Links(home="status", incidents="status/incidents/", json=JSON, feed=f"status/{FEED}")
SERVED_BELOW = Links(home="../../status", incidents="", json=f"../../{JSON}", feed=f"../{FEED}")


def files(page: Page, here: Links = HERE, below: Links = BELOW) -> dict[str, bytes]:
    """By name. What others link to comes first, so that no link is ever broken."""
    parts = {incident_file(one.id): incident(page, one, below) for one in page.incidents}
    return parts | {
        JSON: json.dumps(as_json(page), indent=1, ensure_ascii=False).encode(),
        FEED: feed(page),
        INDEX: index(page, here),
    }


def incident_file(id: str) -> str:
    return f"incidents/{id}.html"


def index(page: Page, links: Links) -> bytes:
    return _html("status.html", page, links, live=True, days=DAYS)


def incident(page: Page, one: PublicIncident, links: Links) -> bytes:
    """What is over stays as it was told: its page never grows stale, and its bytes stay the same."""
    return _html("status_incident.html", page, links, live=one.is_open, incident=one)


def _html(template: str, page: Page, links: Links, *, live: bool, **more: Any) -> bytes:
    style, script = asset("status.css"), asset("status.js") if live else ""
    known = {"page": page, "links": links, "live": live, "style": style, "script": script}
    return render(template, policy=policy(live=live), **known, **more).encode()


def policy(*, live: bool) -> str:
    """What a browser may load and do on such a page."""
    more = ("connect-src 'self'", "form-action 'none'") if live else ("form-action 'none'",)
    return allowed(*more, style=asset("status.css"), script=asset("status.js") if live else "")


# ---------------------------------------------------------------- for machines


def as_json(page: Page) -> dict[str, Any]:
    return {
        "page": {
            "title": page.title,
            "url": page.url or None,
            "as_of": iso(page.as_of),
            "stale_after_seconds": int(page.stale_after.total_seconds()),
        },
        "status": {"state": page.state.value, "text": page.headline},
        "components": [
            {"name": row.component.name, "title": row.component.title, "group": group or None, "state": row.state.value}
            for group, rows in page.groups
            for row in rows
        ],
        "incidents": [_incident(page, one) for one in page.incidents],
        "maintenance": [
            {
                "id": one.id,
                "components": list(one.components),
                "text": one.text,
                "starts_at": iso(one.starts_at),
                "ends_at": iso(one.until),
                "under_way": one.under_way,
            }
            for one in page.maintenance
        ],
    }


def _incident(page: Page, one: PublicIncident) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "phase": one.phase.value,
        "began_at": iso(one.began),
        "resolved_at": iso(one.ended) if one.ended else None,
        "url": address(page, one) or None,
        "components": {name: state.value for name, state in one.components.items()},
        "updates": [{"phase": said.phase, "text": said.text, "at": iso(said.at)} for said in one.said],
    }


def address(page: Page, one: PublicIncident) -> str:
    return f"{page.url.rstrip('/')}/{incident_file(one.id)}" if page.url else ""


def feed(page: Page) -> bytes:
    """Atom, one entry for each update; the ids stay the same wherever the page moves to."""
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(_tag("feed"))
    told = [(said.at, one, said) for one in page.incidents for said in one.said]
    told.sort(key=lambda each: each[0], reverse=True)
    newest = max([at for at, *_ in told] + [one.announced_at for one in page.maintenance], default=page.as_of)
    for name, text in (("id", "urn:watchkeeper:status"), ("title", page.title), ("updated", iso(newest))):
        _add(root, name, text)
    ElementTree.SubElement(_add(root, "author", ""), _tag("name")).text = _xml(page.title)
    if page.url:
        _add(root, "link", "").set("href", page.url)
    for window in page.maintenance:
        text = f"{iso(window.starts_at)} to {iso(window.until)}: {window.text}"
        title = f"Maintenance: {', '.join(window.components)}"
        _entry(root, f"urn:watchkeeper:status:{window.id}", title, iso(window.announced_at), text, page.url)
    for at, one, said in told[:LATEST]:
        id = f"urn:watchkeeper:status:{one.id}:{_number(one, said)}"
        _entry(root, id, f"{said.phase}: {one.title}", iso(at), said.text, address(page, one))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _number(one: PublicIncident, said: Said) -> int:
    return len(one.said) - one.said.index(said)


def _entry(root: ElementTree.Element, id: str, title: str, at: str, text: str, url: str) -> None:
    entry = _add(root, "entry", "")
    for name, value in (("id", id), ("title", title), ("updated", at), ("content", text)):
        _add(entry, name, value)
    if url:
        _add(entry, "link", "").set("href", url)


def _add(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, _tag(name))
    made.text = _xml(text) or None
    return made


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _xml(text: str) -> str:
    """Without the two characters that are text everywhere but in XML."""
    return text.replace("\ufffe", "").replace("\uffff", "")
