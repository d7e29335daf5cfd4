"""People who agree, object and press at once: the version of the request decides, and each gets an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from bot.approvals import approve, object_
from bot.decision import ActOnRollout, Decision
from bot.errors import Refused
from bot.model import Request, RequestState
from bot.rollouts import cancel, expire
from storage.store import Store, Tx
from tests.bot.rollout_values import in_flight, request
from tests.databases import Databases
from tests.storage.conftest import Open, together
from tests.storage.helpers import keep
from tests.values import NOON, incident, minutes

ID = request().id
PEOPLE = [f"U{n}" for n in range(8)]
ALLOWED = frozenset({"U0DANA", *PEOPLE})

Act = Callable[[Tx, datetime], Decision]


@pytest.fixture
def replicas(store: Store, open_store: Open) -> list[Store]:
    """SQLite serves one process, so there it is one store with many threads."""
    keep(store, incident(version=0), asked())
    return [store] if store.group else [store, open_store()]


def asked(approvals: int = 2) -> Request:
    return request(version=0, approvals=approvals, expires_at=NOON + minutes(15))


def agrees(by: str) -> Act:
    def think(tx: Tx, now: datetime) -> Decision:
        others = tx.open_requests("checkout", "production")
        return approve(tx.request(ID), in_flight(), tx.votes(ID), by=by, allowed=ALLOWED, others=others, now=now)

    return think


def objects(by: str) -> Act:
    return lambda tx, now: object_(tx.request(ID), "not now", by=by, allowed=ALLOWED, now=now)


def at_once(replicas: list[Store], acts: Sequence[Act], now: datetime = NOON) -> list[object]:
    """What each was answered: words, or the Refused that becomes words."""
    answers = together(len(acts), lambda n: replicas[n % len(replicas)].decide(acts[n], now).say)
    assert all(answer if isinstance(answer, str) else isinstance(answer, Refused) for answer in answers), answers
    return answers


def refused(answers: list[object]) -> list[str]:
    return [answer.why for answer in answers if isinstance(answer, Refused)]


def found(replicas: list[Store]) -> Request:
    return replicas[-1].read(lambda tx: tx.request(ID))


def acts_due(replicas: list[Store]) -> int:
    return sum(isinstance(job.effect, ActOnRollout) for job in replicas[0].claim(NOON, limit=99))


def test_two_who_approve_at_once_are_two_and_not_one(replicas: list[Store]) -> None:
    answers = at_once(replicas, [agrees("U1"), agrees("U2")])
    assert refused(answers) == []
    assert found(replicas).state is RequestState.CONFIRMED
    assert acts_due(replicas) == 1


def test_of_eight_who_approve_two_are_needed_and_the_others_are_told(replicas: list[Store]) -> None:
    answers = at_once(replicas, [agrees(by) for by in PEOPLE])
    assert len(refused(answers)) == 6
    # PostgreSQL may show the votes of a commit that the request was read just before.
    told = ("already confirmed by", "it needs no more approvals")
    assert all(any(words in why for words in told) for why in refused(answers))
    assert len(replicas[0].read(lambda tx: tx.votes(ID))) == 2
    assert acts_due(replicas) == 1


def test_a_double_press_counts_once(replicas: list[Store]) -> None:
    answers = at_once(replicas, [agrees("U1")] * 4)
    assert len(refused(answers)) == 3
    assert all("it needs 1 more approval, and not yours" in why for why in refused(answers))
    assert found(replicas).state is RequestState.PROPOSED
    assert [vote.user for vote in replicas[0].read(lambda tx: tx.votes(ID))] == ["U1"]


def test_the_last_approval_and_an_objection_never_both_count(replicas: list[Store]) -> None:
    replicas[0].decide(agrees("U1"), NOON)
    answers = at_once(replicas, [agrees("U2"), objects("U3")])
    (why,) = refused(answers)
    state = found(replicas).state
    assert (state, acts_due(replicas)) in ((RequestState.CONFIRMED, 1), (RequestState.CANCELLED, 0))
    assert ("already confirmed by <@U2>" if state is RequestState.CONFIRMED else "objected to: not now") in why


def test_the_last_approval_and_whoever_asked_and_leaves_never_both_count(replicas: list[Store]) -> None:
    replicas[0].decide(agrees("U1"), NOON)
    answers = at_once(replicas, [agrees("U2"), lambda tx, now: cancel(tx.request(ID), "U0DANA", now)])
    assert len(refused(answers)) == 1
    assert (found(replicas).state is RequestState.CONFIRMED) is (acts_due(replicas) == 1)


def test_the_end_of_the_time_and_an_approval_end_it_once(replicas: list[Store]) -> None:
    replicas[0].decide(agrees("U1"), NOON)
    late = NOON + minutes(15.1)

    def ends(tx: Tx, now: datetime) -> Decision:
        return replace(expire(tx.request(ID), now), say="ended")

    answers = at_once(replicas, [agrees("U2"), ends], late)
    assert found(replicas).state is RequestState.CANCELLED
    assert all("withdrawn" in why for why in refused(answers))
    assert acts_due(replicas) == 0
    noted = [entry.text for entry in replicas[0].read(lambda tx: tx.entries("INC-7")) if "withdrawn" in entry.text]
    assert len(noted) == 1


def test_two_requests_that_all_agree_to_act_once(replicas: list[Store]) -> None:
    """Consent is no reason to do two things to one rollout at once."""
    other = replace(asked(approvals=1), id="INC-7/rollback/checkout/2")
    keep(replicas[0], other)
    replicas[0].decide(agrees("U1"), NOON)

    def agrees_to(id: str, tx: Tx, now: datetime) -> Decision:
        others = tx.open_requests("checkout", "production")
        return approve(tx.request(id), in_flight(), tx.votes(id), by="U2", allowed=ALLOWED, others=others, now=now)

    answers = at_once(replicas, [partial(agrees_to, ID), partial(agrees_to, other.id)])
    (why,) = refused(answers)
    assert "still under way" in why
    assert acts_due(replicas) == 1


def test_who_agrees_while_another_does_thinks_again(databases: Databases, opened: Open) -> None:
    """Each would see one approval missing more than there is, and both would wait for ever."""
    url = databases.create("postgresql")
    here, there = opened(url), opened(url)
    keep(here, incident(version=0), asked())
    thoughts: list[Decision] = []

    def think(tx: Tx, now: datetime) -> Decision:
        seen, votes = tx.request(ID), tx.votes(ID)
        if not thoughts:
            there.decide(agrees("U2"), now)
        thoughts.append(approve(seen, in_flight(), votes, by="U1", allowed=ALLOWED, others=(), now=now))
        return thoughts[-1]

    here.decide(think, NOON)
    assert len(thoughts) == 2
    assert here.read(lambda tx: tx.request(ID)).state is RequestState.CONFIRMED
