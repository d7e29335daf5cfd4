"""What people read of a page: in the incident's channel, in a direct message, in a letter."""

from __future__ import annotations

from collections.abc import Iterator

from bot import text
from bot.cards.kit import Block, actions, context, press, section
from bot.decision import Card
from bot.model import Incident, Page, PageState
from bot.pages import ALARM, WAYS, Ways, listed, numbered
from bot.policy import Policy

TROUBLES = 5


def channel_card(page: Page, ways: Ways, policy: Policy) -> Card:
    """Edited in place as the page goes on."""
    line = "\n".join(_state(page, ways, policy))
    blocks = [section(line, n=2000)]
    if page.troubles:
        troubles = [f":warning: {trouble}" for trouble in page.troubles[-TROUBLES:]]
        number = [numbered(page.who, policy.people)] if page.state is PageState.CALLING else []
        blocks.append(section("\n".join([*troubles, *number]), n=2000))
    if page.state in (PageState.CALLING, PageState.UNANSWERED):
        blocks.append(actions(_answer(page)))
    return Card(text=text.fallback(line), blocks=tuple(blocks))


def _state(page: Page, ways: Ways, policy: Policy) -> Iterator[str]:
    why, who = text.brief(page.why, 300), text.mention(page.who)
    match page.state:
        case PageState.CALLING:
            how = [WAYS[way] for way in ways.of(page.who)] + ([WAYS[ALARM]] if page.alarmed else [])
            yield f":pager: Paging {who} since {text.when(page.turn_at)} by {listed(how)}: {why}"
            following = page.to[page.turn + 1 : page.turn + 2]
            next_one = f"{text.mention(following[0])} is next" if following else "there is nobody after them"
            yield f"Without an answer by {text.when(page.turn_at + policy.escalates_after)}, {next_one}."
            for silent in page.to[: page.turn]:
                yield f"{numbered(silent, policy.people)}, did not answer"
        case PageState.ACKNOWLEDGED:
            took = f" after {text.span(page.settled_at - page.at)}" if page.settled_at else ""
            yield f":white_check_mark: {text.mention(page.settled_by)} answered the page{took}: {why}"
        case PageState.UNANSWERED:
            yield f":rotating_light: Nobody answered the page: {why}"
            yield from (numbered(one, policy.people) for one in page.to)
        case PageState.OVER:
            yield f"The page of {who} is over, with the incident: {why}"


def direct_card(page: Page, turn: int, incident: Incident) -> Card:
    """For whoever is called; it says what became of it when that is settled."""
    where = text.channel(incident.channel, incident.channel_name)
    about = text.dotted([f"*{incident.id}* {incident.severity}", text.brief(incident.service, 60), where])
    if page.state is not PageState.CALLING or turn != page.turn:
        line = text.dotted([_settled(page), about])
        return Card(text=text.fallback(line), blocks=(context(line),))
    by = f" by {text.mention(page.by)}" if text.is_person(page.by) else ""
    lines = [
        f":pager: *You are paged*{by}: {text.brief(page.why, 500)}",
        about,
        f"*{text.brief(incident.title, 200)}*",
    ]
    notified = f"You are paged: {incident.id} {incident.severity} {text.brief(incident.title, 200)}"
    return Card(text=text.fallback(notified), blocks=(section("\n".join(lines), n=2500), actions(_answer(page))))


def _settled(page: Page) -> str:
    match page.state:
        case PageState.ACKNOWLEDGED:
            return f":white_check_mark: {text.mention(page.settled_by)} answered this page"
        case PageState.OVER:
            return "This page is over, with the incident"
        case PageState.UNANSWERED:
            return ":rotating_light: Nobody answered this page"
        case PageState.CALLING:
            return f"You did not answer in time; {text.mention(page.who)} is paged now"


def _answer(page: Page) -> Block | None:
    return press("Acknowledge", f"incident ack {page.id}", "ack", "primary")


def subject(page: Page, incident: Incident) -> str:
    """Of a letter, and of an alert elsewhere. What is private stays in its channel."""
    about = "private incident" if incident.private else f"{incident.service or 'incident'}: {incident.title}"
    return f"{incident.id} {incident.severity} pages you: {about}"


def letter(page: Page, incident: Incident, link: str) -> str:
    """In plain text. `link` leads to the channel."""
    lines = [
        subject(page, incident),
        "" if incident.private else page.why,
        "",
        f"Since {incident.began:%Y-%m-%d %H:%M} UTC, phase {incident.phase}.",
        *([f"Channel: {link}"] if link else []),
        f"Press Acknowledge in Slack, or type /incident ack {page.id}. Without an answer the next one is paged.",
    ]
    return "\n".join(lines) + "\n"
