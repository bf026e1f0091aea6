"""The commands about the past of an exchange. None of them needs it to run, none of them disturbs it."""

import os
import sys
from pathlib import Path

import click

from tandem.apps.cli_operator import Examples, fail, show
from tandem.domain.errors import Fault
from tandem.platform.engine import EngineError

DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the passphrase.  [default: asks for it]",
)
QUIET_NICE = 10


@click.command(
    cls=Examples,
    examples=(
        "tandem backup data /backups/2026-07-01 --passphrase-file ~/passphrase",
        "tandem backup data /backups/2026-07-01 --no-verify      # leaves the proof to the restore",
    ),
)
@click.argument("directory", type=DIRECTORY)
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@PASSPHRASE
@click.option("--verify/--no-verify", default=True, show_default=True, help="Replay the copied log as a proof.")
def backup(directory: Path, target: Path, passphrase_file: Path | None, verify: bool) -> None:
    """Copy the exchange in DIRECTORY to TARGET, a new directory, while it runs.

    API keys and what seals them are encrypted with a passphrase; without it nothing can be restored.
    """
    from tandem.apps.backup import make_backup
    from tandem.apps.backup_manifest import LOG, Vault
    from tandem.apps.restored import show_time
    from tandem.platform.log_files import oldest_start

    vault = Vault.new(_passphrase(passphrase_file, is_new=True))
    os.nice(QUIET_NICE)
    try:
        made = make_backup(directory, target, vault, _tell, verify=verify)
    except (Fault, EngineError, OSError) as error:
        fail(str(error))
    size = sum(file.size for file in made.files)
    told_from = oldest_start(target / LOG)
    show(
        {
            "seq": made.seq,
            "time": show_time(made.time_us),
            "cluster_id": made.cluster_id,
            "bytes": size,
            "told_from": told_from,
        }
    )


@click.command(cls=Examples, examples=("tandem restore /backups/2026-07-01 data2 --passphrase-file ~/passphrase",))
@click.argument("source", metavar="BACKUP", type=DIRECTORY)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@PASSPHRASE
def restore(source: Path, directory: Path, passphrase_file: Path | None) -> None:
    """Make a data directory out of BACKUP, in DIRECTORY, which must be new or empty.

    Every file is checked, then the log is replayed. `tandem serve --accept-restored` goes on with it; stop the exchange
    that the backup was taken of first, for good.
    """
    from tandem.apps.restore import restore as make
    from tandem.apps.restored import show_time

    try:
        restored = make(source, directory, _passphrase(passphrase_file, is_new=False), _tell)
    except (Fault, EngineError, OSError) as error:
        fail(str(error))
    found = restored.manifest
    show(
        {
            "seq": found.seq,
            "time": show_time(found.time_us),
            "digest": restored.digest,
            "cluster_id": found.cluster_id,
            "made": show_time(found.made_us),
        }
    )


@click.command(
    cls=Examples,
    examples=(
        "tandem replay data --until 2026-07-01T12:00:00Z",
        "tandem replay data --until 1782907200000 --port 8100      # the same moment, in milliseconds",
        "tandem replay data --until 250000 --print                 # after command 250000, as JSON",
    ),
)
@click.argument("directory", type=DIRECTORY)
@click.option("--until", help="A seq, or a time in ISO 8601 (UTC unless it says so) or milliseconds.  [default: now]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on.  [default: a free one]")
@click.option("--print", "is_print", is_flag=True, help="Print accounts, orders and markets as JSON, and end.")
def replay(directory: Path, until: str | None, host: str, port: int, is_print: bool) -> None:
    """Open the exchange in DIRECTORY as it was, read only, and serve the reading half of its API.

    The exchange may be running; nothing of it is changed or held up. Its clock stands still at the moment.
    """
    from tandem.apps.moment import open_moment
    from tandem.apps.moment_state import state_of
    from tandem.apps.server import ListenError
    from tandem.apps.timemachine import run

    try:
        moment = open_moment(directory, until, _tell, with_past=not is_print)
        if is_print:
            show(state_of(moment.client()))
        else:
            run(directory, moment, host, port, _tell)
    except (Fault, EngineError, ListenError, OSError) as error:
        fail(str(error))


@click.command(cls=Examples, examples=("tandem diff data restored", "tandem diff data restored --json | jq .state"))
@click.argument("a", type=DIRECTORY)
@click.argument("b", type=DIRECTORY)
@click.option("--json", "is_json", is_flag=True, help="Everything, as JSON.")
def diff(a: Path, b: Path, is_json: bool) -> None:
    """Compare two directories as far as both logs go: the commands, then the states they lead to.

    Exit code 0 when they are one exchange and agree, 1 when not. One may be longer: a backup ends before what it was
    taken of does.
    """
    from tandem.apps.log_diff import as_text, compare

    try:
        found = compare(a, b, _tell)
    except (Fault, EngineError, OSError) as error:
        fail(str(error))
    if is_json:
        show(found)
    else:
        for line in as_text(found):
            click.echo(line)
    if not found["equal"]:
        sys.exit(1)


COMMANDS = (replay, diff, backup, restore)


def _passphrase(file: Path | None, *, is_new: bool) -> str:
    if file is not None:
        try:
            text = file.read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            fail(f"cannot read {file}: {error}")
        if not text:
            fail(f"the first line of {file} is empty")
        return text
    if not sys.stdin.isatty():
        fail("there is nobody to ask for the passphrase: give --passphrase-file")
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
    return answer


def _tell(line: str) -> None:
    click.echo(f"tandem: {line}", err=True)
