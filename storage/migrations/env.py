"""Runs migrations in the transaction that `storage.store` has opened."""

from __future__ import annotations

from alembic import context

from storage.tables import Row


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Row.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
