"""Who leads, who acts, who informs: filled from on-call, claimed, given and handed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.case import Case
from bot.commands import Usage, again, is_mention, nearest, person
from bot.consent import in_words
from bot.decision import Decision, FurnishChannel, Instruct, InviteResponders, PostCard, SendPost
from bot.errors import Refused
from bot.incidents import CHANNEL
from bot.model import BOT, Assignment, Entry, EntryKind, Incident, Post, Role, Verdict
from bot.policy import Policy, Rota
from bot.positions import POSITIONS
from bot.text import brief, clip, code, is_person, mention, one_line, paragraph
from bot.timeline import Line

ALIASES: Mapping[str, Role] = {
    "lead": Role.COMMANDER,
    "ic": Role.COMMANDER,
    "operations": Role.OPS,
    "communications": Role.COMMS,
}


TAKE = "--take"
FILLING = frozenset({"to", "as", "for", "is"})  # "comms to @bob", "@bob is comms"
HANDED = 3  # of each sort, in the draft of a hand-off
FOUND: Mapping[Verdict, str] = {
    Verdict.SUSPECT: "is suspected",
    Verdict.CAUSED: "caused it",
    Verdict.FIXED: "fixed it",
}


def named(word: str, policy: Policy) -> Role | None:
    """A role by its name, by another word for it, or by its title where that is one word."""
    titled = {title.lower(): role for role, title in policy.titles.items()}
    called: dict[str, Role] = {**titled, **ALIASES, **{str(role): role for role in policy.roles}}
    role = called.get(word.lower())
    return role if role in policy.roles else None


def parse_role(word: str, policy: Policy) -> Role:
    if role := named(word, policy):
        return role
    what = f"{code(word, 40)} is not a role" if word else "Say which role"
    close = nearest(word.lower(), [*policy.roles, *(title.lower() for title in policy.titles.values())])
    meant = named(close, policy) if close else None
    instead = f"/incident role {meant or '|'.join(policy.roles)}"
    raise Refused(f"{what}. There are {in_order(policy)}.", instead=instead)


def in_order(policy: Policy) -> str:
    """The words of the roles, with the title where that is another; mrkdwn."""
    words = ((role, one.title) for role, one in policy.roles.items())
    return ", ".join(
        code(role, 40) + ("" if title.lower().startswith(role) else f" ({brief(title, 60)})") for role, title in words
    )


def asked(words: str, policy: Policy) -> tuple[str, str]:
    """Role and person of `comms @bob`, `@bob comms` or `ops lead @bob`, as they were typed; "" for what is missing."""
    said = [word for word in words.replace(TAKE, "").split() if word.lower() not in FILLING]
    who = next((word for word in said if is_mention(word)), "")
    rest = [word for word in said if word != who]
    whole = " ".join(rest)
    if who or named(whole, policy) or len(rest) < 2:
        return whole, who
    first, *more = rest
    if not named(first, policy) and named(rest[-1], policy):
        first, more = rest[-1], rest[:-1]
    return first, " ".join(more)


def giving(role: str, user: str, words: str) -> str:
    """The line anew, with a mention: the name of a person may be a part of a role's."""
    return " ".join([role, f"<@{user}>", *([TAKE] if TAKE in words else [])])


def usages(known: Mapping[str, Usage], policy: Policy) -> Mapping[str, Usage]:
    """What may be typed, with the roles that there are."""
    if "role" not in known:
        return known
    arguments = known["role"].arguments.replace("|".join(POSITIONS), "|".join(policy.roles))
    return {**known, "role": replace(known["role"], arguments=arguments)}


def on_duty(rota: Rota, now: datetime) -> tuple[str, ...]:
    """The people of a rota, whoever's turn it is first. Before the rota starts, its first person."""
    turns = max(0, (now - rota.start) // rota.turn)
    at = turns % len(rota.people)
    standing_in = [one.who for one in rota.overrides if one.start <= now < one.end][-1:]
    return tuple(dict.fromkeys((*standing_in, *rota.people[at:], *rota.people[:at])))


def wanted(incident: Incident, policy: Policy) -> dict[Role, str]:
    """Role → name of the on-call that fills it. The service's `oncall` fills the commander, unless `roles` says who;
    what the alert's route says goes before both.
    """
    service = policy.service(incident.service, incident.environment)
    routed = {role: name for word, name in incident.roles.items() if (role := Role(word)) in policy.roles}
    return ({Role.COMMANDER: service.oncall} if service.oncall else {}) | dict(service.roles) | routed


def responders(
    incident: Incident, policy: Policy, members: Mapping[str, Sequence[str]], now: datetime
) -> dict[Role, str]:
    """Who is called for which role. `members` is name of the on-call → people, of those that are asked elsewhere.

    Where one on-call fills two roles, two people of it do, if it has two.
    """
    called: dict[Role, str] = {}
    for role, name in wanted(incident, policy).items():
        people = people_of(name, policy, members, now)
        free = [who for who in people if who not in called.values()] or list(people)
        if free:
            called[role] = free[0]
    return called


def people_of(name: str, policy: Policy, members: Mapping[str, Sequence[str]], now: datetime) -> Sequence[str]:
    match policy.oncall.get(name):
        case Rota() as rota:
            return on_duty(rota, now)
        case _:
            return members.get(name, ())


def responders_found(
    incident: Incident, found: Mapping[Role, str], held: Sequence[Assignment], policy: Policy, now: datetime
) -> Decision:
    """Fills the roles that nobody holds; a role that somebody took is theirs."""
    taken = {a.role for a in held if a.user}
    versions = {a.role: a.version for a in held}
    new = {role: user for role, user in found.items() if role not in taken}
    if not new:
        return Decision()
    told = [one for role, user in new.items() for one in instructed(incident.id, role, user, policy)]
    return Decision(
        save=tuple(
            Assignment(incident=incident.id, role=role, user=user, by=BOT, at=now, version=versions.get(role, 0))
            for role, user in new.items()
        ),
        note=tuple(
            _entry(incident, policy.title(role), user, BOT, now, "is {} by on-call") for role, user in new.items()
        ),
        do=(InviteResponders(incident.id), PostCard(incident.id), FurnishChannel(incident.id), *told),
    )


def instructed(incident: str, role: Role, user: str, policy: Policy) -> tuple[Instruct, ...]:
    """Whoever gets a role is told what it is for, if the configuration says that."""
    position = policy.roles.get(role)
    return (Instruct(f"{incident}/{role}/{user}"),) if position and position.instructions else ()


def instructions_id(subject: str) -> str:
    """The post of an Instruct."""
    incident, _, rest = subject.partition("/")
    return f"{incident}/instructions/{rest}"


def _entry(incident: Incident, title: str, user: str, by: str, now: datetime, text: str) -> Entry:
    """How the timeline reads it again: see `CLAIM` in bot/timeline.py."""
    return Entry(incident=incident.id, at=now, kind=EntryKind.ROLE, by=by, whom=user, text=text.format(title.lower()))


def assign(
    incident: Incident,
    words: str,
    current: Mapping[Role, Assignment],
    by: str,
    policy: Policy,
    now: datetime,
    *,
    handing_off: bool = False,
    summary: str = "",
    may: Collection[str] | None = None,
) -> Decision:
    """`role comms @bob` gives, `role comms` takes a free role; a held one is given by its holder or the commander.

    `may`: who may hold it, where not everybody may.
    """
    if not incident.is_open:
        raise Refused(f"{incident.id} is already resolved; nothing was changed.")
    word, who = asked(words, policy)
    role = parse_role(word, policy)
    title = policy.title(role)
    user = person(who) if who else by
    if not is_person(user):
        raise Refused(
            f"{code(user, 40)} is nobody in Slack, so it can hold no role; nothing was changed.",
            instead=f"/incident role {role} @who",
        )
    held = current.get(role)
    if handing_off and not who and held and held.user == by:
        raise Refused("Say to whom.", instead=f"/incident handoff {role} @who")
    if held and held.user == user:
        raise Refused(f"<@{user}> is {title.lower()} already; nothing was changed.")
    commander = current.get(Role.COMMANDER)
    if held and held.user and TAKE not in words and by not in (held.user, commander.user if commander else ""):
        raise Refused(
            f"<@{held.user}> is {title.lower()}. They or the commander can hand it over; if they are away:",
            instead=f"/incident role {role} {TAKE}",
        )
    if handing_off and not (held and held.user):
        raise Refused(f"Nobody is {title.lower()} yet.", instead=f"/incident role {role} @who")
    if may is not None and user not in may:
        who = in_words(policy.roles[role].who, incident.service)
        raise Refused(f"Only who {who} may be {title.lower()}, and {mention(user)} is not; nothing was changed.")
    version = held.version if held else 0
    assignment = Assignment(incident=incident.id, role=role, user=user, by=by, at=now, version=version)
    text = "takes over as {}" if held and held.user else "is {}"
    told = _told(incident, role, title, user, by, held, summary)
    return Decision(
        save=(assignment, *told),
        note=(_entry(incident, title, user, by, now, text), *_handed(incident, summary, by, now)),
        do=(
            InviteResponders(incident.id),
            PostCard(incident.id),
            FurnishChannel(incident.id),
            *(SendPost(post.id) for post in told),
            *instructed(incident.id, role, user, policy),
        ),
        say=f"<@{user}> is now *{title}* of {incident.id}.",
    )


def _handed(incident: Incident, summary: str, by: str, now: datetime) -> tuple[Entry, ...]:
    if not summary.strip():
        return ()
    words = f"hand-off: {one_line(summary)}"
    return (Entry(incident=incident.id, at=now, kind=EntryKind.NOTE, by=by, text=words),)


def handoff_draft(case: Case) -> str:
    """What the next one has to know, as far as the timeline knows it; whoever hands off mends it."""
    incident = case.incident
    lines = [
        f"{incident.severity}, {incident.phase}. {one_line(incident.impact)}".strip(),
        *(
            f"{change.called} {change.version} {FOUND[link.verdict]}"
            for link, change in case.linked[:HANDED]
            if link.verdict in FOUND
        ),
        *(f"{request.verb} {request.called}: {request.state}" for request in case.requests[-HANDED:]),
        *(f"{line.at:%H:%M} {one_line(line.text)}" for line in _notes(case)[-HANDED:]),
        *(f"to do: {one_line(task.text)}" for task in case.tasks[:HANDED] if task.done_at is None),
    ]
    if incident.next_update_at:
        lines.append(f"next update due {incident.next_update_at:%H:%M} UTC")
    return clip("\n".join(f"- {clip(line, 200)}" for line in lines), 2000)


def _notes(case: Case) -> list[Line]:
    """Without those of its tasks, which are listed for themselves."""
    tasks = {task.id for task in case.tasks}
    return [line for line in case.of(EntryKind.NOTE) if line.source not in tasks]


def _told(
    incident: Incident, role: Role, title: str, user: str, by: str, held: Assignment | None, summary: str = ""
) -> tuple[Post, ...]:
    """Said in the channel to those who did not press it themselves: the new holder, and the one before."""
    before = held.user if held else ""
    if not {user, before} - {by, ""}:
        return ()
    after = f", after {mention(before)}" if before else ""
    given = f" ({mention(by)} said so)" if by != user else ""
    handed = f"\n{paragraph(summary, 2000)}" if summary.strip() else ""
    text = f"{mention(user)} is now *{title}* of {incident.id}{after}{given}.{handed}"
    number = held.version if held else 0
    return (Post(id=f"{incident.id}/role/{role}/{number}", incident=incident.id, channel=CHANNEL, text=text),)


def handing(words: str, current: Mapping[Role, Assignment], by: str, policy: Policy) -> str:
    """The line of a hand-off: without a role it is the one that I hold. Raises Refused."""
    word, who = asked(words, policy)
    if word:
        return f"{word} {who}".rstrip()
    mine = [role for role in held_by(current, by) if role in policy.roles]
    if len(mine) == 1:
        return f"{mine[0]} {who}".rstrip()
    to = again(who) or "@who"
    if not mine:
        raise Refused("You hold no role that you could hand off. Nothing was changed.", instead=f"/incident role {to}")
    held = " and ".join(policy.title(role).lower() for role in mine)
    raise Refused(
        f"You are {held}: say which of them. Nothing was changed.", instead=f"/incident handoff {mine[0]} {to}"
    )


def held_by(current: Mapping[Role, Assignment], user: str) -> tuple[Role, ...]:
    return tuple(role for role, assignment in current.items() if assignment.user == user)
