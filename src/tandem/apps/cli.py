"""The `tandem` command."""

import json
import sys
from pathlib import Path
from typing import Any

import click

import tandem
from tandem.admin import client
from tandem.platform import settings
from tandem.platform.engine import Engine, EngineError

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Directory of the exchange.",
)


class Examples(click.Command):
    """A command whose help ends with the examples in its `examples`."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write_text(line)


class Teaching(click.Group):
    """A group whose commands may carry examples."""

    command_class = Examples
    group_class = type


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
    )
)
@DATA
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--demo/--no-demo", default=None, help="Live demo markets. A restart goes on as the directory was.")
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="TOML file; see docs/reference/settings.md."
)
def serve(data: Path, host: str | None, port: int | None, demo: bool | None, config: Path | None) -> None:
    """Run the exchange until Ctrl-C. Starting it again goes on where it was, however it ended."""
    from tandem.apps.serve import REFUSALS, run

    explicit = click.get_current_context().get_parameter_source("data") != click.core.ParameterSource.DEFAULT
    try:
        chosen = settings.load(config, data=str(data) if explicit else None, host=host, port=port, demo=demo)
        run(chosen)
    except (settings.SettingsError, *REFUSALS) as error:
        _fail(str(error))


@main.command(examples=("tandem verify data", "tandem verify data | jq .funds"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(directory: Path) -> None:
    """Check every record and snapshot of DIRECTORY, replay it, and print what is there.

    Nothing is changed and a running exchange is not disturbed. Exit code 1 if anything is wrong.
    """
    try:
        report = Engine.verify(str(directory))
    except EngineError as error:
        _fail(str(error))
    if not report["segments"] and not report["findings"]:
        _fail(f"{directory} holds no log of an exchange")
    _show(report)
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
        _fail(str(error))
    if not records:
        _fail(f"{directory} holds no record from {from_seq} on")
    for record in records:
        click.echo(json.dumps(record, default=_attributes))


@main.group(cls=Teaching)
def keys() -> None:
    """API keys of a running exchange."""


@keys.command(
    "create",
    examples=(
        "tandem keys create --account alice --label my-bot",
        "tandem keys create --account alice --public-key ed25519.pem",
        "tandem keys create --account alice --read-only",
        "tandem keys create --account alice --network 10.1.0.0/16 --network 192.0.2.7",
    ),
)
@DATA
@click.option("--account", required=True, help="Name or number of the account.")
@click.option("--label", default="", help="What the key is for.")
@click.option("--read-only", is_flag=True, help="May look, may not trade.")
@click.option("--network", "networks", multiple=True, help="Address or CIDR range it may be used from.  [default: any]")
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file of an RSA or Ed25519 public key; without it an HMAC secret is made.",
)
def keys_create(
    data: Path, account: str, label: str, read_only: bool, networks: tuple[str, ...], public_key: Path | None
) -> None:
    """Make an API key. The secret is shown this once."""
    body: dict[str, Any] = {"account": account, "label": label, "networks": networks}
    if read_only:
        body["permissions"] = ["USER_DATA"]
    if public_key is not None:
        body["publicKey"] = public_key.read_text()
    _operate(data, "POST", "/keys", body)


@keys.command("list", examples=("tandem keys list",))
@DATA
def keys_list(data: Path) -> None:
    """Show all keys, without secrets."""
    _operate(data, "GET", "/keys")


@keys.command(
    "revoke", examples=("tandem keys revoke vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",)
)
@DATA
@click.argument("api_key")
def keys_revoke(data: Path, api_key: str) -> None:
    """End a key at once; its open sessions are closed."""
    _operate(data, "DELETE", "/keys", {"apiKey": api_key})


@main.group(cls=Teaching)
def accounts() -> None:
    """Accounts of a running exchange."""


@accounts.command("create", examples=("tandem accounts create carol",))
@DATA
@click.argument("name")
def accounts_create(data: Path, name: str) -> None:
    """Open an account with nothing in it."""
    _operate(data, "POST", "/accounts", {"name": name})


@accounts.command("credit", examples=("tandem accounts credit carol USDT 10000",))
@DATA
@click.argument("name")
@click.argument("asset")
@click.argument("amount")
def accounts_credit(data: Path, name: str, asset: str, amount: str) -> None:
    """Book funds that came in from outside."""
    _operate(data, "POST", "/accounts/credit", {"account": name, "asset": asset, "amount": amount})


@accounts.command("debit", examples=("tandem accounts debit carol USDT 250.5",))
@DATA
@click.argument("name")
@click.argument("asset")
@click.argument("amount")
def accounts_debit(data: Path, name: str, asset: str, amount: str) -> None:
    """Book funds that go out. Locked funds stay."""
    _operate(data, "POST", "/accounts/debit", {"account": name, "asset": asset, "amount": amount})


@accounts.command("list", examples=("tandem accounts list",))
@DATA
def accounts_list(data: Path) -> None:
    """Show all accounts and their balances."""
    _operate(data, "GET", "/accounts")


@accounts.command(
    "update",
    examples=(
        "tandem accounts update carol --maker-rate 0 --taker-rate 0.0005",
        "tandem accounts update carol --no-trade",
        "tandem accounts update carol --market-rates",
    ),
)
@DATA
@click.argument("name")
@click.option("--maker-rate", help="Own maker rate, 0.001 = 0.1 %; needs --taker-rate too.")
@click.option("--taker-rate", help="Own taker rate.")
@click.option("--market-rates", is_flag=True, help="From now on each market's rates again.")
@click.option("--trade/--no-trade", default=None, help="Whether it may place orders.")
def accounts_update(
    data: Path, name: str, maker_rate: str | None, taker_rate: str | None, market_rates: bool, trade: bool | None
) -> None:
    """Set an account's rates, or whether it may trade. What is not given stays as it is."""
    if (maker_rate is None) != (taker_rate is None) or (market_rates and maker_rate is not None):
        raise click.UsageError("give both --maker-rate and --taker-rate, or --market-rates, or neither")
    body = {
        "account": name,
        "canTrade": trade,
        "makerRate": maker_rate,
        "takerRate": taker_rate,
        "marketRates": market_rates,
    }
    _operate(data, "PUT", "/accounts", body)


@main.group(cls=Teaching)
def assets() -> None:
    """Assets of a running exchange."""


@assets.command("add", examples=("tandem assets add DOGE --name Dogecoin", "tandem assets add EUR --decimals 8"))
@DATA
@click.argument("code")
@click.option("--name", default="", help="Display name.")
@click.option(
    "--decimals", type=click.IntRange(0, 18), default=8, show_default=True, help="Places of its smallest unit."
)
def assets_add(data: Path, code: str, name: str, decimals: int) -> None:
    """Make an asset."""
    _operate(data, "POST", "/assets", {"asset": code, "name": name, "decimals": decimals})


@assets.command("list", examples=("tandem assets list",))
@DATA
def assets_list(data: Path) -> None:
    """Show all assets."""
    _operate(data, "GET", "/assets")


@main.group(cls=Teaching)
def markets() -> None:
    """Markets of a running exchange."""


@markets.command(
    "add",
    examples=(
        "tandem markets add DOGEUSDT --base DOGE --quote USDT --tick-size 0.00001 --step-size 1",
        "tandem markets add DOGEUSDT --base DOGE --quote USDT --tick-size 0.00001 --step-size 1 --maker-rate 0",
    ),
)
@DATA
@click.argument("symbol")
@click.option("--base", required=True, help="Asset that is bought and sold.")
@click.option("--quote", required=True, help="Asset it is paid in.")
@click.option("--tick-size", required=True, help="Step of the price.")
@click.option("--step-size", required=True, help="Step of the quantity.")
@click.option(
    "--min-notional", help="Least value of an order. MARKET orders by quantity then wait for the first trade."
)
@click.option("--maker-rate", help="Commission of the maker.  [default: 0.001]")
@click.option("--taker-rate", help="Commission of the taker.  [default: 0.001]")
@click.option("--max-orders", type=click.IntRange(1, 2**31), help="Open orders per account.  [default: 200]")
def markets_add(data: Path, symbol: str, base: str, quote: str, **options: str | int | None) -> None:
    """Make a market; it trades at once. Tick times step must be whole in the quote's smallest unit."""
    names = {
        "tick_size": "tickSize",
        "step_size": "stepSize",
        "min_notional": "minNotional",
        "maker_rate": "makerRate",
        "taker_rate": "takerRate",
        "max_orders": "maxNumOrders",
    }
    rules = {names[key]: str(value) for key, value in options.items() if value is not None}
    _operate(data, "POST", "/markets", {"symbol": symbol, "base": base, "quote": quote, "rules": rules})


@markets.command("list", examples=("tandem markets list",))
@DATA
def markets_list(data: Path) -> None:
    """Show all markets."""
    _operate(data, "GET", "/markets")


@markets.command("halt", examples=("tandem markets halt BTCUSDT",))
@DATA
@click.argument("symbol")
def markets_halt(data: Path, symbol: str) -> None:
    """Stop trading; cancelling stays possible."""
    _operate(data, "POST", "/markets/halt", {"symbol": symbol})


@markets.command("resume", examples=("tandem markets resume BTCUSDT",))
@DATA
@click.argument("symbol")
def markets_resume(data: Path, symbol: str) -> None:
    """Trade again."""
    _operate(data, "POST", "/markets/resume", {"symbol": symbol})


def _operate(data: Path, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    try:
        _show(client.call(data, method, path, body))
    except client.OperatorError as error:
        _fail(str(error))


def _attributes(value: object) -> dict[str, Any]:
    """Market rules, which the engine hands out as an object."""
    return {name: getattr(value, name) for name in dir(value) if not name.startswith("_")}


def _show(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2))


def _fail(text: str) -> None:
    click.echo(f"tandem: {text}", err=True)
    sys.exit(1)
