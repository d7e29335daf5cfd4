"""The draft says what is known, shows where from, and leaves honest blanks for the rest."""

import re
from dataclasses import replace

import pytest
from hypothesis import given

from bot.markdown import md
from bot.model import BOT, Assignment, Entry, EntryKind, Link, Phase, Request, RequestState, Role, Update, Verb, Verdict
from bot.postmortem import BELIEF, ROWS, draft
from bot.timeline import timeline
from tests.bot.test_text import ANY
from tests.bot.test_timeline import said
from tests.golden import same_as
from tests.values import NOON, change, incident, minutes

NAMES = {"U0DANA": "Dana", "U0BOB": "Bob", "U0ALICE": "Alice"}
INCIDENT = incident(
    title="CheckoutErrorRatioHigh",
    onset_at=NOON - minutes(3),
    phase=Phase.RESOLVED,
    impact="One payment in eight failed",
    summary="Rolled back checkout to v41; v42 failed on orders with a voucher.",
    resolved_at=NOON + minutes(42),
)
DEPLOY = change(at=NOON - minutes(5), url="https://ci.example/builds/42")
REASONS = ("began 2 min before the onset", "same service")
SUSPECT = Link(incident="INC-7", change=DEPLOY.key, verdict=Verdict.SUSPECT, reasons=REASONS, by=BOT, at=NOON)
ROLES = (
    Assignment(incident="INC-7", role=Role.COMMANDER, user="U0DANA", by=BOT, at=NOON),
    Assignment(incident="INC-7", role=Role.COMMS, user="U0BOB", by="U0BOB", at=NOON + minutes(1)),
)
ROLLBACK = Request(
    id="INC-7/rollback/checkout/1",
    incident="INC-7",
    verb=Verb.ROLLBACK,
    service="checkout",
    environment="production",
    intent="abort",
    from_revision="6f9",
    from_version="v42",
    to_revision="5c4",
    to_version="v41",
    reviewed_step=3,
    reviewed_wait="",
    channel="C0INC7",
    by="U0DANA",
    at=NOON + minutes(5),
    state=RequestState.DONE,
    settled_at=NOON + minutes(7),
    outcome="canary weight 0, 4/4 available",
)
UPDATES = (
    Update(
        incident="INC-7",
        number=1,
        phase=Phase.MITIGATING,
        severity=INCIDENT.severity,
        text="Rolled back; orders recover.",
        by="U0BOB",
        at=NOON + minutes(9),
        next_at=NOON + minutes(39),
    ),
    Update(
        incident="INC-7",
        number=2,
        phase=Phase.MONITORING,
        severity=INCIDENT.severity,
        text="Orders are back to normal.",
        by="U0BOB",
        at=NOON + minutes(30),
    ),
)


def entry(at: float, kind: EntryKind, text: str, **other) -> Entry:
    return Entry(at=NOON + minutes(at), kind=kind, text=text, incident="INC-7", **other)


ENTRIES = (
    entry(-5, EntryKind.CHANGE, "deploy of checkout v42 started", by="ci", source="https://ci.example/builds/42"),
    entry(-3, EntryKind.ALERT, "CheckoutErrorRatioHigh fired", by="alertmanager", source="https://alerts.example/1"),
    entry(0, EntryKind.INCIDENT, "SEV2 opened from an alert: CheckoutErrorRatioHigh", seq=3),
    entry(0, EntryKind.ROLE, "is commander by on-call", whom="U0DANA", seq=4),
    entry(0.2, EntryKind.SUSPECT, "suspect: deploy of checkout v42 (began 2 min before the onset, same service)"),
    entry(1, EntryKind.ROLE, "is comms lead", whom="U0BOB", by="U0BOB"),
    entry(5, EntryKind.ACTION, "rollback of checkout: v42 → v41", by="U0DANA", source="INC-7/rollback/checkout/1"),
    entry(
        7,
        EntryKind.ACTION,
        "rollback of checkout proven: canary weight 0, 4/4 available",
        source="INC-7/rollback/checkout/1",
    ),
    entry(
        9,
        EntryKind.UPDATE,
        "investigating → mitigating: Rolled back; orders recover.",
        by="U0BOB",
        source="INC-7/update/1",
    ),
    entry(
        30, EntryKind.UPDATE, "mitigating → monitoring: Orders are back to normal.", by="U0BOB", source="INC-7/update/2"
    ),
    entry(42, EntryKind.INCIDENT, "monitoring → resolved: Rolled back checkout to v41", by="U0DANA"),
)
CHAT = (
    said(2, "Errors only on canary pods, v42. v41 is clean. I want v42 gone.", "U0DANA", pinned=True),
    said(3, "v42 moved price rounding | it throws because of <vouchers>", "U0ALICE", thread="1772712120.000000"),
    said(3.5, "ok", "U0BOB"),
)


def tell(
    case=INCIDENT, *, entries=ENTRIES, chat=CHAT, links=((SUSPECT, DEPLOY),), updates=UPDATES, requests=(ROLLBACK,)
):
    lines = timeline(case, entries, chat, ROLES, NAMES)
    return draft(case, lines, ROLES, links, updates, requests, NAMES, NOON + minutes(43))


def part(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_looks_as_agreed():
    same_as("postmortem.md", tell())


def test_a_bare_incident_is_full_of_blanks_and_invents_nothing():
    bare = incident(service="", title="Something is odd", by="U0BOB")
    lines = timeline(bare, ENTRIES[2:3], (), (), {})
    same_as("postmortem_bare.md", draft(bare, lines, (), (), (), (), {}, NOON + minutes(5)))


def test_the_same_facts_make_the_same_text_in_whatever_order_they_come():
    again = tell(updates=UPDATES[::-1], entries=ENTRIES[::-1], chat=CHAT[::-1])
    assert again == tell()


def test_impact_is_reckoned_from_the_onset():
    impact = part(tell(), "Impact")
    assert "| Detected after | 3 min |" in impact
    assert re.search(r"\| Mitigated after \| 10 min \(T\d+\) \|", impact)
    assert "| Resolved after | 45 min |" in impact
    assert "| Users affected | _to be filled in_" in impact


def test_without_a_proven_rollback_it_was_mitigated_when_people_began_to_watch():
    assert "| Mitigated after | 33 min" in part(tell(requests=()), "Impact")


def test_mitigation_that_did_not_hold_does_not_count():
    relapse = (
        *ENTRIES[:-1],
        entry(35, EntryKind.INCIDENT, "monitoring → mitigating"),
        entry(40, EntryKind.INCIDENT, "mitigating → monitoring"),
        ENTRIES[-1],
    )
    assert "| Mitigated after | 43 min" in part(tell(entries=relapse), "Impact")


def test_without_an_onset_nothing_is_said_of_detection():
    impact = part(tell(replace(INCIDENT, onset_at=None)), "Impact")
    assert "| Detected after | _to be filled in_ |" in impact
    assert "the onset is unknown" in impact
    assert "When did it begin?" in tell(replace(INCIDENT, onset_at=None))


def test_every_evidence_is_a_line_of_the_timeline_or_a_belief():
    text = tell()
    known = set(re.findall(r"^\| (T\d+) \|", part(text, "Timeline"), re.MULTILINE))
    cited = re.findall(r"Evidence: (.+)$", part(text, "Five Whys"), re.MULTILINE)
    assert len(cited) == 10
    assert all(one in known or one == BELIEF for one in cited)
    assert sum(one in known for one in cited) >= 5
    assert set(re.findall(r"\bT\d+\b", text)) <= known


def test_there_are_several_factors_and_the_dismissed_are_told_apart():
    other = replace(DEPLOY, key="deploy/prices", service="prices", version="v7")
    dismissed = replace(SUSPECT, change=other.key, verdict=Verdict.DISMISSED)
    factors = part(tell(links=((SUSPECT, DEPLOY), (dismissed, other))), "Contributing factors")
    assert factors.count("\n- ") >= 4
    assert "Looked at and set aside: deploy of prices v7." in factors
    assert "- Deploy of prices" not in factors


def test_a_suspect_is_not_called_the_cause_before_a_person_did():
    assert "Suspected, not confirmed: deploy of checkout v42." in tell()
    confirmed = tell(links=((replace(SUSPECT, verdict=Verdict.CAUSED), DEPLOY),))
    assert "A responder confirmed as its cause: deploy of checkout v42." in confirmed
    assert "Did the deploy of checkout v42 cause it" not in part(confirmed, "Open questions")


def test_promises_kept_are_praised_and_broken_ones_told():
    assert "Every promised update came on time (1 of 1)." in part(tell(), "What went well")
    late = (replace(UPDATES[0], next_at=NOON + minutes(20)), UPDATES[1])
    assert "1 promised update of 1 came late: promised for 12:20, 10 min late." in part(
        tell(updates=late), "What went less well"
    )
    assert "Every promised update" not in tell(updates=late)


def test_a_promise_that_the_resolution_came_before_was_kept():
    lone = (replace(UPDATES[0], next_at=NOON + minutes(60)),)
    assert "(1 of 1)" in part(tell(updates=lone), "What went well")


def test_a_missing_commander_and_missing_updates_are_told():
    less = part(tell(entries=[e for e in ENTRIES if e.kind is not EntryKind.ROLE], updates=()), "What went less well")
    assert "Nobody is on record as commander." in less
    assert "No status update was published." in less


@pytest.mark.parametrize("state", [RequestState.FAILED, RequestState.NOTHING])
def test_an_action_that_came_to_nothing_is_told_and_not_praised(state):
    text = tell(requests=(replace(ROLLBACK, state=state, outcome="it had moved to v43"),))
    assert "did not do what was wanted: it had moved to v43" in part(text, "What went less well")
    assert "was proven" not in part(text, "What went well")


def test_a_rollback_leaves_the_follow_up_that_it_sticks():
    assert re.search(r"- \[ \] Take v42 out of .* — owner: .* due: ", part(tell(), "Follow-ups"))


def test_silence_is_an_open_question():
    quiet = tell(entries=[*ENTRIES[:3], ENTRIES[-1]], chat=())
    assert "The record says: nothing recorded for 42 min" in part(quiet, "Open questions")


def test_names_stand_in_the_timeline_and_among_the_responders_only():
    text = tell()
    for title in (
        "Summary",
        "Impact",
        "Contributing factors",
        "Five Whys",
        "What went well",
        "Follow-ups",
        "Open questions",
    ):
        assert not re.search("Dana|Bob|Alice|U0", part(text, title)), title
    assert "Commander (Dana)" in part(text, "Timeline")
    assert "| Commander | Dana |" in part(text, "Responders")


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) - 1


def test_tables_fit_into_a_canvas():
    many = [entry(n / 100, EntryKind.NOTE, f"note {n}") for n in range(200)]
    tables = re.findall(r"(?:^\|.*\n)+", part(tell(entries=many), "Timeline"), re.MULTILINE)
    assert len(tables) > 200 / ROWS
    assert all(sum(cells(row) for row in table.splitlines()) <= 300 for table in tables)


@given(ANY, ANY)
def test_no_text_breaks_the_document(one, other):
    case = replace(INCIDENT, title=one, impact=other, summary=one, service=other, environment=one)
    ship = replace(DEPLOY, service=one, version=other, url=f"https://x.example/{other}")
    entries = [replace(e, text=other, source=one, by=one) for e in ENTRIES]
    chat = [replace(m, text=one, link=f"https://x.example/{other}") for m in CHAT]
    links = ((replace(SUSPECT, reasons=(one, other)), ship),)
    failed = replace(ROLLBACK, service=one, outcome=other, state=RequestState.FAILED)
    text = tell(case, entries=entries, chat=chat, links=links, requests=(failed, replace(ROLLBACK, to_version=one)))
    text.encode()
    assert re.findall("^## (.*)$", text, re.MULTILINE) == re.findall("^## (.*)$", tell(), re.MULTILINE)
    assert len(re.findall("^# ", text, re.MULTILINE)) == 1
    assert not re.search(r"<(?!https?://[^<>|\s]+>\))", text), "HTML"
    for row in re.findall(r"^\|.*$", part(text, "Timeline"), re.MULTILINE):
        assert cells(row) == 6, row


@given(ANY)
def test_markdown_is_escaped(raw):
    shown = md(raw)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]|~]", shown)
    assert not re.search(r"[<>]", shown)
    assert not re.match(r"[#+=-]|\d+[.)]", shown)
    assert not re.search(r"(?<![^\W_])@\w", shown)


def test_words_are_left_as_they_are():
    assert md("check_out took 2.5 s (10:00), a-b & c") == "check_out took 2.5 s (10:00), a-b &amp; c"
    assert md("1. one") == "1\\. one"
    assert md("__init__ | [x](http://evil) <b>") == "\\_\\_init\\_\\_ \\| \\[x\\](http://evil) &lt;b&gt;"
