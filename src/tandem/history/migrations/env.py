"""Called by Alembic: runs the versions on the connection that `migrate` gave it, in one transaction."""

from alembic import context

from tandem.history.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
