"""The door for senders: who may in, what is taken once, and what becomes of that which nobody understands."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from structlog.testing import capture_logs

from bot.decision import Decision
from bot.errors import Away, Refused
from bot.hearing import BEGINNING, KEPT, MOST, Odd, keep
from bot.model import Change
from bot.policy import Policy
from handlers import hearing
from handlers.hearing import Batch
from handlers.intake import SENDERS, Delivery, Sender, Source, deploys, generic
from handlers.intake.generic import Map
from handlers.intake.sender import header, unpacked
from handlers.together import Together
from handlers.web import hooks, server
from handlers.world import World
from storage.store import Busy, Store
from tests.databases import memory_store
from tests.signing import SIGNERS
from tests.values import NOON

API, SECRET = "api-token", "correct-horse"
DEPLOY = {"service": "checkout", "version": "v42", "status": "started", "at": NOON.isoformat()}


def fragile(delivery: Delivery) -> list[Change]:
    """A parser with a bug that can be mended."""
    if BROKEN:
        raise KeyError("release")
    return deploys.parse(delivery)


BROKEN: list[int] = []
WITH_ID = Sender(title="t", parse=fragile, auth="github", delivery=header("X-Request"), odd=202)


class Door:
    def __init__(self, store: Store) -> None:
        self.store, self.time = store, NOON
        self.fetched: list[str] = []
        self.world = World(store, None, {}, Policy(), self.now, fetch=self.fetch)  # type: ignore[arg-type]
        self.let(
            Source(name="ci", sender=WITH_ID, schemes=("github",), secrets=(SECRET,)),
            Source(name="deploys", sender=SENDERS["deploys"], secrets=(SECRET,)),
            Source(name="alertmanager", sender=SENDERS["alertmanager"], secrets=(SECRET,)),
        )

    def let(self, *sources: Source) -> None:
        self.sources = {source.name: source for source in sources}
        app = server.build(self.world, self.sources, API, ready=lambda: "")
        self.http = TestClient(app, raise_server_exceptions=False)

    def now(self) -> datetime:
        return self.time

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        raise Away("amazon", "no answer")

    def post(self, source: str, body: Any, **headers: str) -> Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if source.startswith("ci"):
            headers |= SIGNERS["github"](content, SECRET, self.time)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = {} if "authorization" in sent else {"authorization": f"Bearer {SECRET}"}
        return self.http.post(f"/hooks/{source}", content=content, headers=bearer | sent)

    def api(self, path: str, method: str = "GET") -> Any:
        answer = self.http.request(method, path, headers={"authorization": f"Bearer {API}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.store.read(lambda tx: tx.changes(NOON - timedelta(days=9), NOON + timedelta(days=9)))


@pytest.fixture
def door() -> Iterator[Door]:
    store = memory_store()
    BROKEN.clear()
    yield Door(store)
    store.close()


# ---------------------------------------------------------------- once


def test_the_same_request_again_does_nothing_and_says_so(door: Door) -> None:
    assert door.post("ci", DEPLOY, x_request="1").json() == {"accepted": 1}
    late = DEPLOY | {"status": "failed"}  # the id alone decides
    assert door.post("ci", late, x_request="1").json() == {"accepted": 0, "repeat": True}
    assert [change.status for change in door.changes] == ["started"]
    assert door.post("ci", late, x_request="2").json() == {"accepted": 1}
    assert [change.status for change in door.changes] == ["failed"]


def test_two_equal_requests_at_once_are_one(door: Door) -> None:
    facts = tuple(deploys.parse(Delivery(body=json.dumps(DEPLOY).encode(), now=NOON)))
    twin = tuple(replace(fact, status="failed") for fact in facts)  # type: ignore[call-overload]
    hearing.receive(door.world, [Batch(facts=facts, request="ci/1"), Batch(facts=twin, request="ci/1")])
    assert [change.status for change in door.changes] == ["started"]
    hearing.receive(door.world, [Batch(facts=twin, request="ci/1")])
    assert [change.status for change in door.changes] == ["started"]


def test_the_id_of_a_request_that_was_not_stored_is_not_kept(door: Door) -> None:
    assert door.post("ci", {"service": ""}, x_request="1").status_code == 202
    assert door.post("ci", DEPLOY, x_request="1").json() == {"accepted": 1}


def test_an_alertmanagers_repeats_are_counted_and_not_taken_for_the_same_request(door: Door) -> None:
    """Its bodies are equal byte by byte: so it says that the alert still fires."""
    body = {
        "groupKey": "g",
        "alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": NOON.isoformat()}],
    }
    for _ in range(3):
        assert door.post("alertmanager", body).json() == {"accepted": 1}
    (alert,) = door.store.read(lambda tx: tx.alerts(""))
    assert alert.count == 3


def test_begin_and_end_of_a_deploy_that_are_stored_together_keep_the_beginning(door: Door) -> None:
    end = DEPLOY | {"status": "succeeded", "at": (NOON + timedelta(minutes=5)).isoformat()}
    batches = [
        Batch(facts=tuple(deploys.parse(Delivery(body=json.dumps(body).encode(), now=NOON)))) for body in (DEPLOY, end)
    ]
    Together(lambda some: hearing.receive(door.world, some))(batches)
    (change,) = door.changes
    assert (change.status, change.at) == ("succeeded", NOON)


def test_a_deploy_of_the_year_2999_is_of_now_and_its_end_is_heard_all_the_same(door: Door) -> None:
    with capture_logs() as logs:
        door.post("deploys", DEPLOY | {"at": "2999-01-01T00:00:00Z"})
        door.time = NOON + timedelta(minutes=1)
        door.post("deploys", DEPLOY | {"status": "succeeded", "at": door.time.isoformat()})
    (change,) = door.changes
    assert (change.at, change.status) == (NOON, "succeeded")
    assert change.title == "dated 2999-01-01 00:00 UTC by deploys, taken for now"
    assert [line["source"] for line in logs if "later than now" in line["event"]] == ["deploys"]
    (shown,) = door.post("deploys?dry_run=1", DEPLOY | {"at": "2999-01-01T00:00:00Z"}).json()
    assert shown["at"] == "2026-03-05T12:01:00.000Z"


def test_an_alert_of_the_year_2999_fires_once(door: Door) -> None:
    """Taken for a time of its own with each repeat, it would be a new episode every minute."""
    fires = {"status": "firing", "labels": {"alertname": "A", "service": "s"}, "startsAt": "2999-01-01T00:00:00Z"}
    for minute in range(3):
        door.time = NOON + timedelta(minutes=minute)
        door.post("alertmanager", {"alerts": [fires]})
    (alert,) = door.store.read(lambda tx: tx.alerts(""))
    assert (alert.starts_at, alert.count) == (NOON, 3)


def test_ids_are_forgotten_after_a_while(door: Door) -> None:
    door.post("ci", DEPLOY, x_request="1")
    door.store.prune(NOON + timedelta(seconds=1))
    assert door.post("ci", DEPLOY, x_request="1").json() == {"accepted": 1}


# ---------------------------------------------------------------- who may in


def test_a_signed_source_takes_no_bearer(door: Door) -> None:
    answer = door.http.post("/hooks/ci", json=DEPLOY, headers={"authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 401
    assert "`X-Hub-Signature-256`" in answer.json()["detail"]
    assert SECRET not in answer.text
    assert door.changes == ()


def test_a_strangers_body_is_not_read_where_a_header_decides(door: Door) -> None:
    answer = door.http.post("/hooks/deploys", content=b"x" * 17 * 2**20, headers={"authorization": "Bearer no"})
    assert answer.status_code == 401  # and not 413


@pytest.mark.parametrize("address", [f"deploys/{SECRET}", f"deploys?token={SECRET}"])
def test_a_secret_in_the_address_opens_only_where_that_is_configured(door: Door, address: str) -> None:
    assert door.http.post(f"/hooks/{address}", json=DEPLOY).status_code == 401
    door.let(Source(name="deploys", sender=SENDERS["deploys"], schemes=("url",), secrets=(SECRET,)))
    assert door.http.post(f"/hooks/{address}", json=DEPLOY).status_code == 202
    assert door.http.post(f"/hooks/{address}x", json=DEPLOY).status_code == 401


def test_nobody_has_to_prove_anything_only_where_it_is_said_so(door: Door) -> None:
    door.let(Source(name="lab", sender=SENDERS["deploys"], schemes=()), Source(name="shut", sender=SENDERS["deploys"]))
    assert door.http.post("/hooks/lab", json=DEPLOY).status_code == 202
    answer = door.http.post("/hooks/shut", json=DEPLOY, headers={"authorization": "Bearer "})
    assert (answer.status_code, "closed until" in answer.text) == (401, True)


def test_a_token_that_is_kept_as_a_hash_opens_but_signs_nothing(door: Door) -> None:
    """The made token: nobody who reads the database can forge with what is kept there."""
    kept = f"sha256:{hashlib.sha256(SECRET.encode()).hexdigest()}"
    door.let(Source(name="ci", sender=WITH_ID, schemes=("bearer", "github"), secrets=(kept,)))
    body = json.dumps(DEPLOY).encode()
    assert door.http.post("/hooks/ci", content=body, headers=SIGNERS["github"](body, kept, NOON)).status_code == 401
    bearer = {"authorization": f"Bearer {SECRET}"}
    assert door.http.post("/hooks/ci", content=body, headers=bearer).status_code == 202


# ---------------------------------------------------------------- odd


def test_what_is_not_understood_is_kept_shown_and_replayed_after_a_fix(door: Door) -> None:
    BROKEN.append(1)
    with capture_logs() as logs:
        answer = door.post("ci", DEPLOY, x_request="1", x_api_key="hush")
    assert answer.status_code == 202
    assert any(line["event"] == "a sender's parser failed" for line in logs)
    (kept,) = door.api("/api/unparsed")
    assert (kept["source"], kept["count"], kept["truncated"]) == ("ci", 1, False)
    assert "a bug in Watchkeeper, reference" in kept["reason"]
    shown = door.api(f"/api/unparsed/{kept['id']}")
    assert json.loads(shown["body"]) == DEPLOY
    assert shown["headers"]["x-request"] == "1"
    assert not {"authorization", "x-hub-signature-256", "x-api-key"} & set(shown["headers"])
    assert "still not understood" in door.api(f"/api/unparsed/{kept['id']}/replay", "POST")["text"]
    assert "watchkeeper_unparsed 1.0" in door.http.get("/metrics").text

    BROKEN.clear()
    assert door.api(f"/api/unparsed/{kept['id']}/replay", "POST") == {
        "ok": True,
        "text": f"{kept['id']} is taken in now: 1 facts.",
    }
    assert [change.version for change in door.changes] == ["v42"]
    assert door.api("/api/unparsed") == []
    assert door.post("ci", DEPLOY, x_request="1").json()["repeat"]


def test_what_is_replayed_by_two_at_once_is_taken_in_once(door: Door) -> None:
    """One commit: neither is there anything between taking in and being replayed where a kill would double it."""
    BROKEN.append(1)
    door.post("ci", DEPLOY, x_request="1")
    BROKEN.clear()
    (kept,) = door.api("/api/unparsed")

    def another_was_faster() -> datetime:
        if not door.changes:
            hearing.replay(door.world, door.sources, kept["id"])
        return NOON

    with pytest.raises(Refused, match="already; nothing was changed"):
        hearing.replay(replace(door.world, now=another_was_faster), door.sources, kept["id"])
    lines = [entry for entry in door.store.read(lambda tx: tx.entries("")) if entry.source == kept["id"]]
    assert len(lines) == len(door.changes) == 1


def test_each_sender_gets_the_status_that_makes_it_do_the_right_thing(door: Door) -> None:
    assert door.post("deploys", b"{").status_code == 400
    assert door.post("ci", b"{").status_code == 202  # it would switch the hook off


def test_of_a_batch_the_good_is_stored_and_the_odd_kept_for_a_replay(door: Door) -> None:
    fires = {"labels": {"alertname": "A", "service": "s"}, "startsAt": NOON.isoformat()}
    for status in ("firing", "firing"):  # a sender that would try again until all of it is taken
        body = json.dumps({"groupKey": "g", "alerts": [{"status": status, **fires}, 7]}).encode()
        answer = door.post("alertmanager", gzip.compress(body), content_encoding="gzip")
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert [alert.count for alert in door.store.read(lambda tx: tx.alerts(""))] == [2]
    (kept,) = door.api("/api/unparsed")
    assert (kept["count"], kept["reason"]) == (
        2,
        "1 of 2 could not be read; alerts.1: this is not an alert: write an object, {…}",
    )
    assert f"1 fact stored, but {kept['reason']}. What could not be read is kept: " in answer.json()["detail"]
    assert kept["id"] in answer.json()["detail"]
    shown = door.api(f"/api/unparsed/{kept['id']}")
    assert json.loads(shown["body"]) == {"groupKey": "g", "alerts": [7]}
    assert "content-encoding" not in shown["headers"]
    assert "write an object" in door.api(f"/api/unparsed/{kept['id']}/replay", "POST")["text"]


@pytest.mark.parametrize("each", ["@", "events"])
def test_the_odd_of_a_batch_is_taken_in_once_its_words_are_known(door: Door, each: str) -> None:
    fields = {"key": "id", "title": "id", "status": "state"}
    items = [{"id": "a", "state": "firing"}, {"id": "b", "state": "ALARM"}]
    door.let(generic_source(Map(each=each, fields=fields)))
    answer = door.post("boiler", items if each == "@" else {"events": items})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (kept,) = door.api("/api/unparsed")
    said = door.api(f"/api/unparsed/{kept['id']}/replay", "POST")
    assert (said["ok"], "status 'ALARM' is none of firing" in said["text"]) == (False, True)
    door.let(generic_source(Map(each=each, fields=fields, statuses={"ALARM": "firing"})))
    assert door.api(f"/api/unparsed/{kept['id']}/replay", "POST")["ok"]
    assert {alert.key for alert in door.store.read(lambda tx: tx.alerts(""))} == {"boiler/a", "boiler/b"}
    assert door.api("/api/unparsed") == []


def generic_source(map_: Map) -> Source:
    return Source(name="boiler", sender=generic.sender(map_, "boiler"), secrets=(SECRET,))


def test_who_reads_the_answer_is_refused_though_the_good_is_stored(door: Door) -> None:
    """A pipeline's job should fail; Prometheus logs it and asks nobody again."""
    answer = door.post("deploys", [DEPLOY, DEPLOY | {"service": ""}])
    assert (answer.status_code, [change.service for change in door.changes]) == (400, ["checkout"])
    assert "item 2: this is not a deploy event: service: name the service" in answer.json()["detail"]
    (kept,) = door.api("/api/unparsed")
    assert kept["source"] == "deploys"


def test_a_batch_in_a_dry_run_shows_what_was_odd(door: Door) -> None:
    (deploy, odd) = door.post("deploys?dry-run=1", [DEPLOY, 7, 8]).json()
    assert (deploy["kind"], odd["kind"]) == ("change", "unparsed")
    assert odd["reason"].startswith("2 of 3 could not be read; item 2 (and item 3): this is not a deploy event")
    assert (door.changes, door.api("/api/unparsed")) == ((), [])


def test_the_same_odd_item_of_two_at_once_is_kept_once(door: Door) -> None:
    batch = hearing.understand(door.sources["deploys"], Delivery(body=json.dumps([DEPLOY, 7]).encode(), now=NOON))
    hearing.receive(door.world, [batch, batch])
    assert len(door.api("/api/unparsed")) == 1


def test_the_same_bytes_again_are_counted_and_not_kept_twice(door: Door) -> None:
    for minutes in (0, 5):
        door.time = NOON + timedelta(minutes=minutes)
        door.post("deploys", b"{")
    (kept,) = door.api("/api/unparsed")
    assert (kept["count"], kept["last_at"]) == (2, door.time.isoformat())


def test_of_a_huge_one_the_beginning_is_kept_and_never_replayed(door: Door) -> None:
    door.post("deploys", b'["' + b"x" * KEPT)
    (kept,) = door.api("/api/unparsed")
    assert (kept["truncated"], kept["bytes"]) == (True, BEGINNING)
    assert not door.api(f"/api/unparsed/{kept['id']}/replay", "POST")["ok"]


def test_a_flood_of_nonsense_does_not_fill_the_disk(door: Door) -> None:
    odd = [Odd(source="ci", body=b"%d" % n, headers={}, reason="r") for n in range(MOST)]
    door.world.decide(lambda tx, now: sum((keep(one, None, 0, now) for one in odd), Decision()))
    answer = door.post("ci", b"nonsense")
    assert (answer.status_code, "Too many wait already" in answer.text) == (400, True)
    assert len(door.api("/api/unparsed")) == MOST
    assert door.post("ci", b"7").status_code == 202  # that one is kept already
    answer = door.post("deploys", [DEPLOY, 7])
    assert "1 fact stored" in answer.text
    assert "is not kept: too many wait already" in answer.text
    assert len(door.changes) == 1


def test_looking_at_what_is_kept_takes_the_token(door: Door) -> None:
    door.post("deploys", b"{")
    assert door.http.get("/api/unparsed").status_code == 401
    assert door.http.get("/api/unparsed/U-1", headers={"authorization": f"Bearer {API}"}).status_code == 404


def test_a_dry_run_keeps_nothing(door: Door) -> None:
    assert door.post("deploys?dry_run=1", b"{").status_code == 400
    assert door.api("/api/unparsed") == []


# ---------------------------------------------------------------- bodies


def test_a_packed_body_a_form_and_a_byte_order_mark_are_read(door: Door) -> None:
    body = json.dumps(DEPLOY).encode()
    for sent, headers in [
        (gzip.compress(body), {"content_encoding": "gzip"}),
        (b"payload=" + body.replace(b" ", b"+"), {"content_type": "application/x-www-form-urlencoded"}),
        (b"\xef\xbb\xbf" + body, {"content_type": "text/plain; charset=UTF-16"}),
    ]:
        (fact,) = door.post("deploys?dry_run=1", sent, **headers).json()
        assert fact["version"] == "v42"


def test_a_decompression_bomb_is_refused(door: Door) -> None:
    bomb = gzip.compress(b"0" * (64 * 2**20))
    assert len(bomb) < 100_000
    answer = door.post("deploys", bomb, content_encoding="gzip")
    assert (answer.status_code, "unpacks to more than 16 MiB" in answer.text) == (400, True)
    assert len(unpacked(gzip.compress(b"0" * 1000))) == 1000
    for broken in (b"no gzip", gzip.compress(b"{}" * 1000)[:-9]):
        assert door.post("deploys", broken, content_encoding="gzip").status_code == 400


def test_brackets_in_texts_are_no_nesting(door: Door) -> None:
    assert door.post("deploys?dry_run=1", DEPLOY | {"title": '[{"\\' * 500}).status_code == 200
    deep = DEPLOY | {"title": json.loads("[" * 300 + "]" * 300)}
    assert "nested too deeply" in door.post("deploys?dry_run=1", deep).json()["detail"]


# ---------------------------------------------------------------- limits


def test_too_much_is_asked_to_come_again_and_nothing_accepted_is_lost(door: Door) -> None:
    door.let(Source(name="deploys", sender=SENDERS["deploys"], secrets=(SECRET,), per_minute=2))
    answers = [door.post("deploys", DEPLOY | {"version": f"v{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert answers[-1].headers["retry-after"] == "30"
    door.time += timedelta(seconds=30)
    assert door.post("deploys", DEPLOY | {"version": "v2"}).status_code == 202
    assert {change.version for change in door.changes} == {"v0", "v1", "v2"}


def test_a_put_is_taken_like_a_post(door: Door) -> None:
    """Grafana's contact point has both."""
    for query in ("", "?from=grafana"):
        answer = door.http.put(f"/hooks/deploys{query}", json=DEPLOY, headers={"authorization": f"Bearer {SECRET}"})
        assert answer.status_code == 202, answer.text


def test_a_stranger_uses_up_nobodys_share(door: Door) -> None:
    door.let(Source(name="deploys", sender=SENDERS["deploys"], secrets=(SECRET,), per_minute=1))
    for _ in range(5):
        assert door.post("deploys", DEPLOY, authorization="Bearer wrong").status_code == 401
    assert door.post("deploys", DEPLOY).status_code == 202


def test_a_source_may_be_kept_small(door: Door) -> None:
    door.let(Source(name="deploys", sender=SENDERS["deploys"], secrets=(SECRET,), largest=100))
    assert door.post("deploys", DEPLOY | {"title": "x" * 100}).status_code == 413


def test_no_token_is_logged_where_nothing_can_be_kept(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """Some senders have it in the address."""

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise Busy("the disk is full")

    store: Any = Away()
    door.world = replace(door.world, store=store)
    door.let(Source(name="deploys", sender=SENDERS["deploys"], schemes=("url",), secrets=(SECRET,)))
    assert door.http.post(f"/hooks/deploys/{SECRET}", json=DEPLOY).status_code == 503
    logged = capsys.readouterr().out
    assert "/hooks/deploys/…" in logged
    assert SECRET not in logged


def test_a_database_that_hangs_costs_no_sender_its_patience(tmp_path: Path) -> None:
    """Somebody else holds the file: the sender hears in time, and what it sends again is there once."""
    store = Store(f"sqlite:///{tmp_path / 'bot.db'}", patience=timedelta(seconds=30))
    store.migrate()
    source = Source(name="deploys", sender=SENDERS["deploys"], schemes=())
    world = World(store, None, {}, Policy(), lambda: NOON)  # type: ignore[arg-type]
    app = FastAPI()
    app.include_router(hooks.router(hooks.Door(world, {"deploys": source}, within=0.05)))
    http = TestClient(app)
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = http.post("/hooks/deploys", json=DEPLOY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "not known whether this was stored" in answer.json()["detail"]
        other.execute("ROLLBACK")
    app.router.routes.clear()
    app.include_router(hooks.router(hooks.Door(world, {"deploys": source})))
    assert http.post("/hooks/deploys", json=DEPLOY).status_code == 202
    assert len(store.read(lambda tx: tx.changes(NOON - timedelta(days=9), NOON + timedelta(days=9)))) == 1
    store.close()


# ---------------------------------------------------------------- as an Alertmanager


def test_prometheus_finds_an_alertmanager_only_where_it_is_asked_for(door: Door) -> None:
    alerts = [{"labels": {"alertname": "A", "service": "s"}, "startsAt": NOON.isoformat()}]
    bearer = {"authorization": f"Bearer {SECRET}"}
    assert door.http.post("/api/v2/alerts", json=alerts, headers=bearer).status_code == 404
    door.let(Source(name="prometheus", sender=SENDERS["prometheus"], secrets=(SECRET,), stands_in=True))
    assert door.http.get("/-/ready").text == "OK"
    assert door.http.get("/api/v2/status").json()["cluster"]["status"] == "disabled"
    assert door.http.post("/api/v2/alerts", json=alerts).status_code == 401
    assert door.http.post("/api/v2/alerts", json=alerts, headers=bearer).status_code == 200
    assert [alert.firing for alert in door.store.read(lambda tx: tx.alerts(""))] == [True]
    assert door.http.post("/api/v2/alerts", json={}, headers=bearer).status_code == 400
    mixed = [{"labels": {"alertname": "B"}}, {"labels": {}}, 7]
    assert door.http.post("/api/v2/alerts", json=mixed, headers=bearer).status_code == 400
    assert len(door.store.read(lambda tx: tx.alerts(""))) == 2, "Alertmanager keeps the valid ones, too"


# ---------------------------------------------------------------- as PagerDuty

TRIGGER = {
    "routing_key": SECRET,
    "event_action": "trigger",
    "payload": {"summary": "HTTP answers 503", "source": "web-1", "severity": "critical"},
}


def as_pagerduty(door: Door, *schemes: str) -> None:
    sender = SENDERS["pagerduty_events"]
    door.let(Source(name="old", sender=sender, schemes=schemes or (sender.auth,), secrets=(SECRET,), stands_in=True))


def test_a_monitor_finds_pagerduty_only_where_it_is_asked_for(door: Door) -> None:
    assert door.http.post("/v2/enqueue", json=TRIGGER).status_code == 404
    as_pagerduty(door)
    answer = door.http.post("/v2/enqueue", json=TRIGGER)
    key = answer.json()["dedup_key"]
    assert (answer.status_code, answer.json()) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": key},
    )
    assert door.http.post("/v2/enqueue", json=TRIGGER).json()["dedup_key"] == key
    resolve = {"routing_key": SECRET, "event_action": "resolve", "dedup_key": key}
    assert door.http.post("/v2/enqueue", json=resolve).json()["dedup_key"] == key
    (alert,) = door.store.read(lambda tx: tx.alerts("INC-1"))
    assert (alert.key, alert.firing) == (f"pagerduty_events/{key}", False)


def test_a_routing_key_in_the_body_or_the_header_opens_and_no_other(door: Door) -> None:
    as_pagerduty(door, "bearer", "pagerduty_events")
    bare = {name: value for name, value in TRIGGER.items() if name != "routing_key"}
    assert door.http.post("/v2/enqueue", json=bare).status_code == 401
    assert door.http.post("/v2/enqueue", json=bare | {"routing_key": ["x"]}).status_code == 401
    assert door.http.post("/v2/enqueue", json=TRIGGER, headers={"x-routing-key": "another"}).status_code == 401
    for headers in ({"x-routing-key": SECRET}, {"authorization": f"Bearer {SECRET}"}):
        assert door.http.post("/v2/enqueue", json=bare, headers=headers).status_code == 202


def test_what_a_stranger_posts_is_not_kept_though_it_cannot_be_read(door: Door) -> None:
    """The proof stands in the body, so a body that is no JSON proves nothing."""
    as_pagerduty(door)
    assert door.http.post("/v2/enqueue", content=b"{").status_code == 401
    assert door.api("/api/unparsed") == []


def test_of_an_odd_event_everything_is_kept_but_the_secret(door: Door) -> None:
    as_pagerduty(door)
    assert door.http.post("/v2/enqueue", json=TRIGGER | {"event_action": "explode"}).status_code == 400
    (kept,) = door.api("/api/unparsed")
    body = door.api(f"/api/unparsed/{kept['id']}")["body"]
    assert SECRET not in body
    assert json.loads(body) == TRIGGER | {"event_action": "explode", "routing_key": ""}
