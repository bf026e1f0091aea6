"""Starting, stopping and starting again: exit codes, locks, damaged and torn logs, and what the operator is told."""

import asyncio
import json
import signal
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.exchange import UNLIMITED, Exchange, cli, until
from tests.system.streams import connect
from tests.system.venue import make_account, make_venue


def fill_a_little(exchange: Exchange) -> tuple[str, dict[str, str], dict[str, str]]:
    """A market, two accounts, one trade, one order left open. Returns symbol and accounts."""
    exchange.operate("POST", "/assets", {"asset": "USDT"})
    where = make_venue(exchange, "LIF")
    accounts = make_account("alice", where), make_account("bob", where)
    alice, bob = (exchange.trader(account) for account in accounts)
    alice.place(where.symbol, "BUY", quantity="2", price="100", newClientOrderId="stays")
    bob.place(where.symbol, "SELL", quantity="0.5", price="100")
    return where.symbol, *accounts


def what_is_there(exchange: Exchange, symbol: str, account: dict[str, str]) -> dict[str, object]:
    """All that a restart has to bring back for one account."""
    trader = exchange.trader(account)
    depth = trader.public("/api/v3/depth", symbol=symbol)
    found = {
        "order": trader.order(symbol, origClientOrderId="stays"),
        "open": trader.open_orders(symbol),
        "trades": trader.trades(symbol),
        "balances": trader.balances(),
        "book": (depth["bids"], depth["asks"]),
        "recent": trader.public("/api/v3/trades", symbol=symbol),
        "last": trader.public("/api/v3/ticker/price", symbol=symbol),
        "accounts": exchange.operate("GET", "/accounts"),
    }
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_clean_and_a_restart_brings_everything_back(own_exchange: Exchange, how: signal.Signals) -> None:
    own_exchange.start("--no-demo")
    symbol, alice, _ = fill_a_little(own_exchange)
    before = what_is_there(own_exchange, symbol, alice)
    assert own_exchange.stop(how) == 0
    assert not (own_exchange.data / "operator.json").exists()
    own_exchange.start()
    assert what_is_there(own_exchange, symbol, alice) == before
    assert own_exchange.stop(how) == 0
    report = json.loads(cli("verify", str(own_exchange.data)).stdout)
    assert report["ok"] is True


def test_a_kill_is_as_good_as_a_stop(own_exchange: Exchange) -> None:
    own_exchange.start("--no-demo")
    symbol, alice, _ = fill_a_little(own_exchange)
    before = what_is_there(own_exchange, symbol, alice)
    own_exchange.kill()
    own_exchange.start()
    assert what_is_there(own_exchange, symbol, alice) == before
    assert own_exchange.seconds_to_ready < 8
    trader = own_exchange.trader(alice)
    assert Decimal(trader.cancel(symbol, origClientOrderId="stays")["executedQty"]) == Decimal("0.5")


SNAPSHOTS = "\n[engine]\nsnapshot_every = 100\n"


def public_history(exchange: Exchange, symbol: str) -> dict[str, object]:
    """What everybody may know of a market's past: candles up to the last trade, since empty ones follow with time."""
    anyone = exchange.trader()
    trades = anyone.public("/api/v3/trades", symbol=symbol, limit=1000)
    end = trades[-1]["time"]
    return {
        "trades": trades,
        "aggregated": anyone.public("/api/v3/aggTrades", symbol=symbol, limit=1000),
        "klines": [
            anyone.public("/api/v3/klines", symbol=symbol, interval=interval, endTime=end)
            for interval in ("1s", "1m", "1d")
        ],
        "book": [anyone.public("/api/v3/depth", symbol=symbol)[side] for side in ("bids", "asks")],
        "price": anyone.public("/api/v3/ticker/price", symbol=symbol),
        "average": anyone.public("/api/v3/avgPrice", symbol=symbol),
    }


@pytest.mark.parametrize("is_killed", [True, False])
def test_trades_and_candles_outlive_a_restart_beyond_a_snapshot(tmp_path: Path, is_killed: bool) -> None:
    own = Exchange(tmp_path / "data", config=UNLIMITED + SNAPSHOTS)
    try:
        own.start("--no-demo")
        symbol, alice, bob = fill_a_little(own)
        buyer, seller = own.trader(alice), own.trader(bob)
        for step in range(120):
            buyer.place(symbol, "BUY", quantity="0.05", price=f"{100 + step / 100:.2f}")
            seller.place(symbol, "SELL", "MARKET", quantity="0.05")
        until(lambda: any(own.data.rglob("*.snap")))
        before = public_history(own, symbol)
        if is_killed:
            own.kill()
        else:
            assert own.stop() == 0
        own.start()
        assert public_history(own, symbol) == before
        buyer = own.trader(alice)
        assert "stays" in {order["clientOrderId"] for order in buyer.open_orders(symbol)}
        last = before["trades"][-1]["id"]  # type: ignore[index]
        buyer.place(symbol, "BUY", quantity="0.1", price="102")
        own.trader(bob).place(symbol, "SELL", "MARKET", quantity="0.1")
        assert own.trader().public("/api/v3/trades", symbol=symbol, limit=1)[0]["id"] == last + 1
    finally:
        own.close()


async def test_a_stop_under_open_connections_ends_in_time(own_exchange: Exchange) -> None:
    """Idle keep-alive connections and sockets do not hold the process; sockets are told."""
    own_exchange.start("--no-demo")
    own_exchange.trader().public("/api/v3/ping")
    async with connect(own_exchange.ws_url + "/ws/xyz@trade") as watching:
        stopping = asyncio.create_task(asyncio.to_thread(own_exchange.stop, signal.SIGTERM, 10))
        assert (await watching.next())["e"] == "serverShutdown"
        with pytest.raises(ConnectionError):
            await watching.next()
        assert watching.raw.close_code == 1012
    assert await stopping == 0


def test_a_second_process_on_the_same_directory_refuses(own_exchange: Exchange) -> None:
    own_exchange.start("--no-demo")
    second = cli("serve", "--data", str(own_exchange.data), "--port", "0")
    assert second.returncode != 0
    assert str(own_exchange.data) in second.stderr
    assert "another" in second.stderr or "in use" in second.stderr
    assert "Traceback" not in second.stderr
    trader = own_exchange.trader()
    assert trader.public("/api/v3/ping") == {}


def test_a_port_in_use_is_said_plainly(own_exchange: Exchange, tmp_path: Path) -> None:
    own_exchange.start("--no-demo")
    _, port = own_exchange.address
    second = cli("serve", "--data", str(tmp_path / "other"), "--port", str(port), "--no-demo")
    assert second.returncode != 0
    assert str(port) in second.stderr
    assert "Traceback" not in second.stderr


def segments(data: Path) -> list[Path]:
    """Files of the log, by name."""
    found = sorted(path for path in data.rglob("*") if path.is_file() and path.suffix in {".log", ".seg", ".segment"})
    assert found, sorted(str(path) for path in data.rglob("*"))
    return found


def last_record(data: Path) -> tuple[int, Path, int]:
    """Seq, file and offset of the last record."""
    lines = cli("inspect", str(data), "--limit", "1000000").stdout.splitlines()
    row = json.loads(lines[-1])
    path = Path(row["file"])
    return row["seq"], path if path.is_absolute() else next(data.rglob(path.name)), row["offset"]


def test_damage_in_the_middle_of_the_log_stops_the_start(own_exchange: Exchange) -> None:
    own_exchange.start("--no-demo")
    fill_a_little(own_exchange)
    own_exchange.stop()
    for snapshot in own_exchange.data.rglob("*.snap*"):
        snapshot.unlink()
    rows = [json.loads(line) for line in cli("inspect", str(own_exchange.data)).stdout.splitlines()]
    middle = rows[len(rows) // 2]
    _, path, _ = last_record(own_exchange.data)
    content = bytearray(path.read_bytes())
    content[middle["offset"] + 20] ^= 0x40
    path.write_bytes(content)
    refused = cli("serve", "--data", str(own_exchange.data), "--port", "0")
    assert refused.returncode != 0
    assert path.name in refused.stderr
    assert str(middle["offset"]) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert path.read_bytes() == content, "a damaged log is never changed"
    checked = cli("verify", str(own_exchange.data))
    assert checked.returncode == 1
    assert path.name in checked.stdout + checked.stderr


def test_a_torn_tail_is_cut_and_said(own_exchange: Exchange) -> None:
    """As after a power loss in the middle of a write: the last record is not whole."""
    own_exchange.start("--no-demo")
    symbol, alice, _ = fill_a_little(own_exchange)
    trader = own_exchange.trader(alice)
    trader.place(symbol, "BUY", quantity="1", price="50", newClientOrderId="torn-off")
    own_exchange.kill()
    for snapshot in own_exchange.data.rglob("*.snap*"):
        snapshot.unlink()
    seq, path, offset = last_record(own_exchange.data)
    with path.open("r+b") as file:
        file.seek(offset + 24)
        file.write(bytes(200))
    own_exchange.start()
    assert any(word in own_exchange.log_text() for word in ("torn", "cut"))
    trader = own_exchange.trader(alice)
    assert [order["clientOrderId"] for order in trader.open_orders(symbol)] == ["stays"]
    trader.place(symbol, "BUY", quantity="1", price="50", newClientOrderId="after")
    own_exchange.stop()
    report = json.loads(cli("verify", str(own_exchange.data)).stdout)
    assert (report["ok"], report["seq"]) == (True, seq)


def test_files_are_for_the_owner_only(own_exchange: Exchange) -> None:
    own_exchange.start("--demo")
    fill = json.loads((own_exchange.data / "demo.json").read_text())
    assert {"alice", "bob"} <= {account["name"] for account in fill["accounts"]}
    assert all(account["apiKey"] and account["secretKey"] for account in fill["accounts"])
    files = [path for path in own_exchange.data.rglob("*") if path.is_file()]
    assert {"operator.json", "demo.json"} <= {path.name for path in files}
    modes = {str(path.relative_to(own_exchange.data)): stat.S_IMODE(path.stat().st_mode) for path in files}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert stat.S_IMODE(own_exchange.data.stat().st_mode) & 0o077 == 0


def test_the_demo_goes_on_after_a_restart(own_exchange: Exchange) -> None:
    own_exchange.start("--demo")
    keys = (own_exchange.data / "demo.json").read_text()
    own_exchange.kill()
    own_exchange.start()
    assert (own_exchange.data / "demo.json").read_text() == keys
    account = json.loads(keys)["accounts"][0]
    trader = own_exchange.trader(account)
    assert trader.signed("GET", "/api/v3/account")["canTrade"] is True
    symbol = trader.public("/api/v3/exchangeInfo")["symbols"][0]["symbol"]
    first = trader.public("/api/v3/trades", symbol=symbol, limit=1)
    until(lambda: trader.public("/api/v3/trades", symbol=symbol, limit=1) != first, 20, 0.2)


def test_a_directory_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = cli("serve", "--data", str(tmp_path / "file" / "data"), "--port", "0", "--no-demo")
    assert refused.returncode != 0
    assert str(tmp_path / "file") in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nweight = 3\n", "weight"),
        ("not toml", "TOML"),
        ("[limits]\nweight_per_minute = 'x'\n", "weight_per_minute"),
    ],
)
def test_a_wrong_configuration_is_said_with_the_key(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "tandem.toml"
    config.write_text(text)
    refused = cli("serve", "--data", str(tmp_path / "data"), "--config", str(config))
    assert refused.returncode != 0
    assert str(config) in refused.stderr
    assert said in refused.stderr
    assert not (tmp_path / "data").exists()
