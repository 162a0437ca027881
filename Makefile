# `make` alone says what there is. Every target can be run again at any time.
.DEFAULT_GOAL := help
.PHONY: help demo demo-down up down test test-unit fuzz soak lint generate bench tools clean programs go-programs rust-programs

# Where cargo puts programs, CARGO_TARGET_DIR and its configuration included.
TARGET = $(shell cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug
export DEV_DIR ?= .dev
# A demo does without the programs that only tests need, and starts the sooner.
demo up: export PROGRAMS = --bin postern --bin cluster --example http-source
test soak tools: export TOOLS = all
# How many cases `make fuzz` gives to each property test, and how long it runs each fuzz target.
CASES ?= 100000
FUZZ_SECONDS ?= 60
# Each target has a folder of seeds in one of two crates: the library, which others build alone, has its own.
FUZZ_TARGETS = $(wildcard fuzz/corpus/* libs/extension-apiserver/fuzz/corpus/*)
FUZZER = $(CACHE)/cargo-fuzz-0.13.2
# What measures, and what is measured beside the published program. One selection, so that dependencies are compiled once.
RELEASED = --package bench --package wardle
# Lint and fuzzing need a program each that Rust does not bring along.
CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/postern
DENY = $(CACHE)/cargo-deny-0.20.2

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: programs ## Tell the whole story on a real control plane, and leave it running (DEMO_PACE=0: without pauses)
	@$(TARGET)/cluster demo

demo-down: down ## End what demo or up started

up: programs ## Start a real control plane with Postern in .dev (DEV_DIR=, POSTERN_FLAGS=, FLUX_CRDS=0)
	@$(TARGET)/cluster up

down: ## End what demo or up started; its logs stay
	@test -x $(TARGET)/cluster || cargo build --quiet --package cluster
	@$(TARGET)/cluster down

test: test-unit programs ## Run every test, on a real control plane of its own (ARGS=part-of-a-name, KEEP=1)
	@$(TARGET)/cluster test -- $(ARGS)

test-unit: ## Run the tests that need no control plane
	cargo test --quiet --workspace
	cargo test --quiet --package extension-apiserver --lib --no-default-features --features v1_37

fuzz: ## Run every property test on many random cases, an hour or two, and the fuzz targets (CASES=100000, FUZZ_SECONDS=60 each)
	@PROPTEST_CASES=$(CASES) cargo test --profile fuzz --workspace --lib --bins --no-fail-fast -- ::any_ 2>&1 | tee /dev/stderr | awk ' \
		/^test .*::any_.* ok$$/ { passed++ } \
		/^test .* FAILED$$|^error/ { failed++ } \
		END { printf "%d property tests passed, $(CASES) cases each\n", passed; exit failed || !passed }'
	@# Each of its cases starts two processes.
	PROPTEST_CASES=$$(($(CASES) / 20)) cargo test --profile fuzz --package expressions --test evaluation
	@if RUSTUP_AUTO_INSTALL=0 cargo +nightly --version > /dev/null 2>&1; then $(MAKE) --no-print-directory $(addprefix fuzz-,$(notdir $(FUZZ_TARGETS))); \
	else echo "The fuzz targets were not run: they need nightly Rust (rustup toolchain install nightly)."; fi

# The versions of dependencies are those of the workspace. What is found on the way stays out of the seeds, which are committed.
fuzz-%: FUZZED = $(dir $(TARGET))cargo-fuzz
fuzz-%: CRATE = $(patsubst %/corpus/$*,%,$(filter %/corpus/$*,$(FUZZ_TARGETS)))
fuzz-%:
	@test -x $(FUZZER)/bin/cargo-fuzz || cargo install --quiet --locked cargo-fuzz --version 0.13.2 --root $(FUZZER)
	@cp Cargo.lock $(CRATE)/Cargo.lock
	@mkdir -p $(FUZZED)/found/$*
	@PATH="$(FUZZER)/bin:$$PATH" cargo +nightly fuzz run --fuzz-dir $(CRATE) --target-dir $(FUZZED) $* \
		$(FUZZED)/found/$* $(CRATE)/corpus/$* -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096

soak: export WARDLE_BIN = $(dir $(TARGET))release/wardle
soak: programs ## Put two hundred sources through every misfortune, into docs/soak.md (SOAK_MINUTES=10)
	cargo build --release $(RELEASED) --bin wardle
	@$(TARGET)/cluster test -- soak:: --ignored

lint: ## Check the format, clippy with warnings denied, and what we depend on
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- --deny warnings
	cargo clippy --quiet --workspace --test suite -- --deny warnings
	@test -x $(DENY)/bin/cargo-deny || cargo install --quiet --locked cargo-deny --version 0.20.2 --root $(DENY)
	cargo fetch --quiet --locked
	PATH="$(DENY)/bin:$$PATH" cargo deny --offline check bans licenses sources

generate: ## Write the files that follow from the code: the CRDs
	cargo run --quiet --package postern -- crds > crds/manifests/crds.yaml

bench: tools ## Measure speed and memory beside peers, into docs/benchmarks.md (half an hour on a quiet machine; needs nginx; as root, on a file system of its own)
	cargo fetch --quiet --locked
	cargo build --release $(RELEASED)
	cargo build --profile dist --package postern
	@mkdir -p docs
	POSTERN_BIN=$(dir $(TARGET))dist/postern $(dir $(TARGET))release/bench run --out docs/benchmarks.md

tools: ## Build the programs of the control plane and of tests into the user's cache folder, if they are not there
	@cargo build --quiet --package tools
	@$(TARGET)/tools $(TOOLS)

clean: ## End the environment and remove what was built here; the control plane's programs stay cached
	@if [ -d "$(DEV_DIR)" ]; then $(MAKE) --no-print-directory down; fi
	rm -rf .dev
	cargo clean

# Every build selects the whole workspace, tests included: another selection would be another set of features, and all
# dependencies would be compiled once more. Go and Rust build side by side: `tools` depends on next to nothing, so it is there while Rust still compiles.
programs:
	@cargo build --quiet --package tools
	@$(MAKE) --no-print-directory --jobs=2 go-programs rust-programs

go-programs:
	@$(TARGET)/tools $(TOOLS) > /dev/null

rust-programs:
	@cargo build --workspace $(or $(PROGRAMS),--bins --examples)
