"""Holds the lock files to pyproject.toml and Cargo.lock to Cargo.toml, without the network.

Every requirement must be pinned at a version that satisfies it, every pin must carry hashes, no lock may
name an address, and the development lock must run what the runtime lock runs.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
ADDRESS = re.compile(r"[a-z+]+://|^\s*--(index-url|extra-index-url|find-links|trusted-host)", re.MULTILINE)


def read_pins(text: str) -> dict[str, str]:
    """Name to version; asserts that every entry has a hash."""
    pins = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n" + text):
        match = PIN.match(entry.strip())
        if match:
            assert "--hash=sha256:" in entry, f"{match[1]} has no hash"
            pins[canonicalize_name(match[1])] = match[2]
    return pins


def group_requirements(groups: dict[str, Any], name: str) -> Iterator[str]:
    """A dependency group with its included groups."""
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from group_requirements(groups, item["include-group"])


def wanted_requirements() -> dict[str, list[str]]:
    """Lock file to the requirements it must satisfy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = project["project"]["dependencies"]
    groups = project["dependency-groups"]
    wanted = {"requirements.lock": runtime}
    for name in groups:
        inherited = runtime if name == "dev" else []
        wanted[f"requirements-{name}.lock"] = [*inherited, *group_requirements(groups, name)]
    return wanted


def complaints(lock: str, requirements: list[str]) -> Iterator[str]:
    """What is wrong with one lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    if match := ADDRESS.search(text):
        yield f"{lock}: names an address: {match[0]}"
    pins = read_pins(text)
    for requirement in map(Requirement, requirements):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield f"{lock}: wants {requirement}, has {version}: run `make lock`"


def main() -> int:
    """Print every complaint."""
    wanted = wanted_requirements()
    found = [complaint for lock, needs in wanted.items() for complaint in complaints(lock, needs)]
    runtime = read_pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    dev = read_pins((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))
    assert runtime, "requirements.lock pins nothing"
    found += [
        f"{name}: {version} at run time, {dev.get(name)} in tests"
        for name, version in runtime.items()
        if dev.get(name) != version
    ]
    cargo = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version=1"], cwd=ROOT, capture_output=True, text=True
    )
    if cargo.returncode:
        found.append(f"Cargo.lock: {cargo.stderr.strip()}")
    print("\n".join([*found, f"locks: {len(wanted)} files and Cargo.lock, {len(found)} complaints"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
