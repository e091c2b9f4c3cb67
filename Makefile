# The commands of daily work. deploy/setup.sh installs what is missing; nothing else here installs anything.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MOEGATE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/moegate
export MOEGATE_CACHE
# Tools that setup.sh built; the machine's own come first.
export PATH := $(PATH):$(MOEGATE_CACHE)/tools/bin:$(HOME)/.cargo/bin:/usr/sbin
DEBUG := $(or $(CARGO_TARGET_DIR),target)/debug
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release
# The Python that holds the OpenAI SDK, for the tests that drive it.
export MOEGATE_PYTHON ?= $(MOEGATE_CACHE)/venv/bin/python
# Validates exports of the ledger; absent where there is no Python 3.12.
export MOEGATE_FOCUS_VALIDATOR ?= $(MOEGATE_CACHE)/focus/bin/focus-validator

# The program that turns components into code is built apart: nothing else may link a code generator.
COMPILER := cargo build --manifest-path gateway/plugin-compiler/Cargo.toml --target-dir "$(or $(CARGO_TARGET_DIR),target)"

.PHONY: help demo demo-once test check fmt bench train setup plugin-compiler

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## what demo needs, and nothing more
	@deploy/setup.sh

plugin-compiler: ## the program that compiles plugins
	$(COMPILER)

demo: setup ## gateway, worker, four experts and sample traffic on 127.0.0.1:8080, until Ctrl-C
	@cargo build --workspace --bins
	@$(COMPILER)
	@# The program just built: `cargo run -p` would build the libraries again with other features.
	@"$(DEBUG)/moegate" demo $(ARGS)

demo-once: setup ## the same, then exit: 0 only if every check held
	@cargo build --workspace --bins
	@$(COMPILER)
	@"$(DEBUG)/moegate" demo --once $(ARGS)

test: ## every test, with the real parts
	@deploy/setup.sh test
	@# Programs and tests in one go: apart, their features differ and every library is built twice.
	cargo build --workspace --bins --tests
	$(COMPILER)
	cargo nextest run --workspace --no-fail-fast $(ARGS)
	@# Guests: natively with a host in memory, and their components against what is committed.
	cargo nextest run --manifest-path plugins/Cargo.toml --workspace --target-dir "$(or $(CARGO_TARGET_DIR),target)/natively"
	@plugins/build.sh --check || { [ $$? -eq 3 ] && echo "skipped: the components were not built again"; }

check: ## format, lints, licences and bans, docs
	@deploy/setup.sh check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --manifest-path gateway/plugin-compiler/Cargo.toml --target-dir "$(or $(CARGO_TARGET_DIR),target)" -- -D warnings
	cargo fmt --check --manifest-path gateway/plugin-compiler/Cargo.toml
	cargo fmt --all --check --manifest-path plugins/Cargo.toml
	cargo deny --workspace check --hide-inclusion-graph bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

bench: ## CPU and latency against nginx and the gate's decision; results into bench/results
	@deploy/setup.sh bench
	cargo build --release -p moegate -p bench --bins
	cargo run --release --quiet -p bench -- gateway --against nginx --moegate-bin "$(RELEASE)/moegate" $(ARGS)
	cargo run --release --quiet -p bench -- gateway --against nginx --moegate-bin "$(RELEASE)/moegate" \
	    --stream --out bench/results/gateway-stream.json $(ARGS)
	cargo bench -p router

# The longest first; JOBS at once, each with its share of the cores: small products of matrices gain little from a second
# thread. COMPARE=1 also makes students without teachers, for the report.
LONGEST := legal medical
EXPERTS := $(LONGEST) $(filter-out $(LONGEST),$(basename $(notdir $(wildcard router/trainer/recipes/*.toml))))
JOBS ?= 2
THREADS := $(shell n=$$(( $$(nproc) / $(JOBS) )); echo $$(( n > 0 ? n : 1 )))

train: ## experts and gate again, from the data sets in the folder DATA; JOBS=2 at once, COMPARE=1 for the whole report
	@test -n "$(DATA)" || { echo "usage: make train DATA=folder-of-data-sets" >&2; exit 2; }
	@deploy/setup.sh train
	cargo build --release -p trainer --bins
	mkdir -p var/outcomes
	printf '%s\n' $(EXPERTS) | OMP_NUM_THREADS=$(THREADS) xargs -P "$(JOBS)" -I{} "$(RELEASE)/moegate-train" expert make \
	    --config router/trainer/recipes/{}.toml --base "$(MOEGATE_CACHE)/minilm" --data "$(DATA)" --threads $(THREADS) \
	    $(if $(COMPARE),,--skip-comparison) --out deploy/experts/{} --outcomes var/outcomes/{}.jsonl
	"$(RELEASE)/moegate-train" gate fit --data "$(DATA)" --outcomes var/outcomes --experts deploy/experts --out deploy/gate
