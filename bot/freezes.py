"""Freezes: nothing in their scope goes forward, and what did all the same is named when they end."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import durations
from bot.commands import nearest
from bot.decision import Decision, EndFreeze, Proclaim
from bot.errors import Refused
from bot.model import BOT, Change, Entry, EntryKind, Freeze, Incident, Post, named, rollout_id
from bot.policy import Policy
from bot.text import brief, clip, clock, code, mention, one_line, plural, span

ALL = "all"
ENVIRONMENT = "environment:"
LASTS = timedelta(hours=2)  # where nobody says how long
REASON = 300
NAMED = 20  # changes that are named one by one
USAGE = "/rollout freeze SERVICE [ENVIRONMENT]|environment NAME|all --for 2h --why REASON"

ID = re.compile(r"frz-?(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A freeze as it was asked for."""

    scope: str
    lasts: timedelta
    reason: str


# ---------------------------------------------------------------- what is frozen


def covers(freeze: Freeze, service: str, environment: str) -> bool:
    return freeze.scope in (ALL, f"{ENVIRONMENT}{environment}", rollout_id(service, environment))


def standing(freezes: Iterable[Freeze], service: str, environment: str, now: datetime) -> tuple[Freeze, ...]:
    """Those that hold this rollout now."""
    return tuple(f for f in freezes if is_standing(f, now) and covers(f, service, environment))


def is_standing(freeze: Freeze, now: datetime) -> bool:
    return freeze.thawed_at is None and now < freeze.until


def where(scope: str) -> str:
    """ "everything", "environment staging", "checkout", "checkout staging"; plain text."""
    if scope == ALL:
        return "everything"
    if scope.startswith(ENVIRONMENT):
        return f"environment {scope.removeprefix(ENVIRONMENT)}"
    return named(*rollout_of(scope))


def rollout_of(scope: str) -> tuple[str, str]:
    """The service and the environment of a scope that is neither all nor an environment."""
    service, _, environment = scope.rpartition("/")
    return service, environment


def reason(freeze: Freeze) -> str:
    """Why something does not go forward, as mrkdwn."""
    what = brief(where(freeze.scope), 100)
    until = f"until {clock(freeze.until)} UTC"
    return f"{freeze.id} of {mention(freeze.by)} freezes {what} {until}: {brief(freeze.reason, REASON)}"


def slipped(freeze: Freeze, changes: Iterable[Change], now: datetime) -> tuple[Change, ...]:
    """The changes in its scope that began while it stood."""
    ended = min(freeze.thawed_at or now, freeze.until)
    return tuple(
        change
        for change in changes
        if covers(freeze, change.service, change.environment) and freeze.at <= change.at <= ended
    )


# ---------------------------------------------------------------- asked


def parse(words: str, policy: Policy) -> Wanted:
    """SCOPE [--for 2h] --why REASON, as people type it: some keyboards make one dash of two. Raises Refused."""
    words = re.sub(r"(?<!\S)[—–](?=\w)", "--", one_line(words))
    head, _, why = words.partition("--why")
    named, _, lasts = head.partition("--for")
    why = why.replace("=", " ", 1).strip().strip("\"'“”")
    if "--for" in why:  # said last
        why, _, lasts = why.partition("--for")
        why = why.strip().strip("\"'“”")
    scope = parse_scope(named.strip(), policy)
    if not why:
        raise Refused("Say why: whoever wants to ship will ask. Nothing was frozen.", instead=USAGE)
    return Wanted(scope=scope, lasts=_duration(lasts.strip(" ="), policy), reason=clip(why, REASON))


def parse_scope(words: str, policy: Policy) -> str:
    """Raises Refused for what is no service, environment or "all"."""
    first, _, rest = words.partition(" ")
    if not first:
        raise Refused("Say what to freeze. Nothing was frozen.", instead=USAGE)
    if first.lower() == ALL and not rest:
        return ALL
    if first.lower() == "environment":
        known = sorted({service.environment for service in policy.everywhere()})
        return ENVIRONMENT + _known(rest.strip(), known, "environment", "environment ")
    service = policy.services[_known(first, list(policy.services), "service", "")]
    if not rest.strip():
        return service.id
    if there := service.meant_by(rest.strip()):
        return there.id
    places = {there.environment: there.id for there in service.everywhere}
    return places[_known(rest.strip(), list(places), "environment", f"{service.name} ")]


def _known(word: str, known: Sequence[str], what: str, before: str) -> str:
    lower = {name.lower(): name for name in known}
    if word.lower() in lower:
        return lower[word.lower()]
    if not word:
        raise Refused(f"Say which {what}. Nothing was changed.", instead=USAGE)
    if durations.parse(word):
        line = f"/rollout freeze {before}--for {word} --why REASON"
        raise Refused(f"How long stands behind {code('--for')}. Nothing was changed.", instead=line)
    close = nearest(word.lower(), list(lower))
    instead = f"/rollout freeze {before}{lower[close]} --for 2h --why REASON" if close else USAGE
    raise Refused(f"I know no {what} {code(word, 60)}. Nothing was changed.", instead=instead)


def _duration(word: str, policy: Policy) -> timedelta:
    if not word:
        return min(LASTS, policy.longest_freeze)
    lasts = durations.parse(word)
    if not lasts:
        raise Refused(f"{code(word, 40)} is no duration: write 30m, 2h or 1d. Nothing was frozen.", instead=USAGE)
    if lasts > policy.longest_freeze:
        most = span(policy.longest_freeze)
        raise Refused(
            f"A freeze lasts at most {most}: one that everybody forgot must end by itself. Nothing was frozen; "
            "freeze again when it ends, or change `freezes.longest` in the configuration.",
            instead=USAGE,
        )
    return lasts


def must_be_allowed(by: str, allowed: Collection[str], scope: str) -> None:
    """`allowed`: who may freeze and thaw this scope. Raises Refused."""
    if by in allowed:
        return
    who = "the commander of an open severe incident, or who is named in `freezes.by`,"
    if scope != ALL:
        of = "a service there" if scope.startswith(ENVIRONMENT) else "it"
        who = f"who owns {of}, is on call or holds a role for it, {who}"
    raise Refused(f"Only {who} may do that; nothing was changed.", instead="/incident role commander")


def commanders(incidents: Iterable[Incident], policy: Policy) -> tuple[str, ...]:
    """The ids of the incidents whose commander may freeze everything."""
    return tuple(i.id for i in incidents if i.is_open and is_severe(i, policy))


def is_severe(incident: Incident, policy: Policy) -> bool:
    return policy.closes_gates_at is not None and incident.severity <= policy.closes_gates_at


def freeze(wanted: Wanted, number: int, by: str, now: datetime, incident: str = "") -> Decision:
    """`number` makes the id; `incident`: on whose timeline it goes."""
    new = Freeze(id=f"FRZ-{number}", scope=wanted.scope, reason=wanted.reason, by=by, at=now, until=now + wanted.lasts)
    until = f"until {clock(new.until)} UTC"
    text = f":snowflake: {reason(new)}"
    return _told(new, "begun", text) + Decision(
        save=(new,),
        note=(_entry(new, now, f"{new.id} freezes {where(new.scope)} {until}: {new.reason}", by, incident),),
        do=(EndFreeze(new.id, due=new.until),),
        say=f":snowflake: {reason(new)}. Nothing there is promoted, resumed or let through a gate; rolling back, "
        f"aborting and pausing go on as ever. `/rollout thaw {new.id}` ends it earlier.",
    )


# ---------------------------------------------------------------- ended


def find(word: str, freezes: Sequence[Freeze], policy: Policy) -> tuple[Freeze, ...]:
    """The standing freezes that FRZ-3, or a scope, names. Raises Refused where there is none."""
    if not word.strip():
        raise Refused("Say which freeze, or what it covers; nothing was changed.", instead="/rollout freezes")
    if match := ID.fullmatch(word.strip()):
        found = tuple(f for f in freezes if f.id == f"FRZ-{int(match[1])}")
    else:
        scope = _scope_of(word.strip(), policy)
        found = tuple(f for f in freezes if scope in (f.scope, where(f.scope)))
    if not found:
        raise Refused(f"No freeze {code(word, 60)} stands; nothing was changed.", instead="/rollout freezes")
    return found


def _scope_of(word: str, policy: Policy) -> str:
    """What was frozen may have left the configuration since."""
    try:
        return parse_scope(word, policy)
    except Refused:
        return word


def thaw(freeze: Freeze, changes: Sequence[Change], by: str, now: datetime, incident: str = "") -> Decision:
    """`changes`: what slipped through it, see `slipped`."""
    return _ended(freeze, changes, by, now, "thawed", incident)


def expired(freeze: Freeze, changes: Sequence[Change], now: datetime) -> Decision:
    """Nothing where it was thawed before."""
    if freeze.thawed_at or now < freeze.until:
        return Decision()
    return _ended(freeze, changes, BOT, now, "over")


def _ended(
    freeze: Freeze, changes: Sequence[Change], by: str, now: datetime, word: str, incident: str = ""
) -> Decision:
    ended = replace(freeze, thawed_at=now, thawed_by=by)
    what = f"the freeze of {brief(where(freeze.scope), 100)}"
    who = f" by {mention(by)}" if by != BOT else ""
    lines = [f":sunny: {freeze.id}, {what}, is {word}{who}. {_tally(changes)}", *_bullets(changes)]
    text = "\n".join(lines)
    names = ", ".join(_name(change) for change in changes) or "nothing"
    note = f"{freeze.id} ({where(freeze.scope)}) is {word}; slipped through: {names}"
    return _told(freeze, "ended", text) + Decision(
        save=(ended,), note=(_entry(freeze, now, note, by, incident),), say=text
    )


def _tally(changes: Sequence[Change]) -> str:
    return f"{plural(len(changes), 'change')} slipped through:" if changes else "Nothing slipped through."


def _bullets(changes: Sequence[Change]) -> list[str]:
    lines = [f"• {brief(_name(change), 150)} at {clock(change.at)} UTC" for change in changes[:NAMED]]
    return lines + [f"• … and {len(changes) - NAMED} more"] * (len(changes) > NAMED)


def _name(change: Change) -> str:
    """ "deploy of checkout v42 by ci"."""
    version = f" {change.version}" if change.version else ""
    return f"{change.change} of {change.called}{version}" + (f" by {change.actor}" if change.actor else "")


def _told(freeze: Freeze, word: str, text: str) -> Decision:
    post = Post(id=f"{freeze.id}/{word}", incident="", channel="", text=text)
    return Decision(save=(post,), do=(Proclaim(post.id),))


def _entry(freeze: Freeze, now: datetime, text: str, by: str, incident: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, by=by, incident=incident, source=freeze.id)


# ---------------------------------------------------------------- listed


def listed(freezes: Sequence[Freeze], through: Sequence[Sequence[Change]], now: datetime) -> str:
    """Those that stand, each with what slipped through it so far, as mrkdwn."""
    lines: list[str] = []
    for freeze, changes in zip(freezes, through, strict=True):
        lines.append(f":snowflake: {reason(freeze)}; {span(freeze.until - now)} left. {_tally(changes)}")
        lines += _bullets(changes)
    return "\n".join(lines) or "Nothing is frozen."
