"""The real process under test: starts `tandem serve`, speaks to its operator endpoint, stops it or kills it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.conformance.recorder import VARIABLE
from tests.system.trader import Trader

T = TypeVar("T")
TANDEM = Path(sys.executable).parent / "tandem"
SERVE = [sys.executable, "-m", "tests.conformance.serve"] if os.environ.get(VARIABLE) else [str(TANDEM)]
"""The same server, observed when what the tests exercise is recorded."""
UNLIMITED = """
log_format = "json"
log_level = "debug"

[limits]
weight_per_minute = 0
raw_requests_per_5_minutes = 0
orders_per_10_seconds = 0
orders_per_day = 0
connection_attempts_per_5_minutes = 0
stream_messages_per_second = 0
"""


def until(what: Callable[[], T], timeout_s: float = 10.0, every_s: float = 0.02) -> T:
    """Asks again until the answer is true. Raises TimeoutError with the last answer."""
    end = time.monotonic() + timeout_s
    while not (answer := what()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s} s, last answer: {answer!r}")
        time.sleep(every_s)
    return answer


def cli(*arguments: str, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
    """One `tandem` command, run to its end."""
    return subprocess.run(
        [str(TANDEM), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Exchange:
    """One data directory and the process on it. The log of the process is `<data>.log`, outside the directory."""

    def __init__(self, data: Path, *, config: str = UNLIMITED) -> None:
        self.data = data
        self.log_path = data.with_name(data.name + ".log")
        self._config_path = data.with_name(data.name + ".toml")
        self._config_path.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._operator: dict[str, Any] = {}
        self.seconds_to_ready = 0.0
        self._http = httpx.Client(timeout=10)
        self._traders: list[Trader] = []

    def start(self, *arguments: str, timeout_s: float = 30.0) -> "Exchange":
        """Returns when orders are accepted."""
        begin = time.monotonic()
        self.spawn(*arguments)
        until(self._is_ready, timeout_s, 0.01)
        self.seconds_to_ready = time.monotonic() - begin
        return self

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts without waiting."""
        command = [*SERVE, "serve", "--data", str(self.data), "--port", "0", "--config", str(self._config_path)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self._process

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the process ended with {self._process.returncode}:\n{self.log_tail()}")
        try:
            found = json.loads((self.data / "operator.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        if found["pid"] != self._process.pid:
            return False
        try:
            healthy = self._http.get(found["exchange"] + "/healthz").status_code == 200
        except httpx.TransportError:
            return False
        self._operator = found
        self.url = found["exchange"]
        return healthy

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace")

    def log_tail(self) -> str:
        return self.log_text()[-4000:]

    def operate(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the operator's command line does, without a process of its own."""
        headers = {"x-tandem-operator-key": self._operator["key"]}
        answer = self._http.request(method, self._operator["url"].rstrip("/") + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open_account(self, name: str, **funds: str) -> dict[str, str]:
        """A funded account with a key: `{"name", "apiKey", "secretKey"}`."""
        self.operate("POST", "/accounts", {"name": name})
        for asset, amount in funds.items():
            self.operate("POST", "/accounts/credit", {"account": name, "asset": asset, "amount": amount})
        key = self.operate("POST", "/keys", {"account": name})
        return {"name": name, "apiKey": key["apiKey"], "secretKey": key["secretKey"]}

    def trader(self, account: dict[str, str] | None = None) -> Trader:
        """A client that is closed with the exchange; without an account it can only do what is public."""
        made = Trader(self.url, account or {"name": "", "apiKey": "", "secretKey": ""})
        self._traders.append(made)
        return made

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def kill(self) -> None:
        """SIGKILL: nothing of the process gets to run."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Asks it to stop and returns its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(timeout_s)

    def close(self) -> None:
        """Leaves nothing running."""
        if self._process is not None and self._process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        for client in (self._http, *self._traders):
            client.close()
