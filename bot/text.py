"""Words for Slack: untrusted text stays text, and text that is too long is cut, never refused.

Slack reads three characters as markup, `& < >`; whatever escapes them cannot ping or link. The rest here keeps
foreign text from formatting, hiding or turning round what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bot.model import BOT

NAME = "Watchkeeper"
SECTION = 3000  # Slack's limit on the text of a section, in characters after escaping
URL = 3000
ELLIPSIS = "…"
JOINER = "\u2060"  # takes no room and is no part of any name, so "@" + JOINER + "here" pings nobody
NOTHING = "–"  # Slack refuses an empty text

# Marks that can start or end formatting, each with the sign that looks most like it and does nothing.
LOOK_ALIKE = {"*": "∗", "_": "ˍ", "~": "∼"}
MARK = re.compile(r"(?<![^\W_])[*_~]+|[*~_]+(?![^\W_])|[*~]")
AUTOLINK = re.compile(r"(?<![^\W_])([@#])(?=\w)")
BROADCAST = re.compile(r"@(?=here|channel|everyone)", re.IGNORECASE)
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HALF = re.compile(r"[\ud800-\udfff]")
TOKEN_OR_ENTITY = re.compile(r"<[^<>]*$|&[a-z]{0,3}$")


def clean(text: str) -> str:
    """Without what no reader can see: controls, direction overrides and halves of characters, which UTF-8 lacks."""
    return HALF.sub("\ufffd", UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def clip(text: str, n: int) -> str:
    """At most `n` characters, the ellipsis among them. For text that is not escaped yet."""
    return text if len(text) <= n else text[: max(0, n - 1)].rstrip() + ELLIPSIS[:n]


def entities(text: str) -> str:
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def esc(text: str) -> str:
    """Foreign text as mrkdwn that pings nobody, links nowhere and opens or closes no formatting."""
    text = AUTOLINK.sub(rf"\1{JOINER}", entities(text).replace("`", "'"))
    return MARK.sub(lambda mark: "".join(LOOK_ALIKE[c] for c in mark[0]), text)


def code(text: str, n: int = 200) -> str:
    """Foreign text as code: shown and copied as it is, but for backticks and names that ping everybody."""
    inside = BROADCAST.sub(f"@{JOINER}", entities(clip(one_line(text).replace("`", "'"), n)))
    return f"`{inside}`" if inside else NOTHING


def fenced(text: str, n: int) -> str:
    """Foreign text with its lines as a block of code; "" where there is none."""
    inside = BROADCAST.sub(f"@{JOINER}", entities(clip(text, n)).replace("```", "'''"))
    return f"```{cut(inside, SECTION - 6)}```" if inside.strip() else ""


def brief(text: str, n: int) -> str:
    """Foreign text on one line, cut and escaped."""
    return esc(clip(one_line(text), n))


def paragraph(text: str, n: int) -> str:
    """Foreign text with its lines, cut and escaped."""
    return esc(clip(clean(text).strip(), n))


def cut(mrkdwn: str, n: int) -> str:
    """At most `n` characters of text that is escaped already; no entity and no <token> is cut in two."""
    if len(mrkdwn) <= n:
        return mrkdwn
    return TOKEN_OR_ENTITY.sub("", mrkdwn[: n - 1]).rstrip() + ELLIPSIS


def plain(text: str, n: int) -> dict[str, Any]:
    """A plain_text object: one line, at most `n` characters, never empty."""
    return {"type": "plain_text", "text": clip(one_line(text), n) or NOTHING, "emoji": False}


def mrkdwn(text: str, n: int = SECTION) -> dict[str, Any]:
    """A mrkdwn object of text that is escaped already. Verbatim: Slack looks for no names or links of its own."""
    return {"type": "mrkdwn", "verbatim": True, "text": cut(text, n).strip() or NOTHING}


def fallback(mrkdwn: str) -> str:
    """What a notification shows of a card: chat.update takes at most 4,000 characters."""
    return cut(" ".join(mrkdwn.split()), SECTION) or NOTHING


PERSON = re.compile(r"[UW][A-Z0-9]{1,20}", re.ASCII)
CHANNEL = re.compile(r"[CG][A-Z0-9]{1,20}", re.ASCII)


def is_person(text: str) -> bool:
    """Whether it is a Slack user id, as far as its form goes."""
    return bool(PERSON.fullmatch(text))


def mention(user: str) -> str:
    """`<@U…>` for a Slack id; any other name as text. Never for names that came from outside: see `brief`."""
    if user == BOT:
        return NAME
    return f"<@{user}>" if is_person(user) else brief(user, 80)


def channel(id: str, name: str = "") -> str:
    """A channel to click on, if its id is known."""
    if CHANNEL.fullmatch(id):
        return f"<#{id}>"
    return f"#{JOINER}{brief(name, 80)}" if name else ""


def is_link(url: str | None) -> bool:
    """An http(s) address with a host, without blanks, short enough for Slack."""
    if not url or len(url) > URL or not url.isprintable() or any(c.isspace() for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


LOOKS_LIKE_LINK = re.compile(r"^\W*(?:\w+:/|www\.)|://", re.IGNORECASE)


def link(url: str | None, label: str) -> str:
    """`<url|label>`, or just the label where `url` is none. A label that poses as an address is not shown."""
    if url is None or not is_link(url):
        return brief(label, 200)
    safe = url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    honest = (urlsplit(url).hostname or "link") if LOOKS_LIKE_LINK.search(label) else label
    return f"<{safe}|{brief(honest, 200) or 'link'}>"


def when(at: datetime) -> str:
    """The time of day where the reader is; UTC where Slack cannot tell."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{clock(at)} UTC>"


def when_exactly(at: datetime) -> str:
    """The same with seconds, for what one waits for."""
    return f"<!date^{int(at.timestamp())}^{{time_secs}}|{at.astimezone(UTC):%H:%M:%S} UTC>"


def clock(at: datetime) -> str:
    """ "14:02", in UTC."""
    return f"{at.astimezone(UTC):%H:%M}"


def span(delta: timedelta) -> str:
    """ "40 s", "12 min", "2 h 5 min", "3 d 4 h". Less than nothing is 0 s."""
    seconds = max(0, int(delta.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def ago(delta: timedelta) -> str:
    return "just now" if delta < timedelta(seconds=10) else f"{span(delta)} ago"


def plural(n: int, one: str, many: str = "") -> str:
    """ "1 alert", "3 alerts"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def dotted(parts: Iterable[str]) -> str:
    """The parts that there are, with middle dots between them."""
    return " · ".join(part for part in parts if part)
