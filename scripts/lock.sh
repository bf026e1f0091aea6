#!/usr/bin/env bash
# Solves every lock file from pyproject.toml. Arguments go to `uv pip compile` (for example --upgrade).
set -euo pipefail
cd "$(dirname "$0")/.."

solve() { # output, then what to solve for
  local output=$1
  shift
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --custom-compile-command "make lock" \
    "${extra[@]}" "$@" --output-file "$output"
}

extra=("$@")
solve requirements.lock pyproject.toml
solve requirements-dev.lock pyproject.toml --group dev --constraint requirements.lock
solve requirements-bootstrap.lock --group pyproject.toml:bootstrap --constraint requirements-dev.lock
for client in python-binance binance-connector; do
  solve "requirements-client-$client.lock" --group "pyproject.toml:client-$client"
done
