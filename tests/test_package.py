"""The distribution, the compiled module and the Rust workspace are one version."""

import tomllib
from pathlib import Path

import tandem
import tandem._engine

CARGO = Path(__file__).resolve().parent.parent / "Cargo.toml"


def test_package_and_engine_carry_the_workspace_version() -> None:
    workspace = tomllib.loads(CARGO.read_text(encoding="utf-8"))["workspace"]["package"]["version"]
    assert (tandem.__version__, tandem._engine.__version__) == (workspace, workspace)
