"""Whoever changes the record is found out, on both engines: what is caught and named, and what is not."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from sqlalchemy import text

from bot import audits, receipts
from bot.audits import Audit, Pin
from bot.checkpoints import Key, Note, Unreadable, encoded, notes_in
from bot.decision import Card, Decision
from bot.merkle import Unproven
from bot.model import Entry, EntryKind
from bot.policy import Policy
from handlers import ledger, outbox
from handlers.sealing import BadKey, Signer, known, signer, verify
from handlers.world import Channel, World
from storage.store import Busy, Store, Tx
from tests.databases import memory_store
from tests.values import NOON, minutes

SECRET = bytes(range(32))
OTHER = Signer("watchkeeper", bytes(32))
ASLEEP = {
    "sqlite": ("DROP TRIGGER IF EXISTS entry_never_changes", "DROP TRIGGER IF EXISTS entry_never_goes"),
    "postgresql": ("SET LOCAL session_replication_role = replica",),
}


class Log:
    """A bot that only keeps its ledger."""

    def __init__(self, store: Store) -> None:
        self.store, self.time = store, NOON
        chat: Any = None
        self.world = World(
            store=store, chat=chat, rollouts={}, policy=Policy(), now=lambda: self.time, signer=Signer("shop", SECRET)
        )

    @property
    def signer(self) -> Signer:
        assert self.world.signer is not None
        return self.world.signer

    @property
    def key(self) -> Key:
        return self.signer.key

    def restart(self, **other: Any) -> None:
        """With what the database keeps, and another key if one is named."""
        self.world = replace(self.world, signer=replace(self.signer, signed=[], **other))

    def note(self, count: int, kind: EntryKind = EntryKind.ACTION) -> None:
        first = self.store.read(lambda tx: tx.ledger.count()) + 1
        lines = tuple(line(number, kind) for number in range(first, first + count))
        self.store.decide(lambda tx, now: Decision(note=lines), self.time)

    def seal(self, minute: float = 0) -> str:
        """The newest checkpoint after it."""
        self.time = max(self.time, NOON + minutes(minute))
        ledger.seal(self.world)
        made = self.store.read(lambda tx: tx.ledger.newest())
        return made.note if made else ""

    def tamper(self, *statements: str) -> None:
        """As somebody who owns the database."""
        with self.store.transactions.writing() as connection:
            for statement in (*ASLEEP[self.store.engine.dialect.name], *statements):
                connection.execute(text(statement))

    def verify(self, *pins: str) -> Audit:
        found = [pin for number, note in enumerate(pins) for pin in ledger.read_pins(f"pin {number}", note)]
        return self.store.read(lambda tx: ledger.verified(tx, [self.key], found))

    def receipt(self, *seqs: int) -> str:
        return self.store.read(lambda tx: ledger.receipt(tx, "INC-7", these(tx, seqs), [self.key]))

    def covered(self, *seqs: int) -> ledger.Covered:
        return self.store.read(lambda tx: ledger.covered(tx, these(tx, seqs), [self.key]))


def these(tx: Tx, seqs: Collection[int]) -> list[Entry]:
    return [entry for entry in tx.entries("INC-7") if entry.seq in seqs]


def line(number: int, kind: EntryKind = EntryKind.ACTION) -> Entry:
    return Entry(at=NOON, kind=kind, text=f"v{number} is rolled back – ü", by="U0DANA", incident="INC-7")


@pytest.fixture
def log() -> Iterator[Log]:
    store = memory_store()
    yield Log(store)
    store.close()


@pytest.fixture
def sealed(log: Log) -> Log:
    return filled(log)


@pytest.fixture
def anywhere(database: str) -> Iterator[Log]:
    """On each engine."""
    store = Store(database)
    yield filled(Log(store))
    store.close()


def filled(log: Log) -> Log:
    """300 entries, of which checkpoints cover 10, 30 and all."""
    for count, minute in ((10, 1), (20, 2), (270, 3)):
        log.note(count)
        log.seal(minute)
    return log


def first_wrong(audit: Audit) -> str:
    assert not audit.good
    return audit.wrong[0]


# ---------------------------------------------------------------- what holds


def test_what_was_noted_is_proved_and_what_is_newer_is_said(sealed: Log) -> None:
    sealed.note(17)
    audit = sealed.verify()
    assert audit.good
    proved, newer, unpinned = audits.lines(audit)
    assert proved.startswith(
        "✓ Entries 1 to 300 are unchanged since 2026-03-05 12:03 UTC, as far as the key can tell: "
    )
    assert f"key {sealed.key.short}" in proved
    assert newer.startswith("· 17 entries since then are not covered by a checkpoint yet")
    assert "signed it anew" in unpinned
    sealed.seal(4)
    pin = "> ```\n" + sealed.seal(4).replace("\n", "\n> ") + "```"  # as it is pasted from a chat
    assert audits.lines(sealed.verify(pin))[1:] == ["✓ pin 0: Entries 1 to 317 are as this checkpoint has seen them."]


def test_actions_are_sealed_at_once_and_the_rest_with_the_heartbeat(log: Log) -> None:
    assert log.seal() == ""  # of nothing there is nothing to sign
    log.note(1, EntryKind.NOTE)
    first = log.seal()
    log.note(1, EntryKind.NOTE)
    assert log.seal(359) == first
    assert log.seal(360) != first
    log.note(1)
    assert "\n3\n" in log.seal(361)
    assert len(log.store.read(lambda tx: tx.ledger.checkpoints())) == 3
    assert log.seal(361 + 360) == log.seal(361)  # the same entries: the same note, in a checkpoint of its own
    assert len(log.store.read(lambda tx: tx.ledger.checkpoints())) == 4


# ---------------------------------------------------------------- what is caught, and named


def test_a_line_that_was_edited_is_named(anywhere: Log) -> None:
    anywhere.tamper("UPDATE entry SET text = 'nicer' WHERE seq = 20")
    assert first_wrong(anywhere.verify()) == (
        "Entry 20 is not as checkpoint 2 has seen it, which was signed 2026-03-05 12:02 UTC."
    )


def test_the_first_bad_place_is_named_as_well_as_it_is_known(sealed: Log) -> None:
    sealed.tamper("UPDATE entry SET noted_at = at WHERE seq = 200", "UPDATE entry SET whom = 'U0BOB' WHERE seq = 250")
    assert first_wrong(sealed.verify()).startswith("Entry 200 is not as checkpoint 3 has seen it")
    sealed.tamper("UPDATE tile SET leaves = ''")
    assert first_wrong(sealed.verify()).startswith("Entries 31 to 256 are not as checkpoint 3 has seen them")
    sealed.tamper("UPDATE entry SET seq = 1000 WHERE seq = 20")
    assert first_wrong(sealed.verify()) == "Entry 20 is missing. What follows was not checked."


def test_lines_that_were_cut_off_are_named(anywhere: Log) -> None:
    early = anywhere.seal()
    anywhere.tamper("DELETE FROM entry WHERE seq > 290")
    assert first_wrong(anywhere.verify()).startswith(
        "Entries 291 to 300 are gone, which checkpoint 3 of 2026-03-05 12:03"
    )
    anywhere.tamper("DELETE FROM checkpoint WHERE number = 3")
    assert anywhere.verify().good  # only what stands elsewhere knows better
    assert first_wrong(anywhere.verify(early)) == "pin 0: Entries 291 to 300 are gone, which it has seen."


def test_what_was_rewritten_and_signed_anew_only_a_pin_can_show(anywhere: Log) -> None:
    """Whoever has the database and the key."""
    (first, second, pinned) = [made.note for made in anywhere.store.read(lambda tx: tx.ledger.checkpoints())]
    anywhere.tamper("DELETE FROM checkpoint", "DELETE FROM tile", "UPDATE entry SET text = 'nicer' WHERE seq = 20")
    anywhere.restart()
    anywhere.seal(4)
    audit = anywhere.verify()
    assert audit.good
    assert audits.lines(audit)[-1].startswith("· No checkpoint from elsewhere was given")
    assert anywhere.verify(first).good  # which ends before
    caught = anywhere.verify(first, second, pinned)
    assert caught.wrong == (
        "pin 1: Entries 11 to 30 are not as this checkpoint has seen them."
        " They were written and signed anew by somebody who has the key.",
        "pin 2: Entries 11 to 300 are not as this checkpoint has seen them."
        " They were written and signed anew by somebody who has the key.",
    )
    assert [pin.where for pin in caught.pins] == ["pin 0"]


def test_what_no_checkpoint_covers_is_not_noticed(sealed: Log) -> None:
    """The docs say so."""
    sealed.note(1)
    sealed.tamper("UPDATE entry SET text = 'nicer' WHERE seq = 301")
    assert sealed.verify().good


def test_the_ledgers_own_rows_are_not_believed(sealed: Log) -> None:
    kept = sealed.store.read(lambda tx: next(tx.ledger.tiles([0])))
    sealed.tamper("UPDATE tile SET leaves = ''")
    assert first_wrong(sealed.verify()).startswith("Tile 0 of the ledger was changed; the entries under it are as its")
    sealed.tamper(f"UPDATE tile SET leaves = '{kept.leaves}', hash = '{encoded(bytes(32))}'")
    assert first_wrong(sealed.verify()) == (
        "Tile 0 of the ledger was changed; the entries under it are as checkpoint 3 has them."
    )
    sealed.tamper("UPDATE checkpoint SET size = 29 WHERE number = 2")
    assert first_wrong(sealed.verify()) == "Checkpoint 2 was changed: its row does not say what was signed."
    sealed.tamper("DELETE FROM checkpoint WHERE number = 2")
    assert first_wrong(sealed.verify()) == "Checkpoint 2 is missing."
    sealed.tamper("UPDATE checkpoint SET note = 'nothing' WHERE number = 1")
    assert "Checkpoint 1 cannot be read: there is no checkpoint in it." in sealed.verify().wrong


def test_another_key_goes_on_only_where_the_former_is_named(sealed: Log, capsys: pytest.CaptureFixture[str]) -> None:
    before, old = sealed.seal(), sealed.key
    sealed.restart(secret=bytes(32))
    sealed.note(1)
    assert sealed.seal(4) == before
    assert "checkpoint 3 is not signed by" in capsys.readouterr().out
    sealed.restart(former=(old,))
    assert sealed.seal(4) != before
    assert first_wrong(sealed.verify()).endswith("checkpoint 1, 2, 3.")  # by the new key alone
    assert sealed.store.read(lambda tx: ledger.verified(tx, sealed.signer.keys, ())).good
    foreign = str(Signer("elsewhere", SECRET).sign(next(notes_in(before))))
    pins = ledger.read_pins("mail", foreign)
    assert "not signed by a key known here" in first_wrong(
        sealed.store.read(lambda tx: ledger.verified(tx, sealed.signer.keys, pins))
    )


# ---------------------------------------------------------------- what is never signed


def test_nothing_is_signed_that_does_not_go_on_from_what_was(sealed: Log, capsys: pytest.CaptureFixture[str]) -> None:
    before = sealed.seal()
    sealed.tamper("UPDATE entry SET text = 'nicer' WHERE seq = 299")
    sealed.note(1)
    assert sealed.seal(4) == before
    assert generate_latest().count(b"watchkeeper_ledger_broken 1.0") == 1
    assert "nothing is signed" in capsys.readouterr().out
    sealed.tamper("DELETE FROM entry WHERE seq > 290")
    assert sealed.seal(5) == before
    assert "entries 291 to 300 are gone" in capsys.readouterr().out


def test_what_was_signed_last_is_not_forgotten(sealed: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever removes checkpoints, without the key, so that a rewritten record is signed as if it were the first."""
    sealed.tamper("DELETE FROM checkpoint", "DELETE FROM tile", "UPDATE entry SET text = 'nicer' WHERE seq = 20")
    assert sealed.seal(4) == ""
    assert "the checkpoint over 300 entries that was signed last is gone" in capsys.readouterr().out
    forged = str(replace(OTHER, name="shop").sign(Note(origin="shop", size=320, root=bytes(32))))
    sealed.tamper(f"INSERT INTO checkpoint VALUES (1, 320, '{encoded(bytes(32))}', '{forged}', '2026-03-05 12:00:00')")
    assert sealed.seal(5) == forged
    assert "checkpoint 1 is not signed by" in capsys.readouterr().out


def test_what_could_not_be_committed_is_not_missed(sealed: Log) -> None:
    """The database is away for a moment, just as a checkpoint is to be kept."""

    class Away:
        read = sealed.store.read

        def decide(self, *args: Any, **kwargs: Any) -> Any:
            raise Busy("away")

    sealed.note(1)
    store: Any = Away()
    there, sealed.world = sealed.world, replace(sealed.world, store=store)
    with pytest.raises(Busy):
        sealed.seal(4)
    sealed.world = there
    assert sealed.seal(5).splitlines()[1] == "301"


def test_of_two_replicas_one_signs(sealed: Log) -> None:
    sealed.note(1)
    before, draft = sealed.store.read(lambda tx: ledger.drafted(tx, sealed.signer, sealed.time)) or (None, None)
    assert draft is not None
    sealed.seal(4)
    late = sealed.store.decide(
        lambda tx, now: ledger.ledger.sealed(tx.ledger.newest(), before, draft, draft.note("shop"), "#log", now), NOON
    )
    assert late == Decision()


class Room:
    """A channel that remembers what was posted there."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []

    def find_channel(self, name: str) -> Channel | None:
        return Channel(id="C0LOG", name=name) if name == "#log" else None

    def post(self, channel: str, card: Card, key: str, **_: Any) -> str:
        self.posts.append((channel, key))
        return "1.0"


def test_of_the_checkpoints_that_wait_the_newest_is_posted(log: Log) -> None:
    room: Any = Room()
    log.world = replace(log.world, chat=room, policy=Policy(ledger_channel="#log"))
    for minute in (1, 2):
        log.note(1)
        log.seal(minute)
    assert outbox.drain(log.world) == 2
    assert room.posts == [("C0LOG", "ledger/2")]
    log.world = replace(log.world, policy=Policy(ledger_channel="#gone"))
    log.note(1)
    log.seal(3)
    outbox.drain(log.world)
    assert [letter.error for letter in log.store.dead()] == ["Slack: I am not in #gone: invite me there, then retry"]


# ---------------------------------------------------------------- receipts


def test_a_receipt_proves_its_lines_without_the_database(sealed: Log) -> None:
    sealed.note(1)
    made = sealed.receipt(3, 200, 300, 301)
    checked = receipts.check(made, [sealed.key], ledger.read_pins("Slack", sealed.seal()), verify)
    assert checked.good
    assert checked.lines[0] == f"✓ 3 entries of INC-7 as they were signed by {sealed.key.short}."  # 301 is not sealed
    assert checked.lines[2] == "     200  2026-03-05T12:00:00Z  v200 is rolled back – ü"
    assert checked.lines[-1].startswith("· Slack: a checkpoint over 301 entries; only the log")
    assert receipts.check(made, [], [], verify).lines[-1].endswith(f"(--key). {sealed.key}")


def test_a_receipt_that_was_changed_proves_nothing(sealed: Log) -> None:
    made = sealed.receipt(200)
    nicer = receipts.check(made.replace("v200", "v299"), [sealed.key], [], verify)
    assert nicer.lines == ("✗ Entry 200: the leaf is not in this tree.",)
    assert receipts.check(made, [OTHER.key], [], verify).lines == (
        "✗ Entry 200: its checkpoint is not signed by the key.",
    )
    other = Pin(where="mail", note=replace(next(notes_in(sealed.seal())), root=bytes(32)))
    assert receipts.check(made, [], [other], verify).lines == ("✗ mail: over the same entries another root.",)
    for broken in ("{}", "[]", "no", json.dumps(json.loads(made) | {"key": "k"}), made.replace("index", "place")):
        with pytest.raises(Unreadable, match="this is no receipt"):
            receipts.check(broken, [], [], verify)


def test_there_is_no_receipt_for_what_does_not_fit(sealed: Log) -> None:
    with pytest.raises(Unproven, match=r"nothing of INC-7 is sealed yet"):
        sealed.receipt(301)
    sealed.tamper("UPDATE entry SET text = 'nicer' WHERE seq = 20")
    with pytest.raises(Unproven, match="entry 20 is not what it was when it was sealed"):
        sealed.receipt(20, 3)
    assert sealed.covered(3, 300).wrong == ""  # they are as they were
    sealed.note(1)
    broken = sealed.covered(3, 20, 301)
    assert (broken.sealed, broken.waiting, broken.wrong[:15]) == (2, 1, "entry 20 is not")


@pytest.mark.parametrize(
    "tampered",
    [
        "UPDATE entry SET text = 'nicer' WHERE seq = 299",
        "DELETE FROM entry WHERE seq = 270",
        f"UPDATE tile SET hash = '{encoded(bytes(32))}'",
        "DELETE FROM tile",
        "UPDATE tile SET leaves = ''",
        "UPDATE checkpoint SET note = 'nothing'",
        "UPDATE checkpoint SET note = replace(note, '300', '299')",
    ],
)
def test_what_a_proof_rests_on_is_looked_at_as_well(sealed: Log, tampered: str) -> None:
    assert sealed.covered(3).wrong == ""
    sealed.tamper(tampered)
    assert sealed.covered(3).wrong


# ---------------------------------------------------------------- exports


def test_an_export_is_verified_without_the_database(sealed: Log, tmp_path: Path) -> None:
    early = sealed.seal()
    assert sealed.store.read(lambda tx: ledger.exported(tx, sealed.key, tmp_path)) == 300
    audit = ledger.verified_export(tmp_path, [], ledger.read_pins("pin", early))
    assert (audit.good, audit.entries, len(audit.pins)) == (True, 300, 1)
    kept = (tmp_path / ledger.ENTRIES).read_text()
    (tmp_path / ledger.ENTRIES).write_text(kept.replace('"seq":20,', '"seq":20 ,'))  # one byte
    assert first_wrong(ledger.verified_export(tmp_path, [], [])).startswith("Entries 11 to 30 are not")
    (tmp_path / ledger.ENTRIES).write_text("no\n")
    with pytest.raises(Unreadable, match="a line that is no entry"):
        ledger.verified_export(tmp_path, [], [])
    (tmp_path / ledger.CHECKPOINTS).write_text("{}\n")
    with pytest.raises(Unreadable, match="was not written by"):
        ledger.verified_export(tmp_path, [], [])


# ---------------------------------------------------------------- the key


def test_the_key_is_made_once_or_given(log: Log) -> None:
    assert known("", log.store) is None
    made = signer("", "https://watch.example/bot", log.store)
    assert signer("", "https://elsewhere.example", log.store) == made == known("", log.store)
    assert made.name == "watch.example/bot"
    given = encoded(SECRET)
    assert signer(given, "", log.store).key.raw == Signer("x", SECRET).key.raw
    assert repr(SECRET) not in repr(signer(given, "", log.store))
    assert signer(f"{given} {log.key}", "", log.store).keys[1] == log.key
    for bad in ("short", f"{given} short"):
        with pytest.raises(BadKey, match=r"openssl rand .* that were used before"):
            signer(bad, "", log.store)
