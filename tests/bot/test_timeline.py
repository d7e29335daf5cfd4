"""Every fact, the telling part of the chat, and nothing that cannot be shown to have happened."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.judgement.telling import alike, words_of
from bot.model import BOT, Assignment, Entry, EntryKind, Message, Phase, Role
from bot.timeline import GAP, Line, readable, timeline
from tests.values import NOON, incident, minutes

NAMES = {"U0DANA": "Dana", "U0BOB": "Bob", "U0ALICE": "Alice"}
INCIDENT = incident(onset_at=NOON - minutes(3), channel="C0INC7")


def said(at: float, text: str, user: str = "U0ALICE", **other) -> Message:
    ts = f"{1_772_712_000 + at * 60:.6f}"
    values = {"channel": "C0INC7", "ts": ts, "incident": "INC-7", "user": user, "text": text, "at": NOON + minutes(at)}
    return Message(**{**values, "link": f"https://shop.example/archives/C0INC7/p{ts.replace('.', '')}", **other})


def entry(at: float, kind: EntryKind, text: str, **other) -> Entry:
    return Entry(at=NOON + minutes(at), kind=kind, text=text, incident="INC-7", **other)


ENTRIES = (
    entry(-5, EntryKind.CHANGE, "deploy of checkout v42 started", by="ci", source="https://ci.example/42"),
    entry(-3, EntryKind.ALERT, "CheckoutErrorRatioHigh fired", by="alertmanager"),
    entry(0, EntryKind.INCIDENT, "SEV2 opened from an alert: CheckoutErrorRatioHigh", seq=1),
    entry(0, EntryKind.ROLE, "is commander by on-call", whom="U0DANA", seq=2),
    entry(6, EntryKind.INCIDENT, "investigating → mitigating", by="U0DANA"),
    entry(12, EntryKind.UPDATE, "mitigating → monitoring: Orders recover.", by="U0BOB", source="INC-7/update/1"),
    entry(20, EntryKind.INCIDENT, "monitoring → resolved: rolled back", by="U0DANA"),
)
CHATTER = (
    "ok",
    "looking",
    "same here",
    "who is on this?",
    "joining in a minute",
    "good morning everyone",
    "thanks, all good",
)


def tell(messages=(), entries=ENTRIES, case=INCIDENT, assignments=(), **settings) -> tuple[Line, ...]:
    return timeline(case, entries, messages, assignments, NAMES, **settings)


def texts(lines) -> list[str]:
    return [line.text for line in lines]


def test_every_entry_is_a_line_in_order_of_time():
    lines = tell(entries=ENTRIES[::-1])
    assert [line.id for line in lines] == [f"T{n}" for n in range(1, 8)]
    assert texts(lines)[2:4] == ["SEV2 opened from an alert: CheckoutErrorRatioHigh", "Dana is commander by on-call"]
    assert [line.at for line in lines] == sorted(line.at for line in lines)


def test_a_line_says_who_in_which_role_in_which_phase_and_where_it_is_proven():
    lines = tell([said(7, "rolling back checkout to v41", "U0DANA")])
    chat = next(line for line in lines if line.kind == "chat")
    assert (chat.who, chat.role, chat.phase) == ("Dana", "Commander", "mitigating")
    assert chat.source == "https://shop.example/archives/C0INC7/p1772712420000000"
    assert (lines[0].who, lines[0].role, lines[0].phase, lines[0].source) == (
        "ci",
        "",
        "before",
        "https://ci.example/42",
    )
    assert lines[2].who == "Watchkeeper"


def test_a_role_is_the_one_that_was_held_then():
    handed = (*ENTRIES, entry(10, EntryKind.ROLE, "takes over as commander", whom="U0BOB", by="U0DANA"))
    messages = [said(5, "reverting v42 now", "U0DANA"), said(11, "errors dropped to 1 %", "U0DANA")]
    messages.append(said(11.5, "restarted 3 pods", "U0BOB"))
    roles = {line.text: line.role for line in tell(messages, handed) if line.kind == "chat"}
    assert roles == {"reverting v42 now": "Commander", "errors dropped to 1 %": "", "restarted 3 pods": "Commander"}


def test_assignments_count_where_no_entry_tells():
    assignment = Assignment(incident="INC-7", role=Role.OPS, user="U0BOB", by=BOT, at=NOON)
    lines = tell([said(3, "restarted 3 pods", "U0BOB")], assignments=[assignment])
    assert next(line.role for line in lines if line.kind == "chat") == "Ops lead"


def test_chatter_is_left_out_and_findings_are_not():
    finding = said(4, "found it: errors only on canary pods, v42; v41 is clean")
    chatter = [said(n / 7, text) for n, text in enumerate(CHATTER)]
    chat = [line for line in tell([*chatter, finding]) if line.kind == "chat"]
    assert finding.text in texts(chat)
    # one more stands for each phase in which nothing better was said: here there is none
    assert len(chat) == 1


def test_what_people_pin_or_mark_is_always_kept():
    messages = [said(n / 10, f"restarted pod {n} because of OOM, {n} errors") for n in range(40)]
    pinned = said(1.01, "hm", pinned=True)
    marked = said(1.02, "aha", reactions=("eyes", "pushpin"))
    toned = said(1.03, "oh", reactions=("memo::skin-tone-3",))
    chat = [line for line in tell([*messages, pinned, marked, toned]) if line.kind == "chat"]
    assert {"hm", "aha", "oh"} <= set(texts(chat))
    assert {line.text for line in chat if line.pinned} == {"hm", "aha", "oh"}
    assert "pinned" in next(line.why for line in chat if line.text == "hm")


def test_a_deleted_message_is_left_out_even_if_it_was_pinned():
    gone = said(4, "rolled back, the password is hunter2", pinned=True, deleted=True)
    assert "hunter2" not in str(tell([gone]))


def test_the_later_copy_of_a_message_counts():
    first = said(4, "rolling back v42")
    assert "rolling back v43" in texts(tell([first, replace(first, text="rolling back v43")]))
    assert "rolling back v42" not in texts(tell([first, replace(first, text="rolling back v43")]))


def test_replies_in_threads_count_too():
    reply = said(4, "v42 moved price rounding, it throws because of vouchers", thread="1772712000.000000")
    assert reply.text in texts(tell([reply]))


def test_no_more_than_so_many_of_ten_minutes_are_kept():
    words = ("restarted", "disabled", "drained", "patched", "reverted", "scaled", "purged", "switched", "merged")
    messages = [said(n / 2, f"{word} the {word}er because of {n}00 errors") for n, word in enumerate(words)]
    assert sum(line.kind == "chat" for line in tell(messages, per_window=3)) == 3


def test_near_duplicates_are_left_out():
    messages = [said(4 + n / 10, f"rolling back checkout to v41 now, {n}") for n in range(5)]
    assert sum(line.kind == "chat" for line in tell(messages)) == 1
    assert alike(words_of("rolling back v42 now"), words_of("now rolling back v42!"))
    assert not alike(words_of("rolling back v42 now"), words_of("v41 is healthy"))


def test_every_phase_in_which_somebody_spoke_has_a_line():
    messages = [
        said(1, "hello there"),
        said(1.5, "anyone looking at the carts?"),
        said(7, "mhm"),
        said(13, "looks quiet now"),
    ]
    phases = {line.phase for line in tell(messages) if line.kind == "chat"}
    assert phases == {"investigating", "mitigating", "monitoring"}


def test_going_back_to_a_phase_is_a_stretch_of_its_own():
    again = (*ENTRIES, entry(30, EntryKind.INCIDENT, "reopened: CheckoutErrorRatioHigh fired again"))
    lines = tell([said(1, "hello there"), said(31, "and hello again")], again)
    assert [(line.text, line.phase) for line in lines if line.kind == "chat"] == [
        ("hello there", "investigating"),
        ("and hello again", "investigating"),
    ]


def test_a_severity_is_no_phase():
    lines = tell(entries=(*ENTRIES, entry(3, EntryKind.INCIDENT, "severity SEV2 → SEV1")))
    assert next(line.phase for line in lines if line.at == NOON + minutes(3)) == "investigating"


# ---------------------------------------------------------------- silence


def test_a_long_silence_is_declared_with_what_was_said_in_it():
    late = (*ENTRIES[:4], entry(50, EntryKind.INCIDENT, "investigating → resolved", by="U0DANA"))
    quiet = tell(
        [said(5, "hm"), said(6, "rolling back v42"), said(7, "ok")],
        late,
        replace(INCIDENT, resolved_at=NOON + minutes(50)),
    )
    gaps = [line for line in quiet if line.kind == GAP]
    assert texts(gaps) == ["nothing recorded for 44 min; 1 message in the channel, none of them chosen"]
    assert gaps[0].id == ""
    assert gaps[0].at == NOON + minutes(6)


def test_what_is_known_without_silence_declares_none():
    assert not [line for line in tell() if line.kind == GAP]


@pytest.mark.parametrize("at", [-180, 90])
def test_no_silence_is_declared_before_the_onset_or_after_the_end(at):
    far = (*ENTRIES, entry(at, EntryKind.CHANGE, "deploy of prices v7 started", by="ci"))
    assert not [
        line for line in tell(entries=far, case=replace(INCIDENT, resolved_at=NOON + minutes(20))) if line.kind == GAP
    ]


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<@U0DANA> and <@U9|eve>", "@Dana and @eve"),
        (
            "see <https://x.example/a|the graph> or <https://x.example>",
            "see the graph (https://x.example/a) or https://x.example",
        ),
        ("<!here> in <#C1|general> and <#C2>", "@here in #general and #C2"),
        ("<!subteam^S1|@oncall> a < b > c", "@oncall a < b > c"),
        ("two\nlines ```and\ncode```\x00", "two lines and code"),
        ("<javascript:alert(1)|click>", "click"),
    ],
)
def test_slacks_markup_is_made_readable(raw, shown):
    assert readable(raw, NAMES) == shown


ANYTHING = st.builds(
    lambda at, text, user, pinned, deleted: said(at, text, user, pinned=pinned, deleted=deleted),
    st.integers(-30, 120),
    st.text(max_size=60) | st.sampled_from([*CHATTER, "rolled back v42", "5 % errors on checkout"]),
    st.sampled_from([*NAMES, "B0CI", ""]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(ANYTHING, max_size=40))
def test_nothing_is_invented_and_the_order_is_that_of_time(messages):
    lines = tell(messages)
    sources = {message.link for message in messages if not message.deleted}
    assert all(line.source in sources for line in lines if line.kind == "chat")
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    ids = [line.id for line in lines if line.kind != GAP]
    assert ids == [f"T{n}" for n in range(1, len(ids) + 1)]
    assert sum(line.kind not in ("chat", GAP) for line in lines) == len(ENTRIES)


@given(st.permutations([said(n, text) for n, text in enumerate([*CHATTER, "rolled back v42", "recovered, 0 errors"])]))
def test_the_order_in_which_messages_come_makes_no_difference(messages):
    assert tell(messages) == tell(sorted(messages, key=lambda m: m.at))


def chatter(count):
    """Half of it spread over hours, half in one window and all alike."""
    half = count // 2
    spread = [
        said(n * 250 / half, f"{CHATTER[n % 7]} {n} restarted pod-{n} because of {n} errors at 10.0.{n % 9}.1")
        for n in range(half)
    ]
    heap = [said(600 + n / half, f"rolling back checkout to v41 {'as we said ' * 25}") for n in range(half)]
    return [*spread, *heap]


def seconds_for(messages):
    """Of our own processor."""
    start = time.process_time()
    assert len(tell(messages)) > 80
    return time.process_time() - start


def test_many_messages_are_read_in_time():
    """Eight times as many take about eight times as long, 64 times if each looked at each. Compared with itself, since
    a busy machine makes even processor time longer.
    """
    some, all_ = chatter(500), chatter(4_000)
    few, many = seconds_for(some), seconds_for(all_)
    assert many < 16 * few
    assert many < 6


def test_phases_are_those_of_the_model():
    assert {line.phase for line in tell()} == {"before", *(p.value for p in Phase)} - {"identified"}
