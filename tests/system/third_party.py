"""Runs the clients that need an environment of their own: each script of `clients/` under its client's interpreter."""

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".venv-clients"


def run_client(environment: str, script: str, given: dict[str, Any], timeout_s: float = 60.0) -> Any:
    """What the script printed, decoded. Its stderr is in the message when it fails."""
    python = ENVIRONMENTS / environment / "bin" / "python"
    assert python.exists(), f"{python} is missing: make clients"
    done = subprocess.run(
        [str(python), str(HERE / "clients" / script), json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{script} ended with {done.returncode}:\n{done.stderr[-4000:]}\n{done.stdout[-1000:]}"
    return json.loads(done.stdout)
