"""Foreign text in Markdown: it formats nothing, links nowhere, is no HTML and pings nobody where it is pasted."""

from __future__ import annotations

import re

from bot.text import AUTOLINK, JOINER, clip, one_line

LONGEST = 2_000
SPECIAL = re.compile(r"([\\`*\[\]|~])")
EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word means nothing
LEADING = re.compile(r"^(?=[#+=-])|^(\d{1,9})(?=[.)])")
IN_ADDRESS = {"<": "%3C", ">": "%3E", "|": "%7C", "\\": "%5C", "`": "%60"}


def md(text: str) -> str:
    """One line, fit for a paragraph, a list and the cell of a table."""
    flat = SPECIAL.sub(r"\\\1", AUTOLINK.sub(rf"\1{JOINER}", clip(one_line(text), LONGEST)))
    flat = EDGE.sub(r"\\_", flat).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return LEADING.sub(lambda match: f"{match[1]}\\" if match[1] else "\\", flat)


def link(address: str, label: str) -> str:
    """For an address that `text.is_link`; `label` is ours."""
    safe = "".join(IN_ADDRESS.get(c, c) for c in address)
    return f"[{label}](<{safe}>)"
