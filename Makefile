PYTHON ?= python3
PY := .venv/bin/python
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: help setup check fix test clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed ## Make the virtual environment

.venv/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version)"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

check: setup ## Format, lint, types, layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

fix: setup ## Format and mend what can be mended
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

test: setup ## Run the tests
	$(PY) -m pytest -n 2

clean: ## Remove what was built
	rm -rf build .mypy_cache .ruff_cache .hypothesis .import_linter_cache
