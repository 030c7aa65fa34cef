# A short menu: the work is in `vtlocal` and `xtask`. `make help` prints it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
VTLOCAL := $(TARGET)/release/vtlocal
# What a cluster does not need is not built for it.
RELEASE := build --release --workspace --bins --exclude e2e --exclude difftest --exclude chaos --exclude xtask
FUZZ := $(abspath $(TARGET))/fuzz
FUZZ_SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help up build web down clean-cluster test test-web lint fuzz bench-quick bench-scale difftest chaos planted-bugs images check-manifests

help: ## Print this menu
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

up: ## Install what is missing, build, and start a cluster on this machine
	@$(CARGO) xtask setup --for up
	@$(CARGO) xtask web --or-without
	@$(CARGO) $(RELEASE) --exclude bench
	@$(VTLOCAL) up

build: ## Build what a cluster needs, with vtctld's web pages where they can be had
	@$(CARGO) xtask setup --for up
	@$(CARGO) xtask web --or-without
	@$(CARGO) $(RELEASE) --exclude bench

web: ## Build vtctld's web pages into web/dist, from where the next build of vtctld embeds them
	@$(CARGO) xtask web

down: ## Stop the cluster and keep its data
	@$(VTLOCAL) down

clean-cluster: ## Stop the cluster and remove its data
	@$(VTLOCAL) clean

test: ## Install what the tests need and run them all, end-to-end tests included
	@$(CARGO) xtask setup --for test
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --no-fail-fast
	python3 k8s/check.py --programs $(TARGET)/debug --self-test
	python3 k8s/check.py --programs $(TARGET)/debug

test-web: ## Test the web pages in Chromium on a cluster of their own; ARGS=... as playwright test
	@$(CARGO) xtask setup --for up
	@$(CARGO) xtask web --with-browser
	@$(CARGO) build --workspace --bins --exclude e2e --exclude difftest --exclude chaos --exclude bench --exclude xtask
	@cd web && VIVACE_PROGRAMS=$(abspath $(TARGET))/debug npm test -- $(ARGS)

difftest: ## Compare the cluster's answers with a plain mysqld's; SEEDS=1..50 generates more, ARGS=... as difftest --help
	@$(CARGO) xtask setup --for test
	@$(CARGO) build --workspace --bins
	@$(TARGET)/debug/difftest $(ARGS)

chaos: ## Break parts of a cluster under load, SECONDS (60) long; ARGS=... as chaos --help
	@$(CARGO) xtask setup --for test
	@$(CARGO) build --release --workspace --bins --exclude xtask --exclude difftest
	@$(TARGET)/release/chaos --seconds $(or $(SECONDS),60) $(ARGS)

planted-bugs: ## Plant bugs in a copy of the sources and see that difftest finds each; ARGS=... as cargo xtask help
	@$(CARGO) xtask setup --for test
	@$(CARGO) build --workspace --bins
	@$(CARGO) xtask planted-bugs $(ARGS)

images: ## Build the container images, of packages where none can be pulled; ARGS=... as cargo xtask help
	@$(CARGO) xtask setup --for up
	@$(CARGO) xtask images $(ARGS)

check-manifests: ## Check k8s/ and the compose files: schemas, references, every command line by its own program, etcd by TLS
	@$(CARGO) build --workspace --bins
	@python3 k8s/check.py --programs $(TARGET)/debug
	@python3 k8s/etcd_members.py

lint: ## Formatting, clippy, layers, lengths and words, dependencies
	@$(CARGO) xtask setup --for test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) xtask layers
	$(CARGO) xtask tidy
	$(CARGO) xtask web --check
	@if $(CARGO) deny --version >/dev/null 2>&1; \
		then $(CARGO) deny check; \
		else echo "cargo deny is not installed: dependencies were not checked"; fi

fuzz: ## Fuzz the SQL front, FUZZ_SECONDS (600) a target: needs nightly Rust and cargo-fuzz
	@$(CARGO) +nightly fuzz --version >/dev/null || { echo "first: cargo install cargo-fuzz; rustup toolchain install nightly"; exit 1; }
	$(CARGO) run --quiet --package sqlast --example seeds -- $(FUZZ)/seeds
	cd libs/sqlast && for target in lexer round_trip cached_path; do \
		mkdir -p $(FUZZ)/$$target/corpus && \
		$(CARGO) +nightly fuzz run $$target $(FUZZ)/$$target/corpus $(FUZZ)/seeds -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=600 -timeout=20 -artifact_prefix=$(FUZZ)/$$target/ \
			|| exit 1; \
	done

bench-quick: ## Measure against a plain mysqld, about two minutes
	@$(CARGO) xtask setup --for bench
	@$(CARGO) $(RELEASE)
	@$(TARGET)/release/bench-quick

bench-scale: ## vtorc, a vtgate's view and vtctld's pages over 11,416 made-up tablets, about ten minutes; ARGS=... as bench-scale --help
	@$(CARGO) xtask setup --for up
	@$(CARGO) build --release -p bench -p vtorc -p vtgate -p vtctld --bins
	@$(TARGET)/release/bench-scale $(ARGS)
