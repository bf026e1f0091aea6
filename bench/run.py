"""`make bench`: one table of what Tandem does and of the limits under it, measured in the same run.

Every figure is the median of the rounds; the rounds of all candidates are interleaved, because machines drift.
Latencies are open loop, counted from the intended send time (bench/loadgen). Results go to bench/results/latest.md.
`--only history` measures what bench/history.py does, which takes an hour with its 10 M orders.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TANDEM = Path(sys.executable).with_name("tandem")
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
SYMBOL, PRICE, QUANTITY = "XYZUSDT", "100.00", "1"


def run_json(*command: str | Path) -> list[dict[str, Any]]:
    """The JSON lines that a benchmark prints."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def build() -> None:
    examples = ["-p", "tandem-core", "-p", "tandem-node", "--examples"]
    subprocess.run(["cargo", "build", "--release", *examples], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "-p", "tandem-loadgen"], cwd=ROOT, check=True)


class Exchange:
    """A real `tandem serve` on a directory of its own, with one market, two funded accounts and no rate limits."""

    CONFIG = """
[limits]
weight_per_minute = 0
raw_requests_per_5_minutes = 0
orders_per_10_seconds = 0
orders_per_day = 0
connection_attempts_per_5_minutes = 0
stream_messages_per_second = 0
"""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        config = folder / "tandem.toml"
        config.write_text(self.CONFIG)
        command = [TANDEM, "serve", "--data", self.data, "--port", "0", "--no-demo", "--config", config]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen([str(c) for c in command], stderr=self.log)
        self.host = self._wait()
        self._tandem("assets", "add", "XYZ")
        self._tandem("assets", "add", "USDT")
        steps = ("--tick-size", "0.01", "--step-size", "0.001", "--max-orders", "1000000")
        self._tandem("markets", "add", SYMBOL, "--base", "XYZ", "--quote", "USDT", *steps)
        self.keys: list[str] = []
        for name in ("maker", "taker"):
            self._tandem("accounts", "create", name)
            self._tandem("accounts", "credit", name, "XYZ", "1000000000000")
            self._tandem("accounts", "credit", name, "USDT", "100000000000000")
            key = json.loads(self._tandem("keys", "create", "--account", name))
            self.keys += [key["apiKey"], key["secretKey"]]

    def _tandem(self, *command: str) -> str:
        full = [str(TANDEM), *command, "--data", str(self.data)]
        return subprocess.run(full, stdout=subprocess.PIPE, check=True, text=True).stdout

    START_SECONDS = 20

    def _wait(self) -> str:
        deadline = time.monotonic() + self.START_SECONDS
        while time.monotonic() < deadline:
            try:
                url = json.loads((self.data / "operator.json").read_text())["exchange"]
                urllib.request.urlopen(f"{url}/healthz", timeout=1).close()
                return str(url).removeprefix("http://")
            except (OSError, ValueError):
                time.sleep(0.05)
        raise SystemExit(f"the exchange did not start; see {self.log.name}")

    def load(self, what: str, rate: int, seconds: int, connections: int) -> dict[str, Any]:
        work = ["--path", "/api/v3/ping"] if what == "ping" else ["--orders", SYMBOL, PRICE, QUANTITY, *self.keys]
        pace = ["--rate", str(rate), "--seconds", str(seconds), "--warmup", "1", "--connections", str(connections)]
        result = run_json(RELEASE / "tandem-loadgen", "--host", self.host, *work, *pace)[0]
        if result["failures"]:
            raise SystemExit(f"{result['failures']} requests failed: {result['first_failure']}")
        return result

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def sync_latency(folder: Path, count: int = 2_000) -> dict[str, Any]:
    """fdatasync of 200 bytes appended to pre-allocated space, one at a time, at about 500/s pace of nothing else."""
    path = folder / "sync"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, bytes(200 * count), 0)
    os.fsync(descriptor)
    record, times = b"x" * 200, []
    for i in range(count):
        os.pwrite(descriptor, record, 200 * i)
        start = time.perf_counter_ns()
        os.fdatasync(descriptor)
        times.append((time.perf_counter_ns() - start) / 1000)
    os.close(descriptor)
    path.unlink()
    times.sort()
    return {
        "p50_us": round(times[count // 2]),
        "p99_us": round(times[count * 99 // 100]),
        "p999_us": round(times[count * 999 // 1000]),
    }


Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """A line of the table: what it is, who measures it, which of the measured figures it shows, what the goal is.

    Rows with the same source share one measurement a round.
    """

    name: str
    source: Callable[[], Lines]
    figures: tuple[str, ...]
    goal: str = ""
    key: str = ""
    """The "name" of the source's line, where it has several."""


LATENCY = ("p50_us", "p99_us", "p999_us")
SATURATION = ("per_second", "p99_us")


def engine_rows() -> list[Row]:
    """Rust benches print their own median of 5 runs; one call each is a round."""

    def example(name: str) -> Callable[[], Lines]:
        return lambda: run_json(RELEASE / "examples" / name)

    book, core, durable = example("bench_book"), example("bench_core"), example("durable_bench")
    return [
        Row("matching only, commands", book, ("per_second",), "12 M/s (best C++ engines: 10 and 12 M/s)", "book"),
        Row("full core, commands", core, ("per_second",), "4 M/s", "core"),
        Row("full core, a third of it stops, icebergs, pairs, amends", core, ("per_second",), "", "core_special"),
        Row("memory per resting order", core, ("bytes",), "< 300 bytes", "core_bytes_per_resting_order"),
        Row("memory per waiting stop order", core, ("bytes",), "", "core_bytes_per_waiting_order"),
        Row("memory per pair (OCO)", core, ("bytes",), "", "core_bytes_per_pair"),
        Row("memory per account", core, ("bytes",), "1 M accounts < 1 GB", "core_bytes_per_account"),
        Row(
            "durable commands (log + fdatasync + apply, pipelined)",
            durable,
            ("per_second",),
            "1 M/s",
            "durable_commands",
        ),
        Row("restart with 1 M commands in the tail", durable, ("open_seconds",), "< 5 s", "restart"),
    ]


def rest_rows(exchange: Exchange, folder: Path, seconds: int) -> list[Row]:
    def load(what: str, rate: int, connections: int) -> Callable[[], Lines]:
        return lambda: [exchange.load(what, rate, seconds, connections)]

    return [
        Row("limit: one fdatasync", lambda: [sync_latency(folder)], LATENCY),
        Row("limit: empty request (ping) at 500/s", load("ping", 500, 16), LATENCY),
        Row("REST order, 500/s", load("order", 500, 16), LATENCY, "p99 < 2 ms, p99.9 < 10 ms"),
        Row("limit: empty request (ping) at 2000/s", load("ping", 2000, 32), LATENCY),
        Row("REST order, 2000/s", load("order", 2000, 32), LATENCY),
        Row("limit: empty request (ping), saturation", load("ping", 0, 64), SATURATION),
        Row("REST order, saturation", load("order", 0, 64), SATURATION, "25 k/s with p99 < 20 ms"),
    ]


def measure(rows: list[Row], rounds: int) -> dict[str, dict[str, list[float]]]:
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        measured: dict[Callable[[], Lines], Lines] = {}
        for row in rows:
            if row.source not in measured:
                print(f"  round {number + 1}/{rounds}: {row.name}", file=sys.stderr, flush=True)
                measured[row.source] = row.source()
            line = next(line for line in measured[row.source] if not row.key or line["name"] == row.key)
            for figure in row.figures:
                taken[row.name][figure].append(line[figure])
    return taken


def machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown processor")  # fmt: skip
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 2**20
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ).stdout
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, Python {platform.python_version()}, "
        f"commit {commit.strip()}"
    )


def table(rows: list[Row], taken: dict[str, dict[str, list[float]]]) -> str:
    lines = ["| what | median of rounds (min..max); latencies in ms | goal |", "|---|---|---|"]
    for row in rows:
        cells = []
        for figure in row.figures:
            values = taken[row.name][figure]
            median, low, high = statistics.median(values), min(values), max(values)
            text = f"{LABELS[figure]} {show(figure, median)} ({show(figure, low)}..{show(figure, high)})"
            cells.append(text.strip())
        lines.append(f"| {row.name} | {', '.join(cells)} | {row.goal} |")
    return "\n".join(lines)


LABELS = {
    "per_second": "",
    "bytes": "",
    "open_seconds": "",
    "p50_us": "p50",
    "p99_us": "p99",
    "p999_us": "p99.9",
}


def show(figure: str, value: float) -> str:
    if figure.endswith("_us"):
        return f"{value / 1000:.2f}"
    if figure == "bytes":
        return f"{value:.0f} B"
    if figure == "open_seconds":
        return f"{value:.2f} s"
    return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{value / 1e3:.1f} k/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--only", choices=("engine", "rest", "history"), help="a part of it; or bench/history.py")
    options, more = parser.parse_known_args()
    if options.only == "history":
        import history

        return history.main()
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    build()
    with tempfile.TemporaryDirectory(dir=ROOT / "bench") as name:
        folder = Path(name)
        rows: list[Row] = []
        exchange = None
        if options.only != "rest":
            rows += engine_rows()
        if options.only != "engine":
            exchange = Exchange(folder)
            rows += rest_rows(exchange, folder, options.seconds)
        try:
            taken = measure(rows, options.rounds)
        finally:
            if exchange is not None:
                exchange.stop()
    text = (
        f"{table(rows, taken)}\n\n{machine()}.\n{options.rounds} interleaved rounds; latencies open loop from the "
        f"intended send time, {options.seconds} s a round after 1 s of warm-up; client and server share the machine.\n"
    )
    print(text)
    if options.only is None:
        target = ROOT / "bench" / "results" / "latest.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main()
