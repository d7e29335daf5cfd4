"""Untrusted text stays text, whatever it says and however long it is."""

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import text
from bot.model import BOT
from tests.blockkit import ENTITY, MARKUP, check_markup

# Everything a sender may send, halves of characters and controls among it, and often what would hurt.
NASTY = st.sampled_from(
    [
        "<!here>",
        "<@U0BOB>",
        "<https://evil.example|https://good.example>",
        "@channel",
        "#general",
        "&amp;",
        "&",
        "<",
        ">",
        "`",
        "```",
        "*",
        "_",
        "~",
        "|",
        "\n",
        "\r\n",
        "\x00",
        "\u202e",
        "\ud800",
        "@here",
        "<!subteam^S1>",
        "</b>",
        "é",
        "👩‍🚒",
    ]
)
ANY = st.lists(NASTY | st.text(st.characters(), max_size=20), max_size=40).map("".join)


@given(ANY)
@example("<!channel> <@U0BOB> <https://evil|https://good>")
def test_no_text_can_ping_or_link(raw):
    escaped = text.esc(raw)
    assert not MARKUP.search(escaped)
    assert not re.search(r"[<>]", escaped)
    assert not re.search(r"&(?!(?:amp|lt|gt);)", escaped)
    assert not re.search(r"(?<![^\W_])[@#]\w", escaped)


@given(ANY)
def test_no_text_can_open_or_close_formatting(raw):
    escaped = text.esc(raw)
    assert not re.search(r"[`*~]", escaped)
    assert not re.search(r"(?<![^\W_])_|_(?![^\W_])", escaped)


@given(ANY)
def test_no_text_can_break_out_of_code(raw):
    assert "`" not in text.code(raw).strip("`")
    assert "\n" not in text.code(raw)


@given(ANY)
def test_every_text_can_be_sent_and_stored(raw):
    for shown in (text.esc(raw), text.code(raw), text.plain(raw, 75)["text"], text.mrkdwn(text.esc(raw))["text"]):
        shown.encode()
        assert "\x00" not in shown
        assert not re.search("[\u200f\u202e\u2066]", shown)


@given(ANY, st.integers(1, 60))
def test_a_text_is_cut_with_an_ellipsis_and_never_refused(raw, n):
    cut = text.clip(raw, n)
    assert len(cut) <= n
    assert cut == raw if len(raw) <= n else cut.endswith("…")


@given(ANY, st.integers(1, 200))
@example("&" * 50, 11)
def test_escaped_text_is_cut_between_its_entities(raw, n):
    cut = text.cut(text.esc(raw), n)
    assert len(cut) <= n
    assert not re.search(r"[<>&]", ENTITY.sub("", cut))


@pytest.mark.parametrize("n", range(1, 60))
def test_no_token_is_cut_in_two(n):
    whole = f"a {text.mention('U0DANA')} b {text.link('https://x.example/?a=1&b=2', 'c & d')} e"
    check_markup(text.cut(whole, n))
    assert len(text.cut(whole, n)) <= n


@given(ANY, st.integers(1, 150))
def test_plain_text_is_one_line_within_its_limit_and_never_empty(raw, n):
    shown = text.plain(raw, n)["text"]
    assert 1 <= len(shown) <= n
    assert shown.strip()
    assert "\n" not in shown


@given(ANY)
def test_mrkdwn_is_within_the_limit_and_never_empty(raw):
    shown = text.mrkdwn(text.esc(raw * 50))
    assert 1 <= len(shown["text"]) <= 3000
    assert shown["verbatim"] is True


@given(ANY)
def test_only_a_slack_id_is_a_mention(raw):
    shown = text.mention(raw)
    assert shown == f"<@{raw}>" if re.fullmatch(r"[UW][A-Z0-9]{1,20}", raw) else not MARKUP.search(shown)


def test_mentions():
    assert text.mention("U0DANA") == "<@U0DANA>"
    assert text.mention(BOT) == "Watchkeeper"
    assert text.mention("U0DANA> <!here") == "U0DANA&gt; &lt;!here"
    assert text.mention("dana") == "dana"


@given(ANY, ANY)
def test_a_link_goes_where_it_says(address, label):
    shown = text.link(address, label)
    if not text.is_link(address):
        assert not MARKUP.search(shown)
        return
    check_markup(shown)


@given(ANY)
def test_an_address_cannot_end_its_own_token(tail):
    address = "https://x.example/" + tail
    check_markup(text.link(address, "here"))
    if text.is_link(address):
        inside = text.link(address, "here")[1:].partition("|")[0]
        assert urlsplit(inside).hostname == "x.example"


@pytest.mark.parametrize("label", ["https://good.example", "www.good.example", "http://", "see https://good.example"])
def test_a_label_that_poses_as_an_address_is_not_shown(label):
    assert text.link("https://evil.example/x", label) == "<https://evil.example/x|evil.example>"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "ftp://x.example",
        "https://",
        "//x.example",
        "",
        None,
        "https://x.example/a b",
        "https://[x",
        "https://x.example/\n",
        "https://x.example/" + "a" * 3000,
        "slack://open",
        " https://x.example",
    ],
)
def test_what_is_not_a_link_is_its_label(address):
    assert not text.is_link(address)
    assert text.link(address, "the <label>") == "the &lt;label&gt;"


def test_the_signs_of_markup_in_an_address_are_written_so_that_they_mean_themselves():
    assert text.link("https://x.example/?a=1&b=<2>|3", "c") == "<https://x.example/?a=1&amp;b=%3C2%3E%7C3|c>"


@given(ANY, ANY)
def test_a_channel_is_its_id_or_its_name(id, name):
    shown = text.channel(id, name)
    check_markup(shown)
    assert text.channel("C0INC7", "x") == "<#C0INC7>"


def test_words_inside_are_left_as_they_are():
    assert text.esc("check_out_v2 took 2.5 s at 10:00, see dana@example.com") == (
        "check_out_v2 took 2.5 s at 10:00, see dana@example.com"
    )
    assert text.code("a*b_c~d @here <x>") == f"`a*b_c~d @{text.JOINER}here &lt;x&gt;`"


def test_times_are_the_readers_and_utc_as_fallback():
    at = datetime(2026, 3, 5, 15, 2, tzinfo=timezone(timedelta(hours=1)))
    assert text.clock(at) == "14:02"
    assert text.when(at) == f"<!date^{int(at.timestamp())}^{{time}}|14:02 UTC>"
    assert text.clock(datetime(2026, 3, 5, 9, 5, tzinfo=UTC)) == "09:05"


@pytest.mark.parametrize(
    ("delta", "shown"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=3, hours=4, minutes=9), "3 d 4 h"),
        (timedelta(days=1), "1 d"),
    ],
)
def test_spans(delta, shown):
    assert text.span(delta) == shown


def test_small_words():
    assert text.ago(timedelta(seconds=3)) == "just now"
    assert text.ago(timedelta(minutes=3)) == "3 min ago"
    assert (text.plural(1, "alert"), text.plural(1200, "alert")) == ("1 alert", "1,200 alerts")
    assert text.plural(0, "reply", "replies") == "0 replies"
    assert text.dotted(["a", "", "b"]) == "a · b"
