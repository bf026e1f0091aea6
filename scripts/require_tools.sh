#!/usr/bin/env bash
# Says what to install when a system tool is missing. Argument: the Python command to use.
set -euo pipefail

python=${1:-python3}
missing=0

need() { # command, advice
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "missing: $1. $2" >&2
    missing=1
  fi
}

need cargo "Install Rust 1.90 or newer with rustup (https://rustup.rs), then open a new shell."
need cc "Install a C compiler: apt install build-essential, or xcode-select --install."
need "$python" "Install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..."

if command -v "$python" >/dev/null 2>&1; then
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "too old: $("$python" --version). Tandem needs 3.11 or newer: make PYTHON=python3.12 ..." >&2
    missing=1
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "missing: Python's venv module. On Debian and Ubuntu: apt install python3-venv." >&2
    missing=1
  fi
fi

if command -v cargo >/dev/null 2>&1; then
  for component in fmt clippy; do
    if ! cargo "$component" --version >/dev/null 2>&1; then
      echo "missing: cargo $component. Run: rustup component add rustfmt clippy" >&2
      missing=1
    fi
  done
fi

exit "$missing"
