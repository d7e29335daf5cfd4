"""What the page of an incident proves of its lines, computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from bot import receipts
from bot.checkpoints import note_of
from bot.decision import Decision
from bot.model import Entry, EntryKind
from handlers import ledger
from handlers.sealing import Signer, verify
from handlers.web.signin import Entrance
from tests.databases import memory_store
from tests.handlers.web.test_incidents import TOKEN, Desk, busy
from tests.storage.helpers import keep
from tests.values import NOON, incident

SECRET = bytes(range(32))
KEY = Signer("shop", SECRET).key


@pytest.fixture
def desk() -> Iterator[Desk]:
    store = memory_store()
    desk = Desk(store, Entrance(token=TOKEN))
    desk.world = replace(desk.world, signer=Signer("shop", SECRET))
    desk.http = desk.open(desk.world)
    busy(store)
    yield desk
    desk.http.close()
    store.close()


def note(desk: Desk, kind: EntryKind, incident: str = "INC-7") -> None:
    entry = Entry(at=NOON, kind=kind, text="line", by="U0DANA", incident=incident)
    desk.store.decide(lambda tx, now: Decision(note=(entry,)), NOON)


def proof(desk: Desk) -> str:
    page = desk.get("/incidents/INC-7")
    return " ".join(page[page.index('id="proof"') :].split())


def test_the_page_says_what_is_proved_and_what_is_newer(desk: Desk) -> None:
    desk.sign_in()
    assert "Not yet sealed</b> 3 lines wait for the next checkpoint." in proof(desk)
    assert desk.http.get("/incidents/INC-7/receipt.json").status_code == 409
    assert desk.http.get("/ledger/checkpoint").status_code == 404
    ledger.seal(desk.world)
    assert "Proved just now</b> 3 of 3 lines" in proof(desk)
    note(desk, EntryKind.NOTE)
    said = proof(desk)
    assert "3 of 4 lines of the record are as they were when the checkpoint was signed. 1 is newer" in said
    assert "1, signed <time" in said
    assert KEY.short in said
    assert note_of(desk.get("/ledger/checkpoint")).size == 3
    assert "watchkeeper_ledger_entries_sealed 3.0" in desk.get("/metrics")

    got = desk.http.get("/incidents/INC-7/receipt.json")
    assert got.headers["content-disposition"] == 'attachment; filename="INC-7-receipt.json"'
    checked = receipts.check(got.text, [KEY], [], verify)
    assert checked.lines[0].startswith("✓ 3 entries of INC-7")
    assert desk.http.get("/incidents/INC-99/receipt.json").status_code == 404


def test_a_line_that_was_changed_is_not_proved(desk: Desk) -> None:
    desk.sign_in()
    ledger.seal(desk.world)
    with desk.store.transactions.writing() as connection:
        connection.execute(text("DROP TRIGGER entry_never_changes"))
        connection.execute(text("UPDATE entry SET text = 'nicer' WHERE seq = 2"))
    said = proof(desk)
    assert "Not proved</b> The ledger has another root than the one that was signed." in said
    assert "receipt.json" not in said
    assert "another root" in desk.http.get("/incidents/INC-7/receipt.json").json()["detail"]


def test_nobody_sees_it_without_signing_in_and_private_is_private(desk: Desk) -> None:
    ledger.seal(desk.world)
    for path in ("/ledger/checkpoint", "/incidents/INC-7/receipt.json"):
        assert desk.http.get(path).status_code == 303
    desk.sign_in()
    keep(desk.store, incident(8, version=0, group="", private=True))
    note(desk, EntryKind.ACTION, "INC-8")
    ledger.seal(desk.world)
    assert desk.http.get("/incidents/INC-8/receipt.json").status_code == 404


def test_without_a_ledger_there_is_no_proof(desk: Desk) -> None:
    desk.http = desk.open(replace(desk.world, signer=None))
    desk.sign_in()
    assert 'id="proof"' not in desk.get("/incidents/INC-7")
    assert desk.http.get("/incidents/INC-7/receipt.json").status_code == 404
