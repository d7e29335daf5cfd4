"""Breaking the glass: the rules are overridden with a reason, everybody hears of it, and somebody looks at it after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot import tasks
from bot.decision import Decision, SendPost
from bot.errors import Refused
from bot.model import Post, Request
from bot.text import brief, esc, mention

FLAG = "--break-glass"
# Slack's clients make dashes and curly quotes of what is typed.
WRITTEN = re.compile(
    r"""(?:--|[—–])break-glass(?:[\s=]+|$)(?:["“”](?P<quoted>[^"“”]*)["“”]?|(?P<bare>.*?)(?=\s?--[a-z]|$))""", re.DOTALL
)
LONGEST = 500


def taken_out(words: str, verb: str) -> tuple[str, str]:
    """The words without the flag, and the reason that was given with it; "" where the flag is not there.

    Raises Refused where it comes without a reason.
    """
    found = WRITTEN.search(words)
    if found is None:
        return words, ""
    why = " ".join((found["quoted"] or found["bare"] or "").split())
    if not why:
        example = f'/rollout {verb} SERVICE {FLAG} "nobody else is awake"'
        raise Refused("To break the glass needs a reason; nothing was changed.", instead=example)
    return f"{words[: found.start()]}{words[found.end() :]}".strip(), why[:LONGEST]


def broken(request: Request, what: str, announce: str, number: int, now: datetime) -> Decision:
    """`what` is the request in words; `number` that of the task."""
    return announced(
        request.id,
        what,
        request.broken_glass,
        "; ".join(request.reasons),
        by=request.confirmed_by,
        incident=request.incident,
        channels=[request.channel, announce],
        number=number,
        now=now,
    )


def announced(
    id: str,
    what: str,
    why: str,
    rules: str,
    *,
    by: str,
    incident: str,
    channels: Sequence[str],
    number: int,
    now: datetime,
) -> Decision:
    """Said where it is reported and where all is announced, and a follow-up for whoever did it.

    `id` is that of what was done, `what` it in words, `rules` what was overridden, as mrkdwn.
    """
    text = f":rotating_light: {mention(by)} *broke the glass*: {esc(what)}. Reason: {brief(why, LONGEST)}"
    more = f"\nOverridden or left open: {rules}" if rules else ""
    posts = tuple(
        Post(id=f"{id}/glass/{place}", incident=incident, channel=channel, text=text + more)
        for place, channel in enumerate(dict.fromkeys(filter(None, channels)))
    )
    said = Decision(save=posts, do=tuple(SendPost(post.id) for post in posts))
    look = f"look at why the glass was broken for the {what} ({why}), and mend the rule or the release"
    return said + tasks.followup(incident, number, look, owner=by, by=by, now=now)
