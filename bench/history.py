"""`make bench ARGS="--only history"`: the log told into SQL, questions about it, the archive, what orders feel of it.

One seeded log of days of trading (`engine/node/examples/history_log`) is told into SQLite and into PostgreSQL. Limits
are measured in the same run. Results go to bench/results/history.md.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from history_queries import CONNECTIONS as QUESTIONERS
from history_queries import WARMUP_SECONDS, Asker, Questioning, percentile
from history_store import Projected, Server, memory_settings, postgres, project, sqlite_bytes, sqlite_limit, warm_sqlite
from run import RELEASE, ROOT, TANDEM, Exchange, build, machine, run_json

from tandem.admin.client import call

ACCOUNTS, KEYS = 1000, 64
DAYS = 5
RATE, CONNECTIONS = 500, 16
FLOW_LEAD_SECONDS = 2
DATABASES = ("SQLite", "PostgreSQL")
VOLUME = "SELECT market, count(*) AS trades, sum(quote_amount) AS volume FROM trades WHERE day = '{day}' GROUP BY ALL"
Row = tuple[str, str, str]
"""What, how much, goal."""


def say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def told(rows: list[Row]) -> list[Row]:
    """Said at once: the whole takes half an hour."""
    for what, measured, _ in rows:
        say(f"{what}: {measured}")
    return rows


class Running(Exchange):
    """A real `tandem serve` on a directory that the generator made."""

    # No views were ever saved there: all of the log is told to them once.
    START_SECONDS = 1200

    def __init__(self, folder: Path, data: Path, history: str) -> None:
        self.data = data
        config = folder / "tandem.toml"
        config.write_text(f"{self.CONFIG}\n[history]\n{history}\n")
        command = [TANDEM, "serve", "--data", data, "--port", "0", "--no-demo", "--config", config]
        self.log = (folder / "log").open("ab")
        self.process = subprocess.Popen([str(c) for c in command], stderr=self.log)
        self.host = self._wait()
        self.keys = [part for account in ("maker", "taker") for part in self.new_key(account)]

    def new_key(self, account: str) -> tuple[str, str]:
        made = call(self.data, "POST", "/keys", {"account": account})
        return made["apiKey"], made["secretKey"]

    def lag_commands(self) -> float:
        with urllib.request.urlopen(f"http://{self.host}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("tandem_history_lag_commands "))

    def catch_up(self) -> None:
        while self.lag_commands() > 0:
            time.sleep(0.05)

    @contextmanager
    def unprojected(self) -> Iterator[None]:
        """The projecting process stands still."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = [int(pid) for pid in children if b"tandem.apps.project" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(found) == 1, "one process projects"
        os.kill(found[0], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(found[0], signal.SIGCONT)


def make_log(data: Path, orders: int) -> dict[str, Any]:
    say(f"a log of {orders} orders")
    return run_json(RELEASE / "examples" / "history_log", data, str(orders), "1", str(DAYS))[0]


# --- projection


def projection_rows(name: str, made: dict[str, Any], found: Projected, size: int) -> list[Row]:
    orders = made["orders"]
    parts = made["commands"] / 10 / found.first_tenth, made["commands"] / 10 / found.last_tenth
    return [
        (
            f"{name}: projection of {millions(orders)} orders, {millions(made['trades'])} trades",
            f"{thousands(orders / found.seconds)} orders/s, {thousands(found.rows / found.seconds)} rows/s "
            f"({found.seconds:.0f} s, {found.cores:.2f} cores); commands/s in the first tenth "
            f"{thousands(parts[0])}, in the last {thousands(parts[1])}",
            "ahead of 10 k orders/s",
        ),
        (f"{name}: size", f"{size / 2**20:.0f} MiB, {size / orders:.0f} bytes an order", ""),
    ]


def limit_rows(name: str, how: str, orders: int, found: Projected, limit: tuple[int, float]) -> list[Row]:
    rows, seconds = limit
    return [
        (
            f"limit: {name}, {how} of the rows of {millions(orders)} orders into the same tables",
            f"{thousands(orders / seconds)} orders/s, {thousands(rows / seconds)} rows/s; projection of the same log "
            f"{thousands(orders / found.seconds)} orders/s ({seconds / found.seconds:.0%} of the limit)",
            "",
        )
    ]


def limits(folder: Path, server: Server, orders: int) -> list[Row]:
    data = folder / "small"
    made = make_log(data, orders)
    say("limits: SQLite")
    found = project(data, "")
    rows = limit_rows(
        "SQLite", "executemany", made["orders"], found, sqlite_limit(data / "history.db", folder / "bare")
    )
    (folder / "bare").unlink()
    say("limits: PostgreSQL")
    found = project(data, server.new_database("small"))
    return rows + limit_rows("PostgreSQL", "COPY", made["orders"], found, server.limit("small"))


# --- questions and orders


def ask(exchange: Running, made: dict[str, Any], rate: int, seconds: int) -> tuple[Questioning, dict[str, Any]]:
    """Questions, and what orders felt meanwhile."""
    picked = range(1, ACCOUNTS, ACCOUNTS // KEYS)
    keys = [exchange.new_key(f"trader {number}") for number in picked]
    asker = Asker(exchange.host, keys, orders=made["orders"], days=DAYS)
    flow = subprocess.Popen(
        [
            *(RELEASE / "tandem-loadgen", "--host", exchange.host, "--orders", "XYZUSDT", "100.00", "1"),
            *(*exchange.keys, "--rate", str(RATE), "--connections", str(CONNECTIONS)),
            *("--warmup", "1", "--seconds", str(WARMUP_SECONDS + seconds + 2 * FLOW_LEAD_SECONDS)),
        ],
        stdout=subprocess.PIPE,
    )
    time.sleep(FLOW_LEAD_SECONDS)
    questioning = Questioning(exchange.host, asker, rate, seconds)
    questioning.run()
    out, _ = flow.communicate()
    result: dict[str, Any] = json.loads(out)
    if result["failures"]:
        raise SystemExit(f"{result['failures']} orders failed: {result['first_failure']}")
    return questioning, result


def question_rows(found: dict[str, tuple[Questioning, dict[str, Any]]]) -> list[Row]:
    first = next(iter(found.values()))[0]
    rows = []
    for kind in first.latencies:
        cells = []
        for name, (questioning, _) in found.items():
            values, sizes = questioning.latencies[kind], questioning.sizes[kind]
            spread = f"p50 {percentile(values, 0.5):.1f}, p99 {percentile(values, 0.99):.1f}, max {max(values):.1f}"
            cells.append(f"{name} {spread} ms ({statistics.mean(sizes) / 1024:.0f} KiB)")
        is_limit = kind.startswith("limit")
        rows.append((kind, "; ".join(cells), "" if is_limit else "p99 < 20 ms"))
    for name, (questioning, felt) in found.items():
        every = [one for kind, ones in questioning.latencies.items() if not kind.startswith("limit") for one in ones]
        text = f"p50 {percentile(every, 0.5):.1f}, p99 {percentile(every, 0.99):.1f} ms of {len(every)}"
        orders = f"orders meanwhile p50 {felt['p50_us'] / 1000:.2f}, p99 {felt['p99_us'] / 1000:.2f} ms"
        rows.append((f"{name}: all of these questions", f"{text}; {orders}", "p99 < 20 ms"))
    return rows


def latency_rows(name: str, exchange: Running, plain: Running, rounds: int, seconds: int) -> list[Row]:
    """Each round every way once, in turning order."""
    taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
    lags = []
    ways = ["projecting", "projection standing still", "history off"]
    for number in range(rounds):
        for way in ways[number % 3 :] + ways[: number % 3]:
            say(f"{name}: orders at {RATE}/s, round {number + 1}/{rounds}, {way}")
            exchange.catch_up()
            if way == "history off":
                taken[way].append(plain.load("order", RATE, seconds, CONNECTIONS))
            elif way == "projecting":
                taken[way].append(exchange.load("order", RATE, seconds, CONNECTIONS))
                lags.append(exchange.lag_commands())
            else:
                with exchange.unprojected():
                    taken[way].append(exchange.load("order", RATE, seconds, CONNECTIONS))

    def figure(way: str, key: str) -> str:
        values = [one[key] / 1000 for one in taken[way]]
        return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"

    def ratio(other: str, key: str) -> str:
        pairs = zip(taken["projecting"], taken[other], strict=True)
        return f"{statistics.median(one[key] / two[key] for one, two in pairs) - 1:+.0%}"

    rows = [
        (f"{name}: REST order, {RATE}/s, {way}", f"p50 {figure(way, 'p50_us')}, p99 {figure(way, 'p99_us')} ms", "")
        for way in ways
    ]
    differences = "; ".join(
        f"against {other}: p50 {ratio(other, 'p50_us')}, p99 {ratio(other, 'p99_us')}" for other in ways[1:]
    )
    lag = f"commands behind right after a load: at most {max(lags):.0f}"
    return [*rows, (f"{name}: what projecting costs an order, median of pairs", f"{differences}; {lag}", "within 10 %")]


def served_rows(
    folder: Path, data: Path, server: Server, databases: dict[str, str], made: dict[str, Any], options: Any
) -> list[Row]:
    answers, latencies = {}, []
    for name in DATABASES:
        say(f"{name}: a server on it")
        places = folder / name, folder / "plain"
        for place in places:
            place.mkdir(exist_ok=True)
        say(f"{name}: reading it once")
        if name == "SQLite":
            warm_sqlite(data)
        else:
            server.warm("history")
        exchange = Running(places[0], data, f'database = "{databases[name]}"')
        plain = Running(places[1], folder / "small", "enabled = false")
        try:
            exchange.catch_up()
            say(f"{name}: questions")
            answers[name] = ask(exchange, made, options.query_rate, options.query_seconds)
            told(question_rows({name: answers[name]}))
            latencies += told(latency_rows(name, exchange, plain, options.rounds, options.seconds))
        finally:
            exchange.stop()
            plain.stop()
    return question_rows(answers) + latencies


# --- archive


def archive_rows(folder: Path, data: Path, made: dict[str, Any]) -> list[Row]:
    place = folder / "archive"
    say("archive")
    began = time.perf_counter()
    subprocess.run([TANDEM, "archive", data, "--archive", place], check=True, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    files = list(place.rglob("*.parquet"))
    size = sum(path.stat().st_size for path in files)
    days = sorted({path.parent.name.removeprefix("day=") for path in files})
    archived = sum(_rows_of(path) for path in files)

    def timed(question: str) -> list[float]:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            command = [TANDEM, "query", question, "--data", data, "--archive", place]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
        return times

    say("questions to the archive")
    of_day = [one for day in days[1:4] for one in timed(VOLUME.format(day=day))]
    nothing = timed("SELECT 1")
    return [
        (
            f"archive of {len(days)} days out of SQLite",
            f"{size / 2**20:.0f} MiB, {size / made['orders']:.0f} bytes an order; {seconds:.0f} s, "
            f"{thousands(archived / seconds)} rows/s; {len(files)} files",
            "",
        ),
        (
            f"`tandem query`, a day's volume by market ({millions(made['trades'] // DAYS)} trades)",
            f"{statistics.median(of_day):.2f} s ({min(of_day):.2f}..{max(of_day):.2f})",
            "",
        ),
        ("limit: `tandem query` of nothing", f"{statistics.median(nothing):.2f} s", ""),
    ]


def _rows_of(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


# --- all of it


def thousands(value: float) -> str:
    return f"{value / 1000:.1f} k" if value < 1e6 else f"{value / 1e6:.2f} M"


def millions(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e5 else f"{value / 1e3:.0f} k"


def measure(folder: Path, server: Server, options: Any) -> tuple[list[Row], dict[str, Any]]:
    rows = told(limits(folder, server, min(options.orders, options.limit_orders)))
    data = folder / "data"
    made = make_log(data, options.orders)
    databases = {"SQLite": "", "PostgreSQL": server.new_database("history")}
    found = []
    for name, database in databases.items():
        say(f"{name}: projection")
        projected = project(data, database)
        size = sqlite_bytes(data) if name == "SQLite" else server.bytes_of("history")
        found += told(projection_rows(name, made, projected, size))
    rows = found + rows + served_rows(folder, data, server, databases, made, options)
    return rows + told(archive_rows(folder, data, made)), made


def text_of(rows: list[Row], made: dict[str, Any], version: str, options: Any) -> str:
    lines = ["| what | measured | goal |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(
        [
            *lines,
            "",
            f"{machine()}, PostgreSQL {version} as Debian sets it up with {' and '.join(memory_settings())}, on the "
            "same machine and disk. What is asked about was read once before.",
            f"The log: {made['orders']} orders of all kinds by {ACCOUNTS} accounts in 8 markets, "
            f"{made['trades']} trades, {made['commands']} commands over {DAYS} days, seed {made['seed']}; made in "
            f"{made['seconds']:.0f} s.",
            "Projection: the process that `tandem serve` starts, from an empty database to the end of the log. "
            "The limits are writes of what came of a smaller log, by table in the order of their keys, in transactions "
            "of 20,000 rows.",
            f"Questions: REST, {options.query_rate}/s for {options.query_seconds} s (and {WARMUP_SECONDS} s before) "
            f"in turn of all kinds over {QUESTIONERS} connections, {KEYS} accounts, the default limits (500 rows), "
            "random ids and times; open loop from the intended time to the last byte, while orders come at "
            f"{RATE}/s and are projected. In brackets the mean length of an answer.",
            f"Orders: {options.rounds} rounds of {options.seconds} s after 1 s of warm-up, each way once a round in "
            "turning order, open loop; the projecting process is stopped with SIGSTOP, or the server is another one "
            "without history on a smaller log. Client, server, projection and database share the machine.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=("history",))
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument(
        "--limit-orders", type=int, default=300_000, help="of the log that the limits are measured with"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each load of orders")
    parser.add_argument("--query-rate", type=int, default=25)
    parser.add_argument("--query-seconds", type=int, default=120)
    parser.add_argument("--folder", type=Path, default=ROOT / "bench", help="where the data lie meanwhile")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results" / "history.md")
    options = parser.parse_args()
    # Databases and servers are ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    build()
    folder = Path(tempfile.mkdtemp(prefix="history-", dir=options.folder))
    try:
        with postgres() as server:
            rows, made = measure(folder, server, options)
            text = text_of(rows, made, server.version(), options)
    finally:
        shutil.rmtree(folder)
    print(text)
    options.output.write_text(text)


if __name__ == "__main__":
    main()
