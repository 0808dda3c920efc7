PYTHON ?= python3
PY := .venv/bin/python
OPERATOR = PYTHONPATH=build/operator $(PY)
export PYTHONPYCACHEPREFIX = $(CURDIR)/build/pycache
# Without byte code each of the hundreds of programs that tests start compiles its libraries again.
unexport PYTHONDONTWRITEBYTECODE
PINNED = dev emulator tools operator
AGENT_PACKAGES = $(wildcard chalicelib/runner/build_image/packages/*)

.PHONY: help setup pins audit dev demo redeploy package deploy admin-key destroy dead-letters check fix test test-all test-unit test-contract test-slow test-acceptance test-architecture test-simulation simulate sabotage bench bench-lateness bench-pages test-agents test-e2e test-fuzz fuzz-hooks rights test-browser screenshots docs clean

help: ## Show all commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: .venv/.installed ## Make the virtual environment

.venv/.installed: requirements/dev.txt requirements/cli.in pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version)"; exit 1; }
	@echo "making .venv, with all pinned packages: a minute or two, once"
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv-emulator/.installed: requirements/emulator.txt
	@echo "making .venv-emulator, for the AWS emulator: some seconds, once"
	$(PYTHON) -m venv .venv-emulator
	.venv-emulator/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/emulator.txt
	@touch $@

.venv-tools/.installed: requirements/tools.txt
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

build/operator/.installed: requirements/operator.txt .venv/.installed
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target build/operator -r requirements/operator.txt
	@touch $@

pins: .venv-tools/.installed ## Pin all packages with hashes: requirements/*.in, and the agents' programs of builds
	set -e; pin() { .venv-tools/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $$2 $$1; }; \
	pin requirements/runtime.in requirements.txt; \
	for one in $(PINNED); do pin requirements/$$one.in requirements/$$one.txt; done
	set -e; for one in $(AGENT_PACKAGES); do (cd $$one && npm install --package-lock-only --ignore-scripts \
		--omit-lockfile-registry-resolved --no-audit --no-fund); done

audit: .venv-tools/.installed ## Query the database of advisories for all pinned packages
	@.venv-tools/bin/python -m infra.release.audit requirements.txt $(PINNED:%=requirements/%.txt)

dev: setup .venv-emulator/.installed ## Run the whole system on this machine (PORT, OPTIO_STATE)
	@exec $(PY) -m infra.dev

demo: setup ## Fire a real task on the running `make dev`, and show it live
	@$(PY) -m infra.dev.demo

redeploy: setup ## Bring changed sources to the running `make dev`
	@$(PY) -m infra.dev.dev_state

package: setup ## Build the deployable package in build/package
	STAGE=dev AWS_DEFAULT_REGION=us-east-1 $(PY) -m infra.package

deploy: setup build/operator/.installed ## Deploy STAGE to AWS: show the changes, ask (YES=1 does not), print the first key
	@STAGE=$(STAGE) $(OPERATOR) -m infra.release deploy

admin-key: setup build/operator/.installed ## Print another admin key of STAGE, if the last one is lost
	@STAGE=$(STAGE) $(OPERATOR) -m infra.release key

destroy: setup build/operator/.installed ## Remove STAGE from AWS; its data stay, unless DATA=delete
	@STAGE=$(STAGE) DATA=$(DATA) $(OPERATOR) -m infra.release destroy

dead-letters: setup build/operator/.installed ## Show the dead letters of STAGE (BACK=1 sends them back)
	@STAGE=$(STAGE) $(OPERATOR) -m infra.release.dead_letters $(if $(BACK),back)

check: setup ## Format, lint, types, layers, spelling, prose
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	git ls-files -z '*.md' '*.py' '*.html' Makefile | xargs -0 .venv/bin/codespell
	$(PY) -m infra.prose

fix: setup ## Format, and fix lint faults where possible
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

test: setup .venv-emulator/.installed ## Run the tests that have to pass before a change lands
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not agents and not slow" -rs

test-all: test test-slow test-browser ## Run all tests except those with the real agents

test-slow: setup .venv-emulator/.installed ## Stories that take minutes: deploys, pull requests, killed runners
	$(PY) -m pytest -m slow

test-unit: setup ## Rules and programs, each by itself
	$(PY) -m pytest -n 2 tests/unit

test-contract: setup ## Stores and adapters: races, conflicts, refusals
	$(PY) -m pytest -n 2 tests/contract

test-acceptance: setup ## Stories through the real app
	$(PY) -m pytest -n 2 tests/acceptance

test-architecture: setup .venv-emulator/.installed ## Layers, package and documents
	$(PY) -m pytest -n 2 tests/architecture

test-simulation: setup ## Storms over the real actions, and each guarantee broken on purpose
	$(PY) -m pytest -n 2 tests/simulation

simulate: setup ## More storms with fresh seeds (MINUTES, or SEEDS, SEED_FROM); the line of a failure replays it
	@$(PY) -m tests.simulation.storms $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED_FROM),--seed-from $(SEED_FROM))

bench: setup .venv-emulator/.installed ## Measure, and fail if a budget is exceeded (PART, QUICK=1)
	@$(PY) -m benchmarks $(PART) $(if $(QUICK),--quick)

bench-lateness: setup ## Measure the lateness of fifty schedules on the running `make dev`
	@$(PY) -m benchmarks.lateness

bench-pages: setup ## Measure each page of the running `make dev` with 10,000 runs (`RUNS`, `DEFINITIONS`)
	@$(PY) -m benchmarks.pages

sabotage: setup ## Show each guarantee broken on purpose, and the seed that notices it
	@$(PY) -m tests.simulation

test-fuzz: setup ## Try every operation of the running `make dev` with EXAMPLES (500) requests
	@$(PY) -m tests.fuzz

fuzz-hooks: setup ## Send a million requests of strangers to webhooks, fifty thousand a process (REQUESTS)
	@all=$(or $(REQUESTS),1000000); for done in $$(seq 0 50000 $$((all - 1))); do \
		echo "$$done of $$all"; left=$$((all - done)); export OPTIO_FUZZED_HOOKS=$$((left < 50000 ? left : 50000)); \
		$(PY) -m pytest -q tests/fuzz/test_hooks.py || exit 1; done

rights: setup ## Run the stories of the functions' rights (ALL=1: all); report missing and unused rights
	@ALL=$(ALL) $(PY) -m tests.support.rights

test-agents: setup .venv-emulator/.installed ## The real agent programs, from npm, against a scripted model
	OPTIO_TEST_AGENTS=1 $(PY) -m pytest tests/agents -m agents

test-e2e: setup .venv-emulator/.installed ## Stories on the deployed package
	$(PY) -m pytest tests/e2e

test-browser: setup .venv-emulator/.installed ## Flows in a real Chromium, with axe; installs it when root
	ALL_SIZES=1 $(PY) -m pytest tests/browser -rs

screenshots: setup ## Take screenshots of all pages of the running `make dev`
	@$(PY) -m infra.dev.screenshots

docs: setup ## Generate pages from the code: API, data model, senders, index of decisions
	@STAGE=dev $(PY) -m infra.docs.generate_docs

clean: ## Remove build products
	rm -rf build .mypy_cache .ruff_cache .hypothesis .import_linter_cache
