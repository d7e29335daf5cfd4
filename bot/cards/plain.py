"""A card for those who read it outside Slack: plain text, in the order of its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.decision import Card


def as_text(said: str | Card) -> str:
    if isinstance(said, str):
        return strip(said)
    lines = [line for block in said.blocks for line in _lines(block)]
    return "\n".join(lines) or strip(said.text)


def _lines(block: dict[str, Any]) -> Iterator[str]:
    if text := block.get("text"):
        yield strip(text["text"])
    for field in block.get("fields", ()):
        yield strip(field["text"]).replace("\n", ": ", 1)
    for element in (*block.get("elements", ()), *filter(None, [block.get("accessory")])):
        if element["type"] in ("mrkdwn", "plain_text"):
            yield strip(element["text"])
        elif line := _typed(element):
            yield f"  [{strip(element.get('text', {}).get('text', ''))}]  {line}"


def _typed(element: dict[str, Any]) -> str:
    """The line that a button stands for."""
    value = element.get("value") or element.get("url") or ""
    return f"/{value}" if value and not value.startswith("http") else str(value)


DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
LINK = re.compile(r"<([^|>]+)\|([^>]*)>")
MENTION = re.compile(r"<([@#][A-Z0-9]+)>")
EMOJI = re.compile(r":[a-z][a-z_]*: ?")
EMPHASIS = re.compile(r"(?<!\w)([*_])(?=\S)(.+?)(?<=\S)\1(?!\w)")


def strip(text: str) -> str:
    """mrkdwn as people would read it."""
    text = LINK.sub(r"\2 (\1)", DATE.sub(r"\1", text))
    text = EMPHASIS.sub(r"\2", EMOJI.sub("", MENTION.sub(r"\1", text)))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
