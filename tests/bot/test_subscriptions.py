"""Who wants to hear of what: asked for, asked for twice, ended, and what cannot be had."""

from dataclasses import replace

import pytest

from bot import subscriptions
from bot.errors import Refused
from bot.model import Phase, Subscription
from bot.policy import Policy, Service
from tests.values import NOON, incident

POLICY = Policy(services={"checkout": Service(name="checkout"), "search": Service(name="search")})
MINE = Subscription(user="U0EVE", topic="checkout", at=NOON)


@pytest.mark.parametrize(
    ("words", "here", "meant"),
    [
        ("", incident(), "INC-7"),
        ("checkout", incident(), "checkout"),
        ("inc-9", None, "INC-9"),
    ],
)
def test_what_is_meant(words, here, meant):
    assert subscriptions.topic(words, here, POLICY) == meant


def test_an_unknown_service_is_refused_with_the_nearest():
    with pytest.raises(Refused) as refused:
        subscriptions.topic("serch", None, POLICY)
    assert refused.value.instead == "/incident subscribe search"
    with pytest.raises(Refused, match="what you want to hear of"):
        subscriptions.topic("", None, POLICY)
    assert subscriptions.topic("anything", None, Policy()) == "anything"


def test_it_is_kept_once_and_begun_anew_after_its_end():
    assert subscriptions.subscribe("checkout", None, None, "U0EVE", NOON).save == (MINE,)
    assert subscriptions.subscribe("checkout", None, MINE, "U0EVE", NOON).save == ()
    ended = replace(MINE, ended=True)
    assert subscriptions.subscribe("checkout", None, ended, "U0EVE", NOON).save == (MINE,)
    assert subscriptions.unsubscribe("checkout", MINE).save == (ended,)


@pytest.mark.parametrize("found", [None, replace(MINE, ended=True)])
def test_what_nobody_hears_of_cannot_be_ended(found):
    with pytest.raises(Refused, match="nothing was changed"):
        subscriptions.unsubscribe("checkout", found)


@pytest.mark.parametrize("of", [incident(phase=Phase.RESOLVED, resolved_at=NOON), incident(private=True)])
def test_of_what_is_over_or_private_nothing_is_promised(of):
    with pytest.raises(Refused):
        subscriptions.subscribe("INC-7", of, None, "U0EVE", NOON)
