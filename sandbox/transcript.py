"""Writes down what is said in the workspace, as lines that read well in a terminal."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.world import Sandbox

LONGEST = 420  # characters of a message; more is cut
WIDTH = 110
QUIET = {"channel_topic", "channel_purpose", "pinned_item", "bot_add", "group_topic"}
PARTS = ("text", "blocks", "attachments", "files")
TEXT_KEYS = ("text", "fallback", "title", "alt_text", "name")


@dataclass(frozen=True)
class Line:
    """One thing that somebody said. `actor` "story" is the narrator."""

    at: datetime
    actor: str
    where: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"at": f"{self.at:%H:%M:%S}", "actor": self.actor, "where": self.where, "text": self.text}

    def __str__(self) -> str:
        if self.actor == "story":
            return "\n" + textwrap.fill(f"— {self.text}", WIDTH, subsequent_indent="  ")
        head = f"{self.at:%H:%M:%S}  {self.where:<16}  {self.actor:<12}  "
        indent = " " * len(head)
        lines = [textwrap.fill(part, WIDTH - len(head)) for part in self.text.splitlines() if part.strip()]
        return head + textwrap.indent("\n".join(lines), indent).lstrip()


@dataclass(frozen=True)
class Seen:
    """A message as it is now, and who can see it."""

    key: tuple[str, str]
    where: str
    message: dict[str, Any]

    @property
    def face(self) -> tuple[Any, ...]:
        """What is new in a message that was edited. Comparing these is cheap while nothing is edited."""
        return tuple(self.message.get(part) for part in PARTS)


class Reporter:
    """Looks for what is new. What was there before the first look is not told."""

    def __init__(self, world: Sandbox, lines: list[Line], tell: Callable[[Line], object] | None = None) -> None:
        self.world, self.lines, self.tell = world, lines, tell
        self._faces = {seen.key: seen.face for seen in self._all()}
        self._firing = self._alerts()

    def narrate(self, text: str) -> None:
        self._write(Line(self.world.clock.now(), "story", "", text))

    def did(self, who: str, where: str, what: str) -> None:
        """Something that nobody can read in the chat: a command, a press, a deploy."""
        self._write(Line(self.world.clock.now(), who, where, self.readable(what)))

    def look(self) -> None:
        """Write down what changed: alerts, and every message that is new or says something else than before."""
        self._look_at_alerts()
        news = [seen for seen in self._all() if self._faces.get(seen.key) != seen.face]
        for seen in sorted(news, key=lambda seen: seen.key[1]):
            before = self._faces.get(seen.key)
            self._faces[seen.key] = seen.face
            said = plain(seen.message) if before is None else difference(before, seen.message)
            if said and seen.message.get("subtype") not in QUIET:
                self._write(Line(self.world.clock.now(), self.name(seen.message), seen.where, self.readable(said)))

    def _look_at_alerts(self) -> None:
        before, self._firing = self._firing, self._alerts()
        for name in self._firing.keys() - before.keys():
            self.did("alertmanager", "", f"{name} fires: {self._firing[name]}")
        for name in before.keys() - self._firing.keys():
            self.did("alertmanager", "", f"{name} is resolved")

    def _alerts(self) -> dict[str, str]:
        """One line for each rule that fires, however many alerts it has."""
        return {a.labels["alertname"]: a.annotations.get("summary", "") for a in self.world.shop.alertmanager.firing}

    def _all(self) -> Iterator[Seen]:
        workspace = self.world.workspace
        for channel in list(workspace.channels.values()):
            for ts, message in list(channel.messages.items()):
                yield Seen((channel.id, ts), f"#{channel.name}", message)
            for person in workspace.people.values():
                for message in list(workspace.ephemerals(channel.id, person.id)):
                    where = f"#{channel.name} → {person.handle}"
                    yield Seen((f"{channel.id} {person.id}", message["ts"]), where, message)

    def name(self, message: dict[str, Any]) -> str:
        if message.get("bot_id"):
            return "watchkeeper"
        person = self.world.workspace.people.get(message.get("user", ""))
        return str(person.handle if person else message.get("user", "slackbot"))

    def readable(self, text: str) -> str:
        """Slack's markup as people see it, on few lines."""
        handles = {person.id: person.handle for person in self.world.workspace.people.values()}
        text = re.sub(r"<@(\w+)(?:\|[^>]*)?>", lambda m: f"@{handles.get(m[1], m[1])}", text)
        text = re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", text)
        text = re.sub(r"<!subteam\^\w+\|?([^>]*)>", r"\1", text)
        text = re.sub(r"<!(\w+)[^>]*>", r"@\1", text)
        text = re.sub(r"<#(\w+)\|?[^>]*>", lambda m: "#" + self.channel_name(m[1]), text)
        text = re.sub(r"<[^|>\s]+\|([^>]*)>", r"\1", text)
        text = re.sub(r"<(https?://[^>]*)>", r"\1", text)
        text = re.sub(r"\n\s*\n+", "\n", html.unescape(text)).strip()
        return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"

    def channel_name(self, id: str) -> str:
        found = self.world.workspace.channels.get(id)
        return str(found.name) if found else id

    def _write(self, line: Line) -> None:
        self.lines.append(line)
        if self.tell:
            self.tell(line)


def difference(face: tuple[Any, ...], message: dict[str, Any]) -> str:
    """The lines of an edited message that were not there before."""
    before = set(plain(dict(zip(PARTS, face, strict=True))).splitlines())
    lines = [line for line in plain(message).splitlines() if line not in before]
    return "(edits) " + "\n".join(lines) if lines else ""


def plain(message: dict[str, Any]) -> str:
    """All that a message says, blocks and files included, each thing once."""
    said = list(dict.fromkeys(texts({k: message[k] for k in ("blocks", "attachments", "files") if message.get(k)})))
    text = message.get("text") or ""
    return "\n".join(
        [*([text] if text and not said else []), *said] if message.get("blocks") else [text, *said]
    ).strip()


def texts(value: Any) -> Iterator[str]:
    """Every string in blocks that people read. A rich text's pieces stand on one line."""
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        if value.get("type") in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
            yield "".join(piece(e) for e in value["elements"])
            return
        if value.get("type") == "button":
            yield f"[{value['text']['text']}]"
            return
        if value.get("type") == "actions":
            yield " ".join(texts(value["elements"]))
            return
        if "placeholder" in value:  # a menu: what it offers is not said
            return
        for key, inner in value.items():
            if isinstance(inner, str) and key in TEXT_KEYS:
                yield inner
            elif isinstance(inner, list | dict):
                yield from texts(inner)


def piece(element: dict[str, Any]) -> str:
    match element.get("type"):
        case "user":
            return f"<@{element['user_id']}>"
        case "channel":
            return f"<#{element['channel_id']}>"
        case "emoji":
            return f":{element['name']}:"
        case "link":
            return str(element.get("text") or element["url"])
    return str(element.get("text", ""))
