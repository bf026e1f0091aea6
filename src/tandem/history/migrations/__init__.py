"""Versions of the history's tables, run by `tandem.history.database.migrate`. A published one is never changed."""
