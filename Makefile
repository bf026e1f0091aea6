# The one door: people, CI and the documentation use these targets and nothing else.
# Stamps live in the environments they describe, so removing an environment forgets them too.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= data
ARGS ?=

# One interpreter and one way of linking for every cargo call, so that nothing is compiled twice.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PYO3_BUILD_EXTENSION_MODULE := 1
unexport VIRTUAL_ENV
unexport CONDA_PREFIX

VENV_OK := $(VENV)/.venv-ok
DEPS_OK := $(VENV)/.deps-ok
ENGINE_OK := $(VENV)/.engine-ok

# Folders are listed too: their time changes when a file comes or goes.
ENGINE_SOURCES := Cargo.toml Cargo.lock pyproject.toml \
  $(shell find engine/core engine/journal engine/node engine/python \
    \( -name '*.rs' -o -name Cargo.toml -o -path '*/src' -type d -o -path '*/src/*' -type d \)) \
  $(shell find spec -name '*.toml' 2>/dev/null)

CLIENTS := python-binance binance-connector
CLIENTS_OK := $(CLIENTS:%=.venv-clients/%/.deps-ok)
LOCKS := requirements.lock requirements-dev.lock requirements-bootstrap.lock \
  $(CLIENTS:%=requirements-client-%.lock)

# What the tests of the last full run exercised of the API, process by process.
CONFORMANCE := build/conformance

# Tests of the whole process come last: they are slow, and useless while a part is broken.
PYTEST := $(BIN)/python -m pytest
# People may change Cargo.lock by building; CI may not.
LOCKED := $(if $(CI),--locked)
CARGO_TEST := cargo test $(LOCKED)

.PHONY: help run build test test-rust test-python check generate conformance bench fmt clean clients lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: build ## start an exchange with live demo markets on 127.0.0.1:8000 (HOST, PORT, DATA, ARGS)
	exec $(BIN)/tandem serve --data $(DATA) --demo --host $(HOST) --port $(PORT) $(ARGS)

build: $(ENGINE_OK) ## the Python environment and the compiled engine

test: check test-rust test-python ## everything that must pass before a commit

# Unit tests with debug assertions; the simulator's million commands need the optimiser.
test-rust: $(VENV_OK) ## the engine's tests
	$(CARGO_TEST) --workspace --exclude tandem-python --exclude tandem-sim
	$(CARGO_TEST) --release -p tandem-sim

test-python: build clients ## tests/<feature>, then tests/system, then whether they exercised all of the API
	scripts/postgres.sh install
	rm -rf $(CONFORMANCE)
	TANDEM_CONFORMANCE=$(CONFORMANCE) $(PYTEST) --ignore=tests/system
	TANDEM_CONFORMANCE=$(CONFORMANCE) $(PYTEST) tests/system
	$(BIN)/python scripts/generate_conformance.py --check

check: build ## style, types, import rules, sizes, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check_sizes.py
	$(BIN)/python scripts/check_locks.py
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings -D clippy::too_many_lines

generate: build ## write what is made from the code: errors, the API's reference, the OpenAPI document
	for what in errors api_reference openapi; do $(BIN)/python scripts/generate_$$what.py; done

conformance: build ## write docs/reference/conformance.md from what the last `make test` exercised
	$(BIN)/python scripts/generate_conformance.py

bench: build ## measure, and write the results with machine and method
	$(BIN)/python bench/run.py $(ARGS)

fmt: $(DEPS_OK) ## format Python and Rust
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	cargo fmt --all

clients: $(CLIENTS_OK) ## third-party clients, one environment each, for tests/system

lock: $(DEPS_OK) ## solve every lock again from pyproject.toml; UPGRADE=1 takes newest versions
	scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove everything that was built; data/ stays
	rm -rf $(VENV) .venv-clients target build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f src/tandem/_engine*.so

$(VENV_OK): scripts/require_tools.sh
	scripts/require_tools.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	touch $@

$(DEPS_OK): requirements-dev.lock requirements-bootstrap.lock | $(VENV_OK)
	@[ -x $(UV) ] || $(BIN)/python -m pip install --quiet --require-hashes -r requirements-bootstrap.lock
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	touch $@

$(ENGINE_OK): $(DEPS_OK) $(ENGINE_SOURCES)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release $(LOCKED) --uv
	touch $@

.venv-clients/%/.deps-ok: requirements-client-%.lock | $(DEPS_OK)
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-clients/$*
	$(UV) pip sync --quiet --python .venv-clients/$*/bin/python --require-hashes $<
	touch $@
