# Every target sets up what it needs, and is fast when nothing changed. `make` alone prints the targets.
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps
SOURCES := schemas infra commands streams projections query_api
CHECKED := $(SOURCES) tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help setup run test check format schemas servers run-servers cluster-test chaos screenshots bench bench-servers soak lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMPS)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Murmuration needs Python 3.11 or newer: make setup PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/base: requirements.lock pyproject.toml | $(STAMPS)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/media: requirements-media.lock $(STAMPS)/base
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-media.lock
	@touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/media
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(STAMPS)/cluster: requirements-cluster.lock $(STAMPS)/dev
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-cluster.lock
	@touch $@

setup: $(STAMPS)/media ## install into .venv, so that .venv/bin/murmur works

run: setup ## set up, then run everything with a live demo on http://127.0.0.1:8000 and :8001
	$(BIN)/murmur up --demo

test: $(STAMPS)/dev ## set up, then run all tests (the load test too, where ../shared/data or MURMURATION_DATA is)
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMPS)/dev ## format, lint, types, architecture, schemas, known vulnerabilities of what is locked
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m infra.schema_check
	$(BIN)/python -m infra.audit

format: $(STAMPS)/dev ## put the code into the house's form
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

schemas: $(STAMPS)/dev ## check every released schema: FULL_TRANSITIVE
	$(BIN)/python -m infra.schema_check

servers: $(STAMPS)/cluster ## set up, then start the servers of the cluster profile; `murmur servers down` stops them
	$(BIN)/murmur servers up

run-servers: servers ## set up, then run everything on servers with a live demo: the cluster profile
	$(BIN)/murmur up --profile cluster --demo

cluster-test: $(STAMPS)/cluster ## set up, then run the tests that need real servers; starts and stops them itself
	MURMURATION_CLUSTER=1 $(BIN)/python -m pytest -m cluster $(ARGS)

chaos: $(STAMPS)/cluster ## three brokers and three nodes of Cassandra, one of each killed in turn under load (minutes, 5 GB)
	MURMURATION_CLUSTER=1 MURMURATION_CHAOS=1 $(BIN)/python -m pytest -s tests/chaos

screenshots: $(STAMPS)/dev ## pictures of all pages over demo data, wide and narrow, light and dark, in docs/screenshots/
	$(BIN)/python -m tests.browser.screenshots

bench: $(STAMPS)/dev ## measure everything beside its ceiling; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

bench-servers: $(STAMPS)/cluster ## the same for the cluster profile, on servers that it starts and stops
	$(BIN)/python -m benchmarks cluster

soak: $(STAMPS)/dev ## kill, fail, cut and flip the log for long; CYCLES=, IMAGES=, SEED= may be given
	MURMURATION_SOAK_SEED=$(or $(SEED),1) MURMURATION_SOAK_CYCLES=$(or $(CYCLES),10000) $(BIN)/python -m pytest -s \
		tests/integration/log/test_io_errors.py tests/integration/log/test_kill.py tests/integration/log/test_byte_flips.py
	MURMURATION_SOAK_SEED=$(or $(SEED),1) MURMURATION_SOAK_CYCLES=$(or $(IMAGES),100000) $(BIN)/python -m pytest -s \
		tests/integration/log/test_power_loss.py

lock: $(STAMPS)/dev ## renew the lock files from pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header \
		--extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header \
		--extra build --extra media -c requirements.lock pyproject.toml -o requirements-media.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header \
		--extra build --extra media --extra dev -c requirements-media.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header \
		--extra build --extra media --extra dev --extra cluster -c requirements-dev.lock pyproject.toml -o requirements-cluster.lock

clean: ## remove what setup and runs made (also ./data)
	rm -rf .venv build data *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
