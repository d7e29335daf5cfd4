"""The status page in use: published, served, copied; and nothing else ever gets out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from bot.commands import Ask, Invalid, Submission
from bot.decision import Decision, ExportStatus, Modal, Proclaim
from bot.errors import ProviderError, Refused
from bot.model import (
    Assignment,
    Audience,
    Entry,
    EntryKind,
    Link,
    Message,
    Phase,
    Postmortem,
    Role,
    Severity,
    Update,
    Verdict,
)
from handlers import commands, outbox, status
from handlers.providers.places import Folder
from handlers.web import server
from handlers.world import World
from storage.store import Busy, Store, Tx
from tests.bot.status_values import BEGAN, POLICY
from tests.databases import memory_store
from tests.storage.helpers import keep
from tests.values import NOON, alert, change, incident

DANA = "U0DANA"
ATOM = {"a": "http://www.w3.org/2005/Atom"}


class Place:
    """Takes the copies, or fails."""

    def __init__(self) -> None:
        self.copies: list[Mapping[str, bytes]] = []
        self.trouble = ""

    def put(self, files: Mapping[str, bytes]) -> None:
        if self.trouble:
            raise ProviderError("the folder", self.trouble)
        self.copies.append(files)


class Desk:
    def __init__(self, store: Store) -> None:
        self.store, self.time, self.place = store, NOON, Place()
        self.world = World(
            store=store,
            chat=None,  # type: ignore[arg-type]
            rollouts={},
            policy=POLICY,
            now=self.now,
            exports={"folder": self.place},
            status_since=BEGAN,
        )
        self.http = TestClient(server.build(self.world, {}, "api", ready=lambda: ""), raise_server_exceptions=False)

    def now(self) -> datetime:
        return self.time

    def types(self, line: str) -> str:
        return str(commands.run(self.world, Ask(command="incident", text=line, by=DANA)).say)

    def copies(self) -> None:
        """What waits is copied. The outbox is drained of nothing else: there is no Slack here."""
        for job in self.store.claim(self.time, kinds=[ExportStatus.__name__], limit=5):
            outbox.work(self.world, job)

    def passes(self, **delta: float) -> None:
        self.time += timedelta(**delta)

    def json(self) -> Any:
        self.passes(seconds=5)  # what is served is a moment old
        return self.http.get("/status.json").json()


@pytest.fixture
def desk() -> Iterator[Desk]:
    store = memory_store()
    desk = Desk(store)
    yield desk
    desk.http.close()
    store.close()


# ---------------------------------------------------------------- published, served, copied


def test_what_is_published_is_served_and_copied(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    assert desk.json()["status"] == {"state": "operational", "text": "All systems operational"}
    said = desk.types('publish INC-7 --title "Payments fail" --on checkout=major Nobody can pay. We are on it.')
    assert said.startswith(
        "Customers can read it now. Checkout: major outage. :bulb: For the next one: Who is affected"
    )
    served = desk.json()
    (told,) = served["incidents"]
    assert (served["status"]["state"], told["title"], told["phase"]) == ("major", "Payments fail", "investigating")
    page = desk.http.get("/status")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'href="status/incidents/{told["id"]}.html"' in page.text
    own = desk.http.get(f"/status/incidents/{told['id']}.html")
    assert "Nobody can pay. We are on it." in own.text
    desk.copies()
    (copy,) = desk.place.copies
    assert set(copy) == {f"incidents/{told['id']}.html", "status.json", "feed.atom", "index.html"}
    assert list(copy)[-1] == "index.html", "what it links to is there before it"
    assert f'href="incidents/{told["id"]}.html"'.encode() in copy["index.html"]


def test_an_update_may_be_put_on_the_page_with_the_form_that_it_is_written_in(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    form = Ask(command="incident", text="update INC-7", by=DANA, trigger="t")
    view = commands.run(desk.world, form).say.view  # type: ignore[union-attr]
    assert "openly" in [block.get("block_id") for block in view["blocks"]]
    words = {
        "text": "Fixed soon.",
        "scope": "All cards",
        "changed": "secret",
        "phase": "identified",
        "openly": "openly",
    }

    def submits(subject: str, world: World = desk.world, **other: str) -> Any:
        sent = Submission(callback="incident.update", subject=subject, values=words | other, by=DANA)
        return commands.submit(world, sent).say

    seen = submits("INC-7|advised")  # what colleagues may read was looked through, and this is for everybody
    assert isinstance(seen, Modal)
    assert seen.view["private_metadata"] == "INC-7|openly"
    assert desk.json()["incidents"] == []
    with pytest.raises(Invalid) as named:
        submits("INC-7|openly", text="<@U0DANA> looks into it")
    assert "text" in named.value.errors
    careful = replace(desk.world, policy=replace(POLICY, approved=frozenset({Audience.PUBLIC})))
    with pytest.raises(Invalid, match="The commander has to agree"):
        submits("INC-7|openly", careful)
    assert "openly" not in str(commands.run(careful, form).say)
    assert desk.json()["incidents"] == [], "nothing was published by halves"
    assert "Customers can read it now." in submits("INC-7|openly")
    (told,) = desk.json()["incidents"]
    assert (told["title"], told["phase"]) == ("Trouble with Checkout", "identified")
    assert "Who is affected: All cards" in str(told)
    assert "secret" not in str(told)
    assert desk.store.read(lambda tx: tx.find_post("INC-7/public/1/told")) is None, "the channel has it already"


def test_resolving_tells_customers_nothing_until_somebody_does(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types("publish INC-7 Payments fail.")
    desk.types("resolve INC-7 took v42 back")
    assert desk.json()["incidents"][0]["resolved_at"] is None
    desk.types("publish INC-7 Payments work again.")
    over = desk.json()
    assert over["incidents"][0]["resolved_at"] == "2026-03-05T12:00:05Z"
    assert over["status"]["state"] == "operational"


def test_maintenance_is_announced_listed_and_called_off(desk: Desk) -> None:
    assert desk.types("maintenance") == "No maintenance is planned or under way."
    desk.types("maintenance search --from 22:00 --for 2h Search may be slow.")
    (planned,) = desk.json()["maintenance"]
    assert (planned["components"], planned["starts_at"]) == (["Search"], "2026-03-05T22:00:00Z")
    assert "MNT-1" in desk.types("maintenance")
    desk.types("maintenance end MNT-1")
    assert desk.json()["maintenance"] == []


def test_the_feed_has_every_word_once_under_an_id_that_stays(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types("maintenance search --from 22:00 Slow & <b>odd</b>.")
    for text in ("One.", "Two.", "Two."):
        desk.passes(minutes=1)
        desk.types(f"publish INC-7 {text}")
    desk.passes(seconds=5)
    first = desk.http.get("/status/feed.atom")
    assert first.headers["content-type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(first.content).findall("a:entry", ATOM)
    ids = [entry.findtext("a:id", namespaces=ATOM) for entry in entries]
    assert len(set(ids)) == 4
    assert entries[0].findtext("a:content", namespaces=ATOM, default="").endswith("Slow & <b>odd</b>.")
    desk.types("publish INC-7 Three.")
    desk.passes(seconds=5)
    later = ElementTree.fromstring(desk.http.get("/status/feed.atom").content).findall("a:entry", ATOM)
    assert set(ids) < {entry.findtext("a:id", namespaces=ATOM) for entry in later}


def test_a_crowd_of_readers_costs_what_one_does(desk: Desk) -> None:
    queries: list[str] = []
    event.listen(desk.store.engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    for _ in range(50):
        assert desk.http.get("/status").status_code == 200
    assert len([query for query in queries if "public_update" in query]) == 1


class Flaky:
    """A store whose database can be away."""

    def __init__(self, store: Store) -> None:
        self.store, self.away = store, False

    def read(self, ask: Callable[[Tx], Any]) -> Any:
        if self.away:
            raise Busy("connection to server at 10.1.2.3 failed for user wk")
        return self.store.read(ask)


def test_while_the_database_is_away_the_last_page_stays_and_nothing_of_it_is_told(desk: Desk) -> None:
    flaky = Flaky(desk.store)
    world = replace(desk.world, store=flaky)  # type: ignore[arg-type]
    with TestClient(server.build(world, {}, "api", ready=lambda: ""), raise_server_exceptions=False) as http:
        flaky.away = True
        answer = http.get("/status")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "10.1.2.3" not in answer.text
        flaky.away = False
        desk.passes(seconds=5)
        page = http.get("/status").text
        flaky.away = True
        desk.passes(minutes=1)
        assert http.get("/status").text == page
        assert "10.1.2.3" not in http.get("/api/dead-letters", headers={"authorization": "Bearer api"}).text


def test_without_a_section_there_is_no_page(desk: Desk) -> None:
    closed = replace(desk.world, policy=replace(POLICY, status=None))
    http = TestClient(server.build(closed, {}, "api", ready=lambda: ""))
    assert http.get("/status").status_code == 404
    assert "`status:` is not in the configuration" in http.get("/status").text
    with pytest.raises(Refused, match="no status page"):
        commands.run(closed, Ask(command="incident", text="maintenance", by=DANA))


def test_a_page_that_is_not_there_is_said_to_be_so(desk: Desk) -> None:
    assert desk.http.get("/status/incidents/2026-01-01-abcdef.html").status_code == 404


# ---------------------------------------------------------------- copies


def test_every_beat_is_a_new_copy_and_many_changes_are_one(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    for _ in range(3):
        status.beat(desk.world)
        desk.types("publish INC-7 Payments fail.")
    desk.copies()
    desk.copies()
    assert len(desk.place.copies) == 1
    desk.passes(minutes=1)
    status.beat(desk.world)
    desk.copies()
    assert b"12:01 UTC" in desk.place.copies[1]["index.html"]


def test_copies_that_fail_are_tried_on_and_told_once(desk: Desk) -> None:
    desk.place.trouble = "No space left on device"
    for _ in range(6):
        status.beat(desk.world)
        desk.copies()
        desk.passes(minutes=1)
    assert desk.store.dead() == [], "nobody has to retry it by hand"
    told = desk.store.claim(desk.time, kinds=[Proclaim.__name__], limit=5)
    assert [job.effect.subject for job in told] == ["status/folder/20260305T120000/failed"]
    desk.place.trouble = ""
    status.beat(desk.world)
    desk.copies()
    assert len(desk.place.copies) == 1
    export = desk.store.read(lambda tx: tx.export("folder"))
    assert export is not None
    assert (export.failures, export.trouble) == (0, "")


def test_what_is_over_keeps_its_bytes_so_it_is_not_copied_for_ever(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types("publish INC-7 --phase resolved It is over.")
    status.beat(desk.world)
    desk.copies()
    desk.passes(hours=1)
    status.beat(desk.world)
    desk.copies()
    first, second = desk.place.copies
    page = next(name for name in first if name.startswith("incidents/"))
    assert first[page] == second[page]
    assert first["index.html"] != second["index.html"]


# ---------------------------------------------------------------- nothing internal leaks

SECRETS = [
    "pay-db-7.internal",
    "10.4.7.11",
    "xoxb-12345",
    "hunter2",
    "Scully",
    "U0ALICE",
    "U0DANA",
    "C0INC7",
    "INC-7",
    "INC-8",
    "INC-9",
    "v42-rc1",
    "CheckoutErrorRatioHigh",
    "a7f3-group",
    "vault.corp",
    "oncall-payments",
    "SEV1",
    "SEV-1",
    "merger",
    "knight-capital",
    "postgres",
    "deploy/checkout",
    "blame",
    "runbook",
]


def recorded(store: Store) -> None:
    """An incident full of secrets, one that is private, and a drill."""
    who = {"by": "U0ALICE", "at": NOON}
    mine = {"incident": "INC-7"}
    keep(
        store,
        incident(
            7, version=0, title="pay-db-7.internal OOM at 10.4.7.11 (CheckoutErrorRatioHigh)", severity=Severity.SEV1,
            group="a7f3-group", impact="password hunter2", summary="Dana Scully did it", channel="C0INC7",
            channel_name="inc-7-postgres", by="U0ALICE", roles={"commander": "oncall-payments"},
        ),
        incident(8, version=0, group="", title="merger of the company", private=True),
        incident(9, version=0, group="", title="knight-capital", drill="knight-capital"),
        alert(title="CheckoutErrorRatioHigh", labels={"host": "10.4.7.11"}, runbook="https://vault.corp", **mine),
        change(version="v42-rc1", title="Dana Scully: fix postgres", url="https://vault.corp/deploy"),
        Assignment(role=Role.COMMANDER, user="U0ALICE", **mine, **who),
        Update(number=1, phase=Phase.IDENTIFIED, severity=Severity.SEV1, text="blame v42-rc1", **mine, **who),
        Link(change="deploy/checkout", verdict=Verdict.CAUSED, reasons=("postgres at 10.4.7.11",), **mine, **who),
        Message(channel="C0INC7", ts="1.1", user="U0ALICE", text="xoxb-12345, ask Dana Scully", at=NOON, **mine),
        Postmortem(markdown="# blame Dana Scully, hunter2", drafted_at=NOON, by="U0ALICE", **mine),
    )  # fmt: skip
    line = Entry(incident="INC-7", at=NOON, kind=EntryKind.NOTE, text="hunter2 at vault.corp", by="U0ALICE")
    store.decide(lambda tx, now: Decision(note=(line,)), NOON)


def test_nothing_internal_leaks(desk: Desk, tmp_path: Path) -> None:
    recorded(desk.store)
    desk.types("publish INC-7 Some payments fail. We are taking back our latest release.")
    desk.types("publish INC-7 --phase monitoring Payments work again.")
    for secret in ("INC-8", "INC-9"):
        with pytest.raises(Refused):
            desk.types(f"publish {secret} something")
    desk.types("maintenance search Search may be slow.")
    desk.passes(minutes=5)
    status.beat(desk.world)
    desk.copies()
    Folder(str(tmp_path)).put(desk.place.copies[-1])
    shown = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    (told,) = desk.json()["incidents"]
    for path in ("/status", "/status.json", "/status/feed.atom", f"/status/incidents/{told['id']}.html"):
        answer = desk.http.get(path)
        shown[path] = answer.text + json.dumps(dict(answer.headers))
    assert len(shown) == 8
    assert all("Payments work again." in text for text in shown.values()), "what was published is there"
    leaks = [(place, secret) for place, text in shown.items() for secret in SECRETS if secret.lower() in text.lower()]
    assert leaks == []


def test_what_becomes_private_is_gone_from_the_page(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types("publish INC-7 Payments fail.")
    desk.world.decide(lambda tx, now: Decision(save=(replace(tx.incident("INC-7"), private=True),)))
    assert desk.json()["incidents"] == []


def test_text_stays_text(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types('publish INC-7 --title "</title><script>alert(1)</script>" <img src=x onerror=alert(2)> & "quotes"')
    desk.passes(seconds=5)
    page = desk.http.get("/status").text
    assert "&lt;img src=x onerror=alert(2)&gt; &amp; &#34;quotes&#34;" in page
    assert page.count("<script>") == 1, "ours"
    assert "default-src &#39;none&#39;" in page


def test_a_page_needs_nothing_from_anywhere(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0))
    desk.types("publish INC-7 Payments fail.")
    desk.copies()
    for name, content in desk.place.copies[-1].items():
        if name.endswith(".html"):
            text = content.decode()
            assert "src=" not in text
            assert "@import" not in text
            assert "url(" not in text
            assert "stylesheet" not in text
