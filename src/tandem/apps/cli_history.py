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
    from tandem.apps.backup_manifest import Vault
    from tandem.apps.restored import show_time

    vault = Vault.new(_passphrase(passphrase_file, is_new=True))
    os.nice(QUIET_NICE)
    try:
        made = make_backup(directory, target, vault, _tell, verify=verify)
    except (Fault, EngineError, OSError) as error:
        fail(str(error))
    size = sum(file.size for file in made.files)
    show({"seq": made.seq, "time": show_time(made.time_us), "cluster_id": made.cluster_id, "bytes": size})


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


COMMANDS = (backup, restore)


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
