"""One set of facts, four renderings: who reads what, and what nobody outside ever reads."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import audiences, letters, notices
from bot.cards.update import approval_card, approval_settled, update_card
from bot.model import Audience, Delivery, Phase, Severity, Update
from bot.policy import PublicPage
from tests.blockkit import check
from tests.bot.test_text import ANY
from tests.golden import same_as
from tests.values import NOON, incident, minutes

INCIDENT = incident(
    title="CheckoutErrorRatioHigh on db-prod-03",
    onset_at=NOON - minutes(31),
    summary="v42 broke vouchers",
    group="secret",
)
UPDATE = Update(
    incident="INC-7",
    number=2,
    phase=Phase.MITIGATING,
    severity=Severity.SEV2,
    text="One payment in four fails. It began at 12:00 UTC.",
    scope="Customers in Europe who pay by card",
    workaround="Pay by PayPal",
    changed="Rolled checkout back to v41",
    ahead="We check that payments succeed",
    by="U0BOB",
    at=NOON + minutes(9),
    next_at=NOON + minutes(39),
)
OVER = replace(UPDATE, number=3, phase=Phase.RESOLVED, text="This is resolved.", scope="", workaround="", next_at=None)
INSIDE = ("db-prod-03", "checkout", "v41", "v42", "U0BOB", "SEV2", "secret", "CheckoutErrorRatioHigh")


def delivery(audience=Audience.PUBLIC):
    return Delivery(incident="INC-7", update=2, destination="page", audience=audience, at=NOON)


@pytest.mark.parametrize("audience", Audience)
def test_looks_as_agreed(audience):
    card = update_card(INCIDENT, UPDATE, audience)
    check(card)
    same_as(f"audience_{audience}.json", card)


def test_the_end_and_the_question_look_as_agreed():
    for name, card in {
        "audience_over": update_card(INCIDENT, OVER, Audience.PUBLIC),
        "update_approval": approval_card(INCIDENT, UPDATE, [delivery()], "U0DANA"),
        "update_approval_settled": approval_settled(INCIDENT, 2, "public", "U0DANA", agrees=True),
    }.items():
        check(card)
        same_as(f"{name}.json", card)
    letter = letters.written(INCIDENT, UPDATE, Audience.SUPPORT)
    same_as("letter_support.txt", f"{letter.subject}\n\n{letter.text}")
    same_as("letter_support.html", letter.html)


def renderings(update=UPDATE):
    """Everything that the public may read, however it goes out."""
    letter = letters.written(INCIDENT, update, Audience.PUBLIC)
    notice = notices.notice(INCIDENT, update, UPDATE, Audience.PUBLIC, PublicPage(page="p"))
    data = audiences.as_data(INCIDENT, update, Audience.PUBLIC)
    return update_card(INCIDENT, update, Audience.PUBLIC), letter, notice, data


@pytest.mark.parametrize("update", [UPDATE, OVER], ids=["going on", "over"])
def test_nothing_of_our_insides_reaches_the_public(update):
    for shown in renderings(update):
        assert [word for word in INSIDE if word in str(shown)] == []
        assert "What changed" not in str(shown)


def test_executives_hear_how_long_and_what_changed():
    words = audiences.plain(audiences.tell(INCIDENT, UPDATE, Audience.EXECUTIVES))
    assert "So far: checkout, going on for 40 min" in words
    assert "What changed: Rolled checkout back to v41" in words
    assert "it lasted" in audiences.plain(audiences.tell(INCIDENT, OVER, Audience.EXECUTIVES))


def test_support_hears_what_to_say_and_what_not():
    words = audiences.plain(audiences.tell(INCIDENT, UPDATE, Audience.SUPPORT))
    assert "What helps them: Pay by PayPal" in words
    assert "promise no time at which it is over.\n\nNext update by 12:39 UTC." in words
    assert "Rolled checkout back" not in words


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One payment in four fails. It began at noon.", "One payment in four fails"),
        ("Payments fail\nfor many!", "Payments fail for many"),
        ("Prices are wrong (4.50 and more)", "Prices are wrong (4.50 and more)"),
        ("x" * 150, "x" * 99 + "…"),
    ],
)
def test_an_incident_is_named_by_its_first_sentence(text, wanted):
    assert audiences.headline(replace(UPDATE, text=text)) == wanted


def test_a_page_says_it_in_its_own_words():
    page = PublicPage(page="p", components={"checkout": ("c1", "c2"), "search": ("c3",)})
    notice = notices.notice(INCIDENT, UPDATE, UPDATE, Audience.PUBLIC, page)
    assert (notice.status, notice.impact, notice.name) == ("identified", "major", "One payment in four fails")
    assert notice.components == {"c1": "partial_outage", "c2": "partial_outage"}
    assert notice.body.endswith("Next update by 12:39 UTC.")
    over = notices.notice(INCIDENT, OVER, UPDATE, Audience.PUBLIC, page)
    assert (over.status, over.name, over.body) == (
        "resolved",
        "One payment in four fails",
        "This is resolved.\n\nWhat happens next: We check that payments succeed",
    )
    assert set(over.components.values()) == {"operational"}


def test_machines_get_the_facts_and_no_more_than_their_audience():
    data = audiences.as_data(INCIDENT, UPDATE, Audience.SUPPORT)
    assert (data["type"], data["timestamp"]) == ("incident.update", "2026-03-05T12:09:00Z")
    assert data["data"]["service"] == "checkout"
    assert data["data"]["facts"][0] == {"label": "What customers see", "words": UPDATE.text}
    assert audiences.as_data(INCIDENT, OVER, Audience.PUBLIC)["type"] == "incident.resolved"


@given(ANY, ANY, st.sampled_from(Audience))
def test_whatever_is_written_cards_and_letters_hold(text, other, audience):
    update = replace(UPDATE, text=text, scope=other, workaround=other * 3, changed=text * 9, ahead=other)
    check(update_card(INCIDENT, update, audience))
    check(approval_card(INCIDENT, update, [delivery(audience)], "U0DANA"))
    html = letters.written(INCIDENT, update, audience).html
    assert "<script" not in html.lower()
