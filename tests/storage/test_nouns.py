"""What is saved is read back as it was, and nobody's save is overwritten unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bot.decision import Decision, Noun, OpenChannel
from bot.errors import Refused
from bot.model import (
    Assignment,
    Audience,
    ChangeStatus,
    Delivery,
    Entry,
    EntryKind,
    Event,
    Heard,
    Heartbeat,
    Link,
    Mark,
    Message,
    Phase,
    Poll,
    Post,
    Postmortem,
    Question,
    Request,
    RequestState,
    Role,
    Severity,
    Silence,
    Stable,
    Subscription,
    Task,
    Unparsed,
    Update,
    VendorState,
    VendorStatus,
    Verb,
    Verdict,
    Vote,
)
from storage.store import Conflict, Store, Tx
from storage.types import NUL, fit
from tests.bot.rollout_values import hold, skew
from tests.storage.helpers import entry, keep, later
from tests.values import NOON, alert, change, incident, minutes

BLOCKS: tuple[dict[str, Any], ...] = (
    {"type": "section", "text": {"type": "mrkdwn", "text": "\0 \ud800 ü"}},
    {"b": 1, "a": []},
)

ASSIGNMENT = Assignment(incident="INC-7", role=Role.OPS, user="U1", by="U2", at=NOON)
LINK = Link(
    incident="INC-7", change="c", verdict=Verdict.SUSPECT, reasons=("2 min before", "ü"), by="U", at=NOON, score=0.1
)
UPDATE = Update(
    incident="INC-7",
    number=1,
    phase=Phase.IDENTIFIED,
    severity=Severity.SEV1,
    text="t",
    scope="s",
    workaround="w",
    changed="c",
    ahead="a",
    by="U",
    at=NOON,
    promised_at=later(-1),
)
DELIVERY = Delivery(
    incident="INC-7", update=1, destination="letters", audience=Audience.SUPPORT, address="a@b.example", at=NOON
)
SUBSCRIPTION = Subscription(user="U1", topic="checkout", at=NOON)
MARK = Mark(id="C/1.2/task", incident="INC-7", message="C/1.2", what="task", by="U", at=NOON, task="INC-7/task/1")
POLL = Poll(id="INC-7/poll/1", incident="INC-7", text="t", by="U", at=NOON, ends_at=NOON, votes={"U": True})
POST = Post(id="p", incident="INC-7", channel="#incidents", text="x", blocks=BLOCKS, thread="1.2")
MESSAGE = Message(
    channel="C", ts="1.2", incident="INC-7", user="U", text="hi", at=NOON, reactions=("eyes", "+1"), pinned=True
)
EVENT = Event(id="Ev1", kind="message", body={"z": [1, None], "a": {"text": "\0"}}, received_at=NOON)
POSTMORTEM = Postmortem(incident="INC-7", markdown="# What", drafted_at=NOON, by="U", canvas="F1")
STABLE = Stable(service="checkout", environment="production", revision="abc", version="v41", at=NOON)
REQUEST = Request(
    id="INC-7/rollback/1",
    incident="INC-7",
    verb=Verb.ROLLBACK,
    service="checkout",
    environment="production",
    intent="undo",
    from_revision="b",
    from_version="v42",
    to_revision="a",
    to_version="v41",
    reviewed_step=2,
    reviewed_wait="",
    channel="C",
    by="U",
    at=NOON,
)
VOTE = Vote(request="INC-7/rollback/1", user="U2", approves=False, why="not now", at=NOON)
HEARD = Heard(id="github/72d3162e", at=NOON)
UNPARSED = Unparsed(
    id="U-1",
    source="ci",
    at=NOON,
    last_at=later(1),
    reason="r",
    headers={"a": "ü"},
    body=b"\0\xff{",
    truncated=False,
    unread=(1, 3),
    listed=4,
)
VENDOR = VendorStatus(
    key="statuspage/1",
    vendor="Acme",
    component="API",
    status=VendorState.MAJOR_OUTAGE,
    title="t",
    at=NOON,
    url="https://x",
)
TASK = Task(
    id="INC-7/task/1", incident="INC-7", kind="follow-up", text="look", owner="U", by="U", at=NOON, due_at=later(9)
)
FULL = incident(
    version=0,
    onset_at=NOON - minutes(3),
    phase=Phase.RESOLVED,
    channel="C7",
    resolved_at=later(5.000001),
    next_update_at=later(15),
)

ALERT = alert(
    ends_at=later(1),
    url="https://x",
    last_at=NOON,
    labels={"z": "ü", "a": "\0"},
    runbook="https://r",
    image="https://i",
    value="23%",
    dated=False,
    said_at=later(9),
    fires=(1, 2),
)

SILENCE = Silence(
    id="SIL-1", terms=("team=ü", "a=b"), starts_at=NOON, until=later(60), reason="r", by="U", at=NOON, ended_by=""
)

QUESTION = Question(
    id="ASK-1",
    group="g",
    title="t",
    service="s",
    environment="e",
    severity=Severity.SEV3,
    at=NOON,
    onset_at=NOON,
    roles={"ops": "ü"},
)

CASES: list[tuple[Noun, Any]] = [
    (FULL, lambda tx: tx.incident("INC-7")),
    (ALERT, lambda tx: tx.alerts("")[0]),
    (ALERT, lambda tx: tx.firing("", 1)[0][0]),
    (change(status=ChangeStatus.ROLLED_BACK), lambda tx: tx.change(change().key)),
    (ASSIGNMENT, lambda tx: tx.assignment("INC-7", Role.OPS)),
    (LINK, lambda tx: tx.links("INC-7")[0]),
    (UPDATE, lambda tx: tx.updates("INC-7")[0]),
    (MARK, lambda tx: tx.mark("C/1.2/task")),
    (POLL, lambda tx: tx.poll("INC-7/poll/1")),
    (POST, lambda tx: tx.post("p")),
    (MESSAGE, lambda tx: tx.message("C", "1.2")),
    (EVENT, lambda tx: tx.event("Ev1")),
    (POSTMORTEM, lambda tx: tx.postmortem("INC-7")),
    (STABLE, lambda tx: tx.stables("checkout", "production")[0]),
    (REQUEST, lambda tx: tx.request("INC-7/rollback/1")),
    (VOTE, lambda tx: tx.votes("INC-7/rollback/1")[0]),
    (DELIVERY, lambda tx: tx.delivery("INC-7/update/1/letters/a@b.example")),
    (DELIVERY, lambda tx: tx.deliveries("INC-7")[0]),
    (SUBSCRIPTION, lambda tx: tx.subscription("U1/checkout")),
    (TASK, lambda tx: tx.task("INC-7/task/1")),
    (TASK, lambda tx: tx.tasks("INC-7")[0]),
    (QUESTION, lambda tx: tx.question("ASK-1")),
    (QUESTION, lambda tx: tx.questions({"g"}, NOON)["g"]),
    (Heartbeat(id="ci", last_at=NOON, silent_since=NOON), lambda tx: tx.heartbeat("ci")),
    (SILENCE, lambda tx: tx.silence("SIL-1")),
    (SILENCE, lambda tx: tx.silences(NOON)[0]),
    (UNPARSED, lambda tx: tx.unparsed("U-1")),
    (UNPARSED, lambda tx: tx.all_unparsed()[0]),
    (VENDOR, lambda tx: tx.vendor_status("statuspage/1")),
    (VENDOR, lambda tx: tx.vendor_statuses(NOON)[0]),
    (skew(version=0), lambda tx: tx.skew("checkout/production")),
    (hold(version=0), lambda tx: tx.find_hold("checkout/production/verify")),
]


@pytest.mark.parametrize(("noun", "read"), CASES, ids=lambda case: type(case).__name__)
def test_a_noun_comes_back_as_it_was(store: Store, noun: Noun, read: Any) -> None:
    keep(store, noun)
    saved = store.read(read)
    wanted: Any = replace(noun, version=1) if getattr(noun, "version", None) == 0 else noun  # type: ignore[call-arg]
    assert saved == wanted
    assert {type(value) for value in vars(saved).values()} == {type(value) for value in vars(wanted).values()}


def test_times_come_back_in_utc(store: Store) -> None:
    berlin = timezone(timedelta(hours=2))
    keep(store, alert(starts_at=datetime(2026, 3, 5, 14, 0, 0, 123456, tzinfo=berlin)))
    (saved,) = store.read(lambda tx: tx.alerts(""))
    assert saved.starts_at == datetime(2026, 3, 5, 12, 0, 0, 123456, tzinfo=UTC)
    assert saved.starts_at.tzinfo is UTC


def test_a_time_without_a_zone_is_a_bug(store: Store) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        keep(store, alert(starts_at=datetime(2026, 3, 5)))


@pytest.mark.parametrize("dirt", ["\0", "a\0b", "\ud800", "😀\udfff"])
def test_text_that_no_database_holds_is_kept_as_near_as_can_be(store: Store, dirt: str) -> None:
    """A sender's broken text must not be answered with an error for ever."""
    keep(store, alert(f"key {dirt}", title=dirt, group=dirt))
    keep(store, alert(f"key {dirt}", title=dirt, group=dirt, count=2))
    (saved,) = store.read(lambda tx: tx.alerts(""))
    assert saved.title == dirt.replace("\0", NUL).encode("utf-8", "replace").decode()
    assert saved.count == 2


def test_a_key_of_any_length_is_a_key(store: Store) -> None:
    """PostgreSQL refuses to index more than 2,704 bytes."""
    long = "".join(sha256(str(n).encode()).hexdigest() for n in range(300)) + "ü"  # which it cannot compress
    other = long + "u"
    for key in (long, other, long):
        news = [alert(key, service=key)]
        store.decide(lambda tx, now, news=news: Decision(save=(*news, *seen_nothing(tx, news))), NOON)
    assert len(store.read(lambda tx: tx.alerts(""))) == 2
    known = store.read(lambda tx: tx.seen([alert(long)], [], NOON)).alerts
    assert list(known) == [long]
    assert fit(known[long].key) == known[long].key == fit(long)


def seen_nothing(tx: Tx, news: Any) -> tuple[Noun, ...]:
    tx.seen(news, {one.service for one in news}, NOON)
    return ()


# ---------------------------------------------------------------- versions


def test_a_version_counts_the_saves(store: Store) -> None:
    keep(store, incident(version=0))
    for wanted in (1, 2, 3):
        saved = store.read(lambda tx: tx.incident("INC-7"))
        assert saved.version == wanted
        keep(store, replace(saved, title=f"t{wanted}"))


def test_an_old_version_is_not_saved(store: Store) -> None:
    keep(store, incident(version=0))
    old = store.read(lambda tx: tx.incident("INC-7"))
    keep(store, replace(old, title="first"))
    with pytest.raises(Conflict):
        keep(store, replace(old, title="second"))
    assert store.read(lambda tx: tx.incident("INC-7")).title == "first"


def test_a_new_noun_that_exists_is_a_conflict(store: Store) -> None:
    keep(store, incident(version=0))
    with pytest.raises(Conflict):
        keep(store, incident(8, version=0, group="other", id="INC-7"))


def test_a_lost_race_is_thought_again(store: Store) -> None:
    keep(store, incident(version=0))
    tries: list[int] = []

    def think(tx: Tx, now: datetime) -> Decision:
        tries.append(1)
        seen = tx.incident("INC-7")
        return Decision(save=(replace(seen, title=f"try {len(tries)}", version=seen.version + (len(tries) < 3)),))

    store.decide(think, NOON)
    assert store.read(lambda tx: tx.incident("INC-7")).title == "try 3"


def test_a_race_is_not_lost_for_ever(store: Store) -> None:
    tries: list[int] = []

    def think(tx: Tx, now: datetime) -> Decision:
        tries.append(1)
        return Decision(save=(incident(version=9),))

    with pytest.raises(Conflict):
        store.decide(think, NOON)
    assert len(tries) == 20


def test_saving_one_noun_twice_in_a_decision_is_a_bug(store: Store) -> None:
    with pytest.raises(ValueError, match="twice"):
        keep(store, incident(version=0), incident(version=0, title="other"))
    assert store.read(lambda tx: tx.find_incident("INC-7")) is None


def test_the_later_of_two_saves_of_an_unversioned_noun_wins(store: Store) -> None:
    keep(store, alert(count=1), alert(count=2), MESSAGE, replace(MESSAGE, text="edited"))
    assert [a.count for a in store.read(lambda tx: tx.alerts(""))] == [2]
    assert [m.text for m in store.read(lambda tx: tx.messages("INC-7"))] == ["edited"]


@pytest.mark.parametrize("noun", [EVENT, HEARD, UPDATE], ids=lambda noun: type(noun).__name__)
def test_what_was_heard_or_published_once_is_not_saved_again(store: Store, noun: Noun) -> None:
    keep(store, noun)
    with pytest.raises(Conflict):
        keep(store, noun)


def test_what_was_heard_is_known_by_its_id_however_long(store: Store) -> None:
    long = "ci/" + "x" * 5000
    keep(store, HEARD, replace(HEARD, id=long))
    assert store.read(lambda tx: tx.heard([HEARD.id, long, "ci/other"])) == {HEARD.id, long}


def test_what_waits_for_a_replay_is_counted_until_it_is_replayed(store: Store) -> None:
    keep(store, UNPARSED, replace(UNPARSED, id="U-2", last_at=later(2)))
    assert [kept.id for kept in store.read(lambda tx: tx.all_unparsed())] == ["U-2", "U-1"]
    keep(store, replace(UNPARSED, replayed_at=later(3)))
    assert store.read(lambda tx: (tx.count_unparsed(), len(tx.all_unparsed()))) == (1, 1)
    store.prune(later(9))
    assert store.read(lambda tx: tx.unparsed("U-2")) is None


def test_what_is_no_noun_is_not_saved(store: Store) -> None:
    with pytest.raises(TypeError, match="int is not a noun"):
        keep(store, 7)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what may be there once


@pytest.mark.parametrize(
    "second",
    [
        incident(8, version=0, group="checkout/production"),
        incident(7, version=0, id="INC-70", group="other"),
        incident(8, version=0, group="other", channel="C7"),
    ],
    ids=["open incident per group", "number", "channel"],
)
def test_there_is_one_of(store: Store, second: Any) -> None:
    keep(store, incident(version=0, channel="C7"))
    with pytest.raises(Conflict):
        keep(store, second)


def test_resolved_and_ungrouped_incidents_may_be_many(store: Store) -> None:
    keep(store, incident(1, version=0, phase=Phase.RESOLVED), incident(2, version=0, phase=Phase.RESOLVED))
    keep(store, incident(3, version=0), incident(4, version=0, group=""), incident(5, version=0, group=""))
    assert len(store.read(lambda tx: tx.incidents())) == 5


def test_one_request_of_a_service_is_in_action(store: Store) -> None:
    keep(store, replace(REQUEST, state=RequestState.ACTING), replace(REQUEST, id="2"), replace(REQUEST, id="3"))
    with pytest.raises(Conflict):
        keep(store, replace(REQUEST, id="4", state=RequestState.CONFIRMED))
    keep(store, replace(REQUEST, id="5", state=RequestState.CONFIRMED, environment="staging"))


# ---------------------------------------------------------------- entries


def test_entries_are_numbered_without_a_gap(store: Store) -> None:
    store.decide(lambda tx, now: Decision(note=(entry("a"), entry("b"))), later(3))
    with pytest.raises(Refused):
        store.decide(refuse, NOON)
    with pytest.raises(Conflict):
        store.decide(lambda tx, now: Decision(note=(entry("lost"),), save=(incident(version=4),)), NOON)
    store.decide(lambda tx, now: Decision(note=(entry("c"),)), later(4))
    assert [(e.seq, e.text, e.noted_at) for e in store.read(lambda tx: tx.entries("INC-7"))] == [
        (1, "a", later(3)),
        (2, "b", later(3)),
        (3, "c", later(4)),
    ]


def refuse(tx: Tx, now: datetime) -> Decision:
    raise Refused("no")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET text = 'nicer'",
        "DELETE FROM entry",
        "DELETE FROM entry WHERE seq = 1",
        "INSERT OR REPLACE INTO entry SELECT seq, at, kind, 'nicer', by, whom, incident, source, noted_at FROM entry",
        "TRUNCATE entry",
    ],
)
def test_entries_can_only_be_added(store: Store, statement: str) -> None:
    if statement.split()[0] == ("TRUNCATE" if store.group else "INSERT"):
        pytest.skip("the other engine's")
    store.decide(lambda tx, now: Decision(note=(entry("as it was"),)), NOON)
    with pytest.raises(DatabaseError, match="entries are never"), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert [e.text for e in store.read(lambda tx: tx.entries("INC-7"))] == ["as it was"]


def test_an_entry_keeps_all_it_says(store: Store) -> None:
    full = Entry(at=NOON, kind=EntryKind.ROLE, text="t", by="U1", whom="U2", incident="INC-7", source="https://x")
    store.decide(lambda tx, now: Decision(note=(full,)), later(1))
    assert store.read(lambda tx: tx.entries("INC-7")) == (replace(full, seq=1, noted_at=later(1)),)


def test_a_decision_is_saved_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(Conflict):
        store.decide(
            lambda tx, now: Decision(
                save=(alert(), incident(version=5)), note=(entry("x"),), do=(OpenChannel("INC-7"),)
            ),
            NOON,
        )
    assert store.read(lambda tx: (tx.alerts(""), tx.entries("INC-7"))) == ((), ())
    assert store.claim(NOON) == []


def test_ten_thousand_alerts_in_one_decision(store: Store) -> None:
    news = [alert(f"a{n}") for n in range(10_000)]
    store.decide(lambda tx, now: Decision(save=(*news, *seen_nothing(tx, news))), NOON)
    store.decide(lambda tx, now: Decision(save=tuple(tx.seen(news, [], NOON).alerts.values())), NOON)
    assert len(store.read(lambda tx: tx.alerts(""))) == 10_000
