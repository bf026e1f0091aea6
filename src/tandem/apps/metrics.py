"""/healthz and /metrics: what a load balancer and Prometheus ask."""

from collections.abc import Callable, Iterable, Mapping

import orjson
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tandem.apps.gateway import AsgiApp, Receive, Scope, Send
from tandem.platform.engine import Engine

COUNTERS = {
    "commands",
    "release_runs",
    "batches",
    "refused",
    "syncs",
    "sync_ns_total",
    "apply_ns_total",
    "snapshots",
    "findings",
}
"""Of `Engine.stats`; the rest are gauges."""


class EngineCollector(Collector):
    """The engine's own numbers, and what the process counts beside them, read when asked."""

    def __init__(self, engine: Engine, gauges: Mapping[str, Callable[[], float]]) -> None:
        self._engine = engine
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for name, value in self._engine.stats().items():
            family = CounterMetricFamily if name in COUNTERS else GaugeMetricFamily
            metric = family(f"tandem_{name.removesuffix('_total')}", f"Engine: {name.replace('_', ' ')}.")
            metric.add_metric([], value)
            yield metric
        for name, read in self._gauges.items():
            yield GaugeMetricFamily(f"tandem_{name}", f"{name.replace('_', ' ').capitalize()}.", value=read())


def metrics_app(engine: Engine, gauges: Mapping[str, Callable[[], float]]) -> AsgiApp:
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine, gauges))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await _send(scope, send, 200, b"text/plain; version=0.0.4; charset=utf-8", generate_latest(registry))

    return app


def health_app(is_accepting: Callable[[], bool]) -> AsgiApp:
    """200 when orders are accepted, 503 when not (the disk is full, the exchange is stopping)."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        accepting = is_accepting()
        body = orjson.dumps({"status": "ok" if accepting else "not accepting orders"})
        await _send(scope, send, 200 if accepting else 503, b"application/json", body)

    return app


async def _send(scope: Scope, send: Send, status: int, content_type: bytes, body: bytes) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1000})
        return
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
