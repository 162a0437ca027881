# `make` alone says what there is. Each target is one step that can be run again.
.DEFAULT_GOAL := help
.PHONY: help up down test test-unit lint generate tools clean programs binaries

# Where cargo puts its programs, whatever CARGO_TARGET_DIR says.
TARGET = $(shell cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug
export DEV_DIR ?= .dev

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | column -t -s "$$(printf '\t')"

up: programs ## Start a real control plane with Postern, in .dev (DEV_DIR=, POSTERN_FLAGS=, FLUX_CRDS=0)
	@$(TARGET)/cluster up

down: ## End what up or demo started
	@cargo build -q -p cluster
	@$(TARGET)/cluster down

test-unit: ## Run the tests that need no control plane
	cargo test --workspace --exclude tests

tools: ## Build the control plane's programs into the user's cache folder
	@cargo build -q -p tools
	@$(TARGET)/tools

clean: down ## Remove what was built here; cached programs stay
	cargo clean

# Go and Rust side by side: `tools` depends on next to nothing, so its Go builds start while Rust still compiles.
programs:
	@cargo build -q -p tools
	@$(MAKE) --no-print-directory --jobs=2 tools-quietly binaries

tools-quietly:
	@$(TARGET)/tools > /dev/null

binaries:
	@cargo build -p postern -p cluster
