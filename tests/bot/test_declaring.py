"""A declaration is read from its words, and is asked about where it is open already."""

import pytest

from bot import declaring
from bot.commands import Invalid
from bot.decision import CallResponders
from bot.errors import Refused
from bot.incidents import UNNAMED, channel_name, impact
from bot.model import Assignment, Incident, Severity
from bot.policy import Policy, Service
from tests.values import NOON, incident

POLICY = Policy(services={"checkout": Service(name="checkout", oncall="shop")})


@pytest.mark.parametrize(
    ("text", "title", "new", "private"),
    [
        ("--new checkout down", "checkout down", True, False),
        ("checkout down —private sev1 --new", "checkout down", True, True),
        ("a--new thing", "a--new thing", False, False),
    ],
)
def test_flags_may_stand_anywhere(text, title, new, private):
    what = declaring.parse(text, POLICY)
    assert (what.title, what.new, what.private) == (title, new, private)


@pytest.mark.parametrize(
    ("text", "title", "severity"),
    [
        *(
            (f"{word} pages are white", "pages are white", 2)
            for word in ("sev2", "SEV-2", "sev 2", "P2", "severity: 2")
        ),
        ("pages are white (sev2)", "pages are white", 2),
        ("pages are white, --sev=2", "pages are white", 2),
        ("sev2: pages are white", "pages are white", 2),
        ("sev3 or p1?", "or ?", 1),  # when in doubt, the worse one
        ("p99 is 3 s, and P 1 is no word", "p99 is 3 s, and P 1 is no word", 3),
        ("what is severe (in Europe)?", "what is severe (in Europe)?", 3),
        ("slow for <@U0BOB|bob>", "slow for @bob", 3),
        ("sev" + "9" * 5000, "sev" + "9" * 5000, 3),
        ("p1", UNNAMED, 1),
        ("P0", UNNAMED, 1),
        ("SEV0 checkout is down", "checkout is down", 1),
        ("checkout is down, sev-0", "checkout is down", 1),
        ("severity 500", "severity 500", 3),
        ("sev 404 p2", "sev 404", 2),
        ("alerts of severity 7 do not fire", "alerts of severity 7 do not fire", 3),
        ("--new", UNNAMED, 3),
        ("---", UNNAMED, 3),
    ],
)
def test_a_severity_is_read_as_people_write_it(text, title, severity):
    what = declaring.parse(text, POLICY)
    assert (what.title, what.severity) == (title, severity)


@pytest.mark.parametrize(
    ("text", "said"),
    [("HTTP 500 P0", "INC-3 (SEV1; `P0` is read as the worst) is declared"), ("p1", "INC-3 (SEV1) is declared")],
)
def test_who_says_zero_hears_how_it_is_read(text, said):
    decision = declaring.declare(declaring.parse(text, POLICY), (), 3, "U0DANA", POLICY, NOON)
    assert str(decision.say).startswith(said)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("sev9 thing", "/incident declare thing sev5"),
        ("--new SEV-6: thing", "/incident declare --new thing sev5"),
        ("sev-7 <!channel>", "/incident declare &lt;!channel&gt; sev5"),
        ("--sev=8", "/incident declare sev5"),
    ],
)
def test_a_severity_that_there_is_not_is_not_guessed(text, instead):
    with pytest.raises(Refused, match="is not a severity: 1 is the worst, 5 the mildest") as refused:
        declaring.parse(text, POLICY)
    assert refused.value.instead == instead


@pytest.mark.parametrize(
    ("title", "service", "severity", "read"),
    [
        ("P1 checkout is down", "", 3, ("checkout is down", "checkout", 1)),
        ("checkout is down", "other", 3, ("checkout is down", "", 3)),
        ("checkout is down sev1", "search", 4, ("checkout is down", "search", 4)),  # what was chosen counts
    ],
)
def test_a_form_is_read_as_a_line_is(title, service, severity, read):
    what = declaring.entered(title, service, Severity(severity), POLICY)
    assert (what.title, what.service, what.severity) == read
    with pytest.raises(Invalid) as refused:
        declaring.entered("sev9 thing", "", Severity.SEV3, POLICY)
    assert set(refused.value.errors) == {"title"}


def test_what_has_no_name_yet_gets_it_from_the_impact():
    unnamed = incident(title=UNNAMED, service="")
    assert channel_name(unnamed) == "inc-7"
    [named] = impact(unnamed, "Nobody can\npay", "U0DANA", NOON).save
    assert (named.title, named.impact) == ("Nobody can pay", "Nobody can\npay")
    assert impact(incident(title="down"), "Nobody can pay", "U0DANA", NOON).save[0].title == "down"
    with pytest.raises(Refused) as refused:
        declaring.must_be_news(declaring.parse("sev2", POLICY), unnamed)
    assert refused.value.instead == "/incident declare --new sev2"


def test_who_is_nobody_in_slack_may_declare_and_leads_nothing():
    decision = declaring.declare(declaring.parse("it is down", POLICY), (), 3, "cli", POLICY, NOON)
    assert [noun for noun in decision.save if isinstance(noun, Assignment)] == []
    assert str(decision.say).startswith("INC-3 (SEV3) is declared by cli. ")
    assert "nobody leads it yet" in str(decision.say)
    with pytest.raises(Refused, match="`cli` is nobody in Slack"):
        declaring.declare(declaring.parse("it leaks --private", POLICY), (), 3, "cli", POLICY, NOON)


@pytest.mark.parametrize("text", ["--privat x y", "-private x", "it leaks —privte", "--private=yes it leaks"])
def test_what_may_have_meant_private_is_never_opened_for_all(text):
    with pytest.raises(Refused, match="no option that I know"):
        declaring.parse(text, POLICY)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("checkout is slow", "production"),
        ("Checkout Staging is slow", "staging"),
        ("checkout is slow since it went to staging", "production"),  # only right behind its name is it part of that
        ("all of staging is down, checkout first", "production"),
    ],
)
def test_a_service_may_be_called_as_its_rollout_is(text, place):
    there = {"staging": Service(name="checkout", environment="staging")}
    policy = Policy(services={"checkout": Service(name="checkout", elsewhere=there)})
    assert declaring.about(declaring.parse(text, policy), policy).environment == place
    opened = declaring.declare(declaring.parse(text, policy), (), 7, "U0DANA", policy, NOON).save
    assert next(noun.environment for noun in opened if isinstance(noun, Incident)) == place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Customers cannot pay", "customers cannot pay!", True),
        ("payments fail in Europe", "in Europe payments fail", True),
        ("Search is slow", "Payments fail", False),
        ("", "", False),
        ("a b", "a b", False),  # words that say nothing
        ("disk full on db-1", "cannot log in", False),
    ],
)
def test_titles_that_say_the_same_are_alike(one, other, same):
    assert declaring.alike(one, other) is same


def test_who_says_that_it_is_another_one_or_private_is_not_asked():
    here = (incident(title="checkout down"),)
    for text in ("checkout down", "checkout odd"):
        assert declaring.twin(declaring.parse(text, POLICY), here, ()) == here[0]
    for text in ("checkout down --new", "checkout down --private"):
        assert declaring.twin(declaring.parse(text, POLICY), here, here) is None


def test_nobody_is_asked_about_what_is_private_or_a_drill():
    what = declaring.parse("customers cannot pay", POLICY)
    for hidden in ({"private": True}, {"drill": "amazon-checkout"}):
        assert declaring.twin(what, (), (incident(title="Customers cannot pay", **hidden),)) is None
    alike = incident(title="Customers cannot pay", channel="C1")
    with pytest.raises(Refused, match=r"INC-7 is open on `checkout` in <#C1>.*Is it this again"):
        declaring.must_be_news(what, declaring.twin(what, (), (alike,)))


def test_a_private_one_calls_nobody_and_takes_in_no_alerts():
    what = declaring.parse("checkout leaks --private", POLICY)
    decision = declaring.declare(what, (), 3, "U0DANA", POLICY, NOON)
    [opened] = [noun for noun in decision.save if isinstance(noun, Incident)]
    assert (opened.private, opened.group) == (True, "")
    assert CallResponders("INC-3") not in decision.do
    assert "for you alone" in str(decision.say)
    public = declaring.declare(declaring.parse("checkout leaks", POLICY), (), 3, "U0DANA", POLICY, NOON)
    assert CallResponders("INC-3") in public.do
