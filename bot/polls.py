""" "Are there any strong objections?": a proposal with a clock, on which silence is consent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import durations
from bot.commands import must_be_somebody
from bot.decision import Decision, EndPoll, SendPost, ShowPoll
from bot.errors import Refused
from bot.incidents import CHANNEL, must_be_open
from bot.model import Entry, EntryKind, Incident, Poll, Post
from bot.text import brief, clip, code, one_line, plural

LASTS, SHORTEST, LONGEST = timedelta(seconds=60), timedelta(seconds=10), timedelta(hours=1)
PROPOSAL = 500
USAGE = '/incident poll "roll back checkout now" 60s'
# Slack's clients make dashes and curly quotes of what is typed.
CLOCK = re.compile(
    rf"(?:^|\s)(?:(?:--|[—–])for[\s=]+)?(?P<lasts>{durations.WRITTEN.pattern})$", re.IGNORECASE | re.ASCII
)
PROSE = re.compile(r"\s(?:for|in)$", re.IGNORECASE)  # "keep it off for 5 minutes" is said, too
QUOTED = re.compile(r"""^(?:"([^"]*)"|[“„”]([^“”]*)[“”])\s*(.*)$""")
BEFORE_CLOCK = re.compile(r"^(?:(?:--|[—–])?for[\s=]+|in\s+)", re.IGNORECASE)
CHOICES = {"agree": True, "object": False}


@dataclass(frozen=True)
class Proposal:
    text: str
    lasts: timedelta


def parse(words: str) -> Proposal:
    """`"roll back now" 60s`; quotes and time may be left out. Behind quotes stands a time and nothing else.

    Raises Refused.
    """
    words, lasts = one_line(words), LASTS
    if quoted := QUOTED.match(words):
        words, lasts = quoted[1] or quoted[2] or "", _lasting(quoted[3])
    elif found := CLOCK.search(words):
        before, lasts = words[: found.start()], durations.parse(found["lasts"].lower()) or timedelta(0)
        words = words if PROSE.search(before) else before
    said = words.strip().strip("\"'“”„").strip()
    if not said:
        raise Refused("Say what you propose.", instead=USAGE)
    if not SHORTEST <= lasts <= LONGEST:
        raise Refused("A poll lasts from 10s to 1h; nothing was asked.", instead=USAGE)
    return Proposal(clip(said, PROPOSAL), lasts)


def _lasting(word: str) -> timedelta:
    if not word:
        return LASTS
    lasts = durations.parse(BEFORE_CLOCK.sub("", word).lower())
    if lasts is None:
        raise Refused(
            f"Behind the quotes stands how long to wait, 60s or 5m, and {code(word, 40)} is none. Nothing was asked.",
            instead=USAGE,
        )
    return lasts


def ask(incident: Incident, words: str, number: int, by: str, now: datetime) -> Decision:
    must_be_open(incident)
    proposal = parse(words)
    poll = Poll(
        id=f"{incident.id}/poll/{number}",
        incident=incident.id,
        text=proposal.text,
        by=by,
        at=now,
        ends_at=now + proposal.lasts,
    )
    return Decision(
        save=(poll,),
        note=(_entry(poll, f"proposes: {poll.text}", by, now),),
        do=(ShowPoll(poll.id), EndPoll(poll.id, due=poll.ends_at)),
        say="Asked in the channel.",
    )


def vote(poll: Poll, word: str, by: str, now: datetime) -> Decision:
    """The latest word of a person counts. An objection is noted at once: somebody may be about to act."""
    if poll.ended_at or now >= poll.ends_at:
        raise Refused("That poll is over; nothing was changed.", instead=USAGE)
    must_be_somebody(by, "has no vote")
    if word not in CHOICES:
        raise Refused("Say agree or object; nothing was changed.")
    agrees = CHOICES[word]
    if poll.votes.get(by) is agrees:
        raise Refused(f"You {'agree' if agrees else 'object'} already; nothing was changed.")
    noted = not agrees or by in poll.votes
    text = f"{'agrees now' if agrees else 'objects'}: {poll.text}"
    return Decision(
        save=(replace(poll, votes={**poll.votes, by: agrees}),),
        note=(_entry(poll, text, by, now),) if noted else (),
        do=(ShowPoll(poll.id),),
        say="You agree." if agrees else "You object. Say why in the channel, please.",
    )


def shown(poll: Poll, ts: str) -> Decision:
    return Decision() if poll.ts == ts else Decision(save=(replace(poll, ts=ts),))


def end(poll: Poll, now: datetime) -> Decision:
    """Its time is up: the result is noted, and said in its thread to whoever waits for it."""
    if poll.ended_at:
        return Decision()
    if now < poll.ends_at:
        return Decision(do=(EndPoll(poll.id, due=poll.ends_at),))
    ended = replace(poll, ended_at=now)
    post = Post(
        id=f"{poll.id}/result",
        incident=poll.incident,
        channel=CHANNEL,
        thread=poll.ts,
        text=f"{_mark(ended)} {outcome(ended)}",
    )
    return Decision(
        save=(ended, post),
        note=(_entry(poll, f"{outcome(ended)}: {poll.text}", poll.by, now),),
        do=(ShowPoll(poll.id), SendPost(post.id)),
    )


def _mark(poll: Poll) -> str:
    return ":hand:" if against(poll) else ":white_check_mark:"


def against(poll: Poll) -> tuple[str, ...]:
    """Who objects."""
    return tuple(user for user, agrees in poll.votes.items() if not agrees)


def outcome(poll: Poll) -> str:
    """ "nobody objected, 2 agreed"."""
    agreed, objected = len(poll.votes) - len(against(poll)), len(against(poll))
    said = plural(objected, "objection") if objected else "nobody objected"
    return f"{said}, {agreed} agreed"


def proposal(poll: Poll) -> str:
    return brief(poll.text, PROPOSAL)


def _entry(poll: Poll, text: str, by: str, now: datetime) -> Entry:
    return Entry(incident=poll.incident, at=now, kind=EntryKind.ACTION, by=by, text=text, source=poll.id)
