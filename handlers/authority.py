"""Asked again at every entrance: may this person know of the incident, and may they do this to it?"""

from __future__ import annotations

from collections.abc import Iterable

from bot import authority, declaring
from bot.authority import Act
from bot.commands import Ask, Submission, incident_id
from bot.errors import NotYet, ProviderError, Refused
from bot.model import Incident
from bot.policy import GROUP
from handlers import targets
from handlers.world import World

NAMES_TWO = frozenset({"merge", "answer"})  # verbs that name an incident after their first word
NUMBERS = NAMES_TWO | {"join"}  # verbs to which 7 is INC-7


def admit(world: World, ask: Ask) -> None:
    """A line that was typed or pressed. Raises Refused, or ProviderError where Slack does not say who is in a group."""
    verb, words = ask.split()
    for id in named(ask):
        must_know(world, world.read(lambda tx, id=id: tx.find_incident(id)), id, ask.by, ask.channel)  # type: ignore[misc]
    act = authority.of(ask)
    if act is None or authority.is_open(act, world.policy):
        return
    ids = named(ask)
    # `merge INC-7` ends the incident of the channel: INC-7 is the one that goes on.
    id = "" if verb == "merge" and len(ids) < 2 else next(iter(ids), "")
    incident = world.read(lambda tx: tx.find_incident(id) if id else tx.incident_in(ask.channel))
    must_be_allowed(world, act, ask.by, incident, declaring.read(words, world.policy).service)


def admit_form(world: World, form: Submission) -> None:
    """A form that was submitted: its subject comes back through the client, so it is believed as little as a line."""
    id = incident_id(form.subject.partition("|")[0].partition("/")[0]) or ""
    incident = world.read(lambda tx: tx.find_incident(id)) if id else None
    must_know(world, incident, id, form.by, form.channel)
    act = authority.FORMS.get(form.callback)
    if act and not authority.is_open(act, world.policy):
        chosen = form.values.get("service") or declaring.read(form.values.get("title", ""), world.policy).service
        must_be_allowed(world, act, form.by, incident, chosen)


def named(ask: Ask) -> list[str]:
    """The incidents that a line names; ids such as INC-7/task/2 name one, too."""
    verb, words = ask.split()
    first = words.split() if verb in NAMES_TWO else words.split()[:1]
    found = (word.partition("/")[0] for word in first)
    return [id for word in found if (verb in NUMBERS or not word.isdigit()) and (id := incident_id(word))]


# ---------------------------------------------------------------- private incidents


def must_know(world: World, incident: Incident | None, id: str, by: str, channel: str = "") -> None:
    """To who is not in it, a private incident is none. Raises Refused, in the words for one that does not exist.

    They are the same where Slack does not say who is inside: to be asked to wait would tell that there is something.
    """
    if incident is not None and not surely_knows(world, incident, by, channel):
        raise Refused(f"There is no incident {id}.", instead="/incident list")


def may_know(world: World, incident: Incident, by: str, channel: str = "") -> bool:
    """Whoever declared it, holds a role in it, or is in its channel."""
    if not incident.private or by == incident.by or (channel and channel == incident.channel):
        return True
    if any(held.user == by for held in world.read(lambda tx: tx.assignments(incident.id))):
        return True
    return bool(incident.channel) and by in world.chat.inside(incident.channel)


def known(world: World, incidents: Iterable[Incident], by: str, channel: str = "") -> list[Incident]:
    """Those that this person may know of."""
    return [incident for incident in incidents if surely_knows(world, incident, by, channel)]


def surely_knows(world: World, incident: Incident, by: str, channel: str) -> bool:
    """Where Slack does not say who is inside, nobody learns of it, and of a list the rest is there."""
    try:
        return may_know(world, incident, by, channel)
    except (ProviderError, NotYet):
        return False


# ---------------------------------------------------------------- who may


def must_be_allowed(world: World, act: Act, by: str, incident: Incident | None, service: str) -> None:
    """`service`: where there is no incident yet. Raises Refused."""
    about = world.policy.service(incident.service, incident.environment) if incident else world.policy.own(service)
    roles = world.read(lambda tx: tx.assignments(incident.id)) if incident else ()
    wanted = [about] if about.name else list(world.policy.services.values())
    words = world.policy.may.get(act, ())
    oncall = frozenset[str]().union(*(targets.oncall(world, one) for one in wanted)) if "oncall" in words else ()
    groups = {word.removeprefix(GROUP) for word in words if word.startswith(GROUP)}
    members = {group: world.chat.members(group) for group in sorted(groups)}
    authority.must_be_allowed(act, by, world.policy, about, roles, oncall, members)
