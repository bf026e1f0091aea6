"""The `tandem` command."""

import json
import sys
from pathlib import Path
from typing import Any

import click

import tandem
from tandem.apps import cli_archive, cli_history, cli_operator, cli_project
from tandem.apps.cli_operator import DATA, Teaching, fail, show
from tandem.platform import settings
from tandem.platform.engine import Engine, EngineError


@click.group(cls=Teaching, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(tandem.__version__, prog_name="tandem")
def main() -> None:
    """A spot exchange that anybody can run, behind the API that Binance clients already speak.

    Start with `tandem serve --demo` and point a bot at http://127.0.0.1:8000: keys of the accounts alice and bob are
    in data/demo.json.
    """


@main.command(
    examples=(
        "tandem serve --demo",
        "tandem serve --data /var/lib/tandem --host 0.0.0.0 --port 8000 --config tandem.toml",
        "tandem serve --port 0        # any free port; the log says which",
        "tandem serve --data restored --accept-restored     # the first start after `tandem restore`",
    )
)
@DATA
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--demo/--no-demo", default=None, help="Live demo markets. A restart goes on as the directory was.")
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="TOML file; see docs/reference/settings.md."
)
@click.option("--accept-restored", is_flag=True, help="First start of a restore: the original is stopped.")
def serve(
    data: Path,
    host: str | None,
    port: int | None,
    demo: bool | None,
    config: Path | None,
    accept_restored: bool,
) -> None:
    """Run the exchange until Ctrl-C. Starting it again goes on where it was, however it ended."""
    from tandem.apps.serve import REFUSALS, run

    explicit = click.get_current_context().get_parameter_source("data") != click.core.ParameterSource.DEFAULT
    try:
        chosen = settings.load(config, data=str(data) if explicit else None, host=host, port=port, demo=demo)
        run(chosen, accept_restored=accept_restored)
    except (settings.SettingsError, *REFUSALS) as error:
        fail(str(error))


@main.command(examples=("tandem verify data", "tandem verify data | jq .funds"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(directory: Path) -> None:
    """Check every record and snapshot of DIRECTORY, replay it, and print what is there.

    Nothing is changed and a running exchange is not disturbed. Exit code 1 if anything is wrong.
    """
    try:
        report = Engine.verify(str(directory))
    except EngineError as error:
        fail(str(error))
    if not report["segments"] and not report["findings"]:
        fail(f"{directory} holds no log of an exchange")
    show(report)
    if not report["ok"]:
        sys.exit(1)


@main.command(examples=("tandem inspect data", "tandem inspect data --from 1000 --limit 20"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from", "from_seq", type=click.IntRange(1), default=1, show_default=True, help="First seq to print.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many records.")
def inspect(directory: Path, from_seq: int, limit: int) -> None:
    """Print the records of DIRECTORY's log, one JSON object a line."""
    try:
        records = Engine.inspect(str(directory), from_seq, limit)
    except EngineError as error:
        fail(str(error))
    if not records:
        fail(f"{directory} holds no record from {from_seq} on")
    for record in records:
        click.echo(json.dumps(record, default=_attributes))


for group in (
    cli_operator.keys,
    cli_operator.accounts,
    cli_operator.assets,
    cli_operator.markets,
    cli_operator.exchange,
    *cli_history.COMMANDS,
    cli_project.project,
    *cli_archive.COMMANDS,
):
    main.add_command(group)


def _attributes(value: object) -> dict[str, Any]:
    """Market rules, which the engine hands out as an object."""
    return {name: getattr(value, name) for name in dir(value) if not name.startswith("_")}
