"""Text as Slack stores it: what people type is escaped, and names of people and channels become references."""

from __future__ import annotations

import re
from collections.abc import Callable

MARK = re.compile(r"<(?:[@#!][^<>\s]+(?:\|[^<>]*)?|(?:https?|mailto|tel):[^<>\s|]+(?:\|[^<>]*)?)>")
ENTITY = re.compile(r"&(?!(?:amp|lt|gt);)")
URL = re.compile(r"(?<![\w|<])https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"]")
PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def escape(text: str) -> str:
    return ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def outside_marks(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to all but its <…> references."""
    out, at = [], 0
    for mark in MARK.finditer(text):
        out += [change(text[at : mark.start()]), mark.group()]
        at = mark.end()
    return "".join([*out, change(text[at:])])


def typed(text: str) -> str:
    """What a person's client makes of a message: references stay, the rest is escaped, bare addresses become links."""
    return outside_marks(text, lambda part: URL.sub(lambda url: f"<{url.group()}>", escape(part)))


def posted(text: str) -> str:
    """What Slack makes of an app's message: only bare addresses change."""
    return outside_marks(text, lambda part: URL.sub(lambda url: f"<{url.group()}>", ENTITY.sub("&amp;", part)))


def people_in(text: str) -> set[str]:
    return set(PERSON.findall(text))
