"""What the tests of `tandem audit` do to SQL and to files, and how they ask for what it found."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner

from tandem.apps.cli import main

Found = list[dict[str, Any]]


def audited(data: Path, *arguments: str) -> tuple[int, Found, str]:
    done = CliRunner().invoke(main, ["audit", str(data), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def found_in(data: Path, *arguments: str) -> Found:
    code, found, told = audited(data, *arguments)
    assert code == 1, told
    return found


def run(data: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(data / "history.db", isolation_level=None)
    rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


def files_of(data: Path, table: str, day: str = "") -> list[Path]:
    return sorted(path for path in (data / "archive" / table).rglob("*.parquet") if f"day={day}" in str(path))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.ParquetFile(path).read().to_pylist()


def write_again(data: Path, path: Path, rows: list[dict[str, Any]]) -> None:
    """With checksum and counts as if it had been written so."""
    columns = [field for field in pq.ParquetFile(path).schema_arrow if field.name in rows[0]]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(columns)), path)
    name = str(path.relative_to(data / "archive"))
    for manifest in (data / "archive/manifests").iterdir():
        told = json.loads(manifest.read_text())
        for part in told["tables"].values():
            for file in part["files"]:
                if file["path"] == name:
                    content = path.read_bytes()
                    part["rows"] += len(rows) - file["rows"]
                    file |= {"rows": len(rows), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest.write_text(json.dumps(told))
