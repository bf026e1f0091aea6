"""A page of rows. From SQLite as one JSON text, which it makes and one call reads.

Row by row its driver takes the interpreter's lock and gives it back for each of them, and the loop that serves orders
waits for it as often. PostgreSQL's has them all at once.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Boolean, Connection, Select, Text, func, select

Field = tuple[str, type, bool]
"""(name, type, whether it may be None)"""
SUBQUERY = "page"


def fetch(connection: Connection, query: Select[Any]) -> list[Any]:
    """In the order of `query`. A row's columns are read by place and by name."""
    if connection.dialect.name != "sqlite":
        return list(connection.execute(query).all())
    page = query.subquery(SUBQUERY)
    columns = list(page.c)
    found = connection.execute(select(func.json_group_array(func.json_array(*columns)))).scalar_one()
    fields = tuple((c.name, _type_of(c.type), bool(getattr(c, "nullable", True))) for c in columns)
    return _decoder(fields).decode(found)


def _type_of(declared: Any) -> type:
    if isinstance(declared, Boolean):
        return bool
    return str if isinstance(declared, Text) else int


@cache
def _decoder(fields: Sequence[Field]) -> msgspec.json.Decoder[list[Any]]:
    """SQLite's flags are 0 and 1, and its large integers text."""
    row = NamedTuple("Row", [(name, of | None if is_optional else of) for name, of, is_optional in fields])  # type: ignore[misc]
    return msgspec.json.Decoder(list[row], strict=False)
