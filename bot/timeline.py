"""What happened, line by line, each with its source: every recorded fact, and of the chat what tells most.

Facts (alerts, changes, actions, roles, updates) have exact times and are all taken. Chat fills in the why; which
messages do is judged in `bot/judgement/telling.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from bot.judgement.telling import LEADS, PER_WINDOW, Heard, Scored, choose, score
from bot.model import BOT, Assignment, Entry, EntryKind, Incident, Message, Phase, Role
from bot.positions import TITLES
from bot.text import NAME, clean, clip, is_link, one_line, plural, span

CHAT, GAP = "chat", "gap"  # the kinds of line besides those of entries
BEFORE = "before"  # the phase of what happened before the incident was opened

SILENCE = timedelta(minutes=20)
LONGEST = 300
READ = 4_000  # characters of a message that are looked at


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the timeline. `id` is "T1", "T2", … in order of time, "" for a gap; `why` says why chat was kept."""

    id: str
    at: datetime
    kind: str  # an EntryKind's value, "chat" or "gap"
    text: str
    phase: str  # a Phase's value, or "before"
    who: str = ""  # a display name
    role: str = ""  # the title of the role they held then
    source: str = ""  # a link or an id that proves it
    pinned: bool = False
    why: tuple[str, ...] = ()


def timeline(
    incident: Incident,
    entries: Sequence[Entry],
    messages: Sequence[Message],
    assignments: Sequence[Assignment],
    names: Mapping[str, str],
    *,
    titles: Mapping[Role, str] = TITLES,
    per_window: int = PER_WINDOW,
    silence: timedelta = SILENCE,
) -> tuple[Line, ...]:
    """Entries and the telling part of the chat in order of time; silences are declared.

    `names` is Slack id → display name. The cost grows with the number of messages, and with nothing's square.
    """
    said = spoken(messages)
    phases = Phases(incident, entries)
    roles = Roles(entries, assignments, titles)
    heard = (_heard(message, phases, roles, names) for message in said)
    kept = choose(list(score(heard, (incident.service,))), per_window)
    lines = [_fact(entry, phases, roles, names) for entry in sorted(entries, key=lambda e: (e.at, e.seq))]
    lines += [_chat(one, phases, names) for one in kept]
    lines.sort(key=lambda line: line.at)
    lines = list(_with_gaps(incident, lines, [message.at for message in said], phases, silence))
    return tuple(_numbered(lines))


def _numbered(lines: Iterable[Line]) -> Iterator[Line]:
    number = 0
    for line in lines:
        if line.kind == GAP:
            yield line
            continue
        number += 1
        yield replace(line, id=f"T{number}")


def spoken(messages: Iterable[Message]) -> list[Message]:
    """What still stands, each message once, in order of time."""
    newest = {message.id: message for message in messages}
    said = [m for m in newest.values() if not m.deleted and m.text.strip()]
    return sorted(said, key=lambda m: (m.at, m.ts))


# ---------------------------------------------------------------- who and when

MOVED = re.compile(r"\b(\w+) → (\w+)\b")


class Phases:
    """Which phase the incident was in at a time, as its entries tell."""

    def __init__(self, incident: Incident, entries: Iterable[Entry]) -> None:
        self.starts: list[tuple[datetime, str]] = [(incident.opened_at, Phase.INVESTIGATING.value)]
        for entry in sorted(entries, key=lambda e: (e.at, e.seq)):
            if (phase := moved_to(entry)) and entry.at >= incident.opened_at:
                self.starts.append((entry.at, phase.value))

    def at(self, at: datetime) -> str:
        return next((phase for start, phase in reversed(self.starts) if start <= at), BEFORE)

    def number(self, at: datetime) -> int:
        """The how-manieth stretch of the incident it was; going back to a phase is a new stretch."""
        return sum(start <= at for start, _ in self.starts)


def moved_to(entry: Entry) -> Phase | None:
    """The phase that an entry says the incident moved to."""
    if entry.kind not in (EntryKind.INCIDENT, EntryKind.UPDATE):
        return None
    if entry.text.startswith("reopened"):
        return Phase.INVESTIGATING
    match = MOVED.match(entry.text)
    known = {phase.value: phase for phase in Phase}
    return known.get(match[2]) if match and match[1] in known else None


class Roles:
    """Who held which role when, as the entries tell; the assignments fill in what no entry says."""

    def __init__(
        self, entries: Iterable[Entry], assignments: Iterable[Assignment], titles: Mapping[Role, str] = TITLES
    ) -> None:
        self.titles, called = titles, {title.lower(): role for role, title in titles.items()}
        claims = [(e.at, role, e.whom) for e in entries if e.whom and (role := _role_in(e, called))]
        told = {(role, user) for _, role, user in claims}
        claims += [(a.at, a.role, a.user) for a in assignments if a.user and (a.role, a.user) not in told]
        self.claims = sorted(claims, key=lambda claim: claim[0])

    def of(self, user: str, at: datetime) -> str:
        """The title of the role, or ""."""
        role = self.held(user, at)
        return self.titles[role] if role else ""

    def held(self, user: str, at: datetime) -> Role | None:
        """The latest claim of a role holds it; of several roles the first."""
        holders: dict[Role, str] = {}
        for since, role, who in self.claims:
            if since > at:
                break
            holders[role] = who
        return next((role for role in self.titles if holders.get(role) == user), None)


CLAIM = re.compile(r"(?:is|takes over as) (.+?)(?: by on-call)?")  # as bot/roles.py writes it


def claims(text: str, title: str) -> bool:
    """Whether a line says that somebody has this role now; that nobody has it yet is another line."""
    return bool(re.search(rf"(?:^|\s)(?:is|takes over as) {re.escape(title.lower())}(?: by on-call)?$", text))


def _role_in(entry: Entry, called: Mapping[str, Role]) -> Role | None:
    match = CLAIM.fullmatch(entry.text) if entry.kind is EntryKind.ROLE else None
    return called.get(match[1]) if match else None


def name_of(user: str, names: Mapping[str, str]) -> str:
    return NAME if user == BOT else one_line(names.get(user) or user)


# ---------------------------------------------------------------- lines


def _fact(entry: Entry, phases: Phases, roles: Roles, names: Mapping[str, str]) -> Line:
    whom = f"{name_of(entry.whom, names)} " if entry.whom else ""
    return Line(
        id="",
        at=entry.at,
        kind=entry.kind.value,
        text=clip(whom + readable(entry.text, names), LONGEST),
        phase=phases.at(entry.at),
        who=name_of(entry.by, names),
        role=roles.of(entry.by, entry.at),
        source=entry.source or f"entry {entry.seq}",
    )


def _heard(message: Message, phases: Phases, roles: Roles, names: Mapping[str, str]) -> Heard:
    return Heard(
        message=message,
        text=readable(message.text[:READ], names),
        role=roles.of(message.user, message.at),
        leads=roles.held(message.user, message.at) in LEADS,
        stretch=phases.number(message.at),
    )


def _chat(one: Scored, phases: Phases, names: Mapping[str, str]) -> Line:
    message = one.heard.message
    return Line(
        id="",
        at=message.at,
        kind=CHAT,
        text=clip(one.heard.text, LONGEST),
        phase=phases.at(message.at),
        who=name_of(message.user, names),
        role=one.heard.role,
        source=message.link if is_link(message.link) else message.id,
        pinned=one.chosen,
        why=one.why,
    )


def _with_gaps(
    incident: Incident, lines: Sequence[Line], said: Sequence[datetime], phases: Phases, silence: timedelta
) -> Iterator[Line]:
    """Lines with a line of its own where nothing is known for longer than `silence`, from onset to resolution."""
    began = min(incident.began, incident.opened_at)
    over = incident.resolved_at
    chat = iter(said)
    unread = next(chat, None)
    for line, after in pairwise([*lines, None]):
        assert line is not None
        yield line
        if after is None or after.at - line.at <= silence or line.at < began or (over and line.at >= over):
            continue
        heard = 0
        while unread is not None and unread < after.at:
            heard += unread > line.at
            unread = next(chat, None)
        yield _gap(line.at, after.at, heard, phases)


def _gap(start: datetime, end: datetime, heard: int, phases: Phases) -> Line:
    chat = f"; {plural(heard, 'message')} in the channel, none of them chosen" if heard else ""
    text = f"nothing recorded for {span(end - start)}{chat}"
    return Line(id="", at=start, kind=GAP, text=text, phase=phases.at(start))


# ---------------------------------------------------------------- Slack's text, for reading elsewhere

TOKEN = re.compile(r"<([^<>|\n]+)(?:\|([^<>\n]*))?>")


def readable(text: str, names: Mapping[str, str]) -> str:
    """One line without Slack's markup: names for ids, addresses for links."""

    def token(match: re.Match[str]) -> str:
        inside, label = match[1], match[2] or ""
        if inside.startswith("@"):
            return f"@{names.get(inside[1:]) or label or inside[1:]}"
        if inside.startswith("#"):
            return f"#{label or inside[1:]}"
        if inside.startswith("!"):
            return label or f"@{inside[1:].partition('^')[0]}"
        if is_link(inside):
            return f"{label} ({inside})" if label and label != inside else inside
        return label or match[0]

    return one_line(TOKEN.sub(token, clean(text).replace("```", " ")))
