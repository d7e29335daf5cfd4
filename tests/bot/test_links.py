"""What people say of changes, as values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import changes, links
from bot.decision import Decision, PostCard
from bot.errors import Refused
from bot.model import BOT, Change, EntryKind, Link, Phase, Verdict
from bot.policy import Policy
from tests.values import NOON, change, incident, minutes

DANA = "U0DANA"
V42, FLAG = change(), change("unleash/17/new client", version="on", service="payments", at=NOON - minutes(5))
V43 = change("deploy/checkout/production/v43", version="v43", at=NOON + minutes(5))


def tie(of: Change, verdict: Verdict = Verdict.SUSPECT, **other: Any) -> Link:
    values = {"incident": "INC-7", "change": of.key, "reasons": ("same service",), "by": BOT, "at": NOON, "version": 1}
    return Link(**values | {"verdict": verdict} | other)


PAIRS = [(tie(V42, score=5.0), V42), (tie(FLAG, score=2.0), FLAG)]


def said(words: str, by: str = DANA, before: Link | None = None, *, told: bool = True, **of: Any) -> Decision:
    parsed = links.parse(words)
    picked = links.pick(parsed, PAIRS, [V42, V43])
    return links.judged(incident(**of), picked, parsed, before, by, NOON + minutes(9), told=told)


def refused(words: str, **other: Any) -> Refused:
    with pytest.raises(Refused) as refusal:
        said(words, **other)
    return refusal.value


def link(decision: Decision) -> Link:
    (found,) = decision.save
    assert isinstance(found, Link)
    return found


# ---------------------------------------------------------------- which change


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("1", V42.key),
        ("2", FLAG.key),
        (V43.key, V43.key),
        ("v43", V43.key),
        ("deploy/checkout/production/v43", V43.key),
        ("unl", FLAG.key),
        ("UNLEASH/17", FLAG.key),
        ("unleash/17/new client", FLAG.key),
    ],
)
def test_a_change_is_meant_by_number_key_version_or_the_beginning_of_its_key(word: str, key: str) -> None:
    assert link(said(f"{word} caused")).change == key


def test_a_beginning_that_two_keys_share_is_asked_about() -> None:
    why = refused("deploy/checkout caused").why
    assert all(part in why for part in ("v42", "v43", "nothing was changed"))


def test_a_number_that_stands_beside_nothing_is_no_change() -> None:
    assert "I know no change" in refused("3 caused").why


def test_one_that_is_not_known_gets_the_nearest() -> None:
    assert refused("v4 caused").instead in ("/incident link v42 caused", "/incident link v43 caused")
    assert refused("deploy/chekout/production/v43 dismissed").instead == f"/incident link {V43.key} dismissed"


def test_numbers_count_what_is_on_the_card_in_its_order() -> None:
    pairs = [
        (tie(V42, Verdict.DISMISSED, score=9.0), V42),
        (tie(FLAG, score=1.0), FLAG),
        (tie(V43, Verdict.FIXED), V43),
    ]
    assert [change.key for _, change in links.shown(pairs)] == [V43.key, FLAG.key]


# ---------------------------------------------------------------- what was said


def test_who_and_why_are_kept_and_noted() -> None:
    decision = said("1 caused its client retries without end", before=PAIRS[0][0])
    kept = link(decision)
    assert (kept.verdict, kept.by, kept.version) == (Verdict.CAUSED, DANA, 1)
    assert kept.reasons == ("its client retries without end",)
    (entry,) = decision.note
    assert (entry.by, entry.kind) == (DANA, EntryKind.SUSPECT)
    assert entry.text == "deploy of checkout v42 caused it (its client retries without end)"
    assert decision.do == (PostCard("INC-7"),)


def test_what_spoke_for_the_suspicion_speaks_for_the_cause_but_not_for_a_fix() -> None:
    assert link(said("1 caused", before=PAIRS[0][0])).reasons == ("same service",)
    assert link(said("1 fixed", before=PAIRS[0][0])).reasons == ()


def test_a_verdict_word_in_the_reason_is_part_of_the_reason() -> None:
    kept = link(said("v43 fixed it, v42 caused it"))
    assert (kept.verdict, kept.change, kept.reasons) == (Verdict.FIXED, V43.key, ("it, v42 caused it",))


def test_a_change_that_the_timeline_does_not_know_yet_is_noted_at_its_own_time() -> None:
    began, _ = said("v43 fixed", told=False).note
    assert (began.kind, began.at, began.text) == (EntryKind.CHANGE, V43.at, "deploy of checkout v43 started")


def test_the_same_again_is_called_so() -> None:
    assert "noted already" in refused("1 caused", before=tie(V42, Verdict.CAUSED, by=DANA)).why
    assert link(said("1 caused for another reason", before=tie(V42, Verdict.CAUSED, by=DANA))).reasons


def test_a_person_may_take_over_the_suspicion_of_the_bot() -> None:
    assert link(said("1 suspect", before=PAIRS[0][0])).by == DANA


def test_after_the_end_it_says_how_the_postmortem_learns_of_it() -> None:
    over = said("1 caused", phase=Phase.RESOLVED, resolved_at=NOON)
    assert "/incident postmortem INC-7" in str(over.say)
    assert "postmortem" not in str(said("1 caused").say)


@pytest.mark.parametrize("words", ["", "v42", "v42 guilty", "v42 cause"])
def test_what_is_not_understood_is_refused_with_what_to_type(words: str) -> None:
    assert refused(words).instead.startswith("/incident link ")


def test_the_nearest_verdict_is_offered() -> None:
    assert refused("v42 cause").instead == "/incident link v42 caused"


def test_foreign_names_stay_text() -> None:
    hurt = replace(V42, key="<!channel>`x", version="<!channel>`*x*")
    decision = links.judged(incident(), hurt, links.parse("x caused"), None, DANA, NOON, told=True)
    assert "<!channel>" not in str(decision.say)
    assert "<!channel>" not in refused("<!channel> caused").why


def test_a_name_that_would_ping_is_never_offered_to_be_typed() -> None:
    hurt = replace(V42, key="<!channel>/v42", version="<!channel>")
    with pytest.raises(Refused) as refusal:
        links.pick(links.parse("<!channel>/v43 caused"), [], [hurt])
    assert refusal.value.instead == ""


# ---------------------------------------------------------------- only people


@pytest.mark.parametrize("by", [BOT, "cluster", "cli", ""])
@pytest.mark.parametrize("verdict", Verdict)
def test_only_a_person_gives_a_verdict(by: str, verdict: Verdict) -> None:
    assert "Only a person" in refused(f"1 {verdict}", by=by).why


def test_what_a_person_said_is_never_overruled_by_the_bot() -> None:
    for verdict in Verdict:
        mine = tie(V42, verdict, by=DANA, reasons=("I say so",))
        assert changes.suspects_named(incident(), [V42], [mine], Policy(), NOON) == Decision()


def verdicts_given(tree: ast.Module) -> Iterator[str]:
    """The verdict of every Link that is made or changed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Link", "replace"):
            yield from (ast.unparse(word.value) for word in node.keywords if word.arg == "verdict")


def test_no_code_says_what_caused_an_incident() -> None:
    root = Path(links.__file__).parent.parent
    given = {
        (path.relative_to(root).as_posix(), verdict)
        for package in ("bot", "handlers", "storage")
        for path in (root / package).rglob("*.py")
        for verdict in verdicts_given(ast.parse(path.read_text()))
    }
    ours = {(path, verdict) for path, verdict in given if "Verdict" in verdict or path == "bot/links.py"}
    assert ours == {("bot/changes.py", "Verdict.SUSPECT"), ("bot/links.py", "said.verdict")}
