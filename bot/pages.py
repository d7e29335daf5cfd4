"""Paging: one person is called after the other, in every way there is, until somebody answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.decision import Decision, EscalatePage, InviteResponders, PostCard, SendPage, SendPost, ShowPage
from bot.errors import InDrill, Refused
from bot.incidents import CHANNEL, must_be_open
from bot.model import BOT, Assignment, Entry, EntryKind, Incident, Page, PageState, Post, Role
from bot.policy import Contact, Policy
from bot.text import brief, code, mention, one_line, span

MESSAGE, MAIL, ALARM = "message", "mail", "alarm"
WAYS = {MESSAGE: "direct message", MAIL: "e-mail", ALARM: "PagerDuty"}
OURS = "watchkeeper/"  # what the keys of our alerts elsewhere begin with
FIRST = 0  # the number of the page that an incident makes by itself
SEVERE = "a severe incident pages its on-call"
AGAIN = "a severe incident is open again"


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How people can be called here, beside direct messages."""

    mail: bool = False
    alarm: bool = False
    contacts: Mapping[str, Contact] = field(default_factory=dict)

    def of(self, who: str) -> tuple[str, ...]:
        contact = self.contacts.get(who)
        return (MESSAGE, MAIL) if self.mail and contact and contact.email else (MESSAGE,)


@dataclass(frozen=True, kw_only=True)
class Meant:
    """Whom a person wants to page: these people, or everybody of these on-calls in turn."""

    people: tuple[str, ...] = ()
    oncalls: tuple[str, ...] = ()
    why: str = ""
    hint: str = ""  # what else may have been meant


def in_order(wanted: Mapping[Role, str]) -> tuple[str, ...]:
    """The on-calls of an incident: the commander's first, each once."""
    return tuple(dict.fromkeys(wanted[role] for role in sorted(wanted, key=lambda role: role != Role.COMMANDER)))


# ---------------------------------------------------------------- how it begins


def automatic(
    incident: Incident,
    people: Sequence[str],
    pages: Collection[Page],
    held: Collection[Assignment],
    ways: Ways,
    policy: Policy,
    now: datetime,
) -> Decision:
    """A severe incident calls its on-call, once, and once more each time that it is reopened. Not where one of them
    declared it, reopened it or has taken a role since: they know.
    """
    severe = policy.pages_at is not None and incident.severity <= policy.pages_at
    if not severe or not incident.is_open or incident.drill or incident.private or not people:
        return Decision()
    by_itself = [page for page in pages if page.by == BOT]
    if any(page.at >= incident.since or page.state is PageState.CALLING for page in by_itself):
        return Decision()
    here = {incident.reopened_by if incident.reopened_at else incident.by}
    here |= {one.user for one in held if one.user == one.by and one.at >= incident.since}
    if here & set(people):
        return Decision()
    number, why = (_following(pages), AGAIN) if incident.reopened_at else (FIRST, SEVERE)
    return begin(incident, number, people, why, BOT, ways, policy, now, alarm=True)


def _following(pages: Collection[Page]) -> int:
    return 1 + max((int(page.id.rpartition("/")[2]) for page in pages), default=FIRST)


def asked(
    incident: Incident,
    people: Sequence[str],
    why: str,
    by: str,
    pages: Sequence[Page],
    ways: Ways,
    policy: Policy,
    now: datetime,
    *,
    alarm: bool,
) -> Decision:
    """`/incident page`. Whoever is being called is not called a second time."""
    must_be_open(incident)
    if incident.drill:
        raise InDrill(f"{incident.id} is a drill, and a drill pages nobody; nothing was sent.")
    if not people:
        raise Refused("Nobody is on call for it; nothing was sent.", instead="/incident page @who why")
    for page in pages:
        if page.state is PageState.CALLING and page.who == people[0]:
            raise Refused(
                f"<@{page.who}> has been paged for {span(now - page.turn_at)} already; nothing was sent.",
                instead="/incident page @who why",
            )
    number = _following(pages)
    why = one_line(why) or f"{incident.id} needs you"
    decision = begin(incident, number, people, why, by, ways, policy, now, alarm=alarm)
    how = [WAYS[way] for way in ways.of(people[0])] + ([WAYS[ALARM]] if alarm and ways.alarm else [])
    following = f"<@{people[1]}> is next" if len(people) > 1 else "this channel hears of it"
    later = f"Without an answer in {span(policy.escalates_after)}, {following}."
    return decision + Decision(say=f"I am paging <@{people[0]}> by {listed(how)}. {later}")


def begin(
    incident: Incident,
    number: int,
    people: Sequence[str],
    why: str,
    by: str,
    ways: Ways,
    policy: Policy,
    now: datetime,
    *,
    alarm: bool,
) -> Decision:
    """Calls the first of them. `alarm`: those who are meant are the on-call, whom PagerDuty calls, too."""
    page = Page(
        id=page_id(incident.id, number),
        incident=incident.id,
        to=tuple(people),
        why=why,
        by=by,
        at=now,
        turn_at=now,
        alarmed=alarm and ways.alarm,
    )
    decision = _called(page, f"is paged: {why}", by, ways, policy, now)
    return decision + Decision(do=(SendPage(f"{page.id}/{ALARM}"),) if page.alarmed else ())


def page_id(incident: str, number: int) -> str:
    return f"{incident}/page/{number}"


def listed(words: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def _called(page: Page, text: str, by: str, ways: Ways, policy: Policy, now: datetime) -> Decision:
    """Whoever's turn it is, in every way there is; and a look back when they have had time."""
    return Decision(
        save=(page,),
        note=(Entry(incident=page.incident, at=now, kind=EntryKind.ROLE, by=by, whom=page.who, text=text),),
        do=(
            *(SendPage(f"{page.id}/{page.turn}/{way}") for way in ways.of(page.who)),
            *_cards(page),
            InviteResponders(page.incident),
            PostCard(page.incident),
            EscalatePage(page.id, due=now + policy.escalates_after),
        ),
    )


# ---------------------------------------------------------------- how it goes on


def escalated(page: Page, incident: Incident, commander: str, ways: Ways, policy: Policy, now: datetime) -> Decision:
    """The next one, where nobody has answered in time."""
    if page.state is not PageState.CALLING:
        return Decision()
    if not incident.is_open:
        return over(page, now)
    if now < page.turn_at + policy.escalates_after:
        return Decision(do=(EscalatePage(page.id, due=page.turn_at + policy.escalates_after),))
    silent = f"did not answer the page in {span(now - page.turn_at)}"
    noted = Entry(incident=page.incident, at=now, kind=EntryKind.ROLE, whom=page.who, text=silent)
    if page.turn + 1 < len(page.to):
        following = replace(page, turn=page.turn + 1, turn_at=now)
        return Decision(note=(noted,)) + _called(following, f"is paged next: {page.why}", BOT, ways, policy, now)
    ended = replace(page, state=PageState.UNANSWERED, settled_at=now)
    words = _nobody(page, commander, policy)
    post = Post(id=f"{page.id}/unanswered", incident=page.incident, channel=CHANNEL, text=words)
    return Decision(
        save=(ended, post),
        note=(noted, replace(noted, whom="", text="nobody answered the page")),
        do=(SendPost(post.id), *_cards(page), PostCard(page.incident)),
    )


def _nobody(page: Page, commander: str, policy: Policy) -> str:
    """A message of its own: an edited card rings nowhere."""
    led = f"{mention(commander)}: " if commander else ""
    calls = "\n".join(f"• {numbered(who, policy.people)}" for who in page.to)
    other = code(f"/incident page {page.incident} @who why")
    why = brief(page.why, 200)
    return f":rotating_light: {led}Nobody answered the page “{why}”. Call them, or page somebody else: {other}\n{calls}"


def numbered(who: str, contacts: Mapping[str, Contact]) -> str:
    """Who it is, and the number to call."""
    phone = contacts[who].phone if who in contacts else ""
    return f"{mention(who)} :telephone_receiver: {brief(phone, 40) if phone else 'no number is configured'}"


def acknowledged(page: Page, by: str, now: datetime) -> Decision:
    """Whoever answers, it is answered: often a colleague is quicker."""
    match page.state:
        case PageState.ACKNOWLEDGED:
            raise Refused(f"<@{page.settled_by}> has answered this page already; nothing was changed.")
        case PageState.OVER:
            raise Refused(f"{page.incident} is over, and so is this page; nothing was changed.")
    done = replace(page, state=PageState.ACKNOWLEDGED, settled_by=by, settled_at=now)
    text = f"answered the page after {span(now - page.at)}"
    return Decision(
        save=(done,),
        note=(Entry(incident=page.incident, at=now, kind=EntryKind.ROLE, by=by, whom=by, text=text),),
        do=(*_shown(done), PostCard(page.incident), InviteResponders(page.incident)),
        say=f"You have answered the page of {page.incident}; nobody else is called.",
    )


def only_in_slack(page: Page, ways: Ways) -> bool:
    """Nothing but a direct message calls them."""
    return page.state is PageState.CALLING and not page.alarmed and tuple(ways.of(page.who)) == (MESSAGE,)


def waits(page: Page, policy: Policy, now: datetime) -> Decision:
    """They cannot have seen it yet: their time to answer begins anew."""
    due = now + policy.escalates_after
    return Decision(save=(replace(page, turn_at=now),), do=(EscalatePage(page.id, due=due),))


def over(page: Page, now: datetime) -> Decision:
    """Nobody need answer any more; PagerDuty is told, also where somebody has."""
    if page.state is PageState.CALLING:
        ended = replace(page, state=PageState.OVER, settled_at=now)
        return Decision(save=(ended,), do=_shown(ended))
    return Decision(do=_alarm(page))


def _shown(page: Page) -> tuple[ShowPage | SendPage, ...]:
    return (*_cards(page), *_alarm(page))


def _cards(page: Page) -> tuple[ShowPage, ...]:
    """The card in the channel, and each direct message that was sent: one effect each, for each edit is paced."""
    return (ShowPage(page.id), *(ShowPage(f"{page.id}/{turn}") for turn in page.messages if turn))


def _alarm(page: Page) -> tuple[SendPage, ...]:
    return (SendPage(f"{page.id}/{ALARM}"),) if page.alarmed else ()


def sent(page: Page, where: str, message: str) -> Decision:
    """`where` is the turn, or "" for the incident's channel; `message` is channel and ts."""
    if page.messages.get(where) == message:
        return Decision()
    known = replace(page, messages={**page.messages, where: message})
    moved_on = page.state is not PageState.CALLING or where not in ("", str(page.turn))  # while it was on its way
    shown = ShowPage(f"{page.id}/{where}" if where else page.id)
    return Decision(save=(known,), do=(shown,) if moved_on else ())


def failed(page: Page, call: Call, why: str, now: datetime) -> Decision:
    """One way is closed: the others go on, and people get the number to call."""
    who = page.to[call.turn]
    what = f"is not called by {WAYS[ALARM]}" if call.way == ALARM else f"cannot be paged by {WAYS[call.way]}"
    trouble = f"{mention(who)} {what} ({brief(why, 160)})"
    if trouble in page.troubles:
        return Decision()
    text = f"{what} ({one_line(why)})"
    return Decision(
        save=(replace(page, troubles=(*page.troubles, trouble)),),
        note=(Entry(incident=page.incident, at=now, kind=EntryKind.TROUBLE, whom=who, text=text),),
        do=(ShowPage(page.id), PostCard(page.incident)),
    )


@dataclass(frozen=True)
class Call:
    """What the subject of a SendPage says."""

    page: str
    way: str
    turn: int = 0


def shown(subject: str) -> tuple[str, str]:
    """The page that a ShowPage is about, and the turn whose direct message it shows, "" for the card in the channel."""
    parts = subject.split("/")
    return "/".join(parts[:3]), "".join(parts[3:])


def call(subject: str) -> Call:
    rest, _, way = subject.rpartition("/")
    if way == ALARM:
        return Call(rest, way)
    page, _, turn = rest.rpartition("/")
    return Call(page, way, int(turn))
