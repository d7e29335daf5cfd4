"""Roles as they are configured: named, told what they are for, and missed where they are empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import incidents, roles, timeline, vacancies
from bot.cards.forms import handoff_modal
from bot.cards.role import instructions_card, vacancy_card
from bot.case import Case
from bot.commands import COMMANDS
from bot.decision import CallResponders, Decision, Instruct, RemindRole, SendPost
from bot.declaring import Declaration, declare
from bot.errors import Refused
from bot.model import Assignment, Entry, EntryKind, Phase, Post, Role, Severity, Task
from bot.policy import Policy
from bot.positions import POSITIONS, Position
from handlers.settings import parse
from tests.blockkit import check
from tests.golden import same_as
from tests.values import NOON, incident, minutes

LIAISON = Role("liaison")
DANA, BOB = "U0DANA", "U0BOB"
SHOP = parse(
    """
roles:
  commander: {title: Incident manager}
  scribe: null
  liaison:
    title: Customer liaison
    required: {SEV1: 10m}
    instructions: Call <https://shop.example|them>.
    who: ["group:S0CARE"]
""",
    "c.yml",
).policy()
OPEN = incident(by="watchkeeper", channel="C0INC7")


def assign(words: str, **other: Any) -> Decision:
    return roles.assign(OPEN, words, {}, DANA, SHOP, NOON, **other)


# ---------------------------------------------------------------- which there are


def test_a_role_of_ones_own_is_one_and_what_is_left_out_of_a_known_one_stays() -> None:
    assert [*SHOP.roles] == ["commander", "ops", "comms", "liaison"]
    assert SHOP.roles[Role.COMMANDER] == replace(POSITIONS[Role.COMMANDER], title="Incident manager")
    assert SHOP.roles[LIAISON].required == {Severity.SEV1: minutes(10)}
    assert Policy().roles == parse("", "c.yml").policy().roles == POSITIONS


@pytest.mark.parametrize(
    ("word", "role"), [("LIAISON", LIAISON), ("ic", Role.COMMANDER), ("scribe", None), ("cook", None), ("", None)]
)
def test_roles_are_known_by_more_than_one_word(word: str, role: Role | None) -> None:
    assert roles.named(word, SHOP) == role


def test_what_may_be_typed_follows() -> None:
    assert roles.usages(COMMANDS["incident"], SHOP)["role"].arguments.startswith("commander|ops|comms|liaison [@who]")
    with pytest.raises(Refused) as refused:
        assign("cook")
    assert refused.value.instead == "/incident role commander|ops|comms|liaison"


def test_titles_are_what_people_read_and_the_timeline_knows_them_again() -> None:
    decision = assign(f"commander <@{BOB}>")
    assert decision.say == f"<@{BOB}> is now *Incident manager* of INC-7."
    [claim] = decision.note
    assert claim.text == "is incident manager"
    paged = Entry(at=NOON, kind=EntryKind.ROLE, text="is paged: incident manager wanted", whom=DANA)
    held = timeline.Roles([claim, paged], (), SHOP.titles)
    assert (held.of(BOB, NOON), held.of(DANA, NOON)) == ("Incident manager", "")


def test_who_may_hold_it_is_asked_of_whoever_gets_it() -> None:
    assert assign(f"liaison <@{BOB}>", may={BOB}).save
    with pytest.raises(Refused, match="Only who is in the Slack group `S0CARE` may be customer liaison, and <@U0DANA>"):
        assign("liaison", may={BOB})


# ---------------------------------------------------------------- what it is for


def test_whoever_gets_a_role_is_told_what_it_is_for() -> None:
    found = roles.responders_found(OPEN, {Role.OPS: BOB}, (), SHOP, NOON)
    declared = declare(Declaration(title="x", severity=Severity.SEV2), (), 7, DANA, SHOP, NOON)
    told = [[one for one in decision.do if isinstance(one, Instruct)] for decision in (assign("ops"), found, declared)]
    assert told == [
        [Instruct(f"INC-7/ops/{DANA}")],
        [Instruct(f"INC-7/ops/{BOB}")],
        [Instruct(f"INC-7/commander/{DANA}")],
    ]
    silent = replace(SHOP, roles={Role.OPS: Position(title="Ops")})
    assert not roles.instructed("INC-7", Role.OPS, DANA, silent)


def test_the_instructions_look_as_agreed() -> None:
    card = instructions_card(OPEN, LIAISON, SHOP.roles[LIAISON])
    check(card)
    same_as("cards/role_instructions.json", {"text": card.text, "blocks": list(card.blocks)})


# ---------------------------------------------------------------- where it is empty


def looks(decision: Decision) -> dict[str, Any]:
    return {effect.subject: effect.due for effect in decision.do if isinstance(effect, RemindRole)}


def test_who_is_needed_is_looked_for_when_it_opens_becomes_severe_and_opens_again() -> None:
    opened = incidents.open_(7, "x", "checkout", "production", Severity.SEV3, SHOP, NOON)
    assert looks(opened) == {"INC-7/commander": NOON + minutes(15)}
    later = NOON + minutes(9)
    raised = incidents.set_severity(replace(OPEN, severity=Severity.SEV3), "1", DANA, SHOP, later)
    assert looks(raised) == {"INC-7/commander": later + minutes(1), "INC-7/liaison": NOON + minutes(10)}
    over = replace(OPEN, phase=Phase.RESOLVED, resolved_at=NOON)
    again = incidents.reopen(over, "", SHOP, later)
    assert looks(again) == {"INC-7/commander": later + minutes(5)}
    assert CallResponders("INC-7") in again.do


def remind(after: float, which: str = vacancies.FIRST, role: Role = Role.COMMANDER, **other: Any) -> Decision:
    held, oncall, of = other.get("held", {}), other.get("oncall", (BOB,)), other.get("of", OPEN)
    return vacancies.remind(of, role, which, held, oncall, SHOP, NOON + minutes(after), calls=bool(oncall))


def said(decision: Decision) -> list[str]:
    return [noun.text for noun in decision.save if isinstance(noun, Post)]


def test_it_is_said_once_to_all_and_then_once_to_whoever_is_on_call() -> None:
    assert remind(4) == Decision(do=(RemindRole("INC-7/commander", due=NOON + minutes(5)),))
    first = remind(5)
    assert said(first) == [":raising_hand: Nobody is *Incident manager* of INC-7, 5 min after it was opened."]
    assert looks(first) == {"INC-7/commander": NOON + minutes(10)}
    assert first.note[0].text == "nobody is incident manager yet"
    second = remind(10, vacancies.AGAIN)
    assert said(second)[0].startswith(f":raising_hand: <@{BOB}>, still nobody is *Incident manager*")
    assert not looks(second)
    posts = [effect.subject for one in (first, second) for effect in one.do if isinstance(effect, SendPost)]
    told: list[str] = []
    for which, post in zip((vacancies.FIRST, vacancies.AGAIN, ""), [*posts, ""], strict=True):
        assert vacancies.stage(OPEN, Role.COMMANDER, "", told, SHOP) == which
        told.append(post)
    assert remind(20, "") == Decision()


@pytest.mark.parametrize(
    ("of", "holder", "role"),
    [
        (OPEN, DANA, Role.COMMANDER),
        (OPEN, "", Role.OPS),
        (OPEN, "", LIAISON),  # at SEV1 only
        (replace(OPEN, severity=Severity.SEV5), "", Role.COMMANDER),
        (replace(OPEN, phase=Phase.RESOLVED), "", Role.COMMANDER),
        (OPEN, "", Role.SCRIBE),  # of an older configuration
    ],
)
def test_nothing_is_said_where_nobody_is_missing(of: Any, holder: str, role: Role) -> None:
    assert vacancies.stage(of, role, holder, (), SHOP) == ""


def test_a_reopening_begins_anew() -> None:
    told = [vacancies.post_id(OPEN, Role.COMMANDER, which) for which in (vacancies.FIRST, vacancies.AGAIN)]
    again = replace(OPEN, reopened_at=NOON + minutes(60))
    assert vacancies.stage(again, Role.COMMANDER, "", told, SHOP) == vacancies.FIRST


def test_the_commander_sees_to_the_other_roles_and_who_is_not_in_the_channel_is_not_asked() -> None:
    assert vacancies.whom(OPEN, LIAISON, {Role.COMMANDER: DANA}, (BOB,)) == DANA
    assert vacancies.whom(OPEN, LIAISON, {}, (BOB,)) == BOB
    private = replace(OPEN, private=True, by=DANA)
    assert vacancies.whom(private, Role.COMMANDER, {}, (BOB,)) == DANA
    assert remind(10, vacancies.AGAIN, oncall=()) == Decision(), "there is nobody to name"


@pytest.mark.parametrize("whom", ["", BOB])
def test_the_reminder_looks_as_agreed(whom: str) -> None:
    card = vacancy_card(OPEN, Role.COMMANDER, "Commander", minutes(5), whom, calls=True)
    check(card)
    same_as(f"cards/role_vacancy{'_again' if whom else ''}.json", {"text": card.text, "blocks": list(card.blocks)})


def test_an_assignment_of_a_role_that_is_no_longer_configured_is_named_as_it_was() -> None:
    held = Assignment(incident="INC-7", role=Role.SCRIBE, user=BOB, by=BOB, at=NOON)
    assert SHOP.title(held.role) == "Scribe"
    assert timeline.Roles((), (held,), SHOP.titles).of(BOB, NOON) == ""


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ops <@U0BOB|bob>", ("ops", "<@U0BOB|bob>")),
        ("<@U0BOB|bob> ops", ("ops", "<@U0BOB|bob>")),
        ("incident manager <@U0BOB>", ("incident manager", "<@U0BOB>")),
        ("--take ops", ("ops", "")),
        ("<@U0BOB> is ops", ("ops", "<@U0BOB>")),
        ("bob ops", ("ops", "bob")),
        ("U0BOB", ("", "U0BOB")),
        ("opps bob", ("opps", "bob")),
        ("", ("", "")),
    ],
)
def test_role_and_person_come_in_either_order(words: str, said: tuple[str, str]) -> None:
    assert roles.asked(words, SHOP) == said


def test_a_role_that_there_is_not_names_those_that_there_are() -> None:
    with pytest.raises(Refused) as refused:
        roles.parse_role("opss", SHOP)
    listed = "`commander` (Incident manager), `ops`, `comms`, `liaison` (Customer liaison)"
    assert refused.value.why == f"`opss` is not a role. There are {listed}."
    assert refused.value.instead == "/incident role ops"


def test_who_hands_off_without_a_role_hands_off_the_one_that_they_hold() -> None:
    held = {
        role: Assignment(incident="INC-7", role=role, user=DANA, by=DANA, at=NOON)
        for role in (Role.COMMANDER, Role.OPS)
    }
    one = {Role.OPS: held[Role.OPS]}
    for words in ("<@U0BOB|bob>", "ops <@U0BOB|bob>", "<@U0BOB|bob> ops"):
        assert roles.handing(words, one, DANA, SHOP) == "ops <@U0BOB|bob>"
    with pytest.raises(Refused, match="You are incident manager and ops lead: say which") as refused:
        roles.handing("<@U0BOB|bob>", held, DANA, SHOP)
    assert refused.value.instead == "/incident handoff commander @bob"
    with pytest.raises(Refused, match="You hold no role"):
        roles.handing("<@U0BOB|bob>", {}, DANA, SHOP)


def test_a_task_stands_once_in_the_draft_of_a_hand_off() -> None:
    task = Task(id="INC-7/task/1", incident="INC-7", kind="task", text="look", owner=BOB, by=DANA, at=NOON)
    entries = [
        Entry(incident="INC-7", at=NOON, kind=EntryKind.NOTE, by=DANA, text="task: look", source=task.id),
        Entry(incident="INC-7", at=NOON, kind=EntryKind.NOTE, by=DANA, text="restarted the cache"),
    ]
    lines = timeline.timeline(OPEN, entries, (), (), {})
    case = Case(
        incident=OPEN,
        lines=lines,
        assignments=(),
        linked=(),
        updates=(),
        requests=(),
        names={},
        now=NOON,
        tasks=(task,),
    )
    draft = roles.handoff_draft(case)
    assert draft.count("look") == 1
    assert "restarted the cache" in draft


@pytest.mark.parametrize(("title", "heading"), [("Scribe", "Hand off scribe"), ("Head of the incident", "Hand off")])
def test_the_title_of_the_form_is_never_cut(title: str, heading: str) -> None:
    view = handoff_modal(OPEN, Role.SCRIBE, title).view
    assert view["title"]["text"] == heading
    assert view["blocks"][0]["label"]["text"] == f"Who takes over as {title.lower()}?"
