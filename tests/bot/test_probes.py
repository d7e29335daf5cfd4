"""Probes: what is wrong with a page in words, several bad looks before an alert, as many good ones to end it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from bot import probes
from bot.alerts import Seen
from bot.cards import probe as cards
from bot.decision import Card, Decision, NameSuspects, OpenChannel, RunProbe, SendPost
from bot.model import Alert, Evidence, Finding, Incident, Post
from bot.policy import Expect, Policy, Probe
from bot.probes import Answer, Outcome, asset_url, faults, judge, looked
from tests.blockkit import check
from tests.values import NOON, incident, minutes

N = TypeVar("N")
PAGE = "<title>Corner Shop</title><script src='/static/app.3f2a.js'></script><b>€ 4.20</b>"
PRICES = Probe(name="prices", url="https://shop.example/", service="checkout", expect=Expect(text=("€",)))
POLICY = Policy(probes={"prices": PRICES})
EVERY = timedelta(seconds=60)
NEW = Seen(alerts={}, open={}, recent={}, next_number=8)


def answer(text: str = PAGE, **other: Any) -> Answer:
    values: dict[str, Any] = {"status": 200, "text": text, "size": len(text), "seconds": 0.04}
    return Answer(**values | other)


def wrong(expect: Expect, got: Answer | None = None) -> list[str]:
    return [fault.text for fault in faults(expect, got or answer(), NOON)]


GOOD = judge(PRICES, [answer()], NOON)
BAD = judge(PRICES, [answer("<h1>Welcome to nginx!</h1>")], NOON)


def saved(decision: Decision, kind: type[N]) -> N:
    return next(noun for noun in decision.save if isinstance(noun, kind))


class Looks:
    """Look after look, a minute between them; what each saves is what the next one knows."""

    def __init__(self, here: Incident | None = None) -> None:
        self.finding: Finding | None = None
        self.alert: Alert | None = None
        self.here = here
        self.now: datetime = NOON

    def at(self, outcome: Outcome) -> Decision:
        open_ = {self.here.group: self.here} if self.here else {}
        seen = replace(NEW, alerts={self.alert.key: self.alert} if self.alert else {}, open=open_)
        decision = looked(PRICES, self.finding, outcome, seen, self.here, POLICY, self.now)
        self.finding = saved(decision, Finding)
        self.alert = next((noun for noun in decision.save if isinstance(noun, Alert)), self.alert)
        self.here = next((noun for noun in decision.save if isinstance(noun, Incident)), self.here)
        self.now += EVERY
        return decision

    def through(self, *outcomes: Outcome) -> Decision:
        return [self.at(outcome) for outcome in outcomes][-1]


# ---------------------------------------------------------------- one look


@pytest.mark.parametrize(
    ("expect", "got", "words"),
    [
        (Expect(), answer(), []),
        (Expect(), answer(status=503), ["HTTP 503, not 200"]),
        (Expect(status=503), answer(status=503), []),
        (Expect(), Answer(trouble="no answer in time"), ["no answer in time"]),
        (Expect(text=("Shop", "€")), answer("Welcome to nginx!"), ["“Shop” is not in it", "“€” is not in it"]),
        (Expect(not_text=("Traceback",)), answer("Traceback (most recent"), ["“Traceback” is in it"]),
        (Expect(smallest=500), answer("x" * 81), ["81 bytes, and 500 is the least"]),
        (Expect(largest=80), answer("x" * 81), ["81 bytes, and 80 is the most"]),
        (Expect(largest=90), answer("x" * 81, whole=False), ["more than 81 bytes, and 90 is the most"]),
        (Expect(within=timedelta(seconds=2)), answer(seconds=3.21), ["it took 3.2 s, and 2 s is the most"]),
        (Expect(), answer(certificate_until=NOON + timedelta(days=3)), ["its certificate ends in 3 d"]),
        (Expect(), answer(certificate_until=NOON + timedelta(days=30)), []),
        (Expect(certificate_days=0), answer(certificate_until=NOON + timedelta(days=3)), []),
        (Expect(), answer(asset="its asset is not there"), ["its asset is not there"]),
        (Expect(json={"ok": True}), answer('{"ok": true}'), []),
        (Expect(json={"items[0].price": 5}), answer('{"items": [{}]}'), ["items[0].price is null, not 5"]),
        (Expect(json={"n > `3`": True}), answer('{"n": 1}'), ["n > `3` is false, not true"]),
        (Expect(json={"length(items)": 1}), answer('{"items": 7}'), ["length(items) is null, not 1"]),
        (Expect(json={"ok": True}), answer('{"ok": 1}'), ["ok is 1, not true"]),
        (Expect(json={"ok": True}), answer("<html>"), ["it is no JSON"]),
        (Expect(json={"ok": True}), answer("[" * 100_000), ["it is no JSON"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(expect: Expect, got: Answer, words: list[str]) -> None:
    assert wrong(expect, got) == words


def test_figures_make_no_new_kind_of_fault() -> None:
    """A page that is slow by another tenth of a second is no news."""
    slow = [next(faults(Expect(within=EVERY), answer(seconds=s), NOON)) for s in (61.2, 65.9)]
    assert slow[0].kind == slow[1].kind
    assert slow[0].text != slow[1].text


def test_each_address_is_judged_by_itself_and_traffic_is_told_where_to_go() -> None:
    outcome = judge(PRICES, [answer(), answer(address="10.0.0.1"), answer("nginx", address="10.0.0.2")], NOON)
    assert outcome.words == ("10.0.0.2: “€” is not in it",)
    assert outcome.around == "10.0.0.1 of 2 addresses answer well: traffic has somewhere healthy to go"
    assert outcome.answer.address == "10.0.0.2"


def test_with_no_healthy_address_there_is_nowhere_to_go() -> None:
    down = [Answer(address=f"10.0.0.{n}", trouble="no answer") for n in (1, 2)]
    assert "nowhere healthy to go" in judge(PRICES, [answer(), *down], NOON).around


@pytest.mark.parametrize(
    ("apology", "words"),
    [
        (answer("Sorry", status=503), "the apology page is served"),
        (answer("", status=200), "the apology page is not served: HTTP 200"),
        (Answer(trouble="no answer in time"), "the apology page is not served: no answer in time"),
    ],
)
def test_the_apology_page_is_looked_at_but_does_not_make_the_probe_bad(apology: Answer, words: str) -> None:
    outcome = judge(PRICES, [answer()], NOON, apology)
    assert outcome.good
    assert outcome.around == words


def test_an_asset_is_found_by_words_of_its_address() -> None:
    assert asset_url(PAGE, "https://shop.example/", "/static/app.") == "https://shop.example/static/app.3f2a.js"
    assert asset_url(PAGE, "https://shop.example/", "/static/cart.") == ""
    assert asset_url("", "https://shop.example/", "https://cdn.example/a.js") == "https://cdn.example/a.js"


# ---------------------------------------------------------------- look after look


def test_one_bad_look_is_no_alert_and_three_in_a_row_are() -> None:
    looks = Looks()
    for outcome in (BAD, BAD, GOOD, BAD, BAD):
        assert not any(isinstance(noun, Alert) for noun in looks.at(outcome).save)
    decision = looks.at(BAD)
    assert saved(decision, Incident).title == "Probe prices: “€” is not in it"
    assert OpenChannel("INC-8") in decision.do
    assert NameSuspects("INC-8") in decision.do


def test_the_onset_is_the_first_bad_look_and_not_the_one_that_was_too_many() -> None:
    decision = Looks().through(GOOD, BAD, BAD, BAD)
    assert saved(decision, Incident).onset_at == NOON + EVERY


def test_what_was_seen_is_on_the_timeline_and_in_the_channel() -> None:
    decision = Looks().through(BAD, BAD, BAD)
    (line,) = [entry.text for entry in decision.note if entry.text.startswith("probe ")]
    assert line == "probe prices is bad: “€” is not in it (HTTP 200, 26 bytes in 0.04 s: <h1>Welcome to nginx!</h1>)"
    post = saved(decision, Post)
    assert (post.channel, post.incident) == ("@incident", "INC-8")
    assert SendPost(post.id) in decision.do
    assert "&lt;h1&gt;Welcome" in str(post.blocks)
    check(Card(text=post.text, blocks=post.blocks))


def test_what_is_still_bad_is_a_repeat_that_tells_nobody() -> None:
    looks = Looks()
    looks.through(BAD, BAD, BAD)
    decision = looks.at(BAD)
    assert saved(decision, Alert).count == 2
    assert decision.note == ()
    assert [type(effect) for effect in decision.do] == [RunProbe]


def test_another_fault_is_news() -> None:
    looks = Looks()
    looks.through(BAD, BAD, BAD)
    decision = looks.at(judge(PRICES, [Answer(trouble="no answer in time")], NOON))
    assert [entry.text for entry in decision.note] == ["probe prices is bad: no answer in time"]
    assert not any(isinstance(noun, Post) for noun in decision.save)


def test_one_good_look_does_not_end_it_and_three_do() -> None:
    looks = Looks()
    looks.through(BAD, BAD, BAD)
    first = looks.at(GOOD)
    assert [entry.text for entry in first.note] == ["probe prices is good again (HTTP 200, 82 bytes in 0.04 s)"]
    assert not any(isinstance(noun, Alert) for noun in first.save)
    assert looks.finding is not None
    assert looks.finding.red
    last = looks.through(GOOD, GOOD)
    assert saved(last, Alert).firing is False
    assert saved(last, Post).id.endswith("/good")
    assert not looks.finding.red


def test_a_good_look_between_bad_ones_keeps_the_alert() -> None:
    looks = Looks()
    looks.through(BAD, BAD, BAD, GOOD, BAD)
    assert looks.alert is not None
    assert looks.alert.firing
    assert looks.finding is not None
    assert looks.finding.alerted_at == NOON + 2 * EVERY


def test_it_joins_the_incident_that_its_service_has_already() -> None:
    decision = Looks(incident(channel="C1")).through(BAD, BAD, BAD)
    assert saved(decision, Alert).incident == "INC-7"
    assert saved(decision, Post).incident == "INC-7"


def test_the_same_look_twice_counts_once() -> None:
    looks = Looks()
    looks.at(BAD)
    assert looked(PRICES, looks.finding, BAD, NEW, None, POLICY, NOON) == Decision()


def test_every_look_is_followed_by_the_next_and_not_all_at_the_same_moment() -> None:
    dues = set()
    for name in ("prices", "search", "login"):
        (effect,) = looked(replace(PRICES, name=name), None, GOOD, NEW, None, POLICY, NOON).do
        assert effect.due is not None
        assert timedelta(seconds=27) <= effect.due - NOON <= timedelta(seconds=33)
        dues.add(effect.due)
    assert len(dues) == 3


def test_evidence_is_kept_when_it_turns_without_secrets_and_bounded() -> None:
    headers = {"Content-Type": "text/html", "Set-Cookie": "session=hush", "X-Api-Key": "hush"}
    big = judge(PRICES, [answer("x" * 100_000, headers=headers)], NOON)
    looks = Looks()
    kept = saved(looks.at(big), Evidence)
    assert kept.headers == {"content-type": "text/html"}
    assert len(kept.beginning) == 4096
    assert not any(isinstance(noun, Evidence) for noun in looks.at(big).save)


def test_of_a_probe_that_swings_only_the_latest_evidence_is_kept() -> None:
    looks = Looks()
    ids = {saved(looks.at(outcome), Evidence).id for _ in range(60) for outcome in (GOOD, BAD)}
    assert len(ids) == probes.KEPT


# ---------------------------------------------------------------- may one say that all is well?


def doubts(looks: Looks, later: timedelta = timedelta(0)) -> tuple[str, ...]:
    assert looks.finding is not None
    return probes.doubts([looks.finding], POLICY, looks.finding.checked_at + later)


def test_a_red_probe_is_a_doubt_from_its_first_bad_look() -> None:
    looks = Looks()
    looks.through(GOOD, BAD)
    assert doubts(looks) == ("probe prices is red: “€” is not in it",)


def test_a_probe_that_has_just_turned_good_is_a_doubt_until_it_is_believed() -> None:
    looks = Looks()
    looks.through(BAD, BAD, BAD, GOOD)
    assert doubts(looks) == ("probe prices was good 1 of 3 times since it was red",)
    looks.through(GOOD, GOOD)
    assert doubts(looks) == ()


def test_what_was_not_looked_at_is_not_good() -> None:
    looks = Looks()
    looks.at(GOOD)
    assert doubts(looks, minutes(1)) == ()
    assert doubts(looks, minutes(10)) == ("probe prices has not looked for 10 min",)


def test_a_probe_that_is_no_longer_configured_is_no_doubt() -> None:
    looks = Looks()
    looks.at(BAD)
    assert looks.finding is not None
    assert probes.doubts([looks.finding], Policy(), NOON) == ()


def test_the_card_has_one_line_with_the_red_ones_first() -> None:
    looks, well = Looks(), Looks()
    looks.at(BAD)
    well.at(GOOD)
    assert looks.finding is not None
    assert well.finding is not None
    said = cards.line([replace(well.finding, id="login"), looks.finding])
    assert said.startswith("Probes: :red_circle: prices since")
    assert said.endswith(":white_check_mark: login")
    assert cards.line([]) == ""


def test_a_page_cannot_ping_from_its_card() -> None:
    card = cards.turned(PRICES, replace(Looks().finding or _finding(), faults=("<!channel> `",)), "`<!here>` @channel")
    assert not re.search(r"<!(?!date)|@channel", str(card.blocks))
    check(card)


def _finding() -> Finding:
    return saved(Looks().at(BAD), Finding)
