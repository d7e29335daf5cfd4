"""What people see of a service's servers: how many run what was approved, and each that does not."""

from __future__ import annotations

from collections.abc import Iterator

from bot.cards.kit import Block, actions, context, header, press, section
from bot.decision import Card
from bot.fleet import Fleet, State, summary
from bot.model import Skew
from bot.text import brief, code, fallback, mention, plural

ROWS = 12  # servers named on a card
NAMES = 8
ICONS = {State.OK: ":white_check_mark:", State.WRONG: ":no_entry:", State.UNKNOWN: ":grey_question:"}
UNDER_WAY = ":hourglass_flowing_sand:"
VERDICTS = {State.OK: "*good*", State.WRONG: "*bad*", State.UNKNOWN: "*inconclusive*"}


def fleet_card(called: str, fleet: Fleet, moving: str = "") -> Card:
    """`moving`: how far a release that is under way has come, plain text: while it is, nothing is good."""
    icon = UNDER_WAY if fleet.under_way and fleet.state is not State.WRONG else ICONS[fleet.state]
    head = f"{icon} {code(called)}: {brief(summary(fleet), 300)}"
    blocks: list[Block] = [header(f"Servers of {called}"), section(f"{head}\n{_verdict(fleet.state, moving)}")]
    if rows := list(_rows(fleet)):
        blocks.append(section("\n".join(rows)))
    if differences := list(_differences(fleet)):
        blocks.append(section("\n".join(differences), n=2000))
    if fleet.notes:
        blocks.append(context("\n".join(f":information_source: {brief(note, 300)}" for note in fleet.notes[:4]), 1500))
    blocks.append(context(_sources(fleet)))
    again = press("Look again", f"rollout verify {called}", f"verify {called}"[:200])
    if again:
        blocks.append(actions(again))
    return Card(text=fallback(head), blocks=tuple(blocks))


def skew_card(skew: Skew, fleet: Fleet | None, *, held: bool) -> Card:
    """What a check has to say in an incident: what it found and holds, or that it holds nothing any more."""
    if not held:
        text = _over(skew, fleet)
        return Card(text=fallback(text), blocks=(section(f"{text} Promotion is no longer held."),))
    text = f":no_entry: {code(skew.called)}: {brief(skew.text, 500)}"
    blocks: list[Block] = [section(f"{text}\n{_reflex(skew, fleet)}")]
    if fleet and (rows := [*_rows(fleet), *_differences(fleet)]):
        blocks.append(section("\n".join(rows)))
    blocks.append(context(_held_until(skew)))
    if button := press("Look again", f"rollout verify {skew.called}", f"verify {skew.called}"[:200]):
        blocks.append(actions(button))
    return Card(text=fallback(text), blocks=tuple(blocks))


def accepted_card(skew: Skew, by: str, why: str) -> Card:
    """Somebody took the servers as they are."""
    text = (
        f":ballot_box_with_check: {mention(by)} accepts the servers of {code(skew.called)} as they are: "
        f"{brief(why, 300)}. Promotion is no longer held."
    )
    return Card(text=fallback(text), blocks=(section(text),))


def _over(skew: Skew, fleet: Fleet | None) -> str:
    name, approved = code(skew.called), brief(skew.approved, 60)
    if fleet and not fleet.known:
        return (
            f":grey_question: All {skew.expected} servers of {name} are of the one build that is tagged {approved}; "
            "whether it is the approved one is not known, as no digest was approved."
        )
    return f":white_check_mark: All {skew.expected} servers of {name} run {approved}."


def _held_until(skew: Skew) -> str:
    accept = code(f'/rollout verify {skew.called} --accept "why"')
    return (
        f"Promotion is held until every server runs {brief(skew.approved, 60)}, or, where no digest was approved, "
        f"until all are of one build; I lift it then. To go on with the servers as they are: {accept}"
    )


def _reflex(skew: Skew, fleet: Fleet | None) -> str:
    """What Knight Capital did next put the old version on the seven servers that were right."""
    mend = "Mend these servers, or take them out of the traffic."
    if not skew.elsewhere:
        return mend
    odd = brief(", ".join(skew.elsewhere), 100)
    spread = f"if the errors come from {odd}, that puts {odd} on every server."
    newer = fleet.approved.newer if fleet else frozenset[str]()
    if all(version in newer for version in skew.elsewhere):
        back = f"{odd} is newer than {brief(skew.approved, 60)}, and was gone back from"
        return f"{mend} {back}: *do not release it again by reflex*, {spread}"
    return f"{mend} *Do not roll back by reflex*: {spread}"


def _verdict(state: State, moving: str) -> str:
    if moving:
        return f"Verdict {VERDICTS[state]}: {brief(moving, 200)}. Ask again when it is over."
    if state is State.UNKNOWN:
        return f"Verdict {VERDICTS[state]}: what cannot be known is not right."
    return f"Verdict {VERDICTS[state]}."


def _rows(fleet: Fleet) -> Iterator[str]:
    if fleet.uniform:  # each of them would say the same
        return
    for server in fleet.odd[:ROWS]:
        yield f"{ICONS[server.state]} {code(server.name, 80)} {brief(server.why, 200)}"


def _differences(fleet: Fleet) -> Iterator[str]:
    if len(fleet.odd) > ROWS and not fleet.uniform:
        yield f"… and {plural(len(fleet.odd) - ROWS, 'more server')} that are not right"
    if fleet.missing and not fleet.under_way:
        yield f"*Should be there and is not*: {_some(fleet.missing)}"
    if fleet.stray:
        yield f"*Is there and should not be*: {_some([server.name for server in fleet.stray])}"
    if fleet.surplus and not fleet.under_way:
        yield f"*More than should be there*: {fleet.surplus}"


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(code(name, 80) for name in names[:NAMES]) + more


def _sources(fleet: Fleet) -> str:
    approved = plural(len(fleet.approved.digests), "digest")
    config = f", configuration {brief(fleet.approved.config_hash, 20)}" if fleet.approved.config_hash else ""
    return (
        f"Approved: {brief(fleet.approved.version, 60)} ({approved}{config}) · "
        f"expected: {fleet.expected.count}, by {fleet.expected.authority}"
    )
