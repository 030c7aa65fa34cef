# A short menu: the work is in `vtlocal` and `xtask`. `make help` prints it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
VTLOCAL := $(TARGET)/release/vtlocal

.DEFAULT_GOAL := help
.PHONY: help up down clean-cluster test lint bench-quick

help: ## Print this menu
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

up: ## Install what is missing, build, and start a cluster on this machine
	@$(CARGO) xtask setup --for up
	@$(CARGO) build --release --workspace --bins
	@$(VTLOCAL) up

down: ## Stop the cluster and keep its data
	@$(VTLOCAL) down

clean-cluster: ## Stop the cluster and remove its data
	@$(VTLOCAL) clean

test: ## Install what the tests need and run them all, end-to-end tests included
	@$(CARGO) xtask setup --for test
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --no-fail-fast

lint: ## Formatting, clippy, layers, lengths and words, dependencies
	@$(CARGO) xtask setup --for test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) xtask layers
	$(CARGO) xtask tidy
	@if $(CARGO) deny --version >/dev/null 2>&1; \
		then $(CARGO) deny check; \
		else echo "cargo deny is not installed: dependencies were not checked"; fi

bench-quick: ## Measure against a plain mysqld, about two minutes
	@$(CARGO) xtask setup --for bench
	@$(CARGO) build --release --workspace --bins
	@$(TARGET)/release/bench-quick
