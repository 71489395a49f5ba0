# The commands of this project. `make` alone lists them.

CARGO ?= cargo
# The tests wait more than they compute: three times as many run at a time as there are cores.
TEST_THREADS ?= $(shell echo $$((3 * $$(nproc))))

.DEFAULT_GOAL := help
.PHONY: help setup test quick lint fmt doc openapi demo build dist advisories bench backlog soak bench-peers conformance-peers consumers kill simulate fuzz ci

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Every test, on SQLite and PostgreSQL, in a real Chromium where one is needed; installs what it needs
	@scripts/setup test
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked --workspace

quick: ## The tests that need nothing installed (no PostgreSQL, no browser)
	$(CARGO) test --locked --workspace --lib
	$(CARGO) test --locked --package graph-api --package graph-emulator

setup: ## Install what the tests and the lints need: Debian packages, cargo-deny
	@scripts/setup test lint

lint: ## Format, clippy, documentation, dependency rules: all without warnings
	@scripts/setup lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) deny --locked check bans licenses sources

fmt: ## Format everything
	$(CARGO) fmt --all

doc: ## Build the documentation of the code and open it
	$(CARGO) doc --workspace --no-deps --document-private-items --open

openapi: ## Write docs/openapi.json from the code
	$(CARGO) run --locked --quiet --bin linekeeper -- openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

demo: ## Sample numbers in every state; one goes live by itself after a minute
	@scripts/setup demo
	$(CARGO) run --locked --bin linekeeper -- demo

build: ## Both programs, optimised
	$(CARGO) build --locked --release --bin linekeeper --bin graph-emulator

dist: ## Both programs as they are shipped: smallest, slow to build
	$(CARGO) build --locked --profile dist --bin linekeeper --bin graph-emulator

advisories: ## Known weaknesses in dependencies (asks the advisory database)
	$(CARGO) deny --locked check advisories

bench: dist ## Measure it under load on this machine, as it is shipped, or BENCH="--engine sqlite" alone; writes docs/measurements/bench*.md
	$(CARGO) run --locked --profile dist --package bench -- run $(BENCH)

backlog: dist ## A million events before an endpoint that is down, and its return; writes docs/measurements/backlog.md
	$(CARGO) run --locked --profile dist --package bench -- backlog $(BACKLOG)

soak: dist ## Forward a steady load for ten minutes an engine, or SOAK="--for 20s"; writes docs/measurements/soak.md
	$(CARGO) run --locked --profile dist --package bench -- soak $(SOAK)

bench-peers: dist ## Measure it beside other receivers (bench/peers/setup.sh first); writes docs/measurements/peers.md
	$(CARGO) run --locked --profile dist --package bench -- peers

conformance-peers: build ## Try it and other receivers with the conformance suite; writes docs/measurements/conformance.md
	$(CARGO) run --locked --release --package bench -- conformance

consumers: ## Forward to pywa, which nobody here wrote, beside Meta's own posts; writes docs/measurements/consumers.md
	test -x bench/peers/pywa/.venv/bin/uvicorn || bench/peers/setup.sh pywa
	$(CARGO) build --locked --bin linekeeper --bin graph-emulator
	$(CARGO) run --locked --package bench -- consumers

kill: ## A hundred kill -9 under load, on both engines and with two processes; writes docs/measurements/kill.md
	crates/server/tests/it/kill/load/run.sh

simulate: ## Play thousands of drawn lives of numbers under a fresh seed; count calls, delays and locks
	LINEKEEPER_SIMULATION_HISTORIES=$${LINEKEEPER_SIMULATION_HISTORIES:-5000} LINEKEEPER_SIMULATION_SEED=$${LINEKEEPER_SIMULATION_SEED:-$$(date +%s)} \
		$(CARGO) test --locked --package server --test it a_thousand_generated_histories -- --nocapture

fuzz: ## Throw arbitrary bytes at everything that reads what comes from outside; writes docs/measurements/fuzz.md
	fuzz/run.sh

ci: ## What CI runs, on this tree
	.ci/run
