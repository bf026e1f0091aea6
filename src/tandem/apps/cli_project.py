"""`tandem project`: the history in SQL without a server, or in another place."""

from pathlib import Path

import click

from tandem.apps.cli_operator import Examples, fail, show
from tandem.domain.errors import Fault
from tandem.platform import settings
from tandem.platform.engine import EngineError


@click.command(
    cls=Examples,
    examples=(
        "tandem project data --once",
        "tandem project data --config tandem.toml       # the database's password stays in that file",
        "tandem project data --rebuild --once       # drops what is there and tells it again",
    ),
)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--database", default="", help="URL of the database.  [default: history.db in DIRECTORY]")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file; its [history] names the database. Everybody on the machine can read arguments, this file not.",
)
@click.option("--once", is_flag=True, help="End at the end of the log, or at the first fault.")
@click.option("--rebuild", is_flag=True, help="Drop the history first and begin at the first command.")
def project(directory: Path, database: str, config: Path | None, once: bool, rebuild: bool) -> None:
    """Tell the log of DIRECTORY into SQL, from where that was left.

    `tandem serve` does this by itself; one process per database is enough. The exchange may be running and is not
    disturbed.
    """
    from tandem.apps.project import project as run
    from tandem.platform.telemetry import configure_logging

    configure_logging("auto", "info")
    try:
        chosen = database or settings.load(config).history.database
    except settings.SettingsError as error:
        fail(str(error))
    try:
        status = run(directory, chosen, once=once, rebuild=rebuild)
    except (Fault, EngineError, OSError) as error:
        fail(str(error))
    show({"seq": status.seq, "rows": status.rows, "errors": status.errors})
