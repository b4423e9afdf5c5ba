# Everything one needs to do with Penstock. A fresh machine has Rust, Python 3.11, make and gcc; the
# rest comes into .local/ by `make setup`, which the other targets call by themselves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

FUNCTIONS  := $(patsubst functions/%/Cargo.toml,%,$(wildcard functions/*/Cargo.toml))
# The first name in a Cargo.toml is its package's.
PACKAGES   := $(foreach f,$(FUNCTIONS),-p $(shell sed -n '0,/^name/s/^name = "\(.*\)"/\1/p' functions/$(f)/Cargo.toml))
VENV       := $(CURDIR)/.local/venv/bin
SQUAWK     := $(CURDIR)/.local/venv-contract/bin/squawk
PYTHON     := python3.11
SERVERS    := $(PYTHON) infra/local/stack.py with
STACK_NAME ?= penstock
ARCH       ?= arm64
ARCHS      ?= arm64 x86_64
SCOPE      ?= read
SOURCE     ?= stripe
# cargo-lambda and the zig it links with live in the venv.
LAMBDA     := PATH="$(VENV):$$PATH" cargo lambda
# As the template spells it.
SAM_ARCH   := $(if $(filter x86_64 x86-64 amd64,$(ARCH)),x86_64,arm64)
ARCH_FLAG  := $(if $(filter x86_64 x86-64 amd64,$(ARCH)),--x86-64,--arm64)
TARGET     := $(if $(filter --arm64,$(ARCH_FLAG)),aarch64,x86_64)-unknown-linux-gnu
HAS_STD    := [ -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)" ]
# The recipe's environment gets what .env sets, where there is one.
DOTENV     := if [ -f .env ]; then echo "reading .env"; set -a; . ./.env; set +a; fi
SCRIPTS    := $(wildcard infra/*.py infra/analytics/*.py infra/local/*.py infra/local/plugin/*/*.py tests/tests/contract/*.py \
	tests/src/*/*.py tests/tests/behaviour/analytics/*.py \
	tests/tests/behaviour/console/*.py tests/tests/behaviour/console/acting/*.py)

.PHONY: help setup run test check generate statements openapi bench build dist deploy watch key revoke keys user connect connections \
	reconcile archive replay remap erase smoke clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install LocalStack, Postgres and the build tools in .local/ (once, about a minute)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11"; exit 1; }
	@$(PYTHON) infra/local/stack.py setup

run: setup ## a simulated year of all sources through everything, on this machine, live (ONCE=1: once, and a verdict)
	@echo "run: building the functions and the tour"
	@cargo build $(PACKAGES) -p penstock-tests --bins
	@$(DOTENV); exec $(SERVERS) --postgres --localstack -- target/debug/tour

# One build of everything first: the system tests deploy the functions' binaries. Then groups of tests side by
# side, since most of a test is waiting for Postgres or LocalStack; each prints what it says once it is through.
# The large tests measure times, so PENSTOCK_FULL=1 runs one group after the other.
test: check ## check, then all tests against a real Postgres and LocalStack (PENSTOCK_FULL=1: the large ones too)
	@echo "test: building"
	@cargo build --workspace --bins --examples --test '*'
	@cargo test --workspace --lib --no-run
	@echo "test: running $(GROUPS), some minutes without a word"
	@$(SERVERS) --fast --postgres --localstack -- $(MAKE) -k $(if $(PENSTOCK_FULL),-j1,-j3 -O) $(GROUPS)

# Tests of a crate that are not of these have the group "crates".
GROUPS     := test-behaviour test-system test-crates
# What is deployed, or runs as a whole.
WHOLE      := system watch history load worlds
BESIDE     := behaviour $(WHOLE)
SUITES     := $(basename $(patsubst %/main.rs,%,$(wildcard tests/tests/*/main.rs */*/tests/*/main.rs */*/tests/*.rs)))
# otlp needs a feature that nothing else is built with.
OTHERS     := $(filter-out $(BESIDE) otlp,$(sort $(notdir $(SUITES))))
# A test may call make, which must not take the flags of this one.
CARGO_TEST := env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS cargo test --workspace --no-fail-fast
IGNORED    := $(if $(PENSTOCK_FULL),-- --include-ignored)

.PHONY: $(GROUPS)
test-behaviour:
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((3 * $$(nproc)))} $(CARGO_TEST) --test behaviour $(IGNORED)

test-system:
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(CARGO_TEST) $(WHOLE:%=--test %) $(IGNORED)

test-crates:
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(CARGO_TEST) --lib $(OTHERS:%=--test %) $(IGNORED)
	@$(CARGO_TEST) --features penstock-telemetry/otlp --test otlp

# The code is checked while the rest is set up, which mostly waits for the network.
check: ## format, lints, docs, template, migrations, scripts
	@$(MAKE) -j2 check-code check-files

.PHONY: check-code check-files
check-code:
	@echo "check: cargo fmt"
	@cargo fmt --all --check
	@echo "check: cargo clippy"
	@cargo clippy --workspace --all-targets -- -D warnings
	@echo "check: cargo doc"
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

check-files: setup
	@echo "check: infra/template.yaml"
	@$(VENV)/cfn-lint infra/template.yaml
	@$(VENV)/python infra/local/translate.py >/dev/null
	@echo "check: migrations"
	@$(SQUAWK) migrations/*.sql
	@echo "check: scripts"
	@PYTHONPYCACHEPREFIX=.local/pycache $(VENV)/python -W error -m py_compile $(SCRIPTS)
	@bash -n .ci/run

# The next release's tests have them as those of the release before.
statements: setup ## keep the SQL of this release, once it is out
	@PENSTOCK_KEEP_STATEMENTS=1 cargo test -q --workspace --test behaviour -- roles::release_before::the_statements_of_this_release

generate: ## write what is generated: the contract in docs/, infra/template.yaml, the routes of `make watch`
	@cargo run -q -p penstock-tests --bin generate

openapi: generate

# For this machine's own processor, not for ARCH: the binaries are run here. The benchmarks
# themselves are built without fat LTO, which would cost minutes for a percent or two.
bench: setup ## release builds and their figures, fsync on (BENCH=backfill, drain, soak, metrics, failed, console, front, transact, archive, gateway or init: a part; ROWS=: of soak, console and archive; FUNCTIONS=: of init)
ifneq ($(if $(BENCH),$(filter gateway init,$(BENCH)),all),)
	@echo "bench: building the functions for $$(uname -m), as they are deployed"
	@$(LAMBDA) build --release $(PACKAGES) --output-format zip --lambda-dir $(CURDIR)/.local/bench \
		$$([ "$$(uname -m)" = aarch64 ] && echo --arm64 || echo --x86-64)
	@for f in $(FUNCTIONS); do \
		$(PYTHON) -m zipfile -e .local/bench/$$f/bootstrap.zip .local/bench/$$f; \
		chmod +x .local/bench/$$f/bootstrap; \
	done
endif
	@echo "bench: building the benchmarks"
	@cargo build --profile bench-tool -p penstock-tests --bin bench
	@FUNCTIONS="$(FUNCTIONS)" $(if $(ROWS),ROWS=$(ROWS) )$(SERVERS) --postgres -- target/bench-tool/bench $(BENCH)

build: setup ## zips for AWS in target/lambda/ (ARCH=arm64 or x86_64)
	@$(HAS_STD) || rustup target add $(TARGET) || { \
		echo "build: Rust's standard library for $(TARGET) is missing, and rustup cannot get it"; exit 1; }
	@echo "build: $(FUNCTIONS) for $(TARGET)"
	@$(LAMBDA) build --release $(PACKAGES) $(ARCH_FLAG) --output-format zip
	@ls -l target/lambda/*/bootstrap.zip

dist: ## a release in target/dist: zips, checksums, SBOM (ARCHS=x86_64: that architecture only)
	@rm -rf target/dist
	@for arch in $(ARCHS); do $(MAKE) build ARCH=$$arch; $(PYTHON) infra/dist.py zips $$arch; done
	@$(PYTHON) infra/dist.py finish

# PARAMETERS="DatabaseSecretArn=... StripeSecretArn=... StripeWebhookSecretArn=..." has the names of
# infra/template.yaml. Without it sam asks for each. In a new stack each function has a database login
# of its own; one that exists keeps what it has (docs/OPERATIONS.md, "Database logins"). DRY_RUN=1 does all that needs no AWS account,
# and prints the rest.
deploy: ## build, deploy to AWS as STACK_NAME, migrate the database (DRY_RUN=1: without AWS)
	@if [ -z "$(DRY_RUN)" ] && ! command -v sam >/dev/null; then \
		echo "deploy: sam is missing: install the AWS SAM CLI, or try DRY_RUN=1"; exit 1; \
	fi
	@if [ -n "$(DRY_RUN)" ] && ! $(HAS_STD); then \
		echo "deploy: no standard library for $(TARGET) here, so this dry run builds for $$(uname -m)"; \
		$(MAKE) build ARCH=$$([ "$$(uname -m)" = aarch64 ] && echo arm64 || echo x86_64); \
	else \
		$(MAKE) build; \
	fi
	@echo "deploy: infra/template.yaml"
	@$(VENV)/cfn-lint infra/template.yaml
	@$(VENV)/python infra/local/translate.py
	@deploy=(sam deploy --template-file infra/template.yaml --stack-name "$(STACK_NAME)" \
		--resolve-s3 --capabilities CAPABILITY_IAM $(if $(PARAMETERS),,--guided) \
		--parameter-overrides Architecture=$(SAM_ARCH) $(PARAMETERS)); \
	preflight=($(VENV)/python infra/preflight.py --stack "$(STACK_NAME)" $(PARAMETERS)); \
	migrate=($(VENV)/python infra/migrate.py schema --stack "$(STACK_NAME)"); \
	if [ -n "$(DRY_RUN)" ]; then \
		echo "deploy: a dry run ends here. With an account it would run:"; \
		echo "  $${preflight[*]}"; echo "  $${deploy[*]} (and what preflight printed)"; echo "  $${migrate[*]}"; \
	else \
		$(VENV)/aws sts get-caller-identity >/dev/null || { echo "deploy: no AWS credentials"; exit 1; }; \
		logins=$$("$${preflight[@]}"); "$${deploy[@]}" $$logins; "$${migrate[@]}"; \
	fi

watch: setup ## the functions, built again as they change, with queues and a database (PORT=9000: not any free one)
	@$(DOTENV); exec $(SERVERS) --postgres --localstack -- $(VENV)/python infra/local/watch.py --port "$(or $(PORT),0)"

key: setup ## make an API key and register it: SCOPE=read NAME=who (RATE=50: requests a second)
	@$(VENV)/python infra/migrate.py key --stack "$(STACK_NAME)" --scope "$(SCOPE)" --name "$(NAME)" \
		$(if $(RATE),--rate "$(RATE)")

revoke: setup ## end an API key, or all of a name: KEY=id-or-name
	@$(VENV)/python infra/migrate.py revoke --stack "$(STACK_NAME)" --key "$(KEY)"

keys: setup ## list the API keys, without the keys themselves
	@$(VENV)/python infra/migrate.py keys --stack "$(STACK_NAME)"

# A new connection is of SOURCE; one that is there keeps its own, whatever the default is.
CONNECT = $(VENV)/python infra/connect.py $(if $(ERASE),erase,$(if $(REMOVE),remove,$(if $(PAUSE),pause,$(if $(RESUME),resume,connect)))) \
	--stack "$(STACK_NAME)" --name "$(NAME)" $(if $(filter file,$(origin SOURCE)),,--source "$(SOURCE)") $(if $(YES),--yes) \
	--key-file "$(KEY_FILE)" --key-secret "$(KEY_SECRET)" --signing-file "$(SIGNING_FILE)" --signing-secret "$(SIGNING_SECRET)"

connect: setup ## connect an account, or change it: SOURCE=stripe NAME=stripe-eu (PAUSE=1, RESUME=1, REMOVE=1, ERASE=1)
	@[ -z "$(KEY)" ] || { echo "connect: a key on a command line is seen by others: type it, or KEY_FILE=..."; exit 1; }
	@$(CONNECT) --settings "$${SETTINGS:-}"

JOB = --stack "$(STACK_NAME)" --filter "$${FILTER:-}" --why "$${WHY:-}" --rate "$(or $(RATE),50)" $(if $(YES),--yes)

user: setup ## make an account, or let its owner in again, by a link that works once: EMAIL=... ROLE=admin (SIGN_IN=1)
	@$(VENV)/python infra/user.py --stack "$(STACK_NAME)" --email "$(EMAIL)" --role "$(ROLE)" $(if $(SIGN_IN),--sign-in)

connections: setup ## list the connections, without their secrets
	@$(VENV)/python infra/connect.py list --stack "$(STACK_NAME)"

reconcile: setup ## compare a vendor's lists with what STACK_NAME has, and mend: SOURCE=stripe
	@$(VENV)/python infra/reconcile.py --stack "$(STACK_NAME)" --source "$(SOURCE)"

archive: setup ## copy all that is in STACK_NAME to its bucket, and write lost files again: FROM=2026-11-01 TO=2026-11-30 (TABLE=events)
	@$(VENV)/python infra/archive.py --stack "$(STACK_NAME)" --from "$(FROM)" --to "$(TO)" $(if $(TABLE),--table "$(TABLE)")

replay: setup ## put what has failed back to work: FILTER='{"reason":"no map knows"}' WHY=... (RATE=50, YES=1)
	@$(VENV)/python infra/jobs.py replay $(JOB)

remap: setup ## read stored versions again: FILTER='{"source":"hubspot","unmapped":true}' WHY=... (RATE=50, YES=1)
	@$(VENV)/python infra/jobs.py remap $(JOB)

erase: setup ## erase a person, in every table: FILTER='{"email":"anna@example.com"}' WHY=... (RATE=50, YES=1)
	@$(VENV)/python infra/jobs.py erase $(JOB)

smoke: ## try a deployment from outside, and leave nothing behind: URL=https://... KEY=admin-key INGEST_KEY=ingest-key
	@$(PYTHON) infra/smoke.py --url "$(URL)"

clean: ## remove what was built and installed: target/ and .local/
	@echo "clean: target/ and .local/"
	@cargo clean
	@rm -rf .local
