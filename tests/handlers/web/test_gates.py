"""The door of the gates: who may ask, what is answered, and that no error ever opens one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import event
from structlog.testing import capture_logs

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.gates import ASKED, FORWARD, TOLD, Kind
from bot.model import Freeze
from bot.policy import GATES, Policy, Service, Target
from handlers import gates
from handlers.app import gate_url
from handlers.web import server
from handlers.web.gates import pass_of
from handlers.world import World
from storage.store import Busy, Store
from tests.databases import memory_store
from tests.storage.helpers import keep
from tests.story import Standing
from tests.values import NOON, incident

TOKEN, API, DANA = "hook", "api", "U0DANA"
POLICY = Policy(
    services={
        "checkout": Service(
            name="checkout",
            owners=(DANA,),
            rollout=Target(provider=GATES, cluster="", namespace="", name="checkout"),
        ),
        "reviews": Service(name="reviews", elsewhere={"staging": Service(name="reviews", environment="staging")}),
    },
)
FREEZE = Freeze(
    id="FRZ-1", scope="checkout/production", reason="sale", by=DANA, at=NOON, until=NOON + timedelta(hours=1)
)
FLAGGER = {
    "name": "checkout",
    "namespace": "shop",
    "phase": "Progressing",
    "checksum": "85d557f47b",
    "metadata": {"any": "thing", "nested": [1]},
}


@cache
def web() -> tuple[Standing, FastAPI]:
    """To build it takes longer than most tests here."""
    standing = Standing(World(None, None, {}, POLICY, lambda: NOON))  # type: ignore[arg-type]
    return standing, server.build(cast(World, standing), {}, API, ready=lambda: "", gate_tokens=(TOKEN, API))


class Door:
    def __init__(self, store: Store) -> None:
        self.store, self.time = store, NOON
        self.world = World(store, None, {}, POLICY, self.now)  # type: ignore[arg-type]
        standing, app = web()
        standing.world = self.world
        self.http = TestClient(app, raise_server_exceptions=False)

    def now(self) -> datetime:
        return self.time

    def path(self, gate: str, service: str = "checkout") -> str:
        return f"/gates/{service}/{gate}?pass={pass_of(service, TOKEN)}"

    def flagger(self, gate: str, body: Any = FLAGGER) -> Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        # A client of Go's sends no Accept of its own.
        return self.http.post(self.path(gate), content=content, headers={"accept": ""})

    def types(self, line: str, by: str = DANA) -> Any:
        ask = Ask(command="rollout", text=line, by=by)
        verb, words = ask.split()
        decision = gates.steered(self.world, ask, verb, words)
        assert decision is not None
        return decision.say

    def orders(self, verb: str = "rollback") -> None:
        self.types(f"{verb} checkout --at {FLAGGER['checksum']}")


@pytest.fixture
def door() -> Iterator[Door]:
    store = memory_store()
    door = Door(store)
    yield door
    door.http.close()
    store.close()


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("gate", FORWARD)
def test_open_is_200_and_closed_is_403_with_the_reason(door: Door, gate: str) -> None:
    """Flagger retries 5xx and 429, and puts the text of a refusal into its events."""
    assert door.flagger(gate).status_code == 200
    keep(door.store, incident(7, version=0))
    answer = door.flagger(gate)
    assert answer.status_code == 403
    assert answer.text == f"{gate} of checkout is closed: INC-7 (SEV2) is open for checkout\n"


def test_a_pipeline_asks_with_curl(door: Door) -> None:
    asked = {"authorization": f"Bearer {TOKEN}", "accept": "*/*"}
    answer = door.http.get("/gates/checkout/deploy?checksum=v43", headers=asked)
    assert (answer.status_code, answer.text) == (200, "deploy of checkout is open: nothing holds it\n")


def test_json_for_those_who_ask_for_it(door: Door) -> None:
    keep(door.store, incident(7, version=0))
    told = door.http.get(door.path("deploy"), headers={"accept": "application/json"})
    assert told.status_code == 403
    assert told.json() == {
        "open": False,
        "service": "checkout",
        "environment": "production",
        "gate": "deploy",
        "checksum": "",
        "why": "INC-7 (SEV2) is open for checkout",
    }


def test_trap_an_error_status_is_an_error_of_the_measurement_to_argo(door: Door) -> None:
    keep(door.store, incident(7, version=0))
    told = door.http.get(door.path("confirm-promotion") + "&metric=1")
    assert (told.status_code, told.json()["open"]) == (200, False)


def test_an_empty_post_asks_for_no_revision_in_particular(door: Door) -> None:
    assert door.http.post(door.path("deploy")).status_code == 200


# ---------------------------------------------------------------- who may ask


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("?pass=", {}, 401),
        (f"?pass={pass_of('payments', TOKEN)}", {}, 401),
        (f"?pass={pass_of('checkout', API)}", {}, 401),
        ("", {"authorization": "Bearer nonsense"}, 401),
        (f"?pass={pass_of('checkout', TOKEN)}", {}, 200),
        ("", {"authorization": f"Bearer {TOKEN}"}, 200),
        ("", {"authorization": f"Bearer {API}"}, 200),
    ],
)
def test_who_may_ask(door: Door, query: str, headers: dict[str, str], status: int) -> None:
    for ask in (door.http.get, door.http.post):
        assert ask(f"/gates/checkout/deploy{query}", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("reviews", "reviews", 403),
        ("reviews/production", "reviews", 403),
        ("reviews/staging", "reviews/staging", 200),
        ("reviews", "reviews/staging", 401),
        ("reviews/production", "reviews/staging", 401),
        ("reviews/staging", "reviews", 401),
    ],
)
def test_a_key_of_staging_opens_nothing_in_production(door: Door, path: str, key: str, status: int) -> None:
    """Only the gates of production are closed, by its incident, and each is asked with its own key."""
    keep(door.store, incident(7, version=0, service="reviews"))
    for ask in (door.http.get, door.http.post):
        answer = ask(f"/gates/{path}/deploy?pass={pass_of(key, TOKEN)}", headers={"accept": "text/plain"})
        assert answer.status_code == status
    kept = door.store.read(
        lambda tx: [gate.called for place in ("production", "staging") for gate in tx.gates("reviews", place)]
    )
    assert kept == {200: ["reviews staging"], 403: ["reviews"], 401: []}[status]


def test_the_url_of_a_gate_says_where_it_is() -> None:
    assert gate_url("https://bot", "", "reviews", "production", "deploy") == "https://bot/gates/reviews/deploy"
    url = gate_url("https://bot", TOKEN, "reviews", "staging", "deploy")
    assert url == f"https://bot/gates/reviews/staging/deploy?pass={pass_of('reviews/staging', TOKEN)}"


def test_without_a_token_every_gate_is_closed_to_all(door: Door) -> None:
    app = server.build(door.world, {}, "", ready=lambda: "", gate_tokens=())
    with TestClient(app) as http:
        assert http.get(f"/gates/checkout/deploy?pass={pass_of('checkout', '')}").status_code == 401


def test_what_is_not_there_names_the_nearest(door: Door) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = door.http.get("/gates/chekout/deploy", headers=headers)
    assert (answer.status_code, "Did you mean checkout?" in answer.text) == (404, True)
    answer = door.http.get("/gates/reviews/stagin/deploy", headers=headers)
    assert (answer.status_code, "Did you mean staging?" in answer.text) == (404, True)
    answer = door.http.get("/gates/checkout/confirm-promote", headers=headers)
    assert (answer.status_code, "Did you mean confirm-promotion?" in answer.text) == (404, True)
    assert door.http.get("/gates/chekout/deploy").status_code == 401  # strangers learn nothing


# ---------------------------------------------------------------- no error opens one

UGLY = [b"{", b"[]", b"null", b"1", b'"x"', b'{"phase": 1}', b'{"checksum": null}', b"\xff", b'{"checksum": "a b"}']


@pytest.mark.parametrize("body", UGLY)
def test_a_body_that_is_none_is_400(door: Door, body: bytes) -> None:
    for gate in ASKED:
        answer = door.flagger(gate, body)
        assert answer.status_code == 400
        assert "Nothing was stored" in answer.json()["detail"]


@pytest.mark.parametrize("body", UGLY)
def test_where_nothing_is_asked_junk_closes_nothing(door: Door, body: bytes) -> None:
    for gate in TOLD:
        answer = door.flagger(gate, body)
        assert answer.status_code == 200
        assert "was not understood" in answer.text
    assert door.store.read(lambda tx: tx.gates("checkout", "production")) == ()


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_another_method_is_told_all_that_a_gate_takes(door: Door, method: str) -> None:
    answer = door.http.request(method, door.path("deploy"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert "takes GET and POST only" in answer.json()["detail"]


# ---------------------------------------------------------------- looked at


def test_a_check_of_what_only_asks_has_a_verdict_for_each_verb(door: Door) -> None:
    door.flagger(Kind.ROLLBACK)
    door.flagger(Kind.PROMOTION)
    keep(door.store, incident(7, version=0), FREEZE)
    card = as_text(door.types("check checkout"))
    assert "Pause: SAFE" in card
    assert "Resume: BLOCKED" in card
    assert "Promote: BLOCKED" in card
    assert "FRZ-1 freezes checkout" in card
    assert "although INC-7 (SEV2) is open for checkout" in card
    assert "Roll back: SAFE" in card
    assert "Pause" not in as_text(door.types("check checkout rollback"))


def test_a_rollback_is_previewed_without_what_holds_the_way_forward(door: Door) -> None:
    door.flagger(Kind.ROLLBACK)
    keep(door.store, FREEZE)
    assert "FRZ-1" not in as_text(door.types("rollback checkout"))


@pytest.mark.parametrize("gate", Kind)
def test_without_the_database_every_gate_is_closed(door: Door, gate: str) -> None:
    door.flagger(gate)
    door.flagger(Kind.ROLLBACK)
    door.orders()

    def away(*_: object) -> None:
        raise Busy("the disk is gone")

    event.listen(door.store.engine, "before_cursor_execute", away)
    assert door.flagger(gate).status_code == 503
    event.remove(door.store.engine, "before_cursor_execute", away)
    assert door.flagger(Kind.ROLLBACK).status_code == 200  # and the order was not lost


def test_trap_an_order_whose_use_cannot_be_kept_is_not_given(door: Door) -> None:
    """Read is not enough: what is not committed might be told twice."""
    door.flagger(Kind.ROLLBACK)
    door.orders()

    def full(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE gate_pass"):
            raise Busy("the disk is full")

    event.listen(door.store.engine, "before_cursor_execute", full)
    assert door.flagger(Kind.ROLLBACK).status_code == 503
    event.remove(door.store.engine, "before_cursor_execute", full)
    assert door.flagger(Kind.ROLLBACK).status_code == 200
    assert door.flagger(Kind.ROLLBACK).status_code == 403


@pytest.mark.parametrize("error", [RuntimeError("bug"), LookupError("gone"), Busy("away")])
def test_a_bug_opens_no_gate(error: Exception) -> None:
    class Broken:
        def read(self, _: object) -> None:
            raise error

    world = World(Broken(), None, {}, POLICY, lambda: NOON)  # type: ignore[arg-type]
    app = server.build(world, {}, API, ready=lambda: "", gate_tokens=(TOKEN,))
    http = TestClient(app, raise_server_exceptions=False)
    with capture_logs():
        for gate in Kind:
            where = f"/gates/checkout/{gate}?pass={pass_of('checkout', TOKEN)}"
            assert http.post(where, json=FLAGGER).status_code >= 500
            assert http.get(f"{where}&metric=1").status_code >= 500
    http.close()


def test_the_rollback_gate_takes_no_part_in_metrics(door: Door) -> None:
    assert door.http.get(door.path("rollback") + "&metric=1").status_code == 403


# ---------------------------------------------------------------- steered


def test_a_canary_is_held_let_through_once_and_rolled_back(door: Door) -> None:
    assert door.flagger("confirm-traffic-increase").status_code == 200
    door.types("pause checkout looks odd", by="U0ANYBODY")
    assert door.flagger("confirm-traffic-increase").status_code == 403
    door.orders("promote")
    assert [door.flagger("confirm-traffic-increase").status_code for _ in range(3)] == [200, 403, 403]
    door.orders("resume")
    assert door.flagger("confirm-traffic-increase").status_code == 200
    assert door.flagger("rollback").status_code == 403
    door.orders()
    assert [door.flagger("rollback").status_code for _ in range(2)] == [200, 403]


def test_an_order_nobody_comes_for_lapses(door: Door) -> None:
    door.flagger("rollback")
    door.orders()
    door.time += timedelta(hours=1)
    assert door.flagger("rollback").status_code == 403


def test_a_plain_read_writes_nothing(door: Door) -> None:
    door.flagger("confirm-promotion")
    wrote: list[str] = []

    def see(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if not statement.startswith(("SELECT", "BEGIN")):
            wrote.append(statement)

    event.listen(door.store.engine, "before_cursor_execute", see)
    for _ in range(5):
        door.flagger("confirm-promotion")
    assert wrote == []
    door.flagger("confirm-promotion", FLAGGER | {"phase": "WaitingPromotion"})
    assert wrote
