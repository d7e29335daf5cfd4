"""A corpus of good and bad updates: what is objected to for whom, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.linting import Advice, Words, lint
from bot.model import Audience, Phase, Severity, Update
from tests.values import NOON, minutes

PUBLIC, SUPPORT = frozenset({Audience.PUBLIC}), frozenset({Audience.SUPPORT})
EXECUTIVES, RESPONDERS = frozenset({Audience.EXECUTIVES}), frozenset({Audience.RESPONDERS})
SCOPED = "Customers in Europe"


def objections(text: str, audiences=PUBLIC, **other) -> list[str]:
    return [advice.words for advice in lint(Words(text=text, scope=SCOPED, **other), audiences)]


GOOD = [
    "One payment in four fails with “try again later”. PayPal works.",
    "Some customers in Europe cannot sign in. Those who are signed in are not affected.",
    "Payments work again for everybody. No order was lost. We are still watching.",
    "Since 12:03 UTC about 8 % of searches come back empty.",
    "The problem was fixed within 10 minutes, and all orders since then went through.",
    "Prices are wrong for some shoppers in Spain; nobody is charged more than they were shown.",
    "We found what is behind it and are undoing it.",
    "You may have to sign in twice on 3 March 2026.",
    "We deeply regret this. Deliveries are in transit as usual.",
    "Order 10.20 and version 3.1 of the app are not affected.",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_update_is_left_alone(text):
    assert lint(Words(text=text, scope=SCOPED), frozenset(Audience)) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Payments will be back in 20 minutes.", "back in 20"),
        ("This should be fixed by 15:00.", "fixed by 15"),
        ("Within an hour all will be working", "Within an hour"),
        ("In about 10 minutes it should be resolved", "In about 10 minutes"),
        ("It will be fixed soon.", "soon"),
        ("ETA: half an hour", "ETA"),
        ("We expect it to be restored by tomorrow morning", "restored by tomorrow"),
    ],
)
def test_a_promised_end_is_for_colleagues_who_decide_and_not_for_customers(text, found):
    assert any(f"“{found}" in said and "promises an end" in said for said in objections(text))
    assert any("promises an end" in said for said in objections(text, SUPPORT))
    assert not any("promises an end" in said for said in objections(text, EXECUTIVES))


@pytest.mark.parametrize(
    "name",
    [
        "10.2.3.4",
        "fe80:0:0:1::2",
        "payments-db.prod.svc.cluster.local",
        "checkout.internal",
        "checkout-7d9f8b6c54-x2x4z",
        "db-prod-03",
        "host12",
        "web-eu-west-2",
    ],
)
def test_hosts_and_addresses_stay_inside(name):
    said = objections(f"Orders fail because {name} does not answer", EXECUTIVES)
    assert [words for words in said if "host" in words]
    assert not objections(f"Orders fail because {name} does not answer", RESPONDERS)


@pytest.mark.parametrize(
    "word",
    ["5xx", "latency", "the canary", "a rollback", "rolled back", "pods", "Redis", "p99", "SEV2", "feature flag"],
)
def test_our_words_are_not_theirs(word):
    assert any("our word" in said for said in objections(f"There is trouble with {word} just now"))
    assert not objections(f"There is trouble with {word} just now", EXECUTIVES)


@pytest.mark.parametrize(
    "text",
    ["<@U0BOB> shipped it", "It was human error", "An engineer forgot to renew it", "The payments team broke it"],
)
def test_blame_is_advised_against_even_among_responders(text):
    assert any("points at people" in said for said in objections(text, RESPONDERS))


def test_a_guess_is_not_for_the_public():
    assert any("guess" in said for said in objections("It is probably a fault of ours"))
    assert not objections("It is probably a fault of ours", SUPPORT)


def test_who_is_affected_is_asked_for_where_nothing_says_it():
    assert [one.field for one in lint(Words(text="Payments fail."), PUBLIC)] == ["scope"]
    assert lint(Words(text="Payments fail for one user in four."), PUBLIC) == ()
    assert lint(Words(text="Payments fail.", scope="All"), PUBLIC) == ()
    assert lint(Words(text="Payments fail."), RESPONDERS) == ()


def test_a_vendor_is_not_blamed_first():
    first = lint(Words(text="Paybridge is down. Payments fail.", scope="All"), PUBLIC, vendors=("Paybridge",))
    assert first == (
        Advice(
            "text", "Paybridge comes first. Begin with what users see; it is ours to solve, whoever has the trouble."
        ),
    )
    last = Words(text="Payments fail. Paybridge, which they need, has an outage.", scope="All")
    assert lint(last, PUBLIC, vendors=("Paybridge",)) == ()
    assert lint(Words(text="Cloudflare fails", scope="All"), SUPPORT)


def test_what_customers_never_read_is_not_measured_by_them():
    words = Words(text="Payments fail.", scope="All", changed="Rolled back to v41 on db-prod-03")
    assert lint(words, PUBLIC | SUPPORT) == ()
    assert [one.field for one in lint(words, EXECUTIVES)] == ["changed"]


def test_the_third_update_that_says_the_same_says_nothing():
    same = [
        Update(
            incident="INC-7",
            number=n,
            phase=Phase.INVESTIGATING,
            severity=Severity.SEV2,
            text="No  change",
            by="U1",
            at=NOON + minutes(n),
        )
        for n in (1, 2)
    ]
    assert lint(Words(text="no change"), RESPONDERS, same[:1]) == ()
    (advice,) = lint(Words(text="no change"), RESPONDERS, same)
    assert "said the same" in advice.words
    assert lint(Words(text="no change", changed="Tried a restart"), RESPONDERS, same) == ()


@given(st.text(max_size=300), st.text(max_size=100))
def test_whatever_is_written_advice_is_short_and_about_a_field(text, scope):
    for advice in lint(Words(text=text, scope=scope), frozenset(Audience), vendors=("A+(",)):
        assert advice.field in {"text", "scope", "workaround", "changed", "ahead"}
        assert len(advice.words) < 250
