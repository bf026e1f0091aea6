"""Two databases of histories that must hold the same."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from tandem.history.database import database_url, open_engine
from tandem.history.schema import metadata

NAMES = tuple(metadata.tables)


class Twins(ABC):
    first: URL
    second: URL

    def differences(self, but: tuple[str, ...] = ()) -> dict[str, list[Any]]:
        """Rows that only one of them has, by table. `EXCEPT`, both ways; every table but these has to have rows."""
        found = {}
        engine = open_engine(self.first)
        with engine.begin() as connection:
            first, second = self._prefixes(connection)
            for name in (name for name in NAMES if name not in but):
                assert connection.execute(text(f"SELECT count(*) FROM {first}{name}")).scalar_one(), name
                # How far an archive reaches says nothing about what is told.
                rows = "SELECT cluster_id, seq, time_us, digest FROM" if name == "position" else "SELECT * FROM"
                for one, other in ((first, second), (second, first)):
                    extra = connection.execute(text(f"{rows} {one}{name} EXCEPT {rows} {other}{name}")).all()
                    if extra:
                        found[f"{one}{name}"] = extra[:3]
        engine.dispose()
        return found

    @abstractmethod
    def _prefixes(self, connection: Connection) -> tuple[str, str]: ...


class SqliteTwins(Twins):
    def __init__(self, directory: Path) -> None:
        self.first, self.second = (database_url("", directory / name) for name in ("first", "second"))
        for name in ("first", "second"):
            (directory / name).mkdir()

    def _prefixes(self, connection: Connection) -> tuple[str, str]:
        connection.connection.driver_connection.commit()
        connection.exec_driver_sql("ATTACH ? AS other", (self.second.database,))
        return "main.", "other."


class PostgresTwins(Twins):
    """Two schemas of one database."""

    def __init__(self, url: str) -> None:
        first = database_url(url, Path())
        engine = open_engine(first)
        with engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA other"))
        engine.dispose()
        self.first = first
        self.second = first.update_query_dict({"options": "-csearch_path=other"})

    def _prefixes(self, connection: Connection) -> tuple[str, str]:
        return "public.", "other."
