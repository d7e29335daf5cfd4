"""The App Home: what it shows to whom, and when it is published anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from bot import home
from bot.cards.home import closed_view, dated, fingerprint, home_view
from bot.decision import Decision, PostCard, ShowHome
from bot.home import Facts
from bot.model import Assignment, Freeze, Home, Incident, Role, RolloutPhase, Severity, Sighting, Task
from tests.blockkit import check_home, nodes
from tests.bot.test_text import ANY
from tests.golden import same_as
from tests.values import NOON, alert, incident, minutes

DANA, BOB, EVE = "U0DANA", "U0BOB", "U0EVE"
URL = "https://corner-shop.slack.example/archives/"


def holds(user: str, role: Role = Role.COMMANDER, of: str = "INC-7") -> Assignment:
    return Assignment(incident=of, role=role, user=user, by=user, at=NOON)


def where(channel: str) -> str:
    return f"{URL}{channel}" if channel else ""


MINE = incident(title="CheckoutErrorRatioHigh", channel="C0INC7", next_update_at=NOON + minutes(15))
OTHER = incident(8, title="Slow <!here> *search*", service="search", severity=Severity.SEV3, channel="C0INC8")
TASK = Task(
    id="INC-7/task/1", incident="INC-7", kind="task", text="Undo the <flag>", owner=DANA, by=BOB, at=NOON, due_at=NOON
)
UNDER_WAY = Sighting(
    id="checkout/production",
    service="checkout",
    environment="production",
    revision="b",
    revision_version="v42",
    stable="a",
    stable_version="v41",
    phase=RolloutPhase.PROGRESSING,
    step=1,
    weight=20,
    paused=False,
    aborted=False,
    at=NOON,
)
FREEZE = Freeze(id="FRZ-1", scope="all", reason="Black Friday", by=BOB, at=NOON, until=NOON + timedelta(hours=2))
FACTS = Facts(
    incidents=(OTHER, MINE),
    held={"INC-7": (holds(DANA), holds(DANA, Role.SCRIBE))},
    tasks=(TASK,),
    rollouts=(UNDER_WAY,),
    freezes=(FREEZE,),
    oncall={"storefront": (DANA, BOB), "payments": (BOB,), "nights": ()},
)


def seen(user: str, facts: Facts = FACTS) -> dict[str, Any]:
    return home_view(user, facts.seen_by(user), where)


def lines(view: dict[str, Any]) -> set[str]:
    """What its buttons type."""
    return {str(node["value"]) for node in nodes(view["blocks"]) if node.get("type") == "button" and "value" in node}


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("responder", dated(seen(DANA), NOON)),
        ("bystander", seen(EVE)),
        ("calm", home_view(DANA, Facts(), where)),
        ("closed", closed_view()),
    ],
)
def test_each_home_reads_as_its_golden_file(name: str, view: dict[str, Any]) -> None:
    check_home(view)
    same_as(f"cards/home_{name}.json", view)


def test_somebody_elses_tasks_are_not_shown() -> None:
    assert "Undo the" in str(seen(DANA))
    assert "Undo the" not in str(seen(BOB))


def test_command_is_offered_where_nobody_has_it() -> None:
    assert "incident role INC-8 commander" in lines(seen(DANA))
    assert "incident role INC-7 commander" not in lines(seen(EVE))


def test_an_update_is_offered_to_those_with_a_role() -> None:
    assert "incident update INC-7" in lines(seen(DANA))
    assert "incident update INC-7" not in lines(seen(BOB))


def test_everything_there_is_can_be_acted_on() -> None:
    offered = {"incident declare", "incident show INC-7", "rollout show checkout", "rollout thaw FRZ-1"}
    assert offered <= lines(seen(DANA))
    assert f"{URL}C0INC8" in str(seen(DANA))


@given(ANY)
def test_whatever_people_write_it_is_a_view_that_slack_takes(words: str) -> None:
    many = tuple(incident(n, title=words, service=words, channel_name=words) for n in range(1, 40))
    tasks = tuple(replace(TASK, id=f"INC-7/task/{n}", text=words) for n in range(20))
    freezes = tuple(replace(FREEZE, id=f"FRZ-{n}", scope=words, reason=words, by=words) for n in range(20))
    rollouts = tuple(
        replace(UNDER_WAY, id=f"s{n}/production", service=words, revision_version=words, stable_version=words)
        for n in range(20)
    )
    held = {one.id: (holds(DANA, of=one.id),) for one in many[:20]}
    facts = Facts(incidents=many, held=held, tasks=tasks, rollouts=rollouts, freezes=freezes, oncall={words: (words,)})
    check_home(dated(home_view(DANA, facts, where), NOON))


def test_the_time_alone_is_nothing_new() -> None:
    assert fingerprint(seen(DANA)) == fingerprint(seen(DANA))
    assert fingerprint(seen(DANA)) != fingerprint(seen(BOB))
    assert dated(seen(DANA), NOON) != dated(seen(DANA), NOON + minutes(1))


# ---------------------------------------------------------------- when

LOOKING = Home(id=DANA, opened_at=NOON, shown_at=NOON, shown="x", version=2)


def keep_up(*nouns: Incident | Task, homes: tuple[Home, ...] = (LOOKING,), after: float = 60) -> Decision:
    changed = Decision(save=nouns, do=(PostCard("INC-7"),))
    return home.keeping_up(changed, lambda since: homes, NOON + timedelta(seconds=after))


def test_opening_it_publishes_it_whatever_it_showed() -> None:
    decision = home.opened(DANA, LOOKING, NOON + minutes(9))
    assert decision.save == (replace(LOOKING, opened_at=NOON + minutes(9), shown=""),)
    assert decision.do == (ShowHome(DANA),)


def test_whoever_looked_of_late_sees_what_changes() -> None:
    assert keep_up(MINE).do == (PostCard("INC-7"), ShowHome(DANA))


def test_changes_in_a_row_are_shown_together() -> None:
    """A pending twin takes the newest due time: it is the same for all of them."""
    due = NOON + home.APART
    assert {keep_up(MINE, after=second).do[-1] for second in (1, 2, 9)} == {ShowHome(DANA, due=due)}


def test_what_a_home_does_not_show_wakes_none() -> None:
    never = home.keeping_up(Decision(save=(alert(),)), lambda since: pytest.fail("nobody had to ask"), NOON)
    assert never.do == ()


def test_it_asks_for_those_who_have_looked_lately() -> None:
    asked = []
    home.keeping_up(Decision(save=(MINE,)), lambda since: asked.append(since) or (), NOON)
    assert asked == [NOON - home.KEPT_UP]
