"""What is told to customers: an update on the status page, by a person and in words of their choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot import incidents, names
from bot.commands import Invalid, again, must_be_known, nearest
from bot.decision import Decision, ExportStatus, SendPost
from bot.errors import InDrill, Refused
from bot.linting import SIGNED
from bot.model import ComponentState, Entry, EntryKind, Incident, Phase, Post, PublicUpdate, Severity
from bot.policy import Component, Policy, Room, StatusPage
from bot.text import brief, clean, clip, code, mention, one_line, paragraph

USAGE = '/incident publish --on COMPONENT=degraded --title "Payments fail" What customers see, and what we do'
TITLE, TEXT = 120, 3000
OPTION = re.compile(r"""(?:^|\s)(?:--|—|–)(title|on|phase)(?:=|\s+)("[^"]*"|“[^”]*”|'[^']*'|\S+)""")
OPERATIONAL = ComponentState.OPERATIONAL
# A person, a group or a channel of ours, as Slack writes it: <@U0DANA|dana>, <#C0INC|inc-7>, <!subteam^S0OPS|ops>.
MENTION = re.compile(r"<[@#!][^>]*>")
# In a form Slack makes no mention of these; of other words with a sign nobody knows whose they are.
EVERYBODY = ("@here", "@channel", "@everyone")
ROOM = re.compile(r"#[\w-]*inc-\d+(?:-[\w-]*)?", re.IGNORECASE)
LINK = re.compile(r"<((?:https?|mailto):[^|>\s]+)(?:\|[^>]*)?>")

# What a component is likely to be, by the severity of its incident; whoever publishes decides.
LIKELY: Mapping[Severity, ComponentState] = {
    Severity.SEV1: ComponentState.MAJOR,
    Severity.SEV2: ComponentState.PARTIAL,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An update as it was asked for. None and "" leave it as it was before."""

    text: str
    title: str = ""
    phase: Phase | None = None
    components: Mapping[str, ComponentState] = field(default_factory=dict)


def settings(policy: Policy) -> StatusPage:
    """Raises Refused where customers are shown nothing."""
    if policy.status is None:
        raise Refused("There is no status page: add `status:` to the configuration. Nothing was published.")
    return policy.status


def is_possible(incident: Incident, policy: Policy) -> bool:
    """Whether customers could be told of it here."""
    return policy.status is not None and not _secret(incident)


def _secret(incident: Incident) -> str:
    return "is private" if incident.private else "is a drill" if incident.drill else ""


def may_be_told(incident: Incident) -> None:
    """Raises Refused for what customers must not hear of."""
    if secret := _secret(incident):
        refused = InDrill if incident.drill else Refused
        raise refused(f"{incident.id} {secret}: nothing of it is ever published.")


def parse(words: str, page: StatusPage) -> Wanted:
    """`[--on checkout=partial,search=degraded] [--title "…"] [--phase monitoring] text`. Raises Refused."""
    said = {name: value.strip("\"'“”") for name, value in OPTION.findall(words)}
    left = OPTION.sub("", words).strip()
    must_be_known(
        left, ("title", "on", "phase"), '/incident publish --title "Payments fail" --on checkout=partial text'
    )
    pairs = [pair for pair in re.split(r"[,\s]+", said.get("on", "")) if pair]
    return Wanted(
        text=left,
        title=said.get("title", ""),
        phase=_phase(said["phase"]) if "phase" in said else None,
        components=dict(_pair(pair, page) for pair in pairs),
    )


def _phase(word: str) -> Phase:
    try:
        return Phase(word.lower())
    except ValueError:
        raise Refused(f"{code(word, 40)} is not a phase: {', '.join(Phase)}. Nothing was published.") from None


def _pair(pair: str, page: StatusPage) -> tuple[str, ComponentState]:
    name, _, state = pair.partition("=")
    component(name, page)
    try:
        return name, ComponentState(state.lower())
    except ValueError:
        states = "|".join(ComponentState)
        raise Refused(
            f"{code(state, 40)} is no state of a component. Nothing was published.",
            instead=f"/incident publish --on {name}={states} text",
        ) from None


def component(name: str, page: StatusPage) -> Component:
    """Raises Refused."""
    if name in page.components:
        return page.components[name]
    close = nearest(name, tuple(page.components))
    hint = f"Did you mean {code(close)}?" if close else f"Known: {', '.join(page.components) or 'none'}."
    raise Refused(f"There is no component {code(name, 60)} on the status page. {hint} Nothing was changed.")


def likely(incident: Incident, page: StatusPage) -> dict[str, ComponentState]:
    """The components that its service is part of, each as it is likely to do."""
    state = LIKELY.get(incident.severity, ComponentState.DEGRADED)
    return {name: state for name, one in page.components.items() if incident.service in one.services}


def publish(
    incident: Incident,
    wanted: Wanted,
    before: Sequence[PublicUpdate],
    by: str,
    policy: Policy,
    now: datetime,
    *,
    heard: bool = False,
) -> Decision:
    """Allowed when the incident is resolved, too: customers are to hear that. `heard`: its channel has the words."""
    page = settings(policy)
    may_be_told(incident)
    text = told(wanted.text, policy)
    if not text:
        raise Invalid({"text": "Say in the customers' words what they see and what happens next."})
    last = before[-1] if before else None
    phase = wanted.phase or incident.phase
    components = _touched(last.components if last else likely(incident, page), wanted.components, page)
    update = PublicUpdate(
        incident=incident.id,
        number=len(before) + 1,
        phase=phase,
        title=_title(wanted.title, last, components, policy),
        text=clip(text, TEXT),
        by=by,
        at=now,
        components={} if phase is Phase.RESOLVED else components,
    )
    entry = Entry(
        incident=incident.id,
        at=now,
        kind=EntryKind.UPDATE,
        by=by,
        source=update.id,
        text=f"{_what(update)}: {update.text}",
    )
    decision = Decision(save=(update,), note=(entry,), do=exports(policy), say=_said(update, page))
    return decision if heard else decision + _in_channel(incident, update)


def _in_channel(incident: Incident, update: PublicUpdate) -> Decision:
    heading = f":mega: {mention(update.by)} told customers ({update.phase}): *{brief(update.title, TITLE)}*"
    words = f"{heading}\n{paragraph(update.text, TEXT)}"
    post = Post(id=f"{update.id}/told", incident=incident.id, channel=incidents.CHANNEL, text=words)
    return Decision(save=(post,), do=(SendPost(post.id),))


def _touched(before: Mapping[str, str], wanted: Mapping[str, ComponentState], page: StatusPage) -> dict[str, str]:
    """Those that are not well, and those that were not before."""
    known = {name: str(state) for name, state in before.items() if name in page.components}
    return known | {name: state.value for name, state in wanted.items() if state is not OPERATIONAL or name in known}


def exports(policy: Policy) -> tuple[ExportStatus, ...]:
    """Every copy of the page is to be made anew."""
    return tuple(ExportStatus(name) for name in policy.status.exports) if policy.status else ()


def told(text: str, policy: Policy) -> str:
    """The text without Slack's marks. Raises Invalid where it names people or channels of ours."""
    must_name_nobody(text, policy)
    return clean(LINK.sub(r"\1", text)).strip()


def must_name_nobody(text: str, policy: Policy, field: str = "text") -> None:
    """Raises Invalid where customers would read the name of a person or a channel; one rule, typed and in a form."""
    if named := _ours(text, policy):
        raise Invalid(
            {
                field: f"{code(again(named), 60)} names a person or a channel of yours: customers would read it. "
                "Take it out, or write it without the sign. Nothing was published."
            }
        )


def _ours(text: str, policy: Policy) -> str:
    """The first mention, or word with a sign that is known to be a name here; "" where there is none."""
    if mention := MENTION.search(text):
        return mention[0]
    known = {*EVERYBODY, *(f"@{name}" for name in names.spellings(one.name for one in policy.people.values()))}
    known |= {f"#{channel.lower().removeprefix('#')}" for channel in _channels(policy)}
    words = (match[0].rstrip(".-") for match in SIGNED.finditer(text))
    return next((word for word in words if word.lower() in known or ROOM.fullmatch(word)), "")


def _channels(policy: Policy) -> Iterator[str]:
    """Those of the configuration."""
    yield from (policy.announce, policy.ledger_channel, *policy.broadcast)
    for service in policy.services.values():
        yield from service.broadcast
    yield from (one.to.channel for one in policy.broadcasts if isinstance(one.to, Room))


def _title(given: str, last: PublicUpdate | None, components: Mapping[str, str], policy: Policy) -> str:
    """Never the incident's own, which may be an alert's name."""
    if given.strip():
        must_name_nobody(given, policy, "title")
        return clip(one_line(told(given, policy)), TITLE)
    if last:
        return last.title
    if not components:
        raise Invalid({"title": "Give it a title in the customers' words. Nothing was published."})
    page = settings(policy)
    return clip(f"Trouble with {_listed([page.components[name].title for name in components])}", TITLE)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _what(update: PublicUpdate) -> str:
    how = ", ".join(f"{name} {state}" for name, state in update.components.items())
    return f"told customers ({update.phase}{f'; {how}' if how else ''}) “{update.title}”"


def _said(update: PublicUpdate, page: StatusPage) -> str:
    how = [
        f"{brief(page.components[name].title, 60)}: {ComponentState(state).words.lower()}"
        for name, state in update.components.items()
    ]
    return " ".join(filter(None, ["Customers can read it now.", f"{'; '.join(how)}." if how else ""]))
