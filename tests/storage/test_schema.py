"""The schema is what the migrations make of it, and what is stored keeps its names."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import fields
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.schema import CreateIndex, CreateTable

from bot.decision import Effect, Noun
from bot.model import Alert, Entry
from storage.migrating import configuration
from storage.rows import ROWS, table
from storage.schema import HEAD
from storage.store import Store
from storage.tables import Row
from tests.databases import DATABASES, Databases
from tests.storage.conftest import together


@pytest.fixture(params=DATABASES)
def empty(request: pytest.FixtureRequest, databases: Databases) -> str:
    return databases.create(request.param, migrated=False)


def using(url: str, work: Callable[[Store], object]) -> object:
    store = Store(url)
    try:
        return work(store)
    finally:
        store.close()


def test_the_migrations_make_the_tables(store: Store) -> None:
    with store.transactions.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Row.metadata) == []


def test_the_migrations_make_the_indexes_whole(store: Store, databases: Databases) -> None:
    """Alembic does not compare the conditions of partial indexes, on which the races hang."""
    fresh = Store(databases.create(store.engine.dialect.name, migrated=False))
    with fresh.transactions.writing() as connection:
        Row.metadata.create_all(connection)
        wanted = definitions(connection)
    fresh.close()
    with store.transactions.reading() as connection:
        assert definitions(connection) == wanted
    assert any("one_open_incident_per_group" in line for line in wanted)


def definitions(connection: Connection) -> set[str]:
    if connection.dialect.name == "postgresql":
        query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    else:
        query = "SELECT sql FROM sqlite_master WHERE type IN ('index', 'table') AND name NOT LIKE 'alembic%'"
    lines = (str(line or "") for line in connection.scalars(text(query)))
    # The order of the columns in a table is that of the class in both; quotes and spaces are taste.
    return {re.sub(r'[\s"]+', " ", line).replace("( ", "(").strip() for line in lines}


def test_migrating_twice_changes_nothing(empty: str) -> None:
    store = Store(empty)
    assert not store.is_current()
    store.migrate()
    assert store.is_current()
    store.migrate()
    assert store.is_current()
    store.close()


def test_the_newest_migration_is_known_without_alembic(store: Store) -> None:
    with store.transactions.reading() as connection:
        scripts = ScriptDirectory.from_config(configuration(connection))
    assert scripts.get_heads() == [HEAD]


def test_two_replicas_may_start_together(empty: str) -> None:
    assert together(3, lambda _: using(empty, lambda store: store.migrate())) == [None] * 3
    assert using(empty, lambda store: store.is_current())


def test_a_new_file_that_another_process_is_writing_is_waited_for(databases: Databases) -> None:
    """For the switch to write-ahead mode SQLite itself does not wait."""
    url = databases.create("sqlite", migrated=False)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.05, other.execute, ["ROLLBACK"])
    store = Store(url)
    event.listen(store.engine, "do_connect", lambda *_: release.start())
    store.ping()
    release.join()
    store.close()
    other.close()


def test_a_failed_migration_leaves_nothing_half_done(empty: str) -> None:
    """What stands in the way is a table of the same name as our last one."""
    store = Store(empty)
    with store.transactions.writing() as connection:
        connection.execute(text("CREATE TABLE tick (x INTEGER)"))
    with pytest.raises(Exception, match="tick"):
        store.migrate()
    with store.transactions.reading() as connection:
        assert inspect(connection).get_table_names() == ["tick"]
    store.close()


def test_a_database_of_a_newer_version_is_refused(empty: str) -> None:
    store = Store(empty)
    store.migrate()
    with store.transactions.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not store.is_current()
    with pytest.raises(ValueError, match="newer Watchkeeper"):
        store.migrate()
    store.close()


def test_a_database_that_was_never_migrated_says_what_to_do(empty: str) -> None:
    with pytest.raises(Exception, match="watchkeeper migrate"):
        using(empty, lambda store: store.read(lambda tx: tx.incidents()))


@pytest.mark.parametrize("noun", [*get_args(Noun), Entry], ids=lambda noun: noun.__name__)
def test_every_field_has_a_column(noun: type) -> None:
    """A field without a column would be forgotten without a word."""
    columns = {column.name for column in table(noun).c}
    assert columns - {"id"} == {field.name for field in fields(noun)} - {"id"}
    assert noun in ROWS


def test_no_column_has_a_default() -> None:
    """The nouns have them. Two places would disagree some day."""
    columns = [column for each in Row.metadata.tables.values() for column in each.c]
    assert [str(column) for column in columns if column.server_default or column.default] == []


def test_effect_names_are_a_stored_format() -> None:
    """Jobs of yesterday's version bear these names. To rename one, migrate the `kind` and `key` of the outbox."""
    assert {effect.__name__ for effect in get_args(Effect)} == {
        "ActOnRollout",
        "Announce",
        "Broadcast",
        "CallResponders",
        "CheckHeartbeat",
        "Deliver",
        "DraftPostmortem",
        "EndFreeze",
        "EndPoll",
        "EndPages",
        "EndSilence",
        "EscalatePage",
        "ExpireRequest",
        "ExportStatus",
        "FurnishChannel",
        "HandleEvent",
        "Instruct",
        "InviteResponders",
        "NameSuspects",
        "OpenChannel",
        "PlayDrill",
        "PlotRollout",
        "PollVendor",
        "PostCard",
        "Proclaim",
        "RemindRole",
        "RemindTask",
        "RemindUpdate",
        "RunProbe",
        "SendPage",
        "SendPost",
        "TellAway",
        "TellChanges",
        "TellReopened",
        "TellResolved",
        "SetGitOps",
        "SharePostmortem",
        "ShowMark",
        "ShowPoll",
        "ShowPage",
        "ShowPicture",
        "ShowHome",
        "PostCheckpoint",
        "ShowQuestion",
        "RemindQuestion",
        "ShowRequest",
        "ShowRollout",
        "VerifyFleet",
        "VerifyRollout",
        "WatchGitOps",
        "WatchRollout",
    }


def test_effects_hold_only_what_the_outbox_keeps() -> None:
    for effect in get_args(Effect):
        assert [field.name for field in fields(effect)] == ["subject", "due"], effect


def test_an_upgrade_keeps_the_data(store: Store) -> None:
    """The upgrade that there is: none. A later migration adds its own case here, with rows of before it."""
    with store.transactions.writing() as connection:
        connection.execute(text("INSERT INTO kept (name, value) VALUES ('a', 'b')"))
    store.migrate()
    assert store.remember("a", "c") == "b"


def test_the_tables_can_be_made_elsewhere() -> None:
    """Nothing in them needs one of our engines at hand."""
    engine = create_engine("sqlite://")
    assert all(str(CreateTable(each).compile(engine)) for each in Row.metadata.sorted_tables)
    assert all(str(CreateIndex(index).compile(engine)) for index in table(Alert).indexes)
    engine.dispose()
