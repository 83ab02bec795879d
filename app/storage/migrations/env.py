"""Alembic's entry: runs the revisions over the connection, and inside the transaction, that `app.storage.migrations` opened."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
