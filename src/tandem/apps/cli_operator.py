"""The commands of an operator: what they ask of a running exchange's operator endpoint."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tandem.admin import client

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
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")  # not wrapped: it is to be pasted


class Teaching(click.Group):
    """A group whose commands may carry examples."""

    command_class = Examples
    group_class = type


@click.group(cls=Teaching)
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


@click.group(cls=Teaching)
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
        "tandem accounts update carol --market-rates --discount",
        "tandem accounts update carol --trade-group 7      # does not trade with others of group 7; -1: no group",
        "tandem accounts update carol --permissions SPOT,TRD_GRP_004",
    ),
)
@DATA
@click.argument("name")
@click.option("--maker-rate", help="Own maker rate, 0.001 = 0.1 %; needs --taker-rate too.")
@click.option("--taker-rate", help="Own taker rate.")
@click.option("--buyer-rate", help="On top when it buys.  [default: 0]")
@click.option("--seller-rate", help="On top when it sells.  [default: 0]")
@click.option("--market-rates", is_flag=True, help="From now on each market's rates again.")
@click.option("--trade/--no-trade", default=None, help="Whether it may place orders.")
@click.option("--trade-group", type=click.IntRange(-1, 2**31), help="Its trade group; -1: none.")
@click.option("--permissions", help="What it may trade: names with commas, as markets' permissions.")
@click.option("--discount/--no-discount", default=None, help="Pay commissions in the discount asset where it can.")
def accounts_update(data: Path, name: str, market_rates: bool, **options: str | int | bool | None) -> None:
    """Set an account's rates and what it may do. What is not given stays as it is."""
    maker_rate, taker_rate = options["maker_rate"], options["taker_rate"]
    if (maker_rate is None) != (taker_rate is None) or (market_rates and maker_rate is not None):
        raise click.UsageError("give both --maker-rate and --taker-rate, or --market-rates, or neither")
    names = {
        "maker_rate": "makerRate",
        "taker_rate": "takerRate",
        "buyer_rate": "buyerRate",
        "seller_rate": "sellerRate",
        "trade": "canTrade",
        "trade_group": "tradeGroup",
        "permissions": "permissions",
        "discount": "discount",
    }
    body = {names[key]: value for key, value in options.items() if value is not None}
    _operate(data, "PUT", "/accounts", {"account": name, "marketRates": market_rates} | body)


@accounts.command("limit", examples=("tandem accounts limit carol BTC 5", "tandem accounts limit carol BTC 0   # none"))
@DATA
@click.argument("name")
@click.argument("asset")
@click.argument("amount")
def accounts_limit(data: Path, name: str, asset: str, amount: str) -> None:
    """Bound how much of an asset one order of the account may be about (MAX_ASSET)."""
    _operate(data, "PUT", "/accounts/limits", {"account": name, "asset": asset, "limit": amount})


@accounts.command("expire", examples=("tandem accounts expire carol BTCUSDT",))
@DATA
@click.argument("name")
@click.argument("symbol")
def accounts_expire(data: Path, name: str, symbol: str) -> None:
    """End an account's open orders in a market, on the exchange's side (EXCHANGE_CANCELED)."""
    _operate(data, "POST", "/accounts/expire", {"account": name, "symbol": symbol})


@click.group(cls=Teaching)
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


@assets.command("rename", examples=("tandem assets rename DOGE Dogecoin",))
@DATA
@click.argument("code")
@click.argument("name")
def assets_rename(data: Path, code: str, name: str) -> None:
    """Give an asset another display name."""
    _operate(data, "PUT", "/assets", {"asset": code, "name": name})


@assets.command("list", examples=("tandem assets list",))
@DATA
def assets_list(data: Path) -> None:
    """Show all assets."""
    _operate(data, "GET", "/assets")


@click.group(cls=Teaching)
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
@click.option(
    "--rule", "more", multiple=True, help="Any other rule as KEY=VALUE; `tandem markets rules` shows them all."
)
def markets_add(
    data: Path, symbol: str, base: str, quote: str, more: tuple[str, ...], **options: str | int | None
) -> None:
    """Make a market; it trades at once. Tick times step must be whole in the quote's smallest unit."""
    names = {
        "tick_size": "tickSize",
        "step_size": "stepSize",
        "min_notional": "minNotional",
        "maker_rate": "makerRate",
        "taker_rate": "takerRate",
        "max_orders": "maxNumOrders",
    }
    rules = {names[key]: str(value) for key, value in options.items() if value is not None} | _pairs(more)
    _operate(data, "POST", "/markets", {"symbol": symbol, "base": base, "quote": quote, "rules": rules})


@markets.command("list", examples=("tandem markets list",))
@DATA
def markets_list(data: Path) -> None:
    """Show all markets."""
    _operate(data, "GET", "/markets")


@markets.command("rules", examples=("tandem markets rules BTCUSDT",))
@DATA
@click.argument("symbol")
def markets_rules(data: Path, symbol: str) -> None:
    """Show every rule of a market, as `tandem markets update` takes them."""
    _operate(data, "POST", "/markets/rules", {"symbol": symbol})


@markets.command(
    "update",
    examples=(
        "tandem markets update BTCUSDT maxNumOrders=500 icebergParts=50",
        "tandem markets update BTCUSDT percentPriceBySide=1.2,0.8,1.2,0.8 avgPriceMins=1",
        "tandem markets update BTCUSDT referencePrice=10,1000 priceRange=1.05,0.95,1.05,0.95",
        "tandem markets update BTCUSDT orderTypes=LIMIT,LIMIT_MAKER,MARKET features=OCO,CANCEL_REPLACE",
    ),
)
@DATA
@click.argument("symbol")
@click.argument("rules", nargs=-1, required=True)
def markets_update(data: Path, symbol: str, rules: tuple[str, ...]) -> None:
    """Change RULES (KEY=VALUE ...) of a market. What is not named stays, and so do open orders."""
    _operate(data, "PUT", "/markets", {"symbol": symbol, "rules": _pairs(rules)})


@markets.command(
    "status", examples=("tandem markets status BTCUSDT CANCEL_ONLY", "tandem markets status BTCUSDT TRADING")
)
@DATA
@click.argument("symbol")
@click.argument("status", type=click.Choice(("TRADING", "HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY")))
def markets_status(data: Path, symbol: str, status: str) -> None:
    """Set what a market accepts. Cancelling stays possible in every status."""
    _operate(data, "POST", "/markets/status", {"symbol": symbol, "status": status})


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


@markets.command(
    "reference-price",
    examples=("tandem markets reference-price BTCUSDT 65000", "tandem markets reference-price BTCUSDT none"),
)
@DATA
@click.argument("symbol")
@click.argument("price")
def markets_reference_price(data: Path, symbol: str, price: str) -> None:
    """Set the reference price of a market that does not compute its own; `none`: it has none."""
    body = {"symbol": symbol, "price": None if price == "none" else price}
    _operate(data, "PUT", "/markets/reference-price", body)


@markets.command(
    "route",
    examples=(
        "tandem markets route BTC BTCUSDT BTCUSDC --account router",
        "tandem markets route BTC              # no routing any more",
        "tandem markets route                  # what there is",
    ),
)
@DATA
@click.argument("base", required=False)
@click.argument("symbols", nargs=-1)
@click.option("--account", default="", help="Stands between the books; it needs funds in every quote asset.")
def markets_route(data: Path, base: str | None, symbols: tuple[str, ...], account: str) -> None:
    """Let orders of smart order routing take from all SYMBOLS of one base asset.

    Each has another quote asset; tick and step sizes are equal.
    """
    if base is None:
        _operate(data, "GET", "/sors")
    elif symbols and not account:
        raise click.UsageError("give --account too: the account that stands between the books")
    else:
        _operate(data, "PUT", "/sors", {"base": base, "symbols": symbols, "account": account})


@click.group(cls=Teaching)
def exchange() -> None:
    """What holds over all markets of a running exchange."""


@exchange.command("rules", examples=("tandem exchange rules",))
@DATA
def exchange_rules(data: Path) -> None:
    """Show bounds per account over all markets, and the discount asset."""
    _operate(data, "GET", "/exchange")


@exchange.command(
    "update",
    examples=("tandem exchange update maxNumOrders=1000", "tandem exchange update discount=BNB,0.75"),
)
@DATA
@click.argument("rules", nargs=-1, required=True)
def exchange_update(data: Path, rules: tuple[str, ...]) -> None:
    """Change RULES (KEY=VALUE ...). discount=ASSET,RATE: what is left of the standard commission, or off."""
    _operate(data, "PUT", "/exchange", {"rules": _pairs(rules)})


GROUPS = (keys, accounts, assets, markets, exchange)


def _pairs(rules: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for rule in rules:
        key, equals, value = rule.partition("=")
        if not equals or not key:
            raise click.UsageError(f"a rule is KEY=VALUE, not {rule!r}")
        pairs[key] = value
    return pairs


def _operate(data: Path, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    try:
        show(client.call(data, method, path, body))
    except client.OperatorError as error:
        fail(str(error))


def show(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2))


def fail(text: str) -> None:
    click.echo(f"tandem: {text}", err=True)
    sys.exit(1)
