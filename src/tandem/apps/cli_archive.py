"""The commands over an exchange's history: archive, query, audit. They read what `tandem serve` writes down."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from tandem.apps.cli_operator import DATA, Examples, fail
from tandem.domain.errors import Fault
from tandem.platform import settings
from tandem.platform.engine import EngineError

ARCHIVE = "archive"

DIRECTORY = click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
DATABASE = click.option(
    "--database", default="", help="postgresql://user@host/name, if not SQLite.  [default: history.db in the directory]"
)
PLACE = click.option(
    "--archive",
    "place",
    default="",
    help="A directory, or s3://bucket/prefix?region=...  [default: archive in the directory]",
)


CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file; its [history] names database and archive.",
)


class Day(click.ParamType[date]):
    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day like 2026-11-20", param, ctx)


@click.command(
    cls=Examples,
    examples=(
        "tandem archive data",
        "tandem archive data --until 2026-11-20",
        "tandem archive data --archive 's3://my-bucket/exchange?region=eu-central-1'",
        "tandem archive data --prune --keep-days 30",
    ),
)
@DIRECTORY
@PLACE
@DATABASE
@CONFIG
@click.option("--until", type=Day(), help="The last day to write.  [default: yesterday, in UTC]")
@click.option("--prune", "is_pruning", is_flag=True, help="Then take old days out of SQL.")
@click.option("--keep-days", type=click.IntRange(0), help="With --prune: how many days that ended stay in SQL.")
def archive(
    directory: Path,
    place: str,
    database: str,
    config: Path | None,
    until: date | None,
    is_pruning: bool,
    keep_days: int | None,
) -> None:
    """Write all days of DIRECTORY's history that ended and are not archived yet, as Parquet files.

    It may be stopped at any time and run again. A day has ended once a command of a later day has been told. With
    --prune old rows leave SQL, only such that are read back from the archive first; the API does not answer for them
    any more, `tandem query` does.
    """
    from tandem.apps.archiving import archive as write
    from tandem.apps.archiving import prune
    from tandem.archive.place import Place
    from tandem.history.database import database_url
    from tandem.history.prune import Pruner

    if is_pruning != (keep_days is not None):
        raise click.UsageError("--prune and --keep-days go together")
    chosen = _chosen(config, directory, place, database)
    with _faults(), _exporting(directory, chosen.database) as exporter:
        target = Place(chosen.archive)
        if not write(exporter, target, until=until, note=_tell):
            _tell("no day to archive: a day has ended once a command of a later day has been told")
        if keep_days is not None:
            pruner = Pruner(database_url(chosen.database, directory))
            try:
                if not prune(exporter, pruner, target, keep_days, note=_tell):
                    _tell(f"nothing leaves SQL: the last {keep_days} days that ended stay, by the log's clock")
            finally:
                pruner.close()


@click.command(
    cls=Examples,
    examples=(
        "tandem query \"SELECT market, volume, quote_volume FROM daily WHERE day = '2026-11-20'\"",
        'tandem query "SELECT time, market, side, price, qty, fee, fee_asset FROM fills WHERE account = 2"',
        'tandem query "SELECT cause, asset, sum(amount) FROM ledger GROUP BY ALL" --format csv',
        "tandem query \"FROM trades WHERE market = 'BTCUSDT'\" --format parquet --output trades.parquet",
        'tandem query "DESCRIBE orders"',
    ),
)
@click.argument("question", metavar="SQL")
@DATA
@PLACE
@DATABASE
@CONFIG
@click.option("--format", "form", type=click.Choice(["table", "csv", "parquet"]), default="table", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]")
def query(
    question: str, data: Path, place: str, database: str, config: Path | None, form: str, output: Path | None
) -> None:
    """Answer one SELECT over everything that ever happened, with DuckDB; nothing can be changed.

    Views: orders, order_changes, fills, trades, ledger, transfers, order_lists, prevented_matches, candles (1m and
    longer), daily, assets, markets, accounts. Prices and quantities are decimals in whole units, beside them as
    `..._units` the engine's own numbers. Archived days are read from the archive, later ones from SQL; without a
    database the archive is asked alone. See docs/guides/history.md.
    """
    from tandem.apps import questions
    from tandem.archive.place import Place

    if form == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output")
    chosen = _chosen(config, data, place, database)
    with (
        _faults(),
        _perhaps_exporting(data, chosen.database, bool(place)) as exporter,
        questions.answer(question, Place(chosen.archive), exporter, _tell) as reader,
    ):
        if form == "parquet":
            questions.write_parquet(reader, str(output))
        elif form == "csv":
            questions.write_csv(reader, sys.stdout if output is None else str(output))
        else:
            lines, is_cut = questions.as_table(reader)
            _show(lines, output)
            if is_cut:
                _tell(f"only the first {questions.SHOWN_ROWS} rows; --format csv has all")


@click.command(
    cls=Examples,
    examples=("tandem audit data", "tandem audit data --config tandem.toml | jq .key", "tandem audit data --limit 5"),
)
@DIRECTORY
@PLACE
@DATABASE
@CONFIG
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Differences of a kind to print.")
def audit(directory: Path, place: str, database: str, config: Path | None, limit: int) -> None:
    """Replay the log of DIRECTORY and compare the core, the history in SQL and the archive with it, row by row.

    Prints each difference as a JSON object on a line: what the log says, and what is stored. Exit code 1 if there is
    one. The exchange may be running; nothing is changed.
    """
    from tandem.apps.audit import audit as compare
    from tandem.archive.place import Place

    chosen = _chosen(config, directory, place, database)
    has_archive = "://" in chosen.archive or Path(chosen.archive).is_dir()
    if place and not has_archive:
        fail(f"there is no archive at {place}: correct --archive, or leave it out to compare without one")
    with _faults(), _exporting(directory, chosen.database) as exporter:
        found = compare(directory, exporter, Place(chosen.archive) if has_archive else None, limit=limit, note=_tell)
    for difference in found.listed:
        click.echo(msgspec.json.encode(difference, enc_hook=str).decode())
    for (where, table), count in sorted(found.counts.items()):
        _tell(f"{count} difference{'' if count == 1 else 's'} of {table} ({where})")
    if found.total:
        sys.exit(1)
    nowhere = f"core and history agree; there is no archive at {chosen.archive}"
    _tell("core, history and archive agree" if has_archive else nowhere)


COMMANDS = (archive, query, audit)


class _Chosen(NamedTuple):
    database: str
    archive: str


def _chosen(config: Path | None, directory: Path, place: str, database: str) -> _Chosen:
    """What the command line says, else the configuration, else the directory."""
    try:
        history = settings.load(config).history
    except settings.SettingsError as error:
        fail(str(error))
    return _Chosen(database or history.database, place or history.archive or str(directory / ARCHIVE))


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (Fault, EngineError, OSError) as error:
        fail(str(error))


@contextmanager
def _exporting(directory: Path, database: str) -> Iterator[Any]:
    from tandem.history.database import database_url
    from tandem.history.export import Exporter

    exporter = Exporter(database_url(database, directory))
    try:
        yield exporter
    finally:
        exporter.close()


@contextmanager
def _perhaps_exporting(directory: Path, database: str, has_place: bool) -> Iterator[Any]:
    """None when an archive is named and there is no database beside it."""
    from tandem.history.database import FILE

    if has_place and not database and not (directory / FILE).exists():
        yield None
    else:
        with _exporting(directory, database) as exporter:
            yield exporter


def _show(lines: list[str], output: Path | None) -> None:
    text = "\n".join(lines) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)


def _tell(line: str) -> None:
    click.echo(f"tandem: {line}", err=True)
