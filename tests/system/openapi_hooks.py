"""Loaded by schemathesis: signs what it generated, whatever that is, so that signed operations are really reached."""

import json
import os
import time
from pathlib import Path

import requests
import schemathesis

from tests.system.trader import sign

GIVEN = json.loads(os.environ["TANDEM_FUZZ"])
"""apiKey, secretKey, the signed operations by method and path, and the file that successes are noted in."""
SIGNED = {tuple(row) for row in GIVEN["signed"]}


class Signed(requests.auth.AuthBase):
    """Over the query as it is sent; a timestamp and a signature that were generated give way to true ones."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        assert request.url is not None
        url, _, query = request.url.partition("?")
        request.headers["X-MBX-APIKEY"] = GIVEN["apiKey"]
        path = "/" + url.split("/", 3)[3]
        if (request.method, path) in SIGNED:
            pairs = [pair for pair in query.split("&") if pair.partition("=")[0] not in ("", "timestamp", "signature")]
            query = "&".join([*pairs, f"timestamp={time.time_ns() // 1_000_000}"])
            request.url = f"{url}?{query}&signature={sign(GIVEN['secretKey'], query)}"
        return request


schemathesis.auth.set_from_requests(Signed())


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
    with Path(GIVEN["notes"]).open("a") as notes:
        notes.write(json.dumps([case.operation.method.upper(), case.operation.path, response.status_code]) + "\n")
