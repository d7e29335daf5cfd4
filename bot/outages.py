"""When Slack is away: noticed, told to the on-call by another way, and made up for when it is back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.cards.outage import summary
from bot.decision import Decision, SendPost, TellAway
from bot.model import Entry, EntryKind, Incident, Post, Reach
from bot.text import clip, clock, one_line, span

SLACK = "slack"
AWAY_AFTER = 3  # looks in a row: one that is lost is no outage
OLD = timedelta(minutes=1)  # a post that waited longer is no news any more, and is folded with the others
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A post that nobody has tried to send, and since when it waits."""

    post: Post
    since: datetime


def unanswered(reach: Reach | None, incidents: Iterable[Incident], ways: Iterable[str], now: datetime) -> Decision:
    """Slack did not answer a look. `ways` are those that lead to the on-call without it."""
    before = reach or Reach(id=SLACK, since=now)
    if before.away:
        return Decision()
    after = replace(before, failures=before.failures + 1, since=before.since if before.failures else now)
    if after.failures < AWAY_AFTER:
        return Decision(save=(after,))
    after = replace(after, away=True)
    text = "Slack does not answer; what is to be said waits"
    return Decision(
        save=(after,),
        note=tuple(_entry(incident, after.since, text) for incident in incidents),
        do=tuple(TellAway(f"{SLACK}/{after.since.strftime(STAMP)}/away/{way}") for way in ways),
    )


def answered(
    reach: Reach | None,
    incidents: Iterable[Incident],
    waiting: Sequence[Waiting],
    ways: Iterable[str],
    now: datetime,
) -> Decision:
    """Slack answered. If it was away, the posts that grew old meanwhile are folded: one for each place."""
    if reach is None or not reach.failures:
        return Decision()
    back = replace(reach, failures=0, away=False, since=now)
    if not reach.away:
        return Decision(save=(back,))
    text = f"Slack answers again, after {span(now - reach.since)}"
    ended = Decision(
        save=(back,),
        note=tuple(_entry(incident, now, text) for incident in incidents),
        do=tuple(TellAway(f"{SLACK}/{reach.since.strftime(STAMP)}/back/{way}") for way in ways),
    )
    return sum((fold(posts, reach.since, now) for posts in _by_place(waiting, now).values()), ended)


def _entry(incident: Incident, at: datetime, text: str) -> Entry:
    return Entry(incident=incident.id, at=at, kind=EntryKind.TROUBLE, text=text)


def _by_place(waiting: Sequence[Waiting], now: datetime) -> Mapping[tuple[str, str], list[Waiting]]:
    """The old ones, by lane and channel; what stands in a thread stays there, and a question comes by itself."""
    found: dict[tuple[str, str], list[Waiting]] = {}
    for one in waiting:
        if now - one.since > OLD and not one.post.thread and not _asks(one.post):
            found.setdefault((lane(one.post), one.post.channel), []).append(one)
    return found


def _asks(post: Post) -> bool:
    """Whether an update may be published; nobody could press that in a summary."""
    return post.id.endswith("/approval")


def lane(post: Post) -> str:
    return post.id.partition("/")[0]


def fold(waiting: Sequence[Waiting], since: datetime, now: datetime) -> Decision:
    """One message instead of these, which are never sent by themselves. A single one is none too many."""
    if len(waiting) < 2:
        return Decision()
    first = waiting[0].post
    card = summary(first.incident, [(one.since, one.post.text) for one in waiting], since, now)
    told = Post(
        id=f"{lane(first)}/away/{since.strftime(STAMP)}/{first.channel}",
        incident=first.incident,
        channel=first.channel,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(
        save=(told, *(replace(one.post, folded=told.id) for one in waiting)),
        do=(SendPost(told.id),),
    )


def came_late(reach: Reach | None, written: datetime, now: datetime) -> bool:
    """Whether a post waited for Slack to come back."""
    return reach is not None and not reach.away and written < reach.since and now - written > OLD


# ---------------------------------------------------------------- told by another way


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a way has to carry. `key` is the same when it is sent again."""

    key: str
    title: str
    text: str
    away: bool
    since: datetime
    until: datetime | None = None


def telling(subject: str, reach: Reach, incidents: Collection[Incident]) -> Told | None:
    """None where it is no news any more: Slack is back before anybody was told that it is away."""
    _, stamp, what, _ = subject.split("/", 3)
    since = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    if what == "away":
        if not reach.away:
            return None
        title = f"Slack is away since {clock(since)} UTC"
        text = (
            f"{title}. Watchkeeper goes on: alerts are taken in, gates are answered, and what is to be said waits. "
            f'Type without Slack: watchkeeper say "/incident list" --as YOUR_SLACK_ID. {_open(incidents)}'
        )
        return Told(key=subject, title=title, text=text, away=True, since=since)
    title = f"Slack is back since {clock(reach.since)} UTC"
    text = f"{title}, after {span(reach.since - since)}. The channels have what happened meanwhile. {_open(incidents)}"
    return Told(key=subject, title=title, text=text, away=False, since=since, until=reach.since)


def _open(incidents: Collection[Incident]) -> str:
    """It leaves Slack, so of a private incident it has the number only."""
    named = [
        f"{i.id} {i.severity}" + ("" if i.private else f" {i.service}: {clip(one_line(i.title), 80)}")
        for i in list(incidents)[:5]
    ]
    more = f" and {len(incidents) - 5} more" if len(incidents) > 5 else ""
    return f"Open: {'; '.join(named)}{more}." if named else "No incident is open."
