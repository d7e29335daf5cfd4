"""Copies of the status page: when people are told that one cannot be put where it belongs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.decision import Decision, ExportStatus, Proclaim
from bot.model import Export, Post
from bot.text import brief, code, span

SOON = timedelta(seconds=15)  # after the first failures; after that at the next beat
TELL_AFTER = 3  # failures in a row


def done(name: str, before: Export | None, as_of: datetime) -> Decision:
    """People who were told that it fails are told that it works again."""
    known = before or Export(id=name)
    saved = replace(known, done_at=as_of, failing_since=None, failures=0, trouble="", told=False)
    if not known.told or known.failing_since is None:
        return Decision(save=(saved,))
    lasted = span(as_of - known.failing_since)
    text = f":white_check_mark: The status page is copied to {code(name)} again, after {lasted}."
    return Decision(save=(saved,)) + _told(known, known.failing_since, "again", text)


def failed(name: str, before: Export | None, why: str, now: datetime) -> Decision:
    """People are told once for each time that it fails, and not of a single hiccup."""
    known = before or Export(id=name)
    since, failures = known.failing_since or now, known.failures + 1
    tells = failures >= TELL_AFTER and not known.told
    saved = replace(known, failing_since=since, failures=failures, trouble=why, told=known.told or tells)
    soon = (ExportStatus(name, due=now + SOON),) if failures < TELL_AFTER else ()
    decision = Decision(save=(saved,), do=soon)
    if not tells:
        return decision
    last = f"The copy there is of {known.done_at:%Y-%m-%d %H:%M} UTC" if known.done_at else "There is no copy yet"
    text = (
        f":warning: The status page cannot be copied to {code(name)}: {brief(why, 300)}. {last}; "
        "it says itself when it is too old to be believed. I go on trying, and say so when it works again."
    )
    return decision + _told(known, since, "failed", text)


def _told(export: Export, since: datetime, word: str, text: str) -> Decision:
    post = Post(id=f"status/{export.id}/{since:%Y%m%dT%H%M%S}/{word}", incident="", channel="", text=text)
    return Decision(save=(post,), do=(Proclaim(post.id),))
