"""What people read of an incident: its card, its announcement, its lists.

Vertical space is everybody's: a card says what is needed now, on as few lines as it takes. Every button's line names
its incident, because a card may be read outside that incident's channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot import text
from bot.cards import probe, sighting, task
from bot.cards.forms import OPEN_PHASES
from bot.cards.forms import declare_modal as declare_modal
from bot.cards.forms import handoff_modal as handoff_modal
from bot.cards.forms import resolve_modal as resolve_modal
from bot.cards.forms import update_modal as update_modal
from bot.cards.kit import (
    Block,
    actions,
    context,
    header,
    option,
    paged,
    press,
    section,
    select,
    visit,
)
from bot.cards.marking import mark
from bot.decision import Card
from bot.model import (
    Alert,
    Assignment,
    Change,
    ChangeKind,
    ChangeStatus,
    Entry,
    EntryKind,
    Finding,
    Incident,
    Link,
    Role,
    Severity,
    Sighting,
    Task,
    Verdict,
    named,
)
from bot.policy import Policy
from bot.positions import TITLES, short
from bot.vendors import Trouble, on_card

SUSPECTS, ENTRIES, TROUBLES, LISTED, TASKS, ALERTS, VENDORS, ROLLOUTS = 3, 5, 3, 20, 3, 3, 2, 3
TOPIC = 250
LINE = 100  # of a menu, whose lines count for the same
LONG_URL = 400  # a message holds about 13,000 characters of blocks, and these are the least of them

LAMP: Mapping[Severity, str] = {
    Severity.SEV1: ":red_circle:",
    Severity.SEV2: ":red_circle:",
    Severity.SEV3: ":large_orange_circle:",
    Severity.SEV4: ":large_yellow_circle:",
    Severity.SEV5: ":large_blue_circle:",
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.SUSPECT: ":mag: *Suspect*",
    Verdict.CAUSED: ":dart: *Cause*",
    Verdict.FIXED: ":wrench: *Fix*",
    Verdict.DISMISSED: "*Dismissed*",
}
WORDS: Mapping[Verdict, str] = {
    Verdict.SUSPECT: "is suspected",
    Verdict.CAUSED: "caused it",
    Verdict.FIXED: "fixed it",
    Verdict.DISMISSED: "is not it",
}
FOUND = (Verdict.CAUSED, Verdict.FIXED)
ENDS = frozenset({ChangeStatus.FAILED, ChangeStatus.ROLLED_BACK, ChangeStatus.CANCELLED})


# ---------------------------------------------------------------- the card


@dataclass(frozen=True)
class Firing:
    """Some of the alerts that fire, how many they all are, and of how many services."""

    alerts: Sequence[Alert]
    count: int
    services: int


def incident_card(
    incident: Incident,
    assignments: Sequence[Assignment],
    suspects: Sequence[tuple[Link, Change]],
    entries: Sequence[Entry],
    policy: Policy,
    troubles: Sequence[str] = (),
    tasks: Sequence[Task] = (),
    firing: Firing | None = None,
    probes: Sequence[Finding] = (),
    vendors: Sequence[Trouble] = (),
    kept: tuple[int, int] = (0, 0),
    rollouts: Sequence[Sighting] = (),
    *,
    publishing: bool = False,
) -> Card:
    """The pinned card, edited in place. `suspects` come as `links.shown` has them, `entries` latest last.

    `kept`: how many promised updates came on time, of how many. `rollouts`: those under way near it, and those acted on
    here. `publishing`: there is a page on which customers could be told.
    """
    if not incident.is_open:
        return _resolved_card(incident, suspects, troubles, tasks)
    holders = {a.role: a.user for a in assignments if a.user}
    blocks = [
        header(_name(incident)),
        section("\n".join(filter(None, [*_state(incident, holders, policy.titles, kept), probe.line(probes)])), n=2000),
        *_firing(firing),
        *_suspects(incident, suspects[:SUSPECTS], policy),
        *_judging(incident, suspects[:SUSPECTS]),
        *_rollouts(rollouts),
        *_vendors(incident, vendors),
        *_troubles(troubles),
        *_tasks(tasks),
        _steering(incident, publishing=publishing),
        actions(*(_role_button(incident, role, title, holders) for role, title in policy.titles.items())),
    ]
    if latest := [entry for entry in entries if entry.kind is not EntryKind.SUSPECT][-ENTRIES:]:  # those stand above
        blocks.append(context("\n".join(map(_entry, latest)), 2000))
    return Card(text=text.fallback(_line(incident)), blocks=tuple(blocks))


def _name(incident: Incident) -> str:
    """ "INC-7 · SEV2 · checkout"."""
    where = f"{incident.service} ({incident.environment})" if incident.environment else incident.service
    plain = incident.environment == "production" or incident.drill or not incident.service
    place = incident.service if plain else where
    return text.dotted([mark(incident), incident.id, str(incident.severity), place])


def _state(
    incident: Incident, holders: Mapping[Role, str], titles: Mapping[Role, str], kept: tuple[int, int]
) -> Iterator[str]:
    yield f"*{text.brief(incident.title, 200)}*"
    yield text.dotted(
        [
            f"*{incident.phase.capitalize()}*",
            f"began {text.when(incident.onset_at)}" if incident.onset_at else "",
            f"opened {text.when(incident.opened_at)}",
            f"next update due {text.when(incident.next_update_at)}" if incident.next_update_at else "",
            f"{kept[0]} of {kept[1]} updates on time" if kept[1] else "",
        ]
    )
    if incident.impact.strip():
        yield f"Impact: {text.brief(incident.impact, 300)}"
    yield text.dotted(f"{title} {_holder(holders.get(role, ''))}" for role, title in titles.items())


def _holder(user: str) -> str:
    return text.mention(user) if user else "_nobody_"


def _role_button(incident: Incident, role: Role, title: str, holders: Mapping[Role, str]) -> Block | None:
    name = short(role, title)
    if role in holders:
        return press(f"Hand off {name}", f"incident handoff {incident.id} {role}", f"handoff.{role}")
    style = "primary" if role == Role.COMMANDER else ""
    return press(f"Take {name}", f"incident role {incident.id} {role}", f"role.{role}", style)


def _steering(incident: Incident, *, publishing: bool) -> Block:
    lines = {phase: f"incident status {incident.id} {phase}" for phase in OPEN_PHASES}
    choices = [option(phase.capitalize(), line) for phase, line in lines.items()]
    return actions(
        press("Update", f"incident update {incident.id}", "update"),
        select("ask.phase", "Phase", choices, lines[incident.phase]),
        press("Publish", f"incident publish {incident.id}", "publish") if publishing else None,
        press("Resolve", f"incident resolve {incident.id}", "resolve"),
    )


def _judging(incident: Incident, suspects: Sequence[tuple[Link, Change]]) -> Iterator[Block]:
    """One menu for all suspects; what a menu cannot hold is typed."""
    lines = {
        f"{number}. {text.clip(text.one_line(f'{change.called} {change.version}'), 30)} {WORDS[verdict]}": (
            f"incident link {incident.id} {change.key} {verdict}"
        )
        for number, (link, change) in enumerate(suspects, 1)
        for verdict in (Verdict.CAUSED, Verdict.DISMISSED)
        if verdict is not link.verdict
    }
    choices = [
        option(label, line) for label, line in lines.items() if len(line) <= LINE and line == text.one_line(line)
    ]
    if choices:
        yield actions(select("ask.link", "Did a change do it?", choices))


def _firing(firing: Firing | None) -> Iterator[Block]:
    """What fires now, with where to read on. A picture is linked, not shown: Slack refuses a card whose picture it
    cannot fetch.
    """
    if not firing or not firing.alerts:
        return
    lines = [alert_line(alert) for alert in firing.alerts[:ALERTS]]
    if (more := firing.count - len(lines)) > 0:
        services = f", of {text.plural(firing.services, 'service')}" if firing.services > 1 else ""
        lines.append(f"and {text.plural(more, 'more alert')} firing{services}")
    yield section("\n".join(lines), n=2000)


def alert_line(alert: Alert) -> str:
    links = [("alert", alert.url), ("runbook", alert.runbook), ("graph", alert.image)]
    return text.dotted(
        [
            f":rotating_light: {text.brief(alert.title, 120)}",
            text.brief(alert.value, 60),
            *(text.link(url, label) for label, url in links if _short(url)),
        ]
    )


def _suspects(incident: Incident, suspects: Sequence[tuple[Link, Change]], policy: Policy) -> Iterator[Block]:
    """Each with what ends it: one roll-back button for a service that has to do with the incident."""
    near = {incident.service, *policy.service(incident.service, incident.environment).depends_on}
    offered: set[str] = set()
    for number, (link, change) in enumerate(suspects):
        button, linked = None, False
        here = change.service in near and change.environment == incident.environment
        if here and change.called not in offered and can_roll_back(link, change, policy):
            offered.add(change.called)
            line = f"rollout rollback {change.called}"
            button = press(f"Roll back {change.called}", line, f"rollback.{number}", "danger")
        elif _short(change.url):
            button, linked = visit("Open change", change.url or "", f"change.{number}"), True
        yield section(f"{number + 1}. {_suspect(link, change, linked=linked)}", button, 750)


def can_roll_back(link: Link, change: Change, policy: Policy) -> bool:
    """Whether rolling the service's rollout back would undo this change."""
    return (
        policy.service(change.service, change.environment).rollout is not None
        and change.change is ChangeKind.DEPLOY
        and change.status not in (ChangeStatus.ROLLED_BACK, ChangeStatus.CANCELLED)
        and link.verdict in (Verdict.SUSPECT, Verdict.CAUSED)
    )


def _suspect(link: Link, change: Change, *, linked: bool = False) -> str:
    """`linked`: a button beside it leads to the change already."""
    actor = f" by {text.brief(change.actor, 60)}" if change.actor else ""
    facts = [
        f"{VERDICTS[link.verdict]} {text.code(f'{change.called} {change.version}', 100)}",
        f"{change.change}{actor} at {text.when(change.at)}",
        change.status.value.replace("_", " ") if change.status in ENDS else "",
        "" if linked or not _short(change.url) else text.link(change.url, "details"),
    ]
    reasons = text.brief(", ".join(link.reasons), 200)
    return text.dotted(facts) + (f"\n{reasons}" if reasons else "")


def _short(url: str | None) -> bool:
    return text.is_link(url) and len(url or "") <= LONG_URL


def _rollouts(rollouts: Sequence[Sighting]) -> Iterator[Block]:
    """Where they are; what can be done about each is on its own card."""
    if rollouts:
        more = [f"and {len(rollouts) - ROLLOUTS} more: `/rollout list`"] if len(rollouts) > ROLLOUTS else []
        yield section("\n".join([*map(sighting.line, rollouts[:ROLLOUTS]), *more]), n=1200)


def _vendors(incident: Incident, vendors: Sequence[Trouble]) -> Iterator[Block]:
    """Beside the suspects: who else may have done it."""
    if vendors:
        yield section("\n".join(on_card(trouble, incident.service) for trouble in vendors[:VENDORS]), n=2000)


def _troubles(troubles: Sequence[str]) -> Iterator[Block]:
    if not troubles:
        return
    more = [f"and {len(troubles) - TROUBLES} more"] if len(troubles) > TROUBLES else []
    said = [text.brief(trouble, 200) for trouble in troubles[:TROUBLES]]
    yield section("\n".join(f":warning: {line}" for line in said + more), n=1000)


def _tasks(tasks: Sequence[Task]) -> Iterator[Block]:
    """What is left to do."""
    if left := task.left(tasks):
        lines = [task.line(one) for one in left[:TASKS]]
        lines += [f"and {len(left) - TASKS} more"] if len(left) > TASKS else []
        yield section("\n".join(lines), n=1000)


def _entry(entry: Entry, n: int = 160) -> str:
    """One line. Alerts and changes carry names from outside: those are text, never a mention."""
    foreign = entry.kind in (EntryKind.ALERT, EntryKind.CHANGE)
    whom = f"{text.mention(entry.whom)} " if entry.whom else ""
    by = f" ({text.mention(entry.by)})" if text.is_person(entry.by) and entry.by != entry.whom and not foreign else ""
    return text.cut(f"{text.when(entry.at)} {whom}{text.brief(entry.text, n)}", 400) + by


def _resolved_card(
    incident: Incident, suspects: Sequence[tuple[Link, Change]], troubles: Sequence[str], tasks: Sequence[Task]
) -> Card:
    """Calm, and short: what it was, how long it took, what is left to do."""
    found = [_suspect(link, change) for link, change in suspects if link.verdict in FOUND][:SUSPECTS]
    standing = _standing(incident)
    lines = [
        f"*{text.brief(incident.title, 200)}*",
        f"{_lamp(incident)} *{standing[0].upper()}{standing[1:]}* {_took(incident)}",
        text.brief(incident.summary, 500),
    ]
    blocks = (
        header(_name(incident)),
        section("\n".join(filter(None, lines)), n=2800),
        *(section(line, n=1000) for line in found),
        *_troubles(troubles),
        *_tasks(tasks),
        actions(_postmortem(incident) or _reopen(incident)),
    )
    return Card(text=text.fallback(_line(incident)), blocks=blocks)


def _postmortem(incident: Incident) -> Block | None:
    """There is none of what was no incident, and of two that were one there is the other's."""
    if incident.cancelled or incident.merged_into or incident.drill:
        return None
    return press("Draft postmortem anew", f"incident postmortem {incident.id}", "postmortem")


def _reopen(incident: Incident) -> Block | None:
    if incident.drill:
        return press("Play it again", f"incident drill {incident.drill}", "drill")
    return press("Reopen", f"incident reopen {incident.id}", "reopen")


def _took(incident: Incident) -> str:
    began = incident.began
    if incident.resolved_at is None:
        return ""
    return f"after {text.span(incident.resolved_at - began)}, at {text.when(incident.resolved_at)}"


# ---------------------------------------------------------------- elsewhere


def _line(incident: Incident) -> str:
    """The incident in one line of mrkdwn."""
    place = text.code(named(incident.service, incident.environment), 60) if incident.service else ""
    name = f"*{incident.id}* {incident.severity}"
    facts = [name, place, text.brief(incident.title, 100), f"*{_standing(incident)}*"]
    return text.dotted([f"*{mark(incident)}*" if incident.drill else "", *facts])


def _standing(incident: Incident) -> str:
    """Its phase, or how else it ended."""
    if incident.merged_into:
        return f"merged into {incident.merged_into}"
    return "cancelled" if incident.cancelled else str(incident.phase)


def _lamp(incident: Incident) -> str:
    if incident.merged_into or incident.cancelled:
        return ":heavy_minus_sign:"
    return LAMP[incident.severity] if incident.is_open else ":white_check_mark:"


def announcement(incident: Incident) -> Card:
    """For people who are not in the channel; one line, edited in place."""
    lamp = _lamp(incident)
    began = f"since {text.when(incident.began)}" if incident.is_open else _took(incident)
    where = text.channel(incident.channel, incident.channel_name)
    line = text.dotted([f"{lamp} {_line(incident)}", began, where])
    impact = f"\nImpact: {text.brief(incident.impact, 300)}" if incident.impact.strip() else ""
    follow = (
        press("Follow", f"incident subscribe {incident.id}", "subscribe")
        if incident.is_open and not incident.drill
        else None
    )
    return Card(text=text.fallback(line), blocks=(section(line + impact, follow),))


def topic(incident: Incident, commander: str, title: str = TITLES[Role.COMMANDER]) -> str:
    """Of the channel: what a newcomer must know, in 250 characters."""
    name = text.brief(title.lower(), 60)
    who = f"{name} {text.mention(commander)}" if commander else f"no {name} yet"
    known = text.dotted([mark(incident), incident.id, str(incident.severity), _standing(incident), who])
    return text.cut(text.dotted([known, text.brief(incident.title, 120)]), TOPIC)


def incident_list(incidents: Sequence[Incident]) -> Card:
    if not incidents:
        return Card(text="No incident is open.", blocks=(section("No incident is open."), actions(_declare())))
    shown = [
        text.cut(text.dotted([f"{LAMP[i.severity]} {_line(i)}", text.channel(i.channel, i.channel_name)]), 480)
        for i in incidents[:LISTED]
    ]
    more = [f"and {len(incidents) - LISTED} more"] if len(incidents) > LISTED else []
    count = f"{text.plural(len(incidents), 'incident')}"
    return Card(text=count, blocks=tuple(paged(shown + more)))


def timeline_card(incident: Incident, entries: Sequence[Entry]) -> Card:
    """The last lines of the timeline, for whoever asked."""
    title = f"*{incident.id}*: the last {text.plural(len(entries[-LISTED:]), 'line')} of the timeline"
    if not entries:
        title = f"*{incident.id}*: the timeline is empty"
    lines = [f"{_entry(entry, 240)}{_source(entry)}" for entry in entries[-LISTED:]]
    return Card(text=text.fallback(title), blocks=tuple(paged([title, *lines])))


def _source(entry: Entry) -> str:
    short = text.is_link(entry.source) and len(entry.source) <= 60
    return f" {text.link(entry.source, 'source')}" if short else ""


def reminder(incident: Incident, late_minutes: int, whom: str = "") -> Card:
    """`whom`: who is asked in front of everybody."""
    due = f" for {text.when(incident.next_update_at)}" if incident.next_update_at else ""
    late = f", {text.plural(late_minutes, 'minute')} ago" if late_minutes > 0 else ""
    what = "An update" if not whom else f"{text.mention(whom)}, an update"
    was = "is" if late_minutes < 0 else "was"
    line = f":hourglass: {what} of {incident.id} {was} promised{due}{late}. “No change” is an update, too."
    update = press("Update", f"incident update {incident.id}", "update", "primary")
    snooze = press("Remind me in 10 min", f"incident snooze {incident.id} 10m", "snooze")
    return Card(text=line, blocks=(section(line), actions(update, snooze)))


def still_published(incident: Incident, title: str) -> Card:
    """The status page says that it goes on. The form that the button opens has the phase of the incident."""
    over = "cancelled" if incident.cancelled else "resolved"
    what = (
        f"{incident.id} was merged into {incident.merged_into}" if incident.merged_into else f"{incident.id} is {over}"
    )
    line = f":mega: {what}, and customers still read on the status page that “{text.brief(title, 200)}” goes on."
    hint = " If they should follow it further, say it for this one first." if incident.merged_into else ""
    end = press("Tell customers it is over", f"incident publish {incident.id}", "publish", "primary")
    return Card(text=line, blocks=(section(f"{line}{hint}"), actions(end)))


def over_published(incident: Incident, title: str) -> Card:
    """The status page says that it is over, and it is open again."""
    over = f"“{text.brief(title, 200)}” is over"
    line = f":mega: {incident.id} is open again, and customers read on the status page that {over}."
    again = press("Tell customers", f"incident publish {incident.id}", "publish", "primary")
    return Card(text=line, blocks=(section(line), actions(again)))


def tray(incident: Incident | None, odd: int = 0) -> Card:
    """What the bare command offers here. `odd`: deliveries that were not understood."""
    card = _tray(incident)
    if not odd:
        return card
    line = f":warning: {text.plural(odd, 'delivery', 'deliveries')} not understood: `/incident unparsed`"
    return Card(text=card.text, blocks=(*card.blocks, context(line)))


def _tray(incident: Incident | None) -> Card:
    if incident is None:
        line = "*Incidents*: declare one as soon as you wonder whether you should."
        return Card(text=line, blocks=(section(line), actions(_declare(), _list(), _help())))
    id, line = incident.id, _line(incident)
    if not incident.is_open:
        row = actions(_postmortem(incident), _reopen(incident), _timeline(id), _list(), _declare(), _help())
        return Card(text=line, blocks=(section(line), row))
    row = actions(
        press("Update", f"incident update {id}", "update", "primary"),
        press("Show card", f"incident show {id}", "show"),
        press("Catch up", f"incident catchup {id}", "catchup"),
        press("Tasks", f"incident task {id}", "task"),
        _timeline(id),
        press("Resolve", f"incident resolve {id}", "resolve"),
        _list(),
        _declare("Declare another"),
        _help(),
    )
    return Card(text=line, blocks=(section(line), row))


def _declare(label: str = "Declare") -> Block | None:
    return press(label, "incident declare", "declare", "danger" if label == "Declare" else "")


def _list() -> Block | None:
    return press("List", "incident list", "list")


def _help() -> Block | None:
    return press("Help", "incident help", "help")


def _timeline(id: str) -> Block | None:
    return press("Timeline", f"incident timeline {id}", "timeline")
