"""The status page: made of what was published, and honest about what nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.model import ComponentState, Phase
from bot.status import DAYS, Page, Row, page, public_id
from tests.bot.status_values import BEGAN, SHOP_PAGE, ago, eventful, maintenance, told, update
from tests.values import NOON

MAJOR, PARTIAL, DEGRADED, MAINTENANCE, OPERATIONAL = (
    ComponentState.MAJOR,
    ComponentState.PARTIAL,
    ComponentState.DEGRADED,
    ComponentState.MAINTENANCE,
    ComponentState.OPERATIONAL,
)


def row(page: Page, name: str = "checkout") -> Row:
    return next(row for _, rows in page.groups for row in rows if row.component.name == name)


def test_nothing_published_is_all_well() -> None:
    calm = told()
    assert (calm.state, calm.headline) == (OPERATIONAL, "All systems operational")
    assert [title for title, _ in calm.groups] == ["Shop", "For partners"]
    assert calm.incidents == ()


def test_the_page_says_the_worst_of_what_is_going_on() -> None:
    now = eventful()
    assert (now.state, now.headline) == (PARTIAL, "Partial outage")
    assert [one.title for one in now.open] == ["Some payments fail"]
    assert [said.phase for said in now.open[0].said] == ["Identified", "Investigating"], "the latest first"
    assert [one.title for one in now.lately] == ["Search is slow"]
    assert [one.title for one in now.earlier] == ["The shop is down"]
    assert row(now).state is PARTIAL
    assert row(now, "search").state is OPERATIONAL, "the maintenance has not begun"


def test_an_incident_that_touches_no_component_is_not_called_operational() -> None:
    assert told(update(components={})).headline == "An incident is being worked on"


def test_what_is_resolved_is_well_again_and_what_got_well_before_is_still_named() -> None:
    both = {"checkout": "major", "api": "degraded"}
    half = told(update(components=both), update(2, at=ago(minutes=5), components=both | {"api": "operational"}))
    assert (row(half).state, row(half, "api").state) == (MAJOR, OPERATIONAL)
    assert half.open[0].touched == ("Checkout", "Partner API")
    assert dict(half.open[0].components) == {"checkout": MAJOR}
    over = told(update(components=both), update(2, at=ago(minutes=5), phase=Phase.RESOLVED, components={}))
    assert over.state is OPERATIONAL
    assert over.past[0].lasted == timedelta(minutes=25)


def test_a_day_tells_its_worst_and_how_long_and_what_overlaps_counts_once() -> None:
    page = told(
        update(at=ago(days=3, hours=1), components={"checkout": "degraded"}),
        update(2, at=ago(days=3), components={"checkout": "major"}),
        update(3, at=ago(days=2, hours=23), phase=Phase.RESOLVED, components={}),
        update(1, "INC-8", at=ago(days=3, minutes=30), components={"checkout": "partial"}),
        update(2, "INC-8", at=ago(days=2, hours=22), phase=Phase.RESOLVED, components={}),
    )
    (day,) = row(page).troubled
    assert (day.state, day.bad) == (MAJOR, timedelta(hours=3))
    assert day.words == "2 March: major outage, 3 h"
    assert row(page).summary == "Trouble on 1 of 41 days"


def test_an_outage_over_midnight_is_on_both_days() -> None:
    over = update(2, at=ago(days=1, hours=10), phase=Phase.RESOLVED, components={})
    page = told(update(at=ago(days=1, hours=14)), over)
    assert [day.bad for day in row(page).troubled] == [timedelta(hours=2), timedelta(hours=2)]


def test_nobody_knows_how_it_was_before_the_page_began() -> None:
    days = row(told()).days
    assert len(days) == DAYS
    assert [day.state for day in days].index(OPERATIONAL) == DAYS - 41
    assert days[0].state is None
    assert days[0].words == "6 December: not recorded"
    young = page(SHOP_PAGE, (), (), NOON, NOON)
    assert row(young).summary == "Nothing reported today"


def test_maintenance_is_announced_and_then_it_is_the_state_and_then_it_is_over() -> None:
    planned = maintenance()
    before = told(planned=(planned,))
    assert [(window.components, window.under_way) for window in before.maintenance] == [(("Search",), False)]
    during = told(planned=(planned,), now=NOON + timedelta(hours=11))
    assert (during.headline, row(during, "search").state) == ("Maintenance under way", MAINTENANCE)
    assert row(during, "search").troubled == (), "what was announced is no trouble"
    after = told(planned=(planned,), now=NOON + timedelta(hours=13))
    assert (after.state, after.maintenance) == (OPERATIONAL, ())
    assert row(after, "search").days[-2].state is MAINTENANCE
    called_off = told(planned=(replace(planned, ended_at=NOON),), now=NOON + timedelta(hours=11))
    assert (called_off.state, called_off.maintenance) == (OPERATIONAL, ())
    assert row(called_off, "search").days[-1].state is OPERATIONAL


def test_an_outage_during_maintenance_is_an_outage() -> None:
    planned = maintenance(starts_at=ago(hours=1), until=NOON + timedelta(hours=1))
    assert row(told(update(components={"search": "degraded"}), planned=(planned,)), "search").state is DEGRADED


def test_a_component_that_is_no_longer_configured_is_gone_and_breaks_nothing() -> None:
    page = told(
        update(components={"checkout": "partial", "gone": "major"}), planned=(maintenance(components=("gone",)),)
    )
    assert page.state is PARTIAL
    assert page.open[0].touched == ("Checkout",)


def test_the_address_of_an_incident_stays_the_same_and_is_not_its_number() -> None:
    first = update()
    assert public_id(first, "salt").startswith("2026-03-05-")
    assert told(first).open[0].id == told(first, update(2, title="Now known")).open[0].id == public_id(first, "")
    assert public_id(update(1, "INC-8"), "salt") != public_id(first, "salt") != public_id(first, "another")


@pytest.mark.parametrize("odd", ["\u202eevil", "a\x00b\x1b"])
def test_what_no_reader_can_see_is_not_there(odd: str) -> None:
    page = told(update(title=odd, text=odd))
    assert page.open[0].title.isprintable()
    assert page.open[0].said[0].text.isprintable()


def test_since_is_when_the_page_began() -> None:
    assert (NOON - BEGAN).days == 40
