"""What somebody is told who comes later, or takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import roles, timeline
from bot.case import Case
from bot.catchup import is_wanted
from bot.model import Assignment, Entry, EntryKind, Link, Phase, RequestState, Role, Severity, Update, Verdict
from bot.policy import Policy
from tests.bot.rollout_values import request
from tests.values import NOON, change, incident, minutes

OPEN = incident(title="Checkout <fails>", impact="One payment in eight", next_update_at=NOON + minutes(30))
NOTE = Entry(incident="INC-7", at=NOON + minutes(8), kind=EntryKind.NOTE, by="U1", text="@here restarted the cache")
HELD = Assignment(incident="INC-7", role=Role.COMMANDER, user="U1", by="U1", at=NOON)
SUSPECT = Link(incident="INC-7", change="c", verdict=Verdict.SUSPECT, reasons=("2 min before",), by="x", at=NOON)
UPDATE = Update(
    incident="INC-7", number=1, phase=Phase.IDENTIFIED, severity=Severity.SEV2, text="We go back.", by="U1", at=NOON
)


def case(**other: Any) -> Case:
    known: dict[str, Any] = {
        "incident": OPEN,
        "lines": timeline.timeline(OPEN, [NOTE], (), [HELD], {}),
        "assignments": [HELD],
        "linked": [(SUSPECT, change()), (replace(SUSPECT, verdict=Verdict.DISMISSED), change("other", version="v7"))],
        "updates": [UPDATE],
        "requests": [request(state=RequestState.DONE), request(id="x", state=RequestState.CANCELLED)],
        "names": {},
        "now": NOON,
    }
    return Case(**known | other)


def test_a_hand_off_is_drafted_from_what_was_found_tried_and_noted() -> None:
    assert roles.handoff_draft(case()).splitlines() == [
        "- SEV2, investigating. One payment in eight",
        "- checkout v42 is suspected",
        "- rollback checkout: done",
        "- rollback checkout: cancelled",
        "- 12:08 @here restarted the cache",
        "- next update due 12:30 UTC",
    ]


def test_what_is_handed_over_is_posted_and_noted() -> None:
    known = {Role.COMMANDER: HELD}
    words = "commander <@U2>"
    decision = roles.assign(OPEN, words, known, "U1", Policy(), NOON, handing_off=True, summary="Going *back*\nto v41")
    _, post = decision.save
    assert getattr(post, "text", "") == (
        "<@U2> is now *Commander* of INC-7, after <@U1> (<@U1> said so).\nGoing ∗back∗\nto v41"
    )
    assert [entry.text for entry in decision.note] == ["takes over as commander", "hand-off: Going *back* to v41"]
    without = roles.assign(OPEN, words, known, "U1", Policy(), NOON, handing_off=True)
    assert [entry.text for entry in without.note] == ["takes over as commander"]


@pytest.mark.parametrize(
    ("after", "phase", "wanted"),
    [(4.9, Phase.MONITORING, False), (5, Phase.MONITORING, True), (60, Phase.RESOLVED, False)],
)
def test_at_the_beginning_and_after_the_end_the_card_says_it_all(after: float, phase: Phase, wanted: bool) -> None:
    assert is_wanted(replace(OPEN, phase=phase), NOON + minutes(after)) == wanted
