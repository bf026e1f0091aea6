"""What Prometheus and a load balancer are told."""

from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tandem.apps.gateway import AsgiApp
from tandem.apps.metrics import COUNTERS, health_app, metrics_app
from tandem.platform.engine import Engine


async def got(app: AsgiApp) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        return await client.get("/")


async def test_metrics_are_what_the_engine_says_and_what_the_process_counts(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path), segment_bytes=1 << 20)
    try:
        stats = engine.stats()
        response = await got(metrics_app(engine, {"sockets": lambda: 3.0}))
    finally:
        engine.close()
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    shown: dict[str, Any] = {name: family.samples[0].value for name, family in families.items() if family.samples}
    ours = {f"tandem_{name.removesuffix('_total')}" for name in stats} | {"tandem_sockets"}
    assert ours <= shown.keys()
    assert shown["tandem_sockets"] == 3.0
    assert set(stats) >= COUNTERS, "a counter that the engine no longer has"
    for name in stats:
        kind = "counter" if name in COUNTERS else "gauge"
        assert families[f"tandem_{name.removesuffix('_total')}"].type == kind
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["cache-control"] == "no-store"


async def test_health_is_whether_orders_are_accepted(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path), segment_bytes=1 << 20)
    app = health_app(engine.is_accepting)
    before = await got(app)
    engine.close()
    after = await got(app)
    assert (before.status_code, before.json()) == (200, {"status": "ok"})
    assert (after.status_code, after.json()) == (503, {"status": "not accepting orders"})
