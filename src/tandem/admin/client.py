"""The command line's side of the operator endpoint: finds a running exchange by its data directory."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OPERATOR_FILE = "operator.json"


class OperatorError(Exception):
    """What the operator should read: nothing is running, or what the exchange refused."""


def call(data: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One request to the exchange that runs on `data`. Raises OperatorError."""
    try:
        address = json.loads((data / OPERATOR_FILE).read_text())
    except FileNotFoundError as error:
        raise OperatorError(_not_running(data)) from error
    except (OSError, ValueError) as error:
        raise OperatorError(f"cannot read {data / OPERATOR_FILE}: {error}") from error
    connection = http.client.HTTPConnection(urlsplit(address["url"]).netloc, timeout=30)
    try:
        headers = {"x-tandem-operator-key": address["key"], "content-type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (ConnectionError, TimeoutError) as error:
        raise OperatorError(_not_running(data)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OperatorError(f"the exchange on {data} gave no sensible answer: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise OperatorError(answer.get("error", f"HTTP {response.status}"))
    return answer


def _not_running(data: Path) -> str:
    return f"no exchange is running on {data}; start it with: tandem serve --data {data}"
