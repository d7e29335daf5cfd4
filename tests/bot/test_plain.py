import pytest

from bot.cards.kit import actions, press, section
from bot.cards.plain import as_text, strip
from bot.decision import Card


@pytest.mark.parametrize(
    ("mrkdwn", "read"),
    [
        ("*INC-1* is now *SEV2*.", "INC-1 is now SEV2."),
        (":red_circle: a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<https://ci.example/1|details> by <@U0BOB>", "details (https://ci.example/1) by @U0BOB"),
        ("began <!date^1772711460^{time}|11:51 UTC>", "began 11:51 UTC"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
    ],
)
def test_markup_reads_as_text(mrkdwn, read):
    assert strip(mrkdwn) == read


def test_a_button_is_shown_as_the_line_that_it_stands_for():
    button = press("Roll back checkout", "rollout rollback checkout", "rollback.0", "danger")
    card = Card(text="x", blocks=(section("*Suspect*", button), actions(press("Update", "incident update", "update"))))
    assert as_text(card).splitlines() == [
        "Suspect",
        "  [Roll back checkout]  /rollout rollback checkout",
        "  [Update]  /incident update",
    ]
