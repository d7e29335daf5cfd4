"""Whom a name means: one person, or nobody."""

import pytest

from bot import names

KNOWN = {"U0BOB": "Bob Okafor", "U0CAROL": "Carol Diaz", "U0CAROL2": "carol jones", "U0DANA": "dana"}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("check the logs @nobody", "nobody"),
        ("@nobody", "nobody"),
        ("write to dana@shop.example", ""),
        ("mend @Transactional in checkout", ""),
        ("check the logs <@U0BOB|bob>", ""),
        ("", ""),
    ],
)
def test_a_name_that_nobody_has_is_no_word(words, name):
    assert names.unnamed(words) == name


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("look @Bob Okafor", "look <@U0BOB>"),
        ("look @bob", "look <@U0BOB>"),
        ("@bob.okafor commander", "<@U0BOB> commander"),
        ("look @carol", "look @carol"),  # two are called so
        ("look @carol diaz", "look <@U0CAROL>"),
        ("mend @Transactional in checkout", "mend @Transactional in checkout"),
        ("write to bob@shop.example", "write to bob@shop.example"),
        ("look", "look"),
    ],
)
def test_one_person_is_meant_by_a_name_that_one_person_has(words, meant):
    assert names.understood(words, KNOWN) == meant


def test_what_is_offered_can_be_typed():
    refused = names.nobody("carrol", "look <!here> @carrol", "task", {"U0CAROL": "Carol Diaz", "U0BOB": "bob"})
    assert "I know nobody called `carrol`; nothing was changed. Did you mean `@carol`?" in str(refused)
    assert refused.instead == "/incident task look &lt;!here&gt; @carol"
    for known in (KNOWN, {"U0BOB": "Bob Okafor", "U0BOB2": "bob smith"}):
        offered = names.nobody("bob.okafo", "look @bob.okafo", "task", known).instead.removeprefix("/incident task ")
        assert names.understood(offered, known) == "look <@U0BOB>"
    assert names.nobody("zz", "look @zz", "followup", KNOWN).instead == "/incident followup look @who"
