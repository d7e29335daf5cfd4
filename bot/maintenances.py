"""Maintenance: work that customers are told of ahead, and that is over by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import times
from bot.decision import Decision
from bot.errors import Refused
from bot.model import Entry, EntryKind, Maintenance
from bot.policy import Policy
from bot.publishing import TEXT, component, exports, settings, told
from bot.text import brief, clip, code, span

LASTS, LONGEST, AHEAD = timedelta(hours=1), timedelta(days=7), timedelta(days=90)
USAGE = "/incident maintenance COMPONENT --from 22:00 --for 2h What customers will notice"
UNCHANGED = "Nothing was announced."
OPTION = re.compile(r"(?:^|\s)(?:--|—|–)(from|for)(?:=|\s+)(\S+)")
ID = re.compile(r"(?:mnt-?)?(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    components: tuple[str, ...]
    text: str
    starts_at: datetime
    lasts: timedelta


def parse(words: str, policy: Policy, now: datetime) -> Wanted:
    """`checkout,search [--from 22:00] [--for 2h] text`. Raises Refused."""
    page = settings(policy)
    said = dict(OPTION.findall(words))
    names, _, text = OPTION.sub("", words).strip().partition(" ")
    components = tuple(dict.fromkeys(filter(None, names.split(","))))
    for name in components:
        component(name, page)
    if not components or not text.strip():
        raise Refused(f"Name the components, and say what customers will notice. {UNCHANGED}", instead=USAGE)
    lasts = times.lasting(said["for"], UNCHANGED, USAGE) if "for" in said else LASTS
    if lasts > LONGEST:
        raise Refused(f"Maintenance lasts at most {span(LONGEST)} here. {UNCHANGED}", instead=USAGE)
    starts_at = times.starting(said.get("from", ""), now, AHEAD, UNCHANGED)
    return Wanted(components=components, text=clip(told(text, policy), TEXT), starts_at=starts_at, lasts=lasts)


def announce(wanted: Wanted, number: int, by: str, policy: Policy, now: datetime) -> Decision:
    planned = Maintenance(
        id=f"MNT-{number}",
        components=wanted.components,
        text=wanted.text,
        starts_at=wanted.starts_at,
        until=wanted.starts_at + wanted.lasts,
        by=by,
        at=now,
    )
    return Decision(
        save=(planned,),
        note=(_entry(planned, by, now, f"announced to customers: {_line(planned)}"),),
        do=exports(policy),
        say=f"Customers can read it now: {_card(planned)} `/incident maintenance end {planned.id}` ends it earlier.",
    )


def end(words: str, planned: Sequence[Maintenance], by: str, policy: Policy, now: datetime) -> Decision:
    """Over, or called off where it has not begun. Raises Refused."""
    one = _find(words, planned)
    word = "over" if one.starts_at <= now else "called off"
    return Decision(
        save=(replace(one, ended_at=now),),
        note=(_entry(one, by, now, f"{one.id} is {word}: {_line(one)}"),),
        do=exports(policy),
        say=f"{one.id} is {word}; customers no longer see it.",
    )


def _find(words: str, planned: Sequence[Maintenance]) -> Maintenance:
    match = ID.fullmatch(words.strip())
    found = next((one for one in planned if match and one.id == f"MNT-{int(match[1])}"), None)
    if found is None:
        known = ", ".join(one.id for one in planned)
        hint = f"Planned or under way: {known}." if known else "None is planned or under way."
        what = f"There is no maintenance {code(words, 40)}" if words.strip() else "Say which maintenance"
        raise Refused(f"{what}. {hint} Nothing was changed.")
    return found


def coming(maintenances: Sequence[Maintenance], now: datetime) -> tuple[Maintenance, ...]:
    """Planned or under way."""
    return tuple(one for one in maintenances if one.ended_at is None and now < one.until)


def listed(planned: Sequence[Maintenance]) -> str:
    return "\n".join(f"• {_card(one)}" for one in planned) or "No maintenance is planned or under way."


def _card(one: Maintenance) -> str:
    return f"{one.id}, {_when(one)}, {code(', '.join(one.components))}: {brief(one.text, 300)}"


def _line(one: Maintenance) -> str:
    return f"maintenance of {', '.join(one.components)}, {_when(one)}: {one.text}"


def _when(one: Maintenance) -> str:
    return f"{one.starts_at:%Y-%m-%d %H:%M} to {one.until:%Y-%m-%d %H:%M} UTC"


def _entry(one: Maintenance, by: str, now: datetime, text: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, by=by, source=one.id)
