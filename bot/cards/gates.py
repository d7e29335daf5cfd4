"""What people see of gates: who asks, what holds them, and the URLs to ask at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bot.cards.kit import Block, actions, context, header, paged, press, section
from bot.decision import Card
from bot.gates import ASKED, FORWARD, NOBODY_ASKED, Closer, Facts, Kind, closers, latest
from bot.heard import tellings
from bot.model import Gate
from bot.policy import Policy
from bot.text import ago, brief, clock, code, fallback, mention, span

ICONS = {True: ":large_green_circle:", False: ":no_entry:"}


def gates_card(facts: Facts, policy: Policy, now: datetime) -> Card:
    """Where it is, as far as it says when it asks, and what would be answered now."""
    service = facts.service
    blocks: list[Block] = [
        header(f"{service.name} · {service.environment}"),
        section(summary(facts, policy, now)),
        *paged([_gate(kind, facts, policy, now) for kind in FORWARD]),
        *paged([*_says(facts, now), *_given(facts, now), *_held(facts)]),
        context("Known only by what it asks at its gates; no cluster is read."),
        actions(*_buttons(facts)),
    ]
    return Card(text=fallback(summary(facts, policy, now)), blocks=tuple(blocks))


def summary(facts: Facts, policy: Policy, now: datetime) -> str:
    """One line: `checkout` asks at confirm-promotion (WaitingPromotion) for `abc`, *held*: …"""
    name, seen = code(facts.service.called), latest(facts, ASKED)
    against = closers(Kind.PROMOTION, facts, policy, now)
    state = f"*held*: {brief('; '.join(closer.text for closer in against), 500)}" if against else "*free to go on*"
    return f"{name} {_asks(seen, now)}, {state}" if seen else f"{name} has not asked yet, {state}"


def _asks(seen: Gate, now: datetime) -> str:
    phase = f" ({brief(seen.phase, 40)})" if seen.phase else ""
    of = f" for {code(seen.checksum, 60)}" if seen.checksum else ""
    return f"asked last at {seen.gate}{phase}{of}, the same since {clock(seen.at)} UTC ({ago(now - seen.at)})"


def _gate(kind: Kind, facts: Facts, policy: Policy, now: datetime) -> str:
    against = closers(kind, facts, policy, now)
    why = brief("; ".join(closer.text for closer in against), 500) or "nothing holds it"
    return f"{ICONS[not against]} `{kind}`: {why}"


def _says(facts: Facts, now: datetime) -> Iterator[str]:
    """Where Flagger tells us what it does, which it is asked to by its own webhooks."""
    for told in tellings(facts)[:1]:
        of = f" of {code(told.checksum, 60)}" if told.checksum else ""
        since = f"since {clock(told.at)} UTC ({ago(now - told.at)})"
        yield f":speech_balloon: Flagger says *{brief(told.phase, 40)}*{of} {since}"


def _given(facts: Facts, now: datetime) -> Iterator[str]:
    for given in facts.passes:
        left = f"{span(given.until - now)} left"
        of = code(given.checksum, 60) if given.checksum else "whatever asks"
        if given.gate == Kind.ROLLBACK:
            yield f":rewind: {mention(given.by)} ordered the rollback of {of}; it has not asked since ({left})"
        elif given.over:
            often = "once" if given.once else "until it is through"
            yield f":ticket: {mention(given.by)} lets {of} through `{given.gate}` {often} ({left})"


def _held(facts: Facts) -> Iterator[str]:
    for hold in facts.holds:
        why = f": {brief(hold.why, 300)}" if hold.why else ""
        yield f":double_vertical_bar: held by {mention(hold.holder)} since {clock(hold.at)} UTC{why}"


def _buttons(facts: Facts) -> Iterator[Block | None]:
    called = facts.service.called
    if facts.holds:
        yield press("Resume", f"rollout resume {called}", f"resume {called}")
    else:
        yield press("Hold", f"rollout pause {called}", f"pause {called}")
    if latest(facts):
        yield press("Let it go on once", f"rollout promote {called}", f"promote {called}")
        yield press("Roll back", f"rollout rollback {called}", f"rollback {called}", "danger")


def preview(line: str, at: str, title: str, will: str, facts: Facts, against: Sequence[Closer], now: datetime) -> Card:
    """Before it is done: bound to the revision `at`. `line` is what Confirm stands for; `against`: what holds it."""
    seen = latest(facts, ASKED)
    stands = f"{code(facts.service.called)} {_asks(seen, now) if seen else 'has not asked yet'}"
    blocks: list[Block] = [
        header(title),
        section(f"{stands}."),
        section(f"*What will happen*\n{will}"),
    ]
    if against:
        blocks.append(section("*What holds it*\n" + "\n".join(f"• {brief(c.text, 500)}" for c in against)))
    confirm = press("Confirm", f"rollout {line} --at {at}", "confirm", "primary")
    blocks.append(actions(confirm))
    blocks.append(context("Good until somebody asks." if at == NOBODY_ASKED else f"Good for {code(at, 60)} only."))
    return Card(text=fallback(brief(title, 150)), blocks=tuple(blocks))


def urls_card(called: str, urls: Mapping[str, str]) -> Card:
    """The URLs are keys: whoever has one may ask, and use up what was given."""
    lines = [f"• `{gate}`: {code(url, 1000)}" for gate, url in urls.items()]
    blocks = (
        section(f"*Gates of {brief(called, 80)}.* Each URL is a key: keep it where you keep secrets."),
        *paged(lines),
        context(
            "Open answers 200, closed 403 with the reason. `rollback` answers 200 only when one was ordered. "
            "`event` and `post-rollout` are told, not asked, and answer 200 to whatever their own canary tells."
        ),
    )
    return Card(text=f"Gates of {brief(called, 80)}", blocks=blocks)
