"""Which way an alert goes, and that the words told of it are the way that it went."""

from __future__ import annotations

import pytest

from bot import roles
from bot.alerts import triage
from bot.matching import check, fits, why_not
from bot.model import BOT, Alert, Incident, Role, Severity
from bot.policy import Policy, Route, Service, Then
from bot.routes import explain, take
from tests.bot.test_alerts import NOTHING, alerts, incidents, seen, texts
from tests.values import NOON, alert, incident, minutes

SHOP = {"team": "shop", "region": "eu", "app": "cart"}


def routed(route: Route, *more: Route) -> Policy:
    return Policy(routes=(route, *more))


def opened(policy: Policy, known: Alert | None = None, **other: object) -> list[Incident]:
    one = alert(labels=SHOP, **other)
    return incidents(triage([one], seen(known) if known else NOTHING, policy, NOON))


# ---------------------------------------------------------------- what fits


@pytest.mark.parametrize(
    ("match", "fitting"),
    [
        ({}, True),
        ({"team": ("shop",)}, True),
        ({"team": ("payments",)}, False),
        ({"team": ("payments", "shop")}, True),
        ({"team": ("~sh.*",)}, True),
        ({"team": ("~h",)}, False),  # the whole value has to fit
        ({"team": ("shop",), "region": ("us",)}, False),
        ({"nothing": ("",)}, True),
        ({"team": ("",)}, False),
        ({"severity": ("critical",), "source": ("alertmanager",)}, True),
        ({"title": ("~High.*",)}, True),
    ],
)
def test_every_key_has_to_fit_and_the_words_agree(match: dict[str, tuple[str, ...]], fitting: bool) -> None:
    one = alert(labels=SHOP)
    assert fits(match, one) is fitting
    assert (why_not(match, one) == "") is fitting


def test_what_does_not_fit_is_said() -> None:
    assert why_not({"team": ("a", "~b.*")}, alert(labels=SHOP)) == "team is shop, not a or ~b.*"
    assert why_not({"team": ("a",)}, alert()) == "team is not there, not a"


def test_a_regular_expression_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        check("~(")


def test_a_regular_expression_that_would_never_end_ends_at_once() -> None:
    """What goes back over its own steps takes longer than the universe is old."""
    assert not fits({"title": ("~(a+)+b",)}, alert(title="a" * 300))


@pytest.mark.parametrize("pattern", ["a" * 300, "((a{99}){99}){99}", "(?=a)a"], ids=["long", "large", "looks ahead"])
def test_a_regular_expression_that_costs_too_much_is_none(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        check(f"~{pattern}")


# ---------------------------------------------------------------- what it sets


def test_a_route_says_service_environment_severity_and_who_is_called() -> None:
    policy = Policy(
        routes=(
            Route(
                match={"team": ("shop",)},
                service="{app}",
                environment="staging",
                severity=Severity.SEV1,
                roles={Role.COMMANDER: "payments"},
            ),
        ),
        services={"cart": Service(name="cart", oncall="storefront", roles={Role.OPS: "storefront"})},
    )
    [made] = opened(policy, severity="info")
    assert (made.service, made.environment, made.severity) == ("cart", "staging", Severity.SEV1)
    assert made.group == "cart/staging"
    assert roles.wanted(made, policy) == {Role.COMMANDER: "payments", Role.OPS: "storefront"}


def test_no_label_leads_to_the_stage_of_a_drill() -> None:
    for route in (Route(group="{service}/{env}"), Route(environment="{env}")):
        assert "drill:" not in take(alert(labels={"service": "checkout", "env": "drill:INC-7"}), routed(route)).group


def test_the_first_that_fits_counts() -> None:
    policy = routed(Route(match={"team": ("x",)}, service="x"), Route(service="first"), Route(service="second"))
    assert [i.service for i in opened(policy)] == ["first"]


def test_a_label_that_is_not_there_sets_nothing() -> None:
    assert take(alert(labels=SHOP), routed(Route(service="{nope}-x"))).alert.service == "checkout"


def test_alerts_of_one_group_are_one_incident_whatever_their_service() -> None:
    policy = routed(Route(match={"region": ("eu",)}, group="down in {region}"))
    both = [alert("a", labels=SHOP), alert("b", service="search", labels=SHOP)]
    assert [i.group for i in incidents(triage(both, NOTHING, policy, NOON))] == ["down in eu"]


def test_only_noting_opens_nothing_and_joins_what_is_open() -> None:
    policy = routed(Route(then=Then.NOTE))
    assert not opened(policy)
    decision = triage([alert(labels=SHOP)], seen(open=incident(onset_at=NOON)), policy, NOON)
    assert texts(decision) == ["HighErrorRate fired"]


def test_opening_whatever_the_severity() -> None:
    assert [i.severity for i in opened(routed(Route(then=Then.OPEN)), severity="info")] == [Severity.SEV5]


def test_what_is_stored_is_what_the_sender_said() -> None:
    """So that a changed route reads what is known anew."""
    policy = routed(Route(match={"severity": ("info",)}, severity=Severity.SEV2, service="cart"))
    [kept] = alerts(triage([alert(severity="info")], NOTHING, policy, NOON))
    assert (kept.severity, kept.service, kept.incident) == ("info", "checkout", "INC-7")
    decision = triage([alert(severity="info")], seen(kept, open=incident(group="cart/production")), policy, NOON)
    assert not decision.note
    assert alerts(decision)[0].count == 2


def test_a_worse_word_is_no_escalation_where_the_route_sets_the_severity() -> None:
    policy = routed(Route(severity=Severity.SEV3))
    known = alert(severity="warning", incident="INC-7")
    decision = triage([alert()], seen(known, open=incident(severity=Severity.SEV3)), policy, NOON)
    assert not decision.note


def test_what_still_fires_long_after_is_news_in_the_group_of_its_route() -> None:
    policy = routed(Route(group="g of {team}"))
    known = alert(labels=SHOP, incident="INC-6")
    decision = triage([alert(labels=SHOP)], seen(known), policy, NOON + minutes(90))
    assert [i.group for i in incidents(decision)] == ["g of shop"]


def test_what_we_raise_ourselves_goes_without_a_route() -> None:
    assert take(alert(source=BOT), routed(Route(service="x"))).number == 0


# ---------------------------------------------------------------- in words


def test_the_way_is_told_line_by_line() -> None:
    policy = routed(Route(match={"team": ("x",)}), Route(match={"region": ("eu",)}, service="{app}", then=Then.NOTE))
    assert list(explain(alert(labels=SHOP), policy)) == [
        "HighErrorRate (firing; team=shop, region=eu, app=cart)",
        "  route 1 does not fit: team is shop, not x",
        "  route 2 fits (region=eu) and sets service: {app}; then: note",
        "  service cart, environment production, group cart/production",
        "  severity SEV2 (its word is critical)",
        "  Joins the open incident of its group, and opens none: route 2 says so.",
    ]


def test_a_template_that_sets_nothing_says_which_label_is_not_there() -> None:
    route = Route(match={}, service="{app}", environment="{zone}", group="{app} in {cell}")
    said = list(explain(alert(labels=SHOP), routed(route)))
    assert said[2:4] == [
        "  environment stays as it is: the alert has no label zone",
        "  group stays as it is: the alert has no label cell",
    ]


@pytest.mark.parametrize(
    ("one", "policy", "said"),
    [
        (alert(), Policy(), "or opens one: SEV3 or worse does."),
        (alert(severity="odd"), Policy(), "and opens none: only SEV3 or worse does."),
        (alert(firing=False), Policy(), "It has ended: it is noted where it is known, and opens nothing."),
        (alert(), routed(Route(then=Then.ASK)), "or asks people first: route 1 says so."),
        (alert(severity=""), routed(Route(then=Then.OPEN)), "or opens one: route 1 says so."),
    ],
)
def test_the_words_are_what_triage_does(one: Alert, policy: Policy, said: str) -> None:
    *_, last = explain(one, policy)
    assert last.endswith(said)
    assert bool(incidents(triage([one], NOTHING, policy, NOON))) is ("opens one" in last)


def test_an_unknown_severity_word_is_named() -> None:
    assert "  severity SEV4 (its word is odd, which is not known)" in list(explain(alert(severity="odd"), Policy()))
