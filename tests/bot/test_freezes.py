"""Freezes: asked for as people type, ended in time, and honest about what slipped through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import freezes
from bot.decision import Decision, EndFreeze, Proclaim
from bot.errors import Refused
from bot.freezes import Wanted
from bot.model import Freeze, Hold, Severity, Verb
from bot.policy import Policy, Service
from bot.preflight import Safety, Surroundings, preflight
from tests.bot.rollout_values import V41, in_flight, stable
from tests.values import NOON, change, incident, minutes

POLICY = Policy(services={"checkout": Service(name="checkout"), "lab": Service(name="lab", environment="staging")})
HOUR = timedelta(hours=1)
FREEZE = Freeze(
    id="FRZ-3", scope="checkout/production", reason="stock count", by="U0DANA", at=NOON, until=NOON + HOUR, version=1
)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("checkout --for 1h --why stock count", Wanted(scope="checkout/production", lasts=HOUR, reason="stock count")),
        ("CHECKOUT --why stock count --for 60m", Wanted(scope="checkout/production", lasts=HOUR, reason="stock count")),
        ("environment staging --for=1h --why=moving", Wanted(scope="environment:staging", lasts=HOUR, reason="moving")),
        ('all --why "stock count"', Wanted(scope="all", lasts=2 * HOUR, reason="stock count")),
        ("all —for 1d —why holidays", Wanted(scope="all", lasts=24 * HOUR, reason="holidays")),
    ],
)
def test_what_people_type(words: str, wanted: Wanted) -> None:
    """Some keyboards make one long dash of two."""
    assert freezes.parse(words, POLICY) == wanted


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "what to freeze"),
        ("checkout", "Say why"),
        ("checkout --for 1h", "Say why"),
        ("checkout --for 25h --why x", "at most 1 d"),
        ("checkout --for 0h --why x", "no duration"),
        ("checkout --for soon --why x", "no duration"),
        ("chekout --why x", "no service"),
        ("environment prod --why x", "no environment"),
        ("environment --why x", "Say which environment"),
        ("checkout 2h --why x", "stands behind `--for`"),
    ],
)
def test_what_is_refused(words: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        freezes.parse(words, POLICY)


def test_a_freeze_ends_by_itself_and_is_told_twice() -> None:
    wanted = Wanted(scope="checkout/production", lasts=HOUR, reason="stock count")
    begun = freezes.freeze(wanted, 3, "U0DANA", NOON)
    (frozen,) = (noun for noun in begun.save if isinstance(noun, Freeze))
    assert set(begun.do) == {Proclaim("FRZ-3/begun"), EndFreeze("FRZ-3", due=NOON + HOUR)}
    assert begun.note[0].text == "FRZ-3 freezes checkout until 13:00 UTC: stock count"
    assert freezes.is_standing(frozen, NOON + minutes(59))
    assert not freezes.is_standing(frozen, NOON + HOUR)
    assert freezes.expired(frozen, (), NOON + minutes(59)) == Decision()
    over = freezes.expired(frozen, (), NOON + HOUR)
    assert over.do == (Proclaim("FRZ-3/ended"),)
    assert over.note[0].text == "FRZ-3 (checkout) is over; slipped through: nothing"


def test_what_was_thawed_does_not_end_again() -> None:
    thawed = freezes.thaw(FREEZE, (), "U0BOB", NOON + minutes(5)).save
    (gone,) = (noun for noun in thawed if isinstance(noun, Freeze))
    assert (gone.thawed_at, gone.thawed_by) == (NOON + minutes(5), "U0BOB")
    assert freezes.expired(gone, (), NOON + HOUR) == Decision()


def test_what_slipped_through_is_named_once() -> None:
    """What began before, ended after, or is somebody else's did not."""
    during = change("a", at=NOON + minutes(5))
    others = (
        change("b", at=NOON - minutes(1)),
        change("c", at=NOON + HOUR + minutes(1)),
        change("d", at=NOON + minutes(5), service="payments"),
    )
    through = freezes.slipped(FREEZE, (during, *others), NOON + 2 * HOUR)
    assert through == (during,)
    thawed = freezes.thaw(FREEZE, through, "U0BOB", NOON + minutes(50))
    assert "1 change slipped through:\n• deploy of checkout v42 by ci at 12:05 UTC" in str(thawed.say)
    assert [entry.text for entry in thawed.note] == [
        "FRZ-3 (checkout) is thawed; slipped through: deploy of checkout v42 by ci"
    ]
    early = replace(FREEZE, thawed_at=NOON + minutes(2))
    assert freezes.slipped(early, (during,), NOON + HOUR) == ()


def test_an_environment_is_frozen_whole_and_alone() -> None:
    staging = replace(FREEZE, scope="environment:staging")
    assert freezes.covers(staging, "lab", "staging")
    assert not freezes.covers(staging, "lab", "production")
    assert freezes.covers(replace(FREEZE, scope="all"), "anything", "anywhere")


def test_a_freeze_is_found_by_number_or_scope() -> None:
    other = replace(FREEZE, id="FRZ-4", scope="all")
    for word, found in (("frz-3", (FREEZE,)), ("checkout", (FREEZE,)), ("all", (other,)), ("FRZ4", (other,))):
        assert freezes.find(word, (FREEZE, other), POLICY) == found
    with pytest.raises(Refused, match="No freeze"):
        freezes.find("FRZ-9", (FREEZE,), POLICY)


def test_what_was_frozen_and_has_left_the_configuration_is_found_by_its_name() -> None:
    gone = replace(FREEZE, scope="checkout/staging")
    assert freezes.find("checkout staging", (gone,), Policy()) == (gone,)


def test_what_names_no_freeze_is_not_answered_with_how_to_freeze() -> None:
    """A service may have left the configuration since it was frozen."""
    assert freezes.find("gone", (replace(FREEZE, scope="gone"),), POLICY)
    for word in ("", "chekout", "environment mars"):
        with pytest.raises(Refused) as caught:
            freezes.find(word, (FREEZE,), POLICY)
        assert caught.value.instead == "/rollout freezes"


def test_only_the_commander_of_a_severe_incident_speaks_for_everything() -> None:
    severe, mild = incident(1), incident(2, severity=Severity.SEV3)
    assert freezes.commanders((severe, mild), POLICY) == ("INC-1",)
    with pytest.raises(Refused, match="commander"):
        freezes.must_be_allowed("U0EVE", {"U0DANA"}, "all")
    freezes.must_be_allowed("U0DANA", {"U0DANA"}, "all")


def test_no_reason_can_ping() -> None:
    sly = replace(FREEZE, reason="<!channel> *x*")
    assert "<!channel>" not in freezes.reason(sly)


# ---------------------------------------------------------------- before an action


@pytest.mark.parametrize(
    "around",
    [
        {"freezes": (FREEZE,)},
        {
            "holds": (
                Hold(id="h", service="checkout", environment="production", holder="verify", why="7 of 8", at=NOON),
            )
        },
    ],
    ids=["frozen", "held"],
)
def test_forward_is_blocked_and_back_never_is(around: Any) -> None:
    waiting = in_flight(waiting="CanaryPauseStep")
    for verb, blocked in ((Verb.RESUME, True), (Verb.PROMOTE, True), (Verb.PAUSE, False), (Verb.ROLLBACK, False)):
        found = preflight(verb, waiting, (stable(V41),), Surroundings(**around))
        assert (found.verdict is Safety.BLOCKED) is blocked, verb
        assert found.overridable
