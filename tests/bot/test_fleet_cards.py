"""The card of a service's servers, within Slack's limits whatever the cluster says."""

from __future__ import annotations

from bot.cards.fleet import fleet_card
from bot.fleet import compare
from tests.blockkit import check
from tests.bot.fleet_values import APPROVED, EIGHT, OLD, OTHER, RELEASE, UNAPPROVED, pod, pods, seven_of_eight

UGLY = "<!channel> & *_~`" * 40


def test_the_card_names_the_server_and_both_counts() -> None:
    card = fleet_card("checkout", seven_of_eight())
    check(card)
    assert "7 of 8: checkout-8 runs v41" in card.text
    assert "Verdict *bad*" in str(card.blocks)
    assert "expected: 8, by the replicas that are asked for" in str(card.blocks)


def test_while_a_rollout_is_under_way_nothing_is_good() -> None:
    card = fleet_card("checkout", compare(RELEASE, EIGHT, pods()), "v42 → v43 is under way")
    assert "Verdict *inconclusive*: v42 → v43 is under way" in str(card.blocks)
    assert "*good*" not in str(card.blocks)


def test_what_a_release_has_still_to_replace_is_not_red() -> None:
    fleet = compare(RELEASE, EIGHT, [*pods(3), *(pod(n, OLD, older="v41") for n in range(4, 10))])
    card = fleet_card("checkout", fleet, "v41 → v42 is under way")
    check(card)
    assert card.text == ":hourglass_flowing_sand: `checkout`: under way: 3 of 8 on v42"
    assert ":no_entry:" not in str(card.blocks)
    assert "More than should be there" not in str(card.blocks)


def test_what_is_of_neither_version_is_red_during_a_release_too() -> None:
    fleet = compare(RELEASE, EIGHT, [*pods(7), pod(8, OTHER)])
    assert fleet_card("checkout", fleet, "v41 → v42 is under way").text.startswith(
        ":no_entry: `checkout`: under way: 7"
    )


def test_a_fleet_of_nothing_but_trouble_fits_into_a_message() -> None:
    servers = [pod(n, OLD, name=f"{n}{UGLY}", older=UGLY, stray=n > 50, address="") for n in range(100)]
    card = fleet_card("checkout", compare(APPROVED, EIGHT, servers, [UGLY] * 9))
    check(card)
    assert "and 88 more servers" in str(card.blocks)
    assert "<!channel>" not in str(card.blocks)


def test_servers_that_differ_in_nothing_are_one_line() -> None:
    card = fleet_card("checkout", compare(UNAPPROVED, EIGHT, pods()))
    check(card)
    assert "8 of 8 are of one build, tagged v42; no digest is approved to compare it with" in card.text
    assert "checkout-1" not in str(card.blocks)
    assert "Verdict *inconclusive*" in str(card.blocks)
