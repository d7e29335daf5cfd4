"""What a think may ask is answered in the order that is promised, and at a price that does not grow with the past."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from bot import live
from bot.decision import Decision
from bot.errors import Refused
from bot.model import (
    Answer,
    ChangeKind,
    Duty,
    Page,
    Phase,
    Post,
    Question,
    Request,
    RequestState,
    Role,
    RolloutPhase,
    Sighting,
    Subscription,
)
from storage.reads import OPEN_GROUPS, RECENT_GROUPS, SEEN_ALERTS
from storage.store import Conflict, Store
from tests.bot.rollout_values import hold
from tests.storage.helpers import entry, keep, later
from tests.storage.test_nouns import (
    ASSIGNMENT,
    LINK,
    MARK,
    MESSAGE,
    POLL,
    QUESTION,
    REQUEST,
    SILENCE,
    STABLE,
    TASK,
    UPDATE,
    VOTE,
)
from tests.values import NOON, alert, change, incident, minutes


def test_an_unknown_incident_is_refused_with_a_way_out(store: Store) -> None:
    with pytest.raises(Refused, match=r"There is no incident INC-9\.") as refused:
        store.read(lambda tx: tx.incident("INC-9"))
    assert refused.value.instead == "/incident list"
    assert store.read(lambda tx: tx.find_incident("INC-9")) is None


def test_other_unknown_ids_are_a_lookup_error(store: Store) -> None:
    for ask in (lambda tx: tx.post("x"), lambda tx: tx.request("x")):
        with pytest.raises(LookupError, match="there is no"):
            store.read(ask)
    assert (
        store.read(
            lambda tx: (tx.find_post("x"), tx.event("x"), tx.change("x"), tx.message("C", "1"), tx.postmortem("x"))
        )
        == (None,) * 5
    )


def test_incidents_newest_first(store: Store) -> None:
    keep(store, *(incident(n, version=0, group=f"g{n}") for n in (2, 10, 9)))
    keep(store, incident(11, version=0, phase=Phase.RESOLVED))
    assert [i.number for i in store.read(lambda tx: tx.incidents())] == [11, 10, 9, 2]
    assert [i.number for i in store.read(lambda tx: tx.incidents(open_only=True, limit=2))] == [10, 9]
    assert store.read(lambda tx: tx.next_number()) == 12


def test_a_group_leads_to_the_latest_of_its_incidents_that_is_over(store: Store) -> None:
    over = {"version": 0, "phase": Phase.RESOLVED}
    keep(store, incident(1, **over, group="a", resolved_at=NOON, merged_into="INC-3"))
    keep(store, incident(2, **over, group="b", resolved_at=NOON, merged_into="INC-3"))
    keep(store, incident(4, **over, group="b", resolved_at=later(1)))
    keep(store, incident(5, **over, group="", resolved_at=NOON, merged_into="INC-3"))
    found = store.read(lambda tx: tx.merged({"a", "b", "", "c"}))
    assert {group: one.id for group, one in found.items()} == {"a": "INC-1"}


def test_marks_are_those_of_a_message(store: Store) -> None:
    keep(store, MARK, replace(MARK, id="C/1.3/task", message="C/1.3"))
    assert store.read(lambda tx: [mark.id for mark in tx.marks("C/1.2")]) == ["C/1.2/task"]
    assert store.read(lambda tx: tx.mark("C/1.4/task")) is None


def test_polls_are_counted_by_incident(store: Store) -> None:
    keep(store, replace(POLL, id="INC-7/poll/1"), replace(POLL, id="INC-8/poll/1", incident="INC-8"))
    assert store.read(lambda tx: tx.count_polls("INC-7")) == 1
    assert store.read(lambda tx: tx.poll("INC-7/poll/1").votes) == {"U": True}
    assert store.read(lambda tx: (tx.find_poll("x"), tx.find_task("x"))) == (None, None)


def test_the_first_number_is_one(store: Store) -> None:
    assert store.read(lambda tx: tx.next_number()) == 1


def test_the_incident_of_a_channel(store: Store) -> None:
    keep(
        store,
        incident(1, version=0, channel="C1"),
        incident(2, version=0, group="h"),
        incident(3, version=0, group="i"),
    )
    found = store.read(lambda tx: (tx.incident_in("C1"), tx.incident_in("C2"), tx.incident_in("")))
    assert [i and i.id for i in found] == ["INC-1", None, None]


def test_what_was_merged_goes_on_in_the_last_of_them(store: Store) -> None:
    merged = [incident(1, merged_into="INC-2", group=""), incident(2, merged_into="INC-3", group=""), incident(3)]
    store.decide(lambda tx, now: Decision(save=tuple(replace(one, version=0) for one in merged)), NOON)
    found = store.read(lambda tx: [tx.survivor(id) for id in ("INC-1", "INC-3", "INC-9")])
    assert [one and one.id for one in found] == ["INC-3", "INC-3", None]


def test_open_incidents_of_a_service(store: Store) -> None:
    keep(
        store,
        incident(1, version=0),
        incident(2, version=0, group=""),
        incident(3, version=0, group="s", environment="staging"),
        incident(4, version=0, phase=Phase.RESOLVED),
    )
    assert [i.number for i in store.read(lambda tx: tx.open_incident_of("checkout", "production"))] == [2, 1]


def test_seen_knows_alerts_open_and_recent_incidents(store: Store) -> None:
    resolved = {"version": 0, "phase": Phase.RESOLVED}
    keep(
        store,
        alert("known", incident="INC-1"),
        incident(1, version=0, group="open"),
        incident(2, group="open", resolved_at=later(5), **resolved),
        incident(3, group="recent", resolved_at=later(2), **resolved),
        incident(4, group="recent", resolved_at=later(1), **resolved),
        incident(5, group="old", resolved_at=NOON - minutes(1), **resolved),
    )
    seen = store.read(lambda tx: tx.seen([alert("known"), alert("new")], {"open", "recent", "old", "none"}, NOON))
    assert {key: known.incident for key, known in seen.alerts.items()} == {"known": "INC-1"}
    assert {group: i.number for group, i in seen.open.items()} == {"open": 1}
    assert {group: i.number for group, i in seen.recent.items()} == {"recent": 3}
    assert seen.next_number == 6


def test_no_group_is_nobodys_incident(store: Store) -> None:
    keep(store, incident(1, version=0, group=""))
    assert store.read(lambda tx: tx.seen([alert(group="", service="")], {""}, NOON)).open == {}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (SEEN_ALERTS, "autoindex_alert|pk_alert"),
        (OPEN_GROUPS, "one_open_incident_per_group|ix_incident_open"),  # both hold the open ones only
        (RECENT_GROUPS, "ix_incident_recent"),
    ],
    ids=["alerts", "open", "recent"],
)
def test_intake_never_reads_a_whole_table(store: Store, query: object, index: str) -> None:
    """Costs grow linearly with the alerts of a delivery, and not with closed incidents."""
    sql = str(
        query.params(some=["a", "b"], since=NOON).compile(store.engine, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    )
    with store.engine.connect() as connection:
        if store.group:
            plan = explain_sqlite(connection, sql)
        else:
            connection.execute(text("SET enable_seqscan = off"))  # the tables are empty: reading them would be cheapest
            values = {"some_1": "a", "some_2": "b", "since": NOON}
            used = {name: value for name, value in values.items() if f"%({name})s" in sql}
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {sql}", used))
    assert any(name in plan for name in index.split("|")), plan
    assert "SCAN alert" not in plan
    assert "SCAN incident" not in plan


def explain_sqlite(connection: object, sql: str) -> str:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("a",) * sql.count("?"))  # type: ignore[attr-defined]
    return "\n".join(row[3] for row in rows)


def test_five_thousand_alerts_and_groups_at_once(store: Store) -> None:
    keep(store, *(alert(f"a{n}") for n in range(1200)), incident(1, version=0, group="g1199"))
    news = [alert(f"a{n}") for n in range(5000)]
    seen = store.read(lambda tx: tx.seen(news, {f"g{n}" for n in range(5000)}, NOON))
    assert len(seen.alerts) == 1200
    assert list(seen.open) == ["g1199"]


def test_alerts_and_messages_in_the_order_of_their_times(store: Store) -> None:
    keep(
        store,
        alert("b", incident="INC-7", starts_at=later(2)),
        alert("c", incident="INC-7", starts_at=later(1)),
        alert("d", incident="INC-8"),
        replace(MESSAGE, ts="3", at=later(3)),
        replace(MESSAGE, ts="1", at=later(1)),
        replace(MESSAGE, ts="9", at=later(9), channel="D", incident="INC-8"),
    )
    assert [a.key for a in store.read(lambda tx: tx.alerts("INC-7"))] == ["c", "b"]
    assert [m.ts for m in store.read(lambda tx: tx.messages("INC-7"))] == ["1", "3"]


def test_changes_of_a_time_and_of_services(store: Store) -> None:
    keep(
        store,
        change("late", at=later(3)),
        change("end", at=later(2)),
        change("start", at=NOON, service="prices"),
        change("early", at=NOON - minutes(0.001)),
    )
    assert [c.key for c in store.read(lambda tx: tx.changes(NOON, later(2)))] == ["start", "end"]
    assert [c.key for c in store.read(lambda tx: tx.changes(NOON, later(2), {"prices"}))] == ["start"]
    assert store.read(lambda tx: tx.changes(NOON, later(2), ())) == ()


def test_entries_by_when_it_happened(store: Store) -> None:
    notes = (entry("second"), replace(entry("first"), at=NOON - minutes(1)), entry("third"), entry("other", "INC-8"))
    store.decide(lambda tx, now: Decision(note=notes), NOON)
    assert [e.text for e in store.read(lambda tx: tx.entries("INC-7"))] == ["first", "second", "third"]
    assert [e.text for e in store.read(lambda tx: tx.entries("INC-7", limit=2))] == ["second", "third"]


def test_what_belongs_to_an_incident(store: Store) -> None:
    keep(
        store,
        replace(ASSIGNMENT, role=Role.SCRIBE),
        replace(ASSIGNMENT, role=Role.COMMANDER),
        replace(ASSIGNMENT, incident="INC-8"),
        replace(LINK, change="b", at=later(2)),
        replace(LINK, change="c"),
        replace(UPDATE, number=2),
        UPDATE,
    )
    assert [a.role for a in store.read(lambda tx: tx.assignments("INC-7"))] == [Role.COMMANDER, Role.SCRIBE]
    assert store.read(lambda tx: tx.assignment("INC-7", Role.COMMS)) is None
    assert [link.change for link in store.read(lambda tx: tx.links("INC-7"))] == ["c", "b"]
    assert [u.number for u in store.read(lambda tx: tx.updates("INC-7"))] == [1, 2]


def test_requests(store: Store) -> None:
    states = list(RequestState)
    keep(store, *(replace(REQUEST, id=state, state=state, at=later(-n)) for n, state in enumerate(states) if n != 1))
    keep(store, replace(REQUEST, id="elsewhere", environment="staging", incident=""))
    here = store.read(lambda tx: tx.open_requests("checkout", "production"))
    assert [request.state for request in here] == [RequestState.ACTING, RequestState.PROPOSED]
    assert len(store.read(lambda tx: tx.requests("INC-7"))) == len(states) - 1
    assert store.read(lambda tx: tx.count_requests()) == len(states)


def test_stables_newest_first(store: Store) -> None:
    keep(store, STABLE, replace(STABLE, revision="b", at=later(5)), replace(STABLE, revision="c", at=later(1)))
    assert [s.revision for s in store.read(lambda tx: tx.stables("checkout", "production"))] == ["b", "c", "abc"]


def test_the_live_cards_of_a_rollout_are_those_that_nobody_stopped(store: Store) -> None:
    card = live.new("INC-7/card/checkout", NOON)
    elsewhere = replace(live.new("C1/card/checkout", NOON), stopped_at=later(1))
    stopped = replace(live.new("C2/card/checkout", NOON), stopped_by="U0BOB")
    keep(store, card, elsewhere, stopped, live.new("C1/card/payments", NOON))
    found = store.read(lambda tx: tx.live_cards("checkout", "production"))
    assert [one.id for one in found] == ["C1/card/checkout", "INC-7/card/checkout"]
    assert store.read(lambda tx: tx.live_card("C9/card/checkout")) is None


def test_a_read_sees_one_moment(store: Store, open_store: object) -> None:
    """A card is not made of two states: what others commit while we read is not seen."""
    if store.engine.url.database is None:
        pytest.skip("one connection cannot be two")

    def ask(tx: object) -> tuple[int, int]:
        before = tx.next_number()  # type: ignore[attr-defined]
        keep(store, incident(before, version=0, group=f"g{before}"))
        return before, tx.next_number()  # type: ignore[attr-defined]

    assert store.read(ask) == (1, 1)
    assert store.read(lambda tx: tx.next_number()) == 2


def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"read-only|readonly"):
        store.read(lambda tx: tx.connection.execute(text("INSERT INTO kept VALUES ('a', 'b')")))
    assert store.remember("a", "c") == "c"


def test_requests_that_are_open_or_were_settled_since(store: Store) -> None:
    def settled(id: str, minute: float) -> Request:
        return replace(REQUEST, id=id, state=RequestState.DONE, settled_at=NOON + minutes(minute))

    keep(store, replace(REQUEST, id="r1"), settled("r2", -5), settled("r3", 5), settled("r4", 0))
    keep(store, replace(settled("r5", 5), service="payments"), replace(settled("r6", 5), environment="staging"))
    found = store.read(lambda tx: tx.requests_of(REQUEST.service, REQUEST.environment, NOON))
    assert [request.id for request in found] == ["r1", "r3", "r4"]


def test_a_sighting_by_its_id_and_of_two_who_saw_first_one_saves(store: Store) -> None:
    sighting = Sighting(
        id="checkout/production", service="checkout", environment="production", revision="h42", revision_version="v42",
        stable="h41", stable_version="v41", phase=RolloutPhase.PAUSED, step=1, weight=20, paused=False, aborted=False,
        at=NOON,
    )  # fmt: skip
    keep(store, sighting)
    kept = store.read(lambda tx: tx.sighting(sighting.id))
    assert kept == replace(sighting, version=1)
    assert store.read(lambda tx: tx.sighting("payments/production")) is None
    with pytest.raises(Conflict):
        keep(store, sighting)


def test_votes_are_those_of_their_request_oldest_first(store: Store) -> None:
    keep(
        store,
        replace(VOTE, user="U3", at=later(2)),
        replace(VOTE, user="U4", at=later(1)),
        replace(VOTE, request="other"),
    )
    assert [vote.user for vote in store.read(lambda tx: tx.votes(VOTE.request))] == ["U4", "U3"]
    assert store.read(lambda tx: tx.votes("nobody's")) == ()


def test_who_votes_again_has_one_vote(store: Store) -> None:
    keep(store, VOTE)
    keep(store, replace(VOTE, approves=True))
    assert [vote.approves for vote in store.read(lambda tx: tx.votes(VOTE.request))] == [True]


def test_tasks_of_an_incident_oldest_first(store: Store) -> None:
    keep(
        store,
        replace(TASK, id="INC-7/task/2", at=later(1)),
        TASK,
        replace(TASK, id="rollout/task/1", incident=""),
    )
    assert [task.id for task in store.read(lambda tx: tx.tasks("INC-7"))] == ["INC-7/task/1", "INC-7/task/2"]
    assert [task.id for task in store.read(lambda tx: tx.tasks(""))] == ["rollout/task/1"]


def test_only_holds_that_stand(store: Store) -> None:
    lifted = hold(id="checkout/production/INC-7", holder="INC-7", lifted_at=NOON, version=0)
    keep(store, hold(version=0), lifted, hold(id="payments/production/verify", service="payments", version=0))
    assert [h.holder for h in store.read(lambda tx: tx.holds("checkout", "production"))] == ["verify"]
    assert store.read(lambda tx: tx.find_hold(lifted.id)) == replace(lifted, version=1)


def test_deploys_of_one_service_newest_first(store: Store) -> None:
    old, new = change("a", version="v41", at=later(1)), change("b", digests=("sha256:1",), at=later(2))
    flag, other = change("c", change=ChangeKind.FLAG, at=later(3)), change("d", service="payments", at=later(3))
    keep(store, old, new, flag, other, change("e", environment="staging"))
    assert store.read(lambda tx: tx.deploys("checkout", "production")) == (new, old)
    assert store.read(lambda tx: tx.deploys("checkout", "production", 1)) == (new,)


def test_of_the_alerts_that_fire_some_are_read_and_all_are_counted(store: Store) -> None:
    ended = alert("ended", firing=False, incident="INC-7")
    keep(store, ended, alert("other", incident="INC-8"))
    keep(store, *(alert(f"a{n}", incident="INC-7", starts_at=NOON - minutes(n)) for n in range(5)))
    some, count, services = store.read(lambda tx: tx.firing("INC-7", 2))
    assert ([one.key for one in some], count, services) == (["a4", "a3"], 5, 1)


def test_alerts_with_a_picture_are_read_whether_they_fire_or_not(store: Store) -> None:
    fired = [
        alert(f"a{n}", incident="INC-7", starts_at=later(n), firing=n > 0, image=f"https://x/{n}") for n in range(3)
    ]
    keep(store, alert("none", incident="INC-7"), alert("other", incident="INC-8", image="https://x/9"), *fired)
    assert [one.key for one in store.read(lambda tx: tx.pictured("INC-7", 2))] == ["a0", "a1"]


def test_silences_stand_until_they_end(store: Store) -> None:
    planned = replace(SILENCE, id="SIL-2", starts_at=later(30))
    keep(store, SILENCE, planned, replace(SILENCE, id="SIL-3", ended_at=NOON), replace(SILENCE, id="SIL-4", until=NOON))
    assert [one.id for one in store.read(lambda tx: tx.silences(NOON))] == ["SIL-1", "SIL-2"]
    assert store.read(lambda tx: tx.count_silences()) == 4


def test_what_a_silence_kept_quiet_is_found_and_counted(store: Store) -> None:
    keep(store, alert("a", silenced="SIL-1"), alert("b", silenced="SIL-1", firing=False), alert("c"))
    assert [one.key for one in store.read(lambda tx: tx.silenced("SIL-1"))] == ["a"]
    assert store.read(lambda tx: (tx.count_silenced("SIL-1"), tx.silenced(""))) == (2, ())


def test_a_question_is_known_while_it_waits_for_some_time_after_and_while_its_incident_is_open(store: Store) -> None:
    def answered(id: str, **other: Any) -> Question:
        return replace(QUESTION, id=id, group=id, answer=Answer.JOINED, **other)

    over = incident(8, version=0, group="x", phase=Phase.RESOLVED, resolved_at=NOON)
    keep(store, incident(version=0), over, replace(QUESTION, id="waits", group="waits"))
    keep(store, answered("just", answered_at=later(1)), answered("long", answered_at=later(-1), incident="INC-8"))
    keep(store, answered("goes on", answered_at=later(-1), incident="INC-7"))
    groups = {"waits", "just", "long", "goes on", "unknown"}
    assert store.read(lambda tx: set(tx.questions(groups, NOON))) == {"waits", "just", "goes on"}
    assert store.read(lambda tx: tx.count_questions()) == 4


def test_a_group_is_asked_about_once(store: Store) -> None:
    """Two replicas may hear of it at once."""
    keep(store, QUESTION)
    with pytest.raises(Conflict):
        keep(store, replace(QUESTION, id="ASK-2"))


def test_the_alerts_of_a_question_are_found(store: Store) -> None:
    keep(store, alert("a", asked="ASK-1"), alert("b", asked="ASK-1", firing=False), alert("c"))
    assert [one.key for one in store.read(lambda tx: tx.asked("ASK-1"))] == ["a", "b"]
    assert store.read(lambda tx: tx.asked("")) == ()


def test_when_alerts_opened_incidents_of_late(store: Store) -> None:
    keep(store, *(incident(n, version=0, group=str(n), opened_at=later(n)) for n in range(1, 5)))
    keep(store, incident(5, version=0, group="5", opened_at=later(5), by="U0DANA"))
    assert store.read(lambda tx: tx.opened(later(2), 2)) == (later(4), later(3))
    assert store.read(lambda tx: tx.opened(later(2), 9)) == (later(4), later(3), later(2))


def test_this_minutes_message_of_changes_is_found(store: Store) -> None:
    keep(store, Post(id="INC-1/changes/20260305T1200", incident="INC-1", channel="@incident", text="a"))
    keep(store, Post(id="INC-2/changes/20260305T1159", incident="INC-2", channel="@incident", text="b"))
    told = store.read(lambda tx: tx.told_changes([incident(1), incident(2)], NOON + minutes(0.9)))
    assert {id: post.text for id, post in told.items()} == {"INC-1": "a"}


def test_who_wants_to_hear_of_any_of_these_is_named_once(store: Store) -> None:
    eve, bob = (Subscription(user=who, topic="checkout", at=NOON) for who in ("U0EVE", "U0BOB"))
    keep(store, eve, bob, replace(eve, topic="INC-7"), Subscription(user="U0ALICE", topic="search", at=NOON))
    assert store.read(lambda tx: tx.subscribers(("INC-7", "checkout"))) == ("U0BOB", "U0EVE")
    keep(store, replace(bob, ended=True))
    assert store.read(lambda tx: tx.subscribers(("INC-7", "checkout"))) == ("U0EVE",)


def test_who_was_on_call_is_what_was_learned_last(store: Store) -> None:
    learned = Duty(id="search", people=("U1", "U2"), at=NOON, unknown=("Zoë",))
    keep(store, learned)
    keep(store, replace(learned, people=(), at=later(5)))
    assert store.read(lambda tx: tx.duty("search")) == replace(learned, people=(), at=later(5))
    assert store.read(lambda tx: tx.duty("other")) is None


def test_pages_are_read_by_their_incident_oldest_first(store: Store) -> None:
    first = Page(id="INC-7/page/1", incident="INC-7", to=("U1",), why="x", by="U2", at=NOON, turn_at=NOON)
    second = replace(first, id="INC-7/page/0", at=later(1), messages={"0": "D1/1.2"}, troubles=("y",))
    keep(store, first, second, replace(first, id="INC-8/page/1", incident="INC-8"))
    assert [page.id for page in store.read(lambda tx: tx.pages("INC-7"))] == [first.id, second.id]
    assert store.read(lambda tx: tx.page(second.id)) == replace(second, version=1)
    assert store.read(lambda tx: tx.find_page("INC-7/page/2")) is None
