"""Silences and maintenance windows: what they fit is kept, opens nothing, and is news again when they end."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import (
    matching,
    times,
)
from bot.decision import Decision, EndSilence, Proclaim
from bot.errors import Refused
from bot.matching import Match
from bot.model import BOT, Alert, Entry, EntryKind, Post, Silence
from bot.policy import Policy
from bot.text import brief, clip, code, mention, one_line, plural, span

LASTS = timedelta(hours=2)  # where nobody says how long
AHEAD = timedelta(days=30)  # that one may begin from now
REASON, TERMS = 300, 10
UNCHANGED = "Nothing was silenced."
USAGE = "/incident silence LABEL=VALUE --for 2h --why REASON"

OPTION = re.compile(r"(?:^|\s)--(for|from|why)(?:[=\s]+|$)")
DASH = re.compile(r"(?<!\S)[—–](?=\w)")  # some keyboards make one of two
TERM = re.compile(r"""([\w./-]+)=("[^"]*"|“[^”]*”|'[^']*'|\S+)|(\S+)""")
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
ID = re.compile(r"(?:sil-?)?(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A silence as it was asked for."""

    terms: tuple[str, ...]
    starts_at: datetime
    lasts: timedelta
    reason: str


# ---------------------------------------------------------------- what is silent


def match_of(silence: Silence) -> Match:
    found: dict[str, list[str]] = defaultdict(list)
    for term in silence.terms:
        key, _, value = term.partition("=")
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}


def is_over(silence: Silence, now: datetime) -> bool:
    return silence.ended_at is not None or silence.until <= now


def stands(silence: Silence, now: datetime) -> bool:
    return not is_over(silence, now) and silence.starts_at <= now


# ---------------------------------------------------------------- asked


def parse(words: str, policy: Policy, now: datetime) -> Wanted:
    """LABEL=VALUE … [--from 22:00] [--for 2h] --why REASON, the options in any order. Raises Refused."""
    head, *rest = OPTION.split(DASH.sub("--", one_line(words)))
    said = dict(zip(rest[::2], rest[1::2], strict=True))
    terms = tuple(dict.fromkeys(_terms(head, policy)))
    if not terms or len(terms) > TERMS:
        raise Refused(f"Name one to {TERMS} labels to silence. Nothing was silenced.", instead=USAGE)
    reason = said.get("why", "").strip().strip("\"'“”")
    if not reason:
        raise Refused("Say why: whoever misses an alert will ask. Nothing was silenced.", instead=USAGE)
    starts_at = times.starting(said.get("from", "").strip(), now, AHEAD, UNCHANGED)
    return Wanted(
        terms=terms, starts_at=starts_at, lasts=_lasts(said.get("for", ""), policy), reason=clip(reason, REASON)
    )


def _terms(head: str, policy: Policy) -> Iterable[str]:
    for key, value, word in TERM.findall(head):
        if word and word not in policy.services:
            raise Refused(f"{code(word, 60)} is no service and no LABEL=VALUE. Nothing was silenced.", instead=USAGE)
        if word:
            yield f"service={word}"
            continue
        plain = value.strip("\"'“”")
        for each in [plain] if plain.startswith(matching.REGEX) else plain.split("|"):
            yield f"{key}={_checked(each)}"


def _checked(value: str) -> str:
    try:
        matching.check(value)
    except ValueError as error:
        raise Refused(f"{brief(str(error), 200)}. Nothing was silenced.", instead=USAGE) from None
    return value


def _lasts(word: str, policy: Policy) -> timedelta:
    if not word.strip():
        return min(LASTS, policy.longest_silence)
    lasts = times.lasting(word, UNCHANGED, USAGE)
    if lasts > policy.longest_silence:
        raise Refused(
            f"A silence lasts at most {span(policy.longest_silence)}: one that everybody forgot must end by itself. "
            "Nothing was silenced; change `silences.longest` in the configuration if that is too short.",
            instead=USAGE,
        )
    return lasts


def silence(wanted: Wanted, number: int, by: str, now: datetime, incident: str = "") -> Decision:
    """`number` makes the id; `incident`: on whose timeline it goes."""
    new = Silence(
        id=f"SIL-{number}",
        terms=wanted.terms,
        starts_at=wanted.starts_at,
        until=wanted.starts_at + wanted.lasts,
        reason=wanted.reason,
        by=by,
        at=now,
    )
    text = f":no_bell: {described(new, now)}."
    say = f"{text} What it fits is kept and counted, and opens nothing. `/incident unsilence {new.id}` ends it earlier."
    note = f"{new.id} silences {in_words(new)} {_when(new, now)}: {new.reason}"
    return _told(new, "begun", text) + Decision(
        save=(new,), note=(_entry(new, note, by, now, incident),), do=(EndSilence(new.id, due=new.until),), say=say
    )


def in_words(silence: Silence) -> str:
    """ "service=checkout team=a|b", plain text."""
    return matching.in_words(match_of(silence))


def _when(silence: Silence, now: datetime) -> str:
    until = f"until {silence.until:%d %b %H:%M} UTC"
    return until if silence.starts_at <= now else f"from {silence.starts_at:%d %b %H:%M} {until}"


def described(silence: Silence, now: datetime) -> str:
    """As mrkdwn, without a full stop."""
    what = f"{silence.id} of {mention(silence.by)} silences {code(in_words(silence))}"
    return f"{what} {_when(silence, now)}: {brief(silence.reason, REASON)}"


# ---------------------------------------------------------------- ended


def find(word: str, silences: Sequence[Silence]) -> Silence:
    """Of those that are not over. Raises Refused."""
    match = ID.fullmatch(word.strip())
    found = next((one for one in silences if match and one.id == f"SIL-{int(match[1])}"), None)
    if found is None:
        what = f"No silence {code(word, 40)} stands" if word.strip() else "Say which silence"
        raise Refused(f"{what}; nothing was changed.", instead="/incident silences")
    return found


def end(silence: Silence, alerts: Sequence[Alert], count: int, by: str, now: datetime, incident: str = "") -> Decision:
    """`alerts` still fire, of `count` that were silenced. What they open is for `bot/alerts` to decide."""
    ended = replace(silence, ended_at=now, ended_by=by)
    who = f" by {mention(by)}" if by != BOT else ""
    tally = f"{plural(count, 'alert was', 'alerts were')} silenced, {len(alerts)} of them still {_fire(len(alerts))}"
    text = f":bell: {silence.id}, the silence of {code(in_words(silence))}, is over{who}: {tally}."
    note = f"{silence.id} ({in_words(silence)}) is over: {tally}"
    return _told(silence, "ended", text) + Decision(
        save=(ended,), note=(_entry(silence, note, by, now, incident),), say=text
    )


def _fire(count: int) -> str:
    return "fires and is news again" if count == 1 else "fire and are news again" if count else "fire"


def _told(silence: Silence, word: str, text: str) -> Decision:
    post = Post(id=f"{silence.id}/{word}", incident="", channel="", text=text)
    return Decision(save=(post,), do=(Proclaim(post.id),))


def _entry(silence: Silence, text: str, by: str, now: datetime, incident: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, by=by, incident=incident, source=silence.id)


def listed(silences: Sequence[Silence], counts: Sequence[int], now: datetime) -> str:
    """Those that stand or are planned, as mrkdwn."""
    lines = [
        f":no_bell: {described(one, now)}; {plural(count, 'alert')} silenced so far"
        for one, count in zip(silences, counts, strict=True)
    ]
    return "\n".join(lines) or "Nothing is silenced."
